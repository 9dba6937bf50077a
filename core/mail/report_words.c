/*
 * The part of a report that is for people: what happened, to whom, why, and what to do now, in
 * words that need no knowledge of mail systems. The words of the other server follow ours: often
 * they say more, and they are what an administrator asks for.
 */
#include "core/mail/report.h"

#include "core/mail/chars.h"

#include <mansio/mail.h>
#include <mansio/str.h>

enum { WORDS_WIDTH = 72 };

/* ---- what a status means */

/* By what follows the class of a status (RFC 3463 3, RFC 5248's registry, RFC 7372, RFC 7505): of
 * failure and of delay alike. A subject alone ("7.") speaks for what is not listed. */
static const struct {
    const char *detail;
    const char *meaning;
} MEANINGS[] = {
    {"1.1", "There is no such address. Please check how it is spelled."},
    {"1.10", "The part after the @ takes no mail at all. Please check how it is spelled."},
    {"1.2", "The part after the @ can't be found on the Internet. Please check how it is spelled."},
    {"1.3", "The address isn't written as addresses are. Please check how it is spelled."},
    {"1.4", "The address could be that of several people, so it wasn't delivered to any."},
    {"1.6", "The person has moved, and left no new address."},
    {"1.7", "Your own address was refused."},
    {"1.8", "The other side can't find the mail system of your own address."},
    {"1.", "Something is wrong with the address. Please check how it is spelled."},
    {"2.1", "The mailbox isn't in use at present."},
    {"2.2", "The mailbox is full. Its owner must make room before it can take your message."},
    {"2.3", "Your message is larger than this mailbox may take."},
    {"2.4", "The mailing list behind this address doesn't work."},
    {"2.", "Something is wrong with the mailbox."},
    {"3.1", "The other mail system has no room left."},
    {"3.2", "The other mail system takes no messages at present."},
    {"3.4",
     "Your message is too large for the other mail system. Try it with smaller attachments."},
    {"3.", "Something is wrong with the other mail system."},
    {"4.1", "The other mail system doesn't answer."},
    {"4.2", "The connection to the other mail system broke, again and again."},
    {"4.3", "It could not be found out which mail system takes mail for this address."},
    {"4.4", "There is no way to the mail system of this address."},
    {"4.5", "The other mail system is too busy."},
    {"4.6", "The message went round in circles: mail systems pass it to each other."},
    {"4.7", "It took too long: the message could not be handed over in time."},
    {"4.", "The other mail system could not be reached as it should."},
    {"5.3", "The message has too many recipients for the other mail system."},
    {"5.", "The two mail systems didn't understand each other."},
    {"6.1", "The other mail system takes no attachments of this kind."},
    {"6.3", "The message would have to be changed to be delivered, and that can't be done."},
    {"6.7", "The other mail system can't handle an address with such letters."},
    {"6.", "The other mail system can't handle what is in the message."},
    {"7.0", "The other mail system refuses the message by its rules."},
    {"7.1", "The other mail system doesn't take this message from you."},
    {"7.2", "Not everybody may write to this mailing list."},
    {"7.8", "Our mail system could not log in to the one that should pass the message on."},
    {"7.10", "An encrypted connection is asked for, and could not be made."},
    {"7.20", "The signature of your mail domain was missing or wrong (DKIM)."},
    {"7.23", "Your mail domain doesn't allow our mail system to send for it (SPF)."},
    {"7.25", "The other mail system doesn't trust the network address that it came from."},
    {"7.26", "The other mail system could not make sure that the message is from you."},
    {"7.", "The other mail system refuses the message by its rules."},
};

/* The row for a status; NULL if there is none, not even for its subject. */
static const char *meaning_of(const char *status)
{
    const char *detail = strchr(status, '.') + 1;
    size_t subject = strcspn(detail, ".") + 1;
    const char *general = NULL;

    for (size_t i = 0; i < MANSIO_COUNT(MEANINGS); i++) {
        if (strcmp(MEANINGS[i].detail, detail) == 0) {
            return MEANINGS[i].meaning;
        }
        if (strlen(MEANINGS[i].detail) == subject &&
            strncmp(MEANINGS[i].detail, detail, subject) == 0) {
            general = MEANINGS[i].meaning;
        }
    }
    return general;
}

/* ---- what became of it */

/* In the order in which people want to know. */
static const struct {
    uint32_t action;
    const char *title;
    const char *one, *many; /* before the recipients */
    const char *after;
} OUTCOMES[] = {
    {MANSIO_REPORT_FAILED, "Not delivered",
     "Your message could not be delivered to this recipient:",
     "Your message could not be delivered to these recipients:",
     "We will not try again. If the message matters, please send it anew when the cause is gone, "
     "or try to reach them by other means."},
    {MANSIO_REPORT_DELAYED, "Delayed", "Your message has not been delivered to this recipient yet:",
     "Your message has not been delivered to these recipients yet:",
     "You need not do anything: we go on trying, and if we have to give up, you will be told."},
    {MANSIO_REPORT_DELIVERED, "Delivered", "Your message was delivered to this recipient:",
     "Your message was delivered to these recipients:",
     "That says that it lies in the mailbox, not that somebody has read it."},
    {MANSIO_REPORT_RELAYED, "Passed on",
     "Your message was handed to the mail system of this recipient:",
     "Your message was handed to the mail systems of these recipients:",
     "That mail system doesn't report whether it delivers messages. You will hear of it only if "
     "something goes wrong."},
    {MANSIO_REPORT_EXPANDED, "Passed on",
     "Your message was delivered to this address, which stands for several people:",
     "Your message was delivered to these addresses, which stand for several people each:",
     "It was passed on to all of them. You will hear of it only if something goes wrong."},
};

static size_t count_of(const struct mansio_report *report, uint32_t action)
{
    size_t count = 0;

    for (size_t i = 0; i < report->recipient_count; i++) {
        count += core_mail_report_recipient(report, i)->action == action;
    }
    return count;
}

const char *core_mail_report_title(const struct mansio_report *report)
{
    size_t i = 0;

    while (i + 1 < MANSIO_COUNT(OUTCOMES) && count_of(report, OUTCOMES[i].action) == 0) {
        i++;
    }
    return OUTCOMES[i].title;
}

/* ---- paragraphs */

/* Text under an indent, from the beginning of a line to the end of one. */
static void add_text(struct mansio_buf *out, struct mansio_str indent, struct mansio_str text,
                     int keeps_lines)
{
    struct core_mail_report_lines lines = {
        .out = out, .indent = indent, .width = WORDS_WIDTH, .column = indent.len, .is_utf8 = 1};

    (void)mansio_buf_add(out, indent);
    core_mail_report_wrap(&lines, text, keeps_lines);
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

static void add_paragraph(struct mansio_buf *out, const char *text)
{
    add_text(out, MANSIO_STR(""), mansio_str_from_cstr(text), 0);
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* "Subject: Lunch": which message this is about. */
static void add_fact(struct mansio_buf *out, struct mansio_str name, struct mansio_str text)
{
    if (text.len > 0) {
        (void)mansio_buf_add(out, MANSIO_STR("    "));
        (void)mansio_buf_add(out, name);
        core_mail_report_clean(out, text, 1);
        (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
    }
}

/* "info@example.org" of "rfc822;info@example.org", if that is not the address that we had. */
static struct mansio_str other_address(const struct mansio_report_recipient *recipient)
{
    struct mansio_str original = recipient->original;
    ptrdiff_t mark = mansio_str_find_char(original, ';');

    original = core_mail_trim(mansio_str_sub(original, (size_t)(mark + 1), 320));
    return mansio_str_ieq(original, recipient->address) ? MANSIO_STR_NONE : original;
}

static void add_cause(struct mansio_buf *out, const struct mansio_report_recipient *recipient)
{
    const struct mansio_str indent = MANSIO_STR("        ");
    char status[CORE_MAIL_REPORT_STATUS_MAX];
    const char *meaning;

    core_mail_report_status(recipient, status);
    meaning = meaning_of(status);
    if (meaning != NULL) {
        add_text(out, indent, mansio_str_from_cstr(meaning), 0);
    }
    if (recipient->reply.len > 0) {
        (void)mansio_buf_add(out, indent);
        if (recipient->remote.len > 0) {
            (void)mansio_buf_add(out, MANSIO_STR("The mail system "));
            core_mail_report_clean(out, mansio_str_sub(recipient->remote, 0, 255), 1);
            (void)mansio_buf_add(out, MANSIO_STR(" said:\r\n"));
        } else {
            (void)mansio_buf_add(out, MANSIO_STR("The answer was:\r\n"));
        }
        add_text(out, MANSIO_STR("            "),
                 mansio_str_sub(core_mail_trim(recipient->reply), 0, CORE_MAIL_REPORT_REPLY_MAX),
                 1);
    } else if (recipient->reason.len > 0) {
        (void)mansio_buf_add(out, indent);
        (void)mansio_buf_add(out, MANSIO_STR("In the words of our mail system:\r\n"));
        add_text(out, MANSIO_STR("            "),
                 mansio_str_sub(recipient->reason, 0, CORE_MAIL_REPORT_REASON_MAX), 0);
    }
}

static void add_recipient(struct mansio_buf *out, const struct mansio_report_recipient *recipient)
{
    struct mansio_str other = other_address(recipient);
    char date[MANSIO_MAIL_DATE_MAX];

    (void)mansio_buf_add(out, MANSIO_STR("    "));
    core_mail_report_clean(out, mansio_str_sub(recipient->address, 0, 320), 1);
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
    if (other.len > 0) {
        (void)mansio_buf_add(out, MANSIO_STR("        which you wrote as "));
        core_mail_report_clean(out, other, 1);
        (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
    }
    if (recipient->action == MANSIO_REPORT_FAILED || recipient->action == MANSIO_REPORT_DELAYED) {
        add_cause(out, recipient);
    }
    if (recipient->action == MANSIO_REPORT_DELAYED && recipient->retry_until_us != 0) {
        size_t length = mansio_mail_date(recipient->retry_until_us, date);
        (void)mansio_buf_printf(out, "        We try until %.*s.\r\n", (int)length, date);
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

static void add_outcome(struct mansio_buf *out, const struct mansio_report *report, size_t which)
{
    size_t count = count_of(report, OUTCOMES[which].action);

    if (count == 0) {
        return;
    }
    add_paragraph(out, count == 1 ? OUTCOMES[which].one : OUTCOMES[which].many);
    for (size_t i = 0; i < report->recipient_count; i++) {
        const struct mansio_report_recipient *recipient = core_mail_report_recipient(report, i);
        if (recipient->action == OUTCOMES[which].action) {
            add_recipient(out, recipient);
        }
    }
    add_paragraph(out, OUTCOMES[which].after);
}

void core_mail_report_words(struct mansio_buf *out, const struct mansio_report *report,
                            struct mansio_str subject, struct mansio_str date, int returned)
{
    static const char *const endings[] = {
        "What follows is for mail systems and those who look after them.",
        "What follows is for mail systems and those who look after them; at its end stands the "
        "header of your message.",
        "What follows is for mail systems and those who look after them; at its end stands your "
        "message, as it was.",
    };

    (void)mansio_buf_printf(out, "This is the mail system %.*s.\r\n\r\n",
                            MANSIO_STR_ARG(report->hostname));
    if (subject.len > 0 || date.len > 0) {
        add_paragraph(out, "It is about this message of yours:");
        add_fact(out, MANSIO_STR("Subject: "), subject);
        add_fact(out, MANSIO_STR("Sent:    "), date);
        (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
    }
    for (size_t i = 0; i < MANSIO_COUNT(OUTCOMES); i++) {
        add_outcome(out, report, i);
    }
    add_text(out, MANSIO_STR(""), mansio_str_from_cstr(endings[returned]), 0);
}
