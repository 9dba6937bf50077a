/*
 * IMAP: every word of its grammar, read from the same text. What is read leaves the cursor within
 * the text; what fails leaves the result alone; what was read and is printed again reads as the
 * same. The bytes as a mailbox's name: what modified UTF-7 makes of them can be undone.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

#include "modules/imap/mutf7.h"
#include "modules/imap/parse.h"
#include "modules/imap/reader.h"
#include "modules/imap/reply.h"

const char fuzz_name[] = "imap";

enum { ARENA_CAP = 16 << 20, PRINTED_MAX = 8 << 20 };

typedef int (*parse_text_fn)(struct imap_cursor *cursor, struct mansio_str *out);
typedef void (*print_fn)(struct mansio_buf *out, struct mansio_str text);

static struct imap_cursor cursor_of(struct mansio_arena *arena, struct mansio_str text)
{
    return (struct imap_cursor){text.ptr, text.ptr, text.ptr + text.len, arena};
}

static void check_cursor(const struct imap_cursor *cursor, int rc)
{
    MANSIO_ASSERT(cursor->begin <= cursor->at && cursor->at <= cursor->end);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    MANSIO_ASSERT(rc < 0 || cursor->at > cursor->begin);
}

/* What a parser gives is the same when a printer has printed it. @param print  NULL: none */
static int check_text(struct mansio_arena *arena, struct mansio_str text, parse_text_fn parse,
                      print_fn print, struct mansio_str *out)
{
    static const struct mansio_str untouched = {"?", 1};
    struct imap_cursor cursor = cursor_of(arena, text);
    *out = untouched;
    int rc = parse(&cursor, out);
    check_cursor(&cursor, rc);
    if (rc < 0 || print == NULL) {
        return rc;
    }
    struct mansio_buf *printed = mansio_buf_new(arena, PRINTED_MAX);
    struct mansio_str again;
    print(printed, *out);
    MANSIO_ASSERT(mansio_buf_status(printed) == 0);
    cursor = cursor_of(arena, mansio_buf_str(printed));
    MANSIO_ASSERT(parse(&cursor, &again) == 0 && imap_parse_end(&cursor) == 0);
    MANSIO_ASSERT(mansio_str_eq(*out, again));
    return rc;
}

static void check_words(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_str out;
    if (check_text(arena, text, imap_parse_tag, NULL, &out) == 0) {
        MANSIO_ASSERT(out.len > 0 && out.len <= IMAP_TAG_MAX);
        MANSIO_ASSERT(mansio_str_find_char(out, '+') < 0 && mansio_str_find_char(out, '*') < 0);
    }
    if (check_text(arena, text, imap_parse_atom, NULL, &out) == 0) {
        MANSIO_ASSERT(out.ptr == text.ptr && out.len <= text.len);
        struct imap_cursor cursor = cursor_of(arena, text);
        MANSIO_ASSERT(imap_parse_word(&cursor, out) == 0 || cursor.at == cursor.begin + out.len);
    }
    if (check_text(arena, text, imap_parse_string, imap_reply_string, &out) == 0) {
        MANSIO_ASSERT(mansio_str_find_char(out, '\0') < 0);
    }
    (void)!check_text(arena, text, imap_parse_astring, imap_reply_string, &out);
    if (check_text(arena, text, imap_parse_mailbox, imap_reply_mailbox, &out) == 0) {
        MANSIO_ASSERT(out.len > 0 && out.ptr[0] != '/' && out.ptr[out.len - 1] != '/');
        MANSIO_ASSERT(mansio_str_find(out, MANSIO_STR("//")) < 0);
    }
    (void)!check_text(arena, text, imap_parse_list_mailbox, imap_reply_mailbox, &out);
}

static void check_numbers(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor a = cursor_of(arena, text), b = a, c = a;
    uint32_t number = 0, nz_number = 0;
    uint64_t number64 = 0;
    int rc = imap_parse_number(&a, &number), nz = imap_parse_nz_number(&b, &nz_number),
        wide = imap_parse_number64(&c, &number64);
    check_cursor(&a, rc);
    check_cursor(&b, nz);
    check_cursor(&c, wide);
    MANSIO_ASSERT(nz < 0 || (rc == 0 && nz_number == number && number > 0));
    MANSIO_ASSERT(rc < 0 || (wide == 0 && number64 == number && a.at == c.at));
    MANSIO_ASSERT(number64 <= INT64_MAX);
}

static void check_set(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor cursor = cursor_of(arena, text);
    struct imap_set set, again;
    int rc = imap_parse_set(&cursor, &set);
    check_cursor(&cursor, rc);
    if (rc < 0) {
        return;
    }
    MANSIO_ASSERT(set.count > 0 && set.ranges[0] > 0);
    for (size_t i = 0; i < set.count; i++) {
        MANSIO_ASSERT(set.ranges[2 * i] <= set.ranges[2 * i + 1]);
        MANSIO_ASSERT(i == 0 || set.ranges[2 * i] - 1 > set.ranges[2 * i - 1]);
    }
    if (set.ranges[2 * set.count - 1] == UINT32_MAX) {
        return; /* "*": a server never says that, it prints numbers */
    }
    struct mansio_buf *printed = mansio_buf_new(arena, PRINTED_MAX);
    imap_reply_set(printed, set.ranges, set.count);
    cursor = cursor_of(arena, mansio_buf_str(printed));
    MANSIO_ASSERT(imap_parse_set(&cursor, &again) == 0 && imap_parse_end(&cursor) == 0);
    MANSIO_ASSERT(set.count == again.count &&
                  memcmp(set.ranges, again.ranges, set.count * 2 * sizeof *set.ranges) == 0);
}

static void check_flags(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor cursor = cursor_of(arena, text);
    uint32_t flags = 0, flags_again = 0;
    struct mansio_str keywords, again;
    int rc = imap_parse_flags(&cursor, &flags, &keywords);
    check_cursor(&cursor, rc);
    if (rc < 0) {
        return;
    }
    struct mansio_buf *printed = mansio_buf_new(arena, PRINTED_MAX);
    imap_reply_flags(printed, flags, 0, keywords);
    cursor = cursor_of(arena, mansio_buf_str(printed));
    MANSIO_ASSERT(imap_parse_flags(&cursor, &flags_again, &again) == 0);
    MANSIO_ASSERT(imap_parse_end(&cursor) == 0);
    MANSIO_ASSERT(flags == flags_again && mansio_str_eq(keywords, again));
}

static void check_dates(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor cursor = cursor_of(arena, text);
    int64_t us = 0, again = 0;
    int32_t days = 0;
    check_cursor(&cursor, imap_parse_date(&cursor, &days));
    cursor = cursor_of(arena, text);
    int rc = imap_parse_date_time(&cursor, &us);
    check_cursor(&cursor, rc);
    /* A zone may lead out of the years that can be printed. */
    if (rc < 0 || us / 1000000 < -INT64_C(62167219200) || us / 1000000 > INT64_C(253402300799)) {
        return;
    }
    struct mansio_buf *printed = mansio_buf_new(arena, 100);
    imap_reply_date_time(printed, us);
    cursor = cursor_of(arena, mansio_buf_str(printed));
    MANSIO_ASSERT(imap_parse_date_time(&cursor, &again) == 0 && us == again);
}

/* Undone and done again is what it was; done and undone too, if it was UTF-8 (else U+FFFD stands
 * there, and it is so from then on). */
static void check_mutf7(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_str name, once, twice;
    struct mansio_buf *out = mansio_buf_new(arena, PRINTED_MAX);
    if (imap_mutf7_decode(arena, text, &name) == 0) {
        imap_mutf7_encode(out, name, 0);
        MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(out), text));
        mansio_buf_reset(out);
    }
    imap_mutf7_encode(out, text, 0);
    MANSIO_ASSERT(imap_mutf7_decode(arena, mansio_buf_str(out), &once) == 0);
    mansio_buf_reset(out);
    imap_mutf7_encode(out, once, 0);
    MANSIO_ASSERT(imap_mutf7_decode(arena, mansio_buf_str(out), &twice) == 0);
    MANSIO_ASSERT(mansio_str_eq(once, twice));
}

static void check_literal(struct mansio_str text)
{
    struct imap_literal literal;
    if (imap_literal_find(text, &literal) == 0) {
        MANSIO_ASSERT(text.len >= 3 && literal.left == literal.size);
        MANSIO_ASSERT(literal.size <= INT64_MAX);
        MANSIO_ASSERT(literal.is_synchronizing == (text.ptr[text.len - 2] != '+'));
    }
}

/* Whatever is printed as a string reads as one, NUL excepted. */
static void check_printing(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_buf *out = mansio_buf_new(arena, PRINTED_MAX);
    struct mansio_str again;
    imap_reply_nstring(out, text);
    struct imap_cursor cursor = cursor_of(arena, mansio_buf_str(out));
    MANSIO_ASSERT(imap_parse_string(&cursor, &again) == 0 && imap_parse_end(&cursor) == 0);
    MANSIO_ASSERT(again.len == text.len);
    for (size_t i = 0; i < text.len; i++) {
        MANSIO_ASSERT(again.ptr[i] == (text.ptr[i] == '\0' ? ' ' : text.ptr[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str text = {size > 0 ? (const char *)data : "", size};
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_CAP);
    if (size <= 1 << 16) {
        check_words(arena, text);
        check_numbers(arena, text);
        check_set(arena, text);
        check_flags(arena, text);
        check_dates(arena, text);
        check_mutf7(arena, text);
        check_literal(text);
        check_printing(arena, text);
    }
    mansio_arena_free(arena);
    return 0;
}
