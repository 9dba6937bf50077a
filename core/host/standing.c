/*
 * The cache of standings. See standing.h.
 *
 * Owns them, on the heap, and the lists they are in. Asks the directory; judges nobody.
 */
#include "core/host/standing.h"

#include <string.h>

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/alloc.h"
#include "core/host/account.h"
#include "core/host/log.h"
#include "core/host/metrics_core.h"

enum {
    IDLE_MAX = 16384, /* kept that nobody holds */
    TRIES_MAX = 16,   /* to read what changes all the time */
    STANDINGS_MAX = 16777216,
    LOAD_CAP = 256 * 1024 * 1024, /* of what a directory tells of CORE_STANDINGS_AT_ONCE */
};

/* One a process. */
static struct {
    struct mansio_arena *arena;
    struct mansio_map *by_key;
    struct core_list every;
    struct core_list idle;    /* nobody holds them: last used first */
    struct core_list waiting; /* to be read again: first dropped first */
    size_t idle_count, waiting_count, taken_count;
    uint64_t wide_drops;
    struct core_list *walk; /* where a walk over all goes on; NULL: there is none */
} cache;

static struct mansio_str key_of(const uint64_t key[2])
{
    return (struct mansio_str){(const char *)key, 2 * sizeof key[0]};
}

static void prepare(void)
{
    if (cache.arena == NULL) {
        cache.arena = mansio_arena_new(NULL, "standings", 0);
        cache.by_key = mansio_map_new(cache.arena, STANDINGS_MAX);
        core_list_init(&cache.every);
        core_list_init(&cache.idle);
        core_list_init(&cache.waiting);
    }
}

size_t core_standings_count(void)
{
    return cache.by_key != NULL ? mansio_map_count(cache.by_key) : 0;
}

uint64_t core_standings_wide_drops(void)
{
    return cache.wide_drops;
}

size_t core_standings_waiting(void)
{
    return cache.waiting_count;
}

size_t core_standings_pending(void)
{
    return cache.waiting_count + cache.taken_count;
}

int core_standings_are_told(void)
{
    const struct core_directory *directory = core_directory_current();
    return directory != NULL && directory->table.standings != NULL &&
           directory->table.standing_changes != NULL;
}

/* ---- holding -------------------------------------------------------------------------------- */

static void discard(struct core_standing *standing)
{
    if (cache.walk == &standing->every) {
        cache.walk = standing->every.next;
    }
    (void)mansio_map_remove(cache.by_key, key_of(standing->key));
    core_list_remove(&standing->every);
    core_rules_give(standing->rules);
    core_free(standing->credentials);
    core_free(standing);
    core_gauge(CORE_METRIC_STANDINGS, (int64_t)mansio_map_count(cache.by_key));
}

static void discard_oldest(void)
{
    struct core_standing *oldest = CORE_CONTAINER(cache.idle.prev, struct core_standing, queue);
    core_list_remove(&oldest->queue);
    cache.idle_count--;
    discard(oldest);
}

struct core_standing *core_standing_hold(uint64_t tenant_id, uint64_t account_id)
{
    const uint64_t key[2] = {tenant_id, account_id};
    prepare();
    struct core_standing *standing = mansio_map_get(cache.by_key, key_of(key));
    if (standing == NULL) {
        standing = core_alloc_must(sizeof *standing);
        *standing = (struct core_standing){.key = {key[0], key[1]}, .until_us = INT64_MAX};
        MANSIO_ASSERT(mansio_map_put(cache.by_key, key_of(standing->key), standing) == 1);
        core_list_init(&standing->queue);
        core_list_push_front(&cache.every, &standing->every);
        core_gauge(CORE_METRIC_STANDINGS, (int64_t)mansio_map_count(cache.by_key));
    } else if (standing->holds == 0) {
        core_list_remove(&standing->queue);
        cache.idle_count--;
    }
    standing->holds++;
    return standing;
}

static void leave_waiting(struct core_standing *standing)
{
    if (!core_list_is_empty(&standing->queue)) {
        core_list_remove(&standing->queue);
        cache.waiting_count--;
    }
}

void core_standing_release(struct core_standing *standing)
{
    if (standing == NULL || --standing->holds > 0) {
        return;
    }
    leave_waiting(standing); /* no session is left to be judged */
    standing->until_us = INT64_MAX;
    if (!standing->is_fresh) {
        discard(standing);
        return;
    }
    core_list_push_front(&cache.idle, &standing->queue);
    if (++cache.idle_count > IDLE_MAX) {
        discard_oldest();
    }
}

void core_standings_forget(void)
{
    while (cache.idle_count > 0) {
        discard_oldest();
    }
    if (cache.arena != NULL && mansio_map_count(cache.by_key) == 0) {
        mansio_arena_free(cache.arena);
        cache.arena = NULL;
        cache.by_key = NULL;
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What the first release's standings hold: a directory built for it says no less. */
static const size_t credential_size_min =
    offsetof(struct mansio_standing_credential, service_count) + sizeof(size_t);
static const size_t standing_size_min =
    offsetof(struct mansio_standing, domain) + sizeof(struct mansio_str);

static int check_told(const struct mansio_standing *told)
{
    int is_good = told != NULL && told->size >= standing_size_min;
    for (size_t i = 0; is_good && i < told->credential_count; i++) {
        is_good = told->credentials[i]->size >= credential_size_min;
    }
    return is_good ? 0 : mansio_fail(MANSIO_E_UNAVAILABLE, "the directory told no standing");
}

static size_t services_size(const struct mansio_standing_credential *credential)
{
    size_t size = 0;
    for (size_t i = 0; i < credential->service_count; i++) {
        size += credential->services[i].len + 1;
    }
    return size;
}

/* Credentials and the texts of their services, in one piece. */
static int copy_credentials(const struct mansio_standing *told,
                            struct core_standing_credential **out)
{
    size_t count = told->credential_count;
    size_t size = count * sizeof **out;
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        size += services_size(told->credentials[i]);
    }
    if (count == 0) {
        return 0;
    }
    struct core_standing_credential *list = core_alloc(size);
    if (list == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "no memory for %zu credentials", count);
    }
    char *text = (char *)(list + count);
    for (size_t i = 0; i < count; i++) {
        const struct mansio_standing_credential *from = told->credentials[i];
        list[i] = (struct core_standing_credential){
            .id = from->id,
            .version = from->version,
            .expires_us = from->expires_us,
            .kind = from->kind,
            .services = text,
        };
        for (size_t k = 0; k < from->service_count; k++) {
            if (k > 0) {
                *text++ = ' ';
            }
            memcpy(text, from->services[k].ptr, from->services[k].len);
            text += from->services[k].len;
        }
        list[i].services_len = (uint32_t)(text - list[i].services);
    }
    *out = list;
    return 0;
}

static int install(struct core_standing *standing, const struct mansio_standing *told)
{
    struct core_rules *rules = NULL;
    struct core_standing_credential *credentials = NULL;
    int rc = check_told(told);
    if (rc == 0) {
        rc = core_rules_take(told, &rules);
    }
    if (rc == 0) {
        rc = copy_credentials(told, &credentials);
    }
    if (rc < 0) {
        core_rules_give(rules);
        return rc;
    }
    core_rules_give(standing->rules);
    core_free(standing->credentials);
    standing->rules = rules;
    standing->credentials = credentials;
    standing->count = (uint32_t)told->credential_count;
    standing->state = told->account != NULL ? told->account->state : 0;
    standing->is_known = 1;
    standing->is_fresh = 1;
    return 0;
}

static void tell_unreadable(const struct core_standing *standing, int rc)
{
    static struct core_log_gate gate;
    uint64_t held_back = 0;
    if (core_log_pass(&gate, &held_back)) {
        mansio_log(MANSIO_LOG_ERROR, "standing-unreadable",
                   MANSIO_KV_INT("tenant_id", standing->key[0]),
                   MANSIO_KV_INT("account_id", standing->key[1]), MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

/* Ask, and take what nothing has touched since. @p out_is_told: all was told. */
static int load(struct mansio_arena *arena, struct core_standing *const *standings, size_t count,
                int64_t deadline_us, int *out_is_told)
{
    const struct core_directory *directory = core_directory_current();
    const struct mansio_standing *const *told = NULL;
    struct mansio_account_key *keys = mansio_arena_try_alloc(arena, count * sizeof *keys);
    uint32_t *drops = mansio_arena_try_alloc(arena, count * sizeof *drops);
    int failed = 0;
    if (keys == NULL || drops == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (directory == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no directory tells standings");
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = (struct mansio_account_key){standings[i]->key[0], standings[i]->key[1]};
        drops[i] = standings[i]->drops;
    }
    int rc =
        directory->table.standings(directory->instance, keys, count, arena, deadline_us, &told);
    *out_is_told = rc == 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int err = standings[i]->drops == drops[i] ? install(standings[i], told[i]) : 0;
        if (err < 0) {
            failed = err;
            tell_unreadable(standings[i], err);
        }
        if (i % 16 == 15) {
            rc = mansio_fiber_pace();
        }
    }
    return rc < 0 ? rc : failed;
}

int core_standings_load(struct core_standing *const *standings, size_t count, int64_t deadline_us)
{
    int is_told = 0;
    struct mansio_arena *arena = mansio_arena_new(NULL, "standings.load", LOAD_CAP);
    int rc = load(arena, standings, count, deadline_us, &is_told);
    mansio_arena_free(arena);
    if (rc == MANSIO_E_LIMIT && !is_told && count > 1) { /* too much at once: in halves */
        size_t half = count / 2;
        int first = core_standings_load(standings, half, deadline_us);
        rc = first == MANSIO_E_CANCELLED
                 ? first
                 : core_standings_load(standings + half, count - half, deadline_us);
        rc = rc < 0 ? rc : first;
    }
    return rc;
}

/* Spans of hours reach only so far. */
static int knows_hours(const struct core_standing *standing)
{
    int64_t known_us = standing->rules->policy->hours_known_us;
    return known_us == 0 || known_us > mansio_wall_us();
}

int core_standing_need(struct core_standing *standing, int64_t deadline_us)
{
    if (standing->is_fresh && !knows_hours(standing)) {
        core_standing_drop(standing);
    }
    core_count(standing->is_fresh ? CORE_METRIC_STANDING_HITS : CORE_METRIC_STANDING_MISSES, 1);
    for (int i = 0; !standing->is_fresh && i < TRIES_MAX; i++) {
        int rc = core_standings_load(&standing, 1, deadline_us);
        if (rc < 0) {
            return rc;
        }
    }
    return standing->is_fresh ? 0
                              : mansio_fail(MANSIO_E_UNAVAILABLE,
                                            "an account's standing changes faster than it is read");
}

/* ---- dropping ------------------------------------------------------------------------------- */

void core_standing_drop(struct core_standing *standing)
{
    standing->drops++;
    if (standing->is_fresh) {
        standing->is_fresh = 0;
        standing->dropped_us = mansio_now_us();
    }
    if (standing->holds == 0) {
        core_list_remove(&standing->queue);
        cache.idle_count--;
        discard(standing);
    } else if (standing->is_known && !standing->is_taken && core_list_is_empty(&standing->queue)) {
        core_list_push_back(&cache.waiting, &standing->queue);
        cache.waiting_count++;
    }
}

/* An account that isn't known may have any plan. */
static int touches(const struct mansio_standing_change *change,
                   const struct core_standing *standing)
{
    return (change->tenant_id == 0 || change->tenant_id == standing->key[0]) &&
           (change->account_id == 0 || change->account_id == standing->key[1]) &&
           (change->plan.len == 0 || standing->state == 0 ||
            mansio_str_eq(change->plan, standing->rules->plan));
}

static int is_of_one(const struct mansio_standing_change *change)
{
    return change->tenant_id != 0 && change->account_id != 0;
}

/* Walk all, some turns of the loop long; new ones come in front of where it begins. */
static int walk(int (*fn)(void *arg, struct core_standing *standing), void *arg)
{
    int rc = 0;
    if (cache.arena == NULL) {
        return 0;
    }
    MANSIO_ASSERT(cache.walk == NULL);
    cache.walk = cache.every.next;
    for (size_t i = 0; rc == 0 && cache.walk != &cache.every; i++) {
        struct core_standing *standing = CORE_CONTAINER(cache.walk, struct core_standing, every);
        cache.walk = cache.walk->next;
        rc = fn(arg, standing);
        if (rc == 0 && i % 64 == 63) {
            rc = mansio_fiber_pace();
        }
    }
    cache.walk = NULL;
    return rc;
}

struct dropping {
    const struct mansio_standing_changes *changes;
    int is_all;
};

static int drop_if_touched(void *arg, struct core_standing *standing)
{
    const struct dropping *dropping = arg;
    const struct mansio_standing_changes *changes = dropping->changes;
    int is_touched = dropping->is_all;
    for (size_t i = 0; !is_touched && i < changes->change_count; i++) {
        is_touched = !is_of_one(changes->changes[i]) && touches(changes->changes[i], standing);
    }
    if (is_touched) {
        core_standing_drop(standing);
    }
    return 0;
}

int core_standings_drop(const struct mansio_standing_changes *changes, int is_all)
{
    const struct dropping dropping = {.changes = changes, .is_all = is_all};
    int is_wide = is_all;
    for (size_t i = 0; !is_all && i < changes->change_count; i++) {
        const struct mansio_standing_change *change = changes->changes[i];
        const uint64_t key[2] = {change->tenant_id, change->account_id};
        struct core_standing *one = is_of_one(change) && cache.by_key != NULL
                                        ? mansio_map_get(cache.by_key, key_of(key))
                                        : NULL;
        is_wide |= !is_of_one(change);
        if (one != NULL) {
            core_standing_drop(one);
        }
    }
    if (!is_wide) {
        return 0;
    }
    cache.wide_drops++;
    return walk(drop_if_touched, (void *)(uintptr_t)&dropping);
}

/* ---- for who reads them again --------------------------------------------------------------- */

size_t core_standings_take(struct core_standing **out, size_t max)
{
    size_t count = 0;
    while (count < max && cache.waiting_count > 0) {
        struct core_standing *standing =
            CORE_CONTAINER(cache.waiting.next, struct core_standing, queue);
        leave_waiting(standing);
        standing->is_taken = 1;
        standing->holds++;
        cache.taken_count++;
        out[count++] = standing;
    }
    return count;
}

void core_standing_put_back(struct core_standing *standing)
{
    standing->is_taken = 0;
    cache.taken_count--;
    if (!standing->is_fresh && standing->holds > 1) {
        core_list_push_back(&cache.waiting, &standing->queue);
        cache.waiting_count++;
    }
    core_standing_release(standing);
}

struct visiting {
    core_standing_fn visit;
    void *arg;
};

static int visit_if_held(void *arg, struct core_standing *standing)
{
    const struct visiting *visiting = arg;
    if (standing->holds > 0) {
        visiting->visit(visiting->arg, standing);
    }
    return 0;
}

int core_standings_visit(core_standing_fn visit, void *arg)
{
    struct visiting visiting = {.visit = visit, .arg = arg};
    return walk(visit_if_held, &visiting);
}
