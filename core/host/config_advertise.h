/*
 * What a listener's `advertise` says: for config.c alone.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_ADVERTISE_H
#define MANSIO_CORE_HOST_CONFIG_ADVERTISE_H

#include "core/host/config.h"
#include "core/host/problems.h"

/* Fill in the advertise_ fields of @p out. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_config_take_advertise(const struct core_config *config,
                                                 struct core_problems *problems,
                                                 const struct mansio_settings *entry,
                                                 struct core_config_listener *out);

#endif
