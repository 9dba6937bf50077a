/*
 * Which hosts a domain's mail goes to, and in which order (RFC 5321 5.1). Pure: DNS is asked
 * elsewhere (lookup.h), and chance is given.
 */
#ifndef MANSIO_MODULES_OUTBOUND_ROUTE_H
#define MANSIO_MODULES_OUTBOUND_ROUTE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/resolver.h>

enum { OB_HOSTS_MAX = 20 }; /* of a domain that are looked at, the most preferred */

/** What the MX records of a domain say. */
enum ob_route_kind {
    OB_ROUTE_HOSTS = 1,    /* these hosts */
    OB_ROUTE_IMPLICIT = 2, /* none: the domain itself is the host */
    OB_ROUTE_NULL = 3,     /* it takes no mail (RFC 7505) */
    OB_ROUTE_UNKNOWN = 4,  /* no such domain */
    OB_ROUTE_LOOP = 5,     /* we ourselves are the best that there is */
};

struct ob_host {
    struct mansio_str name; /* as DNS has it, or a literal "[192.0.2.1]" */
    uint32_t preference;
};

struct ob_route {
    uint32_t kind; /* enum ob_route_kind */
    uint32_t count;
    struct ob_host hosts[OB_HOSTS_MAX]; /* in the order to try */
};

/** 1 if a name is one of these, ASCII without case. */
int ob_is_one_of(struct mansio_str name, const struct mansio_str *names, size_t count);

/**
 * From MX records to hosts: by preference, equals in the order of chance; nothing at or behind one
 * that is ourselves.
 *
 * @param answer  of type MX; names in it are borrowed
 * @param own     our names
 * @param seed    any number: what equals are ordered by
 */
void ob_route_read(const struct mansio_dns_answer *answer, const struct mansio_str *own,
                   size_t own_count, uint64_t seed, struct ob_route *out);

/**
 * The address within an address literal, "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3).
 *
 * @return 0; MANSIO_E_INVALID
 */
MANSIO_MUST_CHECK int ob_literal_address(struct mansio_str literal, struct mansio_str *out);

/** 1 if an address is this machine to itself: loopback, unspecified. @param address  as text */
int ob_is_loopback(struct mansio_str address);

/** 1 if an address is one of these, however each is spelled. @param address  as text */
int ob_is_own_address(struct mansio_str address, const struct mansio_str *own, size_t own_count);

/** "192.0.2.1:25", "[2001:db8::1]:25", as streams connect to. @return 0; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int ob_address_text(struct mansio_arena *arena, struct mansio_str address,
                                      uint32_t port, struct mansio_str *out);

/** The next number of a sequence of chance (splitmix64). */
uint64_t ob_chance(uint64_t *state);

#endif
