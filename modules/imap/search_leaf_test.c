/* Tests of single answers: what entries and envelopes say of each kind of key. */
#include "search_leaf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/str.h>
#include <mansio/time.h>

#define DAY_US (86400 * MANSIO_SECOND)

static int ask_entry(uint32_t kind, uint32_t mask, uint64_t number, int32_t days,
                     const struct mansio_message *message, uint32_t is_recent)
{
    const struct imap_search_leaf leaf = {
        .kind = kind, .mask = mask, .number = number, .days = days, .text = MANSIO_STR("work")};
    uint32_t ranges[] = {5, 7, 9, 9};
    const struct imap_set sets[] = {{NULL, 0}, {ranges, 2}};
    const struct imap_search_place place = {.is_recent = is_recent, .sets = sets};
    return imap_search_entry(&leaf, 1, message, &place);
}

static void test_entries(void **state)
{
    (void)state;
    const struct mansio_message message = {
        .size = sizeof message,
        .modseq = 70,
        .received_us = 10 * DAY_US - 1,
        .body_bytes = 90,
        .prefix_bytes = 10,
        .uid = 7,
        .flags = MANSIO_FLAG_SEEN,
        .keywords = MANSIO_STR("$Junk WORK"),
    };
    struct mansio_message other = message;
    other.uid = 8;
    other.flags = 0;
    other.keywords = MANSIO_STR("worker net work2");
    other.received_us = -1;
    assert_true(ask_entry(IMAP_SEARCH_ALL, 0, 0, 0, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_FLAGS, MANSIO_FLAG_SEEN, MANSIO_FLAG_SEEN, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_FLAGS, MANSIO_FLAG_SEEN, 0, 0, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_FLAGS, MANSIO_FLAG_DRAFT, 0, 0, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_KEYWORD, 0, 0, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_KEYWORD, 0, 0, 0, &other, 0));
    assert_true(ask_entry(IMAP_SEARCH_RECENT, 0, 0, 0, &message, 1));
    assert_false(ask_entry(IMAP_SEARCH_NEW, 0, 0, 0, &message, 1));
    assert_true(ask_entry(IMAP_SEARCH_NEW, 0, 0, 0, &other, 1));
    assert_true(ask_entry(IMAP_SEARCH_UIDS, 0, 0, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_NUMBERS, 0, 0, 0, &other, 0));
    assert_true(ask_entry(IMAP_SEARCH_ON, 0, 0, 9, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_SINCE, 0, 0, 9, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_BEFORE, 0, 0, 9, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_ON, 0, 0, -1, &other, 0)); /* the day before 1970 */
    assert_false(ask_entry(IMAP_SEARCH_LARGER, 0, 100, 0, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_LARGER, 0, 99, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_SMALLER, 0, 100, 0, &message, 0));
    assert_true(ask_entry(IMAP_SEARCH_MODSEQ, 0, 70, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_MODSEQ, 0, 71, 0, &message, 0));
    assert_false(ask_entry(IMAP_SEARCH_TEXT, 0, 0, 0, &message, 0)); /* not the entry's to say */
}

static int ask(uint32_t kind, const char *text, int32_t days,
               const struct mansio_envelope *envelope)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct imap_search_work work;
    const struct imap_search_leaf leaf = {
        .kind = kind, .days = days, .text = mansio_str_from_cstr(text)};
    imap_search_work_init(&work, arena);
    imap_search_work_take(&work, envelope);
    int first = imap_search_envelope(&leaf, &work);
    assert_int_equal(imap_search_envelope(&leaf, &work), first);
    mansio_arena_free(arena);
    return first;
}

static void test_envelopes(void **state)
{
    (void)state;
    const struct mansio_address end = {.size = sizeof end, .kind = MANSIO_ADDRESS_GROUP_END};
    const struct mansio_address last = {.size = sizeof last,
                                        .next = &end,
                                        .kind = MANSIO_ADDRESS_MAILBOX,
                                        .local = MANSIO_STR("c")};
    const struct mansio_address second = {.size = sizeof second,
                                          .next = &last,
                                          .kind = MANSIO_ADDRESS_MAILBOX,
                                          .name = MANSIO_STR("=?utf-8?q?B=C3=96B?="),
                                          .local = MANSIO_STR("b"),
                                          .domain = MANSIO_STR("x.test")};
    const struct mansio_address group = {.size = sizeof group,
                                         .next = &second,
                                         .kind = MANSIO_ADDRESS_GROUP_START,
                                         .local = MANSIO_STR("List")};
    const struct mansio_address first = {.size = sizeof first,
                                         .next = &group,
                                         .kind = MANSIO_ADDRESS_MAILBOX,
                                         .local = MANSIO_STR("A"),
                                         .domain = MANSIO_STR("x.test")};
    struct mansio_envelope envelope = {
        .size = sizeof envelope,
        .date = MANSIO_STR("Mon, 1 Jun 2020 23:59:59 -0800"),
        .subject = MANSIO_STR("=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus"),
        .to = &first,
    };
    assert_true(ask(IMAP_SEARCH_TO,
                    "<a@x.test>, list: b\xc3\xb6"
                    "b <b@x.test>, <c>;",
                    0, &envelope));
    assert_false(ask(IMAP_SEARCH_TO, "b@y", 0, &envelope));
    assert_false(ask(IMAP_SEARCH_FROM, "a", 0, &envelope));
    assert_true(ask(IMAP_SEARCH_SUBJECT, "gr\xc3\xbcsse aus", 0, &envelope));
    assert_false(ask(IMAP_SEARCH_SUBJECT, "utf-8", 0, &envelope));
    assert_true(ask(IMAP_SEARCH_SENT_ON, "", 18414, &envelope));
    assert_false(ask(IMAP_SEARCH_SENT_ON, "", 18415, &envelope));
    assert_true(ask(IMAP_SEARCH_SENT_BEFORE, "", 18415, &envelope));
    assert_true(ask(IMAP_SEARCH_SENT_SINCE, "", 18414, &envelope));
    envelope.date = MANSIO_STR("yesterday");
    assert_false(ask(IMAP_SEARCH_SENT_SINCE, "", -100000, &envelope));
    envelope.date = MANSIO_STR_NONE;
    assert_false(ask(IMAP_SEARCH_SENT_BEFORE, "", 100000, &envelope));
}

static void test_fields(void **state)
{
    (void)state;
    for (uint32_t kind = IMAP_SEARCH_SENT_BEFORE; kind <= IMAP_SEARCH_TEXT; kind++) {
        const struct imap_search_leaf leaf = {.kind = kind};
        int has_field = kind >= IMAP_SEARCH_FROM && kind <= IMAP_SEARCH_SUBJECT;
        assert_int_equal(imap_search_field(&leaf).len > 0, has_field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests_name("search_leaf", tests, NULL, NULL);
}
