/*
 * What SEARCH looks at in a message: see content_text.h.
 */
#include "core/host/content_text.h"

#include "core/mail/header.h"
#include "core/mail/part.h"
#include "core/mail/word.h"

enum { WORK_MAX = 8 * CORE_CONTENT_VALUE_MAX }; /* no charset makes more than 8 bytes of one */

struct mansio_buf *core_content_text_work(struct mansio_arena *arena)
{
    return mansio_buf_new(arena, WORK_MAX);
}

static int add_char(struct core_content_text *out, const char *c)
{
    return out->add(out, (struct mansio_str){c, 1});
}

/* Text in a line of its own: control characters, which encoded words may bring, become spaces. */
static int add_line_text(struct core_content_text *out, struct mansio_str text)
{
    int rc = 0;

    while (text.len > 0 && rc == 0) {
        size_t run = 0;

        while (run < text.len && (unsigned char)text.ptr[run] >= ' ' && text.ptr[run] != 0x7f) {
            run++;
        }
        if (run > 0) {
            rc = out->add(out, mansio_str_sub(text, 0, run));
        }
        if (rc == 0 && run < text.len) {
            rc = add_char(out, " ");
            run++;
        }
        text = mansio_str_sub(text, run, SIZE_MAX);
    }
    return rc;
}

static int add_decoded(struct core_content_text *out, struct mansio_str raw)
{
    mansio_buf_reset(out->work);
    core_mail_word_decode(out->work, raw);
    return add_line_text(out, mansio_buf_str(out->work));
}

/* How much of a value is decoded at once: folded lines whole, for no encoded word goes over an
 * end of line (RFC 2047 2). */
static size_t cut_value(struct mansio_str raw)
{
    size_t end = CORE_CONTENT_VALUE_MAX;

    if (raw.len <= end) {
        return raw.len;
    }
    while (end > 0 && raw.ptr[end - 1] != '\n') {
        end--;
    }
    return end > 0 ? end : CORE_CONTENT_VALUE_MAX;
}

static int add_value(struct core_content_text *out, struct mansio_str raw)
{
    int rc = 0;

    raw = mansio_str_trim(raw);
    while (raw.len > 0 && rc == 0) {
        size_t length = cut_value(raw);

        rc = add_decoded(out, mansio_str_sub(raw, 0, length));
        raw = mansio_str_sub(raw, length, SIZE_MAX);
    }
    return rc;
}

int core_content_text_header(struct core_content_text *out, struct mansio_str header)
{
    struct core_mail_field field = {.offset = 0};
    size_t offset = 0;
    int rc = add_char(out, "\n");

    while (rc == 0 && core_mail_header_next(header, &offset, &field)) {
        rc = add_line_text(out, field.name);
        rc = rc == 0 ? out->add(out, MANSIO_STR(": ")) : rc;
        rc = rc == 0 ? add_value(out, field.raw) : rc;
        rc = rc == 0 ? add_char(out, "\n") : rc;
    }
    return rc;
}

/* Text of its own: a line, or none if it says nothing. */
static int add_words(struct core_content_text *out, struct mansio_str raw)
{
    int rc = raw.len > 0 ? add_value(out, raw) : 0;

    return rc == 0 && raw.len > 0 ? add_char(out, "\n") : rc;
}

static int add_addresses(struct core_content_text *out, const struct core_mail_address_list *list)
{
    int rc = 0;

    for (const struct core_mail_address *at = list->first; at != NULL && rc == 0; at = at->next) {
        if (at->name.len > 0) {
            rc = add_value(out, at->name);
            rc = rc == 0 ? add_char(out, " ") : rc;
        }
        if (rc == 0 && at->kind != CORE_MAIL_GROUP_END) {
            rc = add_value(out, at->local);
            rc = rc == 0 ? add_char(out, at->domain.len > 0 ? "@" : "\n") : rc;
        }
        if (rc == 0 && at->domain.len > 0) {
            rc = add_words(out, at->domain);
        }
    }
    return rc;
}

static int add_envelope(struct core_content_text *out, const struct core_mail_envelope *envelope)
{
    const struct core_mail_address_list *const lists[] = {&envelope->from,     &envelope->sender,
                                                          &envelope->reply_to, &envelope->to,
                                                          &envelope->cc,       &envelope->bcc};
    int rc = add_words(out, envelope->subject);

    for (size_t i = 0; i < MANSIO_COUNT(lists) && rc == 0; i++) {
        rc = add_addresses(out, lists[i]);
    }
    return rc;
}

static int add_name(struct core_content_text *out, const struct core_mail_typed *typed,
                    struct mansio_str name)
{
    const struct core_mail_param *param = core_mail_param_find(typed->first, name);
    int rc = 0;

    if (param != NULL && param->value.len <= CORE_CONTENT_VALUE_MAX) {
        mansio_buf_reset(out->work);
        core_mail_param_decode(out->work, param);
        rc = add_line_text(out, mansio_buf_str(out->work));
        rc = rc == 0 ? add_char(out, "\n") : rc;
    }
    return rc;
}

int core_content_text_parts(struct core_content_text *out, const struct core_mail_message *message)
{
    int rc = 0;

    for (const struct core_mail_part *at = message->root; at != NULL && rc == 0;
         at = at->following) {
        /* What the root has stands in the header. */
        if (at == message->root) {
            continue;
        }
        rc = at->envelope != NULL ? add_envelope(out, at->envelope) : 0;
        rc = rc == 0 ? add_words(out, at->description) : rc;
        rc = rc == 0 ? add_name(out, &at->disposition, MANSIO_STR("filename")) : rc;
        rc = rc == 0 ? add_name(out, &at->type, MANSIO_STR("name")) : rc;
    }
    return rc;
}
