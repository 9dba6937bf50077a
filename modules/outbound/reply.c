/*
 * Reading replies: see reply.h. Owns nothing; knows nothing of what a reply means.
 */
#include "reply.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum { CODE_DIGITS = 3 };

void ob_reply_init(struct ob_reply *reply)
{
    memset(reply, 0, sizeof *reply);
}

struct mansio_str ob_reply_text(const struct ob_reply *reply)
{
    return (struct mansio_str){reply->text, reply->len};
}

struct mansio_str ob_reply_words(struct mansio_str line)
{
    return mansio_str_sub(line, CODE_DIGITS + 1, SIZE_MAX);
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One to three digits: how many bytes they take, 0: none. */
static size_t digits(struct mansio_str text, size_t at)
{
    size_t n = 0;
    while (n < 3 && at + n < text.len && is_digit(text.ptr[at + n])) {
        n++;
    }
    return n;
}

void ob_status_read(struct mansio_str text, char class_digit, char out[OB_STATUS_MAX])
{
    size_t subject = digits(text, 2);
    size_t detail = subject > 0 ? digits(text, 3 + subject) : 0;
    size_t end = 3 + subject + detail;

    out[0] = '\0';
    if (detail == 0 || text.ptr[0] != class_digit || text.ptr[1] != '.' ||
        text.ptr[2 + subject] != '.' || (end < text.len && text.ptr[end] != ' ')) {
        return;
    }
    memcpy(out, text.ptr, end);
    out[end] = '\0';
}

static void keep(struct ob_reply *reply, struct mansio_str line)
{
    if (reply->lines > 1 && reply->len < sizeof reply->text) {
        reply->text[reply->len++] = '\n';
    }
    for (size_t i = 0; i < line.len && reply->len < sizeof reply->text; i++) {
        char c = line.ptr[i];
        reply->text[reply->len++] = (char)(c >= ' ' && c < 0x7f ? c : '?');
    }
}

/* The code of a line (RFC 5321 4.2): 0: it is no reply. */
static uint32_t read_code(struct mansio_str line)
{
    uint32_t code = 0;
    if (line.len < CODE_DIGITS || line.ptr[0] < '2' || line.ptr[0] > '5' ||
        mansio_parse_u32(mansio_str_sub(line, 0, CODE_DIGITS), 599, &code) < 0) {
        return 0;
    }
    /* "250" alone ends a reply, too: some send that (RFC 5321 4.2.1 says to take it). */
    return line.len == CODE_DIGITS || line.ptr[CODE_DIGITS] == ' ' || line.ptr[CODE_DIGITS] == '-'
               ? code
               : 0;
}

int ob_reply_add(struct ob_reply *reply, struct mansio_str line)
{
    uint32_t code = read_code(line);

    if (code == 0) {
        return mansio_fail(MANSIO_E_INVALID, "no reply of SMTP: \"%.*s\"",
                           MANSIO_STR_ARG(mansio_str_sub(line, 0, 80)));
    }
    if (reply->lines > 0 && code != reply->code) {
        return mansio_fail(MANSIO_E_INVALID, "a reply of codes %u and %u", reply->code, code);
    }
    if (reply->lines == OB_REPLY_LINES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a reply of more than %d lines", OB_REPLY_LINES_MAX);
    }
    reply->code = code;
    reply->lines++;
    keep(reply, line);
    char status[OB_STATUS_MAX];
    ob_status_read(ob_reply_words(line), line.ptr[0], status);
    if (status[0] != '\0') {
        memcpy(reply->status, status, sizeof status);
    }
    return line.len == CODE_DIGITS || line.ptr[CODE_DIGITS] == ' ';
}
