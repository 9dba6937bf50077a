/*
 * Socket addresses as text and back: "192.0.2.1:25", "[2001:db8::1]:25", "*:25" (all IPv4 and
 * IPv6), "unix:/run/x.sock". No names are looked up. Pure but for the last two functions.
 */
#ifndef MANSIO_CORE_NET_ADDRESS_H
#define MANSIO_CORE_NET_ADDRESS_H

#include "core/base/export.h"
#include <mansio/base.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

struct core_address {
    socklen_t len;
    int is_dual; /* "*": the IPv6 wildcard, on a socket that takes IPv4 too */
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
    } u;
};

enum { CORE_ADDRESS_TEXT_MAX = 128 };

/* Returns 0 or MANSIO_E_INVALID with what was expected. Port 0 is accepted. What can be written in
 * two ways is taken in one: no octal, no leading zeros, no IPv4-mapped IPv6 (write IPv4). A
 * link-local IPv6 address needs its zone as a number, "[fe80::1%2]:25" (RFC 4007 11), any other has
 * none. Abstract unix names ("@...") are refused: no file mode guards them. */
CORE_EXPORT MANSIO_MUST_CHECK int core_address_parse(struct mansio_str text,
                                                     struct core_address *out);

/* Both NUL-terminate and return the length. An IPv4-mapped address prints as IPv4. What was parsed
 * prints as text that parses to the same; a unix path's control bytes become '?'. */
CORE_EXPORT size_t core_address_print(const struct core_address *address,
                                      char out[CORE_ADDRESS_TEXT_MAX]);
CORE_EXPORT size_t core_address_print_ip(const struct core_address *address,
                                         char out[CORE_ADDRESS_TEXT_MAX]);

/* What one subscriber is usually given, as the key of limits: an IPv4 address, an IPv6 /64
 * ("2001:db8::/64"), "unix". NUL-terminates, returns the length. */
CORE_EXPORT size_t core_address_print_network(const struct core_address *address,
                                              char out[CORE_ADDRESS_TEXT_MAX]);

CORE_EXPORT int core_address_eq(const struct core_address *a, const struct core_address *b);

/* The address that a socket is bound to, "*" told from "[::]"; so an inherited listening socket
 * can be compared with a configured address. Returns 0 or MANSIO_E_IO. */
CORE_EXPORT MANSIO_MUST_CHECK int core_address_of_socket(int fd, struct core_address *out);

/* Make a listening, non-blocking, close-on-exec socket. A stale unix socket is unlinked by the
 * caller under its lock file, not here. `*:port` makes one IPv6 socket that takes IPv4 too.
 * TCP_NODELAY and SO_KEEPALIVE are set on it, so that what is accepted has them.
 * Returns 0, MANSIO_E_BUSY for EADDRINUSE, MANSIO_E_DENIED for EACCES, MANSIO_E_IO. */
CORE_EXPORT MANSIO_MUST_CHECK int core_address_listen(const struct core_address *address,
                                                      int backlog, mode_t unix_mode, int *out_fd);

#endif
