/* Tests of <mansio/report.h>: one report to the byte, when one is due, statuses, what is refused.
 * How others read reports is tests/mail/report_test's. */
#include <mansio/report.h>

#include "core/mail/report.h"
#include "core/mail/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>

/* RFC 3461 4.1, 6.1 */
static const struct {
    const char *notify;
    const char *reverse_path;
    const char *due; /* of f(ailed), y (delayed), d(elivered), r(elayed), e(xpanded) */
} DUE[] = {
    {"", "a@x.test", "fy"},
    {"", "", ""},
    {"SUCCESS,FAILURE,DELAY", "", ""},
    {"NEVER", "a@x.test", ""},
    {"never", "a@x.test", ""},
    {"NEVER,FAILURE", "a@x.test", ""},
    {"FAILURE", "a@x.test", "f"},
    {"DELAY", "a@x.test", "y"},
    {"SUCCESS", "a@x.test", "dre"},
    {"success, failure", "a@x.test", "fdre"},
    {"SUCCESS,DELAY,FAILURE", "a@x.test", "fydre"},
    {"SOON", "a@x.test", "fy"},
    {"SOON,SUCCESS", "a@x.test", "dre"},
};

static void due(void **state)
{
    static const char letters[] = "fydre";

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(DUE); i++) {
        char got[8] = "";
        size_t length = 0;

        for (uint32_t action = 0; action <= MANSIO_REPORT_EXPANDED + 1; action++) {
            if (mansio_report_is_due(core_test_slice(DUE[i].notify), action,
                                     core_test_slice(DUE[i].reverse_path))) {
                got[length++] = action >= 1 && action <= 5 ? letters[action - 1] : '?';
            }
        }
        assert_string_equal(got, DUE[i].due);
    }
}

/* RFC 3463 2, RFC 2034 4, RFC 3464 2.3.4, RFC 3461 6.3 (g) */
static const struct {
    uint32_t action;
    const char *status, *reply, *wanted;
} STATUSES[] = {
    {MANSIO_REPORT_FAILED, "5.1.1", "", "5.1.1"},
    {MANSIO_REPORT_FAILED, "4.4.7", "", "4.4.7"},
    {MANSIO_REPORT_FAILED, "5.999.999", "", "5.999.999"},
    {MANSIO_REPORT_FAILED, "5.1000.1", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "5.01.1", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "5.1", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "5.1.", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "3.1.1", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "2.1.1", "", "5.0.0"},
    {MANSIO_REPORT_FAILED, "", "550 5.7.26 no", "5.7.26"},
    {MANSIO_REPORT_FAILED, "", "550-5.7.26 no", "5.7.26"},
    {MANSIO_REPORT_FAILED, "", "550 5.7.26", "5.7.26"},
    {MANSIO_REPORT_FAILED, "", "550 5.7.26x", "5.0.0"},
    {MANSIO_REPORT_FAILED, "", "550 4.7.26 no", "5.0.0"},
    {MANSIO_REPORT_FAILED, "", "550 no", "5.0.0"},
    {MANSIO_REPORT_FAILED, "", "550", "5.0.0"},
    {MANSIO_REPORT_FAILED, "", "451 later", "4.0.0"},
    {MANSIO_REPORT_FAILED, "x", "550 5.2.2 full", "5.2.2"},
    {MANSIO_REPORT_DELAYED, "", "451 4.7.1 later", "4.7.1"},
    {MANSIO_REPORT_DELAYED, "5.1.1", "", "4.0.0"},
    {MANSIO_REPORT_DELIVERED, "", "", "2.0.0"},
    {MANSIO_REPORT_RELAYED, "2.1.5", "", "2.1.5"},
    {MANSIO_REPORT_EXPANDED, "", "250 2.1.5 ok", "2.1.5"},
};

static void statuses(void **state)
{
    char status[CORE_MAIL_REPORT_STATUS_MAX];

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(STATUSES); i++) {
        const struct mansio_report_recipient recipient = {
            .size = sizeof recipient,
            .action = STATUSES[i].action,
            .status = core_test_slice(STATUSES[i].status),
            .reply = core_test_slice(STATUSES[i].reply),
        };
        core_mail_report_status(&recipient, status);
        assert_string_equal(status, STATUSES[i].wanted);
    }
}

#define MESSAGE                                                                                    \
    "From: ann@alpha.test\r\nSubject: Lunch\r\nDate: today\r\nMessage-ID: <1@alpha.test>\r\n"      \
    "\r\nShall we?\r\n"

static const struct mansio_report_recipient RECIPIENT = {
    .size = sizeof RECIPIENT,
    .action = MANSIO_REPORT_FAILED,
    .address = MANSIO_STR("bob@example.org"),
    .remote = MANSIO_STR("mx.example.org"),
    .reply = MANSIO_STR("550-5.1.1 no such user,\n550 5.1.1 nor was there ever one, as far as "
                        "anybody can remember"),
    .last_attempt_us = 1000000,
};

static const struct mansio_report REPORT = {
    .size = sizeof REPORT,
    .hostname = MANSIO_STR("mail.alpha.test"),
    .id = MANSIO_STR("0123456789abcdef"),
    .reverse_path = MANSIO_STR("ann@alpha.test"),
    .message = MANSIO_STR(MESSAGE),
    .message_bytes = sizeof MESSAGE - 1,
    .returned_bytes_max = 1000,
    .recipients = &RECIPIENT,
    .recipient_count = 1,
};

/* All of it, as people and machines get it. */
static void whole(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_report_text text = {.size = sizeof text};

    assert_int_equal(mansio_report_compose(fixture->arena, &REPORT, &text), 0);
    core_test_str(text.head,
                  "From: Mail Delivery System <MAILER-DAEMON@mail.alpha.test>\r\n"
                  "To: <ann@alpha.test>\r\n"
                  "Subject: Not delivered: Lunch\r\n"
                  "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
                  "Message-ID: <0123456789abcdef@mail.alpha.test>\r\n"
                  "In-Reply-To: <1@alpha.test>\r\n"
                  "References: <1@alpha.test>\r\n"
                  "Auto-Submitted: auto-replied\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                  "\tboundary=\"=_0123456789abcdef_\"\r\n"
                  "\r\n"
                  "--=_0123456789abcdef_\r\n"
                  "Content-Type: text/plain; charset=us-ascii\r\n"
                  "Content-Description: Notification\r\n"
                  "\r\n"
                  "This is the mail system mail.alpha.test.\r\n"
                  "\r\n"
                  "It is about this message of yours:\r\n"
                  "\r\n"
                  "    Subject: Lunch\r\n"
                  "    Sent:    today\r\n"
                  "\r\n"
                  "Your message could not be delivered to this recipient:\r\n"
                  "\r\n"
                  "    bob@example.org\r\n"
                  "        There is no such address. Please check how it is spelled.\r\n"
                  "        The mail system mx.example.org said:\r\n"
                  "            550-5.1.1 no such user,\r\n"
                  "            550 5.1.1 nor was there ever one, as far as anybody can\r\n"
                  "            remember\r\n"
                  "\r\n"
                  "We will not try again. If the message matters, please send it anew when\r\n"
                  "the cause is gone, or try to reach them by other means.\r\n"
                  "\r\n"
                  "What follows is for mail systems and those who look after them; at its\r\n"
                  "end stands your message, as it was.\r\n"
                  "\r\n"
                  "--=_0123456789abcdef_\r\n"
                  "Content-Type: message/delivery-status\r\n"
                  "Content-Description: Delivery report\r\n"
                  "\r\n"
                  "Reporting-MTA: dns; mail.alpha.test\r\n"
                  "\r\n"
                  "Final-Recipient: rfc822; bob@example.org\r\n"
                  "Action: failed\r\n"
                  "Status: 5.1.1\r\n"
                  "Remote-MTA: dns; mx.example.org\r\n"
                  "Diagnostic-Code: smtp; 550-5.1.1 no such user,\r\n"
                  " 550 5.1.1 nor was there ever one, as far as anybody can remember\r\n"
                  "Last-Attempt-Date: Thu, 01 Jan 1970 00:00:01 +0000\r\n"
                  "\r\n"
                  "--=_0123456789abcdef_\r\n"
                  "Content-Type: message/rfc822\r\n"
                  "Content-Description: Your message\r\n"
                  "\r\n");
    assert_int_equal(text.returned_bytes, sizeof MESSAGE - 1);
    core_test_str(text.tail, "\r\n--=_0123456789abcdef_--\r\n");
    assert_int_equal(text.flags, 0);
}

static void refused(struct mansio_arena *arena, const struct mansio_report *report)
{
    struct mansio_report_text text = {.size = sizeof text, .flags = 77};

    assert_int_equal(mansio_report_compose(arena, report, &text), MANSIO_E_INVALID);
    assert_int_equal(text.flags, 77);
}

#define REFUSED(...)                                                                               \
    do {                                                                                           \
        struct mansio_report wrong = REPORT;                                                       \
        struct mansio_report_recipient recipient = RECIPIENT;                                      \
        wrong.recipients = &recipient;                                                             \
        __VA_ARGS__;                                                                               \
        refused(fixture->arena, &wrong);                                                           \
    } while (0)

static void what_makes_no_report(void **state)
{
    struct mail_fixture *fixture = *state;

    REFUSED(wrong.reverse_path = MANSIO_STR_NONE);
    REFUSED(wrong.reverse_path = MANSIO_STR("a@x.test\r\nBcc: b@x.test"));
    REFUSED(wrong.reverse_path = MANSIO_STR("postmaster"));
    REFUSED(wrong.hostname = MANSIO_STR("a b"));
    REFUSED(wrong.hostname = MANSIO_STR_NONE);
    REFUSED(wrong.id = MANSIO_STR("0123456789abcde"));
    REFUSED(wrong.id = MANSIO_STR("0123456789abcde\""));
    REFUSED(wrong.id = MANSIO_STR("0123456789..abcdef"));
    REFUSED(wrong.id = MANSIO_STR("0123456789012345678901234567890123456789012345678901234567890"
                                  "1234"));
    REFUSED(wrong.recipient_count = 0);
    REFUSED(wrong.recipient_count = MANSIO_REPORT_RECIPIENTS_MAX + 1);
    REFUSED(recipient.action = 0);
    REFUSED(recipient.action = MANSIO_REPORT_EXPANDED + 1);
    REFUSED(recipient.address = MANSIO_STR_NONE);
    REFUSED(recipient.size = 8);
}

/* Callers of other minors: larger recipients, a smaller report, a smaller text. */
static void sizes(void **state)
{
    struct mail_fixture *fixture = *state;
    struct {
        struct mansio_report_recipient recipient;
        uint64_t newer;
    } recipients[3] = {{RECIPIENT, 1}, {RECIPIENT, 2}, {RECIPIENT, 3}};
    struct mansio_report report = REPORT;
    struct mansio_report_text text = {.size = offsetof(struct mansio_report_text, tail)};

    for (size_t i = 0; i < 3; i++) {
        recipients[i].recipient.size = sizeof recipients[0];
    }
    recipients[2].recipient.address = MANSIO_STR("third@example.org");
    report.recipients = &recipients[0].recipient;
    report.recipient_count = 3;
    assert_int_equal(mansio_report_compose(fixture->arena, &report, &text), 0);
    assert_true(mansio_str_find(text.head, MANSIO_STR("third@example.org")) > 0);
    assert_null(text.tail.ptr);
    report.size = offsetof(struct mansio_report, recipients);
    assert_int_equal(mansio_report_compose(fixture->arena, &report, &text), MANSIO_E_INVALID);
}

/* A header that is longer than what is looked at returns up to its last whole field. */
static void header_without_end(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_report report = REPORT;
    struct mansio_report_text text = {.size = sizeof text};

    (void)mansio_buf_add(fixture->out, MANSIO_STR("Subject: x\r\n"));
    while (mansio_buf_str(fixture->out).len < (size_t)2 * MANSIO_REPORT_HEADER_MAX) {
        (void)mansio_buf_add(fixture->out, MANSIO_STR("X-Filler: and so on\r\n"));
    }
    report.message = mansio_buf_str(fixture->out);
    report.message_bytes = report.message.len;
    assert_int_equal(mansio_report_compose(fixture->arena, &report, &text), 0);
    assert_int_equal(text.returned_bytes, 0);
    assert_true(text.head.len > MANSIO_REPORT_HEADER_MAX);
    assert_true(text.head.len < MANSIO_REPORT_HEADER_MAX + 4096);
    assert_true(mansio_str_ends(text.head, MANSIO_STR("X-Filler: and so on\r\n")));
    core_test_str(text.tail, "--=_0123456789abcdef_--\r\n");
}

/* The most recipients with the most to say: within what is promised of the arena. */
static void largest(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_report report = REPORT;
    struct mansio_report_text text = {.size = sizeof text};
    struct mansio_report_recipient *recipients =
        mansio_arena_try_alloc(fixture->arena, MANSIO_REPORT_RECIPIENTS_MAX * sizeof *recipients);

    while (mansio_buf_str(fixture->out).len < 5000) {
        (void)mansio_buf_add(fixture->out, MANSIO_STR("\xc3\xbc"
                                                      "\r\n"));
    }
    assert_non_null(recipients);
    for (size_t i = 0; i < MANSIO_REPORT_RECIPIENTS_MAX; i++) {
        recipients[i] = RECIPIENT;
        recipients[i].action = MANSIO_REPORT_DELAYED;
        recipients[i].retry_until_us = 1;
        recipients[i].reply = mansio_buf_str(fixture->out);
        recipients[i].address = recipients[i].reply;
        recipients[i].original = recipients[i].reply;
        recipients[i].log_id = recipients[i].reply;
        recipients[i].remote = recipients[i].reply;
    }
    report.recipients = recipients;
    report.recipient_count = MANSIO_REPORT_RECIPIENTS_MAX;
    assert_int_equal(mansio_report_compose(fixture->arena, &report, &text), 0);
    report.flags = MANSIO_REPORT_UTF8;
    assert_int_equal(mansio_report_compose(fixture->arena, &report, &text), 0);
}

/* Each is another, and one that a report takes. */
static void ids(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str one, other;
    assert_int_equal(mansio_report_id(fixture->arena, &one), 0);
    assert_int_equal(mansio_report_id(fixture->arena, &other), 0);
    assert_int_equal(one.len, 32);
    assert_int_equal(strspn(one.ptr, "0123456789abcdef"), 32);
    assert_false(mansio_str_eq(one, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due), cmocka_unit_test(statuses),
        MAIL_TEST(whole),      MAIL_TEST(what_makes_no_report),
        MAIL_TEST(sizes),      MAIL_TEST(header_without_end),
        MAIL_TEST(largest),    MAIL_TEST(ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
