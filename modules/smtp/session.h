/*
 * A session of SMTP or LMTP: its state, and what commands do to it.
 */
#ifndef MANSIO_MODULES_SMTP_SESSION_H
#define MANSIO_MODULES_SMTP_SESSION_H

#include "parse.h"
#include "reply.h"
#include "service.h"

#include <mansio/buf.h>
#include <mansio/login.h>
#include <mansio/session.h>
#include <mansio/tls.h>

struct smtp_transaction;

enum {
    SMTP_HELLO_MAX = 255, /* as smtp_parse_is_hello() */
    SMTP_SAY_MAX = 480,   /* words of smtp_say() */
    /* AUTH may bring a whole initial response; a response is base64 (RFC 4954 4). */
    SMTP_AUTH_LINE_MAX = (MANSIO_SASL_MESSAGE_MAX + 2) / 3 * 4 + 64,
    /* A command's answer beside 0 and errors: the dialogue is over. */
    SMTP_END = 1,
};

/* Where a dialogue stands; commands say in which of these they may be given. */
enum smtp_state {
    SMTP_FRESH = 1,    /* not greeted yet, or TLS has just begun */
    SMTP_GREETED = 2,  /* no transaction */
    SMTP_MAIL = 4,     /* MAIL was accepted, no recipient yet */
    SMTP_RCPT = 8,     /* there are recipients */
    SMTP_CHUNKS = 16,  /* among BDATs */
    SMTP_REFUSED = 32, /* the greeting was 554 (RFC 5321 3.1) */
};

struct smtp_session {
    struct smtp_service *service;
    struct mansio_session *session;
    struct mansio_stream *stream;
    struct smtp_transaction *transaction; /* NULL outside one */
    int64_t ends_us;      /* until a login where one is wanted: of the time for that */
    uint32_t state;       /* enum smtp_state */
    uint32_t is_extended; /* EHLO or LHLO, not HELO */
    uint32_t errors, unknown, login_failures;
    uint32_t transactions; /* begun */
    uint16_t hello_length;
    char hello[SMTP_HELLO_MAX];
};

static inline const struct smtp_options *smtp_options(const struct smtp_session *session)
{
    return &session->service->options;
}

static inline const struct smtp_rules *smtp_rules(const struct smtp_session *session)
{
    return smtp_mode_rules(session->service->options.mode);
}

static inline void smtp_count(const struct smtp_session *session, size_t metric, int64_t n)
{
    mansio_metric_add(session->service->instance, metric, n);
}

static inline struct mansio_str smtp_hello(const struct smtp_session *session)
{
    return (struct mansio_str){session->hello, session->hello_length};
}

/* An enum mansio_tls_state value. */
uint32_t smtp_tls_state(const struct smtp_session *session);

/* The address of the account that is logged in; empty: nobody is. */
struct mansio_str smtp_account_address(const struct smtp_session *session);

/* 1 if somebody is to log in here and nobody has yet. */
int smtp_may_login(const struct smtp_session *session);

/* Serve a conn: struct mansio_protocol. Yields. */
int smtp_serve(struct mansio_instance *instance, struct mansio_session *session);

/* struct mansio_protocol. */
void smtp_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out);

/* ---- saying; 0 or the stream's error. All may yield -------------------------------------------
 */

/* A reply of one line. @param enhanced  NULL: none */
int smtp_say(struct smtp_session *session, uint32_t code, const char *enhanced, const char *format,
             ...) MANSIO_PRINTF(4, 5);

/* A line of a reply that has several; the last one ends it. */
int smtp_say_line(struct smtp_session *session, uint32_t code, const char *enhanced, int is_last,
                  struct mansio_str words);

/* An answer of somebody else's making. */
int smtp_say_answer(struct smtp_session *session, const struct smtp_answer *answer);

/* As smtp_say(), about something that the client got wrong: it is counted, and too many end the
 * session. */
int smtp_say_wrong(struct smtp_session *session, uint32_t code, const char *enhanced,
                   const char *format, ...) MANSIO_PRINTF(4, 5);

/* Count an error that was told already: 0, or MANSIO_E_LIMIT when there are too many. */
int smtp_count_error(struct smtp_session *session);

/* ---- changing -------------------------------------------------------------------------------- */

/* End the transaction, if there is one: RSET, a new greeting, the end of a message. */
void smtp_reset(struct smtp_session *session);

#endif
