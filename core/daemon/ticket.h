/*
 * The secret of session tickets that the master makes when it starts, hands to every child, and
 * takes along through a binary upgrade: so all workers and generations open each other's tickets.
 * Where the configuration has one (tls.ticket_secret), that is used instead.
 */
#ifndef MANSIO_CORE_DAEMON_TICKET_H
#define MANSIO_CORE_DAEMON_TICKET_H

#include <jansson.h>
#include <mansio/arena.h>
#include <mansio/base.h>

/* A random one, as text. MANSIO_E_IO. */
MANSIO_MUST_CHECK int core_ticket_secret_new(struct mansio_arena *arena,
                                             struct mansio_secret **out);

/* As member "ticket_secret" of an object, and back. Without one, or with something else under that
 * name, *out is left alone: other versions of ours may not have it. */
void core_ticket_secret_put(json_t *object, const struct mansio_secret *secret);
MANSIO_MUST_CHECK int core_ticket_secret_get(struct mansio_arena *arena, const json_t *object,
                                             struct mansio_secret **out);

#endif
