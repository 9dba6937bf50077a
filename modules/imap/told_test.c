/*
 * What was told, beside a table of states.
 */
#include "core/base/testing.h"

#include "told.h"

enum { UIDS = 40, MODSEQS = 20, ROUNDS = 500 };

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

static void remembers_each_state(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char table[UIDS][MODSEQS] = {{0}};
        struct imap_told told = {.arena = NULL};
        uint32_t last = UIDS;
        for (uint32_t i = draw(&seed, 60); i > 0; i--) {
            uint32_t uid = draw(&seed, 2) ? draw(&seed, UIDS) : (last + 1) % UIDS;
            uint32_t modseq = draw(&seed, MODSEQS);
            int is_next = uid == last + 1;
            assert_int_equal(imap_told_add(&told, uid, modseq, 0, is_next), 0);
            table[uid][modseq] = 1;
            last = told.runs[told.count - 1].last;
            if (draw(&seed, 8) == 0) { /* sorts: what came last need not be the last */
                (void)imap_told_has(&told, uid, modseq);
                last = told.runs[told.count - 1].last;
            }
        }
        uint64_t behind = draw(&seed, MODSEQS);
        for (int step = 0; step < 2; step++) {
            for (uint32_t uid = 0; uid < UIDS; uid++) {
                for (uint32_t modseq = 0; modseq < MODSEQS; modseq++) {
                    int wanted = table[uid][modseq] && (step == 0 || modseq > behind);
                    assert_int_equal(imap_told_has(&told, uid, modseq), wanted);
                }
            }
            imap_told_forget(&told, behind);
        }
        imap_told_forget(&told, UINT64_MAX);
        assert_null(told.arena);
    }
}

static void keeps_a_row_as_one(void **state)
{
    struct imap_told told = {.arena = NULL};
    (void)state;
    for (uint32_t uid = 1; uid <= 1000; uid++) {
        assert_int_equal(imap_told_add(&told, 3 * uid, 5, 1, uid > 1), 0);
    }
    assert_int_equal(told.count, 1);
    assert_int_equal(imap_told_add(&told, 3003, 6, 1, 1), 0); /* another change */
    assert_int_equal(told.count, 2);
    assert_int_equal(imap_told_add(&told, 3000, 6, 1, 1), 0); /* back again */
    assert_int_equal(told.count, 3);
    assert_true(imap_told_has(&told, 3000, 6) && !imap_told_has(&told, 2997, 6));
    imap_told_forget(&told, UINT64_MAX);
}

static void advances_while_nothing_is_missing(void **state)
{
    static const uint64_t modseqs[] = {12, 14, 11, 12, 9};
    struct imap_told told = {.arena = NULL};
    (void)state;
    assert_int_equal(imap_told_advance(&told, 10), 10);
    for (uint32_t i = 0; i < MANSIO_COUNT(modseqs); i++) {
        assert_int_equal(imap_told_add(&told, 7 * i + 1, modseqs[i], 1, 0), 0);
    }
    assert_int_equal(imap_told_advance(&told, 10), 12); /* 13 was somebody else's */
    assert_int_equal(imap_told_advance(&told, 13), 14);
    assert_int_equal(imap_told_advance(&told, 20), 20);
    assert_int_equal(imap_told_advance(&told, 2), 2);
    assert_int_equal(imap_told_add(&told, 50, 13, 0, 0), 0); /* a part of somebody else's change */
    assert_int_equal(imap_told_advance(&told, 10), 12);
    assert_true(imap_told_has(&told, 50, 13));
    assert_true(imap_told_knows(&told, 13) && !imap_told_knows(&told, 10));
    imap_told_forget(&told, 13);
    assert_int_equal(told.count, 1);
    imap_told_forget(&told, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_each_state),
        cmocka_unit_test(keeps_a_row_as_one),
        cmocka_unit_test(advances_while_nothing_is_missing),
    };
    return cmocka_run_group_tests_name("imap_told", tests, NULL, NULL);
}
