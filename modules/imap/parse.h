/*
 * Reading what a client sent: the words of RFC 3501 9, one function each. Pure.
 *
 * A cursor stands in the text of one command, line by line as it came with its literals in place:
 * "{5}" CRLF and five bytes. A function that reads moves the cursor behind what it read; one that
 * fails leaves it where the mistake is, for the words of BAD.
 */
#ifndef MANSIO_MODULES_IMAP_PARSE_H
#define MANSIO_MODULES_IMAP_PARSE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/str.h>

struct imap_cursor {
    const char *begin, *at, *end;
    struct mansio_arena *arena; /* owns what isn't a slice of the text, with a cap of its own */
};

enum {
    IMAP_TAG_MAX = 64,
    IMAP_KEYWORD_MAX = 64,  /* bytes of one keyword */
    IMAP_KEYWORDS_MAX = 64, /* of one command */
};

/* All that return int: 0; MANSIO_E_INVALID where the text has something else; MANSIO_E_LIMIT for
 * too much of it. */

int imap_parse_tag(struct imap_cursor *cursor, struct mansio_str *out);
/* One space, exactly (RFC 3501 9). */
int imap_parse_space(struct imap_cursor *cursor);
/* This byte. */
int imap_parse_char(struct imap_cursor *cursor, char wanted);
/* The end of the command. */
int imap_parse_end(struct imap_cursor *cursor);
/* 1 if the next byte is this one; nothing moves. */
int imap_parse_sees(const struct imap_cursor *cursor, char c);
/* 1, and moves behind it, if this word comes next (any case) and ends there. */
int imap_parse_word(struct imap_cursor *cursor, struct mansio_str word);

int imap_parse_atom(struct imap_cursor *cursor, struct mansio_str *out);
int imap_parse_number(struct imap_cursor *cursor, uint32_t *out);
int imap_parse_nz_number(struct imap_cursor *cursor, uint32_t *out);
int imap_parse_number64(struct imap_cursor *cursor, uint64_t *out); /* up to 2^63 - 1 (RFC 7162) */
/* Quoted or literal. */
int imap_parse_string(struct imap_cursor *cursor, struct mansio_str *out);
int imap_parse_astring(struct imap_cursor *cursor, struct mansio_str *out);
/* A mailbox name in UTF-8, levels by '/': modified UTF-7 (RFC 3501 5.1.3) undone; INBOX in any
 * case is "INBOX". What no mailbox can be named is MANSIO_E_INVALID. */
int imap_parse_mailbox(struct imap_cursor *cursor, struct mansio_str *out);
/* As imap_parse_mailbox(), with the wildcards of LIST, undone likewise. */
int imap_parse_list_mailbox(struct imap_cursor *cursor, struct mansio_str *out);

/* Numbers or UIDs as a client wrote them: pairs of first and last, UINT32_MAX for "*", sorted and
 * merged. "*" and ranges with it mean what imap_view_resolve() makes of them. */
struct imap_set {
    uint32_t *ranges; /* 2 * count */
    size_t count;
};
int imap_parse_set(struct imap_cursor *cursor, struct imap_set *out);

/* flag-list or flags without brackets: system flags as enum mansio_message_flags, keywords
 * separated by one space. \Recent is MANSIO_E_INVALID (RFC 3501 2.3.2). */
int imap_parse_flags(struct imap_cursor *cursor, uint32_t *out_flags,
                     struct mansio_str *out_keywords);

/* date-time (quoted) as wall-clock microseconds. */
int imap_parse_date_time(struct imap_cursor *cursor, int64_t *out_us);
/* date of SEARCH, quoted or not: days since 1970-01-01. */
int imap_parse_date(struct imap_cursor *cursor, int32_t *out_days);

#endif
