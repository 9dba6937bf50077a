/*
 * Mail as data, for protocols: paths of SMTP, names of domains, dates. Pure.
 */
#ifndef MANSIO_MAIL_H
#define MANSIO_MAIL_H

#include <mansio/arena.h>
#include <mansio/base.h>

/** What the place of a path allows beside a mailbox. */
enum mansio_path_allow {
    MANSIO_PATH_NULL = 1,       /* "<>" (reverse-path) */
    MANSIO_PATH_POSTMASTER = 2, /* "<Postmaster>" (forward-path, RFC 5321 4.5.1) */
    MANSIO_PATH_UTF8 = 4,       /* SMTPUTF8 was given (RFC 6531 3.3) */
};

enum mansio_domain_kind {
    MANSIO_DOMAIN_NONE = 1, /* the null path and <Postmaster> */
    MANSIO_DOMAIN_NAME = 2,
    MANSIO_DOMAIN_IPV4 = 3, /* [192.0.2.1] */
    MANSIO_DOMAIN_IPV6 = 4, /* [IPv6:2001:db8::1] */
};

struct mansio_path {
    size_t size;              /* sizeof(struct mansio_path), set by the caller */
    struct mansio_str local;  /* quotes resolved; empty for the null path */
    struct mansio_str domain; /* as written; a literal with its brackets */
    uint32_t domain_kind;     /* enum mansio_domain_kind */
    uint32_t is_utf8;         /* 1: there are bytes beyond ASCII */
};

/**
 * Read a path from the beginning of a text, strictly (RFC 5321 4.1.2). A source route is skipped.
 *
 * @param arena  owns the local part, if it was quoted; the rest points into @p text
 * @param text   begins with "<"; what follows the path is the caller's
 * @param allow  enum mansio_path_allow bits
 * @param out    its size set
 * @return bytes used, the ">" included; MANSIO_E_INVALID; MANSIO_E_LIMIT for a part over its limit
 *         (RFC 5321 4.5.3.1); MANSIO_E_UNSUPPORTED for an address literal of another kind, and for
 *         UTF-8 where it is not allowed
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_path_parse(struct mansio_arena *arena,
                                                      struct mansio_str text, uint32_t allow,
                                                      struct mansio_path *out);

/**
 * As mansio_path_parse(), for a bare mailbox, "user@example.org", that is all of a text.
 *
 * @return 0, or an error as mansio_path_parse()
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_mailbox_parse(struct mansio_arena *arena,
                                                         struct mansio_str text, uint32_t allow,
                                                         struct mansio_path *out);

/**
 * A path's text again, without "<>": quotes where they are needed.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_mailbox_print(struct mansio_arena *arena,
                                                         struct mansio_str local,
                                                         struct mansio_str domain,
                                                         struct mansio_str *out);

/**
 * A domain's one spelling: A-labels in lower case (IDNA2008 with UTS 46 mapping, RFC 5891), no
 * final dot.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_INVALID for what is no domain name; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_domain_normalize(struct mansio_arena *arena,
                                                            struct mansio_str domain,
                                                            struct mansio_str *out);

/**
 * A local part's one spelling, as our own directories compare: case-folded, NFC.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_INVALID for what isn't UTF-8 and for control characters; MANSIO_E_LIMIT over
 *         256 bytes, before or after
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_local_normalize(struct mansio_arena *arena,
                                                           struct mansio_str local,
                                                           struct mansio_str *out);

/** Longest text of mansio_mail_date(), its NUL included. */
#define MANSIO_MAIL_DATE_MAX 40

/**
 * A time as header fields have it: "Sun, 22 Nov 2026 04:30:42 +0000" (RFC 5322 3.3), in UTC.
 *
 * @param wall_us  as mansio_wall_us()
 * @param out      receives the text and its NUL
 * @return length without the NUL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT size_t mansio_mail_date(int64_t wall_us, char out[MANSIO_MAIL_DATE_MAX]);

/**
 * Read a date of a header field, tolerantly (RFC 5322 3.3 and 4.3, and what is seen in the wild).
 *
 * @param out_wall_us       as mansio_wall_us()
 * @param out_zone_minutes  of the zone that it was written in, east is positive; may be NULL
 * @return 0; MANSIO_E_INVALID
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_mail_date_parse(struct mansio_str text,
                                                           int64_t *out_wall_us,
                                                           int32_t *out_zone_minutes);

#endif
