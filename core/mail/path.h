/*
 * Paths of SMTP (RFC 5321 4.1.2, RFC 6531 3.3): "<local@domain>" of MAIL and RCPT, strictly.
 */
#ifndef MANSIO_CORE_MAIL_PATH_H
#define MANSIO_CORE_MAIL_PATH_H

#include <mansio/arena.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_LOCAL_MAX = 64,   /* RFC 5321 4.5.3.1.1 */
    CORE_MAIL_DOMAIN_MAX = 255, /* RFC 5321 4.5.3.1.2 */
    CORE_MAIL_LABEL_MAX = 63,   /* RFC 1035 2.3.4 */
    CORE_MAIL_PATH_MAX = 256,   /* RFC 5321 4.5.3.1.3; a source route is not counted */
};

/* What the place of a path allows beside a mailbox. */
enum {
    CORE_MAIL_PATH_NULL = 1,       /* "<>" (reverse-path) */
    CORE_MAIL_PATH_POSTMASTER = 2, /* "<Postmaster>" (forward-path) */
    CORE_MAIL_PATH_UTF8 = 4,       /* SMTPUTF8 was given */
};

/* Kinds of a domain. */
enum {
    CORE_MAIL_DOMAIN_NONE = 0, /* the null path and <Postmaster> */
    CORE_MAIL_DOMAIN_NAME = 1,
    CORE_MAIL_DOMAIN_IPV4 = 2,
    CORE_MAIL_DOMAIN_IPV6 = 3,
};

struct core_mail_path {
    struct mansio_str local;  /* quotes resolved; empty for the null path */
    struct mansio_str domain; /* as written; a literal with its brackets */
    uint32_t domain_kind;
    uint32_t is_utf8;    /* 1: there are bytes beyond ASCII */
    uint8_t address[16]; /* of a literal, network order; IPv4 in the first four */
};

/*
 * Read a path from the beginning of a text.
 *
 * @param arena  owns the local part, if it was quoted; the rest points into @p text
 * @param text   begins with "<"; what follows the path is the caller's
 * @param allow  CORE_MAIL_PATH_* bits
 * @param out    the path
 * @return bytes used, its ">" included; MANSIO_E_INVALID; MANSIO_E_LIMIT for a part over its
 *         limit; MANSIO_E_UNSUPPORTED for an address literal of another kind, and for UTF-8
 *         where it is not allowed
 */
MANSIO_MUST_CHECK int core_mail_path_parse(struct mansio_arena *arena, struct mansio_str text,
                                           uint32_t allow, struct core_mail_path *out);

/* As core_mail_path_parse(), for a bare mailbox that is all of the text. @return 0 or an error */
MANSIO_MUST_CHECK int core_mail_mailbox_parse(struct mansio_arena *arena, struct mansio_str text,
                                              uint32_t allow, struct core_mail_path *out);

/* 0 if text is a domain name as SMTP has it; errors as core_mail_path_parse(). */
MANSIO_MUST_CHECK int core_mail_domain_check(struct mansio_str text, int is_utf8_allowed);

#endif
