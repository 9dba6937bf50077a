/*
 * From a header block to what it says of its part: see part.h. Fields are a table; of a field that
 * may stand once the first counts.
 */
#include "core/mail/part.h"

#include "core/mail/chars.h"
#include "core/mail/cursor.h"
#include "core/mail/header.h"

#include <mansio/error.h>

/* How a field is read. */
enum {
    READ_TEXT, /* unfolded */
    READ_ENCODING,
    READ_TYPE,
    READ_DISPOSITION,
    READ_ADDRESSES,
};

struct field_row {
    struct mansio_str name;
    size_t offset; /* in the envelope or the part */
    uint32_t how;
    int is_of_message; /* 1: of the envelope */
};

#define NAME(text)                                                                                 \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define IN_ENVELOPE(member) offsetof(struct core_mail_envelope, member)
#define IN_PART(member)     offsetof(struct core_mail_part, member)

static const struct field_row FIELDS[] = {
    {NAME("bcc"), IN_ENVELOPE(bcc), READ_ADDRESSES, 1},
    {NAME("cc"), IN_ENVELOPE(cc), READ_ADDRESSES, 1},
    {NAME("content-description"), IN_PART(description), READ_TEXT, 0},
    {NAME("content-disposition"), IN_PART(disposition), READ_DISPOSITION, 0},
    {NAME("content-id"), IN_PART(id), READ_TEXT, 0},
    {NAME("content-language"), IN_PART(language), READ_TEXT, 0},
    {NAME("content-location"), IN_PART(location), READ_TEXT, 0},
    {NAME("content-md5"), IN_PART(md5), READ_TEXT, 0},
    {NAME("content-transfer-encoding"), IN_PART(encoding), READ_ENCODING, 0},
    {NAME("content-type"), IN_PART(type), READ_TYPE, 0},
    {NAME("date"), IN_ENVELOPE(date), READ_TEXT, 1},
    {NAME("from"), IN_ENVELOPE(from), READ_ADDRESSES, 1},
    {NAME("in-reply-to"), IN_ENVELOPE(in_reply_to), READ_TEXT, 1},
    {NAME("message-id"), IN_ENVELOPE(message_id), READ_TEXT, 1},
    {NAME("references"), IN_ENVELOPE(references), READ_TEXT, 1},
    {NAME("reply-to"), IN_ENVELOPE(reply_to), READ_ADDRESSES, 1},
    {NAME("sender"), IN_ENVELOPE(sender), READ_ADDRESSES, 1},
    {NAME("subject"), IN_ENVELOPE(subject), READ_TEXT, 1},
    {NAME("to"), IN_ENVELOPE(to), READ_ADDRESSES, 1},
};

/* The row of a field that we read; NULL for others. */
static const struct field_row *row_of(struct mansio_str name)
{
    size_t low = 0;
    size_t high = MANSIO_COUNT(FIELDS);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = mansio_str_icmp(name, FIELDS[middle].name);

        if (order == 0) {
            return &FIELDS[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static int read_text(struct mansio_arena *arena, struct mansio_str raw, struct mansio_buf *work,
                     struct mansio_str *out)
{
    if (out->ptr != NULL) {
        return 0;
    }
    mansio_buf_reset(work);
    core_mail_header_unfold(work, raw);
    return mansio_arena_copy(arena, mansio_buf_str(work), out);
}

/* Content-Transfer-Encoding: a token by RFC 2045 6.1, but quotes and spaces are seen. What stands
 * up to a comment or semicolon is kept, in lower case. */
static int read_encoding(struct mansio_arena *arena, struct mansio_str raw, struct mansio_buf *work,
                         struct mansio_str *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(raw);
    struct mansio_str inside;
    const char *from;

    if (out->ptr != NULL) {
        return 0;
    }
    core_mail_skip_cfws(&cursor, NULL);
    if (core_mail_peek(&cursor) == '"') {
        (void)core_mail_skip_quoted(&cursor, &inside);
    } else {
        from = cursor.at;
        while (!core_mail_at_end(&cursor) && *cursor.at != ';' && *cursor.at != '(') {
            cursor.at++;
        }
        inside = core_mail_between(from, cursor.at);
    }
    inside = core_mail_trim(inside);
    mansio_buf_reset(work);
    for (size_t i = 0; i < inside.len; i++) {
        if (core_mail_is_visible(inside.ptr[i]) || core_mail_is_wsp(inside.ptr[i])) {
            (void)mansio_buf_add_char(work, core_mail_to_lower(inside.ptr[i]));
        }
    }
    return inside.len > 0 ? mansio_arena_copy(arena, mansio_buf_str(work), out) : 0;
}

/* What the reading of one header needs at hand. */
struct reading {
    struct mansio_arena *arena;
    struct mansio_buf *work;
    const struct core_mail_part_options *options;
    struct core_mail_part *part;
    int has_type;
    int has_disposition;
    int is_cut;
};

static int read_field(struct reading *r, const struct field_row *row, struct mansio_str raw)
{
    char *base = row->is_of_message ? (char *)r->part->envelope : (char *)r->part;
    void *target = base + row->offset;
    int result = 0;

    switch (row->how) {
    case READ_TEXT:
        return read_text(r->arena, raw, r->work, target);
    case READ_ENCODING:
        return read_encoding(r->arena, raw, r->work, target);
    case READ_TYPE:
        if (!r->has_type) {
            r->has_type = 1;
            result = core_mail_param_parse_type(r->arena, raw, target);
        }
        return result;
    case READ_DISPOSITION:
        if (!r->has_disposition) {
            r->has_disposition = 1;
            result = core_mail_param_parse_token(r->arena, raw, target);
        }
        return result;
    default:
        result = core_mail_address_parse(r->arena, raw, r->options->addresses_max, target);
        r->is_cut |= result > 0;
        return result < 0 ? result : 0;
    }
}

/* RFC 2045 5.2: without a type, and with one that breaks the grammar, a part is plain text. */
static void fill_in_type(struct reading *r)
{
    struct core_mail_typed *type = &r->part->type;

    if (type->value.ptr != NULL) {
        return;
    }
    if (!r->has_type && r->options->is_in_digest) {
        type->value = MANSIO_STR("message");
        type->subtype = MANSIO_STR("rfc822");
        return;
    }
    type->value = MANSIO_STR("text");
    type->subtype = MANSIO_STR("plain");
}

int core_mail_part_read_header(struct mansio_arena *arena, struct mansio_str block,
                               const struct core_mail_part_options *options,
                               struct core_mail_part *part)
{
    struct mansio_arena *work = mansio_arena_new(NULL, "mail header", 0);
    struct reading r = {
        .arena = arena,
        .work = mansio_buf_new(work, block.len + 1),
        .options = options,
        .part = part,
    };
    struct core_mail_field field = {.offset = 0};
    size_t offset = 0;
    int result = 0;

    if (options->is_message) {
        part->envelope = mansio_arena_try_alloc(arena, sizeof *part->envelope);
        result = part->envelope != NULL ? 0 : MANSIO_E_LIMIT;
    }
    while (result == 0 && core_mail_header_next(block, &offset, &field)) {
        const struct field_row *row = row_of(field.name);

        if (row != NULL && (!row->is_of_message || options->is_message)) {
            result = read_field(&r, row, field.raw);
        }
    }
    fill_in_type(&r);
    mansio_arena_free(work);
    return result < 0 ? result : r.is_cut;
}

int core_mail_part_is(const struct core_mail_part *part, struct mansio_str type,
                      struct mansio_str subtype)
{
    return mansio_str_eq(part->type.value, type) &&
           (subtype.ptr == NULL || mansio_str_eq(part->type.subtype, subtype));
}
