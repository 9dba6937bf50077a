/*
 * Going through UIDs in pieces: every one once, whatever the pieces.
 */
#include "walk.h"

#include "core/base/testing.h"

enum { ROOM = 4 };

static uint32_t ranges[] = {1, 1, 3, 5, 7, 7, 10, 19, UINT32_MAX - 1, UINT32_MAX};
static const struct imap_set set = {.ranges = ranges, .count = MANSIO_COUNT(ranges) / 2};
static const uint32_t members[] = {
    1, 3, 4, 5, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, UINT32_MAX - 1, UINT32_MAX};

/* What comes next is the members from one on. */
static void expect_from(struct imap_walk *walk, size_t member, uint32_t max, size_t room)
{
    uint32_t taken[2 * ROOM];
    size_t count;
    while ((count = imap_walk_take(walk, max, taken, room)) > 0) {
        uint32_t uids = 0;
        for (size_t i = 0; i < count; i++) {
            for (uint64_t uid = taken[2 * i]; uid <= taken[2 * i + 1]; uid++) {
                assert_true(member < MANSIO_COUNT(members));
                assert_int_equal(uid, members[member]);
                member++;
                uids++;
            }
        }
        assert_true(uids > 0 && uids <= max);
        assert_true(uids == max || count == room || member == MANSIO_COUNT(members));
    }
    assert_int_equal(member, MANSIO_COUNT(members));
    assert_true(imap_walk_is_at_end(walk));
    assert_int_equal(imap_walk_take(walk, max, taken, room), 0);
}

static void takes_each_once(void **state)
{
    static const uint32_t maxes[] = {1, 2, 3, 4, 7, 16, 17, 18, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(maxes); i++) {
        for (size_t room = 1; room <= ROOM; room++) {
            struct imap_walk walk;
            imap_walk_init(&walk, &set);
            expect_from(&walk, 0, maxes[i], room);
        }
    }
}

static void goes_behind_a_uid(void **state)
{
    (void)state;
    for (uint32_t uid = 0; uid <= 21; uid++) {
        struct imap_walk walk;
        size_t member = 0;
        while (members[member] <= uid) {
            member++;
        }
        imap_walk_init(&walk, &set);
        imap_walk_behind(&walk, uid);
        expect_from(&walk, member, 3, 2);
        imap_walk_behind(&walk, uid); /* and from the end */
        expect_from(&walk, member, 2, 1);
    }
}

static void goes_behind_the_last(void **state)
{
    struct imap_walk walk;
    (void)state;
    imap_walk_init(&walk, &set);
    imap_walk_behind(&walk, UINT32_MAX);
    expect_from(&walk, MANSIO_COUNT(members), 1, 1);
    imap_walk_behind(&walk, UINT32_MAX - 1);
    expect_from(&walk, MANSIO_COUNT(members) - 1, 1, 1);
}

static void counts(void **state)
{
    static uint32_t all[] = {0, UINT32_MAX};
    const struct imap_set whole = {.ranges = all, .count = 1}, none = {.count = 0};
    struct imap_walk walk;
    (void)state;
    assert_int_equal(imap_walk_count(&set), MANSIO_COUNT(members));
    assert_true(imap_walk_count(&whole) == UINT64_C(1) << 32);
    assert_int_equal(imap_walk_count(&none), 0);
    imap_walk_init(&walk, &none);
    assert_int_equal(imap_walk_take(&walk, 1, all, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_once),
        cmocka_unit_test(goes_behind_a_uid),
        cmocka_unit_test(goes_behind_the_last),
        cmocka_unit_test(counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
