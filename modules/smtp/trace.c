/*
 * Trace fields: see trace.h.
 */
#include "trace.h"

#include "parse.h"

#include <mansio/mail.h>
#include <mansio/str.h>

const char *smtp_trace_keyword(uint32_t protocol)
{
    static const char *const keywords[][4] = {
        /* in the clear, over TLS, logged in, both */
        [0] = {"SMTP", "SMTP", "SMTP", "SMTP"}, /* HELO: no extension that a letter stands for */
        [SMTP_TRACE_EXTENDED] = {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
        [SMTP_TRACE_LMTP] = {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
    };
    static const char *const utf8_keywords[][4] = {
        [0] = {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
        [SMTP_TRACE_EXTENDED] = {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
        [SMTP_TRACE_LMTP] = {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
    };
    uint32_t kind = protocol & SMTP_TRACE_LMTP ? SMTP_TRACE_LMTP : protocol & SMTP_TRACE_EXTENDED;
    size_t way = (protocol & SMTP_TRACE_TLS ? 1u : 0u) + (protocol & SMTP_TRACE_AUTH ? 2u : 0u);

    return protocol & SMTP_TRACE_UTF8 ? utf8_keywords[kind][way] : keywords[kind][way];
}

/* Text inside a comment (RFC 5322 3.2.2): what would end it, or begin another, is quoted. */
static void add_comment_text(struct mansio_buf *out, struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '(' || c == ')' || c == '\\') {
            (void)mansio_buf_add_char(out, '\\');
        }
        (void)mansio_buf_add_char(out, c > ' ' && c <= '~' ? c : '?');
    }
}

/* An address literal (RFC 5321 4.1.3). */
static void add_literal(struct mansio_buf *out, struct mansio_str ip)
{
    (void)mansio_buf_printf(out, "[%s%.*s]", mansio_str_find_char(ip, ':') >= 0 ? "IPv6:" : "",
                            MANSIO_STR_ARG(ip));
}

/* Extended-Domain (RFC 5321 4.4): the client's name for itself if it is a name at all, and the
 * address that it came from. */
static void add_from(struct mansio_arena *arena, struct mansio_buf *out,
                     const struct smtp_trace *trace)
{
    int has_ip = mansio_str_find_char(trace->peer_ip, '.') >= 0 ||
                 mansio_str_find_char(trace->peer_ip, ':') >= 0;
    int has_name = smtp_parse_is_extended_domain(arena, trace->hello);

    if (has_name) {
        (void)mansio_buf_add(out, trace->hello);
    } else if (has_ip) {
        add_literal(out, trace->peer_ip);
    } else {
        (void)mansio_buf_add(out, MANSIO_STR("localhost"));
    }
    (void)mansio_buf_add(out, MANSIO_STR(" ("));
    if (has_ip) {
        add_literal(out, trace->peer_ip);
    } else {
        add_comment_text(out, trace->peer_ip);
    }
    (void)mansio_buf_add_char(out, ')');
    if (!has_name) {
        (void)mansio_buf_add(out, MANSIO_STR("\r\n\t(hello="));
        add_comment_text(out, trace->hello);
        (void)mansio_buf_add_char(out, ')');
    }
}

void smtp_trace_received(struct mansio_arena *arena, struct mansio_buf *out,
                         const struct smtp_trace *trace)
{
    char date[MANSIO_MAIL_DATE_MAX];
    size_t length = mansio_mail_date(trace->wall_us, date);

    (void)mansio_buf_add(out, MANSIO_STR("Received: from "));
    add_from(arena, out, trace);
    (void)mansio_buf_printf(out, "\r\n\tby %.*s with %s", MANSIO_STR_ARG(trace->hostname),
                            smtp_trace_keyword(trace->protocol));
    if (trace->tls.len > 0) {
        (void)mansio_buf_printf(out, "\r\n\t(%.*s)", MANSIO_STR_ARG(trace->tls));
    }
    (void)mansio_buf_printf(out, "\r\n\tid %.*s", MANSIO_STR_ARG(trace->id));
    if (trace->for_path.len > 0) {
        (void)mansio_buf_printf(out, "\r\n\tfor <%.*s>", MANSIO_STR_ARG(trace->for_path));
    }
    (void)mansio_buf_printf(out, ";\r\n\t%.*s\r\n", (int)length, date);
}

void smtp_trace_return_path(struct mansio_buf *out, struct mansio_str path)
{
    (void)mansio_buf_printf(out, "Return-Path: <%.*s>\r\n", MANSIO_STR_ARG(path));
}

void smtp_trace_delivered_to(struct mansio_buf *out, struct mansio_str address)
{
    (void)mansio_buf_printf(out, "Delivered-To: %.*s\r\n", MANSIO_STR_ARG(address));
}
