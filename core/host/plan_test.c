/*
 * Plans: entries copied, changed and refused; outcomes; bounds; builds of other ages.
 */
#include <mansio/plan.h>

#include "core/base/testing.h"

#include <stdio.h>

#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

/* A plan only carries accounts; it never looks into them. */
static char somebody;
#define SOMEBODY ((struct mansio_account *)(void *)&somebody)

static const struct mansio_plan_facts facts = {.size = sizeof facts,
                                               .flags = MANSIO_PLAN_EACH | MANSIO_PLAN_8BIT,
                                               .received_us = 42,
                                               .reverse_path = {"a@b.test", 8},
                                               .ret = {"HDRS", 4}};

static struct mansio_plan_entry deliver(void)
{
    return (struct mansio_plan_entry){.size = sizeof(struct mansio_plan_entry),
                                      .action = MANSIO_PLAN_DELIVER,
                                      .account = SOMEBODY,
                                      .prefix = MANSIO_STR("Delivered-To: x\r\n")};
}

static void test_keeps_copies(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    char path[] = "a@b.test";
    char prefix[] = "Delivered-To: x\r\n";
    struct mansio_plan_facts given = facts;
    given.reverse_path = (struct mansio_str){path, sizeof path - 1};
    struct mansio_plan *plan = mansio_plan_new(arena, &given);
    struct mansio_plan_entry entry = deliver();
    entry.prefix = (struct mansio_str){prefix, sizeof prefix - 1};
    entry.recipient = 3;
    entry.collection = MANSIO_STR("Lists");
    entry.is_creating = 1;
    entry.flags = MANSIO_FLAG_SEEN;
    entry.keywords = MANSIO_STR("$one $two");
    assert_int_equal(mansio_plan_add(plan, &entry), 0);
    assert_int_equal(mansio_plan_add(plan, &entry), 1);
    memset(path, 'z', sizeof path - 1);
    memset(prefix, 'z', sizeof prefix - 1);

    core_test_str(mansio_plan_facts(plan)->reverse_path, "a@b.test");
    core_test_str(mansio_plan_facts(plan)->ret, "HDRS");
    assert_int_equal(mansio_plan_facts(plan)->received_us, 42);
    assert_int_equal(mansio_plan_facts(plan)->flags, MANSIO_PLAN_EACH | MANSIO_PLAN_8BIT);
    assert_int_equal(mansio_plan_count(plan), 2);
    const struct mansio_plan_entry *kept = mansio_plan_entry(plan, 0);
    core_test_str(kept->prefix, "Delivered-To: x\r\n");
    core_test_str(kept->collection, "Lists");
    core_test_str(kept->keywords, "$one $two");
    assert_int_equal(kept->recipient, 3);
    assert_int_equal(kept->is_creating, 1);
    assert_int_equal(kept->flags, MANSIO_FLAG_SEEN);
    assert_ptr_equal(kept->account, SOMEBODY);
    /* Equal texts are one. */
    assert_ptr_equal(mansio_plan_entry(plan, 1)->prefix.ptr, kept->prefix.ptr);
    assert_null(mansio_plan_entry(plan, 2));
    mansio_arena_free(arena);
}

static void test_changes_entries(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    struct mansio_plan_entry entry = deliver();
    assert_int_equal(mansio_plan_add(plan, &entry), 0);
    assert_int_equal(mansio_plan_add(plan, &entry), 1);
    const struct mansio_plan_entry *kept = mansio_plan_entry(plan, 0);
    const char *prefix = kept->prefix.ptr;
    entry.action = MANSIO_PLAN_REJECT;
    entry.reply = MANSIO_STR("550 5.7.1 no");
    assert_int_equal(mansio_plan_change(plan, 0, &entry), 0);
    assert_ptr_equal(mansio_plan_entry(plan, 0), kept);
    assert_int_equal(kept->action, MANSIO_PLAN_REJECT);
    core_test_str(kept->reply, "550 5.7.1 no");
    assert_ptr_equal(kept->prefix.ptr, prefix);
    assert_int_equal(mansio_plan_entry(plan, 1)->action, MANSIO_PLAN_DELIVER);
    assert_int_equal(mansio_plan_change(plan, 2, &entry), MANSIO_E_NOT_FOUND);
    entry.reply = MANSIO_STR("250 ok");
    assert_int_equal(mansio_plan_change(plan, 0, &entry), MANSIO_E_INVALID);
    core_test_str(kept->reply, "550 5.7.1 no");
    mansio_arena_free(arena);
}

/* What is no entry, and why. */
static const struct {
    const char *what; /* of the detail; NULL: it is taken */
    uint32_t action;
    const char *prefix, *reply, *path, *keywords;
    uint32_t flags;
} rows[] = {
    {NULL, MANSIO_PLAN_DELIVER, "", "", "", "", 0},
    {NULL, MANSIO_PLAN_DISCARD, "", "", "", "", 0},
    {NULL, MANSIO_PLAN_QUARANTINE, "X: y\r\n", "", "", "a b", MANSIO_FLAG_DRAFT},
    {NULL, MANSIO_PLAN_SEND, "", "", "x@y.test", "", 0},
    {NULL, MANSIO_PLAN_REJECT, "", "450 4.2.2 full", "", "", 0},
    {NULL, MANSIO_PLAN_REJECT, "", "599 x", "", "", 0},
    {"unknown action", 0, "", "", "", "", 0},
    {"unknown action", 6, "", "", "", "", 0},
    {"unknown flags", MANSIO_PLAN_DELIVER, "", "", "", "", 64},
    {"keywords", MANSIO_PLAN_DELIVER, "", "", "", "a\nb", 0},
    {"prefix", MANSIO_PLAN_DELIVER, "X: y\n", "", "", "", 0},
    {"prefix", MANSIO_PLAN_DELIVER, "X: y", "", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "550", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "5x0 no", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "350 no", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "550-no", "", "", 0},
    {"refusal", MANSIO_PLAN_REJECT, "", "550 no\r\n550 more", "", "", 0},
    {"no path", MANSIO_PLAN_SEND, "", "", "", "", 0},
    {"no path", MANSIO_PLAN_SEND, "", "", "x@y\r\n", "", 0},
};

static void test_refuses_what_is_no_entry(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_plan_entry entry = deliver();
        entry.action = rows[i].action;
        entry.prefix = core_test_slice(rows[i].prefix);
        entry.reply = core_test_slice(rows[i].reply);
        entry.forward_path = core_test_slice(rows[i].path);
        entry.keywords = core_test_slice(rows[i].keywords);
        entry.flags = rows[i].flags;
        int rc = mansio_plan_add(plan, &entry);
        if (rows[i].what == NULL
                ? rc < 0
                : rc != MANSIO_E_INVALID || strstr(mansio_error_detail(), rows[i].what) == NULL) {
            print_error("row %zu: %d %s\n", i, rc, mansio_error_detail());
            fail();
        }
    }
    struct mansio_plan_entry entry = deliver();
    entry.account = NULL;
    assert_int_equal(mansio_plan_add(plan, &entry), MANSIO_E_INVALID);
    entry = deliver();
    entry.size = 8;
    assert_int_equal(mansio_plan_add(plan, &entry), MANSIO_E_INVALID);
    assert_int_equal(mansio_plan_count(plan), 6);
    mansio_arena_free(arena);
}

static void test_keeps_outcomes(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    struct mansio_plan_entry entry = deliver();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(mansio_plan_add(plan, &entry), i);
    }
    assert_int_equal(mansio_plan_outcome(plan, 99)->code, MANSIO_E_BUG);
    const struct mansio_plan_outcome outcome = {.size = sizeof outcome, .uid = 9, .code = 0};
    mansio_plan_set_outcome(plan, 99, &outcome);
    assert_int_equal(mansio_plan_outcome(plan, 99)->code, 0);
    assert_int_equal(mansio_plan_outcome(plan, 99)->uid, 9);
    assert_int_equal(mansio_plan_outcome(plan, 98)->code, MANSIO_E_BUG);
    assert_null(mansio_plan_outcome(plan, 100));
    mansio_arena_free(arena);
}

static void test_is_bounded(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    struct mansio_plan_entry entry = deliver();
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(mansio_plan_add(plan, &entry), i);
    }
    assert_int_equal(mansio_plan_add(plan, &entry), MANSIO_E_LIMIT);
    assert_int_equal(mansio_plan_count(plan), 10000);
    mansio_arena_free(arena);

    arena = mansio_arena_new(NULL, "small", 16384);
    plan = mansio_plan_new(arena, &facts);
    assert_non_null(plan);
    int rc = 0;
    char text[64];
    for (int i = 0; i < 10000 && rc >= 0; i++) {
        snprintf(text, sizeof text, "X: %d\r\n", i);
        entry.prefix = mansio_str_from_cstr(text);
        rc = mansio_plan_add(plan, &entry);
    }
    assert_int_equal(rc, MANSIO_E_LIMIT);
    mansio_arena_free(arena);
    arena = mansio_arena_new(NULL, "smaller", 64);
    assert_null(mansio_plan_new(arena, &facts));
    mansio_arena_free(arena);
}

/* A module of a later minor gives longer structs; what we don't know is left out. */
static void test_reads_longer_structs(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    struct {
        struct mansio_plan_entry entry;
        char more[16];
    } longer = {.entry = deliver()};
    longer.entry.size = sizeof longer;
    memset(longer.more, 'x', sizeof longer.more);
    assert_int_equal(mansio_plan_add(plan, &longer.entry), 0);
    assert_int_equal(mansio_plan_entry(plan, 0)->size, sizeof(struct mansio_plan_entry));
    struct mansio_plan_facts shorter = facts;
    shorter.size = 8;
    assert_null(mansio_plan_new(arena, &shorter));
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_copies),
        cmocka_unit_test(test_changes_entries),
        cmocka_unit_test(test_refuses_what_is_no_entry),
        cmocka_unit_test(test_keeps_outcomes),
        cmocka_unit_test(test_is_bounded),
        cmocka_unit_test(test_reads_longer_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
