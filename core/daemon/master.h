/*
 * The master: what its parts share. It holds the listening sockets, starts children, carries out
 * reloads and upgrades one after the other, and answers mansioctl. It never runs a module's code
 * nor parses a configuration.
 */
#ifndef MANSIO_CORE_DAEMON_MASTER_H
#define MANSIO_CORE_DAEMON_MASTER_H

#include "core/base/list.h"
#include "core/daemon/buildid.h"
#include <jansson.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

struct core_control;
struct core_generation;
struct core_place;
struct core_plan;
struct core_shm;
struct core_sockets;

enum core_master_state {
    CORE_MASTER_STARTING = 1,
    CORE_MASTER_RUNNING = 2,
    CORE_MASTER_RELOADING = 3,
    CORE_MASTER_UPGRADING = 4,
    CORE_MASTER_STOPPING = 5,
};

struct core_master_options {
    const char *config_path; /* absolute */
    const char *invoked_as;  /* argv[0] */
    int resume_fd;           /* state of the binary before; -1: a first start */
};

struct core_master {
    struct mansio_arena *arena;
    const char *config_path;
    struct core_build_ids build_ids;
    enum core_master_state state;
    struct core_shm *shm;
    struct core_sockets *sockets;
    struct core_control *control;    /* NULL until the first plan is known */
    struct mansio_group *group;      /* of the master's own fibers */
    struct core_list generations;    /* oldest first */
    struct core_generation *current; /* in service; NULL until there is one */
    uint32_t last_number;

    struct core_list operations;    /* reload.h: waiting, oldest first */
    struct mansio_event *operated;  /* there is one */
    struct core_operation *running; /* the one in hand */

    struct core_list asks; /* ask.h */
    uint32_t last_ask;

    struct mansio_secret *ticket_secret; /* ticket.h */

    uint64_t reloads, upgrades, crashes;
    int64_t started_us, started_wall_us;
    json_t *last_reload;                      /* as in control.md; NULL: none yet */
    struct mansio_event *generations_changed; /* one has ended */
    int stop_requests;                        /* SIGTERM so often */
    int exit_code;
};

/* Run it to its end; returns the exit code. */
int core_master_run(const struct core_master_options *options);

/* Begin to stop, or, when asked again, be quick about it. */
void core_master_stop(struct core_master *master);

/* Slots of shared memory that are free. */
size_t core_master_free_slots(const struct core_master *master);

/* Log as a plan says. */
void core_master_adopt_log(const struct core_master *master, const struct core_plan *plan);

/* Set shared things from a plan that is in service now: log, control socket. */
void core_master_adopt(struct core_master *master, const struct core_plan *plan);

const char *core_master_state_name(enum core_master_state state);

/* Tell systemd, in its words; nothing when it isn't there. notify.c */
void core_notify_ready(const char *status);
void core_notify_reloading(const char *status);
void core_notify_stopping(const char *status);

#endif
