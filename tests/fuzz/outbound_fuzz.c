/*
 * What a server says to outbound: a reply, and what EHLO's offers; and a message on its way out. A
 * reply is bounded and printable; a message cut anywhere is sent as the whole is, has no line end
 * but CRLF, and no line that would end it.
 *
 * The first byte says where a message is cut; a reply is everything, in lines.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "modules/outbound/command.h"
#include "modules/outbound/reply.h"
#include "modules/outbound/route.h"
#include "modules/outbound/text.h"

const char fuzz_name[] = "outbound";

static void check_reply(struct mansio_str text)
{
    struct ob_reply reply;
    struct ob_offer offer = {.features = 0};
    struct mansio_str line;
    int rc = 0;

    ob_reply_init(&reply);
    while (rc == 0 && mansio_str_split(&text, '\n', &line)) {
        rc = ob_reply_add(&reply, line);
        if (rc >= 0) {
            ob_offer_read(&offer, ob_reply_words(line));
            MANSIO_ASSERT(reply.code >= 200 && reply.code <= 599);
        }
    }
    MANSIO_ASSERT(reply.lines <= OB_REPLY_LINES_MAX && reply.len <= OB_REPLY_TEXT_MAX);
    for (size_t i = 0; i < reply.len; i++) {
        char c = reply.text[i];
        MANSIO_ASSERT((c >= ' ' && c < 0x7f) || c == '\n');
    }
    MANSIO_ASSERT(strlen(reply.status) < OB_STATUS_MAX);
    MANSIO_ASSERT(reply.status[0] == '\0' || (uint32_t)(reply.status[0] - '0') == reply.code / 100);
}

static size_t encode(struct mansio_str message, size_t cut, char *out)
{
    struct ob_text text = {.is_inside = 0};
    size_t n = ob_text_encode(&text, mansio_str_sub(message, 0, cut), out);
    n += ob_text_encode(&text, mansio_str_sub(message, cut, SIZE_MAX), out + n);
    return n + ob_text_end(&text, out + n);
}

static void check_message(struct mansio_str message, size_t cut)
{
    size_t room = OB_TEXT_ROOM(message.len) + OB_TEXT_END_ROOM;
    char *whole = malloc(room), *pieces = malloc(room);
    MANSIO_ASSERT(whole != NULL && pieces != NULL);
    size_t n = encode(message, message.len, whole);
    MANSIO_ASSERT(n <= room);
    MANSIO_ASSERT(encode(message, cut, pieces) == n && memcmp(whole, pieces, n) == 0);
    struct mansio_str rest = {whole, n}, line;
    MANSIO_ASSERT(n == 0 || mansio_str_ends(rest, MANSIO_STR("\r\n")));
    while (mansio_str_split(&rest, '\n', &line)) {
        if (rest.ptr == NULL) {
            MANSIO_ASSERT(line.len == 0);
            break;
        }
        MANSIO_ASSERT(mansio_str_find_char(line, '\r') == (ptrdiff_t)line.len - 1);
        MANSIO_ASSERT(!mansio_str_eq(line, MANSIO_STR(".\r")));
    }
    free(whole);
    free(pieces);
}

/* What a path or parameter holds never makes a second line. */
static void check_command(struct mansio_str text)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 18);
    const struct ob_offer offer = {.features = UINT32_MAX};
    const struct mansio_spool_item item = {.size = sizeof item,
                                           .notify = text,
                                           .ret = text,
                                           .envelope_id = text,
                                           .original_recipient = text};
    struct mansio_str path = MANSIO_STR_NONE;
    text = mansio_str_sub(text, 0, 1000);
    ob_add_rcpt(out, &offer, &item, text);
    ob_add_mail(out, &offer, &item, text, 1);
    struct mansio_str lines = mansio_buf_str(out);
    size_t ends = 0;
    for (size_t i = 0; i < lines.len; i++) {
        ends += lines.ptr[i] == '\n';
    }
    MANSIO_ASSERT(mansio_buf_status(out) < 0 || ends == 2);
    if (ob_ascii_path(arena, text, &path) == 0) {
        MANSIO_ASSERT(!ob_is_beyond_ascii(path));
    }
    mansio_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str text = {(const char *)data, size};
    struct mansio_str address;

    check_reply(text);
    check_command(text);
    if (ob_literal_address(text, &address) == 0) {
        (void)ob_is_loopback(address);
    }
    if (size > 0) {
        struct mansio_str message = mansio_str_sub(text, 1, SIZE_MAX);
        check_message(message, data[0] <= message.len ? data[0] : message.len);
    }
    return 0;
}
