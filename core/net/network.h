/*
 * Networks: "192.0.2.0/24", "2001:db8::/32", single addresses, "unix" for whoever comes over a unix
 * socket. For settings that say whom something is about. Pure.
 */
#ifndef MANSIO_CORE_NET_NETWORK_H
#define MANSIO_CORE_NET_NETWORK_H

#include "core/base/export.h"
#include "core/net/address.h"
#include <mansio/base.h>

enum core_network_family {
    CORE_NETWORK_IPV4 = 1,
    CORE_NETWORK_IPV6 = 2,
    CORE_NETWORK_UNIX = 3,
};

struct core_network {
    uint8_t family;    /* enum core_network_family */
    uint8_t prefix;    /* bits that count */
    uint8_t bytes[16]; /* network order; the others are 0 */
};

enum { CORE_NETWORK_TEXT_MAX = 64 };

/* A network as settings say it. Without "/" it is one address. Bits behind the prefix must be 0,
 * and IPv4 is written as such: every network has one spelling. MANSIO_E_INVALID, with what was
 * expected. */
CORE_EXPORT MANSIO_MUST_CHECK int core_network_parse(struct mansio_str text,
                                                     struct core_network *out);

/* NUL-terminates, returns the length. One address prints without its prefix. */
CORE_EXPORT size_t core_network_print(const struct core_network *network,
                                      char out[CORE_NETWORK_TEXT_MAX]);

/* The network that is just an address; what is neither IP nor unix gives MANSIO_E_UNSUPPORTED.
 * IPv4-mapped IPv6 counts as IPv4, everywhere here; a zone doesn't count. */
CORE_EXPORT MANSIO_MUST_CHECK int core_network_of_address(const struct core_address *address,
                                                          struct core_network *out);

/* The same of a text as mansio_conn_peer_ip() gives it: "192.0.2.1", "fe80::1%2", "unix". */
CORE_EXPORT MANSIO_MUST_CHECK int core_network_of_ip(struct mansio_str ip,
                                                     struct core_network *out);

/* Make it the wider network of @p prefix bits that it is in; one that is as wide stays. */
CORE_EXPORT void core_network_widen(struct core_network *network, unsigned prefix);

/* 1 if all of @p inner is in @p outer. */
CORE_EXPORT int core_network_contains(const struct core_network *outer,
                                      const struct core_network *inner);

#endif
