// A GPU of fibers: every CUDA thread is a fiber with its own stack, and a block is a scheduler that runs its fibers in turn.
//
// A compiled kernel calls the functions `gpu_*`: which thread am I, where is shared memory, wait at the barrier. A checked
// kernel also calls gpu_access before each load, store and atomic. What goes wrong is counted and noted for launch.py to tell.
//
// Order of two accesses. Every stretch of a block between two barriers has a number, its phase, unlike any other phase of the
// launch. Accesses by two threads are ordered when they are of one block and of different phases; otherwise they may meet.

#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK = 256 << 10, GUARD = 4 << 10, MOST_LOCALS = 64, MOST_RESIDENTS = 4, MOST_WORKERS = 64, POISON = 0xA5 };
enum { FORWARD, REVERSE, RANDOM };                                       // launch.py: ORDERS
enum { READ, WRITE, UPDATE, EXCHANGE };                                  // checks.py: atomics update, or replace what they do not read
enum { RACE, BOUNDS, DIVERGENT, EXITED, DEADLOCK, UNINITIALISED, KINDS }; // launch.py: KINDS
enum { NOBODY = 0xFFF, LOCAL = -3, SEVERAL = -2, NONE = -1, NOTED = 4 }; // findings.py, launch.py

// ---- what launch.py hands over (same fields, same order, all 64 bits wide) -------------------------------------------------

typedef struct { int64_t base, size, granule, first, shared, constant, relaxed; } Region; // shared: base is an offset
typedef struct { int64_t kind, region, offset, access, block, thread, other_access, other_block, other_thread; } Note;
typedef struct {
    int64_t entry, arguments, grid[3], block[3], shared_bytes, dynamic_bytes, order, seed, workers, checked, patience;
    int64_t regions, global_regions, shared_regions, global_granules, shared_granules; // global regions first, each part by address
    int64_t counts[KINDS], accesses, noted;
    Note notes[KINDS * NOTED];
} Launch;

// ---- shadow memory: who touched a granule (one array element) --------------------------------------------------------------

typedef struct { uint64_t phase : 32, first : 12, second : 12, blocks : 1; } Mark; // blocks: more than one block was here
typedef struct { Mark written, updated, read; } Shadow;                           // all zero: never touched

// ---- threads and blocks ----------------------------------------------------------------------------------------------------

typedef struct Block Block;
typedef struct { char *at; int64_t size; } Local;
typedef enum { READY, WAITING, DONE } State;
typedef struct {
    void *stack_pointer, *barrier;
    char *stack;
    Block *block;
    State state;
    int id[3], number, locals;
    int64_t accesses;
    Local local[MOST_LOCALS];
} Thread;
struct Block {
    int id[3], number, threads, active;
    uint32_t phase, first_phase;
    uint64_t random;
    void *scheduler;
    char *shared, *stacks;
    Shadow *shadow;
    Thread *thread;
    int *order;
};

static struct {
    Launch *launch;
    Region *regions, *last[2];
    Shadow *shadow;
    int64_t *block_order, blocks, next;
    uint32_t *block_of_phase, phases, room;
} run;
static __thread Thread *me;

static uint64_t chance(uint64_t *state) { // xorshift64
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static void shuffle(int *order, int n, uint64_t *random) {
    for (int i = n - 1; i > 0; i--) {
        int j = chance(random) % (i + 1), kept = order[i];
        order[i] = order[j], order[j] = kept;
    }
}

static void *zeroed(size_t bytes) { // pages come when they are touched, so untouched shadow costs nothing
    return mmap(0, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

// ---- switching stacks (x86-64, System V: these six registers are the callee's to keep) ---------------------------------------

void gpu_switch(void **save, void *load);
__asm__(".text\n"
        ".globl gpu_switch\n"
        "gpu_switch:\n"
        " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        " ret\n");

static void leave(void) { gpu_switch(&me->stack_pointer, me->block->scheduler); }

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

// ---- notes -----------------------------------------------------------------------------------------------------------------

static Note *noted(int kind) { // NULL when there are enough of this kind
    Launch *launch = run.launch;
    if (launch->counts[kind]++ >= NOTED) return 0;
    Note *note = &launch->notes[launch->noted++];
    *note = (Note){kind, NONE, 0, READ, NONE, NONE, NONE, NONE, NONE};
    return note;
}

static Note *noted_here(int kind, int64_t region, int64_t offset, int access) {
    Note *note = noted(kind);
    if (note) note->region = region, note->offset = offset, note->access = access, note->block = me->block->number, note->thread = me->number;
    return note;
}

// ---- what a kernel asks ----------------------------------------------------------------------------------------------------

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

void gpu_barrier(void) {
    me->barrier = __builtin_return_address(0); // which barrier: threads of a block must all wait at the same one
    me->state = WAITING;
    leave();
}

// ---- checks of one access --------------------------------------------------------------------------------------------------

static Region *at_or_below(int64_t address, Region *regions, int64_t n) { // the last region that begins at or below the address
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (regions[middle].base <= address) low = middle + 1;
        else high = middle;
    }
    return low ? &regions[low - 1] : 0;
}

static int holds(Region *region, int64_t address, int64_t size) {
    return region && address >= region->base && address + size <= region->base + region->size;
}

static void *dummy(void) { // to be read, or written to, instead of what lies out of bounds
    static __thread char zeros[64];
    return memset(zeros, 0, sizeof zeros);
}

static void *out_of_bounds(int64_t address, int access, Region *regions, int64_t n) {
    const int64_t near = 32 << 10;  // launch.py leaves twice this between arrays
    Region *region = at_or_below(address, regions, n);
    if (!region || address - region->base - region->size > near) {
        Region *above = region ? region + 1 : regions;
        region = above < regions + n && above->base - address <= near ? above : 0;
    }
    noted_here(BOUNDS, region ? region - run.regions : NONE, region ? address - region->base : 0, access);
    return dummy();
}

static int stale(Mark mark) { return mark.phase < me->block->first_phase; } // shared memory: the mark of an earlier block

static int meets(Mark mark, int shared) { // did another thread leave this mark, unordered to us?
    Block *block = me->block;
    if (!mark.phase || (shared && stale(mark))) return 0;
    if (mark.blocks || run.block_of_phase[mark.phase] != (uint32_t)block->number) return 1;
    return mark.phase == block->phase && (mark.first != (unsigned)me->number || mark.second != NOBODY);
}

static Mark marked(Mark mark, int shared) { // the mark with us in it
    Block *block = me->block;
    int first_here = !mark.phase || (shared && stale(mark));
    int foreign = !first_here && run.block_of_phase[mark.phase] != (uint32_t)block->number;
    if (first_here || mark.phase != block->phase)
        return (Mark){block->phase, me->number, NOBODY, !first_here && (mark.blocks || foreign)};
    if (mark.first != (unsigned)me->number) mark.second = me->number;
    return mark;
}

static void note_race(Mark mark, int other_access, Region *region, int64_t offset, int access) {
    Note *note = noted_here(RACE, region - run.regions, offset, access);
    if (!note) return;
    int block = run.block_of_phase[mark.phase], mine = block == me->block->number;
    int other = mark.first != (unsigned)me->number ? mark.first : mark.second;
    note->other_access = other_access;
    note->other_block = mine && mark.phase != me->block->phase ? SEVERAL : block; // SEVERAL: ours was the last of several blocks
    note->other_thread = mine ? (other == NOBODY ? SEVERAL : other) : mark.first;
    if (mine && mark.blocks && other == NOBODY) note->other_block = SEVERAL;
}

static void examine(Shadow *shadow, Region *region, int64_t offset, int access) {
    int shared = region->shared, reads = access != WRITE && access != EXCHANGE, atomic = access == UPDATE || access == EXCHANGE;
    if (meets(shadow->written, shared)) note_race(shadow->written, WRITE, region, offset, access);
    else if (!atomic && !(access == READ && region->relaxed) && meets(shadow->updated, shared))
        note_race(shadow->updated, UPDATE, region, offset, access);
    else if (access != READ && !(atomic && region->relaxed) && meets(shadow->read, shared))
        note_race(shadow->read, READ, region, offset, access);
    if (shared && reads && stale(shadow->written) && stale(shadow->updated))
        noted_here(UNINITIALISED, region - run.regions, offset, access);
    Mark *mark = access == READ ? &shadow->read : access == WRITE ? &shadow->written : &shadow->updated;
    *mark = marked(*mark, shared);
}

static void give_way(void) { // others may run between any two accesses of ours; nobody may run for ever
    Launch *launch = run.launch;
    run.launch->accesses++;
    if (++me->accesses > launch->patience) {
        noted_here(DEADLOCK, NONE, 0, READ);
        me->state = DONE;
        leave();
    }
    if (launch->order == RANDOM ? chance(&me->block->random) % 32 == 0 : me->accesses % 65536 == 0) leave();
}

static void *local_access(char *address, int64_t size, int access) {
    for (int i = 0; i < me->locals; i++) {
        Local *local = &me->local[i];
        if (address >= local->at && address + size <= local->at + local->size) return address;
    }
    noted_here(BOUNDS, LOCAL, 0, access);
    return dummy();
}

void gpu_local(char *at, int64_t size) { // checks.py refuses kernels with more than MOST_LOCALS
    me->local[me->locals++] = (Local){at, size};
}

void *gpu_access(char *address, int64_t size, int32_t access) { // where to go instead, which is the address itself when all is well
    give_way();
    if (address >= me->stack && address < me->stack + STACK) return local_access(address, size, access);
    Launch *launch = run.launch;
    int64_t place = (int64_t)address;
    int shared = address >= me->block->shared && address < me->block->shared + launch->shared_bytes;
    if (shared) place = address - me->block->shared;
    Region *regions = shared ? run.regions + launch->global_regions : run.regions;
    int64_t n = shared ? launch->shared_regions : launch->global_regions;
    Region *region = run.last[shared];
    if (!holds(region, place, size)) region = run.last[shared] = at_or_below(place, regions, n);
    if (!holds(region, place, size) || (region->constant && access != READ)) return out_of_bounds(place, access, regions, n);
    if (region->constant) return address;
    Shadow *shadow = (shared ? me->block->shadow : run.shadow) + region->first;
    int64_t offset = place - region->base, granule = region->granule;
    for (int64_t i = offset / granule; i <= (offset + size - 1) / granule; i++) examine(shadow + i, region, i * granule, access);
    return address;
}

// ---- scheduling ------------------------------------------------------------------------------------------------------------

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

static void slice(Block *block) { // every ready thread runs until it waits, gives way or is done
    Launch *launch = run.launch;
    int n = block->threads, ready = 0;
    if (launch->order == RANDOM) shuffle(block->order, n, &block->random);
    for (int i = 0; i < n; i++) {
        Thread *thread = &block->thread[block->order[i]];
        if (thread->state == READY) enter(thread);
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
    for (int i = 1; i < launch->workers; i++) pthread_create(&helper[i], 0, work, 0);
    work(0);
    for (int i = 1; i < launch->workers; i++) pthread_join(helper[i], 0);
    munmap(run.shadow, launch->global_granules * sizeof(Shadow) + 1);
    free(run.block_order), free(run.block_of_phase);
}
