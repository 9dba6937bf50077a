/*
 * What the loader refuses, and what it says: the file, what was wanted, what was found.
 */
#include "core/host/modules_testing.h"

#include <elf.h>
#include <link.h>
#include <mansio/settings.h>

/* The detail of the last refusal has all of these. */
static void assert_says(int err, int code, const char *path, const char *wanted, const char *found)
{
    if (err != code || strstr(testing_detail, path) == NULL ||
        strstr(testing_detail, wanted) == NULL || strstr(testing_detail, found) == NULL) {
        fail_msg("wanted %d with \"%s\", \"%s\" and \"%s\"; found %d: %s", code, path, wanted,
                 found, err, testing_detail);
    }
}

static int load_text(const char *text)
{
    struct world w;
    int err = world_load(&w, text);
    world_free(&w);
    return err;
}

static int load_one(const char *path)
{
    char text[TESTING_PATH_MAX + 64];
    snprintf(text, sizeof text, "instances:\n  one:\n    module: %s\n", path);
    return load_text(text);
}

/* By instance, and by inspection alone: what can be known before dlopen is said by both. */
static void assert_refused(const char *path, int code, const char *wanted, const char *found)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "inspect", 0);
    struct core_module_file file;

    assert_says(load_one(path), code, path, wanted, found);
    assert_non_null(strstr(testing_detail, "(instance one)"));
    int err = core_module_inspect(arena, path, &file);
    snprintf(testing_detail, sizeof testing_detail, "%s", mansio_error_detail());
    assert_says(err, code, path, wanted, found);
    mansio_arena_free(arena);
}

/* What only shows once the file is loaded. */
static void assert_refused_late(const char *path, int code, const char *wanted, const char *found)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "inspect", 0);
    struct core_module_file file;

    assert_int_equal(core_module_inspect(arena, path, &file), 0);
    mansio_arena_free(arena);
    assert_says(load_one(path), code, path, wanted, found);
}

/* A built module's bytes; the caller frees them. */
static char *read_built(const char *name, size_t *out_len)
{
    struct stat st;
    int fd = open(built(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    assert_int_equal(close(fd), 0);
    *out_len = (size_t)st.st_size;
    return bytes;
}

/* ---- the file -----------------------------------------------------------------------------------
 */

static void test_refuses_what_is_no_file(void **state)
{
    (void)state;
    assert_refused(here("absent.so"), MANSIO_E_NOT_FOUND, "wanted a module's file",
                   "found: No such file or directory");
    assert_refused(testing_modules, MANSIO_E_INVALID, "wanted a regular file", "found a directory");
    assert_int_equal(mkfifo(here("fifo.so"), 0644), 0);
    assert_refused(here("fifo.so"), MANSIO_E_INVALID, "wanted a regular file", "found a FIFO");
    write_file(here("empty.so"), "", 0);
    assert_refused(here("empty.so"), MANSIO_E_INVALID, "wanted an ELF shared object",
                   "found an empty file");
    write_file(here("script.so"), "#!/bin/sh\n", 10);
    assert_refused(here("script.so"), MANSIO_E_INVALID, "wanted an ELF shared object",
                   "found something else");
    write_file(here("huge.so"), "", 0);
    assert_int_equal(truncate(here("huge.so"), (64 << 20) + 1), 0);
    assert_refused(here("huge.so"), MANSIO_E_LIMIT, "wanted at most 64 MiB",
                   "found 67108865 bytes");
}

static void test_refuses_a_file_that_everybody_may_write(void **state)
{
    (void)state;
    size_t len = 0;
    char *bytes = read_built("recorder.so", &len);

    write_file(here("open.so"), bytes, len);
    assert_int_equal(chmod(here("open.so"), 0666), 0);
    assert_refused(here("open.so"), MANSIO_E_DENIED, "wanted a file that not everybody may write",
                   "found mode 0666");
    free(bytes);
}

static void test_refuses_a_file_of_a_stranger(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("# skipped: giving a file away takes root\n");
        skip();
    }
    size_t len = 0;
    char *bytes = read_built("recorder.so", &len);

    write_file(here("strange.so"), bytes, len);
    assert_int_equal(chown(here("strange.so"), 4242, 0), 0);
    assert_refused(here("strange.so"), MANSIO_E_DENIED, "wanted a file that root or uid 0 owns",
                   "found it owned by uid 4242");
    free(bytes);
}

static void test_names_where_a_module_was_looked_for(void **state)
{
    (void)state;
    char tried[2 * TESTING_PATH_MAX];

    snprintf(tried, sizeof tried, "found none at %s, %s", here("ghost.so"), built("ghost.so"));
    int err = load_text("instances:\n  one:\n    module: ghost\n");
    assert_says(err, MANSIO_E_NOT_FOUND, "module ghost", "wanted its file", tried);
    err = load_text("instances:\n  one:\n    module: Ghost Ship\n");
    assert_says(err, MANSIO_E_INVALID, "module \"Ghost Ship\"", "wanted a path, or a name",
                "(instance one)");
}

static void test_refuses_every_truncation(void **state)
{
    (void)state;
    size_t len = 0;
    char *bytes = read_built("recorder.so", &len);
    const char *path = strdup(here("short.so"));

    assert_non_null(path);
    for (size_t cut = 1; cut < len; cut += cut < 1100 ? 13 : 509) {
        write_file(path, bytes, cut);
        int err = load_one(path);
        assert_says(err, MANSIO_E_INVALID, path,
                    "wanted a whole ELF file, found one cut short: its ", "the file has");
    }
    write_file(path, bytes, len);
    assert_int_equal(load_one(path), 0);
    free((void *)(uintptr_t)path);
    free(bytes);
}

/* ---- what it was built for ----------------------------------------------------------------------
 */

static void spoil(const char *name, size_t offset, unsigned char value)
{
    size_t len = 0;
    char *bytes = read_built("recorder.so", &len);
    bytes[offset] = (char)value;
    write_file(here(name), bytes, len);
    free(bytes);
}

static void test_refuses_foreign_files(void **state)
{
    (void)state;
    size_t machine_at = offsetof(ElfW(Ehdr), e_machine);
    int is_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
#if defined(__x86_64__)
    spoil("arm.so", machine_at, EM_AARCH64);
    assert_refused(here("arm.so"), MANSIO_E_UNSUPPORTED,
                   "wanted a file built for x86-64 (64 bits, little-endian)",
                   "found one built for aarch64 (64 bits, little-endian)");
#else
    spoil("alien.so", machine_at + (is_little ? 0 : 1), EM_SPARCV9);
    assert_refused(here("alien.so"), MANSIO_E_UNSUPPORTED, "wanted a file built for ",
                   "found one built for sparc64");
#endif
    spoil("narrow.so", EI_CLASS, sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64);
    assert_refused(here("narrow.so"), MANSIO_E_UNSUPPORTED, "wanted a file built for ",
                   sizeof(void *) == 8 ? "(32 bits, " : "(64 bits, ");
    spoil("other-end.so", EI_DATA, is_little ? ELFDATA2MSB : ELFDATA2LSB);
    assert_refused(here("other-end.so"), MANSIO_E_UNSUPPORTED, "found one built for ",
                   is_little ? "big-endian" : "little-endian");
    spoil("program.so", offsetof(ElfW(Ehdr), e_type) + (is_little ? 0 : 1), ET_EXEC);
    assert_refused(here("program.so"), MANSIO_E_INVALID, "wanted a shared object",
                   "found a program");
}

struct refusal {
    const char *file;
    int code;
    const char *wanted, *found;
};

static void test_refuses_before_any_code_runs(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"no-note.so", MANSIO_E_INVALID, "wanted one MANSIO note", "found none"},
        {"no-descriptor.so", MANSIO_E_INVALID, "wanted a descriptor, the symbol mansio_module",
         "found none"},
        {"other-major.so", MANSIO_E_UNSUPPORTED, "wanted ABI major 1", "found 2"},
        {"higher-minor.so", MANSIO_E_UNSUPPORTED, "wanted ABI minor 0 or lower", "found 9"},
        {"bad-name.so", MANSIO_E_INVALID, "wanted a well-formed MANSIO note", "found a name"},
        {"bad-required.so", MANSIO_E_INVALID, "wanted required interfaces as NAME/VERSION",
         "found \"store\""},
        {"other-tag.so", MANSIO_E_UNSUPPORTED, "wanted build tag \"" MANSIO_BUILD_TAG "\"",
         "found \""},
        {"newer-symbol.so", MANSIO_E_UNSUPPORTED, "wanted symbol versions up to MANSIO_1.0",
         "found mansio_frobnicate of MANSIO_1.9"},
        {"private.so", MANSIO_E_DENIED, "wanted public functions of libmansio alone",
         "found core_loop_stop of MANSIO_PRIVATE"},
        {"other-soname.so", MANSIO_E_UNSUPPORTED, "wanted libmansio.so.1", "found libmansio.so.2"},
        {"unlinked.so", MANSIO_E_INVALID, "wanted symbols with a version of libmansio.so.1",
         "found mansio_"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        assert_refused(built(r->file), r->code, r->wanted, r->found);
    }
}

static void test_refuses_what_shows_once_loaded(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"unknown-symbol.so", MANSIO_E_UNSUPPORTED, "wanted what the dynamic loader can load",
         "undefined symbol: nobody_has_this"},
        {"other-name.so", MANSIO_E_INVALID, "wanted wrong 1.0, as its note says",
         "found righteous 1.0"},
        {"small-descriptor.so", MANSIO_E_INVALID, "wanted a descriptor of 112 bytes or more",
         "that call themselves 24"},
        {"bad-settings.so", MANSIO_E_INVALID, "wanted a well-formed settings table",
         "row 0: found no name"},
        {"bad-metrics.so", MANSIO_E_INVALID, "wanted metrics once each", "found lines twice"},
        {"no-setting-count.so", MANSIO_E_INVALID, "wanted a setting_count", "found 0"},
        {"no-metric-count.so", MANSIO_E_INVALID, "wanted a metric_count", "found 0"},
        {"bad-metric-unit.so", MANSIO_E_INVALID, "wanted metrics with a name", "row 0 is none"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        assert_refused_late(built(r->file), r->code, r->wanted, r->found);
    }
}

/* ---- replaced while this process runs -----------------------------------------------------------
 */

static void copy_built(const char *name, const char *to)
{
    size_t len = 0;
    char *bytes = read_built(name, &len);
    write_file(to, bytes, len);
    free(bytes);
}

static void test_refuses_a_replaced_file(void **state)
{
    (void)state;
    copy_built("recorder.so", here("live.so"));
    assert_int_equal(load_one(here("live.so")), 0);
    assert_int_equal(load_one(here("live.so")), 0); /* the same again */
    copy_built("recorder-2.so", here("live.new"));
    assert_int_equal(rename(here("live.new"), here("live.so")), 0);
    assert_says(load_one(here("live.so")), MANSIO_E_BUSY, here("live.so"),
                "wanted the file that this process loaded", "found that it was replaced");

    copy_built("recorder.so", here("trodden.so"));
    assert_int_equal(load_one(here("trodden.so")), 0);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, here("trodden.so"), times, 0), 0);
    assert_says(load_one(here("trodden.so")), MANSIO_E_BUSY, here("trodden.so"),
                "wanted the file that this process loaded", "written over in place");
}

/* What was checked is not what was loaded. */
static void test_refuses_a_file_replaced_meanwhile(void **state)
{
    (void)state;
    copy_built("replacer.so", here("racing.so"));
    copy_built("recorder.so", here("racing.new"));
    assert_int_equal(setenv("REPLACER_FROM", here("racing.new"), 1), 0);
    assert_int_equal(setenv("REPLACER_TO", here("racing.so"), 1), 0);
    assert_says(load_one(here("racing.so")), MANSIO_E_BUSY, here("racing.so"),
                "wanted the file that was checked", "found that it was replaced meanwhile");
}

/* ---- instances and interfaces -------------------------------------------------------------------
 */

#define INSTANCE(name, module) "  " name ":\n    module: " module "\n"

static void test_refuses_missing_interfaces(void **state)
{
    (void)state;
    int err = load_text("instances:\n" INSTANCE("alone", "lonely"));
    assert_says(err, MANSIO_E_NOT_FOUND, built("lonely.so"), "wanted interface absent/7",
                "found nobody who offers it");
    assert_non_null(strstr(testing_detail, "instance alone "));

    err = load_text("instances:\n" INSTANCE("new", "newer-record") INSTANCE("old", "recorder"));
    assert_says(err, MANSIO_E_NOT_FOUND, built("newer-record.so"), "wanted interface record/2",
                "found record/1 of old");
}

static void test_refuses_a_circle(void **state)
{
    (void)state;
    int err = load_text("instances:\n" INSTANCE("free", "recorder") INSTANCE("one", "ring-a")
                            INSTANCE("two", "ring-b"));
    assert_int_equal(err, MANSIO_E_INVALID);
    assert_non_null(strstr(testing_detail, "one requires ring-b/1 of two"));
    assert_non_null(strstr(testing_detail, "two requires ring-a/1 of one"));
    assert_null(strstr(testing_detail, "free"));
}

/* YAML refuses a key given twice, so the configuration is made so by hand. */
static void test_refuses_duplicate_instances(void **state)
{
    (void)state;
    struct world w;
    struct core_config_instance rows[2];

    assert_int_equal(
        world_parse(&w, "instances:\n" INSTANCE("one", "recorder") INSTANCE("two", "recorder-2")),
        0);
    memcpy(rows, w.config->instances, sizeof rows);
    rows[1].name = rows[0].name;
    struct core_config config = *w.config;
    config.instances = rows;
    int err = core_modules_load(w.arena, &config, w.source, &w.modules);
    snprintf(testing_detail, sizeof testing_detail, "%s", mansio_error_detail());
    assert_says(err, MANSIO_E_EXISTS, built("recorder-2.so"), "wanted a name of its own",
                "found an instance one of ");
    assert_non_null(strstr(testing_detail, built("recorder.so")));
    world_free(&w);
}

static void test_refuses_listeners_that_nobody_serves(void **state)
{
    (void)state;
    int err = load_text("instances:\n" INSTANCE(
        "one",
        "recorder") "listeners:\n  front:\n    address: [\"127.0.0.1:1\"]\n    serve: one\n");
    assert_says(err, MANSIO_E_NOT_FOUND, built("recorder.so"), "wanted interface protocol/1",
                "found that it doesn't offer it");
    assert_non_null(strstr(testing_detail, "listener front: instance one"));
}

/* What could never have TLS is refused where TLS is to be begun under way; nowhere else. */
static void test_refuses_starttls_without_a_way_to_begin(void **state)
{
    (void)state;
    static const char *const modes[] = {"starttls", "implicit", "off"};
    for (size_t i = 0; i < MANSIO_COUNT(modes); i++) {
        struct world w;
        char text[1024];
        snprintf(text, sizeof text,
                 "instances: {web: {module: offers, settings: {mistake: starttls}}}\n"
                 "certificates: {a: {chain: /a.pem, key: /a.key}}\n"
                 "listeners:\n  front: {serve: web, tls: %s, address: ['*:1', '*:2']}\n",
                 modes[i]);
        int err = world_load(&w, text);
        size_t total = 0;
        (void)core_source_problem_count(w.source, &total);
        assert_int_equal(err, i == 0 ? MANSIO_E_INVALID : 0);
        assert_int_equal(total, i == 0);
        if (i == 0) {
            assert_non_null(strstr(
                testing_detail,
                "mansio.yaml:5:28: listeners.front.tls: found starttls, which instance web has no "
                "way to begin (plain); expected implicit, or off"));
        }
        world_free(&w);
    }
}

static void test_refuses_settings_that_do_not_fit(void **state)
{
    (void)state;
    struct world w;

    int err =
        load_text("instances:\n" INSTANCE("one", "recorder") "    settings:\n      cuont: 3\n");
    assert_says(err, MANSIO_E_INVALID, "mansio.yaml:6:7", "cuont", "\"count\"");
    assert_non_null(strstr(testing_detail, built("recorder.so")));
    assert_non_null(strstr(testing_detail, "instance one"));

    /* All instances are looked at before the answer. */
    err = world_load(
        &w, "instances:\n" INSTANCE("one", "recorder") "    settings: {count: 99}\n" INSTANCE(
                "two", "recorder") "    settings: {count: no}\n");
    assert_says(err, MANSIO_E_INVALID, "mansio.yaml:5:23", "count", "instance one");
    assert_int_equal(core_source_problem_count(w.source, NULL), 2);
    assert_non_null(strstr(core_source_problem(w.source, 1), "mansio.yaml:8:23"));
    world_free(&w);
}

static void test_refuses_what_load_refuses(void **state)
{
    (void)state;
    int err =
        load_text("instances:\n" INSTANCE("one", "recorder") "    settings: {fail_in: load}\n");
    assert_says(err, MANSIO_E_UNAVAILABLE, built("recorder.so"), "instance one", "load: ");
    assert_non_null(strstr(testing_detail, "told to fail in load"));
}

static void test_refuses_bad_offers(void **state)
{
    (void)state;
    static const struct {
        const char *mistake;
        int code;
        const char *wanted, *found;
    } cases[] = {
        {"name", MANSIO_E_INVALID, "wanted an interface's name", "found \"Bad_Name\", 1"},
        {"version", MANSIO_E_INVALID, "a version from 1", "found \"offer\", 0"},
        {"size", MANSIO_E_INVALID, "that begins with its size", "found 8"},
        {"huge", MANSIO_E_INVALID, "that begins with its size", "found 1048576"},
        {"odd", MANSIO_E_INVALID, "and whole pointers", "found 17"},
        {"twice", MANSIO_E_EXISTS, "wanted offer/1 provided once", "found it twice"},
        {"protocol-serve", MANSIO_E_INVALID, "wanted a protocol/1 table with serve", "found none"},
        {"protocol-service", MANSIO_E_INVALID, "wanted a service", "found \"Rude Service\""},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "instances:\n" INSTANCE("one", "offers") "    settings: {mistake: %s}\n",
                 cases[i].mistake);
        assert_says(load_text(text), cases[i].code, built("offers.so"), cases[i].wanted,
                    cases[i].found);
        assert_non_null(strstr(testing_detail, "instance one ("));
    }
}

/* ---- what the loader knows of versions ----------------------------------------------------------
 */

/* Every node of the map but MANSIO_PRIVATE and MANSIO_EXPERIMENTAL is a minor version that modules
 * may need, and none is missing. */
static void test_knows_the_versions_of_the_map(void **state)
{
    (void)state;
    char line[256], path[TESTING_PATH_MAX];
    int minor = -1;
    const char *source = getenv("MANSIO_SRCDIR");

    snprintf(path, sizeof path, "%s/api/mansio.map", source != NULL ? source : ".");
    FILE *map = fopen(path, "re");
    assert_non_null(map);
    while (fgets(line, sizeof line, map) != NULL) {
        int major = 0, found = 0;
        if (sscanf(line, "MANSIO_%d.%d {", &major, &found) == 2) {
            assert_int_equal(major, MANSIO_ABI_MAJOR);
            minor = found > minor ? found : minor;
        }
    }
    assert_int_equal(fclose(map), 0);
    assert_int_equal(minor, MANSIO_ABI_MINOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_is_no_file),
        cmocka_unit_test(test_refuses_a_file_that_everybody_may_write),
        cmocka_unit_test(test_refuses_a_file_of_a_stranger),
        cmocka_unit_test(test_names_where_a_module_was_looked_for),
        cmocka_unit_test(test_refuses_every_truncation),
        cmocka_unit_test(test_refuses_foreign_files),
        cmocka_unit_test(test_refuses_before_any_code_runs),
        cmocka_unit_test(test_refuses_what_shows_once_loaded),
        cmocka_unit_test(test_refuses_a_replaced_file),
        cmocka_unit_test(test_refuses_a_file_replaced_meanwhile),
        cmocka_unit_test(test_refuses_missing_interfaces),
        cmocka_unit_test(test_refuses_a_circle),
        cmocka_unit_test(test_refuses_duplicate_instances),
        cmocka_unit_test(test_refuses_listeners_that_nobody_serves),
        cmocka_unit_test(test_refuses_starttls_without_a_way_to_begin),
        cmocka_unit_test(test_refuses_settings_that_do_not_fit),
        cmocka_unit_test(test_refuses_what_load_refuses),
        cmocka_unit_test(test_refuses_bad_offers),
        cmocka_unit_test(test_knows_the_versions_of_the_map),
    };
    return cmocka_run_group_tests(tests, testing_setup, testing_teardown);
}
