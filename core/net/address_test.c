/*
 * Addresses: what parses to what, what is refused and why, printing, listening sockets.
 */
#include "config.h"
#include "core/net/address.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>

static void accepts_and_prints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed, *ip;
        int family, is_dual;
    } rows[] = {
        {"192.0.2.1:25", "192.0.2.1:25", "192.0.2.1", AF_INET, 0},
        {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET, 0},
        {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET, 0},
        {"[2001:db8::1]:25", "[2001:db8::1]:25", "2001:db8::1", AF_INET6, 0},
        {"[2001:DB8:0:0:0:0:0:1]:25", "[2001:db8::1]:25", "2001:db8::1", AF_INET6, 0},
        {"[::]:993", "[::]:993", "::", AF_INET6, 0},
        {"[::1]:1", "[::1]:1", "::1", AF_INET6, 0},
        {"[64:ff9b::192.0.2.1]:25", "[64:ff9b::c000:201]:25", "64:ff9b::c000:201", AF_INET6, 0},
        {"[fe80::1%2]:25", "[fe80::1%2]:25", "fe80::1%2", AF_INET6, 0},
        {"[fe80::1%4294967295]:25", "[fe80::1%4294967295]:25", "fe80::1%4294967295", AF_INET6, 0},
        {"*:25", "*:25", "*", AF_INET6, 1},
        {"unix:/run/x.sock", "unix:/run/x.sock", "unix", AF_UNIX, 0},
        {"unix:/", "unix:/", "unix", AF_UNIX, 0},
        {"unix:/a b:c]", "unix:/a b:c]", "unix", AF_UNIX, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_address address;
        char text[CORE_ADDRESS_TEXT_MAX];
        assert_int_equal(core_address_parse(mansio_str_from_cstr(rows[i].text), &address), 0);
        assert_int_equal(address.u.any.sa_family, rows[i].family);
        assert_int_equal(address.is_dual, rows[i].is_dual);
        assert_int_equal(core_address_print(&address, text), strlen(rows[i].printed));
        assert_string_equal(text, rows[i].printed);
        struct core_address again;
        assert_int_equal(core_address_parse(mansio_str_from_cstr(text), &again), 0);
        assert_true(core_address_eq(&address, &again));
        assert_int_equal(core_address_print_ip(&address, text), strlen(rows[i].ip));
        assert_string_equal(text, rows[i].ip);
    }
}

static void refuses_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        struct mansio_str text;
        const char *reason; /* part of the detail */
    } rows[] = {
        {MANSIO_STR(""), "a port at the end"},
        {MANSIO_STR(":"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1"), "a port at the end"},
        {MANSIO_STR("192.0.2.1:"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:65536"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:4294967321"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:-1"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:+25"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:025"), "without leading zeros"},
        {MANSIO_STR("192.0.2.1:25 "), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:smtp"), "a port from 0 to 65535"},
        {MANSIO_STR("192.0.2.1:0x19"), "a port from 0 to 65535"},
        {MANSIO_STR(" 192.0.2.1:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("192.0.2.01:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("0300.0.2.1:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("0xc0.0.2.1:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("192.0.513:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("192.0.2.256:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("192.0.2.1.5:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("192.0.2.1\0:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("localhost:25"), "names are not looked up"},
        {MANSIO_STR(":25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("**:25"), "IPv4 \"192.0.2.1:25\""},
        {MANSIO_STR("2001:db8::1:25"), "brackets round an IPv6 address"},
        {MANSIO_STR("[2001:db8::1"), "brackets round an IPv6 address"},
        {MANSIO_STR("[2001:db8::1]"), "a port at the end"},
        {MANSIO_STR("[2001:db8::1]25"), "a port at the end"},
        {MANSIO_STR("[2001:db8::1]x:25"), "brackets round an IPv6 address"},
        {MANSIO_STR("[]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[]]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[192.0.2.1]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[2001:db8::1::2]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[2001:db8:0:0:0:0:0:0:1]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[2001:db8::00001]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]:25"),
         "an IPv6 address between the brackets"},
        {MANSIO_STR("[::1\0]:25"), "an IPv6 address between the brackets"},
        {MANSIO_STR("[::ffff:192.0.2.1]:25"), "written as IPv4"},
        {MANSIO_STR("[fe80::1]:25"), "a zone"},
        {MANSIO_STR("[2001:db8::1%2]:25"), "a zone"},
        {MANSIO_STR("[fe80::1%]:25"), "an interface's number"},
        {MANSIO_STR("[fe80::1%0]:25"), "an interface's number"},
        {MANSIO_STR("[fe80::1%02]:25"), "an interface's number"},
        {MANSIO_STR("[fe80::1%eth0]:25"), "an interface's number"},
        {MANSIO_STR("[fe80::1%4294967296]:25"), "an interface's number"},
        {MANSIO_STR("unix:"), "an absolute path"},
        {MANSIO_STR("unix:x.sock"), "an absolute path"},
        {MANSIO_STR("unix:@x"), "an absolute path"},
        {MANSIO_STR("unix:/x\0y"), "a path without control bytes"},
        {MANSIO_STR("unix:/x\r\ny"), "a path without control bytes"},
        {MANSIO_STR("UNIX:/x"), "a port from 0 to 65535"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_address address = {.len = 77};
        assert_int_equal(core_address_parse(rows[i].text, &address), MANSIO_E_INVALID);
        assert_int_equal(address.len, 77);
        if (!strstr(mansio_error_detail(), rows[i].reason)) {
            fail_msg("%.*s: \"%s\" lacks \"%s\"", MANSIO_STR_ARG(rows[i].text),
                     mansio_error_detail(), rows[i].reason);
        }
    }
}

static void bounds_the_unix_path(void **state)
{
    (void)state;
    char text[200] = "unix:/";
    memset(text + 6, 'x', sizeof(text) - 7);
    for (size_t path = 1; path < 190; path++) {
        struct core_address address;
        int rc = core_address_parse((struct mansio_str){text, 5 + path}, &address);
        assert_int_equal(rc, path <= 107 ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            char printed[CORE_ADDRESS_TEXT_MAX];
            assert_int_equal(core_address_print(&address, printed), 5 + path);
            assert_memory_equal(printed, text, 5 + path);
        }
    }
    assert_non_null(strstr(mansio_error_detail(), "at most 107 fit"));
}

static void prints_what_the_system_gives(void **state)
{
    (void)state;
    char text[CORE_ADDRESS_TEXT_MAX];
    struct core_address mapped = {
        .len = sizeof(struct sockaddr_in6),
        .u.ipv6 = {.sin6_family = AF_INET6,
                   .sin6_port = htons(4242),
                   .sin6_addr.s6_addr = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}},
    };
    core_address_print(&mapped, text);
    assert_string_equal(text, "192.0.2.1:4242");
    core_address_print_ip(&mapped, text);
    assert_string_equal(text, "192.0.2.1");
    core_address_print_network(&mapped, text);
    assert_string_equal(text, "192.0.2.1");

    struct core_address unnamed = {.len = sizeof(sa_family_t), .u.local.sun_family = AF_UNIX};
    core_address_print(&unnamed, text);
    assert_string_equal(text, "unix");

    struct core_address abstract = {
        .len = offsetof(struct sockaddr_un, sun_path) + 6,
        .u.local = {.sun_family = AF_UNIX, .sun_path = "\0ab\nc\0"},
    };
    assert_int_equal(core_address_print(&abstract, text), 11);
    assert_string_equal(text, "unix:@ab?c?");

    struct core_address full = {.len = sizeof(struct sockaddr_un), .u.local.sun_family = AF_UNIX};
    memset(full.u.local.sun_path, 'x', sizeof(full.u.local.sun_path)); /* no NUL: Linux allows it */
    assert_int_equal(core_address_print(&full, text), 5 + 108);

    struct core_address strange = {.len = 2, .u.any.sa_family = AF_NETLINK};
    core_address_print(&strange, text);
    assert_string_equal(text, "unknown");
}

static void prints_networks_as_limits_count(void **state)
{
    (void)state;
    static const struct {
        const char *address, *network;
    } rows[] = {
        {"192.0.2.1:25", "192.0.2.1"},
        {"[2001:db8:1:2:3:4:5:6]:25", "2001:db8:1:2::/64"},
        {"[2001:db8:1:2::7]:25", "2001:db8:1:2::/64"},
        {"[::1]:25", "::/64"},
        {"unix:/run/x", "unix"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct core_address address;
        char text[CORE_ADDRESS_TEXT_MAX];
        assert_int_equal(core_address_parse(mansio_str_from_cstr(rows[i].address), &address), 0);
        assert_int_equal(core_address_print_network(&address, text), strlen(rows[i].network));
        assert_string_equal(text, rows[i].network);
    }
}

static void tells_addresses_apart(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "192.0.2.1:25",     "192.0.2.1:26",   "192.0.2.2:25", "[2001:db8::1]:25",
        "[2001:db8::1]:26", "[::]:25",        "*:25",         "*:26",
        "[fe80::1%1]:25",   "[fe80::1%2]:25", "unix:/a",      "unix:/ab",
        "unix:/192.0.2.1",
    };
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        for (size_t j = 0; j < MANSIO_COUNT(texts); j++) {
            struct core_address a;
            struct core_address b;
            assert_int_equal(core_address_parse(mansio_str_from_cstr(texts[i]), &a), 0);
            assert_int_equal(core_address_parse(mansio_str_from_cstr(texts[j]), &b), 0);
            assert_int_equal(core_address_eq(&a, &b), i == j);
        }
    }
}

static int flag_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static int listen_at(const char *text, mode_t mode, int *fd)
{
    struct core_address address;
    assert_int_equal(core_address_parse(mansio_str_from_cstr(text), &address), 0);
    return core_address_listen(&address, 16, mode, fd);
}

static void listens_on_tcp(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int v6only; /* -1: not IPv6 */
    } rows[] = {{"127.0.0.1:0", -1}, {"[::1]:0", 1}, {"[::]:0", 1}, {"*:0", 0}};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int fd = -1;
        assert_int_equal(listen_at(rows[i].text, 0, &fd), 0);
        assert_int_equal(flag_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
        assert_int_equal(flag_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
        if (rows[i].v6only >= 0) {
            assert_int_equal(flag_of(fd, IPPROTO_IPV6, IPV6_V6ONLY), rows[i].v6only);
        }
        struct core_address bound;
        assert_int_equal(core_address_of_socket(fd, &bound), 0);
        assert_int_equal(bound.is_dual, rows[i].v6only == 0);

        /* The port is taken now, and the refusal says by name what and why. */
        char text[CORE_ADDRESS_TEXT_MAX];
        core_address_print(&bound, text);
        int other = -1;
        assert_int_equal(listen_at(text, 0, &other), MANSIO_E_BUSY);
        assert_int_equal(other, -1);
        assert_non_null(strstr(mansio_error_detail(), text));
        assert_non_null(strstr(mansio_error_detail(), "in use"));

        /* What is accepted needs no system calls of ours for these two. */
        int client = socket(bound.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct core_address to = bound;
        if (bound.is_dual || rows[i].v6only == 1) {
            to.u.ipv6.sin6_addr = in6addr_loopback;
        }
        assert_int_equal(connect(client, &to.u.any, to.len), 0);
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(accepted >= 0);
        assert_int_equal(flag_of(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(flag_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
        close(accepted);
        close(client);
        close(fd);
    }
}

static void takes_ipv4_on_the_star(void **state)
{
    (void)state;
    int fd = -1;
    assert_int_equal(listen_at("*:0", 0, &fd), 0);
    struct core_address bound;
    assert_int_equal(core_address_of_socket(fd, &bound), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = bound.u.ipv6.sin6_port,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&to, sizeof(to)), 0);
    close(client);
    close(fd);
}

static void sets_the_mode_whatever_the_umask(void **state)
{
    (void)state;
    char dir[] = "/tmp/mansio-address-XXXXXX";
    assert_non_null(mkdtemp(dir));
    static const struct {
        mode_t mask, mode;
    } rows[] = {{0, 0600}, {077, 0666}, {022, 0660}, {0777, 0600}};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        char text[100];
        snprintf(text, sizeof(text), "unix:%s/s", dir);
        mode_t before = umask(rows[i].mask);
        int fd = -1;
        int rc = listen_at(text, rows[i].mode, &fd);
        umask(before);
        assert_int_equal(rc, 0);
        struct stat st;
        assert_int_equal(stat(text + 5, &st), 0);
        assert_int_equal(st.st_mode & 07777, rows[i].mode);
        int other = -1;
        assert_int_equal(listen_at(text, 0600, &other), MANSIO_E_BUSY);
        assert_int_equal(access(text + 5, F_OK), 0); /* a socket in use isn't unlinked */
        close(fd);
        unlink(text + 5);
    }
    rmdir(dir);
    int fd = -1;
    assert_int_equal(listen_at("unix:/nonexistent/s", 0600, &fd), MANSIO_E_IO);
    assert_int_equal(fd, -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_prints),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(bounds_the_unix_path),
        cmocka_unit_test(prints_what_the_system_gives),
        cmocka_unit_test(prints_networks_as_limits_count),
        cmocka_unit_test(tells_addresses_apart),
        cmocka_unit_test(listens_on_tcp),
        cmocka_unit_test(takes_ipv4_on_the_star),
        cmocka_unit_test(sets_the_mode_whatever_the_umask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
