/*
 * Patterns of LIST: "*" is any text, "%" any but the separator '/' (RFC 3501 6.3.8). Pure; all
 * positions of a pattern are followed at once, so time is bounded by lengths, not by wildcards.
 */
#ifndef MANSIO_MODULES_IMAP_MATCH_H
#define MANSIO_MODULES_IMAP_MATCH_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum {
    IMAP_PATTERN_MAX = 1024, /* names are shorter: one that is longer without "*" matches nothing */
};

struct imap_pattern {
    size_t words;          /* of 64 positions each */
    size_t length;         /* the position that is the end */
    uint32_t ends_percent; /* levels of the hierarchy match too, not only names that there are */
    uint32_t reserved;
    uint64_t *bytes; /* 256 * words: positions at which this byte goes on */
    uint64_t *stars, *percents;
    uint64_t *now, *next; /* positions that a name has reached */
};

/* @return 0; MANSIO_E_LIMIT: longer than IMAP_PATTERN_MAX, or the arena is full */
MANSIO_MUST_CHECK int imap_pattern_read(struct mansio_arena *arena, struct mansio_str text,
                                        struct imap_pattern *out);

/* 1 if all of a name matches. INBOX, and what it leads to, in any case. */
int imap_pattern_matches(const struct imap_pattern *pattern, struct mansio_str name);

#endif
