/*
 * Arenas: bump allocation in blocks that grow from 512 bytes to 16 KiB, larger requests on their
 * own. Owns its blocks, its clean-ups and its children; all end last in first out.
 *
 * Sizes are rounded up to 16 bytes, and so are caps. `used` of an arena includes its children's,
 * so that a check walks only up. An idle conn's arena costs its header (144 bytes of heap) and one
 * block of 512. Deliberately not thread-safe: an arena belongs to one thread at a time.
 */
#include "core/base/arena.h"
#include "core/base/alloc.h"
#include "core/base/context.h"
#include "core/base/list.h"
#include "core/base/sanitize.h"

#include <stdalign.h>
#include <string.h>
#include <mansio/error.h>

enum {
    ALIGNMENT = 16,
    FIRST_BLOCK_BYTES = 512,
    LARGEST_BLOCK_BYTES = 16 * 1024,
    LARGE_BYTES = 4096,       /* from here on an allocation has its own block */
    ALLOC_MAX_BYTES = 65536,  /* <mansio/arena.h> promises it */
    HARD_SLACK_BYTES = 65536, /* and this */
    HEAP_OVERHEAD_BYTES = 16, /* taken off blocks, so that the heap's chunks are powers of two */
    /* Poisoned bytes between neighbours, so that a run past one's end doesn't land in the next. */
    REDZONE_BYTES = CORE_ASAN ? 16 : 0,
};

_Static_assert(alignof(max_align_t) <= ALIGNMENT, "arena memory must suit any type");

struct block {
    struct block *next; /* the one before it in time */
    size_t size;        /* of the memory behind this header */
};

_Static_assert(sizeof(struct block) % ALIGNMENT == 0, "block memory must start aligned");

/* What ends with an arena: a clean-up, or a child, which is a clean-up that frees it. */
struct end {
    struct core_list link;
    mansio_cleanup_fn fn;
    void *arg;
};

struct mansio_arena {
    struct end as_child; /* in the parent's ends */
    struct mansio_arena *parent;
    const char *name;
    size_t cap;
    size_t used;            /* what is charged: own bytes and the children's */
    struct core_list ends;  /* newest first */
    struct core_list spare; /* struct end taken back, for the next clean-up */
    char *next;             /* unused rest of the newest block */
    char *limit;
    struct block *blocks; /* newest first */
    struct block *large;
    uint32_t first_block;
    uint16_t next_shift; /* the next block is first_block << next_shift */
    uint16_t is_ending;
};

/* What @p size bytes take; nothing takes something too, so that every result is a place. */
static size_t round_up(size_t size)
{
    return size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* The first arena on the way up that @p size more bytes would push past its cap; NULL if none. */
static const struct mansio_arena *find_full(const struct mansio_arena *arena, size_t size)
{
    for (; arena != NULL; arena = arena->parent) {
        if (arena->used > arena->cap || size > arena->cap - arena->used) {
            return arena;
        }
    }
    return NULL;
}

static void charge(struct mansio_arena *arena, size_t size)
{
    for (; arena != NULL; arena = arena->parent) {
        arena->used += size;
    }
}

static void uncharge(struct mansio_arena *arena, size_t size)
{
    for (; arena != NULL; arena = arena->parent) {
        MANSIO_ASSERT(arena->used >= size);
        arena->used -= size;
    }
}

static struct block *block_new(size_t size)
{
    struct block *block = core_alloc(sizeof *block + size);

    if (block != NULL) {
        block->next = NULL;
        block->size = size;
        core_poison(block + 1, size);
    }
    return block;
}

static void block_free(struct block *block)
{
    core_unpoison(block + 1, block->size);
    core_free(block);
}

static void use_block(struct mansio_arena *arena, struct block *block)
{
    arena->next = (char *)(block + 1);
    arena->limit = arena->next + block->size;
}

/* A newest block with room for @p room bytes, at most LARGE_BYTES and a red zone; 0 or -1. */
static int add_block(struct mansio_arena *arena, size_t room)
{
    size_t bytes = (size_t)arena->first_block << arena->next_shift;
    struct block *block;

    while (bytes - HEAP_OVERHEAD_BYTES - sizeof *block < room) {
        bytes *= 2;
        arena->next_shift++;
    }
    block = block_new(bytes - HEAP_OVERHEAD_BYTES - sizeof *block);
    if (block == NULL) {
        return -1;
    }
    if (bytes < LARGEST_BLOCK_BYTES) {
        arena->next_shift++;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    use_block(arena, block);
    return 0;
}

static void *take_large(struct mansio_arena *arena, size_t size)
{
    struct block *block = core_alloc_zero(sizeof *block + size);

    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    block->next = arena->large;
    arena->large = block;
    return block + 1;
}

/* Zeroed memory, not charged; NULL when the system has none. */
static void *take(struct mansio_arena *arena, size_t size)
{
    size_t room = round_up(size) + REDZONE_BYTES;
    char *ptr;

    if (size >= LARGE_BYTES) {
        return take_large(arena, size);
    }
    if (room > (size_t)(arena->limit - arena->next) && add_block(arena, room) < 0) {
        return NULL;
    }
    ptr = arena->next;
    arena->next += room;
    core_unpoison(ptr, size);
    return memset(ptr, 0, size);
}

struct mansio_arena *core_arena_make(const char *name, size_t cap_bytes, size_t first_block)
{
    struct mansio_arena *arena = core_alloc_must(sizeof *arena);

    MANSIO_ASSERT(first_block >= FIRST_BLOCK_BYTES && first_block <= LARGEST_BLOCK_BYTES);
    arena->name = name;
    arena->cap =
        cap_bytes == 0 || cap_bytes > SIZE_MAX - ALIGNMENT ? SIZE_MAX : round_up(cap_bytes);
    arena->first_block = (uint32_t)first_block;
    core_list_init(&arena->as_child.link);
    core_list_init(&arena->ends);
    core_list_init(&arena->spare);
    return arena;
}

struct mansio_arena *mansio_arena_new(struct mansio_arena *parent, const char *name,
                                      size_t cap_bytes)
{
    struct mansio_arena *arena = core_arena_make(name, cap_bytes, FIRST_BLOCK_BYTES);

    core_arena_move(arena, parent);
    return arena;
}

static void free_child(void *arg)
{
    mansio_arena_free(arg);
}

void core_arena_move(struct mansio_arena *arena, struct mansio_arena *parent)
{
    uncharge(arena->parent, arena->used);
    core_list_remove(&arena->as_child.link);
    arena->parent = parent;
    if (parent != NULL) {
        arena->as_child.fn = free_child;
        arena->as_child.arg = arena;
        core_list_push_front(&parent->ends, &arena->as_child.link);
        charge(parent, arena->used);
    }
}

struct mansio_arena *core_arena_parent(const struct mansio_arena *arena)
{
    return arena->parent;
}

const char *core_arena_name(const struct mansio_arena *arena)
{
    return arena->name;
}

/* Clean-ups may use the arena's memory, add clean-ups and free children: so one at a time, and
 * the memory goes afterwards. */
static void run_ends(struct mansio_arena *arena)
{
    struct core_list *link;

    MANSIO_ASSERT(!arena->is_ending);
    arena->is_ending = 1;
    while ((link = core_list_pop_front(&arena->ends)) != NULL) {
        struct end *end = CORE_CONTAINER(link, struct end, link);

        end->fn(end->arg);
    }
    arena->is_ending = 0;
}

/* Give back all blocks but the oldest, if it is no larger than a first block. */
static void drop_blocks(struct mansio_arena *arena, int keep_one)
{
    while (arena->large != NULL) {
        struct block *block = arena->large;

        arena->large = block->next;
        block_free(block);
    }
    arena->next = NULL;
    arena->limit = NULL;
    arena->next_shift = 0;
    while (arena->blocks != NULL) {
        struct block *block = arena->blocks;

        if (keep_one && block->next == NULL && block->size < arena->first_block) {
            core_poison(block + 1, block->size);
            use_block(arena, block);
            arena->next_shift = 1;
            return;
        }
        arena->blocks = block->next;
        block_free(block);
    }
}

void mansio_arena_free(struct mansio_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    /* A scratch frame has its own end; this also finds an outer frame reset under an inner one. */
    MANSIO_ASSERT(arena != core_context_current()->scratch);
    run_ends(arena);
    core_arena_move(arena, NULL);
    drop_blocks(arena, 0);
    core_free(arena);
}

void mansio_arena_reset(struct mansio_arena *arena)
{
    run_ends(arena);
    /* Children and charged memory have gone with their clean-ups: what is left is its own. */
    uncharge(arena, arena->used);
    core_list_init(&arena->spare);
    drop_blocks(arena, 1);
}

void *mansio_arena_alloc(struct mansio_arena *arena, size_t size)
{
    size_t rounded = round_up(size);
    void *ptr;

    MANSIO_ASSERT(size <= ALLOC_MAX_BYTES);
    for (const struct mansio_arena *up = arena; up != NULL; up = up->parent) {
        /* Past twice its cap something loops over input without the try form. */
        MANSIO_ASSERT(up->cap >= (SIZE_MAX - HARD_SLACK_BYTES) / 2 ||
                      up->used + rounded <= 2 * up->cap + HARD_SLACK_BYTES);
    }
    ptr = take(arena, size);
    if (ptr == NULL) {
        core_alloc_exhausted(size);
    }
    charge(arena, rounded);
    return ptr;
}

static int fail_full(const struct mansio_arena *full, size_t size)
{
    return mansio_fail(MANSIO_E_LIMIT,
                       "%s: %zu bytes more than the %zu in use exceed the cap of %zu", full->name,
                       size, full->used, full->cap);
}

void *mansio_arena_try_alloc(struct mansio_arena *arena, size_t size)
{
    size_t rounded = round_up(size);
    const struct mansio_arena *full;
    void *ptr;

    /* Room for rounding and the block's header, before anything is added to it. */
    if (size > PTRDIFF_MAX - 4096) {
        (void)fail_full(arena, size);
        return NULL;
    }
    full = find_full(arena, rounded);
    if (full != NULL) {
        (void)fail_full(full, size);
        return NULL;
    }
    ptr = take(arena, size);
    if (ptr == NULL) {
        (void)mansio_fail(MANSIO_E_LIMIT, "%s: no memory for %zu bytes", arena->name, size);
        return NULL;
    }
    charge(arena, rounded);
    return ptr;
}

int core_arena_charge(struct mansio_arena *arena, size_t bytes)
{
    const struct mansio_arena *full = find_full(arena, bytes);

    if (full != NULL) {
        return fail_full(full, bytes);
    }
    charge(arena, bytes);
    return 0;
}

void core_arena_uncharge(struct mansio_arena *arena, size_t bytes)
{
    uncharge(arena, bytes);
}

void mansio_arena_defer(struct mansio_arena *arena, mansio_cleanup_fn fn, void *arg)
{
    struct core_list *link = core_list_pop_front(&arena->spare);
    struct end *end;

    if (link != NULL) {
        end = CORE_CONTAINER(link, struct end, link);
    } else {
        end = take(arena, sizeof *end);
        if (end == NULL) {
            core_alloc_exhausted(sizeof *end);
        }
    }
    end->fn = fn;
    end->arg = arg;
    core_list_push_front(&arena->ends, &end->link);
}

int mansio_arena_undefer(struct mansio_arena *arena, mansio_cleanup_fn fn, void *arg)
{
    CORE_LIST_EACH (link, follower, &arena->ends) {
        struct end *end = CORE_CONTAINER(link, struct end, link);

        if (end->fn == fn && end->arg == arg) {
            core_list_remove(link);
            core_list_push_front(&arena->spare, link);
            return 1;
        }
    }
    return 0;
}

size_t mansio_arena_used(const struct mansio_arena *arena)
{
    return arena->used;
}
