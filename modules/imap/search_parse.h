/*
 * What SEARCH asks for (RFC 3501 6.4.4, RFC 7162 3.1.5), read into a program: leaves, each a
 * question about one message, and code that joins their answers. Pure; nesting is bounded, nothing
 * recurses.
 */
#ifndef MANSIO_MODULES_IMAP_SEARCH_PARSE_H
#define MANSIO_MODULES_IMAP_SEARCH_PARSE_H

#include "parse.h"

enum {
    IMAP_SEARCH_LEAVES_MAX = 512,
    IMAP_SEARCH_DEPTH_MAX = 64,
};

enum imap_search_kind {
    IMAP_SEARCH_ALL = 1,
    IMAP_SEARCH_FLAGS,   /* flags & mask == number */
    IMAP_SEARCH_KEYWORD, /* text */
    IMAP_SEARCH_RECENT,
    IMAP_SEARCH_NEW, /* recent and not seen */
    IMAP_SEARCH_NUMBERS,
    IMAP_SEARCH_UIDS,
    IMAP_SEARCH_BEFORE, /* internal date, as days since 1970 in number */
    IMAP_SEARCH_ON,
    IMAP_SEARCH_SINCE,
    IMAP_SEARCH_LARGER,
    IMAP_SEARCH_SMALLER,
    IMAP_SEARCH_MODSEQ,
    /* From here on the stored structure is asked. */
    IMAP_SEARCH_SENT_BEFORE,
    IMAP_SEARCH_SENT_ON,
    IMAP_SEARCH_SENT_SINCE,
    IMAP_SEARCH_FROM,
    IMAP_SEARCH_TO,
    IMAP_SEARCH_CC,
    IMAP_SEARCH_BCC,
    IMAP_SEARCH_SUBJECT,
    /* From here on the store looks for text. */
    IMAP_SEARCH_FIELD,
    IMAP_SEARCH_BODY,
    IMAP_SEARCH_TEXT, /* fewer than 32 kinds: search_run.c has a bit for each */
};

struct imap_search_leaf {
    uint32_t kind;        /* enum imap_search_kind */
    uint32_t mask;        /* FLAGS */
    uint32_t is_required; /* 1: what it doesn't hold of isn't found, whatever the rest says */
    uint32_t reserved;
    uint64_t number;
    int32_t days;
    struct mansio_str text;  /* folded */
    struct mansio_str field; /* FIELD: its name in lower case */
    struct imap_set set;     /* NUMBERS, UIDS: as the client wrote it */
};

/* Code, in postfix order: values below IMAP_SEARCH_LEAVES_MAX are a leaf's answer. */
enum imap_search_code {
    IMAP_SEARCH_NOT = 0xfffd,
    IMAP_SEARCH_AND = 0xfffe,
    IMAP_SEARCH_OR = 0xffff,
};

struct imap_search {
    struct imap_search_leaf *leaves; /* room for IMAP_SEARCH_LEAVES_MAX */
    size_t leaf_count;
    uint16_t *code;
    size_t code_count;
    uint32_t has_modseq; /* MODSEQ was asked for */
    uint32_t reserved;
};

/*
 * Read all of the arguments.
 *
 * @param out_expected  of MANSIO_E_INVALID: what was expected where the cursor is
 * @return 0; MANSIO_E_INVALID; MANSIO_E_UNSUPPORTED: a charset that nobody knows; MANSIO_E_LIMIT:
 *         too many keys, too deep, or a text too long
 */
MANSIO_MUST_CHECK int imap_search_parse(struct imap_cursor *cursor, struct imap_search *out,
                                        const char **out_expected);

/* Answers of one message: false, true, not known yet. */
enum imap_search_answer {
    IMAP_SEARCH_NO = 0,
    IMAP_SEARCH_YES = 1,
    IMAP_SEARCH_UNKNOWN = 2,
};

/*
 * Join the answers of leaves.
 *
 * @param values, unknown  a bit a leaf, 64 a word; where `unknown` is set, `values` doesn't count
 */
enum imap_search_answer imap_search_join(const struct imap_search *search, const uint64_t *values,
                                         const uint64_t *unknown);

#endif
