/*
 * The maildrop in memory: marks, sums, and the ranges of UIDs that a store is asked to change.
 */
#include "core/base/testing.h"

#include "maildrop.h"

enum { COUNT = 6 };

static void fill(struct pop3_maildrop *drop, struct pop3_message messages[COUNT])
{
    static const uint32_t uids[COUNT] = {3, 4, 9, 10, 11, 4000000000u};
    for (uint32_t i = 0; i < COUNT; i++) {
        messages[i] = (struct pop3_message){.uid = uids[i], .bytes = 10 * (i + 1)};
    }
    *drop = (struct pop3_maildrop){
        .messages = messages, .count = COUNT, .left_count = COUNT, .left_bytes = 210};
}

static void deletes_and_resets(void **state)
{
    struct pop3_message messages[COUNT];
    struct pop3_maildrop drop;
    (void)state;
    fill(&drop, messages);
    messages[1].marks = POP3_MARK_SEEN;
    pop3_maildrop_delete(&drop, 2);
    pop3_maildrop_delete(&drop, 6);
    assert_int_equal(drop.left_count, 4);
    assert_int_equal(drop.left_bytes, 210 - 20 - 60);
    assert_int_equal(messages[1].marks, POP3_MARK_SEEN | POP3_MARK_DELETED);
    pop3_maildrop_reset(&drop);
    assert_int_equal(drop.left_count, COUNT);
    assert_int_equal(drop.left_bytes, 210);
    assert_int_equal(messages[1].marks, POP3_MARK_SEEN);
}

static void joins_neighbours_to_ranges(void **state)
{
    static const struct {
        const char *deleted; /* numbers */
        int64_t count;
        uint32_t ranges[6];
    } rows[] = {
        {"", 0, {0}},
        {"1", 1, {3, 3}},
        {"6", 1, {4000000000u, 4000000000u}},
        {"123456", 1, {3, 4000000000u}},
        {"12", 1, {3, 4}},
        {"23", 1, {4, 9}}, /* nobody has the UIDs between, nor ever will */
        {"135", 3, {3, 3, 9, 9, 11, 11}},
        {"1256", 2, {3, 4, 11, 4000000000u}},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 16);
        struct pop3_message messages[COUNT];
        struct pop3_maildrop drop;
        uint32_t *ranges = NULL;
        fill(&drop, messages);
        for (const char *c = rows[i].deleted; *c != '\0'; c++) {
            pop3_maildrop_delete(&drop, (uint32_t)(*c - '0'));
        }
        int64_t count =
            pop3_maildrop_ranges(&drop, arena, POP3_MARK_DELETED, POP3_MARK_DELETED, &ranges);
        assert_int_equal(count, rows[i].count);
        for (int64_t j = 0; j < 2 * count; j++) {
            assert_int_equal(ranges[j], rows[i].ranges[j]);
        }
        mansio_arena_free(arena);
    }
}

/* \Seen is for what was retrieved, stays, and wasn't seen. */
static void heeds_every_mark(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 16);
    struct pop3_message messages[COUNT];
    struct pop3_maildrop drop;
    uint32_t *ranges = NULL;
    (void)state;
    fill(&drop, messages);
    messages[0].marks = POP3_MARK_RETRIEVED;
    messages[1].marks = POP3_MARK_RETRIEVED | POP3_MARK_SEEN;
    messages[2].marks = POP3_MARK_RETRIEVED | POP3_MARK_DELETED;
    messages[3].marks = POP3_MARK_RETRIEVED;
    messages[4].marks = POP3_MARK_RETRIEVED;
    assert_int_equal(pop3_maildrop_ranges(&drop, arena,
                                          POP3_MARK_DELETED | POP3_MARK_SEEN | POP3_MARK_RETRIEVED,
                                          POP3_MARK_RETRIEVED, &ranges),
                     2);
    assert_int_equal(ranges[0], 3);
    assert_int_equal(ranges[1], 3);
    assert_int_equal(ranges[2], 10);
    assert_int_equal(ranges[3], 11);
    mansio_arena_free(arena);
}

static void takes_16_bytes_a_message(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct pop3_message), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deletes_and_resets),
        cmocka_unit_test(joins_neighbours_to_ranges),
        cmocka_unit_test(heeds_every_mark),
        cmocka_unit_test(takes_16_bytes_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
