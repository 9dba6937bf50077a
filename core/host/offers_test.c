/*
 * Offers: which ways in a configuration makes, and what words of policy leave of them, for
 * somebody and for a domain.
 */
#include "core/host/gate_testing.h"

#include "core/host/offers.h"
#include "core/host/standing_domain.h"

/* ---- domains, as the directory tells them ---- */

static struct {
    int asked;
    int result;
    void (*during)(void);
} domains;

static int fake_domain(struct mansio_instance *instance, struct mansio_str domain,
                       struct mansio_arena *arena, int64_t deadline_us, struct mansio_standing *out)
{
    (void)instance;
    (void)deadline_us;
    const struct mansio_account_key nobody = {7, 1};
    const struct mansio_standing *told = tell(arena, &nobody);
    void (*during)(void) = domains.during;
    domains.asked++;
    domains.during = NULL;
    int rc = mansio_fiber_yield();
    if (during != NULL) {
        during();
    }
    out->words = told->words;
    out->word_count = told->word_count;
    out->default_verb = told->default_verb;
    out->hours_known_us = told->hours_known_us;
    out->is_ours = mansio_str_eq(domain, MANSIO_STR("alpha.test")) ||
                   mansio_str_eq(domain, MANSIO_STR("alias.test"));
    out->domain = out->is_ours ? MANSIO_STR("alpha.test") : MANSIO_STR_NONE;
    return rc < 0 ? rc : domains.result;
}

/* ---- listeners ---- */

static const struct mansio_str plain_alone[] = {MANSIO_STR("PLAIN")};

static struct core_config_listener listeners[] = {
    {.name = MANSIO_STR("pop"), .tls = CORE_TLS_STARTTLS, .is_advertised = 1},
    {.name = MANSIO_STR("pops"), .tls = CORE_TLS_IMPLICIT, .is_advertised = 1},
    {.name = MANSIO_STR("clear"), .tls = CORE_TLS_OFF, .is_advertised = 1},
    {.name = MANSIO_STR("local"), .tls = CORE_TLS_OFF, .is_plaintext_login = 1, .is_advertised = 1},
    {.name = MANSIO_STR("unix"), .tls = CORE_TLS_OFF, .is_advertised = 1},
    {.name = MANSIO_STR("hidden"), .tls = CORE_TLS_IMPLICIT},
    {.name = MANSIO_STR("proxied"),
     .service = MANSIO_STR("pop3-old"),
     .tls = CORE_TLS_STARTTLS,
     .mechanisms = plain_alone,
     .mechanism_count = 1,
     .is_advertised = 1,
     .advertise_host = MANSIO_STR("pop.alpha.test"),
     .advertise_port = 110},
    {.name = MANSIO_STR("pops6"), .tls = CORE_TLS_IMPLICIT, .is_advertised = 1}, /* as pops */
};

static const char *const addresses[] = {"127.0.0.1:1110", "127.0.0.1:1995", "127.0.0.1:1",
                                        "127.0.0.1:2",    "unix:/x",        "127.0.0.1:3",
                                        "127.0.0.1:4",    "[::1]:1995"};

static int offers_setup(void **state)
{
    memset(&domains, 0, sizeof domains);
    fake_directory.domain_standing = fake_domain;
    int rc = gate_setup(state);
    struct mansio_instance *instance = set_offer(&node, "pop3", MANSIO_PROTOCOL, &node_protocol);
    instance->phase = CORE_PHASE_RUNNING;
    for (size_t i = 0; i < MANSIO_COUNT(listeners); i++) {
        listeners[i].instance = MANSIO_STR("pop3");
        CHECK(core_address_parse(mansio_str_from_cstr(addresses[i]), &listeners[i].address) == 0);
    }
    node.config.listeners = listeners;
    node.config.listener_count = MANSIO_COUNT(listeners);
    CHECK(core_login_configure(&node.config) == 0);
    CHECK(core_offers_configure(&node.config, &node.modules) == 0);
    return testing_failures == 0 ? rc : -1;
}

static int offers_teardown(void **state)
{
    core_offers_fini();
    fake_directory.domain_standing = NULL;
    return gate_teardown(state);
}

/* ---- asking ---- */

static const char *asked_domain;
static int logs_in;
static char answer[1024];

static void print(const struct mansio_offers *offers)
{
    size_t at = 0;
    CHECK(offers->size == sizeof *offers);
    at += (size_t)snprintf(answer, sizeof answer, "%.*s|%.*s", MANSIO_STR_ARG(offers->domain),
                           MANSIO_STR_ARG(offers->address));
    for (size_t i = 0; i < offers->offer_count; i++) {
        const struct mansio_offer *o = offers->offers[i];
        at += (size_t)snprintf(answer + at, sizeof answer - at, "\n%.*s %.*s %.*s:%u %u %.*s",
                               MANSIO_STR_ARG(o->protocol), MANSIO_STR_ARG(o->service),
                               MANSIO_STR_ARG(o->host), o->port, o->tls,
                               MANSIO_STR_ARG(o->mechanisms));
    }
}

static int ask(struct mansio_session *session)
{
    struct mansio_offers offers = {.size = sizeof offers};
    answer[0] = '\0';
    if (logs_in) {
        given_name = "user@alpha.test";
        given_password = "pencil";
        CHECK(log_in(session) == 0);
    }
    int rc = mansio_session_offers(session, mansio_session_arena(session),
                                   mansio_str_from_cstr(asked_domain), MANSIO_NEVER, &offers);
    if (rc == 0) {
        print(&offers);
    }
    return rc;
}

static int answer_to(const char *domain)
{
    asked_domain = domain;
    return run_session(ask);
}

#define POPS "\npop3 pop3 :1995 3 PLAIN LOGIN PASSWORD"
#define POP  "\npop3 pop3 :1110 2 PLAIN LOGIN PASSWORD"
#define OLD  "\npop3 pop3-old pop.alpha.test:110 2 PLAIN PASSWORD"
#define OPEN "\npop3 pop3 :2 1 PLAIN LOGIN PASSWORD"

static void offers_the_ways_that_there_are(void **state)
{
    (void)state;
    for (logs_in = 0; logs_in <= 1; logs_in++) {
        assert_int_equal(answer_to("alpha.test"), 0);
        assert_string_equal(answer + strcspn(answer, "\n"), POPS POP OLD OPEN);
        assert_int_equal(strncmp(answer, logs_in ? "alpha.test|user@alpha.test" : "alpha.test|\n",
                                 strlen("alpha.test|")),
                         0);
    }
    logs_in = 0;
}

static void offers_scram_where_all_have_keys(void **state)
{
    (void)state;
    people.is_scram_ready = 1;
    core_login_domain_forget();
    assert_int_equal(answer_to("alpha.test"), 0);
    assert_non_null(strstr(answer, "\npop3 pop3 :1995 3 SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"));
    assert_non_null(
        strstr(answer, "\npop3 pop3 :1 1 SCRAM-SHA-256\n")); /* no password goes there */
    assert_non_null(strstr(answer, OLD));
}

/* A way in that is left out for want of an answer would be left out of a mail program's settings.
 */
static void scram_is_not_forgotten_while_the_directory_is_away(void **state)
{
    (void)state;
    people.is_scram_ready = 1;
    core_login_domain_forget();
    assert_int_equal(answer_to("alpha.test"), 0);
    people.result = MANSIO_E_UNAVAILABLE;
    for (int i = 0; i < 3; i++) {
        later_us += 6 * MANSIO_SECOND;
        assert_int_equal(answer_to("alpha.test"), 0);
        assert_non_null(strstr(answer, "\npop3 pop3 :1 1 SCRAM-SHA-256\n"));
    }
    core_login_domain_forget();
    assert_int_equal(answer_to("alpha.test"), MANSIO_E_UNAVAILABLE);
    people.result = 0;
    later_us += 2 * MANSIO_SECOND;
    assert_int_equal(answer_to("alpha.test"), 0);
    assert_non_null(strstr(answer, "\npop3 pop3 :1 1 SCRAM-SHA-256\n"));
}

static void knows_our_domains_alone(void **state)
{
    (void)state;
    assert_int_equal(answer_to("ALIAS.test."), 0);
    assert_int_equal(strncmp(answer, "alpha.test|\n", 12), 0);
    assert_int_equal(answer_to("elsewhere.test"), MANSIO_E_NOT_FOUND);
    assert_int_equal(answer_to("no domain"), MANSIO_E_NOT_FOUND);
    assert_int_equal(answer_to(""), MANSIO_E_NOT_FOUND);
    assert_int_equal(
        answer_to("a-label-of-more-than-the-sixty-three-octets-that-one-may-have-in-dns.x"),
        MANSIO_E_NOT_FOUND);
}

static void offers_what_words_leave(void **state)
{
    (void)state;
    static const struct mansio_str elsewhere[] = {MANSIO_STR("198.51.100.0/24")};
    for (logs_in = 0; logs_in <= 1; logs_in++) {
        for (int i = 0; i < 6; i++) {
            world.count = 0;
            struct mansio_policy_word *word = add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW);
            word->tls = i == 1 ? MANSIO_POLICY_TLS_REQUIRED : MANSIO_POLICY_TLS_ANY;
            word->mechanisms = plain_alone;
            word->mechanism_count = i == 2;
            word->credential_kinds = i == 3   ? 1U << MANSIO_CREDENTIAL_CERTIFICATE
                                     : i == 4 ? 1U << MANSIO_CREDENTIAL_APP
                                              : 0;
            word->networks = elsewhere;
            word->network_count = i == 5;
            /* The answer is about POP3; whoever asks does so by something else. */
            channel.is_tls = 1;
            core_standings_forget();
            core_domain_standings_forget();
            static const char *const wanted[] = {
                POPS POP OLD OPEN,
                POPS POP OLD,
                "\npop3 pop3 :1995 3 PLAIN\npop3 pop3 :1110 2 PLAIN" OLD "\npop3 pop3 :2 1 PLAIN",
                OLD,
                POPS POP OLD OPEN,
                OLD,
            };
            int is_own = i == 3 || i == 5; /* our own service is POP3 here: what forbids it ... */
            if (logs_in && (i >= 2)) {
                continue; /* ... or how we come in forbids the login itself */
            }
            int rc = answer_to("alpha.test");
            /* Nameless: there is a way for a certificate, but none to POP3 from elsewhere. */
            if (is_own && i == 5) {
                assert_int_equal(rc, MANSIO_E_DENIED);
                continue;
            }
            assert_int_equal(rc, 0);
            if (strcmp(answer + strcspn(answer, "\n"), wanted[i]) != 0) {
                fail_msg("%d, condition %d: %s", logs_in, i, answer);
            }
        }
    }
    logs_in = 0;
}

static void offers_nothing_of_a_service_that_is_denied(void **state)
{
    (void)state;
    add_word(MANSIO_POLICY_DOMAIN, MANSIO_POLICY_DENY)->service = MANSIO_STR("pop3-old");
    assert_int_equal(answer_to("alpha.test"), 0);
    assert_string_equal(answer, "alpha.test|" POPS POP OPEN);
    add_word(MANSIO_POLICY_PLAN, MANSIO_POLICY_DENY);
    core_domain_standings_forget();
    assert_int_equal(answer_to("alpha.test"), MANSIO_E_DENIED); /* pop3, our own */
}

/* ---- what is kept ---- */

static int change_and_ask(struct mansio_session *session)
{
    CHECK(core_gate_look() == 0);
    CHECK(ask(session) == 0);
    CHECK(ask(session) == 0);
    CHECK(domains.asked == 1);
    commit(7, 3, NULL); /* one account: no domain's */
    CHECK(core_gate_look() == 0);
    CHECK(ask(session) == 0);
    CHECK(domains.asked == 1);
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY)->service = MANSIO_STR("pop3-old");
    commit(7, 0, NULL);
    CHECK(core_gate_look() == 0);
    CHECK(ask(session) == 0);
    CHECK(domains.asked == 2);
    CHECK(strstr(answer, "pop3-old") == NULL);
    return 0;
}

static void keeps_what_was_told_until_it_changes(void **state)
{
    (void)state;
    asked_domain = "alpha.test";
    assert_int_equal(run_session(change_and_ask), 0);
}

static void deny_while_it_is_asked(void)
{
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY)->service = MANSIO_STR("pop3-old");
    commit(7, 0, NULL);
    CHECK(core_gate_look() == 0);
}

static int ask_while_it_changes(struct mansio_session *session)
{
    CHECK(core_gate_look() == 0);
    domains.during = deny_while_it_is_asked;
    return ask(session);
}

static void an_answer_that_meets_a_change_is_asked_for_again(void **state)
{
    (void)state;
    asked_domain = "alpha.test";
    assert_int_equal(run_session(ask_while_it_changes), 0);
    assert_int_equal(domains.asked, 2);
    assert_null(strstr(answer, "pop3-old"));
}

static void nobody_can_tell_while_the_directory_is_away(void **state)
{
    (void)state;
    domains.result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(answer_to("alpha.test"), MANSIO_E_UNAVAILABLE);
    domains.result = 0;
    assert_int_equal(answer_to("alpha.test"), 0);
    domains.result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(answer_to("alpha.test"), 0); /* it is at hand, and holds */
    later_us += node.config.policy.hold_us + MANSIO_SECOND;
    assert_int_equal(answer_to("alpha.test"), MANSIO_E_UNAVAILABLE);
    node.config.policy.is_open = 1;
    core_gate_configure(&node.config);
    assert_int_equal(answer_to("alpha.test"), 0);
}

static void without_standings_offers_all_that_there_is(void **state)
{
    (void)state;
    fake_directory.standings = NULL;
    core_accounts_fini();
    assert_int_equal(core_accounts_init(node.arena, &node.modules, &node.config), 0);
    assert_int_equal(answer_to("alpha.test"), 0);
    assert_string_equal(answer, "alpha.test|" POPS POP OLD OPEN);
    assert_int_equal(answer_to("elsewhere.test"), MANSIO_E_NOT_FOUND);
}

#undef TEST
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, offers_setup, offers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(offers_the_ways_that_there_are),
        TEST(offers_scram_where_all_have_keys),
        TEST(scram_is_not_forgotten_while_the_directory_is_away),
        TEST(knows_our_domains_alone),
        TEST(offers_what_words_leave),
        TEST(offers_nothing_of_a_service_that_is_denied),
        TEST(keeps_what_was_told_until_it_changes),
        TEST(an_answer_that_meets_a_change_is_asked_for_again),
        TEST(nobody_can_tell_while_the_directory_is_away),
        TEST(without_standings_offers_all_that_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
