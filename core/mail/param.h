/*
 * Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183), their
 * continuations, charsets and languages (RFC 2231).
 *
 * Reading never fails on input. Continuations are put together (RFC 2231 6 asks that of IMAP);
 * a value with a charset keeps its form, charset'language'%41, and core_mail_param_decode() gives
 * its meaning.
 */
#ifndef MANSIO_CORE_MAIL_PARAM_H
#define MANSIO_CORE_MAIL_PARAM_H

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_PARAMS_MAX = 64,   /* parameters kept of one field; what follows is left out */
    CORE_MAIL_SECTIONS_MAX = 256 /* continuations of one field, all names together */
};

struct core_mail_param {
    struct core_mail_param *next;
    struct mansio_str name;  /* lower case, without "*" */
    struct mansio_str value; /* quotes resolved */
    uint32_t is_extended;    /* 1: charset'language'text, the text in %XX */
};

/* A value with its parameters. */
struct core_mail_typed {
    struct mansio_str value;       /* lower case; NULL ptr if missing or broken */
    struct mansio_str subtype;     /* of a type; lower case */
    struct core_mail_param *first; /* in order of the text; NULL for none */
};

/* Read "type/subtype; parameters". A broken type gives NONE for both. @return 0; MANSIO_E_LIMIT if
 * the arena is full */
MANSIO_MUST_CHECK int core_mail_param_parse_type(struct mansio_arena *arena, struct mansio_str text,
                                                 struct core_mail_typed *out);

/* Read "token; parameters". @return as core_mail_param_parse_type() */
MANSIO_MUST_CHECK int core_mail_param_parse_token(struct mansio_arena *arena,
                                                  struct mansio_str text,
                                                  struct core_mail_typed *out);

/* The first parameter of a name (lower case); NULL for none. */
const struct core_mail_param *core_mail_param_find(const struct core_mail_param *first,
                                                   struct mansio_str name);

/* Append the meaning of a parameter in UTF-8: its charset, or encoded words, which RFC 2047 5
 * forbids there and half of the world writes. */
void core_mail_param_decode(struct mansio_buf *out, const struct core_mail_param *param);

#endif
