/*
 * Limits shared by the workers of a node.
 *
 * Each process counts in a table of its own, in its slot of shared memory; what counts is the sum
 * over the slots of all that are alive. So nobody writes where another does, and a dead process's
 * share vanishes when the master clears its slot.
 *
 * A table is made of buckets of eight entries. A key may stand in either of two buckets that its
 * hash names, and nowhere else: a lookup reads two cache lines of hashes at most, an entry that
 * is done with is free at once, and there are no tombstones to clear away. The two-choices rule
 * (the emptier bucket takes the newcomer) lets the table fill to 70 % before a bucket runs over
 * (measured; with one choice it is 20 %). After that, rates give way to newcomers. The hash is
 * keyed with a secret of the node, so peers can't aim at one bucket.
 *
 * A rate is a sliding window made of two: all of this window's events, and the part of the last
 * one's that the window, sliding, still covers. That is exact if the last window's events were
 * evenly spread, and never lets in more than twice @p max in any window.
 *
 * Readers of other processes' entries may meet one as it changes and then be off by what changes:
 * near enough, as limit.h says. Not for offload threads.
 */
#include "core/host/limit.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/hash.h"
#include "core/host/metrics_core.h"
#include "core/host/shm_layout.h"

enum kind {
    KIND_COUNT = 'c',
    KIND_RATE = 'r',
};

enum {
    WHOLE_WINDOW = 1 << 16, /* fractions of a window */
    READ_TRIES = 4,
};

#define WINDOW_MIN_US MANSIO_SECOND
#define WINDOW_MAX_US (86400 * MANSIO_SECOND)
#define COUNT_MAX     UINT32_MAX

/* Of a process without shared memory (a checking child, a test). Untouched it costs nothing. */
static struct shm_limit_bucket local_table[SHM_LIMIT_BUCKETS];
static const uint64_t local_key[2] = {UINT64_C(0x6d616e73696f3031), UINT64_C(0x6c6f63616c2e2e2e)};

struct entry {
    struct shm_limit_bucket *bucket;
    size_t way;
};

/* One window's place in time. */
struct window {
    uint64_t us;
    uint64_t index;     /* windows since the clock began */
    uint64_t last_part; /* of WHOLE_WINDOW: how much of the last window still counts */
    uint64_t until_us;  /* when nothing counted now counts any more */
};

static uint64_t load(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

static void store(_Atomic uint64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

static struct shm_limit_bucket *own_table(void)
{
    struct core_shm *shm = core_shm_current();
    return shm == NULL ? local_table : core_shm_memory(shm)->areas[core_shm_index()].limits;
}

/* Hash of kind, name and key, each told apart from the next. Never 0, which means "free". */
static uint64_t hash_of(enum kind kind, const char *name, struct mansio_str key)
{
    struct core_shm *shm = core_shm_current();
    const uint64_t *secret = shm == NULL ? local_key : core_shm_memory(shm)->header.key;
    uint64_t inner[2] = {core_siphash(secret, mansio_str_from_cstr(name), 1, 3), (uint64_t)kind};
    uint64_t derived[2] = {secret[0] ^ inner[0], secret[1] ^ inner[1]};
    uint64_t hash = core_siphash(derived, key, 1, 3);
    return hash == 0 ? 1 : hash;
}

/* Its two buckets; they may be the same. */
static void buckets_of(struct shm_limit_bucket *table, uint64_t hash,
                       struct shm_limit_bucket *out[2])
{
    out[0] = &table[hash % SHM_LIMIT_BUCKETS];
    out[1] = &table[(hash >> 32) % SHM_LIMIT_BUCKETS];
}

static int find(struct shm_limit_bucket *table, uint64_t hash, struct entry *out)
{
    struct shm_limit_bucket *buckets[2];
    buckets_of(table, hash, buckets);
    for (int b = 0; b < 2; b++) {
        for (size_t way = 0; way < SHM_LIMIT_WAYS; way++) {
            if (atomic_load_explicit(&buckets[b]->hash[way], memory_order_acquire) == hash) {
                *out = (struct entry){buckets[b], way};
                return 1;
            }
        }
    }
    return 0;
}

/* Free, or a rate whose windows have passed. A count's until is never. */
static int is_usable(const struct shm_limit_bucket *bucket, size_t way, uint64_t now_us)
{
    return load(&bucket->hash[way]) == 0 || load(&bucket->until[way]) <= now_us;
}

/* Of a rate: how much would be forgotten with it. */
static uint64_t events_of(const struct shm_limit_bucket *bucket, size_t way)
{
    uint64_t count = load(&bucket->count[way]);
    return (count & UINT32_MAX) + (count >> 32);
}

/* The rate of least consequence in the one of two full buckets that has more of them, for the same
 * reason that the emptier one takes newcomers; 0 if they hold counts alone. */
static int find_victim(struct shm_limit_bucket *const buckets[2], struct entry *out)
{
    size_t most = 0;
    for (int b = 0; b < 2; b++) {
        size_t rates = 0;
        struct entry least = {0};
        for (size_t way = 0; way < SHM_LIMIT_WAYS; way++) {
            if (load(&buckets[b]->until[way]) == UINT64_MAX) {
                continue;
            }
            if (rates++ == 0 || events_of(buckets[b], way) < events_of(buckets[b], least.way)) {
                least = (struct entry){buckets[b], way};
            }
        }
        if (rates > most) {
            most = rates;
            *out = least;
        }
    }
    return most > 0;
}

/* A place for a new entry in the emptier of its buckets. If both are full, a rate has to go: else
 * who makes up keys could keep everybody out. 0 if there is none. */
static int find_room(uint64_t hash, uint64_t now_us, struct entry *out)
{
    struct shm_limit_bucket *buckets[2];
    size_t best = 0;
    buckets_of(own_table(), hash, buckets);
    for (int b = 0; b < 2; b++) {
        size_t usable = 0;
        size_t first = 0;
        for (size_t way = SHM_LIMIT_WAYS; way-- > 0;) {
            if (is_usable(buckets[b], way, now_us)) {
                usable++;
                first = way;
            }
        }
        if (usable > best) {
            best = usable;
            *out = (struct entry){buckets[b], first};
        }
    }
    if (best == 0 && find_victim(buckets, out)) {
        core_count(CORE_METRIC_LIMITS_FORGOTTEN, 1);
        return 1;
    }
    return best > 0;
}

/* Readers see the hash last, so never somebody else's figures under it. */
static void fill(struct entry entry, uint64_t hash, uint64_t until_us, uint64_t count)
{
    struct shm_limit_bucket *bucket = entry.bucket;
    store(&bucket->hash[entry.way], 0);
    atomic_thread_fence(memory_order_release);
    store(&bucket->until[entry.way], until_us);
    store(&bucket->count[entry.way], count);
    atomic_store_explicit(&bucket->hash[entry.way], hash, memory_order_release);
}

static int refuse_full(const char *name)
{
    core_count(CORE_METRIC_LIMITS_FULL, 1);
    return mansio_fail(MANSIO_E_LIMIT, "limit %s: the table of %d entries has no room", name,
                       CORE_SHM_LIMITS_MAX);
}

static int refuse(const char *name, uint32_t max)
{
    core_count(CORE_METRIC_LIMITS_REFUSED, 1);
    return mansio_fail(MANSIO_E_LIMIT, "limit %s: %u reached", name, max);
}

/* ---- walking the slots ---------------------------------------------------------------------- */

/* The next table that may have entries; NULL at the end. */
static struct shm_limit_bucket *next_table(uint32_t *slot)
{
    struct core_shm *shm = core_shm_current();
    if (shm == NULL) {
        return (*slot)++ == 0 ? local_table : NULL;
    }
    uint32_t used = core_shm_slots_used(shm);
    while (*slot < used) {
        uint32_t index = (*slot)++;
        /* The master has no state; our own slot counts whatever its state. */
        if (index == 0 || index == core_shm_index() ||
            load(&core_shm_slot(shm, index)->state) != CORE_SLOT_FREE) {
            return core_shm_memory(shm)->areas[index].limits;
        }
    }
    return NULL;
}

static uint64_t sum_counts(uint64_t hash)
{
    uint64_t sum = 0;
    uint32_t slot = 0;
    struct shm_limit_bucket *table;
    while ((table = next_table(&slot)) != NULL) {
        struct entry entry;
        if (find(table, hash, &entry)) {
            sum += load(&entry.bucket->count[entry.way]);
        }
    }
    return sum;
}

/* ---- how many at once ----------------------------------------------------------------------- */

int mansio_limit_acquire(const char *name, struct mansio_str key, uint32_t max)
{
    uint64_t hash = hash_of(KIND_COUNT, name, key);
    if (sum_counts(hash) >= max) {
        return refuse(name, max);
    }
    struct entry entry;
    if (find(own_table(), hash, &entry)) {
        _Atomic uint64_t *count = &entry.bucket->count[entry.way];
        store(count, load(count) + 1);
        return 0;
    }
    if (!find_room(hash, (uint64_t)mansio_now_us(), &entry)) {
        return refuse_full(name);
    }
    fill(entry, hash, UINT64_MAX, 1);
    return 0;
}

void mansio_limit_release(const char *name, struct mansio_str key)
{
    uint64_t hash = hash_of(KIND_COUNT, name, key);
    struct entry entry = {0};
    int is_held = find(own_table(), hash, &entry);
    MANSIO_ASSERT(is_held && load(&entry.bucket->count[entry.way]) > 0);
    uint64_t left = load(&entry.bucket->count[entry.way]) - 1;
    store(&entry.bucket->count[entry.way], left);
    if (left == 0) {
        store(&entry.bucket->hash[entry.way], 0);
    }
}

uint32_t mansio_limit_count(const char *name, struct mansio_str key)
{
    uint64_t sum = sum_counts(hash_of(KIND_COUNT, name, key));
    return sum > COUNT_MAX ? COUNT_MAX : (uint32_t)sum;
}

/* ---- how many in a window ------------------------------------------------------------------- */

/* Both halves of a rate's count, seen from a window: {this one's, the last one's}. */
static void read_rate(const struct entry *entry, const struct window *window, uint64_t out[2])
{
    out[0] = 0;
    out[1] = 0;
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t until =
            atomic_load_explicit(&entry->bucket->until[entry->way], memory_order_acquire);
        uint64_t count =
            atomic_load_explicit(&entry->bucket->count[entry->way], memory_order_acquire);
        if (until == 0 || until != load(&entry->bucket->until[entry->way])) {
            continue; /* it is just going over to a new window */
        }
        if (until == window->until_us) {
            out[0] = count & UINT32_MAX;
            out[1] = count >> 32;
        } else if (until + window->us == window->until_us) {
            out[1] = count & UINT32_MAX;
        }
        return;
    }
}

static uint64_t sum_rates(uint64_t hash, const struct window *window)
{
    uint64_t now = 0;
    uint64_t before = 0;
    uint32_t slot = 0;
    struct shm_limit_bucket *table;
    while ((table = next_table(&slot)) != NULL) {
        struct entry entry;
        uint64_t counts[2];
        if (find(table, hash, &entry)) {
            read_rate(&entry, window, counts);
            now += counts[0];
            before += counts[1];
        }
    }
    /* Upwards, so that no fraction lets one too many in. */
    return now + (before * window->last_part + WHOLE_WINDOW - 1) / WHOLE_WINDOW;
}

/* @p n may be negative: to take back what was counted just now. */
static void count_rate(const struct entry *entry, const struct window *window, int64_t n)
{
    uint64_t counts[2];
    read_rate(entry, window, counts);
    int64_t sum = (int64_t)counts[0] + n;
    counts[0] = sum < 0 ? 0 : (uint64_t)sum > COUNT_MAX ? COUNT_MAX : (uint64_t)sum;
    if (load(&entry->bucket->until[entry->way]) != window->until_us) {
        store(&entry->bucket->until[entry->way], 0);
        atomic_thread_fence(memory_order_release);
    }
    atomic_store_explicit(&entry->bucket->count[entry->way], counts[0] | counts[1] << 32,
                          memory_order_release);
    atomic_store_explicit(&entry->bucket->until[entry->way], window->until_us,
                          memory_order_release);
}

static int make_window(const char *name, int64_t window_us, struct window *out)
{
    if (window_us < WINDOW_MIN_US || window_us > WINDOW_MAX_US) {
        return mansio_fail(MANSIO_E_BUG, "limit %s: window of %lld us: wanted 1 s to 1 day", name,
                           (long long)window_us);
    }
    uint64_t now_us = (uint64_t)mansio_now_us();
    struct window window = {.us = (uint64_t)window_us};
    window.index = now_us / window.us;
    uint64_t elapsed_us = now_us % window.us;
    window.last_part = (window.us - elapsed_us) * WHOLE_WINDOW / window.us;
    window.until_us = (window.index + 2) * window.us;
    *out = window;
    return 0;
}

int mansio_limit_rate_left(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    struct window window;
    int err = make_window(name, window_us, &window);
    if (err < 0) {
        return err;
    }
    uint64_t sum = sum_rates(hash_of(KIND_RATE, name, key), &window);
    uint64_t left = sum < max ? max - sum : 0;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Count where there is room for it already, or is made. */
static int count_one(const char *name, uint64_t hash, const struct window *window, uint32_t n)
{
    struct entry entry;
    if (find(own_table(), hash, &entry)) {
        count_rate(&entry, window, n);
        return 0;
    }
    if (!find_room(hash, (uint64_t)mansio_now_us(), &entry)) {
        return refuse_full(name);
    }
    fill(entry, hash, window->until_us, n);
    return 0;
}

int core_limit_rates(const struct core_limit_use *uses, size_t count, uint32_t n, int64_t window_us,
                     size_t *out_refused)
{
    uint64_t hashes[CORE_LIMIT_USES_MAX];
    struct window window;
    struct entry entry;
    MANSIO_ASSERT(count <= CORE_LIMIT_USES_MAX);
    for (size_t i = 0; i < count; i++) {
        int err = make_window(uses[i].name, window_us, &window);
        hashes[i] = hash_of(KIND_RATE, uses[i].name, uses[i].key);
        *out_refused = i;
        if (err < 0) {
            return err;
        }
        if (sum_rates(hashes[i], &window) + n > uses[i].max) {
            return refuse(uses[i].name, uses[i].max);
        }
    }
    for (size_t i = 0; i < count; i++) {
        int err = count_one(uses[i].name, hashes[i], &window, n);
        for (size_t j = 0; err < 0 && j < i; j++) {
            /* Not there any more: it had to make room for the one after it. */
            if (find(own_table(), hashes[j], &entry)) {
                count_rate(&entry, &window, -(int64_t)n);
            }
        }
        if (err < 0) {
            *out_refused = i;
            return err;
        }
    }
    return 0;
}

int mansio_limit_rate(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    const struct core_limit_use use = {.name = name, .key = key, .max = max};
    size_t refused;
    return core_limit_rates(&use, 1, 1, window_us, &refused);
}

/* ---- for tests ------------------------------------------------------------------------------ */

uint32_t core_limits_used(void)
{
    struct shm_limit_bucket *table = own_table();
    uint64_t now_us = (uint64_t)mansio_now_us();
    uint32_t used = 0;
    for (size_t b = 0; b < SHM_LIMIT_BUCKETS; b++) {
        for (size_t way = 0; way < SHM_LIMIT_WAYS; way++) {
            used += !is_usable(&table[b], way, now_us);
        }
    }
    return used;
}

void core_limits_forget(void)
{
    memset((void *)local_table, 0, sizeof local_table);
}
