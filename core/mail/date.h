/*
 * Dates: of header fields (RFC 5322 3.3 with the obsolete forms of 4.3), of IMAP (RFC 3501
 * date-time), and what they mean in seconds since 1970.
 */
#ifndef MANSIO_CORE_MAIL_DATE_H
#define MANSIO_CORE_MAIL_DATE_H

#include <mansio/buf.h>
#include <mansio/str.h>

struct core_mail_date {
    int64_t seconds;          /* since 1970-01-01 00:00:00 UTC, leap seconds not counted */
    int32_t offset_minutes;   /* of the zone, east is positive */
    uint32_t is_zone_unknown; /* 1: "-0000" or a zone that nobody knows: the offset is 0 */
};

/*
 * A date of a header field.
 *
 * Obsolete forms are taken: comments, two and three digit years, alphabetic zones, no weekday, no
 * zone. Beyond the RFC, as seen in the wild: no seconds, long names of months and weekdays, "-"
 * between day, month and year, the order of asctime(), zones with a colon. A weekday that is wrong
 * doesn't matter; a second of 60 is the next minute's first.
 *
 * @return 0; MANSIO_E_INVALID (@p out untouched)
 */
MANSIO_MUST_CHECK int core_mail_date_parse(struct mansio_str text, struct core_mail_date *out);

/* Append "Mon, 02 Jan 2006 15:04:05 +0000" (RFC 5322 3.3); a year outside 0..9999 becomes that. */
void core_mail_date_print(struct mansio_buf *out, const struct core_mail_date *date);

/* IMAP's date-time without its quotes, " 2-Jan-2006 15:04:05 +0000" (RFC 3501 9); strict.
 * @return 0; MANSIO_E_INVALID */
MANSIO_MUST_CHECK int core_mail_date_parse_imap(struct mansio_str text, struct core_mail_date *out);

/* Append IMAP's date-time without quotes; always 26 bytes. */
void core_mail_date_print_imap(struct mansio_buf *out, const struct core_mail_date *date);

/* Days from 1970-01-01 to a day of the Gregorian calendar; month is 1..12. */
int64_t core_mail_date_days(int64_t year, unsigned month, unsigned day);

#endif
