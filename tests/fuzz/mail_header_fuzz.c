/*
 * What stands in header fields. The first byte chooses: encoded words (both ways), dates (both
 * ways), parameters, charsets and transfer encodings in pieces, header blocks.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/charset.h"
#include "core/mail/date.h"
#include "core/mail/header.h"
#include "core/mail/param.h"
#include "core/mail/transfer.h"
#include "core/mail/word.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

const char fuzz_name[] = "mail_header";

enum {
    ARENA_BYTES = 256 << 20,
    OUT_BYTES = 8 << 20,
};

static const char *const CHARSETS[] = {"utf-8",       "us-ascii",     "iso-8859-1", "nobody-knows",
                                       "iso-2022-jp", "gb18030",      "big5",       "shift_jis",
                                       "utf-7",       "windows-1251", "euc-kr",     "utf-16"};

static void check_words(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_buf *decoded = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_buf *encoded = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_buf *again = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_str line = MANSIO_STR_NONE;
    struct mansio_str rest;

    core_mail_word_decode(decoded, text);
    MANSIO_ASSERT(core_mail_is_utf8(mansio_buf_str(decoded)));
    core_mail_word_encode(encoded, mansio_buf_str(decoded), 9);
    core_mail_word_decode(again, mansio_buf_str(encoded));
    MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(decoded), mansio_buf_str(again)));
    rest = mansio_buf_str(encoded);
    while (mansio_str_starts(mansio_buf_str(encoded), MANSIO_STR("=?utf-8?")) &&
           mansio_str_split(&rest, '\n', &line) == 1) {
        MANSIO_ASSERT(line.len <= 78);
    }
}

static void check_date(struct mansio_arena *arena, struct mansio_str text)
{
    struct core_mail_date date = {.seconds = 0};
    struct core_mail_date again = {.seconds = 0};
    struct mansio_buf *out = mansio_buf_new(arena, OUT_BYTES);

    if (core_mail_date_parse_imap(text, &date) == 0 || core_mail_date_parse(text, &date) == 0) {
        core_mail_date_print(out, &date);
        MANSIO_ASSERT(core_mail_date_parse(mansio_buf_str(out), &again) == 0);
        /* The bounds of the years that can be printed, and zones of a day and more. */
        if (date.seconds > -62100000000 && date.seconds < 253400000000) {
            MANSIO_ASSERT(date.seconds == again.seconds);
        }
        mansio_buf_reset(out);
        core_mail_date_print_imap(out, &date);
        MANSIO_ASSERT(mansio_buf_str(out).len == 26 &&
                      core_mail_date_parse_imap(mansio_buf_str(out), &again) == 0);
    }
}

static void check_params(struct mansio_arena *arena, struct mansio_str text)
{
    struct core_mail_typed typed = {.first = NULL};
    struct mansio_buf *out = mansio_buf_new(arena, OUT_BYTES);
    int count = 0;

    MANSIO_ASSERT(core_mail_param_parse_token(arena, text, &typed) == 0);
    MANSIO_ASSERT(core_mail_param_parse_type(arena, text, &typed) == 0);
    for (const struct core_mail_param *at = typed.first; at != NULL; at = at->next) {
        mansio_buf_reset(out);
        core_mail_param_decode(out, at);
        MANSIO_ASSERT(core_mail_is_utf8(mansio_buf_str(out)));
        MANSIO_ASSERT(core_mail_param_find(typed.first, at->name) != NULL);
        count++;
    }
    MANSIO_ASSERT(count <= CORE_MAIL_PARAMS_MAX);
}

static void check_charset(struct mansio_arena *arena, struct mansio_str text, size_t step)
{
    struct core_mail_charset charset;
    struct mansio_buf *whole = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_buf *pieces = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_str name = mansio_str_from_cstr(CHARSETS[step % MANSIO_COUNT(CHARSETS)]);

    core_mail_charset_convert(name, text, whole);
    MANSIO_ASSERT(core_mail_is_utf8(mansio_buf_str(whole)));
    (void)core_mail_charset_open(&charset, name);
    while (text.len > 0) {
        core_mail_charset_feed(&charset, mansio_str_sub(text, 0, step), pieces);
        text = mansio_str_sub(text, step, SIZE_MAX);
    }
    core_mail_charset_flush(&charset, pieces);
    core_mail_charset_close(&charset);
    MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(whole), mansio_buf_str(pieces)));
}

static void check_transfer(struct mansio_arena *arena, struct mansio_str text, size_t step)
{
    size_t room = text.len + CORE_MAIL_DECODE_EXTRA;
    char *whole = mansio_arena_try_alloc(arena, room + CORE_MAIL_DECODE_EXTRA);
    char *pieces = mansio_arena_try_alloc(arena, room + CORE_MAIL_DECODE_EXTRA);
    uint32_t encoding = step % 2 ? CORE_MAIL_BASE64 : CORE_MAIL_QUOTED_PRINTABLE;
    struct core_mail_decoder decoder;
    size_t whole_length;
    size_t length = 0;

    MANSIO_ASSERT(whole != NULL && pieces != NULL);
    core_mail_decoder_init(&decoder, encoding);
    whole_length = core_mail_decode(&decoder, text, whole);
    whole_length += core_mail_decode_end(&decoder, whole + whole_length);
    while (text.len > 0) {
        length += core_mail_decode(&decoder, mansio_str_sub(text, 0, step), pieces + length);
        text = mansio_str_sub(text, step, SIZE_MAX);
    }
    length += core_mail_decode_end(&decoder, pieces + length);
    MANSIO_ASSERT(length <= room);
    MANSIO_ASSERT(mansio_str_eq((struct mansio_str){whole, whole_length},
                                (struct mansio_str){pieces, length}));
}

static void check_block(struct mansio_arena *arena, struct mansio_str text)
{
    struct core_mail_field field = {.offset = 0};
    struct mansio_buf *out = mansio_buf_new(arena, OUT_BYTES);
    size_t offset = 0;
    size_t before = 0;

    while (core_mail_header_next(text, &offset, &field)) {
        MANSIO_ASSERT(field.offset >= before && field.offset + field.length == offset &&
                      offset <= text.len);
        core_mail_header_unfold(out, field.raw);
        before = offset;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);

    if (size >= 2) {
        struct mansio_str text = {(const char *)data + 2, size - 2};
        size_t step = (size_t)data[1] + 1;

        switch (data[0]) {
        case 'w':
            check_words(arena, text);
            break;
        case 'd':
            check_date(arena, text);
            break;
        case 'p':
            check_params(arena, text);
            break;
        case 'c':
            check_charset(arena, text, step);
            break;
        case 't':
            check_transfer(arena, text, step);
            break;
        default:
            check_block(arena, text);
            break;
        }
    }
    mansio_arena_free(arena);
    return 0;
}
