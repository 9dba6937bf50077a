/*
 * Building replies. Knows codes and forms, not when they are said.
 */
#include "reply.h"

#include <inttypes.h>
#include <stdarg.h>

#include <mansio/str.h>

static const char *const code_texts[] = {
    [POP3_CODE_NONE] = "",
    [POP3_CODE_IN_USE] = "[IN-USE] ",
    [POP3_CODE_SYS_TEMP] = "[SYS/TEMP] ",
    [POP3_CODE_SYS_PERM] = "[SYS/PERM] ",
    [POP3_CODE_AUTH] = "[AUTH] ",
};

enum { TEXT_MAX = 400 }; /* of the 512 octets of a response line (RFC 2449 4) */

void pop3_reply_err(struct mansio_buf *out, uint32_t code, const char *text)
{
    struct mansio_str rest = mansio_str_sub(mansio_str_from_cstr(text), 0, TEXT_MAX);
    mansio_buf_printf(out, "-ERR %s", code < MANSIO_COUNT(code_texts) ? code_texts[code] : "");
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];
        mansio_buf_add_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

void pop3_reply_done(struct mansio_buf *out)
{
    mansio_buf_add(out, MANSIO_STR("+OK\r\n"));
}

void pop3_reply_ok(struct mansio_buf *out, const char *format, ...)
{
    va_list args;
    mansio_buf_add(out, MANSIO_STR("+OK "));
    va_start(args, format);
    mansio_buf_vprintf(out, format, args);
    va_end(args);
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

void pop3_reply_size(struct mansio_buf *out, uint32_t number, uint64_t bytes)
{
    mansio_buf_printf(out, "%" PRIu32 " %" PRIu64 "\r\n", number, bytes);
}

void pop3_reply_uid(struct mansio_buf *out, uint32_t number, uint32_t validity, uint32_t uid)
{
    mansio_buf_printf(out, "%" PRIu32 " %" PRIu32 ".%" PRIu32 "\r\n", number, validity, uid);
}

void pop3_reply_challenge(struct mansio_buf *out, struct mansio_str text)
{
    mansio_buf_add(out, MANSIO_STR("+ "));
    mansio_buf_add(out, text);
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

void pop3_reply_end(struct mansio_buf *out)
{
    mansio_buf_add(out, MANSIO_STR(".\r\n"));
}
