/*
 * What a fiber can wait for, from the inside: whoever makes one embeds it, says when it is ready
 * and wakes those who wait. Public code sees only struct mansio_waitable pointers.
 */
#ifndef MANSIO_CORE_LOOP_WAITABLE_H
#define MANSIO_CORE_LOOP_WAITABLE_H

#include <mansio/base.h>
#include <mansio/fiber.h>

struct core_waiter; /* one fiber's wait for one waitable; lies on that fiber's stack */

struct core_waitable_ops {
    const char *name; /* static: what the fiber list shows: "stream", "event", ... */
    /* 1 if a wait need not suspend. NULL: only a wake tells. */
    int (*is_ready)(struct mansio_waitable *self);
    /* The first waiter came: start watching. NULL: nothing to do. */
    void (*arm)(struct mansio_waitable *self);
    /* The last waiter left: stop watching. NULL: nothing to do. */
    void (*disarm)(struct mansio_waitable *self);
};

struct mansio_waitable {
    const struct core_waitable_ops *ops;
    struct core_waiter *first, *last; /* in order of arrival */
};

void core_waitable_init(struct mansio_waitable *self, const struct core_waitable_ops *ops);

/* Make all waiters, or the longest waiting one, runnable. Returns how many were woken. Whoever is
 * woken has left the list. */
size_t core_waitable_wake_all(struct mansio_waitable *self);
size_t core_waitable_wake_one(struct mansio_waitable *self);

#endif
