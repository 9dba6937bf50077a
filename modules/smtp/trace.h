/*
 * Trace fields: what we put before a message (RFC 5321 4.4). Pure.
 */
#ifndef MANSIO_MODULES_SMTP_TRACE_H
#define MANSIO_MODULES_SMTP_TRACE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

enum smtp_trace_protocol {
    SMTP_TRACE_LMTP = 1,     /* LHLO */
    SMTP_TRACE_EXTENDED = 2, /* EHLO */
    SMTP_TRACE_TLS = 4,
    SMTP_TRACE_UTF8 = 8,  /* SMTPUTF8 was given */
    SMTP_TRACE_AUTH = 16, /* somebody is logged in */
};

struct smtp_trace {
    uint32_t protocol;          /* enum smtp_trace_protocol, or-ed */
    struct mansio_str hello;    /* the client's name for itself */
    struct mansio_str peer_ip;  /* "192.0.2.1", "2001:db8::1" or "unix" */
    struct mansio_str hostname; /* ours */
    struct mansio_str tls;      /* "TLSv1.3 with cipher ..."; empty without TLS */
    struct mansio_str id;       /* of the transaction */
    struct mansio_str for_path; /* the one recipient; empty with several */
    int64_t wall_us;
};

/** The protocol's keyword: "ESMTPS", "UTF8LMTP", ... (RFC 3848, RFC 6531 4.3). Static text. */
const char *smtp_trace_keyword(uint32_t protocol);

/** "Received: ..." with its line end. @param arena  for temporaries */
void smtp_trace_received(struct mansio_arena *arena, struct mansio_buf *out,
                         const struct smtp_trace *trace);

/** "Return-Path: <...>" with its line end. */
void smtp_trace_return_path(struct mansio_buf *out, struct mansio_str path);

/** "Delivered-To: ..." with its line end. */
void smtp_trace_delivered_to(struct mansio_buf *out, struct mansio_str address);

#endif
