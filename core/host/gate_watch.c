/*
 * Watching for what changes: a fiber that asks the directory twice a second, and when the bus says
 * that there is something to see; and a few that read standings again and have the gate judge.
 *
 * Asking never waits for reading: while many standings are read again, further changes are seen.
 * And what time ends (hours, a credential) waits for neither, for nobody has to be asked: it has a
 * fiber of its own. A standing that could not be read goes back and is tried again until it can be;
 * until then the last one holds, for `policy.hold`. So a database that is away ends nobody's
 * session at once, and nobody slips through because it was away.
 */
#include "core/host/gate.h"

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/sync.h>
#include <mansio/time.h>

#include "core/host/account.h"
#include "core/host/config.h"
#include "core/host/log.h"
#include "core/host/metrics_core.h"

enum {
    READERS = 2, /* batches under way at once */
    HINTS_KEPT = 64,
    CHANGES_CAP = 64 * 1024 * 1024,
};

#define LOOK_US  (MANSIO_SECOND / 2)
#define HINT_US  (10 * MANSIO_MS)  /* hints in floods lead to no more looks than this */
#define AGAIN_US (100 * MANSIO_MS) /* after standings could not be read */
#define ASK_US   (2 * MANSIO_SECOND)
#define READ_US  (5 * MANSIO_SECOND)

/* One a process. */
static struct {
    int is_on;
    struct mansio_group *group; /* NULL: nobody watches */
    struct mansio_arena *arena;
    struct mansio_event *work;  /* standings wait to be read */
    struct mansio_mutex *walks; /* over all standings: one at a time, which asks nobody */
    struct mansio_subscription *hints[2];
    uint64_t epoch;      /* 0: none was read yet */
    int64_t read_us;     /* monotonic: when the last reading that succeeded began */
    int64_t changed_us;  /* monotonic: the oldest change seen that isn't dealt with; 0: none */
    int64_t next_end_us; /* wall clock: a verdict ends then */
    int64_t ticked_us;   /* wall clock: when that was last looked at */
    int64_t hold_us;
    int is_open; /* after that */
    int was_closed;
} watch = {.hold_us = 15 * 60 * MANSIO_SECOND};

void core_gate_configure(const struct core_config *config)
{
    watch.hold_us = config->policy.hold_us;
    watch.is_open = (int)config->policy.is_open;
}

enum core_gate_trust core_gate_trust(void)
{
    if (!watch.is_on || !core_standings_are_told()) {
        return CORE_GATE_STATES;
    }
    if (mansio_now_us() - watch.read_us <= watch.hold_us) {
        return CORE_GATE_HOLDS;
    }
    return watch.is_open ? CORE_GATE_OPEN : CORE_GATE_CLOSED;
}

void core_gate_note_end(int64_t until_us)
{
    if (until_us < watch.next_end_us) {
        watch.next_end_us = until_us;
    }
}

/* ---- looking -------------------------------------------------------------------------------- */

static void tell_failed(const char *event, int rc)
{
    static struct core_log_gate gate;
    uint64_t held_back = 0;
    core_count(CORE_METRIC_POLICY_FAILED, 1);
    if (rc != MANSIO_E_CANCELLED && core_log_pass(&gate, &held_back)) {
        mansio_log(MANSIO_LOG_WARNING, event, MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_DURATION("age", mansio_now_us() - watch.read_us),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

static void kick(void)
{
    if (core_standings_waiting() > 0 && watch.work != NULL) {
        mansio_event_set(watch.work);
    }
}

/* Walks give way to others, but two must not be under way. Tests walk without a watch. */
static int begin_walk(void)
{
    return watch.walks != NULL ? mansio_mutex_lock(watch.walks, MANSIO_NEVER) : 0;
}

static void end_walk(void)
{
    if (watch.walks != NULL) {
        mansio_mutex_unlock(watch.walks);
    }
}

static int drop(const struct mansio_standing_changes *changes, int is_all)
{
    int rc = begin_walk();
    if (rc == 0) {
        rc = core_standings_drop(changes, is_all);
        end_walk();
    }
    return rc;
}

/* What was told of changes, taken to heart. Only then is its epoch the one to ask from: whoever is
 * stopped half-way asks once more. What is kept from before the first reading may be older than
 * the epoch that it gave. */
static int take_changes(const struct mansio_standing_changes *changes, int64_t began_us)
{
    int is_all = watch.epoch == 0 || changes->is_all != 0;
    int is_change = is_all || changes->change_count > 0;
    int64_t seen_us = mansio_now_us();
    int rc = is_change ? drop(changes, is_all) : 0;
    if (rc < 0) {
        return rc;
    }
    watch.epoch = changes->epoch;
    watch.read_us = began_us;
    if (is_change) {
        core_count(CORE_METRIC_POLICY_CHANGES, 1);
        if (watch.changed_us == 0 && core_standings_pending() > 0) {
            watch.changed_us = seen_us;
        }
    }
    kick();
    return 0;
}

int core_gate_look(void)
{
    const struct core_directory *directory = core_directory_current();
    struct mansio_standing_changes changes = {.size = sizeof changes};
    if (!core_standings_are_told()) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy.changes", CHANGES_CAP);
    int64_t began_us = mansio_now_us();
    int rc = directory->table.standing_changes(directory->instance, watch.epoch, arena,
                                               mansio_deadline_in(ASK_US), &changes);
    if (rc == 0 && changes.epoch == 0) {
        rc = mansio_fail(MANSIO_E_BUG, "the directory told changes without an epoch");
    }
    if (rc == 0) {
        rc = take_changes(&changes, began_us);
    }
    if (rc < 0) {
        tell_failed("policy-unread", rc);
    }
    core_gauge(CORE_METRIC_POLICY_AGE, mansio_now_us() - watch.read_us);
    mansio_arena_free(arena);
    return rc;
}

/* ---- what time ends ------------------------------------------------------------------------- */

/* Judge by what is known; words whose hours aren't known any further are read again. */
static void judge_ended(void *arg, struct core_standing *standing)
{
    const int64_t *now_us = arg;
    if (standing->until_us <= *now_us) {
        int64_t known_us =
            standing->rules != NULL ? standing->rules->policy->hours_known_us : INT64_MAX;
        (void)core_gate_judge_again(standing);
        if (known_us != 0 && known_us <= *now_us && standing->is_fresh) {
            core_standing_drop(standing);
        }
    }
    core_gate_note_end(standing->until_us);
}

/* The clock was put back: verdicts end at times that may have been those of another hour. */
static void judge_anew(void *arg, struct core_standing *standing)
{
    (void)arg;
    (void)core_gate_judge_again(standing);
}

static void end_unreadable(void *arg, struct mansio_session *session)
{
    size_t *count = arg;
    *count += (size_t)core_session_end(session, MANSIO_REASON_FAULT);
}

static void end_all_of(void *arg, struct core_standing *standing)
{
    core_sessions_of_account(standing->key[0], standing->key[1], end_unreadable, arg);
}

/* Held for long enough. */
static int close_all(void)
{
    size_t count = 0;
    int rc = core_standings_visit(end_all_of, &count);
    mansio_log(MANSIO_LOG_ERROR, "policy-closed",
               MANSIO_KV_DURATION("age", mansio_now_us() - watch.read_us),
               MANSIO_KV_INT("sessions", count), MANSIO_KV_END);
    return rc;
}

static int tick(int64_t now_us)
{
    int is_closed = core_gate_trust() == CORE_GATE_CLOSED;
    int rc = 0;
    if (is_closed && !watch.was_closed) {
        rc = close_all();
    } else if (!is_closed && watch.was_closed) {
        mansio_log(MANSIO_LOG_WARNING, "policy-read-again", MANSIO_KV_END);
    }
    watch.was_closed = is_closed;
    if (rc == 0 && now_us < watch.ticked_us) {
        rc = core_standings_visit(judge_anew, NULL);
    }
    watch.ticked_us = rc == 0 ? now_us : watch.ticked_us;
    if (rc == 0 && watch.next_end_us <= now_us) {
        watch.next_end_us = INT64_MAX;
        rc = core_standings_visit(judge_ended, &now_us);
        if (rc < 0) {
            watch.next_end_us = now_us; /* not all were looked at */
        }
    }
    return rc;
}

int core_gate_tick(void)
{
    int rc = begin_walk();
    if (rc == 0) {
        rc = tick(mansio_wall_us());
        end_walk();
    }
    kick();
    return rc;
}

/* ---- reading again -------------------------------------------------------------------------- */

/* A standing that can't be read, alone or with all others: the last one holds for so long. */
static void hold(struct core_standing *standing)
{
    size_t count = 0;
    if (!watch.is_open && mansio_now_us() - standing->dropped_us > watch.hold_us) {
        end_all_of(&count, standing);
    }
}

static int load_stale(struct mansio_arena *arena, struct core_standing *const *taken, size_t count)
{
    struct core_standing **stale =
        mansio_arena_alloc(arena, CORE_STANDINGS_AT_ONCE * sizeof *stale);
    size_t stale_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!taken[i]->is_fresh) {
            stale[stale_count++] = taken[i];
        }
    }
    /* Who logged in meanwhile may have read it; his other sessions are still to be judged. */
    return stale_count == 0 ? 0
                            : core_standings_load(stale, stale_count, mansio_deadline_in(READ_US));
}

/* All are told: how long did it take since the change was seen? */
static void tell_done(void)
{
    if (watch.changed_us != 0 && core_standings_pending() == 0) {
        core_observe(CORE_METRIC_POLICY_SECONDS, mansio_now_us() - watch.changed_us);
        watch.changed_us = 0;
    }
}

int core_gate_reload(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy.reload", 0);
    struct core_standing **taken =
        mansio_arena_alloc(arena, CORE_STANDINGS_AT_ONCE * sizeof *taken);
    size_t count = core_standings_take(taken, CORE_STANDINGS_AT_ONCE);
    int rc = count > 0 ? load_stale(arena, taken, count) : 0;
    int paced = 0;
    if (rc < 0) {
        tell_failed("standings-unread", rc);
    }
    for (size_t i = 0; i < count; i++) {
        if (taken[i]->is_fresh) {
            (void)core_gate_judge_again(taken[i]);
        } else {
            hold(taken[i]);
        }
        core_standing_put_back(taken[i]);
        if (paced == 0 && i % 16 == 15) {
            paced = mansio_fiber_pace(); /* once it is cancelled: on to the end, all go back */
        }
    }
    tell_done();
    kick();
    mansio_arena_free(arena);
    return rc < 0 ? rc : paced < 0 ? paced : 0;
}

/* ---- fibers --------------------------------------------------------------------------------- */

static int reader_run(void *arg)
{
    struct mansio_waitable *work = mansio_event_waitable(watch.work);
    int rc = 0;
    (void)arg;
    while (rc != MANSIO_E_CANCELLED) {
        rc = mansio_wait(&work, 1, MANSIO_NEVER, 0);
        if (rc < 0) {
            continue;
        }
        rc = core_gate_reload();
        if (core_standings_waiting() == 0) {
            mansio_event_clear(watch.work);
        }
        if (rc < 0 && rc != MANSIO_E_CANCELLED) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(AGAIN_US));
        }
    }
    return rc;
}

static void drain_hints(void)
{
    for (size_t i = 0; i < MANSIO_COUNT(watch.hints); i++) {
        struct mansio_str payload;
        int rc = 0;
        while (rc == 0 || rc == MANSIO_E_LIMIT) {
            rc = mansio_subscription_next(watch.hints[i], 0, &payload);
        }
    }
}

static int watch_run(void *arg)
{
    struct mansio_waitable *hints[] = {mansio_subscription_readable(watch.hints[0]),
                                       mansio_subscription_readable(watch.hints[1])};
    int rc = 0;
    (void)arg;
    while (rc != MANSIO_E_CANCELLED) {
        int64_t due_us = mansio_deadline_in(LOOK_US);
        drain_hints(); /* what comes from here on is about something later */
        rc = core_gate_look();
        if (rc != MANSIO_E_CANCELLED) {
            rc = mansio_wait(hints, MANSIO_COUNT(hints), due_us, 0);
        }
        if (rc >= 0) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(HINT_US));
        }
    }
    return rc;
}

/* On time, however long the directory takes to answer. */
static int clock_run(void *arg)
{
    int rc = 0;
    (void)arg;
    while (rc != MANSIO_E_CANCELLED) {
        rc = core_gate_tick();
        if (rc != MANSIO_E_CANCELLED) {
            int64_t left_us = watch.next_end_us - mansio_wall_us();
            left_us = left_us < HINT_US ? HINT_US : left_us > LOOK_US ? LOOK_US : left_us;
            rc = mansio_fiber_sleep_until(mansio_deadline_in(left_us));
        }
    }
    return rc;
}

static int start(void)
{
    watch.arena = mansio_arena_new(NULL, "gate", 0);
    watch.work = mansio_event_new(watch.arena);
    watch.walks = mansio_mutex_new(watch.arena);
    int rc =
        mansio_bus_subscribe(watch.arena, MANSIO_STR("directory"), HINTS_KEPT, &watch.hints[0]);
    if (rc == 0) {
        rc = mansio_bus_subscribe(watch.arena, MANSIO_STR("policy"), HINTS_KEPT, &watch.hints[1]);
    }
    if (rc == 0) {
        rc = mansio_group_spawn(watch.group, "gate", watch_run, NULL, NULL);
    }
    if (rc == 0) {
        rc = mansio_group_spawn(watch.group, "gate.clock", clock_run, NULL, NULL);
    }
    for (int i = 0; rc == 0 && i < READERS; i++) {
        rc = mansio_group_spawn(watch.group, "gate.read", reader_run, NULL, NULL);
    }
    return rc;
}

void core_gate_begin(void)
{
    watch.is_on = 1;
    watch.epoch = 0;
    watch.read_us = mansio_now_us();
    watch.changed_us = 0;
    watch.next_end_us = INT64_MAX;
    watch.ticked_us = 0;
    watch.was_closed = 0;
}

int core_gate_start(void)
{
    core_gate_begin();
    if (!core_standings_are_told()) {
        return 0;
    }
    watch.group = mansio_group_new("gate");
    int rc = start();
    if (rc < 0) {
        core_gate_stop();
    }
    return rc;
}

void core_gate_stop(void)
{
    if (watch.group != NULL) {
        mansio_group_close(watch.group);
        mansio_arena_free(watch.arena);
        watch.group = NULL;
        watch.arena = NULL;
        watch.work = NULL;
        watch.walks = NULL;
    }
    watch.is_on = 0;
    core_standings_forget();
}
