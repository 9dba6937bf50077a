/*
 * Asking DNS: see lookup.h.
 *
 * What DNS says there isn't is final: the domain has no mail. What it can't say now is tried again
 * (RFC 5321 5.1).
 */
#include "lookup.h"

#include <string.h>

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/resolver.h>
#include <mansio/str.h>
#include <mansio/time.h>

static int64_t deadline(const struct ob_path *path)
{
    return mansio_deadline_in(path->options->timeouts.lookup_us);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

void ob_path_failed(struct ob_path *path, const struct ob_outcome *fault)
{
    int is_passing = path->fault.kind == OB_DEFERRED;
    if (path->fault.kind == OB_UNTRIED || fault->kind == OB_DEFERRED || !is_passing) {
        /* Its texts may be a connection's, and end with it. */
        ob_outcome_set(&path->fault, path->arena, fault->kind, fault->status, fault->remote,
                       fault->reply, fault->reason);
    }
}

static void fail(struct ob_path *path, uint32_t kind, const char *status, struct mansio_str name,
                 const char *why)
{
    struct mansio_str reason = MANSIO_STR_NONE;
    struct ob_outcome fault;
    if (mansio_arena_printf(path->arena, &reason, "%.*s: %s", MANSIO_STR_ARG(name), why) < 0) {
        reason = MANSIO_STR_NONE;
    }
    ob_outcome_set(&fault, path->arena, kind, status, MANSIO_STR_NONE, MANSIO_STR_NONE, reason);
    ob_path_failed(path, &fault);
}

/* A question that wasn't answered. @return what ended it all, or 0 */
static int unanswered(struct ob_path *path, int code, struct mansio_str name)
{
    if (code == MANSIO_E_CANCELLED) {
        return code;
    }
    if (code == MANSIO_E_INVALID) {
        fail(path, OB_REFUSED, "5.1.2", name, "no domain name");
    } else {
        fail(path, OB_DEFERRED, "4.4.3", name, "DNS gives no answer");
    }
    return 0;
}

/* A domain of ours, whose mailboxes lie on another pool: its mail comes to us, and rightly so,
 * since who receives it there sends nothing on. @return 1, 0; MANSIO_E_CANCELLED */
static int check_ours(struct ob_path *path)
{
    struct mansio_recipient *recipient = NULL;
    int rc;

    if (path->is_ours || path->is_relay || mansio_str_starts(path->domain, MANSIO_STR("["))) {
        return 0;
    }
    rc = mansio_recipient_resolve(path->arena, MANSIO_STR("postmaster"), path->domain,
                                  ob_store_deadline(path->options), &recipient);
    if (rc == MANSIO_E_CANCELLED) {
        return rc;
    }
    path->is_ours = rc == 0 || rc == MANSIO_E_NOT_FOUND || rc == MANSIO_E_BUSY;
    if (!path->is_ours && rc != MANSIO_E_UNSUPPORTED) {
        fail(path, OB_DEFERRED, "4.3.0", path->domain, "can't find out whether it is ours");
    }
    return path->is_ours;
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static int read_mx(struct ob_path *path, struct mansio_str domain)
{
    struct mansio_dns_answer answer = {.size = sizeof answer};
    int rc = mansio_dns_query(path->arena, domain, MANSIO_DNS_MX, deadline(path), &answer);

    if (rc < 0) {
        rc = unanswered(path, rc, domain);
        return rc < 0 ? rc : MANSIO_E_NOT_FOUND;
    }
    ob_route_read(&answer, path->options->own_names, path->options->own_name_count,
                  ob_chance(&path->module->chance), &path->route);
    if (path->route.kind == OB_ROUTE_LOOP) {
        rc = check_ours(path);
        if (rc < 0) {
            return rc;
        }
        if (path->is_ours) {
            ob_route_read(&answer, NULL, 0, ob_chance(&path->module->chance), &path->route);
        }
    }
    switch (path->route.kind) {
    case OB_ROUTE_NULL: /* RFC 7505 4.1 */
        fail(path, OB_REFUSED, "5.1.10", domain, "the domain takes no mail (null MX)");
        return MANSIO_E_NOT_FOUND;
    case OB_ROUTE_UNKNOWN:
        fail(path, OB_REFUSED, "5.1.2", domain, "no such domain");
        return MANSIO_E_NOT_FOUND;
    case OB_ROUTE_LOOP:
        fail(path, OB_REFUSED, "5.4.6", domain, "its mail comes to us, and we don't have it");
        return MANSIO_E_NOT_FOUND;
    case OB_ROUTE_IMPLICIT:
        path->route.count = 1;
        path->route.hosts[0] = (struct ob_host){.name = domain};
        break;
    default:
        break;
    }
    return 0;
}

int ob_path_start(struct ob_path *path, struct mansio_arena *arena, struct ob_module *module,
                  const struct ob_options *options, const struct ob_relay *relay,
                  struct mansio_str domain)
{
    memset(path, 0, sizeof *path);
    path->arena = arena;
    path->module = module;
    path->options = options;
    path->domain = domain;
    if (relay->host.len > 0) {
        path->is_relay = 1;
        path->route.count = 1;
        path->route.hosts[0] = (struct ob_host){.name = relay->host};
        return 0;
    }
    if (mansio_str_starts(domain, MANSIO_STR("["))) {
        path->route.count = 1;
        path->route.hosts[0] = (struct ob_host){.name = domain};
        return 0;
    }
    return read_mx(path, domain);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static int is_own(const struct ob_path *path, struct mansio_str address)
{
    return !path->is_ours && ob_is_own_address(address, path->options->own_addresses,
                                               path->options->own_address_count);
}

/* Ourselves is nobody to send mail to. A relay that the settings name is meant. */
static void add_address(struct ob_path *path, struct mansio_str address, size_t *own)
{
    if (is_own(path, address)) {
        path->is_among_us = 1;
        ++*own;
    } else if (!path->options->may_loop_back && ob_is_loopback(address)) {
        ++*own;
    } else if (path->address_count < OB_ADDRESSES_MAX) {
        path->addresses[path->address_count++] = address;
    }
}

/* IPv6 and IPv4 in turn, each in the order of chance: so that one family that doesn't work costs
 * one try. */
static void mix(struct ob_path *path, struct mansio_dns_answer *six, struct mansio_dns_answer *four,
                size_t *own)
{
    size_t count = six->count > four->count ? six->count : four->count;
    size_t turn = count > 0 ? (size_t)(ob_chance(&path->module->chance) % count) : 0;
    for (size_t i = 0; i < count; i++) {
        if (i < six->count) {
            add_address(path, six->records[(i + turn) % six->count]->data, own);
        }
        if (i < four->count) {
            add_address(path, four->records[(i + turn) % four->count]->data, own);
        }
    }
}

static int ask(struct ob_path *path, struct mansio_str name, uint32_t type, uint32_t unless,
               struct mansio_dns_answer *out)
{
    *out = (struct mansio_dns_answer){.size = sizeof *out};
    return path->options->family == unless
               ? 0
               : mansio_dns_query(path->arena, name, type, deadline(path), out);
}

/* A name or a literal: its addresses. @return 0, also if there are none; MANSIO_E_CANCELLED */
static int read_addresses(struct ob_path *path, struct mansio_str name)
{
    struct mansio_dns_answer six, four;
    struct mansio_str literal = MANSIO_STR_NONE;
    size_t own = 0;
    int rc = 0;

    path->address = 0;
    path->address_count = 0;
    path->name = name;
    if (mansio_str_starts(name, MANSIO_STR("["))) {
        if (ob_literal_address(name, &literal) < 0) {
            fail(path, OB_REFUSED, "5.1.2", name, "no address");
        } else {
            add_address(path, literal, &own);
        }
    } else {
        int six_rc = ask(path, name, MANSIO_DNS_AAAA, OB_FAMILY_IPV4, &six);
        int four_rc = ask(path, name, MANSIO_DNS_A, OB_FAMILY_IPV6, &four);
        rc = six_rc < 0 ? six_rc : four_rc;
        six.count = six_rc < 0 ? 0 : six.count;
        four.count = four_rc < 0 ? 0 : four.count;
        mix(path, &six, &four, &own);
        if (rc == 0 && path->address_count == 0 && own > 0 && (rc = check_ours(path)) > 0) {
            own = 0;
            mix(path, &six, &four, &own);
        }
        if (rc == MANSIO_E_CANCELLED || (rc < 0 && path->address_count == 0)) {
            return unanswered(path, rc, name);
        }
    }
    if (path->is_among_us && !path->is_ours) {
        /* Hosts that are no nearer than we are would bring it back (RFC 5321 5.1): they come behind
         * this one. */
        path->host = path->route.count;
    }
    if (path->address_count == 0 && own > 0) {
        fail(path, OB_REFUSED, "5.4.6", name, "that is ourselves");
    } else if (path->address_count == 0 && path->fault.kind == OB_UNTRIED) {
        fail(path, OB_REFUSED, "5.4.4", name, "no such host, or one without address");
    }
    return 0;
}

/* What the settings name needs no DNS where it is an address, and may be ourselves. A name in DNS
 * that looks like an address is a name all the same: anybody can write "MX 10 127.0.0.1". */
static int read_host(struct ob_path *path, const struct ob_host *host)
{
    struct mansio_str literal = host->name;
    int is_address = mansio_str_find_char(literal, ':') >= 0;
    int is_digits = literal.len > 0;

    for (size_t i = 0; i < literal.len; i++) {
        is_digits &= (literal.ptr[i] >= '0' && literal.ptr[i] <= '9') || literal.ptr[i] == '.';
    }
    if (!path->is_relay || (!is_address && !is_digits)) {
        return read_addresses(path, host->name);
    }
    path->name = host->name;
    path->address = 0;
    path->address_count = 1;
    path->addresses[0] = literal;
    return 0;
}

int ob_path_next(struct ob_path *path, struct mansio_str *out_host, struct mansio_str *out_address)
{
    while (path->address == path->address_count) {
        if (path->host == path->route.count) {
            return MANSIO_E_NOT_FOUND;
        }
        int rc = read_host(path, &path->route.hosts[path->host++]);
        if (rc < 0) {
            return rc;
        }
    }
    if (path->tried++ == path->options->addresses_max) {
        return MANSIO_E_NOT_FOUND;
    }
    *out_host = path->name;
    *out_address = path->addresses[path->address++];
    return 0;
}
