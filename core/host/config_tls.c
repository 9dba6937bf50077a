/*
 * Certificates, TLS of listeners, and who may begin with a PROXY header: made of settings and
 * checked against each other. Looks into no file.
 */
#include "core/host/config_tls.h"

#include <stdio.h>

#include "core/host/settings.h"
#include "core/net/tls.h"
#include <mansio/error.h>
#include <mansio/str.h>

static void complain(struct core_problems *problems, const struct mansio_settings *entry,
                     const char *name, const char *what)
{
    core_problems_add(problems, core_settings_place(entry, name), "%.*s.%s: %s",
                      MANSIO_STR_ARG(entry->path), name, what);
}

static int is_bad(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name, UINT32_MAX)->is_bad;
}

static void need_path(struct core_problems *problems, const struct mansio_settings *entry,
                      const char *name)
{
    if (mansio_settings_is_set(entry, name) && !is_bad(entry, name) &&
        mansio_settings_str(entry, name).len == 0) {
        complain(problems, entry, name, "found nothing, expected a path");
    }
}

static void take_ticket_secret(struct core_config *config, struct core_problems *problems)
{
    const struct mansio_settings *tls = mansio_settings_section(config->settings, "tls");
    config->tls_handshake_us = mansio_settings_int(tls, "handshake_time");
    config->tls_ticket_secret = mansio_settings_secret(tls, "ticket_secret");
    size_t len = mansio_secret_bytes(config->tls_ticket_secret).len;
    if (config->tls_ticket_secret && len < CORE_TLS_TICKET_SECRET_MIN) {
        char what[CORE_SETTINGS_WHY_MAX];
        snprintf(what, sizeof what, "found %zu bytes, expected %d or more", len,
                 (int)CORE_TLS_TICKET_SECRET_MIN);
        complain(problems, tls, "ticket_secret", what);
    }
}

int core_config_take_tls(struct core_config *config, struct core_problems *problems)
{
    size_t count = mansio_settings_count(config->settings, "certificates");
    struct core_config_certificate *list =
        mansio_arena_try_alloc(config->arena, (count + 1) * sizeof *list);
    if (list == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mansio_settings *entry =
            mansio_settings_entry(config->settings, "certificates", i, &list[i].name);
        need_path(problems, entry, "chain");
        need_path(problems, entry, "key");
        list[i].chain = mansio_settings_str(entry, "chain");
        list[i].key = mansio_settings_str(entry, "key");
        list[i].settings = entry;
    }
    config->certificates = list;
    config->certificate_count = count;
    take_ticket_secret(config, problems);
    return 0;
}

static void take_certificate(const struct core_config *config, struct core_problems *problems,
                             const struct mansio_settings *entry, struct core_config_listener *out)
{
    struct mansio_str name = mansio_settings_str(entry, "certificate");
    char quoted[CORE_QUOTE_MAX];
    char what[CORE_SETTINGS_WHY_MAX];
    if (config->certificate_count == 0) {
        if (out->tls != CORE_TLS_OFF) {
            complain(problems, entry, "tls",
                     "found TLS, but there are no `certificates` to show to clients");
        }
        return;
    }
    if (name.len == 0) {
        return;
    }
    for (size_t i = 0; i < config->certificate_count; i++) {
        if (mansio_str_eq(config->certificates[i].name, name)) {
            out->certificate = i;
            return;
        }
    }
    struct mansio_str first = mansio_str_sub(config->certificates[0].name, 0, 64);
    snprintf(what, sizeof what, "found %s, expected one of `certificates` such as %.*s",
             core_quote(name, quoted), MANSIO_STR_ARG(first));
    complain(problems, entry, "certificate", what);
}

static void take_clients(struct core_problems *problems, const struct mansio_settings *entry,
                         struct core_config_listener *out)
{
    need_path(problems, entry, "client_crl");
    out->client_ca = mansio_settings_str(entry, "client_ca");
    out->client_crl = mansio_settings_str(entry, "client_crl");
    out->client_certificate = (uint32_t)mansio_settings_int(entry, "client_certificate");
    out->client_account = (uint32_t)mansio_settings_int(entry, "client_account");
    if (!mansio_settings_is_set(entry, "client_certificate") && out->client_ca.len > 0) {
        out->client_certificate = CORE_TLS_CLIENT_REQUEST;
    }
    if (out->client_certificate != CORE_TLS_CLIENT_OFF && out->client_ca.len == 0 &&
        !is_bad(entry, "client_ca")) {
        complain(problems, entry, "client_certificate",
                 "found a demand for certificates, but no client_ca to judge them by");
    }
    if (out->tls == CORE_TLS_OFF && out->client_ca.len > 0 && !is_bad(entry, "tls")) {
        complain(problems, entry, "client_ca", "found a path, but this listener has no TLS");
    }
    if (out->client_crl.len > 0 && out->client_ca.len == 0 && !is_bad(entry, "client_ca")) {
        complain(problems, entry, "client_crl",
                 "found lists of revoked certificates, but no client_ca that signs them");
    }
    if (out->client_crl.len > 0 && out->client_ca.len > 0 &&
        out->client_certificate == CORE_TLS_CLIENT_OFF) {
        complain(problems, entry, "client_crl",
                 "found lists of revoked certificates, but client_certificate is off");
    }
    if (mansio_settings_is_set(entry, "client_account") && out->client_ca.len == 0 &&
        !is_bad(entry, "client_ca")) {
        complain(problems, entry, "client_account",
                 "found where to look in certificates, but no client_ca to judge them by");
    }
}

static int take_proxies(const struct core_config *config, struct core_problems *problems,
                        const struct mansio_settings *entry, struct core_config_listener *out)
{
    size_t count = mansio_settings_count(entry, "proxy_from");
    struct core_network *list = mansio_arena_try_alloc(config->arena, (count + 1) * sizeof *list);
    if (list == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        struct mansio_str item = mansio_settings_item(entry, "proxy_from", i);
        if (core_network_parse(item, &list[out->proxy_count]) < 0) {
            core_problems_add(problems, core_settings_item_place(entry, "proxy_from", i),
                              "%.*s.proxy_from: %s", MANSIO_STR_ARG(entry->path),
                              mansio_error_detail());
        } else {
            out->proxy_count++;
        }
    }
    out->proxies = list;
    return 0;
}

int core_config_take_listener_tls(const struct core_config *config, struct core_problems *problems,
                                  const struct mansio_settings *entry,
                                  struct core_config_listener *out)
{
    out->settings = entry;
    out->tls = (uint32_t)mansio_settings_int(entry, "tls");
    take_certificate(config, problems, entry, out);
    take_clients(problems, entry, out);
    return take_proxies(config, problems, entry, out);
}
