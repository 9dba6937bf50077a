/*
 * Applying the schema: from nothing, again, by whom it may not be; and what versions go together.
 */
#include "schema.h"

#include "core/host/testing.h"

#include "testing.h"

struct steps {
    size_t count;
    char text[2048];
};

static void tell(void *arg, const char *step)
{
    struct steps *steps = arg;
    size_t at = strlen(steps->text);
    steps->count++;
    snprintf(steps->text + at, sizeof steps->text - at, "%s;", step);
}

static struct steps first, second;

static int apply(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct pg *pg = TESTING_PG(arena);
    uint32_t version = 9;
    uint32_t wanted = 9;
    uint32_t oldest = 9;
    int64_t deadline_us = mansio_deadline_in(60 * MANSIO_SECOND);
    int rc = pg_schema_apply(pg, tell, &first, deadline_us);
    if (rc < 0) {
        print_message("# %s\n", mansio_error_detail());
    }
    CHECK(rc == (int)first.count);
    CHECK(first.count >= 9);
    CHECK(pg_schema_status(pg, deadline_us, &version, &wanted, &oldest) == 0);
    CHECK(version == pg_schema_wanted());
    CHECK(wanted == version);
    CHECK(oldest >= 1 && oldest <= version);
    CHECK(pg_schema_apply(pg, tell, &second, deadline_us) == 0);
    CHECK(second.count == 0);
    mansio_arena_free(arena);
    return 0;
}

static void test_from_nothing_and_again(void **state)
{
    (void)state;
    run_fiber(apply, NULL);
    assert_non_null(strstr(first.text, "database;mansio_owner;"));
    assert_non_null(strstr(first.text, "schema mansio;0001_directory;"));
}

static int by_others(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct pg *pg = TESTING_PG(arena);
    int64_t deadline_us = mansio_deadline_in(60 * MANSIO_SECOND);
    /* The migrator itself finds nothing to do. */
    pg->config.roles[PG_ROLE_MIGRATOR].user = MANSIO_STR("mansio_migrator");
    CHECK(pg_schema_apply(pg, NULL, NULL, deadline_us) == 0);
    /* A database without our schema, which the migrator must not make. */
    pg->config.conninfo = (struct mansio_str){NULL, 0};
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "host=%s dbname=template1", testing_dir);
    pg->config.conninfo = mansio_str_from_cstr(conninfo);
    CHECK(pg_schema_apply(pg, NULL, NULL, deadline_us) == MANSIO_E_DENIED);
    CHECK(strstr(mansio_error_detail(), "no superuser") != NULL);
    mansio_arena_free(arena);
    return 0;
}

static void test_by_others(void **state)
{
    (void)state;
    run_fiber(by_others, NULL);
}

/* ---- several at once ---- */

static int apply_one(void *arg)
{
    int *rc = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    *rc = pg_schema_apply(TESTING_PG(arena), NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND));
    if (*rc < 0) {
        print_message("# %s\n", mansio_error_detail());
    }
    mansio_arena_free(arena);
    return 0;
}

/* Each finds no database; one makes it, and one applies each migration. */
static int at_once(void *arg)
{
    enum { MANY = 4 };
    (void)arg;
    char command[256];
    int results[MANY];
    int steps = 0;
    snprintf(command, sizeof command,
             "psql -X -q -h %s -U postgres -d postgres -c 'DROP DATABASE mansio'", testing_dir);
    CHECK(testing_run("/bin/sh", "-c", command) == 0);
    struct mansio_group *group = mansio_group_new("appliers");
    for (int i = 0; i < MANY; i++) {
        CHECK(mansio_group_spawn(group, "applier", apply_one, &results[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, mansio_deadline_in(120 * MANSIO_SECOND)) == 0);
    mansio_group_close(group);
    for (int i = 0; i < MANY; i++) {
        CHECK(results[i] >= 0);
        steps += results[i];
    }
    /* The roles are the cluster's, and stayed: the database, the schema in it, what is applied. */
    CHECK(steps == 2 + (int)pg_migration_count);
    return 0;
}

static void test_at_once(void **state)
{
    (void)state;
    run_fiber(at_once, NULL);
}

static void test_versions(void **state)
{
    (void)state;
    uint32_t wanted = pg_schema_wanted();
    assert_int_equal(pg_schema_check(wanted, wanted), 0);
    assert_int_equal(pg_schema_check(wanted + 1, wanted), 0);
    assert_int_equal(pg_schema_check(wanted + 1, wanted + 1), MANSIO_E_UNAVAILABLE);
    assert_int_equal(pg_schema_check(wanted - 1, 1), MANSIO_E_UNAVAILABLE);
    assert_int_equal(pg_schema_check(0, 0), MANSIO_E_UNAVAILABLE);
    for (size_t i = 0; i < pg_migration_count; i++) {
        assert_int_equal(pg_migrations[i].version, i + 1);
        assert_in_range(pg_migrations[i].oldest, 1, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_from_nothing_and_again),
        cmocka_unit_test(test_by_others),
        cmocka_unit_test(test_at_once),
    };
    return cmocka_run_group_tests_name("schema", tests, testing_cluster_up, testing_cluster_down);
}
