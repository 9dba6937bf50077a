/* Tests of core/base/list.h: membership after each operation, both directions of the chain. */
#include "core/base/list.h"
#include "core/base/testing.h"

struct item {
    int before; /* so that the link isn't at offset 0 */
    char name;
    struct core_list link;
};

/* The names in the list in order; checks the backward chain too. */
static void assert_names(struct core_list *list, const char *wanted)
{
    size_t count = strlen(wanted);
    struct core_list *back = list->prev;
    size_t i = 0;

    assert_int_equal(core_list_count(list), count);
    for (struct core_list *link = list->next; link != list; link = link->next) {
        assert_int_equal(CORE_CONTAINER(link, struct item, link)->name, wanted[i++]);
    }
    while (i > 0) {
        assert_int_equal(CORE_CONTAINER(back, struct item, link)->name, wanted[--i]);
        back = back->prev;
    }
    assert_int_equal(core_list_is_empty(list), count == 0);
}

static void make_items(struct item items[4])
{
    for (int i = 0; i < 4; i++) {
        items[i] = (struct item){.name = (char)('a' + i)};
        core_list_init(&items[i].link);
    }
}

static void pushes_at_both_ends(void **state)
{
    struct core_list list;
    struct item items[4];

    (void)state;
    make_items(items);
    core_list_init(&list);
    assert_names(&list, "");
    core_list_push_back(&list, &items[0].link);
    core_list_push_back(&list, &items[1].link);
    core_list_push_front(&list, &items[2].link);
    core_list_insert_after(&items[0].link, &items[3].link);
    assert_names(&list, "cadb");
}

static void removes_anywhere_and_twice(void **state)
{
    struct core_list list;
    struct item items[4];

    (void)state;
    make_items(items);
    core_list_init(&list);
    for (int i = 0; i < 4; i++) {
        core_list_push_back(&list, &items[i].link);
    }
    core_list_remove(&items[1].link);
    assert_names(&list, "acd");
    core_list_remove(&items[1].link);
    assert_names(&list, "acd");
    assert_true(core_list_is_empty(&items[1].link));
    core_list_remove(&items[0].link);
    core_list_remove(&items[3].link);
    assert_names(&list, "c");
    assert_ptr_equal(core_list_pop_front(&list), &items[2].link);
    assert_null(core_list_pop_front(&list));
    assert_names(&list, "");
}

static void walk_allows_removal(void **state)
{
    struct core_list list;
    struct item items[4];
    size_t visited = 0;

    (void)state;
    make_items(items);
    core_list_init(&list);
    for (int i = 0; i < 4; i++) {
        core_list_push_back(&list, &items[i].link);
    }
    CORE_LIST_EACH (link, follower, &list) {
        if (visited++ % 2 == 0) {
            core_list_remove(link);
        }
    }
    assert_int_equal(visited, 4);
    assert_names(&list, "bd");
}

static void splices(void **state)
{
    struct core_list to;
    struct core_list from;
    struct item items[4];

    (void)state;
    make_items(items);
    core_list_init(&to);
    core_list_init(&from);
    core_list_splice_back(&to, &from);
    assert_names(&to, "");
    core_list_push_back(&from, &items[0].link);
    core_list_push_back(&from, &items[1].link);
    core_list_splice_back(&to, &from);
    assert_names(&to, "ab");
    assert_names(&from, "");
    core_list_push_back(&from, &items[2].link);
    core_list_push_back(&from, &items[3].link);
    core_list_splice_back(&to, &from);
    assert_names(&to, "abcd");
    core_list_splice_back(&to, &from);
    assert_names(&to, "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_at_both_ends),
        cmocka_unit_test(removes_anywhere_and_twice),
        cmocka_unit_test(walk_allows_removal),
        cmocka_unit_test(splices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
