/*
 * What SEARCH looks at in a message, in the order and form that mansio/search.h writes down: the
 * text that is kept at arrival (content_digest.c), and what a scan reads of a message that has none
 * (content_scan.c), are made here and so are the same.
 */
#ifndef MANSIO_CORE_HOST_CONTENT_TEXT_H
#define MANSIO_CORE_HOST_CONTENT_TEXT_H

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/str.h>

struct core_mail_message;

enum {
    CORE_CONTENT_VALUE_MAX = 32768, /* of a field's value, decoded at once */
    CORE_CONTENT_FOLD_BYTES = 8192, /* folded at once, before others may run */
};

/* Where text goes, in UTF-8, its case as it is. */
struct core_content_text {
    /* @return 0; 1: no more is wanted; an error */
    int (*add)(struct core_content_text *out, struct mansio_str text);
    struct mansio_buf *work; /* core_content_text_work() */
};

/* A buffer to decode in. */
struct mansio_buf *core_content_text_work(struct mansio_arena *arena);

/* The fields of a header, "\nname: value\nname: value\n". @return as add() */
MANSIO_MUST_CHECK int core_content_text_header(struct core_content_text *out,
                                               struct mansio_str header);

/* What the parts have beside their text: subjects and addresses of messages inside, descriptions,
 * names of files. @return as add() */
MANSIO_MUST_CHECK int core_content_text_parts(struct core_content_text *out,
                                              const struct core_mail_message *message);

#endif
