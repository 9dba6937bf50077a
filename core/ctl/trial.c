/*
 * A change of policy tried out. See trial.h.
 *
 * Whether somebody can get in "in some way" is asked at sample points: where every network that a
 * word names begins, and just behind its end; protected or not; every mechanism named, and another;
 * every kind of credential; now, and the beginning and end of every span of hours. Between such
 * points a word's conditions don't change.
 */
#include "core/ctl/trial.h"

#include <inttypes.h>
#include <string.h>

#include "core/net/network.h"
#include <mansio/auth.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

enum {
    ACCOUNTS_MAX = 50000000,
    SPELLED_MAX = 1 << 20,
    ADDRESSES_MAX = 64, /* sample points; a change that more bear on is judged by these */
    MECHANISMS_MAX = 12,
    INSTANTS_MAX = 48,
};

struct core_ctl_class {
    const struct core_policy *policy;
    struct mansio_str spelled;
};

/* What a pair of classes comes to. */
struct pair {
    uint32_t turn;
};

const char *core_ctl_turn_name(uint32_t turn)
{
    static const char *const names[] = {
        [CORE_CTL_TURN_NONE] = "",
        [CORE_CTL_TURN_LOSES] = "loses",
        [CORE_CTL_TURN_GAINS] = "gains",
        [CORE_CTL_TURN_FEWER] = "fewer ways in",
        [CORE_CTL_TURN_MORE] = "more ways in",
        [CORE_CTL_TURN_OTHERS] = "other ways in",
    };
    _Static_assert(MANSIO_COUNT(names) == CORE_CTL_TURNS, "a name for each");
    return turn < MANSIO_COUNT(names) ? names[turn] : "";
}

struct core_ctl_trial *core_ctl_trial_new(struct mansio_arena *arena, struct mansio_str service,
                                          int64_t now_us)
{
    struct core_ctl_trial *trial = mansio_arena_alloc(arena, sizeof *trial);
    *trial = (struct core_ctl_trial){
        .arena = arena,
        .service = service,
        .now_us = now_us,
        .classes = mansio_map_new(arena, ACCOUNTS_MAX),
        .pairs = mansio_map_new(arena, ACCOUNTS_MAX),
        .accounts = mansio_map_new(arena, ACCOUNTS_MAX),
    };
    trial->last = &trial->first;
    return trial;
}

static int put(struct mansio_map *map, struct mansio_str key, void *value)
{
    int rc = mansio_map_put(map, key, value);
    return rc < 0 ? rc : 0;
}

/* ---- classes ------------------------------------------------------------------------------------
 */

static void spell_word(struct mansio_buf *out, const struct mansio_policy_word *word)
{
    mansio_buf_printf(out, "%u %u %u %u %u %u %u", word->scope, word->verb, word->is_locked,
                      word->tls, word->credential_kinds, word->has_hours,
                      word->has_networks || word->network_count > 0);
    for (size_t i = 0; i < word->network_count; i++) {
        mansio_buf_printf(out, " n%.*s", MANSIO_STR_ARG(word->networks[i]));
    }
    for (size_t i = 0; i < word->mechanism_count; i++) {
        mansio_buf_printf(out, " m%.*s", MANSIO_STR_ARG(word->mechanisms[i]));
    }
    for (size_t i = 0; word->has_hours && i < word->hour_count; i++) {
        mansio_buf_printf(out, " h%" PRId64 "-%" PRId64, word->hours[i].from_us,
                          word->hours[i].until_us);
    }
    mansio_buf_add_char(out, '\n');
}

/* The words of the trial's service alone: others have no say. */
static int class_of(struct core_ctl_trial *trial, const struct mansio_standing *standing,
                    const struct core_ctl_class **out)
{
    struct mansio_standing own = *standing;
    const struct mansio_policy_word *words[CORE_POLICY_SCOPES];
    struct mansio_arena *scratch = mansio_arena_new(NULL, "ctl.class", 0);
    struct mansio_buf *spelled = mansio_buf_new(scratch, SPELLED_MAX);
    mansio_buf_printf(spelled, "%u\n", standing->default_verb);
    own.word_count = 0;
    own.words = words;
    for (size_t i = 0; i < standing->word_count && own.word_count < CORE_POLICY_SCOPES; i++) {
        if (mansio_str_eq(standing->words[i]->service, trial->service)) {
            spell_word(spelled, standing->words[i]);
            words[own.word_count++] = standing->words[i];
        }
    }
    int rc = mansio_buf_status(spelled);
    struct core_ctl_class *found =
        rc == 0 ? mansio_map_get(trial->classes, mansio_buf_str(spelled)) : NULL;
    if (rc == 0 && found == NULL) {
        found = mansio_arena_alloc(trial->arena, sizeof *found);
        *found = (struct core_ctl_class){.policy = NULL};
        rc = mansio_arena_copy(trial->arena, mansio_buf_str(spelled), &found->spelled);
        if (rc == 0) {
            rc = core_policy_make(trial->arena, &own, &found->policy);
        }
        if (rc == 0) {
            rc = put(trial->classes, found->spelled, found);
        }
    }
    mansio_arena_free(scratch);
    if (rc == 0) {
        *out = found;
    }
    return rc;
}

int core_ctl_trial_add(struct core_ctl_trial *trial, int is_after,
                       const struct mansio_standing *standing)
{
    const struct core_ctl_class *own = NULL;
    const struct mansio_account_facts *facts = standing->account;
    if (facts == NULL) {
        return 0;
    }
    int rc = class_of(trial, standing, &own);
    struct core_ctl_tried *tried = mansio_map_get(trial->accounts, facts->address);
    if (rc == 0 && tried == NULL) {
        tried = mansio_arena_alloc(trial->arena, sizeof *tried);
        *tried = (struct core_ctl_tried){.is_active = facts->state == MANSIO_STATE_ACTIVE};
        rc = mansio_arena_copy(trial->arena, facts->address, &tried->address);
        if (rc == 0) {
            rc = mansio_arena_copy(trial->arena, facts->tenant, &tried->tenant);
        }
        if (rc == 0) {
            rc = put(trial->accounts, tried->address, tried);
        }
        if (rc == 0) {
            *trial->last = tried;
            trial->last = &tried->next;
            trial->seen++;
        }
    }
    if (rc == 0 && is_after) {
        tried->after = own;
    } else if (rc == 0) {
        tried->before = own;
    }
    return rc;
}

/* ---- sample points ------------------------------------------------------------------------------
 */

struct points {
    struct core_network networks[ADDRESSES_MAX];
    size_t network_count;
    struct mansio_str mechanisms[MECHANISMS_MAX];
    size_t mechanism_count;
    int64_t instants[INSTANTS_MAX];
    size_t instant_count;
};

static void add_address(struct points *points, const struct core_network *address)
{
    for (size_t i = 0; i < points->network_count; i++) {
        if (memcmp(&points->networks[i], address, sizeof *address) == 0) {
            return;
        }
    }
    if (points->network_count < ADDRESSES_MAX) {
        points->networks[points->network_count++] = *address;
    }
}

/* Where a network begins, and where it has just ended: between the two, and between such points of
 * all networks, nothing changes. */
static void add_network(struct points *points, const struct core_network *network)
{
    struct core_network address = {.family = network->family};
    size_t bits = network->family == CORE_NETWORK_IPV4   ? 32
                  : network->family == CORE_NETWORK_IPV6 ? 128
                                                         : 0;
    address.prefix = (uint8_t)bits;
    memcpy(address.bytes, network->bytes, sizeof address.bytes);
    add_address(points, &address);
    if (network->prefix == 0) {
        return;
    }
    /* Add one to the bits of the prefix. */
    uint32_t carry = 1U << (7 - (network->prefix - 1) % 8);
    for (size_t i = (size_t)(network->prefix - 1) / 8 + 1; carry > 0 && i > 0; i--) {
        carry += address.bytes[i - 1];
        address.bytes[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry == 0) {
        add_address(points, &address);
    }
}

static void add_mechanism(struct points *points, struct mansio_str mechanism)
{
    for (size_t i = 0; i < points->mechanism_count; i++) {
        if (mansio_str_ieq(points->mechanisms[i], mechanism)) {
            return;
        }
    }
    if (points->mechanism_count < MECHANISMS_MAX) {
        points->mechanisms[points->mechanism_count++] = mechanism;
    }
}

static void add_instant(struct points *points, int64_t wall_us, int64_t now_us)
{
    for (size_t i = 0; i < points->instant_count; i++) {
        if (points->instants[i] == wall_us) {
            return;
        }
    }
    if (wall_us >= now_us && points->instant_count < INSTANTS_MAX) {
        points->instants[points->instant_count++] = wall_us;
    }
}

static void add_words(struct points *points, const struct core_policy *policy, int64_t now_us)
{
    for (size_t i = 0; i < policy->word_count; i++) {
        const struct core_policy_word *made = &policy->words[i];
        for (size_t j = 0; j < made->network_count; j++) {
            add_network(points, &made->networks[j]);
        }
        for (size_t j = 0; j < made->word->mechanism_count; j++) {
            add_mechanism(points, made->word->mechanisms[j]);
        }
        for (size_t j = 0; made->word->has_hours && j < made->word->hour_count; j++) {
            add_instant(points, made->word->hours[j].from_us, now_us);
            add_instant(points, made->word->hours[j].until_us, now_us);
        }
    }
}

/* ---- judging ------------------------------------------------------------------------------------
 */

/* Which answers there were. */
struct ways {
    int before, after, lost, gained;
};

static void judge_point(const struct core_ctl_class *before, const struct core_ctl_class *after,
                        const struct core_policy_facts *facts, struct ways *ways)
{
    struct core_policy_verdict was, is;
    core_policy_judge(before->policy, facts, &was);
    core_policy_judge(after->policy, facts, &is);
    ways->before |= was.is_allowed;
    ways->after |= is.is_allowed;
    ways->lost |= was.is_allowed && !is.is_allowed;
    ways->gained |= !was.is_allowed && is.is_allowed;
}

static void judge_ways(const struct core_ctl_class *before, const struct core_ctl_class *after,
                       const struct points *points, struct core_policy_facts *facts,
                       struct ways *ways)
{
    for (size_t m = 0; m < points->mechanism_count; m++) {
        facts->mechanism = points->mechanisms[m];
        for (uint32_t kind = MANSIO_CREDENTIAL_MAIN; kind <= MANSIO_CREDENTIAL_CERTIFICATE;
             kind++) {
            facts->credential_kind = kind;
            for (size_t t = 0; t < points->instant_count; t++) {
                facts->now_us = points->instants[t];
                judge_point(before, after, facts, ways);
            }
        }
    }
}

static uint32_t turn_of(const struct core_ctl_trial *trial, const struct core_ctl_class *before,
                        const struct core_ctl_class *after)
{
    struct points points = {.network_count = 0};
    static const struct core_network everywhere[] = {
        {.family = CORE_NETWORK_IPV4},
        {.family = CORE_NETWORK_IPV6},
        {.family = CORE_NETWORK_UNIX},
    };
    struct core_policy_facts facts = {.service = trial->service};
    struct ways ways = {0};
    for (size_t i = 0; i < MANSIO_COUNT(everywhere); i++) {
        add_network(&points, &everywhere[i]);
    }
    add_mechanism(&points, MANSIO_STR("PLAIN"));
    add_mechanism(&points, MANSIO_STR("X-ANOTHER"));
    add_instant(&points, trial->now_us, trial->now_us);
    add_words(&points, before->policy, trial->now_us);
    add_words(&points, after->policy, trial->now_us);
    for (size_t n = 0; n < points.network_count; n++) {
        facts.peer = points.networks[n];
        facts.is_protected = 1;
        judge_ways(before, after, &points, &facts, &ways);
        if (facts.peer.family != CORE_NETWORK_UNIX) {
            facts.is_protected = 0;
            judge_ways(before, after, &points, &facts, &ways);
        }
    }
    if (ways.before != ways.after) {
        return ways.before ? CORE_CTL_TURN_LOSES : CORE_CTL_TURN_GAINS;
    }
    if (ways.lost && ways.gained) {
        return CORE_CTL_TURN_OTHERS;
    }
    return ways.lost ? CORE_CTL_TURN_FEWER : ways.gained ? CORE_CTL_TURN_MORE : CORE_CTL_TURN_NONE;
}

int core_ctl_trial_judge(struct core_ctl_trial *trial)
{
    for (struct core_ctl_tried *tried = trial->first; tried != NULL; tried = tried->next) {
        const struct core_ctl_class *key[2] = {tried->before, tried->after};
        if (!tried->is_active || key[0] == NULL || key[1] == NULL || key[0] == key[1]) {
            continue;
        }
        struct mansio_str name = {(const char *)key, sizeof key};
        struct pair *pair = mansio_map_get(trial->pairs, name);
        if (pair == NULL) {
            pair = mansio_arena_alloc(trial->arena, sizeof *pair);
            pair->turn = turn_of(trial, key[0], key[1]);
            int rc = put(trial->pairs, name, pair);
            if (rc < 0) {
                return rc;
            }
        }
        tried->turn = pair->turn;
        trial->counts[tried->turn] += tried->turn != CORE_CTL_TURN_NONE;
    }
    return 0;
}

int core_ctl_trial_ends(const struct core_ctl_trial *trial, struct mansio_str address,
                        const struct core_policy_facts *facts)
{
    const struct core_ctl_tried *tried = mansio_map_get(trial->accounts, address);
    struct core_policy_verdict was, is;
    if (tried == NULL || !tried->is_active || tried->before == NULL || tried->after == NULL) {
        return 0;
    }
    struct core_policy_facts own = *facts;
    own.service = trial->service;
    own.now_us = trial->now_us;
    core_policy_judge(tried->before->policy, &own, &was);
    core_policy_judge(tried->after->policy, &own, &is);
    return was.is_allowed && !is.is_allowed;
}
