/*
 * Numbers, UIDs, and what a client's set means in a view (RFC 3501 2.3.1, 6.4.8, 9).
 */
#include "testing.h"

#include "view_private.h"

/* A view of these UIDs; its memory is ended by close_view(). */
static void open_view(struct imap_view *view, const uint32_t *pairs, size_t count)
{
    struct imap_set set = {.count = count};
    uint32_t ranges[16];
    memcpy(ranges, pairs, 2 * count * sizeof *pairs);
    set.ranges = ranges;
    *view = (struct imap_view){.recent_from = UINT32_MAX};
    assert_int_equal(imap_view_install(view, &set), 0);
}

static void close_view(struct imap_view *view)
{
    mansio_arena_free(view->ranges_arena);
    mansio_arena_free(view->gone_arena);
    imap_told_forget(&view->told, UINT64_MAX);
}

static const uint32_t seven[] = {3, 5, 9, 9, 20, 22}; /* 3 4 5 9 20 21 22 */

static void resolves_sets(void **state)
{
    static const struct {
        const char *set;
        int is_uid;
        const char *uids; /* NULL: no such number */
    } rows[] = {
        {"1", 0, "3:3"},
        {"2:4", 0, "4:5,9:9"},
        {"4:2", 0, "4:5,9:9"},
        {"1,3,5", 0, "3:3,5:5,20:20"},
        {"*", 0, "22:22"},
        {"6:*", 0, "21:22"},
        {"*:1", 0, "3:5,9:9,20:22"},
        {"1:7", 0, "3:5,9:9,20:22"},
        {"8", 0, NULL},
        {"1:8", 0, NULL},
        {"8:*", 0, NULL}, /* 8:7, and there is no 8 */
        {"3", 1, "3:3"},
        {"1:100", 1, "3:5,9:9,20:22"},
        {"6:8", 1, ""},
        {"5:9,21", 1, "5:5,9:9,21:21"},
        {"23:*", 1, "22:22"}, /* the last, whatever comes before "*" (6.4.8) */
        {"*", 1, "22:22"},
        {"*:21", 1, "21:22"},
        {"4294967294", 1, ""},
    };
    struct imap_view view;
    open_view(&view, seven, 3);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].set));
        struct mansio_buf *text = mansio_buf_new(*state, 1000);
        struct imap_set set, uids;
        assert_int_equal(imap_parse_set(&cursor, &set), 0);
        int rc = imap_view_resolve(&view, &set, rows[i].is_uid, *state, &uids);
        assert_int_equal(rc, rows[i].uids == NULL ? MANSIO_E_INVALID : 0);
        for (size_t k = 0; rc == 0 && k < uids.count; k++) {
            mansio_buf_printf(text, "%s%u:%u", k > 0 ? "," : "", uids.ranges[2 * k],
                              uids.ranges[2 * k + 1]);
        }
        core_test_str(mansio_buf_str(text), rc == 0 ? rows[i].uids : "");
    }
    close_view(&view);
}

static void has_nothing_while_empty(void **state)
{
    uint32_t star[] = {UINT32_MAX, UINT32_MAX};
    const struct imap_set all = {star, 1};
    struct imap_set uids;
    struct imap_view view;
    open_view(&view, seven, 0);
    assert_int_equal(view.count, 0);
    assert_int_equal(imap_view_uid(&view, 1), 0);
    assert_int_equal(imap_view_number(&view, 1), 0);
    /* "*" of an empty mailbox is no number (RFC 3501 9, seq-number); as a UID it is none there. */
    assert_int_equal(imap_view_resolve(&view, &all, 0, *state, &uids), MANSIO_E_INVALID);
    assert_int_equal(imap_view_resolve(&view, &all, 1, *state, &uids), 0);
    assert_int_equal(uids.count, 0);
    close_view(&view);
}

static void grows_at_its_end(void **state)
{
    struct imap_view view;
    (void)state;
    open_view(&view, seven, 0);
    uint32_t uid = 1, number = 0;
    for (int i = 0; i < 200; i++) { /* further than the room it begins with */
        uint32_t pair[] = {uid, uid + (uint32_t)i % 3};
        const struct imap_set more = {pair, 1};
        assert_int_equal(imap_view_append(&view, &more), 0);
        for (; uid <= pair[1]; uid++) {
            number++;
            assert_int_equal(imap_view_number(&view, uid), number);
            assert_int_equal(imap_view_uid(&view, number), uid);
        }
        uid += (uint32_t)i % 2;
        assert_int_equal(view.count, number);
    }
    const struct imap_set none = {.count = 0};
    assert_int_equal(imap_view_append(&view, &none), 0);
    assert_int_equal(view.count, number);
    view.recent_from = imap_view_uid(&view, 100);
    assert_int_equal(imap_view_recent(&view), number - 99);
    assert_true(imap_view_is_recent(&view, view.recent_from));
    assert_false(imap_view_is_recent(&view, view.recent_from - 1));
    close_view(&view);
}

static void notes_what_is_gone(void **state)
{
    uint32_t some[] = {1, 3, 9, 10, 22, 30};
    const struct imap_set gone = {some, 3}, none = {.count = 0};
    struct imap_view view;
    (void)state;
    open_view(&view, seven, 3);
    assert_int_equal(imap_view_add_gone(&view, &none), 0);
    assert_int_equal(imap_view_add_gone(&view, &gone), 0);
    assert_int_equal(imap_view_add_gone(&view, &gone), 0);
    /* Only what the client has numbers for. */
    assert_int_equal(imap_set_count(&view.gone), 3);
    assert_true(imap_view_is_gone(&view, 3) && imap_view_is_gone(&view, 9));
    assert_true(imap_view_is_gone(&view, 22) && !imap_view_is_gone(&view, 4));
    assert_false(imap_view_is_gone(&view, 1));
    assert_int_equal(view.count, 7); /* and the numbers stay until it is told */
    assert_int_equal(imap_view_set_gone(&view, &none), 0);
    assert_null(view.gone_arena);
    close_view(&view);
}

/* Neighbours in the view are one run, whatever UIDs lie between. */
static void tells_neighbours_as_one(void **state)
{
    struct imap_view view;
    (void)state;
    open_view(&view, seven, 3);
    for (uint32_t number = 1; number <= view.count; number++) {
        assert_int_equal(imap_view_add_told(&view, imap_view_uid(&view, number), 8, 1), 0);
    }
    assert_int_equal(view.told.count, 1);
    assert_int_equal(imap_view_add_told(&view, 3, 9, 1), 0);
    assert_int_equal(imap_view_add_told(&view, 9, 9, 1), 0); /* 4 and 5 lie between */
    assert_int_equal(view.told.count, 3);
    assert_false(imap_told_has(&view.told, 4, 9));
    close_view(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(resolves_sets),           IMAP_TEST(has_nothing_while_empty),
        IMAP_TEST(grows_at_its_end),        IMAP_TEST(notes_what_is_gone),
        IMAP_TEST(tells_neighbours_as_one),
    };
    return cmocka_run_group_tests_name("imap_view", tests, NULL, NULL);
}
