/*
 * Looking for text in messages (RFC 3501 6.4.4): what is asked of a store, the text that stores
 * keep for it, and a scan of a message's bytes for where that isn't enough.
 *
 * The text that mansio_content_search_text() gives is in UTF-8 without NUL, its case folded
 * (mansio_text_fold()), so that it has no upper-case letters of ASCII but these marks:
 *
 *   "H", or "C" if it was cut       somewhere the message has more
 *   "\nname: value\nname: value\n"  the header's fields in their order, folding undone, encoded
 *                                   words decoded, without line ends in a value
 *   "B"                             the body begins
 *   "line\nline\n" ...              of parts other than the whole: subjects and addresses of
 *                                   messages inside, descriptions, names of files; then the text
 *                                   parts, transfer encoding and charset undone
 *
 * A text without "H" or "C" is of an older kind and says nothing for certain, as one that is empty.
 */
#ifndef MANSIO_SEARCH_H
#define MANSIO_SEARCH_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum mansio_search_where {
    MANSIO_SEARCH_TEXT = 1,  /* header or body */
    MANSIO_SEARCH_BODY = 2,  /* body alone */
    MANSIO_SEARCH_FIELD = 3, /* the header's fields of one name */
};

/** Most bytes of a needle. */
#define MANSIO_SEARCH_NEEDLE_MAX 4096

/** Text to look for. */
struct mansio_search_key {
    size_t size;              /* sizeof(struct mansio_search_key) */
    uint32_t where;           /* enum mansio_search_where */
    uint32_t reserved;        /* 0 */
    struct mansio_str needle; /* folded, without NUL, MANSIO_SEARCH_NEEDLE_MAX at most; empty: is
                               * everywhere, but in fields that aren't there */
    struct mansio_str field;  /* name of a field, lower case */
};

/** Opaque: a message that is being scanned. */
struct mansio_scan;

/**
 * Begin to look for keys in a message.
 *
 * @param arena  owns the scan, up to 16 MiB while it runs
 * @param keys   copied, but not their texts
 * @return the scan, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_scan *mansio_scan_new(struct mansio_arena *arena,
                                                  const struct mansio_search_key *keys,
                                                  size_t count);

/**
 * The message's next bytes, as a reader sees them: its entry's prefix, then the message.
 *
 * @return 0; MANSIO_E_LIMIT: its structure is too large to be read; MANSIO_E_CANCELLED
 * @yields yes     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_scan_feed(struct mansio_scan *scan,
                                                     struct mansio_str bytes);

/**
 * The message is at its end.
 *
 * @return 0, or an error as mansio_scan_feed()
 * @yields yes     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_scan_finish(struct mansio_scan *scan);

/** After mansio_scan_finish(): 1 if the key of this place in the array was found, else 0.
 * @yields no @since 1.0 */
MANSIO_EXPORT int mansio_scan_found(const struct mansio_scan *scan, size_t index);

/**
 * What a text that a store keeps says of a key, for stores that can't ask their database.
 *
 * @param text    as mansio_content_search_text() gave it; empty: none
 * @param prefix  lines that the entry has before its message, as they are
 * @return 1: it is there; 0: it isn't; MANSIO_SEARCH_UNKNOWN: the message must be read
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_search_judge(struct mansio_str text, struct mansio_str prefix,
                                      const struct mansio_search_key *key);

#define MANSIO_SEARCH_UNKNOWN 2

#endif
