/*
 * Contents from the inside: bytes on their way in, counted over the whole process, and what was
 * read of them. content.c keeps the bytes, content_file.c the file of those that are many,
 * content_digest.c reads the message.
 */
#ifndef MANSIO_CORE_HOST_CONTENT_H
#define MANSIO_CORE_HOST_CONTENT_H

#include "core/base/export.h"

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/content.h>

struct core_mail_parser;

enum {
    /* What a content may always have, so that small messages need no file when memory is short. */
    CORE_CONTENT_FLOOR_BYTES = 32768,
    CORE_CONTENT_SLICE_BYTES = 16384, /* read at once, before others may run */
    CORE_CONTENT_HEADER_MAX = 262144, /* looked at for fields */
    CORE_CONTENT_SEARCH_MAX = 262144,
};

/* In the text for search (mansio/search.h). */
#define CORE_CONTENT_WHOLE_MARK 'H'
#define CORE_CONTENT_CUT_MARK   'C'
#define CORE_CONTENT_BODY_MARK  'B'

struct mansio_content {
    struct mansio_arena *arena; /* results; ends with the content */
    struct mansio_arena *work;  /* the parser's; NULL when it has ended */
    struct core_mail_parser *parser;
    uint64_t max_bytes;
    uint64_t size;
    uint64_t parsed; /* how far the parser has come */
    int error;       /* sticky */
    int is_finished;
    int is_narrow; /* read under narrow bounds: its text is not known */

    char *bytes; /* those from `base` on; with a file the ones not written yet */
    size_t room; /* counted */
    size_t held;
    uint64_t base;
    int fd; /* -1: all in memory */

    size_t arena_charge; /* of both arenas, counted */
    char *read;          /* what the last read of a file gave */
    size_t read_room;    /* counted */

    struct mansio_buf *header_copy; /* of a content in a file: its beginning */
    struct mansio_str header;
    uint64_t header_size;
    uint32_t received_count;
    struct mansio_str structure;
    struct mansio_str search_text;
};

/* Of a process, before its first content; may be called again. @p directory: where files go,
 * copied; empty: /var/tmp. */
CORE_EXPORT void core_content_setup(size_t memory_max_bytes, struct mansio_str directory);

/* Memory of all contents now. */
CORE_EXPORT size_t core_content_memory_used(void);

/* Files that were begun. */
CORE_EXPORT uint64_t core_content_files(void);

/* ---- between the files of this concept */

/* Count memory, whether there is room or not; negative gives back. */
void core_content_count(ptrdiff_t bytes);

/* 1 if so many bytes more stay within `times` the cap. */
int core_content_has_room(size_t bytes, unsigned times);

/* Bring what both arenas take up to date. */
void core_content_count_arenas(struct mansio_content *content);

/* content_file.c: write what is held to the file, opening it first; then nothing is held. */
MANSIO_MUST_CHECK int core_content_flush(struct mansio_content *content, int64_t deadline_us);

/* Read of the file into content->read. @return bytes */
MANSIO_MUST_CHECK int core_content_fetch(struct mansio_content *content, uint64_t offset,
                                         size_t max, int64_t deadline_us);

/* Where files go. */
const char *core_content_directory(void);

/* content_digest.c: let the parser have what is held; all of it, or whole slices. Yields. */
MANSIO_MUST_CHECK int core_content_parse(struct mansio_content *content, int is_all);

/* What is held is about to go to the file. */
void core_content_keep_header(struct mansio_content *content);

/* The bytes are all there: structure, search text, header. Yields. */
MANSIO_MUST_CHECK int core_content_digest(struct mansio_content *content, int64_t deadline_us);

#endif
