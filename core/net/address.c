/*
 * Socket addresses as text and back; listening sockets of them.
 *
 * Parsing is strict: every address has one spelling of its kind that configuration files, logs
 * and limits share, so what libc's resolver functions would guess (octal numbers, "127.1", names,
 * interface names) is refused. inet_pton() is used for the digits alone: it has none of that.
 * Opening a listening socket is the only thing here that touches the system; stale unix sockets,
 * privileges and retries are the caller's.
 */
#include "config.h"
#include "core/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    PORT_MAX = 65535,
    PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, /* a NUL follows */
};

/* ---- text to address ------------------------------------------------------------------------ */

static int refuse(struct mansio_str text, const char *expected)
{
    return mansio_fail(MANSIO_E_INVALID, "address \"%.*s\": expected %s", MANSIO_STR_ARG(text),
                       expected);
}

/* Digits without leading zeros, so that nobody wonders whether 025 is 25 or 21. */
static int parse_number(struct mansio_str digits, uint32_t max, uint32_t *out)
{
    if (digits.len > 1 && digits.ptr[0] == '0') {
        return MANSIO_E_INVALID;
    }
    return mansio_parse_u32(digits, max, out);
}

/* inet_pton() of a slice. Returns 1 if it is an address of that family. */
static int parse_digits(int family, struct mansio_str s, void *out)
{
    char text[INET6_ADDRSTRLEN];
    if (s.len >= sizeof(text) || mansio_str_find_char(s, '\0') >= 0) {
        return 0;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, out) == 1;
}

static int parse_unix(struct mansio_str text, struct mansio_str path, struct core_address *out)
{
    if (path.len == 0 || path.ptr[0] != '/') {
        return refuse(text, "an absolute path after \"unix:\"");
    }
    if (path.len > PATH_MAX_BYTES) {
        return mansio_fail(MANSIO_E_INVALID,
                           "address \"%.*s\": the path has %zu bytes, at most %d fit",
                           MANSIO_STR_ARG(text), path.len, (int)PATH_MAX_BYTES);
    }
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return refuse(text, "a path without control bytes");
        }
    }
    struct core_address address = {
        .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1),
        .u.local.sun_family = AF_UNIX,
    };
    memcpy(address.u.local.sun_path, path.ptr, path.len);
    *out = address;
    return 0;
}

/* "2001:db8::1" or "fe80::1%2", between the brackets. */
static int parse_ipv6(struct mansio_str text, struct mansio_str host, uint16_t port,
                      struct core_address *out)
{
    struct core_address address = {
        .len = sizeof(address.u.ipv6),
        .u.ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)},
    };
    ptrdiff_t percent = mansio_str_find_char(host, '%');
    struct mansio_str digits = percent < 0 ? host : mansio_str_sub(host, 0, (size_t)percent);
    if (!parse_digits(AF_INET6, digits, &address.u.ipv6.sin6_addr)) {
        return refuse(text, "an IPv6 address between the brackets");
    }
    if (IN6_IS_ADDR_V4MAPPED(&address.u.ipv6.sin6_addr)) {
        return refuse(text, "an IPv4-mapped address to be written as IPv4");
    }
    int is_link_local = IN6_IS_ADDR_LINKLOCAL(&address.u.ipv6.sin6_addr);
    if (is_link_local != (percent >= 0)) {
        return refuse(text, "a zone (\"%2\") on link-local addresses and on no others");
    }
    if (is_link_local) {
        uint32_t zone = 0;
        if (parse_number(mansio_str_sub(host, (size_t)percent + 1, SIZE_MAX), UINT32_MAX, &zone) !=
                0 ||
            zone == 0) {
            return refuse(text, "the zone as an interface's number, 1 or more");
        }
        address.u.ipv6.sin6_scope_id = zone;
    }
    *out = address;
    return 0;
}

static int parse_ipv4(struct mansio_str text, struct mansio_str host, uint16_t port,
                      struct core_address *out)
{
    struct core_address address = {
        .len = sizeof(address.u.ipv4),
        .u.ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)},
    };
    if (!parse_digits(AF_INET, host, &address.u.ipv4.sin_addr)) {
        return refuse(text, "IPv4 \"192.0.2.1:25\", IPv6 \"[2001:db8::1]:25\", \"*:25\" or "
                            "\"unix:/path\" (names are not looked up)");
    }
    *out = address;
    return 0;
}

int core_address_parse(struct mansio_str text, struct core_address *out)
{
    if (mansio_str_starts(text, MANSIO_STR("unix:"))) {
        return parse_unix(text, mansio_str_sub(text, 5, SIZE_MAX), out);
    }

    /* The last colon outside the brackets stands before the port. */
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':' && text.ptr[colon - 1] != ']') {
        colon--;
    }
    if (colon == 0 || text.ptr[colon - 1] != ':') {
        return refuse(text, "\":\" and a port at the end");
    }
    struct mansio_str host = mansio_str_sub(text, 0, colon - 1);
    uint32_t port = 0;
    if (parse_number(mansio_str_sub(text, colon, SIZE_MAX), PORT_MAX, &port) != 0) {
        return refuse(text, "a port from 0 to 65535, without leading zeros");
    }

    if (mansio_str_eq(host, MANSIO_STR("*"))) {
        *out = (struct core_address){
            .len = sizeof(out->u.ipv6),
            .is_dual = 1,
            .u.ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)},
        };
        return 0;
    }
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        return parse_ipv6(text, mansio_str_sub(host, 1, host.len - 2), (uint16_t)port, out);
    }
    if (mansio_str_find_char(host, ':') >= 0) {
        return refuse(text, "brackets round an IPv6 address: \"[2001:db8::1]:25\"");
    }
    return parse_ipv4(text, host, (uint16_t)port, out);
}

/* ---- address to text ------------------------------------------------------------------------ */

/* Text of at most CORE_ADDRESS_TEXT_MAX bytes, cut there: nothing that is printed here is longer,
 * but a compiler can't know. */
MANSIO_PRINTF(2, 3)
static size_t print(char out[CORE_ADDRESS_TEXT_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out, CORE_ADDRESS_TEXT_MAX, format, args);
    va_end(args);
    if (n < 0) {
        out[0] = '\0';
        return 0;
    }
    return (size_t)n < CORE_ADDRESS_TEXT_MAX ? (size_t)n : CORE_ADDRESS_TEXT_MAX - 1;
}

static size_t print_unix(const struct core_address *address, char out[CORE_ADDRESS_TEXT_MAX])
{
    size_t len = 0;
    if (address->len > offsetof(struct sockaddr_un, sun_path)) {
        len = address->len - offsetof(struct sockaddr_un, sun_path);
    }
    if (len > sizeof(address->u.local.sun_path)) {
        len = sizeof(address->u.local.sun_path);
    }
    const char *path = address->u.local.sun_path;
    if (len == 0) {
        return print(out, "unix"); /* unnamed: one end of a pair, or a client */
    }
    int is_abstract = path[0] == '\0'; /* inherited from a supervisor that likes them */
    if (!is_abstract) {
        len = strnlen(path, len);
    }
    size_t used = print(out, "unix:");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];
        if (is_abstract && i == 0) {
            c = '@';
        } else if (c < 0x20 || c == 0x7f) {
            c = '?';
        }
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return used;
}
_Static_assert(sizeof("unix:") + sizeof(((struct sockaddr_un *)0)->sun_path) <=
                   CORE_ADDRESS_TEXT_MAX,
               "every unix path fits");

/* The four bytes of an IPv4 address, mapped or not; NULL for any other. */
static const void *ipv4_of(const struct core_address *address)
{
    if (address->u.any.sa_family == AF_INET) {
        return &address->u.ipv4.sin_addr;
    }
    if (address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->u.ipv6.sin6_addr)) {
        return &address->u.ipv6.sin6_addr.s6_addr[12];
    }
    return NULL;
}

size_t core_address_print_ip(const struct core_address *address, char out[CORE_ADDRESS_TEXT_MAX])
{
    char digits[INET6_ADDRSTRLEN] = "";
    const void *ipv4 = ipv4_of(address);
    if (ipv4) {
        inet_ntop(AF_INET, ipv4, digits, sizeof(digits));
        return print(out, "%s", digits);
    }
    switch (address->u.any.sa_family) {
    case AF_INET6:
        if (address->is_dual) {
            return print(out, "*");
        }
        inet_ntop(AF_INET6, &address->u.ipv6.sin6_addr, digits, sizeof(digits));
        if (address->u.ipv6.sin6_scope_id != 0) {
            /* Kept: two links may have the same link-local address. */
            return print(out, "%s%%%u", digits, address->u.ipv6.sin6_scope_id);
        }
        return print(out, "%s", digits);
    case AF_UNIX:
        return print(out, "unix");
    default:
        return print(out, "unknown");
    }
}

size_t core_address_print_network(const struct core_address *address,
                                  char out[CORE_ADDRESS_TEXT_MAX])
{
    if (address->u.any.sa_family != AF_INET6 || ipv4_of(address)) {
        return core_address_print_ip(address, out);
    }
    struct in6_addr network = address->u.ipv6.sin6_addr;
    char digits[INET6_ADDRSTRLEN] = "";
    memset(&network.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &network, digits, sizeof(digits));
    return print(out, "%s/64", digits);
}

size_t core_address_print(const struct core_address *address, char out[CORE_ADDRESS_TEXT_MAX])
{
    char ip[CORE_ADDRESS_TEXT_MAX];
    switch (address->u.any.sa_family) {
    case AF_UNIX:
        return print_unix(address, out);
    case AF_INET:
        core_address_print_ip(address, ip);
        return print(out, "%s:%u", ip, ntohs(address->u.ipv4.sin_port));
    case AF_INET6:
        core_address_print_ip(address, ip);
        if (address->is_dual || ipv4_of(address)) {
            return print(out, "%s:%u", ip, ntohs(address->u.ipv6.sin6_port));
        }
        return print(out, "[%s]:%u", ip, ntohs(address->u.ipv6.sin6_port));
    default:
        return print(out, "unknown");
    }
}

int core_address_eq(const struct core_address *a, const struct core_address *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family || a->is_dual != b->is_dual) {
        return 0;
    }
    switch (a->u.any.sa_family) {
    case AF_INET:
        return a->u.ipv4.sin_port == b->u.ipv4.sin_port &&
               a->u.ipv4.sin_addr.s_addr == b->u.ipv4.sin_addr.s_addr;
    case AF_INET6:
        return a->u.ipv6.sin6_port == b->u.ipv6.sin6_port &&
               a->u.ipv6.sin6_scope_id == b->u.ipv6.sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&a->u.ipv6.sin6_addr, &b->u.ipv6.sin6_addr);
    case AF_UNIX: {
        /* By their names: the system counts a path's NUL in len, or doesn't. */
        char a_text[CORE_ADDRESS_TEXT_MAX];
        char b_text[CORE_ADDRESS_TEXT_MAX];
        size_t a_len = print_unix(a, a_text);
        size_t b_len = print_unix(b, b_text);
        return a_len == b_len && memcmp(a_text, b_text, a_len) == 0;
    }
    default:
        return 0;
    }
}

/* ---- sockets -------------------------------------------------------------------------------- */

int core_address_of_socket(int fd, struct core_address *out)
{
    struct core_address address = {.len = sizeof(address.u)};
    if (getsockname(fd, &address.u.any, &address.len) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "getsockname: %s", strerror(err));
    }
    if (address.u.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address.u.ipv6.sin6_addr)) {
        int v6only = 1;
        socklen_t size = sizeof(v6only);
        if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size) != 0) {
            int err = errno;
            return mansio_fail(MANSIO_E_IO, "getsockopt IPV6_V6ONLY: %s", strerror(err));
        }
        address.is_dual = !v6only;
    }
    *out = address;
    return 0;
}

static int set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What a TCP listener needs before it is bound. Returns 0 or -1 with errno set. */
static int set_tcp_options(int fd, const struct core_address *address)
{
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) {
        return -1;
    }
    if (address->u.any.sa_family == AF_INET6 &&
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->is_dual) != 0) {
        return -1;
    }
    /* Linux hands both on to accepted sockets: two system calls less a connection. */
    if (set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0) {
        return -1;
    }
    return set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* Bind and listen. Returns 0 or -1 with errno set; *step names what failed. */
static int open_listener(int fd, const struct core_address *address, int backlog, mode_t unix_mode,
                         const char **step)
{
    int is_unix = address->u.any.sa_family == AF_UNIX;
    *step = "setsockopt";
    if (!is_unix && set_tcp_options(fd, address) != 0) {
        return -1;
    }
    *step = "bind";
    if (bind(fd, &address->u.any, address->len) != 0) {
        return -1;
    }
    /* The mode is set between bind and listen: until listen() nobody can connect, so there is no
     * moment at which the umask's mode counts. NOFOLLOW: whoever may write in the directory and
     * put a link there doesn't get our chmod on its target. */
    *step = "chmod";
    if (is_unix &&
        fchmodat(AT_FDCWD, address->u.local.sun_path, unix_mode & 0777, AT_SYMLINK_NOFOLLOW) != 0) {
        return -1;
    }
    *step = "listen";
    return listen(fd, backlog);
}

int core_address_listen(const struct core_address *address, int backlog, mode_t unix_mode,
                        int *out_fd)
{
    char text[CORE_ADDRESS_TEXT_MAX];
    core_address_print(address, text);
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "%s: socket: %s", text, strerror(err));
    }
    const char *step = "";
    if (open_listener(fd, address, backlog, unix_mode, &step) == 0) {
        *out_fd = fd;
        return 0;
    }
    int err = errno;
    if (address->u.any.sa_family == AF_UNIX && strcmp(step, "bind") != 0) {
        unlink(address->u.local.sun_path); /* ours since bind(); nobody else can listen there */
    }
    close(fd);
    int code = err == EADDRINUSE               ? MANSIO_E_BUSY
               : err == EACCES || err == EPERM ? MANSIO_E_DENIED
                                               : MANSIO_E_IO;
    return mansio_fail(code, "%s: %s: %s", text, step, strerror(err));
}
