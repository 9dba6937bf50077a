/*
 * Contents: what a message says. The streaming parser is fed while bytes come; at their end its
 * result becomes the stored form and the text for search.
 *
 * No message is refused for what it is: where the parser has no room (its own bounds, or the
 * process's memory), the bytes are read once more under bounds so narrow that a few KiB are enough.
 */
#include "core/host/content.h"

#include "core/host/content_text.h"
#include "core/mail/fold.h"
#include "core/mail/header.h"
#include "core/mail/parser.h"
#include "core/mail/stored.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

enum {
    STORED_MAX = 16 << 20,
    WORK_MAX = 8 << 20,
    NARROW_WORK_MAX = 1 << 20,
    PIECE_BYTES = 65536, /* of a file, read back at once */
};

static void end_work(struct mansio_content *content)
{
    mansio_arena_free(content->work);
    content->work = NULL;
    content->parser = NULL;
    core_content_count_arenas(content);
}

static void begin_work(struct mansio_content *content, int is_narrow)
{
    struct core_mail_limits limits = core_mail_limits_usual();

    limits.text_max_bytes = CORE_CONTENT_SEARCH_MAX;
    if (is_narrow) {
        limits = (struct core_mail_limits){
            .depth_max = 1,
            .parts_max = 1,
            .addresses_max = 64,
            .header_max_bytes = 16384,
            .result_max_bytes = 65536,
        };
    }
    content->work =
        mansio_arena_new(NULL, "content parser", is_narrow ? NARROW_WORK_MAX : WORK_MAX);
    content->parser = core_mail_parser_new(content->work, &limits);
}

/* One slice; without room the parser ends, and the digest begins anew. */
static void feed(struct mansio_content *content, struct mansio_str slice)
{
    if (content->parser == NULL) {
        return;
    }
    if (core_mail_parser_feed(content->parser, slice) < 0) {
        end_work(content);
        return;
    }
    core_content_count_arenas(content);
    if (!core_content_has_room(0, 2)) {
        end_work(content);
    }
}

/* With a file the bytes go, so what is looked at for fields is kept. */
void core_content_keep_header(struct mansio_content *content)
{
    struct mansio_str held = {content->bytes, content->held};
    size_t has;

    if (content->header_copy == NULL) {
        content->header_copy = mansio_buf_new(content->arena, CORE_CONTENT_HEADER_MAX);
    }
    has = mansio_buf_str(content->header_copy).len;
    if (has == content->base) { /* else it is full */
        (void)mansio_buf_add(content->header_copy,
                             mansio_str_sub(held, 0, CORE_CONTENT_HEADER_MAX - has));
        core_content_count_arenas(content);
    }
}

int core_content_parse(struct mansio_content *content, int is_all)
{
    uint64_t end = content->base + content->held;

    while (content->parsed < end && (is_all || end - content->parsed >= CORE_CONTENT_SLICE_BYTES)) {
        struct mansio_str held = {content->bytes, content->held};
        struct mansio_str slice = mansio_str_sub(held, (size_t)(content->parsed - content->base),
                                                 CORE_CONTENT_SLICE_BYTES);
        int rc;

        if (content->parsed == 0) {
            begin_work(content, 0);
        }
        feed(content, slice);
        content->parsed += slice.len;
        rc = mansio_fiber_pace();
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* All bytes once more, under narrow bounds. */
static int read_again(struct mansio_content *content, int64_t deadline_us)
{
    content->is_narrow = 1;
    begin_work(content, 1);
    for (uint64_t at = 0; at < content->size;) {
        struct mansio_str piece = MANSIO_STR_NONE;
        int rc;

        if (content->fd < 0) {
            piece = mansio_str_sub((struct mansio_str){content->bytes, content->held}, (size_t)at,
                                   CORE_CONTENT_SLICE_BYTES);
        } else {
            uint64_t left = content->size - at;

            rc = core_content_fetch(
                content, at, left < PIECE_BYTES ? (size_t)left : (size_t)PIECE_BYTES, deadline_us);
            if (rc < 0) {
                return rc;
            }
            piece = (struct mansio_str){content->read, (size_t)rc};
        }
        if (core_mail_parser_feed(content->parser, piece) < 0) {
            return MANSIO_E_UNAVAILABLE; /* the system's memory: no other bound can be met */
        }
        at += piece.len;
        rc = mansio_fiber_pace();
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- search */

enum { HEADER_TEXT_MAX = CORE_CONTENT_SEARCH_MAX / 4 }; /* leaves room for the body */

/* Text that is kept: folded, up to a length. */
struct kept {
    struct core_content_text text;
    struct mansio_buf *out;
    size_t max;
};

static int keep(struct core_content_text *text, struct mansio_str some)
{
    struct kept *kept = (struct kept *)text;

    while (some.len > 0) {
        size_t length = core_mail_fold_cut(some, CORE_CONTENT_FOLD_BYTES);
        int rc;

        if (core_mail_fold(kept->out, kept->max, mansio_str_sub(some, 0, length)) < length) {
            return 1;
        }
        some = mansio_str_sub(some, length, SIZE_MAX);
        rc = mansio_fiber_pace();
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Fields, mark, body. @return 0; 1: there is more; a code */
static int keep_all(struct kept *kept, struct mansio_str header,
                    const struct core_mail_message *message)
{
    int is_cut = core_content_text_header(&kept->text, header);
    int rc;

    if (is_cut < 0) {
        return is_cut;
    }
    (void)mansio_buf_add_char(kept->out, CORE_CONTENT_BODY_MARK);
    kept->max = CORE_CONTENT_SEARCH_MAX - 1; /* its first mark is not in this buffer */
    rc = core_content_text_parts(&kept->text, message);
    rc = rc == 0 ? keep(&kept->text, message->text) : rc;
    return rc != 0 ? rc : is_cut;
}

/* As mansio/search.h has it. */
static int make_search_text(struct mansio_content *content, const struct core_mail_message *message)
{
    struct mansio_buf *work = mansio_buf_new(content->work, CORE_CONTENT_SEARCH_MAX);
    struct kept kept = {
        .text = {.add = keep, .work = core_content_text_work(content->work)},
        .out = work,
        .max = HEADER_TEXT_MAX,
    };
    int is_cut = keep_all(&kept, content->header, message);
    struct mansio_buf *out;

    if (is_cut < 0) {
        return is_cut;
    }
    is_cut |= message->is_text_cut || content->is_narrow ||
              content->header.len < content->header_size || mansio_buf_status(work) < 0;
    out = mansio_buf_new(content->arena, CORE_CONTENT_SEARCH_MAX);
    (void)mansio_buf_add_char(out, is_cut ? CORE_CONTENT_CUT_MARK : CORE_CONTENT_WHOLE_MARK);
    (void)mansio_buf_add(out, mansio_buf_str(work));
    content->search_text = mansio_buf_status(out) == 0 ? mansio_buf_str(out) : MANSIO_STR_NONE;
    return 0;
}

/* ---- the header */

static void read_header(struct mansio_content *content, const struct core_mail_message *message)
{
    struct core_mail_field field = {.offset = 0};
    size_t offset = 0;

    content->header_size = message->root->body_start;
    content->header = content->header_copy != NULL
                          ? mansio_buf_str(content->header_copy)
                          : (struct mansio_str){content->bytes, content->held};
    content->header =
        mansio_str_sub(content->header, 0,
                       content->header_size < CORE_CONTENT_HEADER_MAX ? (size_t)content->header_size
                                                                      : CORE_CONTENT_HEADER_MAX);
    while (core_mail_header_next(content->header, &offset, &field)) {
        content->received_count += (uint32_t)mansio_str_ieq(field.name, MANSIO_STR("Received"));
    }
}

/* 1 if a field's value, unfolded and without white space around it, is what is looked for. */
static int has_value(struct mansio_str raw, struct mansio_str wanted)
{
    int is_equal;

    if (mansio_str_find_char(raw, '\n') < 0) {
        return mansio_str_ieq(mansio_str_trim(raw), wanted);
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *value = mansio_buf_new(scratch, raw.len);
    core_mail_header_unfold(value, raw);
    is_equal = mansio_str_ieq(mansio_buf_str(value), wanted);
    MANSIO_SCRATCH_END(scratch);
    return is_equal;
}

int mansio_content_has_field(const struct mansio_content *content, struct mansio_str name,
                             struct mansio_str value)
{
    struct core_mail_field field = {.offset = 0};
    size_t offset = 0;

    value = mansio_str_trim(value);
    while (core_mail_header_next(content->header, &offset, &field)) {
        if (mansio_str_ieq(field.name, name) && (value.len == 0 || has_value(field.raw, value))) {
            return 1;
        }
    }
    return 0;
}

/* ---- all of it */

int core_content_digest(struct mansio_content *content, int64_t deadline_us)
{
    const struct core_mail_message *message = NULL;
    struct mansio_buf *stored = mansio_buf_new(content->arena, STORED_MAX);
    int rc = 0;

    if (content->size == 0) {
        begin_work(content, 0);
    }
    if (content->parser == NULL || core_mail_parser_finish(content->parser, &message) < 0) {
        end_work(content);
        rc = read_again(content, deadline_us);
        if (rc == 0 && core_mail_parser_finish(content->parser, &message) < 0) {
            rc = MANSIO_E_UNAVAILABLE;
        }
    }
    if (rc == 0) {
        core_mail_stored_write(stored, message);
        rc = mansio_buf_status(stored) < 0 ? MANSIO_E_UNAVAILABLE : 0;
    }
    if (rc == 0) {
        content->structure = mansio_buf_str(stored);
        read_header(content, message);
        rc = make_search_text(content, message);
    }
    end_work(content);
    return rc;
}
