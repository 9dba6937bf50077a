/*
 * Kept answers: see dns_cache.h. A map from type and name to a block of the heap; the map's order
 * of age is the order in which they go.
 */
#include "core/net/dns_cache.h"

#include "core/base/alloc.h"

#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include <string.h>

enum {
    ENTRIES_MAX = 65536,
    PACKET_MAX = 8192,   /* larger ones are rare, and asked again */
    OVERHEAD_BYTES = 96, /* of the map and the heap, for each */
    KEY_MAX = 1024 + 8,
};

struct entry {
    int64_t came_us;
    int64_t until_us;
    size_t cost;
    size_t length;
    char packet[];
};

struct core_dns_cache {
    struct mansio_map *entries;
    size_t max_bytes;
    size_t bytes;
};

static struct mansio_str key_of(struct mansio_str name, uint32_t type, char key[KEY_MAX])
{
    size_t length = name.len < KEY_MAX - 2 ? name.len : KEY_MAX - 2;

    key[0] = (char)(type >> 8);
    key[1] = (char)type;
    if (length > 0) {
        memcpy(key + 2, name.ptr, length);
    }
    return (struct mansio_str){key, length + 2};
}

static void drop(struct core_dns_cache *cache, struct mansio_str key)
{
    struct entry *entry = mansio_map_remove(cache->entries, key);

    if (entry != NULL) {
        cache->bytes -= entry->cost;
        core_free(entry);
    }
}

static void drop_oldest(struct core_dns_cache *cache)
{
    size_t cursor = 0;
    struct mansio_str key = MANSIO_STR_NONE;

    if (mansio_map_next(cache->entries, &cursor, &key, NULL)) {
        char copy[KEY_MAX]; /* the map's own goes with its entry */

        memcpy(copy, key.ptr, key.len);
        drop(cache, (struct mansio_str){copy, key.len});
    }
}

static void end(void *arg)
{
    struct core_dns_cache *cache = arg;

    while (mansio_map_count(cache->entries) > 0) {
        drop_oldest(cache);
    }
}

struct core_dns_cache *core_dns_cache_new(struct mansio_arena *arena, size_t max_bytes)
{
    struct core_dns_cache *cache = mansio_arena_alloc(arena, sizeof *cache);

    cache->entries = mansio_map_new(arena, ENTRIES_MAX);
    cache->max_bytes = max_bytes;
    mansio_arena_defer(arena, end, cache);
    return cache;
}

void core_dns_cache_put(struct core_dns_cache *cache, struct mansio_str name, uint32_t type,
                        struct mansio_str packet, uint32_t ttl_seconds, int64_t now_us)
{
    char text[KEY_MAX];
    struct mansio_str key = key_of(name, type, text);
    size_t cost = sizeof(struct entry) + packet.len + key.len + OVERHEAD_BYTES;
    struct entry *entry;

    drop(cache, key);
    if (ttl_seconds == 0 || packet.len > PACKET_MAX || cost > cache->max_bytes ||
        name.len > KEY_MAX - 2) {
        return;
    }
    while (cache->bytes + cost > cache->max_bytes ||
           mansio_map_count(cache->entries) >= ENTRIES_MAX) {
        drop_oldest(cache);
    }
    entry = core_alloc(sizeof *entry + packet.len);
    if (entry == NULL) {
        return;
    }
    entry->came_us = now_us;
    entry->until_us = now_us + (int64_t)ttl_seconds * MANSIO_SECOND;
    entry->cost = cost;
    entry->length = packet.len;
    memcpy(entry->packet, packet.ptr, packet.len);
    if (mansio_map_put(cache->entries, key, entry) < 0) {
        core_free(entry);
        return;
    }
    cache->bytes += cost;
}

struct mansio_str core_dns_cache_get(struct core_dns_cache *cache, struct mansio_str name,
                                     uint32_t type, int64_t now_us, uint32_t *out_age)
{
    char text[KEY_MAX];
    struct mansio_str key = key_of(name, type, text);
    const struct entry *entry = mansio_map_get(cache->entries, key);

    if (entry == NULL) {
        return MANSIO_STR_NONE;
    }
    if (now_us >= entry->until_us) {
        drop(cache, key);
        return MANSIO_STR_NONE;
    }
    *out_age = (uint32_t)((now_us - entry->came_us) / MANSIO_SECOND);
    return (struct mansio_str){entry->packet, entry->length};
}

size_t core_dns_cache_bytes(const struct core_dns_cache *cache)
{
    return cache->bytes;
}

size_t core_dns_cache_entries(const struct core_dns_cache *cache)
{
    return mansio_map_count(cache->entries);
}
