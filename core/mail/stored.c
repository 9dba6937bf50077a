/*
 * The stored form: see stored.h. Writer and reader go through the same fields in the same order.
 */
#include "core/mail/stored.h"

#include <mansio/error.h>

enum {
    NUMBER_BYTES_MAX = 10, /* 64 bits in sevens */
    WORD_BYTES_MAX = 24,   /* longest word of the list */
    FLAG_LIMITED = 1,      /* of a message */
    FLAG_ENVELOPE = 4,     /* of a part, beside its kind in the two lowest bits */
    FLAG_DETAILS = 8,      /* id, description, md5, language, location: rare */
    FLAG_DISPOSITION = 16,
    KIND_MASK = 3,
};

/* Texts that most messages have. Their places are the format: only append, never past 4095. */
static const struct mansio_str WORDS[] = {
    {"text", 4},
    {"plain", 5},
    {"html", 4},
    {"multipart", 9},
    {"mixed", 5},
    {"alternative", 11},
    {"related", 7},
    {"report", 6},
    {"signed", 6},
    {"digest", 6},
    {"message", 7},
    {"rfc822", 6},
    {"delivery-status", 15},
    {"application", 11},
    {"octet-stream", 12},
    {"pdf", 3},
    {"image", 5},
    {"jpeg", 4},
    {"png", 3},
    {"gif", 3},
    {"7bit", 4},
    {"8bit", 4},
    {"binary", 6},
    {"base64", 6},
    {"quoted-printable", 16},
    {"charset", 7},
    {"utf-8", 5},
    {"UTF-8", 5},
    {"us-ascii", 8},
    {"iso-8859-1", 10},
    {"ISO-8859-1", 10},
    {"format", 6},
    {"flowed", 6},
    {"boundary", 8},
    {"name", 4},
    {"filename", 8},
    {"attachment", 10},
    {"inline", 6},
    {"type", 4},
    {"delsp", 5},
    {"yes", 3},
    {"text/html", 9},
    {"multipart/alternative", 21},
    {"calendar", 8},
    {"method", 6},
    {"US-ASCII", 8},
    {"gmail.com", 9},
    {"protocol", 8},
    {"micalg", 6},
    {"report-type", 11},
    {"size", 4},
    {"windows-1252", 12},
};

/* ---- writing */

static void put_number(struct mansio_buf *out, uint64_t value)
{
    char bytes[NUMBER_BYTES_MAX];
    size_t length = 0;

    do {
        bytes[length++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    (void)mansio_buf_add(out, (struct mansio_str){bytes, length});
}

static void put_text(struct mansio_buf *out, struct mansio_str text)
{
    if (text.ptr == NULL) {
        put_number(out, 0);
        return;
    }
    for (size_t i = 0; text.len <= WORD_BYTES_MAX && i < MANSIO_COUNT(WORDS); i++) {
        if (mansio_str_eq(text, WORDS[i])) {
            put_number(out, 2 * i + 1);
            return;
        }
    }
    put_number(out, 2 * (uint64_t)text.len + 2);
    (void)mansio_buf_add(out, text);
}

static void put_params(struct mansio_buf *out, const struct core_mail_param *first)
{
    uint64_t count = 0;

    for (const struct core_mail_param *at = first; at != NULL; at = at->next) {
        count++;
    }
    put_number(out, count);
    for (const struct core_mail_param *at = first; at != NULL; at = at->next) {
        put_text(out, at->name);
        put_text(out, at->value);
        put_number(out, at->is_extended);
    }
}

static void put_addresses(struct mansio_buf *out, const struct core_mail_address_list *list)
{
    put_number(out, list->count);
    for (const struct core_mail_address *at = list->first; at != NULL; at = at->next) {
        put_number(out, at->kind);
        put_text(out, at->name);
        put_text(out, at->route);
        put_text(out, at->local);
        put_text(out, at->domain);
    }
}

static void put_envelope(struct mansio_buf *out, const struct core_mail_envelope *envelope)
{
    put_text(out, envelope->date);
    put_text(out, envelope->subject);
    put_text(out, envelope->in_reply_to);
    put_text(out, envelope->message_id);
    put_text(out, envelope->references);
    put_addresses(out, &envelope->from);
    put_addresses(out, &envelope->sender);
    put_addresses(out, &envelope->reply_to);
    put_addresses(out, &envelope->to);
    put_addresses(out, &envelope->cc);
    put_addresses(out, &envelope->bcc);
}

static void put_part(struct mansio_buf *out, const struct core_mail_part *part, uint64_t before)
{
    int has_details = part->id.ptr != NULL || part->description.ptr != NULL ||
                      part->md5.ptr != NULL || part->language.ptr != NULL ||
                      part->location.ptr != NULL;
    int has_disposition = part->disposition.value.ptr != NULL || part->disposition.first != NULL;
    uint64_t children = 0;

    for (const struct core_mail_part *at = part->first_child; at != NULL; at = at->next) {
        children++;
    }
    put_number(out, part->kind | (part->envelope != NULL ? FLAG_ENVELOPE : 0) |
                        (has_details ? FLAG_DETAILS : 0) |
                        (has_disposition ? FLAG_DISPOSITION : 0));
    put_number(out, children);
    put_number(out, part->header_start - before);
    put_number(out, part->body_start - part->header_start);
    put_number(out, part->body_end - part->body_start);
    put_number(out, part->header_lines);
    put_number(out, part->body_lines);
    put_text(out, part->type.value);
    put_text(out, part->type.subtype);
    put_params(out, part->type.first);
    put_text(out, part->encoding);
    if (has_disposition) {
        put_text(out, part->disposition.value);
        put_params(out, part->disposition.first);
    }
    if (has_details) {
        put_text(out, part->id);
        put_text(out, part->description);
        put_text(out, part->md5);
        put_text(out, part->language);
        put_text(out, part->location);
    }
    if (part->envelope != NULL) {
        put_envelope(out, part->envelope);
    }
}

void core_mail_stored_write(struct mansio_buf *out, const struct core_mail_message *message)
{
    (void)mansio_buf_add(out, MANSIO_STR("MS"));
    (void)mansio_buf_add_char(out, CORE_MAIL_STORED_VERSION);
    put_number(out, message->is_limited ? FLAG_LIMITED : 0);
    put_number(out, message->size);
    put_number(out, message->lines);
    for (const struct core_mail_part *at = message->root; at != NULL; at = at->following) {
        put_part(out, at, at->parent != NULL ? at->parent->body_start : 0);
    }
}

/* ---- reading */

struct source {
    struct mansio_arena *arena;
    struct mansio_str rest;
    int error; /* sticky: what is read after it is 0 and NIL */
};

static void fail_source(struct source *source, const char *what)
{
    if (source->error == 0) {
        source->error = mansio_fail(MANSIO_E_INVALID, "a stored message structure %s", what);
    }
    source->rest = MANSIO_STR_NONE;
}

static uint64_t get_number(struct source *source)
{
    uint64_t value = 0;

    for (size_t i = 0; i < NUMBER_BYTES_MAX; i++) {
        unsigned char byte;

        if (i == source->rest.len) {
            fail_source(source, "is cut off");
            return 0;
        }
        byte = (unsigned char)source->rest.ptr[i];
        if (i == NUMBER_BYTES_MAX - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            source->rest = mansio_str_sub(source->rest, i + 1, SIZE_MAX);
            return value;
        }
    }
    fail_source(source, "has a number beyond 64 bits");
    return 0;
}

static uint64_t get_number_to(struct source *source, uint64_t max)
{
    uint64_t value = get_number(source);

    if (value > max) {
        fail_source(source, "has a number out of range");
        return 0;
    }
    return value;
}

static struct mansio_str get_text(struct source *source)
{
    uint64_t n = get_number(source);
    struct mansio_str text;

    if (n == 0) {
        return MANSIO_STR_NONE;
    }
    if (n % 2 == 1) {
        if (n / 2 >= MANSIO_COUNT(WORDS)) {
            fail_source(source, "has a word that is not known");
            return MANSIO_STR_NONE;
        }
        return WORDS[n / 2];
    }
    n = n / 2 - 1;
    if (n > source->rest.len) {
        fail_source(source, "is cut off");
        return MANSIO_STR_NONE;
    }
    /* Not NIL, whatever is behind it: the end of the input, too, has an address. */
    text = mansio_str_sub(source->rest, 0, (size_t)n);
    source->rest = mansio_str_sub(source->rest, (size_t)n, SIZE_MAX);
    return n > 0 ? text : MANSIO_STR("");
}

/* Memory of one record. Each is paid for by bytes of the input, so a count can't blow it up. */
static void *get_record(struct source *source, size_t size)
{
    void *record = source->error == 0 ? mansio_arena_try_alloc(source->arena, size) : NULL;

    if (record == NULL && source->error == 0) {
        source->error = MANSIO_E_LIMIT;
        source->rest = MANSIO_STR_NONE;
    }
    return record;
}

static void get_params(struct source *source, struct core_mail_param **end)
{
    uint64_t count = get_number_to(source, CORE_MAIL_PARAMS_MAX);

    for (uint64_t i = 0; i < count && source->error == 0; i++) {
        struct core_mail_param *param = get_record(source, sizeof *param);

        if (param == NULL) {
            return;
        }
        param->name = get_text(source);
        param->value = get_text(source);
        param->is_extended = (uint32_t)get_number_to(source, 1);
        *end = param;
        end = &param->next;
    }
}

static void get_addresses(struct source *source, struct core_mail_address_list *list)
{
    /* Five bytes an address at least. */
    uint64_t count = get_number_to(source, source->rest.len / 5 + 1);

    for (uint64_t i = 0; i < count && source->error == 0; i++) {
        struct core_mail_address *address = get_record(source, sizeof *address);

        if (address == NULL) {
            return;
        }
        address->kind = (uint32_t)get_number_to(source, CORE_MAIL_GROUP_END);
        address->name = get_text(source);
        address->route = get_text(source);
        address->local = get_text(source);
        address->domain = get_text(source);
        *(list->last != NULL ? &list->last->next : &list->first) = address;
        list->last = address;
        list->count++;
    }
}

static void get_envelope(struct source *source, struct core_mail_part *part)
{
    struct core_mail_envelope *envelope = get_record(source, sizeof *envelope);

    if (envelope == NULL) {
        return;
    }
    envelope->date = get_text(source);
    envelope->subject = get_text(source);
    envelope->in_reply_to = get_text(source);
    envelope->message_id = get_text(source);
    envelope->references = get_text(source);
    get_addresses(source, &envelope->from);
    get_addresses(source, &envelope->sender);
    get_addresses(source, &envelope->reply_to);
    get_addresses(source, &envelope->to);
    get_addresses(source, &envelope->cc);
    get_addresses(source, &envelope->bcc);
    part->envelope = envelope;
}

/* One part; its place is given. Its bytes lie within @p low and @p high. */
static struct core_mail_part *get_part(struct source *source, uint64_t low, uint64_t high,
                                       uint64_t *out_children)
{
    struct core_mail_part *part = get_record(source, sizeof *part);
    uint64_t flags;

    if (part == NULL) {
        return NULL;
    }
    flags = get_number_to(source, 31);
    part->kind = (uint32_t)(flags & KIND_MASK);
    *out_children = get_number_to(source, source->rest.len);
    part->header_start = low + get_number_to(source, high - low);
    part->body_start = part->header_start + get_number_to(source, high - part->header_start);
    part->body_end = part->body_start + get_number_to(source, high - part->body_start);
    part->header_lines = get_number_to(source, part->body_start - part->header_start);
    part->body_lines = get_number_to(source, part->body_end - part->body_start);
    part->type.value = get_text(source);
    part->type.subtype = get_text(source);
    get_params(source, &part->type.first);
    part->encoding = get_text(source);
    if ((flags & FLAG_DISPOSITION) != 0) {
        part->disposition.value = get_text(source);
        get_params(source, &part->disposition.first);
    }
    if ((flags & FLAG_DETAILS) != 0) {
        part->id = get_text(source);
        part->description = get_text(source);
        part->md5 = get_text(source);
        part->language = get_text(source);
        part->location = get_text(source);
    }
    if ((flags & FLAG_ENVELOPE) != 0) {
        get_envelope(source, part);
    }
    if (part->kind > CORE_MAIL_PART_MESSAGE || part->type.value.ptr == NULL ||
        part->type.subtype.ptr == NULL ||
        (part->kind == CORE_MAIL_PART_LEAF && *out_children > 0) ||
        (part->kind == CORE_MAIL_PART_MESSAGE && *out_children != 1)) {
        fail_source(source, "has a part that can't be");
    }
    return part;
}

/* All parts, in order; how many children are still to come is kept for each that is open. */
static void get_parts(struct source *source, struct core_mail_message *message)
{
    uint64_t missing[CORE_MAIL_STORED_DEPTH_MAX];
    struct core_mail_part *parent = NULL;
    struct core_mail_part *last = NULL;
    size_t depth = 0;

    do {
        uint64_t low = parent == NULL ? 0 : parent->body_start;
        uint64_t high = parent == NULL ? message->size : parent->body_end;
        uint64_t children = 0;
        struct core_mail_part *part;

        if (depth == CORE_MAIL_STORED_DEPTH_MAX) {
            fail_source(source, "is nested too deep");
            return;
        }
        part = get_part(source, low, high, &children);
        if (source->error < 0) {
            return;
        }
        /* Each message has one envelope, at its root. */
        if ((part->envelope != NULL) !=
            (parent == NULL || parent->kind == CORE_MAIL_PART_MESSAGE)) {
            fail_source(source, "has an envelope in the wrong place");
            return;
        }
        part->parent = parent;
        if (parent != NULL) {
            *(parent->last_child != NULL ? &parent->last_child->next : &parent->first_child) = part;
            parent->last_child = part;
            missing[depth - 1]--;
        } else {
            message->root = part;
        }
        if (last != NULL) {
            last->following = part;
        }
        last = part;
        message->part_count++;
        missing[depth++] = children;
        parent = part;
        while (depth > 0 && missing[depth - 1] == 0) {
            parent = parent->parent;
            depth--;
        }
    } while (depth > 0);
}

int core_mail_stored_read(struct mansio_arena *arena, struct mansio_str bytes,
                          struct core_mail_message *out)
{
    struct source source = {.arena = arena, .rest = mansio_str_sub(bytes, 3, SIZE_MAX)};
    struct core_mail_message message = {.root = NULL};

    if (bytes.len < 3 || !mansio_str_starts(bytes, MANSIO_STR("MS"))) {
        return mansio_fail(MANSIO_E_INVALID, "this is no stored message structure");
    }
    if (bytes.ptr[2] < 1 || bytes.ptr[2] > CORE_MAIL_STORED_VERSION) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "a stored message structure is of version %d, %d is known", bytes.ptr[2],
                           CORE_MAIL_STORED_VERSION);
    }
    message.is_limited = (uint32_t)get_number_to(&source, FLAG_LIMITED);
    message.size = get_number(&source);
    message.lines = get_number_to(&source, message.size);
    if (source.error == 0) {
        get_parts(&source, &message);
    }
    if (source.error == 0 && source.rest.len > 0) {
        fail_source(&source, "goes on behind its end");
    }
    if (source.error == 0) {
        *out = message;
    }
    return source.error;
}
