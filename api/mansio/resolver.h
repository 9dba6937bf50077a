/*
 * DNS: questions to the configured resolvers, without blocking.
 *
 * Answers come as records in one form for all types. `is_authentic` is the AD bit of a resolver
 * that the configuration trusts (RFC 6840 5.8), else 0.
 */
#ifndef MANSIO_RESOLVER_H
#define MANSIO_RESOLVER_H

#include <mansio/arena.h>
#include <mansio/base.h>

/** Types of record that can be asked for: their numbers in DNS. */
enum mansio_dns_type {
    MANSIO_DNS_A = 1,
    MANSIO_DNS_CNAME = 5,
    MANSIO_DNS_PTR = 12,
    MANSIO_DNS_MX = 15,
    MANSIO_DNS_TXT = 16,
    MANSIO_DNS_AAAA = 28,
    MANSIO_DNS_SRV = 33,
    MANSIO_DNS_TLSA = 52,
};

struct mansio_dns_record {
    size_t size;
    uint32_t ttl;                       /* seconds */
    uint32_t preference;                /* MX; SRV: priority */
    uint32_t weight, port;              /* SRV */
    uint32_t usage, selector, matching; /* TLSA (RFC 6698 2.1) */
    struct mansio_str name; /* CNAME, PTR, MX, SRV: lower case, no final dot; "" is the root (null
                             * MX, RFC 7505) */
    struct mansio_str data; /* A, AAAA: text of the address; TXT: its strings joined; TLSA: bytes */
};

struct mansio_dns_answer {
    size_t size; /* sizeof(struct mansio_dns_answer), set by the caller */
    const struct mansio_dns_record *const *records; /* of the type asked for, in the answer's order;
                                                     * MX and SRV by preference */
    size_t count;
    uint32_t is_authentic;  /* 1: by DNSSEC, says a resolver that we trust; of "no such name" too */
    uint32_t is_name_known; /* 1: the name exists (count may be 0); 0: it doesn't */
};

/**
 * Ask.
 *
 * @param arena        owns the answer
 * @param name         a domain name; U-labels are made A-labels. For PTR an address may stand
 *                     instead: "192.0.2.1", "2001:db8::1"
 * @param type         an enum mansio_dns_type value
 * @param deadline_us  monotonic time
 * @param out          its size set. "No such name" and "no such record" are answers, with count 0
 * @return 0; MANSIO_E_INVALID for a name that is none; MANSIO_E_UNAVAILABLE when no resolver gives
 *         an answer (SERVFAIL, time-out of all); MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED;
 *         MANSIO_E_LIMIT
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_dns_query(struct mansio_arena *arena,
                                                     struct mansio_str name, uint32_t type,
                                                     int64_t deadline_us,
                                                     struct mansio_dns_answer *out);

#endif
