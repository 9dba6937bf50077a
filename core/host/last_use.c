/*
 * When credentials were last used. See last_use.h. Owns a record for each credential seen lately,
 * which stands in one of two queues: to be written, or written. Knows nothing of how a directory
 * keeps it.
 */
#include "core/host/last_use.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/sync.h>
#include <mansio/time.h>

#include "core/base/alloc.h"
#include "core/base/list.h"
#include "core/host/account.h"
#include "core/host/log.h"
#include "core/host/metrics_core.h"

enum {
    BATCH_MAX = 500,  /* a call */
    SERVICE_MAX = 31, /* as sessions have it */
    NETWORK_MAX = 63,
};

#define GATHER_US (3 * MANSIO_SECOND) /* from the first noted to its writing */
#define WRITE_US  (10 * MANSIO_SECOND)

enum place {
    PLACE_PENDING,
    PLACE_WRITING, /* in no queue: the batch has it */
    PLACE_WRITTEN,
};

struct record {
    uint64_t key[3]; /* tenant, account, credential */
    struct core_list queue;
    enum place place;
    int64_t written_us; /* monotonic */
    int64_t at_us;      /* wall clock */
    uint8_t service_len, network_len;
    char service[SERVICE_MAX], network[NETWORK_MAX];
};

/* One a process. */
static struct {
    struct mansio_arena *arena;
    struct mansio_map *records;
    struct mansio_event *noted;
    int64_t every_us;
    struct core_list pending, written; /* first come, first */
    size_t pending_count;
} state;

/* ---- queues --------------------------------------------------------------------------------- */

/* The first of a queue; NULL if it is empty. */
static struct record *first_of(struct core_list *queue)
{
    return core_list_is_empty(queue) ? NULL : CORE_CONTAINER(queue->next, struct record, queue);
}

static void take_out(struct record *record)
{
    core_list_remove(&record->queue);
    state.pending_count -= record->place == PLACE_PENDING;
}

static struct mansio_str key_of(const uint64_t key[3])
{
    return (struct mansio_str){(const char *)key, 3 * sizeof key[0]};
}

static void drop(struct record *record)
{
    take_out(record);
    (void)mansio_map_remove(state.records, key_of(record->key));
    core_free(record);
}

static void queue_up(struct record *record)
{
    record->place = PLACE_PENDING;
    core_list_push_back(&state.pending, &record->queue);
    state.pending_count++;
    mansio_event_set(state.noted);
}

/* ---- noting --------------------------------------------------------------------------------- */

void core_last_use_configure(int64_t every_us)
{
    if (state.arena == NULL) {
        state.arena = mansio_arena_new(NULL, "last-use", 0);
        state.records = mansio_map_new(state.arena, CORE_LAST_USES_MAX);
        state.noted = mansio_event_new(state.arena);
        core_list_init(&state.pending);
        core_list_init(&state.written);
    }
    state.every_us = every_us;
}

static uint8_t keep(char *out, size_t room, struct mansio_str text)
{
    struct mansio_str kept = mansio_str_sub(text, 0, room);
    if (kept.len > 0) {
        memcpy(out, kept.ptr, kept.len);
    }
    return (uint8_t)kept.len;
}

/* Those that say nothing any more make room. NULL if there is none. */
static struct record *add(const uint64_t key[3])
{
    struct record *oldest;
    while ((oldest = first_of(&state.written)) != NULL &&
           (mansio_map_count(state.records) >= CORE_LAST_USES_MAX ||
            mansio_now_us() - oldest->written_us >= state.every_us)) {
        drop(oldest);
    }
    if (mansio_map_count(state.records) >= CORE_LAST_USES_MAX) {
        return NULL;
    }
    struct record *record = core_alloc_must(sizeof *record);
    memset(record, 0, sizeof *record);
    memcpy(record->key, key, sizeof record->key);
    if (mansio_map_put(state.records, key_of(record->key), record) < 0) {
        core_free(record);
        return NULL;
    }
    queue_up(record);
    return record;
}

void core_last_use_note(const struct mansio_account_facts *facts, uint64_t credential_id,
                        struct mansio_str service, struct mansio_str network)
{
    const uint64_t key[3] = {facts->tenant_id, facts->account_id, credential_id};
    const struct core_directory *directory = core_directory_current();
    if (state.every_us == 0 || credential_id == 0 || directory == NULL ||
        directory->table.credentials_used == NULL) {
        return;
    }
    struct record *record = mansio_map_get(state.records, key_of(key));
    if (record == NULL) {
        record = add(key);
        if (record == NULL) {
            core_count(CORE_METRIC_USES_LOST, 1);
            return;
        }
    } else if (record->place == PLACE_WRITING ||
               (record->place == PLACE_WRITTEN &&
                mansio_now_us() - record->written_us < state.every_us)) {
        return;
    } else if (record->place == PLACE_WRITTEN) {
        take_out(record);
        queue_up(record);
    }
    record->at_us = mansio_wall_us();
    record->service_len = keep(record->service, sizeof record->service, service);
    record->network_len = keep(record->network, sizeof record->network, network);
}

size_t core_last_use_pending(void)
{
    return state.pending_count;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* What comes later must not change what a directory is reading: records in a batch stay as they
 * are. */
static size_t take_batch(struct record **records, struct mansio_credential_use *uses)
{
    size_t count = 0;
    struct record *record;
    while (count < BATCH_MAX && (record = first_of(&state.pending)) != NULL) {
        take_out(record);
        record->place = PLACE_WRITING;
        records[count] = record;
        uses[count++] = (struct mansio_credential_use){
            .size = sizeof *uses,
            .account = {record->key[0], record->key[1]},
            .credential_id = record->key[2],
            .at_us = record->at_us,
            .service = {record->service, record->service_len},
            .network = {record->network, record->network_len},
        };
    }
    return count;
}

static void give_back(struct record **records, size_t count, int rc)
{
    /* What a directory can't take now it may take later; what it refuses it will refuse again. */
    int is_kept = rc < 0 && (mansio_error_class(rc) == MANSIO_CLASS_TRANSIENT ||
                             mansio_error_class(rc) == MANSIO_CLASS_CANCELLED);
    for (size_t i = 0; i < count; i++) {
        if (is_kept) {
            queue_up(records[i]);
        } else {
            records[i]->place = PLACE_WRITTEN;
            records[i]->written_us = mansio_now_us();
            core_list_push_back(&state.written, &records[i]->queue);
        }
    }
    if (!is_kept) {
        core_count(rc < 0 ? CORE_METRIC_USES_LOST : CORE_METRIC_USES_RECORDED, (int64_t)count);
    }
}

static void tell_failure(int rc)
{
    static struct core_log_gate gate;
    uint64_t held_back = 0;
    if (rc != MANSIO_E_CANCELLED && core_log_pass(&gate, &held_back)) {
        mansio_log(MANSIO_LOG_WARNING, "last-use-unwritten", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_INT("waiting", state.pending_count),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

int core_last_use_flush(int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "last-use.batch", 0);
    struct record **records = mansio_arena_alloc(arena, BATCH_MAX * sizeof *records);
    struct mansio_credential_use *uses = mansio_arena_alloc(arena, BATCH_MAX * sizeof *uses);
    int rc = 0;
    while (rc == 0 && state.pending_count > 0) {
        const struct core_directory *directory = core_directory_current();
        size_t count = take_batch(records, uses);
        rc = directory == NULL || directory->table.credentials_used == NULL
                 ? mansio_fail(MANSIO_E_UNSUPPORTED, "no directory records uses")
                 : directory->table.credentials_used(directory->instance, uses, count, deadline_us);
        give_back(records, count, rc);
    }
    if (rc < 0) {
        tell_failure(rc);
    }
    mansio_arena_free(arena);
    return rc;
}

int core_last_use_run(void *arg)
{
    (void)arg;
    for (;;) {
        struct mansio_waitable *source = mansio_event_waitable(state.noted);
        int rc = mansio_wait(&source, 1, MANSIO_NEVER, 0);
        if (rc >= 0) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(GATHER_US));
        }
        if (rc < 0) {
            return rc;
        }
        mansio_event_clear(state.noted);
        if (core_last_use_flush(mansio_deadline_in(WRITE_US)) == MANSIO_E_CANCELLED) {
            return MANSIO_E_CANCELLED;
        }
    }
}

void core_last_use_end(int64_t deadline_us)
{
    int rc = core_last_use_flush(deadline_us);
    if (rc < 0 && state.pending_count > 0) {
        mansio_log(MANSIO_LOG_WARNING, "last-use-lost", MANSIO_KV_INT("count", state.pending_count),
                   MANSIO_KV_END);
    }
    core_count(CORE_METRIC_USES_LOST, (int64_t)state.pending_count);
    if (state.arena != NULL) {
        struct record *record;
        while ((record = first_of(&state.pending)) != NULL ||
               (record = first_of(&state.written)) != NULL) {
            drop(record);
        }
        mansio_arena_free(state.arena);
    }
    memset(&state, 0, sizeof state);
}
