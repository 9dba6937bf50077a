/*
 * A worker or the service process: set up from what comes over the channel, modules loaded and
 * started, then whatever the master says, until it has drained or the master is gone. What only
 * one of the two does is in worker.c and service.c.
 */
#ifndef MANSIO_CORE_DAEMON_CHILD_H
#define MANSIO_CORE_DAEMON_CHILD_H

#include <mansio/base.h>
#include <mansio/error.h>
#include <mansio/fiber.h>

struct core_channel;
struct core_config;
struct core_listener;
struct core_listener_tls;
struct core_message;
struct core_modules;
struct core_shm;
struct core_slot;
struct core_source;
struct core_child_listener;

struct core_child_process {
    struct mansio_arena *arena;        /* the process's own */
    struct mansio_arena *config_arena; /* of source and config: replaced by live settings */
    struct core_source *source;
    struct core_config *config;
    struct core_modules *modules;
    struct core_channel *channel;
    struct mansio_group *group;
    struct core_shm *shm;
    struct core_slot *slot;
    uint32_t role, index, slot_index, generation;
    struct mansio_secret *ticket_secret; /* the master's; NULL: it has sent none */
    struct core_listener_tls *tls;       /* of a worker's listeners */

    int *listener_fds; /* lent sockets, by row of the configuration; -1: none (any more) */
    size_t listener_fd_count;
    struct core_child_listener *listeners; /* worker.c; NULL until it may accept */
    size_t listener_count;
    struct core_listener *metrics; /* service.c; NULL: not served */

    int is_started;
    int is_draining;
    int is_held_back; /* worker.c: the balance said no to a listener */
    int64_t drain_deadline_us;
    struct mansio_event *conns_changed;
    struct mansio_event *drained;
    struct mansio_event *start_done;
    int start_result;
    char start_detail[MANSIO_ERROR_DETAIL_MAX]; /* why, if it failed: another fiber tells it */
    int exit_code;
};

/* Life of a child: enum mansio_role. Returns the exit status. */
int core_child_run(uint32_t role);

/* What a role does when it may accept; when it must stop to; how much it still has in hand (wait
 * for conns_changed); and its end. */
MANSIO_MUST_CHECK int core_worker_accept(struct core_child_process *process);
void core_worker_kick(struct core_child_process *process);
void core_worker_shut(struct core_child_process *process, uint32_t reason, int64_t spread_us,
                      int64_t deadline_us);
size_t core_worker_conns(const struct core_child_process *process);
void core_worker_close(struct core_child_process *process);

MANSIO_MUST_CHECK int core_service_accept(struct core_child_process *process);
void core_service_shut(struct core_child_process *process);
void core_service_close(struct core_child_process *process);

/* The master's questions: answered at once, or in parts. May yield. child_ask.c */
void core_child_on_sessions(struct core_child_process *process, const struct core_message *message);
void core_child_on_top(struct core_child_process *process, const struct core_message *message);
void core_child_on_kill(struct core_child_process *process, const struct core_message *message);
void core_child_on_reconfigure(struct core_child_process *process,
                               const struct core_message *message);

/* What is wrong with its configuration, or else the last failure's detail; in the config's arena.
 */
struct mansio_str core_child_problems(const struct core_child_process *process);

/* Log as the configuration says. */
void core_child_set_log(const struct core_child_process *process);

#endif
