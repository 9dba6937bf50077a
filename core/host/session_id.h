/*
 * Ids of sessions: short, without meaning to people, unique on a node.
 *
 *   0kq3m8r7ta-4f    ten digits for the process (when it began, in milliseconds, and its slot), so
 *                    that all of one process's sort together; then a number, counted up
 *
 * Digits are 0-9 and a-z without i, l, o and u, which people misread (as Crockford's base 32).
 */
#ifndef MANSIO_CORE_HOST_SESSION_ID_H
#define MANSIO_CORE_HOST_SESSION_ID_H

#include <mansio/base.h>

enum {
    CORE_SESSION_ID_PROCESS = 10,
    CORE_SESSION_ID_MAX = CORE_SESSION_ID_PROCESS + 1 + 13, /* no NUL */
};

/* @p wall_us when the process began; two processes never have the same slot in one millisecond. */
void core_session_id_process(int64_t wall_us, uint32_t slot, char out[CORE_SESSION_ID_PROCESS]);

/* Returns the length. */
size_t core_session_id_print(const char process[CORE_SESSION_ID_PROCESS], uint64_t number,
                             char out[CORE_SESSION_ID_MAX]);

#endif
