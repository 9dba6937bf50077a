/*
 * The bytes of the shared memory: a header, a line of hot fields for each slot, and an area for
 * each slot with its metrics and limits. For core/host's own files and tests; everybody else goes
 * through shm.h, metrics.h and limit.h.
 *
 * A change here is a new CORE_SHM_VERSION. Processes of one node check it and the sizes below
 * before they use a byte. Areas begin at a page, so that a dead worker's can be given back whole
 * and what nobody touches costs nothing.
 */
#ifndef MANSIO_CORE_HOST_SHM_LAYOUT_H
#define MANSIO_CORE_HOST_SHM_LAYOUT_H

#include "core/host/shm.h"

enum {
    SHM_PAGE = 4096,
    SHM_ROWS_MAX = 1024, /* metric rows a slot */
    SHM_LIMIT_WAYS = 8,  /* entries a bucket: their hashes are one cache line */
    SHM_LIMIT_BUCKETS = CORE_SHM_LIMITS_MAX / SHM_LIMIT_WAYS,
    SHM_HISTOGRAM_BUCKETS = 24,
    SHM_HISTOGRAM_VALUES = SHM_HISTOGRAM_BUCKETS + 2, /* then: larger ones, and the sum */
};

/* One metric of one process, described so that a reader needs nothing else. Texts are
 * NUL-terminated; readers don't trust that. */
struct shm_row {
    char name[96];
    char label[32]; /* "" for none */
    char value[64]; /* of the label */
    char help[128];
    char unit[16];  /* "" for a plain count */
    uint32_t type;  /* enum mansio_metric_type */
    uint32_t first; /* index of its first value */
    uint64_t reserved[5];
};

/* Entries of one bucket, by columns. A hash of 0 is a free entry. */
struct shm_limit_bucket {
    _Atomic uint64_t hash[SHM_LIMIT_WAYS];
    _Atomic uint64_t until[SHM_LIMIT_WAYS]; /* rates: when nothing of it counts any more */
    _Atomic uint64_t count[SHM_LIMIT_WAYS]; /* rates: this window's low, the last one's high */
};

struct shm_area {
    _Alignas(SHM_PAGE) _Atomic uint64_t row_count; /* written last: what is below it is whole */
    _Atomic uint64_t value_count;
    _Alignas(64) _Atomic uint64_t values[CORE_SHM_METRICS_MAX];
    struct shm_row rows[SHM_ROWS_MAX];
    _Alignas(SHM_PAGE) struct shm_limit_bucket limits[SHM_LIMIT_BUCKETS];
};

/* Two lines a slot: the processor fetches lines in pairs. */
struct shm_slot_lines {
    _Alignas(128) struct core_slot slot;
};

struct shm_header {
    char magic[8];
    uint64_t version, size, slots, slot_size, area_size, row_size, metrics_max, limits_max;
    uint64_t key[2];                           /* of the limits' hash */
    _Alignas(128) _Atomic uint64_t slots_used; /* slots below this one may be in use */
    _Atomic uint64_t fold; /* odd while the master moves a dead worker's counters */
};

struct shm_memory {
    struct shm_header header;
    struct shm_slot_lines slots[CORE_SHM_SLOTS];
    struct shm_area areas[CORE_SHM_SLOTS];
};

struct shm_memory *core_shm_memory(struct core_shm *shm);

/* The slots that may be in use, never more than CORE_SHM_SLOTS. */
uint32_t core_shm_slots_used(struct core_shm *shm);

#endif
