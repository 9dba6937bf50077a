/*
 * The node's shared memory: made, mapped, checked; slots given out and taken back; balance.
 *
 * Owns the mapping and its descriptor. What metrics and limits keep in a slot's area is theirs
 * (metrics_rows.c, limit.c); this file only empties it when its process is dead.
 */
#include <config.h>

#include "core/host/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/time.h>

#include "core/host/metrics_rows.h"
#include "core/host/shm_layout.h"

static const char SHM_MAGIC[8] = "mansio\1";

enum {
    BALANCE_SLACK = 8,     /* conns above the least loaded that never matter */
    BALANCE_FRACTION = 20, /* 1/20: 5 % */
    ALIVE_LONG_AGO = 1,    /* 0 would say that it never beats */
};

#define FALTER_US (2 * MANSIO_SECOND)

struct core_shm {
    struct shm_memory *memory;
    int fd;
};

_Static_assert(sizeof(struct core_slot) <= 128, "a slot's hot fields share no line with others");
_Static_assert(sizeof(struct shm_slot_lines) == 128, "slots are 128 bytes apart");
_Static_assert(sizeof(struct shm_area) % SHM_PAGE == 0, "areas are whole pages");
_Static_assert(offsetof(struct shm_memory, areas) % SHM_PAGE == 0, "areas begin at a page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics work between processes");

/* Of this process. */
static struct core_shm *current;
static uint32_t current_index;
static int64_t faltering_until_us;

struct shm_memory *core_shm_memory(struct core_shm *shm)
{
    return shm->memory;
}

uint32_t core_shm_slots_used(struct core_shm *shm)
{
    uint64_t used = atomic_load_explicit(&shm->memory->header.slots_used, memory_order_acquire);
    return used > CORE_SHM_SLOTS ? CORE_SHM_SLOTS : (uint32_t)used;
}

static int map_memory(int fd, struct core_shm **out)
{
    void *memory = mmap(NULL, sizeof(struct shm_memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: mmap: %s", strerror(err));
    }
    /* A dump of one process need not hold everybody's figures, nor the key. */
    (void)madvise(memory, sizeof(struct shm_memory), MADV_DONTDUMP);

    struct core_shm *shm = calloc(1, sizeof *shm);
    MANSIO_ASSERT(shm != NULL);
    shm->memory = memory;
    shm->fd = fd;
    *out = shm;
    return 0;
}

static int fill_header(struct shm_header *header)
{
    *header = (struct shm_header){
        .version = CORE_SHM_VERSION,
        .size = sizeof(struct shm_memory),
        .slots = CORE_SHM_SLOTS,
        .slot_size = sizeof(struct core_slot),
        .area_size = sizeof(struct shm_area),
        .row_size = sizeof(struct shm_row),
        .metrics_max = CORE_SHM_METRICS_MAX,
        .limits_max = CORE_SHM_LIMITS_MAX,
        .slots_used = 1, /* slot 0 is the master's from the start */
    };
    if (getrandom(header->key, sizeof header->key, 0) != (ssize_t)sizeof header->key) {
        return mansio_fail(MANSIO_E_IO, "shared memory: getrandom gave too little");
    }
    memcpy(header->magic, SHM_MAGIC, sizeof header->magic);
    return 0;
}

static int make_memory(int fd, struct core_shm **out)
{
    int err;
    if (ftruncate(fd, (off_t)sizeof(struct shm_memory)) != 0) {
        err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: %zu bytes: %s", sizeof(struct shm_memory),
                           strerror(err));
    }
    /* Nobody may shrink it under the others: that would be SIGBUS for all. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: seals: %s", strerror(err));
    }
    struct core_shm *shm = NULL;
    int rc = map_memory(fd, &shm);
    if (rc < 0) {
        return rc;
    }
    rc = fill_header(&shm->memory->header);
    if (rc < 0) {
        (void)munmap(shm->memory, sizeof(struct shm_memory));
        free(shm);
        return rc;
    }
    *out = shm;
    return 0;
}

int core_shm_create(struct core_shm **out)
{
    int fd = memfd_create("mansio-node", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: memfd_create: %s", strerror(err));
    }
    int rc = make_memory(fd, out);
    if (rc < 0) {
        (void)close(fd);
    }
    return rc;
}

struct fact {
    const char *name;
    uint64_t wanted, found;
};

static int check_header(const struct shm_header *header)
{
    if (memcmp(header->magic, SHM_MAGIC, sizeof SHM_MAGIC) != 0) {
        return mansio_fail(MANSIO_E_INVALID, "shared memory: not Mansio's");
    }
    /* The version first: of another one the rest need not mean the same. */
    const struct fact facts[] = {
        {"layout version", CORE_SHM_VERSION, header->version},
        {"size", sizeof(struct shm_memory), header->size},
        {"slots", CORE_SHM_SLOTS, header->slots},
        {"slot size", sizeof(struct core_slot), header->slot_size},
        {"area size", sizeof(struct shm_area), header->area_size},
        {"row size", sizeof(struct shm_row), header->row_size},
        {"metrics a slot", CORE_SHM_METRICS_MAX, header->metrics_max},
        {"limits a slot", CORE_SHM_LIMITS_MAX, header->limits_max},
    };
    for (size_t i = 0; i < MANSIO_COUNT(facts); i++) {
        if (facts[i].wanted != facts[i].found) {
            return mansio_fail(MANSIO_E_INVALID, "shared memory: %s: wanted %llu, found %llu",
                               facts[i].name, (unsigned long long)facts[i].wanted,
                               (unsigned long long)facts[i].found);
        }
    }
    return 0;
}

int core_shm_map(int fd, struct core_shm **out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: descriptor %d: %s", fd, strerror(err));
    }
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return mansio_fail(MANSIO_E_INVALID, "shared memory: descriptor %d is no sealed memory",
                           fd);
    }
    if (st.st_size < (off_t)sizeof(struct shm_header)) {
        return mansio_fail(MANSIO_E_INVALID, "shared memory: size: wanted %zu, found %lld",
                           sizeof(struct shm_memory), (long long)st.st_size);
    }
    /* The header alone first: mapping more than there is would fault only when it is read. */
    struct shm_header header;
    ssize_t got = pread(fd, &header, sizeof header, 0);
    if (got != (ssize_t)sizeof header) {
        return mansio_fail(MANSIO_E_IO, "shared memory: header can't be read");
    }
    int rc = check_header(&header);
    if (rc < 0) {
        return rc;
    }
    if (st.st_size != (off_t)sizeof(struct shm_memory)) {
        return mansio_fail(MANSIO_E_INVALID, "shared memory: size: wanted %zu, found %lld",
                           sizeof(struct shm_memory), (long long)st.st_size);
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "shared memory: descriptor %d: %s", fd, strerror(err));
    }
    return map_memory(fd, out);
}

int core_shm_fd(const struct core_shm *shm)
{
    return shm->fd;
}

void core_shm_unmap(struct core_shm *shm)
{
    if (shm == NULL) {
        return;
    }
    if (current == shm) {
        current = NULL;
    }
    (void)munmap(shm->memory, sizeof(struct shm_memory));
    (void)close(shm->fd);
    free(shm);
}

struct core_slot *core_shm_slot(struct core_shm *shm, uint32_t index)
{
    MANSIO_ASSERT(index < CORE_SHM_SLOTS);
    return &shm->memory->slots[index].slot;
}

static void clear_slot(struct core_slot *slot)
{
    _Atomic uint64_t *const fields[] = {
        &slot->pid,
        &slot->generation,
        &slot->role,
        &slot->conns_open,
        &slot->conns_total,
        &slot->sessions_open,
        &slot->started_wall_us,
        &slot->alive_us,
    };
    for (size_t i = 0; i < MANSIO_COUNT(fields); i++) {
        atomic_store_explicit(fields[i], 0, memory_order_relaxed);
    }
}

int core_shm_claim(struct core_shm *shm, uint32_t *out_index)
{
    struct shm_memory *memory = shm->memory;
    for (uint32_t i = 1; i < CORE_SHM_SLOTS; i++) {
        struct core_slot *slot = &memory->slots[i].slot;
        if (atomic_load_explicit(&slot->state, memory_order_relaxed) != CORE_SLOT_FREE) {
            continue;
        }
        clear_slot(slot);
        atomic_store_explicit(&slot->state, CORE_SLOT_STARTING, memory_order_release);
        if (i >= core_shm_slots_used(shm)) {
            atomic_store_explicit(&memory->header.slots_used, i + 1, memory_order_release);
        }
        *out_index = i;
        return 0;
    }
    return mansio_fail(MANSIO_E_LIMIT, "all %d process slots are in use", CORE_SHM_SLOTS);
}

/* All zero again, and its pages given back. */
static void clear_area(struct core_shm *shm, uint32_t index)
{
    struct shm_area *area = &shm->memory->areas[index];
    atomic_store_explicit(&area->row_count, 0, memory_order_release);
    off_t offset = (off_t)(offsetof(struct shm_memory, areas) + index * sizeof *area);
    if (fallocate(shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                  (off_t)sizeof *area) != 0) {
        memset((void *)area, 0, sizeof *area);
    }
}

void core_shm_reclaim(struct core_shm *shm, uint32_t index)
{
    MANSIO_ASSERT(index > 0 && index < CORE_SHM_SLOTS);
    struct shm_memory *memory = shm->memory;
    struct core_slot *slot = &memory->slots[index].slot;

    /* Readers that meet an odd or changed number look again, so none sees counters twice. */
    atomic_fetch_add_explicit(&memory->header.fold, 1, memory_order_acq_rel);
    core_rows_fold(&memory->areas[0], &memory->areas[index]);
    uint64_t total = atomic_load_explicit(&slot->conns_total, memory_order_relaxed);
    atomic_fetch_add_explicit(&memory->slots[0].slot.conns_total, total, memory_order_relaxed);
    clear_area(shm, index);
    clear_slot(slot);
    atomic_store_explicit(&slot->state, CORE_SLOT_FREE, memory_order_release);
    atomic_fetch_add_explicit(&memory->header.fold, 1, memory_order_acq_rel);
}

void core_shm_attach(struct core_shm *shm, uint32_t index)
{
    MANSIO_ASSERT(index < CORE_SHM_SLOTS);
    current = shm;
    current_index = index;
    faltering_until_us = 0;
}

struct core_shm *core_shm_current(void)
{
    return current;
}

uint32_t core_shm_index(void)
{
    return current_index;
}

static void store_alive(uint64_t us)
{
    atomic_store_explicit(&current->memory->slots[current_index].slot.alive_us, us,
                          memory_order_relaxed);
}

void core_shm_beat(void)
{
    int64_t now_us = mansio_now_us();
    if (current != NULL && now_us >= faltering_until_us) {
        store_alive((uint64_t)now_us);
    }
}

void core_shm_falter(void)
{
    faltering_until_us = mansio_deadline_in(FALTER_US);
    if (current != NULL) {
        store_alive(ALIVE_LONG_AGO);
    }
}

static int is_stuck(const struct core_slot *slot, uint64_t now_us)
{
    uint64_t alive_us = atomic_load_explicit(&slot->alive_us, memory_order_relaxed);
    return alive_us != 0 && alive_us + CORE_SHM_STALE_US < now_us;
}

int core_shm_may_accept(struct core_shm *shm, uint32_t index)
{
    struct shm_memory *memory = shm->memory;
    const struct core_slot *mine = &memory->slots[index].slot;
    uint64_t open = atomic_load_explicit(&mine->conns_open, memory_order_relaxed);
    if (open <= BALANCE_SLACK) {
        return 1; /* nobody can be further below; also spares the others' lines */
    }

    uint64_t generation = atomic_load_explicit(&mine->generation, memory_order_relaxed);
    uint64_t now_us = (uint64_t)mansio_now_us();
    uint64_t least = open;
    uint32_t used = core_shm_slots_used(shm);
    for (uint32_t i = 1; i < used; i++) {
        const struct core_slot *slot = &memory->slots[i].slot;
        if (i == index ||
            atomic_load_explicit(&slot->state, memory_order_relaxed) != CORE_SLOT_ACCEPTING ||
            atomic_load_explicit(&slot->generation, memory_order_relaxed) != generation ||
            atomic_load_explicit(&slot->role, memory_order_relaxed) != MANSIO_ROLE_WORKER) {
            continue;
        }
        uint64_t theirs = atomic_load_explicit(&slot->conns_open, memory_order_relaxed);
        if (theirs < least && !is_stuck(slot, now_us)) {
            least = theirs;
        }
    }
    uint64_t slack = least / BALANCE_FRACTION;
    return open - least <= (slack > BALANCE_SLACK ? slack : BALANCE_SLACK);
}
