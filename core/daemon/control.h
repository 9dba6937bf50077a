/*
 * The control server: answers mansioctl on the unix socket that the configuration names. The
 * protocol is control.md.
 */
#ifndef MANSIO_CORE_DAEMON_CONTROL_H
#define MANSIO_CORE_DAEMON_CONTROL_H

#include "core/net/address.h"
#include <jansson.h>
#include <mansio/base.h>

struct core_master;
struct core_operation;
struct core_plan;

enum { CORE_CONTROL_BACKLOG = 64 };

/* The address of a plan's control socket. */
MANSIO_MUST_CHECK int core_control_address(const struct core_plan *plan, struct core_address *out);

/* Serve the socket of this plan, which the master holds; instead of an earlier one. */
MANSIO_MUST_CHECK int core_control_serve(struct core_master *master, const struct core_plan *plan);

/* Is this the socket that is served? */
int core_control_has_address(const struct core_master *master, const struct core_address *address);

/* After a binary upgrade: a client still waits for this operation. Takes the descriptor. */
MANSIO_MUST_CHECK int core_control_resume(struct core_master *master, int fd,
                                          struct core_operation *operation);

/* Accept no more and end every client. Yields. */
void core_control_close(struct core_master *master);

/* A command's outcome: a result, or an error's code and message. */
struct core_control_answer {
    json_t *result; /* owned; NULL: an error */
    const char *code;
    char message[512];
};

/* What commands answer without waiting (control_status.c). */
json_t *core_control_status(struct core_master *master);
json_t *core_control_modules(struct core_master *master);

/* And what children are asked for. Yield. */
void core_control_sessions_list(struct core_master *master, const json_t *args,
                                struct core_control_answer *answer);
void core_control_sessions_kill(struct core_master *master, const json_t *args,
                                struct core_control_answer *answer);

/* The largest tenants that a process tells of. */
enum { CORE_TOP_TENANTS = 64 };

/* Figures to watch (control_top.c). Yields. */
void core_control_top(struct core_master *master, const json_t *args,
                      struct core_control_answer *answer);

#endif
