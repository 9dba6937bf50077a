/*
 * EXTERNAL: where it is offered, whom a certificate lets in, and as whom.
 */
#include "core/host/login_testing.h"

#include "core/base/testing.h"

#include "core/host/sasl.h"
#include "core/net/tls.h"

#define ADDRESS(literal)                                                                           \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
enum { ADDRESSES_MAX = 3 };

static char said[256]; /* what the session offered, or whose it became */

/* ---- what is offered ---- */

static int ask_mechanisms(struct mansio_session *session)
{
    struct mansio_str names;
    int rc = mansio_session_mechanisms(session, mansio_session_arena(session), &names);
    snprintf(said, sizeof said, "%.*s", MANSIO_STR_ARG(names));
    return rc;
}

static const struct mansio_str one_address[] = {ADDRESS("user@alpha.test")};
static const struct mansio_str external_alone[] = {ADDRESS("external")};
static const struct mansio_str plain_alone[] = {ADDRESS("PLAIN")};
static const struct {
    int is_tls;
    size_t count;
    int result;
    const struct mansio_str *mechanisms;
    const char *wanted;
} offers[] = {
    {1, 1, 0, NULL, "EXTERNAL PLAIN LOGIN"},
    {1, 0, 0, NULL, "PLAIN LOGIN"},
    {1, 1, MANSIO_E_LIMIT, NULL, "PLAIN LOGIN"},
    {0, 1, 0, NULL, ""},
    {1, 1, 0, external_alone, "EXTERNAL"},
    {1, 0, 0, external_alone, ""},
    {1, 1, 0, plain_alone, "PLAIN"},
};

static void test_offers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(offers); i++) {
        channel.is_tls = offers[i].is_tls;
        channel.addresses = one_address;
        channel.address_count = offers[i].count;
        channel.address_result = offers[i].result;
        node_listener.mechanisms = offers[i].mechanisms;
        node_listener.mechanism_count = offers[i].mechanisms != NULL;
        assert_int_equal(core_login_configure(&node.config), 0);
        assert_int_equal(run_session(ask_mechanisms), 0);
        assert_string_equal(said, offers[i].wanted);
    }
}

/* ---- who gets in ---- */

static const struct attempt {
    struct mansio_str addresses[ADDRESSES_MAX];
    struct mansio_str authzid;
    int wanted;
    const char *who;  /* whose the session becomes */
    const char *said; /* in the log */
} attempts[] = {
    {{ADDRESS("user@alpha.test")},
     ADDRESS(""),
     MANSIO_SASL_DONE,
     "user@alpha.test",
     "mechanism=EXTERNAL"},
    {{ADDRESS("USER@Alpha.TEST")}, ADDRESS(""), MANSIO_SASL_DONE, "user@alpha.test", "login-ok"},
    {{ADDRESS("user@alpha.test")},
     ADDRESS("user@alpha.test"),
     MANSIO_SASL_DONE,
     "user@alpha.test",
     "login-ok"},
    {{ADDRESS("user@alpha.test")},
     ADDRESS("User@ALPHA.test"),
     MANSIO_SASL_DONE,
     "user@alpha.test",
     "login-ok"},
    {{ADDRESS("user@alpha.test")},
     ADDRESS("user"),
     MANSIO_SASL_DONE,
     "user@alpha.test",
     "login-ok"}, /* a bare name is of the domain that TLS named */
    /* whose credentials no auth module knows has a certificate all the same */
    {{ADDRESS("odd@alpha.test")}, ADDRESS(""), MANSIO_SASL_DONE, "odd@alpha.test", "login-ok"},
    {{ADDRESS("user@alpha.test")},
     ADDRESS("apps@alpha.test"),
     MANSIO_E_DENIED,
     "",
     "reason=authzid"},
    {{ADDRESS("user@alpha.test")},
     ADDRESS("user@beta.test"),
     MANSIO_E_DENIED,
     "",
     "reason=authzid"},
    {{ADDRESS("user@alpha.test")}, ADDRESS("a..b@"), MANSIO_E_DENIED, "", "reason=authzid"},
    {{ADDRESS("user@alpha.test")}, ADDRESS("user@alpha.test\0x"), MANSIO_E_INVALID, "", ""},
    {{ADDRESS("user@alpha.test")}, ADDRESS("\0"), MANSIO_E_INVALID, "", ""},
    {{ADDRESS("nobody@alpha.test")}, ADDRESS(""), MANSIO_E_DENIED, "", "reason=unknown"},
    {{ADDRESS("user@beta.test")}, ADDRESS(""), MANSIO_E_DENIED, "", "reason=unknown"},
    {{ADDRESS("held@alpha.test")}, ADDRESS(""), MANSIO_E_DENIED, "", "reason=state"},
    {{ADDRESS("shut@alpha.test")}, ADDRESS(""), MANSIO_E_DENIED, "", "reason=state"},
    {{ADDRESS("user@alpha..test")}, ADDRESS(""), MANSIO_E_DENIED, "", "reason=malformed"},
    /* several addresses: the first, or which one is asked for */
    {{ADDRESS("user@alpha.test"), ADDRESS("apps@alpha.test")},
     ADDRESS(""),
     MANSIO_SASL_DONE,
     "user@alpha.test",
     "login-ok"},
    {{ADDRESS("user@alpha.test"), ADDRESS("apps@alpha.test")},
     ADDRESS("APPS@alpha.test"),
     MANSIO_SASL_DONE,
     "apps@alpha.test",
     "login-ok"},
    {{ADDRESS("user@alpha.test"), ADDRESS("apps@alpha.test")},
     ADDRESS("apps"),
     MANSIO_SASL_DONE,
     "apps@alpha.test",
     "login-ok"},
    {{ADDRESS("user@alpha.test"), ADDRESS("apps@alpha.test")},
     ADDRESS("other@alpha.test"),
     MANSIO_E_DENIED,
     "",
     "reason=authzid"},
    {{ADDRESS("nobody@alpha.test"), ADDRESS("apps@alpha.test")},
     ADDRESS(""),
     MANSIO_E_DENIED,
     "",
     "reason=unknown"},
    {{ADDRESS("user@alpha..test"), ADDRESS("apps@alpha.test")},
     ADDRESS("apps@alpha.test"),
     MANSIO_SASL_DONE,
     "apps@alpha.test",
     "login-ok"},
};

static const struct attempt *now;

static int attempt_it(struct mansio_session *session)
{
    struct mansio_sasl *sasl = NULL;
    struct mansio_str challenge = MANSIO_STR_NONE;
    struct mansio_arena *arena = mansio_session_arena(session);
    int rc = mansio_sasl_begin(session, MANSIO_STR("external"), arena, &sasl);
    if (rc < 0) {
        return rc;
    }
    CHECK(mansio_sasl_client_begins(sasl));
    rc = mansio_sasl_step(sasl, now->authzid, MANSIO_NEVER, &challenge);
    CHECK(challenge.len == 0);
    const struct mansio_account *account = mansio_session_account(session);
    CHECK((account != NULL) == (rc == MANSIO_SASL_DONE));
    struct mansio_str who =
        account != NULL ? mansio_account_facts(account)->address : MANSIO_STR_NONE;
    snprintf(said, sizeof said, "%.*s", MANSIO_STR_ARG(who));
    return rc;
}

static void take(const struct attempt *attempt)
{
    now = attempt;
    channel.addresses = attempt->addresses;
    channel.address_count = 0;
    while (channel.address_count < ADDRESSES_MAX &&
           attempt->addresses[channel.address_count].len > 0) {
        channel.address_count++;
    }
}

static void test_attempts(void **state)
{
    (void)state;
    channel.server_name = "alpha.test";
    for (size_t i = 0; i < MANSIO_COUNT(attempts); i++) {
        take(&attempts[i]);
        core_limits_forget();
        int rc = run_session(attempt_it);
        const char *log = node_log_text();
        if (rc != attempts[i].wanted || strcmp(said, attempts[i].who) != 0 ||
            strstr(log, attempts[i].said) == NULL) {
            print_error("row %zu: %d, %s, %s\n", i, rc, said, log);
            fail();
        }
    }
    assert_int_equal(judges.one + judges.two, 0); /* no password was looked at */
    assert_int_equal(testing_failures, 0);
}

/* Failures count, and whoever has too many waits with a right certificate too. */
static void test_is_throttled(void **state)
{
    (void)state;
    node.config.login.failures_per_address = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    take(&attempts[11]);
    assert_int_equal(run_session(attempt_it), MANSIO_E_DENIED);
    assert_int_equal(run_session(attempt_it), MANSIO_E_DENIED);
    take(&attempts[0]);
    assert_int_equal(run_session(attempt_it), MANSIO_E_LIMIT);
}

/* Its end comes between the offer and the step. */
static int outlive(struct mansio_session *session)
{
    struct mansio_sasl *sasl = NULL;
    struct mansio_str challenge;
    int rc =
        mansio_sasl_begin(session, MANSIO_STR("EXTERNAL"), mansio_session_arena(session), &sasl);
    channel.address_count = 0;
    return rc < 0 ? rc : mansio_sasl_step(sasl, MANSIO_STR(""), MANSIO_NEVER, &challenge);
}

static void test_certificate_ends(void **state)
{
    (void)state;
    take(&attempts[0]);
    assert_int_equal(run_session(outlive), MANSIO_E_UNSUPPORTED);
    assert_int_equal(run_session(attempt_it), MANSIO_E_UNSUPPORTED); /* not even offered */
}

/* The listener says where in a certificate to look. */
static void test_where_to_look(void **state)
{
    (void)state;
    take(&attempts[0]);
    for (uint32_t from = CORE_TLS_PEER_SAN; from <= CORE_TLS_PEER_EITHER; from++) {
        node_listener.client_account = from;
        assert_int_equal(core_login_configure(&node.config), 0);
        assert_int_equal(run_session(attempt_it), MANSIO_SASL_DONE);
        assert_int_equal(channel.asked_from, from);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_offers),           TEST(test_attempts),      TEST(test_is_throttled),
        TEST(test_certificate_ends), TEST(test_where_to_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
