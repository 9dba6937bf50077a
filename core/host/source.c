/*
 * Reading a source: the main file, then what it includes, depth first, each file once. The tree
 * is parsed here only to find includes and secrets; its meaning is config.c's.
 */
#include <config.h>

#include "core/host/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One reading of a source. */
struct reading {
    struct core_source *source;
    size_t nodes_left;
};

struct core_source *core_source_new(struct mansio_arena *arena)
{
    struct core_source *source = mansio_arena_alloc(arena, sizeof *source);
    source->arena = arena;
    source->files = mansio_arena_alloc(arena, CORE_SOURCE_FILES_MAX * sizeof *source->files);
    source->problems = mansio_arena_alloc(arena, sizeof *source->problems);
    return source;
}

int core_source_add_file(struct core_source *source, const char *path, const char *dir,
                         struct mansio_str bytes, struct core_source_file **out)
{
    if (source->file_count == CORE_SOURCE_FILES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: found more than %d files, expected fewer", path,
                           CORE_SOURCE_FILES_MAX);
    }
    struct core_source_file *file = &source->files[source->file_count];
    int result = mansio_cstr(source->arena, mansio_str_from_cstr(path), &file->name.path);
    if (result == 0) {
        result = mansio_cstr(source->arena, mansio_str_from_cstr(dir), &file->name.dir);
    }
    if (result < 0) {
        return result;
    }
    file->name.index = (uint32_t)source->file_count;
    file->bytes = bytes;
    source->file_count++;
    *out = file;
    return 0;
}

int core_source_of_text(struct mansio_arena *arena, const char *path, struct mansio_str text,
                        struct core_source **out)
{
    struct core_source *source = core_source_new(arena);
    struct core_source_file *file = NULL;
    struct mansio_str copy = MANSIO_STR_NONE;
    int result = mansio_arena_copy(arena, text, &copy);
    if (result == 0) {
        result = core_source_add_file(source, path, "/", copy, &file);
    }
    if (result == 0) {
        *out = source;
    }
    return result;
}

int core_path_resolve(struct mansio_arena *arena, const struct core_file *file,
                      struct mansio_str text, struct mansio_str *out)
{
    while (mansio_str_starts(text, MANSIO_STR("./"))) {
        text = mansio_str_sub(text, 2, SIZE_MAX);
    }
    size_t dir_length = strlen(file->dir);
    if (text.len > CORE_SETTINGS_PATH_MAX || dir_length + 1 + text.len > CORE_SETTINGS_PATH_MAX) {
        return MANSIO_E_INVALID;
    }
    if (text.len > 0 && text.ptr[0] == '/') {
        return mansio_arena_copy(arena, text, out);
    }
    const char *slash = dir_length > 0 && file->dir[dir_length - 1] == '/' ? "" : "/";
    return mansio_arena_printf(arena, out, "%s%s%.*s", file->dir, slash, MANSIO_STR_ARG(text));
}

void core_source_add_problems(const struct core_source *source,
                              const struct core_problems *problems)
{
    if (source != NULL) {
        core_problems_merge(source->problems, problems);
    }
}

size_t core_source_problem_count(const struct core_source *source, size_t *out_total)
{
    if (out_total != NULL) {
        *out_total = source->problems->total;
    }
    return source->problems->count;
}

const char *core_source_problem(const struct core_source *source, size_t index)
{
    MANSIO_ASSERT(index < source->problems->count);
    return source->problems->texts[index];
}

size_t core_source_file_count(const struct core_source *source)
{
    return source->file_count;
}

const char *core_source_file_path(const struct core_source *source, size_t index)
{
    MANSIO_ASSERT(index < source->file_count);
    return source->files[index].name.path;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The length of what stands before the last '/', with it. */
static size_t dir_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* The absolute directory of a path, without resolving links: that is what people mean. */
static int dir_of(struct mansio_arena *arena, const char *path, struct mansio_str *out)
{
    struct mansio_str dir = {path, dir_part(path)};
    if (dir.len > 0 && dir.ptr[0] == '/') {
        return mansio_arena_copy(arena, dir, out);
    }
    char *cwd = getcwd(NULL, 0);
    if (cwd == NULL) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "%s: the working directory: %s", path, strerror(err));
    }
    int result = mansio_arena_printf(arena, out, "%s/%.*s", cwd, MANSIO_STR_ARG(dir));
    free(cwd);
    return result;
}

/* All bytes of an open file, at most one more than it may have. */
static int read_bytes(struct mansio_arena *arena, int fd, const char *path, size_t size,
                      struct mansio_str *out)
{
    char *bytes = mansio_arena_try_alloc(arena, size + 1);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    size_t used = 0;
    while (used < size) {
        ssize_t got = read(fd, bytes + used, size - used);
        if (got < 0) {
            int err = errno;
            if (err == EINTR) {
                continue;
            }
            return mansio_fail(MANSIO_E_IO, "%s: read: %s", path, strerror(err));
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    *out = (struct mansio_str){bytes, used};
    return 0;
}

/* Is the file there already? Names both places; a file that includes itself is the same mistake. */
static int refuse_twice(const struct core_source *source, const char *path,
                        const struct stat *facts, struct core_place from)
{
    for (size_t i = 0; i < source->file_count; i++) {
        const struct core_source_file *file = &source->files[i];
        if (file->device != facts->st_dev || file->inode != facts->st_ino) {
            continue;
        }
        if (file->from.file == NULL) {
            return mansio_fail(MANSIO_E_INVALID,
                               "%s:%u:%u: include: found %s, which is the main file",
                               from.file->path, from.line, from.column, path);
        }
        return mansio_fail(MANSIO_E_INVALID,
                           "%s:%u:%u: include: found %s a second time; %s:%u:%u includes it too",
                           from.file->path, from.line, from.column, path, file->from.file->path,
                           file->from.line, file->from.column);
    }
    return 0;
}

static int fail_open(const char *path, struct core_place from, const char *what)
{
    if (from.file == NULL) {
        return mansio_fail(MANSIO_E_IO, "%s: %s", path, what);
    }
    return mansio_fail(MANSIO_E_IO, "%s:%u:%u: include: %s: %s", from.file->path, from.line,
                       from.column, path, what);
}

static int read_open_file(struct reading *reading, int fd, const char *path, struct core_place from,
                          struct core_source_file **out)
{
    struct core_source *source = reading->source;
    struct stat facts;
    if (fstat(fd, &facts) < 0) {
        int err = errno;
        return fail_open(path, from, strerror(err));
    }
    if (!S_ISREG(facts.st_mode)) {
        return fail_open(path, from, "found no regular file, expected one");
    }
    if (facts.st_size > CORE_YAML_BYTES_MAX) {
        return fail_open(path, from, "found more than 1 MiB, expected less");
    }
    int result = refuse_twice(source, path, &facts, from);
    struct mansio_str bytes = MANSIO_STR_NONE;
    struct mansio_str dir = MANSIO_STR_NONE;
    if (result == 0) {
        result = dir_of(source->arena, path, &dir);
    }
    if (result == 0) {
        result = read_bytes(source->arena, fd, path, (size_t)facts.st_size, &bytes);
    }
    struct core_source_file *file = NULL;
    if (result == 0) {
        result = core_source_add_file(source, path, dir.ptr, bytes, &file);
    }
    if (result < 0) {
        return result;
    }
    MANSIO_ASSERT(file != NULL);
    file->from = from;
    file->device = facts.st_dev;
    file->inode = facts.st_ino;
    file->mtime_ns = (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec;
    *out = file;
    return 0;
}

static int open_and_read(struct reading *reading, const char *path, struct core_place from,
                         struct core_source_file **out)
{
    /* Non-blocking: a FIFO without a writer is to be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int err = errno;
        return fail_open(path, from, strerror(err));
    }
    int result = read_open_file(reading, fd, path, from, out);
    close(fd);
    return result;
}

/* ---- includes -------------------------------------------------------------------------------- */

static int read_file(struct reading *reading, const char *path, struct core_place from,
                     unsigned depth);

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_matches(struct reading *reading, const char *pattern, struct core_place from,
                        unsigned depth)
{
    glob_t matches = {.gl_pathc = 0};
    int found = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &matches);
    if (found == GLOB_NOMATCH) {
        return 0; /* a folder of additions may be empty */
    }
    if (found != 0) {
        int err = errno;
        globfree(&matches);
        return fail_open(pattern, from, found == GLOB_NOSPACE ? "no memory" : strerror(err));
    }
    qsort(matches.gl_pathv, matches.gl_pathc, sizeof matches.gl_pathv[0], compare_paths);
    int result = 0;
    for (size_t i = 0; i < matches.gl_pathc && result == 0; i++) {
        result = read_file(reading, matches.gl_pathv[i], from, depth);
    }
    globfree(&matches);
    return result;
}

static int read_include(struct reading *reading, const struct core_node *node, unsigned depth)
{
    struct core_place at = node->at;
    if (node->kind != CORE_NODE_TEXT || core_node_is_null(node) || node->text.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "%s:%u:%u: include: found %s, expected a path",
                           at.file->path, at.line, at.column,
                           node->kind == CORE_NODE_TEXT && node->text.len == 0
                               ? "nothing"
                               : core_node_describe(node));
    }
    /* Shown as the includer is: a relative main file gives relative names in messages. */
    struct mansio_str path = MANSIO_STR_NONE;
    struct mansio_str dir = {at.file->path, dir_part(at.file->path)};
    if (node->text.ptr[0] == '/') {
        dir.len = 0;
    }
    if (dir.len + node->text.len > CORE_SETTINGS_PATH_MAX) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s:%u:%u: include: found a path of more than %d bytes, expected fewer",
                           at.file->path, at.line, at.column, CORE_SETTINGS_PATH_MAX);
    }
    int result = mansio_arena_printf(reading->source->arena, &path, "%.*s%.*s", MANSIO_STR_ARG(dir),
                                     MANSIO_STR_ARG(node->text));
    if (result < 0) {
        return result;
    }
    if (strpbrk(path.ptr, "*?[") != NULL) {
        return read_matches(reading, path.ptr, at, depth);
    }
    return read_file(reading, path.ptr, at, depth);
}

static int read_includes(struct reading *reading, const struct core_node *root, unsigned depth)
{
    const struct core_node *include = core_node_get(root, MANSIO_STR("include"));
    if (include == NULL || core_node_is_null(include)) {
        return 0;
    }
    if (include->kind != CORE_NODE_LIST) {
        return read_include(reading, include, depth);
    }
    int result = 0;
    for (const struct core_node *item = include->first; item != NULL && result == 0;
         item = item->next) {
        result = read_include(reading, item, depth);
    }
    return result;
}

/* Recursion as deep as includes nest, which is bounded. */
static int read_file(struct reading *reading, const char *path, struct core_place from,
                     unsigned depth)
{
    if (depth > CORE_SOURCE_INCLUDE_DEPTH_MAX) {
        return mansio_fail(MANSIO_E_LIMIT,
                           "%s:%u:%u: include: found more than %d files inside each other, "
                           "expected fewer",
                           from.file->path, from.line, from.column, CORE_SOURCE_INCLUDE_DEPTH_MAX);
    }
    struct core_source_file *file = NULL;
    int result = open_and_read(reading, path, from, &file);
    if (result < 0) {
        return result;
    }
    MANSIO_ASSERT(file != NULL);
    struct core_node *root = NULL;
    struct mansio_arena *nodes = mansio_arena_new(NULL, "source nodes", 0);
    result = core_yaml_parse(nodes, &file->name, file->bytes, &reading->nodes_left, &root);
    if (result == 0) {
        result = core_source_read_secrets(reading->source, root);
    }
    if (result == 0) {
        result = read_includes(reading, root, depth + 1);
    }
    mansio_arena_free(nodes);
    return result;
}

int core_source_read(struct mansio_arena *arena, const char *path, struct core_source **out)
{
    struct reading reading = {.source = core_source_new(arena), .nodes_left = CORE_YAML_NODES_MAX};
    struct core_place nowhere = {.file = NULL};
    int result = read_file(&reading, path, nowhere, 0);
    if (result == 0) {
        *out = reading.source;
    }
    return result;
}

static int file_eq(const struct core_source_file *a, const struct core_source_file *b)
{
    return strcmp(a->name.path, b->name.path) == 0 && strcmp(a->name.dir, b->name.dir) == 0 &&
           mansio_str_eq(a->bytes, b->bytes);
}

static int secret_eq(const struct core_source_secret *a, const struct core_source_secret *b)
{
    return a->kind == b->kind && mansio_str_eq(a->name, b->name) &&
           (a->value == NULL) == (b->value == NULL) &&
           mansio_secret_eq(mansio_secret_bytes(a->value), mansio_secret_bytes(b->value));
}

int core_source_eq(const struct core_source *a, const struct core_source *b)
{
    if (a->file_count != b->file_count || a->secret_count != b->secret_count) {
        return 0;
    }
    for (size_t i = 0; i < a->file_count; i++) {
        if (!file_eq(&a->files[i], &b->files[i])) {
            return 0;
        }
    }
    for (size_t i = 0; i < a->secret_count; i++) {
        if (!secret_eq(&a->secrets[i], &b->secrets[i])) {
            return 0;
        }
    }
    return 1;
}
