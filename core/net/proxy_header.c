/*
 * PROXY headers, versions 1 and 2. Strict: whoever may send one is our own proxy, so what is not
 * as the specification has it is no header but something that a client has smuggled past it. The
 * optional fields (TLVs) of version 2 are walked for their form and skipped; the checksum among
 * them is checked.
 */
#include "core/net/proxy_header.h"

#include <arpa/inet.h>
#include <string.h>

#include <mansio/error.h>

enum {
    V2_HEAD = 16,
    V2_SIGNATURE = 12,
    V2_LOCAL = 0x20, /* version and command in a byte */
    V2_PROXY = 0x21,
    V2_INET_SIZE = 12, /* two addresses, two ports */
    V2_INET6_SIZE = 36,
    V2_UNIX_SIZE = 216,
    TLV_HEAD = 3,
    TLV_CRC32C = 0x03,
    CRC_SIZE = 4,
    PORT_MAX = 65535,
};

static const unsigned char signature[V2_SIGNATURE] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static int refuse(const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "PROXY header: %s", what);
}

/* How the first bytes of two things compare, as far as both go. */
static int begins_alike(struct mansio_str bytes, const void *what, size_t size)
{
    return memcmp(bytes.ptr, what, bytes.len < size ? bytes.len : size) == 0;
}

static void set_ipv4(struct core_address *out, const void *address, const void *port)
{
    *out = (struct core_address){.len = sizeof(out->u.ipv4), .u.ipv4.sin_family = AF_INET};
    memcpy(&out->u.ipv4.sin_addr, address, sizeof(out->u.ipv4.sin_addr));
    memcpy(&out->u.ipv4.sin_port, port, sizeof(out->u.ipv4.sin_port));
}

static void set_ipv6(struct core_address *out, const void *address, const void *port)
{
    *out = (struct core_address){.len = sizeof(out->u.ipv6), .u.ipv6.sin6_family = AF_INET6};
    memcpy(&out->u.ipv6.sin6_addr, address, sizeof(out->u.ipv6.sin6_addr));
    memcpy(&out->u.ipv6.sin6_port, port, sizeof(out->u.ipv6.sin6_port));
}

/* ---- version 1: a line ------------------------------------------------------------------------
 */

/* Digits without leading zeros, in network order. */
static int parse_port(struct mansio_str digits, uint16_t *out)
{
    uint32_t port = 0;
    if ((digits.len > 1 && digits.ptr[0] == '0') ||
        mansio_parse_u32(digits, PORT_MAX, &port) != 0) {
        return refuse("a port is none");
    }
    *out = htons((uint16_t)port);
    return 0;
}

static int parse_end(int family, struct mansio_str ip, struct mansio_str digits,
                     struct core_address *out)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    uint16_t port = 0;
    if (ip.len >= sizeof text || mansio_str_find_char(ip, '\0') >= 0) {
        return refuse("an address is none");
    }
    memcpy(text, ip.ptr, ip.len);
    text[ip.len] = '\0';
    if (inet_pton(family, text, address) != 1) {
        return refuse("an address is none");
    }
    int rc = parse_port(digits, &port);
    if (rc == 0 && family == AF_INET) {
        set_ipv4(out, address, &port);
    } else if (rc == 0) {
        set_ipv6(out, address, &port);
    }
    return rc;
}

/* "TCP4 192.0.2.1 198.51.100.1 4242 25": peer, us, peer's port, ours. */
static int parse_fields(struct mansio_str line, struct core_proxy_header *out)
{
    enum { FAMILY, PEER, LOCAL, PEER_PORT, LOCAL_PORT, FIELDS };
    struct mansio_str fields[FIELDS];
    size_t count = 0;
    while (count < FIELDS && mansio_str_split(&line, ' ', &fields[count])) {
        count++;
    }
    if (count > 0 && mansio_str_eq(fields[FAMILY], MANSIO_STR("UNKNOWN"))) {
        return 0; /* what follows is to be ignored */
    }
    int family = 0;
    if (count == FIELDS && line.ptr == NULL) {
        family = mansio_str_eq(fields[FAMILY], MANSIO_STR("TCP4"))   ? AF_INET
                 : mansio_str_eq(fields[FAMILY], MANSIO_STR("TCP6")) ? AF_INET6
                                                                     : 0;
    }
    if (family == 0) {
        return refuse("expected TCP4, TCP6 or UNKNOWN, and two addresses and ports");
    }
    int rc = parse_end(family, fields[PEER], fields[PEER_PORT], &out->peer);
    if (rc == 0) {
        rc = parse_end(family, fields[LOCAL], fields[LOCAL_PORT], &out->local);
    }
    out->has_ends = rc == 0;
    return rc;
}

static int parse_v1(struct mansio_str bytes, struct core_proxy_header *out)
{
    struct mansio_str part = mansio_str_sub(bytes, 0, CORE_PROXY_V1_MAX);
    ptrdiff_t lf = mansio_str_find_char(part, '\n');
    if (lf < 0) {
        return part.len < CORE_PROXY_V1_MAX ? 0 : refuse("a line of more than 107 bytes");
    }
    size_t prefix = sizeof "PROXY " - 1;
    size_t end = (size_t)lf;
    if (end <= prefix || part.ptr[end - 1] != '\r') {
        return refuse("the line doesn't end as it should");
    }
    out->version = 1;
    int rc = parse_fields(mansio_str_sub(part, prefix, end - 1 - prefix), out);
    return rc < 0 ? rc : (int)end + 1;
}

/* ---- version 2: binary ------------------------------------------------------------------------
 */

static unsigned be16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* CRC-32C (RFC 3720 appendix B.4), with the checksum itself, at @p hole, taken for 0. */
static uint32_t crc32c(const unsigned char *bytes, size_t len, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= i >= hole && i - hole < CRC_SIZE ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return ~crc;
}

static int check_crc(const unsigned char *bytes, size_t len, size_t at)
{
    uint32_t said = (uint32_t)be16(bytes + at) << 16 | be16(bytes + at + 2);
    return crc32c(bytes, len, at) == said ? 0 : refuse("the checksum is wrong");
}

/* What follows the addresses, up to @p len, which is the header's. */
static int walk_tlvs(const unsigned char *bytes, size_t at, size_t len)
{
    while (at < len) {
        if (len - at < TLV_HEAD || len - at - TLV_HEAD < be16(bytes + at + 1)) {
            return refuse("a field runs over its end");
        }
        size_t size = be16(bytes + at + 1);
        if (bytes[at] == TLV_CRC32C) {
            int rc = size == CRC_SIZE ? check_crc(bytes, len, at + TLV_HEAD)
                                      : refuse("a checksum of another size");
            if (rc < 0) {
                return rc;
            }
        }
        at += TLV_HEAD + size;
    }
    return 0;
}

/* Family in the upper half, transport (none, stream, datagram) in the lower. */
static int size_of_addresses(unsigned family)
{
    switch (family >> 4) {
    case 0:
        return 0;
    case 1:
        return V2_INET_SIZE;
    case 2:
        return V2_INET6_SIZE;
    case 3:
        return V2_UNIX_SIZE;
    default:
        return -1;
    }
}

static void set_ends(const unsigned char *at, unsigned family, struct core_proxy_header *out)
{
    if (family == 0x11) { /* TCP over IPv4 */
        set_ipv4(&out->peer, at, at + 8);
        set_ipv4(&out->local, at + 4, at + 10);
        out->has_ends = 1;
    } else if (family == 0x21) { /* and over IPv6 */
        set_ipv6(&out->peer, at, at + 32);
        set_ipv6(&out->local, at + 16, at + 34);
        out->has_ends = 1;
    }
}

static int parse_v2(struct mansio_str bytes, struct core_proxy_header *out)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    if (bytes.len < V2_HEAD) {
        return 0;
    }
    unsigned family = at[13];
    int addresses = size_of_addresses(family);
    size_t len = V2_HEAD + be16(at + 14);
    if ((at[12] != V2_LOCAL && at[12] != V2_PROXY) || addresses < 0 || (family & 15) > 2) {
        return refuse("a version, command or family that is not defined");
    }
    if (len > CORE_PROXY_HEADER_MAX) {
        return refuse("too long");
    }
    if (bytes.len < len) {
        return 0;
    }
    out->version = 2;
    if (at[12] == V2_LOCAL) {
        return (int)len; /* "the receiver must ignore the rest" */
    }
    if (len - V2_HEAD < (size_t)addresses) {
        return refuse("no room for the addresses");
    }
    /* Without a family nothing is known of what follows, but that it is to be skipped. */
    int rc = family >> 4 == 0 ? 0 : walk_tlvs(at, V2_HEAD + (size_t)addresses, len);
    if (rc < 0) {
        return rc;
    }
    set_ends(at + V2_HEAD, family, out);
    return (int)len;
}

int core_proxy_header_parse(struct mansio_str bytes, struct core_proxy_header *out)
{
    static const char text[] = {'P', 'R', 'O', 'X', 'Y', ' '};
    struct core_proxy_header header = {.version = 0};
    int rc = 0;
    if (bytes.len == 0) {
        return 0;
    }
    if (begins_alike(bytes, signature, sizeof signature)) {
        rc = parse_v2(bytes, &header);
    } else if (begins_alike(bytes, text, sizeof text)) {
        rc = parse_v1(bytes, &header);
    } else {
        return refuse("found none, and who connects from there must send one");
    }
    if (rc > 0) {
        *out = header;
    }
    return rc;
}
