/*
 * See stack.h. Kept stacks form a list, the newest first: it is reused first, because its pages
 * are still there; those at the other end are trimmed after a while, so that a burst of conns
 * doesn't hold its deepest stacks for ever.
 */
#include "core/loop/stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/sanitize.h"
#include <mansio/error.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

/* Redzones make frames larger. */
#define STACK_FACTOR        (CORE_ASAN ? 2 : 1)
#define STACK_DEFAULT_BYTES ((size_t)256 * 1024 * STACK_FACTOR)
#define STACK_MIN_BYTES     ((size_t)32 * 1024)

#define TRIM_MARGIN 1024

/* Left to everything that is not a stack: libraries, heaps, threads. */
#define MAPS_RESERVED 2048

static struct {
    size_t page;
    size_t map_bytes;   /* guard, stack and owner */
    size_t owner_bytes; /* rounded up to a cache line */
    size_t kept_max, kept;
    struct core_stack *newest, *oldest;
    bool is_mprotect_forced;
    int has_markers; /* -1: not asked yet */
} stacks = {.has_markers = -1};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Ask the kernel with a throw-away mapping whether it knows guard markers. */
static bool has_guard_markers(void)
{
    if (stacks.is_mprotect_forced) {
        return false;
    }
    if (stacks.has_markers < 0) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        stacks.has_markers = probe != MAP_FAILED && madvise(probe, page, MADV_GUARD_INSTALL) == 0;
        if (probe != MAP_FAILED) {
            munmap(probe, page);
        }
    }
    return stacks.has_markers == 1;
}

void core_stack_setup(size_t size_bytes, size_t owner_bytes, size_t kept_max)
{
    stacks.page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = size_bytes == 0 ? STACK_DEFAULT_BYTES : size_bytes;
    if (size < STACK_MIN_BYTES * STACK_FACTOR) {
        size = STACK_MIN_BYTES * STACK_FACTOR;
    }
    stacks.owner_bytes = round_up(owner_bytes, 64);
    stacks.map_bytes = CORE_STACK_GUARD_BYTES + round_up(size, stacks.page);
    stacks.kept_max = kept_max;
    (void)has_guard_markers();
}

void core_stack_force_mprotect(bool on)
{
    stacks.is_mprotect_forced = on;
}

static struct core_stack *map_stack(void)
{
    char *map = mmap(NULL, stacks.map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED) {
        (void)mansio_fail(MANSIO_E_LIMIT, "map a stack of %zu bytes: %s", stacks.map_bytes,
                          strerror(errno));
        return NULL;
    }
    int rc = has_guard_markers() ? madvise(map, CORE_STACK_GUARD_BYTES, MADV_GUARD_INSTALL)
                                 : mprotect(map, CORE_STACK_GUARD_BYTES, PROT_NONE);
    if (rc != 0) {
        (void)mansio_fail(MANSIO_E_LIMIT, "guard a stack (vm.max_map_count?): %s", strerror(errno));
        munmap(map, stacks.map_bytes);
        return NULL;
    }
    /* Neighbouring stacks merge into one mapping; a huge page would give each touched one 2 MiB.
     * A kernel without them refuses the advice, which is as good. */
    (void)madvise(map, stacks.map_bytes, MADV_NOHUGEPAGE);

    char *high = map + stacks.map_bytes - stacks.owner_bytes;
    struct core_stack *stack = (struct core_stack *)(void *)high;
    *stack = (struct core_stack){
        .map = map,
        .low = map + CORE_STACK_GUARD_BYTES,
        .high = high,
        .is_trimmed = true,
    };
    return stack;
}

struct core_stack *core_stack_get(bool *out_is_fresh)
{
    struct core_stack *stack = stacks.newest;
    if (stack == NULL) {
        stack = map_stack();
        *out_is_fresh = true;
        return stack;
    }
    stacks.newest = stack->older;
    if (stacks.newest != NULL) {
        stacks.newest->newer = NULL;
    } else {
        stacks.oldest = NULL;
    }
    stack->older = NULL;
    stacks.kept--;
    *out_is_fresh = false;
    return stack;
}

bool core_stack_keep(struct core_stack *stack, int64_t now_us)
{
    if (stacks.kept >= stacks.kept_max) {
        return false;
    }
    stack->kept_since_us = now_us;
    stack->is_trimmed = false;
    stack->newer = NULL;
    stack->older = stacks.newest;
    if (stacks.newest != NULL) {
        stacks.newest->newer = stack;
    } else {
        stacks.oldest = stack;
    }
    stacks.newest = stack;
    stacks.kept++;
    return true;
}

void core_stack_unmap(struct core_stack *stack)
{
    MANSIO_ASSERT(munmap(stack->map, stacks.map_bytes) == 0);
}

void core_stack_teardown(void (*before_unmap)(struct core_stack *stack))
{
    while (stacks.newest != NULL) {
        bool is_fresh = false;
        struct core_stack *stack = core_stack_get(&is_fresh);
        before_unmap(stack);
        core_stack_unmap(stack);
    }
}

void core_stack_trim(struct core_stack *stack, const void *sp)
{
    /* The red zone, and this function's own frame, should it run on that stack. */
    uintptr_t end = ((uintptr_t)sp - TRIM_MARGIN) / stacks.page * stacks.page;
    uintptr_t low = (uintptr_t)stack->low;
    if (end > low) {
        (void)madvise(stack->low, end - low, MADV_DONTNEED);
    }
}

size_t core_stack_trim_kept(int64_t before_us, size_t count,
                            const void *(*sp_of)(struct core_stack *stack))
{
    size_t left = 0;
    for (struct core_stack *stack = stacks.oldest; stack != NULL; stack = stack->newer) {
        if (stack->is_trimmed) {
            continue;
        }
        if (stack->kept_since_us > before_us || count == 0) {
            left++;
            continue;
        }
        core_stack_trim(stack, sp_of(stack));
        stack->is_trimmed = true;
        count--;
    }
    return left;
}

bool core_stack_in_guard(const struct core_stack *stack, const void *address)
{
    const char *at = address;
    return at >= stack->map && at < stack->low;
}

size_t core_stack_kept(void)
{
    return stacks.kept;
}

static size_t count_maps(void)
{
    size_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    if (file != NULL) {
        for (int c = getc(file); c != EOF; c = getc(file)) {
            lines += c == '\n';
        }
        (void)fclose(file);
    }
    return lines;
}

size_t core_stack_fit(void)
{
    if (has_guard_markers()) {
        return SIZE_MAX;
    }
    unsigned long limit = 65530; /* the kernel's default, should /proc be hidden */
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file != NULL) {
        char line[32];
        if (fgets(line, sizeof line, file) != NULL) {
            char *end = NULL;
            errno = 0;
            unsigned long value = strtoul(line, &end, 10);
            if (errno == 0 && end != line) {
                limit = value;
            }
        }
        (void)fclose(file);
    }
    size_t taken = count_maps() + MAPS_RESERVED;
    return limit > taken ? (limit - taken) / 2 : 0;
}
