/*
 * MAIL and RCPT as an SMTP client writes them, and what a server says it can (EHLO). Pure.
 */
#ifndef MANSIO_MODULES_OUTBOUND_COMMAND_H
#define MANSIO_MODULES_OUTBOUND_COMMAND_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/store.h>

/** What a server offers. */
enum ob_feature {
    OB_PIPELINING = 1,
    OB_SIZE = 2,
    OB_8BITMIME = 4,
    OB_SMTPUTF8 = 8,
    OB_DSN = 16,
    OB_STARTTLS = 32,
    OB_AUTH = 64,
};

/** Mechanisms of AUTH that we have. */
enum ob_mechanism {
    OB_SCRAM_SHA_256 = 1,
    OB_PLAIN = 2,
    OB_LOGIN = 4,
};

struct ob_offer {
    uint32_t features;   /* enum ob_feature */
    uint32_t mechanisms; /* enum ob_mechanism */
    uint64_t size_max;   /* 0: none said */
};

/** Take in a line of the reply to EHLO, its code left out. */
void ob_offer_read(struct ob_offer *offer, struct mansio_str words);

/** xtext (RFC 3461 4). */
void ob_add_xtext(struct mansio_buf *out, struct mansio_str text);

/** 1 if there are bytes beyond ASCII. */
int ob_is_beyond_ascii(struct mansio_str text);

/**
 * A path's text for a server without SMTPUTF8: its domain's A-labels (RFC 6531 3.2).
 *
 * @return 0; MANSIO_E_UNSUPPORTED: its local part needs SMTPUTF8; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int ob_ascii_path(struct mansio_arena *arena, struct mansio_str path,
                                    struct mansio_str *out);

/** MAIL, with its line end. @param path  the reverse path as this server can have it
 * @param is_utf8  1: the message, or one of its recipients, needs SMTPUTF8 */
void ob_add_mail(struct mansio_buf *out, const struct ob_offer *offer,
                 const struct mansio_spool_item *item, struct mansio_str path, int is_utf8);

/** RCPT, likewise. */
void ob_add_rcpt(struct mansio_buf *out, const struct ob_offer *offer,
                 const struct mansio_spool_item *item, struct mansio_str path);

#endif
