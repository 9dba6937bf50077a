/*
 * Groups: who started a fiber answers for its end. A group holds its fibers, those that have
 * ended and wait to be joined among them, and closing it leaves none.
 */
#include "core/loop/fiber.h"

#include "core/base/alloc.h"
#include "core/base/list.h"
#include "core/loop/wait.h"

#include <mansio/error.h>
#include <mansio/time.h>

struct mansio_group {
    const char *name;
    struct mansio_fiber *first; /* ended ones included */
    size_t running;             /* not ended */
    bool is_closing;
    struct mansio_waitable empty;
};

static int is_empty(struct mansio_waitable *self)
{
    return CORE_CONTAINER(self, struct mansio_group, empty)->running == 0;
}

static const struct core_waitable_ops empty_ops = {.name = "group", .is_ready = is_empty};

struct mansio_group *mansio_group_new(const char *name)
{
    struct mansio_group *group = core_alloc_must(sizeof *group);
    group->name = name;
    core_waitable_init(&group->empty, &empty_ops);
    return group;
}

void core_group_add(struct mansio_group *group, struct mansio_fiber *fiber)
{
    fiber->group = group;
    fiber->group_prev = NULL;
    fiber->group_next = group->first;
    if (group->first != NULL) {
        group->first->group_prev = fiber;
    }
    group->first = fiber;
    group->running++;
}

void core_group_ended(struct mansio_group *group)
{
    group->running--;
    if (group->running == 0) {
        (void)core_waitable_wake_all(&group->empty);
    }
}

void core_group_forget(struct mansio_group *group, struct mansio_fiber *fiber)
{
    if (fiber->group_prev != NULL) {
        fiber->group_prev->group_next = fiber->group_next;
    } else {
        group->first = fiber->group_next;
    }
    if (fiber->group_next != NULL) {
        fiber->group_next->group_prev = fiber->group_prev;
    }
}

bool core_group_is_closing(const struct mansio_group *group)
{
    return group->is_closing;
}

size_t mansio_group_count(const struct mansio_group *group)
{
    return group->running;
}

int mansio_group_join(struct mansio_group *group, int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    if (self->group == group) {
        return mansio_fail(MANSIO_E_BUG, "fiber \"%s\" would wait for its own group \"%s\"",
                           self->context.name, group->name);
    }
    int rc = core_fiber_take_signal(self, 0);
    /* A loop: others may have been started before this fiber's turn came. */
    while (rc == 0 && group->running > 0) {
        rc = core_wait_for(&group->empty, deadline_us);
        if (rc == 0) {
            rc = group->running > 0 ? core_fiber_take_signal(self, 0) : 0;
        }
    }
    return rc;
}

void mansio_group_stop(struct mansio_group *group, uint32_t reason, int64_t deadline_us)
{
    for (struct mansio_fiber *fiber = group->first; fiber != NULL; fiber = fiber->group_next) {
        mansio_fiber_stop(fiber, reason, deadline_us);
    }
}

void mansio_group_cancel(struct mansio_group *group)
{
    for (struct mansio_fiber *fiber = group->first; fiber != NULL; fiber = fiber->group_next) {
        mansio_fiber_cancel(fiber);
    }
}

void mansio_group_close(struct mansio_group *group)
{
    if (group == NULL) {
        return;
    }
    MANSIO_ASSERT(!group->is_closing);
    group->is_closing = true;
    mansio_group_cancel(group);
    if (group->running > 0) {
        struct mansio_fiber *self = core_fiber_running();
        MANSIO_ASSERT(self->group != group);
        mansio_fiber_mask();
        int rc = mansio_group_join(group, MANSIO_NEVER);
        mansio_fiber_unmask();
        MANSIO_ASSERT(rc == 0);
    }
    while (group->first != NULL) {
        core_fiber_reclaim(group->first);
    }
    core_free(group);
}
