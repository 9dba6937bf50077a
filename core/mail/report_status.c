/*
 * The part of a report that is for machines: message/delivery-status (RFC 3464 2) with what RFC
 * 3461 6.3 demands of it, and message/global-delivery-status (RFC 6533 4.1).
 */
#include "core/mail/report.h"

#include "core/mail/chars.h"

#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    FIELD_WIDTH = 76,
    ADDRESS_MAX = 900, /* printed, escapes too: with its field one line (RFC 5322 2.1.1) */
    TYPE_MAX = 32,     /* longer is no address type */
};

static const struct mansio_str UTF8_TYPE = MANSIO_STR("utf-8");

const struct mansio_report_recipient *core_mail_report_recipient(const struct mansio_report *report,
                                                                 size_t index)
{
    const char *first = (const char *)report->recipients;

    return (const struct mansio_report_recipient *)(const void *)(first +
                                                                  index *
                                                                      report->recipients[0].size);
}

/* ---- status */

/* A number of a status: 1 to 3 digits, no zero before others. @return digits, 0 if none */
static size_t number_length(struct mansio_str text)
{
    size_t n = 0;

    while (n < text.len && n < 4 && core_mail_is_digit(text.ptr[n])) {
        n++;
    }
    return n == 0 || n > 3 || (n > 1 && text.ptr[0] == '0') ? 0 : n;
}

/* Length of the status code that text begins with, 0 if it begins with none (RFC 3463 2). */
static size_t status_length(struct mansio_str text)
{
    size_t subject, detail;

    if (text.len < 5 || strchr("245", text.ptr[0]) == NULL || text.ptr[1] != '.') {
        return 0;
    }
    subject = number_length(mansio_str_sub(text, 2, SIZE_MAX));
    if (subject == 0 || text.len < subject + 4 || text.ptr[2 + subject] != '.') {
        return 0;
    }
    detail = number_length(mansio_str_sub(text, 3 + subject, SIZE_MAX));
    return detail == 0 ? 0 : 3 + subject + detail;
}

/* The enhanced code of a reply (RFC 2034 4), if it agrees with the reply's own class. */
static struct mansio_str status_of_reply(struct mansio_str reply)
{
    struct mansio_str rest = mansio_str_sub(reply, 4, SIZE_MAX);
    size_t length = status_length(rest);

    if (reply.len < 9 || length == 0 || rest.ptr[0] != reply.ptr[0] ||
        (rest.len > length && !core_mail_is_space(rest.ptr[length]))) {
        return MANSIO_STR_NONE;
    }
    return mansio_str_sub(rest, 0, length);
}

/* RFC 3461 6.3 (g): where nothing better is known. */
static char class_of(const struct mansio_report_recipient *recipient)
{
    switch (recipient->action) {
    case MANSIO_REPORT_FAILED:
        /* RFC 3464 2.3.4: "4" may be of one that we gave up, too. */
        return recipient->reply.len > 0 && recipient->reply.ptr[0] == '4' ? '4' : '5';
    case MANSIO_REPORT_DELAYED:
        return '4';
    default:
        return '2';
    }
}

/* A class that an action can have. */
static int is_fitting(uint32_t action, char class)
{
    switch (action) {
    case MANSIO_REPORT_FAILED:
        return class != '2';
    case MANSIO_REPORT_DELAYED:
        return class == '4';
    default:
        return class == '2';
    }
}

void core_mail_report_status(const struct mansio_report_recipient *recipient,
                             char out[CORE_MAIL_REPORT_STATUS_MAX])
{
    struct mansio_str status = recipient->status;

    if (status.len == 0 || status_length(status) != status.len) {
        status = status_of_reply(recipient->reply);
    }
    if (status.len == 0 || !is_fitting(recipient->action, status.ptr[0])) {
        memcpy(out, "x.0.0", sizeof "x.0.0");
        out[0] = class_of(recipient);
        return;
    }
    memcpy(out, status.ptr, status.len);
    out[status.len] = '\0';
}

/* ---- fields */

static void begin_field(struct core_mail_report_lines *lines, struct mansio_str name)
{
    (void)mansio_buf_add(lines->out, name);
    (void)mansio_buf_add(lines->out, MANSIO_STR(": "));
    lines->column = name.len + 2;
}

static void end_field(struct core_mail_report_lines *lines)
{
    (void)mansio_buf_add(lines->out, MANSIO_STR("\r\n"));
}

static void add_field(struct core_mail_report_lines *lines, struct mansio_str name,
                      struct mansio_str type, struct mansio_str text, int keeps_lines)
{
    begin_field(lines, name);
    if (type.len > 0) {
        (void)mansio_buf_add(lines->out, type);
        (void)mansio_buf_add(lines->out, MANSIO_STR("; "));
        lines->column += type.len + 2;
    }
    core_mail_report_wrap(lines, text, keeps_lines);
    end_field(lines);
}

static void add_date(struct core_mail_report_lines *lines, struct mansio_str name, int64_t wall_us)
{
    char date[MANSIO_MAIL_DATE_MAX];

    if (wall_us != 0) {
        size_t length = mansio_mail_date(wall_us, date);
        add_field(lines, name, MANSIO_STR_NONE, (struct mansio_str){date, length}, 0);
    }
}

static uint32_t code_point(struct mansio_str c)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t value = (unsigned char)c.ptr[0] & masks[c.len];

    for (size_t i = 1; i < c.len; i++) {
        value = value << 6 | ((unsigned char)c.ptr[i] & 0x3f);
    }
    return value;
}

/* An address of type "utf-8" in ASCII: utf-8-addr-xtext (RFC 6533 3). What has such an escape
 * already keeps it: "\" stands for itself only in what we escape now. */
static void add_unitext(struct mansio_buf *out, struct mansio_str text, int is_escaped)
{
    size_t full = mansio_buf_str(out).len + ADDRESS_MAX;

    while (text.len > 0 && mansio_buf_str(out).len < full) {
        size_t used;
        struct mansio_str c = core_mail_report_character(text, 1, &used);

        if (c.len > 1 || c.ptr[0] == ' ' || c.ptr[0] == '+' || c.ptr[0] == '=' ||
            (c.ptr[0] == '\\' && !is_escaped)) {
            (void)mansio_buf_printf(out, "\\x{%02X}", code_point(c));
        } else {
            (void)mansio_buf_add(out, c);
        }
        text = mansio_str_sub(text, used, SIZE_MAX);
    }
}

/* "\x{...}" at the beginning of a text (EmbeddedUnicodeChar). @return its length, or 0 */
static size_t escape_length(struct mansio_str text, uint32_t *out_value)
{
    ptrdiff_t end;
    uint64_t value = 0;

    if (!mansio_str_starts(text, MANSIO_STR("\\x{"))) {
        return 0;
    }
    end = mansio_str_find_char(mansio_str_sub(text, 0, 10), '}');
    if (end < 5 ||
        mansio_parse_hex(mansio_str_sub(text, 3, (size_t)end - 3), 0x10ffff, &value) < 0 ||
        (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    *out_value = (uint32_t)value;
    return (size_t)end + 1;
}

static void add_utf8(struct mansio_buf *out, uint32_t c)
{
    if (c < 0x80) {
        (void)mansio_buf_add_char(out, c > ' ' && c != 0x7f ? (char)c : '?');
    } else if (c < 0x800) {
        (void)mansio_buf_printf(out, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        (void)mansio_buf_printf(out, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)),
                                (int)(0x80 | (c & 0x3f)));
    } else {
        (void)mansio_buf_printf(out, "%c%c%c%c", (int)(0xf0 | c >> 18),
                                (int)(0x80 | (c >> 12 & 0x3f)), (int)(0x80 | (c >> 6 & 0x3f)),
                                (int)(0x80 | (c & 0x3f)));
    }
}

/* An address of type "utf-8" as it is: utf-8-address (RFC 6533 4.1). */
static void add_unescaped(struct mansio_buf *out, struct mansio_str text)
{
    while (text.len > 0) {
        uint32_t value = 0;
        size_t used = escape_length(text, &value);

        if (used > 0) {
            add_utf8(out, value);
        } else {
            (void)mansio_buf_add(out, core_mail_report_character(text, 1, &used));
        }
        text = mansio_str_sub(text, used, SIZE_MAX);
    }
}

static int has_8bit(struct mansio_str text)
{
    return core_mail_ascii_run(text.ptr, text.len) < text.len;
}

/* An address with its type. One that is beyond ASCII is of type "utf-8", whatever it says. */
static void add_address(struct core_mail_report_lines *lines, struct mansio_str name,
                        struct mansio_str type, struct mansio_str address)
{
    address = mansio_str_sub(address, 0, ADDRESS_MAX);
    begin_field(lines, name);
    if (has_8bit(address) || mansio_str_ieq(type, UTF8_TYPE)) {
        (void)mansio_buf_add(lines->out, MANSIO_STR("utf-8; "));
        if (lines->is_utf8) {
            add_unescaped(lines->out, address);
        } else {
            add_unitext(lines->out, address, mansio_str_ieq(type, UTF8_TYPE));
        }
    } else {
        (void)mansio_buf_printf(lines->out, "%.*s; ", MANSIO_STR_ARG(type));
        core_mail_report_clean(lines->out, address, 0);
    }
    end_field(lines);
}

/* ORCPT (RFC 3461 4.2): its type if that is one, else as it is. */
static void add_original(struct core_mail_report_lines *lines, struct mansio_str original)
{
    ptrdiff_t mark = mansio_str_find_char(original, ';');
    struct mansio_str type = mansio_str_sub(original, 0, mark > 0 ? (size_t)mark : 0);

    for (size_t i = 0; i < type.len; i++) {
        if (type.len > TYPE_MAX || core_mail_is_8bit(type.ptr[i]) ||
            !core_mail_is_atext(type.ptr[i])) {
            type.len = 0;
        }
    }
    if (type.len == 0) {
        add_address(lines, MANSIO_STR("Original-Recipient"), MANSIO_STR("rfc822"), original);
        return;
    }
    add_address(lines, MANSIO_STR("Original-Recipient"), type,
                core_mail_trim(mansio_str_sub(original, type.len + 1, SIZE_MAX)));
}

static const char *action_word(uint32_t action)
{
    static const char *const words[] = {
        [MANSIO_REPORT_FAILED] = "failed",       [MANSIO_REPORT_DELAYED] = "delayed",
        [MANSIO_REPORT_DELIVERED] = "delivered", [MANSIO_REPORT_RELAYED] = "relayed",
        [MANSIO_REPORT_EXPANDED] = "expanded",
    };
    return words[action];
}

/* The order is RFC 3464 2.3's. */
static void add_recipient(struct core_mail_report_lines *lines,
                          const struct mansio_report_recipient *recipient)
{
    char status[CORE_MAIL_REPORT_STATUS_MAX];
    struct mansio_str reply = core_mail_trim(recipient->reply);

    core_mail_report_status(recipient, status);
    end_field(lines); /* an empty line between groups */
    if (recipient->original.len > 0) {
        add_original(lines, recipient->original);
    }
    add_address(lines, MANSIO_STR("Final-Recipient"), MANSIO_STR("rfc822"), recipient->address);
    (void)mansio_buf_printf(lines->out, "Action: %s\r\nStatus: %s\r\n",
                            action_word(recipient->action), status);
    if (recipient->remote.len > 0) {
        add_field(lines, MANSIO_STR("Remote-MTA"), MANSIO_STR("dns"),
                  mansio_str_sub(recipient->remote, 0, 255), 0);
    }
    if (reply.len > 0) {
        add_field(lines, MANSIO_STR("Diagnostic-Code"), MANSIO_STR("smtp"),
                  mansio_str_sub(reply, 0, CORE_MAIL_REPORT_REPLY_MAX), 1);
    } else if (recipient->reason.len > 0) {
        add_field(lines, MANSIO_STR("Diagnostic-Code"), MANSIO_STR("x-mansio"),
                  mansio_str_sub(recipient->reason, 0, CORE_MAIL_REPORT_REASON_MAX), 0);
    }
    add_date(lines, MANSIO_STR("Last-Attempt-Date"), recipient->last_attempt_us);
    if (recipient->log_id.len > 0) {
        add_field(lines, MANSIO_STR("Final-Log-ID"), MANSIO_STR_NONE,
                  mansio_str_sub(recipient->log_id, 0, 255), 0);
    }
    if (recipient->action == MANSIO_REPORT_DELAYED) {
        add_date(lines, MANSIO_STR("Will-Retry-Until"), recipient->retry_until_us);
    }
}

void core_mail_report_fields(struct mansio_buf *out, const struct mansio_report *report,
                             int is_utf8)
{
    struct core_mail_report_lines lines = {
        .out = out, .indent = MANSIO_STR(" "), .width = FIELD_WIDTH, .is_utf8 = is_utf8};

    if (report->envelope_id.len > 0) {
        begin_field(&lines, MANSIO_STR("Original-Envelope-Id"));
        /* As it was (RFC 3464 2.2.1): not folded, its spaces kept. */
        core_mail_report_clean(out, mansio_str_sub(report->envelope_id, 0, 255), is_utf8);
        end_field(&lines);
    }
    add_field(&lines, MANSIO_STR("Reporting-MTA"), MANSIO_STR("dns"), report->hostname, 0);
    add_date(&lines, MANSIO_STR("Arrival-Date"), report->arrived_us);
    for (size_t i = 0; i < report->recipient_count; i++) {
        add_recipient(&lines, core_mail_report_recipient(report, i));
    }
}
