/*
 * Decoded text of a message, for search: what its text parts say, in UTF-8, bounded.
 *
 * Transfer encoding and charset are undone; markup of HTML stays (RFC 3501 6.4.4 searches strings,
 * and what a reader sees is no business of a store). Case is folded by who stores it.
 */
#ifndef MANSIO_CORE_MAIL_TEXT_H
#define MANSIO_CORE_MAIL_TEXT_H

#include "core/mail/charset.h"
#include "core/mail/part.h"
#include "core/mail/transfer.h"

#include <mansio/arena.h>
#include <mansio/buf.h>

enum {
    CORE_MAIL_TEXT_PIECE_BYTES = 768, /* decoded at once */
};

/* Takes decoded text in pieces, cut between characters. @param is_end  the part ends here */
typedef void (*core_mail_text_fn)(void *arg, struct mansio_str text, int is_end);

struct core_mail_text {
    struct mansio_buf *out; /* NULL: no text is wanted */
    core_mail_text_fn take; /* NULL: it is gathered, up to the limit */
    void *take_arg;
    int is_cut; /* text was left out */
    size_t limit;
    struct core_mail_decoder decoder;
    struct core_mail_charset charset;
    int is_open;                                                     /* a text part runs */
    char piece[CORE_MAIL_TEXT_PIECE_BYTES + CORE_MAIL_DECODE_EXTRA]; /* decoded; too large for a
                                                                        stack that is cleared */
};

/* Begin; the charset's converter is given back with @p arena at the latest. */
void core_mail_text_init(struct core_mail_text *text, struct mansio_arena *arena,
                         size_t limit_bytes);

/* Give text away in pieces instead of gathering it: then all of it, whatever the limit. */
void core_mail_text_give(struct core_mail_text *text, core_mail_text_fn take, void *arg);

/* A part begins; does nothing for one that is no text, or past the limit. */
void core_mail_text_begin(struct core_mail_text *text, const struct core_mail_part *part);

/* Bytes of its body. */
void core_mail_text_add(struct core_mail_text *text, struct mansio_str bytes);

/* The part ends. */
void core_mail_text_end(struct core_mail_text *text);

/* What was gathered, cut at the limit between characters; valid until more is added. */
struct mansio_str core_mail_text_str(const struct core_mail_text *text);

#endif
