/*
 * DNS answers as bytes (RFC 1035 4.1): what a resolver sent, read for one question. Pure: no I/O,
 * no clock. Questions are made by c-ares, which also matches answers to them.
 *
 * Nothing of an answer is trusted: names point backwards only and are bounded, a chain of CNAMEs is
 * followed for so many steps, and what doesn't fit the question is left out.
 */
#ifndef MANSIO_CORE_NET_DNS_H
#define MANSIO_CORE_NET_DNS_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/resolver.h>

enum {
    CORE_DNS_CHAIN_MAX = 16,  /* CNAMEs followed, all answers to a query together */
    CORE_DNS_NAME_MAX = 1024, /* of a name as text, escapes and all, and a NUL */
    CORE_DNS_PACKET_MAX = 65535,
};

/* RFC 1035 4.1.1. */
enum {
    CORE_DNS_NOERROR = 0,
    CORE_DNS_FORMERR = 1,
    CORE_DNS_SERVFAIL = 2,
    CORE_DNS_NXDOMAIN = 3,
};

struct core_dns_result {
    uint32_t rcode;
    uint32_t is_authentic; /* the AD bit */
    uint32_t steps;        /* CNAMEs followed */
    uint32_t ttl;          /* seconds for which all of it may be kept; 0: not at all */
    /* Where the chain of CNAMEs leads out of the answer, a name to ask for next; else no ptr. */
    struct mansio_str next;
    const struct mansio_dns_record *const *records; /* as struct mansio_dns_answer has them */
    size_t count;
};

/*
 * Read an answer.
 *
 * @param arena   owns the result
 * @param packet  all of it
 * @param name    what was asked for: lower case, no final dot
 * @param type    an enum mansio_dns_type value
 * @return 0; MANSIO_E_INVALID for what is no answer, or one that is cut; MANSIO_E_UNSUPPORTED for
 *         another rcode than CORE_DNS_NOERROR and CORE_DNS_NXDOMAIN (out->rcode says which);
 *         MANSIO_E_LIMIT if the arena is full
 */
MANSIO_MUST_CHECK int core_dns_parse(struct mansio_arena *arena, struct mansio_str packet,
                                     struct mansio_str name, uint32_t type,
                                     struct core_dns_result *out);

/* The name under which PTR records of an address are (RFC 1035 3.5, RFC 3596 2.5).
 * @return 0; MANSIO_E_NOT_FOUND if text is no address; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int core_dns_reverse(struct mansio_arena *arena, struct mansio_str address,
                                       struct mansio_str *out);

#endif
