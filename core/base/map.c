/*
 * Hash maps in order of insertion. Owns an array of entries, oldest first, with holes where
 * entries were removed; an open-addressed index of positions in it; and a copy of each key. All is
 * charged to the arena. Holes are closed only when the array is full, so that positions, which
 * are what a walk's cursor holds, survive a removal.
 */
#include <mansio/map.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/hash.h"

#include <string.h>
#include <mansio/error.h>
#include <mansio/str.h>

enum {
    FIRST_ENTRIES = 8,
    INDEX_EMPTY = 0, /* a slot of the index holds position + 1 */
};

/* Positions must fit 32 bits, and twice as many slots a size_t. */
#define ENTRIES_MAX ((size_t)1 << 30)

struct entry {
    uint64_t hash;
    char *key; /* NULL for a hole */
    size_t key_len;
    void *value;
};

struct mansio_map {
    struct mansio_arena *arena;
    struct entry *entries;
    uint32_t *index; /* twice as many slots as entries has room; power of two */
    size_t room;     /* of entries */
    size_t used;     /* of entries, holes included */
    size_t oldest;   /* no entry stands before this position */
    size_t count;
    size_t max_entries;
};

static void map_end(void *arg)
{
    struct mansio_map *map = arg;

    for (size_t i = 0; i < map->used; i++) {
        if (map->entries[i].key != NULL) {
            core_arena_uncharge(map->arena, map->entries[i].key_len + 1);
            core_free(map->entries[i].key);
        }
    }
    core_arena_uncharge(map->arena, map->room * (sizeof *map->entries + 2 * sizeof *map->index));
    core_free(map->entries);
    core_free(map->index);
}

struct mansio_map *mansio_map_new(struct mansio_arena *arena, size_t max_entries)
{
    struct mansio_map *map = mansio_arena_alloc(arena, sizeof *map);

    map->arena = arena;
    map->max_entries = max_entries < ENTRIES_MAX ? max_entries : ENTRIES_MAX;
    mansio_arena_defer(arena, map_end, map);
    return map;
}

static struct mansio_str key_of(const struct entry *entry)
{
    return (struct mansio_str){entry->key, entry->key_len};
}

/* The index slot that holds @p key, or else the empty one where its search ends. A removed entry
 * leaves a slot that points to a hole: searches go on past it. */
static size_t find_slot(const struct mansio_map *map, uint64_t hash, struct mansio_str key)
{
    size_t mask = 2 * map->room - 1;
    size_t slot = (size_t)hash & mask;

    while (map->index[slot] != INDEX_EMPTY) {
        const struct entry *entry = &map->entries[map->index[slot] - 1];

        if (entry->key != NULL && entry->hash == hash && mansio_str_eq(key_of(entry), key)) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

static struct entry *find(const struct mansio_map *map, struct mansio_str key)
{
    size_t slot;

    if (map->count == 0) {
        return NULL;
    }
    slot = find_slot(map, core_hash(key), key);
    return map->index[slot] != INDEX_EMPTY ? &map->entries[map->index[slot] - 1] : NULL;
}

/* Close the holes and fill the index anew. */
static void rebuild(struct mansio_map *map)
{
    size_t mask = 2 * map->room - 1;
    size_t kept = 0;

    memset(map->index, 0, 2 * map->room * sizeof *map->index);
    for (size_t i = 0; i < map->used; i++) {
        size_t slot = (size_t)map->entries[i].hash & mask;

        if (map->entries[i].key == NULL) {
            continue;
        }
        map->entries[kept] = map->entries[i];
        while (map->index[slot] != INDEX_EMPTY) {
            slot = (slot + 1) & mask;
        }
        map->index[slot] = (uint32_t)(++kept);
    }
    map->used = kept;
    map->oldest = 0;
}

static int grow(struct mansio_map *map)
{
    size_t room = map->room == 0 ? FIRST_ENTRIES : 2 * map->room;
    size_t bytes = (room - map->room) * (sizeof *map->entries + 2 * sizeof *map->index);
    struct entry *entries = NULL;
    uint32_t *index = NULL;
    int result = core_arena_charge(map->arena, bytes);

    if (result < 0) {
        return result;
    }
    index = core_alloc(2 * room * sizeof *index);
    if (index != NULL) {
        entries = core_realloc(map->entries, room * sizeof *entries);
    }
    if (entries == NULL) {
        core_free(index);
        core_arena_uncharge(map->arena, bytes);
        return mansio_fail(MANSIO_E_LIMIT, "map: no memory for %zu entries", room);
    }
    core_free(map->index);
    map->entries = entries;
    map->index = index;
    map->room = room;
    rebuild(map);
    return 0;
}

/* Make room for one entry more. */
static int reserve(struct mansio_map *map)
{
    if (map->count >= map->max_entries) {
        return mansio_fail(MANSIO_E_LIMIT, "map: full with %zu entries", map->count);
    }
    if (map->used < map->room) {
        return 0;
    }
    /* Closing holes is worth it while they are a quarter: then it is paid for by the removals. */
    if (map->room > 0 && map->used - map->count >= map->room / 4) {
        rebuild(map);
        return 0;
    }
    return grow(map);
}

static char *copy_key(struct mansio_map *map, struct mansio_str key)
{
    char *copy;

    if (core_arena_charge(map->arena, key.len + 1) < 0) {
        return NULL;
    }
    copy = core_alloc(key.len + 1);
    if (copy == NULL) {
        core_arena_uncharge(map->arena, key.len + 1);
        (void)mansio_fail(MANSIO_E_LIMIT, "map: no memory for a key of %zu bytes", key.len);
        return NULL;
    }
    if (key.len > 0) {
        memcpy(copy, key.ptr, key.len);
    }
    copy[key.len] = '\0';
    return copy;
}

int mansio_map_put(struct mansio_map *map, struct mansio_str key, void *value)
{
    struct entry *entry = find(map, key);
    uint64_t hash;
    char *copy;
    int result;

    MANSIO_ASSERT(value != NULL);
    if (entry != NULL) {
        entry->value = value;
        return 0;
    }
    result = reserve(map);
    if (result < 0) {
        return result;
    }
    copy = copy_key(map, key);
    if (copy == NULL) {
        return MANSIO_E_LIMIT;
    }
    hash = core_hash(key);
    map->index[find_slot(map, hash, key)] = (uint32_t)(map->used + 1);
    map->entries[map->used++] = (struct entry){hash, copy, key.len, value};
    map->count++;
    return 1;
}

void *mansio_map_get(const struct mansio_map *map, struct mansio_str key)
{
    const struct entry *entry = find(map, key);

    return entry != NULL ? entry->value : NULL;
}

void *mansio_map_remove(struct mansio_map *map, struct mansio_str key)
{
    struct entry *entry = find(map, key);
    void *value;

    if (entry == NULL) {
        return NULL;
    }
    value = entry->value;
    core_arena_uncharge(map->arena, entry->key_len + 1);
    core_free(entry->key);
    *entry = (struct entry){0};
    map->count--;
    while (map->oldest < map->used && map->entries[map->oldest].key == NULL) {
        map->oldest++;
    }
    return value;
}

size_t mansio_map_count(const struct mansio_map *map)
{
    return map->count;
}

int mansio_map_next(const struct mansio_map *map, size_t *cursor, struct mansio_str *key,
                    void **value)
{
    size_t at = *cursor < map->oldest ? map->oldest : *cursor;

    while (at < map->used && map->entries[at].key == NULL) {
        at++;
    }
    if (at >= map->used) {
        *cursor = at;
        return 0;
    }
    if (key != NULL) {
        *key = key_of(&map->entries[at]);
    }
    if (value != NULL) {
        *value = map->entries[at].value;
    }
    *cursor = at + 1;
    return 1;
}
