/*
 * Names that clients bring: the address that is asked about, and the domain that a host is for.
 * Pure.
 *
 * What is accepted can stand in an XML document as text. Whether there is such a domain is the
 * directory's to say.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_ADDRESS_H
#define MANSIO_MODULES_AUTODISCOVER_ADDRESS_H

#include <mansio/base.h>

enum {
    AUTODISCOVER_ADDRESS_MAX = 320, /* RFC 3696 3: 64, '@' and 255 octets */
};

/** A slice of what was read, without white space around it. */
struct autodiscover_address {
    struct mansio_str whole, domain;
};

/**
 * An address as people write it: something, the last '@', and something that may be a domain.
 *
 * @return 0; MANSIO_E_INVALID: no address, or not text; MANSIO_E_LIMIT: longer than any address
 */
MANSIO_MUST_CHECK int autodiscover_address_parse(struct mansio_str text,
                                                 struct autodiscover_address *out);

/** 1 if it is UTF-8 (RFC 3629) without control characters and what XML 1.0 2.2 has no place for. */
int autodiscover_is_text(struct mansio_str s);

/** @p text without what XML takes for white space (1.0 2.3) at its ends. */
struct mansio_str autodiscover_trim(struct mansio_str text);

/** The domain that settings are asked of at @p host: "autoconfig.example.org" and
 * "autodiscover.example.org" are for example.org, everything else is for itself. */
struct mansio_str autodiscover_host_domain(struct mansio_str host);

/** 1 if @p host may stand in a URL as it is: a domain name or an IP literal, else 0. */
int autodiscover_host_is_plain(struct mansio_str host);

#endif
