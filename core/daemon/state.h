/*
 * The master's state over a binary upgrade: JSON with a version, in a memory file. What the
 * members mean is upgrade.c's matter; here is only the envelope, which must stay readable for
 * ever, since it is where an old binary and a new one meet.
 */
#ifndef MANSIO_CORE_DAEMON_STATE_H
#define MANSIO_CORE_DAEMON_STATE_H

#include <jansson.h>
#include <mansio/base.h>

enum { CORE_STATE_VERSION = 1 };

/* Takes the reference to @p content. */
MANSIO_MUST_CHECK int core_state_store(json_t *content, int *out_fd);

/* Gives the content, to be decref'd. MANSIO_E_UNSUPPORTED for another version, saying which. */
MANSIO_MUST_CHECK int core_state_load(int fd, json_t **out);

#endif
