/*
 * What FETCH asks for (RFC 3501 6.4.5, RFC 7162 3.1.4): data items, sections of the message with
 * their partial ranges, and modifiers. Pure.
 */
#ifndef MANSIO_MODULES_IMAP_FETCH_ITEMS_H
#define MANSIO_MODULES_IMAP_FETCH_ITEMS_H

#include "parse.h"

enum {
    IMAP_FETCH_SECTIONS_MAX = 256,  /* of one command */
    IMAP_SECTION_DEPTH_MAX = 64,    /* numbers of one section: no message is that deep */
    IMAP_SECTION_FIELDS_MAX = 1024, /* names of fields of one section */
};

/* Items that are no section. */
enum imap_fetch_what {
    IMAP_FETCH_UID = 1,
    IMAP_FETCH_FLAGS = 2,
    IMAP_FETCH_INTERNALDATE = 4,
    IMAP_FETCH_SIZE = 8,
    IMAP_FETCH_MODSEQ = 16,
    IMAP_FETCH_ENVELOPE = 32,
    IMAP_FETCH_BODY = 64,
    IMAP_FETCH_BODYSTRUCTURE = 128,
};

enum imap_section_text {
    IMAP_SECTION_ALL = 1, /* nothing behind the numbers */
    IMAP_SECTION_HEADER = 2,
    IMAP_SECTION_FIELDS = 3,     /* HEADER.FIELDS */
    IMAP_SECTION_FIELDS_NOT = 4, /* HEADER.FIELDS.NOT */
    IMAP_SECTION_TEXT = 5,
    IMAP_SECTION_MIME = 6, /* behind numbers only */
};

/* A piece of the message. */
struct imap_section {
    const uint32_t *numbers; /* of parts, from the outermost on; never 0 */
    size_t depth;
    uint32_t text;             /* enum imap_section_text */
    uint32_t is_partial;       /* "<origin.length>" */
    uint32_t origin;           /* first byte wanted */
    uint32_t length;           /* most bytes wanted; of a partial one, at least 1 */
    struct mansio_str *fields; /* names as the client wrote them, in imap_section_sort()'s order */
    size_t field_count;
    struct mansio_str label; /* what stands before the bytes: "BODY[1.MIME]<0>" */
};

struct imap_fetch {
    uint32_t what;      /* enum imap_fetch_what */
    uint32_t sets_seen; /* a section that isn't a PEEK is among them */
    uint32_t has_changed_since;
    uint64_t changed_since; /* only those with a greater modseq */
    struct imap_section *sections;
    size_t section_count;
};

/*
 * Read items and modifiers: all that follows the set and its space, up to the end of the command.
 *
 * @param out  in the cursor's arena, or slices of its text
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int imap_fetch_parse(struct imap_cursor *cursor, struct imap_fetch *out);

#endif
