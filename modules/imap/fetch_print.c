/*
 * ENVELOPE and BODYSTRUCTURE: see fetch_print.h. What the grammar of RFC 3501 9 wants and a message
 * lacks is made up here: the part of a multipart without one, the message of a message/rfc822 that
 * lies too deep to be read.
 */
#include "fetch_print.h"

#include <string.h>

#include <mansio/str.h>

#include "reply.h"

enum {
    DIGITS_MAX = 20,   /* of 64 bits */
    TEXT_BYTES = 1024, /* gathered before the buffer gets it */
    PLAIN_MAX = 512,   /* bytes of a string that may be quoted as it stands */
};

/* An answer has a hundred and more little pieces: they are gathered here. */
struct text {
    struct mansio_buf *out;
    size_t len;
    char bytes[TEXT_BYTES];
};

static void flush(struct text *text)
{
    (void)mansio_buf_add(text->out, (struct mansio_str){text->bytes, text->len});
    text->len = 0;
}

/* A piece that is much shorter than what is gathered. */
static void add(struct text *text, struct mansio_str piece)
{
    MANSIO_ASSERT(piece.len <= PLAIN_MAX);
    if (piece.len > sizeof text->bytes - text->len) {
        flush(text);
    }
    memcpy(text->bytes + text->len, piece.ptr, piece.len);
    text->len += piece.len;
}

static void add_char(struct text *text, char c)
{
    add(text, (struct mansio_str){&c, 1});
}

static struct mansio_str digits_of(uint64_t number, char out[DIGITS_MAX])
{
    size_t at = DIGITS_MAX;
    do {
        out[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct mansio_str){out + at, DIGITS_MAX - at};
}

void imap_print_number(struct mansio_buf *out, uint64_t number)
{
    char digits[DIGITS_MAX];
    (void)mansio_buf_add(out, digits_of(number, digits));
}

static void print_number(struct text *text, uint64_t number)
{
    char digits[DIGITS_MAX];
    add_char(text, ' ');
    add(text, digits_of(number, digits));
}

/* 0 if none of eight bytes needs a look: no controls, quotes, backslashes, nothing beyond ASCII. */
static uint64_t odd_bits(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quotes = eight ^ ones * '"', slashes = eight ^ ones * '\\';
    return (eight | (eight - ones * ' ') | (quotes - ones) | (slashes - ones)) & ones * 0x80;
}

/* 1 if a string can be quoted as it stands; 0: it may be one that can't. */
static int is_plain(struct mansio_str s)
{
    uint64_t eight = UINT64_C(0x6161616161616161); /* letters, behind a tail */
    uint64_t odd = 0;
    size_t at = 0;
    for (uint64_t some; s.len - at >= sizeof some; at += sizeof some) {
        memcpy(&some, s.ptr + at, sizeof some);
        odd |= odd_bits(some);
    }
    if (at < s.len) {
        memcpy(&eight, s.ptr + at, s.len - at);
    }
    return (odd | odd_bits(eight)) == 0;
}

static void print_string(struct text *text, struct mansio_str s)
{
    if (s.len > PLAIN_MAX || !is_plain(s)) {
        flush(text);
        imap_reply_string(text->out, s);
        return;
    }
    if (s.len + 2 > sizeof text->bytes - text->len) {
        flush(text);
    }
    text->bytes[text->len] = '"';
    if (s.len > 0) {
        memcpy(text->bytes + text->len + 1, s.ptr, s.len);
    }
    text->len += s.len + 2;
    text->bytes[text->len - 1] = '"';
}

static void print_nstring(struct text *text, struct mansio_str s)
{
    if (s.ptr == NULL) {
        add(text, MANSIO_STR("NIL"));
    } else {
        print_string(text, s);
    }
}

static void print_next(struct text *text, struct mansio_str s)
{
    add_char(text, ' ');
    print_nstring(text, s);
}

/* ---- envelope -------------------------------------------------------------------------------- */

/* Groups as RFC 3501 7.4.2 has them: their beginning and end are addresses without a host. */
static void print_address(struct text *out, const struct mansio_address *address)
{
    int is_mailbox = address->kind == MANSIO_ADDRESS_MAILBOX;
    if (!is_mailbox) {
        add(out, MANSIO_STR("(NIL NIL "));
        print_nstring(out, address->kind == MANSIO_ADDRESS_GROUP_START && address->local.ptr == NULL
                               ? MANSIO_STR("")
                               : address->local);
        add(out, MANSIO_STR(" NIL)"));
        return;
    }
    add_char(out, '(');
    print_nstring(out, address->name);
    print_next(out, address->route);
    add_char(out, ' ');
    print_string(out, address->local); /* NIL would say that it is a group's */
    add_char(out, ' ');
    print_string(out, address->domain);
    add_char(out, ')');
}

static void print_addresses(struct text *out, const struct mansio_address *first)
{
    if (first == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (const struct mansio_address *at = first; at != NULL; at = at->next) {
        print_address(out, at);
    }
    add_char(out, ')');
}

/* A field that is there and names nobody ("Reply-To: <>") is as good as empty. */
static const struct mansio_address *or_from(const struct mansio_address *list,
                                            const struct mansio_address *from)
{
    for (const struct mansio_address *at = list; at != NULL; at = at->next) {
        if (at->kind != MANSIO_ADDRESS_MAILBOX || at->local.len + at->domain.len > 0) {
            return list;
        }
    }
    return from;
}

static void print_envelope(struct text *out, const struct mansio_envelope *envelope)
{
    if (envelope == NULL) {
        add(out, MANSIO_STR("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
        return;
    }
    const struct mansio_address *from = envelope->from;
    add_char(out, '(');
    print_nstring(out, envelope->date);
    print_next(out, envelope->subject);
    print_addresses(out, from);
    print_addresses(out, or_from(envelope->sender, from));
    print_addresses(out, or_from(envelope->reply_to, from));
    print_addresses(out, envelope->to);
    print_addresses(out, envelope->cc);
    print_addresses(out, envelope->bcc);
    print_next(out, envelope->in_reply_to);
    print_next(out, envelope->message_id);
    add_char(out, ')');
}

/* ---- pieces of a body ------------------------------------------------------------------------ */

static void print_params(struct text *out, const struct mansio_param *first)
{
    if (first == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (const struct mansio_param *at = first; at != NULL; at = at->next) {
        if (at != first) {
            add_char(out, ' ');
        }
        print_string(out, at->name);
        if (at->is_extended && out->len > 0) {
            out->len--; /* the quote; RFC 2231 4: the star says how to read the value */
            add(out, MANSIO_STR("*\""));
        }
        add_char(out, ' ');
        print_string(out, at->value);
    }
    add_char(out, ')');
}

static void print_disposition(struct text *out, const struct mansio_part *part)
{
    if (part->disposition.ptr == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    print_string(out, part->disposition);
    print_params(out, part->disposition_params);
    add_char(out, ')');
}

/* Content-Language is a list of tags (RFC 3282): one is a string, more are a list of strings. */
static void print_language(struct text *out, struct mansio_str text)
{
    struct mansio_str rest = text;
    struct mansio_str tag;
    if (text.ptr == NULL || mansio_str_find_char(text, ',') < 0) {
        print_next(out, text);
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (int i = 0; mansio_str_split(&rest, ',', &tag); i++) {
        if (i > 0) {
            add_char(out, ' ');
        }
        print_string(out, mansio_str_trim(tag));
    }
    add_char(out, ')');
}

/* Extension data from the disposition on: both forms have it. */
static void print_extension(struct text *out, const struct mansio_part *part)
{
    print_disposition(out, part);
    print_language(out, part->language);
    print_next(out, part->location);
}

static int is_type(const struct mansio_part *part, struct mansio_str type)
{
    return mansio_str_eq(part->type, type);
}

/* Only message/rfc822 has the form of a message (RFC 3501 9: media-message); message/global is
 * read inside all the same. */
static int is_message(const struct mansio_part *part)
{
    return is_type(part, MANSIO_STR("message")) &&
           mansio_str_eq(part->subtype, MANSIO_STR("rfc822"));
}

/* "(" and what a part says before its message or lines. */
static void begin_part(struct text *out, const struct mansio_part *part)
{
    add_char(out, '(');
    print_string(out, part->type);
    print_next(out, part->subtype);
    print_params(out, part->params);
    print_next(out, part->id);
    print_next(out, part->description);
    print_next(out, part->encoding.ptr != NULL ? part->encoding : MANSIO_STR("7bit"));
    print_number(out, part->body_end - part->body_start);
}

/* Its end, and ")". */
static void end_part(struct text *out, const struct mansio_part *part, int is_extended)
{
    if (is_message(part) || is_type(part, MANSIO_STR("text"))) {
        print_number(out, part->body_lines);
    }
    if (is_extended) {
        print_next(out, part->md5);
        print_extension(out, part);
    }
    add_char(out, ')');
}

static void end_multipart(struct text *out, const struct mansio_part *part, int is_extended)
{
    print_next(out, part->subtype);
    if (is_extended) {
        print_params(out, part->params);
        print_extension(out, part);
    }
    add_char(out, ')');
}

static void print_empty_text(struct text *out, int is_extended)
{
    add(out, MANSIO_STR("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0"));
    add(out, is_extended ? MANSIO_STR(" NIL NIL NIL NIL)") : MANSIO_STR(")"));
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* What stands before a part's children. @return the first of those that are to be printed */
static const struct mansio_part *enter(struct text *out, const struct mansio_part *part,
                                       int is_extended)
{
    if (part->kind == MANSIO_PART_MULTIPART) {
        add_char(out, '(');
        if (part->first_child == NULL) {
            print_empty_text(out, is_extended);
        }
        return part->first_child;
    }
    begin_part(out, part);
    if (!is_message(part)) {
        return NULL;
    }
    const struct mansio_part *inside = part->kind == MANSIO_PART_MESSAGE ? part->first_child : NULL;
    add_char(out, ' ');
    print_envelope(out, inside != NULL ? inside->envelope : NULL);
    add_char(out, ' ');
    if (inside == NULL) {
        print_empty_text(out, is_extended);
    }
    return inside;
}

static void leave(struct text *out, const struct mansio_part *part, int is_extended)
{
    if (part->kind == MANSIO_PART_MULTIPART) {
        end_multipart(out, part, is_extended);
    } else {
        end_part(out, part, is_extended);
    }
}

static void print_structure(struct text *out, const struct mansio_part *root, int is_extended)
{
    const struct mansio_part *part = root;
    for (;;) {
        const struct mansio_part *inside = enter(out, part, is_extended);
        if (inside != NULL) {
            part = inside;
            continue;
        }
        leave(out, part, is_extended);
        while (part != root && part->next == NULL) {
            part = part->parent;
            leave(out, part, is_extended);
        }
        if (part == root) {
            return;
        }
        part = part->next;
    }
}

/* ---- what others call -------------------------------------------------------------------------
 */

void imap_print_envelope(struct mansio_buf *out, const struct mansio_envelope *envelope)
{
    struct text text;
    text.out = out;
    text.len = 0;
    print_envelope(&text, envelope);
    flush(&text);
}

void imap_print_structure(struct mansio_buf *out, const struct mansio_part *root, int is_extended)
{
    struct text text;
    text.out = out;
    text.len = 0;
    print_structure(&text, root, is_extended);
    flush(&text);
}
