// What runtime.c (fibers, barriers, scheduling) and detector.c (checks of each access) share.

#pragma once
#include <stdint.h>

enum { STACK = 256 << 10, GUARD = 4 << 10, MOST_LOCALS = 64, MOST_RESIDENTS = 4, MOST_WORKERS = 64, POISON = 0xA5 };
enum { FORWARD, REVERSE, RANDOM };                                       // launch.py: ORDERS
enum { READ, WRITE, UPDATE, EXCHANGE };                                  // checks.py: an exchange does not depend on what was there
enum { RACE, BOUNDS, DIVERGENT, EXITED, DEADLOCK, UNINITIALISED, KINDS }; // findings.py: KINDS
enum { NOBODY = 0xFFF, NONE = -1, SEVERAL = -2, LOCAL = -3, NOTED = 4 };  // findings.py, launch.py

// ---- what launch.py hands over: the same fields in the same order, 64 bits each ------------------------------------------

typedef struct {
    int64_t base, size, granule; // base: an address, or an offset into shared memory; granule: bytes of an element
    int64_t first;               // its first granule in the shadow memory
    int64_t shared, constant, relaxed;
} Region;

typedef struct {
    int64_t kind, region, offset, access, block, thread, other_access, other_block, other_thread;
} Note;

typedef struct {
    int64_t entry, arguments, grid[3], block[3], shared_bytes, dynamic_bytes, order, seed, workers, checked, patience;
    int64_t regions, global_regions, shared_regions; // the global ones first, both parts by base
    int64_t global_granules, shared_granules;
    int64_t counts[KINDS], accesses, noted;
    Note notes[KINDS * NOTED];
} Launch;

// ---- shadow memory: who touched a granule ---------------------------------------------------------------------------------

typedef struct {
    uint64_t phase : 32, first : 12, second : 12; // the last phase, and two threads of it: one may be ourselves
    uint64_t blocks : 1;                          // more than one block was here
} Mark;

typedef struct {
    Mark written, updated, read; // all zero: never. Updated by atomics
} Shadow;

// ---- threads and blocks ---------------------------------------------------------------------------------------------------

typedef struct Block Block;
typedef enum { READY, WAITING, DONE } State;

typedef struct {
    char *at;
    int64_t size;
} Local;

typedef struct {
    void *stack_pointer;
    uint64_t barrier; // where it waits
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
    void *scheduler; // its stack pointer
    char *shared, *stacks;
    Shadow *shadow; // of shared memory
    Thread *thread;
    int *order;
};

typedef struct {
    Launch *launch;
    Region *regions, *last[2]; // last: where the last access went, global and shared
    Shadow *shadow;            // of global memory
    int64_t *block_order, blocks, next;
    uint32_t *block_of_phase, phases, room;
} Run;

extern Run run;
extern __thread Thread *me;

void leave(void); // back to the scheduler, until it is our turn again
uint64_t chance(uint64_t *state);
Note *noted(int kind); // counts a fault; NULL when enough of its kind are described
