/*
 * The header that a proxy writes before a client's bytes, to say who the client is: the PROXY
 * protocol of HAProxy (doc/proxy-protocol.txt), versions 1 and 2. Pure: bytes in, struct out.
 */
#ifndef MANSIO_CORE_NET_PROXY_HEADER_H
#define MANSIO_CORE_NET_PROXY_HEADER_H

#include "core/net/address.h"
#include <mansio/base.h>
#include <mansio/str.h>

enum {
    CORE_PROXY_V1_MAX = 107,           /* "2.1. Human-readable header format": with its CRLF */
    CORE_PROXY_HEADER_MAX = 16 + 8192, /* ours: version 2 with what a proxy likes to add */
};

struct core_proxy_header {
    uint32_t version; /* 1 or 2 */
    int has_ends;     /* 0: the proxy speaks for itself (LOCAL), or doesn't know (UNKNOWN, UNSPEC,
                         unix sockets): the connection's own ends stand */
    struct core_address peer, local;
};

/* Parse what has come so far. The header's length in bytes; 0 if more must come; MANSIO_E_INVALID
 * for what is none, as soon as that is certain. @p out is set only with a length. */
MANSIO_MUST_CHECK int core_proxy_header_parse(struct mansio_str bytes,
                                              struct core_proxy_header *out);

#endif
