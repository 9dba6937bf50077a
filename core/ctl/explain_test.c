/*
 * Explanations: words in a line, keys taken apart, and the whole text of some verdicts, judged by
 * the gate's own function.
 */
#include "core/ctl/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctl/policy_text.h"
#include <mansio/auth.h>
#include <mansio/str.h>

static void says_a_word_in_a_line(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"{\"verb\": \"allow\"}", "allow"},
        {"{\"verb\": \"deny\", \"locked\": true}", "deny locked"},
        {"{\"verb\": \"deny\", \"locked\": \"true\"}", "deny locked"},
        {"{\"verb\": \"deny\", \"locked\": false, \"networks\": [], \"tls\": \"\"}", "deny"},
        {"{\"verb\": \"allow\", \"networks\": [\"192.0.2.0/24\", \"office\"]}",
         "allow if networks 192.0.2.0/24 office"},
        {"{\"verb\": \"allow\", \"locked\": true, \"tls\": \"required\", \"mechanisms\": "
         "\"PLAIN\", "
         "\"credentials\": [\"app\"]}",
         "allow locked if tls required; mechanisms PLAIN; credentials app"},
        {"{\"verb\": \"deny\", \"hours\": \"Mon-Fri 08:00-18:00\", \"zone\": \"Europe/Rome\"}",
         "deny if hours Mon-Fri 08:00-18:00 Europe/Rome"},
        {"{\"verb\": \"deny\", \"zone\": \"Europe/Rome\"}", "deny"},
        {"{}", "-"},
        {"{\"policy_default\": \"deny\", \"postmaster\": \"x@y\"}", "default deny"},
        {"[]", "-"},
        {"[[[1], 2]]", "-"},
        {"{\"verb\": \"deny\", \"networks\": [[\"x\"], 1, \"y\"]}", "deny if networks   y"},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
        struct mansio_buf *out = mansio_buf_new(arena, 4096);
        json_t *json = json_loads(rows[i].json, 0, NULL);
        assert_non_null(json);
        core_ctl_word(out, json);
        assert_true(mansio_str_eq(mansio_buf_str(out), mansio_str_from_cstr(rows[i].text)));
        json_decref(json);
        mansio_arena_free(arena);
    }
}

static void takes_keys_apart(void **state)
{
    static const struct {
        const char *key, *scope, *owner, *service;
    } rows[] = {
        {"platform/pop3", "platform", "", "pop3"},
        {"tenant:alpha/imap", "tenant", "alpha", "imap"},
        {"account:a/b:c@alpha.test/imap", "account", "a/b:c@alpha.test", "imap"},
        {"", "", "", ""},
        {"x", "x", "", ""},
        {"/", "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str scope, owner, service;
        core_ctl_split_key(mansio_str_from_cstr(rows[i].key), &scope, &owner, &service);
        assert_true(mansio_str_eq(scope, mansio_str_from_cstr(rows[i].scope)));
        assert_true(mansio_str_eq(owner, mansio_str_from_cstr(rows[i].owner)));
        assert_true(mansio_str_eq(service, mansio_str_from_cstr(rows[i].service)));
    }
}

/* A word and the object it was made from. */
struct word {
    uint32_t scope, verb, is_locked;
    const char *network;
    const char *json;
};

/* Explain @p words to somebody at 203.0.113.7; the result is the arena's. */
static const char *explain(struct mansio_arena *arena, const struct word *words, size_t count,
                           uint32_t state, json_t **out_json)
{
    struct mansio_policy_word made[CORE_POLICY_SCOPES];
    const struct mansio_policy_word *list[CORE_POLICY_SCOPES];
    struct mansio_str networks[CORE_POLICY_SCOPES];
    json_t *objects[CORE_POLICY_SCOPES] = {NULL};
    const struct mansio_account_facts account = {
        .size = sizeof account,
        .tenant_id = 1,
        .account_id = 1,
        .tenant = MANSIO_STR("alpha"),
        .plan = MANSIO_STR("gold"),
        .address = MANSIO_STR("user@alpha.test"),
        .state = state,
    };
    struct core_policy_facts facts = {
        .service = MANSIO_STR("pop3"),
        .is_protected = 1,
        .mechanism = MANSIO_STR("PLAIN"),
        .credential_kind = MANSIO_CREDENTIAL_MAIN,
        .now_us = 0,
    };
    struct core_policy_verdict verdict;
    const struct core_policy *policy = NULL;
    struct core_ctl ctl = {.arena = arena};
    assert_int_equal(core_network_of_ip(MANSIO_STR("203.0.113.7"), &facts.peer), 0);
    struct core_ctl_explained explained = {
        .asked = MANSIO_STR("user@alias.test"),
        .account = &account,
        .facts = &facts,
        .verdict = &verdict,
        .default_verb = MANSIO_POLICY_DENY,
        .owners = {MANSIO_STR(""), MANSIO_STR("gold"), MANSIO_STR("alpha"),
                   MANSIO_STR("alpha.test"), MANSIO_STR("user@alpha.test")},
        .network = MANSIO_STR("203.0.113.7"),
        .assumed = json_pack("[s]", "tls"),
        .notes = json_array(),
    };
    for (size_t i = 0; i < count; i++) {
        networks[i] = mansio_str_from_cstr(words[i].network);
        made[i] = (struct mansio_policy_word){
            .size = sizeof made[i],
            .scope = words[i].scope,
            .verb = words[i].verb,
            .is_locked = words[i].is_locked,
            .service = MANSIO_STR("pop3"),
            .networks = &networks[i],
            .network_count = networks[i].len > 0,
            .has_networks = networks[i].len > 0,
        };
        list[i] = &made[i];
        objects[i] = json_loads(words[i].json, 0, NULL);
        explained.words[words[i].scope - 1] = objects[i];
    }
    const struct mansio_standing standing = {
        .size = sizeof standing,
        .words = list,
        .word_count = count,
        .default_verb = MANSIO_POLICY_DENY,
        .hours_known_us = INT64_MAX,
    };
    assert_int_equal(core_policy_make(arena, &standing, &policy), 0);
    core_policy_judge(policy, &facts, &verdict);
    json_t *json = core_ctl_explain_json(arena, &explained);
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 16);
    assert_int_equal(core_ctl_explain_text(&ctl, json, out), CORE_CTL_OK);
    *out_json = json;
    for (size_t i = 0; i < count; i++) {
        json_decref(objects[i]);
    }
    json_decref((json_t *)(uintptr_t)explained.assumed);
    json_decref((json_t *)(uintptr_t)explained.notes);
    const char *text = NULL;
    assert_int_equal(mansio_cstr(arena, mansio_buf_str(out), &text), 0);
    return text;
}

#define HEAD                                                                                       \
    "account     user@alpha.test\n"                                                                \
    "asked for   user@alias.test\n"                                                                \
    "state       active\n"                                                                         \
    "service     pop3\n"                                                                           \
    "network     203.0.113.7\n"                                                                    \
    "tls         yes  (assumed)\n"                                                                 \
    "mechanism   PLAIN\n"                                                                          \
    "credential  main\n"                                                                           \
    "at          1970-01-01T00:00:00.000000Z\n"                                                    \
    "\n"

static void prints_what_each_scope_says(void **state)
{
    static const struct word words[] = {
        {MANSIO_POLICY_PLATFORM, MANSIO_POLICY_ALLOW, 0, NULL, "{\"verb\": \"allow\"}"},
        {MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY, 0, "192.0.2.0/24",
         "{\"verb\": \"deny\", \"networks\": [\"office\"]}"},
        {MANSIO_POLICY_DOMAIN, MANSIO_POLICY_ALLOW, 0, "198.51.100.0/24",
         "{\"verb\": \"allow\", \"networks\": [\"198.51.100.0/24\"]}"},
    };
    json_t *json = NULL;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
    (void)state;
    const char *text = explain(arena, words, MANSIO_COUNT(words), MANSIO_STATE_ACTIVE, &json);
    assert_string_equal(
        text,
        HEAD "SCOPE     OWNER            WORD                               SAYS\n"
             "platform  -                allow                              allows\n"
             "plan      gold             -                                  silent\n"
             "tenant    alpha            deny if networks office            silent: not networks\n"
             "domain    alpha.test       allow if networks 198.51.100.0/24  unmet: not networks; "
             "decides\n"
             "account   user@alpha.test  -                                  silent\n"
             "\ndenied: the domain alpha.test allows pop3 only under conditions that don't hold\n");
    assert_true(json_is_false(json_object_get(json, "allowed")));
    assert_string_equal(json_string_value(json_object_get(json, "decided")), "domain");
    json_decref(json);
    mansio_arena_free(arena);
}

static void words_the_answer(void **state)
{
    static const struct {
        struct word word;
        uint32_t state;
        const char *answer, *decided;
        int is_allowed;
    } rows[] = {
        {{MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW, 0, NULL, "{\"verb\": \"allow\"}"},
         MANSIO_STATE_ACTIVE,
         "\nallowed: the tenant alpha allows pop3\n",
         "tenant",
         1},
        {{MANSIO_POLICY_PLATFORM, MANSIO_POLICY_DENY, 1, NULL,
          "{\"verb\": \"deny\", \"locked\": true}"},
         MANSIO_STATE_ACTIVE,
         "\ndenied: the platform denies pop3, and nobody more special has a say\n",
         "platform",
         0},
        {{MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW, 0, NULL, "{\"verb\": \"allow\"}"},
         MANSIO_STATE_SUSPENDED,
         "\ndenied: the account, its domain or its tenant is suspended\n",
         "state",
         0},
        {{MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY, 0, "192.0.2.1", "{\"verb\": \"deny\"}"},
         MANSIO_STATE_ACTIVE,
         "\ndenied: no scope speaks of pop3, and the platform's default is deny\n",
         "default",
         0},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        json_t *json = NULL;
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
        const char *text = explain(arena, &rows[i].word, 1, rows[i].state, &json);
        assert_non_null(strstr(text, rows[i].answer));
        assert_string_equal(json_string_value(json_object_get(json, "decided")), rows[i].decided);
        assert_int_equal(json_is_true(json_object_get(json, "allowed")), rows[i].is_allowed);
        json_decref(json);
        mansio_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_a_word_in_a_line),
        cmocka_unit_test(takes_keys_apart),
        cmocka_unit_test(prints_what_each_scope_says),
        cmocka_unit_test(words_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
