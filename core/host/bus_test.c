/*
 * The bus of one process: who gets what, in which order, and what happens to the slow.
 */
#include <config.h>

#include "core/host/bus.h"

#include <string.h>

#include "core/loop/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>

struct outside {
    int calls;
    char topic[64], payload[64];
};

static void note_outside(void *arg, struct mansio_str topic, struct mansio_str payload)
{
    struct outside *outside = arg;
    outside->calls++;
    (void)snprintf(outside->topic, sizeof outside->topic, "%.*s", MANSIO_STR_ARG(topic));
    (void)snprintf(outside->payload, sizeof outside->payload, "%.*s", MANSIO_STR_ARG(payload));
}

static void check_next(struct mansio_subscription *subscription, const char *wanted)
{
    struct mansio_str payload = MANSIO_STR_NONE;
    CHECK(mansio_subscription_next(subscription, 0, &payload) == 0);
    CHECK(mansio_str_eq(payload, mansio_str_from_cstr(wanted)));
}

static int deliver(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_arena *short_lived = mansio_arena_new(NULL, "test", 0);
    struct mansio_subscription *one = NULL;
    struct mansio_subscription *two = NULL;
    struct mansio_subscription *other = NULL;
    struct mansio_str payload;
    struct outside outside = {0};
    (void)arg;

    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR("nobody hears")) == 0);
    CHECK(mansio_bus_subscribe(arena, MANSIO_STR("mail/7"), 3, &one) == 0);
    CHECK(mansio_bus_subscribe(short_lived, MANSIO_STR("mail/7"), 3, &two) == 0);
    CHECK(mansio_bus_subscribe(arena, MANSIO_STR("mail/8"), 3, &other) == 0);
    core_bus_set_link(note_outside, &outside);
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR("a")) == 0);
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR_NONE) == 0);
    CHECK(outside.calls == 2 && strcmp(outside.topic, "mail/7") == 0);
    core_bus_deliver(MANSIO_STR("mail/7"), MANSIO_STR("from outside"));
    CHECK(outside.calls == 2); /* it doesn't go back */

    check_next(one, "a");
    check_next(one, "");
    check_next(one, "from outside");
    CHECK(mansio_subscription_next(one, 0, &payload) == MANSIO_E_TIMEOUT);
    check_next(two, "a");
    CHECK(mansio_subscription_next(other, 0, &payload) == MANSIO_E_TIMEOUT);

    mansio_arena_free(short_lived); /* with hints still queued */
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR("b")) == 0);
    check_next(one, "b");
    core_bus_set_link(NULL, NULL);
    mansio_arena_free(arena);
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR("nobody again")) == 0);
    return 0;
}

static void test_delivers(void **state)
{
    (void)state;
    run_fiber(deliver, NULL);
}

static int overrun(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_subscription *slow = NULL;
    struct mansio_str payload = MANSIO_STR("as it was");
    (void)arg;
    CHECK(mansio_bus_subscribe(arena, MANSIO_STR("t"), 2, &slow) == 0);
    for (int i = 0; i < 5; i++) {
        CHECK(mansio_bus_publish(MANSIO_STR("t"), MANSIO_STR("x")) == 0);
    }
    /* Once; then only what came after. */
    CHECK(mansio_subscription_next(slow, 0, &payload) == MANSIO_E_LIMIT);
    CHECK(mansio_str_eq(payload, MANSIO_STR("as it was")));
    CHECK(mansio_subscription_next(slow, 0, &payload) == MANSIO_E_TIMEOUT);
    CHECK(mansio_bus_publish(MANSIO_STR("t"), MANSIO_STR("y")) == 0);
    check_next(slow, "y");
    mansio_arena_free(arena);
    return 0;
}

static void test_slow_subscribers_lose(void **state)
{
    (void)state;
    run_fiber(overrun, NULL);
}

struct reader {
    struct mansio_subscription *subscription;
    int result;
    char got[16];
};

static int read_one(void *arg)
{
    struct reader *reader = arg;
    struct mansio_str payload = MANSIO_STR_NONE;
    reader->result = mansio_subscription_next(reader->subscription, MANSIO_NEVER, &payload);
    (void)snprintf(reader->got, sizeof reader->got, "%.*s", MANSIO_STR_ARG(payload));
    return 0;
}

static int wake(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_group *group = mansio_group_new("readers");
    struct reader reader = {0};
    struct mansio_str payload;
    (void)arg;
    CHECK(mansio_bus_subscribe(arena, MANSIO_STR("t"), 2, &reader.subscription) == 0);
    struct mansio_waitable *readable = mansio_subscription_readable(reader.subscription);

    CHECK(mansio_wait(&readable, 1, mansio_now_us(), 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_subscription_next(reader.subscription, mansio_now_us(), &payload) ==
          MANSIO_E_TIMEOUT);
    CHECK(mansio_group_spawn(group, "reader", read_one, &reader, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_bus_publish(MANSIO_STR("t"), MANSIO_STR("up")) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(reader.result == 0 && strcmp(reader.got, "up") == 0);

    CHECK(mansio_bus_publish(MANSIO_STR("t"), MANSIO_STR("there")) == 0);
    CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
    check_next(reader.subscription, "there");

    CHECK(mansio_group_spawn(group, "reader", read_one, &reader, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_group_close(group);
    CHECK(reader.result == MANSIO_E_CANCELLED);
    mansio_arena_free(arena);
    return 0;
}

static void test_wakes_who_waits(void **state)
{
    (void)state;
    run_fiber(wake, NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    char longest[MANSIO_BUS_PAYLOAD_MAX + 1];
    struct mansio_str payload = {longest, sizeof longest};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_subscription *out = NULL;
    static const char *const bad[] = {
        "",    "Mail", "a b",
        "a_b", "a\n",  "0123456789012345678901234567890123456789012345678901234567890123",
    };
    memset(longest, 'x', sizeof longest);
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        struct mansio_str topic = mansio_str_from_cstr(bad[i]);
        assert_int_equal(mansio_bus_publish(topic, MANSIO_STR_NONE), MANSIO_E_INVALID);
        assert_int_equal(mansio_bus_subscribe(arena, topic, 1, &out), MANSIO_E_INVALID);
    }
    assert_int_equal(mansio_bus_subscribe(arena, MANSIO_STR("t"), 0, &out), MANSIO_E_INVALID);
    assert_int_equal(mansio_bus_subscribe(arena, MANSIO_STR("t"), 65537, &out), MANSIO_E_INVALID);
    assert_null(out);
    assert_int_equal(mansio_bus_subscribe(arena, MANSIO_STR("t.0-/"), 65536, &out), 0);
    assert_int_equal(mansio_bus_publish(MANSIO_STR("t.0-/"), payload), MANSIO_E_LIMIT);
    payload.len--;
    assert_int_equal(mansio_bus_publish(MANSIO_STR("t.0-/"), payload), 0);
    struct mansio_str got = MANSIO_STR_NONE;
    assert_int_equal(mansio_subscription_next(out, 0, &got), 0);
    assert_true(mansio_str_eq(got, payload));
    mansio_arena_free(arena);
}

/* Too many topics is a bound that was reached, not a name that is wrong: 4yz, not 5yz. */
static int crowd(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_subscription *one = NULL;
    int rc = 0;
    int count = 0;
    (void)arg;
    while (rc == 0 && count < 70000) {
        char topic[32];
        int len = snprintf(topic, sizeof topic, "mail/%d", count);
        rc = mansio_bus_subscribe(arena, (struct mansio_str){topic, (size_t)len}, 1, &one);
        count += rc == 0;
    }
    CHECK(count == 65536);
    CHECK(rc == MANSIO_E_LIMIT);
    CHECK(strstr(mansio_error_detail(), "65536 topics are in use") != NULL);
    mansio_arena_free(arena);
    return 0;
}

static void test_bounds_topics(void **state)
{
    (void)state;
    run_fiber(crowd, NULL);
}

/* ---- a transport to other nodes ---- */

static int tapped(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_subscription *one = NULL;
    struct outside link = {0};
    struct outside tap = {0};
    (void)arg;

    CHECK(mansio_bus_subscribe(arena, MANSIO_STR("mail/7"), 8, &one) == 0);
    core_bus_set_link(note_outside, &link);
    mansio_bus_tap(arena, note_outside, &tap);
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR("ours")) == 0);
    CHECK(tap.calls == 1 && link.calls == 1 && strcmp(tap.payload, "ours") == 0);
    core_bus_deliver(MANSIO_STR("mail/7"), MANSIO_STR("the node's"));
    CHECK(tap.calls == 2 && link.calls == 1);
    CHECK(mansio_bus_relay(MANSIO_STR("mail/7"), MANSIO_STR("another node's")) == 0);
    CHECK(tap.calls == 2 && link.calls == 2);
    CHECK(mansio_bus_relay(MANSIO_STR("Mail"), MANSIO_STR_NONE) == MANSIO_E_INVALID);
    check_next(one, "ours");
    check_next(one, "the node's");
    check_next(one, "another node's");
    core_bus_set_link(NULL, NULL);
    mansio_arena_free(arena);
    CHECK(mansio_bus_publish(MANSIO_STR("mail/7"), MANSIO_STR_NONE) == 0);
    CHECK(tap.calls == 2);
    return 0;
}

static void test_tapped(void **state)
{
    (void)state;
    run_fiber(tapped, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tapped),
        cmocka_unit_test(test_delivers),
        cmocka_unit_test(test_slow_subscribers_lose),
        cmocka_unit_test(test_wakes_who_waits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
