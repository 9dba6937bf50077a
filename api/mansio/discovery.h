/*
 * Discovery: what a mail program may be told about reaching its mailbox. The gate says which
 * services somebody may use from where he is, the configuration which listeners there are; what is
 * in neither is in no answer.
 */
#ifndef MANSIO_DISCOVERY_H
#define MANSIO_DISCOVERY_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/session.h>

enum mansio_offer_tls {
    MANSIO_OFFER_PLAIN = 1,
    MANSIO_OFFER_STARTTLS = 2,
    MANSIO_OFFER_IMPLICIT = 3,
};

/** One way to reach a service. */
struct mansio_offer {
    size_t size;                /* sizeof(struct mansio_offer) */
    struct mansio_str protocol; /* what is spoken there: the protocol module's own service name,
                                 * "imap", "pop3", "submission", ... */
    struct mansio_str service;  /* what policy calls it; the same unless the listener renames it */
    struct mansio_str host;     /* what the listener's `advertise` says; empty: nothing */
    uint32_t port;
    uint32_t tls;                 /* enum mansio_offer_tls */
    struct mansio_str mechanisms; /* of SASL that can be used there, best first, separated by one
                                   * space; "PASSWORD" among them where USER and PASS can */
};

/** Who is answered. */
struct mansio_offers {
    size_t size;               /* sizeof(struct mansio_offers), set by the caller */
    struct mansio_str domain;  /* the domain's own name */
    struct mansio_str address; /* of the session's account; empty for a nameless session */
    const struct mansio_offer *const *offers; /* best first: implicit TLS, STARTTLS, plain */
    size_t offer_count;
};

/**
 * What may be offered. To a session that is somebody's, what he may use from where the session
 * comes from, whatever @p domain is; to a nameless one, what the domain's words leave possible from
 * there: conditions that depend on how somebody will log in count as met if there is a way to meet
 * them.
 *
 * @param arena        owns what @p out points to, but for texts of the configuration, which live as
 * long as the process
 * @param domain       of the address asked about, as written
 * @param deadline_us  monotonic time
 * @param out          its size set
 * @return 0; MANSIO_E_NOT_FOUND: no domain of ours, or one that isn't active; MANSIO_E_DENIED: the
 *         session's own service is not to be had there from here; MANSIO_E_UNAVAILABLE,
 *         MANSIO_E_TIMEOUT, MANSIO_E_CANCELLED, MANSIO_E_LIMIT
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_offers(struct mansio_session *session,
                                                          struct mansio_arena *arena,
                                                          struct mansio_str domain,
                                                          int64_t deadline_us,
                                                          struct mansio_offers *out);

#endif
