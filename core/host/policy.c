/*
 * Words of policy, made ready and judged. See policy.h. Pure; owns nothing but what it makes in the
 * arena it is given.
 */
#include "core/host/policy.h"

#include <string.h>

#include <mansio/account.h>
#include <mansio/auth.h>
#include <mansio/error.h>
#include <mansio/str.h>

/* ---- making ready --------------------------------------------------------------------------- */

static int check_word(const struct mansio_policy_word *word)
{
    if (word->size < CORE_POLICY_WORD_SIZE_MIN || word->service.len == 0 ||
        word->scope < MANSIO_POLICY_PLATFORM || word->scope > MANSIO_POLICY_ACCOUNT ||
        (word->verb != MANSIO_POLICY_ALLOW && word->verb != MANSIO_POLICY_DENY) ||
        word->tls > MANSIO_POLICY_TLS_ABSENT) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "policy: the directory gave a word that is none (size %zu, scope %u, "
                           "verb %u, tls %u, service \"%.*s\")",
                           word->size, word->scope, word->verb, word->tls,
                           MANSIO_STR_ARG(mansio_str_sub(word->service, 0, 64)));
    }
    return 0;
}

static int copy_texts(struct mansio_arena *arena, const struct mansio_str *from, size_t count,
                      const struct mansio_str **out)
{
    if (count == 0) {
        *out = NULL;
        return 0;
    }
    struct mansio_str *texts = mansio_arena_try_alloc(arena, count * sizeof *texts);
    if (texts == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        int rc = mansio_arena_copy(arena, from[i], &texts[i]);
        if (rc < 0) {
            return rc;
        }
    }
    *out = texts;
    return 0;
}

static int copy_hours(struct mansio_arena *arena, struct mansio_policy_word *word)
{
    if (word->hour_count == 0) {
        return 0;
    }
    struct mansio_time_span *hours =
        mansio_arena_try_alloc(arena, word->hour_count * sizeof *hours);
    if (hours == NULL) {
        return MANSIO_E_LIMIT;
    }
    memcpy(hours, word->hours, word->hour_count * sizeof *hours);
    word->hours = hours;
    return 0;
}

static int read_networks(struct mansio_arena *arena, const struct mansio_policy_word *word,
                         struct core_policy_word *out)
{
    if (word->network_count == 0) {
        return 0;
    }
    struct core_network *networks =
        mansio_arena_try_alloc(arena, word->network_count * sizeof *networks);
    if (networks == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < word->network_count; i++) {
        if (core_network_parse(word->networks[i], &networks[i]) < 0) {
            return mansio_fail(
                MANSIO_E_UNAVAILABLE,
                "policy: the directory gave the network \"%.*s\", which is none",
                MANSIO_STR_ARG(mansio_str_sub(word->networks[i], 0, CORE_NETWORK_TEXT_MAX)));
        }
    }
    out->networks = networks;
    out->network_count = word->network_count;
    return 0;
}

static int make_word(struct mansio_arena *arena, const struct mansio_policy_word *from,
                     struct core_policy_word *out)
{
    int rc = check_word(from);
    if (rc < 0) {
        return rc;
    }
    struct mansio_policy_word *word = mansio_arena_try_alloc(arena, sizeof *word);
    if (word == NULL) {
        return MANSIO_E_LIMIT;
    }
    memcpy(word, from, from->size < sizeof *word ? from->size : sizeof *word);
    word->size = sizeof *word;
    *out = (struct core_policy_word){.word = word};
    if ((rc = mansio_arena_copy(arena, from->service, &word->service)) < 0 ||
        (rc = mansio_arena_copy(arena, from->owner, &word->owner)) < 0 ||
        (rc = copy_texts(arena, from->networks, from->network_count, &word->networks)) < 0 ||
        (rc = copy_texts(arena, from->mechanisms, from->mechanism_count, &word->mechanisms)) < 0 ||
        (rc = copy_hours(arena, word)) < 0) {
        return rc;
    }
    return read_networks(arena, word, out);
}

/* Two words of one scope for one service: which one holds? */
static int check_single(const struct core_policy_word *words, size_t index)
{
    const struct mansio_policy_word *word = words[index].word;
    for (size_t i = 0; i < index; i++) {
        if (words[i].word->scope == word->scope &&
            mansio_str_eq(words[i].word->service, word->service)) {
            return mansio_fail(MANSIO_E_UNAVAILABLE,
                               "policy: the directory gave two words of scope %u for \"%.*s\"",
                               word->scope, MANSIO_STR_ARG(word->service));
        }
    }
    return 0;
}

int core_policy_make(struct mansio_arena *arena, const struct mansio_standing *standing,
                     const struct core_policy **out)
{
    struct core_policy *policy = mansio_arena_try_alloc(arena, sizeof *policy);
    struct core_policy_word *words =
        mansio_arena_try_alloc(arena, (standing->word_count + 1) * sizeof *words);
    if (policy == NULL || words == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < standing->word_count; i++) {
        int rc = make_word(arena, standing->words[i], &words[i]);
        if (rc == 0) {
            rc = check_single(words, i);
        }
        if (rc < 0) {
            return rc;
        }
    }
    *policy = (struct core_policy){
        .words = words,
        .word_count = standing->word_count,
        .default_verb = standing->default_verb,
        .hours_known_us = standing->hours_known_us,
    };
    *out = policy;
    return 0;
}

/* ---- conditions ----------------------------------------------------------------------------- */

/* One way to come in: what is known, or one choice of what isn't yet. */
struct way {
    const struct core_policy_facts *facts;
    struct mansio_str mechanism;
    uint32_t credential_kind;
};

static int is_in_networks(const struct core_policy_word *word, const struct core_network *peer)
{
    for (size_t i = 0; i < word->network_count; i++) {
        if (core_network_contains(&word->networks[i], peer)) {
            return 1;
        }
    }
    return 0;
}

static int is_among(const struct mansio_policy_word *word, struct mansio_str mechanism)
{
    for (size_t i = 0; i < word->mechanism_count; i++) {
        if (mansio_str_ieq(word->mechanisms[i], mechanism)) {
            return 1;
        }
    }
    return 0;
}

static int is_in_hours(const struct mansio_policy_word *word, int64_t now_us)
{
    for (size_t i = 0; i < word->hour_count; i++) {
        if (word->hours[i].from_us <= now_us && now_us < word->hours[i].until_us) {
            return 1;
        }
    }
    return 0;
}

/* Which conditions don't hold. One that isn't there holds. */
static uint32_t failed_of(const struct core_policy_word *ready, const struct way *way)
{
    const struct mansio_policy_word *word = ready->word;
    const struct core_policy_facts *facts = way->facts;
    uint32_t failed = 0;
    if ((word->has_networks || word->network_count > 0) && !is_in_networks(ready, &facts->peer)) {
        failed |= CORE_POLICY_NETWORKS;
    }
    if ((word->tls == MANSIO_POLICY_TLS_REQUIRED && !facts->is_protected) ||
        (word->tls == MANSIO_POLICY_TLS_ABSENT && facts->is_protected)) {
        failed |= CORE_POLICY_TLS;
    }
    if (word->mechanism_count > 0 && !is_among(word, way->mechanism)) {
        failed |= CORE_POLICY_MECHANISMS;
    }
    if (word->credential_kinds != 0 &&
        (way->credential_kind > 31 ||
         (word->credential_kinds & (UINT32_C(1) << way->credential_kind)) == 0)) {
        failed |= CORE_POLICY_CREDENTIALS;
    }
    if (word->has_hours && !is_in_hours(word, facts->now_us)) {
        failed |= CORE_POLICY_HOURS;
    }
    return failed;
}

static uint32_t said_by(const struct mansio_policy_word *word, uint32_t failed)
{
    if (word->verb == MANSIO_POLICY_ALLOW) {
        return failed == 0 ? CORE_POLICY_ALLOWS : CORE_POLICY_UNMET;
    }
    return failed == 0 ? CORE_POLICY_DENIES : CORE_POLICY_SILENT;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void judge_way(const struct core_policy *policy, const struct way *way,
                      struct core_policy_verdict *out)
{
    for (size_t i = 0; i < policy->word_count; i++) {
        const struct core_policy_word *word = &policy->words[i];
        if (mansio_str_eq(word->word->service, way->facts->service)) {
            uint32_t scope = word->word->scope;
            out->scopes[scope - 1].word = word;
            out->scopes[scope - 1].failed = failed_of(word, way);
            out->scopes[scope - 1].said = said_by(word->word, out->scopes[scope - 1].failed);
        }
    }
    out->scope = 0;
    for (uint32_t scope = MANSIO_POLICY_PLATFORM; scope <= MANSIO_POLICY_ACCOUNT; scope++) {
        if (out->scopes[scope - 1].said == CORE_POLICY_SILENT) {
            continue; /* whoever says nothing locks nothing */
        }
        out->scope = scope;
        if (out->scopes[scope - 1].word->word->is_locked) {
            break;
        }
    }
    out->is_allowed = out->scope == 0 ? policy->default_verb == MANSIO_POLICY_ALLOW
                                      : out->scopes[out->scope - 1].said == CORE_POLICY_ALLOWS;
}

/* Until when time alone changes nothing: the next edge of any span of the service's words, or
 * where what is known of them ends. */
static int64_t until_of(const struct core_policy *policy, const struct core_policy_facts *facts)
{
    int64_t until_us = INT64_MAX;
    int has_hours = 0;
    for (size_t i = 0; i < policy->word_count; i++) {
        const struct mansio_policy_word *word = policy->words[i].word;
        if (!word->has_hours || !mansio_str_eq(word->service, facts->service)) {
            continue;
        }
        has_hours = 1;
        for (size_t k = 0; k < word->hour_count; k++) {
            const struct mansio_time_span *span = &word->hours[k];
            int64_t edge_us = facts->now_us < span->from_us ? span->from_us : span->until_us;
            if (edge_us > facts->now_us && edge_us < until_us) {
                until_us = edge_us;
            }
        }
    }
    if (has_hours && policy->hours_known_us != 0 && policy->hours_known_us < until_us) {
        until_us = policy->hours_known_us;
    }
    return until_us;
}

/* A certificate is what SASL EXTERNAL shows, and nothing else does. */
static int fits(struct mansio_str mechanism, uint32_t credential_kind)
{
    return mansio_str_ieq(mechanism, MANSIO_STR("EXTERNAL")) ==
           (credential_kind == MANSIO_CREDENTIAL_CERTIFICATE);
}

/* Judge with one mechanism and each kind of credential that is possible. 1 if any was. */
static int try_kinds(const struct core_policy *policy, struct way way, int is_mechanism_known,
                     struct core_policy_verdict *out)
{
    const struct core_policy_facts *facts = way.facts;
    int has_tried = 0;
    if (facts->credential_kind != 0) {
        if (!is_mechanism_known && !fits(way.mechanism, facts->credential_kind)) {
            return 0;
        }
        way.credential_kind = facts->credential_kind;
        judge_way(policy, &way, out);
        return 1;
    }
    for (uint32_t kind = MANSIO_CREDENTIAL_MAIN; kind <= MANSIO_CREDENTIAL_CERTIFICATE; kind++) {
        if (fits(way.mechanism, kind) && !(has_tried && out->is_allowed)) {
            way.credential_kind = kind;
            judge_way(policy, &way, out);
            has_tried = 1;
        }
    }
    return has_tried;
}

void core_policy_judge(const struct core_policy *policy, const struct core_policy_facts *facts,
                       struct core_policy_verdict *out)
{
    struct way way = {.facts = facts, .mechanism = facts->mechanism};
    int has_tried = 0;
    *out = (struct core_policy_verdict){.until_us = until_of(policy, facts)};
    if (facts->mechanism.ptr != NULL) {
        has_tried = try_kinds(policy, way, 1, out);
    }
    for (size_t i = 0; facts->mechanism.ptr == NULL && i < facts->mechanism_count; i++) {
        if (has_tried && out->is_allowed) {
            break;
        }
        way.mechanism = facts->mechanisms[i];
        has_tried |= try_kinds(policy, way, 0, out);
    }
    if (!has_tried) {
        /* No way in at all: none that meets a condition on how. */
        way.mechanism = MANSIO_STR_NONE;
        way.credential_kind = facts->credential_kind;
        judge_way(policy, &way, out);
    }
}
