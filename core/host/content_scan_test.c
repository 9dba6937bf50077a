/*
 * Scans: what is found in a message's bytes, split anywhere, is what the text that is kept of it
 * says.
 */
#include "core/base/testing.h"
#include "core/loop/testing.h"

#include <mansio/content.h>
#include <mansio/error.h>
#include <mansio/search.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include <mansio/buf.h>

#include <string.h>

#define SOON mansio_deadline_in(20 * MANSIO_SECOND)

static const char PREFIX[] = "Return-Path: <Eve@Example.NET>\r\nReceived: by us\r\n\tfor "
                             "<\xc3\x9c@x.test>\r\n";
static const char MESSAGE[] =
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?b?IGF1cyBLw7ZsbiBC?=\r\n"
    "X-Odd: =?utf-8?q?a=0Afrom=3A_nobody?=\r\nFrom: Anna <anna@x.test>\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nSCH=D6N and sof=\r\nt\r\n--b\r\n"
    "Content-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "PABwAD4ASABlAGwAbABvADwALwBwAD4A\r\n--b\r\nContent-Type: message/rfc822\r\n"
    "Content-Description: An old LETTER\r\n\r\nSubject: Inside\r\nTo: Bert <b@y.test>\r\n\r\n"
    "deep text\r\n--b\r\nContent-Type: image/png;\r\n name*=utf-8''P%C3%84NTHER.png\r\n\r\n"
    "bytes\r\n--b--\r\nepilogue\r\n";

static const struct {
    uint32_t where;
    const char *field, *needle;
    int is_there;
} ROWS[] = {
    {MANSIO_SEARCH_TEXT, "", "gr\xc3\xbcsse aus k\xc3\xb6ln b\n", 1},
    {MANSIO_SEARCH_TEXT, "", "subject: gr", 1},
    {MANSIO_SEARCH_BODY, "", "gr\xc3\xbcsse", 0},
    {MANSIO_SEARCH_FIELD, "subject", "aus k", 1},
    {MANSIO_SEARCH_FIELD, "subject", "inside", 0},
    {MANSIO_SEARCH_FIELD, "subject", "", 1},
    {MANSIO_SEARCH_FIELD, "subjec", "", 0},
    {MANSIO_SEARCH_FIELD, "x-odd", "a from: nobody", 1},
    {MANSIO_SEARCH_FIELD, "from", "nobody", 0},
    {MANSIO_SEARCH_FIELD, "from", "from", 0},
    {MANSIO_SEARCH_BODY, "", "sch\xc3\xb6n and soft", 1},
    {MANSIO_SEARCH_TEXT, "", "soft", 1},
    {MANSIO_SEARCH_BODY, "", "<p>hello</p>", 1},
    {MANSIO_SEARCH_BODY, "", "inside", 1},
    {MANSIO_SEARCH_BODY, "", "bert b@y.test", 1},
    {MANSIO_SEARCH_BODY, "", "old letter", 1},
    {MANSIO_SEARCH_BODY, "", "p\xc3\xa4nther.png", 1},
    {MANSIO_SEARCH_BODY, "", "deep text", 1},
    {MANSIO_SEARCH_BODY, "", "anna", 0},
    {MANSIO_SEARCH_BODY, "", "preamble", 0},
    {MANSIO_SEARCH_BODY, "", "epilogue", 0},
    {MANSIO_SEARCH_BODY, "", "bytes", 0},
    {MANSIO_SEARCH_TEXT, "", "eve@example.net", 1},
    {MANSIO_SEARCH_TEXT, "", "for <\xc3\xbc@x.test>", 1},
    {MANSIO_SEARCH_FIELD, "received", "us for <\xc3\xbc", 1},
    {MANSIO_SEARCH_BODY, "", "", 1},
    {MANSIO_SEARCH_TEXT, "", "nowhere", 0},
};
enum { COUNT = MANSIO_COUNT(ROWS) };

static void make_keys(struct mansio_search_key *keys)
{
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = (struct mansio_search_key){
            .size = sizeof *keys,
            .where = ROWS[i].where,
            .needle = mansio_str_from_cstr(ROWS[i].needle),
            .field = mansio_str_from_cstr(ROWS[i].field),
        };
    }
}

/* A whole message, prefix first, in pieces of a size behind a first one. */
static struct mansio_scan *scan(struct mansio_arena *arena, struct mansio_str all, size_t first,
                                size_t piece)
{
    struct mansio_search_key keys[COUNT];
    struct mansio_scan *scan;

    make_keys(keys);
    scan = mansio_scan_new(arena, keys, COUNT);
    CHECK(mansio_scan_feed(scan, mansio_str_sub(all, 0, first)) == 0);
    for (size_t at = first; at < all.len; at += piece) {
        CHECK(mansio_scan_feed(scan, mansio_str_sub(all, at, piece)) == 0);
    }
    CHECK(mansio_scan_finish(scan) == 0);
    return scan;
}

static struct mansio_str whole(struct mansio_arena *arena)
{
    struct mansio_buf *all = mansio_buf_new(arena, 1 << 20);

    (void)mansio_buf_add(all, mansio_str_from_cstr(PREFIX));
    (void)mansio_buf_add(all, mansio_str_from_cstr(MESSAGE));
    return mansio_buf_str(all);
}

static int split_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str all = whole(arena);

    (void)arg;
    for (size_t split = 0; split <= all.len; split++) {
        struct mansio_arena *inner = mansio_arena_new(arena, "one", 0);
        struct mansio_scan *one = scan(inner, all, split, split == 0 ? 1 : SIZE_MAX / 2);

        for (size_t i = 0; i < COUNT; i++) {
            if (mansio_scan_found(one, i) != ROWS[i].is_there) {
                print_message("# split at %zu: \"%s\"\n", split, ROWS[i].needle);
                CHECK(!"as the table says");
            }
        }
        CHECK(mansio_scan_found(one, COUNT) == 0);
        mansio_arena_free(inner);
    }
    mansio_arena_free(arena);
    return 0;
}

static void found_wherever_it_is_split(void **state)
{
    (void)state;
    run_fiber(split_run, NULL);
}

static int kept_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = mansio_content_new(arena, 1 << 20);
    struct mansio_search_key keys[COUNT];
    struct mansio_str text;

    (void)arg;
    CHECK(mansio_content_write(content, mansio_str_from_cstr(MESSAGE), SOON) == 0);
    CHECK(mansio_content_finish(content, SOON) == 0);
    text = mansio_content_search_text(content);
    make_keys(keys);
    for (size_t i = 0; i < COUNT; i++) {
        int found = mansio_search_judge(text, mansio_str_from_cstr(PREFIX), &keys[i]);
        if (found != ROWS[i].is_there) {
            print_message("# \"%s\": %d\n", ROWS[i].needle, found);
            CHECK(!"as the table says");
        }
        /* Nothing is kept, or it is of an older kind: it must be read. */
        found = mansio_search_judge(MANSIO_STR_NONE, MANSIO_STR_NONE, &keys[i]);
        CHECK(found == (keys[i].needle.len == 0 && keys[i].where != MANSIO_SEARCH_FIELD
                            ? 1
                            : MANSIO_SEARCH_UNKNOWN));
        found = mansio_search_judge(MANSIO_STR("nowhere\nb"), MANSIO_STR_NONE, &keys[i]);
        CHECK(found != 0);
    }
    mansio_arena_free(arena);
    return 0;
}

static void found_in_what_is_kept(void **state)
{
    (void)state;
    run_fiber(kept_run, NULL);
}

/* Text beyond what is kept: unknown there, found by a scan; a needle over every edge of pieces. */
static int long_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *bytes = mansio_buf_new(arena, 4 << 20);
    struct mansio_content *content = mansio_content_new(arena, 4 << 20);
    struct mansio_search_key keys[3] = {
        {.size = sizeof *keys, .where = MANSIO_SEARCH_BODY, .needle = MANSIO_STR("line 30000 ")},
        {.size = sizeof *keys, .where = MANSIO_SEARCH_BODY, .needle = MANSIO_STR("line 30001 ")},
        {.size = sizeof *keys, .where = MANSIO_SEARCH_TEXT},
    };
    struct mansio_scan *one;

    (void)arg;
    (void)mansio_buf_add(bytes, MANSIO_STR("Subject: x\r\n\r\n"));
    for (unsigned i = 0; i <= 30000; i++) {
        (void)mansio_buf_printf(bytes, "Line %u of a long MESSAGE\r\n", i);
    }
    struct mansio_str all = mansio_buf_str(bytes);
    struct mansio_buf *needle = mansio_buf_new(arena, 1 << 20);
    for (unsigned i = 20000; mansio_buf_str(needle).len < MANSIO_SEARCH_NEEDLE_MAX - 40; i++) {
        (void)mansio_buf_printf(needle, "line %u of a long message\r\n", i);
    }
    keys[2].needle = mansio_buf_str(needle);
    CHECK(mansio_content_write(content, all, SOON) == 0);
    CHECK(mansio_content_finish(content, SOON) == 0);
    CHECK(mansio_search_judge(mansio_content_search_text(content), MANSIO_STR_NONE, &keys[0]) ==
          MANSIO_SEARCH_UNKNOWN);
    one = mansio_scan_new(arena, keys, MANSIO_COUNT(keys));
    CHECK(mansio_scan_feed(one, all) == 0);
    CHECK(mansio_scan_finish(one) == 0);
    CHECK(mansio_scan_found(one, 0) == 1 && mansio_scan_found(one, 1) == 0);
    CHECK(mansio_scan_found(one, 2) == 1);
    keys[0].needle = (struct mansio_str){all.ptr, MANSIO_SEARCH_NEEDLE_MAX + 1};
    one = mansio_scan_new(arena, keys, 1);
    CHECK(mansio_scan_feed(one, all) == MANSIO_E_LIMIT);
    CHECK(mansio_scan_finish(one) == MANSIO_E_LIMIT);
    mansio_arena_free(arena);
    return 0;
}

static void found_beyond_what_is_kept(void **state)
{
    (void)state;
    run_fiber(long_run, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_wherever_it_is_split),
        cmocka_unit_test(found_in_what_is_kept),
        cmocka_unit_test(found_beyond_what_is_kept),
    };
    return cmocka_run_group_tests_name("content_scan", tests, NULL, NULL);
}
