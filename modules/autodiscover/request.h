/*
 * What Outlook asks: the XML of an autodiscover request ("plain old XML"). Pure.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_REQUEST_H
#define MANSIO_MODULES_AUTODISCOVER_REQUEST_H

#include <mansio/arena.h>
#include <mansio/base.h>

#include "address.h"

enum {
    AUTODISCOVER_REQUEST_MAX = 16384, /* bytes; Outlook's own have less than 500 */
};

enum autodiscover_schema {
    AUTODISCOVER_SCHEMA_OTHER = 1, /* well-formed, and nothing that we answer with */
    AUTODISCOVER_SCHEMA_OUTLOOK = 2,
};

struct autodiscover_request {
    struct autodiscover_address address; /* empty where a LegacyDN stands in its place */
    uint32_t schema;                     /* enum autodiscover_schema: of the answer wanted */
};

/**
 * Read a request. There is no DOCTYPE, so there are no entities but XML's own five, and nothing is
 * ever fetched.
 *
 * @param arena    owns what @p out points to
 * @param parts    the document, in order, cut anywhere
 * @param charset  what HTTP says of its encoding; may be empty: the document says, else UTF-8
 * @return 0; MANSIO_E_INVALID: not well-formed, or no request; MANSIO_E_LIMIT: too large, too deep
 */
MANSIO_MUST_CHECK int autodiscover_request_read(struct mansio_arena *arena,
                                                const struct mansio_str *parts, size_t part_count,
                                                struct mansio_str charset,
                                                struct autodiscover_request *out);

#endif
