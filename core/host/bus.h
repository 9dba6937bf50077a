/*
 * The bus from the inside: what a worker publishes is handed to the link (the master's channel),
 * and what arrives from there is delivered to this process's subscribers.
 */
#ifndef MANSIO_CORE_HOST_BUS_H
#define MANSIO_CORE_HOST_BUS_H

#include "core/base/export.h"
#include <mansio/bus.h>

/* Where published hints go beside local subscribers; must not wait; may drop. */
typedef void (*core_bus_link_fn)(void *arg, struct mansio_str topic, struct mansio_str payload);
CORE_EXPORT void core_bus_set_link(core_bus_link_fn fn, void *arg);

/* A hint from outside: to local subscribers only. */
CORE_EXPORT void core_bus_deliver(struct mansio_str topic, struct mansio_str payload);

#endif
