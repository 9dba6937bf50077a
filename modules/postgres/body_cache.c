/*
 * The cache of bodies: its tables, its blocks, its two ranks. See body_cache.h.
 *
 * Bodies are numbered from 1; 0 is none, so that fresh memory, which is zero, is an empty cache.
 * Fresh numbers are taken before memory that was never used: the system gives pages as they fill.
 */
#include "body_cache.h"

#include <string.h>

#include <mansio/metrics.h>

#include "postgres.h"

enum {
    BLOCK_BYTES = 2048,
    BLOCKS_MIN = 32,
    LARGEST_PART = 8, /* a body may take an eighth of all */
    NAME_WAYS = 4,    /* places that a name may stand in */
    AGAIN_OF_4 = 3,   /* quarters of the blocks for what was read again */
};

/* The cap of its indices: 8 TiB. */
#define BLOCKS_MAX ((size_t)UINT32_MAX - 1)

enum rank { ONCE, AGAIN, RANKS };

struct pg_body {
    int64_t tenant, blob, message; /* blob 0: not in use */
    uint32_t size;
    uint32_t first;        /* block */
    uint32_t next;         /* in its chain, or of those not in use */
    uint32_t older, newer; /* in its rank, unless it is taken */
    uint16_t taken;        /* times */
    uint8_t rank;
};

/* A guess: which body something of this hash has. Names outlive bodies, so it says which blob that
 * was. */
struct name {
    uint32_t tag;
    uint32_t body;
    uint32_t blob; /* the lower half of its id */
};

struct line {
    uint32_t oldest, newest;
    size_t blocks;
};

struct pg_body_cache {
    struct mansio_instance *instance;
    struct mansio_arena *memory; /* NULL: none yet */
    size_t max_bytes;
    size_t next_max_bytes; /* what it is to be once nothing is taken */
    size_t taken;
    /* What memory holds. */
    struct pg_body *bodies; /* by number; 0 is nobody's */
    uint32_t *nexts;        /* of each block; 0 is nobody's */
    uint32_t *chains;       /* by hash of tenant and blob: the first body */
    struct name *names;
    char *blocks;
    size_t chain_count, set_count; /* powers of two */
    size_t block_count;            /* and of bodies; without number 0 */
    size_t tables_bytes;
    size_t used_blocks;
    uint32_t fresh_body, fresh_block; /* never used from here on */
    uint32_t free_body, free_block;   /* used before */
    uint32_t turn;                    /* which of a set's names gives way */
    struct line lines[RANKS];
};

/* ---- memory --------------------------------------------------------------------------------- */

static size_t power_below(size_t n)
{
    size_t power = 1;
    while (power <= n / 2) {
        power *= 2;
    }
    return power;
}

/* Bytes of the tables for so many blocks. */
static size_t tables_for(size_t blocks)
{
    return (blocks + 1) * (sizeof(struct pg_body) + sizeof(uint32_t)) +
           power_below(blocks) * sizeof(uint32_t) +
           power_below(blocks / 2) * NAME_WAYS * sizeof(struct name);
}

/* As many blocks as fit with their tables; 0: too few to be of use. */
static size_t blocks_within(size_t max_bytes)
{
    size_t each = BLOCK_BYTES + sizeof(struct pg_body) + 2 * sizeof(uint32_t) +
                  NAME_WAYS / 2 * sizeof(struct name);
    size_t blocks = max_bytes / each;
    blocks = blocks > BLOCKS_MAX ? BLOCKS_MAX : blocks;
    while (blocks >= BLOCKS_MIN && tables_for(blocks) + blocks * BLOCK_BYTES > max_bytes) {
        blocks--; /* for number 0 */
    }
    return blocks >= BLOCKS_MIN ? blocks : 0;
}

/* Lay the tables out. They stand in the order of their alignment. */
static void lay_out(struct pg_body_cache *cache, char *at, size_t blocks)
{
    cache->block_count = blocks;
    cache->chain_count = power_below(blocks);
    cache->set_count = power_below(blocks / 2);
    cache->tables_bytes = tables_for(blocks);
    cache->bodies = (struct pg_body *)(void *)at;
    at += (blocks + 1) * sizeof(struct pg_body);
    cache->names = (struct name *)(void *)at;
    at += cache->set_count * NAME_WAYS * sizeof(struct name);
    cache->nexts = (uint32_t *)(void *)at;
    at += (blocks + 1) * sizeof(uint32_t);
    cache->chains = (uint32_t *)(void *)at;
    at += cache->chain_count * sizeof(uint32_t);
    cache->blocks = at;
    cache->fresh_body = cache->fresh_block = 1;
    cache->free_body = cache->free_block = 0;
    cache->used_blocks = 0;
    memset(cache->lines, 0, sizeof cache->lines);
}

static void tell_bytes(const struct pg_body_cache *cache)
{
    mansio_metric_set(cache->instance, PG_METRIC_BODY_CACHE_BYTES,
                      (int64_t)pg_body_cache_bytes(cache));
}

/* 1 if there is memory now. */
static int take_memory(struct pg_body_cache *cache)
{
    size_t blocks = blocks_within(cache->max_bytes);
    if (cache->memory != NULL || blocks == 0) {
        return cache->memory != NULL;
    }
    struct mansio_arena *memory = mansio_arena_new(NULL, "postgres.bodies", 0);
    char *at = mansio_arena_try_alloc(memory, tables_for(blocks) + blocks * BLOCK_BYTES);
    if (at == NULL) {
        mansio_arena_free(memory);
        return 0;
    }
    cache->memory = memory;
    lay_out(cache, at, blocks);
    return 1;
}

static void drop_memory(struct pg_body_cache *cache)
{
    if (cache->memory != NULL) {
        mansio_arena_free(cache->memory);
        cache->memory = NULL;
    }
    cache->max_bytes = cache->next_max_bytes;
    tell_bytes(cache);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* All of it are numbers that we gave: nobody chooses what collides, and who could would only slow
 * his own mail down. */
static uint64_t hash_of(int64_t tenant, int64_t place, int64_t number)
{
    uint64_t hash = (uint64_t)tenant * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ (hash >> 29) ^ (uint64_t)place) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ (hash >> 32) ^ (uint64_t)number) * UINT64_C(0x94D049BB133111EB);
    return hash ^ (hash >> 31);
}

/* A message is a name of its body too: in no collection. */
enum { NO_COLLECTION = 0 };

static struct name *set_of(const struct pg_body_cache *cache, uint64_t hash)
{
    return &cache->names[(hash & (cache->set_count - 1)) * NAME_WAYS];
}

/* Whether what a name says is there. */
static int is_alive(const struct pg_body_cache *cache, const struct name *name)
{
    const struct pg_body *body = &cache->bodies[name->body];
    return body->blob != 0 && (uint32_t)body->blob == name->blob;
}

static int has_tag(const struct name *name, uint64_t hash)
{
    return name->body != 0 && name->tag == (uint32_t)(hash >> 32);
}

/* What has this name, if it is the tenant's; 0: nobody. */
static uint32_t find_named(const struct pg_body_cache *cache, int64_t tenant, int64_t place,
                           int64_t number)
{
    uint64_t hash = hash_of(tenant, place, number);
    const struct name *set = set_of(cache, hash);
    for (size_t i = 0; i < NAME_WAYS; i++) {
        if (has_tag(&set[i], hash)) {
            int is_theirs = cache->bodies[set[i].body].tenant == tenant;
            return is_alive(cache, &set[i]) && is_theirs ? set[i].body : 0;
        }
    }
    return 0;
}

static void set_name(struct pg_body_cache *cache, int64_t tenant, int64_t place, int64_t number,
                     uint32_t body)
{
    uint64_t hash = hash_of(tenant, place, number);
    struct name *set = set_of(cache, hash);
    struct name *to = NULL;
    for (size_t i = 0; i < NAME_WAYS; i++) {
        if (has_tag(&set[i], hash)) {
            to = &set[i];
            break;
        }
        if (to == NULL && !is_alive(cache, &set[i])) {
            to = &set[i];
        }
    }
    to = to != NULL ? to : &set[cache->turn++ % NAME_WAYS];
    *to = (struct name){
        .tag = (uint32_t)(hash >> 32),
        .body = body,
        .blob = (uint32_t)cache->bodies[body].blob,
    };
}

/* ---- ranks ---------------------------------------------------------------------------------- */

static size_t blocks_of(size_t size)
{
    return (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static void leave_line(struct pg_body_cache *cache, struct pg_body *body)
{
    struct line *line = &cache->lines[body->rank];
    uint32_t *from_newer = body->newer != 0 ? &cache->bodies[body->newer].older : &line->newest;
    uint32_t *from_older = body->older != 0 ? &cache->bodies[body->older].newer : &line->oldest;
    *from_newer = body->older;
    *from_older = body->newer;
    body->newer = body->older = 0;
    line->blocks -= blocks_of(body->size);
}

static void join_line(struct pg_body_cache *cache, struct pg_body *body, enum rank rank)
{
    struct line *line = &cache->lines[rank];
    uint32_t number = (uint32_t)(body - cache->bodies);
    body->rank = (uint8_t)rank;
    body->newer = 0;
    body->older = line->newest;
    if (line->newest != 0) {
        cache->bodies[line->newest].newer = number;
    } else {
        line->oldest = number;
    }
    line->newest = number;
    line->blocks += blocks_of(body->size);
}

/* What was read again takes its place there; who is there for longest makes room. */
static void promote(struct pg_body_cache *cache, struct pg_body *body)
{
    join_line(cache, body, AGAIN);
    while (cache->lines[AGAIN].blocks > cache->block_count / 4 * AGAIN_OF_4) {
        struct pg_body *oldest = &cache->bodies[cache->lines[AGAIN].oldest];
        leave_line(cache, oldest);
        join_line(cache, oldest, ONCE);
    }
}

/* ---- bodies --------------------------------------------------------------------------------- */

static uint32_t *chain_of(const struct pg_body_cache *cache, int64_t tenant, int64_t blob)
{
    return &cache->chains[hash_of(tenant, 0, blob) & (cache->chain_count - 1)];
}

static struct pg_body *find_body(const struct pg_body_cache *cache, int64_t tenant, int64_t blob)
{
    uint32_t at = *chain_of(cache, tenant, blob);
    while (at != 0 && (cache->bodies[at].tenant != tenant || cache->bodies[at].blob != blob)) {
        at = cache->bodies[at].next;
    }
    return at != 0 ? &cache->bodies[at] : NULL;
}

/* One that is in a line. */
static void forget(struct pg_body_cache *cache, struct pg_body *body)
{
    uint32_t number = (uint32_t)(body - cache->bodies);
    uint32_t last = body->first;
    uint32_t *link = chain_of(cache, body->tenant, body->blob);
    leave_line(cache, body);
    while (*link != number) {
        link = &cache->bodies[*link].next;
    }
    *link = body->next;
    while (cache->nexts[last] != 0) {
        last = cache->nexts[last];
    }
    cache->nexts[last] = cache->free_block;
    cache->free_block = body->first;
    cache->used_blocks -= blocks_of(body->size);
    *body = (struct pg_body){.next = cache->free_body};
    cache->free_body = number;
}

/* Make room. There are as many bodies as blocks, so one of them is free then, too. 0: what is taken
 * leaves too little. */
static int make_room(struct pg_body_cache *cache, size_t blocks)
{
    while (cache->block_count - cache->used_blocks < blocks) {
        uint32_t oldest = cache->lines[ONCE].oldest;
        oldest = oldest != 0 ? oldest : cache->lines[AGAIN].oldest;
        if (oldest == 0) {
            return 0;
        }
        forget(cache, &cache->bodies[oldest]);
        mansio_metric_add(cache->instance, PG_METRIC_BODY_CACHE_EVICTIONS, 1);
    }
    return 1;
}

static uint32_t next_block(struct pg_body_cache *cache)
{
    uint32_t block = cache->free_block;
    if (block == 0) {
        return cache->fresh_block++;
    }
    cache->free_block = cache->nexts[block];
    cache->nexts[block] = 0;
    return block;
}

static void fill(struct pg_body_cache *cache, struct pg_body *body, struct mansio_str bytes)
{
    uint32_t *link = &body->first;
    body->size = (uint32_t)bytes.len;
    for (size_t at = 0; at < bytes.len; at += BLOCK_BYTES) {
        size_t part = bytes.len - at < BLOCK_BYTES ? bytes.len - at : BLOCK_BYTES;
        uint32_t block = next_block(cache);
        memcpy(cache->blocks + (size_t)(block - 1) * BLOCK_BYTES, bytes.ptr + at, part);
        *link = block;
        link = &cache->nexts[block];
    }
    cache->used_blocks += blocks_of(bytes.len);
}

static struct pg_body *add_body(struct pg_body_cache *cache, const struct pg_body_source *source,
                                struct mansio_str bytes)
{
    uint32_t number = cache->free_body;
    if (number != 0) {
        cache->free_body = cache->bodies[number].next;
    } else {
        number = cache->fresh_body++;
    }
    uint32_t *chain = chain_of(cache, source->tenant, source->blob);
    struct pg_body *body = &cache->bodies[number];
    *body = (struct pg_body){
        .tenant = source->tenant,
        .blob = source->blob,
        .message = source->message,
        .next = *chain,
    };
    *chain = number;
    fill(cache, body, bytes);
    join_line(cache, body, ONCE);
    return body;
}

/* ---- for readers ---------------------------------------------------------------------------- */

struct pg_body_cache *pg_body_cache_new(struct mansio_instance *instance,
                                        struct mansio_arena *arena, size_t max_bytes)
{
    struct pg_body_cache *cache = mansio_arena_alloc(arena, sizeof *cache);
    cache->instance = instance;
    cache->max_bytes = cache->next_max_bytes = max_bytes;
    return cache;
}

void pg_body_cache_resize(struct pg_body_cache *cache, size_t max_bytes)
{
    cache->next_max_bytes = max_bytes;
    if (cache->next_max_bytes != cache->max_bytes && cache->taken == 0) {
        drop_memory(cache);
    }
}

size_t pg_body_cache_bytes(const struct pg_body_cache *cache)
{
    return cache->memory == NULL ? 0 : cache->tables_bytes + cache->used_blocks * BLOCK_BYTES;
}

size_t pg_body_cache_taken(const struct pg_body_cache *cache)
{
    return cache->taken;
}

/* It isn't about to be given up. */
static int is_open(const struct pg_body_cache *cache)
{
    return cache->max_bytes == cache->next_max_bytes;
}

const struct pg_body *pg_body_take(struct pg_body_cache *cache, int64_t tenant, int64_t collection,
                                   int64_t uid)
{
    if (cache->memory == NULL || !is_open(cache)) {
        return NULL;
    }
    struct pg_body *body = &cache->bodies[find_named(cache, tenant, collection, uid)];
    if (body->blob == 0 || body->taken == UINT16_MAX) {
        return NULL;
    }
    if (body->taken++ == 0) {
        leave_line(cache, body);
    }
    cache->taken++;
    return body;
}

int64_t pg_body_blob(const struct pg_body *body)
{
    return body->blob;
}

size_t pg_body_size(const struct pg_body *body)
{
    return body->size;
}

void pg_body_copy(const struct pg_body_cache *cache, const struct pg_body *body, size_t offset,
                  size_t length, char *to)
{
    uint32_t block = body->first;
    MANSIO_ASSERT(body->taken > 0 && offset <= body->size && length <= body->size - offset);
    for (; offset >= BLOCK_BYTES; offset -= BLOCK_BYTES) {
        block = cache->nexts[block];
    }
    while (length > 0) {
        size_t part = BLOCK_BYTES - offset < length ? BLOCK_BYTES - offset : length;
        memcpy(to, cache->blocks + (size_t)(block - 1) * BLOCK_BYTES + offset, part);
        to += part;
        length -= part;
        offset = 0;
        block = cache->nexts[block];
    }
}

void pg_body_give_back(struct pg_body_cache *cache, const struct pg_body *given, int was_right)
{
    if (given == NULL) {
        return;
    }
    struct pg_body *body = &cache->bodies[given - cache->bodies];
    MANSIO_ASSERT(body->taken > 0);
    if (was_right) {
        mansio_metric_add(cache->instance, PG_METRIC_BODY_CACHE_HITS, 1);
        body->rank = AGAIN;
    }
    if (--body->taken == 0) {
        if (body->rank == AGAIN) {
            promote(cache, body);
        } else {
            join_line(cache, body, ONCE);
        }
    }
    if (--cache->taken == 0 && !is_open(cache)) {
        drop_memory(cache);
    }
}

void pg_body_put(struct pg_body_cache *cache, const struct pg_body_source *source,
                 struct mansio_str bytes)
{
    size_t blocks = blocks_of(bytes.len);
    if (!is_open(cache) || bytes.len == 0 || bytes.len > cache->max_bytes / LARGEST_PART ||
        bytes.len > UINT32_MAX || !take_memory(cache)) {
        return;
    }
    struct pg_body *body = find_body(cache, source->tenant, source->blob);
    if (body == NULL) {
        if (!make_room(cache, blocks)) {
            return;
        }
        body = add_body(cache, source, bytes);
        tell_bytes(cache);
    } else if (body->taken > 0) {
        body->rank = AGAIN;
    } else {
        leave_line(cache, body); /* another place of it, or two read it at a time */
        promote(cache, body);
    }
    uint32_t number = (uint32_t)(body - cache->bodies);
    set_name(cache, source->tenant, source->collection, source->uid, number);
    set_name(cache, source->tenant, NO_COLLECTION, source->message, number);
}

void pg_body_seen(struct pg_body_cache *cache, int64_t tenant, int64_t message, int64_t collection,
                  int64_t uid)
{
    if (cache->used_blocks == 0 || cache->memory == NULL) {
        return;
    }
    uint32_t body = find_named(cache, tenant, NO_COLLECTION, message);
    if (body != 0 && cache->bodies[body].message == message &&
        find_named(cache, tenant, collection, uid) != body) {
        set_name(cache, tenant, collection, uid, body);
    }
}

void pg_body_missed(struct pg_body_cache *cache, size_t count)
{
    if (count > 0 && cache->max_bytes > 0) {
        mansio_metric_add(cache->instance, PG_METRIC_BODY_CACHE_MISSES, (int64_t)count);
    }
}
