/*
 * For the tests of modules: a configuration made of a text, loaded with the modules that
 * tests/modules has built. These tests link libmansio.so, as the modules do: with the convenience
 * libraries there would be two copies of the core's state.
 */
#ifndef MANSIO_CORE_HOST_MODULES_TESTING_H
#define MANSIO_CORE_HOST_MODULES_TESTING_H

#include "core/loop/testing.h" /* includes cmocka */

#include "core/host/config.h"
#include "core/host/log.h"
#include "core/host/modules.h"
#include <dirent.h>
#include <fcntl.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TESTING_PATH_MAX = 1024, TESTING_TEXT_MAX = 8192, TESTING_LOG_MAX = 65536 };

static char testing_modules[TESTING_PATH_MAX / 2]; /* where the built modules are */
static char testing_dir[64];                       /* for files of this run; removed at its end */
static char testing_detail[MANSIO_ERROR_DETAIL_MAX];
static int testing_log = -1;

/* One configuration, loaded or refused. */
struct world {
    struct mansio_arena *arena;
    struct core_source *source;
    struct core_config *config;
    struct core_modules *modules;
};

/* The path of a built module, or of a file of this run; valid until the fourth call after it. */
static inline const char *path_in(const char *dir, const char *name)
{
    static char paths[4][TESTING_PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, TESTING_PATH_MAX, "%s/%s", dir, name);
    return path;
}

static inline const char *built(const char *name)
{
    return path_in(testing_modules, name);
}

static inline const char *here(const char *name)
{
    return path_in(testing_dir, name);
}

static inline int testing_setup(void **state)
{
    (void)state;
    const char *build = getenv("MANSIO_BUILDDIR");
    snprintf(testing_modules, sizeof testing_modules, "%s/tests/modules",
             build != NULL ? build : ".");
    snprintf(testing_dir, sizeof testing_dir, "/tmp/mansio-modules-XXXXXX");
    if (mkdtemp(testing_dir) == NULL) {
        return -1;
    }
    testing_log = open(here("log"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (testing_log < 0) {
        return -1;
    }
    core_log_configure(&(struct core_log_options){.format = CORE_LOG_LOGFMT,
                                                  .level = MANSIO_LOG_DEBUG,
                                                  .fd = testing_log,
                                                  .process = "test"});
    return 0;
}

static inline int testing_teardown(void **state)
{
    (void)state;
    DIR *dir = opendir(testing_dir);
    if (dir == NULL) {
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* it has files alone; "." refuses */
    }
    (void)closedir(dir);
    return rmdir(testing_dir);
}

static inline void write_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t done = fd < 0 ? -1 : write(fd, bytes, len);
    if (done < 0 || (size_t)done != len || close(fd) < 0) {
        print_error("%s: can't be written\n", path);
        abort();
    }
}

/* A configuration of `module_path` and what @p text says of instances and listeners. */
static inline int world_parse(struct world *w, const char *text)
{
    static char yaml[TESTING_TEXT_MAX];
    snprintf(yaml, sizeof yaml, "module_path: [%s, %s]\n%s", testing_dir, testing_modules, text);
    write_file(here("mansio.yaml"), yaml, strlen(yaml));
    *w = (struct world){.arena = mansio_arena_new(NULL, "test", 0)};
    int err = core_source_read(w->arena, here("mansio.yaml"), &w->source);
    if (err == 0) {
        err = core_config_parse(w->arena, w->source, &w->config);
    }
    snprintf(testing_detail, sizeof testing_detail, "%s", err < 0 ? mansio_error_detail() : "");
    return err;
}

/* The same, loaded. What went wrong is then in testing_detail. */
static inline int world_load(struct world *w, const char *text)
{
    int err = world_parse(w, text);
    if (err == 0) {
        err = core_modules_load(w->arena, w->config, w->source, &w->modules);
        snprintf(testing_detail, sizeof testing_detail, "%s", err < 0 ? mansio_error_detail() : "");
    }
    return err;
}

static inline void world_free(struct world *w)
{
    mansio_arena_free(w->arena);
    *w = (struct world){0};
}

/* ---- the log ---- */

static inline void log_clear(void)
{
    if (ftruncate(testing_log, 0) < 0) {
        abort();
    }
}

/* All lines since log_clear(). */
static inline const char *log_text(void)
{
    static char text[TESTING_LOG_MAX];
    ssize_t len = pread(testing_log, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = 0;
    return text;
}

/* The line of an event of an instance, from @p from on; NULL if there is none. */
static inline const char *log_find(const char *from, const char *event, const char *instance,
                                   const char *has)
{
    char line[2048], wanted_event[64], wanted_instance[64];
    snprintf(wanted_event, sizeof wanted_event, "event=%s ", event);
    snprintf(wanted_instance, sizeof wanted_instance, "instance=%s ", instance);
    while (*from != 0) {
        size_t len = strcspn(from, "\n");
        snprintf(line, sizeof line, "%.*s ", (int)len, from);
        if (strstr(line, wanted_event) != NULL && strstr(line, wanted_instance) != NULL &&
            strstr(line, has) != NULL) {
            return from;
        }
        from += len + (from[len] == '\n');
    }
    return NULL;
}

static inline int logged(const char *event, const char *instance, const char *has)
{
    return log_find(log_text(), event, instance, has) != NULL;
}

/* 1 if the lines "EVENT INSTANCE" are in the log in just that order, and nothing else of them. */
static inline int log_is(const char *const *events, size_t count)
{
    const char *at = log_text();
    for (size_t i = 0; i < count; i++) {
        char event[32], instance[32];
        if (sscanf(events[i], "%31s %31s", event, instance) != 2) {
            return 0;
        }
        const char *found = log_find(at, event, instance, "");
        if (found == NULL) {
            print_message("# not in the log, or not in that order: %s\n%s", events[i], log_text());
            return 0;
        }
        at = found + strcspn(found, "\n");
    }
    return 1;
}

#endif
