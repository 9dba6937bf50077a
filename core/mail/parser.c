/*
 * The MIME parser: see parser.h.
 *
 * It goes by lines. The beginning of a line, up to LINE_HEAD_BYTES, is brought together before it
 * is judged, whatever the pieces were; what follows in a longer line passes as it comes. Parts that
 * are open lie on a stack: the root below, and on top the one whose header or body is being read.
 */
#include "core/mail/parser.h"

#include "core/mail/chars.h"
#include "core/mail/header.h"
#include "core/mail/text.h"

#include <mansio/buf.h>
#include <mansio/error.h>

#include <string.h>

enum {
    LINE_HEAD_BYTES = 1024, /* what a line is must show in so many */
};

/* What an open part is waiting for. */
enum {
    IN_HEADER,
    IN_LEAF,
    IN_MULTIPART, /* preamble, or between parts: only a boundary matters */
    IN_EPILOGUE,  /* its closing boundary was seen: nothing matters */
    IN_MESSAGE,   /* its child is above it */
};

struct level {
    struct core_mail_part *part;
    struct mansio_str boundary; /* of IN_MULTIPART */
    uint32_t state;
    uint64_t lines_at_header; /* line ends of the message before it */
    uint64_t lines_at_body;
};

struct core_mail_parser {
    struct mansio_arena *arena;
    struct core_mail_limits limits;
    struct core_mail_message message;
    struct core_mail_part *last_part; /* in order of the text */
    struct level *levels;             /* limits.depth_max of them */
    size_t depth;                     /* how many are open */
    size_t result_bytes;              /* that headers have taken of the arena */
    struct mansio_buf *header;        /* what is read of the current one */
    struct core_mail_text text;
    int error; /* sticky */

    uint64_t offset;      /* of the next byte to be judged */
    uint64_t lines;       /* line ends before it */
    uint32_t end_pending; /* bytes of the last line end, if it may belong to a boundary */
    char end_bytes[2];
    int is_in_line; /* the head of this line was judged, its rest comes */
    int has_cr;     /* ... and a CR, which may be the line end's, is held back */
    size_t held;    /* bytes of the head of a line, when it came in pieces */
    char hold[LINE_HEAD_BYTES];
};

struct core_mail_limits core_mail_limits_usual(void)
{
    return (struct core_mail_limits){
        .depth_max = 32,
        .parts_max = 1000,
        .addresses_max = 4096,
        .header_max_bytes = (size_t)256 << 10,
        .result_max_bytes = (size_t)4 << 20,
        .text_max_bytes = (size_t)1 << 20,
    };
}

/* ---- parts */

static struct level *top(struct core_mail_parser *p)
{
    return &p->levels[p->depth - 1];
}

/* 1 if one part more may begin in the part at a depth. */
static int has_room_at(struct core_mail_parser *p, size_t depth)
{
    if (depth < p->limits.depth_max && p->message.part_count < p->limits.parts_max &&
        p->result_bytes < p->limits.result_max_bytes) {
        return 1;
    }
    p->message.is_limited = 1;
    return 0;
}

/* Open a part whose header begins at an offset. */
static void open_part(struct core_mail_parser *p, uint64_t offset, uint64_t lines)
{
    struct core_mail_part *part = mansio_arena_try_alloc(p->arena, sizeof *part);

    if (part == NULL) {
        p->error = MANSIO_E_LIMIT;
        return;
    }
    part->header_start = offset;
    if (p->depth > 0) {
        struct core_mail_part *parent = top(p)->part;

        part->parent = parent;
        *(parent->last_child != NULL ? &parent->last_child->next : &parent->first_child) = part;
        parent->last_child = part;
    } else {
        p->message.root = part;
    }
    if (p->last_part != NULL) {
        p->last_part->following = part;
    }
    p->last_part = part;
    p->message.part_count++;
    p->levels[p->depth++] = (struct level){
        .part = part, .state = IN_HEADER, .lines_at_header = lines, .lines_at_body = lines};
    mansio_buf_reset(p->header);
}

/* The boundary of a multipart: trailing white space can't be part of one (RFC 2046 5.1.1). */
static struct mansio_str boundary_of(const struct core_mail_part *part)
{
    const struct core_mail_param *param =
        core_mail_param_find(part->type.first, MANSIO_STR("boundary"));
    struct mansio_str boundary = param != NULL ? param->value : MANSIO_STR_NONE;

    while (boundary.len > 0 && core_mail_is_space(boundary.ptr[boundary.len - 1])) {
        boundary.len--;
    }
    return boundary.len <= CORE_MAIL_BOUNDARY_MAX ? boundary : MANSIO_STR_NONE;
}

/* A part whose header is known: what its body will be. */
static void enter_body(struct core_mail_parser *p)
{
    struct level *level = top(p);
    struct core_mail_part *part = level->part;

    level->state = IN_LEAF;
    if (core_mail_part_is(part, MANSIO_STR("multipart"), MANSIO_STR_NONE)) {
        part->kind = CORE_MAIL_PART_MULTIPART;
        level->boundary = boundary_of(part);
        if (level->boundary.len > 0) {
            level->state = IN_MULTIPART;
        }
    } else if ((core_mail_part_is(part, MANSIO_STR("message"), MANSIO_STR("rfc822")) ||
                core_mail_part_is(part, MANSIO_STR("message"), MANSIO_STR("global"))) &&
               has_room_at(p, p->depth)) {
        part->kind = CORE_MAIL_PART_MESSAGE;
        level->state = IN_MESSAGE;
        open_part(p, part->body_start, level->lines_at_body);
    } else {
        core_mail_text_begin(&p->text, part);
    }
}

/* Keep bytes of a header; what is over the limit goes, wherever the pieces were cut. */
static void add_header(struct core_mail_parser *p, struct mansio_str bytes)
{
    size_t room = p->limits.header_max_bytes - mansio_buf_str(p->header).len;

    if (bytes.len > room) {
        p->message.is_limited = 1;
    }
    /* It fits, so a failure is the arena's. */
    if (mansio_buf_add(p->header, mansio_str_sub(bytes, 0, room)) < 0) {
        p->error = MANSIO_E_LIMIT;
    }
}

/* The header of the part on top ends before an offset. */
static void end_header(struct core_mail_parser *p, uint64_t offset, uint64_t lines)
{
    struct level *level = top(p);
    struct core_mail_part *part = level->part;
    const struct core_mail_part *parent = part->parent;
    struct core_mail_part_options options = {
        .addresses_max = p->limits.addresses_max,
        .is_message = parent == NULL || parent->kind == CORE_MAIL_PART_MESSAGE,
        .is_in_digest = parent != NULL && parent->kind == CORE_MAIL_PART_MULTIPART &&
                        mansio_str_eq(parent->type.subtype, MANSIO_STR("digest")),
    };
    size_t before = mansio_arena_used(p->arena);
    int result = core_mail_part_read_header(p->arena, mansio_buf_str(p->header), &options, part);

    p->result_bytes += mansio_arena_used(p->arena) - before + sizeof *part;
    p->message.is_limited |= result > 0;
    mansio_buf_reset(p->header);
    part->body_start = offset;
    part->header_lines = lines - level->lines_at_header;
    level->lines_at_body = lines;
    p->end_pending = 0; /* the empty line's end is the header's */
    if (result < 0) {
        p->error = result;
        return;
    }
    enter_body(p);
}

/* End every part above a depth; their bodies end before an offset. */
static void close_parts(struct core_mail_parser *p, size_t depth, uint64_t offset, uint64_t lines)
{
    /* A header that is cut off leaves an empty body, and perhaps an empty message inside. */
    while (p->depth > depth && top(p)->state == IN_HEADER && p->error == 0) {
        end_header(p, offset, lines);
    }
    core_mail_text_end(&p->text);
    while (p->depth > depth) {
        struct level *level = &p->levels[--p->depth];
        struct core_mail_part *part = level->part;

        part->body_end = offset > part->body_start ? offset : part->body_start;
        part->body_lines = lines > level->lines_at_body ? lines - level->lines_at_body : 0;
    }
}

/* ---- boundaries */

/* A line without its line end, and white space before it (RFC 2046 5.1.1 transport-padding). */
static struct mansio_str without_padding(struct mansio_str line)
{
    while (line.len > 0 && core_mail_is_space(line.ptr[line.len - 1])) {
        line.len--;
    }
    return line;
}

/* The level whose boundary a line is, counted from 1; 0 for none. */
static size_t level_of_boundary(const struct core_mail_parser *p, struct mansio_str line,
                                int *is_close)
{
    struct mansio_str rest;

    if (!mansio_str_starts(line, MANSIO_STR("--"))) {
        return 0;
    }
    rest = without_padding(mansio_str_sub(line, 2, SIZE_MAX));
    for (size_t i = p->depth; i > 0; i--) {
        struct mansio_str boundary = p->levels[i - 1].boundary;

        if (p->levels[i - 1].state != IN_MULTIPART || !mansio_str_starts(rest, boundary)) {
            continue;
        }
        if (rest.len == boundary.len) {
            *is_close = 0;
            return i;
        }
        if (rest.len == boundary.len + 2 && mansio_str_ends(rest, MANSIO_STR("--"))) {
            *is_close = 1;
            return i;
        }
    }
    return 0;
}

/* Bytes of the line end that a line has: 0, 1 or 2. */
static uint32_t end_of(struct mansio_str line)
{
    if (line.len == 0 || line.ptr[line.len - 1] != '\n') {
        return 0;
    }
    return line.len > 1 && line.ptr[line.len - 2] == '\r' ? 2 : 1;
}

/* The line end of a line may belong to a boundary in the next one: keep it back. */
static void keep_end(struct core_mail_parser *p, struct mansio_str line)
{
    p->end_pending = end_of(line);
    memcpy(p->end_bytes, line.ptr + line.len - p->end_pending, p->end_pending);
}

/* 1 if a line was a boundary; all that follows from it is done. */
static int take_boundary(struct core_mail_parser *p, struct mansio_str line, uint64_t line_lines)
{
    int is_close = 0;
    size_t depth = level_of_boundary(p, line, &is_close);
    uint64_t next = p->offset + line.len;
    uint64_t lines = p->lines + line_lines;

    if (depth == 0) {
        return 0;
    }
    if (!is_close && p->depth == depth + 1 && top(p)->state == IN_HEADER &&
        top(p)->part->header_start == p->offset) {
        /* A boundary right behind one: the part begins here. */
        top(p)->part->header_start = next;
        top(p)->lines_at_header = top(p)->lines_at_body = lines;
        return 1;
    }
    if (!is_close && !has_room_at(p, depth)) {
        return 0;
    }
    close_parts(p, depth, p->offset - p->end_pending, p->lines - (p->end_pending > 0));
    p->end_pending = 0;
    if (is_close) {
        p->levels[depth - 1].state = IN_EPILOGUE;
        /* An outer boundary may follow: this line's end is then its own. */
        keep_end(p, line);
    } else if (p->error == 0) {
        open_part(p, next, lines);
    }
    return 1;
}

/* ---- lines */

/* Body bytes without a line end; a line end that waited is body after all. */
static void add_body(struct core_mail_parser *p, struct mansio_str bytes)
{
    if (p->end_pending > 0) {
        core_mail_text_add(&p->text, (struct mansio_str){p->end_bytes, p->end_pending});
        p->end_pending = 0;
    }
    core_mail_text_add(&p->text, bytes);
}

/* Body bytes that are the end of a line, line end and all. */
static void add_body_end(struct core_mail_parser *p, struct mansio_str bytes)
{
    add_body(p, mansio_str_sub(bytes, 0, bytes.len - end_of(bytes)));
    keep_end(p, bytes);
}

/*
 * Judge a line by its head.
 *
 * @param line      its head; its line end is there if it has one within LINE_HEAD_BYTES
 * @param is_whole  1: nothing of the line follows
 */
static void take_line(struct core_mail_parser *p, struct mansio_str line, int is_whole)
{
    uint64_t line_lines = end_of(line) > 0;

    while (p->error == 0 && !(is_whole && take_boundary(p, line, line_lines))) {
        uint32_t kind;

        if (top(p)->state != IN_HEADER) {
            add_body_end(p, line);
            break;
        }
        kind = core_mail_header_line(line);
        if (kind == CORE_MAIL_LINE_EMPTY) {
            end_header(p, p->offset + line.len, p->lines + line_lines);
            break;
        }
        if (kind != CORE_MAIL_LINE_OTHER) {
            add_header(p, line);
            break;
        }
        /* The body has begun: what the line is there, perhaps a boundary, is another question. */
        end_header(p, p->offset, p->lines);
    }
    p->offset += line.len;
    p->lines += line_lines;
    p->is_in_line = !is_whole;
}

/* What follows the head of a long line; @p bytes ends with the line or goes on. */
static void take_rest(struct core_mail_parser *p, struct mansio_str bytes)
{
    int has_end = bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\n';

    if (top(p)->state == IN_HEADER) {
        add_header(p, bytes);
    } else {
        add_body_end(p, bytes);
    }
    p->offset += bytes.len;
    p->lines += (uint64_t)has_end;
    p->is_in_line = !has_end;
}

/* The rest of a long line as it comes: a CR at the end of a piece waits for what follows it. */
static size_t feed_rest(struct core_mail_parser *p, struct mansio_str bytes)
{
    const char *newline = memchr(bytes.ptr, '\n', bytes.len);
    struct mansio_str rest =
        mansio_str_sub(bytes, 0, newline != NULL ? (size_t)(newline - bytes.ptr) + 1 : SIZE_MAX);
    size_t used = rest.len;

    if (p->has_cr) {
        p->has_cr = 0;
        if (rest.ptr[0] == '\n') {
            take_rest(p, MANSIO_STR("\r\n"));
            return 1;
        }
        take_rest(p, MANSIO_STR("\r"));
    }
    if (rest.ptr[rest.len - 1] == '\r') {
        p->has_cr = 1;
        rest.len--;
    }
    if (rest.len > 0) {
        take_rest(p, rest);
    }
    return used;
}

/* Judge the head of a line that is as long as heads get; a CR at its end waits. */
static void take_long_head(struct core_mail_parser *p, struct mansio_str head)
{
    p->has_cr = head.ptr[head.len - 1] == '\r';
    head.len -= (size_t)p->has_cr;
    take_line(p, head, 0);
}

/* The beginning of a line, or more of one that is held. @return bytes used */
static size_t feed_head(struct core_mail_parser *p, struct mansio_str bytes)
{
    size_t room = LINE_HEAD_BYTES - p->held;
    size_t look = bytes.len < room ? bytes.len : room;
    const char *newline = memchr(bytes.ptr, '\n', look);
    size_t used = newline != NULL ? (size_t)(newline - bytes.ptr) + 1 : look;
    struct mansio_str head = mansio_str_sub(bytes, 0, used);

    if (p->held > 0 || (newline == NULL && used < room)) {
        memcpy(p->hold + p->held, bytes.ptr, used);
        p->held += used;
        head = (struct mansio_str){p->hold, p->held};
    }
    if (newline != NULL) {
        p->held = 0;
        take_line(p, head, 1);
    } else if (head.len == LINE_HEAD_BYTES) {
        p->held = 0;
        take_long_head(p, head);
    }
    return used;
}

int core_mail_parser_feed(struct core_mail_parser *parser, struct mansio_str bytes)
{
    while (bytes.len > 0 && parser->error == 0) {
        size_t used = parser->is_in_line ? feed_rest(parser, bytes) : feed_head(parser, bytes);

        bytes = mansio_str_sub(bytes, used, SIZE_MAX);
    }
    return parser->error;
}

/* The end of the bytes. */
static void end_message(struct core_mail_parser *p)
{
    size_t depth = 0;

    /* Where a closing boundary is missing the last line end is the one that would have belonged to
     * it, or the one that SMTP puts at every end: the parts of the outermost such multipart end
     * before it. */
    while (depth < p->depth && p->levels[depth].state != IN_MULTIPART) {
        depth++;
    }
    if (p->end_pending > 0 && depth + 1 < p->depth) {
        close_parts(p, depth + 1, p->offset - p->end_pending, p->lines - 1);
    } else if (p->end_pending > 0) {
        add_body(p, MANSIO_STR_NONE);
    }
    close_parts(p, 0, p->offset, p->lines);
}

int core_mail_parser_finish(struct core_mail_parser *parser, const struct core_mail_message **out)
{
    if (parser->error == 0 && parser->held > 0) {
        take_line(parser, (struct mansio_str){parser->hold, parser->held}, 1);
        parser->held = 0;
    }
    if (parser->error == 0 && parser->has_cr) {
        take_rest(parser, MANSIO_STR("\r"));
        parser->has_cr = 0;
    }
    if (parser->error == 0) {
        end_message(parser);
    }
    if (parser->text.out != NULL && mansio_buf_status(parser->text.out) < 0) {
        parser->error = MANSIO_E_LIMIT; /* it cuts itself before its limit: the arena is full */
    }
    if (parser->error < 0) {
        return mansio_fail(parser->error, "a message's structure is larger than its arena");
    }
    parser->message.size = parser->offset;
    parser->message.lines = parser->lines;
    if (parser->text.out != NULL) {
        parser->message.text = core_mail_text_str(&parser->text);
        parser->message.is_text_cut = (uint32_t)parser->text.is_cut;
    }
    *out = &parser->message;
    return 0;
}

void core_mail_parser_give_text(struct core_mail_parser *parser, core_mail_text_fn take, void *arg)
{
    core_mail_text_give(&parser->text, take, arg);
}

struct core_mail_parser *core_mail_parser_new(struct mansio_arena *arena,
                                              const struct core_mail_limits *limits)
{
    struct core_mail_parser *parser = mansio_arena_alloc(arena, sizeof *parser);

    parser->arena = arena;
    parser->limits = *limits;
    parser->limits.depth_max = limits->depth_max > 0 ? limits->depth_max : 1;
    parser->header = mansio_buf_new(arena, limits->header_max_bytes);
    core_mail_text_init(&parser->text, arena, limits->text_max_bytes);
    parser->levels =
        mansio_arena_try_alloc(arena, parser->limits.depth_max * sizeof *parser->levels);
    if (parser->levels == NULL) {
        parser->error = MANSIO_E_LIMIT;
        return parser;
    }
    open_part(parser, 0, 0);
    return parser;
}

int core_mail_parse(struct mansio_arena *arena, struct mansio_str message,
                    const struct core_mail_limits *limits, const struct core_mail_message **out)
{
    struct core_mail_parser *parser = core_mail_parser_new(arena, limits);
    int result = core_mail_parser_feed(parser, message);

    return result < 0 ? result : core_mail_parser_finish(parser, out);
}
