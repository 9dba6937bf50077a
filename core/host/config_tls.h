/*
 * The part of the configuration that is about TLS and PROXY headers: for config.c alone.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_TLS_H
#define MANSIO_CORE_HOST_CONFIG_TLS_H

#include "core/host/config.h"
#include "core/host/problems.h"

/* `certificates` and `tls` of config->settings. Before listeners. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_config_take_tls(struct core_config *config,
                                           struct core_problems *problems);

/* What an entry of `listeners` says of TLS and proxies. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_config_take_listener_tls(const struct core_config *config,
                                                    struct core_problems *problems,
                                                    const struct mansio_settings *entry,
                                                    struct core_config_listener *out);

#endif
