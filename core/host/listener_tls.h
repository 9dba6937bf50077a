/*
 * What the listeners of a configuration offer in TLS: certificates read from their files, contexts
 * made of them, handshakes counted and logged. The checking child makes it to see whether it can be
 * made, a worker to use it.
 */
#ifndef MANSIO_CORE_HOST_LISTENER_TLS_H
#define MANSIO_CORE_HOST_LISTENER_TLS_H

#include "core/base/export.h"
#include "core/host/config.h"
#include "core/net/tls.h"

struct core_listener_tls;

/**
 * Read all files that `certificates` and listeners name. Blocks: before anybody is served. Yields
 * between certificates.
 *
 * @param arena     whose end gives everything back; it outlives every conn
 * @param config    needed only for this call
 * @param source    gets what is wrong, with file, line and column
 * @param fallback  the master's ticket secret, where the configuration has none; may be empty: then
 *                  there is no resumption
 * @return 0; MANSIO_E_INVALID with problems in @p source; MANSIO_E_LIMIT; MANSIO_E_IO
 */
CORE_EXPORT MANSIO_MUST_CHECK int core_listener_tls_load(struct mansio_arena *arena,
                                                         const struct core_config *config,
                                                         const struct core_source *source,
                                                         struct mansio_str fallback,
                                                         struct core_listener_tls **out);

/* Of a row of config->listeners; NULL if it has no TLS. */
CORE_EXPORT struct core_tls_server *core_listener_tls_server(const struct core_listener_tls *tls,
                                                             size_t row);

/* Warn in the log of certificates that have expired, are not valid yet, or expire within a
 * fortnight, and of lists of revoked ones that are out of date. */
CORE_EXPORT void core_listener_tls_warn(const struct core_listener_tls *tls);

#endif
