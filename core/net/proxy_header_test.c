/*
 * PROXY headers: what is one and what it says, what is none; wherever the bytes are cut.
 */
#include "config.h"
#include "core/net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <mansio/error.h>

#define V2         "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4    V2 "\x21\x11"
#define V2_TCP6    V2 "\x21\x21"
#define IPV4_ENDS  "\xc6\x33\x64\x07\xcb\x00\x71\x01\x10\x92\x00\x19"
#define IPV6_BYTES "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define IPV6_ENDS  IPV6_BYTES "\x01" IPV6_BYTES "\x02\x10\x92\x00\x19"
#define LINE_MAX_TEXT                                                                              \
    "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535"                                    \
    " and more until it is as long as it may be at mo\r\n"
_Static_assert(sizeof LINE_MAX_TEXT - 1 == CORE_PROXY_V1_MAX, "the longest line");

static const struct {
    struct mansio_str bytes; /* the header alone */
    unsigned version;
    const char *peer, *local; /* NULL: none are said */
} good[] = {
    {MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242 25\r\n"), 1, "198.51.100.7:4242",
     "203.0.113.1:25"},
    {MANSIO_STR("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), 1, "0.0.0.0:0",
     "255.255.255.255:65535"},
    {MANSIO_STR("PROXY TCP6 2001:db8::1 2001:DB8::2 4242 25\r\n"), 1, "[2001:db8::1]:4242",
     "[2001:db8::2]:25"},
    {MANSIO_STR("PROXY TCP6 ::ffff:198.51.100.7 ::1 4242 25\r\n"), 1, "198.51.100.7:4242",
     "[::1]:25"},
    {MANSIO_STR("PROXY UNKNOWN\r\n"), 1, NULL, NULL},
    {MANSIO_STR("PROXY UNKNOWN whatever else\r\n"), 1, NULL, NULL},
    {MANSIO_STR(LINE_MAX_TEXT), 1, NULL, NULL},
    {MANSIO_STR(V2_TCP4 "\x00\x0c" IPV4_ENDS), 2, "198.51.100.7:4242", "203.0.113.1:25"},
    {MANSIO_STR(V2_TCP6 "\x00\x24" IPV6_ENDS), 2, "[2001:db8::1]:4242", "[2001:db8::2]:25"},
    /* with fields: an authority, an empty one, padding */
    {MANSIO_STR(V2_TCP4 "\x00\x19" IPV4_ENDS "\x02\x00\x02us\x05\x00\x00\x04\x00\x02\0\0"), 2,
     "198.51.100.7:4242", "203.0.113.1:25"},
    /* LOCAL: with nothing, with what is to be ignored */
    {MANSIO_STR(V2 "\x20\x00\x00\x00"), 2, NULL, NULL},
    {MANSIO_STR(V2 "\x20\x11\x00\x0c" IPV4_ENDS), 2, NULL, NULL},
    {MANSIO_STR(V2 "\x20\x00\x00\x03xyz"), 2, NULL, NULL},
    /* families that aren't ours to know: none, datagrams, unix */
    {MANSIO_STR(V2 "\x21\x00\x00\x00"), 2, NULL, NULL},
    {MANSIO_STR(V2 "\x21\x00\x00\x03xyz"), 2, NULL, NULL},
    {MANSIO_STR(V2 "\x21\x12\x00\x0c" IPV4_ENDS), 2, NULL, NULL},
};

static void expect_end(const struct core_address *end, const char *expected)
{
    char text[CORE_ADDRESS_TEXT_MAX];
    core_address_print(end, text);
    assert_string_equal(text, expected);
}

static void expect(size_t row, const struct core_proxy_header *header)
{
    assert_int_equal(header->version, good[row].version);
    assert_int_equal(header->has_ends, good[row].peer != NULL);
    if (good[row].peer) {
        expect_end(&header->peer, good[row].peer);
        expect_end(&header->local, good[row].local);
    }
}

/* Each beginning asks for more; the whole, with anything behind it, is taken as long as it is. */
static void reads_headers_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(good); i++) {
        struct core_proxy_header header;
        char bytes[512];
        size_t len = good[i].bytes.len;
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(
                core_proxy_header_parse(mansio_str_sub(good[i].bytes, 0, cut), &header), 0);
        }
        assert_int_equal(core_proxy_header_parse(good[i].bytes, &header), len);
        expect(i, &header);
        memset(bytes, 'x', sizeof bytes);
        memcpy(bytes, good[i].bytes.ptr, len);
        memset(&header, 0, sizeof header);
        assert_int_equal(core_proxy_header_parse((struct mansio_str){bytes, sizeof bytes}, &header),
                         len);
        expect(i, &header);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const struct mansio_str rows[] = {
        MANSIO_STR("E"),
        MANSIO_STR("EHLO client\r\n"),
        MANSIO_STR("\x16\x03\x01\x02\x00"),
        MANSIO_STR("PROXX"),
        MANSIO_STR("proxy TCP4"),
        MANSIO_STR("PROXY\r\n"),
        MANSIO_STR("PROXY \r\n"),
        MANSIO_STR("PROXY TCP4\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242 25\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242 25 1\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242 25 \r\n"),
        MANSIO_STR("PROXY TCP4  198.51.100.7 203.0.113.1 4242 25\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 4242 65536\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 04242 25\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1 +424 25\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7 203.0.113.1  25\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.07 203.0.113.1 4242 25\r\n"),
        MANSIO_STR("PROXY TCP4 198.51.100.7\0 203.0.113.1 4242 25\r\n"),
        MANSIO_STR("PROXY TCP4 2001:db8::1 2001:db8::2 4242 25\r\n"),
        MANSIO_STR("PROXY TCP6 198.51.100.7 203.0.113.1 4242 25\r\n"),
        MANSIO_STR("PROXY UDP4 198.51.100.7 203.0.113.1 4242 25\r\n"),
        MANSIO_STR("PROXY UNKNOWNS\r\n"),
        MANSIO_STR("\r\n\r\n\0\r\nQUIX"),
        MANSIO_STR(V2 "\x11\x11\x00\x0c" IPV4_ENDS), /* version 1 in version 2 */
        MANSIO_STR(V2 "\x22\x11\x00\x0c" IPV4_ENDS), /* a command that is none */
        MANSIO_STR(V2 "\x21\x41\x00\x0c" IPV4_ENDS), /* a family */
        MANSIO_STR(V2 "\x21\x13\x00\x0c" IPV4_ENDS), /* a transport */
        MANSIO_STR(V2_TCP4 "\x00\x0b\xc6\x33\x64\x07\xcb\x00\x71\x01\x10\x92\x00"), /* too short */
        MANSIO_STR(V2_TCP4 "\x20\x01"),                              /* longer than we read */
        MANSIO_STR(V2_TCP4 "\x00\x0e" IPV4_ENDS "\x02\x00"),         /* a field's head cut off */
        MANSIO_STR(V2_TCP4 "\x00\x10" IPV4_ENDS "\x02\x00\x02u"),    /* a field past the end */
        MANSIO_STR(V2_TCP4 "\x00\x11" IPV4_ENDS "\x03\x00\x02\0\0"), /* a checksum of 2 bytes */
        MANSIO_STR(V2_TCP4 "\x00\x13" IPV4_ENDS "\x03\x00\x04\0\0\0\0"), /* a wrong one */
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_proxy_header header;
        if (core_proxy_header_parse(rows[i], &header) != MANSIO_E_INVALID) {
            fail_msg("row %zu is taken", i);
        }
        assert_non_null(strstr(mansio_error_detail(), "PROXY header: "));
    }
    char lengthy[200];
    struct core_proxy_header header;
    memset(lengthy, 'x', sizeof lengthy);
    memcpy(lengthy, "PROXY UNKNOWN ", 14);
    assert_int_equal(core_proxy_header_parse((struct mansio_str){lengthy, 106}, &header), 0);
    assert_int_equal(core_proxy_header_parse((struct mansio_str){lengthy, 107}, &header),
                     MANSIO_E_INVALID);
}

/* CRC-32C of the header with zeros in its place, by a table of the usual form, to differ from ours:
 * "123456789" gives e3069283 (RFC 3720 appendix B.4 has the polynomial). */
static uint32_t crc(const unsigned char *bytes, size_t len)
{
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) {
            c = c & 1 ? UINT32_C(0x82f63b78) ^ (c >> 1) : c >> 1;
        }
        table[i] = c;
    }
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        c = table[(c ^ bytes[i]) & 0xff] ^ (c >> 8);
    }
    return ~c;
}

static void checks_the_checksum(void **state)
{
    (void)state;
    unsigned char bytes[] = V2_TCP4 "\x00\x16" IPV4_ENDS "\x03\x00\x04\0\0\0\0\x05\x00\x00";
    size_t len = sizeof bytes - 1;
    size_t at = 16 + 12 + 3;
    struct core_proxy_header header;
    assert_int_equal(crc((const unsigned char *)"123456789", 9), UINT32_C(0xe3069283));
    uint32_t sum = crc(bytes, len);
    for (size_t i = 0; i < 4; i++) {
        bytes[at + i] = (unsigned char)(sum >> (24 - 8 * i));
    }
    struct mansio_str whole = {(const char *)bytes, len};
    assert_int_equal(core_proxy_header_parse(whole, &header), len);
    for (size_t i = 16; i < at + 4; i++) {
        bytes[i] ^= 1; /* but for the field's type: then there is no checksum */
        int expected = i == at - 3 ? (int)len : MANSIO_E_INVALID;
        assert_int_equal(core_proxy_header_parse(whole, &header), expected);
        bytes[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers_however_they_are_cut),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(checks_the_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
