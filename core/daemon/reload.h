/*
 * What changes the master's course: starting, reloading, upgrading the binary. Carried out one
 * after the other by one fiber, the conductor; others submit operations and may wait for them.
 */
#ifndef MANSIO_CORE_DAEMON_RELOAD_H
#define MANSIO_CORE_DAEMON_RELOAD_H

#include "core/base/list.h"
#include <jansson.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

struct core_master;

struct core_operation {
    struct core_list link; /* in the master's queue */
    struct mansio_arena *arena;
    int is_forced;
    int is_upgraded; /* begun by the binary before this one */
    json_t *changes; /* texts: what was found changed */
    struct mansio_event *done;
    json_t *result; /* as in control.md; NULL: refused, for reason */
    struct mansio_str reason;
    const char *code;  /* of the refusal, as in control.md */
    int is_waited_for; /* who waits frees it; otherwise the conductor does */
    int client_fd;     /* the waiting client's connection, to be kept over exec; -1: none */
};

/* The conductor: the first start (or, with @p is_resumed, what the binary before had begun), then
 * operations, until cancelled. */
int core_conductor_run(struct core_master *master, int is_resumed);

/* Ask for a reload. With @p client_fd >= 0, or @p is_waited_for, the caller waits for `done`, reads
 * the outcome and calls core_operation_free(). */
struct core_operation *core_reload_submit(struct core_master *master, int is_forced,
                                          int is_waited_for, int client_fd);

/* A signal asks for one: what waits already, and would do as much, is enough. */
void core_reload_by_signal(struct core_master *master, int is_forced);

/* A child of the generation in service has found other files than were checked. */
void core_reload_by_misfit(struct core_master *master);

/* For the conductor: make one; refuse it, with a code of control.md and a reason (empty: the last
 * failure's detail); say how it went, to whoever waits, to `status` and to the log. */
struct core_operation *core_operation_new(void);
void core_operation_refuse(struct core_operation *operation, const char *code,
                           struct mansio_str reason);
void core_operation_conclude(struct core_master *master, struct core_operation *operation,
                             const char *outcome, const char *message);

/* Nobody waits any more: the client has gone. */
void core_operation_abandon(struct core_operation *operation);
void core_operation_free(struct core_operation *operation);

#endif
