/*
 * The part of the configuration that is about limits: for config.c alone.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_LIMITS_H
#define MANSIO_CORE_HOST_CONFIG_LIMITS_H

#include "core/host/config.h"
#include "core/host/problems.h"

/* `limits` of config->settings, as far as limits.h has them. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_config_take_limits(struct core_config *config,
                                              struct core_problems *problems);

/* A setting about networks: as given, or, where it is -1, so many times what one address may, and
 * no limit where that is none. */
uint32_t core_config_of_networks(const struct mansio_settings *section, const char *name,
                                 uint32_t per_address, uint32_t times);

#endif
