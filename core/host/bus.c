/*
 * The bus of a process: topics, their subscribers, and the link to everybody else.
 *
 * Owns the list of topics that have subscribers here, and what is queued for each. A queue that
 * runs over is emptied: its subscriber is told once (MANSIO_E_LIMIT) and must look at everything,
 * which covers whatever comes until it has been told, so nothing is queued before that either.
 * Doesn't know where the link leads (the daemon's channel to the master).
 */
#include "core/host/bus.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

#include "core/base/alloc.h"
#include "core/host/metrics_core.h"
#include "core/loop/waitable.h"

enum {
    TOPICS_MAX = 65536,
    CAPACITY_MAX = 65536,
};

struct hint {
    struct hint *next;
    size_t len;
    char bytes[];
};

struct topic {
    struct mansio_subscription *first;
    struct mansio_str name;
    char name_bytes[MANSIO_BUS_TOPIC_MAX];
};

struct mansio_subscription {
    struct mansio_waitable readable; /* first: readable_is_ready() finds the rest by it */
    struct topic *topic;
    struct mansio_subscription *next, *before; /* of the same topic */
    struct hint *first, *last;                 /* queued, oldest first */
    struct hint *taken;                        /* what the last next() gave */
    size_t count, capacity;
    int has_lost;
};

/* One a process. The map is made with the first subscription and stays. */
static struct mansio_map *topics;
static core_bus_link_fn link_fn;
static void *link_arg;
/* The transport to other nodes; NULL: none. */
static mansio_bus_tap_fn tap_fn;
static void *tap_arg;

static int readable_is_ready(struct mansio_waitable *self)
{
    const struct mansio_subscription *subscription = (const struct mansio_subscription *)self;
    return subscription->count > 0 || subscription->has_lost;
}

static const struct core_waitable_ops readable_ops = {
    .name = "subscription",
    .is_ready = readable_is_ready,
};

static int check_topic(struct mansio_str topic)
{
    int is_good = topic.len > 0 && topic.len <= MANSIO_BUS_TOPIC_MAX;
    for (size_t i = 0; is_good && i < topic.len; i++) {
        char c = topic.ptr[i];
        is_good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
    }
    if (!is_good) {
        return mansio_fail(
            MANSIO_E_INVALID, "bus topic \"%.*s\": wanted 1 to %d of a-z, 0-9, '-', '.', '/'",
            MANSIO_STR_ARG(mansio_str_sub(topic, 0, MANSIO_BUS_TOPIC_MAX)), MANSIO_BUS_TOPIC_MAX);
    }
    return 0;
}

static int check_hint(struct mansio_str topic, struct mansio_str payload)
{
    int rc = check_topic(topic);
    if (rc < 0) {
        return rc;
    }
    if (payload.len > MANSIO_BUS_PAYLOAD_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "bus payload for %.*s: %zu bytes, at most %d",
                           MANSIO_STR_ARG(topic), payload.len, MANSIO_BUS_PAYLOAD_MAX);
    }
    return 0;
}

static void empty_queue(struct mansio_subscription *subscription)
{
    while (subscription->first != NULL) {
        struct hint *hint = subscription->first;
        subscription->first = hint->next;
        core_free(hint);
    }
    subscription->last = NULL;
    subscription->count = 0;
}

static void enqueue(struct mansio_subscription *subscription, struct mansio_str payload)
{
    if (subscription->has_lost) {
        core_count(CORE_METRIC_BUS_LOST, 1);
        return;
    }
    struct hint *hint = subscription->count < subscription->capacity
                            ? core_alloc(sizeof *hint + payload.len)
                            : NULL;
    if (hint == NULL) {
        core_count(CORE_METRIC_BUS_LOST, (int64_t)subscription->count + 1);
        empty_queue(subscription);
        subscription->has_lost = 1;
    } else {
        hint->next = NULL;
        hint->len = payload.len;
        if (payload.len > 0) {
            memcpy(hint->bytes, payload.ptr, payload.len);
        }
        if (subscription->last != NULL) {
            subscription->last->next = hint;
        } else {
            subscription->first = hint;
        }
        subscription->last = hint;
        subscription->count++;
    }
    (void)core_waitable_wake_all(&subscription->readable);
}

static void deliver(struct mansio_str topic, struct mansio_str payload)
{
    const struct topic *found = topics == NULL ? NULL : mansio_map_get(topics, topic);
    if (found == NULL) {
        return;
    }
    for (struct mansio_subscription *s = found->first; s != NULL; s = s->next) {
        enqueue(s, payload);
    }
}

static void tap(struct mansio_str topic, struct mansio_str payload)
{
    if (tap_fn != NULL) {
        tap_fn(tap_arg, topic, payload);
    }
}

static void end_tap(void *arg)
{
    (void)arg;
    tap_fn = NULL;
}

void mansio_bus_tap(struct mansio_arena *arena, mansio_bus_tap_fn fn, void *arg)
{
    MANSIO_ASSERT(tap_fn == NULL);
    tap_fn = fn;
    tap_arg = arg;
    mansio_arena_defer(arena, end_tap, NULL);
}

void core_bus_set_link(core_bus_link_fn fn, void *arg)
{
    link_fn = fn;
    link_arg = arg;
}

void core_bus_deliver(struct mansio_str topic, struct mansio_str payload)
{
    if (check_hint(topic, payload) == 0) {
        deliver(topic, payload);
        tap(topic, payload);
    }
}

int mansio_bus_publish(struct mansio_str topic, struct mansio_str payload)
{
    int rc = mansio_bus_relay(topic, payload);
    if (rc == 0) {
        core_count(CORE_METRIC_BUS_PUBLISHED, 1);
        tap(topic, payload);
    }
    return rc;
}

int mansio_bus_relay(struct mansio_str topic, struct mansio_str payload)
{
    int rc = check_hint(topic, payload);
    if (rc < 0) {
        return rc;
    }
    deliver(topic, payload);
    if (link_fn != NULL) {
        link_fn(link_arg, topic, payload);
    }
    return 0;
}

/* ---- subscriptions -------------------------------------------------------------------------- */

static int find_or_add_topic(struct mansio_str name, struct topic **out)
{
    if (topics == NULL) {
        topics = mansio_map_new(mansio_arena_new(NULL, "bus", 0), TOPICS_MAX);
    }
    *out = mansio_map_get(topics, name);
    if (*out != NULL) {
        return 0;
    }
    struct topic *topic = core_alloc_must(sizeof *topic);
    memcpy(topic->name_bytes, name.ptr, name.len);
    topic->name = (struct mansio_str){topic->name_bytes, name.len};
    int rc = mansio_map_put(topics, topic->name, topic);
    if (rc < 0) {
        core_free(topic);
        return mansio_fail(MANSIO_E_LIMIT, "bus topic %.*s: %d topics are in use",
                           MANSIO_STR_ARG(name), TOPICS_MAX);
    }
    *out = topic;
    return 0;
}

static void end_subscription(void *arg)
{
    struct mansio_subscription *subscription = arg;
    struct topic *topic = subscription->topic;

    MANSIO_ASSERT(subscription->readable.first == NULL); /* nobody may still be waiting for it */
    if (subscription->before != NULL) {
        subscription->before->next = subscription->next;
    } else {
        topic->first = subscription->next;
    }
    if (subscription->next != NULL) {
        subscription->next->before = subscription->before;
    }
    empty_queue(subscription);
    core_free(subscription->taken);
    if (topic->first == NULL) {
        (void)mansio_map_remove(topics, topic->name);
        core_free(topic);
    }
}

int mansio_bus_subscribe(struct mansio_arena *arena, struct mansio_str topic, size_t capacity,
                         struct mansio_subscription **out)
{
    struct topic *found = NULL;
    int rc = check_topic(topic);
    if (rc < 0) {
        return rc;
    }
    if (capacity < 1 || capacity > CAPACITY_MAX) {
        return mansio_fail(MANSIO_E_INVALID,
                           "bus subscription to %.*s: capacity %zu: wanted 1 to %d",
                           MANSIO_STR_ARG(topic), capacity, CAPACITY_MAX);
    }
    rc = find_or_add_topic(topic, &found);
    if (rc < 0) {
        return rc;
    }
    struct mansio_subscription *made = mansio_arena_alloc(arena, sizeof *made);
    core_waitable_init(&made->readable, &readable_ops);
    made->topic = found;
    made->capacity = capacity;
    made->next = found->first;
    if (made->next != NULL) {
        made->next->before = made;
    }
    found->first = made;
    mansio_arena_defer(arena, end_subscription, made);
    *out = made;
    return 0;
}

int mansio_subscription_next(struct mansio_subscription *subscription, int64_t deadline_us,
                             struct mansio_str *out)
{
    struct mansio_waitable *const source = &subscription->readable;
    while (!readable_is_ready(source)) {
        if (deadline_us == 0) {
            return MANSIO_E_TIMEOUT;
        }
        int rc = mansio_wait(&source, 1, deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
    }
    core_free(subscription->taken);
    subscription->taken = NULL;
    if (subscription->has_lost) {
        subscription->has_lost = 0;
        return mansio_fail(MANSIO_E_LIMIT, "bus subscription to %.*s: hints were lost",
                           MANSIO_STR_ARG(subscription->topic->name));
    }
    struct hint *hint = subscription->first;
    subscription->first = hint->next;
    if (subscription->first == NULL) {
        subscription->last = NULL;
    }
    subscription->count--;
    subscription->taken = hint;
    *out = (struct mansio_str){hint->bytes, hint->len};
    return 0;
}

struct mansio_waitable *mansio_subscription_readable(struct mansio_subscription *subscription)
{
    return &subscription->readable;
}
