/*
 * The census of stack depth: for test builds and whoever wonders how large stacks must be. While
 * it is on, each stack is painted before its fiber runs, and how deep the paint is gone when it
 * ends is recorded under the fiber's name. Painting touches every page, so it is off in service.
 */
#ifndef MANSIO_CORE_LOOP_CENSUS_H
#define MANSIO_CORE_LOOP_CENSUS_H

#include "core/base/export.h"

#include <stddef.h>
#include <stdio.h>

struct mansio_fiber;

/* core_loop_options.stack_census turns it on. */
void core_census_setup(int is_on);

/* A fiber is about to start; is about to lose pages to a trim; has ended. */
void core_census_begin(struct mansio_fiber *fiber);
void core_census_note(struct mansio_fiber *fiber);
void core_census_end(struct mansio_fiber *fiber);

/* Deepest stack of a name so far, bytes; 0 if there was none. */
size_t core_census_depth(const char *name);

/* A line a name, deepest first: depth, fibers counted, name. Live fibers are looked at too. */
CORE_EXPORT void core_census_print(FILE *to);

#endif
