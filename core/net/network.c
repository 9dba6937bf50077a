/*
 * Networks as text and back, and what contains what. inet_pton() is used for the digits alone: it
 * knows no octal, no names and no short forms.
 */
#include "config.h"
#include "core/net/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    IPV4_BITS = 32,
    IPV6_BITS = 128,
    MAPPED_AT = 12, /* where the IPv4 address stands in an IPv4-mapped one */
};

static unsigned bits_of(unsigned family)
{
    return family == CORE_NETWORK_IPV4 ? IPV4_BITS : family == CORE_NETWORK_IPV6 ? IPV6_BITS : 0;
}

static void set_ipv4(struct core_network *out, const void *bytes)
{
    *out = (struct core_network){.family = CORE_NETWORK_IPV4, .prefix = IPV4_BITS};
    memcpy(out->bytes, bytes, IPV4_BITS / 8);
}

static void set_ipv6(struct core_network *out, const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        set_ipv4(out, address->s6_addr + MAPPED_AT);
        return;
    }
    *out = (struct core_network){.family = CORE_NETWORK_IPV6, .prefix = IPV6_BITS};
    memcpy(out->bytes, address->s6_addr, sizeof address->s6_addr);
}

/* An address as digits. 1 if it is one. */
static int parse_digits(struct mansio_str s, struct core_network *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ipv6;
    struct in_addr ipv4;
    if (s.len >= sizeof text || mansio_str_find_char(s, '\0') >= 0) {
        return 0;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        set_ipv4(out, &ipv4);
        return 1;
    }
    if (inet_pton(AF_INET6, text, &ipv6) == 1) {
        set_ipv6(out, &ipv6);
        return 1;
    }
    return 0;
}

/* Clear the bits behind the prefix. 1 if any was set. */
static int cut(struct core_network *network)
{
    int was_set = 0;
    for (unsigned i = 0; i < sizeof network->bytes; i++) {
        unsigned keep = network->prefix > 8 * i ? network->prefix - 8 * i : 0;
        uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00 >> keep);
        was_set |= network->bytes[i] & ~mask;
        network->bytes[i] &= mask;
    }
    return was_set != 0;
}

static int refuse(struct mansio_str text, const char *expected)
{
    return mansio_fail(MANSIO_E_INVALID, "network \"%.*s\": expected %s",
                       MANSIO_STR_ARG(mansio_str_sub(text, 0, CORE_NETWORK_TEXT_MAX)), expected);
}

int core_network_parse(struct mansio_str text, struct core_network *out)
{
    struct core_network network = {.family = CORE_NETWORK_UNIX};
    if (mansio_str_eq(text, MANSIO_STR("unix"))) {
        *out = network;
        return 0;
    }
    ptrdiff_t slash = mansio_str_find_char(text, '/');
    struct mansio_str digits = slash < 0 ? text : mansio_str_sub(text, 0, (size_t)slash);
    if (!parse_digits(digits, &network)) {
        return refuse(text, "\"192.0.2.0/24\", \"2001:db8::/32\", one address or \"unix\"");
    }
    if (network.family == CORE_NETWORK_IPV4 && mansio_str_find_char(digits, ':') >= 0) {
        return refuse(text, "an IPv4-mapped address to be written as IPv4");
    }
    if (slash >= 0) {
        struct mansio_str bits = mansio_str_sub(text, (size_t)slash + 1, SIZE_MAX);
        uint32_t prefix = 0;
        if ((bits.len > 1 && bits.ptr[0] == '0') ||
            mansio_parse_u32(bits, bits_of(network.family), &prefix) != 0) {
            return refuse(text, network.family == CORE_NETWORK_IPV4
                                    ? "0 to 32 bits after \"/\", without leading zeros"
                                    : "0 to 128 bits after \"/\", without leading zeros");
        }
        network.prefix = (uint8_t)prefix;
    }
    if (cut(&network)) {
        char meant[CORE_NETWORK_TEXT_MAX];
        core_network_print(&network, meant);
        return mansio_fail(MANSIO_E_INVALID,
                           "network \"%.*s\": expected no bits behind the prefix; \"%s\"?",
                           MANSIO_STR_ARG(text), meant);
    }
    *out = network;
    return 0;
}

size_t core_network_print(const struct core_network *network, char out[CORE_NETWORK_TEXT_MAX])
{
    char digits[INET6_ADDRSTRLEN] = "";
    int n = 0;
    if (network->family == CORE_NETWORK_UNIX) {
        n = snprintf(out, CORE_NETWORK_TEXT_MAX, "unix");
    } else {
        inet_ntop(network->family == CORE_NETWORK_IPV4 ? AF_INET : AF_INET6, network->bytes, digits,
                  sizeof digits);
        n = network->prefix == bits_of(network->family)
                ? snprintf(out, CORE_NETWORK_TEXT_MAX, "%s", digits)
                : snprintf(out, CORE_NETWORK_TEXT_MAX, "%s/%u", digits, network->prefix);
    }
    return n > 0 ? (size_t)n : 0;
}

int core_network_of_address(const struct core_address *address, struct core_network *out)
{
    switch (address->u.any.sa_family) {
    case AF_INET:
        set_ipv4(out, &address->u.ipv4.sin_addr);
        return 0;
    case AF_INET6:
        set_ipv6(out, &address->u.ipv6.sin6_addr);
        return 0;
    case AF_UNIX:
        *out = (struct core_network){.family = CORE_NETWORK_UNIX};
        return 0;
    default:
        return mansio_fail(MANSIO_E_UNSUPPORTED, "an address of a family that has no networks");
    }
}

int core_network_of_ip(struct mansio_str ip, struct core_network *out)
{
    struct core_network network = {.family = CORE_NETWORK_UNIX};
    ptrdiff_t zone = mansio_str_find_char(ip, '%');
    if (!mansio_str_eq(ip, MANSIO_STR("unix")) &&
        !parse_digits(zone < 0 ? ip : mansio_str_sub(ip, 0, (size_t)zone), &network)) {
        return mansio_fail(MANSIO_E_INVALID, "\"%.*s\" is no address",
                           MANSIO_STR_ARG(mansio_str_sub(ip, 0, CORE_NETWORK_TEXT_MAX)));
    }
    *out = network;
    return 0;
}

void core_network_widen(struct core_network *network, unsigned prefix)
{
    if (prefix < network->prefix) {
        network->prefix = (uint8_t)prefix;
        (void)cut(network);
    }
}

int core_network_contains(const struct core_network *outer, const struct core_network *inner)
{
    struct core_network part = *inner;
    if (outer->family != inner->family || outer->prefix > inner->prefix) {
        return 0;
    }
    part.prefix = outer->prefix;
    (void)cut(&part);
    return memcmp(part.bytes, outer->bytes, sizeof part.bytes) == 0;
}
