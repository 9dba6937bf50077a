/*
 * The resolver of a process: c-ares on its loop, and answers kept for as long as they say.
 * Implements <mansio/resolver.h>; what an answer says is dns.h.
 */
#ifndef MANSIO_CORE_NET_RESOLVER_H
#define MANSIO_CORE_NET_RESOLVER_H

#include "core/base/export.h"

#include <mansio/base.h>

struct core_resolver_options {
    const struct mansio_str *servers; /* "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53" */
    size_t server_count;              /* 0: those of the system (/etc/resolv.conf), read once */
    int trust_ad;                     /* 1: their AD bit counts */
    int64_t timeout_us;               /* of one try */
    uint32_t tries;                   /* of each server */
    size_t cache_bytes;               /* 0: answers aren't kept */
};

/* Begin: after core_loop_init(). @return 0; MANSIO_E_INVALID for a server that is none;
 * MANSIO_E_IO */
CORE_EXPORT MANSIO_MUST_CHECK int core_resolver_init(const struct core_resolver_options *options);

/* End: before core_loop_fini(). Whoever still waits gets MANSIO_E_UNAVAILABLE. */
CORE_EXPORT void core_resolver_fini(void);

/* 0 if text names a server; MANSIO_E_INVALID with what was expected. */
CORE_EXPORT MANSIO_MUST_CHECK int core_resolver_check_server(struct mansio_str text);

struct core_resolver_stats {
    uint64_t asked;  /* questions to servers */
    uint64_t kept;   /* answered by what was kept */
    uint64_t failed; /* without an answer */
    size_t cache_bytes, cache_entries, waiting;
};
CORE_EXPORT void core_resolver_stats(struct core_resolver_stats *out);

#endif
