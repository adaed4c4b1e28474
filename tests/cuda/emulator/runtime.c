// A GPU of fibers: every CUDA thread is a fiber with its own stack, and a block is a scheduler that runs its fibers in turn.
//
// A compiled kernel calls the functions `gpu_*`: which thread am I, where is shared memory, wait at the barrier. A checked
// kernel also calls gpu_access (detector.c) before each load, store and atomic.

#define _GNU_SOURCE
#include "runtime.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

Run run;
__thread Thread *me;

uint64_t chance(uint64_t *state) { // xorshift64
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

Note *noted(int kind) {
    Launch *launch = run.launch;
    if (launch->counts[kind]++ >= NOTED) return 0;
    Note *note = &launch->notes[launch->noted++];
    *note = (Note){kind, NONE, 0, READ, NONE, NONE, NONE, NONE, NONE};
    return note;
}

static void shuffle(int *order, int n, uint64_t *random) {
    for (int i = n - 1; i > 0; i--) {
        int j = chance(random) % (i + 1), kept = order[i];
        order[i] = order[j], order[j] = kept;
    }
}

static void *zeroed(size_t bytes) { // pages come when they are touched, so untouched shadow costs nothing
    void *memory = mmap(0, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) return memory;
    perror("emulator: no memory");
    abort();
}

// ---- switching stacks (x86-64, System V: these six registers are the callee's to keep) ------------------------------------

void gpu_switch(void **save, void *load);
__asm__(".text\n"
        ".globl gpu_switch\n"
        "gpu_switch:\n"
        " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        " ret\n");

void leave(void) { gpu_switch(&me->stack_pointer, me->block->scheduler); }

static void enter(Thread *thread) {
    me = thread;
    gpu_switch(&thread->block->scheduler, thread->stack_pointer);
}

static void live(void) {
    ((void (*)(void *))run.launch->entry)((void *)run.launch->arguments);
    me->state = DONE;
    leave();
}

static void born(Thread *thread) {
    uintptr_t *top = (uintptr_t *)(thread->stack + STACK);
    *--top = 0, *--top = (uintptr_t)live; // live "returns" to 0 and never does; the stack is aligned as after a call
    for (int i = 0; i < 6; i++) *--top = 0;
    thread->stack_pointer = top;
    thread->state = READY;
    thread->locals = 0, thread->accesses = 0;
}

// ---- what a kernel asks ---------------------------------------------------------------------------------------------------

#define AXES(name, value) \
    int32_t gpu_##name##_x(void) { enum { A = 0 }; return value; } \
    int32_t gpu_##name##_y(void) { enum { A = 1 }; return value; } \
    int32_t gpu_##name##_z(void) { enum { A = 2 }; return value; }
AXES(tid, me->id[A])
AXES(ctaid, me->block->id[A])
AXES(ntid, run.launch->block[A])
AXES(nctaid, run.launch->grid[A])

void *gpu_shared(int64_t offset) { return me->block->shared + offset; }
int32_t gpu_dynamic_bytes(void) { return run.launch->dynamic_bytes; }
int32_t gpu_isnan(double x) { return isnan(x); }
int32_t gpu_isinf(double x) { return isinf(x) != 0; }
int32_t gpu_isfinite(double x) { return isfinite(x); }

void gpu_barrier(int32_t number) {
    // Which barrier: threads of a block must all wait at the same one. A device function's is another at each of its calls.
    me->barrier = (uintptr_t)__builtin_return_address(0) ^ (uint64_t)number << 48;
    me->state = WAITING;
    leave();
}

// ---- scheduling -----------------------------------------------------------------------------------------------------------

static void new_phase(Block *block) {
    if (!run.launch->checked) return; // only one worker then, so no lock
    if (run.phases >= run.room) run.block_of_phase = realloc(run.block_of_phase, (run.room = 2 * run.room + 1024) * sizeof(uint32_t));
    run.block_of_phase[block->phase = run.phases++] = block->number;
}

static void begin(Block *block, int64_t number) {
    Launch *launch = run.launch;
    block->number = number, block->active = 1;
    block->id[0] = number % launch->grid[0];
    block->id[1] = number / launch->grid[0] % launch->grid[1];
    block->id[2] = number / launch->grid[0] / launch->grid[1];
    block->random = (launch->seed + 1) * 0x9E3779B97F4A7C15u ^ (number + 1) * 0xC2B2AE3D27D4EB4Fu;
    new_phase(block);
    block->first_phase = block->phase;
    memset(block->shared, POISON, launch->shared_bytes); // a GPU does not clear it either
    for (int i = 0; i < block->threads; i++) born(&block->thread[i]);
}

static void barrier_or_end(Block *block) { // every thread waits or is done
    int waiting = 0, apart = 0, last = NONE;
    for (int i = 0; i < block->threads; i++) {
        Thread *thread = &block->thread[i];
        if (thread->state != WAITING) continue;
        apart |= waiting && thread->barrier != block->thread[last].barrier;
        last = i, waiting++, thread->state = READY;
    }
    block->active = waiting > 0;
    if (!waiting || !run.launch->checked) return;
    new_phase(block);
    Note *note = apart ? noted(DIVERGENT) : waiting < block->threads ? noted(EXITED) : 0;
    if (note) note->block = block->number, note->thread = last;
}

static void slice(Block *block) { // ready threads, some or all, run until they wait, give way or are done
    Launch *launch = run.launch;
    int n = block->threads, ready = 0, turns = launch->order == RANDOM ? 1 + chance(&block->random) % n : n;
    if (launch->order == RANDOM) shuffle(block->order, n, &block->random);
    for (int i = 0; i < n; i++) {
        Thread *thread = &block->thread[block->order[i]];
        if (thread->state == READY && turns-- > 0) enter(thread);
        ready |= thread->state == READY;
    }
    if (!ready) barrier_or_end(block);
}

static int64_t next_block(void) { // NONE when there are no more
    int64_t i = __atomic_fetch_add(&run.next, 1, __ATOMIC_RELAXED);
    return i < run.blocks ? run.block_order[i] : NONE;
}

static Block *new_block(void) {
    Launch *launch = run.launch;
    Block *block = calloc(1, sizeof *block);
    int n = block->threads = launch->block[0] * launch->block[1] * launch->block[2];
    block->shared = aligned_alloc(256, launch->shared_bytes + 256);
    block->shadow = zeroed(launch->shared_granules * sizeof(Shadow));
    block->thread = calloc(n, sizeof *block->thread);
    block->order = calloc(n, sizeof *block->order);
    block->stacks = zeroed((size_t)n * (STACK + GUARD));
    for (int i = 0; i < n; i++) {
        Thread *thread = &block->thread[i];
        thread->block = block, thread->number = i;
        thread->id[0] = i % launch->block[0];
        thread->id[1] = i / launch->block[0] % launch->block[1];
        thread->id[2] = i / launch->block[0] / launch->block[1];
        thread->stack = block->stacks + (size_t)i * (STACK + GUARD) + GUARD; // stacks grow down, into the guard
        mprotect(thread->stack - GUARD, GUARD, PROT_NONE);
        block->order[i] = launch->order == REVERSE ? n - 1 - i : i;
    }
    return block;
}

static void free_block(Block *block) {
    munmap(block->stacks, (size_t)block->threads * (STACK + GUARD) + 1);
    munmap(block->shadow, run.launch->shared_granules * sizeof(Shadow) + 1);
    free(block->shared), free(block->thread), free(block->order), free(block);
}

static void *work(void *unused) { // random order keeps several blocks under way, as a GPU does
    Launch *launch = run.launch;
    Block *block[MOST_RESIDENTS];
    int residents = launch->order == RANDOM ? MOST_RESIDENTS : 1, idle = 0;
    uint64_t random = launch->seed * 0x9E3779B97F4A7C15u + 0x2545F4914F6CDD1Du;
    for (int i = 0; i < residents; i++) block[i] = new_block();
    while (idle < residents) {
        Block *one = block[chance(&random) % residents];
        int64_t number = one->active ? NONE : next_block();
        if (number != NONE) begin(one, number);
        if (one->active) slice(one);
        idle = 0;
        for (int i = 0; i < residents; i++) idle += !block[i]->active && run.next >= run.blocks;
    }
    for (int i = 0; i < residents; i++) free_block(block[i]);
    return unused;
}

static void order_blocks(Launch *launch) {
    uint64_t random = launch->seed + 0x9E3779B97F4A7C15u;
    run.blocks = launch->grid[0] * launch->grid[1] * launch->grid[2];
    run.block_order = calloc(run.blocks, sizeof *run.block_order);
    for (int64_t i = 0; i < run.blocks; i++) run.block_order[i] = launch->order == REVERSE ? run.blocks - 1 - i : i;
    for (int64_t i = run.blocks - 1; launch->order == RANDOM && i > 0; i--) {
        int64_t j = chance(&random) % (i + 1), kept = run.block_order[i];
        run.block_order[i] = run.block_order[j], run.block_order[j] = kept;
    }
}

void gpu_launch(Launch *launch) { // one launch at a time: launch.py holds a lock
    pthread_t helper[MOST_WORKERS];
    memset(&run, 0, sizeof run);
    run.launch = launch, run.regions = (Region *)launch->regions, run.phases = 1; // phase 0 means never
    run.shadow = zeroed(launch->global_granules * sizeof(Shadow));
    order_blocks(launch);
    int helpers = 0;
    while (helpers + 1 < launch->workers && !pthread_create(&helper[helpers], 0, work, 0)) helpers++;
    work(0);
    while (helpers) pthread_join(helper[--helpers], 0);
    munmap(run.shadow, launch->global_granules * sizeof(Shadow) + 1);
    free(run.block_order), free(run.block_of_phase);
}
