/*
 * Offers: the ways in that listeners make, judged for somebody, or for a domain. See offers.h and
 * <mansio/discovery.h>.
 *
 * Owns what it noted of the configuration. What is offered is what the gate would let in: the same
 * words, judged by the same function, for who asks from where he asks.
 */
#include "core/host/offers.h"

#include <string.h>

#include <mansio/account.h>
#include <mansio/auth.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/account.h"
#include "core/host/gate.h"
#include "core/host/login.h"
#include "core/host/login_channel.h"
#include "core/host/sasl.h"
#include "core/host/standing_domain.h"
#include "core/net/domain.h"
#include "core/net/tls.h"

enum {
    MECHANISMS_MAX = CORE_SASL_COUNT + 1, /* and PASSWORD */
    NAMES_MAX = 256,
};

/* A way in: a listener's address. Texts live in the table's arena. */
struct way {
    struct mansio_str protocol, service, host;
    uint32_t port;
    uint32_t tls;          /* enum mansio_offer_tls */
    uint32_t mechanisms;   /* bits by enum core_sasl_id that could be used there */
    uint32_t has_password; /* a name and a password without SASL */
};

/* One a process. */
static struct {
    struct mansio_arena *arena;
    struct way *ways; /* best first */
    size_t count;
} table;

/* ---- what the configuration makes ----------------------------------------------------------- */

/* Protocols that know passwords in SASL alone. */
static const struct mansio_str sasl_alone[] = {MANSIO_STR("submission"), MANSIO_STR("smtp"),
                                               MANSIO_STR("lmtp")};

static int is_sasl_alone(struct mansio_str protocol)
{
    int is = 0;
    for (size_t i = 0; i < MANSIO_COUNT(sasl_alone); i++) {
        is |= mansio_str_eq(sasl_alone[i], protocol);
    }
    return is;
}

static uint32_t allowed_mechanisms(const struct core_config_listener *row)
{
    uint32_t bits = row->mechanism_count == 0 ? (1U << CORE_SASL_COUNT) - 1 : 0;
    for (size_t i = 0; i < row->mechanism_count; i++) {
        const struct core_sasl_facts *facts = core_sasl_find(row->mechanisms[i]);
        bits |= facts != NULL ? 1U << facts->id : 0;
    }
    return bits;
}

/* Could this mechanism be used there, with TLS if the listener has it? */
static int is_usable(const struct core_config_listener *row, const struct core_sasl_facts *facts)
{
    int has_tls = row->tls != CORE_TLS_OFF;
    if ((facts->flags & CORE_SASL_PASSWORD) != 0 && !has_tls && !row->is_plaintext_login) {
        return 0;
    }
    if ((facts->flags & CORE_SASL_BINDING) != 0 && !has_tls) {
        return 0;
    }
    return (facts->flags & CORE_SASL_CERTIFICATE) == 0 ||
           (has_tls && row->client_certificate != CORE_TLS_CLIENT_OFF && row->client_ca.len > 0);
}

static uint32_t bound_port(const struct core_address *address)
{
    switch (address->u.any.sa_family) {
    case AF_INET:
        return ntohs(address->u.ipv4.sin_port);
    case AF_INET6:
        return ntohs(address->u.ipv6.sin6_port);
    default:
        return 0;
    }
}

static int is_same(const struct way *a, const struct way *b)
{
    return a->port == b->port && a->tls == b->tls && a->mechanisms == b->mechanisms &&
           a->has_password == b->has_password && mansio_str_eq(a->protocol, b->protocol) &&
           mansio_str_eq(a->service, b->service) && mansio_str_eq(a->host, b->host);
}

/* By TLS, else as listeners stand in the configuration; the two addresses of one are one way. */
static void add_way(const struct way *way)
{
    size_t at = table.count;
    for (size_t i = 0; i < table.count; i++) {
        if (is_same(&table.ways[i], way)) {
            return;
        }
    }
    while (at > 0 && table.ways[at - 1].tls < way->tls) {
        table.ways[at] = table.ways[at - 1];
        at--;
    }
    table.ways[at] = *way;
    table.count++;
}

static int take_listener(const struct core_config_listener *row, struct core_modules *modules)
{
    struct mansio_protocol protocol;
    struct way way = {.port = row->advertise_port != 0 ? row->advertise_port
                                                       : bound_port(&row->address)};
    if (!row->is_advertised || row->address.u.any.sa_family == AF_UNIX || way.port == 0) {
        return 0;
    }
    struct mansio_instance *instance = core_modules_find(modules, row->instance);
    if (instance == NULL || core_instance_protocol(instance, &protocol) < 0) {
        return 0; /* it is refused where listeners are opened */
    }
    way.protocol = mansio_str_from_cstr(protocol.service);
    way.service = row->service.len > 0 ? row->service : way.protocol;
    way.tls = row->tls == CORE_TLS_IMPLICIT   ? MANSIO_OFFER_IMPLICIT
              : row->tls == CORE_TLS_STARTTLS ? MANSIO_OFFER_STARTTLS
                                              : MANSIO_OFFER_PLAIN;
    uint32_t allowed = allowed_mechanisms(row);
    for (size_t i = 0; i < CORE_SASL_COUNT; i++) {
        const struct core_sasl_facts *facts = &core_sasl_table[i];
        if ((allowed & 1U << facts->id) != 0 && is_usable(row, facts)) {
            way.mechanisms |= 1U << facts->id;
            way.has_password |= (facts->flags & CORE_SASL_PASSWORD) != 0;
        }
    }
    way.has_password &= !is_sasl_alone(way.protocol);
    int rc = mansio_arena_copy(table.arena, way.protocol, &way.protocol);
    rc = rc < 0 ? rc : mansio_arena_copy(table.arena, way.service, &way.service);
    rc = rc < 0 ? rc : mansio_arena_copy(table.arena, row->advertise_host, &way.host);
    if (rc == 0) {
        add_way(&way);
    }
    return rc;
}

int core_offers_configure(const struct core_config *config, struct core_modules *modules)
{
    int rc = 0;
    core_offers_fini();
    table.arena = mansio_arena_new(NULL, "offers", 0);
    table.ways =
        mansio_arena_try_alloc(table.arena, (config->listener_count + 1) * sizeof *table.ways);
    if (table.ways == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < config->listener_count; i++) {
        rc = take_listener(&config->listeners[i], modules);
    }
    return rc;
}

void core_offers_fini(void)
{
    mansio_arena_free(table.arena);
    table.arena = NULL;
    table.ways = NULL;
    table.count = 0;
    core_domain_standings_forget();
}

/* ---- judging -------------------------------------------------------------------------------- */

struct asking {
    struct mansio_session *session;
    struct mansio_arena *arena;
    const struct core_policy *policy;     /* NULL: nobody tells words; all is allowed */
    const struct core_standing *standing; /* of who asks; NULL: nobody's, or nobody tells it */
    struct core_network peer;
    uint32_t is_scram_ready;
};

/* Names of what can be used there, best first. */
static size_t list_mechanisms(const struct asking *asking, const struct way *way,
                              struct mansio_str out[MECHANISMS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < CORE_SASL_COUNT; i++) {
        const struct core_sasl_facts *facts = &core_sasl_table[i];
        if ((way->mechanisms & 1U << facts->id) != 0 &&
            ((facts->flags & CORE_SASL_SCRAM) == 0 || asking->is_scram_ready)) {
            out[count++] = facts->name;
        }
    }
    if (way->has_password) {
        out[count++] = MANSIO_STR("PASSWORD");
    }
    return count;
}

/* The service as such, by whatever way there is in @p mechanisms. */
static int is_allowed(const struct asking *asking, struct mansio_str service, int is_protected,
                      const struct mansio_str *mechanisms, size_t count)
{
    const struct core_policy_facts facts = {
        .service = service,
        .peer = asking->peer,
        .is_protected = is_protected,
        .mechanism = MANSIO_STR_NONE,
        .mechanisms = mechanisms,
        .mechanism_count = count,
        .now_us = mansio_wall_us(),
    };
    struct core_policy_verdict verdict;
    if (asking->policy == NULL) {
        return 1;
    }
    core_policy_judge(asking->policy, &facts, &verdict);
    return verdict.is_allowed;
}

/* A name for each mechanism that words would still allow, in one text. Empty: none. */
static int print_mechanisms(const struct asking *asking, const struct way *way,
                            struct mansio_str *out)
{
    struct mansio_str names[MECHANISMS_MAX];
    size_t count = list_mechanisms(asking, way, names);
    struct mansio_buf *text = mansio_buf_new(asking->arena, NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!is_allowed(asking, way->service, way->tls != MANSIO_OFFER_PLAIN, &names[i], 1)) {
            continue;
        }
        if (mansio_buf_str(text).len > 0) {
            (void)mansio_buf_add_char(text, ' ');
        }
        (void)mansio_buf_add(text, names[i]);
    }
    *out = mansio_buf_str(text);
    return mansio_buf_status(text);
}

/* Whoever asks with an app password is set up with it: what that isn't for is of no use to him. */
static int is_served(const struct asking *asking, const struct way *way)
{
    return asking->standing == NULL ||
           core_gate_credential_serves(asking->standing, way->service,
                                       core_session_way(asking->session), mansio_wall_us());
}

static int list_offers(const struct asking *asking, struct mansio_offers *out)
{
    struct mansio_offer *offers =
        mansio_arena_try_alloc(asking->arena, (table.count + 1) * sizeof *offers);
    const struct mansio_offer **list =
        mansio_arena_try_alloc(asking->arena, (table.count + 1) * sizeof *list);
    if (offers == NULL || list == NULL) {
        return MANSIO_E_LIMIT;
    }
    out->offers = list;
    out->offer_count = 0;
    for (size_t i = 0; i < table.count; i++) {
        const struct way *way = &table.ways[i];
        struct mansio_str mechanisms;
        if (!is_served(asking, way)) {
            continue;
        }
        int rc = print_mechanisms(asking, way, &mechanisms);
        if (rc < 0) {
            return rc;
        }
        if (mechanisms.len == 0) {
            continue; /* nobody could log in there */
        }
        struct mansio_offer *offer = &offers[out->offer_count];
        *offer = (struct mansio_offer){.size = sizeof *offer,
                                       .protocol = way->protocol,
                                       .service = way->service,
                                       .host = way->host,
                                       .port = way->port,
                                       .tls = way->tls,
                                       .mechanisms = mechanisms};
        list[out->offer_count++] = offer;
    }
    return 0;
}

/* ---- who asks ------------------------------------------------------------------------------- */

static struct mansio_str domain_of(struct mansio_str address)
{
    size_t at = address.len;
    while (at > 0 && address.ptr[at - 1] != '@') { /* a quoted local part may have some, too */
        at--;
    }
    return mansio_str_sub(address, at, SIZE_MAX);
}

static int look_at_scram(struct asking *asking, struct mansio_str domain)
{
    return core_sasl_has_scram() ? core_login_domain_scram(domain, &asking->is_scram_ready) : 0;
}

static int offer_to_somebody(struct asking *asking, int64_t deadline_us, struct mansio_offers *out)
{
    const struct mansio_account_facts *account =
        mansio_account_facts(mansio_session_account(asking->session));
    int rc = mansio_arena_copy(asking->arena, account->address, &out->address);
    if (rc == 0) {
        out->domain = domain_of(out->address);
        rc = look_at_scram(asking, out->domain);
    }
    if (rc < 0 || core_gate_trust() == CORE_GATE_STATES) {
        return rc < 0 ? rc : list_offers(asking, out);
    }
    struct core_standing *standing = core_session_standing(asking->session);
    rc = core_gate_need(standing, deadline_us);
    if (rc < 0 || standing->state != MANSIO_STATE_ACTIVE) {
        return rc < 0 ? rc
                      : mansio_fail(MANSIO_E_DENIED, "an account that isn't active (any more)");
    }
    asking->standing = standing;
    asking->policy = standing->rules->policy;
    return list_offers(asking, out);
}

/* A directory that tells no standings still knows which domains are ours. */
static int find_domain(struct mansio_arena *arena, struct mansio_str domain, int64_t deadline_us,
                       struct mansio_str *out)
{
    const struct core_directory *directory = core_directory_current();
    struct mansio_login login = {.size = sizeof login};
    if (directory == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no directory says which domains there are");
    }
    int rc =
        directory->table.login_defaults(directory->instance, domain, arena, deadline_us, &login);
    if (rc == 0 && !login.is_ours) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no domain of ours: %.*s", MANSIO_STR_ARG(domain));
    }
    *out = domain;
    return rc;
}

/* Any way at all will do for the service that is asked itself: whoever asks hasn't said how he
 * would log in there. */
static int is_own_service_allowed(const struct asking *asking)
{
    struct mansio_str names[MECHANISMS_MAX];
    const struct way any = {.mechanisms = (1U << CORE_SASL_COUNT) - 1, .has_password = 1};
    const struct mansio_conn *conn = core_session_conn(asking->session);
    int is_protected = core_channel_is_tls(conn) || core_channel_is_unix(conn);
    struct asking with_all = *asking;
    with_all.is_scram_ready = 1;
    size_t count = list_mechanisms(&with_all, &any, names);
    return is_allowed(asking, mansio_session_service(asking->session), is_protected, names, count);
}

static int offer_to_anybody(struct asking *asking, struct mansio_str written, int64_t deadline_us,
                            struct mansio_offers *out)
{
    struct mansio_str domain;
    struct core_domain_standing standing = {0};
    int rc = core_domain_normalize(asking->arena, written, 0, &domain);
    if (rc < 0) {
        /* Too long a name or label is nobody's either: asked again it would be no shorter. */
        return rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT
                   ? mansio_fail(MANSIO_E_NOT_FOUND, "no domain's name")
                   : rc;
    }
    /* First what may wait: what is told of a domain holds until then. */
    rc = look_at_scram(asking, domain);
    if (rc < 0) {
        return rc;
    }
    if (core_gate_trust() == CORE_GATE_STATES) {
        rc = find_domain(asking->arena, domain, deadline_us, &out->domain);
        return rc < 0 ? rc : list_offers(asking, out);
    }
    rc = core_domain_standing(domain, deadline_us, &standing);
    if (rc == 0) {
        rc = mansio_arena_copy(asking->arena, standing.name, &out->domain);
    }
    asking->policy = standing.policy;
    if (rc == 0 && !is_own_service_allowed(asking)) {
        rc = mansio_fail(MANSIO_E_DENIED, "%.*s is not to be had for %.*s from here",
                         MANSIO_STR_ARG(mansio_session_service(asking->session)),
                         MANSIO_STR_ARG(out->domain));
    }
    return rc < 0 ? rc : list_offers(asking, out);
}

int mansio_session_offers(struct mansio_session *session, struct mansio_arena *arena,
                          struct mansio_str domain, int64_t deadline_us, struct mansio_offers *out)
{
    struct mansio_offers offers = {.size = sizeof offers};
    struct asking asking = {.session = session, .arena = arena};
    int rc = core_channel_peer(core_session_conn(session), &asking.peer);
    if (rc < 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "nobody can tell where a session comes from");
    }
    rc = mansio_session_account(session) != NULL
             ? offer_to_somebody(&asking, deadline_us, &offers)
             : offer_to_anybody(&asking, domain, deadline_us, &offers);
    if (rc < 0) {
        return rc;
    }
    size_t size = out->size < sizeof offers ? out->size : sizeof offers;
    offers.size = size;
    memcpy(out, &offers, size);
    return 0;
}
