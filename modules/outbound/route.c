/*
 * Routes: see route.h.
 */
#include "route.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

uint64_t ob_chance(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t n = *state;
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return n ^ (n >> 31);
}

int ob_is_one_of(struct mansio_str name, const struct mansio_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_ieq(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* Equals in the order of chance (RFC 5321 5.1: "MUST randomize them to spread the load"): each run
 * of one preference is shuffled by itself. */
static void shuffle_equals(struct ob_route *route, uint64_t seed)
{
    for (size_t first = 0; first < route->count;) {
        size_t end = first + 1;
        while (end < route->count &&
               route->hosts[end].preference == route->hosts[first].preference) {
            end++;
        }
        for (size_t left = end - first; left > 1; left--) {
            size_t with = first + (size_t)(ob_chance(&seed) % left);
            struct ob_host host = route->hosts[first + left - 1];
            route->hosts[first + left - 1] = route->hosts[with];
            route->hosts[with] = host;
        }
        first = end;
    }
}

/* The preference from which on hosts are no further than we are; UINT32_MAX: we are none. */
static uint32_t own_preference(const struct mansio_dns_answer *answer, const struct mansio_str *own,
                               size_t own_count)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < answer->count; i++) {
        const struct mansio_dns_record *record = answer->records[i];
        if (ob_is_one_of(record->name, own, own_count) && record->preference < least) {
            least = record->preference;
        }
    }
    return least;
}

void ob_route_read(const struct mansio_dns_answer *answer, const struct mansio_str *own,
                   size_t own_count, uint64_t seed, struct ob_route *out)
{
    uint32_t limit = own_preference(answer, own, own_count);

    memset(out, 0, sizeof *out);
    if (answer->count == 0) {
        out->kind = answer->is_name_known ? OB_ROUTE_IMPLICIT : OB_ROUTE_UNKNOWN;
        return;
    }
    for (size_t i = 0; i < answer->count && out->count < OB_HOSTS_MAX; i++) {
        const struct mansio_dns_record *record = answer->records[i];
        /* The root as one of several is no null MX (RFC 7505 3), nor a host. */
        if (record->name.len > 0 && record->preference < limit) {
            out->hosts[out->count++] = (struct ob_host){record->name, record->preference};
        }
    }
    if (out->count > 0) {
        out->kind = OB_ROUTE_HOSTS;
        shuffle_equals(out, seed);
    } else {
        out->kind = limit != UINT32_MAX ? OB_ROUTE_LOOP : OB_ROUTE_NULL;
    }
}

int ob_literal_address(struct mansio_str literal, struct mansio_str *out)
{
    struct mansio_str inner = mansio_str_sub(literal, 1, literal.len > 2 ? literal.len - 2 : 0);
    int is_six = mansio_str_istarts(inner, MANSIO_STR("IPv6:"));
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];

    inner = is_six ? mansio_str_sub(inner, 5, SIZE_MAX) : inner;
    if (literal.len > 2 && literal.ptr[0] == '[' && literal.ptr[literal.len - 1] == ']' &&
        inner.len < sizeof text) {
        memcpy(text, inner.ptr, inner.len);
        text[inner.len] = '\0';
        if (inet_pton(is_six ? AF_INET6 : AF_INET, text, bytes) == 1) {
            *out = inner;
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "no address literal: \"%.*s\"", MANSIO_STR_ARG(literal));
}

/* An address of either family in one form: IPv4 as IPv6 has it mapped. @return 1; 0: it is none */
static int read_address(struct mansio_str address, struct in6_addr *out)
{
    char text[INET6_ADDRSTRLEN];

    if (address.len >= sizeof text) {
        return 0;
    }
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET6, text, out) == 1) {
        return 1;
    }
    memset(out, 0, sizeof *out);
    memset(&out->s6_addr[10], 0xff, 2);
    return inet_pton(AF_INET, text, &out->s6_addr[12]) == 1;
}

int ob_is_loopback(struct mansio_str address)
{
    struct in6_addr six;

    if (!read_address(address, &six)) {
        return 0;
    }
    if (!IN6_IS_ADDR_V4MAPPED(&six)) {
        return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six);
    }
    return six.s6_addr[12] == 127 || six.s6_addr[12] == 0;
}

int ob_is_own_address(struct mansio_str address, const struct mansio_str *own, size_t own_count)
{
    struct in6_addr one, other;

    for (size_t i = 0; i < own_count; i++) {
        if (read_address(address, &one) && read_address(own[i], &other) &&
            memcmp(&one, &other, sizeof one) == 0) {
            return 1;
        }
    }
    return 0;
}

int ob_address_text(struct mansio_arena *arena, struct mansio_str address, uint32_t port,
                    struct mansio_str *out)
{
    int is_six = mansio_str_find_char(address, ':') >= 0;
    return mansio_arena_printf(arena, out, is_six ? "[%.*s]:%u" : "%.*s:%u",
                               MANSIO_STR_ARG(address), port);
}
