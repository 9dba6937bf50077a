/*
 * SASL: what is offered where, and exchanges of each mechanism to each end.
 */
#include "core/host/login_testing.h"

#include "core/base/testing.h"

#include "core/host/sasl.h"
#include "core/host/scram_testing.h"

#define BYTES_OF(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" /* RFC 7677 3 */

/* ---- what is offered ---- */

static char offered[256];

static int ask_mechanisms(struct mansio_session *session)
{
    struct mansio_str names;
    int rc = mansio_session_mechanisms(session, mansio_session_arena(session), &names);
    snprintf(offered, sizeof offered, "%.*s", MANSIO_STR_ARG(names));
    return rc;
}

static const struct mansio_str some[] = {{"plain", 5}, {"SCRAM-SHA-256", 13}};
static const struct {
    int is_tls, is_plaintext;
    const char *binding;
    uint32_t is_scram_ready;
    const char *server_name;
    size_t some;
    const char *wanted;
} offers[] = {
    {1, 0, NULL, 0, "alpha.test", 0, "PLAIN LOGIN"},
    {1, 0, NULL, 1, "alpha.test", 0, "SCRAM-SHA-256 PLAIN LOGIN"},
    {1, 0, "data", 1, "mail.alpha.test", 0, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"},
    {1, 0, "data", 0, "alpha.test", 0, "PLAIN LOGIN"},
    {1, 0, "data", 1, "beta.test", 0, "PLAIN LOGIN"},
    {1, 0, "data", 1, NULL, 0, "PLAIN LOGIN"},
    {0, 0, NULL, 1, "alpha.test", 0, "SCRAM-SHA-256"},
    {0, 0, NULL, 0, "alpha.test", 0, ""},
    {0, 1, NULL, 0, "alpha.test", 0, "PLAIN LOGIN"},
    {1, 0, "data", 1, "alpha.test", 2, "SCRAM-SHA-256 PLAIN"},
    {0, 0, NULL, 1, "alpha.test", 2, "SCRAM-SHA-256"},
};

static void test_offers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(offers); i++) {
        channel.is_tls = offers[i].is_tls;
        channel.exporter = offers[i].binding;
        channel.server_name = offers[i].server_name;
        people.is_scram_ready = offers[i].is_scram_ready;
        node_listener.is_plaintext_login = (uint32_t)offers[i].is_plaintext;
        node_listener.mechanisms = some;
        node_listener.mechanism_count = offers[i].some;
        assert_int_equal(core_login_configure(&node.config), 0); /* forgets what was kept */
        assert_int_equal(run_session(ask_mechanisms), 0);
        if (strcmp(offered, offers[i].wanted) != 0) {
            print_error("row %zu: %s\n", i, offered);
            fail();
        }
    }
}

/* A directory that is away takes away what depends on it, and isn't asked again at once. */
static void test_offers_without_directory(void **state)
{
    (void)state;
    channel.server_name = "alpha.test";
    people.is_scram_ready = 1;
    people.result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(run_session(ask_mechanisms), 0);
    assert_string_equal(offered, "PLAIN LOGIN");
    assert_int_equal(people.defaults, 1);
    assert_int_equal(run_session(ask_mechanisms), 0);
    assert_int_equal(people.defaults, 1);
    core_login_domain_forget();
    people.result = 0;
    assert_int_equal(run_session(ask_mechanisms), 0);
    assert_string_equal(offered, "SCRAM-SHA-256 PLAIN LOGIN");
    assert_int_equal(people.defaults, 2);
    assert_int_equal(run_session(ask_mechanisms), 0);
    assert_int_equal(people.defaults, 2);
}

/* ---- PLAIN and LOGIN ---- */

static int talk(struct mansio_session *session, const char *mechanism,
                const struct mansio_str *responses, size_t count, struct mansio_str *challenges)
{
    struct mansio_sasl *sasl = NULL;
    struct mansio_arena *arena = mansio_session_arena(session);
    int rc = mansio_sasl_begin(session, mansio_str_from_cstr(mechanism), arena, &sasl);
    for (size_t i = 0; rc >= 0 && rc != MANSIO_SASL_DONE && i < count; i++) {
        rc = mansio_sasl_step(sasl, responses[i], MANSIO_NEVER, &challenges[i]);
    }
    struct mansio_str more;
    if (sasl != NULL && rc != MANSIO_SASL_CONTINUE) {
        CHECK(mansio_sasl_step(sasl, MANSIO_STR("x"), MANSIO_NEVER, &more) == MANSIO_E_BUG);
    }
    CHECK((rc == MANSIO_SASL_DONE) == (mansio_session_account(session) != NULL));
    return rc;
}

static const struct {
    struct mansio_str message;
    int wanted;
} plain_cases[] = {
    {BYTES_OF("\0user@alpha.test\0pencil"), MANSIO_SASL_DONE},
    {BYTES_OF("USER@alpha.test\0user@alpha.test\0pencil"), MANSIO_SASL_DONE},
    {BYTES_OF("apps@alpha.test\0user@alpha.test\0pencil"), MANSIO_E_DENIED}, /* as another */
    {BYTES_OF("a..b@\0user@alpha.test\0pencil"), MANSIO_E_DENIED},
    {BYTES_OF("\0user@alpha.test\0wrong"), MANSIO_E_DENIED},
    {BYTES_OF("\0nobody@alpha.test\0pencil"), MANSIO_E_DENIED},
    {BYTES_OF("user@alpha.test"), MANSIO_E_INVALID},
    {BYTES_OF(""), MANSIO_E_INVALID},
};

static size_t plain_case;

static int talk_plain(struct mansio_session *session)
{
    struct mansio_str challenge = MANSIO_STR("unset");
    int rc = talk(session, "Plain", &plain_cases[plain_case].message, 1, &challenge);
    CHECK(rc < 0 || challenge.len == 0);
    return rc;
}

static void test_plain(void **state)
{
    (void)state;
    for (plain_case = 0; plain_case < MANSIO_COUNT(plain_cases); plain_case++) {
        judges.one = 0;
        int rc = run_session(talk_plain);
        int wanted = plain_cases[plain_case].wanted;
        if (rc != wanted || judges.one != (wanted != MANSIO_E_INVALID)) {
            print_error("row %zu: %d, asked %d\n", plain_case, rc, judges.one);
            fail();
        }
    }
    assert_non_null(strstr(node_log_text(), "mechanism=PLAIN"));
}

static int talk_login(struct mansio_session *session)
{
    const struct mansio_str asked_first[] = {MANSIO_STR_NONE, MANSIO_STR("user@alpha.test"),
                                             MANSIO_STR("pencil")};
    struct mansio_str challenges[3];
    CHECK(talk(session, "LOGIN", asked_first, 3, challenges) == MANSIO_SASL_DONE);
    CHECK(mansio_str_eq(challenges[0], MANSIO_STR("Username:")));
    CHECK(mansio_str_eq(challenges[1], MANSIO_STR("Password:")));
    core_session_leave(session);
    /* With an initial response, as many clients give one. */
    CHECK(talk(session, "LOGIN", asked_first + 1, 2, challenges) == MANSIO_SASL_DONE);
    CHECK(mansio_str_eq(challenges[0], MANSIO_STR("Password:")));
    core_session_leave(session);
    const struct mansio_str wrong[] = {MANSIO_STR("user@alpha.test"), MANSIO_STR("pen")};
    CHECK(talk(session, "login", wrong, 2, challenges) == MANSIO_E_DENIED);
    /* An empty name is one that nobody has. */
    const struct mansio_str empty[] = {MANSIO_STR_NONE, MANSIO_STR(""), MANSIO_STR("")};
    CHECK(talk(session, "login", empty, 3, challenges) == MANSIO_E_DENIED);
    struct mansio_sasl *sasl = NULL;
    CHECK(mansio_sasl_begin(session, MANSIO_STR("LOGIN"), mansio_session_arena(session), &sasl) ==
          0);
    CHECK(mansio_sasl_client_begins(sasl) == 0);
    CHECK(mansio_sasl_begin(session, MANSIO_STR("PLAIN"), mansio_session_arena(session), &sasl) ==
          0);
    CHECK(mansio_sasl_client_begins(sasl) == 1);
    return 0;
}

static void test_login(void **state)
{
    (void)state;
    assert_int_equal(run_session(talk_login), 0);
}

static int begin_all(struct mansio_session *session)
{
    struct mansio_arena *arena = mansio_session_arena(session);
    struct mansio_sasl *sasl = NULL;
    CHECK(mansio_sasl_begin(session, MANSIO_STR("GSSAPI"), arena, &sasl) == MANSIO_E_UNSUPPORTED);
    CHECK(mansio_sasl_begin(session, MANSIO_STR("SCRAM-SHA-256"), arena, &sasl) ==
          MANSIO_E_UNSUPPORTED); /* the tenant isn't ready */
    channel.is_tls = 0;
    CHECK(mansio_sasl_begin(session, MANSIO_STR("PLAIN"), arena, &sasl) == MANSIO_E_UNSUPPORTED);
    channel.is_tls = 1;
    CHECK(mansio_sasl_begin(session, MANSIO_STR("PLAIN"), arena, &sasl) == 0);
    struct mansio_str challenge;
    char *big = mansio_arena_alloc(arena, MANSIO_SASL_MESSAGE_MAX + 1);
    CHECK(mansio_sasl_step(sasl, (struct mansio_str){big, MANSIO_SASL_MESSAGE_MAX + 1},
                           MANSIO_NEVER, &challenge) == MANSIO_E_INVALID);
    CHECK(mansio_session_login(session, MANSIO_STR("user@alpha.test"), MANSIO_STR("pencil"),
                               MANSIO_NEVER) == 0);
    CHECK(mansio_sasl_begin(session, MANSIO_STR("PLAIN"), arena, &sasl) == MANSIO_E_BUG);
    return 0;
}

static void test_beginnings(void **state)
{
    (void)state;
    assert_int_equal(run_session(begin_all), 0);
}

/* ---- SCRAM ---- */

static const struct mansio_str salt = {"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36"
                                       "\xfa\x81",
                                       16}; /* RFC 7677 3 */

static int keys_of(const struct mansio_login *login, struct mansio_arena *arena,
                   const struct mansio_scram_keys *const **out, size_t *out_count)
{
    const struct mansio_scram_keys **list = mansio_arena_alloc(arena, 2 * sizeof(void *));
    *out = list;
    *out_count = 1;
    if (login->account == NULL) { /* nobody's: even whoever guesses them gets nothing */
        list[0] = testing_keys(arena, 0, "pencil", salt, 4096);
        return 0;
    }
    for (size_t i = 0; i < login->credential_count; i++) {
        char password[64];
        struct mansio_str stored = login->credentials[i]->stored;
        snprintf(password, sizeof password, "%.*s", (int)stored.len - 5, stored.ptr + 5);
        list[i] = testing_keys(arena, login->credentials[i]->id, password, salt, 4096);
        *out_count = i + 1;
    }
    return 0;
}

/* One exchange, as a client has it. */
static struct {
    const char *mechanism, *header, *name, *password;
    const char *bound; /* what the client says that it bound; NULL: the header */
    const char *nonce; /* in its final message; NULL: the right one */
    int is_first;      /* it fails at the first message already */
} dialogue;

static int talk_scram(struct mansio_session *session)
{
    struct mansio_arena *arena = mansio_session_arena(session);
    struct mansio_sasl *sasl = NULL;
    struct mansio_str bare, first, challenge, final;
    int rc = mansio_sasl_begin(session, mansio_str_from_cstr(dialogue.mechanism), arena, &sasl);
    if (rc < 0) {
        return rc;
    }
    CHECK(mansio_sasl_client_begins(sasl) == 1);
    CHECK(mansio_arena_printf(arena, &bare, "n=%s,r=rOprNGfwEbeRWgbNEkqO", dialogue.name) == 0);
    CHECK(mansio_arena_printf(arena, &first, "%s%.*s", dialogue.header, MANSIO_STR_ARG(bare)) == 0);
    rc = mansio_sasl_step(sasl, first, MANSIO_NEVER, &challenge);
    CHECK(dialogue.is_first == (rc < 0));
    if (rc < 0) {
        return rc;
    }
    CHECK(rc == MANSIO_SASL_CONTINUE);
    CHECK(mansio_session_account(session) == NULL);
    CHECK(mansio_str_eq(challenge, MANSIO_STR("r=rOprNGfwEbeRWgbNEkqO" NONCE
                                              ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")));
    struct mansio_str said = challenge;
    if (dialogue.nonce != NULL) {
        CHECK(mansio_arena_printf(arena, &said, "r=%s,x", dialogue.nonce) == 0);
    }
    final = testing_final(arena, dialogue.password, bare, said,
                          dialogue.bound != NULL ? dialogue.bound : dialogue.header, salt, 4096);
    if (dialogue.nonce != NULL) { /* signed as we were challenged, but for the nonce */
        ptrdiff_t at = mansio_str_find(final, MANSIO_STR(",p="));
        struct testing_secrets secrets;
        struct mansio_str text, proof;
        unsigned char signature[TESTING_HASH];
        testing_secrets(dialogue.password, salt, 4096, &secrets);
        CHECK(mansio_arena_printf(arena, &text, "%.*s,%.*s,%.*s", MANSIO_STR_ARG(bare),
                                  MANSIO_STR_ARG(challenge), (int)at, final.ptr) == 0);
        testing_hmac(secrets.stored_key, text.ptr, signature);
        for (size_t i = 0; i < TESTING_HASH; i++) {
            signature[i] ^= secrets.client_key[i];
        }
        CHECK(mansio_base64_encode(arena, (struct mansio_str){(char *)signature, TESTING_HASH},
                                   &proof) == 0);
        CHECK(mansio_arena_printf(arena, &final, "%.*s,p=%.*s", (int)at, final.ptr,
                                  MANSIO_STR_ARG(proof)) == 0);
    }
    rc = mansio_sasl_step(sasl, final, MANSIO_NEVER, &challenge);
    if (rc == MANSIO_SASL_DONE) {
        CHECK(mansio_str_starts(challenge, MANSIO_STR("v=")));
        CHECK(mansio_session_account(session) != NULL);
    } else {
        CHECK(mansio_session_account(session) == NULL);
    }
    return rc;
}

#define PLUS  "SCRAM-SHA-256-PLUS"
#define SCRAM "SCRAM-SHA-256"
static const struct {
    const char *mechanism, *header, *name, *password, *bound, *nonce;
    int has_binding, wanted, is_first;
    const char *in_log;
} scrams[] = {
    {SCRAM, "n,,", "user", "pencil", NULL, NULL, 0, MANSIO_SASL_DONE, 0,
     "mechanism=SCRAM-SHA-256 "},
    {SCRAM, "n,,", "user", "pencil", NULL, NULL, 1, MANSIO_SASL_DONE, 0, "login-ok"},
    {SCRAM, "y,,", "user", "pencil", NULL, NULL, 0, MANSIO_SASL_DONE, 0, "login-ok"},
    {SCRAM, "n,a=user@alpha.test,", "USER", "pencil", NULL, NULL, 0, MANSIO_SASL_DONE, 0,
     "login-ok"},
    /* Each of several passwords. */
    {SCRAM, "n,,", "apps", "secret", NULL, NULL, 0, MANSIO_SASL_DONE, 0, "login-ok"},
    {SCRAM, "n,,", "apps", "app", NULL, NULL, 0, MANSIO_SASL_DONE, 0, "login-ok"},
    {SCRAM, "n,,", "apps", "no", NULL, NULL, 0, MANSIO_E_DENIED, 0, "reason=password"},
    {SCRAM, "n,,", "user", "wrong", NULL, NULL, 0, MANSIO_E_DENIED, 0, "reason=password"},
    {SCRAM, "n,,", "nobody", "pencil", NULL, NULL, 0, MANSIO_E_DENIED, 0, "reason=unknown"},
    {SCRAM, "n,,", "held", "secret", NULL, NULL, 0, MANSIO_E_DENIED, 0, "reason=state"},
    {SCRAM, "n,a=apps,", "user", "pencil", NULL, NULL, 0, MANSIO_E_DENIED, 0, "reason=authzid"},
    /* RFC 5802 6: "y" though we offer -PLUS: the offer was taken away on its way. */
    {SCRAM, "y,,", "user", "pencil", NULL, NULL, 1, MANSIO_E_DENIED, 1, "reason=downgrade"},
    {SCRAM, "p=tls-exporter,,", "user", "pencil", NULL, NULL, 1, MANSIO_E_INVALID, 1, ""},
    {SCRAM, "n,,", "user", "pencil", "y,,", NULL, 0, MANSIO_E_DENIED, 0, "channel-binding"},
    {SCRAM, "n,,", "user", "pencil", "n,,data", NULL, 0, MANSIO_E_DENIED, 0, "channel-binding"},
    {SCRAM, "n,,", "user", "pencil", NULL, "rOprNGfwEbeRWgbNEkqOx", 0, MANSIO_E_DENIED, 0,
     "reason=nonce"},
    {PLUS, "p=tls-exporter,,", "user", "pencil", "p=tls-exporter,,data", NULL, 1, MANSIO_SASL_DONE,
     0, "mechanism=SCRAM-SHA-256-PLUS"},
    {PLUS, "p=tls-exporter,,", "user", "pencil", "p=tls-exporter,,other", NULL, 1, MANSIO_E_DENIED,
     0, "reason=channel-binding"},
    {PLUS, "p=tls-exporter,,", "user", "pencil", "p=tls-exporter,,", NULL, 1, MANSIO_E_DENIED, 0,
     "reason=channel-binding"},
    {PLUS, "p=tls-server-end-point,,", "user", "pencil", "p=tls-server-end-point,,cert", NULL, 2,
     MANSIO_SASL_DONE, 0, "login-ok"},
    /* A type that this channel doesn't have is bound to nothing. */
    {PLUS, "p=tls-exporter,,", "user", "pencil", "p=tls-exporter,,", NULL, 2, MANSIO_E_DENIED, 0,
     "reason=channel-binding"},
    {PLUS, "p=tls-unique,,", "user", "pencil", NULL, NULL, 1, MANSIO_E_INVALID, 1, ""},
    {PLUS, "n,,", "user", "pencil", NULL, NULL, 1, MANSIO_E_INVALID, 1, ""},
    {PLUS, "y,,", "user", "pencil", NULL, NULL, 1, MANSIO_E_INVALID, 1, ""},
};

static int scram_setup(void **state)
{
    int rc = node_setup(state);
    people.is_scram_ready = 1;
    channel.server_name = "alpha.test";
    fake_keys_fn = keys_of;
    core_sasl_set_nonce(NONCE);
    return rc;
}

static void test_scram(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(scrams); i++) {
        channel.exporter = scrams[i].has_binding == 1 ? "data" : NULL;
        channel.end_point = scrams[i].has_binding == 2 ? "cert" : NULL;
        dialogue.mechanism = scrams[i].mechanism;
        dialogue.header = scrams[i].header;
        dialogue.name = scrams[i].name;
        dialogue.password = scrams[i].password;
        dialogue.bound = scrams[i].bound;
        dialogue.nonce = scrams[i].nonce;
        dialogue.is_first = scrams[i].is_first;
        int rc = run_session(talk_scram);
        const char *text = node_log_text();
        if (rc != scrams[i].wanted || strstr(text, scrams[i].in_log) == NULL) {
            print_error("row %zu: %d %s\n%s", i, rc, mansio_error_name(rc), text);
            fail();
        }
    }
    assert_int_equal(judges.one, 0); /* no password was ever seen */
}

static void user_says(const char *password)
{
    dialogue.mechanism = SCRAM;
    dialogue.header = "n,,";
    dialogue.name = "user";
    dialogue.password = password;
    dialogue.bound = dialogue.nonce = NULL;
    dialogue.is_first = 0;
}

/* A guess is a guess, however it is made. */
static void test_scram_is_throttled(void **state)
{
    (void)state;
    node.config.login.failures_per_account = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    user_says("wrong");
    assert_int_equal(run_session(talk_scram), MANSIO_E_DENIED);
    assert_int_equal(run_session(talk_scram), MANSIO_E_DENIED);
    dialogue.is_first = 1;
    dialogue.password = "pencil";
    assert_int_equal(run_session(talk_scram), MANSIO_E_LIMIT);
    assert_int_equal(judges.keys, 2);
}

/* The salt is told for a name that the database was asked for just now, as a stranger's is; while
 * it is away, what is remembered will do. */
static void test_scram_asks_anew(void **state)
{
    (void)state;
    user_says("pencil");
    people.remembered = "{ONE}pencil";
    assert_int_equal(run_session(talk_scram), MANSIO_SASL_DONE);
    assert_int_equal(people.anew, 1);
    people.anew_result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(run_session(talk_scram), MANSIO_SASL_DONE);
    assert_int_equal(people.anew, 2);
    dialogue.name = "nobody";
    assert_int_equal(run_session(talk_scram), MANSIO_E_DENIED);
    assert_int_equal(people.anew, 2);
}

static int broken_keys(const struct mansio_login *login, struct mansio_arena *arena,
                       const struct mansio_scram_keys *const **out, size_t *out_count)
{
    (void)login;
    const struct mansio_scram_keys **list = mansio_arena_alloc(arena, 2 * sizeof(void *));
    list[0] = testing_keys(arena, 1, "a", salt, 4096);
    list[1] = testing_keys(arena, 2, "b", salt, 4097);
    *out = list;
    *out_count = 2;
    return 0;
}

static int no_keys(const struct mansio_login *login, struct mansio_arena *arena,
                   const struct mansio_scram_keys *const **out, size_t *out_count)
{
    (void)login;
    (void)arena;
    (void)out;
    *out_count = 0;
    return 0;
}

static void test_faulty_keys(void **state)
{
    (void)state;
    user_says("pencil");
    dialogue.is_first = 1;
    fake_keys_fn = broken_keys;
    assert_int_equal(run_session(talk_scram), MANSIO_E_UNAVAILABLE);
    fake_keys_fn = no_keys;
    assert_int_equal(run_session(talk_scram), MANSIO_E_UNAVAILABLE);
    fake_keys_fn = NULL; /* UNSUPPORTED of every module */
    assert_int_equal(run_session(talk_scram), MANSIO_E_UNAVAILABLE);
}

static int suspensions, cancel_at;

static void on_suspend(struct mansio_fiber *fiber)
{
    if (fiber == node_fiber && ++suspensions == cancel_at) {
        mansio_fiber_cancel(fiber);
    }
}

/* What is left nameless stays so, whichever wait it was. */
static int talk_until_cancelled(struct mansio_session *session)
{
    struct mansio_arena *arena = mansio_session_arena(session);
    struct mansio_str bare = MANSIO_STR("n=user,r=rOprNGfwEbeRWgbNEkqO");
    struct mansio_str names, challenge, final;
    struct mansio_sasl *sasl = NULL;
    int rc = mansio_session_mechanisms(session, arena, &names);
    if (rc == 0) {
        core_login_domain_forget();
        rc = mansio_sasl_begin(session, MANSIO_STR(SCRAM), arena, &sasl);
    }
    if (rc == 0) {
        core_login_domain_forget();
        rc = mansio_sasl_step(sasl, MANSIO_STR("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), MANSIO_NEVER,
                              &challenge);
    }
    if (rc == MANSIO_SASL_CONTINUE) {
        final = testing_final(arena, dialogue.password, bare, challenge, "n,,", salt, 4096);
        rc = mansio_sasl_step(sasl, final, MANSIO_NEVER, &challenge);
    }
    CHECK((rc == MANSIO_SASL_DONE) == (mansio_session_account(session) != NULL));
    return rc;
}

static void cancel_everywhere(const char *password, int wanted)
{
    user_says(password);
    core_login_domain_forget();
    node_on_suspend = on_suspend;
    suspensions = cancel_at = 0;
    assert_int_equal(run_session(talk_until_cancelled), wanted);
    int points = suspensions;
    assert_true(points >= 4);
    for (int n = 1; n <= points; n++) {
        core_login_domain_forget();
        core_limits_forget();
        suspensions = 0;
        cancel_at = n;
        int rc = run_session(talk_until_cancelled);
        if (rc != MANSIO_E_CANCELLED) {
            print_error("cancelled at %d of %d: %d\n", n, points, rc);
            fail();
        }
    }
    node_on_suspend = NULL;
}

static void test_cancelled_at_each_suspension(void **state)
{
    (void)state;
    node.config.login.delay_us = 1000;
    node.config.login.delay_max_us = 1000;
    assert_int_equal(core_login_configure(&node.config), 0);
    cancel_everywhere("pencil", MANSIO_SASL_DONE);
    cancel_everywhere("wrong", MANSIO_E_DENIED);
}

/* Without a nonce of the test's, no two are the same. */
static int two_nonces(struct mansio_session *session)
{
    struct mansio_str challenges[2];
    for (size_t i = 0; i < 2; i++) {
        struct mansio_sasl *sasl = NULL;
        CHECK(mansio_sasl_begin(session, MANSIO_STR(SCRAM), mansio_session_arena(session), &sasl) ==
              0);
        CHECK(mansio_sasl_step(sasl, MANSIO_STR("n,,n=user,r=abc"), MANSIO_NEVER, &challenges[i]) ==
              MANSIO_SASL_CONTINUE);
        CHECK(mansio_str_starts(challenges[i], MANSIO_STR("r=abc")));
    }
    CHECK(!mansio_str_eq(challenges[0], challenges[1]));
    return 0;
}

static void test_nonces_are_fresh(void **state)
{
    (void)state;
    core_sasl_set_nonce(NULL);
    assert_int_equal(run_session(two_nonces), 0);
}

int main(void)
{
#define TEST(name, up) cmocka_unit_test_setup_teardown(name, up, node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_offers, scram_setup),
        TEST(test_offers_without_directory, scram_setup),
        TEST(test_plain, node_setup),
        TEST(test_login, node_setup),
        TEST(test_beginnings, node_setup),
        TEST(test_scram, scram_setup),
        TEST(test_scram_is_throttled, scram_setup),
        TEST(test_scram_asks_anew, scram_setup),
        TEST(test_faulty_keys, scram_setup),
        TEST(test_cancelled_at_each_suspension, scram_setup),
        TEST(test_nonces_are_fresh, scram_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
