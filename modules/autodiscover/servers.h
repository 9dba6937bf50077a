/*
 * From offers to servers as mail programs know them. Pure.
 *
 * Of what policy and listeners leave, a program is told what it can log in to: each form of answer
 * knows some ways of logging in, and a server with none of them is left out.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_SERVERS_H
#define MANSIO_MODULES_AUTODISCOVER_SERVERS_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/discovery.h>

enum {
    AUTODISCOVER_SERVERS_MAX = 32, /* in an answer */
};

enum autodiscover_kind {
    AUTODISCOVER_IMAP = 1, /* in the order of preference */
    AUTODISCOVER_POP3 = 2,
    AUTODISCOVER_SMTP = 3,
};

/** Ways of logging in, as bits. */
enum autodiscover_logins {
    AUTODISCOVER_PASSWORD = 1,    /* sent as it is: PLAIN, LOGIN, USER and PASS */
    AUTODISCOVER_SCRAM = 2,       /* RFC 5802 and its kin */
    AUTODISCOVER_CHALLENGE = 4,   /* CRAM-MD5, DIGEST-MD5: what "encrypted" has meant so far */
    AUTODISCOVER_CERTIFICATE = 8, /* EXTERNAL, with a client certificate */
};

struct autodiscover_server {
    uint32_t kind; /* enum autodiscover_kind */
    struct mansio_str host;
    uint32_t port;
    uint32_t tls;                 /* enum mansio_offer_tls */
    uint32_t logins;              /* enum autodiscover_logins */
    struct mansio_str mechanisms; /* as the offer has them */
};

struct autodiscover_servers {
    size_t count;
    struct autodiscover_server rows[AUTODISCOVER_SERVERS_MAX];
};

/**
 * Servers in the order of preference: by kind, then as the offers are. Of one place there is one.
 *
 * @param host  for offers without one; "%d" in it stands for the domain
 * @param out   zeroed; points to what @p offers and @p arena hold
 * @return 0; MANSIO_E_LIMIT: a host longer than the arena has room for
 */
MANSIO_MUST_CHECK int autodiscover_servers(struct mansio_arena *arena,
                                           const struct mansio_offers *offers,
                                           struct mansio_str host,
                                           struct autodiscover_servers *out);

/** @p pattern with the domain in each place of "%d". @return 0; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int autodiscover_fill(struct mansio_arena *arena, struct mansio_str pattern,
                                        struct mansio_str domain, struct mansio_str *out);

#endif
