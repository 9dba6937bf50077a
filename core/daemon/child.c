/*
 * A worker or the service process. See child.h. Owns the process: loop, configuration, modules,
 * channel. Its states are those of a place seen from within: loading, started, accepting,
 * draining, gone.
 */
#include "core/daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/facts.h"
#include "core/daemon/json.h"
#include "core/daemon/logging.h"
#include "core/daemon/plan.h"
#include "core/daemon/ticket.h"
#include "core/host/account.h"
#include "core/host/bus.h"
#include "core/host/config.h"
#include "core/host/content.h"
#include "core/host/gate.h"
#include "core/host/listener_tls.h"
#include "core/host/last_use.h"
#include "core/host/limits.h"
#include "core/host/log.h"
#include "core/host/login.h"
#include "core/host/metrics_core.h"
#include "core/host/modules.h"
#include "core/host/offers.h"
#include "core/host/session.h"
#include "core/host/shm.h"
#include "core/loop/loop.h"
#include "core/net/tls.h"
#include "core/mail/charset.h"
#include "core/net/resolver.h"
#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>
#include <mansio/str.h>

#define BEAT_US     (250 * MANSIO_MS)
#define ORPHAN_US   (5 * MANSIO_SECOND) /* to finish what is in hand once the master is gone */
#define LAST_USE_US (2 * MANSIO_SECOND) /* to write what was noted last */

enum { SAMPLE_BEATS = 4, STUCK_ORPHAN_S = 12 /* ORPHAN_US, and time for stop() */ };

static struct core_child_process process; /* one a process, as the loop is */

static const char *role_name(uint32_t role)
{
    return role == MANSIO_ROLE_SERVICE ? "service" : "worker";
}

void core_child_set_log(const struct core_child_process *self)
{
    struct core_logging logging = {
        .format = self->config != NULL ? self->config->log_format : CORE_LOG_LOGFMT,
        .level = self->config != NULL ? self->config->log_level : MANSIO_LOG_INFO,
        .file = self->config != NULL ? self->config->log_file : MANSIO_STR_NONE,
        .process = role_name(self->role),
        .generation = self->generation,
    };
    core_logging_set(&logging);
}

/* ---- before the loop ------------------------------------------------------------------------- */

static int take_setup(struct core_message *message)
{
    json_t *json = NULL;
    int rc = core_json_parse(message->payload, &json);
    if (rc < 0) {
        return rc;
    }
    int64_t generation = 0;
    int64_t slot = 0;
    int64_t index = 0;
    if (message->type != CORE_MESSAGE_SETUP || message->fd_count != 2) {
        rc =
            mansio_fail(MANSIO_E_INVALID, "child: SETUP expected, found message %u", message->type);
    }
    if (rc == 0) {
        rc = core_json_get_int(json, "generation", 1, UINT32_MAX, &generation);
    }
    if (rc == 0) {
        rc = core_json_get_int(json, "slot", 1, CORE_SHM_SLOTS - 1, &slot);
    }
    if (rc == 0) {
        rc = core_json_get_int(json, "index", 0, CORE_SHM_SLOTS, &index);
    }
    if (rc == 0) {
        rc = core_ticket_secret_get(process.arena, json, &process.ticket_secret);
    }
    json_decref(json);
    process.generation = (uint32_t)generation;
    process.slot_index = (uint32_t)slot;
    process.index = (uint32_t)index;
    return rc;
}

static int read_source(int fd)
{
    process.config_arena = mansio_arena_new(NULL, "config", 0);
    int rc = core_source_load(process.config_arena, fd, &process.source);
    return rc < 0 ? rc : core_config_parse(process.config_arena, process.source, &process.config);
}

/* The first message: all that is needed to make the loop. */
static int set_up(void)
{
    static char buffer[CORE_MESSAGE_BUFFER_SIZE];
    struct core_message message;
    int rc = core_message_receive_raw(CORE_CHANNEL_FD, buffer, &message);
    if (rc == 0) {
        rc = take_setup(&message);
    }
    core_child_set_log(&process);
    if (rc == 0) {
        rc = read_source(message.fds[0]);
        close(message.fds[0]);
    }
    if (rc == 0) {
        core_source_forget_environment(process.source);
    }
    if (rc == 0) {
        rc = core_shm_map(message.fds[1], &process.shm); /* keeps the descriptor */
    }
    if (rc < 0) {
        return rc;
    }
    core_child_set_log(&process);
    process.slot = core_shm_slot(process.shm, process.slot_index);
    core_shm_attach(process.shm, process.slot_index);
    process.listener_fd_count = process.config->listener_count + 1;
    process.listener_fds = mansio_arena_try_alloc(process.arena, process.listener_fd_count *
                                                                     sizeof *process.listener_fds);
    MANSIO_ASSERT(process.listener_fds != NULL);
    for (size_t i = 0; i < process.listener_fd_count; i++) {
        process.listener_fds[i] = -1;
    }
    core_sessions_init(process.config->sessions_max, process.slot_index);
    core_content_setup(process.config->content_memory_bytes, process.config->content_directory);
    return core_metrics_init();
}

/* ---- draining -------------------------------------------------------------------------------- */

/* Modules that have a drain() finish by themselves: their fibers end. */
static void wait_modules(void)
{
    for (size_t i = 0; i < core_modules_count(process.modules); i++) {
        struct mansio_instance *instance = core_modules_instance(process.modules, i);
        if (core_instance_module(instance)->drain != NULL &&
            mansio_group_join(mansio_instance_group(instance), process.drain_deadline_us) < 0) {
            return; /* the deadline is everybody's */
        }
    }
}

static int drain_run(void *arg)
{
    (void)arg;
    while (core_worker_conns(&process) > 0 && mansio_now_us() < process.drain_deadline_us) {
        mansio_event_clear(process.conns_changed);
        struct mansio_waitable *source = mansio_event_waitable(process.conns_changed);
        if (mansio_wait(&source, 1, process.drain_deadline_us, 0) == MANSIO_E_CANCELLED) {
            return MANSIO_E_CANCELLED;
        }
    }
    core_worker_close(&process); /* what is left is cancelled; goodbyes are written */
    if (process.is_started) {
        wait_modules();
    }
    mansio_event_set(process.drained);
    return 0;
}

/* Spread and deadline count from now. Again: the earlier deadline holds. */
static void drain(int64_t spread_us, int64_t within_us)
{
    int64_t deadline_us = mansio_deadline_in(within_us);
    int is_first = !process.is_draining;
    if (is_first || deadline_us < process.drain_deadline_us) {
        process.drain_deadline_us = deadline_us;
    }
    process.is_draining = 1;
    atomic_store(&process.slot->state, CORE_SLOT_DRAINING);
    core_worker_shut(&process, MANSIO_REASON_DRAIN, spread_us, process.drain_deadline_us);
    core_service_shut(&process);
    for (size_t i = 0; i < process.listener_fd_count; i++) {
        if (process.listener_fds[i] >= 0) {
            close(process.listener_fds[i]);
            process.listener_fds[i] = -1;
        }
    }
    if (process.modules != NULL && process.is_started) {
        core_modules_drain(process.modules, process.drain_deadline_us);
    }
    mansio_event_set(process.conns_changed);
    if (is_first && mansio_group_spawn(process.group, "drain", drain_run, NULL, NULL) < 0) {
        mansio_event_set(process.drained);
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

static void on_listener(struct core_message *message)
{
    if (message->fd_count == 1 && message->id < process.listener_fd_count && !process.is_draining &&
        process.listener_fds[message->id] < 0) {
        process.listener_fds[message->id] = message->fds[0];
        message->fd_count = 0;
    }
}

static int tell_facts(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "facts", 0);
    struct core_plan *plan = mansio_arena_alloc(arena, sizeof *plan);
    plan->arena = arena;
    core_facts_collect(plan, process.config, process.modules);
    json_t *json = core_plan_facts(plan);
    struct core_message message = {.type = CORE_MESSAGE_LOADED, .fd_count = 1};
    int rc = core_json_store(json, "mansio-facts", &message.fds[0]);
    json_decref(json);
    mansio_arena_free(arena);
    if (rc == 0) {
        rc = core_channel_send(process.channel, &message);
        core_message_close_fds(&message);
    }
    return rc;
}

/* Modules, and what the listeners show to clients. */
static int load(void)
{
    int rc = core_modules_load(process.arena, process.config, process.source, &process.modules);
    if (rc == 0 && process.role == MANSIO_ROLE_WORKER) {
        rc = core_listener_tls_load(process.arena, process.config, process.source,
                                    mansio_secret_bytes(process.ticket_secret), &process.tls);
    }
    return rc < 0 ? rc : tell_facts();
}

static int start_run(void *arg)
{
    (void)arg;
    process.start_result = core_modules_start(process.modules, process.role);
    if (process.start_result == 0) {
        process.start_result = core_accounts_init(process.arena, process.modules, process.config);
        if (process.start_result == 0) {
            process.start_result = core_login_configure(process.config);
        }
        if (process.start_result == 0) {
            process.start_result = core_limits_configure(process.config);
        }
        if (process.start_result == 0) {
            core_last_use_configure(process.config->login.use_every_us);
            process.start_result =
                mansio_group_spawn(process.group, "last-use", core_last_use_run, NULL, NULL);
        }
        if (process.start_result == 0) {
            process.start_result = core_offers_configure(process.config, process.modules);
        }
        core_gate_configure(process.config);
        if (process.start_result == 0) {
            process.start_result = core_gate_start();
        }
        if (process.start_result < 0) {
            core_modules_stop(process.modules);
        }
    }
    (void)snprintf(process.start_detail, sizeof process.start_detail, "%s",
                   process.start_result < 0 ? mansio_error_detail() : "");
    mansio_event_set(process.start_done);
    return process.start_result;
}

static void on_drain(const struct core_message *message)
{
    json_t *json = NULL;
    int64_t spread_us = 0;
    int64_t deadline_us = 0;
    int rc = core_json_parse(message->payload, &json);
    if (rc == 0) {
        rc = core_json_get_int(json, "spread_us", 0, INT64_MAX, &spread_us);
    }
    if (rc == 0) {
        rc = core_json_get_int(json, "deadline_us", 0, INT64_MAX, &deadline_us);
    }
    json_decref(json);
    if (rc < 0) {
        mansio_log(MANSIO_LOG_ERROR, "drain-unreadable",
                   MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
    }
    drain(spread_us, deadline_us);
}

static void on_bus(const struct core_message *message)
{
    ptrdiff_t at = message->payload.len > 0
                       ? (ptrdiff_t)strnlen(message->payload.ptr, message->payload.len)
                       : 0;
    if ((size_t)at < message->payload.len) {
        core_bus_deliver((struct mansio_str){message->payload.ptr, (size_t)at},
                         (struct mansio_str){message->payload.ptr + at + 1,
                                             message->payload.len - (size_t)at - 1});
    }
}

static int on_accept(void)
{
    if (process.is_draining) {
        return 0;
    }
    atomic_store(&process.slot->state, CORE_SLOT_ACCEPTING);
    return process.role == MANSIO_ROLE_SERVICE ? core_service_accept(&process)
                                               : core_worker_accept(&process);
}

static int on_message(struct core_message *message)
{
    switch (message->type) {
    case CORE_MESSAGE_LISTENER:
        on_listener(message);
        return 0;
    case CORE_MESSAGE_LOAD:
        return load();
    case CORE_MESSAGE_START:
        return mansio_group_spawn(process.group, "start", start_run, NULL, NULL);
    case CORE_MESSAGE_ACCEPT:
        return on_accept();
    case CORE_MESSAGE_DRAIN:
        on_drain(message);
        return 0;
    case CORE_MESSAGE_RECONFIGURE:
        core_child_on_reconfigure(&process, message);
        return 0;
    case CORE_MESSAGE_SESSIONS:
        core_child_on_sessions(&process, message);
        return 0;
    case CORE_MESSAGE_KILL:
        core_child_on_kill(&process, message);
        return 0;
    case CORE_MESSAGE_TOP:
        core_child_on_top(&process, message);
        return 0;
    case CORE_MESSAGE_KICK:
        core_worker_kick(&process);
        return 0;
    case CORE_MESSAGE_BUS:
        on_bus(message);
        return 0;
    default: /* newer than we are */
        return 0;
    }
}

static void publish(void *arg, struct mansio_str topic, struct mansio_str payload)
{
    (void)arg;
    char text[MANSIO_BUS_TOPIC_MAX + 1 + MANSIO_BUS_PAYLOAD_MAX];
    if (topic.len > MANSIO_BUS_TOPIC_MAX || payload.len > MANSIO_BUS_PAYLOAD_MAX) {
        return;
    }
    memcpy(text, topic.ptr, topic.len);
    text[topic.len] = '\0';
    if (payload.len > 0) {
        memcpy(text + topic.len + 1, payload.ptr, payload.len);
    }
    (void)core_channel_send_text(process.channel, CORE_MESSAGE_BUS, 0,
                                 (struct mansio_str){text, topic.len + 1 + payload.len});
}

/* ---- fibers of the process ------------------------------------------------------------------- */

static int beat_run(void *arg)
{
    (void)arg;
    for (unsigned n = 0;; n++) {
        core_shm_beat();
        if (n % SAMPLE_BEATS == 0) {
            core_metrics_sample();
        }
        int rc = mansio_fiber_sleep_until(mansio_deadline_in(BEAT_US));
        if (rc < 0) {
            return rc;
        }
    }
}

/* Tell the master why there is nothing to be made of us. */
static void give_up(int rc)
{
    struct mansio_str text = process.config_arena != NULL
                                 ? core_child_problems(&process)
                                 : mansio_str_from_cstr(mansio_error_detail());
    mansio_log(MANSIO_LOG_ERROR, "child-failed", MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    (void)core_channel_send_text(process.channel, CORE_MESSAGE_FAILED, 0, text);
    process.exit_code = 1;
}

static void on_orphaned(void)
{
    mansio_log(MANSIO_LOG_WARNING, "master-gone", MANSIO_KV_END);
    /* Shut first of all: an inherited listening socket keeps the next master from binding. */
    drain(0, ORPHAN_US);
}

/* Wait for the master, the end of start(), a signal, the end of draining; until the last. */
static int attend(int signal_fd)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "attend", 0);
    struct mansio_waitable *others[3] = {
        mansio_event_waitable(process.drained),
        mansio_event_waitable(process.start_done),
        mansio_fd_watch(arena, signal_fd, MANSIO_FD_READ),
    };
    int is_orphaned = 0;
    int rc = 0;
    while (rc == 0 && !mansio_event_is_set(process.drained)) {
        struct core_message message;
        int which = is_orphaned
                        ? mansio_wait(others, 3, MANSIO_NEVER, 0)
                        : core_channel_step(process.channel, others, 3, MANSIO_NEVER, &message);
        which += is_orphaned && which >= 0;
        if (which == 0) {
            rc = on_message(&message);
            core_message_close_fds(&message);
        } else if (which == 2) {
            mansio_event_clear(process.start_done);
            rc = process.start_result;
            if (rc < 0) {
                rc = mansio_fail(rc, "%s", process.start_detail);
            }
            process.is_started = rc == 0;
            if (rc == 0) {
                (void)core_channel_send_text(process.channel, CORE_MESSAGE_READY, 0,
                                             MANSIO_STR_NONE);
            }
        } else if (which == 3) {
            struct signalfd_siginfo info;
            if (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
                drain(process.config->drain_spread_us, process.config->drain_time_us);
            }
        } else if (which < 0 && !is_orphaned) {
            is_orphaned = 1;
            on_orphaned();
        }
    }
    mansio_arena_free(arena);
    return rc;
}

static int main_run(void *arg)
{
    int signal_fd = *(int *)arg;
    core_bus_set_link(publish, NULL);
    int rc = attend(signal_fd);
    if (rc < 0) {
        give_up(rc);
        core_worker_close(&process);
    }
    core_service_close(&process);
    mansio_group_close(process.group); /* a start() that is still under way ends here */
    core_gate_stop();
    core_offers_fini();
    core_bus_set_link(NULL, NULL);
    core_last_use_end(mansio_deadline_in(LAST_USE_US));
    core_accounts_fini();
    core_login_fini();
    core_limits_fini();
    if (process.modules != NULL) {
        core_modules_stop(process.modules);
    }
    if (rc == 0) {
        (void)core_channel_send_text(process.channel, CORE_MESSAGE_DRAINED, 0, MANSIO_STR_NONE);
    }
    (void)core_channel_flush(process.channel, mansio_deadline_in(MANSIO_SECOND));
    core_loop_stop();
    return 0;
}

/* The channel's end tells a child that the master is gone. One whose loop is held won't hear it,
 * and would keep its listening sockets from the next master: its alarm runs from here on. */
static void on_master_dead(int number)
{
    (void)number;
    alarm(STUCK_ORPHAN_S);
}

static void watch_master(void)
{
    struct sigaction action = {.sa_handler = on_master_dead, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    signal(SIGALRM, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGRTMIN, 0UL, 0UL, 0UL);
}

/* The terminal's ^C and a stray SIGHUP are the master's business; SIGTERM drains this process
 * alone, and the master replaces it. */
static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What serving mail needs at hand. iconv reads its converters from disk: now, not between lines. */
static void warm_up(void)
{
    int known = 0;
    int have = core_mail_charset_warm(&known);

    if (process.index != 0) {
        return; /* one worker says it for all */
    }
    if (have < known) {
        mansio_log(MANSIO_LOG_WARNING, "charsets-missing", MANSIO_KV_INT("known", known),
                   MANSIO_KV_INT("here", have), MANSIO_KV_END);
    }
    if (access(process.config->content_directory.ptr, W_OK | X_OK) < 0) {
        mansio_log(MANSIO_LOG_WARNING, "content-directory",
                   MANSIO_KV_STR("path", process.config->content_directory),
                   MANSIO_KV_CSTR("detail", strerror(errno)), MANSIO_KV_END);
    }
}

static int init_loop(void)
{
    const struct core_config *config = process.config;
    struct core_loop_options options = {
        .fibers_max = config->fibers_max,
        .stack_size_bytes = config->stack_size_bytes,
        .stacks_kept_max = config->stacks_kept_max,
        .offload_threads = config->offload_threads,
        .offload_queue_max = config->offload_queue_max,
        .hold_limit_us = config->hold_limit_us,
        .on_hold = core_log_hold,
        .on_stuck = core_log_stuck,
        .on_overflow = core_log_overflow,
        .on_crash = core_log_crash,
    };
    int rc = core_loop_init(&options);
    if (rc < 0) {
        return rc;
    }
    if (process.role == MANSIO_ROLE_WORKER) {
        warm_up();
    }
    rc = core_resolver_init(&config->resolver);
    if (rc < 0) {
        return rc;
    }
    struct core_loop_stats stats;
    core_loop_stats(&stats);
    if (stats.fibers_max < config->fibers_max && process.index == 0 &&
        process.role == MANSIO_ROLE_WORKER) {
        mansio_log(MANSIO_LOG_WARNING, "fibers-limited",
                   MANSIO_KV_INT("configured", config->fibers_max),
                   MANSIO_KV_INT("possible", stats.fibers_max),
                   MANSIO_KV_CSTR("advice", "raise vm.max_map_count"), MANSIO_KV_END);
    }
    return 0;
}

int core_child_run(uint32_t role)
{
    process.arena = mansio_arena_new(NULL, "process", 0);
    process.role = role;
    watch_master();
    int signal_fd = watch_signals();
    if (role == MANSIO_ROLE_WORKER) {
        core_tls_init();
    }
    int rc = signal_fd < 0 ? mansio_fail(MANSIO_E_IO, "signalfd: %s", strerror(errno)) : set_up();
    if (rc == 0) {
        rc = init_loop();
    }
    if (rc < 0) {
        struct core_message message = {
            .type = CORE_MESSAGE_FAILED,
            .payload = mansio_str_from_cstr(mansio_error_detail()),
        };
        core_message_send_raw(CORE_CHANNEL_FD, &message);
        return 1;
    }
    int flags = fcntl(CORE_CHANNEL_FD, F_GETFD);
    fcntl(CORE_CHANNEL_FD, F_SETFD, flags | FD_CLOEXEC);
    process.channel = core_channel_new(CORE_CHANNEL_FD);
    process.group = mansio_group_new("process");
    process.conns_changed = mansio_event_new(process.arena);
    process.drained = mansio_event_new(process.arena);
    process.start_done = mansio_event_new(process.arena);
    struct mansio_group *outer = mansio_group_new("child");
    rc = mansio_group_spawn(outer, "main", main_run, &signal_fd, NULL);
    if (rc == 0) {
        rc = mansio_group_spawn(process.group, "beat", beat_run, NULL, NULL);
    }
    if (rc < 0) {
        return 1;
    }
    core_loop_run();
    mansio_group_close(outer);
    core_channel_free(process.channel);
    mansio_arena_free(process.config_arena);
    mansio_arena_free(process.arena);
    core_resolver_fini();
    size_t floating = core_loop_fini();
    if (floating > 0) {
        mansio_log(MANSIO_LOG_WARNING, "fibers-left", MANSIO_KV_INT("count", floating),
                   MANSIO_KV_END);
    }
    return process.exit_code;
}
