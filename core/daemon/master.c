/*
 * The master: its life from the first line to the last, its signals. See master.h. Starting and
 * reloading is reload.c's, children are generation.c's and place.c's.
 */
#include "core/daemon/master.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/control.h"
#include "core/daemon/generation.h"
#include "core/daemon/logging.h"
#include "core/daemon/plan.h"
#include "core/daemon/reload.h"
#include "core/daemon/sockets.h"
#include "core/daemon/spawn.h"
#include "core/daemon/ticket.h"
#include "core/daemon/upgrade.h"
#include "core/host/log.h"
#include "core/host/shm.h"
#include "core/loop/loop.h"
#include <mansio/error.h>
#include <mansio/log.h>

#define QUICK_US (2 * MANSIO_SECOND) /* from the second SIGTERM to the deadline */

enum {
    FIBERS_MAX = 4096,
    STACKS_KEPT = 32,
    DESCRIPTORS_SPARE = 256, /* beside a worker's connections */
};

struct run {
    struct core_master *master;
    int is_resumed;
    int signal_fd;
    struct mansio_fiber *conductor;
    struct mansio_event *stop; /* somebody wants us to end, or to hurry */
};

static struct run run_state; /* one a process, as the loop is */

const char *core_master_state_name(enum core_master_state state)
{
    switch (state) {
    case CORE_MASTER_RUNNING:
        return "running";
    case CORE_MASTER_RELOADING:
        return "reloading";
    case CORE_MASTER_UPGRADING:
        return "upgrading";
    case CORE_MASTER_STOPPING:
        return "stopping";
    case CORE_MASTER_STARTING:
        break;
    }
    return "starting";
}

size_t core_master_free_slots(const struct core_master *master)
{
    size_t count = 0;
    for (uint32_t i = 1; i < CORE_SHM_SLOTS; i++) {
        count += atomic_load(&core_shm_slot(master->shm, i)->state) == CORE_SLOT_FREE;
    }
    return count;
}

void core_master_adopt_log(const struct core_master *master, const struct core_plan *plan)
{
    (void)master;
    struct core_logging logging = {
        .format = plan->log_format,
        .level = plan->log_level,
        .file = plan->log_file,
        .process = "master",
    };
    core_logging_set(&logging);
}

/* Say so if the system's limit is below what is configured; once for each figure. */
static void judge_descriptors(const struct core_plan *plan)
{
    static uint64_t judged;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && plan->conns_max > 0 && judged != plan->conns_max &&
        limit.rlim_cur < plan->conns_max / plan->workers + DESCRIPTORS_SPARE) {
        judged = plan->conns_max;
        mansio_log(MANSIO_LOG_WARNING, "descriptors-limited",
                   MANSIO_KV_INT("descriptors", limit.rlim_cur),
                   MANSIO_KV_INT("limits_connections", plan->conns_max),
                   MANSIO_KV_INT("workers", plan->workers),
                   MANSIO_KV_CSTR("advice", "raise RLIMIT_NOFILE (systemd: LimitNOFILE=) or lower "
                                            "limits.connections"),
                   MANSIO_KV_END);
    }
}

void core_master_adopt(struct core_master *master, const struct core_plan *plan)
{
    core_master_adopt_log(master, plan);
    judge_descriptors(plan);
    if (core_control_serve(master, plan) < 0) {
        mansio_log(MANSIO_LOG_ERROR, "control-not-served",
                   MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
    }
}

/* ---- stopping -------------------------------------------------------------------------------- */

void core_master_stop(struct core_master *master)
{
    master->stop_requests++;
    master->state = CORE_MASTER_STOPPING;
    mansio_event_set(run_state.stop);
}

static void drain_all(struct core_master *master)
{
    CORE_LIST_EACH (link, follower, &master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        int64_t within_us = generation->plan->drain_deadline_us;
        if (master->stop_requests > 1 && within_us > QUICK_US) {
            within_us = QUICK_US;
        }
        core_generation_drain(generation, 0, master->stop_requests > 2 ? 0 : within_us);
    }
}

static int is_control(void *arg, const struct core_address *address)
{
    return core_control_has_address(arg, address);
}

/* Waits for the wish to end, and carries it out. The sockets are closed first: who connects now is
 * refused at once instead of waiting in a queue that nobody serves. */
static int stop_run(void *arg)
{
    struct run *run = arg;
    struct core_master *master = run->master;
    struct mansio_waitable *stop = mansio_event_waitable(run->stop);
    int rc = mansio_wait(&stop, 1, MANSIO_NEVER, 0);
    if (rc < 0) {
        return rc;
    }
    core_notify_stopping("Stopping");
    mansio_log(MANSIO_LOG_INFO, "stopping", MANSIO_KV_END);
    mansio_fiber_cancel(run->conductor);
    rc = mansio_fiber_join(run->conductor, MANSIO_NEVER, NULL);
    if (rc < 0) {
        return rc;
    }
    for (;;) {
        mansio_event_clear(run->stop);
        drain_all(master);
        core_sockets_prune(master->sockets, is_control, master);
        mansio_event_clear(master->generations_changed);
        if (core_list_is_empty(&master->generations)) {
            break;
        }
        struct mansio_waitable *sources[2] = {stop,
                                              mansio_event_waitable(master->generations_changed)};
        rc = 1;
        while (rc == 1 && !core_list_is_empty(&master->generations)) {
            mansio_event_clear(master->generations_changed);
            rc = mansio_wait(sources, 2, MANSIO_NEVER, 0);
        }
    }
    core_control_close(master);
    mansio_log(MANSIO_LOG_INFO, "stopped", MANSIO_KV_INT("exit_code", master->exit_code),
               MANSIO_KV_END);
    core_loop_stop();
    return 0;
}

/* ---- signals --------------------------------------------------------------------------------- */

static void on_signal(struct core_master *master, int number)
{
    const char *name = sigabbrev_np(number);
    mansio_log(MANSIO_LOG_INFO, "signal", MANSIO_KV_CSTR("name", name != NULL ? name : "?"),
               MANSIO_KV_END);
    if (number == SIGTERM || number == SIGINT) {
        core_master_stop(master);
    } else if (master->state != CORE_MASTER_STOPPING) {
        core_reload_by_signal(master, number == SIGUSR2);
    }
}

static int signal_run(void *arg)
{
    struct run *run = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "signals", 0);
    struct mansio_waitable *readable = mansio_fd_watch(arena, run->signal_fd, MANSIO_FD_READ);
    int rc = 0;
    while (rc >= 0) {
        struct signalfd_siginfo info;
        rc = mansio_wait(&readable, 1, MANSIO_NEVER, 0);
        while (rc >= 0 && read(run->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
            on_signal(run->master, (int)info.ssi_signo);
        }
    }
    mansio_arena_free(arena);
    return rc;
}

static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int conductor_run(void *arg)
{
    struct run *run = arg;
    return core_conductor_run(run->master, run->is_resumed);
}

static int set_up(struct core_master *master, const struct core_master_options *options)
{
    *master = (struct core_master){
        .arena = mansio_arena_new(NULL, "master", 0),
        .config_path = options->config_path,
        .state = CORE_MASTER_STARTING,
        .sockets = core_sockets_new(),
        .started_us = mansio_now_us(),
        .started_wall_us = mansio_wall_us(),
    };
    core_build_ids(&master->build_ids);
    core_list_init(&master->generations);
    core_list_init(&master->operations);
    core_list_init(&master->asks);
    struct core_loop_options loop = {
        .fibers_max = FIBERS_MAX, .stacks_kept_max = STACKS_KEPT, .on_crash = core_log_crash};
    int rc = core_loop_init(&loop);
    if (rc < 0) {
        return rc;
    }
    master->group = mansio_group_new("master");
    master->operated = mansio_event_new(master->arena);
    master->generations_changed = mansio_event_new(master->arena);
    run_state = (struct run){
        .master = master,
        .is_resumed = options->resume_fd >= 0,
        .signal_fd = watch_signals(),
        .stop = mansio_event_new(master->arena),
    };
    if (run_state.signal_fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "signalfd: %s", strerror(err));
    }
    rc = core_ticket_secret_new(master->arena, &master->ticket_secret);
    if (rc < 0) {
        return rc;
    }
    if (run_state.is_resumed) {
        return core_upgrade_restore(master, options->resume_fd);
    }
    rc = core_sockets_inherit(master->sockets);
    return rc < 0 ? rc : core_shm_create(&master->shm);
}

static int run(struct core_master *master, const struct core_master_options *options)
{
    int rc = set_up(master, options);
    if (rc == 0) {
        core_shm_attach(master->shm, 0);
        rc = mansio_group_spawn(master->group, "signals", signal_run, &run_state, NULL);
    }
    if (rc == 0) {
        rc = mansio_group_spawn(master->group, "stop", stop_run, &run_state, NULL);
    }
    if (rc == 0) {
        rc = mansio_group_spawn(master->group, "conductor", conductor_run, &run_state,
                                &run_state.conductor);
    }
    if (rc == 0) {
        core_loop_run();
    }
    return rc;
}

int core_master_run(const struct core_master_options *options)
{
    static struct core_master master;
    struct core_logging logging = {
        .format = CORE_LOG_LOGFMT, .level = MANSIO_LOG_INFO, .process = "master"};
    core_logging_set(&logging);
    int rc = core_spawn_init(options->invoked_as);
    if (rc == 0) {
        rc = run(&master, options);
    }
    if (rc < 0) {
        fprintf(stderr, "mansiod: %s\n", mansio_error_detail());
        return 1;
    }
    core_sockets_free(master.sockets);
    json_decref(master.last_reload);
    return master.exit_code;
}
