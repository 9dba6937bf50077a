/*
 * Answers to Outlook. It takes one server of each type, so it is told the best of each.
 */
#include "pox.h"

#include <inttypes.h>
#include <stdio.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "xml.h"

#define SCHEMAS "http://schemas.microsoft.com/exchange/autodiscover/"

static const struct mansio_str outer_space = MANSIO_STR(SCHEMAS "responseschema/2006");
static const struct mansio_str outlook_space = MANSIO_STR(SCHEMAS "outlook/responseschema/2006a");

static const char *const types[] = {
    [AUTODISCOVER_IMAP] = "IMAP",
    [AUTODISCOVER_POP3] = "POP3",
    [AUTODISCOVER_SMTP] = "SMTP",
};

static void add(struct autodiscover_xml *x, const char *name, const char *text)
{
    autodiscover_xml_text(x, name, mansio_str_from_cstr(text));
}

static const char *encryption_of(uint32_t tls)
{
    return tls == MANSIO_OFFER_IMPLICIT ? "SSL" : tls == MANSIO_OFFER_STARTTLS ? "TLS" : "None";
}

static void add_protocol(struct autodiscover_xml *x, const struct autodiscover_server *server,
                         struct mansio_str address)
{
    char port[16];

    (void)snprintf(port, sizeof port, "%" PRIu32, server->port);
    autodiscover_xml_open(x, "Protocol", NULL, MANSIO_STR(""));
    add(x, "Type", types[server->kind]);
    autodiscover_xml_text(x, "Server", server->host);
    add(x, "Port", port);
    autodiscover_xml_text(x, "LoginName", address);
    add(x, "DomainRequired", "off");
    add(x, "SPA", "off"); /* left out it would be on: NTLM */
    add(x, "SSL", server->tls == MANSIO_OFFER_PLAIN ? "off" : "on");
    add(x, "Encryption", encryption_of(server->tls)); /* for who knows it, it counts before SSL */
    add(x, "AuthRequired", "on");
    if (server->kind == AUTODISCOVER_SMTP) {
        add(x, "UsePOPAuth", "on");
        add(x, "SMTPLast", "off");
    }
    autodiscover_xml_close(x, "Protocol");
}

/* The first of a kind that takes passwords: Outlook has nothing else for us. */
static const struct autodiscover_server *best_of(const struct autodiscover_servers *servers,
                                                 uint32_t kind)
{
    for (size_t i = 0; i < servers->count; i++) {
        if (servers->rows[i].kind == kind &&
            (servers->rows[i].logins & AUTODISCOVER_PASSWORD) != 0) {
            return &servers->rows[i];
        }
    }
    return NULL;
}

static void begin(struct autodiscover_xml *x, struct mansio_buf *out, struct mansio_str space)
{
    autodiscover_xml_begin(x, out);
    autodiscover_xml_open(x, "Autodiscover", "xmlns", outer_space);
    autodiscover_xml_open(x, "Response", "xmlns", space);
}

static void end(struct autodiscover_xml *x)
{
    autodiscover_xml_close(x, "Response");
    autodiscover_xml_close(x, "Autodiscover");
}

size_t autodiscover_pox_settings(struct mansio_buf *out, struct mansio_str address,
                                 const struct autodiscover_servers *servers)
{
    const struct autodiscover_server *best[MANSIO_COUNT(types)] = {NULL};
    struct autodiscover_xml x;
    size_t count = 0;

    for (uint32_t kind = AUTODISCOVER_IMAP; kind < MANSIO_COUNT(types); kind++) {
        best[kind] = best_of(servers, kind);
        count += best[kind] != NULL;
    }
    if (count == 0) {
        return 0;
    }
    begin(&x, out, outlook_space);
    autodiscover_xml_open(&x, "User", NULL, MANSIO_STR(""));
    autodiscover_xml_text(&x, "DisplayName", address);
    autodiscover_xml_close(&x, "User");
    autodiscover_xml_open(&x, "Account", NULL, MANSIO_STR(""));
    add(&x, "AccountType", "email");
    add(&x, "Action", "settings");
    for (uint32_t kind = AUTODISCOVER_IMAP; kind < MANSIO_COUNT(types); kind++) {
        if (best[kind] != NULL) {
            add_protocol(&x, best[kind], address);
        }
    }
    autodiscover_xml_close(&x, "Account");
    end(&x);
    return count;
}

void autodiscover_pox_fault(struct mansio_buf *out, int64_t wall_us, uint32_t id, uint32_t code)
{
    static const struct {
        uint32_t code;
        const char *message; /* Exchange's own words: clients look for them */
    } rows[] = {
        {AUTODISCOVER_POX_NOT_FOUND, "The email address can't be found."},
        {AUTODISCOVER_POX_INVALID, "Invalid Request"},
        {AUTODISCOVER_POX_NO_PROVIDER, "Provider is not available"},
    };
    struct autodiscover_xml x;
    int64_t us = wall_us % (INT64_C(86400) * 1000000);
    char number[16];

    begin(&x, out, outer_space);
    mansio_buf_printf(out, "    <Error Time=\"%02d:%02d:%02d.%06d0\" Id=\"%" PRIu32 "\">\n",
                      (int)(us / INT64_C(3600000000)), (int)(us / 60000000 % 60),
                      (int)(us / 1000000 % 60), (int)(us % 1000000), id);
    x.depth++;
    (void)snprintf(number, sizeof number, "%" PRIu32, code);
    add(&x, "ErrorCode", number);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        if (rows[i].code == code) {
            add(&x, "Message", rows[i].message);
        }
    }
    add(&x, "DebugData", "");
    autodiscover_xml_close(&x, "Error");
    end(&x);
}
