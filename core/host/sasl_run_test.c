/*
 * Whole exchanges: what is sent, what is read, how they end, and that nothing of what a client said
 * stays behind.
 */
#include "core/host/login_testing.h"

#include "core/base/testing.h"

#include <mansio/time.h>

enum { LINES_MAX = 4, LINE_MAX = 256 };

#define INITIAL_PLAIN "AHVzZXJAYWxwaGEudGVzdABwZW5jaWw=" /* user@alpha.test, pencil */
#define NAME          "dXNlckBhbHBoYS50ZXN0"
#define PASSWORD      "cGVuY2ls"
#define WRONG         "AHVzZXJAYWxwaGEudGVzdAB3cm9uZw=="

static const struct exchange {
    const char *mechanism;
    const char *initial; /* NULL: none */
    const char *lines[LINES_MAX];
    int takes_early;
    int read_error;   /* instead of a line, when they are used up */
    int write_error;  /* instead of the first challenge */
    const char *sent; /* all challenges, "|" behind each */
    int wanted;
    int has_name;
} exchanges[] = {
    {"PLAIN", INITIAL_PLAIN, {0}, 0, 0, 0, "", MANSIO_SASL_LOGGED_IN, 1},
    {"plain", NULL, {INITIAL_PLAIN}, 0, 0, 0, "|", MANSIO_SASL_LOGGED_IN, 1},
    {"PLAIN", WRONG, {0}, 0, 0, 0, "", MANSIO_E_DENIED, 0},
    {"PLAIN", "=", {0}, 0, 0, 0, "", MANSIO_E_INVALID, 0},
    {"PLAIN", "", {0}, 0, 0, 0, "", MANSIO_E_INVALID, 0},
    {"PLAIN", "AHVz*", {0}, 0, 0, 0, "", MANSIO_E_INVALID, 0},
    {"PLAIN", NULL, {"*"}, 0, 0, 0, "|", MANSIO_SASL_ABORTED, 0},
    {"PLAIN", NULL, {"**"}, 0, 0, 0, "|", MANSIO_E_INVALID, 0},
    {"PLAIN", NULL, {""}, 0, 0, 0, "|", MANSIO_E_INVALID, 0},
    {"PLAIN", NULL, {0}, 0, MANSIO_E_LIMIT, 0, "|", MANSIO_SASL_TOO_LONG, 0},
    {"PLAIN", NULL, {0}, 0, MANSIO_E_EOF, 0, "|", MANSIO_E_EOF, 0},
    {"PLAIN", NULL, {0}, 0, MANSIO_E_TIMEOUT, 0, "|", MANSIO_E_TIMEOUT, 0},
    {"PLAIN", NULL, {0}, 0, 0, MANSIO_E_IO, "", MANSIO_E_IO, 0},
    {"GSSAPI", INITIAL_PLAIN, {0}, 0, 0, 0, "", MANSIO_E_UNSUPPORTED, 0},
    {"LOGIN",
     NULL,
     {NAME, PASSWORD},
     0,
     0,
     0,
     "VXNlcm5hbWU6|UGFzc3dvcmQ6|",
     MANSIO_SASL_LOGGED_IN,
     1},
    {"LOGIN", NULL, {NAME, "*"}, 0, 0, 0, "VXNlcm5hbWU6|UGFzc3dvcmQ6|", MANSIO_SASL_ABORTED, 0},
    {"LOGIN", NAME, {PASSWORD}, 0, 0, 0, "", MANSIO_E_INVALID, 0},
    {"LOGIN", NAME, {PASSWORD}, 1, 0, 0, "UGFzc3dvcmQ6|", MANSIO_SASL_LOGGED_IN, 1},
    {"LOGIN", NAME, {0}, 1, MANSIO_E_LIMIT, 0, "UGFzc3dvcmQ6|", MANSIO_SASL_TOO_LONG, 0},
};

static const struct exchange *now;
static char lines[LINES_MAX + 1][LINE_MAX]; /* what the client says; the last: with the command */
static size_t said;
static char sent[LINE_MAX];
static int is_named, is_wiped;

static int send_challenge(void *arg, struct mansio_str text)
{
    CHECK(arg == &said);
    if (now->write_error < 0) {
        return now->write_error;
    }
    snprintf(sent + strlen(sent), sizeof sent - strlen(sent), "%.*s|", MANSIO_STR_ARG(text));
    return mansio_fiber_yield();
}

static int receive_response(void *arg, struct mansio_str *out_line)
{
    CHECK(arg == &said);
    if (said == LINES_MAX || now->lines[said] == NULL) {
        return now->read_error;
    }
    *out_line = mansio_str_from_cstr(lines[said++]);
    return (int)out_line->len; /* as reading lines does */
}

/* Every line that was taken, but for the "*". */
static int is_gone(const char *line)
{
    static const char nothing[LINE_MAX];
    return strcmp(line, "*") == 0 || memcmp(line, nothing, LINE_MAX) == 0;
}

static int run_exchange(struct mansio_session *session)
{
    const struct mansio_sasl_carrier carrier = {
        .size = sizeof carrier,
        .arg = &said,
        .send = send_challenge,
        .receive = receive_response,
        .initial = now->initial != NULL ? mansio_str_from_cstr(lines[LINES_MAX]) : MANSIO_STR_NONE,
        .takes_early = (uint32_t)now->takes_early,
        .deadline_us = MANSIO_NEVER,
    };
    int rc = mansio_sasl_run(session, mansio_str_from_cstr(now->mechanism), &carrier);
    is_named = mansio_session_account(session) != NULL;
    is_wiped = 1;
    for (size_t i = 0; i < said; i++) {
        is_wiped = is_wiped && is_gone(lines[i]);
    }
    return rc;
}

static void take(const struct exchange *exchange)
{
    now = exchange;
    memset(lines, 0, sizeof lines);
    memset(sent, 0, sizeof sent);
    said = 0;
    for (size_t i = 0; i < LINES_MAX && exchange->lines[i] != NULL; i++) {
        snprintf(lines[i], LINE_MAX, "%s", exchange->lines[i]);
    }
    snprintf(lines[LINES_MAX], LINE_MAX, "%s", exchange->initial != NULL ? exchange->initial : "");
}

static void test_exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(exchanges); i++) {
        const struct exchange *row = &exchanges[i];
        take(row);
        int rc = run_session(run_exchange);
        if (rc != row->wanted || strcmp(sent, row->sent) != 0 || is_named != row->has_name ||
            !is_wiped || (row->wanted == MANSIO_SASL_LOGGED_IN && !is_gone(lines[LINES_MAX]))) {
            print_error("row %zu: %d, sent %s, named %d, wiped %d\n", i, rc, sent, is_named,
                        is_wiped);
            fail();
        }
    }
}

/* A size that nobody set is a mistake of the module, not of the client. */
static int run_without_size(struct mansio_session *session)
{
    const struct mansio_sasl_carrier carrier = {.send = send_challenge,
                                                .receive = receive_response};
    return mansio_sasl_run(session, MANSIO_STR("PLAIN"), &carrier);
}

static void test_carrier_without_size(void **state)
{
    (void)state;
    assert_int_equal(run_session(run_without_size), MANSIO_E_BUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exchanges, node_setup, node_teardown),
        cmocka_unit_test_setup_teardown(test_carrier_without_size, node_setup, node_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
