/*
 * The pieces of a delivery status notification (<mansio/report.h>): the text for people
 * (report_words.c), the fields for machines (report_status.c), and what both need. What is put
 * around them is report.c's.
 *
 * Every text from a peer passes core_mail_report_wrap() or core_mail_report_clean(): no line end,
 * control character or broken UTF-8 of theirs reaches the report, and no line grows too long.
 */
#ifndef MANSIO_CORE_MAIL_REPORT_H
#define MANSIO_CORE_MAIL_REPORT_H

#include <mansio/buf.h>
#include <mansio/report.h>

enum {
    CORE_MAIL_REPORT_REPLY_MAX = 2000, /* bytes of a server's answer that are told */
    CORE_MAIL_REPORT_REASON_MAX = 500,
    CORE_MAIL_REPORT_SUBJECT_MAX = 200,
    CORE_MAIL_REPORT_STATUS_MAX = 10, /* "5.999.999" and its NUL */
};

/* Lines being filled. */
struct core_mail_report_lines {
    struct mansio_buf *out;
    struct mansio_str indent; /* of lines that go on */
    size_t width;             /* bytes of a line, its end not counted */
    size_t column;            /* of the line that is open */
    int is_utf8;              /* bytes beyond ASCII may stay */
};

/* The recipient at an index: their stride is the caller's. */
const struct mansio_report_recipient *core_mail_report_recipient(const struct mansio_report *report,
                                                                 size_t index);

/* What a recipient's status is (RFC 3463): as told, else as the server's reply has it, else that of
 * the action alone. */
void core_mail_report_status(const struct mansio_report_recipient *recipient,
                             char out[CORE_MAIL_REPORT_STATUS_MAX]);

/* What the character that text begins with becomes on a line of ours: white space a space, controls
 * and broken UTF-8 "?". @param used  how many bytes it was */
struct mansio_str core_mail_report_character(struct mansio_str text, int is_utf8, size_t *used);

/* Append text on one line: character by character. */
void core_mail_report_clean(struct mansio_buf *out, struct mansio_str text, int is_utf8);

/* Append text as core_mail_report_clean() does, and begin a new line with the indent where one is
 * full, and where the text has a line end if @p keeps_lines. */
void core_mail_report_wrap(struct core_mail_report_lines *lines, struct mansio_str text,
                           int keeps_lines);

/* Append the fields of message/delivery-status, or of message/global-delivery-status if @p is_utf8
 * (RFC 3464 2, RFC 6533 4.1). */
void core_mail_report_fields(struct mansio_buf *out, const struct mansio_report *report,
                             int is_utf8);

/* The word that a subject begins with: what matters most of all recipients. */
const char *core_mail_report_title(const struct mansio_report *report);

/* Append the text for people, in UTF-8.
 * @param subject   of the message, decoded; may be empty
 * @param date      of the message, as its header has it; may be empty
 * @param returned  what is returned: 0 nothing, 1 the header, 2 the message */
void core_mail_report_words(struct mansio_buf *out, const struct mansio_report *report,
                            struct mansio_str subject, struct mansio_str date, int returned);

#endif
