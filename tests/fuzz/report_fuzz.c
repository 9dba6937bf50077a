/*
 * Delivery status notifications from what others say: a message's header, a server's reply, names,
 * addresses. Whatever that is, the report is lines of at most 998 bytes with CRLF (RFC 5322 2.1),
 * its boundary stands where we put it alone, its fields are as many as there should be, and our own
 * parser finds the parts that were written.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/parser.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/report.h>
#include <mansio/str.h>

const char fuzz_name[] = "report";

enum { ARENA_BYTES = 64 << 20, WHOLE_MAX = 16 << 20, LINE_MAX_BYTES = 998 };

#define ID       "0123456789abcdef"
#define BOUNDARY "--=_" ID "_"

/* Fields are separated by 0xff, which is no UTF-8 and no ASCII: one that is left out is empty. */
static struct mansio_str next_field(struct mansio_str *rest)
{
    struct mansio_str field = MANSIO_STR_NONE;
    (void)mansio_str_split(rest, (char)0xff, &field);
    return field;
}

static size_t count(struct mansio_str text, struct mansio_str needle)
{
    size_t found = 0;
    for (ptrdiff_t at; (at = mansio_str_find(text, needle)) >= 0; found++) {
        text = mansio_str_sub(text, (size_t)at + needle.len, SIZE_MAX);
    }
    return found;
}

/* Lines of ours: those of what is returned are its own. */
static void check_lines(struct mansio_str text)
{
    struct mansio_str line;
    while (mansio_str_split(&text, '\n', &line)) {
        if (text.ptr == NULL) {
            MANSIO_ASSERT(line.len == 0); /* all ended */
            return;
        }
        MANSIO_ASSERT(line.len > 0 && line.ptr[line.len - 1] == '\r');
        MANSIO_ASSERT(line.len - 1 <= LINE_MAX_BYTES);
        for (size_t i = 0; i + 1 < line.len; i++) {
            MANSIO_ASSERT(line.ptr[i] != '\r' && line.ptr[i] != '\0' && line.ptr[i] != 0x1b);
        }
    }
}

/* The fields for machines: as many as there should be, whatever a peer says. */
static void check_fields(struct mansio_str head, size_t recipients)
{
    ptrdiff_t at =
        mansio_str_find(head, MANSIO_STR("\r\nContent-Description: Delivery report\r\n"));
    MANSIO_ASSERT(at > 0);
    struct mansio_str part = mansio_str_sub(head, (size_t)at, SIZE_MAX);

    MANSIO_ASSERT(count(part, MANSIO_STR("\r\nReporting-MTA: ")) == 1);
    MANSIO_ASSERT(count(part, MANSIO_STR("\r\nFinal-Recipient: ")) == recipients);
    MANSIO_ASSERT(count(part, MANSIO_STR("\r\nAction: ")) == recipients);
    MANSIO_ASSERT(count(part, MANSIO_STR("\r\nStatus: ")) == recipients);
    /* Behind the part's header, behind the message's fields, behind each recipient's. */
    MANSIO_ASSERT(count(part, MANSIO_STR("\r\n\r\n")) == 2 + recipients);
}

/* Our parser, which knows nothing of how it was made. */
static void check_structure(struct mansio_arena *arena, struct mansio_str whole, size_t parts)
{
    const struct core_mail_limits limits = core_mail_limits_usual();
    const struct core_mail_message *message = NULL;
    size_t found = 0;

    MANSIO_ASSERT(core_mail_parse(arena, whole, &limits, &message) == 0);
    MANSIO_ASSERT(message->root != NULL);
    for (const struct core_mail_part *at = message->root->following; at != NULL;
         at = at->following) {
        found += at->parent == message->root;
    }
    MANSIO_ASSERT(found == parts);
}

static void check_report(struct mansio_arena *arena, struct mansio_report *report)
{
    struct mansio_report_text text = {.size = sizeof text};
    struct mansio_buf *whole = mansio_buf_new(arena, WHOLE_MAX);

    /* Nothing is returned: all lines are ours. */
    report->message_bytes = 0;
    if (mansio_report_compose(arena, report, &text) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    check_lines(text.head);
    check_fields(text.head, report->recipient_count);
    MANSIO_ASSERT(text.returned_bytes == 0 && count(text.head, MANSIO_STR("\r\n" BOUNDARY)) == 2);
    (void)mansio_buf_add(whole, text.head);
    (void)mansio_buf_add(whole, text.tail);
    check_structure(arena, mansio_buf_str(whole), 2);
    report->message_bytes = report->message.len;
    MANSIO_ASSERT(mansio_report_compose(arena, report, &text) == 0);
    /* The id is one that nobody can guess; here everybody knows it. */
    if (report->message.len > 0 && mansio_str_find(report->message, MANSIO_STR(ID)) < 0) {
        mansio_buf_reset(whole);
        (void)mansio_buf_add(whole, text.head);
        (void)mansio_buf_add(whole, mansio_str_sub(report->message, 0, text.returned_bytes));
        (void)mansio_buf_add(whole, text.tail);
        check_structure(arena, mansio_buf_str(whole), 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str rest = {(const char *)data, size};
    struct mansio_str shape = next_field(&rest);
    uint32_t bits = shape.len > 0 ? (unsigned char)shape.ptr[0] : 0;
    struct mansio_report_recipient recipients[2];
    struct mansio_report report = {
        .size = sizeof report,
        .flags = bits & 3,
        .hostname = MANSIO_STR("mail.alpha.test"),
        .id = MANSIO_STR(ID),
        .reverse_path = next_field(&rest),
        .envelope_id = next_field(&rest),
        .ret = (bits & 4) != 0 ? MANSIO_STR("HDRS") : MANSIO_STR_NONE,
        .returned_bytes_max = 1 << 20,
        .recipients = recipients,
        .recipient_count = 1 + (bits >> 3 & 1),
    };
    recipients[0] = (struct mansio_report_recipient){
        .size = sizeof recipients[0],
        .action = 1 + (bits >> 4) % 5,
        .address = next_field(&rest),
        .original = next_field(&rest),
        .status = next_field(&rest),
        .remote = next_field(&rest),
        .reply = next_field(&rest),
        .reason = next_field(&rest),
        .log_id = next_field(&rest),
        .last_attempt_us = 1,
        .retry_until_us = 1,
    };
    recipients[1] = recipients[0];
    recipients[1].action = MANSIO_REPORT_DELAYED;
    report.message = rest;
    check_report(arena, &report);
    (void)mansio_report_is_due(report.envelope_id, bits, report.reverse_path);
    mansio_arena_free(arena);
    return 0;
}
