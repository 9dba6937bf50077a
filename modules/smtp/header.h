/*
 * What the header of a message has and lacks, read byte by byte as the message comes: for who
 * completes it and for who asks whose it is. Pure; takes text with line ends CRLF (text.h).
 *
 * Nothing is bounded but what is kept: a field counts however far down it stands. A line that can
 * be no part of a header ends it, as for whoever reads messages later (core/mail), and is told:
 * some readers would go on.
 */
#ifndef MANSIO_MODULES_SMTP_HEADER_H
#define MANSIO_MODULES_SMTP_HEADER_H

#include <mansio/base.h>
#include <mansio/buf.h>

enum smtp_header_field {
    SMTP_FIELD_FROM = 1,
    SMTP_FIELD_SENDER = 2,
    SMTP_FIELD_DATE = 4,
    SMTP_FIELD_MESSAGE_ID = 8,
    SMTP_FIELD_BCC = 16, /* and Resent-Bcc */
    SMTP_FIELD_OTHER = 32,
};

enum {
    SMTP_HEADER_NAME_MAX = 15, /* of the names that are looked for */
    SMTP_HEADER_CUTS_MAX = 32,
};

/* A piece of the message that isn't to go on. */
struct smtp_header_cut {
    uint64_t offset, length;
};

struct smtp_header {
    uint32_t seen;                       /* enum smtp_header_field, or-ed */
    uint32_t from_fields, sender_fields; /* how many there are */
    struct mansio_buf *authors;          /* the values of From, and of Sender, folding undone, */
    struct mansio_buf *senders;          /* separated by commas; their caps are the caller's */
    uint64_t length;                     /* of the header, its empty line included */
    uint32_t is_over;                    /* the body has begun */
    uint32_t is_broken;                  /* with a line that is none of a header's */
    uint32_t has_too_many_cuts;          /* not all are told */
    /* Bcc fields, and a line of mbox before the header ("From joe Thu ..."), in order. */
    struct smtp_header_cut cuts[SMTP_HEADER_CUTS_MAX];
    size_t cut_count;
    /* Where the last byte stood. */
    uint64_t at;
    uint64_t line; /* where the line began */
    uint32_t state;
    uint32_t field; /* enum smtp_header_field of the one that may go on; 0: there is none */
    uint32_t is_cutting;
    uint32_t name_length; /* SMTP_HEADER_NAME_MAX + 1: longer than any that is looked for */
    char name[SMTP_HEADER_NAME_MAX];
};

/* Begin. @p authors, @p senders: what values go to. */
void smtp_header_begin(struct smtp_header *header, struct mansio_buf *authors,
                       struct mansio_buf *senders);

/* The next bytes of the message; of no use once is_over. */
void smtp_header_feed(struct smtp_header *header, struct mansio_str bytes);

/* The message has no more bytes. */
void smtp_header_end(struct smtp_header *header);

#endif
