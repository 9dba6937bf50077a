/*
 * The truth table of policy, as a table; conditions one by one; what can't be known yet; until when
 * a verdict holds; and words that can't be read.
 */
#include "core/host/policy_testing.h"

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "policy", 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static void judge(const struct words *words, const struct core_policy_facts *facts,
                  struct core_policy_verdict *out)
{
    struct mansio_standing standing = words_standing(words);
    const struct core_policy *policy = NULL;
    assert_int_equal(core_policy_make(arena, &standing, &policy), 0);
    core_policy_judge(policy, facts, out);
    mansio_arena_reset(arena);
}

/* ---- the table ------------------------------------------------------------------------------ */

/* What a scope may say, in the order of the table's rows and columns. A condition that fails is a
 * network that the peer isn't in. */
static const struct {
    uint32_t verb; /* 0: nothing */
    int fails, is_locked;
} sayings[] = {
    {0, 0, 0},
    {MANSIO_POLICY_ALLOW, 0, 0},
    {MANSIO_POLICY_ALLOW, 1, 0},
    {MANSIO_POLICY_DENY, 0, 0},
    {MANSIO_POLICY_DENY, 1, 0},
    {MANSIO_POLICY_ALLOW, 0, 1},
    {MANSIO_POLICY_ALLOW, 1, 1},
    {MANSIO_POLICY_DENY, 0, 1},
    {MANSIO_POLICY_DENY, 1, 1},
};
enum { SAYINGS = MANSIO_COUNT(sayings) };

/*
 * Rows: what the more general of two scopes says; columns: what the more special one does. + is
 * allowed, - is denied, = is the platform's default. A and D hold, a and d have a condition that
 * fails, ! is locked.
 */
static const char *const table[SAYINGS] = {
    /*        .   A   a   D   d   A!  a!  D!  d!        */
    /* .  */ "=   +   -   -   =   +   -   -   =",
    /* A  */ "+   +   -   -   +   +   -   -   +",
    /* a  */ "-   +   -   -   -   +   -   -   -",
    /* D  */ "-   +   -   -   -   +   -   -   -",
    /* d  */ "=   +   -   -   =   +   -   -   =",
    /* A! */ "+   +   +   +   +   +   +   +   +",
    /* a! */ "-   -   -   -   -   -   -   -   -",
    /* D! */ "-   -   -   -   -   -   -   -   -",
    /* d! */ "=   +   -   -   =   +   -   -   =",
};

static const struct mansio_str elsewhere[] = {MANSIO_STR("198.51.100.0/24")};
static const struct mansio_str here[] = {MANSIO_STR("192.0.2.0/24")};

static void say(struct words *words, uint32_t scope, size_t saying)
{
    if (sayings[saying].verb == 0) {
        return;
    }
    struct mansio_policy_word *word = words_add(words, scope, sayings[saying].verb, "pop3");
    word->is_locked = (uint32_t)sayings[saying].is_locked;
    word->networks = sayings[saying].fails ? elsewhere : here;
    word->network_count = 1;
}

static void follows_the_table(void **state)
{
    (void)state;
    struct core_policy_facts facts = testing_policy_facts();
    for (uint32_t general = MANSIO_POLICY_PLATFORM; general <= MANSIO_POLICY_ACCOUNT; general++) {
        for (uint32_t special = general + 1; special <= MANSIO_POLICY_ACCOUNT; special++) {
            for (size_t i = 0; i < SAYINGS * SAYINGS * 2; i++) {
                size_t row = i / 2 / SAYINGS;
                size_t column = i / 2 % SAYINGS;
                uint32_t by_default = i % 2 ? MANSIO_POLICY_ALLOW : MANSIO_POLICY_DENY;
                struct words words = {.default_verb = by_default};
                struct core_policy_verdict verdict;
                say(&words, general, row);
                say(&words, special, column);
                judge(&words, &facts, &verdict);
                char wanted = table[row][4 * column];
                int is_allowed =
                    wanted == '+' || (wanted == '=' && by_default == MANSIO_POLICY_ALLOW);
                if (verdict.is_allowed != is_allowed || (wanted == '=') != (verdict.scope == 0)) {
                    fail_msg("scopes %u and %u, row %zu, column %zu, default %u: allowed %d by %u",
                             general, special, row, column, by_default, verdict.is_allowed,
                             verdict.scope);
                }
            }
        }
    }
}

static void one_scope_alone(void **state)
{
    (void)state;
    static const char alone[SAYINGS] = {'=', '+', '-', '-', '=', '+', '-', '-', '='};
    struct core_policy_facts facts = testing_policy_facts();
    for (uint32_t scope = MANSIO_POLICY_PLATFORM; scope <= MANSIO_POLICY_ACCOUNT; scope++) {
        for (size_t i = 0; i < SAYINGS; i++) {
            for (uint32_t verb = 0; verb <= 3; verb++) {
                /* A default that is neither allow nor deny is no way in. */
                struct words words = {.default_verb = verb};
                struct core_policy_verdict verdict;
                say(&words, scope, i);
                judge(&words, &facts, &verdict);
                assert_int_equal(verdict.is_allowed,
                                 alone[i] == '+' ||
                                     (alone[i] == '=' && verb == MANSIO_POLICY_ALLOW));
                assert_int_equal(verdict.scope, alone[i] == '=' ? 0 : scope);
            }
        }
    }
}

static void tells_what_each_scope_said(void **state)
{
    (void)state;
    struct words words = {.default_verb = MANSIO_POLICY_DENY};
    struct core_policy_facts facts = testing_policy_facts();
    struct core_policy_verdict verdict;
    words_add(&words, MANSIO_POLICY_PLATFORM, MANSIO_POLICY_ALLOW, "pop3");
    say(&words, MANSIO_POLICY_PLAN, 2);
    say(&words, MANSIO_POLICY_TENANT, 4);
    say(&words, MANSIO_POLICY_ACCOUNT, 3);
    words_add(&words, MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_ALLOW, "imap"); /* another service */
    judge(&words, &facts, &verdict);
    static const uint32_t said[] = {CORE_POLICY_ALLOWS, CORE_POLICY_UNMET, CORE_POLICY_SILENT,
                                    CORE_POLICY_SILENT, CORE_POLICY_DENIES};
    static const uint32_t failed[] = {0, CORE_POLICY_NETWORKS, CORE_POLICY_NETWORKS, 0, 0};
    for (size_t i = 0; i < CORE_POLICY_SCOPES; i++) {
        assert_int_equal(verdict.scopes[i].said, said[i]);
        assert_int_equal(verdict.scopes[i].failed, failed[i]);
        assert_int_equal(verdict.scopes[i].word == NULL, i == MANSIO_POLICY_DOMAIN - 1);
    }
    assert_false(verdict.is_allowed);
    assert_int_equal(verdict.scope, MANSIO_POLICY_ACCOUNT);
    assert_true(verdict.until_us == INT64_MAX);
}

/* ---- conditions ----------------------------------------------------------------------------- */

static void networks_hold_where_the_peer_is_in_one(void **state)
{
    (void)state;
    static const struct mansio_str networks[] = {MANSIO_STR("192.0.2.0/25"),
                                                 MANSIO_STR("2001:db8::/32"), MANSIO_STR("unix")};
    static const struct {
        const char *peer;
        int holds;
    } rows[] = {
        {"192.0.2.0", 1},          {"192.0.2.127", 1}, {"192.0.2.128", 0},  {"2001:db8::1", 1},
        {"2001:db9::1", 0},        {"unix", 1},        {"192.0.3.1", 0},    {"::ffff:192.0.2.1", 1},
        {"::ffff:192.0.2.200", 0}, {"192.0.2.1%2", 1}, {"fe80::1%eth0", 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct words words = {.default_verb = MANSIO_POLICY_DENY};
        struct core_policy_facts facts = testing_policy_facts();
        struct core_policy_verdict verdict;
        struct mansio_policy_word *word =
            words_add(&words, MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW, "pop3");
        word->networks = networks;
        word->network_count = MANSIO_COUNT(networks);
        assert_int_equal(core_network_of_ip(mansio_str_from_cstr(rows[i].peer), &facts.peer), 0);
        judge(&words, &facts, &verdict);
        assert_int_equal(verdict.is_allowed, rows[i].holds);
        assert_int_equal(verdict.scopes[2].failed, rows[i].holds ? 0 : CORE_POLICY_NETWORKS);
    }
}

/* A named network that has been emptied: nobody is in it. */
static void no_network_left_holds_nobody(void **state)
{
    (void)state;
    for (uint32_t verb = MANSIO_POLICY_ALLOW; verb <= MANSIO_POLICY_DENY; verb++) {
        struct words words = {.default_verb = MANSIO_POLICY_ALLOW};
        struct core_policy_facts facts = testing_policy_facts();
        struct core_policy_verdict verdict;
        words_add(&words, MANSIO_POLICY_DOMAIN, verb, "pop3")->has_networks = 1;
        judge(&words, &facts, &verdict);
        assert_int_equal(verdict.is_allowed, verb == MANSIO_POLICY_DENY);
        assert_int_equal(verdict.scopes[3].failed, CORE_POLICY_NETWORKS);
    }
}

static void tls_mechanisms_and_credentials(void **state)
{
    (void)state;
    static const struct mansio_str scram[] = {MANSIO_STR("SCRAM-SHA-256"), MANSIO_STR("PASSWORD")};
    static const struct {
        uint32_t tls, kinds;
        size_t mechanisms;
        int is_protected;
        const char *mechanism;
        uint32_t kind, failed;
    } rows[] = {
        {MANSIO_POLICY_TLS_ANY, 0, 0, 0, "PLAIN", 1, 0},
        {MANSIO_POLICY_TLS_REQUIRED, 0, 0, 1, "PLAIN", 1, 0},
        {MANSIO_POLICY_TLS_REQUIRED, 0, 0, 0, "PLAIN", 1, CORE_POLICY_TLS},
        {MANSIO_POLICY_TLS_ABSENT, 0, 0, 1, "PLAIN", 1, CORE_POLICY_TLS},
        {MANSIO_POLICY_TLS_ABSENT, 0, 0, 0, "PLAIN", 1, 0},
        {0, 0, 2, 0, "SCRAM-SHA-256", 1, 0},
        {0, 0, 2, 0, "scram-sha-256", 1, 0},
        {0, 0, 2, 0, "password", 1, 0},
        {0, 0, 2, 0, "SCRAM-SHA-256-PLUS", 1, CORE_POLICY_MECHANISMS},
        {0, 0, 2, 0, "PLAIN", 1, CORE_POLICY_MECHANISMS},
        {0, 1 << MANSIO_CREDENTIAL_APP, 0, 0, "PLAIN", 1, CORE_POLICY_CREDENTIALS},
        {0, 1 << MANSIO_CREDENTIAL_APP, 0, 0, "PLAIN", 2, 0},
        {0, 1 << 1 | 1 << 2, 0, 0, "PLAIN", 1, 0},
        {0, 1 << 1 | 1 << 2, 0, 0, "EXTERNAL", 3, CORE_POLICY_CREDENTIALS},
        {MANSIO_POLICY_TLS_REQUIRED, 1 << 3, 2, 0, "PLAIN", 1,
         CORE_POLICY_TLS | CORE_POLICY_MECHANISMS | CORE_POLICY_CREDENTIALS},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct words words = {.default_verb = MANSIO_POLICY_DENY};
        struct core_policy_facts facts = testing_policy_facts();
        struct core_policy_verdict verdict;
        struct mansio_policy_word *word =
            words_add(&words, MANSIO_POLICY_PLAN, MANSIO_POLICY_ALLOW, "pop3");
        word->tls = rows[i].tls;
        word->credential_kinds = rows[i].kinds;
        word->mechanisms = scram;
        word->mechanism_count = rows[i].mechanisms;
        facts.is_protected = rows[i].is_protected;
        facts.mechanism = mansio_str_from_cstr(rows[i].mechanism);
        facts.credential_kind = rows[i].kind;
        judge(&words, &facts, &verdict);
        assert_int_equal(verdict.scopes[1].failed, rows[i].failed);
        assert_int_equal(verdict.is_allowed, rows[i].failed == 0);
    }
}

static void hours_hold_from_their_first_moment_to_before_their_last(void **state)
{
    (void)state;
    static const struct mansio_time_span spans[] = {{100, 200}, {300, 400}};
    static const struct {
        int64_t now_us;
        int holds;
        int64_t until_us;
    } rows[] = {
        {0, 0, 100},    {99, 0, 100},    {100, 1, 200},   {199, 1, 200},
        {200, 0, 300},  {299, 0, 300},   {300, 1, 400},   {399, 1, 400},
        {400, 0, 1000}, {1000, 0, 1000}, {5000, 0, 1000}, /* nothing is known by then */
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct words words = {.default_verb = MANSIO_POLICY_DENY, .hours_known_us = 1000};
        struct core_policy_facts facts = testing_policy_facts();
        struct core_policy_verdict verdict;
        struct mansio_policy_word *word =
            words_add(&words, MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_ALLOW, "pop3");
        word->has_hours = 1;
        word->hours = spans;
        word->hour_count = MANSIO_COUNT(spans);
        facts.now_us = rows[i].now_us;
        judge(&words, &facts, &verdict);
        assert_int_equal(verdict.is_allowed, rows[i].holds);
        assert_true(verdict.until_us == rows[i].until_us);
        facts.service = MANSIO_STR("imap"); /* whose words know no hours */
        judge(&words, &facts, &verdict);
        assert_true(verdict.until_us == INT64_MAX);
    }
}

/* ---- what isn't known yet ------------------------------------------------------------------- */

static void counts_as_met_what_there_is_a_way_to_meet(void **state)
{
    (void)state;
    static const struct mansio_str offered[] = {MANSIO_STR("PLAIN"), MANSIO_STR("SCRAM-SHA-256"),
                                                MANSIO_STR("EXTERNAL")};
    static const struct mansio_str scram[] = {MANSIO_STR("SCRAM-SHA-256")};
    static const struct {
        uint32_t verb;
        size_t offered, mechanisms; /* how many of the tables above */
        uint32_t kinds;
        int is_allowed;
    } rows[] = {
        {MANSIO_POLICY_ALLOW, 1, 0, 0, 1},
        {MANSIO_POLICY_ALLOW, 1, 1, 0, 0},
        {MANSIO_POLICY_ALLOW, 2, 1, 0, 1},
        {MANSIO_POLICY_DENY, 1, 0, 0, 0},
        {MANSIO_POLICY_DENY, 2, 1, 0, 1}, /* PLAIN is left */
        {MANSIO_POLICY_ALLOW, 1, 0, 1 << MANSIO_CREDENTIAL_APP, 1},
        {MANSIO_POLICY_ALLOW, 2, 0, 1 << MANSIO_CREDENTIAL_CERTIFICATE, 0}, /* not by these two */
        {MANSIO_POLICY_ALLOW, 3, 0, 1 << MANSIO_CREDENTIAL_CERTIFICATE, 1},
        {MANSIO_POLICY_ALLOW, 3, 1, 1 << MANSIO_CREDENTIAL_CERTIFICATE, 0}, /* never both */
        {MANSIO_POLICY_DENY, 2, 0, 1 << 1 | 1 << 2, 0},
        {MANSIO_POLICY_DENY, 3, 0, 1 << 1 | 1 << 2, 1}, /* the certificate is left */
        {MANSIO_POLICY_ALLOW, 0, 0, 0, 1},
        {MANSIO_POLICY_ALLOW, 0, 1, 0, 0}, /* no way in meets no condition */
        {MANSIO_POLICY_ALLOW, 0, 0, 1 << MANSIO_CREDENTIAL_MAIN, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct words words = {.default_verb = MANSIO_POLICY_ALLOW};
        struct core_policy_facts facts = testing_policy_facts();
        struct core_policy_verdict verdict;
        struct mansio_policy_word *word =
            words_add(&words, MANSIO_POLICY_PLATFORM, rows[i].verb, "pop3");
        word->mechanisms = scram;
        word->mechanism_count = rows[i].mechanisms;
        word->credential_kinds = rows[i].kinds;
        facts.mechanism = MANSIO_STR_NONE;
        facts.mechanisms = offered;
        facts.mechanism_count = rows[i].offered;
        facts.credential_kind = 0;
        judge(&words, &facts, &verdict);
        if (verdict.is_allowed != rows[i].is_allowed) {
            fail_msg("row %zu: allowed %d", i, verdict.is_allowed);
        }
    }
}

/* ---- words that can't be read --------------------------------------------------------------- */

static const struct mansio_str no_network[] = {MANSIO_STR("192.0.2.1"), MANSIO_STR("office")};

static void refuses_what_it_cannot_read(void **state)
{
    (void)state;
    for (int what = 0; what <= 9; what++) {
        struct words words = {.default_verb = MANSIO_POLICY_ALLOW};
        struct mansio_policy_word *word =
            words_add(&words, MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY, "pop3");
        words_add(&words, MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_ALLOW, "pop3");
        switch (what) {
        case 1:
            word->verb = 3;
            break;
        case 2:
            word->verb = 0;
            break;
        case 3:
            word->scope = 0;
            break;
        case 4:
            word->scope = 6;
            break;
        case 5:
            word->tls = 3;
            break;
        case 6:
            word->service = MANSIO_STR_NONE;
            break;
        case 7:
            word->networks = no_network;
            word->network_count = MANSIO_COUNT(no_network);
            break;
        case 8:
            word->size = 8;
            break;
        case 9:
            word->scope = MANSIO_POLICY_ACCOUNT; /* two words of one scope */
            break;
        default:
            break;
        }
        struct mansio_standing standing = words_standing(&words);
        const struct core_policy *policy = NULL;
        int rc = core_policy_make(arena, &standing, &policy);
        assert_int_equal(rc, what == 0 ? 0 : MANSIO_E_UNAVAILABLE);
    }
}

static void copies_all_that_it_needs(void **state)
{
    (void)state;
    char text[] = "192.0.2.0/24";
    char service[] = "pop3";
    char mechanism[] = "PLAIN";
    struct mansio_time_span hours[] = {{0, 5000}};
    struct mansio_str networks[] = {mansio_str_from_cstr(text)};
    struct mansio_str mechanisms[] = {mansio_str_from_cstr(mechanism)};
    struct words words = {.default_verb = MANSIO_POLICY_DENY};
    struct mansio_policy_word *word =
        words_add(&words, MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW, service);
    word->networks = networks;
    word->network_count = 1;
    word->mechanisms = mechanisms;
    word->mechanism_count = 1;
    word->hours = hours;
    word->hour_count = 1;
    word->has_hours = 1;
    struct mansio_standing standing = words_standing(&words);
    struct core_policy_facts facts = testing_policy_facts();
    struct core_policy_verdict verdict;
    const struct core_policy *policy = NULL;
    assert_int_equal(core_policy_make(arena, &standing, &policy), 0);
    memset(text, 'x', sizeof text);
    memset(service, 'x', sizeof service);
    memset(mechanism, 'x', sizeof mechanism);
    memset(hours, 0, sizeof hours);
    memset(networks, 0, sizeof networks);
    memset(mechanisms, 0, sizeof mechanisms);
    memset(&words, 0, sizeof words);
    core_policy_judge(policy, &facts, &verdict);
    assert_true(verdict.is_allowed);
    assert_int_equal(verdict.scope, MANSIO_POLICY_TENANT);
    assert_true(verdict.until_us == 5000);
}

static void an_arena_that_is_full_is_a_limit(void **state)
{
    (void)state;
    struct words words = {.default_verb = MANSIO_POLICY_ALLOW};
    say(&words, MANSIO_POLICY_PLATFORM, 1);
    struct mansio_standing standing = words_standing(&words);
    int had_success = 0;
    for (size_t cap = 1; cap < 4096 && !had_success; cap++) {
        struct mansio_arena *small = mansio_arena_new(NULL, "small", cap);
        const struct core_policy *policy = NULL;
        int rc = core_policy_make(small, &standing, &policy);
        assert_true(rc == 0 || rc == MANSIO_E_LIMIT);
        had_success = rc == 0;
        mansio_arena_free(small);
    }
    assert_true(had_success);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_table),
        cmocka_unit_test(one_scope_alone),
        cmocka_unit_test(tells_what_each_scope_said),
        cmocka_unit_test(networks_hold_where_the_peer_is_in_one),
        cmocka_unit_test(no_network_left_holds_nobody),
        cmocka_unit_test(tls_mechanisms_and_credentials),
        cmocka_unit_test(hours_hold_from_their_first_moment_to_before_their_last),
        cmocka_unit_test(counts_as_met_what_there_is_a_way_to_meet),
        cmocka_unit_test(refuses_what_it_cannot_read),
        cmocka_unit_test(copies_all_that_it_needs),
        cmocka_unit_test(an_arena_that_is_full_is_a_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
