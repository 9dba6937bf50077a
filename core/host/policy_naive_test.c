/*
 * Policy against a second opinion: the paragraph of DESIGN.md (Policy), written down naively and
 * differently, from the most special scope inwards and on the texts as a directory gives them. All
 * 9^5 * 2 combinations of what five scopes can say, and 100,000 random cases; the seed is printed,
 * and taken from MANSIO_SEED if there is one.
 */
#include "core/host/policy_testing.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    CASES = 100000,
    SCOPES = 5,
    TICKS = 40, /* times are small numbers, so that all can be tried */
};

/* ---- the second opinion --------------------------------------------------------------------- */

struct visit {
    const char *service, *peer; /* as texts */
    int is_protected;
    const char *mechanism;
    unsigned kind;
    int64_t now;
};

/* An address as text of 0s and 1s, behind a letter for its family. */
static void to_bits(const char *text, char out[160])
{
    unsigned char bytes[16];
    size_t count = 4;
    size_t at = 0;
    if (strcmp(text, "unix") == 0) {
        (void)snprintf(out, 160, "u");
        return;
    }
    if (inet_pton(AF_INET, text, bytes) == 1) {
        out[at++] = '4';
    } else if (inet_pton(AF_INET6, text, bytes) == 1) {
        out[at++] = '6';
        count = 16;
    }
    for (size_t i = 0; i < 8 * count; i++) {
        out[at++] = (bytes[i / 8] >> (7 - i % 8)) & 1 ? '1' : '0';
    }
    out[at] = '\0';
}

static int network_holds(struct mansio_str network, const char *peer)
{
    char text[64];
    char ours[160];
    char theirs[160];
    (void)snprintf(text, sizeof text, "%.*s", MANSIO_STR_ARG(network));
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    to_bits(text, ours);
    to_bits(peer, theirs);
    size_t bits = slash != NULL ? 1 + strtoul(slash + 1, NULL, 10) : strlen(ours);
    return strncmp(ours, theirs, bits) == 0;
}

static int holds(const struct mansio_policy_word *word, const struct visit *visit)
{
    int ok = 0;
    if (word->network_count == 0 && !word->has_networks) {
        ok = 1;
    }
    for (size_t i = 0; i < word->network_count; i++) {
        ok |= network_holds(word->networks[i], visit->peer);
    }
    if (word->tls != MANSIO_POLICY_TLS_ANY) {
        ok &= visit->is_protected == (word->tls == MANSIO_POLICY_TLS_REQUIRED);
    }
    if (word->mechanism_count > 0) {
        int found = 0;
        for (size_t i = 0; i < word->mechanism_count; i++) {
            found |= mansio_str_ieq(word->mechanisms[i], mansio_str_from_cstr(visit->mechanism));
        }
        ok &= found;
    }
    if (word->credential_kinds) {
        ok &= (word->credential_kinds >> visit->kind) & 1;
    }
    if (word->has_hours) {
        int found = 0;
        for (size_t i = 0; i < word->hour_count; i++) {
            found |= visit->now >= word->hours[i].from_us && visit->now < word->hours[i].until_us;
        }
        ok &= found;
    }
    return ok;
}

/* What a scope says: 'a'llow, 'd'eny or nothing. "An allow whose conditions fail is a deny; a deny
 * whose conditions fail says nothing." */
static char says(const struct mansio_standing *standing, unsigned scope, const struct visit *visit,
                 int *is_locked)
{
    for (size_t i = 0; i < standing->word_count; i++) {
        const struct mansio_policy_word *word = standing->words[i];
        if (word->scope == scope &&
            mansio_str_eq(word->service, mansio_str_from_cstr(visit->service))) {
            *is_locked = word->is_locked != 0;
            if (holds(word, visit)) {
                return word->verb == MANSIO_POLICY_ALLOW ? 'a' : 'd';
            }
            return word->verb == MANSIO_POLICY_ALLOW ? 'd' : '\0';
        }
    }
    return '\0';
}

/* "The most special scope that speaks decides, except that a more general one may lock its word."
 */
static int may(const struct mansio_standing *standing, unsigned scope, const struct visit *visit,
               unsigned *by)
{
    int is_locked = 0;
    if (scope == 0) {
        *by = 0;
        return standing->default_verb == MANSIO_POLICY_ALLOW;
    }
    int is_muted = 0;
    for (unsigned general = scope - 1; general > 0; general--) {
        is_muted |= says(standing, general, visit, &is_locked) != '\0' && is_locked;
    }
    char said = says(standing, scope, visit, &is_locked);
    if (said == '\0' || is_muted) {
        return may(standing, scope - 1, visit, by);
    }
    *by = scope;
    return said == 'a';
}

/* ---- random cases --------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned any(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % below);
}

static const char *const services[] = {"imap", "pop3", "submission"};
static const char *const peers[] = {"192.0.2.1",     "192.0.2.200", "198.51.100.7", "2001:db8::1",
                                    "2001:db8:1::1", "fe80::1",     "unix"};
static const char *const mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "EXTERNAL", "PASSWORD"};
static const struct mansio_str network_texts[] = {
    MANSIO_STR("192.0.2.0/24"), MANSIO_STR("192.0.2.0/25"),  MANSIO_STR("192.0.2.200"),
    MANSIO_STR("0.0.0.0/0"),    MANSIO_STR("2001:db8::/32"), MANSIO_STR("2001:db8::/48"),
    MANSIO_STR("::/0"),         MANSIO_STR("unix"),          MANSIO_STR("198.51.100.0/22")};

/* Room for what the words of one case point to. */
struct room {
    struct words words;
    struct mansio_str networks[TESTING_WORDS_MAX][3];
    struct mansio_str mechanisms[TESTING_WORDS_MAX][2];
    struct mansio_time_span hours[TESTING_WORDS_MAX][3];
};

static void add_hours(struct mansio_policy_word *word, struct mansio_time_span hours[3])
{
    int64_t at = 0;
    word->has_hours = 1;
    word->hour_count = any(4);
    word->hours = hours;
    for (size_t i = 0; i < word->hour_count; i++) {
        hours[i].from_us = at + 1 + (int64_t)any(6);
        hours[i].until_us = hours[i].from_us + 1 + (int64_t)any(6);
        at = hours[i].until_us;
    }
}

static void add_conditions(struct room *room, size_t row)
{
    struct mansio_policy_word *word = &room->words.rows[row];
    word->is_locked = any(4) == 0;
    if (any(3) == 0) {
        word->has_networks = any(2);
        word->network_count = any(4);
        word->networks = room->networks[row];
        for (size_t i = 0; i < word->network_count; i++) {
            room->networks[row][i] = network_texts[any(MANSIO_COUNT(network_texts))];
        }
    }
    if (any(4) == 0) {
        word->tls = any(3);
    }
    if (any(4) == 0) {
        word->mechanism_count = any(3);
        word->mechanisms = room->mechanisms[row];
        for (size_t i = 0; i < word->mechanism_count; i++) {
            room->mechanisms[row][i] =
                mansio_str_from_cstr(mechanisms[any(MANSIO_COUNT(mechanisms))]);
        }
    }
    if (any(4) == 0) {
        word->credential_kinds = any(8) << 1;
    }
    if (any(4) == 0) {
        add_hours(word, room->hours[row]);
    }
}

static void make_case(struct room *room)
{
    memset(room, 0, sizeof *room);
    room->words.default_verb = any(3) == 0 ? MANSIO_POLICY_ALLOW : MANSIO_POLICY_DENY;
    room->words.hours_known_us = any(4) == 0 ? TICKS - 10 + (int64_t)any(20) : TICKS + 1;
    for (unsigned scope = 1; scope <= SCOPES; scope++) {
        for (size_t s = 0; s < MANSIO_COUNT(services); s++) {
            if (any(5) < 3) {
                words_add(&room->words, scope, 1 + any(2), services[s]);
                add_conditions(room, room->words.count - 1);
            }
        }
    }
}

static void to_facts(const struct visit *visit, struct core_policy_facts *facts)
{
    *facts = (struct core_policy_facts){
        .service = mansio_str_from_cstr(visit->service),
        .is_protected = visit->is_protected,
        .mechanism =
            visit->mechanism != NULL ? mansio_str_from_cstr(visit->mechanism) : MANSIO_STR_NONE,
        .credential_kind = visit->kind,
        .now_us = visit->now,
    };
    assert_int_equal(core_network_of_ip(mansio_str_from_cstr(visit->peer), &facts->peer), 0);
}

static void make_visit(struct visit *visit)
{
    *visit = (struct visit){.service = services[any(MANSIO_COUNT(services))],
                            .peer = peers[any(MANSIO_COUNT(peers))],
                            .is_protected = (int)any(2),
                            .mechanism = mechanisms[any(MANSIO_COUNT(mechanisms))],
                            .kind = 1 + any(3),
                            .now = any(TICKS)};
}

/* By time alone nothing changes before until, and something may at it. */
static void check_until(const struct room *room, struct visit visit,
                        const struct core_policy_verdict *verdict)
{
    struct mansio_standing standing = words_standing(&room->words);
    int64_t first = visit.now;
    int has_hours = 0;
    int is_edge = verdict->until_us == room->words.hours_known_us;
    for (; visit.now < verdict->until_us && visit.now < 3 * TICKS; visit.now++) {
        unsigned by = 0;
        assert_int_equal(may(&standing, SCOPES, &visit, &by), verdict->is_allowed);
        assert_int_equal(by, verdict->scope);
    }
    for (size_t i = 0; i < room->words.count; i++) {
        const struct mansio_policy_word *word = &room->words.rows[i];
        int is_ours =
            word->has_hours && mansio_str_eq(word->service, mansio_str_from_cstr(visit.service));
        has_hours |= is_ours;
        for (size_t k = 0; is_ours && k < word->hour_count; k++) {
            is_edge |= verdict->until_us == word->hours[k].from_us ||
                       verdict->until_us == word->hours[k].until_us;
        }
    }
    assert_int_equal(verdict->until_us == INT64_MAX, !has_hours);
    if (has_hours) {
        assert_true(is_edge);
        assert_true(verdict->until_us > first || verdict->until_us == room->words.hours_known_us);
    }
}

/* Does the second opinion find a way, given what is known? */
static int may_somehow(const struct mansio_standing *standing, const struct visit *visit,
                       const char *const *offered, size_t count)
{
    int found = 0;
    for (size_t m = 0; m < count; m++) {
        for (unsigned kind = 1; kind <= 3; kind++) {
            struct visit way = *visit;
            unsigned by = 0;
            way.mechanism = visit->mechanism != NULL ? visit->mechanism : offered[m];
            way.kind = visit->kind != 0 ? visit->kind : kind;
            if ((strcmp(way.mechanism, "EXTERNAL") == 0) == (way.kind == 3)) {
                found |= may(standing, SCOPES, &way, &by);
            }
        }
    }
    return found;
}

static void check_unknown(const struct room *room, const struct core_policy *policy,
                          struct visit visit)
{
    struct mansio_standing standing = words_standing(&room->words);
    struct mansio_str texts[3];
    const char *offered[3];
    struct core_policy_facts facts;
    struct core_policy_verdict verdict;
    size_t count = 1 + any(3);
    int has_choice = 0;
    for (size_t i = 0; i < count; i++) {
        offered[i] = mechanisms[any(MANSIO_COUNT(mechanisms))];
        texts[i] = mansio_str_from_cstr(offered[i]);
    }
    if (any(2)) {
        visit.kind = 0;
        has_choice = 1;
    }
    if (any(3)) {
        visit.mechanism = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        has_choice |= (strcmp(offered[i], "EXTERNAL") == 0) == (visit.kind == 3);
    }
    if (visit.mechanism != NULL && visit.kind != 0) {
        return; /* all is known */
    }
    to_facts(&visit, &facts);
    facts.mechanisms = texts;
    facts.mechanism_count = count;
    core_policy_judge(policy, &facts, &verdict);
    if (has_choice) {
        assert_int_equal(verdict.is_allowed, may_somehow(&standing, &visit, offered, count));
    }
}

static void agrees_on_random_cases(void **state)
{
    (void)state;
    const char *given = getenv("MANSIO_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761U;
    seed |= 1;
    print_message("# MANSIO_SEED=%llu\n", (unsigned long long)seed);
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy", 0);
    static struct room room;
    size_t allowed = 0;
    for (size_t i = 0; i < CASES; i++) {
        struct visit visit;
        struct core_policy_facts facts;
        struct core_policy_verdict verdict;
        const struct core_policy *policy = NULL;
        unsigned by = 0;
        make_case(&room);
        make_visit(&visit);
        to_facts(&visit, &facts);
        struct mansio_standing standing = words_standing(&room.words);
        assert_int_equal(core_policy_make(arena, &standing, &policy), 0);
        core_policy_judge(policy, &facts, &verdict);
        int wanted = may(&standing, SCOPES, &visit, &by);
        if (verdict.is_allowed != wanted || verdict.scope != by) {
            fail_msg("case %zu: allowed %d by %u, wanted %d by %u", i, verdict.is_allowed,
                     verdict.scope, wanted, by);
        }
        allowed += (size_t)wanted;
        if (i % 8 == 0) { /* it is dear */
            check_until(&room, visit, &verdict);
        }
        check_unknown(&room, policy, visit);
        mansio_arena_reset(arena);
    }
    mansio_arena_free(arena);
    /* The cases are worth something: both answers are common. */
    assert_in_range(allowed, CASES / 5, CASES - CASES / 5);
}

/* ---- everything that five scopes can say ---------------------------------------------------- */

static const struct mansio_str far_away[] = {MANSIO_STR("203.0.113.0/24")};

static void agrees_on_everything_that_scopes_can_say(void **state)
{
    (void)state;
    enum { SAYINGS = 9, ALL = SAYINGS * SAYINGS * SAYINGS * SAYINGS * SAYINGS };
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy", 0);
    const struct visit visit = {"pop3", "192.0.2.1", 1, "PLAIN", 1, 0};
    struct core_policy_facts facts;
    to_facts(&visit, &facts);
    for (unsigned i = 0; i < 2 * ALL; i++) {
        struct words words = {.default_verb = i < ALL ? MANSIO_POLICY_ALLOW : MANSIO_POLICY_DENY};
        unsigned rest = i % ALL;
        for (unsigned scope = 1; scope <= SCOPES; scope++, rest /= SAYINGS) {
            unsigned saying = rest % SAYINGS; /* 0: nothing; else verb, holds, locked */
            if (saying > 0) {
                struct mansio_policy_word *word =
                    words_add(&words, scope, 1 + (saying - 1) % 2, "pop3");
                word->is_locked = (saying - 1) / 4;
                if ((saying - 1) / 2 % 2) {
                    word->networks = far_away;
                    word->network_count = 1;
                }
            }
        }
        struct mansio_standing standing = words_standing(&words);
        struct core_policy_verdict verdict;
        const struct core_policy *policy = NULL;
        unsigned by = 0;
        assert_int_equal(core_policy_make(arena, &standing, &policy), 0);
        core_policy_judge(policy, &facts, &verdict);
        int wanted = may(&standing, SCOPES, &visit, &by);
        if (verdict.is_allowed != wanted || verdict.scope != by) {
            fail_msg("combination %u: allowed %d by %u, wanted %d by %u", i, verdict.is_allowed,
                     verdict.scope, wanted, by);
        }
        mansio_arena_reset(arena);
    }
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_on_everything_that_scopes_can_say),
        cmocka_unit_test(agrees_on_random_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
