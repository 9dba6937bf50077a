/*
 * Logging in: a nameless session becomes somebody's.
 *
 * The core finds the account in the directory, asks the tenant's auth modules, counts and slows
 * failures, enters the session under its account and asks the gate. A protocol only carries words
 * to and fro. Every failure of whoever knocks (wrong password, no such account, not allowed) is the
 * one MANSIO_E_DENIED, at the same cost.
 */
#ifndef MANSIO_LOGIN_H
#define MANSIO_LOGIN_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/session.h>

/** Opaque: one exchange of SASL (RFC 4422). */
struct mansio_sasl;

/** Longest message of a SASL exchange, decoded, bytes. */
#define MANSIO_SASL_MESSAGE_MAX 12288

/**
 * The SASL mechanisms that a session can use now, best first: depends on the listener, TLS, the
 * tenant of the name that the client asked for (SNI), and whether every credential there can do it.
 *
 * @param arena  owns the result
 * @param out    names in one slice, separated by one space: "SCRAM-SHA-256 PLAIN"; empty for none
 * @return 0; MANSIO_E_LIMIT; MANSIO_E_CANCELLED. A directory that is away leaves out what depends
 *         on it
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_mechanisms(struct mansio_session *session,
                                                              struct mansio_arena *arena,
                                                              struct mansio_str *out);

/** 1 if a password in the clear is accepted on this session now (USER and PASS, LOGIN, PLAIN):
 * with TLS, on a unix socket, or where the listener allows it without. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_session_may_use_password(const struct mansio_session *session);

/**
 * Log in with a name and a password.
 *
 * @param session      nameless
 * @param name         as given: an address, or, where the listener's tenant is known, its local
 * part
 * @param password     borrowed; wiping it is the caller's
 * @param deadline_us  monotonic time
 * @return 0: the session is somebody's (mansio_session_account()); MANSIO_E_DENIED; MANSIO_E_LIMIT:
 *         too many failures, or sessions of the account or its tenant, try later;
 *         MANSIO_E_UNSUPPORTED: not without TLS; MANSIO_E_BUG: it has a name already;
 *         MANSIO_E_UNAVAILABLE, MANSIO_E_TIMEOUT: nobody can tell now; MANSIO_E_CANCELLED;
 * MANSIO_E_STOPPING: asked to stop before a refusal was due. Of both nothing is said: end the
 * session with them
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_login(struct mansio_session *session,
                                                         struct mansio_str name,
                                                         struct mansio_str password,
                                                         int64_t deadline_us);

/**
 * Begin a SASL exchange.
 *
 * @param session    nameless
 * @param mechanism  as the client names it, any case
 * @param arena      whose end is the exchange's end; secrets in it are wiped
 * @param out        the exchange
 * @return 0; MANSIO_E_UNSUPPORTED if the session doesn't offer it now; MANSIO_E_BUG if the session
 *         has a name; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_sasl_begin(struct mansio_session *session,
                                                      struct mansio_str mechanism,
                                                      struct mansio_arena *arena,
                                                      struct mansio_sasl **out);

/** What mansio_sasl_step() says. */
enum mansio_sasl_progress {
    MANSIO_SASL_CONTINUE = 1, /* send the challenge, read a response */
    MANSIO_SASL_DONE = 2, /* the session is somebody's. The challenge, if not empty, is additional
                           * data with success: where the protocol has no room for it, send it as a
                           * challenge and take an empty response (RFC 4422 3.6) */
};

/**
 * One step of an exchange. The first step of a client without initial response is an empty
 * challenge that the protocol sends by itself, where the mechanism lets the client begin:
 * call this with the client's first message.
 *
 * @param response       the client's message, decoded from base64. For a mechanism in which the
 *                       server begins (LOGIN), NONE with ptr NULL at first
 * @param deadline_us    monotonic time
 * @param out_challenge  what to send, not yet base64; valid until the next step
 * @return an enum mansio_sasl_progress value; MANSIO_E_INVALID: the client broke the mechanism's
 *         grammar; otherwise as mansio_session_login(). After an error the exchange is over
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_sasl_step(struct mansio_sasl *sasl,
                                                     struct mansio_str response,
                                                     int64_t deadline_us,
                                                     struct mansio_str *out_challenge);

/** 1 if the client sends the first message of the mechanism (PLAIN, SCRAM), 0 if the server does
 * (LOGIN): whether an empty challenge is sent when there is no initial response.
 * @yields no @since 1.0 */
MANSIO_EXPORT int mansio_sasl_client_begins(const struct mansio_sasl *sasl);

/** How a protocol carries the lines of an exchange. */
struct mansio_sasl_carrier {
    size_t size; /* sizeof(struct mansio_sasl_carrier) */
    void *arg;   /* for the functions */

    /**
     * Send a challenge.
     *
     * @param text  base64; may be empty
     * @return 0, or an error, which ends the exchange
     * @yields yes    @since 1.0
     */
    int (*send)(void *arg, struct mansio_str text);

    /**
     * Read what the client answers.
     *
     * @param out_line  without its end; stays until the next call, in memory that may be written:
     *                  it is wiped once it was read
     * @return >= 0; MANSIO_E_LIMIT: longer than the protocol takes; or another error, which ends
     *         the exchange
     * @yields yes    @since 1.0
     */
    int (*receive)(void *arg, struct mansio_str *out_line);

    /* What came with the command, base64, or "=" for an empty message (RFC 4954 4, RFC 4959 3,
     * RFC 5034 4); ptr NULL: nothing did. Wiped like a line. */
    struct mansio_str initial;
    uint32_t takes_early; /* 1: where the server begins, @c initial answers its first challenge,
                           * which isn't sent then; 0: it is refused (RFC 4422 3.1) */
    uint32_t reserved;    /* 0 */
    int64_t deadline_us;  /* of all steps, monotonic time; lines have the functions' deadlines */
    int64_t step_us;      /* and longest that one step may take; 0: up to the deadline */
};

/** How an exchange ended, beside errors. */
enum mansio_sasl_end {
    MANSIO_SASL_LOGGED_IN = 1,
    MANSIO_SASL_ABORTED = 2,  /* by the client, with "*" */
    MANSIO_SASL_TOO_LONG = 3, /* a line was */
};

/**
 * A whole exchange, from the mechanism's name to its end: challenges and responses in base64, "*"
 * that gives it up, and, as these protocols have no room for data with success, a turn of its own
 * for them, answered by nothing. Whatever the client said is wiped.
 *
 * @param session    nameless
 * @param mechanism  as the client names it, any case; not needed any more once a line is read
 * @param carrier    borrowed
 * @return an enum mansio_sasl_end value; MANSIO_E_INVALID: not base64, or the client broke the
 *         mechanism's grammar; MANSIO_E_LIMIT: too many failures; what the carrier's functions
 *         said; otherwise as mansio_sasl_begin() and mansio_sasl_step(). All but LOGGED_IN can
 *         come after the session got its name, where the client breaks off at the end: it doesn't
 *         know then who it is, so end the session
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_sasl_run(struct mansio_session *session,
                                                    struct mansio_str mechanism,
                                                    const struct mansio_sasl_carrier *carrier);

/**
 * Base64 (RFC 4648 4): with padding, nothing else in it.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_base64_decode(struct mansio_arena *arena,
                                                         struct mansio_str text,
                                                         struct mansio_str *out);

/** The other way; 0 or MANSIO_E_LIMIT. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_base64_encode(struct mansio_arena *arena,
                                                         struct mansio_str bytes,
                                                         struct mansio_str *out);

#endif
