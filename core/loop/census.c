/*
 * See census.h. Pages given back by a trim read as zero, and so do those never touched after it:
 * zero counts as untouched; what a trim throws away is looked at before.
 */
#include "config.h"

#include "core/loop/census.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop/fiber.h"

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/memcheck.h>
/* What lies below the stack pointer is nobody's, says memcheck; it is the census's. */
#define ALLOW(from, size) (void)VALGRIND_MAKE_MEM_DEFINED(from, size)
#else
#define ALLOW(from, size) (void)0
#endif

#define PAINT UINT64_C(0xa5a55a5aa5a55a5a)

/* The frames that wait at the top of a stack for its next function reach no deeper than this
 * below where they were left; with sanitizers. */
#define TOP_FRAMES_BYTES 4096

/* Names are spawn sites: there are tens of them. More than this, and the rest is not counted. */
#define ENTRIES_MAX 512

struct entry {
    const char *name;
    size_t deepest, fibers;
};

static struct {
    bool is_on;
    size_t count;
    struct entry entries[ENTRIES_MAX];
} census;

#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined"), noinline))

/* By hand: memset() and ASan's shadow of frames long gone don't go together. */
NO_SANITIZE static void paint(char *from, char *to)
{
    for (volatile uint64_t *at = (volatile uint64_t *)(void *)from; (char *)(uintptr_t)at < to;
         at++) {
        *at = PAINT;
    }
}

NO_SANITIZE static size_t depth(const struct core_stack *stack)
{
    const volatile uint64_t *at = (const volatile uint64_t *)(const void *)stack->low;
    while ((const char *)(uintptr_t)at < stack->high && (*at == PAINT || *at == 0)) {
        at++;
    }
    return (size_t)(stack->high - (const char *)(uintptr_t)at);
}

static struct entry *find(const char *name, bool is_new_welcome)
{
    for (size_t i = 0; i < census.count; i++) {
        if (strcmp(census.entries[i].name, name) == 0) {
            return &census.entries[i];
        }
    }
    if (!is_new_welcome || census.count == ENTRIES_MAX) {
        return NULL;
    }
    struct entry *entry = &census.entries[census.count++];
    *entry = (struct entry){.name = name};
    return entry;
}

static struct entry *record(const struct mansio_fiber *fiber)
{
    struct entry *entry = find(fiber->context.name, true);
    if (entry != NULL) {
        ALLOW(fiber->stack.low, (size_t)(fiber->stack.high - fiber->stack.low));
        size_t deep = depth(&fiber->stack);
        entry->deepest = deep > entry->deepest ? deep : entry->deepest;
    }
    return entry;
}

void core_census_setup(int is_on)
{
    census.is_on = is_on != 0;
    census.count = 0;
}

void core_census_begin(struct mansio_fiber *fiber)
{
    if (census.is_on) {
        uintptr_t top = (uintptr_t)fiber->place.saved_sp - TOP_FRAMES_BYTES;
        ALLOW(fiber->stack.low, (top & ~(uintptr_t)7) - (uintptr_t)fiber->stack.low);
        paint(fiber->stack.low, (char *)(top & ~(uintptr_t)7));
    }
}

void core_census_note(struct mansio_fiber *fiber)
{
    if (census.is_on) {
        (void)record(fiber);
    }
}

void core_census_end(struct mansio_fiber *fiber)
{
    if (census.is_on) {
        struct entry *entry = record(fiber);
        if (entry != NULL) {
            entry->fibers++;
        }
    }
}

size_t core_census_depth(const char *name)
{
    const struct entry *entry = find(name, false);
    return entry == NULL ? 0 : entry->deepest;
}

static int deepest_first(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return (left->deepest < right->deepest) - (left->deepest > right->deepest);
}

void core_census_print(FILE *to)
{
    if (!census.is_on) {
        return;
    }
    for (struct mansio_fiber *fiber = core_scheduler.all_first; fiber != NULL;
         fiber = fiber->all_next) {
        if (fiber->state != CORE_FIBER_ENDED) {
            (void)record(fiber);
        }
    }
    qsort(census.entries, census.count, sizeof census.entries[0], deepest_first);
    for (size_t i = 0; i < census.count; i++) {
        (void)fprintf(to, "stack %8zu bytes, %zu fibers ended: %s\n", census.entries[i].deepest,
                      census.entries[i].fibers, census.entries[i].name);
    }
}
