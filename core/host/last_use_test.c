/*
 * Last uses: coalesced, written in batches, kept over a directory that is away, never waited for.
 */
#include <config.h>

#include "core/host/last_use.h"

#include "core/host/account_testing.h" /* includes cmocka */

#include "core/base/time.h"
#include "core/host/config.h"
#include "core/host/log.h"

static struct set node;
static int64_t fake_now_us;

static struct {
    int calls, result;
    size_t count; /* of the last call */
    size_t total; /* of those taken */
    struct mansio_credential_use last;
    char network[64];
    int notes_meanwhile;
} directory;

static int64_t read_fake(void *arg)
{
    (void)arg;
    return fake_now_us;
}

static const struct core_time_source fake_time = {.now_us = read_fake, .wall_us = read_fake};

static void note(uint64_t account, uint64_t credential, const char *network)
{
    struct mansio_account_facts facts = testing_facts(account, "");
    core_last_use_note(&facts, credential, MANSIO_STR("imap"), mansio_str_from_cstr(network));
}

static int take_uses(struct mansio_instance *instance, const struct mansio_credential_use *uses,
                     size_t count, int64_t deadline_us)
{
    (void)instance;
    (void)deadline_us;
    directory.calls++;
    if (directory
            .notes_meanwhile) { /* a login while the batch is under way changes nothing in it */
        note(1, 10, "elsewhere");
    }
    directory.count = count;
    directory.last = uses[count - 1];
    CHECK(uses[0].size == sizeof uses[0] && uses[0].account.tenant_id == 7);
    (void)snprintf(directory.network, sizeof directory.network, "%.*s",
                   MANSIO_STR_ARG(directory.last.network));
    directory.total += directory.result == 0 ? count : 0;
    return directory.result;
}

static int no_route(struct mansio_instance *instance, struct mansio_str local,
                    struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                    struct mansio_route *out)
{
    (void)instance;
    (void)local;
    (void)domain;
    (void)arena;
    (void)deadline_us;
    (void)out;
    return MANSIO_E_NOT_FOUND;
}

static int no_login(struct mansio_instance *instance, struct mansio_str local,
                    struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                    struct mansio_login *out)
{
    (void)out;
    return no_route(instance, local, domain, arena, deadline_us, NULL);
}

static int no_defaults(struct mansio_instance *instance, struct mansio_str domain,
                       struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    return no_login(instance, MANSIO_STR_NONE, domain, arena, deadline_us, out);
}

#define ANSWERS                                                                                    \
    .size = sizeof(struct mansio_directory), .route = no_route, .login = no_login,                 \
    .login_defaults = no_defaults

static const struct mansio_directory table = {ANSWERS, .credentials_used = take_uses};
static const struct mansio_directory deaf = {ANSWERS};

static int set_up_with(const struct mansio_directory *with)
{
    memset(&directory, 0, sizeof directory);
    fake_now_us = 1000 * MANSIO_SECOND;
    core_time_set_source(&fake_time);
    set_new(&node);
    set_offer(&node, "pg", MANSIO_DIRECTORY, with);
    core_last_use_configure(300 * MANSIO_SECOND);
    return set_init(&node);
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(&table);
}

static int set_up_deaf(void **state)
{
    (void)state;
    return set_up_with(&deaf);
}

static int end_run(void *arg)
{
    (void)arg;
    core_last_use_end(MANSIO_NEVER);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_fiber(end_run, NULL);
    set_free(&node);
    core_time_set_source(NULL);
    return 0;
}

static int flush(void)
{
    return core_last_use_flush(MANSIO_NEVER);
}

static int coalesce(void *arg)
{
    (void)arg;
    note(1, 10, "192.0.2.1");
    fake_now_us += MANSIO_SECOND;
    note(1, 10, "192.0.2.2"); /* not written yet: the later one counts */
    CHECK(core_last_use_pending() == 1 && directory.calls == 0);
    CHECK(flush() == 0);
    CHECK(directory.calls == 1 && directory.count == 1);
    CHECK(directory.last.credential_id == 10 && directory.last.account.account_id == 1);
    CHECK(directory.last.at_us == fake_now_us);
    CHECK(strcmp(directory.network, "192.0.2.2") == 0);
    /* Within five minutes there is nothing new, and then there is. */
    fake_now_us += 299 * MANSIO_SECOND;
    note(1, 10, "192.0.2.3");
    CHECK(core_last_use_pending() == 0 && flush() == 0 && directory.calls == 1);
    note(1, 11, "192.0.2.3"); /* another credential, another account */
    note(2, 10, "192.0.2.3");
    CHECK(core_last_use_pending() == 2);
    fake_now_us += MANSIO_SECOND;
    note(1, 10, "192.0.2.4");
    CHECK(flush() == 0 && directory.count == 3);
    CHECK(strcmp(directory.network, "192.0.2.4") == 0);
    note(1, 0, "192.0.2.4"); /* a certificate: no credential of the directory's */
    CHECK(core_last_use_pending() == 0);
    core_last_use_configure(0);
    note(9, 9, "192.0.2.4");
    CHECK(core_last_use_pending() == 0);
    return 0;
}

static void test_coalesces(void **state)
{
    (void)state;
    run_fiber(coalesce, NULL);
}

static int fail_and_recover(void *arg)
{
    (void)arg;
    note(1, 10, "192.0.2.1");
    directory.result = MANSIO_E_UNAVAILABLE;
    directory.notes_meanwhile = 1;
    CHECK(flush() == MANSIO_E_UNAVAILABLE && core_last_use_pending() == 1);
    CHECK(strcmp(directory.network, "192.0.2.1") == 0);
    directory.result = MANSIO_E_CANCELLED;
    CHECK(flush() == MANSIO_E_CANCELLED && core_last_use_pending() == 1);
    directory.result = 0;
    CHECK(flush() == 0 && core_last_use_pending() == 0 && directory.total == 1);
    /* What it refuses for good isn't tried again and again. */
    fake_now_us += 300 * MANSIO_SECOND;
    note(1, 10, "192.0.2.1");
    directory.result = MANSIO_E_INVALID;
    CHECK(flush() == MANSIO_E_INVALID && core_last_use_pending() == 0);
    return 0;
}

static void test_keeps_what_is_not_taken(void **state)
{
    (void)state;
    const struct core_log_options quiet = {.format = CORE_LOG_LOGFMT, .level = 1, .fd = 2};
    core_log_configure(&quiet); /* errors alone */
    run_fiber(fail_and_recover, NULL);
}

static int overflow(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= CORE_LAST_USES_MAX + 10; i++) {
        note(i, 1, "192.0.2.1");
    }
    CHECK(core_last_use_pending() == CORE_LAST_USES_MAX); /* what has no room is lost */
    CHECK(flush() == 0 && directory.total == CORE_LAST_USES_MAX);
    CHECK(directory.calls == (CORE_LAST_USES_MAX + 499) / 500);
    for (uint64_t i = 1; i <= 10; i++) { /* those that are written make room, oldest first */
        note(CORE_LAST_USES_MAX + i, 1, "192.0.2.1");
        note(CORE_LAST_USES_MAX - i, 1, "192.0.2.1");
    }
    CHECK(core_last_use_pending() == 10);
    return 0;
}

static void test_is_bounded(void **state)
{
    (void)state;
    run_fiber(overflow, NULL);
}

static int note_some(void *arg)
{
    (void)arg;
    note(1, 10, "192.0.2.1");
    CHECK(core_last_use_pending() == 0);
    return 0;
}

static void test_directory_that_records_nothing(void **state)
{
    (void)state;
    run_fiber(note_some, NULL);
}

/* What is noted when a process ends in good order is written. */
static int end_with_some(void *arg)
{
    (void)arg;
    note(1, 10, "192.0.2.1");
    core_last_use_end(MANSIO_NEVER);
    CHECK(directory.total == 1 && core_last_use_pending() == 0);
    return 0;
}

static void test_end_writes(void **state)
{
    (void)state;
    run_fiber(end_with_some, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_coalesces),
        TEST(test_keeps_what_is_not_taken),
        TEST(test_is_bounded),
        cmocka_unit_test_setup_teardown(test_directory_that_records_nothing, set_up_deaf,
                                        tear_down),
        TEST(test_end_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
