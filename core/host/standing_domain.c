/*
 * Standings of domains. See standing_domain.h.
 *
 * Rows know domains by a keyed hash. A change that touches more than one account touches them all:
 * a domain's standing doesn't say whose tenant it is, such changes are rare, and asking costs one
 * question.
 */
#include "core/host/standing_domain.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/host/account.h"
#include "core/host/gate.h"

enum {
    ROWS = 1024,
    TRIES_MAX = 16,
    ASK_CAP = 16 * 1024 * 1024,
    NAME_MAX_BYTES = 255,
};

struct row {
    uint64_t hash;
    uint64_t drops; /* wide changes before it was read */
    int is_ours;
    struct core_rules *rules; /* NULL: the row is free */
    uint32_t name_len;
    char name[NAME_MAX_BYTES];
};

static struct row *rows[ROWS];

static void clear(struct row **place)
{
    if (*place != NULL) {
        core_rules_give((*place)->rules);
        core_free(*place);
        *place = NULL;
    }
}

void core_domain_standings_forget(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        clear(&rows[i]);
    }
}

/* Is what is kept still what the directory would say? Nobody knows while nobody watches. */
static int is_fresh(const struct row *row, uint64_t hash)
{
    if (row == NULL || row->hash != hash || core_gate_trust() == CORE_GATE_STATES) {
        return 0;
    }
    int64_t known_us = row->rules->policy->hours_known_us;
    return row->drops == core_standings_wide_drops() &&
           (known_us == 0 || known_us > mansio_wall_us());
}

static int keep(const struct mansio_standing *told, uint64_t hash, uint64_t drops,
                struct mansio_str domain, struct row **place)
{
    struct mansio_str name = told->domain.len > 0 ? told->domain : domain;
    struct core_rules *rules = NULL;
    if (name.len > NAME_MAX_BYTES) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "the directory told a domain of %zu bytes",
                           name.len);
    }
    int rc = core_rules_take(told, &rules);
    if (rc < 0) {
        return rc;
    }
    clear(place);
    *place = core_alloc_must(sizeof **place);
    **place = (struct row){.hash = hash,
                           .drops = drops,
                           .is_ours = told->is_ours != 0,
                           .rules = rules,
                           .name_len = (uint32_t)name.len};
    memcpy((*place)->name, name.ptr, name.len);
    return 0;
}

static int ask(struct mansio_str domain, uint64_t hash, int64_t deadline_us, struct row **place)
{
    const struct core_directory *directory = core_directory_current();
    struct mansio_standing told = {.size = sizeof told};
    uint64_t drops = core_standings_wide_drops();
    if (directory == NULL || directory->table.domain_standing == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no directory tells standings of domains");
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "standings.domain", ASK_CAP);
    int rc =
        directory->table.domain_standing(directory->instance, domain, arena, deadline_us, &told);
    if (rc == 0) {
        rc = keep(&told, hash, drops, domain, place);
    }
    mansio_arena_free(arena);
    return rc;
}

/* Have the row of a domain: fresh, or just read with nothing changing meanwhile. */
static int find(struct mansio_str domain, int64_t deadline_us, const struct row **out)
{
    uint64_t hash = core_hash(domain);
    struct row **place = &rows[hash % ROWS];
    int is_good = is_fresh(*place, hash);
    for (int i = 0; i < TRIES_MAX && !is_good; i++) {
        uint64_t drops = core_standings_wide_drops();
        int rc = ask(domain, hash, deadline_us, place);
        int is_here = *place != NULL && (*place)->hash == hash; /* others ask, too */
        if (rc < 0 &&
            (rc == MANSIO_E_CANCELLED || !is_here || core_gate_trust() != CORE_GATE_OPEN)) {
            return rc;
        }
        /* While nobody can be asked, the last one goes on holding. */
        is_good = is_here && (rc < 0 || drops == core_standings_wide_drops());
    }
    *out = *place;
    return is_good ? 0
                   : mansio_fail(MANSIO_E_UNAVAILABLE,
                                 "a domain's standing changes faster than it is read");
}

int core_domain_standing(struct mansio_str domain, int64_t deadline_us,
                         struct core_domain_standing *out)
{
    const struct row *row = NULL;
    if (core_gate_trust() == CORE_GATE_CLOSED) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "policy has not been read for longer than policy.hold");
    }
    int rc = find(domain, deadline_us, &row);
    if (rc == 0 && !row->is_ours) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no domain of ours: %.*s", MANSIO_STR_ARG(domain));
    }
    if (rc == 0) {
        *out = (struct core_domain_standing){.policy = row->rules->policy,
                                             .name = {row->name, row->name_len}};
    }
    return rc;
}
