/*
 * For the tests of logging in: a node in this process, with a directory of five people, two auth
 * modules that count how often they are asked, and sessions on conns whose TLS is the test's say.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_TESTING_H
#define MANSIO_CORE_HOST_LOGIN_TESTING_H

#include "core/host/account_testing.h" /* includes cmocka */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/login.h>
#include <mansio/protocol.h>
#include <mansio/stream.h>

#include "core/host/limit.h"
#include "core/host/limits.h"
#include "core/host/log.h"
#include "core/host/login.h"
#include "core/host/login_settings.h"
#include "core/host/login_channel.h"
#include "core/host/session.h"
#include "core/loop/fiber.h"
#include "core/net/conn.h"

/* ---- conns: these stand in for login_channel.c ---- */

static struct {
    int is_tls, is_unix;
    const char *server_name, *network;
    const char *exporter, *end_point;   /* binding data; NULL: it has none of that type */
    const struct mansio_str *addresses; /* of the peer's certificate */
    size_t address_count;
    int address_result;  /* of asking for them */
    uint32_t asked_from; /* where they were looked for */
    int64_t until_us;    /* when the certificate ends */
} channel;

int core_channel_is_tls(const struct mansio_conn *conn)
{
    (void)conn;
    return channel.is_tls;
}

int core_channel_is_unix(const struct mansio_conn *conn)
{
    (void)conn;
    return channel.is_unix;
}

struct mansio_str core_channel_server_name(const struct mansio_conn *conn)
{
    (void)conn;
    return mansio_str_from_cstr(channel.server_name);
}

int core_channel_peer(const struct mansio_conn *conn, struct core_network *out)
{
    (void)conn;
    return core_network_of_ip(mansio_str_from_cstr(channel.is_unix ? "unix" : channel.network),
                              out);
}

void core_channel_limit_peer(const struct mansio_conn *conn, struct core_limit_peer *out)
{
    (void)conn;
    *out = (struct core_limit_peer){.is_exempt = channel.is_unix,
                                    .address = mansio_str_from_cstr(channel.network)};
    if (core_network_of_ip(out->address, &out->network) == 0) {
        core_network_widen(&out->network, 24);
    }
}

int core_channel_binding(const struct mansio_conn *conn, struct mansio_str type,
                         struct mansio_arena *arena, struct mansio_str *out)
{
    const char *data = mansio_str_eq(type, MANSIO_STR("tls-exporter"))           ? channel.exporter
                       : mansio_str_eq(type, MANSIO_STR("tls-server-end-point")) ? channel.end_point
                                                                                 : NULL;
    (void)conn;
    return data == NULL ? MANSIO_E_UNSUPPORTED
                        : mansio_arena_copy(arena, mansio_str_from_cstr(data), out);
}

int core_channel_peer_addresses(const struct mansio_conn *conn, uint32_t from,
                                struct mansio_arena *arena, const struct mansio_str **out,
                                size_t *out_count)
{
    (void)conn;
    (void)arena;
    channel.asked_from = from;
    *out = channel.addresses;
    *out_count = channel.address_count;
    return channel.address_result;
}

int64_t core_channel_peer_until_us(const struct mansio_conn *conn)
{
    (void)conn;
    return channel.until_us;
}

/* ---- the directory ---- */

/* Whoever is asked for suspends once, as a directory does. */
static struct {
    int result;   /* of the next calls; 0: find */
    int logins;   /* how often login() was asked */
    int defaults; /* and login_defaults() */
    int upgrades; /* and credential_upgrade() */
    int anew;     /* and login_anew(), of them */
    int anew_result;
    const char *remembered; /* what login() says that members have stored; NULL: the truth */
    int upgrade_result;
    uint32_t is_scram_ready;
    uint64_t version; /* of credentials */
    const char *gone; /* a local part that nobody has any more */
    char asked[128];
    char was[64], became[64]; /* of the last upgrade */
} people;

static const struct {
    const char *local, *stored, *app; /* app: an app password's */
    uint32_t state;
} persons[] = {
    {"user", "{ONE}pencil", NULL, MANSIO_STATE_ACTIVE},
    {"apps", "{ONE}secret", "{ONE}app", MANSIO_STATE_ACTIVE},
    {"other", "{TWO}secret", NULL, MANSIO_STATE_ACTIVE},
    {"odd", "{ODD}secret", NULL, MANSIO_STATE_ACTIVE},
    {"held", "{ONE}secret", NULL, MANSIO_STATE_SUSPENDED},
    {"shut", "{ONE}secret", NULL, MANSIO_STATE_CLOSED},
    {"old", "{ONE}upgrade-me", NULL, MANSIO_STATE_ACTIVE},
};

static int fake_credential(struct mansio_arena *arena, uint64_t id, const char *stored,
                           struct mansio_credential **out)
{
    struct mansio_credential *credential = mansio_arena_alloc(arena, sizeof *credential);
    *credential = (struct mansio_credential){.size = sizeof *credential,
                                             .id = id,
                                             .kind = id % 10 == 0 ? MANSIO_CREDENTIAL_MAIN
                                                                  : MANSIO_CREDENTIAL_APP,
                                             .stored = mansio_str_from_cstr(stored),
                                             .version = people.version};
    *out = credential;
    return 1;
}

static int fake_find(struct mansio_instance *instance, struct mansio_str local,
                     struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_login *out)
{
    (void)instance;
    (void)deadline_us;
    people.logins++;
    snprintf(people.asked, sizeof people.asked, "%.*s@%.*s", MANSIO_STR_ARG(local),
             MANSIO_STR_ARG(domain));
    int rc = mansio_fiber_yield();
    if (rc < 0 || people.result < 0) {
        return rc < 0 ? rc : people.result;
    }
    out->decoy = MANSIO_STR("0123456789abcdef0123456789abcdef");
    for (size_t i = 0; i < MANSIO_COUNT(persons); i++) {
        if (!mansio_str_eq(local, mansio_str_from_cstr(persons[i].local)) ||
            (people.gone != NULL && mansio_str_eq(local, mansio_str_from_cstr(people.gone))) ||
            (domain.len > 0 && !mansio_str_eq(domain, MANSIO_STR("alpha.test")))) {
            continue;
        }
        struct mansio_account_facts *facts = mansio_arena_alloc(arena, sizeof *facts);
        struct mansio_credential **list = mansio_arena_alloc(arena, 2 * sizeof(void *));
        struct mansio_str address;
        *facts = testing_facts(i + 1, "");
        CHECK(mansio_arena_printf(arena, &address, "%s@alpha.test", persons[i].local) == 0);
        facts->address = address;
        facts->state = persons[i].state;
        out->credential_count =
            (size_t)fake_credential(arena, i * 10 + 10, persons[i].stored, &list[0]);
        if (persons[i].app != NULL) {
            out->credential_count +=
                (size_t)fake_credential(arena, i * 10 + 11, persons[i].app, &list[1]);
        }
        out->account = facts;
        out->credentials = (const struct mansio_credential *const *)list;
        out->is_scram_ready = people.is_scram_ready;
    }
    return 0;
}

static int fake_login(struct mansio_instance *instance, struct mansio_str local,
                      struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_login *out)
{
    int rc = fake_find(instance, local, domain, arena, deadline_us, out);
    if (rc == 0 && people.remembered != NULL && out->account != NULL) {
        struct mansio_credential *credential = NULL;
        const struct mansio_credential **list = mansio_arena_alloc(arena, sizeof *list);
        (void)fake_credential(arena, out->credentials[0]->id, people.remembered, &credential);
        list[0] = credential;
        out->credentials = list;
        out->credential_count = 1;
        out->is_remembered = 1;
    }
    return rc;
}

static int fake_login_anew(struct mansio_instance *instance, struct mansio_str local,
                           struct mansio_str domain, struct mansio_arena *arena,
                           int64_t deadline_us, struct mansio_login *out)
{
    people.anew++;
    return people.anew_result < 0 ? people.anew_result
                                  : fake_find(instance, local, domain, arena, deadline_us, out);
}

static int fake_defaults(struct mansio_instance *instance, struct mansio_str domain,
                         struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    (void)instance;
    (void)arena;
    (void)deadline_us;
    people.defaults++;
    int rc = mansio_fiber_yield();
    if (rc < 0 || people.result < 0) {
        return rc < 0 ? rc : people.result;
    }
    out->is_ours = mansio_str_eq(domain, MANSIO_STR("alpha.test"));
    out->is_scram_ready = out->is_ours && people.is_scram_ready;
    out->decoy = MANSIO_STR("fedcba9876543210fedcba9876543210");
    return 0;
}

static int fake_upgrade(struct mansio_instance *instance,
                        const struct mansio_account_facts *account, uint64_t credential_id,
                        struct mansio_str was, struct mansio_str stored, int64_t deadline_us)
{
    (void)instance;
    (void)deadline_us;
    CHECK(mansio_str_eq(account->address, MANSIO_STR("old@alpha.test")) && credential_id == 70);
    people.upgrades++;
    snprintf(people.was, sizeof people.was, "%.*s", MANSIO_STR_ARG(was));
    snprintf(people.became, sizeof people.became, "%.*s", MANSIO_STR_ARG(stored));
    int rc = mansio_fiber_yield();
    return rc < 0 ? rc : people.upgrade_result;
}

static int fake_route(struct mansio_instance *instance, struct mansio_str local,
                      struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_route *out)
{
    (void)instance;
    (void)local;
    (void)domain;
    (void)arena;
    (void)deadline_us;
    (void)out;
    return MANSIO_E_NOT_FOUND;
}

/* ---- auth modules: the first knows {ONE}, the second {TWO} ---- */

static struct {
    int one, two;       /* how often each was asked for a password */
    int one_nobody;     /* and of these, for nobody's */
    int keys;           /* how often for keys */
    int result;         /* of the first, if not 0 */
    int lets_nobody_in; /* a broken module */
    int64_t slow_us;    /* how long the first takes */
    int others_fail;    /* so many tries with user's name that end while one is judged */
} judges;

static int judge(const struct mansio_login *login, const char *scheme, struct mansio_str password,
                 struct mansio_auth_result *out)
{
    struct mansio_str prefix = mansio_str_from_cstr(scheme);
    int is_known = 0;
    for (size_t i = 0; i < login->credential_count; i++) {
        const struct mansio_credential *credential = login->credentials[i];
        if (!mansio_str_starts(credential->stored, prefix)) {
            continue;
        }
        is_known = 1;
        if (mansio_str_eq(mansio_str_sub(credential->stored, prefix.len, SIZE_MAX), password)) {
            out->credential_id = credential->id;
            out->kind = credential->kind;
            if (mansio_str_eq(password, MANSIO_STR("upgrade-me"))) {
                out->upgrade = MANSIO_STR("{ONE}better");
            }
            return 0;
        }
    }
    return is_known ? MANSIO_E_DENIED : MANSIO_E_UNSUPPORTED;
}

static int judge_one(struct mansio_instance *instance, const struct mansio_login *login,
                     struct mansio_str password, struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_auth_result *out)
{
    (void)instance;
    (void)arena;
    (void)deadline_us;
    CHECK(password.len > 0);
    judges.one++;
    judges.one_nobody += login->account == NULL;
    int rc = mansio_fiber_yield();
    if (rc < 0 || judges.result < 0) {
        return rc < 0 ? rc : judges.result;
    }
    for (int64_t from_us = mansio_now_us(); mansio_now_us() - from_us < judges.slow_us;) {
    }
    for (int i = 0; i < judges.others_fail; i++) {
        const struct core_throttle_who who = {.address = mansio_str_from_cstr(channel.network),
                                              .account = MANSIO_STR("user@alpha.test")};
        (void)core_throttle_count(core_login_throttle(), &who);
    }
    if (login->account == NULL) {
        CHECK(login->credential_count == 0);
        return judges.lets_nobody_in ? 0 : MANSIO_E_DENIED;
    }
    return judge(login, "{ONE}", password, out);
}

static int judge_two(struct mansio_instance *instance, const struct mansio_login *login,
                     struct mansio_str password, struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_auth_result *out)
{
    (void)instance;
    (void)arena;
    (void)deadline_us;
    judges.two++;
    int rc = mansio_fiber_yield();
    return rc < 0 ? rc : judge(login, "{TWO}", password, out);
}

static int (*fake_keys_fn)(const struct mansio_login *login, struct mansio_arena *arena,
                           const struct mansio_scram_keys *const **out, size_t *out_count);

static int fake_keys(struct mansio_instance *instance, const struct mansio_login *login,
                     struct mansio_str name, struct mansio_arena *arena,
                     const struct mansio_scram_keys *const **out, size_t *out_count)
{
    (void)instance;
    (void)name;
    judges.keys++;
    return fake_keys_fn != NULL ? fake_keys_fn(login, arena, out, out_count) : MANSIO_E_UNSUPPORTED;
}

/* ---- the node ---- */

static struct mansio_directory fake_directory = {.size = sizeof fake_directory,
                                                 .route = fake_route,
                                                 .login = fake_login,
                                                 .login_defaults = fake_defaults,
                                                 .login_anew = fake_login_anew,
                                                 .credential_upgrade = fake_upgrade};
static const struct mansio_store fake_store = {.size = sizeof fake_store};
static const struct mansio_auth fake_one = {
    .size = sizeof fake_one, .check_password = judge_one, .scram_keys = fake_keys};
static const struct mansio_auth fake_two = {.size = sizeof fake_two, .check_password = judge_two};

static struct set node;
static struct core_config_listener node_listener;
static char node_log[32768];
static int node_log_fd = -1;

/* Everything as it is by default: a conn with TLS from 192.0.2.1, no limits, no delay. */
static inline int node_setup(void **state)
{
    (void)state;
    memset(&people, 0, sizeof people);
    memset(&judges, 0, sizeof judges);
    memset(&channel, 0, sizeof channel);
    testing_failures = 0;
    fake_keys_fn = NULL;
    channel.is_tls = 1;
    channel.network = "192.0.2.1";
    core_limits_forget();
    core_sessions_init(8, 1);
    set_new(&node);
    struct mansio_instance *pg = set_offer(&node, "pg", MANSIO_DIRECTORY, &fake_directory);
    CHECK(mansio_interface_provide(pg, MANSIO_STORE, 1, &fake_store) == 0);
    set_offer(&node, "one", MANSIO_AUTH, &fake_one);
    set_offer(&node, "two", MANSIO_AUTH, &fake_two);
    node_listener = (struct core_config_listener){.name = MANSIO_STR("pop")};
    node.config.listeners = &node_listener;
    node.config.listener_count = 1;
    node.config.login.window_us = 60 * MANSIO_SECOND;
    char path[] = "/tmp/mansio-log-XXXXXX";
    node_log_fd = mkstemp(path);
    CHECK(unlink(path) == 0);
    const struct core_log_options options = {
        .format = CORE_LOG_LOGFMT, .level = MANSIO_LOG_INFO, .fd = node_log_fd, .process = "test"};
    core_log_configure(&options);
    return set_init(&node) == 0 && core_login_configure(&node.config) == 0 && node_log_fd >= 0 ? 0
                                                                                               : -1;
}

static inline int node_teardown(void **state)
{
    (void)state;
    const struct core_log_options options = {
        .format = CORE_LOG_LOGFMT, .level = MANSIO_LOG_INFO, .fd = STDERR_FILENO};
    core_log_configure(&options);
    close(node_log_fd);
    core_login_fini();
    set_free(&node);
    return 0;
}

/* All log lines since the last call. */
static inline const char *node_log_text(void)
{
    ssize_t len = pread(node_log_fd, node_log, sizeof node_log - 1, 0);
    node_log[len > 0 ? len : 0] = '\0';
    CHECK(ftruncate(node_log_fd, 0) == 0);
    CHECK(lseek(node_log_fd, 0, SEEK_SET) == 0);
    return node_log;
}

/* ---- a session ---- */

static int (*node_body)(struct mansio_session *session);
static int node_result;
static struct mansio_fiber *node_fiber; /* that runs the body */
static void (*node_on_suspend)(struct mansio_fiber *fiber);

static int node_serve(struct mansio_instance *of, struct mansio_session *session)
{
    (void)of;
    return node_body(session);
}

static const struct mansio_protocol node_protocol = {
    .size = sizeof node_protocol, .service = "pop3", .serve = node_serve};

static int node_serve_conn(void *arg)
{
    struct mansio_conn *conn = arg;
    node_result = core_session_serve(conn, &node.instances[0], &node_protocol, MANSIO_STR_NONE);
    core_conn_abort(conn);
    return 0;
}

/* In a fiber: run a body in a session of its own, to its end. What it returned. */
static inline int serve_one(int (*body)(struct mansio_session *session))
{
    int ends[2];
    const struct core_address address = {.len = sizeof(sa_family_t), .u.any.sa_family = AF_UNIX};
    const struct core_conn_options options = {
        .listener = MANSIO_STR("pop"), .arena_cap_bytes = 1 << 20, .peer = &address};
    struct core_conn_options with_fd = options;
    struct mansio_conn *conn = NULL;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    with_fd.fd = ends[0];
    CHECK(core_conn_new(&with_fd, &conn) == 0);
    node_body = body;
    CHECK(mansio_group_spawn(testing_group, "conn", node_serve_conn, conn, &node_fiber) == 0);
    CHECK(mansio_fiber_join(node_fiber, MANSIO_NEVER, NULL) == 0);
    close(ends[1]);
    CHECK(core_sessions_count() == 0);
    return node_result;
}

static int node_serve_root(void *arg)
{
    (void)arg;
    core_scheduler.on_suspend = node_on_suspend;
    (void)serve_one(node_body);
    core_scheduler.on_suspend = NULL;
    return 0;
}

/* From a test: the same, in a loop of its own. */
static inline int run_session(int (*body)(struct mansio_session *session))
{
    node_body = body;
    run_fiber(node_serve_root, NULL);
    return node_result;
}

#endif
