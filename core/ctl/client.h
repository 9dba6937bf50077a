/*
 * A request to the master and its answer, over the control socket (core/daemon/control.md).
 */
#ifndef MANSIO_CORE_CTL_CLIENT_H
#define MANSIO_CORE_CTL_CLIENT_H

#include "core/ctl/ctl.h"
#include <jansson.h>

enum {
    CORE_CTL_REQUEST_MAX = 64 * 1024,
    CORE_CTL_ANSWER_MAX = 64 * 1024 * 1024,
};

/* Where the daemon listens: --socket, else what --config says, else $MANSIO_SOCKET, else what the
 * installed configuration says, else the built-in path. Returns an exit code. */
int core_ctl_find_socket(struct core_ctl *ctl, const char **out);

/*
 * Ask once.
 *
 * @param command     of control.md
 * @param args        its arguments; NULL for none. Taken over
 * @param timeout_us  for the whole exchange, unless --timeout was given; 0: as long as it takes
 * @param out         the answer's "result"; json_decref() it
 * @return an exit code; on any but CORE_CTL_OK the reason has been said
 */
int core_ctl_ask(struct core_ctl *ctl, const char *command, json_t *args, int64_t timeout_us,
                 json_t **out);

/* Pure: an answer's line to its result, or to an exit code and the message to show. */
int core_ctl_read_answer(struct mansio_str line, json_t **out_result, json_t **out_message);

#endif
