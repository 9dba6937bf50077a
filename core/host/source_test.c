/*
 * Sources: files and what they include, secrets, the stored form. With files in a folder of the
 * test's own.
 */
#include <config.h>

#include "core/host/source.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/config.h"
#include "core/host/settings_fixture.h"

static struct mansio_arena *arena;
static char folder[] = "/tmp/mansio-source-test.XXXXXX";

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mansio-source-test.XXXXXX");
    arena = mansio_arena_new(NULL, "test", 64 << 20);
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return chdir("/") == 0 ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

static void put_bytes(const char *name, const char *bytes, size_t len, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text), 0644);
}

static struct core_source *source_of(const char *path)
{
    struct core_source *source = NULL;
    if (core_source_read(arena, path, &source) < 0) {
        fail_msg("%s", mansio_error_detail());
    }
    return source;
}

static void assert_refused(const char *path, const char *detail)
{
    struct core_source *source = NULL;
    assert_true(core_source_read(arena, path, &source) < 0);
    assert_string_equal(mansio_error_detail(), detail);
    assert_null(source);
}

/* The files' names in order, joined by spaces. */
static const char *files_of(const struct core_source *source)
{
    struct mansio_buf *out = mansio_buf_new(arena, 4096);
    for (size_t i = 0; i < core_source_file_count(source); i++) {
        mansio_buf_printf(out, "%s%s", i > 0 ? " " : "", core_source_file_path(source, i));
    }
    return mansio_buf_str(out).ptr;
}

static void follows_includes(void **state)
{
    (void)state;
    assert_int_equal(mkdir("d", 0755) | mkdir("d/e", 0755), 0);
    put("main.yaml", "include: [d/*.yaml, ./last.yaml, d/e/*.none]\n");
    put("d/b.yaml", "include: e/deep.yaml\n");
    put("d/a.yaml", "");
    put("d/e/deep.yaml", "node: x\n");
    put("last.yaml", "include:\n");
    assert_string_equal(files_of(source_of("main.yaml")),
                        "main.yaml d/a.yaml d/b.yaml d/e/deep.yaml ./last.yaml");
    struct mansio_str path = MANSIO_STR_NONE;
    assert_int_equal(mansio_arena_printf(arena, &path, "%s/main.yaml", folder), 0);
    struct core_source *source = source_of(path.ptr);
    assert_int_equal(core_source_file_count(source), 5);
    assert_string_equal(core_source_file_path(source, 0), path.ptr);
    assert_int_equal(source->files[3].from.file->index, 2);
    assert_int_equal(source->files[3].from.column, 10);
}

static void refuses_bad_includes(void **state)
{
    (void)state;
    put("self.yaml", "a: b\ninclude: self.yaml\n");
    assert_refused("self.yaml", "self.yaml:2:10: include: found self.yaml, which is the main file");
    put("one.yaml", "include: two.yaml\n");
    put("two.yaml", "include: [three.yaml]\n");
    put("three.yaml", "include: [two.yaml]\n");
    assert_refused("one.yaml", "three.yaml:1:11: include: found two.yaml a second time; "
                               "one.yaml:1:10 includes it too");
    put("twice.yaml", "include: [x.yaml, x.yaml]\n");
    put("x.yaml", "");
    assert_refused("twice.yaml", "twice.yaml:1:19: include: found x.yaml a second time; "
                                 "twice.yaml:1:11 includes it too");
    put("gone.yaml", "include: [nothing.yaml]\n");
    assert_refused("gone.yaml", "gone.yaml:1:11: include: nothing.yaml: No such file or directory");
    put("form.yaml", "include: {a: b}\n");
    assert_refused("form.yaml", "form.yaml:1:10: include: found a section, expected a path");
    put("form.yaml", "include: [[a]]\n");
    assert_refused("form.yaml", "form.yaml:1:11: include: found a list, expected a path");
    put("form.yaml", "include: ''\n");
    assert_refused("form.yaml", "form.yaml:1:10: include: found nothing, expected a path");
    put("broken.yaml", "include: y.yaml\n");
    put("y.yaml", "a: [\n");
    assert_refused("broken.yaml",
                   "y.yaml:2:1: YAML: did not find expected node content, while parsing a flow "
                   "node that begins at line 2, column 1");
}

static void bounds_depth_and_number(void **state)
{
    (void)state;
    char name[32];
    char text[64];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "n%d.yaml", i);
        snprintf(text, sizeof text, "include: n%d.yaml\n", i + 1);
        put(name, i < 9 ? text : "");
    }
    assert_refused("n0.yaml", "n8.yaml:1:10: include: found more than 8 files inside each other, "
                              "expected fewer");
    assert_int_equal(core_source_file_count(source_of("n1.yaml")), 9);
    assert_int_equal(mkdir("many", 0755), 0);
    for (int i = 0; i < CORE_SOURCE_FILES_MAX; i++) {
        snprintf(name, sizeof name, "many/%03d.yaml", i);
        put(name, "");
    }
    put("all.yaml", "include: many/*\n");
    assert_refused("all.yaml", "many/127.yaml: found more than 128 files, expected fewer");
    put("nodes.yaml", "include: many/*\n");
    assert_int_equal(unlink("many/127.yaml"), 0);
    assert_int_equal(core_source_file_count(source_of("nodes.yaml")), 128);
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    assert_refused("missing.yaml", "missing.yaml: No such file or directory");
    assert_refused(".", ".: found no regular file, expected one");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_refused("fifo", "fifo: found no regular file, expected one");
    int fd = open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, CORE_YAML_BYTES_MAX + 1), 0);
    close(fd);
    assert_refused("big", "big: found more than 1 MiB, expected less");
}

/* ---- secrets -----------------------------------------------------------------------------------
 */

/* The password that instance i of main.yaml gets, or NULL with the detail. */
static const char *password_of(const struct core_source *source)
{
    struct core_node *root = NULL;
    struct core_problems *problems = mansio_arena_alloc(arena, sizeof *problems);
    const struct mansio_settings *settings = NULL;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    assert_int_equal(core_source_merge(arena, source, problems, &root), 0);
    const struct core_node *node = core_node_get(root, MANSIO_STR("instances"))->first;
    if (core_settings_check(arena, source, core_node_get(node, MANSIO_STR("settings")), NULL, table,
                            count, &settings) < 0) {
        return NULL;
    }
    return mansio_secret_bytes(mansio_settings_secret(settings, "password")).ptr;
}

static const char *with_secret(const char *form)
{
    struct mansio_str text = MANSIO_STR_NONE;
    assert_int_equal(
        mansio_arena_printf(arena, &text, "instances: {i: {settings: {password: %s}}}\n", form), 0);
    put("main.yaml", text.ptr);
    return password_of(source_of("main.yaml"));
}

static void reads_secrets(void **state)
{
    (void)state;
    put_bytes("plain", "abc", 3, 0600);
    put_bytes("line", "abc\n", 4, 0640);
    put_bytes("dos", "abc\r\n", 5, 0400);
    put_bytes("two", "abc\n\n", 5, 0600);
    assert_string_equal(with_secret("{file: plain}"), "abc");
    assert_string_equal(with_secret("{file: ./line}"), "abc");
    assert_string_equal(with_secret("{file: dos}"), "abc");
    assert_string_equal(with_secret("{file: two}"), "abc\n");
    assert_int_equal(setenv("MANSIO_TEST_SECRET", "from here", 1), 0);
    assert_string_equal(with_secret("{env: MANSIO_TEST_SECRET}"), "from here");
    struct mansio_str form = MANSIO_STR_NONE;
    assert_int_equal(mansio_arena_printf(arena, &form, "{file: %s/plain}", folder), 0);
    assert_string_equal(with_secret(form.ptr), "abc");
}

static void refuses_bad_secrets(void **state)
{
    (void)state;
    struct mansio_str expected = MANSIO_STR_NONE;
    put_bytes("open", "abc", 3, 0644);
    put_bytes("empty", "\n", 1, 0600);
    put_bytes("s", "abc", 3, 0600);
    assert_null(with_secret("{file: open}"));
    assert_int_equal(
        mansio_arena_printf(arena, &expected,
                            "main.yaml:1:38: password: \"%s/open\": found the mode 0644, open to "
                            "everybody; expected one such as 0640",
                            folder),
        0);
    assert_string_equal(mansio_error_detail(), expected.ptr);
    assert_null(with_secret("{file: gone}"));
    assert_non_null(strstr(mansio_error_detail(), "/gone\": No such file or directory"));
    assert_null(with_secret("{file: empty}"));
    assert_non_null(strstr(mansio_error_detail(), "found nothing, expected a secret"));
    assert_null(with_secret("{file: .}"));
    assert_non_null(strstr(mansio_error_detail(), "found no regular file, expected one"));
    assert_null(with_secret("{env: MANSIO_TEST_NO_SUCH_THING}"));
    assert_string_equal(mansio_error_detail(),
                        "main.yaml:1:38: password: \"MANSIO_TEST_NO_SUCH_THING\": found no such "
                        "environment variable, expected one");
    int fd = open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, CORE_SOURCE_SECRET_BYTES_MAX + 1), 0);
    close(fd);
    assert_null(with_secret("{file: big}"));
    assert_non_null(strstr(mansio_error_detail(), "found more than 64 KiB, expected less"));
}

/* Elsewhere a map of that form is what it looks like: log.file is written, not read. */
static void leaves_other_sections_alone(void **state)
{
    (void)state;
    put_bytes("secret", "abc", 3, 0600);
    put("main.yaml",
        "log: {file: secret}\ninstances: {i: {settings: {x: {file: secret, b: c}}}}\n");
    assert_int_equal(source_of("main.yaml")->secret_count, 0);
}

static void reads_a_secret_once(void **state)
{
    (void)state;
    put_bytes("secret", "abc", 3, 0600);
    put("main.yaml", "instances: {i: {settings: {a: {file: secret}, b: [{file: ./secret}]}}}\n");
    assert_int_equal(source_of("main.yaml")->secret_count, 1);
}

/* ---- the stored form ---------------------------------------------------------------------------
 */

static struct core_source *some_source(void)
{
    put_bytes("secret", "abc\n", 4, 0600);
    put("main.yaml", "include: more.yaml\nnode: a\n");
    put("more.yaml", "instances: {i: {settings: {a: {file: secret}, b: {env: NO_SUCH}}}}\n");
    return source_of("main.yaml");
}

static void stores_and_loads(void **state)
{
    (void)state;
    struct core_source *source = some_source();
    struct core_source *loaded = NULL;
    int fd = -1;
    assert_int_equal(core_source_store(source, &fd), 0);
    char byte = 0;
    assert_int_equal(pwrite(fd, &byte, 1, 0), -1); /* sealed */
    assert_int_equal(errno, EPERM);
    assert_int_equal(core_source_load(arena, fd, &loaded), 0);
    close(fd);
    assert_int_equal(core_source_eq(source, loaded), 1);
    assert_int_equal(loaded->files[1].inode, source->files[1].inode);
    assert_true(loaded->files[1].mtime_ns == source->files[1].mtime_ns);
    assert_ptr_equal(loaded->files[1].from.file, &loaded->files[0].name);
    assert_int_equal(loaded->secret_count, 2);
    assert_true(mansio_str_eq(mansio_secret_bytes(loaded->secrets[0].value), MANSIO_STR("abc")));
    assert_true(mansio_str_eq(loaded->secrets[1].why, source->secrets[1].why));
    /* And the bytes are the same again. */
    size_t size = core_source_encoded_size(source);
    unsigned char *first = mansio_arena_try_alloc(arena, size);
    unsigned char *second = mansio_arena_try_alloc(arena, size);
    core_source_encode(source, first, size);
    core_source_encode(loaded, second, core_source_encoded_size(loaded));
    assert_memory_equal(first, second, size);
}

static void compares_content(void **state)
{
    (void)state;
    struct core_source *source = some_source();
    struct core_source *again = some_source(); /* other mtimes, perhaps */
    assert_int_equal(core_source_eq(source, again), 1);
    put_bytes("secret", "other\n", 6, 0600);
    assert_int_equal(core_source_eq(source, source_of("main.yaml")), 0);
    put_bytes("secret", "abc", 3, 0600);
    assert_int_equal(core_source_eq(source, source_of("main.yaml")), 1);
    put("more.yaml", "instances: {}\n");
    assert_int_equal(core_source_eq(source, source_of("main.yaml")), 0);
}

/* Every cut, and every byte changed, is refused or read within bounds. */
static void bears_any_bytes(void **state)
{
    (void)state;
    struct core_source *source = some_source();
    size_t size = core_source_encoded_size(source);
    unsigned char *good = malloc(size);
    assert_non_null(good);
    core_source_encode(source, good, size);
    for (size_t cut = 0; cut < size; cut++) {
        struct mansio_arena *own = mansio_arena_new(NULL, "cut", 4 << 20);
        char *copy = malloc(cut + 1);
        memcpy(copy, good, cut);
        struct core_source *loaded = NULL;
        assert_true(core_source_decode(own, (struct mansio_str){copy, cut}, &loaded) < 0);
        assert_null(loaded);
        free(copy);
        mansio_arena_free(own);
    }
    for (size_t i = 0; i < size; i++) {
        struct mansio_arena *own = mansio_arena_new(NULL, "changed", 4 << 20);
        unsigned char kept = good[i];
        good[i] = 0xFF;
        struct core_source *loaded = NULL;
        int result = core_source_decode(own, (struct mansio_str){(char *)good, size}, &loaded);
        assert_true((result == 0) == (loaded != NULL));
        good[i] = kept;
        mansio_arena_free(own);
    }
    free(good);
}

static void refuses_other_descriptors(void **state)
{
    (void)state;
    struct core_source *loaded = NULL;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(core_source_load(arena, fd, &loaded), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(),
                        "stored configuration: found a descriptor that is not sealed");
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_int_equal(core_source_load(arena, fd, &loaded), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(),
                        "stored configuration: found too few or too many bytes");
    close(fd);
    assert_int_equal(core_source_load(arena, -1, &loaded), MANSIO_E_IO);
    assert_null(loaded);
}

static void resolves_paths(void **state)
{
    (void)state;
    const struct core_file file = {.path = "x", .dir = "/etc/m/"};
    const struct core_file top = {.path = "x", .dir = "/etc"};
    struct mansio_str out = MANSIO_STR_NONE;
    assert_int_equal(core_path_resolve(arena, &file, MANSIO_STR("a/b"), &out), 0);
    assert_string_equal(out.ptr, "/etc/m/a/b");
    assert_int_equal(core_path_resolve(arena, &top, MANSIO_STR("././a"), &out), 0);
    assert_string_equal(out.ptr, "/etc/a");
    assert_int_equal(core_path_resolve(arena, &top, MANSIO_STR("../a"), &out), 0);
    assert_string_equal(out.ptr, "/etc/../a");
    assert_int_equal(core_path_resolve(arena, &top, MANSIO_STR("/a"), &out), 0);
    assert_string_equal(out.ptr, "/a");
    char *name = mansio_arena_alloc(arena, CORE_SETTINGS_PATH_MAX);
    memset(name, 'x', CORE_SETTINGS_PATH_MAX);
    struct mansio_str fits = {name, CORE_SETTINGS_PATH_MAX - 5};
    assert_int_equal(core_path_resolve(arena, &top, fits, &out), 0);
    assert_int_equal(out.len, CORE_SETTINGS_PATH_MAX);
    fits.len++;
    assert_int_equal(core_path_resolve(arena, &top, fits, &out), MANSIO_E_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_includes),        TEST(refuses_bad_includes),
        TEST(bounds_depth_and_number), TEST(refuses_what_is_no_file),
        TEST(reads_secrets),           TEST(refuses_bad_secrets),
        TEST(reads_a_secret_once),     TEST(leaves_other_sections_alone),
        TEST(stores_and_loads),        TEST(compares_content),
        TEST(bears_any_bytes),         TEST(refuses_other_descriptors),
        TEST(resolves_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
