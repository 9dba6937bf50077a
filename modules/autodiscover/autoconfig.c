/*
 * Answers in the form of Mail Autoconfig, version 1.1 and 1.2.
 *
 * Programs take the first server that they can use, so the order is ours to choose; of several
 * ways of logging in they take the first that they know.
 */
#include "autoconfig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "xml.h"

/* In the order of their use: a program that takes "password-encrypted" for CRAM-MD5, as
 * Thunderbird does, must have found the other word before. */
static const struct {
    uint32_t login;
    const char *word;
} words[] = {
    {AUTODISCOVER_PASSWORD, "password-cleartext"},
    {AUTODISCOVER_CHALLENGE, "password-encrypted"},
    {AUTODISCOVER_SCRAM, "password-encrypted"},
    {AUTODISCOVER_CERTIFICATE, "TLS-client-cert"},
};

/* For programs of 1.1 SCRAM has no word at all: a server that offers nothing else must not be in
 * the answer. The draft counts it among what is encrypted. */
static uint32_t logins_known(uint32_t version)
{
    uint32_t known = AUTODISCOVER_PASSWORD | AUTODISCOVER_CHALLENGE | AUTODISCOVER_CERTIFICATE;
    return version == AUTODISCOVER_V1_2 ? known | AUTODISCOVER_SCRAM : known;
}

/* "Recommending specific SASL schemes": by name, before the general words. */
static void add_mechanisms(struct autodiscover_xml *x, struct mansio_str mechanisms)
{
    struct mansio_str rest = mechanisms, word;

    while (mansio_str_split(&rest, ' ', &word)) {
        if (mansio_str_starts(word, MANSIO_STR("SCRAM-"))) {
            mansio_buf_printf(x->out, "%*s<authentication system=\"sasl\">", (int)x->depth * 2, "");
            autodiscover_xml_escape(x->out, word);
            mansio_buf_add(x->out, MANSIO_STR("</authentication>\n"));
        }
    }
}

static void add_words(struct autodiscover_xml *x, uint32_t logins)
{
    const char *last = "";

    for (size_t i = 0; i < MANSIO_COUNT(words); i++) {
        if ((logins & words[i].login) != 0 && strcmp(words[i].word, last) != 0) {
            autodiscover_xml_text(x, "authentication", mansio_str_from_cstr(words[i].word));
            last = words[i].word;
        }
    }
}

static void add_server(struct autodiscover_xml *x, const struct autodiscover_server *server,
                       const struct autodiscover_config *config)
{
    static const char *const sockets[] = {
        [MANSIO_OFFER_PLAIN] = "plain",
        [MANSIO_OFFER_STARTTLS] = "STARTTLS",
        [MANSIO_OFFER_IMPLICIT] = "SSL",
    };
    static const char *const types[] = {
        [AUTODISCOVER_IMAP] = "imap",
        [AUTODISCOVER_POP3] = "pop3",
        [AUTODISCOVER_SMTP] = "smtp",
    };
    const char *element = server->kind == AUTODISCOVER_SMTP ? "outgoingServer" : "incomingServer";
    char port[16];

    (void)snprintf(port, sizeof port, "%" PRIu32, server->port);
    autodiscover_xml_open(x, element, "type", mansio_str_from_cstr(types[server->kind]));
    autodiscover_xml_text(x, "hostname", server->host);
    autodiscover_xml_text(x, "port", mansio_str_from_cstr(port));
    autodiscover_xml_text(x, "socketType", mansio_str_from_cstr(sockets[server->tls]));
    autodiscover_xml_text(x, "username", config->user);
    if (config->version == AUTODISCOVER_V1_2) {
        add_mechanisms(x, server->mechanisms);
    }
    add_words(x, server->logins & logins_known(config->version));
    autodiscover_xml_close(x, element);
}

/* Characters, not bytes. */
static size_t length_of(struct mansio_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

/* The provider's own word, else the domain's name, as much of it as there is room for. */
static struct mansio_str name_of(struct mansio_str own, struct mansio_str domain, size_t most)
{
    struct mansio_str rest = domain, label = MANSIO_STR("");

    if (own.len > 0) {
        return own;
    }
    if (length_of(domain) <= most) {
        return domain;
    }
    (void)mansio_str_split(&rest, '.', &label);
    return length_of(label) <= most ? label : MANSIO_STR("Mail");
}

static int is_usable(const struct autodiscover_server *server, uint32_t known)
{
    return (server->logins & known) != 0 && server->kind >= AUTODISCOVER_IMAP &&
           server->kind <= AUTODISCOVER_SMTP && server->tls >= MANSIO_OFFER_PLAIN &&
           server->tls <= MANSIO_OFFER_IMPLICIT;
}

size_t autodiscover_config_write(struct mansio_buf *out, const struct autodiscover_config *config,
                                 const struct autodiscover_servers *servers)
{
    uint32_t known = logins_known(config->version);
    struct autodiscover_xml x;
    size_t count = 0;

    for (size_t i = 0; i < servers->count; i++) {
        count += (size_t)is_usable(&servers->rows[i], known);
    }
    if (count == 0) {
        return 0;
    }
    autodiscover_xml_begin(&x, out);
    autodiscover_xml_open(&x, "clientConfig", "version",
                          config->version == AUTODISCOVER_V1_2 ? MANSIO_STR("1.2")
                                                               : MANSIO_STR("1.1"));
    autodiscover_xml_open(&x, "emailProvider", "id", config->domain);
    autodiscover_xml_text(&x, "domain", config->domain);
    if (config->asked.len > 0 && !mansio_str_ieq(config->asked, config->domain)) {
        autodiscover_xml_text(&x, "domain", config->asked);
    }
    autodiscover_xml_text(&x, "displayName",
                          name_of(config->name, config->domain, AUTODISCOVER_NAME_MAX));
    autodiscover_xml_text(&x, "displayShortName",
                          name_of(config->short_name, config->domain, AUTODISCOVER_SHORT_NAME_MAX));
    for (size_t i = 0; i < servers->count; i++) {
        if (is_usable(&servers->rows[i], known)) {
            add_server(&x, &servers->rows[i], config);
        }
    }
    autodiscover_xml_close(&x, "emailProvider");
    autodiscover_xml_close(&x, "clientConfig");
    return count;
}
