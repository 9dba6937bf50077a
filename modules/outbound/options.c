/*
 * From settings to options: see options.h.
 */
#include "options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "route.h"

enum { OPTIONS_ROOM = 16 << 20 };

struct reading {
    struct mansio_arena *arena;
    const struct mansio_settings *all;
    struct ob_options *options;
};

static size_t read_size(const struct reading *r, const char *name)
{
    return (size_t)mansio_settings_int(r->all, name);
}

static int read_hostname(const struct reading *r)
{
    char machine[OB_HOSTNAME_MAX + 1] = "";
    struct mansio_str name = mansio_settings_str(r->all, "hostname");
    struct mansio_str normal = MANSIO_STR_NONE;

    if (name.len == 0) {
        if (gethostname(machine, sizeof machine - 1) < 0) {
            int err = errno;
            return mansio_fail(MANSIO_E_IO, "gethostname: %s", strerror(err));
        }
        name = mansio_str_from_cstr(machine);
    }
    if (mansio_domain_normalize(r->arena, name, &normal) < 0 || normal.len > OB_HOSTNAME_MAX) {
        return mansio_settings_fail(r->all, "hostname", "found \"%.*s\", expected a domain name",
                                    MANSIO_STR_ARG(name));
    }
    memcpy(r->options->hostname, normal.ptr, normal.len);
    r->options->hostname[normal.len] = '\0';
    return 0;
}

static int read_names(const struct reading *r)
{
    size_t count = mansio_settings_count(r->all, "own_names");
    struct mansio_str *names = mansio_arena_try_alloc(r->arena, (count + 1) * sizeof *names);

    if (names == NULL) {
        return MANSIO_E_LIMIT;
    }
    names[0] = mansio_str_from_cstr(r->options->hostname);
    for (size_t i = 0; i < count; i++) {
        struct mansio_str name = mansio_settings_item(r->all, "own_names", i);
        if (mansio_domain_normalize(r->arena, name, &names[i + 1]) < 0) {
            return mansio_settings_fail(r->all, "own_names",
                                        "found \"%.*s\", expected a domain name",
                                        MANSIO_STR_ARG(name));
        }
    }
    r->options->own_names = names;
    r->options->own_name_count = count + 1;
    return 0;
}

static int read_addresses(const struct reading *r)
{
    size_t count = mansio_settings_count(r->all, "own_addresses");
    struct mansio_str *list = mansio_arena_try_alloc(r->arena, (count + 1) * sizeof *list);
    int rc = list != NULL ? 0 : MANSIO_E_LIMIT;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct mansio_str address = mansio_settings_item(r->all, "own_addresses", i);
        if (!ob_is_own_address(address, &address, 1)) {
            return mansio_settings_fail(r->all, "own_addresses",
                                        "found \"%.*s\", expected an IP address",
                                        MANSIO_STR_ARG(address));
        }
        rc = mansio_arena_copy(r->arena, address, &list[i]);
    }
    r->options->own_addresses = list;
    r->options->own_address_count = count;
    return rc;
}

static int read_retry(const struct reading *r)
{
    static const int64_t usual_min[] = {5, 10, 20, 40, 60, 120, 240};
    struct ob_schedule *schedule = &r->options->schedule;
    size_t count = mansio_settings_count(r->all, "retry");

    for (size_t i = 0; i < count; i++) {
        if (ob_duration_parse(mansio_settings_item(r->all, "retry", i), &schedule->waits_us[i]) <
                0 ||
            schedule->waits_us[i] <= 0) {
            return mansio_settings_fail(r->all, "retry",
                                        "found \"%.*s\", expected a wait such "
                                        "as 5m",
                                        MANSIO_STR_ARG(mansio_settings_item(r->all, "retry", i)));
        }
    }
    schedule->count = count;
    for (size_t i = 0; count == 0 && i < MANSIO_COUNT(usual_min); i++) {
        schedule->waits_us[i] = usual_min[i] * 60 * MANSIO_SECOND;
        schedule->count = i + 1;
    }
    schedule->give_up_us = mansio_settings_int(r->all, "give_up");
    schedule->delay_us = mansio_settings_int(r->all, "delay_report");
    return 0;
}

/* What smart_host and a route have in common. */
static int read_relay(const struct reading *r, const struct mansio_settings *section,
                      struct mansio_str name, struct ob_relay *out)
{
    const struct mansio_secret *password = mansio_settings_secret(section, "password");
    int rc;

    out->port = (uint32_t)mansio_settings_int(section, "port");
    out->tls = (uint32_t)mansio_settings_int(section, "tls");
    out->is_tls_first = mansio_settings_int(section, "implicit_tls") != 0;
    rc = mansio_arena_copy(r->arena, name, &out->name);
    rc =
        rc < 0 ? rc : mansio_arena_copy(r->arena, mansio_settings_str(section, "host"), &out->host);
    rc =
        rc < 0 ? rc : mansio_arena_copy(r->arena, mansio_settings_str(section, "user"), &out->user);
    if (rc == 0 && out->user.len > 0 && password == NULL) {
        return mansio_settings_fail(section, "password", "a user needs one");
    }
    if (rc == 0 && out->is_tls_first && out->tls < OB_TLS_ENCRYPT) {
        return mansio_settings_fail(section, "tls", "with implicit_tls: encrypt or verify");
    }
    if (rc == 0 && out->user.len > 0 && out->tls < OB_TLS_ENCRYPT) {
        return mansio_settings_fail(section, "tls", "with a password: encrypt or verify");
    }
    return rc == 0 && password != NULL
               ? mansio_secret_new(r->arena, mansio_secret_bytes(password), &out->password)
               : rc;
}

static int read_smart_host(const struct reading *r)
{
    const struct mansio_settings *section = mansio_settings_section(r->all, "smart_host");
    struct ob_relay *relay = mansio_arena_alloc(r->arena, sizeof *relay);

    if (mansio_settings_str(section, "host").len == 0) {
        return 0;
    }
    r->options->smart_host = relay;
    return read_relay(r, section, MANSIO_STR("smart_host"), relay);
}

static int read_domain(const struct reading *r, const struct mansio_settings *section, size_t index,
                       struct ob_domain *out)
{
    struct mansio_str name = mansio_settings_item(section, "domains", index);
    int rc;

    out->is_below = mansio_str_starts(name, MANSIO_STR("."));
    if (mansio_str_starts(name, MANSIO_STR("["))) {
        rc = mansio_arena_copy(r->arena, name, &out->name);
    } else {
        rc = mansio_domain_normalize(
            r->arena, mansio_str_sub(name, out->is_below ? 1 : 0, SIZE_MAX), &out->name);
    }
    return rc < 0 ? mansio_settings_fail(section, "domains",
                                         "found \"%.*s\", expected a domain, or .domain",
                                         MANSIO_STR_ARG(name))
                  : 0;
}

static int read_routes(const struct reading *r)
{
    size_t routes = mansio_settings_count(r->all, "routes");
    size_t count = 0;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < routes; i++) {
        count += mansio_settings_count(mansio_settings_entry(r->all, "routes", i, NULL), "domains");
    }
    struct ob_domain *domains = mansio_arena_try_alloc(r->arena, (count + 1) * sizeof *domains);
    if (domains == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < routes; i++) {
        struct mansio_str name = MANSIO_STR_NONE;
        const struct mansio_settings *section = mansio_settings_entry(r->all, "routes", i, &name);
        struct ob_relay *relay = mansio_arena_alloc(r->arena, sizeof *relay);
        rc = read_relay(r, section, name, relay);
        relay->port = relay->port != 0 ? relay->port : r->options->by_dns.port;
        for (size_t j = 0; rc == 0 && j < mansio_settings_count(section, "domains"); j++) {
            domains[n].relay = relay;
            rc = read_domain(r, section, j, &domains[n++]);
        }
    }
    r->options->domains = domains;
    r->options->domain_count = n;
    return rc;
}

static void read_timeouts(const struct reading *r)
{
    const struct mansio_settings *section = mansio_settings_section(r->all, "timeouts");
    r->options->timeouts = (struct ob_timeouts){
        .connect_us = mansio_settings_int(section, "connect"),
        .greeting_us = mansio_settings_int(section, "greeting"),
        .hello_us = mansio_settings_int(section, "hello"),
        .mail_us = mansio_settings_int(section, "mail"),
        .recipient_us = mansio_settings_int(section, "recipient"),
        .data_us = mansio_settings_int(section, "data"),
        .block_us = mansio_settings_int(section, "block"),
        .end_us = mansio_settings_int(section, "end"),
        .quit_us = mansio_settings_int(section, "quit"),
        .lookup_us = mansio_settings_int(section, "lookup"),
        .store_us = mansio_settings_int(section, "store"),
    };
}

static void read_numbers(const struct reading *r)
{
    struct ob_options *options = r->options;

    options->by_dns.port = (uint32_t)mansio_settings_int(r->all, "port");
    options->by_dns.tls = (uint32_t)mansio_settings_int(r->all, "tls");
    options->family = (uint32_t)mansio_settings_int(r->all, "ip");
    options->may_loop_back = mansio_settings_int(r->all, "loopback") != 0;
    options->connections_max = read_size(r, "connections");
    options->destination_max = read_size(r, "destination_connections");
    options->recipients_max = read_size(r, "recipients");
    options->messages_max = read_size(r, "messages");
    options->addresses_max = read_size(r, "addresses");
    options->claim_max = read_size(r, "claim");
    options->held_max = read_size(r, "hold");
    options->claim_us = mansio_settings_int(r->all, "claim_time");
    options->dead_us = mansio_settings_int(r->all, "dead_time");
    options->dead_max_us = mansio_settings_int(r->all, "dead_time_max");
    options->sends_8bit = mansio_settings_int(r->all, "eight_bit") != 0;
    options->returned_max = (uint64_t)mansio_settings_int(r->all, "report_size");
    options->tells_postmaster = mansio_settings_int(r->all, "double_bounce") != 0;
}

int ob_options_read(struct mansio_instance *instance, struct ob_options **out)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "outbound options", OPTIONS_ROOM);
    struct ob_options *options = mansio_arena_alloc(arena, sizeof *options);
    const struct reading r = {arena, mansio_instance_settings(instance), options};

    options->arena = arena;
    options->users = 1;
    read_numbers(&r);
    read_timeouts(&r);
    int rc = read_hostname(&r);
    rc = rc < 0 ? rc : read_names(&r);
    rc = rc < 0 ? rc : read_addresses(&r);
    rc = rc < 0 ? rc : read_retry(&r);
    rc = rc < 0 ? rc : read_smart_host(&r);
    rc = rc < 0 ? rc : read_routes(&r);
    rc = rc < 0
             ? rc
             : mansio_arena_copy(arena, mansio_settings_str(r.all, "ca_file"), &options->ca_file);
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    *out = options;
    return 0;
}

struct ob_options *ob_options_use(struct ob_options *options)
{
    options->users++;
    return options;
}

void ob_options_leave(struct ob_options *options)
{
    if (options != NULL && --options->users == 0) {
        mansio_arena_free(options->arena);
    }
}

const struct ob_relay *ob_options_relay(const struct ob_options *options, struct mansio_str domain)
{
    for (size_t i = 0; i < options->domain_count; i++) {
        const struct ob_domain *one = &options->domains[i];
        if (!one->is_below && mansio_str_ieq(domain, one->name)) {
            return one->relay;
        }
        if (one->is_below && domain.len > one->name.len + 1 &&
            domain.ptr[domain.len - one->name.len - 1] == '.' &&
            mansio_str_ieq(mansio_str_sub(domain, domain.len - one->name.len, SIZE_MAX),
                           one->name)) {
            return one->relay;
        }
    }
    return options->smart_host != NULL ? options->smart_host : &options->by_dns;
}
