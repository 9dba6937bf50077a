/*
 * Stacks of fibers: reserved, not allocated; guarded at the low end; recycled.
 *
 * A stack is one mapping: the guard, the stack proper, and at the very top the struct that owns
 * it (a fiber), so that an idle fiber touches one page or two and costs no other allocation.
 * Owns the mappings and the list of those kept for reuse; knows nothing of what runs on them.
 */
#ifndef MANSIO_CORE_LOOP_STACK_H
#define MANSIO_CORE_LOOP_STACK_H

#include "core/base/export.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame may jump over a smaller guard unseen: modules built without -fstack-clash-protection. */
#define CORE_STACK_GUARD_BYTES ((size_t)64 * 1024)

/* What an owner begins with. */
struct core_stack {
    char *map;  /* the mapping; its first CORE_STACK_GUARD_BYTES are the guard */
    char *low;  /* lowest usable byte */
    char *high; /* end of the stack: the owner lies from here up */

    struct core_stack *newer, *older; /* while kept for reuse */
    int64_t kept_since_us;
    bool is_trimmed;
};

/*
 * Choose sizes. Before the first stack, or once all have been returned.
 *
 * size_bytes   the stack proper, without guard; 0: 256 KiB, twice that under ASan
 * owner_bytes  what lies at the top of each
 * kept_max     most stacks kept for reuse
 */
void core_stack_setup(size_t size_bytes, size_t owner_bytes, size_t kept_max);

/* Unmap what is kept, each after before_unmap (its owner's last chance). */
void core_stack_teardown(void (*before_unmap)(struct core_stack *stack));

/* Get a stack: a kept one, whose owner is as it was left (out_is_fresh: false), or a new one, whose
 * owner is zero but for struct core_stack. NULL without memory or mappings, detail recorded. */
struct core_stack *core_stack_get(bool *out_is_fresh);

/* Give one back. Returns false if it was not kept but has to be unmapped: then prepare its owner's
 * end and call core_stack_unmap(). */
bool core_stack_keep(struct core_stack *stack, int64_t now_us);
void core_stack_unmap(struct core_stack *stack);

/* Give the pages from the low end up to @p sp, exclusive, back to the system. */
void core_stack_trim(struct core_stack *stack, const void *sp);

/* Trim kept stacks that nobody has wanted since @p before_us, at most @p count. sp_of says where
 * the used part of one begins. Returns how many recently kept ones are left untrimmed. */
size_t core_stack_trim_kept(int64_t before_us, size_t count,
                            const void *(*sp_of)(struct core_stack *stack));

/* Whether an address lies in the guard of this stack. Async-signal-safe. */
bool core_stack_in_guard(const struct core_stack *stack, const void *address);

/* Number kept. */
size_t core_stack_kept(void);

/*
 * How many stacks this process may have. Where the kernel has guard markers (Linux 6.13) they cost
 * no mapping each, and it is SIZE_MAX; else each takes two of vm.max_map_count, less a reserve
 * for everything else.
 */
CORE_EXPORT size_t core_stack_fit(void);

/* Tests only: guard by mprotect() although the kernel has markers. */
void core_stack_force_mprotect(bool on);

#endif
