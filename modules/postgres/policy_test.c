/*
 * What words of policy say, on a private cluster: how they are said and replaced, what becomes of
 * them in standings, networks and their bounds, hours over changes of the clocks, compared with
 * PostgreSQL's own reckoning.
 */
#include "standing.h"

#include "core/host/testing.h"

#include <mansio/buf.h>

#include "testing_policy.h"

/* ---- words ---- */

static int words(void)
{
    make_people();
    CHECK(is(list(MANSIO_OBJECT_PLATFORM, ""), " policy_default=deny;"));
    CHECK(set(MANSIO_OBJECT_PLATFORM, "", "policy_default=-") == MANSIO_E_INVALID);

    OK(word("platform/imap", "verb=allow"));
    OK(word("plan:gold/imap", "verb=deny networks=192.0.2.0/24_unix tls=absent"));
    OK(word("plan:silver/imap", "verb=allow mechanisms=plain_scram-sha-256"));
    OK(word("tenant:alpha/imap", "verb=allow credentials=app_main locked=true"));
    OK(word("domain:alpha.test/imap", "verb=deny hours=Mon-Fri_08:00-18:00 zone=Europe/Berlin"));
    OK(word("account:Ann@alpha.test/pop3", "verb=deny"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, ""),
             "platform/imap verb=allow locked=false;"
             "plan:gold/imap verb=deny locked=false networks=192.0.2.0/24 unix tls=absent;"
             "plan:silver/imap verb=allow locked=false mechanisms=PLAIN SCRAM-SHA-256;"
             "tenant:alpha/imap verb=allow locked=true credentials=main app;"
             "domain:alpha.test/imap verb=deny locked=false hours=Mon-Fri 08:00-18:00"
             " zone=Europe/Berlin;"
             "account:ann@alpha.test/pop3 verb=deny locked=false;"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "scope=account"),
             "account:ann@alpha.test/pop3 verb=deny locked=false;"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "tenant=alpha service=pop3"),
             "account:ann@alpha.test/pop3 verb=deny locked=false;"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=plan:silver/imap"),
             "plan:silver/imap verb=allow locked=false mechanisms=PLAIN SCRAM-SHA-256;"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=plan:silver/pop3"), ""));

    ann = key_of("ann", "alpha.test");
    CHECK(is(standing_of(ann),
             "ann@alpha.test gold 1: platform/imap=allow"
             " plan:gold/imap=deny@192.0.2.0/24,unix(tls 2 kinds 0)"
             " tenant:alpha/imap=allow!(tls 0 kinds 6) domain:alpha.test/imap=deny~hours"
             " account:ann@alpha.test/pop3=deny else deny;"));
    CHECK(is(standing_of(key_of("bob", "alias.test")),
             "bob@alpha.test silver 1: platform/imap=allow"
             " plan:silver/imap=allow+PLAIN+SCRAM-SHA-256"
             " tenant:alpha/imap=allow!(tls 0 kinds 6) domain:alpha.test/imap=deny~hours"
             " else deny;"));
    CHECK(is(standing_of(key_of("zoe", "beta.test")),
             "zoe@beta.test  1: platform/imap=allow else deny;"));
    struct mansio_account_key wrong = {key_of("zoe", "beta.test").tenant_id, ann.account_id};
    CHECK(is(standing_of(wrong), "nobody: else deny;"));
    CHECK(is(domain("alias.test"),
             "nobody of alpha.test: platform/imap=allow"
             " plan:gold/imap=deny@192.0.2.0/24,unix(tls 2 kinds 0)"
             " tenant:alpha/imap=allow!(tls 0 kinds 6) domain:alpha.test/imap=deny~hours"
             " else deny;"));
    CHECK(is(domain("elsewhere.test"), "nobody: platform/imap=allow else deny;"));
    OK(set(MANSIO_OBJECT_DOMAIN, "alias.test", "state=suspended"));
    CHECK(strstr(domain("alias.test"), "nobodyalpha.test:") == listed);
    CHECK(strstr(domain("alpha.test"), "nobody of alpha.test:") == listed);
    return 0;
}

static void test_words(void **state)
{
    (void)state;
    run(words);
}

static int replaced(void)
{
    /* A verb replaces what was, but the lock; what else is given changes that alone. */
    OK(word("plan:gold/imap", "verb=deny tls=required"));
    OK(word("plan:gold/imap", "locked=true"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=plan:gold/imap"),
             "plan:gold/imap verb=deny locked=true tls=required;"));
    OK(word("plan:gold/imap", "verb=allow networks=unix"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=plan:gold/imap"),
             "plan:gold/imap verb=allow locked=true networks=unix;"));
    OK(word("plan:gold/imap", "mechanisms=PLAIN networks=-"));
    OK(word("plan:gold/imap", "locked=false"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=plan:gold/imap"),
             "plan:gold/imap verb=allow locked=false mechanisms=PLAIN;"));
    CHECK(strstr(list(MANSIO_OBJECT_AUDIT, "object=plan:gold/imap"), "action=set") != NULL);
    CHECK(word("plan:gold/smtp", "locked=true") == MANSIO_E_NOT_FOUND);
    CHECK(removed(MANSIO_OBJECT_POLICY, "plan:gold/smtp", 0) == MANSIO_E_NOT_FOUND);
    CHECK(word("plan:lead/imap", "verb=allow") == MANSIO_E_NOT_FOUND && says("no plan lead"));
    CHECK(word("tenant:gamma/imap", "verb=allow") == MANSIO_E_NOT_FOUND && says("no tenant gamma"));
    CHECK(word("domain:alias.test/imap", "verb=allow") == MANSIO_E_INVALID &&
          says("another name for alpha.test"));
    CHECK(word("account:no@alpha.test/imap", "verb=allow") == MANSIO_E_NOT_FOUND);
    CHECK(word("platform/imap", "verb=maybe") == MANSIO_E_INVALID);
    CHECK(word("platform/imap", "verb=-") == MANSIO_E_INVALID && says("must have a value"));
    CHECK(word("platform/imap", "verb=allow hours=Mon_08:00-09:00") == MANSIO_E_INVALID &&
          says("hours without a zone: expected"));
    CHECK(word("platform/imap", "verb=allow zone=UTC") == MANSIO_E_INVALID &&
          says("a zone without hours: expected"));
    static const char *const zones[] = {"Europe/Berlim", "Foo5", "Europe/Berlin5", "CESTX"};
    for (size_t i = 0; i < MANSIO_COUNT(zones); i++) {
        char text[128];
        snprintf(text, sizeof text, "verb=allow hours=Mon_08:00-09:00 zone=%s", zones[i]);
        CHECK(word("platform/imap", text) == MANSIO_E_INVALID && says("no time zone "));
    }
    OK(word("platform/http", "verb=allow hours=Mon_08:00-09:00 zone=Etc/GMT+5"));
    OK(removed(MANSIO_OBJECT_POLICY, "platform/http", 0));
    CHECK(word("platform/imap", "verb=allow networks=192.0.2.1/24") == MANSIO_E_INVALID &&
          says("field networks: \"192.0.2.1/24\""));
    CHECK(word("platform/imap", "verb=allow networks=nowhere") == MANSIO_E_NOT_FOUND &&
          says("no network named nowhere: expected"));
    CHECK(add(MANSIO_OBJECT_POLICY, "platform/pop3", "verb=allow") == MANSIO_E_UNSUPPORTED);
    CHECK(add(MANSIO_OBJECT_TENANT, "delta", "plan=lead") == MANSIO_E_NOT_FOUND &&
          says("no plan lead"));
    CHECK(add(MANSIO_OBJECT_ADDRESS, "x@alpha.test", "accounts=no@alpha.test") ==
              MANSIO_E_NOT_FOUND &&
          says("no account no@alpha.test in the address's tenant"));
    CHECK(set(MANSIO_OBJECT_ADDRESS, "ann@alpha.test", "accounts=bob@alpha.test") ==
              MANSIO_E_BUSY &&
          says("expected the account whose own address it is"));
    return 0;
}

static void test_replaced_and_refused(void **state)
{
    (void)state;
    run(replaced);
}

static int networks(void)
{
    OK(add(MANSIO_OBJECT_NETWORK, "office", "networks=192.0.2.0/24_2001:db8::/32"));
    CHECK(add(MANSIO_OBJECT_NETWORK, "office", "networks=unix") == MANSIO_E_EXISTS);
    CHECK(add(MANSIO_OBJECT_NETWORK, "gamma:office", "networks=unix") == MANSIO_E_NOT_FOUND);
    CHECK(add(MANSIO_OBJECT_NETWORK, "other", "networks=office") == MANSIO_E_INVALID);
    OK(word("platform/pop3", "verb=allow networks=office_unix"));
    OK(word("tenant:alpha/pop3", "verb=allow networks=office"));
    CHECK(strstr(standing_of(ann), "platform/pop3=allow@192.0.2.0/24,2001:db8::/32,unix") != NULL);
    CHECK(strstr(listed, "alpha/pop3=allow@192.0.2.0/24,2001:db8::/32 ") != NULL);
    /* The tenant's own comes first for its words, and for nobody else's. */
    OK(add(MANSIO_OBJECT_NETWORK, "alpha:office", "networks=198.51.100.0/24"));
    CHECK(strstr(standing_of(ann), "platform/pop3=allow@192.0.2.0/24,2001:db8::/32,unix") != NULL);
    CHECK(strstr(listed, "alpha/pop3=allow@198.51.100.0/24 ") != NULL);
    OK(set(MANSIO_OBJECT_NETWORK, "office", "networks=203.0.113.0/24"));
    CHECK(strstr(standing_of(ann), "platform/pop3=allow@203.0.113.0/24,unix") != NULL);
    CHECK(is(list(MANSIO_OBJECT_NETWORK, ""),
             "office networks=203.0.113.0/24;alpha:office networks=198.51.100.0/24;"));
    CHECK(
        is(list(MANSIO_OBJECT_NETWORK, "tenant=alpha"), "alpha:office networks=198.51.100.0/24;"));
    CHECK(removed(MANSIO_OBJECT_NETWORK, "office", 1) == MANSIO_E_BUSY && says("1 words"));
    CHECK(removed(MANSIO_OBJECT_NETWORK, "alpha:office", 1) == MANSIO_E_BUSY);
    CHECK(word("tenant:beta/pop3", "verb=allow networks=office") == 0);
    CHECK(removed(MANSIO_OBJECT_NETWORK, "office", 1) == MANSIO_E_BUSY && says("2 words"));
    /* Should one go all the same, the condition stays. (What was refused is undone by now.) */
    OK(set(MANSIO_OBJECT_NETWORK, "office", "networks=unix"));
    (void)sql("DELETE FROM tenant_network; DELETE FROM platform_network");
    CHECK(strstr(standing_of(ann), "alpha/pop3=allow@nowhere ") != NULL);
    OK(removed(MANSIO_OBJECT_POLICY, "platform/pop3", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/pop3", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:beta/pop3", 0));
    OK(add(MANSIO_OBJECT_NETWORK, "office", "networks=unix"));
    OK(removed(MANSIO_OBJECT_NETWORK, "office", 0));
    CHECK(removed(MANSIO_OBJECT_NETWORK, "office", 0) == MANSIO_E_NOT_FOUND);
    return 0;
}

static void test_networks(void **state)
{
    (void)state;
    run(networks);
}

/* ---- bounds ---- */

/* "NAME=10.BASE.0.0 10.BASE.0.1 ...", and what else is given; fields_of() makes spaces of '_'. */
static const char *many(const char *name, unsigned base, unsigned count, const char *more)
{
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    (void)mansio_buf_printf(out, "%s", name);
    for (unsigned i = 0; i < count; i++) {
        (void)mansio_buf_printf(out, "%s10.%u.%u.%u", i > 0 ? "_" : "=", base, i / 256, i % 256);
    }
    (void)mansio_buf_printf(out, "%s", more);
    return mansio_buf_str(out).ptr;
}

/* What a word comes to once names are resolved, whichever of the two is changed. */
static int bounds_of_a_word(void)
{
    struct mansio_field fields[4];
    OK(add(MANSIO_OBJECT_NETWORK, "big1", many("networks", 1, 1000, "")));
    OK(add(MANSIO_OBJECT_NETWORK, "big2", many("networks", 2, 999, "")));
    OK(add(MANSIO_OBJECT_NETWORK, "tiny", "networks=10.9.9.9"));
    CHECK(set(MANSIO_OBJECT_NETWORK, "big1", many("networks", 1, 1001, "")) == MANSIO_E_INVALID &&
          says("expected at most 1000"));
    OK(word("tenant:alpha/aa", "verb=allow networks=big1_big2_tiny"));
    OK(word("tenant:alpha/aa", "verb=allow networks=big1_big2_tiny_10.1.0.7")); /* it is in big1 */
    size_t count = fields_of("verb=allow networks=big1_big2_tiny_unix", fields);
    CHECK(word("tenant:alpha/aa", "verb=allow networks=big1_big2_tiny_unix") == MANSIO_E_LIMIT &&
          says("policy tenant:alpha/aa: 2001 networks, names resolved: expected at most 2000"));
    CHECK(pg_policy_try(pg->instance, S("tenant:alpha/aa"), fields, count, visit_say, NULL,
                        DEADLINE) == MANSIO_E_LIMIT);
    CHECK(set(MANSIO_OBJECT_NETWORK, "big2", many("networks", 2, 1000, "")) == MANSIO_E_LIMIT &&
          says("policy tenant:alpha/aa: 2001 networks"));
    /* A tenant's own comes before the platform's, which then says nothing of the word. */
    CHECK(add(MANSIO_OBJECT_NETWORK, "alpha:tiny", "networks=10.9.9.8_10.9.9.9") ==
              MANSIO_E_LIMIT &&
          says("policy tenant:alpha/aa: 2001 networks"));
    OK(add(MANSIO_OBJECT_NETWORK, "beta:tiny", "networks=10.9.9.8_10.9.9.9"));
    OK(add(MANSIO_OBJECT_NETWORK, "alpha:big2", "networks=unix"));
    OK(set(MANSIO_OBJECT_NETWORK, "big2", many("networks", 2, 1000, "")));
    OK(set(MANSIO_OBJECT_NETWORK, "alpha:big2", many("networks", 3, 999, "")));
    CHECK(set(MANSIO_OBJECT_NETWORK, "alpha:big2", many("networks", 3, 1000, "")) ==
          MANSIO_E_LIMIT);
    /* The platform's words know the platform's alone. */
    CHECK(word("platform/aa", "verb=allow networks=big1_big2_tiny") == MANSIO_E_LIMIT &&
          says("policy platform/aa: 2001"));
    OK(word("account:ann@alpha.test/aa", "verb=allow networks=tiny_big1"));
    return 0;
}

static int bounds_of_a_scope(void)
{
    OK(word("tenant:alpha/bb", "verb=allow networks=big1_big2_tiny"));
    CHECK(word("tenant:alpha/cc", "verb=allow networks=unix") == MANSIO_E_LIMIT &&
          says("policy of tenant:alpha: 4001 networks in all its words, names resolved: expected at"
               " most 4000"));
    OK(word("tenant:alpha/cc", "verb=allow"));
    OK(word("domain:alpha.test/cc", "verb=allow networks=unix")); /* another scope */
    CHECK(set(MANSIO_OBJECT_NETWORK, "tiny", "networks=10.9.9.8_10.9.9.9") == MANSIO_E_LIMIT &&
          says("policy tenant:alpha/aa: 2001"));
    OK(word("tenant:alpha/bb", "verb=allow networks=big1_tiny"));
    for (int i = 0; i < 64; i++) { /* and plan:gold/imap is there */
        char key[64];
        snprintf(key, sizeof key, "plan:gold/service-%d", i);
        int rc = word(key, "verb=deny");
        CHECK(i < 63 ? rc == 0
                     : rc == MANSIO_E_LIMIT &&
                           says("policy of plan:gold: words about 65 services: expected at most"
                                " 64"));
    }
    /* All of it can be read. */
    const struct mansio_standing *const *found = NULL;
    OK(pg_standings(pg->instance, &ann, 1, arena, DEADLINE, &found));
    size_t seen = 0;
    for (size_t i = 0; i < found[0]->word_count; i++) {
        seen += found[0]->words[i]->network_count;
    }
    CHECK(seen == 2000 + 1001 + 1001 + 1);
    (void)sql("DELETE FROM tenant_word WHERE service IN ('aa', 'bb', 'cc');"
              "DELETE FROM platform_word WHERE service LIKE 'service-%';"
              "DELETE FROM tenant_network; DELETE FROM platform_network");
    return 0;
}

static void test_bounds(void **state)
{
    (void)state;
    run(bounds_of_a_word);
    run(bounds_of_a_scope);
}

/* A zone that the server has forgotten lets nobody in. */
static int zones(void)
{
    OK(word("platform/http", "verb=allow hours=00:00-24:00 zone=UTC"));
    OK(word("tenant:alpha/http", "verb=deny hours=Mon_08:00-08:01 zone=UTC"));
    (void)sql("UPDATE platform_word SET zone = 'Gone/Zone' WHERE service = 'http';"
              "UPDATE tenant_word SET hours = 'whenever' WHERE service = 'http'");
    const struct mansio_standing *const *found = NULL;
    OK(pg_standings(pg->instance, &ann, 1, arena, DEADLINE, &found));
    size_t seen = 0;
    for (size_t i = 0; i < found[0]->word_count; i++) {
        const struct mansio_policy_word *w = found[0]->words[i];
        if (mansio_str_eq(w->service, S("http"))) {
            seen++;
            CHECK(w->hour_count == 0);
            CHECK(w->has_hours == (w->verb == MANSIO_POLICY_ALLOW));
        }
    }
    CHECK(seen == 2);
    OK(removed(MANSIO_OBJECT_POLICY, "platform/http", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/http", 0));
    return 0;
}

static void test_unknown_zones(void **state)
{
    (void)state;
    run(zones);
}

/* ---- hours ---- */

static const struct mansio_policy_word *hours_word;
static int64_t known_us;

static int keep_hours(void *arg, const struct mansio_standing *standing)
{
    (void)arg;
    for (size_t i = 0; i < standing->word_count; i++) {
        if (!standing->words[i]->has_hours) {
            continue;
        }
        /* It goes with the list. */
        struct mansio_policy_word *copy = mansio_arena_alloc(arena, sizeof *copy);
        struct mansio_time_span *spans =
            mansio_arena_alloc(arena, (standing->words[i]->hour_count + 1) * sizeof *spans);
        memcpy(spans, standing->words[i]->hours, standing->words[i]->hour_count * sizeof *spans);
        *copy = *standing->words[i];
        copy->hours = spans;
        hours_word = copy;
    }
    known_us = standing->hours_known_us;
    return 0;
}

/* From a day before to eight days after, every five minutes, asked of PostgreSQL as the wall clock
 * of that moment. */
static void compare_hours(const char *zone, const char *at)
{
    char text[1024];
    snprintf(text, sizeof text, "SELECT (extract(epoch FROM timestamptz '%s') * 1000000)::bigint",
             at);
    int64_t at_us = strtoll(sql(text), NULL, 10);
    OK(pg_standing_list(pg->instance, MANSIO_POLICY_ACCOUNT, S("ann@alpha.test"), at_us, keep_hours,
                        NULL, DEADLINE));
    CHECK(known_us >= at_us + 8 * 86400 * MANSIO_SECOND);
    snprintf(text, sizeof text,
             "SELECT string_agg(CASE WHEN (d BETWEEN 1 AND 5 AND m >= 480 AND m < 1080)"
             " OR (d = 7 AND m >= 90 AND m < 195) OR m >= 1320 OR m < 370 THEN '1' ELSE '0' END, ''"
             "  ORDER BY g) FROM (SELECT g, extract(isodow FROM l) AS d,"
             "  extract(hour FROM l) * 60 + extract(minute FROM l) AS m FROM"
             "  (SELECT g, g AT TIME ZONE '%s' AS l FROM generate_series("
             "   timestamptz '%s' - interval '1 day', timestamptz '%s' + interval '8 days',"
             "   interval '5 minutes') g) a) b",
             zone, at, at);
    const char *wanted = sql(text);
    size_t span = 0;
    size_t count = 0;
    int64_t us = at_us - 86400 * MANSIO_SECOND;
    for (; wanted[count] != '\0'; count++, us += 300 * MANSIO_SECOND) {
        while (span < hours_word->hour_count && hours_word->hours[span].until_us <= us) {
            span++;
        }
        int is_within = span < hours_word->hour_count && hours_word->hours[span].from_us <= us;
        if (is_within != (wanted[count] == '1')) {
            print_message("# %s %s: step %zu\n", zone, at, count);
            CHECK(!"hours");
            return;
        }
    }
    CHECK(count == 9 * 288 + 1);
    for (size_t i = 1; i < hours_word->hour_count; i++) {
        CHECK(hours_word->hours[i - 1].until_us < hours_word->hours[i].from_us);
    }
}

static int hours(void)
{
    static const struct {
        const char *zone, *at;
    } rows[] = {
        {"Europe/Berlin", "2026-03-26 12:34:00+00"}, /* clocks forward on 03-29 */
        {"Europe/Berlin", "2026-03-29 00:30:00+00"},
        {"Europe/Berlin", "2026-10-22 23:50:00+00"}, /* back on 10-25 */
        {"Europe/Berlin", "2026-10-25 01:30:00+00"},
        {"America/New_York", "2026-11-01 05:30:00+00"},
        {"Australia/Lord_Howe", "2026-04-03 12:00:00+00"}, /* by half an hour */
        {"Asia/Kathmandu", "2026-06-01 00:00:00+00"},      /* 5:45 ahead */
        {"UTC", "2026-12-30 00:00:00+00"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "verb=allow zone=- hours=Mon-Fri_08:00-18:00,_Sun_01:30-03:15,_22:00-06:10");
        struct mansio_field fields[4];
        size_t count = fields_of(text, fields);
        fields[1].value = S(rows[i].zone);
        OK(pg_object_set(pg->instance, &actor, MANSIO_OBJECT_POLICY,
                         S("account:ann@alpha.test/http"), fields, count, DEADLINE));
        compare_hours(rows[i].zone, rows[i].at);
    }
    OK(removed(MANSIO_OBJECT_POLICY, "account:ann@alpha.test/http", 0));
    return 0;
}

static void test_hours_over_changes_of_clocks(void **state)
{
    (void)state;
    run(hours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_replaced_and_refused),
        cmocka_unit_test(test_networks),      cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_unknown_zones), cmocka_unit_test(test_hours_over_changes_of_clocks),
    };
    return cmocka_run_group_tests_name("policy", tests, policy_setup, policy_teardown);
}
