/*
 * Logging in: one attempt from name to account. See login.h.
 *
 * What a stranger sees of a failure is one answer after one cost: whatever is wrong with a name, it
 * goes the way of a right one, to the directory, to the auth modules (as nobody's) and through the
 * wait. Reasons go to the log alone.
 */
#include "core/host/login.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/login.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/account.h"
#include "core/host/gate.h"
#include "core/host/last_use.h"
#include "core/host/limits.h"
#include "core/host/log.h"
#include "core/host/login_again.h"
#include "core/host/login_channel.h"
#include "core/host/login_settings.h"
#include "core/host/metrics_core.h"
#include "core/host/sasl_table.h"
#include "core/host/session.h"
#include "core/host/tarpit.h"

enum {
    ARENA_CAP = 256 * 1024, /* an account's credentials */
    GIVEN_MAX = 512,        /* of a name, kept for the log */
};

#define UPGRADE_US (5 * MANSIO_SECOND)

static const char no_reason[] = "";

/* ---- the log -------------------------------------------------------------------------------- */

static void log_failure(const struct core_login *login, const char *why, int rc)
{
    static struct core_log_gate throttled, unavailable;
    uint64_t held_back = 0;
    struct mansio_conn *conn = mansio_session_conn(login->session);
    struct mansio_str address = mansio_conn_peer_ip(conn);
    struct mansio_str service = mansio_session_service(login->session);
    if (rc == MANSIO_E_DENIED) {
        mansio_log(MANSIO_LOG_INFO, "login-failed", MANSIO_KV_STR("service", service),
                   MANSIO_KV_STR("address", address), MANSIO_KV_CSTR("mechanism", login->mechanism),
                   MANSIO_KV_STR("name", login->given), MANSIO_KV_CSTR("reason", why),
                   MANSIO_KV_CSTR("scope", login->scope != NULL ? login->scope : ""),
                   MANSIO_KV_END);
        return;
    }
    /* What comes in floods: from who is throttled, and while a back end is away. */
    if (core_log_pass(rc == MANSIO_E_LIMIT ? &throttled : &unavailable, &held_back)) {
        mansio_log(rc == MANSIO_E_LIMIT ? MANSIO_LOG_INFO : MANSIO_LOG_WARNING, "login-failed",
                   MANSIO_KV_STR("service", service), MANSIO_KV_STR("address", address),
                   MANSIO_KV_CSTR("mechanism", login->mechanism),
                   MANSIO_KV_STR("name", login->given), MANSIO_KV_CSTR("reason", why),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_INT("held_back", held_back),
                   MANSIO_KV_END);
    }
}

static void log_success(const struct core_login *login)
{
    const struct mansio_account_facts *account = login->found.account;
    struct mansio_conn *conn = mansio_session_conn(login->session);
    mansio_log(MANSIO_LOG_INFO, "login-ok",
               MANSIO_KV_STR("service", mansio_session_service(login->session)),
               MANSIO_KV_STR("address", mansio_conn_peer_ip(conn)),
               MANSIO_KV_CSTR("mechanism", login->mechanism),
               MANSIO_KV_STR("account", account->address), MANSIO_KV_STR("tenant", account->tenant),
               MANSIO_KV_INT("tls", core_channel_is_tls(conn)), MANSIO_KV_END);
}

/* Failures that aren't the client's: counted and told once, here. */
static int fail_ours(const struct core_login *login, int rc)
{
    enum core_login_outcome outcome =
        rc == MANSIO_E_CANCELLED ? CORE_LOGIN_CANCELLED : CORE_LOGIN_UNAVAILABLE;
    core_count_login(outcome);
    if (rc != MANSIO_E_CANCELLED) {
        log_failure(login, "unavailable", rc);
    }
    return rc;
}

/* What a back end may answer beside yes and no; all else of it is a fault, and temporary. */
static int as_ours(int rc, const char *who)
{
    switch (mansio_error_class(rc)) {
    case MANSIO_CLASS_CANCELLED:
        return MANSIO_E_CANCELLED;
    case MANSIO_CLASS_TRANSIENT:
        return rc == MANSIO_E_TIMEOUT ? rc : MANSIO_E_UNAVAILABLE;
    default:
        return mansio_fail(MANSIO_E_UNAVAILABLE, "%s said %s: %s", who, mansio_error_name(rc),
                           mansio_error_detail());
    }
}

/* ---- the name ------------------------------------------------------------------------------- */

/* Its one spelling, and whether anybody could have it. What nobody could keeps an empty spelling,
 * which no account has. */
static int read_name(struct core_login *login, struct mansio_str name, struct mansio_str authzid)
{
    struct mansio_str domain = MANSIO_STR_NONE;
    struct core_login_name other;
    uint32_t is_ready;
    int rc = core_login_domain(login->session, &domain, &is_ready);
    if (rc == 0) {
        rc = mansio_arena_copy(login->arena, mansio_str_sub(name, 0, GIVEN_MAX), &login->given);
    }
    if (rc < 0) {
        return rc;
    }
    rc = core_login_name_read(login->arena, name, domain, &login->name);
    if (rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT) {
        login->name = (struct core_login_name){0};
        login->why = "malformed";
        return 0;
    }
    /* RFC 4422 3.4.1: to act as somebody else is refused; as oneself, in any spelling, is not. */
    if (rc == 0 && authzid.len > 0 &&
        (core_login_name_read(login->arena, authzid, domain, &other) < 0 ||
         !mansio_str_eq(other.local, login->name.local) ||
         !mansio_str_eq(other.domain, login->name.domain))) {
        login->name.local = MANSIO_STR_NONE;
        login->why = "authzid";
    }
    return rc;
}

/* By what failures of this attempt are counted. Whoever sits on a unix socket, or is trusted,
 * speaks for many, a web mail program most often: no address to count by. */
static void throttle_who(const struct core_login *login, struct core_limit_peer *peer,
                         struct core_throttle_who *out)
{
    core_channel_limit_peer(mansio_session_conn(login->session), peer);
    *out = (struct core_throttle_who){.account = login->given};
    if (!peer->is_exempt) {
        out->address = peer->address;
        out->network = core_limit_network_key(&peer->network);
    }
    if (login->name.local.len > 0 && mansio_arena_printf(login->arena, &out->account, "%.*s@%.*s",
                                                         MANSIO_STR_ARG(login->name.local),
                                                         MANSIO_STR_ARG(login->name.domain)) < 0) {
        out->account = login->given;
    }
    if (mansio_arena_printf(login->arena, &out->pair, "%.*s %.*s", MANSIO_STR_ARG(out->address),
                            MANSIO_STR_ARG(out->account)) < 0) {
        out->pair = out->account;
    }
    /* The same for names that are and names that aren't: by the domain. */
    out->tenant = login->found.tenant_id == 0
                      ? login->name.domain
                      : (struct mansio_str){(const char *)&login->found.tenant_id,
                                            sizeof login->found.tenant_id};
}

static int check_throttle(const struct core_login *login)
{
    struct core_limit_peer peer;
    struct core_throttle_who who;
    throttle_who(login, &peer, &who);
    int rc = core_throttle_check(core_login_throttle(), &who);
    if (rc < 0) {
        core_count_login(CORE_LOGIN_THROTTLED);
        log_failure(login, "throttled", rc);
    }
    return rc;
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void make_nobody(struct mansio_login *found)
{
    found->account = NULL;
    found->credentials = NULL;
    found->credential_count = 0;
}

static int look_up(struct core_login *login, int64_t deadline_us)
{
    const struct core_directory *directory = core_directory_current();
    if (directory == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no directory says who there is");
    }
    login->found = (struct mansio_login){.size = sizeof login->found};
    int is_hopeless = login->name.local.len == 0;
    int rc = is_hopeless ? directory->table.login_defaults(directory->instance, login->name.domain,
                                                           login->arena, deadline_us, &login->found)
                         : directory->table.login(directory->instance, login->name.local,
                                                  login->name.domain, login->arena, deadline_us,
                                                  &login->found);
    if (rc < 0) {
        return as_ours(rc, "the directory");
    }
    if (is_hopeless) {
        make_nobody(&login->found);
    } else if (login->found.account == NULL) {
        login->why = "unknown";
    }
    return 0;
}

int core_login_look_anew(struct core_login *login, int64_t deadline_us)
{
    const struct core_directory *directory = core_directory_current();
    struct mansio_login found = {.size = sizeof found};
    if (!login->found.is_remembered || directory == NULL || directory->table.login_anew == NULL) {
        return 0;
    }
    int rc = directory->table.login_anew(directory->instance, login->name.local, login->name.domain,
                                         login->arena, deadline_us, &found);
    if (rc < 0) {
        return as_ours(rc, "the directory");
    }
    login->found = found;
    return 0;
}

int core_login_begin(struct core_login *login, struct mansio_session *session,
                     struct mansio_arena *arena, const char *mechanism, struct mansio_str name,
                     struct mansio_str authzid, int64_t deadline_us)
{
    *login = (struct core_login){.session = session,
                                 .arena = arena,
                                 .mechanism = mechanism,
                                 .why = no_reason,
                                 .begun_us = mansio_now_us()};
    if (mansio_session_account(session) != NULL) {
        return mansio_fail(MANSIO_E_BUG, "a login in a session that is somebody's");
    }
    int rc = read_name(login, name, authzid);
    if (rc < 0) {
        return fail_ours(login, rc);
    }
    rc = check_throttle(login);
    if (rc < 0) {
        return rc;
    }
    rc = look_up(login, deadline_us);
    return rc < 0 ? fail_ours(login, rc) : 0;
}

/* ---- passwords ------------------------------------------------------------------------------ */

/* Ask modules in order until one knows what to make of the credentials. */
static int ask_auths(struct core_login *login, const struct mansio_login *found,
                     struct mansio_str password, int64_t deadline_us)
{
    size_t count = 0;
    const struct core_auth *auths = core_auths_current(&count);
    int rc = MANSIO_E_UNSUPPORTED;
    if (count == 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no auth module judges passwords");
    }
    for (size_t i = 0; i < count && rc == MANSIO_E_UNSUPPORTED; i++) {
        login->result = (struct mansio_auth_result){.size = sizeof login->result};
        rc = auths[i].table.check_password(auths[i].instance, found, password, login->arena,
                                           deadline_us, &login->result);
    }
    return rc;
}

static int is_as_before(const struct mansio_login *was, const struct mansio_login *is)
{
    if (was->credential_count != is->credential_count) {
        return 0;
    }
    for (size_t i = 0; i < was->credential_count; i++) {
        if (was->credentials[i]->id != is->credentials[i]->id ||
            !mansio_secret_eq(was->credentials[i]->stored, is->credentials[i]->stored)) {
            return 0;
        }
    }
    return 1;
}

static int judge_password(struct core_login *login, struct mansio_str password, int64_t deadline_us)
{
    int rc = ask_auths(login, &login->found, password, deadline_us);
    if (rc == MANSIO_E_UNSUPPORTED && login->found.account != NULL) {
        /* Credentials that no module knows are nobody's, and must cost what nobody's do. */
        make_nobody(&login->found);
        login->why = "unknown-scheme";
        rc = ask_auths(login, &login->found, password, deadline_us);
    }
    if (rc == MANSIO_E_UNSUPPORTED || (rc == 0 && login->found.account == NULL)) {
        rc = MANSIO_E_DENIED; /* nobody gets in, whatever a module says */
    }
    if (rc == MANSIO_E_DENIED && login->why == no_reason) {
        login->why = "password";
    }
    return rc == 0 || rc == MANSIO_E_DENIED ? rc : as_ours(rc, "an auth module");
}

/* A wrong password, by what was remembered. The new one may be right; and who isn't there was asked
 * for in the database, so who is must have been too, or the time would tell them apart. */
static int judge_anew(struct core_login *login, struct mansio_str password, int64_t deadline_us)
{
    const struct mansio_login was = login->found;
    int rc = core_login_look_anew(login, deadline_us);
    if (rc < 0) {
        /* Nobody may guess for nothing while the database is away. */
        struct core_limit_peer peer;
        struct core_throttle_who who;
        throttle_who(login, &peer, &who);
        (void)core_throttle_count(core_login_throttle(), &who);
        return rc;
    }
    if (login->found.account == NULL || is_as_before(&was, &login->found)) {
        return MANSIO_E_DENIED;
    }
    return judge_password(login, password, deadline_us);
}

int core_login_password(struct core_login *login, struct mansio_str password, int64_t deadline_us)
{
    login->waits_from_us = login->begun_us;
    if (password.len == 0) {
        make_nobody(&login->found); /* whatever an empty stored form may say */
        login->why = "password";
        int rc = judge_password(login, MANSIO_STR("-"), deadline_us);
        return rc == MANSIO_E_DENIED && (rc = core_login_look_anew(login, deadline_us)) == 0
                   ? MANSIO_E_DENIED
                   : rc;
    }
    int rc = judge_password(login, password, deadline_us);
    return rc == MANSIO_E_DENIED && login->found.is_remembered
               ? judge_anew(login, password, deadline_us)
               : rc;
}

/* ---- the end -------------------------------------------------------------------------------- */

static const struct mansio_credential *credential_of(const struct core_login *login)
{
    for (size_t i = 0; i < login->found.credential_count; i++) {
        if (login->found.credentials[i]->id == login->result.credential_id) {
            return login->found.credentials[i];
        }
    }
    return NULL;
}

/* How the session comes in, for the gate to judge it by as long as it lives. */
static int find_way(const struct core_login *login, struct core_session_way *out)
{
    const struct mansio_credential *credential = credential_of(login);
    const struct mansio_conn *conn = mansio_session_conn(login->session);
    *out = (struct core_session_way){
        .credential_id = login->result.credential_id,
        .until_us = login->until_us,
        .mechanism = login->mechanism,
        .is_protected = core_channel_is_tls(conn) || core_channel_is_unix(conn),
        .credential_kind = (uint8_t)(credential != NULL ? credential->kind : login->result.kind),
    };
    /* A directory that doesn't know of versions says none. */
    if (credential != NULL && credential->size >= sizeof *credential) {
        out->credential_version = credential->version;
    }
    return core_channel_peer(conn, &out->peer);
}

static int enter_by(struct core_login *login, const struct core_session_way *way,
                    int64_t deadline_us)
{
    struct core_gate_verdict verdict;
    int rc = core_session_enter(login->session, login->found.account, way);
    if (rc < 0) {
        return rc == MANSIO_E_BUG || rc == MANSIO_E_LIMIT ? rc : as_ours(rc, "the account");
    }
    rc = core_gate_judge(login->session, deadline_us, &verdict);
    if (rc < 0) {
        core_session_leave(login->session);
    }
    if (rc == MANSIO_E_DENIED) {
        login->why = verdict.why;
        login->scope = core_gate_scope_name(&verdict);
        login->is_refused = 1;
    }
    return rc == 0 || rc == MANSIO_E_DENIED ? rc : as_ours(rc, "the gate");
}

static int enter(struct core_login *login, int64_t deadline_us)
{
    struct core_session_way way;
    return find_way(login, &way) < 0 ? as_ours(MANSIO_E_UNAVAILABLE, "the conn")
                                     : enter_by(login, &way, deadline_us);
}

/* Keep the credential in its new form. The login stands without. */
static int upgrade(const struct core_login *login, int64_t deadline_us)
{
    const struct core_directory *directory = core_directory_current();
    const struct mansio_credential *credential = credential_of(login);
    int64_t most_us = mansio_deadline_in(UPGRADE_US);
    if (login->result.upgrade.len == 0 || credential == NULL || directory == NULL ||
        directory->table.credential_upgrade == NULL) {
        return 0;
    }
    int rc = directory->table.credential_upgrade(
        directory->instance, login->found.account, credential->id, credential->stored,
        login->result.upgrade, deadline_us < most_us ? deadline_us : most_us);
    if (rc == 0) {
        core_count(CORE_METRIC_UPGRADES, 1);
    } else if (rc != MANSIO_E_CANCELLED) {
        mansio_log(MANSIO_LOG_WARNING, "upgrade-failed",
                   MANSIO_KV_STR("account", login->found.account->address),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    }
    return rc == MANSIO_E_CANCELLED ? rc : 0;
}

/* Count before the wait: who tries in parallel is to be seen. Whoever was right and may not come in
 * all the same, a program that nobody told of a new policy, keeps nobody else at his address out;
 * but what he sees is what who guesses wrong sees: the same words, after the same time. That is
 * less work for us (no decoy, no second look at the directory), and isn't made up for by work that
 * helps nobody: the answer comes when the wait since the attempt began is over, whatever it was. */
static int punish(const struct core_login *login, int64_t deadline_us)
{
    struct core_limit_peer peer;
    struct core_throttle_who who;
    throttle_who(login, &peer, &who);
    int64_t delay_us = login->is_refused ? core_throttle_refuse(core_login_throttle(), &who)
                                         : core_throttle_count(core_login_throttle(), &who);
    core_count_login(CORE_LOGIN_DENIED);
    log_failure(login, login->why, MANSIO_E_DENIED);
    int64_t spent_us = mansio_now_us() - login->waits_from_us;
    int64_t beat_us = core_login_throttle()->beat_us;
    int rc =
        core_tarpit_wait(core_throttle_wait(delay_us, spent_us, beat_us) - spent_us, deadline_us);
    /* The same words for all. */
    return rc < 0 ? rc : mansio_fail(MANSIO_E_DENIED, "login denied");
}

static int succeed(const struct core_login *login)
{
    core_count_login(CORE_LOGIN_OK);
    core_last_use_note(login->found.account, login->result.credential_id,
                       mansio_session_service(login->session),
                       mansio_conn_peer_ip(mansio_session_conn(login->session)));
    log_success(login);
    return 0;
}

/* As many sessions as there may be. */
static int fail_full(const struct core_login *login, int rc)
{
    core_count_login(CORE_LOGIN_LIMITED);
    log_failure(login, "sessions", rc);
    return rc;
}

int core_login_finish(struct core_login *login, int rc, int64_t deadline_us)
{
    /* Whoever tries in parallel was let begin before the first of them had failed. What comes of
     * those beyond the limit isn't told, right or wrong. */
    if (rc == 0 || rc == MANSIO_E_DENIED) {
        int throttled = check_throttle(login);
        if (throttled < 0) {
            return throttled;
        }
    }
    int is_full = 0;
    if (login->waits_from_us == 0) {
        login->waits_from_us = mansio_now_us();
    }
    if (rc == 0) {
        rc = login->found.account == NULL ? MANSIO_E_DENIED : enter(login, deadline_us);
        is_full = rc == MANSIO_E_LIMIT;
    }
    if (rc == 0 && (rc = upgrade(login, deadline_us)) < 0) {
        core_session_leave(login->session);
    }
    if (rc == MANSIO_E_DENIED) {
        return punish(login, deadline_us);
    }
    if (is_full) {
        return fail_full(login, rc);
    }
    return rc < 0 ? fail_ours(login, rc) : succeed(login);
}

/* ---- with a name and a password ------------------------------------------------------------- */

enum { THE_LONG_WAY = 1 };

/* With what was right on this conn before, if the name is still the same account's. Whoever may not
 * come in by it any more goes the long way: to be refused as ever, or to be let in by what the
 * directory says now. */
static int log_in_again(struct core_login *login, struct mansio_str name,
                        struct mansio_str password, int64_t deadline_us)
{
    struct core_session_way way;
    if (login->found.account == NULL ||
        !core_login_again_find(login->session, name, password, login->found.account, &way)) {
        return THE_LONG_WAY;
    }
    login->result.credential_id = way.credential_id;
    int rc = enter_by(login, &way, deadline_us);
    if (rc == MANSIO_E_DENIED) {
        core_login_again_forget(login->session);
        login->why = no_reason;
        login->scope = NULL;
        login->is_refused = 0;
        return THE_LONG_WAY;
    }
    if (rc == MANSIO_E_LIMIT) {
        return fail_full(login, rc);
    }
    return rc < 0 ? fail_ours(login, rc) : succeed(login);
}

int mansio_session_may_use_password(const struct mansio_session *session)
{
    const struct mansio_conn *conn = core_session_conn(session);
    return core_login_allows_plaintext(conn) &&
           (core_login_allows_mechanism(conn, CORE_SASL_PLAIN) ||
            core_login_allows_mechanism(conn, CORE_SASL_LOGIN));
}

int mansio_session_login(struct mansio_session *session, struct mansio_str name,
                         struct mansio_str password, int64_t deadline_us)
{
    struct core_login login;
    if (!mansio_session_may_use_password(session)) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "no passwords in the clear here");
    }
    struct mansio_arena *arena =
        mansio_arena_new(mansio_session_arena(session), "login", ARENA_CAP);
    int rc =
        core_login_begin(&login, session, arena, "password", name, MANSIO_STR_NONE, deadline_us);
    if (rc == 0) {
        rc = log_in_again(&login, name, password, deadline_us);
    }
    if (rc == THE_LONG_WAY) {
        rc = core_login_password(&login, password, deadline_us);
        rc = core_login_finish(&login, rc, deadline_us);
        if (rc == 0) {
            core_login_again_keep(session, name, password);
        }
    }
    mansio_arena_free(arena);
    return rc;
}
