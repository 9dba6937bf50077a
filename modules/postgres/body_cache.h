/*
 * Bodies that this process has read of the database: whole blobs, which never change, so that who
 * reads one again, or another of its readers, needn't have it sent.
 *
 * It decides nothing. A reader takes the body that he will probably be answered with (what a place,
 * a collection and UID, had when it was last read) and says so in his statement; the statement,
 * under the tenant's row-level security, tells which blob the place has and leaves the bytes out if
 * it is that one. A wrong guess costs the bytes on the wire, nothing else; a body of another tenant
 * is no guess.
 *
 * All of it lies in one piece of memory of the size that is set, taken when the first body comes:
 * tables, then blocks of 2 KiB that bodies are cut into. So no count can be wrong, nothing is
 * fragmented, and giving it up gives it back to the system.
 *
 * What is full gives way in two ranks (segmented LRU): bodies that were read once go first, the one
 * unused for longest ahead; those that were read again may hold three quarters. So whoever reads a
 * large mailbox through doesn't push out what many read.
 */
#ifndef MANSIO_MODULES_POSTGRES_BODY_CACHE_H
#define MANSIO_MODULES_POSTGRES_BODY_CACHE_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct mansio_instance;
struct pg_body_cache;

/* A body that is held. It stays as long as it is taken. */
struct pg_body;

/* Whose metrics; @p max_bytes 0: nothing is remembered. Never NULL. */
struct pg_body_cache *pg_body_cache_new(struct mansio_instance *instance,
                                        struct mansio_arena *arena, size_t max_bytes);

/* Another size: what is held is forgotten, and its memory given back, at once or when the last
 * body that is taken is given back. The same size does nothing. 0 ends it. */
void pg_body_cache_resize(struct pg_body_cache *cache, size_t max_bytes);

/* Memory in use: tables, and blocks that have a body. At most what is set. */
size_t pg_body_cache_bytes(const struct pg_body_cache *cache);

/* Bodies that are taken now. */
size_t pg_body_cache_taken(const struct pg_body_cache *cache);

/* Take what a place probably has, to read it with pg_body_copy(); NULL: nobody knows. */
const struct pg_body *pg_body_take(struct pg_body_cache *cache, int64_t tenant, int64_t collection,
                                   int64_t uid);

/* Its id and length, as long as it is taken. */
int64_t pg_body_blob(const struct pg_body *body);
size_t pg_body_size(const struct pg_body *body);

/* @p length bytes of it from @p offset on, all of them within it. */
void pg_body_copy(const struct pg_body_cache *cache, const struct pg_body *body, size_t offset,
                  size_t length, char *to);

/* Give it back; @p was_right: it was what the place has. NULL does nothing. */
void pg_body_give_back(struct pg_body_cache *cache, const struct pg_body *body, int was_right);

/* A whole body that had to be sent, and where it was read. It may be too large to keep, or there
 * may be no memory: then nothing is kept. */
struct pg_body_source {
    int64_t tenant, blob, message, collection, uid;
};
void pg_body_put(struct pg_body_cache *cache, const struct pg_body_source *source,
                 struct mansio_str bytes);

/* A place has this message: if its body is held, a reader of the place will take it. */
void pg_body_seen(struct pg_body_cache *cache, int64_t tenant, int64_t message, int64_t collection,
                  int64_t uid);

/* So many messages were sent, whole or in part. */
void pg_body_missed(struct pg_body_cache *cache, size_t count);

#endif
