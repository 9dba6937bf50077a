/*
 * Secrets: bytes that are wiped when they end and left out of core dumps.
 *
 * They live in mappings of their own, marked MADV_DONTDUMP: a mark costs a system call and whole
 * pages, so small secrets share mappings, cut into slots of four sizes. A freed slot is wiped and
 * waits for the next secret; the mappings stay, bounded by the most that were ever alive at once.
 * Larger ones have a mapping each. No mlock(): its limit is small for an unprivileged daemon, and
 * a host that swaps should encrypt its swap. Shared by all threads under a lock held for a few
 * instructions.
 */
#include <mansio/arena.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/sanitize.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <mansio/error.h>

enum {
    SECRET_MAX_BYTES = 65536, /* <mansio/arena.h> promises it */
    REGION_BYTES = 65536,
};

struct mansio_secret {
    struct mansio_arena *arena; /* that it is charged to */
    size_t len;
    char bytes[]; /* and a NUL */
};

/* The first words of a slot that is free. */
struct slot {
    struct slot *next;
};

static const size_t slot_bytes[] = {64, 256, 1024, 4096};
static struct slot *free_slots[MANSIO_COUNT(slot_bytes)];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t size_of(size_t len)
{
    return sizeof(struct mansio_secret) + len + 1;
}

/* Which slots hold @p size; MANSIO_COUNT(slot_bytes) when it needs a mapping of its own. */
static size_t rank_of(size_t size)
{
    size_t rank = 0;

    while (rank < MANSIO_COUNT(slot_bytes) && slot_bytes[rank] < size) {
        rank++;
    }
    return rank;
}

static void *map_region(size_t size)
{
    void *region = MAP_FAILED;
    int err = ENOMEM;

    if (!core_alloc_is_refused()) {
        region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        err = errno;
    }
    if (region == MAP_FAILED) {
        (void)mansio_fail(MANSIO_E_LIMIT, "secret: mmap of %zu bytes: %s", size, strerror(err));
        return NULL;
    }
    /* Kernels without it dump the bytes; nothing else changes. */
    (void)madvise(region, size, MADV_DONTDUMP);
    return region;
}

/* With the lock held: cut a new region into slots of @p rank. */
static int refill(size_t rank)
{
    char *region = map_region(REGION_BYTES);

    if (region == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t at = 0; at + slot_bytes[rank] <= REGION_BYTES; at += slot_bytes[rank]) {
        struct slot *slot = (struct slot *)(void *)(region + at);

        slot->next = free_slots[rank];
        free_slots[rank] = slot;
        core_poison(slot + 1, slot_bytes[rank] - sizeof *slot);
    }
    return 0;
}

static void *slot_take(size_t rank)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&lock);
    if (free_slots[rank] != NULL || refill(rank) == 0) {
        slot = free_slots[rank];
        free_slots[rank] = slot->next;
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

static void slot_give(size_t rank, void *ptr)
{
    struct slot *slot = ptr;

    core_poison(slot + 1, slot_bytes[rank] - sizeof *slot);
    pthread_mutex_lock(&lock);
    slot->next = free_slots[rank];
    free_slots[rank] = slot;
    pthread_mutex_unlock(&lock);
}

static void secret_end(void *arg)
{
    struct mansio_secret *secret = arg;
    size_t size = size_of(secret->len);
    size_t rank = rank_of(size);

    core_arena_uncharge(secret->arena, size);
    explicit_bzero(secret, size);
    if (rank < MANSIO_COUNT(slot_bytes)) {
        slot_give(rank, secret);
    } else {
        (void)munmap(secret, size);
    }
}

int mansio_secret_new(struct mansio_arena *arena, struct mansio_str bytes,
                      struct mansio_secret **out)
{
    struct mansio_secret *secret;
    size_t size;
    size_t rank;
    int result;

    if (bytes.len > SECRET_MAX_BYTES) {
        return mansio_fail(MANSIO_E_LIMIT, "a secret of %zu bytes, at most %d are possible",
                           bytes.len, SECRET_MAX_BYTES);
    }
    size = size_of(bytes.len);
    rank = rank_of(size);
    result = core_arena_charge(arena, size);
    if (result < 0) {
        return result;
    }
    secret = rank < MANSIO_COUNT(slot_bytes) ? slot_take(rank) : map_region(size);
    if (secret == NULL) {
        core_arena_uncharge(arena, size);
        return MANSIO_E_LIMIT;
    }
    core_unpoison(secret, size);
    secret->arena = arena;
    secret->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(secret->bytes, bytes.ptr, bytes.len);
    }
    secret->bytes[bytes.len] = '\0';
    mansio_arena_defer(arena, secret_end, secret);
    *out = secret;
    return 0;
}

struct mansio_str mansio_secret_bytes(const struct mansio_secret *secret)
{
    return secret != NULL ? (struct mansio_str){secret->bytes, secret->len} : MANSIO_STR_NONE;
}

int mansio_secret_eq(struct mansio_str a, struct mansio_str b)
{
    /* volatile: the compiler may not stop at the first difference. */
    const volatile char *left = a.ptr;
    const volatile char *right = b.ptr;
    unsigned char difference = 0;

    if (a.len != b.len) {
        return 0;
    }
    for (size_t i = 0; i < a.len; i++) {
        difference |= (unsigned char)(left[i] ^ right[i]);
    }
    return difference == 0;
}
