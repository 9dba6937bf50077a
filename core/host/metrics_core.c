/*
 * The core's own metrics: the table, and counting into it.
 */
#include "core/host/metrics_core.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/policy.h>
#include <mansio/str.h>

#include "core/host/limits.h"
#include "core/host/log_line.h"
#include "core/net/tls.h"

static const struct mansio_metric core_table[] = {
    [CORE_METRIC_LOG_DROPPED] = MANSIO_METRIC(.name = "log_dropped", .type = MANSIO_METRIC_COUNTER,
                                              .help = "log lines lost to a full pipe"),
    [CORE_METRIC_MISUSES] = MANSIO_METRIC(.name = "metric_misuses", .type = MANSIO_METRIC_COUNTER,
                                          .help = "negative additions to counters, ignored"),
    [CORE_METRIC_LIMITS_FULL] =
        MANSIO_METRIC(.name = "limits_full", .type = MANSIO_METRIC_COUNTER,
                      .help = "requests refused because the table of limits had no room"),
    [CORE_METRIC_LIMITS_FORGOTTEN] =
        MANSIO_METRIC(.name = "limits_forgotten", .type = MANSIO_METRIC_COUNTER,
                      .help = "rates forgotten early because the table of limits had no room"),
    [CORE_METRIC_LIMITS_REFUSED] =
        MANSIO_METRIC(.name = "limits_refused", .type = MANSIO_METRIC_COUNTER,
                      .help = "requests refused because a limit was reached"),
    [CORE_METRIC_SESSIONS] =
        MANSIO_METRIC(.name = "sessions", .type = MANSIO_METRIC_COUNTER, .help = "sessions opened"),
    [CORE_METRIC_SESSIONS_KILLED] =
        MANSIO_METRIC(.name = "sessions_killed", .type = MANSIO_METRIC_COUNTER,
                      .help = "sessions ended from outside: by administrators or policy"),
    [CORE_METRIC_SESSION_SECONDS] =
        MANSIO_METRIC(.name = "session_duration", .type = MANSIO_METRIC_HISTOGRAM,
                      .unit = "seconds", .help = "how long conns' first sessions lasted"),
    [CORE_METRIC_BUS_PUBLISHED] =
        MANSIO_METRIC(.name = "bus_published", .type = MANSIO_METRIC_COUNTER,
                      .help = "hints published in this process"),
    [CORE_METRIC_BUS_LOST] =
        MANSIO_METRIC(.name = "bus_lost", .type = MANSIO_METRIC_COUNTER,
                      .help = "hints lost because a subscriber was too slow for its queue"),
    [CORE_METRIC_FIBERS] =
        MANSIO_METRIC(.name = "fibers", .type = MANSIO_METRIC_GAUGE, .help = "fibers alive"),
    [CORE_METRIC_FIBERS_PEAK] = MANSIO_METRIC(.name = "fibers_peak", .type = MANSIO_METRIC_GAUGE,
                                              .help = "most fibers alive at once, summed"),
    [CORE_METRIC_STACKS_KEPT] = MANSIO_METRIC(.name = "stacks_kept", .type = MANSIO_METRIC_GAUGE,
                                              .help = "stacks kept for new fibers"),
    [CORE_METRIC_SWITCHES] = MANSIO_METRIC(.name = "fiber_switches", .type = MANSIO_METRIC_COUNTER,
                                           .help = "times a fiber was resumed"),
    [CORE_METRIC_SPAWNS] = MANSIO_METRIC(.name = "fiber_spawns", .type = MANSIO_METRIC_COUNTER,
                                         .help = "fibers started"),
    [CORE_METRIC_TURNS] = MANSIO_METRIC(.name = "loop_turns", .type = MANSIO_METRIC_COUNTER,
                                        .help = "turns of the event loop"),
    [CORE_METRIC_HOLDS] = MANSIO_METRIC(.name = "loop_holds", .type = MANSIO_METRIC_COUNTER,
                                        .help = "times a fiber held the loop for too long"),
    [CORE_METRIC_CONTENT_MEMORY] =
        MANSIO_METRIC(.name = "content_memory", .type = MANSIO_METRIC_GAUGE, .unit = "bytes",
                      .help = "memory of messages on their way in"),
    [CORE_METRIC_CONTENT_FILES] =
        MANSIO_METRIC(.name = "content_files", .type = MANSIO_METRIC_COUNTER,
                      .help = "messages that went to a file on their way in"),
    [CORE_METRIC_DNS_QUESTIONS] =
        MANSIO_METRIC(.name = "dns_questions", .type = MANSIO_METRIC_COUNTER,
                      .help = "questions to DNS resolvers"),
    [CORE_METRIC_DNS_KEPT] = MANSIO_METRIC(.name = "dns_kept", .type = MANSIO_METRIC_COUNTER,
                                           .help = "questions to DNS answered by what was kept"),
    [CORE_METRIC_DNS_FAILED] =
        MANSIO_METRIC(.name = "dns_failed", .type = MANSIO_METRIC_COUNTER,
                      .help = "questions to DNS without an answer that can be used"),
    [CORE_METRIC_UPGRADES] =
        MANSIO_METRIC(.name = "credential_upgrades", .type = MANSIO_METRIC_COUNTER,
                      .help = "stored credentials made anew at a login"),
    [CORE_METRIC_TARPIT_WAITING] =
        MANSIO_METRIC(.name = "tarpit_waiting", .type = MANSIO_METRIC_GAUGE,
                      .help = "answers that wait because who gets them guesses"),
    [CORE_METRIC_TARPIT_SECONDS] =
        MANSIO_METRIC(.name = "tarpit", .type = MANSIO_METRIC_COUNTER, .unit = "seconds",
                      .help = "how long such answers have waited"),
    [CORE_METRIC_SESSIONS_NAMED] =
        MANSIO_METRIC(.name = "sessions_logged_in", .type = MANSIO_METRIC_GAUGE,
                      .help = "sessions that are somebody's"),
    [CORE_METRIC_USES_RECORDED] =
        MANSIO_METRIC(.name = "credential_uses_recorded", .type = MANSIO_METRIC_COUNTER,
                      .help = "last uses of credentials that the directory took"),
    [CORE_METRIC_USES_LOST] =
        MANSIO_METRIC(.name = "credential_uses_lost", .type = MANSIO_METRIC_COUNTER,
                      .help = "last uses of credentials that were given up"),
    [CORE_METRIC_STANDINGS] = MANSIO_METRIC(.name = "standings", .type = MANSIO_METRIC_GAUGE,
                                            .help = "accounts whose policy is kept at hand"),
    [CORE_METRIC_STANDING_HITS] =
        MANSIO_METRIC(.name = "standing_hits", .type = MANSIO_METRIC_COUNTER,
                      .help = "logins judged by a standing that was at hand"),
    [CORE_METRIC_STANDING_MISSES] =
        MANSIO_METRIC(.name = "standing_misses", .type = MANSIO_METRIC_COUNTER,
                      .help = "logins for which a standing had to be read"),
    [CORE_METRIC_POLICY_ENDED] =
        MANSIO_METRIC(.name = "policy_sessions_ended", .type = MANSIO_METRIC_COUNTER,
                      .help = "sessions ended because they may no longer be"),
    [CORE_METRIC_POLICY_CHANGES] =
        MANSIO_METRIC(.name = "policy_changes", .type = MANSIO_METRIC_COUNTER,
                      .help = "times that a process saw changes of policy, states or credentials"),
    [CORE_METRIC_POLICY_FAILED] =
        MANSIO_METRIC(.name = "policy_unread", .type = MANSIO_METRIC_COUNTER,
                      .help = "times that changes, or standings, could not be read"),
    [CORE_METRIC_POLICY_AGE] =
        MANSIO_METRIC(.name = "policy_age", .type = MANSIO_METRIC_GAUGE, .unit = "seconds",
                      .help = "since changes were last read, summed over processes"),
    [CORE_METRIC_POLICY_SECONDS] =
        MANSIO_METRIC(.name = "policy_change", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "from when a process saw changes until it had told the last session"),
};
_Static_assert(MANSIO_COUNT(core_table) == CORE_METRIC_COUNT, "a row for each metric");

static const struct mansio_metric refused_table[] = {
    MANSIO_METRIC(.name = "conns_refused", .type = MANSIO_METRIC_COUNTER,
                  .help = "connections closed at once, by reason"),
};
static const struct mansio_metric login_table[] = {
    MANSIO_METRIC(.name = "logins", .type = MANSIO_METRIC_COUNTER,
                  .help = "attempts to log in, by outcome"),
};
static const struct mansio_metric limit_table[] = {
    MANSIO_METRIC(.name = "limit_hits", .type = MANSIO_METRIC_COUNTER,
                  .help = "what was refused, or slowed, since a limit was reached, by limit"),
};
static const struct mansio_metric decision_table[] = {
    MANSIO_METRIC(.name = "policy_allowed", .type = MANSIO_METRIC_COUNTER,
                  .help = "sessions that the gate let in or let stay, by what decided"),
    MANSIO_METRIC(.name = "policy_denied", .type = MANSIO_METRIC_COUNTER,
                  .help = "sessions that the gate refused or ended, by what decided"),
};
static const struct mansio_metric handshake_table[] = {
    MANSIO_METRIC(.name = "tls_handshakes", .type = MANSIO_METRIC_COUNTER,
                  .help = "TLS handshakes that have ended, by result"),
};
static const struct mansio_metric log_table[] = {
    MANSIO_METRIC(.name = "log_lines", .type = MANSIO_METRIC_COUNTER,
                  .help = "log lines written, by level"),
};

static const char *const refusal_names[] = {
    [CORE_REFUSED_NODE] = "node",       [CORE_REFUSED_LISTENER] = "listener",
    [CORE_REFUSED_ADDRESS] = "address", [CORE_REFUSED_NETWORK] = "network",
    [CORE_REFUSED_FIBERS] = "fibers",   [CORE_REFUSED_SESSIONS] = "sessions",
    [CORE_REFUSED_PROXY] = "proxy",     [CORE_REFUSED_SYSTEM] = "system",
};
_Static_assert(MANSIO_COUNT(refusal_names) == CORE_REFUSED_COUNT, "a name for each reason");

static const char *const login_names[] = {
    [CORE_LOGIN_OK] = "ok",
    [CORE_LOGIN_DENIED] = "denied",
    [CORE_LOGIN_THROTTLED] = "throttled",
    [CORE_LOGIN_LIMITED] = "limited",
    [CORE_LOGIN_UNAVAILABLE] = "unavailable",
    [CORE_LOGIN_CANCELLED] = "cancelled",
};
_Static_assert(MANSIO_COUNT(login_names) == CORE_LOGIN_COUNT, "a name for each outcome");

static const char *const decision_names[] = {
    [CORE_DECIDED_DEFAULT] = "default", [MANSIO_POLICY_PLATFORM] = "platform",
    [MANSIO_POLICY_PLAN] = "plan",      [MANSIO_POLICY_TENANT] = "tenant",
    [MANSIO_POLICY_DOMAIN] = "domain",  [MANSIO_POLICY_ACCOUNT] = "account",
    [CORE_DECIDED_STATE] = "state",     [CORE_DECIDED_CREDENTIAL] = "credential",
};
_Static_assert(MANSIO_COUNT(decision_names) == CORE_DECIDED_COUNT, "a name for each");

/* One a process. */
static int is_ready;
static uint32_t table_handle;
static uint32_t refused_handles[CORE_REFUSED_COUNT];
static uint32_t login_handles[CORE_LOGIN_COUNT];
static uint32_t limit_handles[CORE_LIMIT_COUNT];
static uint32_t decision_handles[CORE_DECIDED_COUNT];
static uint32_t handshake_handles[CORE_TLS_END_COUNT];
static uint32_t log_handles[MANSIO_LOG_DEBUG + 1];

int core_metrics_init(void)
{
    int rc = core_metrics_register("mansio_core", MANSIO_STR_NONE, core_table,
                                   MANSIO_COUNT(core_table), &table_handle);
    for (size_t i = 0; rc == 0 && i < CORE_REFUSED_COUNT; i++) {
        rc = core_metrics_register_labelled("mansio_core", "reason",
                                            mansio_str_from_cstr(refusal_names[i]), refused_table,
                                            MANSIO_COUNT(refused_table), &refused_handles[i]);
    }
    for (size_t i = 0; rc == 0 && i < CORE_LOGIN_COUNT; i++) {
        rc = core_metrics_register_labelled("mansio_core", "outcome",
                                            mansio_str_from_cstr(login_names[i]), login_table,
                                            MANSIO_COUNT(login_table), &login_handles[i]);
    }
    for (uint32_t id = 0; rc == 0 && id < CORE_LIMIT_COUNT; id++) {
        rc = core_metrics_register_labelled("mansio_core", "limit",
                                            mansio_str_from_cstr(core_limit_label(id)), limit_table,
                                            MANSIO_COUNT(limit_table), &limit_handles[id]);
    }
    for (size_t i = 0; rc == 0 && i < CORE_DECIDED_COUNT; i++) {
        rc = core_metrics_register_labelled("mansio_core", "by",
                                            mansio_str_from_cstr(decision_names[i]), decision_table,
                                            MANSIO_COUNT(decision_table), &decision_handles[i]);
    }
    for (uint32_t end = 0; rc == 0 && end < CORE_TLS_END_COUNT; end++) {
        rc = core_metrics_register_labelled(
            "mansio_core", "result", mansio_str_from_cstr(core_tls_end_name(end)), handshake_table,
            MANSIO_COUNT(handshake_table), &handshake_handles[end]);
    }
    for (uint32_t level = MANSIO_LOG_ERROR; rc == 0 && level <= MANSIO_LOG_DEBUG; level++) {
        rc = core_metrics_register_labelled(
            "mansio_core", "level", mansio_str_from_cstr(core_log_level_name(level)), log_table,
            MANSIO_COUNT(log_table), &log_handles[level]);
    }
    is_ready = rc == 0;
    return rc;
}

void core_metrics_core_forget(void)
{
    is_ready = 0;
}

void core_count(enum core_metric metric, int64_t n)
{
    if (is_ready) {
        core_metric_add(table_handle, metric, n);
    }
}

void core_observe(enum core_metric metric, int64_t value)
{
    if (is_ready) {
        core_metric_observe(table_handle, metric, value);
    }
}

void core_count_refused(enum core_refusal reason)
{
    if (is_ready) {
        core_metric_add(refused_handles[reason], 0, 1);
    }
}

void core_count_login(enum core_login_outcome outcome)
{
    if (is_ready) {
        core_metric_add(login_handles[outcome], 0, 1);
    }
}

void core_count_limit(uint32_t id)
{
    if (is_ready && id < CORE_LIMIT_COUNT) {
        core_metric_add(limit_handles[id], 0, 1);
    }
}

void core_count_decision(int is_allowed, uint32_t by)
{
    if (is_ready && by < CORE_DECIDED_COUNT) {
        core_metric_add(decision_handles[by], is_allowed ? 0 : 1, 1);
    }
}

void core_count_handshake(uint32_t end)
{
    if (is_ready && end < CORE_TLS_END_COUNT) {
        core_metric_add(handshake_handles[end], 0, 1);
    }
}

void core_count_log_line(uint32_t level)
{
    if (is_ready) {
        uint32_t nearest = level < MANSIO_LOG_ERROR   ? MANSIO_LOG_ERROR
                           : level > MANSIO_LOG_DEBUG ? MANSIO_LOG_DEBUG
                                                      : level;
        core_metric_add(log_handles[nearest], 0, 1);
    }
}

void core_gauge(enum core_metric metric, int64_t value)
{
    if (is_ready) {
        core_metric_set(table_handle, metric, value);
    }
}
