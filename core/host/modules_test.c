/*
 * Modules that are taken: the order of their lives, their log context, settings while they run,
 * interfaces between releases, many instances of one file, and one that runs off its stack.
 */
#include "core/host/modules_testing.h"

#include <mansio/arena.h>
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define INSTANCE(name, module) "  " name ":\n    module: " module "\n"

/* In fibers: load; if that fails, say why and fail the test. */
static int begin(struct world *w, const char *text)
{
    log_clear();
    int err = world_load(w, text);
    CHECK(err == 0);
    if (err < 0) {
        print_message("# %s\n", testing_detail);
        world_free(w);
    }
    return err == 0;
}

static struct mansio_instance *find(struct world *w, const char *name)
{
    return core_modules_find(w->modules, mansio_str_from_cstr(name));
}

/* ---- life ---------------------------------------------------------------------------------------
 */

static int live_in_order(void *arg)
{
    (void)arg;
    static const char *const life[] = {
        "load end",  "load middle",  "load base",  "start base", "start middle", "start end",
        "drain end", "drain middle", "drain base", "stop end",   "stop middle",  "stop base",
    };
    struct world w;

    if (!begin(&w, "instances:\n" INSTANCE("end", "last") INSTANCE("middle", "follower")
                       INSTANCE("base", "recorder"))) {
        return 0;
    }
    CHECK(core_modules_count(w.modules) == 3);
    CHECK(core_modules_instance(w.modules, 0) == find(&w, "end"));
    CHECK(core_modules_instance(w.modules, 3) == NULL);
    CHECK(find(&w, "nobody") == NULL);
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    CHECK(logged("role", "base", "role=1"));
    core_modules_drain(w.modules, mansio_deadline_in(MANSIO_SECOND));
    core_modules_stop(w.modules);
    CHECK(log_is(life, MANSIO_COUNT(life)));
    CHECK(logged("start", "end", "module=last"));
    CHECK(logged("start", "base", "module=recorder"));

    log_clear(); /* outside of calls nobody speaks for an instance */
    mansio_log(MANSIO_LOG_INFO, "after", MANSIO_KV_END);
    CHECK(strstr(log_text(), "event=after") != NULL && strstr(log_text(), "instance=") == NULL);
    world_free(&w);
    return 0;
}

static void test_lives_in_order(void **state)
{
    (void)state;
    run_fiber(live_in_order, NULL);
}

static int fail_to_start(void *arg)
{
    (void)arg;
    static const char *const life[] = {"start base", "start middle", "stop middle", "stop base"};
    struct world w;

    if (!begin(&w, "instances:\n" INSTANCE("base", "recorder")
                       INSTANCE("middle", "follower") "    settings: {fail_in: start}\n" INSTANCE(
                           "end", "last"))) {
        return 0;
    }
    log_clear();
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_SERVICE) == MANSIO_E_UNAVAILABLE);
    CHECK(strstr(mansio_error_detail(), "instance middle (") != NULL);
    CHECK(strstr(mansio_error_detail(), "follower.so): start: told to fail in start") != NULL);
    CHECK(log_is(life, MANSIO_COUNT(life)));
    CHECK(!logged("start", "end", ""));
    CHECK(!logged("stop", "end", ""));
    CHECK(logged("role", "base", "role=2"));
    world_free(&w);
    return 0;
}

static void test_undoes_a_failed_start(void **state)
{
    (void)state;
    run_fiber(fail_to_start, NULL);
}

static int load_side_by_side(void *arg)
{
    (void)arg;
    struct world w;

    if (!begin(&w, "instances:\n" INSTANCE("one", "recorder")
                       INSTANCE("two", "recorder") "    settings: {label: second}\n" INSTANCE(
                           "three", "recorder-2"))) {
        return 0;
    }
    struct mansio_instance *one = find(&w, "one"), *two = find(&w, "two");
    struct mansio_instance *three = find(&w, "three");
    CHECK(core_instance_file(one) == core_instance_file(two));
    CHECK(core_instance_module(one)->load != core_instance_module(three)->load);
    CHECK(mansio_str_eq(core_instance_file(one)->version, MANSIO_STR("1.0")));
    CHECK(mansio_str_eq(core_instance_file(three)->version, MANSIO_STR("2.0")));
    CHECK(mansio_str_eq(core_instance_file(three)->name, MANSIO_STR("recorder")));
    CHECK(mansio_str_eq(mansio_instance_name(two), MANSIO_STR("two")));
    CHECK(mansio_instance_arena(one) != mansio_instance_arena(two));
    mansio_instance_set_data(one, &w);
    CHECK(mansio_instance_data(one) == &w && mansio_instance_data(two) == NULL);
    CHECK(logged("load", "two", "label=second") && logged("load", "one", "label=\"\""));
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    CHECK(mansio_instance_group(one) != NULL);
    CHECK(mansio_instance_group(one) != mansio_instance_group(two));
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_loads_side_by_side(void **state)
{
    (void)state;
    run_fiber(load_side_by_side, NULL);
}

static void test_inspects_without_loading(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "inspect", 0);
    struct core_module_file file;
    struct stat st;

    assert_int_equal(core_module_inspect(arena, built("hello.so"), &file), 0);
    assert_int_equal(stat(built("hello.so"), &st), 0);
    assert_true(mansio_str_eq(file.name, MANSIO_STR("hello")));
    assert_true(mansio_str_eq(file.path, mansio_str_from_cstr(built("hello.so"))));
    assert_true(mansio_str_eq(file.build_tag, MANSIO_STR(MANSIO_BUILD_TAG)));
    assert_int_equal(file.abi_major, 1);
    assert_int_equal(file.abi_minor, MANSIO_ABI_MINOR);
    assert_int_equal(file.inode, st.st_ino);
    assert_int_equal(file.device, st.st_dev);
    assert_int_equal(file.size, st.st_size);
    assert_int_equal(file.mtime_ns, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    mansio_arena_free(arena);
}

/* ---- settings while it runs ---------------------------------------------------------------------
 */

/* Load another text into a running world. */
static int reconfigure(struct world *w, const char *text)
{
    struct world next;
    log_clear();
    int err = world_parse(&next, text);
    if (err == 0) {
        err = core_modules_reconfigure(w->modules, next.arena, next.config, next.source);
        snprintf(testing_detail, sizeof testing_detail, "%s", err < 0 ? mansio_error_detail() : "");
    }
    world_free(&next); /* nothing of it is needed any more */
    return err;
}

static int64_t count_of(struct world *w, const char *name)
{
    return mansio_settings_int(mansio_instance_settings(find(w, name)), "count");
}

#define TWO(first, second)                                                                         \
    "instances:\n" INSTANCE("one", "recorder") "    settings: " first "\n" INSTANCE(               \
        "two", "recorder") "    settings: " second "\n"

static int reconfigure_live(void *arg)
{
    (void)arg;
    struct world w;

    if (!begin(&w, TWO("{count: 1}", "{count: 2}"))) {
        return 0;
    }
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    CHECK(reconfigure(&w, TWO("{count: 1}", "{count: 7}")) == 0);
    CHECK(logged("reconfigure", "two", "count=7"));
    CHECK(!logged("reconfigure", "one", ""));
    CHECK(count_of(&w, "one") == 1 && count_of(&w, "two") == 7);
    CHECK(reconfigure(&w, TWO("{count: 1}", "{count: 7}")) == 0);
    CHECK(!logged("reconfigure", "two", ""));

    /* A failing reconfigure is logged, and the new values stand. */
    CHECK(reconfigure(&w, TWO("{count: 4, fail_in: reconfigure}", "{count: 7}")) == 1);
    CHECK(strstr(mansio_error_detail(), "instance one: ") != NULL);
    CHECK(logged("reconfigure-failed", "one", "told to fail in reconfigure"));
    CHECK(count_of(&w, "one") == 4);
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_reconfigures_live_settings(void **state)
{
    (void)state;
    run_fiber(reconfigure_live, NULL);
}

static int reconfigure_refused(void *arg)
{
    (void)arg;
    struct world w;

    if (!begin(&w, TWO("{count: 1}", "{count: 2}"))) {
        return 0;
    }
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    CHECK(reconfigure(&w, TWO("{count: 5}", "{label: other}")) == MANSIO_E_UNSUPPORTED);
    CHECK(strstr(testing_detail, "instance two (") != NULL);
    CHECK(reconfigure(&w, TWO("{count: 5}", "{count: 55}")) == MANSIO_E_INVALID);
    CHECK(strstr(testing_detail, "mansio.yaml:8:23") != NULL);
    CHECK(reconfigure(&w, "instances:\n" INSTANCE("one", "recorder")) == MANSIO_E_UNSUPPORTED);
    CHECK(strstr(testing_detail, "wanted the same 2 instances, found 1") != NULL);
    CHECK(reconfigure(&w, "instances:\n" INSTANCE("one", "recorder") INSTANCE("b", "recorder")) ==
          MANSIO_E_UNSUPPORTED);
    CHECK(strstr(testing_detail, "instance two (") != NULL);
    CHECK(count_of(&w, "one") == 1 && count_of(&w, "two") == 2); /* all or nothing */
    CHECK(!logged("reconfigure", "one", ""));
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_reconfigures_all_or_nothing(void **state)
{
    (void)state;
    run_fiber(reconfigure_refused, NULL);
}

/* ---- interfaces ---------------------------------------------------------------------------------
 */

static int ask(void *arg)
{
    (void)arg;
    struct world w;
    char wanted[64];

    if (!begin(&w, "instances:\n" INSTANCE("base", "recorder") INSTANCE("who", "asker"))) {
        return 0;
    }
    CHECK(logged("ask-early", "who", "asked for before start()"));
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);

    /* An older caller's table, the same, a newer one's: what both know, and zeros after it. */
    snprintf(wanted, sizeof wanted, "result=0 size=%zu extra=1 ", 2 * sizeof(void *));
    CHECK(logged("ask-short", "who", wanted));
    snprintf(wanted, sizeof wanted, "result=0 size=%zu extra=4 ", 4 * sizeof(void *));
    CHECK(logged("ask-same", "who", wanted)); /* 4: the length of the provider's name */
    snprintf(wanted, sizeof wanted, "result=0 size=%zu extra=112 ", 4 * sizeof(void *));
    CHECK(logged("ask-long", "who", wanted));

    snprintf(wanted, sizeof wanted, "result=%d size=0 extra=0 ", MANSIO_E_NOT_FOUND);
    CHECK(logged("ask-version", "who", "wanted interface record/2, found record/1 of base"));
    CHECK(logged("ask-name", "who", "wanted interface nothing/1, found nobody who offers it"));
    CHECK(logged("ask-instance", "who", "record/1 of instance nobody, found record/1 of base"));
    CHECK(logged("ask-tiny", "who", "wanted a table of 8 bytes or more") || sizeof(size_t) != 8);
    CHECK(logged("provide-late", "who", "provided outside load()"));
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_adjusts_tables(void **state)
{
    (void)state;
    run_fiber(ask, NULL);
}

static int ask_one_of_many(void *arg)
{
    (void)arg;
    struct world w;

    if (!begin(&w, "instances:\n" INSTANCE("base", "recorder") INSTANCE("other", "recorder")
                       INSTANCE("lost", "asker")
                           INSTANCE("clear", "asker") "    settings: {provider: other}\n")) {
        return 0;
    }
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    CHECK(logged("ask-same", "lost",
                 "wanted one provider of record/1, found record/1 of base, record/1 of other"));
    CHECK(logged("ask-same", "clear", "result=0 ") && logged("ask-same", "clear", "extra=5 "));
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_wants_one_of_many_named(void **state)
{
    (void)state;
    run_fiber(ask_one_of_many, NULL);
}

static void check_hello(struct world *w)
{
    struct mansio_protocol protocol;
    struct mansio_instance *rome = find(w, "rome"), *gaul = find(w, "gaul");
    struct mansio_str greeting = mansio_settings_str(mansio_instance_settings(gaul), "greeting");

    CHECK(core_instance_protocol(rome, &protocol) == 0);
    /* The kept binary's table is shorter: what it lacks is zero. */
    CHECK(protocol.size > offsetof(struct mansio_protocol, goodbye) &&
          protocol.size <= sizeof protocol && protocol.flags == 0);
    CHECK(strcmp(protocol.service, "hello") == 0);
    CHECK(protocol.serve != NULL && protocol.goodbye != NULL);
    CHECK(mansio_str_eq(greeting, MANSIO_STR("Salvete, Galli")));
    CHECK(core_instance_metrics(rome) != core_instance_metrics(gaul));
    CHECK(core_instance_protocol(find(w, "base"), &protocol) == MANSIO_E_NOT_FOUND);
}

#define HELLOS(module)                                                                             \
    "instances:\n" INSTANCE("rome", module)                                                        \
        INSTANCE("gaul", module) "    settings: {greeting: \"Salvete, Galli\"}\n" INSTANCE(        \
            "base",                                                                                \
            "recorder") "listeners:\n  front:\n    address: [\"127.0.0.1:1\"]\n    serve: rome\n"

static int load_hello(void *arg)
{
    struct world w;
    char text[2 * TESTING_PATH_MAX + 512];

    snprintf(text, sizeof text, HELLOS("%s"), (const char *)arg, (const char *)arg);
    if (!begin(&w, text)) {
        return 0;
    }
    CHECK(core_modules_start(w.modules, MANSIO_ROLE_WORKER) == 0);
    check_hello(&w);
    core_modules_stop(w.modules);
    world_free(&w);
    return 0;
}

static void test_loads_hello(void **state)
{
    (void)state;
    run_fiber(load_hello, (void *)(uintptr_t)built("hello.so"));
}

/* Built with the headers of the first ABI record, never again since: tests/abi/README.md. */
static void test_loads_the_kept_binary(void **state)
{
    (void)state;
#if defined(__x86_64__) && defined(__LP64__)
    char path[TESTING_PATH_MAX];
    const char *source = getenv("MANSIO_SRCDIR");

    if (strcmp(MANSIO_BUILD_TAG, "plain") != 0) {
        print_message("# skipped: tests/abi/hello-1.0-amd64.so is built without sanitizers\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/tests/abi/hello-1.0-amd64.so", source != NULL ? source : ".");
    run_fiber(load_hello, path);
#else
    print_message("# skipped: tests/abi/hello-1.0-amd64.so: this is not amd64\n");
    skip();
#endif
}

/* ---- off the stack ------------------------------------------------------------------------------
 */

static int dive(void *arg)
{
    struct world w;
    char text[256];

    snprintf(text, sizeof text,
             "instances:\n" INSTANCE("abyss", "%s") "    settings: {dive_in_start: yes}\n",
             (const char *)arg);
    if (begin(&w, text)) {
        (void)!core_modules_start(w.modules, MANSIO_ROLE_WORKER); /* does not return */
    }
    return 0;
}

/* What the child says must be the signal's, with the instance's name; nothing beside the stack is
 * written, or the end would be another. */
static void assert_drowns(const char *module)
{
    const struct core_loop_options options = {
        .fibers_max = 100, .stacks_kept_max = 4, .on_overflow = core_log_overflow};
    log_clear();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_fiber_with(&options, dive, (void *)(uintptr_t)module);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    if (strstr(log_text(), "instance=abyss") == NULL || strstr(log_text(), "level=error") == NULL) {
        fail_msg("wanted the instance's name in the log, found: %s", log_text());
    }
}

static void test_overflow_ends_in_the_guard(void **state)
{
    (void)state;
    if (strcmp(MANSIO_BUILD_TAG, "plain") != 0) {
        print_message("# skipped: AddressSanitizer reports stack overflows in its own way\n");
        skip();
    }
    assert_drowns("deep");
    assert_drowns("deep-unprotected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_in_order),
        cmocka_unit_test(test_undoes_a_failed_start),
        cmocka_unit_test(test_loads_side_by_side),
        cmocka_unit_test(test_inspects_without_loading),
        cmocka_unit_test(test_reconfigures_live_settings),
        cmocka_unit_test(test_reconfigures_all_or_nothing),
        cmocka_unit_test(test_adjusts_tables),
        cmocka_unit_test(test_wants_one_of_many_named),
        cmocka_unit_test(test_loads_hello),
        cmocka_unit_test(test_loads_the_kept_binary),
        cmocka_unit_test(test_overflow_ends_in_the_guard),
    };
    return cmocka_run_group_tests(tests, testing_setup, testing_teardown);
}
