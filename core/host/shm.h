/*
 * The shared memory of a node: made by the master, mapped by every child, kept over generations
 * and binary upgrades; so its layout is versioned. A worker writes only its own slot; the master
 * clears a dead worker's (folding its counters into slot 0's, which is the master's own, so that
 * counters never fall). Everything is 64-bit atomics, relaxed.
 */
#ifndef MANSIO_CORE_HOST_SHM_H
#define MANSIO_CORE_HOST_SHM_H

#include "core/base/export.h"
#include <mansio/base.h>
#include <stdatomic.h>

enum {
    CORE_SHM_VERSION = 2,
    CORE_SHM_SLOTS = 130,         /* 0: master; two generations of workers and service processes */
    CORE_SHM_METRICS_MAX = 16384, /* values a slot: 630 histograms; untouched ones cost nothing */
    CORE_SHM_LIMITS_MAX = 65536,  /* limit entries a slot: a worker's conns, each of another peer */
    CORE_SHM_STALE_US = 1000000,  /* an accepting worker that says nothing for so long is stuck */
};

enum core_slot_state {
    CORE_SLOT_FREE = 0,
    CORE_SLOT_STARTING = 1,
    CORE_SLOT_ACCEPTING = 2,
    CORE_SLOT_DRAINING = 3,
};

/* What everybody may read of a process. Written by its owner (state and pid by the master before
 * the fork and after the death). */
struct core_slot {
    _Atomic uint64_t pid;
    _Atomic uint64_t state; /* enum core_slot_state */
    _Atomic uint64_t generation;
    _Atomic uint64_t role; /* enum mansio_role; 0 for the master */
    _Atomic uint64_t conns_open;
    _Atomic uint64_t conns_total;
    _Atomic uint64_t sessions_open;
    _Atomic uint64_t started_wall_us;
    _Atomic uint64_t alive_us; /* monotonic time of the last core_shm_beat(); 0: it never beats */
};

struct core_shm;

/* Make one in a memfd (master). Map one from its descriptor; MANSIO_E_INVALID on another layout.
 * The descriptor is close-on-exec and belongs to the mapping from then on. */
CORE_EXPORT MANSIO_MUST_CHECK int core_shm_create(struct core_shm **out);
CORE_EXPORT MANSIO_MUST_CHECK int core_shm_map(int fd, struct core_shm **out);
CORE_EXPORT int core_shm_fd(const struct core_shm *shm);
CORE_EXPORT void core_shm_unmap(struct core_shm *shm);

CORE_EXPORT struct core_slot *core_shm_slot(struct core_shm *shm, uint32_t index);

/* Master: a free slot's index, or MANSIO_E_LIMIT; and a dead process's slot made free again, its
 * counters kept, its gauges, histograms' gauges and limits gone. */
CORE_EXPORT MANSIO_MUST_CHECK int core_shm_claim(struct core_shm *shm, uint32_t *out_index);
CORE_EXPORT void core_shm_reclaim(struct core_shm *shm, uint32_t index);

/* Every process, once: which slot is mine. Limits and metrics write there. */
CORE_EXPORT void core_shm_attach(struct core_shm *shm, uint32_t index);
CORE_EXPORT struct core_shm *core_shm_current(void);
CORE_EXPORT uint32_t core_shm_index(void);

/* Call it a few times a second from a timer of the loop: a worker whose loop is stuck then no
 * longer counts as the least loaded, which would keep the others from accepting. */
CORE_EXPORT void core_shm_beat(void);

/* Call it when accepting has failed for want of descriptors, memory or fibers: for two seconds this
 * worker doesn't count as the least loaded either, however it beats. */
CORE_EXPORT void core_shm_falter(void);

/*
 * Balance: a worker stops accepting while its open conns exceed those of the least loaded
 * accepting worker of its generation by more than max(8, 5 %). Never do all stop: the least
 * loaded always may. 1 to accept, 0 to look again.
 */
CORE_EXPORT int core_shm_may_accept(struct core_shm *shm, uint32_t index);

#endif
