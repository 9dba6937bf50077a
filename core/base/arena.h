/*
 * Arenas, what only core/ may use: charging memory that lives outside an arena's blocks to its
 * cap (buffers, maps, secrets), and moving an arena to another parent.
 */
#ifndef MANSIO_CORE_BASE_ARENA_H
#define MANSIO_CORE_BASE_ARENA_H

#include "core/base/export.h"
#include <mansio/arena.h>

/* An arena without parent whose first block is @p first_block bytes; one block up to that size
 * survives a reset. */
CORE_EXPORT struct mansio_arena *core_arena_make(const char *name, size_t cap_bytes,
                                                 size_t first_block);

/* Hang @p arena under @p parent, NULL for under none; what it holds is charged there from now on,
 * even past the new parents' caps. It ends before what the parent has gathered so far. */
CORE_EXPORT void core_arena_move(struct mansio_arena *arena, struct mansio_arena *parent);

CORE_EXPORT struct mansio_arena *core_arena_parent(const struct mansio_arena *arena);
CORE_EXPORT const char *core_arena_name(const struct mansio_arena *arena);

/* Count @p bytes held elsewhere towards the caps. 0; MANSIO_E_LIMIT if they don't fit. */
CORE_EXPORT MANSIO_MUST_CHECK int core_arena_charge(struct mansio_arena *arena, size_t bytes);

/* Take back what core_arena_charge() counted. Everything must be taken back by the arena's end. */
CORE_EXPORT void core_arena_uncharge(struct mansio_arena *arena, size_t bytes);

#endif
