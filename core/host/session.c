/*
 * Sessions: the registry of this process, serving a conn, and ending one from outside.
 *
 * Owns every session and the list of a conn's sessions (the conn's data). Doesn't know policy: the
 * gate asks and kills through this file. A session is in the registry from before the protocol
 * runs to after it has returned.
 */
#include "core/host/session.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>

#include "core/base/alloc.h"
#include "core/base/context.h"
#include "core/host/account.h"
#include "core/host/limits.h"
#include "core/host/log.h"
#include "core/host/metrics_core.h"
#include "core/host/session_id.h"
#include "core/host/shm.h"
#include "core/host/tally.h"
#include "core/host/standing.h"
#include "core/net/conn.h"
#include "core/net/tls.h"

enum {
    SERVICE_NAME_MAX = 31,
    GOODBYE_MAX = 512,
};

#define GOODBYE_US MANSIO_SECOND /* for a peer that doesn't read */

/* What log lines carry. A fiber that outlives the session it inherited still points here, so these
 * are never given back to the system: at worst its lines name no session, or a later one. */
struct badge {
    struct core_log_fields fields;
    char id[CORE_SESSION_ID_MAX];
    struct badge *next_free;
};

/* What a conn's sessions have in common. */
struct conn_sessions {
    struct mansio_session *first;   /* latest first; the core's own is the last */
    struct mansio_fiber *fiber;     /* runs the protocol */
    struct core_login_again *again; /* ends with the conn's arena */
    uint32_t kill_reason;           /* enum mansio_reason; NONE until somebody kills */
};

/* Sessions of one account; in the registry while there are some. */
struct account_sessions {
    uint64_t key[2]; /* tenant and account */
    struct mansio_session *first;
    struct core_standing *standing; /* NULL until the gate asks for it */
};

struct mansio_session {
    struct mansio_arena *arena;
    struct mansio_account *account; /* NULL: nameless */
    struct mansio_arena *account_arena;
    struct core_session_way way;
    struct account_sessions *of_account;
    struct core_limit_session counted; /* in the account's and the tenant's limits */
    struct mansio_session *account_next, *account_before;
    struct mansio_conn *conn;
    struct conn_sessions *of_conn;
    struct mansio_session *next; /* of the same conn */
    struct mansio_instance *instance;
    struct badge *badge;
    const struct core_log_fields *outer; /* the opening fiber's log fields before */
    const char *activity;
    void *data;
    struct mansio_fiber *fiber; /* serves it alone; NULL: the conn's does */
    uint32_t end_reason;        /* enum mansio_reason: why that one was cancelled */
    int64_t opened_us, opened_wall_us;
    size_t service_len;
    char service[SERVICE_NAME_MAX];
};

/* One a process. */
static struct {
    struct mansio_arena *arena;
    struct mansio_map *by_id;
    struct mansio_map *by_account; /* of struct account_sessions */
    size_t max;
    uint64_t number;
    int64_t named; /* how many are somebody's */
    char process[CORE_SESSION_ID_PROCESS];
} registry;
static struct badge *free_badges;

static const char *const reason_names[] = {
    [MANSIO_REASON_NONE] = "none",       [MANSIO_REASON_DRAIN] = "drain",
    [MANSIO_REASON_KILLED] = "killed",   [MANSIO_REASON_POLICY] = "policy",
    [MANSIO_REASON_TIMEOUT] = "timeout", [MANSIO_REASON_FAULT] = "fault",
    [MANSIO_REASON_LIMIT] = "limit",
};

static const char *reason_name(uint32_t reason)
{
    return reason < MANSIO_COUNT(reason_names) ? reason_names[reason] : "other";
}

void core_sessions_init(size_t sessions_max, uint32_t slot)
{
    MANSIO_ASSERT(core_sessions_count() == 0);
    mansio_arena_free(registry.arena);
    registry.arena = mansio_arena_new(NULL, "sessions", 0);
    registry.by_id = mansio_map_new(registry.arena, sessions_max);
    registry.by_account = mansio_map_new(registry.arena, sessions_max);
    registry.max = sessions_max;
    registry.number = 0;
    core_session_id_process(mansio_wall_us(), slot, registry.process);
}

size_t core_sessions_count(void)
{
    return registry.by_id == NULL ? 0 : mansio_map_count(registry.by_id);
}

/* ---- whose it is ---------------------------------------------------------------------------- */

static struct mansio_str key_of(const uint64_t key[2])
{
    return (struct mansio_str){(const char *)key, 2 * sizeof key[0]};
}

/* The account's list, made if there is none. */
static int find_account(const struct mansio_account_facts *facts, struct account_sessions **out)
{
    const uint64_t key[2] = {facts->tenant_id, facts->account_id};
    *out = mansio_map_get(registry.by_account, key_of(key));
    if (*out != NULL) {
        return 0;
    }
    struct account_sessions *list = core_alloc_must(sizeof *list);
    *list = (struct account_sessions){.key = {key[0], key[1]}};
    int rc = mansio_map_put(registry.by_account, key_of(list->key), list);
    if (rc < 0) {
        core_free(list);
        return rc;
    }
    *out = list;
    return 0;
}

int core_session_enter(struct mansio_session *session, const struct mansio_account_facts *facts,
                       const struct core_session_way *way)
{
    struct account_sessions *list = NULL;
    if (session->account != NULL) {
        return mansio_fail(MANSIO_E_BUG, "a login in a session that is somebody's");
    }
    struct mansio_arena *arena = mansio_arena_new(session->arena, "account", 0);
    int rc = core_account_new(arena, facts, &session->account);
    if (rc == 0) {
        rc = core_limit_enter_account(mansio_account_facts(session->account), &session->counted);
    }
    if (rc == 0 && (rc = find_account(facts, &list)) < 0) {
        core_limit_leave_account(facts, &session->counted);
    }
    if (rc < 0) {
        session->account = NULL;
        mansio_arena_free(arena);
        return rc;
    }
    session->account_arena = arena;
    session->way = *way;
    session->way.is_judged = 0;
    session->of_account = list;
    session->account_before = NULL;
    session->account_next = list->first;
    if (list->first != NULL) {
        list->first->account_before = session;
    }
    list->first = session;
    core_gauge(CORE_METRIC_SESSIONS_NAMED, ++registry.named);
    core_tally_count(CORE_TALLY_TENANT, mansio_account_facts(session->account)->tenant, 1);
    return 0;
}

void core_session_leave(struct mansio_session *session)
{
    struct account_sessions *list = session->of_account;
    if (session->account == NULL) {
        return;
    }
    core_tally_count(CORE_TALLY_TENANT, mansio_account_facts(session->account)->tenant, -1);
    if (session->account_next != NULL) {
        session->account_next->account_before = session->account_before;
    }
    if (session->account_before != NULL) {
        session->account_before->account_next = session->account_next;
    } else {
        list->first = session->account_next;
    }
    if (list->first == NULL) {
        (void)mansio_map_remove(registry.by_account, key_of(list->key));
        core_standing_release(list->standing);
        core_free(list);
    }
    core_limit_leave_account(mansio_account_facts(session->account), &session->counted);
    core_gauge(CORE_METRIC_SESSIONS_NAMED, --registry.named);
    session->account = NULL;
    session->of_account = NULL;
    mansio_arena_free(session->account_arena);
}

struct core_login_again **core_session_again(struct mansio_session *session)
{
    return session->next != NULL ? &session->of_conn->again : NULL;
}

struct core_session_way *core_session_way(struct mansio_session *session)
{
    return &session->way;
}

struct core_standing *core_session_standing(struct mansio_session *session)
{
    struct account_sessions *list = session->of_account;
    if (list->standing == NULL) {
        list->standing = core_standing_hold(list->key[0], list->key[1]);
    }
    return list->standing;
}

struct mansio_account *mansio_session_account(const struct mansio_session *session)
{
    return session->account;
}

/* ---- opening and closing -------------------------------------------------------------------- */

static int check_service(struct mansio_str service)
{
    int is_good = service.len > 0 && service.len <= SERVICE_NAME_MAX;
    for (size_t i = 0; is_good && i < service.len; i++) {
        char c = service.ptr[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    if (!is_good) {
        return mansio_fail(MANSIO_E_INVALID, "service \"%.*s\": wanted 1 to %d of a-z, 0-9, '-'",
                           MANSIO_STR_ARG(mansio_str_sub(service, 0, SERVICE_NAME_MAX + 1)),
                           SERVICE_NAME_MAX);
    }
    return 0;
}

static struct badge *take_badge(struct mansio_instance *instance)
{
    struct badge *badge = free_badges;
    if (badge != NULL) {
        free_badges = badge->next_free;
    } else {
        badge = core_alloc_must(sizeof *badge);
    }
    size_t len = core_session_id_print(registry.process, registry.number++, badge->id);
    badge->fields = (struct core_log_fields){
        .module = mansio_str_from_cstr(core_instance_module(instance)->name),
        .instance = mansio_instance_name(instance),
        .session = {badge->id, len},
    };
    return badge;
}

static void give_badge_back(struct badge *badge)
{
    badge->fields = (struct core_log_fields){0};
    badge->next_free = free_badges;
    free_badges = badge;
}

/* In figures of this process's slot that everybody may read. */
static void count_open(int64_t change)
{
    struct core_shm *shm = core_shm_current();
    if (shm != NULL) {
        atomic_fetch_add_explicit(&core_shm_slot(shm, core_shm_index())->sessions_open,
                                  (uint64_t)change, memory_order_relaxed);
    }
}

static int open_session(struct mansio_conn *conn, struct conn_sessions *of_conn,
                        struct mansio_instance *instance, struct mansio_str service,
                        struct mansio_session **out)
{
    int rc = check_service(service);
    if (rc < 0) {
        return rc;
    }
    if (core_sessions_count() >= registry.max) {
        return mansio_fail(MANSIO_E_LIMIT, "%zu sessions are open in this process", registry.max);
    }
    struct mansio_arena *arena = mansio_arena_new(mansio_conn_arena(conn), "session", 0);
    struct mansio_session *session = mansio_arena_alloc(arena, sizeof *session);
    struct badge *badge = take_badge(instance);
    rc = mansio_map_put(registry.by_id, badge->fields.session, session);
    if (rc < 0) {
        give_badge_back(badge);
        mansio_arena_free(arena);
        return rc;
    }
    struct core_context *context = core_context_current();
    *session = (struct mansio_session){
        .arena = arena,
        .conn = conn,
        .of_conn = of_conn,
        .next = of_conn->first,
        .instance = instance,
        .badge = badge,
        .outer = context->fields,
        .activity = "",
        .opened_us = mansio_now_us(),
        .opened_wall_us = mansio_wall_us(),
        .service_len = service.len,
    };
    memcpy(session->service, service.ptr, service.len);
    of_conn->first = session;
    context->fields = &badge->fields;
    count_open(1);
    core_tally_count(CORE_TALLY_SERVICE, service, 1);
    core_count(CORE_METRIC_SESSIONS, 1);
    *out = session;
    return 0;
}

/* The running fiber's log lines are again what they were before the session, also when sessions of
 * one conn end in another order than the reverse of their opening. */
static void restore_fields(struct mansio_session *session)
{
    const struct core_log_fields *fields = &session->badge->fields;
    struct core_context *context = core_context_current();
    if (context->fields == fields) {
        context->fields = session->outer;
    }
    for (struct mansio_session *s = session->of_conn->first; s != NULL; s = s->next) {
        if (s->outer == fields) {
            s->outer = session->outer;
        }
    }
}

static void close_session(struct mansio_session *session)
{
    struct mansio_session **link = &session->of_conn->first;
    while (*link != session) {
        link = &(*link)->next;
    }
    *link = session->next;
    core_session_leave(session);
    restore_fields(session);
    (void)mansio_map_remove(registry.by_id, session->badge->fields.session);
    give_badge_back(session->badge);
    count_open(-1);
    core_tally_count(CORE_TALLY_SERVICE, mansio_session_service(session), -1);
    mansio_arena_free(session->arena);
}

int mansio_session_open(struct mansio_conn *conn, struct mansio_instance *instance,
                        struct mansio_str service, struct mansio_session **out)
{
    struct conn_sessions *of_conn = core_conn_data(conn);
    if (of_conn == NULL) {
        return mansio_fail(MANSIO_E_BUG, "a session on a conn that no protocol serves");
    }
    return open_session(conn, of_conn, instance, service, out);
}

void mansio_session_close(struct mansio_session *session)
{
    if (session == NULL) {
        return;
    }
    MANSIO_ASSERT(session->next != NULL); /* the last is the core's own */
    close_session(session);
}

/* ---- serving -------------------------------------------------------------------------------- */

/* What the peer is to be told; NONE for nothing: the protocol has said what there was to say, or
 * nobody listens. */
static uint32_t reason_of(const struct conn_sessions *of_conn, int result)
{
    uint32_t asked = mansio_fiber_stop_reason();
    if (result >= 0 || result == MANSIO_E_EOF || result == MANSIO_E_CLOSED) {
        return MANSIO_REASON_NONE;
    }
    if (of_conn->kill_reason != MANSIO_REASON_NONE) {
        return of_conn->kill_reason;
    }
    switch (mansio_error_class(result)) {
    case MANSIO_CLASS_CANCELLED:
        return asked != MANSIO_REASON_NONE ? asked : MANSIO_REASON_DRAIN;
    case MANSIO_CLASS_TRANSIENT:
        return result == MANSIO_E_TIMEOUT ? MANSIO_REASON_TIMEOUT : MANSIO_REASON_FAULT;
    case MANSIO_CLASS_LIMIT:
        return MANSIO_REASON_LIMIT;
    case MANSIO_CLASS_BUG:
        return MANSIO_REASON_FAULT;
    default:
        return MANSIO_REASON_NONE;
    }
}

/* The protocol's words, in one bounded write that cancellation doesn't stop: that is what may have
 * brought us here. */
static void say_goodbye(const struct mansio_protocol *protocol, struct mansio_session *session,
                        uint32_t reason)
{
    if (protocol->goodbye == NULL) {
        return;
    }
    /* Not the conn's arena: it may be what is full. */
    struct mansio_arena *arena = mansio_arena_new(NULL, "goodbye", 4 * GOODBYE_MAX);
    struct mansio_buf *words = mansio_buf_new(arena, GOODBYE_MAX);
    protocol->goodbye(session->instance, session, reason, words);
    if (mansio_buf_status(words) < 0) {
        mansio_log(MANSIO_LOG_WARNING, "goodbye-too-long", MANSIO_KV_INT("max", GOODBYE_MAX),
                   MANSIO_KV_END);
    } else if (mansio_buf_str(words).len > 0) {
        struct mansio_stream *stream = mansio_conn_stream(session->conn);
        mansio_fiber_mask();
        mansio_stream_set_deadline(stream, mansio_deadline_in(GOODBYE_US));
        if (mansio_stream_write(stream, mansio_buf_str(words)) == 0) {
            (void)mansio_stream_flush(stream); /* a peer that is gone is no news */
        }
        mansio_fiber_unmask();
    }
    mansio_arena_free(arena);
}

/* How the peer or we ended it in good order needs no detail, and would show an older one. */
static int is_ordinary(int result)
{
    return result >= 0 || result == MANSIO_E_EOF || result == MANSIO_E_TIMEOUT ||
           mansio_error_class(result) == MANSIO_CLASS_CANCELLED;
}

static void log_end(const struct mansio_session *session, int result, uint32_t reason)
{
    int64_t duration_us = mansio_now_us() - session->opened_us;
    core_observe(CORE_METRIC_SESSION_SECONDS, duration_us);
    struct mansio_str service = mansio_session_service(session);
    struct mansio_str peer = mansio_conn_peer(session->conn);
    struct mansio_str listener = mansio_conn_listener(session->conn);
    if (is_ordinary(result)) {
        mansio_log(MANSIO_LOG_INFO, "session-end", MANSIO_KV_STR("service", service),
                   MANSIO_KV_STR("peer", peer), MANSIO_KV_STR("listener", listener),
                   MANSIO_KV_DURATION("duration", duration_us),
                   MANSIO_KV_CSTR("result", mansio_error_name(result)),
                   MANSIO_KV_CSTR("reason", reason_name(reason)), MANSIO_KV_END);
        return;
    }
    int is_bug = mansio_error_class(result) == MANSIO_CLASS_BUG;
    mansio_log(is_bug ? MANSIO_LOG_ERROR : MANSIO_LOG_INFO, "session-end",
               MANSIO_KV_STR("service", service), MANSIO_KV_STR("peer", peer),
               MANSIO_KV_STR("listener", listener), MANSIO_KV_DURATION("duration", duration_us),
               MANSIO_KV_CODE("result", result), MANSIO_KV_CSTR("reason", reason_name(reason)),
               MANSIO_KV_END);
}

static void tell_refused(struct mansio_conn *conn, int result)
{
    static struct core_log_gate gate;
    uint64_t held_back;
    core_count_refused(CORE_REFUSED_SESSIONS);
    if (core_log_pass(&gate, &held_back)) {
        mansio_log(MANSIO_LOG_WARNING, "session-refused",
                   MANSIO_KV_STR("peer", mansio_conn_peer(conn)), MANSIO_KV_CODE("result", result),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

int core_session_serve(struct mansio_conn *conn, struct mansio_instance *instance,
                       const struct mansio_protocol *protocol, struct mansio_str service)
{
    struct conn_sessions *of_conn = mansio_arena_alloc(mansio_conn_arena(conn), sizeof *of_conn);
    struct mansio_session *session = NULL;
    if (service.len == 0) {
        service = mansio_str_from_cstr(protocol->service);
    }
    of_conn->fiber = mansio_fiber_self();
    int result = open_session(conn, of_conn, instance, service, &session);
    if (result < 0) {
        tell_refused(conn, result);
        return result;
    }
    core_conn_set_data(conn, of_conn);
    result = protocol->serve(instance, session);

    /* Whatever the protocol left open on the way out. */
    while (of_conn->first != session) {
        close_session(of_conn->first);
    }
    uint32_t reason = reason_of(of_conn, result);
    if (reason != MANSIO_REASON_NONE) {
        say_goodbye(protocol, session, reason);
    }
    log_end(session, result, reason);
    core_conn_set_data(conn, NULL);
    close_session(session);
    return result;
}

/* ---- from outside --------------------------------------------------------------------------- */

void core_sessions_visit(core_session_visit_fn fn, void *arg)
{
    size_t cursor = 0;
    void *value;
    if (registry.by_id == NULL) {
        return;
    }
    while (mansio_map_next(registry.by_id, &cursor, NULL, &value)) {
        const struct mansio_session *session = value;
        const struct mansio_account_facts *facts =
            session->account != NULL ? mansio_account_facts(session->account) : NULL;
        const struct core_session_info info = {
            .id = session->badge->fields.session,
            .service = mansio_session_service(session),
            .instance = session->badge->fields.instance,
            .listener = mansio_conn_listener(session->conn),
            .peer = mansio_conn_peer(session->conn),
            .tls = core_conn_tls_version(session->conn),
            .account = facts != NULL ? facts->address : MANSIO_STR_NONE,
            .tenant = facts != NULL ? facts->tenant : MANSIO_STR_NONE,
            .activity = session->activity,
            .opened_wall_us = session->opened_wall_us,
            .way = facts != NULL ? &session->way : NULL,
        };
        fn(arg, &info);
    }
}

int core_session_end(struct mansio_session *session, uint32_t reason)
{
    struct conn_sessions *of_conn = session->of_conn;
    uint32_t *told = session->fiber != NULL ? &session->end_reason : &of_conn->kill_reason;
    int is_first =
        session->end_reason == MANSIO_REASON_NONE && of_conn->kill_reason == MANSIO_REASON_NONE;
    if (session->fiber == NULL && session->end_reason != MANSIO_REASON_NONE) {
        return 0; /* over, and about to be closed */
    }
    if (is_first) {
        *told = reason != MANSIO_REASON_NONE ? reason : MANSIO_REASON_KILLED;
        core_count(CORE_METRIC_SESSIONS_KILLED, 1);
    }
    mansio_fiber_cancel(session->fiber != NULL ? session->fiber : of_conn->fiber);
    return is_first;
}

void mansio_session_set_fiber(struct mansio_session *session, struct mansio_fiber *fiber)
{
    MANSIO_ASSERT(session->next != NULL); /* the last is the core's own, and the conn's */
    session->fiber = fiber;
    /* Nobody goes on with it: what was kept of it leads to no store any more. */
    if (fiber == NULL && session->end_reason != MANSIO_REASON_NONE) {
        core_session_leave(session);
    }
}

void core_sessions_of_account(uint64_t tenant_id, uint64_t account_id, core_session_fn fn,
                              void *arg)
{
    const uint64_t key[2] = {tenant_id, account_id};
    const struct account_sessions *list =
        registry.by_account == NULL ? NULL : mansio_map_get(registry.by_account, key_of(key));
    for (struct mansio_session *s = list != NULL ? list->first : NULL; s != NULL;
         s = s->account_next) {
        fn(arg, s);
    }
}

size_t core_sessions_kill_address(struct mansio_str address, uint32_t reason)
{
    size_t cursor = 0;
    size_t count = 0;
    void *value;
    while (registry.by_id != NULL && mansio_map_next(registry.by_id, &cursor, NULL, &value)) {
        struct mansio_session *session = value;
        if (session->account != NULL &&
            mansio_str_eq(mansio_account_facts(session->account)->address, address)) {
            count += (size_t)core_session_end(session, reason);
        }
    }
    return count;
}

int core_sessions_kill(struct mansio_str id, uint32_t reason)
{
    struct mansio_session *session =
        registry.by_id == NULL ? NULL : mansio_map_get(registry.by_id, id);
    if (session == NULL) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "no session %.*s here",
                           MANSIO_STR_ARG(mansio_str_sub(id, 0, CORE_SESSION_ID_MAX)));
    }
    (void)core_session_end(session, reason);
    return 0;
}

/* ---- accessors ------------------------------------------------------------------------------ */

struct mansio_str mansio_session_id(const struct mansio_session *session)
{
    return session->badge->fields.session;
}

struct mansio_str mansio_session_service(const struct mansio_session *session)
{
    return (struct mansio_str){session->service, session->service_len};
}

struct mansio_conn *mansio_session_conn(struct mansio_session *session)
{
    return session->conn;
}

struct mansio_conn *core_session_conn(const struct mansio_session *session)
{
    return session->conn;
}

struct mansio_stream *mansio_session_stream(struct mansio_session *session)
{
    return mansio_conn_stream(session->conn);
}

struct mansio_arena *mansio_session_arena(struct mansio_session *session)
{
    return session->arena;
}

void *mansio_session_data(const struct mansio_session *session)
{
    return session->data;
}

void mansio_session_set_data(struct mansio_session *session, void *data)
{
    session->data = data;
}

void mansio_session_set_activity(struct mansio_session *session, const char *activity)
{
    session->activity = activity != NULL ? activity : "";
}
