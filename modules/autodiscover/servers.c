/*
 * Picks and sorts what is offered.
 */
#include "servers.h"

#include <mansio/buf.h>
#include <mansio/str.h>

enum {
    FILLED_MAX = 1024, /* bytes */
};

static const struct {
    struct mansio_str protocol;
    uint32_t kind;
} kinds[] = {
    {MANSIO_STR("imap"), AUTODISCOVER_IMAP},
    {MANSIO_STR("pop3"), AUTODISCOVER_POP3},
    {MANSIO_STR("submission"), AUTODISCOVER_SMTP},
};

static const struct {
    struct mansio_str prefix;
    uint32_t login;
} logins[] = {
    {MANSIO_STR("PASSWORD"), AUTODISCOVER_PASSWORD},
    {MANSIO_STR("PLAIN"), AUTODISCOVER_PASSWORD},
    {MANSIO_STR("LOGIN"), AUTODISCOVER_PASSWORD},
    {MANSIO_STR("SCRAM-"), AUTODISCOVER_SCRAM},
    {MANSIO_STR("CRAM-MD5"), AUTODISCOVER_CHALLENGE},
    {MANSIO_STR("DIGEST-MD5"), AUTODISCOVER_CHALLENGE},
    {MANSIO_STR("EXTERNAL"), AUTODISCOVER_CERTIFICATE},
};

static uint32_t logins_of(struct mansio_str mechanisms)
{
    struct mansio_str rest = mechanisms, word;
    uint32_t bits = 0;

    while (mansio_str_split(&rest, ' ', &word)) {
        for (size_t i = 0; i < MANSIO_COUNT(logins); i++) {
            int is_family = mansio_str_ends(logins[i].prefix, MANSIO_STR("-"));
            if (is_family ? mansio_str_starts(word, logins[i].prefix)
                          : mansio_str_eq(word, logins[i].prefix)) {
                bits |= logins[i].login;
            }
        }
    }
    return bits;
}

/* A listener's addresses may be many, and two listeners may be advertised as one place. */
static int is_known(const struct autodiscover_servers *servers,
                    const struct autodiscover_server *server)
{
    for (size_t i = 0; i < servers->count; i++) {
        const struct autodiscover_server *other = &servers->rows[i];
        if (other->kind == server->kind && other->port == server->port &&
            other->tls == server->tls && mansio_str_ieq(other->host, server->host)) {
            return 1;
        }
    }
    return 0;
}

int autodiscover_fill(struct mansio_arena *arena, struct mansio_str pattern,
                      struct mansio_str domain, struct mansio_str *out)
{
    struct mansio_buf *text = mansio_buf_new(arena, FILLED_MAX);
    struct mansio_str rest = pattern;
    ptrdiff_t at = 0;

    while ((at = mansio_str_find(rest, MANSIO_STR("%d"))) >= 0) {
        mansio_buf_add(text, mansio_str_sub(rest, 0, (size_t)at));
        mansio_buf_add(text, domain);
        rest = mansio_str_sub(rest, (size_t)at + 2, SIZE_MAX);
    }
    mansio_buf_add(text, rest);
    int rc = mansio_buf_status(text);
    if (rc == 0) {
        *out = mansio_buf_str(text);
    }
    return rc;
}

int autodiscover_servers(struct mansio_arena *arena, const struct mansio_offers *offers,
                         struct mansio_str host, struct autodiscover_servers *out)
{
    struct mansio_str usual = host;
    int rc = autodiscover_fill(arena, host, offers->domain, &usual);

    if (rc < 0) {
        return rc;
    }
    for (size_t k = 0; k < MANSIO_COUNT(kinds); k++) {
        for (size_t i = 0; i < offers->offer_count; i++) {
            const struct mansio_offer *offer = offers->offers[i];
            struct autodiscover_server server = {
                .kind = kinds[k].kind,
                .host = offer->host.len > 0 ? offer->host : usual,
                .port = offer->port,
                .tls = offer->tls,
                .logins = logins_of(offer->mechanisms),
                .mechanisms = offer->mechanisms,
            };
            if (mansio_str_eq(offer->protocol, kinds[k].protocol) && server.logins != 0 &&
                out->count < AUTODISCOVER_SERVERS_MAX && !is_known(out, &server)) {
                out->rows[out->count++] = server;
            }
        }
    }
    return 0;
}
