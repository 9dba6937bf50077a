/*
 * What a process remembers of the directory: routes and logins, by what was asked.
 *
 * All of it is dropped when the epoch changes. The core's gate asks for it twice a second and
 * whenever the bus hints (pg_standing_changes()); where nobody does, a fiber here does it instead.
 * So a change holds within a second everywhere. While the epoch can't be read, what
 * is remembered stays valid for a set time. Bounded; only positive answers are kept, so that
 * strangers can't fill it with names that don't exist.
 */
#ifndef MANSIO_MODULES_POSTGRES_DIRECTORY_CACHE_H
#define MANSIO_MODULES_POSTGRES_DIRECTORY_CACHE_H

#include "postgres.h"
#include <mansio/auth.h>
#include <mansio/directory.h>

struct pg_cache;

/* An answer, with the arena that everything in it lives in. */
struct pg_answer {
    struct mansio_arena *arena;
    struct mansio_route route; /* one of both */
    struct mansio_login login;
};

/* Never NULL. Watches from now on: in a worker or service process. */
struct pg_cache *pg_cache_new(struct pg *pg);

/* NULL does nothing. @yields yes */
void pg_cache_close(struct pg_cache *cache);

/* The connection that epochs are read on, for who reads them for others too. */
struct pg_pool *pg_cache_pool(struct pg_cache *cache);

/* The connections that standings of accounts are read on: of their own, too. Whoever keeps all
 * others busy with searches keeps no change of policy from being judged by. */
struct pg_pool *pg_cache_standings_pool(struct pg_cache *cache);

/* The epoch was read, by who asked for it at @p asked_us. As long as somebody does twice a second,
 * the cache doesn't. */
void pg_cache_told(struct pg_cache *cache, int64_t epoch, int64_t asked_us);

/* What is remembered; NULL: nothing valid. Until the next yield. */
const struct pg_answer *pg_cache_get(struct pg_cache *cache, struct mansio_str key);

/* Ask for it before a question is sent; pg_cache_put() refuses an answer that is older than what
 * changed since. */
uint64_t pg_cache_generation(const struct pg_cache *cache);

/* Remember an answer: 1, then it is the cache's; 0: it isn't taken. */
int pg_cache_put(struct pg_cache *cache, struct mansio_str key, uint64_t generation,
                 struct pg_answer *answer);

/* Forget one. */
void pg_cache_forget(struct pg_cache *cache, struct mansio_str key);

size_t pg_cache_count(const struct pg_cache *cache);

#endif
