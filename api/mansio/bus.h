/*
 * The bus: hints to look, from anybody to everybody, in this worker, in the others of this node,
 * and, where a bus transport is configured, on other nodes.
 *
 * A message says that something changed, never what it is now: a lost one costs latency, not
 * truth. A subscriber that falls behind gets MANSIO_E_LIMIT once and looks at everything.
 */
#ifndef MANSIO_BUS_H
#define MANSIO_BUS_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

/** Longest topic and longest payload, bytes. */
#define MANSIO_BUS_TOPIC_MAX   63
#define MANSIO_BUS_PAYLOAD_MAX 1024

/** Opaque. */
struct mansio_subscription;

/**
 * Publish a hint. It reaches subscribers of this worker before anybody yields again, others soon.
 *
 * @param topic    lower-case letters, digits, '-', '.', '/'
 * @param payload  what to look at; any bytes
 * @return 0; MANSIO_E_INVALID for a bad topic; MANSIO_E_LIMIT for a payload too long
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_bus_publish(struct mansio_str topic, struct mansio_str payload);

/**
 * Subscribe to a topic.
 *
 * @param arena     whose end ends the subscription
 * @param topic     as in mansio_bus_publish()
 * @param capacity  hints kept until read, 1 to 65,536
 * @param out       the subscription
 * @return 0; MANSIO_E_INVALID for a bad topic or capacity; MANSIO_E_LIMIT when 65,536 topics are
 *         subscribed to in this process
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_bus_subscribe(struct mansio_arena *arena,
                                                         struct mansio_str topic, size_t capacity,
                                                         struct mansio_subscription **out);

/**
 * Take the next hint.
 *
 * @param deadline_us  monotonic time; 0 to try without waiting; or MANSIO_NEVER
 * @param out          the payload; valid until the next call on @p subscription
 * @return 0; MANSIO_E_LIMIT, once, after hints were lost; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
 * @yields yes, unless @p deadline_us is 0     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_subscription_next(
    struct mansio_subscription *subscription, int64_t deadline_us, struct mansio_str *out);

/** Ready while there is something to take. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_subscription_readable(
    struct mansio_subscription *subscription);

/* ---- for a transport to other nodes -----------------------------------------------------------
 */

/** Shown a hint; must not yield, nor publish. */
typedef void (*mansio_bus_tap_fn)(void *arg, struct mansio_str topic, struct mansio_str payload);

/**
 * See every hint of this node that reaches this process: what is published here, and what comes
 * from its other processes; not what mansio_bus_relay() brought. One tap a process.
 *
 * @param arena  whose end is the tap's end
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_bus_tap(struct mansio_arena *arena, mansio_bus_tap_fn fn, void *arg);

/** As mansio_bus_publish(), of a hint that came from another node: no tap sees it.
 * @yields no @since 1.0 */
MANSIO_EXPORT int mansio_bus_relay(struct mansio_str topic, struct mansio_str payload);

#endif
