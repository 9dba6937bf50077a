/*
 * ENVELOPE and BODYSTRUCTURE: see fetch_print.h. What the grammar of RFC 3501 9 wants and a message
 * lacks is made up here: the part of a multipart without one, the message of a message/rfc822 that
 * lies too deep to be read.
 */
#include "fetch_print.h"

#include <inttypes.h>

#include <mansio/str.h>

#include "reply.h"

static void add(struct mansio_buf *out, struct mansio_str text)
{
    (void)mansio_buf_add(out, text);
}

static void print_number(struct mansio_buf *out, uint64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    digits[--at] = ' ';
    add(out, (struct mansio_str){digits + at, sizeof digits - at});
}

static void print_nstring(struct mansio_buf *out, struct mansio_str text)
{
    (void)mansio_buf_add_char(out, ' ');
    imap_reply_nstring(out, text);
}

/* ---- envelope -------------------------------------------------------------------------------- */

/* Groups as RFC 3501 7.4.2 has them: their beginning and end are addresses without a host. */
static void print_address(struct mansio_buf *out, const struct mansio_address *address)
{
    int is_mailbox = address->kind == MANSIO_ADDRESS_MAILBOX;
    if (!is_mailbox) {
        add(out, MANSIO_STR("(NIL NIL "));
        imap_reply_nstring(out,
                           address->kind == MANSIO_ADDRESS_GROUP_START && address->local.ptr == NULL
                               ? MANSIO_STR("")
                               : address->local);
        add(out, MANSIO_STR(" NIL)"));
        return;
    }
    (void)mansio_buf_add_char(out, '(');
    imap_reply_nstring(out, address->name);
    print_nstring(out, address->route);
    (void)mansio_buf_add_char(out, ' ');
    imap_reply_string(out, address->local); /* NIL would say that it is a group's */
    (void)mansio_buf_add_char(out, ' ');
    imap_reply_string(out, address->domain);
    (void)mansio_buf_add_char(out, ')');
}

static void print_addresses(struct mansio_buf *out, const struct mansio_address *first)
{
    if (first == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (const struct mansio_address *at = first; at != NULL; at = at->next) {
        print_address(out, at);
    }
    (void)mansio_buf_add_char(out, ')');
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

void imap_print_envelope(struct mansio_buf *out, const struct mansio_envelope *envelope)
{
    if (envelope == NULL) {
        add(out, MANSIO_STR("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
        return;
    }
    const struct mansio_address *from = envelope->from;
    (void)mansio_buf_add_char(out, '(');
    imap_reply_nstring(out, envelope->date);
    print_nstring(out, envelope->subject);
    print_addresses(out, from);
    print_addresses(out, or_from(envelope->sender, from));
    print_addresses(out, or_from(envelope->reply_to, from));
    print_addresses(out, envelope->to);
    print_addresses(out, envelope->cc);
    print_addresses(out, envelope->bcc);
    print_nstring(out, envelope->in_reply_to);
    print_nstring(out, envelope->message_id);
    (void)mansio_buf_add_char(out, ')');
}

/* ---- pieces of a body ------------------------------------------------------------------------ */

static void print_params(struct mansio_buf *out, const struct mansio_param *first)
{
    if (first == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (const struct mansio_param *at = first; at != NULL; at = at->next) {
        if (at != first) {
            (void)mansio_buf_add_char(out, ' ');
        }
        if (at->is_extended) { /* RFC 2231 4: the star says how to read the value */
            (void)mansio_buf_add_char(out, '"');
            add(out, at->name);
            add(out, MANSIO_STR("*\""));
        } else {
            imap_reply_string(out, at->name);
        }
        (void)mansio_buf_add_char(out, ' ');
        imap_reply_string(out, at->value);
    }
    (void)mansio_buf_add_char(out, ')');
}

static void print_disposition(struct mansio_buf *out, const struct mansio_part *part)
{
    if (part->disposition.ptr == NULL) {
        add(out, MANSIO_STR(" NIL"));
        return;
    }
    add(out, MANSIO_STR(" ("));
    imap_reply_string(out, part->disposition);
    print_params(out, part->disposition_params);
    (void)mansio_buf_add_char(out, ')');
}

/* Content-Language is a list of tags (RFC 3282): one is a string, more are a list of strings. */
static void print_language(struct mansio_buf *out, struct mansio_str text)
{
    struct mansio_str rest = text;
    struct mansio_str tag;
    if (text.ptr == NULL || mansio_str_find_char(text, ',') < 0) {
        print_nstring(out, text);
        return;
    }
    add(out, MANSIO_STR(" ("));
    for (int i = 0; mansio_str_split(&rest, ',', &tag); i++) {
        if (i > 0) {
            (void)mansio_buf_add_char(out, ' ');
        }
        imap_reply_string(out, mansio_str_trim(tag));
    }
    (void)mansio_buf_add_char(out, ')');
}

/* Extension data from the disposition on: both forms have it. */
static void print_extension(struct mansio_buf *out, const struct mansio_part *part)
{
    print_disposition(out, part);
    print_language(out, part->language);
    print_nstring(out, part->location);
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
static void begin_part(struct mansio_buf *out, const struct mansio_part *part)
{
    (void)mansio_buf_add_char(out, '(');
    imap_reply_string(out, part->type);
    print_nstring(out, part->subtype);
    print_params(out, part->params);
    print_nstring(out, part->id);
    print_nstring(out, part->description);
    print_nstring(out, part->encoding.ptr != NULL ? part->encoding : MANSIO_STR("7bit"));
    print_number(out, part->body_end - part->body_start);
}

/* Its end, and ")". */
static void end_part(struct mansio_buf *out, const struct mansio_part *part, int is_extended)
{
    if (is_message(part) || is_type(part, MANSIO_STR("text"))) {
        print_number(out, part->body_lines);
    }
    if (is_extended) {
        print_nstring(out, part->md5);
        print_extension(out, part);
    }
    (void)mansio_buf_add_char(out, ')');
}

static void end_multipart(struct mansio_buf *out, const struct mansio_part *part, int is_extended)
{
    print_nstring(out, part->subtype);
    if (is_extended) {
        print_params(out, part->params);
        print_extension(out, part);
    }
    (void)mansio_buf_add_char(out, ')');
}

static void print_empty_text(struct mansio_buf *out, int is_extended)
{
    add(out, MANSIO_STR("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0"));
    add(out, is_extended ? MANSIO_STR(" NIL NIL NIL NIL)") : MANSIO_STR(")"));
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* What stands before a part's children. @return the first of those that are to be printed */
static const struct mansio_part *enter(struct mansio_buf *out, const struct mansio_part *part,
                                       int is_extended)
{
    if (part->kind == MANSIO_PART_MULTIPART) {
        (void)mansio_buf_add_char(out, '(');
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
    (void)mansio_buf_add_char(out, ' ');
    imap_print_envelope(out, inside != NULL ? inside->envelope : NULL);
    (void)mansio_buf_add_char(out, ' ');
    if (inside == NULL) {
        print_empty_text(out, is_extended);
    }
    return inside;
}

static void leave(struct mansio_buf *out, const struct mansio_part *part, int is_extended)
{
    if (part->kind == MANSIO_PART_MULTIPART) {
        end_multipart(out, part, is_extended);
    } else {
        end_part(out, part, is_extended);
    }
}

void imap_print_structure(struct mansio_buf *out, const struct mansio_part *root, int is_extended)
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
