/*
 * The directory: who there is. Answers for the core out of a cache or by one round trip each
 * (directory_read.c); objects of administration (object*.c).
 */
#ifndef MANSIO_MODULES_POSTGRES_DIRECTORY_H
#define MANSIO_MODULES_POSTGRES_DIRECTORY_H

#include "postgres.h"
#include <mansio/directory.h>

struct pg_cache;

/* Offer "directory". As load(). */
MANSIO_MUST_CHECK int pg_directory_load(struct pg *pg);

/* Begin to watch the epoch, where answers are remembered. As start(). */
MANSIO_MUST_CHECK int pg_directory_start(struct pg *pg, uint32_t role);

/* As stop(); also after a start() that failed, or never ran. */
void pg_directory_stop(struct pg *pg);

/* ---- directory_read.c: as in struct mansio_directory ---- */

int pg_route(struct mansio_instance *instance, struct mansio_str local, struct mansio_str domain,
             struct mansio_arena *arena, int64_t deadline_us, struct mansio_route *out);
int pg_login(struct mansio_instance *instance, struct mansio_str local, struct mansio_str domain,
             struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out);
int pg_login_anew(struct mansio_instance *instance, struct mansio_str local,
                  struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                  struct mansio_login *out);
int pg_login_defaults(struct mansio_instance *instance, struct mansio_str domain,
                      struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out);
int pg_credential_upgrade(struct mansio_instance *instance,
                          const struct mansio_account_facts *account, uint64_t credential_id,
                          struct mansio_str was, struct mansio_str stored, int64_t deadline_us);

/* Facts of an account from column @p at on, copied into @p arena. 0; MANSIO_E_LIMIT. */
struct pg_result;
MANSIO_MUST_CHECK int pg_read_facts(const struct pg_result *result, size_t row, size_t at,
                                    struct mansio_arena *arena,
                                    const struct mansio_account_facts **out);

/* Fill a struct of the caller's, as far as he knows it; its size member stays. */
void pg_give(void *out, size_t out_size, const void *filled, size_t size);

/* ---- standing.c, standing_admin.c: likewise ---- */

int pg_standing_changes(struct mansio_instance *instance, uint64_t since,
                        struct mansio_arena *arena, int64_t deadline_us,
                        struct mansio_standing_changes *out);
int pg_standings(struct mansio_instance *instance, const struct mansio_account_key *keys,
                 size_t count, struct mansio_arena *arena, int64_t deadline_us,
                 const struct mansio_standing *const **out);
int pg_domain_standing(struct mansio_instance *instance, struct mansio_str domain,
                       struct mansio_arena *arena, int64_t deadline_us,
                       struct mansio_standing *out);
int pg_credentials_used(struct mansio_instance *instance, const struct mansio_credential_use *uses,
                        size_t count, int64_t deadline_us);
int pg_standing_list(struct mansio_instance *instance, uint32_t scope, struct mansio_str owner,
                     int64_t at_us, mansio_standing_fn visit, void *arg, int64_t deadline_us);
int pg_policy_try(struct mansio_instance *instance, struct mansio_str key,
                  const struct mansio_field *fields, size_t count, mansio_standing_fn visit,
                  void *arg, int64_t deadline_us);
int pg_audit_verify(struct mansio_instance *instance, int64_t deadline_us, uint64_t *out_rows,
                    uint64_t *out_bad);

/* ---- object.c: likewise ---- */

int pg_object_add(struct mansio_instance *instance, const struct mansio_actor *actor, uint32_t kind,
                  struct mansio_str key, const struct mansio_field *fields, size_t count,
                  int64_t deadline_us);
int pg_object_set(struct mansio_instance *instance, const struct mansio_actor *actor, uint32_t kind,
                  struct mansio_str key, const struct mansio_field *fields, size_t count,
                  int64_t deadline_us);
int pg_object_remove(struct mansio_instance *instance, const struct mansio_actor *actor,
                     uint32_t kind, struct mansio_str key, uint32_t cascade, int64_t deadline_us);
int pg_object_list(struct mansio_instance *instance, uint32_t kind,
                   const struct mansio_field *filters, size_t count, mansio_object_fn visit,
                   void *arg, int64_t deadline_us);
int pg_audit_add(struct mansio_instance *instance, const struct mansio_actor *actor,
                 const struct mansio_deed *deed, int64_t deadline_us);

#endif
