/*
 * What a stored message is made of: its parts in a tree with offsets exact to the byte, and the
 * envelope of each message in it; the data of IMAP's ENVELOPE and BODYSTRUCTURE (RFC 3501 7.4.2).
 *
 * Read from what stores keep (struct mansio_message, structure). Texts are as the header has them,
 * folding undone, encoded words as they stand; mansio_text_decode() gives their meaning. A NULL
 * ptr is NIL. Offsets are of the message without its entry's prefix.
 */
#ifndef MANSIO_STRUCTURE_H
#define MANSIO_STRUCTURE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

enum mansio_part_kind {
    MANSIO_PART_LEAF = 1,
    MANSIO_PART_MULTIPART = 2, /* its children are its parts; there may be none */
    MANSIO_PART_MESSAGE = 3,   /* message/rfc822 or message/global: one child, the root of the
                                * message inside */
};

enum mansio_address_kind {
    MANSIO_ADDRESS_MAILBOX = 1,
    MANSIO_ADDRESS_GROUP_START = 2, /* the group's name is in local */
    MANSIO_ADDRESS_GROUP_END = 3,
};

/** An entry of an address list (RFC 5322 3.4). */
struct mansio_address {
    size_t size;
    const struct mansio_address *next; /* NULL after the last */
    uint32_t kind;                     /* enum mansio_address_kind */
    uint32_t reserved;                 /* 0 */
    struct mansio_str name, route, local, domain;
};

/** What ENVELOPE has. Lists are as written: that a missing sender or reply-to is from's is the
 * printer's (RFC 3501 7.4.2). */
struct mansio_envelope {
    size_t size;
    struct mansio_str date, subject, in_reply_to, message_id;
    struct mansio_str references; /* not of IMAP's ENVELOPE */
    const struct mansio_address *from, *sender, *reply_to, *to, *cc, *bcc; /* NULL: none */
};

/** A parameter of a type or disposition (RFC 2045, 2231). */
struct mansio_param {
    size_t size;
    const struct mansio_param *next;
    struct mansio_str name; /* lower case, without "*" */
    struct mansio_str value;
    uint32_t is_extended; /* 1: charset'language'text, the text in %XX */
    uint32_t reserved;    /* 0 */
};

/** A part. */
struct mansio_part {
    size_t size;
    const struct mansio_part *parent; /* NULL for the root */
    const struct mansio_part *first_child, *next;
    uint32_t kind;                     /* enum mansio_part_kind */
    uint32_t reserved;                 /* 0 */
    uint64_t header_start, body_start; /* bytes from the beginning of the message */
    uint64_t body_end;                 /* before the line end that belongs to a boundary */
    uint64_t header_lines, body_lines;
    struct mansio_str type, subtype; /* lower case, never NIL */
    const struct mansio_param *params;
    struct mansio_str disposition;
    const struct mansio_param *disposition_params;
    struct mansio_str encoding, id, description, md5, language, location;
    const struct mansio_envelope *envelope; /* of the root of a message; else NULL */
};

/**
 * Read a structure.
 *
 * @param arena  owns the result; texts point into @p bytes
 * @param bytes  as a store gave them, or mansio_content_structure(); must live as long
 * @param out    the root
 * @return 0; MANSIO_E_INVALID: damaged; MANSIO_E_UNSUPPORTED: of a newer version; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_structure_read(struct mansio_arena *arena,
                                                          struct mansio_str bytes,
                                                          const struct mansio_part **out);

/**
 * Read an address list, as header fields have them (RFC 5322 3.4 with the obsolete forms of 4.4,
 * RFC 6532). What is no address becomes one without a domain, or is passed over.
 *
 * @param arena  owns the result; nothing points into @p text
 * @param text   a field's value, folding undone or not
 * @param max    most entries; what follows is left out
 * @param out    the first entry; NULL: there is none
 * @return 0; 1 if entries were left out; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_address_list_read(struct mansio_arena *arena,
                                                             struct mansio_str text, uint32_t max,
                                                             const struct mansio_address **out);

/**
 * Append the meaning of a header field's text in UTF-8: encoded words decoded (RFC 2047), folding
 * undone.
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_text_decode(struct mansio_buf *out, struct mansio_str text);

/**
 * Append text in the one case that search compares, as mansio_content_search_text() has it.
 *
 * @param max  most bytes that @p out may hold in all; text is cut there, between characters
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_text_fold(struct mansio_buf *out, size_t max, struct mansio_str text);

/**
 * Append text of a charset in UTF-8.
 *
 * @param charset  as mail names it; any case
 * @return 1; 0 if nobody knows the charset: nothing was appended
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_text_from_charset(struct mansio_buf *out, struct mansio_str charset,
                                           struct mansio_str text);

#endif
