/*
 * A hash map from slices to pointers. Hashing is keyed per process, so peers can't choose
 * colliding keys. Entries are visited in the order in which they were added.
 */
#ifndef MANSIO_MAP_H
#define MANSIO_MAP_H

#include <mansio/arena.h>
#include <mansio/base.h>

/** Opaque. */
struct mansio_map;

/**
 * Make a map.
 *
 * @param arena        whose end is the map's end
 * @param max_entries  most entries it may hold
 * @return the map, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_map *mansio_map_new(struct mansio_arena *arena, size_t max_entries);

/**
 * Set the value of a key.
 *
 * @param key    copied
 * @param value  borrowed; the map never looks at it; not NULL
 * @return 1 if the key is new, 0 if its value was replaced; MANSIO_E_LIMIT when the map is full
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_map_put(struct mansio_map *map, struct mansio_str key,
                                                   void *value);

/** The value of a key, or NULL. @yields no @since 1.0 */
MANSIO_EXPORT void *mansio_map_get(const struct mansio_map *map, struct mansio_str key);

/** Remove a key; returns the value it had, or NULL. @yields no @since 1.0 */
MANSIO_EXPORT void *mansio_map_remove(struct mansio_map *map, struct mansio_str key);

/** Number of entries. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_map_count(const struct mansio_map *map);

/**
 * Visit the entries, oldest first. The entry last visited may be removed meanwhile; after any
 * other change the walk may miss entries or meet new ones, but stays safe.
 *
 * @param cursor  0 to begin; kept by the walk
 * @param key     the entry's key, valid until it is removed; may be NULL
 * @param value   the entry's value; may be NULL
 * @return 1 with an entry, 0 at the end
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_map_next(const struct mansio_map *map, size_t *cursor,
                                  struct mansio_str *key, void **value);

#endif
