/* Commands, paths, parameters: RFC 5321 4.1, 1870, 6152, 6531, 3030. */
#include "parse.h"

#include "mode.h"

#include "core/base/testing.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

static struct mansio_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static const struct {
    struct mansio_str line;
    const char *verb, *text; /* NULL: refused */
} COMMANDS[] = {
    {MANSIO_STR("QUIT"), "QUIT", ""},
    {MANSIO_STR("quit  "), "quit", ""},
    {MANSIO_STR("MAIL FROM:<>"), "MAIL", "FROM:<>"},
    {MANSIO_STR("NOOP \t a b \t"), "NOOP", "a b"},
    {MANSIO_STR("VRFY \xc3\xa4"), "VRFY", "\xc3\xa4"},
    {MANSIO_STR(""), NULL, NULL},
    {MANSIO_STR(" QUIT"), NULL, NULL},
    {MANSIO_STR("MAIL:"), NULL, NULL},
    {MANSIO_STR("\xff\xfe"), NULL, NULL},
    {MANSIO_STR("NOOP a\nb"), NULL, NULL},
    {MANSIO_STR("NOOP a\r"), NULL, NULL},
    {MANSIO_STR("NOOP a\0b"), NULL, NULL},
    {MANSIO_STR("NOOP a\x7f"), NULL, NULL},
};

static void commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(COMMANDS); i++) {
        struct smtp_args args = {.verb = MANSIO_STR_NONE};
        int rc = smtp_parse_command(COMMANDS[i].line, &args);
        assert_int_equal(rc, COMMANDS[i].verb != NULL ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            core_test_str(args.verb, COMMANDS[i].verb);
            core_test_str(args.text, COMMANDS[i].text);
        }
    }
}

static const struct {
    const char *text;
    uint32_t place;
    int may_space;
    int result;
    const char *local, *domain, *rest;
} PATHS[] = {
    {"FROM:<a@b.test>", SMTP_PATH_FROM, 0, 0, "a", "b.test", ""},
    {"from:<a@b.test> SIZE=1  X", SMTP_PATH_FROM, 0, 0, "a", "b.test", "SIZE=1  X"},
    {"FROM:<>", SMTP_PATH_FROM, 0, 0, "", "", ""},
    {"FROM: <a@b.test>", SMTP_PATH_FROM, 1, 0, "a", "b.test", ""},
    {"FROM: <a@b.test>", SMTP_PATH_FROM, 0, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"FROM :<a@b.test>", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"FROM:a@b.test", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"FROM:<a@b.test>x", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"FROM:<a@b.test>\tSIZE=1", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"FROM:<Postmaster>", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"TO:<a@b.test>", SMTP_PATH_FROM, 1, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"TO:<Postmaster>", SMTP_PATH_TO, 0, 0, "Postmaster", "", ""},
    {"TO:<>", SMTP_PATH_TO, 0, MANSIO_E_INVALID, NULL, NULL, NULL},
    {"TO:<\"a b\"@b.test>", SMTP_PATH_TO, 0, 0, "a b", "b.test", ""},
    {"TO:<@x.test:a@b.test>", SMTP_PATH_TO, 0, 0, "a", "b.test", ""},
    {"TO:<a@[192.0.2.1]>", SMTP_PATH_TO, 0, 0, "a", "[192.0.2.1]", ""},
    {"TO:<\xc3\xa4@b.test>", SMTP_PATH_TO, 0, 0, "\xc3\xa4", "b.test", ""},
    {"", SMTP_PATH_TO, 0, MANSIO_E_INVALID, NULL, NULL, NULL},
};

static void paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(PATHS); i++) {
        struct mansio_path path = {.size = sizeof path};
        struct mansio_str rest = MANSIO_STR_NONE;
        int rc = smtp_parse_path(arena, core_test_slice(PATHS[i].text), PATHS[i].place,
                                 PATHS[i].may_space, &path, &rest);
        if (rc != PATHS[i].result) {
            print_error("%s: %d\n", PATHS[i].text, rc);
            fail();
        }
        if (rc == 0) {
            core_test_str(path.local, PATHS[i].local);
            core_test_str(path.domain, PATHS[i].domain);
            core_test_str(rest, PATHS[i].rest);
        }
    }
}

static const struct {
    const char *text;
    int result;
    uint64_t bytes;
    uint32_t body, is_utf8;
} PARAMS[] = {
    {"", 0, 0, SMTP_BODY_UNSAID, 0},
    {"SIZE=0", 0, 0, SMTP_BODY_UNSAID, 0},
    {"size=12345 body=8bitmime smtputf8", 0, 12345, SMTP_BODY_8BITMIME, 1},
    {"BODY=7BIT   SIZE=1", 0, 1, SMTP_BODY_7BIT, 0},
    {"SIZE=18446744073709551615", 0, UINT64_MAX, 0, 0},
    {"SIZE=99999999999999999999", 0, UINT64_MAX, 0, 0},
    {"SIZE=999999999999999999999", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE=-1", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE=1x", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE=", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE=1 SIZE=1", MANSIO_E_INVALID, 0, 0, 0},
    {"SMTPUTF8 SMTPUTF8", MANSIO_E_INVALID, 0, 0, 0},
    {"SMTPUTF8=1", MANSIO_E_INVALID, 0, 0, 0},
    {"BODY=BINARYMIME", MANSIO_E_INVALID, 0, 0, 0},
    {"BODY", MANSIO_E_INVALID, 0, 0, 0},
    {"RET=FULL", MANSIO_E_UNSUPPORTED, 0, 0, 0},
    {"X-1=a=b", MANSIO_E_INVALID, 0, 0, 0},
    {"-X=1", MANSIO_E_INVALID, 0, 0, 0},
    {"SIZE=1\tBODY=7BIT", MANSIO_E_INVALID, 0, 0, 0},
    {"=1", MANSIO_E_INVALID, 0, 0, 0},
};

/* RFC 4954 5, RFC 3461 4: in submission alone. */
static const struct {
    const char *text;
    int result;
} SUBMITTERS[] = {
    {"AUTH=<>", 0},
    {"auth=e+3Dmc2@example.com SIZE=1", 0},
    {"AUTH=+20+7F", 0},
    {"AUTH=", MANSIO_E_INVALID},
    {"AUTH", MANSIO_E_INVALID},
    {"AUTH=a+3", MANSIO_E_INVALID},
    {"AUTH=a+3d", MANSIO_E_INVALID},
    {"AUTH=+", MANSIO_E_INVALID},
    {"AUTH=+G0", MANSIO_E_INVALID},
    {"AUTH=<> AUTH=<>", MANSIO_E_INVALID},
    {"AUTH=\xc3\xa4@example.com", MANSIO_E_INVALID},
};

static void submitters(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(SUBMITTERS); i++) {
        struct smtp_mail_params params = {.declared_bytes = 0};
        struct mansio_str text = core_test_slice(SUBMITTERS[i].text);
        int rc = smtp_parse_mail_params(SMTP_MODE_SUBMISSION, text, &params);
        if (rc != SUBMITTERS[i].result) {
            print_error("%s: %d\n", SUBMITTERS[i].text, rc);
            fail();
        }
        if (SUBMITTERS[i].result == 0) {
            rc = smtp_parse_mail_params(SMTP_MODE_MX, text, &params);
            assert_int_equal(rc, MANSIO_E_UNSUPPORTED);
        }
    }
}

/* RFC 3461 */
static const struct {
    const char *text;
    int result;
    uint32_t ret;
    const char *envelope_id;
} RETS[] = {
    {"RET=FULL ENVID=QQ314159", 0, SMTP_RET_FULL, "QQ314159"},
    {"ret=hdrs", 0, SMTP_RET_HDRS, ""},
    {"ENVID=a+2Bb", 0, 0, "a+2Bb"},
    {"RET=BODY", MANSIO_E_INVALID, 0, ""},
    {"RET", MANSIO_E_INVALID, 0, ""},
    {"ENVID", MANSIO_E_INVALID, 0, ""},
    {"RET=FULL RET=FULL", MANSIO_E_INVALID, 0, ""},
};

static void rets(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(RETS); i++) {
        struct smtp_mail_params params = {.declared_bytes = 0};
        struct mansio_str text = core_test_slice(RETS[i].text);
        assert_int_equal(smtp_parse_mail_params(SMTP_MODE_SUBMISSION, text, &params),
                         RETS[i].result);
        assert_int_equal(params.ret, RETS[i].ret);
        core_test_str(params.envelope_id, RETS[i].envelope_id);
        if (RETS[i].result == 0) {
            assert_int_equal(smtp_parse_mail_params(SMTP_MODE_LMTP, text, &params),
                             MANSIO_E_UNSUPPORTED);
        }
    }
}

static const struct {
    const char *text;
    int result;
    const char *notify, *original;
} RCPTS[] = {
    {"", 0, "", ""},
    {"NOTIFY=NEVER", 0, "NEVER", ""},
    {"notify=delay,Success ORCPT=rfc822;a+2Bb@c", 0, "SUCCESS,DELAY", "rfc822;a+2Bb@c"},
    {"NOTIFY=SUCCESS,FAILURE,DELAY", 0, "SUCCESS,FAILURE,DELAY", ""},
    {"NOTIFY=FAILURE,DELAY", 0, "FAILURE,DELAY", ""},
    {"NOTIFY=", MANSIO_E_INVALID, "", ""},
    {"NOTIFY", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=NEVER,SUCCESS", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=SUCCESS,NEVER", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=SUCCESS,SUCCESS", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=SUCCESS,", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=ALWAYS", MANSIO_E_INVALID, "", ""},
    {"NOTIFY=NEVER NOTIFY=NEVER", MANSIO_E_INVALID, "", ""},
    {"ORCPT", MANSIO_E_INVALID, "", ""},
    {"ORCPT=rfc822;a ORCPT=rfc822;a", MANSIO_E_INVALID, "", ""},
    {"X=1", MANSIO_E_UNSUPPORTED, "", ""},
    {"=", MANSIO_E_INVALID, "", ""},
};

static void rcpt_params(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(RCPTS); i++) {
        struct smtp_rcpt_params params = {.notify = 0};
        struct mansio_str text = core_test_slice(RCPTS[i].text);
        int rc = smtp_parse_rcpt_params(SMTP_MODE_SUBMISSION, text, &params);
        if (rc != RCPTS[i].result) {
            print_error("%s: %d\n", RCPTS[i].text, rc);
            fail();
        }
        core_test_str(smtp_notify_words(params.notify), RCPTS[i].notify);
        core_test_str(params.original, RCPTS[i].original);
        if (rc == 0 && text.len > 0) {
            assert_int_equal(smtp_parse_rcpt_params(SMTP_MODE_MX, text, &params),
                             MANSIO_E_UNSUPPORTED);
        }
    }
}

static const struct {
    const char *text;
    uint32_t may_utf8;
    const char *wanted; /* NULL: MANSIO_E_INVALID */
} ORCPTS[] = {
    {"rfc822;Joe+2BWork@x.test", 0, "rfc822;Joe+Work@x.test"},
    {"RFC822;a+20b", 0, "RFC822;a b"},
    {"X-400;c+3Dus", 0, "X-400;c=us"},
    {"utf-8;a@x.test", 0, "utf-8;a@x.test"},
    {"utf-8;j\xc3\xb6@x.test", 1, "utf-8;j\xc3\xb6@x.test"},
    {"utf-8;j\xc3\xb6@x.test", 0, NULL},
    {"utf-8;j\xc3@x.test", 1, NULL},
    {"rfc822;j\xc3\xb6@x.test", 1, NULL},
    {"rfc822;", 0, NULL},
    {"rfc822", 0, NULL},
    {";a@x.test", 0, NULL},
    {"rfc/822;a@x.test", 0, NULL},
    {"rfc822;a+00b", 0, NULL},
    {"rfc822;a+0Ab", 0, NULL},
    {"rfc822;a+80b", 0, NULL},
    {"rfc822;a+2", 0, NULL},
};

static void orcpts(void **state)
{
    (void)state;
    struct mansio_arena *own = mansio_arena_new(NULL, "orcpt", 0);
    for (size_t i = 0; i < MANSIO_COUNT(ORCPTS); i++) {
        struct mansio_str out = MANSIO_STR_NONE;
        int rc = smtp_parse_orcpt(own, core_test_slice(ORCPTS[i].text), ORCPTS[i].may_utf8, &out);
        if (rc != (ORCPTS[i].wanted != NULL ? 0 : MANSIO_E_INVALID)) {
            print_error("%s: %d\n", ORCPTS[i].text, rc);
            fail();
        }
        core_test_str(out, ORCPTS[i].wanted != NULL ? ORCPTS[i].wanted : "");
    }
    struct mansio_str text = MANSIO_STR("12345");
    assert_int_equal(smtp_parse_xtext(own, text, 5, &text), 0);
    assert_int_equal(smtp_parse_xtext(own, text, 4, &text), MANSIO_E_INVALID);
    mansio_arena_free(own);
}

static const struct {
    const char *text, *mechanism, *initial; /* NULL: MANSIO_E_INVALID */
} AUTHS[] = {
    {"PLAIN", "PLAIN", ""},
    {"plain =", "plain", "="},
    {"PLAIN  AGEAYg==", "PLAIN", "AGEAYg=="},
    {"SCRAM-SHA-256 a ", "SCRAM-SHA-256", "a"},
    {"", NULL, NULL},
    {" a", NULL, NULL},
    {"PLAIN a b", NULL, NULL},
    {"PLAIN a\tb", NULL, NULL},
};

static void auths(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(AUTHS); i++) {
        struct mansio_str mechanism = MANSIO_STR_NONE;
        struct mansio_str initial = MANSIO_STR_NONE;
        int rc = smtp_parse_auth(core_test_slice(AUTHS[i].text), &mechanism, &initial);
        assert_int_equal(rc, AUTHS[i].mechanism != NULL ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            core_test_str(mechanism, AUTHS[i].mechanism);
            core_test_str(initial, AUTHS[i].initial);
        }
    }
}

static void mail_params(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(PARAMS); i++) {
        struct smtp_mail_params params = {.declared_bytes = 0};
        int rc = smtp_parse_mail_params(SMTP_MODE_MX, core_test_slice(PARAMS[i].text), &params);
        if (rc != PARAMS[i].result) {
            print_error("%s: %d\n", PARAMS[i].text, rc);
            fail();
        }
        if (rc == 0) {
            assert_true(params.declared_bytes == PARAMS[i].bytes);
            assert_int_equal(params.body, PARAMS[i].body);
            assert_int_equal(params.is_utf8, PARAMS[i].is_utf8);
        }
    }
}

/* The table is sorted, and each row announces something or is announced with a command. */
static void param_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < smtp_mail_param_count; i++) {
        assert_true(smtp_mail_param_table[i].capability.len > 0 ||
                    mansio_str_eq(smtp_mail_param_table[i].keyword, MANSIO_STR("AUTH")) ||
                    mansio_str_eq(smtp_mail_param_table[i].keyword, MANSIO_STR("ENVID")));
        assert_true(smtp_mail_param_table[i].modes != 0);
        assert_true(i == 0 || mansio_str_cmp(smtp_mail_param_table[i - 1].keyword,
                                             smtp_mail_param_table[i].keyword) < 0);
    }
}

static const struct {
    const char *text;
    int result;
    uint64_t bytes;
    uint32_t is_last;
} CHUNKS[] = {
    {"0", 0, 0, 0},
    {"123", 0, 123, 0},
    {"0 LAST", 0, 0, 1},
    {"86 last", 0, 86, 1},
    {"86  LAST", 0, 86, 1},
    {"18446744073709551615", 0, UINT64_MAX, 0},
    {"18446744073709551616", MANSIO_E_INVALID, 0, 0},
    {"", MANSIO_E_INVALID, 0, 0},
    {"LAST", MANSIO_E_INVALID, 0, 0},
    {"-1", MANSIO_E_INVALID, 0, 0},
    {"1 LAST LAST", MANSIO_E_INVALID, 0, 0},
    {"1LAST", MANSIO_E_INVALID, 0, 0},
    {"0x10", MANSIO_E_INVALID, 0, 0},
};

static void chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(CHUNKS); i++) {
        uint64_t bytes = 0;
        uint32_t is_last = 0;
        int rc = smtp_parse_bdat(core_test_slice(CHUNKS[i].text), &bytes, &is_last);
        if (rc != CHUNKS[i].result || bytes != CHUNKS[i].bytes || is_last != CHUNKS[i].is_last) {
            print_error("%s: %d\n", CHUNKS[i].text, rc);
            fail();
        }
    }
}

static void names_of_hosts(void **state)
{
    char longest[257];

    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_true(smtp_parse_is_hello(MANSIO_STR("mx.example.org")));
    assert_true(smtp_parse_is_hello(MANSIO_STR("[192.0.2.1]")));
    assert_true(smtp_parse_is_hello(MANSIO_STR("under_score")));
    assert_true(smtp_parse_is_hello((struct mansio_str){longest, 255}));
    assert_false(smtp_parse_is_hello((struct mansio_str){longest, 256}));
    assert_false(smtp_parse_is_hello(MANSIO_STR("")));
    assert_false(smtp_parse_is_hello(MANSIO_STR("a b")));
    assert_false(smtp_parse_is_hello(MANSIO_STR("\xc3\xa4.test")));

    assert_true(smtp_parse_is_extended_domain(arena, MANSIO_STR("mx.example.org")));
    assert_true(smtp_parse_is_extended_domain(arena, MANSIO_STR("[IPv6:2001:db8::1]")));
    assert_false(smtp_parse_is_extended_domain(arena, MANSIO_STR("under_score")));
    assert_false(smtp_parse_is_extended_domain(arena, MANSIO_STR("a(b")));
    assert_false(smtp_parse_is_extended_domain(arena, MANSIO_STR("192.0.2.1]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),       cmocka_unit_test(paths),
        cmocka_unit_test(mail_params),    cmocka_unit_test(submitters),
        cmocka_unit_test(auths),          cmocka_unit_test(rets),
        cmocka_unit_test(rcpt_params),    cmocka_unit_test(orcpts),
        cmocka_unit_test(param_table),    cmocka_unit_test(chunks),
        cmocka_unit_test(names_of_hosts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
