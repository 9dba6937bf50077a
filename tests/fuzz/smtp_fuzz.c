/*
 * What SMTP clients send. The first byte chooses: the text of a message, in pieces and whole, with
 * dots and without, against a model that takes it line by line; a command line with what its
 * handler would read; a reply that a filter words; a header, in pieces and whole, and once more
 * without what is cut out of it. Text that is accepted is what the model says; a
 * reply line is one line.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include "modules/smtp/header.h"
#include "modules/smtp/mode.h"
#include "modules/smtp/parse.h"
#include "modules/smtp/reply.h"
#include "modules/smtp/text.h"
#include "modules/smtp/trace.h"

const char fuzz_name[] = "smtp";

enum {
    LINE_MAX_HERE = 40,
    ARENA_BYTES = 16 << 20,
};

/* ---- text ----------------------------------------------------------------------------------- */

struct outcome {
    char *out; /* as long as the input is room enough */
    size_t length;
    size_t used; /* up to the end; 0: none */
    uint32_t faults;
};

static void feed(struct mansio_str in, uint32_t is_dotted, size_t step, struct outcome *outcome)
{
    struct smtp_text text;
    size_t at = 0;

    smtp_text_begin(&text, is_dotted, LINE_MAX_HERE);
    while (at < in.len) {
        struct mansio_str piece = mansio_str_sub(in, at, step);
        struct mansio_str bytes = MANSIO_STR_NONE;
        uint32_t found;
        at += piece.len;
        while ((found = smtp_text_next(&text, &piece, &bytes)) == SMTP_TEXT_BYTES) {
            MANSIO_ASSERT(bytes.len > 0 && outcome->length + bytes.len <= in.len);
            memcpy(outcome->out + outcome->length, bytes.ptr, bytes.len);
            outcome->length += bytes.len;
        }
        if (found == SMTP_TEXT_END) {
            MANSIO_ASSERT(is_dotted);
            outcome->used = at - piece.len;
            break;
        }
        MANSIO_ASSERT(piece.len == 0);
    }
    if (!is_dotted) { /* over is over: only a CR can be missing its LF */
        uint32_t before = text.faults;
        int is_open = smtp_text_finish(&text);
        MANSIO_ASSERT((text.faults & ~before & ~(uint32_t)SMTP_TEXT_BARE_CR) == 0);
        MANSIO_ASSERT(is_open || text.faults == before);
    }
    MANSIO_ASSERT(text.faults == 0 || smtp_text_fault_words(text.faults)[0] != '\0');
    outcome->faults = text.faults;
}

static uint32_t model_faults(struct mansio_str line)
{
    uint32_t faults = line.len + 2 > LINE_MAX_HERE && line.len > 0 ? SMTP_TEXT_LONG_LINE : 0;

    for (size_t i = 0; i < line.len; i++) {
        faults |= line.ptr[i] == '\r' ? SMTP_TEXT_BARE_CR : 0;
        faults |= line.ptr[i] == '\n' ? SMTP_TEXT_BARE_LF : 0;
        faults |= line.ptr[i] == '\0' ? SMTP_TEXT_NUL : 0;
    }
    return faults;
}

/* Whole lines only: what is behind the last CRLF is not looked at. */
static void model(struct mansio_str in, uint32_t is_dotted, struct outcome *outcome)
{
    size_t at = 0;
    ptrdiff_t end;

    while ((end = mansio_str_find(mansio_str_sub(in, at, SIZE_MAX), MANSIO_STR("\r\n"))) >= 0) {
        struct mansio_str line = mansio_str_sub(in, at, (size_t)end);
        at += line.len + 2;
        if (is_dotted && mansio_str_eq(line, MANSIO_STR("."))) {
            outcome->used = at;
            return;
        }
        line = mansio_str_sub(line, is_dotted && line.len > 0 && line.ptr[0] == '.', SIZE_MAX);
        outcome->faults |= model_faults(line);
        memcpy(outcome->out + outcome->length, line.ptr, line.len);
        memcpy(outcome->out + outcome->length + line.len, "\r\n", 2);
        outcome->length += line.len + 2;
    }
}

static void check_text(struct mansio_arena *arena, struct mansio_str in, uint32_t is_dotted,
                       size_t step)
{
    struct outcome whole = {.out = mansio_arena_alloc(arena, 1)};
    struct outcome pieces = whole;
    struct outcome wanted = whole;
    char *room = mansio_arena_try_alloc(arena, 3 * in.len + 3);

    MANSIO_ASSERT(room != NULL);
    whole.out = room;
    pieces.out = room + in.len + 1;
    wanted.out = room + 2 * in.len + 2;
    feed(in, is_dotted, SIZE_MAX, &whole);
    feed(in, is_dotted, step, &pieces);
    model(in, is_dotted, &wanted);
    MANSIO_ASSERT(whole.used == pieces.used && whole.faults == pieces.faults);
    MANSIO_ASSERT(whole.used == wanted.used);
    MANSIO_ASSERT((whole.faults & wanted.faults) == wanted.faults);
    if (whole.used > 0) {
        MANSIO_ASSERT(whole.faults == wanted.faults);
    }
    if (whole.faults == 0) {
        MANSIO_ASSERT(whole.length == pieces.length && whole.length >= wanted.length);
        MANSIO_ASSERT(memcmp(whole.out, pieces.out, whole.length) == 0);
        MANSIO_ASSERT(memcmp(whole.out, wanted.out, wanted.length) == 0);
        MANSIO_ASSERT(whole.used == 0 || whole.length == wanted.length);
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void check_reply_line(struct mansio_str words)
{
    char line[SMTP_REPLY_LINE_MAX];
    size_t length = smtp_reply_line(line, 550, "5.1.1", 1, words);

    MANSIO_ASSERT(length >= 12 && length <= sizeof line);
    MANSIO_ASSERT(memcmp(line + length - 2, "\r\n", 2) == 0);
    for (size_t i = 0; i + 2 < length; i++) {
        MANSIO_ASSERT((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    }
}

static void check_path(struct mansio_arena *arena, struct mansio_str text, uint32_t place)
{
    struct mansio_path path = {.size = sizeof path};
    struct mansio_str rest = MANSIO_STR_NONE;
    struct smtp_mail_params params = {.body = SMTP_BODY_UNSAID};
    struct smtp_param param = {.value = MANSIO_STR_NONE};

    if (smtp_parse_path(arena, text, place, 1, &path, &rest) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    MANSIO_ASSERT(rest.len == 0 || (rest.ptr >= text.ptr && rest.ptr <= text.ptr + text.len));
    (void)smtp_parse_mail_params(text.len % 2 == 0 ? SMTP_MODE_MX : SMTP_MODE_SUBMISSION, rest,
                                 &params);
    struct smtp_rcpt_params rcpt = {.notify = 0};
    struct mansio_str decoded = MANSIO_STR_NONE;
    if (smtp_parse_rcpt_params(SMTP_MODE_SUBMISSION, rest, &rcpt) == 0) {
        MANSIO_ASSERT(rcpt.notify == 0 || smtp_notify_words(rcpt.notify).len > 0);
        if (rcpt.original.len > 0 &&
            smtp_parse_orcpt(arena, rcpt.original, text.len % 2, &decoded) == 0) {
            MANSIO_ASSERT(mansio_str_find_char(decoded, ';') > 0);
            MANSIO_ASSERT(mansio_str_find_char(decoded, '\r') < 0 &&
                          mansio_str_find_char(decoded, '\n') < 0);
        }
    }
    while (smtp_parse_param(&rest, &param) == 1) {
        MANSIO_ASSERT(param.keyword.len > 0 && (param.value.ptr == NULL || param.value.len > 0));
    }
}

static void check_command(struct mansio_arena *arena, struct mansio_str line)
{
    struct smtp_args args = {.verb = MANSIO_STR_NONE};
    uint64_t bytes = 0;
    uint32_t is_last = 0;

    if (smtp_parse_command(line, &args) < 0) {
        return;
    }
    MANSIO_ASSERT(args.verb.len > 0 && mansio_str_find_char(args.text, '\n') < 0 &&
                  mansio_str_find_char(args.text, '\r') < 0 &&
                  mansio_str_find_char(args.text, '\0') < 0);
    check_path(arena, args.text, SMTP_PATH_FROM);
    check_path(arena, args.text, SMTP_PATH_TO);
    (void)smtp_parse_bdat(args.text, &bytes, &is_last);
    struct mansio_str mechanism = MANSIO_STR_NONE;
    struct mansio_str initial = MANSIO_STR_NONE;
    if (smtp_parse_auth(args.text, &mechanism, &initial) == 0) {
        MANSIO_ASSERT(mechanism.len > 0 && mechanism.len + initial.len <= args.text.len);
        MANSIO_ASSERT(mansio_str_find_char(initial, ' ') < 0);
    }
    if (smtp_parse_is_hello(args.text)) {
        struct mansio_buf *out = mansio_buf_new(arena, 4096);
        const struct smtp_trace trace = {
            .protocol = args.text.len % 2 == 0 ? SMTP_TRACE_LMTP | SMTP_TRACE_TLS
                                               : SMTP_TRACE_EXTENDED | SMTP_TRACE_UTF8,
            .hello = args.text,
            .peer_ip = args.text.len % 3 == 0   ? MANSIO_STR("unix")
                       : args.text.len % 3 == 1 ? MANSIO_STR("2001:db8::1")
                                                : MANSIO_STR("192.0.2.1"),
            .tls = args.text.len % 2 == 0 ? MANSIO_STR("TLSv1.3") : MANSIO_STR_NONE,
            .id = MANSIO_STR("i"),
            .for_path = args.text.len % 5 == 0 ? MANSIO_STR("a@b.test") : MANSIO_STR_NONE,
        };
        smtp_trace_return_path(out, trace.for_path);
        smtp_trace_delivered_to(out, MANSIO_STR("a@b.test"));
        mansio_buf_reset(out);
        smtp_trace_received(arena, out, &trace);
        struct mansio_str field = mansio_buf_str(out);
        MANSIO_ASSERT(mansio_buf_status(out) == 0 &&
                      mansio_str_find(field, MANSIO_STR("\r\n\r\n")) < 0);
        for (size_t i = 0; i + 2 < field.len; i++) { /* each line goes on with a tab */
            MANSIO_ASSERT(field.ptr[i] != '\n' || field.ptr[i + 1] == '\t');
        }
    }
}

/* ---- headers -------------------------------------------------------------------------------- */

static void look(struct mansio_arena *arena, struct mansio_str in, size_t step,
                 struct smtp_header *header)
{
    smtp_header_begin(header, mansio_buf_new(arena, 256), mansio_buf_new(arena, 256));
    for (size_t at = 0; at < in.len; at += step < in.len ? step : in.len) {
        smtp_header_feed(header, mansio_str_sub(in, at, step));
    }
    smtp_header_end(header);
    MANSIO_ASSERT(header->is_over && header->length <= in.len);
}

/* The message as submission would make it: without the cuts, with an end to its header. */
static struct mansio_str cut(struct mansio_arena *arena, struct mansio_str in,
                             const struct smtp_header *header)
{
    struct mansio_buf *out = mansio_buf_new(arena, in.len + 2);
    uint64_t from = 0;

    for (size_t i = 0; i < header->cut_count; i++) {
        const struct smtp_header_cut *piece = &header->cuts[i];
        MANSIO_ASSERT(piece->offset >= from && piece->length > 0);
        MANSIO_ASSERT(piece->offset + piece->length <= header->length);
        (void)mansio_buf_add(out, mansio_str_sub(in, (size_t)from, (size_t)(piece->offset - from)));
        from = piece->offset + piece->length;
    }
    (void)mansio_buf_add(out, mansio_str_sub(in, (size_t)from, (size_t)(header->length - from)));
    if (header->is_broken) {
        (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
    }
    (void)mansio_buf_add(out, mansio_str_sub(in, (size_t)header->length, SIZE_MAX));
    MANSIO_ASSERT(mansio_buf_status(out) == 0);
    return mansio_buf_str(out);
}

/* Up to what they may hold; beyond it both say so. */
static void check_same(struct mansio_buf *a, struct mansio_buf *b)
{
    MANSIO_ASSERT(mansio_buf_status(a) == mansio_buf_status(b));
    MANSIO_ASSERT(mansio_buf_status(a) < 0 || mansio_str_eq(mansio_buf_str(a), mansio_buf_str(b)));
}

static void check_header(struct mansio_arena *arena, struct mansio_str in, size_t step)
{
    struct smtp_header whole;
    struct smtp_header pieces;
    struct smtp_header again;

    look(arena, in, SIZE_MAX, &whole);
    look(arena, in, step, &pieces);
    MANSIO_ASSERT(whole.length == pieces.length && whole.seen == pieces.seen &&
                  whole.is_broken == pieces.is_broken && whole.cut_count == pieces.cut_count);
    check_same(whole.authors, pieces.authors);
    check_same(whole.senders, pieces.senders);
    if (whole.has_too_many_cuts || mansio_str_find(in, MANSIO_STR("\r\n")) < 0) {
        return;
    }
    look(arena, cut(arena, in, &whole), SIZE_MAX, &again);
    MANSIO_ASSERT(!(again.seen & SMTP_FIELD_BCC));
    MANSIO_ASSERT(again.seen == (whole.seen & ~(uint32_t)SMTP_FIELD_BCC));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str rest = {(const char *)data + 2, size - 2};
    struct smtp_answer answer = {.code = 0};
    char *copy = malloc(rest.len + 1); /* so that a sanitizer sees a byte too far */

    MANSIO_ASSERT(copy != NULL);
    memcpy(copy, rest.ptr, rest.len);
    rest.ptr = copy;
    switch (data[0] % 5) {
    case 0:
    case 1:
        check_text(arena, rest, data[0] % 5, (size_t)data[1] + 1);
        break;
    case 2:
        check_command(arena, rest);
        break;
    case 4:
        check_header(arena, rest, (size_t)data[1] + 1);
        break;
    default:
        if (smtp_reply_read(rest, 4 + data[1] % 2, &answer)) {
            MANSIO_ASSERT(answer.code / 100 == 4u + data[1] % 2);
            MANSIO_ASSERT(strnlen(answer.enhanced, SMTP_ENHANCED_MAX) < SMTP_ENHANCED_MAX);
        }
        check_reply_line(rest);
        check_reply_line(smtp_answer(550, "5.1.1", "words").words);
        break;
    }
    free(copy);
    mansio_arena_free(arena);
    return 0;
}
