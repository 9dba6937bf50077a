/*
 * Sets as ranges, each operation beside the same on a table of members.
 */
#include "testing.h"

#include "ranges.h"

enum { MEMBERS = 96, ROUNDS = 2000 };

/* A table of members: what a set ought to be. */
struct table {
    unsigned char has[MEMBERS + 2];
};

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

static struct table random_table(uint64_t *seed)
{
    struct table table = {{0}};
    uint32_t density = draw(seed, 10) + 1;
    for (size_t i = 1; i <= MEMBERS; i++) {
        table.has[i] = draw(seed, 11) < density;
    }
    return table;
}

static struct imap_set set_of(struct mansio_arena *arena, const struct table *table)
{
    struct imap_gather gather = {.arena = arena};
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        if (table->has[i]) {
            assert_int_equal(imap_gather_add(&gather, i, i), 0);
        }
    }
    return gather.set;
}

/* The same members, ascending, and no two ranges that touch. */
static void is_table(const struct imap_set *set, const struct table *table)
{
    struct table found = {{0}};
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->ranges[2 * i] <= set->ranges[2 * i + 1]);
        assert_true(i == 0 || set->ranges[2 * i] > set->ranges[2 * i - 1] + 1);
        for (uint32_t member = set->ranges[2 * i]; member <= set->ranges[2 * i + 1]; member++) {
            assert_true(member >= 1 && member <= MEMBERS);
            found.has[member] = 1;
        }
    }
    assert_memory_equal(&found, table, sizeof found);
}

static void combines_as_tables_do(void **state)
{
    uint64_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct table a = random_table(&seed), b = random_table(&seed);
        struct table both = a, left = a, either = a;
        struct imap_set left_set = set_of(*state, &a), right_set = set_of(*state, &b), out;
        for (size_t i = 0; i < sizeof a.has; i++) {
            both.has[i] = a.has[i] && b.has[i];
            left.has[i] = a.has[i] && !b.has[i];
            either.has[i] = a.has[i] || b.has[i];
        }
        is_table(&left_set, &a);
        assert_int_equal(imap_set_intersect(*state, &left_set, &right_set, &out), 0);
        is_table(&out, &both);
        assert_int_equal(imap_set_subtract(*state, &left_set, &right_set, &out), 0);
        is_table(&out, &left);
        assert_int_equal(imap_set_unite(*state, &left_set, &right_set, &out), 0);
        is_table(&out, &either);
        mansio_arena_reset(*state);
    }
}

static void gathers_in_any_order(void **state)
{
    uint64_t seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        struct imap_gather gather = {.arena = *state};
        struct table table = {{0}};
        for (uint32_t i = draw(&seed, 40); i > 0; i--) {
            uint32_t first = draw(&seed, MEMBERS) + 1;
            uint32_t last = first + draw(&seed, 4);
            last = last > MEMBERS ? MEMBERS : last;
            assert_int_equal(imap_gather_add(&gather, first, last), 0);
            memset(&table.has[first], 1, last - first + 1);
        }
        imap_gather_end(&gather);
        is_table(&gather.set, &table);
        mansio_arena_reset(*state);
    }
}

static void numbers_members(void **state)
{
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        struct table table = random_table(&seed);
        struct imap_set set = set_of(*state, &table);
        uint32_t before[MEMBERS], number = 0, below = 0;
        uint32_t count = imap_set_index(&set, before, 0);
        assert_int_equal(count, imap_set_count(&set));
        for (uint32_t member = 0; member <= MEMBERS + 1; member++) {
            assert_int_equal(imap_set_below(&set, before, member), below);
            number += table.has[member];
            assert_int_equal(imap_set_has(&set, member), table.has[member]);
            assert_int_equal(imap_set_number(&set, before, member), table.has[member] ? number : 0);
            if (table.has[member]) {
                assert_int_equal(imap_set_member(&set, before, number), member);
            }
            below = number;
        }
        assert_int_equal(imap_set_member(&set, before, 0), 0);
        assert_int_equal(imap_set_member(&set, before, count + 1), 0);
        mansio_arena_reset(*state);
    }
}

static void gathers_by_number(void **state)
{
    uint64_t seed = 4;
    for (int round = 0; round < ROUNDS; round++) {
        struct table table = random_table(&seed), wanted = {{0}};
        struct imap_set set = set_of(*state, &table);
        struct imap_gather gather = {.arena = *state};
        uint32_t before[MEMBERS], number = 0;
        uint32_t count = imap_set_index(&set, before, 0);
        if (count > 0) {
            uint32_t first = draw(&seed, count) + 1;
            uint32_t last = first + draw(&seed, count - first + 1);
            assert_int_equal(imap_set_gather(&set, before, first, last, &gather), 0);
            for (size_t i = 1; i <= MEMBERS; i++) {
                number += table.has[i];
                wanted.has[i] = table.has[i] && number >= first && number <= last;
            }
            is_table(&gather.set, &wanted);
        }
        mansio_arena_reset(*state);
    }
}

static void comes_in_pieces(void **state)
{
    uint64_t seed = 5;
    for (int round = 0; round < ROUNDS; round++) {
        struct table table = random_table(&seed), seen = {{0}};
        struct imap_set set = set_of(*state, &table);
        struct imap_pieces pieces;
        uint32_t max = draw(&seed, 7) + 1;
        uint64_t left = imap_set_count(&set);
        assert_int_equal(imap_pieces_begin(&pieces, *state, &set, max), 0);
        while (imap_pieces_next(&pieces)) {
            uint64_t count = imap_set_count(&pieces.piece);
            assert_int_equal(count, left < max ? left : max);
            left -= count;
            for (size_t i = 0; i < pieces.piece.count; i++) {
                uint32_t first = pieces.piece.ranges[2 * i], last = pieces.piece.ranges[2 * i + 1];
                for (; first <= last; first++) {
                    assert_false(seen.has[first]);
                    seen.has[first] = 1;
                }
            }
        }
        assert_int_equal(left, 0);
        assert_memory_equal(&seen, &table, sizeof seen);
        mansio_arena_reset(*state);
    }
}

/* The greatest UID there can be has no neighbour. */
static void bears_the_end_of_numbers(void **state)
{
    uint32_t all[] = {1, UINT32_MAX}, last[] = {UINT32_MAX, UINT32_MAX}, before[1];
    const struct imap_set whole = {all, 1}, end = {last, 1};
    struct imap_gather gather = {.arena = *state};
    struct imap_pieces pieces;
    struct imap_set out;
    assert_int_equal(imap_set_count(&whole), UINT32_MAX);
    assert_int_equal(imap_set_subtract(*state, &whole, &end, &out), 0);
    assert_true(out.count == 1 && out.ranges[0] == 1 && out.ranges[1] == UINT32_MAX - 1);
    assert_int_equal(imap_set_subtract(*state, &end, &whole, &out), 0);
    assert_int_equal(out.count, 0);
    assert_int_equal(imap_set_intersect(*state, &whole, &end, &out), 0);
    assert_true(out.count == 1 && out.ranges[0] == UINT32_MAX);
    assert_int_equal(imap_gather_add(&gather, UINT32_MAX, UINT32_MAX), 0);
    assert_int_equal(imap_gather_add(&gather, 1, UINT32_MAX), 0);
    imap_gather_end(&gather);
    assert_true(gather.set.count == 1 && gather.set.ranges[0] == 1);
    assert_int_equal(imap_set_index(&whole, before, 0), UINT32_MAX);
    assert_int_equal(imap_set_number(&whole, before, UINT32_MAX), UINT32_MAX);
    assert_int_equal(imap_pieces_begin(&pieces, *state, &end, 10), 0);
    assert_int_equal(imap_pieces_next(&pieces), 1);
    assert_int_equal(imap_pieces_next(&pieces), 0);
}

/* Nothing is written where there is no room, and what was gathered stays. */
static void says_that_it_is_full(void **state)
{
    struct mansio_arena *small = mansio_arena_new(*state, "small", 256);
    struct imap_gather gather = {.arena = small};
    struct imap_set out;
    uint32_t uid = 1;
    int rc = 0;
    while (rc == 0) {
        rc = imap_gather_add(&gather, uid, uid);
        uid += 2;
    }
    assert_int_equal(rc, MANSIO_E_LIMIT);
    assert_int_equal(imap_set_count(&gather.set), (uid - 3) / 2);
    assert_int_equal(imap_set_unite(small, &gather.set, &gather.set, &out), MANSIO_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(combines_as_tables_do), IMAP_TEST(gathers_in_any_order),
        IMAP_TEST(numbers_members),       IMAP_TEST(gathers_by_number),
        IMAP_TEST(comes_in_pieces),       IMAP_TEST(bears_the_end_of_numbers),
        IMAP_TEST(says_that_it_is_full),
    };
    return cmocka_run_group_tests_name("imap_ranges", tests, NULL, NULL);
}
