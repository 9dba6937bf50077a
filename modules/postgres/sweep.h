/*
 * The sweep of what nothing refers to any more.
 */
#ifndef MANSIO_MODULES_POSTGRES_SWEEP_H
#define MANSIO_MODULES_POSTGRES_SWEEP_H

#include "store_private.h"

/* One round: what was let go of @p grace_us ago, tombstones older than @p keep_us.
 * 0; 1: there is more; an error. @p out_swept: messages, loose blobs, collections that went.
 * @yields yes */
MANSIO_MUST_CHECK int pg_sweep_once(struct pg_store *store, int64_t grace_us, int64_t keep_us,
                                    int64_t deadline_us, uint64_t *out_swept);

#endif
