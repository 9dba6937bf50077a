/*
 * Delivery status notifications: the facts checked, and the three parts put together (RFC 6522 3).
 *
 * The report's own header is ASCII unless the sender's address is not, so that any server can carry
 * it; UTF-8 stands in parts with types and encodings that say so (RFC 6533 4). The boundary comes
 * of an id that nobody could guess, so no message that is returned has it, not even a report of
 * ours.
 */
#include "core/mail/report.h"

#include "core/mail/chars.h"
#include "core/mail/header.h"
#include "core/mail/path.h"
#include "core/mail/transfer.h"
#include "core/mail/word.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    ID_MIN = 16,
    ID_MAX = 64, /* with what is around it a boundary of at most 70 (RFC 2046 5.1.1) */
    HEAD_BYTES = 4096 + 2 * MANSIO_REPORT_HEADER_MAX,
    RECIPIENT_BYTES = 16384,
    MESSAGE_ID_MAX = 900, /* longer ones have no room on a line (RFC 5322 2.1.1) */
};

enum { RETURN_NOTHING = 0, RETURN_HEADER = 1, RETURN_MESSAGE = 2 };

/* What is known of the message, and how the report will be. */
struct shape {
    const struct mansio_report *report;
    struct mansio_arena *arena;
    struct mansio_str header; /* of the message, its empty line not included */
    struct mansio_str subject, date, message_id;
    struct mansio_buf *words, *fields;
    int returned;
    int is_utf8; /* the message's: types of RFC 6533 */
    int is_path_8bit;
    int has_8bit; /* there are bytes beyond ASCII in a part that is not encoded */
};

static int has_8bit(struct mansio_str text)
{
    return core_mail_ascii_run(text.ptr, text.len) < text.len;
}

/* ---- facts */

static int check_id(struct mansio_str id)
{
    if (id.len < ID_MIN || id.len > ID_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "an id of %zu bytes for a report", id.len);
    }
    for (size_t i = 0; i < id.len; i++) {
        if (!core_mail_is_alpha(id.ptr[i]) && !core_mail_is_digit(id.ptr[i]) && id.ptr[i] != '-' &&
            id.ptr[i] != '.') {
            return mansio_fail(MANSIO_E_INVALID, "an id with other than letters and digits");
        }
    }
    return id.ptr[0] == '.' || id.ptr[id.len - 1] == '.' ||
                   mansio_str_find(id, MANSIO_STR("..")) >= 0
               ? mansio_fail(MANSIO_E_INVALID, "an id that is no dot-atom (RFC 5322 3.2.3)")
               : 0;
}

static int check_recipients(const struct mansio_report *report)
{
    if (report->recipient_count == 0 || report->recipient_count > MANSIO_REPORT_RECIPIENTS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "a report about %zu recipients",
                           report->recipient_count);
    }
    if (report->recipients[0].size < sizeof(struct mansio_report_recipient)) {
        return mansio_fail(MANSIO_E_INVALID, "recipients of another size");
    }
    for (size_t i = 0; i < report->recipient_count; i++) {
        const struct mansio_report_recipient *recipient = core_mail_report_recipient(report, i);
        if (recipient->action < MANSIO_REPORT_FAILED ||
            recipient->action > MANSIO_REPORT_EXPANDED) {
            return mansio_fail(MANSIO_E_INVALID, "action %u", recipient->action);
        }
        if (recipient->address.len == 0) {
            return mansio_fail(MANSIO_E_INVALID, "a recipient without an address");
        }
    }
    return 0;
}

static int check(struct mansio_arena *arena, const struct mansio_report *report)
{
    struct core_mail_path path;
    int rc = check_id(report->id);

    if (rc == 0) {
        rc = core_mail_domain_check(report->hostname, 0);
    }
    if (rc == 0) {
        rc = core_mail_mailbox_parse(arena, report->reverse_path, CORE_MAIL_PATH_UTF8, &path);
    }
    if (rc == 0) {
        rc = check_recipients(report);
    }
    return rc < 0 ? MANSIO_E_INVALID : 0;
}

/* ---- the message */

/* A field's text, unfolded; in the arena. */
static struct mansio_str value_of(struct shape *shape, const struct core_mail_field *field)
{
    struct mansio_buf *value = mansio_buf_new(shape->arena, field->raw.len);

    core_mail_header_unfold(value, field->raw);
    return mansio_buf_str(value);
}

/* Cut between characters. */
static struct mansio_str cut(struct mansio_str text, size_t max)
{
    if (text.len <= max) {
        return text;
    }
    while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80) {
        max--;
    }
    return mansio_str_sub(text, 0, max);
}

static void take_subject(struct shape *shape, const struct core_mail_field *field)
{
    struct mansio_buf *decoded = mansio_buf_new(shape->arena, 8 * field->raw.len + 64);
    struct mansio_buf *clean = mansio_buf_new(shape->arena, 8 * field->raw.len + 64);

    core_mail_word_decode(decoded, field->raw);
    core_mail_report_clean(clean, core_mail_trim(mansio_buf_str(decoded)), 1);
    shape->subject = cut(mansio_buf_str(clean), CORE_MAIL_REPORT_SUBJECT_MAX);
}

/* RFC 5322 3.6.4, so far as it may stand in a header of ours. */
static void take_message_id(struct shape *shape, const struct core_mail_field *field)
{
    struct mansio_str id = value_of(shape, field);

    if (id.len < 5 || id.len > MESSAGE_ID_MAX || id.ptr[0] != '<' || id.ptr[id.len - 1] != '>' ||
        mansio_str_find_char(id, '@') < 0) {
        return;
    }
    for (size_t i = 1; i + 1 < id.len; i++) {
        if (core_mail_is_8bit(id.ptr[i]) || !core_mail_is_visible(id.ptr[i]) || id.ptr[i] == '<' ||
            id.ptr[i] == '>') {
            return;
        }
    }
    shape->message_id = id;
}

/* Which message this is about, by its first fields of each name. */
static void look_at_message(struct shape *shape)
{
    struct mansio_str text = mansio_str_sub(shape->report->message, 0, MANSIO_REPORT_HEADER_MAX);
    struct core_mail_field field;
    size_t offset = 0;
    size_t end = 0;

    while (core_mail_header_next(text, &offset, &field)) {
        /* A field that reaches the end of what we have may be cut. */
        if (field.offset + field.length == text.len && text.len == MANSIO_REPORT_HEADER_MAX) {
            break;
        }
        end = field.offset + field.length;
        if (shape->subject.ptr == NULL && mansio_str_ieq(field.name, MANSIO_STR("Subject"))) {
            take_subject(shape, &field);
        } else if (shape->date.ptr == NULL && mansio_str_ieq(field.name, MANSIO_STR("Date"))) {
            shape->date = cut(value_of(shape, &field), MANSIO_MAIL_DATE_MAX + 40);
        } else if (shape->message_id.ptr == NULL &&
                   mansio_str_ieq(field.name, MANSIO_STR("Message-ID"))) {
            take_message_id(shape, &field);
        }
    }
    shape->header = mansio_str_sub(text, 0, end);
}

/* RFC 3461 4.3, 6.2 */
static int what_returns(const struct mansio_report *report)
{
    if (report->message.len == 0 || report->message_bytes == 0) {
        return RETURN_NOTHING;
    }
    if (mansio_str_ieq(report->ret, MANSIO_STR("HDRS")) ||
        report->message_bytes > report->returned_bytes_max) {
        return RETURN_HEADER;
    }
    for (size_t i = 0; i < report->recipient_count; i++) {
        if (core_mail_report_recipient(report, i)->action == MANSIO_REPORT_FAILED) {
            return RETURN_MESSAGE;
        }
    }
    return RETURN_HEADER;
}

/* ---- the report's parts */

static void add_subject(struct mansio_buf *out, const struct shape *shape)
{
    const char *title = core_mail_report_title(shape->report);

    (void)mansio_buf_printf(out, "Subject: %s", title);
    if (shape->subject.len > 0) {
        (void)mansio_buf_add(out, MANSIO_STR(": "));
        core_mail_word_encode(out, shape->subject, strlen("Subject: ") + strlen(title) + 2);
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* RFC 3834 3.1: to whom it answers, what it is, and what it answers. */
static void add_header(struct mansio_buf *out, const struct shape *shape)
{
    const struct mansio_report *report = shape->report;
    char date[MANSIO_MAIL_DATE_MAX];
    size_t length = mansio_mail_date(report->now_us, date);

    (void)mansio_buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n",
                            MANSIO_STR_ARG(report->hostname));
    (void)mansio_buf_printf(out, "To: <%.*s>\r\n", MANSIO_STR_ARG(report->reverse_path));
    add_subject(out, shape);
    (void)mansio_buf_printf(out, "Date: %.*s\r\n", (int)length, date);
    (void)mansio_buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n", MANSIO_STR_ARG(report->id),
                            MANSIO_STR_ARG(report->hostname));
    if (shape->message_id.len > 0) {
        (void)mansio_buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
                                MANSIO_STR_ARG(shape->message_id),
                                MANSIO_STR_ARG(shape->message_id));
    }
    (void)mansio_buf_printf(out,
                            "Auto-Submitted: auto-replied\r\n"
                            "MIME-Version: 1.0\r\n"
                            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                            "\tboundary=\"=_%.*s_\"\r\n",
                            MANSIO_STR_ARG(report->id));
    if (shape->has_8bit) {
        (void)mansio_buf_add(out, MANSIO_STR("Content-Transfer-Encoding: 8bit\r\n"));
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* Begin a part. @param more  fields beyond its type and description; may be empty */
static void add_part(struct mansio_buf *out, const struct shape *shape, const char *type,
                     const char *description, int is_8bit)
{
    (void)mansio_buf_printf(out,
                            "--=_%.*s_\r\nContent-Type: %s\r\nContent-Description: %s\r\n%s\r\n",
                            MANSIO_STR_ARG(shape->report->id), type, description,
                            is_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static void add_words(struct mansio_buf *out, const struct shape *shape)
{
    struct mansio_str words = mansio_buf_str(shape->words);

    if (!has_8bit(words)) {
        add_part(out, shape, "text/plain; charset=us-ascii", "Notification", 0);
        (void)mansio_buf_add(out, words);
    } else {
        add_part(out, shape,
                 "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
                 "Notification", 0);
        core_mail_quoted_printable_encode(out, words);
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

static void add_fields(struct mansio_buf *out, const struct shape *shape)
{
    struct mansio_str fields = mansio_buf_str(shape->fields);
    int is_8bit = has_8bit(fields);

    /* RFC 6533 4.4: where all is ASCII, the type that everybody knows. */
    add_part(out, shape, is_8bit ? "message/global-delivery-status" : "message/delivery-status",
             "Delivery report", is_8bit);
    (void)mansio_buf_add(out, fields);
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* Lines with CRLF, whatever they had. */
static void add_lines(struct mansio_buf *out, struct mansio_str text)
{
    while (text.len > 0) {
        ptrdiff_t end = mansio_str_find_char(text, '\n');
        size_t length = end < 0 ? text.len : (size_t)end;
        struct mansio_str line = mansio_str_sub(text, 0, length);

        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        (void)mansio_buf_add(out, line);
        (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
        text = mansio_str_sub(text, length + 1, SIZE_MAX);
    }
}

static void add_returned(struct mansio_buf *out, const struct shape *shape)
{
    int is_8bit = has_8bit(shape->header);

    if (shape->returned == RETURN_MESSAGE) {
        is_8bit = (shape->report->flags & (MANSIO_REPORT_8BIT | MANSIO_REPORT_UTF8)) != 0;
        add_part(out, shape, shape->is_utf8 ? "message/global" : "message/rfc822", "Your message",
                 is_8bit);
    } else if (shape->returned == RETURN_HEADER) {
        add_part(out, shape,
                 shape->is_utf8 && is_8bit ? "message/global-headers" : "text/rfc822-headers",
                 "Header of your message", is_8bit);
        add_lines(out, shape->header);
    }
}

static int is_8bit_shape(const struct shape *shape)
{
    if (has_8bit(mansio_buf_str(shape->fields))) {
        return 1;
    }
    return shape->returned == RETURN_MESSAGE
               ? (shape->report->flags & (MANSIO_REPORT_8BIT | MANSIO_REPORT_UTF8)) != 0
               : shape->returned == RETURN_HEADER && has_8bit(shape->header);
}

static int compose(struct shape *shape, struct mansio_report_text *out)
{
    const struct mansio_report *report = shape->report;
    size_t limit = HEAD_BYTES + report->recipient_count * RECIPIENT_BYTES;
    struct mansio_buf *head = mansio_buf_new(shape->arena, 2 * limit);
    struct mansio_str tail;
    int rc;

    shape->words = mansio_buf_new(shape->arena, limit);
    shape->fields = mansio_buf_new(shape->arena, limit);
    core_mail_report_words(shape->words, report, shape->subject, shape->date, shape->returned);
    core_mail_report_fields(shape->fields, report, shape->is_utf8);
    shape->has_8bit = is_8bit_shape(shape);
    add_header(head, shape);
    add_words(head, shape);
    add_fields(head, shape);
    add_returned(head, shape);
    rc = mansio_buf_status(shape->words);
    rc = rc < 0 ? rc : mansio_buf_status(shape->fields);
    rc = rc < 0 ? rc : mansio_buf_status(head);
    rc = rc < 0 ? rc
                : mansio_arena_printf(shape->arena, &tail, "%s--=_%.*s_--\r\n",
                                      shape->returned == RETURN_MESSAGE ? "\r\n" : "",
                                      MANSIO_STR_ARG(report->id));
    if (rc < 0) {
        return rc;
    }
    const struct mansio_report_text text = {
        .size = out->size,
        .head = mansio_buf_str(head),
        .tail = tail,
        .returned_bytes = shape->returned == RETURN_MESSAGE ? report->message_bytes : 0,
        .flags = (shape->has_8bit ? MANSIO_REPORT_8BIT : 0u) |
                 (shape->is_path_8bit ? MANSIO_REPORT_UTF8 : 0u),
    };
    memcpy(out, &text, out->size < sizeof text ? out->size : sizeof text);
    return 0;
}

int mansio_report_compose(struct mansio_arena *arena, const struct mansio_report *report,
                          struct mansio_report_text *out)
{
    struct mansio_report facts = {0};
    struct shape shape = {.report = &facts, .arena = arena};
    int rc;

    /* What a caller of an older minor doesn't know is empty. */
    memcpy(&facts, report, report->size < sizeof facts ? report->size : sizeof facts);
    rc = check(arena, &facts);
    if (rc < 0) {
        return rc;
    }
    shape.is_path_8bit = has_8bit(facts.reverse_path);
    shape.is_utf8 = (facts.flags & MANSIO_REPORT_UTF8) != 0 || shape.is_path_8bit;
    look_at_message(&shape);
    shape.returned = what_returns(&facts);
    return compose(&shape, out);
}
