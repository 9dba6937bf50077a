/*
 * Commands from the wire: lines and literals are put one behind the other, as parse.h reads them.
 * Every line is read to its end and every literal that is on its way is skipped, also of what is
 * refused: what comes next is a command again and no text that somebody put into one.
 */
#include "reader.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

#include "commands.h"
#include "reply.h"
#include "session.h"

enum {
    TEXT_MAX = 64 * 1024, /* lines of a command, in all */
    PIECE = 16 * 1024,
    MARK_MAX = 32, /* "{18446744073709551615+}" and CR */
    /* A literal that isn't waited for, of a refused command, is skipped up to here. */
    SKIP_MAX_BEFORE_LOGIN = 1 << 20,
    SKIP_MAX = 1 << 30,
    RESPONSE_MAX = (MANSIO_SASL_MESSAGE_MAX + 2) / 3 * 4 + 64,
};

/* A command that is being read. Its text may hold a password: what it grew out of is wiped. */
struct reading {
    struct imap_session *session;
    struct mansio_arena *arena;
    char *data;
    size_t len, room;
    uint64_t lines, literals; /* bytes so far */
    size_t literal_count;
    size_t line_start;   /* in data, of the last line */
    char mark[MARK_MAX]; /* the end of a line that wasn't kept */
    size_t mark_len;
    uint32_t is_too_long; /* this line */
    uint32_t is_refused;  /* the command; what comes of it is skipped */
};

static int append(struct reading *reading, struct mansio_str bytes)
{
    if (bytes.len > reading->room - reading->len) {
        size_t room = reading->room * 2 > reading->len + bytes.len ? reading->room * 2
                                                                   : reading->len + bytes.len;
        char *data = mansio_arena_try_alloc(reading->arena, room);
        if (data == NULL) {
            return MANSIO_E_LIMIT;
        }
        if (reading->len > 0) {
            memcpy(data, reading->data, reading->len);
            explicit_bzero(reading->data, reading->len);
        }
        reading->data = data;
        reading->room = room;
    }
    if (bytes.len > 0) {
        memcpy(reading->data + reading->len, bytes.ptr, bytes.len);
        reading->len += bytes.len;
    }
    return 0;
}

/* ---- lines --------------------------------------------------------------------------------------
 */

/* The last bytes of a line that is too long, where "{n+}" would stand. */
static void keep_mark(struct reading *reading, struct mansio_str piece)
{
    if (piece.len >= MARK_MAX) {
        memcpy(reading->mark, piece.ptr + piece.len - MARK_MAX, MARK_MAX);
        reading->mark_len = MARK_MAX;
        return;
    }
    size_t kept =
        reading->mark_len < MARK_MAX - piece.len ? reading->mark_len : MARK_MAX - piece.len;
    memmove(reading->mark, reading->mark + reading->mark_len - kept, kept);
    memcpy(reading->mark + kept, piece.ptr, piece.len);
    reading->mark_len = kept + piece.len;
}

static void take_piece(struct reading *reading, struct mansio_str piece)
{
    reading->lines += piece.len;
    if (reading->is_refused || reading->lines > TEXT_MAX) {
        reading->is_too_long = 1;
    }
    keep_mark(reading, piece);
    if (!reading->is_too_long && append(reading, piece) < 0) {
        reading->is_too_long = 1; /* it must be read to its end all the same */
    }
}

static void drop_cr(struct reading *reading)
{
    if (reading->mark_len > 0 && reading->mark[reading->mark_len - 1] == '\r') {
        reading->mark_len--;
        if (!reading->is_too_long) {
            reading->len--;
        }
    }
}

/* A line, to its end whatever its length; without CRLF, or the LF alone of who types by hand. */
static int read_line(struct reading *reading, uint32_t flags)
{
    struct imap_session *session = reading->session;
    reading->line_start = reading->len;
    reading->mark_len = 0;
    reading->is_too_long = 0;
    for (;;) {
        struct mansio_str piece;
        mansio_stream_set_deadline(session->stream, imap_deadline(session));
        int rc = mansio_stream_read(session->stream, PIECE, flags, &piece);
        if (rc < 0) {
            return rc;
        }
        flags = 0; /* a command has begun */
        ptrdiff_t end = mansio_str_find_char(piece, '\n');
        if (end >= 0) {
            mansio_stream_unread(session->stream, piece.len - (size_t)end - 1);
            piece.len = (size_t)end;
        }
        take_piece(reading, piece);
        if (end >= 0) {
            drop_cr(reading);
            return 0;
        }
    }
}

/* ---- literals -----------------------------------------------------------------------------------
 */

int imap_literal_begin(struct imap_session *session, struct imap_literal *literal)
{
    if (!literal->is_synchronizing) {
        return 0;
    }
    literal->is_synchronizing = 0; /* from now on it comes */
    mansio_buf_add(session->out, MANSIO_STR("+ Go ahead\r\n"));
    return imap_send(session, 0);
}

int imap_literal_read(struct imap_session *session, struct imap_literal *literal,
                      struct mansio_str *out)
{
    struct mansio_str bytes = MANSIO_STR_NONE;
    if (literal->left > 0) {
        size_t most = literal->left < MANSIO_STREAM_READ_MAX ? (size_t)literal->left
                                                             : (size_t)MANSIO_STREAM_READ_MAX;
        mansio_stream_set_deadline(session->stream, imap_deadline(session));
        int rc = mansio_stream_read(session->stream, most, 0, &bytes);
        if (rc < 0) {
            return rc;
        }
        literal->left -= bytes.len;
    }
    *out = bytes;
    return 0;
}

int imap_literal_skip(struct imap_session *session, struct imap_literal *literal)
{
    int rc = 0;
    while (rc == 0 && literal->left > 0 && !literal->is_synchronizing) {
        struct mansio_str bytes;
        rc = imap_literal_read(session, literal, &bytes);
    }
    return rc;
}

static int read_literal(struct reading *reading, struct imap_literal *literal)
{
    int rc = append(reading, MANSIO_STR("\r\n"));
    if (rc == 0) {
        rc = imap_literal_begin(reading->session, literal);
    }
    while (rc == 0 && literal->left > 0) {
        struct mansio_str bytes;
        rc = imap_literal_read(reading->session, literal, &bytes);
        if (rc == 0) {
            rc = append(reading, bytes);
        }
    }
    return rc;
}

/* ---- commands -----------------------------------------------------------------------------------
 */

/* Say once why; what has been read so far has the tag, which must outlast it. */
static void refuse(struct reading *reading, uint32_t status, const char *words)
{
    struct imap_session *session = reading->session;
    if (reading->is_refused) {
        return;
    }
    reading->is_refused = 1;
    /* Read once more: what it was read from may have been moved since, and wiped. */
    struct imap_cursor cursor = {reading->data, reading->data, reading->data + reading->len,
                                 session->arena};
    if (imap_parse_tag(&cursor, &session->tag) < 0 || imap_parse_space(&cursor) < 0) {
        session->tag = MANSIO_STR_NONE;
    }
    if (words != NULL && status == IMAP_BAD) {
        imap_end_bad(session, NULL, words);
    } else if (words != NULL) {
        imap_end_with(session, status, "%s", words);
    }
    if (mansio_arena_copy(session->arena, session->tag, &session->tag) < 0) {
        session->tag = MANSIO_STR_NONE;
    }
}

/* Whether a literal is let come. 1: the command reads it by itself. */
static int judge_literal(struct reading *reading, const struct imap_literal *literal)
{
    struct imap_session *session = reading->session;
    struct imap_cursor cursor = {reading->data, reading->data, reading->data + reading->len,
                                 session->arena};
    if (reading->is_refused) {
        return 0;
    }
    if (imap_recognise(session, &cursor) < 0) {
        refuse(reading, 0, NULL); /* it has been said why */
        return 0;
    }
    int is_first = reading->literal_count == 0 && cursor.at != cursor.end && cursor.at[0] == ' ' &&
                   cursor.at[1] == '{';
    if ((session->command->flags & IMAP_TAKES_LITERAL) && !is_first) {
        return 1;
    }
    reading->literal_count++;
    reading->literals += literal->size;
    if (literal->size > (uint64_t)imap_setting(session, "literal_size") ||
        reading->literals > (uint64_t)imap_setting(session, "literal_size")) {
        refuse(reading, IMAP_NO, "[TOOBIG] That literal is too large"); /* RFC 7889 4 */
    }
    return 0;
}

/* Of a refused command: one that the client sends without being asked must be read past. More
 * than can be meant well ends the session (RFC 7888 4). */
static int skip_literal(struct reading *reading, struct imap_literal *literal)
{
    struct imap_session *session = reading->session;
    uint64_t most = session->state == IMAP_NOT_AUTHENTICATED ? SKIP_MAX_BEFORE_LOGIN : SKIP_MAX;
    if (literal->size > most) {
        imap_reply_untagged(session->out, "BYE That literal is too large to be read past");
        session->is_over = 1;
        return MANSIO_E_LIMIT;
    }
    return imap_literal_skip(session, literal);
}

/* The line that was read last: is there a literal behind it? */
static int find_literal(const struct reading *reading, struct imap_literal *out)
{
    if (reading->is_too_long) {
        return imap_literal_find((struct mansio_str){reading->mark, reading->mark_len}, out);
    }
    struct mansio_str text = {reading->data, reading->len};
    return imap_literal_find(mansio_str_sub(text, reading->line_start, SIZE_MAX), out);
}

/* @return 0: the text is whole; MANSIO_E_LIMIT: refused; or an error of the stream */
static int read_text(struct reading *reading, uint32_t flags)
{
    for (;;) {
        struct imap_literal literal;
        int rc = read_line(reading, flags);
        if (rc < 0) {
            return rc;
        }
        flags = 0;
        if (reading->is_too_long) {
            refuse(reading, IMAP_BAD, "a shorter command");
        }
        if (find_literal(reading, &literal) < 0) {
            return reading->is_refused ? MANSIO_E_LIMIT : 0;
        }
        if (judge_literal(reading, &literal) == 1) {
            return 0;
        }
        if (!reading->is_refused) {
            rc = read_literal(reading, &literal);
        } else if (literal.is_synchronizing) {
            return MANSIO_E_LIMIT; /* the tagged reply tells the client not to send it */
        } else {
            rc = skip_literal(reading, &literal);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

int imap_read_command(struct imap_session *session, struct mansio_str *out)
{
    struct reading reading = {.session = session, .arena = session->arena};
    int rc = read_text(&reading, MANSIO_READ_IDLE);
    *out = (struct mansio_str){reading.data, reading.len};
    return rc;
}

int imap_read_rest(struct imap_session *session, struct mansio_arena *arena, struct mansio_str *out)
{
    struct reading reading = {.session = session, .arena = arena};
    struct imap_literal literal;
    int rc = read_line(&reading, 0);
    if (rc == 0 && reading.is_too_long) {
        reading.is_refused = 1;
        imap_end_bad(session, NULL, "a shorter command");
        while (rc == 0 && find_literal(&reading, &literal) == 0 && !literal.is_synchronizing) {
            rc = skip_literal(&reading, &literal);
            if (rc == 0) {
                rc = read_line(&reading, 0);
            }
        }
        return rc < 0 ? rc : MANSIO_E_LIMIT;
    }
    *out = (struct mansio_str){reading.data, reading.len};
    return rc;
}

int imap_read_response(struct imap_session *session, struct mansio_str *out)
{
    int rc = imap_send(session, 0);
    if (rc < 0) {
        return rc;
    }
    mansio_stream_set_deadline(session->stream, imap_deadline(session));
    rc = mansio_stream_read_line(session->stream, RESPONSE_MAX, MANSIO_READ_BARE_LF, out);
    return rc < 0 ? rc : 0;
}
