/*
 * The MIME parser (RFC 2045, 2046, 5322): a message in pieces of any size, split anywhere; its
 * parts with offsets exact to the byte, envelopes and decoded text at the end.
 *
 * It never fails on input. What it holds is bounded: a header block up to a limit, the beginning of
 * a line, and the result. Time is linear in the message: each line is looked at once, and compared
 * with the boundaries that are open, of which there are at most depth_max.
 *
 * Decisions:
 * - A boundary counts only if it is the whole line but white space behind it, the innermost one
 *   first; a line that merely begins with one is body.
 * - An outer boundary ends what is open inside. The line end before a boundary belongs to it.
 * - Where an inner multipart uses the boundary of an outer one, it is the inner's.
 * - Boundary lines one right after the other make one part, not empty ones.
 * - Without its closing boundary a multipart ends with the message, its last part before the last
 *   line end.
 * - A message inside is read as a message whatever its encoding (it may have none by RFC 2046
 *   5.2.1).
 * - MIME fields count without MIME-Version.
 */
#ifndef MANSIO_CORE_MAIL_PARSER_H
#define MANSIO_CORE_MAIL_PARSER_H

#include "core/mail/part.h"
#include "core/mail/text.h"

#include <mansio/arena.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_BOUNDARY_MAX = 900, /* RFC 2046 5.1.1 has 70; one that is longer still is none */
};

struct core_mail_limits {
    uint32_t depth_max;      /* parts inside of each other, at least 1 */
    uint32_t parts_max;      /* parts in all, at least 1 */
    uint32_t addresses_max;  /* of each list */
    size_t header_max_bytes; /* read of one header; what follows counts only in offsets */
    size_t result_max_bytes; /* of the result: beyond it no further parts begin */
    size_t text_max_bytes;   /* of decoded text; 0: none is wanted */
};

/* The usual limits: 32 deep, 1000 parts, 4096 addresses, 256 KiB of a header, 4 MiB, 1 MiB. */
struct core_mail_limits core_mail_limits_usual(void);

/* Opaque. */
struct core_mail_parser;

/*
 * Begin a message.
 *
 * @param arena   owns the parser and its result. Its cap should leave result_max_bytes,
 *                text_max_bytes and four times header_max_bytes
 * @param limits  copied
 * @return the parser
 */
struct core_mail_parser *core_mail_parser_new(struct mansio_arena *arena,
                                              const struct core_mail_limits *limits);

/* Before the first bytes: give the decoded text away in pieces as it comes, all of it;
 * text_max_bytes must not be 0, but is no limit then. */
void core_mail_parser_give_text(struct core_mail_parser *parser, core_mail_text_fn take, void *arg);

/* The next bytes. @return 0; MANSIO_E_LIMIT if the arena is full, and ever after */
MANSIO_MUST_CHECK int core_mail_parser_feed(struct core_mail_parser *parser,
                                            struct mansio_str bytes);

/*
 * The message is at its end.
 *
 * @param out  the result, valid as long as the arena
 * @return 0; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int core_mail_parser_finish(struct core_mail_parser *parser,
                                              const struct core_mail_message **out);

/* All of that for a message in memory. */
MANSIO_MUST_CHECK int core_mail_parse(struct mansio_arena *arena, struct mansio_str message,
                                      const struct core_mail_limits *limits,
                                      const struct core_mail_message **out);

#endif
