/*
 * Sessions by service and tenant. See tally.h. Owns a map for each tally, in which a name is as
 * long as it has sessions.
 */
#include "core/host/tally.h"

#include <string.h>

#include "core/base/alloc.h"
#include <mansio/arena.h>
#include <mansio/map.h>
#include <mansio/str.h>

enum { NAMES_MAX = 10000000 };

struct entry {
    uint64_t count;
};

/* One a process. */
static struct mansio_arena *arena;
static struct mansio_map *maps[CORE_TALLIES];

void core_tally_forget(void)
{
    for (size_t i = 0; i < CORE_TALLIES; i++) {
        size_t cursor = 0;
        void *value = NULL;
        while (maps[i] != NULL && mansio_map_next(maps[i], &cursor, NULL, &value)) {
            core_free(value);
        }
        maps[i] = NULL;
    }
    mansio_arena_free(arena);
    arena = NULL;
}

static struct mansio_map *map_of(enum core_tally tally)
{
    if (maps[tally] == NULL) {
        if (arena == NULL) {
            arena = mansio_arena_new(NULL, "tally", 0);
        }
        maps[tally] = mansio_map_new(arena, NAMES_MAX);
    }
    return maps[tally];
}

void core_tally_count(enum core_tally tally, struct mansio_str name, int change)
{
    struct mansio_map *map = map_of(tally);
    name = mansio_str_sub(name, 0, CORE_TALLY_NAME_MAX);
    struct entry *entry = mansio_map_get(map, name);
    if (change > 0 && entry == NULL) {
        entry = core_alloc_must(sizeof *entry);
        entry->count = 0;
        if (mansio_map_put(map, name, entry) < 0) {
            core_free(entry); /* more names than sessions can have: it goes uncounted */
            return;
        }
    }
    if (change > 0) {
        entry->count++;
    } else if (entry != NULL && --entry->count == 0) {
        (void)mansio_map_remove(map, name);
        core_free(entry);
    }
}

static int is_before(const struct core_tally_row *a, const struct core_tally_row *b)
{
    return a->count != b->count ? a->count > b->count : mansio_str_cmp(a->name, b->name) < 0;
}

size_t core_tally_top(enum core_tally tally, struct core_tally_row *out, size_t max,
                      size_t *out_names)
{
    const struct mansio_map *map = map_of(tally);
    size_t cursor = 0, count = 0;
    struct mansio_str name;
    void *value = NULL;
    while (mansio_map_next(map, &cursor, &name, &value)) {
        const struct entry *entry = value;
        struct core_tally_row row = {.name = name, .count = entry->count};
        size_t at = count;
        if (count == max && (max == 0 || !is_before(&row, &out[max - 1]))) {
            continue;
        }
        /* Among a few dozen an insertion is cheap, and most names fall at the first comparison. */
        at = count < max ? count++ : max - 1;
        while (at > 0 && is_before(&row, &out[at - 1])) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = row;
    }
    *out_names = mansio_map_count(map);
    return count;
}
