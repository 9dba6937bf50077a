/*
 * What this process saw of accounts lately: that they are open, and what they held.
 *
 * A table of fixed size in which a newer account takes an older one's place: forgetting costs a
 * question to the database, nothing else.
 */
#ifndef MANSIO_MODULES_POSTGRES_SEEN_H
#define MANSIO_MODULES_POSTGRES_SEEN_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct pg_seen;

struct pg_seen *pg_seen_new(struct mansio_arena *arena);

/* 1 if the account is known to be open. */
int pg_seen_has(const struct pg_seen *seen, int64_t tenant, int64_t account);

/* It is open, and holds so much now. */
void pg_seen_put(struct pg_seen *seen, int64_t tenant, int64_t account, int64_t bytes,
                 int64_t messages);

/* What it held at most @p age_us ago. 1, or 0 if that isn't known. */
int pg_seen_usage(const struct pg_seen *seen, int64_t tenant, int64_t account, int64_t age_us,
                  int64_t *out_bytes, int64_t *out_messages);

void pg_seen_drop(struct pg_seen *seen, int64_t tenant, int64_t account);

#endif
