/*
 * The header of a message: see header.h.
 */
#include "header.h"

#include <mansio/str.h>

enum {
    AT_LINE = 0, /* the beginning of one */
    IN_EMPTY,    /* behind the CR of an empty line */
    IN_NAME,
    BEHIND_NAME, /* white space before the colon (RFC 5322 4.5.8) */
    IN_VALUE,
};

static const struct {
    struct mansio_str name; /* lower case */
    uint32_t field;
} FIELDS[] = {
    {MANSIO_STR("from"), SMTP_FIELD_FROM}, {MANSIO_STR("sender"), SMTP_FIELD_SENDER},
    {MANSIO_STR("date"), SMTP_FIELD_DATE}, {MANSIO_STR("message-id"), SMTP_FIELD_MESSAGE_ID},
    {MANSIO_STR("bcc"), SMTP_FIELD_BCC},   {MANSIO_STR("resent-bcc"), SMTP_FIELD_BCC},
};

static int is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 5322 3.6.8 */
static int is_name(char c)
{
    return c > ' ' && c <= '~' && c != ':';
}

static struct mansio_str name_of(const struct smtp_header *header)
{
    return header->name_length <= SMTP_HEADER_NAME_MAX
               ? (struct mansio_str){header->name, header->name_length}
               : MANSIO_STR_NONE;
}

/* What a field's value is kept in, or NULL. */
static struct mansio_buf *value_of(const struct smtp_header *header)
{
    return header->field == SMTP_FIELD_FROM     ? header->authors
           : header->field == SMTP_FIELD_SENDER ? header->senders
                                                : NULL;
}

/* ---- pieces that don't go on ----------------------------------------------------------------- */

static void begin_cut(struct smtp_header *header)
{
    if (header->cut_count == SMTP_HEADER_CUTS_MAX) {
        header->has_too_many_cuts = 1;
        return;
    }
    header->cuts[header->cut_count++] = (struct smtp_header_cut){.offset = header->line};
    header->is_cutting = 1;
}

/* What is cut ends before this line. */
static void end_cut(struct smtp_header *header)
{
    if (header->is_cutting) {
        struct smtp_header_cut *cut = &header->cuts[header->cut_count - 1];
        cut->length = header->line - cut->offset;
    }
    header->is_cutting = 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The header ends before this line, which is none of its. */
static void break_off(struct smtp_header *header)
{
    header->is_over = 1;
    header->is_broken = 1;
    header->length = header->line;
}

static void begin_field(struct smtp_header *header)
{
    struct mansio_str name = name_of(header);

    header->field = SMTP_FIELD_OTHER;
    for (size_t i = 0; i < MANSIO_COUNT(FIELDS); i++) {
        if (mansio_str_ieq(name, FIELDS[i].name)) {
            header->field = FIELDS[i].field;
        }
    }
    header->seen |= header->field;
    header->from_fields += header->field == SMTP_FIELD_FROM;
    header->sender_fields += header->field == SMTP_FIELD_SENDER;
    if (header->field == SMTP_FIELD_BCC) {
        begin_cut(header);
    }
    struct mansio_buf *value = value_of(header);
    if (value != NULL && mansio_buf_str(value).len > 0) {
        (void)mansio_buf_add_char(value, ',');
    }
}

/* Is it the line of an mbox before the header? Its name is known, white space stood behind it. */
static int is_envelope(const struct smtp_header *header)
{
    return header->line == 0 && (mansio_str_eq(name_of(header), MANSIO_STR("From")) ||
                                 mansio_str_eq(name_of(header), MANSIO_STR(">From")));
}

static void take_first(struct smtp_header *header, char c)
{
    header->line = header->at;
    if (is_space(c) && header->field != 0) {
        struct mansio_buf *value = value_of(header);
        if (value != NULL) {
            (void)mansio_buf_add_char(value, c);
        }
        header->state = IN_VALUE;
        return;
    }
    end_cut(header);
    if (c == '\r') {
        header->state = IN_EMPTY;
    } else if (is_name(c)) {
        header->state = IN_NAME;
        header->name[0] = c;
        header->name_length = 1;
    } else {
        break_off(header);
    }
}

static void take_name(struct smtp_header *header, char c)
{
    if (c == ':') {
        begin_field(header);
        header->state = IN_VALUE;
    } else if (is_space(c)) {
        header->state = BEHIND_NAME;
    } else if (header->state == BEHIND_NAME && is_envelope(header)) {
        begin_cut(header);
        header->field = 0;
        header->state = IN_VALUE;
    } else if (header->state == BEHIND_NAME || !is_name(c)) {
        break_off(header);
    } else if (header->name_length < SMTP_HEADER_NAME_MAX) {
        header->name[header->name_length++] = c;
    } else {
        header->name_length = SMTP_HEADER_NAME_MAX + 1;
    }
}

static void take(struct smtp_header *header, char c)
{
    if (header->state == AT_LINE) {
        take_first(header, c);
    } else if (header->state != IN_EMPTY) {
        take_name(header, c);
    } else if (c == '\n') {
        header->is_over = 1;
        header->length = header->at + 1;
    } else {
        break_off(header);
    }
    header->at++;
}

/* Up to the end of the line. Returns how many bytes it took. */
static size_t take_value(struct smtp_header *header, struct mansio_str bytes)
{
    ptrdiff_t end = mansio_str_find_char(bytes, '\n');
    struct mansio_str value = end < 0 ? bytes : mansio_str_sub(bytes, 0, (size_t)end);
    struct mansio_buf *out = value_of(header);
    size_t used = value.len + (end >= 0);

    while (out != NULL && value.len > 0) { /* but for CRs, wherever they are */
        ptrdiff_t cr = mansio_str_find_char(value, '\r');
        (void)mansio_buf_add(out, mansio_str_sub(value, 0, cr < 0 ? SIZE_MAX : (size_t)cr));
        value = mansio_str_sub(value, cr < 0 ? SIZE_MAX : (size_t)cr + 1, SIZE_MAX);
    }
    header->state = end >= 0 ? AT_LINE : IN_VALUE;
    header->at += used;
    return used;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void smtp_header_begin(struct smtp_header *header, struct mansio_buf *authors,
                       struct mansio_buf *senders)
{
    *header = (struct smtp_header){.authors = authors, .senders = senders, .state = AT_LINE};
}

void smtp_header_feed(struct smtp_header *header, struct mansio_str bytes)
{
    while (bytes.len > 0 && !header->is_over) {
        size_t used = 1;
        if (header->state == IN_VALUE) {
            used = take_value(header, bytes);
        } else {
            take(header, bytes.ptr[0]);
        }
        bytes = mansio_str_sub(bytes, used, SIZE_MAX);
    }
}

void smtp_header_end(struct smtp_header *header)
{
    if (header->is_over) {
        return;
    }
    if (header->state == AT_LINE || header->state == IN_VALUE) {
        header->line = header->at;
        header->length = header->at;
        header->is_over = 1;
        end_cut(header);
    } else {
        break_off(header);
    }
}
