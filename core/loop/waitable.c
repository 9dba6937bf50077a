/*
 * The list of those who wait for one thing, in order of arrival, and waking them.
 */
#include "core/loop/waitable.h"

#include "core/loop/fiber.h"
#include "core/loop/wait.h"

void core_waitable_init(struct mansio_waitable *self, const struct core_waitable_ops *ops)
{
    *self = (struct mansio_waitable){.ops = ops};
}

void core_waiter_enter(struct core_waiter *self, struct mansio_waitable *source,
                       struct mansio_fiber *fiber)
{
    bool is_first = source->first == NULL;
    *self = (struct core_waiter){.source = source, .prev = source->last, .fiber = fiber};
    if (is_first) {
        source->first = self;
    } else {
        source->last->next = self;
    }
    source->last = self;
    if (is_first && source->ops->arm != NULL) {
        source->ops->arm(source);
    }
}

void core_waiter_leave(struct core_waiter *self)
{
    struct mansio_waitable *source = self->source;
    if (source == NULL) {
        return;
    }
    if (self->prev != NULL) {
        self->prev->next = self->next;
    } else {
        source->first = self->next;
    }
    if (self->next != NULL) {
        self->next->prev = self->prev;
    } else {
        source->last = self->prev;
    }
    self->source = NULL;
    self->prev = NULL;
    self->next = NULL;
    if (source->first == NULL && source->ops->disarm != NULL) {
        source->ops->disarm(source);
    }
}

static void wake(struct core_waiter *waiter, uint32_t how)
{
    waiter->woken = how;
    core_waiter_leave(waiter);
    core_fiber_wake(waiter->fiber);
}

size_t core_waitable_wake_all(struct mansio_waitable *self)
{
    size_t woken = 0;
    /* Nothing enters meanwhile: whoever is woken runs later. */
    while (self->first != NULL) {
        wake(self->first, CORE_WOKEN_ALL);
        woken++;
    }
    return woken;
}

size_t core_waitable_wake_one(struct mansio_waitable *self)
{
    if (self->first == NULL) {
        return 0;
    }
    wake(self->first, CORE_WOKEN_ONE);
    return 1;
}
