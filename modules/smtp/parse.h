/*
 * What clients send, line by line: commands, parameters, arguments. Pure; paths are read by
 * mansio_path_parse().
 */
#ifndef MANSIO_MODULES_SMTP_PARSE_H
#define MANSIO_MODULES_SMTP_PARSE_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct mansio_path;

/* A command line, cut. Slices point into the line. */
struct smtp_args {
    struct mansio_str verb; /* as written; letters */
    struct mansio_str text; /* what stands behind it, white space at both ends aside */
};

/* Cut a line, which came without its CRLF. 0; MANSIO_E_INVALID for a line with a control
 * character (a bare CR or LF among them), or without a verb. */
int smtp_parse_command(struct mansio_str line, struct smtp_args *out);

/* What a client may call itself in EHLO: printable ASCII without white space, at most 255 bytes
 * (RFC 5321 4.5.3.1.2). More isn't asked: RFC 5321 4.1.4 has us serve who names itself wrongly. 1
 * or 0. */
int smtp_parse_is_hello(struct mansio_str text);

/* Is it a domain or an address literal (RFC 5321 4.1.2), as trace fields want it? 1 or 0. */
int smtp_parse_is_extended_domain(struct mansio_arena *arena, struct mansio_str text);

enum smtp_path_place {
    SMTP_PATH_FROM = 1, /* "FROM:<...>" */
    SMTP_PATH_TO = 2,   /* "TO:<...>" */
};

/*
 * "FROM:<path>" or "TO:<path>" and what follows it.
 *
 * @param may_space  1: white space may stand behind the colon, which no standard has and which many
 *                   clients write
 * @param out        its size set
 * @param rest       parameters; in @p text
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT; MANSIO_E_UNSUPPORTED: as mansio_path_parse()
 */
int smtp_parse_path(struct mansio_arena *arena, struct mansio_str text, uint32_t place,
                    int may_space, struct mansio_path *out, struct mansio_str *rest);

/* A parameter (RFC 5321 4.1.2 esmtp-param). */
struct smtp_param {
    struct mansio_str keyword;
    struct mansio_str value; /* ptr NULL: there is no "=" */
};

/* Cut the next one off: 1 with a parameter; 0: there is none; MANSIO_E_INVALID. */
int smtp_parse_param(struct mansio_str *rest, struct smtp_param *out);

enum smtp_body {
    SMTP_BODY_UNSAID = 0,
    SMTP_BODY_7BIT = 1,
    SMTP_BODY_8BITMIME = 2,
};

enum smtp_ret {
    SMTP_RET_UNSAID = 0,
    SMTP_RET_FULL = 1,
    SMTP_RET_HDRS = 2,
};

enum {
    SMTP_ENVID_MAX = 100, /* RFC 3461 4.4 */
};

/* What the parameters of MAIL say. */
struct smtp_mail_params {
    uint64_t declared_bytes;       /* SIZE (RFC 1870 3); 0: not told */
    uint32_t body;                 /* enum smtp_body (RFC 6152 2) */
    uint32_t is_utf8;              /* SMTPUTF8 (RFC 6531 3.4) */
    uint32_t ret;                  /* enum smtp_ret (RFC 3461 4.3) */
    struct mansio_str envelope_id; /* ENVID (RFC 3461 4.4), still xtext; in the line */
    uint32_t seen;                 /* which were given, a bit a row */
};

/* The parameters that MAIL takes, and what EHLO says of them. */
struct smtp_mail_param {
    struct mansio_str keyword;
    uint32_t modes;               /* enum smtp_mode_bits: where it is taken */
    struct mansio_str capability; /* announced for it; empty: a command's */
    int (*read)(struct mansio_str value, struct smtp_mail_params *out);
};

extern const struct smtp_mail_param smtp_mail_param_table[];
extern const size_t smtp_mail_param_count;

/* Read all parameters of MAIL: 0; MANSIO_E_UNSUPPORTED for one that isn't offered in a mode (enum
 * smtp_mode); MANSIO_E_INVALID for one that is malformed, or given twice. */
int smtp_parse_mail_params(uint32_t mode, struct mansio_str rest, struct smtp_mail_params *out);

/* RFC 3461 4.1, bits; 0: not said. */
enum smtp_notify {
    SMTP_NOTIFY_SUCCESS = 1,
    SMTP_NOTIFY_FAILURE = 2,
    SMTP_NOTIFY_DELAY = 4,
    SMTP_NOTIFY_NEVER = 8, /* alone */
};

/* What the parameters of RCPT say. */
struct smtp_rcpt_params {
    uint32_t notify;            /* enum smtp_notify, or-ed */
    struct mansio_str original; /* ORCPT (RFC 3461 4.2): "rfc822;xtext"; in the line */
};

/* Read all parameters of RCPT, as smtp_parse_mail_params() does MAIL's. */
int smtp_parse_rcpt_params(uint32_t mode, struct mansio_str rest, struct smtp_rcpt_params *out);

/* NOTIFY's value in its one spelling: "SUCCESS,DELAY"; empty for 0. Static text. */
struct mansio_str smtp_notify_words(uint32_t notify);

/*
 * Decode an xtext (RFC 3461 4) of printable ASCII, as ENVID and ORCPT have it.
 *
 * @param max  most bytes of @p text
 * @param out  in @p arena
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
int smtp_parse_xtext(struct mansio_arena *arena, struct mansio_str text, size_t max,
                     struct mansio_str *out);

/* Decode ORCPT's value: "rfc822;user@example.org". As smtp_parse_xtext(). @p may_utf8: SMTPUTF8 was
 * given, and an address of type utf-8 may stand as it is (RFC 6533 3) */
int smtp_parse_orcpt(struct mansio_arena *arena, struct mansio_str text, uint32_t may_utf8,
                     struct mansio_str *out);

/* "MECHANISM" or "MECHANISM initial-response" (RFC 4954 4), the response still base64: 0 or
 * MANSIO_E_INVALID. @p out_initial: empty if there is none */
int smtp_parse_auth(struct mansio_str text, struct mansio_str *out_mechanism,
                    struct mansio_str *out_initial);

/* "123" or "123 LAST" (RFC 3030 2): 0 or MANSIO_E_INVALID. */
int smtp_parse_bdat(struct mansio_str text, uint64_t *out_bytes, uint32_t *out_is_last);

#endif
