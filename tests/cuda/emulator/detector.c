// Checks of one access: inside an array? Written before it is read? Could another thread be at the same place?
//
// Order of two accesses. Every stretch of a block between two barriers has a number, its phase, unlike any other phase of the
// launch. Accesses by two threads are ordered when they are of one block and of different phases; otherwise they may meet.

#include "runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Note *noted_here(int kind, int64_t region, int64_t offset, int access) {
    Note *note = noted(kind);
    if (!note) return 0;
    note->region = region, note->offset = offset, note->access = access;
    note->block = me->block->number, note->thread = me->number;
    return note;
}

// ---- where ----------------------------------------------------------------------------------------------------------------

static Region *at_or_below(int64_t address, Region *regions, int64_t n) { // the last region that begins there or before
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
    const int64_t near = 32 << 10; // arguments.py leaves twice this between arrays
    Region *region = at_or_below(address, regions, n);
    if (!region || address - region->base - region->size > near) {
        Region *above = region ? region + 1 : regions;
        region = above < regions + n && above->base - address <= near ? above : 0;
    }
    noted_here(BOUNDS, region ? region - run.regions : NONE, region ? address - region->base : 0, access);
    return dummy();
}

// ---- who else -------------------------------------------------------------------------------------------------------------

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
    int block = run.block_of_phase[mark.phase], ours = block == me->block->number;
    int other = ours && mark.first == (unsigned)me->number ? mark.second : mark.first;
    int unknown = ours && (other == NOBODY || mark.phase != me->block->phase); // other blocks came first, ours was the last
    note->other_access = other_access;
    note->other_block = unknown ? SEVERAL : block, note->other_thread = other;
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

// ---- one access -----------------------------------------------------------------------------------------------------------

static void give_way(void) { // others may run between any two accesses of ours; nobody may run for ever
    Launch *launch = run.launch;
    launch->accesses++;
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

void gpu_local(char *at, int64_t size) { // a thread has come to life, with this local array
    if (at < me->stack || me->locals == MOST_LOCALS) {
        fprintf(stderr, "emulator: a thread's local arrays need more than %d KB, or are more than %d\n", STACK >> 10, MOST_LOCALS);
        abort();
    }
    me->local[me->locals++] = (Local){at, size};
}

void *gpu_access(char *address, int64_t size, int32_t access) { // the address to use: the same, or that of a dummy
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
