/*
 * What a message is: its parts in a tree, and the envelope of each message in it. The data of
 * IMAP's ENVELOPE and BODYSTRUCTURE (RFC 3501 7.4.2), with offsets.
 *
 * Texts are as the header has them, folding undone, encoded words as they stand: RFC 3501 wants
 * them so, and word.h and param.h give their meaning. A NULL ptr is NIL.
 */
#ifndef MANSIO_CORE_MAIL_PART_H
#define MANSIO_CORE_MAIL_PART_H

#include "core/mail/address.h"
#include "core/mail/param.h"

#include <mansio/arena.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_PART_LEAF = 0,
    CORE_MAIL_PART_MULTIPART = 1, /* its children are its parts; there may be none */
    CORE_MAIL_PART_MESSAGE = 2,   /* message/rfc822 or message/global: one child, the root of the
                                     message inside */
};

struct core_mail_envelope {
    struct mansio_str date;
    struct mansio_str subject;
    struct mansio_str in_reply_to;
    struct mansio_str message_id;
    struct mansio_str references; /* not of IMAP's ENVELOPE; for threads */
    /* As written; that a missing sender or reply-to is from's, RFC 3501 leaves to the printer.
       Several fields of one name are one list (RFC 5322 4.5.3). */
    struct core_mail_address_list from;
    struct core_mail_address_list sender;
    struct core_mail_address_list reply_to;
    struct core_mail_address_list to;
    struct core_mail_address_list cc;
    struct core_mail_address_list bcc;
};

struct core_mail_part {
    struct core_mail_part *parent;      /* NULL for the root */
    struct core_mail_part *first_child; /* in order of the text */
    struct core_mail_part *last_child;
    struct core_mail_part *next; /* sibling */
    struct core_mail_part
        *following; /* next of the whole message: each stands before its children */

    uint32_t kind;
    uint64_t header_start; /* offsets in bytes from the beginning of the message */
    uint64_t body_start;   /* behind the empty line */
    uint64_t body_end;     /* before the line end that belongs to a boundary */
    uint64_t header_lines; /* line ends (LF) of the header, the empty line's included */
    uint64_t body_lines;

    struct core_mail_typed type; /* never NIL: defaults are filled in */
    struct core_mail_typed disposition;
    struct mansio_str encoding; /* lower case; NIL if the header names none (7bit) */
    struct mansio_str id;
    struct mansio_str description;
    struct mansio_str md5;
    struct mansio_str language; /* the field's value */
    struct mansio_str location;

    /* Of the root of a message, the whole one or one inside of another; else NULL. */
    struct core_mail_envelope *envelope;
};

struct core_mail_message {
    struct core_mail_part *root;
    uint32_t part_count;
    uint32_t is_limited;    /* 1: a limit was reached, what lies beyond it is taken for body text */
    uint32_t is_text_cut;   /* 1: of the text parts there is more than `text` */
    uint64_t size;          /* bytes */
    uint64_t lines;         /* line ends */
    struct mansio_str text; /* of the text parts, decoded, in UTF-8, each ends with LF; cut at a
                               limit */
};

/* What a header says of its part. */
struct core_mail_part_options {
    uint32_t addresses_max; /* of each list */
    int is_message;         /* the part is the root of a message: read its envelope */
    int is_in_digest;       /* RFC 2046 5.1.5: the default type is message/rfc822 */
};

/*
 * Fill in what a header block says: type, fields of MIME, envelope. Offsets and place in the tree
 * are the caller's.
 *
 * @return 0; 1 if addresses were left out; MANSIO_E_LIMIT if the arena is full
 */
MANSIO_MUST_CHECK int core_mail_part_read_header(struct mansio_arena *arena,
                                                 struct mansio_str block,
                                                 const struct core_mail_part_options *options,
                                                 struct core_mail_part *part);

/* 1 if the type is @p type "/" @p subtype (lower case; NONE for any subtype). */
int core_mail_part_is(const struct core_mail_part *part, struct mansio_str type,
                      struct mansio_str subtype);

#endif
