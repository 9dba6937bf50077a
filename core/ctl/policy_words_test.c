/*
 * Command lines about policy: in any order to the same key, refused by name where they say too
 * little or too much, and every condition that isn't given taken away.
 */
#include "core/ctl/policy_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctl/parse.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { WORDS_MAX = 16 };

/* Parsed, as a run would. */
struct line {
    struct core_ctl ctl;
    struct core_ctl_request request;
};

static int parse(struct line *line, const char *const *words)
{
    size_t count = 0;
    while (count < WORDS_MAX && words[count] != NULL) {
        count++;
    }
    *line = (struct line){.ctl = {.arena = mansio_arena_new(NULL, "test", 1 << 20)}};
    return core_ctl_parse(&line->ctl, words, count, &line->request);
}

static void names_words_in_any_order(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *keys;
        uint32_t scope;
    } rows[] = {
        {{"policy", "deny", "pop3", "--tenant", "alpha"},
         "tenant:alpha/pop3",
         MANSIO_POLICY_TENANT},
        {{"policy", "deny", "--tenant", "alpha", "pop3"},
         "tenant:alpha/pop3",
         MANSIO_POLICY_TENANT},
        {{"policy", "deny", "imap", "--plan=gold", "pop3", "imap"},
         "plan:gold/imap plan:gold/pop3",
         MANSIO_POLICY_PLAN},
        {{"policy", "lock", "--platform", "imap"}, "platform/imap", MANSIO_POLICY_PLATFORM},
        {{"policy", "clear", "a-1", "--domain", "alpha.test"},
         "domain:alpha.test/a-1",
         MANSIO_POLICY_DOMAIN},
        {{"policy", "unlock", "imap", "--account", "u@alpha.test"},
         "account:u@alpha.test/imap",
         MANSIO_POLICY_ACCOUNT},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct line line;
        struct core_ctl_scope scope;
        struct mansio_str *keys = NULL;
        size_t count = 0;
        assert_int_equal(parse(&line, rows[i].words), 0);
        assert_int_equal(
            core_ctl_policy_keys(line.ctl.arena, &line.request.args, &scope, &keys, &count), 0);
        struct mansio_buf *out = mansio_buf_new(line.ctl.arena, 4096);
        for (size_t j = 0; j < count; j++) {
            mansio_buf_printf(out, "%s%.*s", j > 0 ? " " : "", MANSIO_STR_ARG(keys[j]));
        }
        assert_true(mansio_str_eq(mansio_buf_str(out), mansio_str_from_cstr(rows[i].keys)));
        assert_int_equal(scope.scope, rows[i].scope);
        mansio_arena_free(line.ctl.arena);
    }
}

static void refuses_what_names_none(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *detail;
    } rows[] = {
        {{"policy", "deny", "pop3"},
         "policy deny needs a scope: --platform, --plan, --tenant, --domain or --account"},
        {{"policy", "deny", "--tenant", "alpha"}, "policy deny needs SERVICE..."},
        {{"policy", "deny", "pop3", "--tenant", "alpha", "--domain", "alpha.test"},
         "policy deny: --tenant and --domain at once: a word is one scope's"},
        {{"policy", "allow", "pop3", "--platform", "--plan", "gold"},
         "policy allow: --platform and --plan at once: a word is one scope's"},
        {{"policy", "deny", "pop3", "--tenant="}, "--tenant: empty"},
        {{"policy", "deny", "POP3", "--platform"},
         "\"POP3\" can't be a service: its name has 1 to 31 of a-z, 0-9, '-'"},
        {{"policy", "deny", "*", "--platform"},
         "\"*\" can't be a service: its name has 1 to 31 of a-z, 0-9, '-'"},
        {{"policy", "deny", "pop3,imap", "--platform"},
         "\"pop3,imap\" can't be a service: its name has 1 to 31 of a-z, 0-9, '-'"},
        {{"policy", "clear", "pop3", "--platform", "--tls", "required"},
         "unknown option --tls of policy clear"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct line line;
        struct core_ctl_scope scope;
        struct mansio_str *keys = NULL;
        size_t count = 0;
        int rc = parse(&line, rows[i].words);
        if (rc == 0) {
            rc = core_ctl_policy_keys(line.ctl.arena, &line.request.args, &scope, &keys, &count);
        }
        assert_int_equal(rc, MANSIO_E_INVALID);
        assert_string_equal(mansio_error_detail(), rows[i].detail);
        mansio_arena_free(line.ctl.arena);
    }
}

static struct mansio_str value_of(const struct mansio_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(fields[i].name, mansio_str_from_cstr(name))) {
            return fields[i].value;
        }
    }
    fail_msg("no field %s", name);
    return MANSIO_STR_NONE;
}

static void gives_every_condition_or_takes_it_away(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *name, *value; /* NULL: taken away */
    } rows[] = {
        {{"policy", "allow", "imap", "--platform"}, "verb", "allow"},
        {{"policy", "allow", "imap", "--platform"}, "locked", "false"},
        {{"policy", "allow", "imap", "--platform"}, "networks", NULL},
        {{"policy", "allow", "imap", "--platform"}, "zone", NULL},
        {{"policy", "allow", "imap", "--platform", "--lock"}, "locked", "true"},
        {{"policy", "allow", "imap", "--platform", "--network", "192.0.2.0/24, unix,office"},
         "networks",
         "192.0.2.0/24 unix office"},
        {{"policy", "allow", "imap", "--platform", "--tls=absent"}, "tls", "absent"},
        {{"policy", "allow", "imap", "--platform", "--mechanism", "PLAIN,SCRAM-SHA-256"},
         "mechanisms",
         "PLAIN SCRAM-SHA-256"},
        {{"policy", "allow", "imap", "--platform", "--credential", "app"}, "credentials", "app"},
        {{"policy", "allow", "imap", "--platform", "--hours", "Mon-Fri 08:00-18:00", "--zone",
          "Europe/Rome"},
         "hours",
         "Mon-Fri 08:00-18:00"},
        {{"policy", "allow", "imap", "--platform", "--hours", "Mon-Fri 08:00-18:00", "--zone",
          "Europe/Rome"},
         "zone",
         "Europe/Rome"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct line line;
        struct mansio_field fields[CORE_CTL_POLICY_FIELDS_MAX];
        size_t count = 0;
        assert_int_equal(parse(&line, rows[i].words), 0);
        assert_int_equal(core_ctl_policy_fields(line.ctl.arena, &line.request.args,
                                                MANSIO_POLICY_ALLOW, fields, &count),
                         0);
        assert_int_equal(count, CORE_CTL_POLICY_FIELDS_MAX);
        struct mansio_str value = value_of(fields, count, rows[i].name);
        if (rows[i].value == NULL) {
            assert_null(value.ptr);
        } else {
            assert_true(mansio_str_eq(value, mansio_str_from_cstr(rows[i].value)));
        }
        mansio_arena_free(line.ctl.arena);
    }
}

/* A condition that was meant and got lost on the way would open the door. */
static void refuses_empty_conditions(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *detail;
    } rows[] = {
        {{"policy", "allow", "imap", "--platform", "--network", ""}, "--network: empty"},
        {{"policy", "allow", "imap", "--platform", "--network", " , "}, "--network: empty"},
        {{"policy", "allow", "imap", "--platform", "--tls", ""}, "--tls: empty"},
        {{"policy", "allow", "imap", "--platform", "--hours="}, "--hours: empty"},
        {{"policy", "allow", "imap", "--platform", "--zone", "UTC"}, "--zone without --hours"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct line line;
        struct mansio_field fields[CORE_CTL_POLICY_FIELDS_MAX];
        size_t count = 0;
        assert_int_equal(parse(&line, rows[i].words), 0);
        assert_int_equal(core_ctl_policy_fields(line.ctl.arena, &line.request.args,
                                                MANSIO_POLICY_ALLOW, fields, &count),
                         MANSIO_E_INVALID);
        assert_string_equal(mansio_error_detail(), rows[i].detail);
        mansio_arena_free(line.ctl.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_words_in_any_order),
        cmocka_unit_test(refuses_what_names_none),
        cmocka_unit_test(gives_every_condition_or_takes_it_away),
        cmocka_unit_test(refuses_empty_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
