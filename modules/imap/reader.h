/*
 * Commands as they come in: lines, and the literals between (RFC 3501 4.3, RFC 7888). Owns no
 * meaning beyond that: parse.h reads what is collected here.
 */
#ifndef MANSIO_MODULES_IMAP_READER_H
#define MANSIO_MODULES_IMAP_READER_H

#include <mansio/base.h>

struct imap_session;
struct mansio_arena;

/*
 * Read a command whole into the command's arena: all its lines, literals in place, without the last
 * CRLF. The client is told to go on where it waits for that. Of a command whose row has
 * IMAP_TAKES_LITERAL, a literal that isn't the first argument ends the text, with its "{n}"
 * (and "+"): the command reads it by imap_literal_begin().
 *
 * @return 0; MANSIO_E_LIMIT: too long, and skipped so far that the next command can be read (what
 *         was said about it is in session->status); otherwise as mansio_stream_read_line()
 * @yields yes
 */
MANSIO_MUST_CHECK int imap_read_command(struct imap_session *session, struct mansio_str *out);

/* A literal that the command reads by itself. */
struct imap_literal {
    uint64_t size, left;
    uint32_t is_synchronizing; /* the client waits for "+" before it sends */
};

/* Parse "{n}" or "{n+}" at the end of a text. @return 0; MANSIO_E_INVALID */
int imap_literal_find(struct mansio_str text, struct imap_literal *out);

/* Let the client send it. @yields yes */
MANSIO_MUST_CHECK int imap_literal_begin(struct imap_session *session,
                                         struct imap_literal *literal);

/* The next bytes of it; empty at its end. @param out  valid until the next read. @yields yes */
MANSIO_MUST_CHECK int imap_literal_read(struct imap_session *session, struct imap_literal *literal,
                                        struct mansio_str *out);

/* Read past the rest of it, if it is coming: a synchronizing one that was not begun isn't.
 * @yields yes */
MANSIO_MUST_CHECK int imap_literal_skip(struct imap_session *session, struct imap_literal *literal);

/* A line that is no command: a response of AUTHENTICATE. Sends what is gathered before.
 * @return 0; MANSIO_E_LIMIT: too long, and skipped; otherwise as mansio_stream_read_line()
 * @yields yes */
MANSIO_MUST_CHECK int imap_read_response(struct imap_session *session, struct mansio_str *out);

/* What follows the literal on its last line, up to the end or the next literal, as
 * imap_read_command() gives it, in @p arena. @yields yes */
MANSIO_MUST_CHECK int imap_read_rest(struct imap_session *session, struct mansio_arena *arena,
                                     struct mansio_str *out);

#endif
