/*
 * HTTP/1.1 requests, byte for byte as RFC 9112 has them and nothing besides: what two readers could
 * take for two different things is refused. Pure: slices in, structs out.
 *
 * Functions that can refuse return 0, or the status to refuse with (400, 414, ...). After any of
 * them the connection ends: where the next request begins is then nobody's guess.
 */
#ifndef MANSIO_MODULES_HTTP_PARSE_H
#define MANSIO_MODULES_HTTP_PARSE_H

#include <mansio/arena.h>
#include <mansio/base.h>

/* ---- words ------------------------------------------------------------------------------------
 */

/* RFC 9110 5.6.2 */
int http_is_token_char(unsigned char c);
int http_is_token(struct mansio_str s);

/* RFC 9110 5.5: no control but HTAB, no space at its ends. May be empty. */
int http_is_field_value(struct mansio_str s);

/* Valid UTF-8 (RFC 3629: no overlong form, no surrogate), no control. */
int http_is_text(struct mansio_str s);

/* Overwrite what was ours and secret. */
void http_wipe(struct mansio_str secret);

/* ---- targets (parse_target.c) -----------------------------------------------------------------
 */

enum {
    HTTP_HOST_MAX = 253, /* RFC 1035 3.1, as text */
};

struct http_authority {
    struct mansio_str host; /* lower case, a final dot taken off; "[...]" with its brackets */
    uint32_t port;          /* 0: none given */
};

/* RFC 9110 7.2: host [":" port]. Never empty, no user, no escapes. @p out lives in @p arena. */
MANSIO_MUST_CHECK int http_parse_authority(struct mansio_arena *arena, struct mansio_str text,
                                           struct http_authority *out);

struct http_target {
    uint32_t is_asterisk; /* "*" */
    uint32_t is_absolute; /* with scheme and authority */
    uint32_t is_https;    /* the scheme, if absolute */
    struct mansio_str authority;
    struct mansio_str raw;   /* path and query as they came; "/" at least */
    struct mansio_str path;  /* decoded, dot segments resolved */
    struct mansio_str query; /* as it came, checked, without '?' */
};

/* RFC 9112 3.2: origin-form, absolute-form, asterisk-form. Slices lie in @p text and @p arena. */
MANSIO_MUST_CHECK int http_parse_target(struct mansio_arena *arena, struct mansio_str text,
                                        struct http_target *out);

/* A parameter of a query that http_parse_target() has checked: 0, MANSIO_E_NOT_FOUND,
 * MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int http_query_find(struct mansio_arena *arena, struct mansio_str query,
                                      struct mansio_str name, struct mansio_str *out);

/* ---- heads (parse_head.c) ---------------------------------------------------------------------
 */

struct http_limits {
    size_t head_bytes;   /* request line and fields, line ends included */
    size_t target_bytes; /* of the request line's target */
    size_t fields;
};

struct http_field {
    struct mansio_str name, value;
};

struct http_head {
    struct mansio_arena *arena;
    struct http_limits limits;
    char *text; /* lines without their ends; wiped with http_head_wipe() */
    size_t len, line_at, size;
    struct http_field *fields;
    size_t field_count;
    uint32_t is_after_cr, line_count, empty_count;

    /* What the request line says. */
    struct mansio_str method_name;
    uint32_t method; /* enum mansio_http_method; 0: one that we don't know */
    uint32_t minor;  /* 0 or 1: HTTP/1.x */
    struct http_target target;

    /* What the fields say, once all is there. */
    struct http_authority host; /* empty in HTTP/1.0 without one */
    uint64_t length;            /* of the body; 0 if chunked */
    uint32_t has_body, is_chunked;
    uint32_t keeps;          /* another request may follow (RFC 9112 9.3) */
    uint32_t wants_continue; /* RFC 9110 10.1.1 */
};

enum {
    HTTP_MORE = 0,
    HTTP_DONE = 1,
};

/* Begin. 0, or MANSIO_E_LIMIT when the arena has no room for a head within the limits. */
MANSIO_MUST_CHECK int http_head_init(struct http_head *head, struct mansio_arena *arena,
                                     const struct http_limits *limits);

/* Read on. HTTP_MORE: all was used; HTTP_DONE: the head is whole, what follows it is not used; else
 * a status. However the bytes are cut, the outcome is the same. */
MANSIO_MUST_CHECK int http_head_feed(struct http_head *head, struct mansio_str bytes,
                                     size_t *out_used);

/* Fields of one name: the first one, and how many there are. */
size_t http_head_find(const struct http_head *head, struct mansio_str name,
                      struct mansio_str *out_first);

/* Overwrite its text: credentials were in it. Nothing of it is to be used any more. */
void http_head_wipe(struct http_head *head);

/* ---- chunks (parse_chunk.c) -------------------------------------------------------------------
 */

struct http_chunks {
    uint64_t left;     /* of this chunk */
    uint64_t max_left; /* of content that we take */
    uint32_t state, digits;
    size_t beside; /* bytes of extensions and trailers */
};

void http_chunks_init(struct http_chunks *chunks, uint64_t max_bytes);

/* Read on (RFC 9112 7.1). HTTP_MORE: @p out_used bytes were used, of which @p out_data, perhaps
 * empty, is content; HTTP_DONE: so, and the body is whole; else a status. Trailers are checked and
 * dropped. */
MANSIO_MUST_CHECK int http_chunks_feed(struct http_chunks *chunks, struct mansio_str bytes,
                                       size_t *out_used, struct mansio_str *out_data);

/* ---- credentials (parse_basic.c) --------------------------------------------------------------
 */

struct http_basic {
    struct mansio_str user, password; /* in the arena; the caller wipes them: one after the other */
};

/* RFC 7617 2: the value of an Authorization field. 0; MANSIO_E_UNSUPPORTED: another scheme;
 * MANSIO_E_INVALID: malformed, not UTF-8, or with controls; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int http_parse_basic(struct mansio_arena *arena, struct mansio_str value,
                                       struct http_basic *out);

#endif
