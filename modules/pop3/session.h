/*
 * A POP3 session: its states (RFC 1939 3), and what commands do to it. Commands build replies and
 * never touch the socket; the few that send or read more than a line at a time do it through here.
 */
#ifndef MANSIO_MODULES_POP3_SESSION_H
#define MANSIO_MODULES_POP3_SESSION_H

#include "ahead.h"
#include "lock.h"
#include "maildrop.h"
#include "parse.h"
#include "pop3.h"
#include "reply.h"
#include <mansio/protocol.h>
#include <mansio/session.h>
#include <mansio/stream.h>

enum pop3_state {
    POP3_AUTHORIZATION = 1,
    POP3_TRANSACTION = 2,
    POP3_UPDATE = 4, /* QUIT has done its work */
};

enum {
    POP3_REPLY_MAX = 16 * 1024, /* gathered before it is sent; a challenge is the longest line */
    POP3_REPLY_FLUSH = 8 * 1024,
};

struct pop3_session {
    struct pop3_module *module;
    struct mansio_session *session;
    struct mansio_stream *stream;
    struct mansio_arena *arena;      /* of one command */
    struct mansio_arena *user_arena; /* of what USER gave */
    struct mansio_str user;          /* empty: none yet */
    struct mansio_buf *reply;        /* of the command that runs */
    uint32_t state;                  /* enum pop3_state */
    uint32_t is_over;                /* after the reply nothing more is read */
    uint32_t is_sending;             /* in the midst of a multi-line reply: no other word fits in */
    uint32_t bad_commands, login_failures;
    int64_t login_deadline_us;
    int64_t transaction_us; /* when the maildrop was opened */
    struct pop3_maildrop drop;
    struct pop3_ahead ahead;
    struct pop3_lock lock;
    uint64_t retrieved, topped, sent_bytes; /* for the log */
    uint32_t deleted;
};

/* The protocol's functions (mansio/protocol.h). */
int pop3_serve(struct mansio_instance *instance, struct mansio_session *session);
void pop3_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out);

int64_t pop3_setting(const struct pop3_session *session, const char *name);

/* When the store has to have answered. */
int64_t pop3_store_deadline(const struct pop3_session *session);

/* Say that a step failed on our side, as its error's class has it. Returns 0, or the error itself
 * if the session is to end with it. */
MANSIO_MUST_CHECK int pop3_fail(struct pop3_session *session, int code, const char *text);

/* Send what the reply holds so far, when it is a lot (@p at_least 0: in any case). Yields. */
MANSIO_MUST_CHECK int pop3_send(struct pop3_session *session, size_t at_least);

/* Send bytes of a message behind the reply so far. Yields. */
MANSIO_MUST_CHECK int pop3_send_bytes(struct pop3_session *session, struct mansio_str bytes);

/* Read a line that is no command: a response of AUTH. As mansio_stream_read_line(). Yields. */
MANSIO_MUST_CHECK int pop3_read_response(struct pop3_session *session, struct mansio_str *out);

/* The credentials were judged: open the maildrop, or say what is wrong. Returns 0, or the error
 * that ends the session. Yields. */
MANSIO_MUST_CHECK int pop3_login_done(struct pop3_session *session, int result);

#endif
