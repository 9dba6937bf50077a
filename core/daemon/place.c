/*
 * A place of a generation: one fiber that starts a child, sees it through its life and replaces
 * it. Owns the child's channel, pidfd and slot of shared memory. Whether the generation as a whole
 * lives is generation.c's matter.
 */
#include "core/daemon/generation.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/ask.h"
#include "core/daemon/channel.h"
#include "core/daemon/decide.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/daemon/reload.h"
#include "core/daemon/sockets.h"
#include "core/daemon/ticket.h"
#include "core/host/shm.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>

#define START_US (60 * MANSIO_SECOND) /* from fork to READY */
#define EXIT_US  (5 * MANSIO_SECOND)  /* from the channel's end to the process's */
#define GRACE_US (3 * MANSIO_SECOND)  /* past a drain's deadline: goodbyes and stop() */

enum { REASON_MAX = 512 };

static const char *role_name(const struct core_place *place)
{
    return place->role == MANSIO_ROLE_SERVICE ? "service" : "worker";
}

static void set_state(struct core_place *place, enum core_place_state state)
{
    place->state = state;
    mansio_event_set(place->generation->changed);
}

int core_place_is_up(const struct core_place *place)
{
    return place->channel != NULL &&
           (place->state == CORE_PLACE_READY || place->state == CORE_PLACE_ACCEPTING);
}

const char *core_place_state_name(enum core_place_state state)
{
    switch (state) {
    case CORE_PLACE_WAITING:
    case CORE_PLACE_GONE:
        return "waiting";
    case CORE_PLACE_ACCEPTING:
        return "accepting";
    case CORE_PLACE_DRAINING:
        return "draining";
    case CORE_PLACE_STARTING:
    case CORE_PLACE_READY:
        break;
    }
    return "starting";
}

static int is_over(const struct core_place *place)
{
    return place->generation->state == CORE_GENERATION_DRAINING;
}

/* The generation can't start because of this place. */
static void fail_start(struct core_place *place, const char *reason)
{
    struct core_generation *generation = place->generation;
    if (generation->state != CORE_GENERATION_STARTING || generation->is_failed) {
        return;
    }
    generation->is_failed = 1;
    generation->is_misfit = place->is_misfit;
    snprintf(generation->failure, sizeof generation->failure, "%s %u: %s", role_name(place),
             place->index, reason);
    mansio_event_set(generation->changed);
}

/* ---- from fork to the first message ---------------------------------------------------------- */

static int send_setup(struct core_place *place)
{
    struct core_generation *generation = place->generation;
    json_t *setup = json_pack("{s:I, s:I, s:I, s:I}", "generation", (json_int_t)generation->number,
                              "slot", (json_int_t)place->slot, "index", (json_int_t)place->index,
                              "role", (json_int_t)place->role);
    core_ticket_secret_put(setup, generation->master->ticket_secret);
    char *text = json_dumps(setup, JSON_COMPACT);
    json_decref(setup);
    MANSIO_ASSERT(text != NULL);
    struct core_message message = {
        .type = CORE_MESSAGE_SETUP,
        .payload = {text, strlen(text)},
        .fd_count = 2,
        .fds = {generation->source_fd, core_shm_fd(generation->master->shm)},
    };
    int rc = core_channel_send(place->channel, &message);
    explicit_bzero(text, strlen(text));
    free(text);
    return rc;
}

/* Lend it the listening sockets; the service process gets that of the metrics alone. */
static int send_sockets(struct core_place *place)
{
    struct core_generation *generation = place->generation;
    const struct core_plan *plan = generation->plan;
    struct core_sockets *sockets = generation->master->sockets;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && place->role == MANSIO_ROLE_WORKER && i < plan->listener_count;
         i++) {
        const struct core_plan_listener *listener = &plan->listeners[i];
        struct core_socket_want want = {&listener->address, listener->backlog, listener->unix_mode};
        struct core_message message = {
            .type = CORE_MESSAGE_LISTENER, .id = (uint32_t)i, .fd_count = 1};
        rc = core_sockets_open(sockets, &want, &message.fds[0]);
        if (rc >= 0) {
            rc = core_channel_send(place->channel, &message);
        }
    }
    if (rc >= 0 && place->role == MANSIO_ROLE_SERVICE && plan->metrics_address.len > 0) {
        struct core_address address;
        struct core_message message = {.type = CORE_MESSAGE_LISTENER, .fd_count = 1};
        rc = core_address_parse(plan->metrics_address, &address);
        if (rc >= 0) {
            struct core_socket_want want = {&address, CORE_METRICS_BACKLOG, 0666};
            rc = core_sockets_open(sockets, &want, &message.fds[0]);
        }
        if (rc >= 0) {
            rc = core_channel_send(place->channel, &message);
        }
    }
    return rc < 0 ? rc : 0;
}

static void release(struct core_place *place)
{
    struct core_master *master = place->generation->master;
    core_ask_gone(place);
    core_channel_free(place->channel);
    place->channel = NULL;
    if (place->child.pidfd >= 0) {
        close(place->child.pidfd);
    }
    place->child = (struct core_child){.pid = 0, .pidfd = -1};
    if (place->slot != 0) {
        core_shm_reclaim(master->shm, place->slot);
        place->slot = 0;
        mansio_event_set(master->generations_changed);
    }
}

static int give_birth(struct core_place *place)
{
    struct core_master *master = place->generation->master;
    int ours = -1;
    int theirs = -1;
    place->born_us = mansio_now_us();
    place->born_wall_us = mansio_wall_us();
    int rc = core_shm_claim(master->shm, &place->slot);
    if (rc < 0) {
        place->slot = 0;
        return rc;
    }
    rc = core_channel_pair(&ours, &theirs);
    if (rc < 0) {
        return rc;
    }
    place->channel = core_channel_new(ours);
    rc = core_spawn(role_name(place), theirs, &place->child);
    close(theirs);
    if (rc < 0) {
        return rc;
    }
    place->is_stale = place->has_loaded = place->has_failed = 0;
    place->deadline_us = mansio_deadline_in(START_US);
    struct core_slot *slot = core_shm_slot(master->shm, place->slot);
    atomic_store(&slot->pid, (uint64_t)place->child.pid);
    atomic_store(&slot->generation, place->generation->number);
    atomic_store(&slot->role, place->role);
    atomic_store(&slot->started_wall_us, (uint64_t)place->born_wall_us);
    atomic_store(&slot->state, CORE_SLOT_STARTING);
    set_state(place, CORE_PLACE_STARTING);
    rc = send_setup(place);
    if (rc >= 0) {
        rc = send_sockets(place);
    }
    return rc < 0 ? rc
                  : core_channel_send_text(place->channel, CORE_MESSAGE_LOAD, 0, MANSIO_STR_NONE);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* What the child has mapped must be what was checked; else the master checks anew. */
static void on_loaded(struct core_place *place, struct core_message *message)
{
    struct core_generation *generation = place->generation;
    json_t *json = NULL;
    struct core_plan *facts = NULL;
    int rc = message->fd_count == 1 ? core_json_load(message->fds[0], &json)
                                    : mansio_fail(MANSIO_E_INVALID, "no descriptor");
    if (rc >= 0) {
        rc = core_plan_from_facts(json, &facts);
        json_decref(json);
    }
    if (rc < 0) {
        mansio_log(MANSIO_LOG_ERROR, "facts-unreadable", MANSIO_KV_INT("child", place->child.pid),
                   MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
        core_spawn_signal(&place->child, SIGKILL);
        return;
    }
    enum core_match match = core_match(generation->plan, facts);
    core_plan_free(facts);
    if (match == CORE_MATCH_SAME) {
        (void)core_channel_send_text(place->channel, CORE_MESSAGE_START, 0, MANSIO_STR_NONE);
        return;
    }
    place->is_misfit = 1;
    const char *what = match == CORE_MATCH_BINARY ? "mansiod or libmansio was replaced on disk"
                                                  : "module files were replaced on disk";
    mansio_log(MANSIO_LOG_WARNING, "process-misfit", MANSIO_KV_CSTR("role", role_name(place)),
               MANSIO_KV_INT("child", place->child.pid), MANSIO_KV_INT("gen", generation->number),
               MANSIO_KV_CSTR("reason", what), MANSIO_KV_END);
    fail_start(place, what);
    core_spawn_signal(&place->child, SIGKILL);
    if (generation->state == CORE_GENERATION_READY) {
        core_reload_by_misfit(generation->master);
    }
}

static void relay(struct core_place *from, const struct core_message *message)
{
    CORE_LIST_EACH (link, follower, &from->generation->master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        for (size_t i = 0; i < generation->place_count; i++) {
            struct core_place *place = &generation->places[i];
            if (place != from && place->channel != NULL && place->state >= CORE_PLACE_READY) {
                /* A hint that is lost costs latency alone. */
                (void)core_channel_send_text(place->channel, CORE_MESSAGE_BUS, 0, message->payload);
            }
        }
    }
}

static void on_failed(struct core_place *place, const struct core_message *message)
{
    char reason[REASON_MAX];
    snprintf(reason, sizeof reason, "%.*s", MANSIO_STR_ARG(message->payload));
    fail_start(place, reason);
    mansio_log(MANSIO_LOG_ERROR, "process-failed", MANSIO_KV_CSTR("role", role_name(place)),
               MANSIO_KV_INT("index", place->index), MANSIO_KV_INT("child", place->child.pid),
               MANSIO_KV_INT("gen", place->generation->number),
               MANSIO_KV_STR("reason", message->payload), MANSIO_KV_END);
}

/* Settings were changed while it started: it gets them now. */
static void refresh(struct core_place *place)
{
    if (place->is_stale) {
        struct core_message message = {
            .type = CORE_MESSAGE_RECONFIGURE, .fd_count = 1, .fds = {place->generation->source_fd}};
        (void)core_channel_send(place->channel, &message);
        place->is_stale = 0;
    }
}

static void on_message(struct core_place *place, struct core_message *message)
{
    switch (message->type) {
    case CORE_MESSAGE_LOADED:
        if (place->state == CORE_PLACE_STARTING && !place->has_loaded) {
            place->has_loaded = 1;
            on_loaded(place, message);
        }
        break;
    case CORE_MESSAGE_READY:
        if (place->state == CORE_PLACE_STARTING) {
            place->deadline_us = MANSIO_NEVER;
            set_state(place, CORE_PLACE_READY);
            refresh(place);
            if (place->generation->state == CORE_GENERATION_READY) {
                core_place_accept(place);
            }
        }
        break;
    case CORE_MESSAGE_FAILED:
        if (!place->has_failed) {
            place->has_failed = 1;
            on_failed(place, message);
        }
        break;
    case CORE_MESSAGE_BUS:
        relay(place, message);
        break;
    case CORE_MESSAGE_ANSWER:
    case CORE_MESSAGE_ANSWERED:
        core_ask_answered(place, message);
        break;
    default: /* STAGE, DRAINED: good to see in a trace, nothing to do */
        break;
    }
    core_message_close_fds(message);
}

void core_place_accept(struct core_place *place)
{
    if (place->state == CORE_PLACE_READY) {
        (void)core_channel_send_text(place->channel, CORE_MESSAGE_ACCEPT, 0, MANSIO_STR_NONE);
        set_state(place, CORE_PLACE_ACCEPTING);
    }
}

void core_place_drain(struct core_place *place, int64_t spread_us, int64_t deadline_us)
{
    if (core_place_is_up(place) || place->state == CORE_PLACE_DRAINING) {
        char text[96];
        int n = snprintf(text, sizeof text, "{\"spread_us\":%lld,\"deadline_us\":%lld}",
                         (long long)spread_us, (long long)deadline_us);
        (void)core_channel_send_text(place->channel, CORE_MESSAGE_DRAIN, 0,
                                     (struct mansio_str){text, (size_t)n});
        int64_t latest_us = mansio_deadline_in(deadline_us + GRACE_US);
        if (place->state != CORE_PLACE_DRAINING || latest_us < place->deadline_us) {
            place->deadline_us = latest_us;
        }
        set_state(place, CORE_PLACE_DRAINING);
    } else if (place->state == CORE_PLACE_STARTING) {
        core_spawn_signal(&place->child, SIGKILL);
    }
    mansio_event_set(place->poke);
}

/* ---- a child's life -------------------------------------------------------------------------- */

/* From birth until its end is certain. Yields. */
static int attend(struct core_place *place)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "child", 0);
    struct mansio_waitable *others[2] = {
        mansio_fd_watch(arena, place->child.pidfd, MANSIO_FD_READ),
        mansio_event_waitable(place->poke),
    };
    int status = 0;
    int is_channel_open = 1;
    for (;;) {
        struct core_message message;
        int rc = is_channel_open
                     ? core_channel_step(place->channel, others, 2, place->deadline_us, &message)
                     : mansio_wait(others, 2, place->deadline_us, 0);
        rc += !is_channel_open && rc >= 0; /* as core_channel_step() counts */
        if (rc == 0) {
            on_message(place, &message);
        } else if (rc == 1 && core_spawn_reap(&place->child, &status)) {
            /* why it gave up may be among what is still to be read */
            int64_t until_us = mansio_deadline_in(CORE_CHANNEL_LAST_WORDS_US);
            while (is_channel_open &&
                   core_channel_step(place->channel, NULL, 0, until_us, &message) == 0) {
                on_message(place, &message);
            }
            break;
        } else if (rc == 2) {
            mansio_event_clear(place->poke);
        } else if (rc == MANSIO_E_TIMEOUT) {
            mansio_log(MANSIO_LOG_ERROR, "process-overdue",
                       MANSIO_KV_CSTR("role", role_name(place)),
                       MANSIO_KV_INT("child", place->child.pid),
                       MANSIO_KV_CSTR("state", core_place_state_name(place->state)), MANSIO_KV_END);
            fail_start(place, "not ready in time");
            core_spawn_signal(&place->child, SIGKILL);
            place->deadline_us = MANSIO_NEVER;
        } else if (rc == MANSIO_E_CANCELLED) {
            core_spawn_signal(&place->child, SIGKILL);
            waitpid(place->child.pid, &status, 0); /* dies at once */
            break;
        } else if (rc < 0 && is_channel_open) {
            is_channel_open = 0;
            int64_t latest_us = mansio_deadline_in(EXIT_US);
            place->deadline_us = latest_us < place->deadline_us ? latest_us : place->deadline_us;
        }
    }
    mansio_arena_free(arena);
    return status;
}

/* The child has ended: say so, at the level that it deserves. */
static void obituary(struct core_place *place, int status)
{
    char text[CORE_SPAWN_STATUS_MAX];
    core_spawn_status_text(status, text);
    /* A crash is one also on the way out: only its end by our own hand is planned. */
    int is_planned = (place->state == CORE_PLACE_DRAINING || place->is_misfit || is_over(place)) &&
                     !(WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL);
    int is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_planned && !is_clean) {
        place->generation->master->crashes++;
    }
    mansio_log(is_clean || is_planned ? MANSIO_LOG_INFO : MANSIO_LOG_ERROR, "process-ended",
               MANSIO_KV_CSTR("role", role_name(place)), MANSIO_KV_INT("index", place->index),
               MANSIO_KV_INT("child", place->child.pid),
               MANSIO_KV_INT("gen", place->generation->number), MANSIO_KV_CSTR("status", text),
               MANSIO_KV_DURATION("lived", mansio_now_us() - place->born_us), MANSIO_KV_END);
    char reason[REASON_MAX];
    snprintf(reason, sizeof reason, "ended while starting: %s", text);
    fail_start(place, reason);
}

/* Let the others look at the balance again: one of them is gone. */
static void kick_others(struct core_place *gone)
{
    struct core_generation *generation = gone->generation;
    for (size_t i = 0; i < generation->place_count; i++) {
        if (generation->places[i].state == CORE_PLACE_ACCEPTING) {
            (void)core_channel_send_text(generation->places[i].channel, CORE_MESSAGE_KICK, 0,
                                         MANSIO_STR_NONE);
        }
    }
}

static void live(struct core_place *place)
{
    int rc = place->is_restored ? 0 : give_birth(place);
    place->is_restored = 0;
    if (rc < 0) {
        fail_start(place, mansio_error_detail());
        mansio_log(MANSIO_LOG_ERROR, "process-not-started",
                   MANSIO_KV_CSTR("role", role_name(place)), MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
    }
    if (place->child.pid > 0) {
        if (rc < 0) {
            core_spawn_signal(&place->child, SIGKILL);
        }
        int status = attend(place);
        obituary(place, status);
    }
    release(place);
}

static int place_run(void *arg)
{
    struct core_place *place = arg;
    while (!is_over(place) || place->is_restored) {
        live(place);
        if (is_over(place) || place->generation->state == CORE_GENERATION_STARTING) {
            break;
        }
        set_state(place, CORE_PLACE_WAITING);
        kick_others(place);
        place->restarts++;
        place->is_misfit = 0;
        int64_t pause_us = core_backoff_next(&place->backoff, mansio_now_us() - place->born_us);
        int64_t until_us = mansio_deadline_in(pause_us);
        while (!is_over(place) && mansio_now_us() < until_us) {
            mansio_event_clear(place->poke);
            struct mansio_waitable *source = mansio_event_waitable(place->poke);
            int rc = mansio_wait(&source, 1, until_us, 0);
            if (rc == MANSIO_E_CANCELLED) {
                set_state(place, CORE_PLACE_GONE);
                return rc;
            }
        }
    }
    set_state(place, CORE_PLACE_GONE);
    return 0;
}

int core_place_launch(struct core_place *place)
{
    return mansio_group_spawn(place->generation->group, "place", place_run, place, NULL);
}
