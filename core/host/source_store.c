/*
 * The stored form of a source, by which the master hands it to its children and, over a binary
 * upgrade, to its successor: a sealed memfd, so that nobody can change it under a reader.
 *
 * All numbers in the machine's byte order (a descriptor does not leave the machine), unaligned:
 *
 *     char[8] "MANSIOSC", uint32 version, uint32 files, uint32 secrets, uint32 reserved 0,
 *     uint64 size of the whole
 *     each file:   uint64 device, uint64 inode, int64 mtime in ns, uint32 1 + number of the
 *                  including file (0: none), uint32 line, uint32 column, text path, text directory,
 *                  text bytes
 *     each secret: uint32 kind, uint32 1 if it has a value, text name, text value or reason
 *     a text:      uint32 length, bytes
 */
#include <config.h>

#include "core/host/source.h"

#include <errno.h>
#include <fcntl.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORED_VERSION = 1, SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static const char magic[8] = {'M', 'A', 'N', 'S', 'I', 'O', 'S', 'C'};

/* ---- writing --------------------------------------------------------------------------------- */

/* Counts when ptr is NULL: one walk gives both the size and the bytes. */
struct writer {
    unsigned char *ptr;
    size_t used, room;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
    if (writer->ptr != NULL && len > 0) {
        MANSIO_ASSERT(len <= writer->room - writer->used);
        memcpy(writer->ptr + writer->used, bytes, len);
    }
    writer->used += len;
}

static void put_u32(struct writer *writer, uint32_t n)
{
    put(writer, &n, sizeof n);
}

static void put_u64(struct writer *writer, uint64_t n)
{
    put(writer, &n, sizeof n);
}

static void put_text(struct writer *writer, struct mansio_str text)
{
    put_u32(writer, (uint32_t)text.len);
    put(writer, text.ptr, text.len);
}

static void write_all(struct writer *writer, const struct core_source *source, uint64_t size)
{
    put(writer, magic, sizeof magic);
    put_u32(writer, STORED_VERSION);
    put_u32(writer, (uint32_t)source->file_count);
    put_u32(writer, (uint32_t)source->secret_count);
    put_u32(writer, 0);
    put_u64(writer, size);
    for (size_t i = 0; i < source->file_count; i++) {
        const struct core_source_file *file = &source->files[i];
        put_u64(writer, file->device);
        put_u64(writer, file->inode);
        put_u64(writer, (uint64_t)file->mtime_ns);
        put_u32(writer, file->from.file != NULL ? file->from.file->index + 1 : 0);
        put_u32(writer, file->from.line);
        put_u32(writer, file->from.column);
        put_text(writer, mansio_str_from_cstr(file->name.path));
        put_text(writer, mansio_str_from_cstr(file->name.dir));
        put_text(writer, file->bytes);
    }
    for (size_t i = 0; i < source->secret_count; i++) {
        const struct core_source_secret *secret = &source->secrets[i];
        put_u32(writer, secret->kind);
        put_u32(writer, secret->value != NULL);
        put_text(writer, secret->name);
        put_text(writer, secret->value != NULL ? mansio_secret_bytes(secret->value) : secret->why);
    }
}

size_t core_source_encoded_size(const struct core_source *source)
{
    struct writer writer = {.ptr = NULL};
    write_all(&writer, source, 0);
    return writer.used;
}

void core_source_encode(const struct core_source *source, unsigned char *out, size_t size)
{
    struct writer writer = {.ptr = out, .room = size};
    write_all(&writer, source, size);
    MANSIO_ASSERT(writer.used == size);
}

static int fill(const struct core_source *source, int fd)
{
    size_t size = core_source_encoded_size(source);
    if (size > CORE_SOURCE_BYTES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "configuration: %zu bytes to store, at most %d", size,
                           CORE_SOURCE_BYTES_MAX);
    }
    if (ftruncate(fd, (off_t)size) < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "configuration: memfd: %s", strerror(err));
    }
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "configuration: mmap: %s", strerror(err));
    }
    core_source_encode(source, map, size);
    munmap(map, size);
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "configuration: sealing: %s", strerror(err));
    }
    return 0;
}

int core_source_store(const struct core_source *source, int *out_fd)
{
    int fd = memfd_create("mansio-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "configuration: memfd: %s", strerror(err));
    }
    int result = fill(source, fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    *out_fd = fd;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct cursor {
    const unsigned char *ptr;
    size_t used, len;
    int is_short; /* sticky: something did not fit */
};

static void take(struct cursor *cursor, void *out, size_t len)
{
    if (cursor->is_short || len > cursor->len - cursor->used) {
        cursor->is_short = 1;
        memset(out, 0, len);
        return;
    }
    memcpy(out, cursor->ptr + cursor->used, len);
    cursor->used += len;
}

static uint32_t take_u32(struct cursor *cursor)
{
    uint32_t n;
    take(cursor, &n, sizeof n);
    return n;
}

static uint64_t take_u64(struct cursor *cursor)
{
    uint64_t n;
    take(cursor, &n, sizeof n);
    return n;
}

/* A slice of the stored bytes. */
static struct mansio_str take_text(struct cursor *cursor)
{
    uint32_t len = take_u32(cursor);
    if (cursor->is_short || len > cursor->len - cursor->used) {
        cursor->is_short = 1;
        return MANSIO_STR_NONE;
    }
    struct mansio_str text = {(const char *)cursor->ptr + cursor->used, len};
    cursor->used += len;
    return text;
}

static int refuse(const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "stored configuration: %s", what);
}

static int is_path(struct mansio_str path)
{
    return path.len > 0 && path.len <= CORE_SETTINGS_PATH_MAX + 1 &&
           mansio_str_find_char(path, '\0') < 0;
}

static int decode_file(struct core_source *source, struct cursor *cursor)
{
    uint64_t device = take_u64(cursor);
    uint64_t inode = take_u64(cursor);
    int64_t mtime_ns = (int64_t)take_u64(cursor);
    uint32_t includer = take_u32(cursor);
    uint32_t line = take_u32(cursor);
    uint32_t column = take_u32(cursor);
    struct mansio_str path = take_text(cursor);
    struct mansio_str dir = take_text(cursor);
    struct mansio_str bytes = take_text(cursor);
    if (cursor->is_short || !is_path(path) || !is_path(dir) || dir.ptr[0] != '/' ||
        bytes.len > CORE_YAML_BYTES_MAX || includer > source->file_count ||
        (includer == 0) != (source->file_count == 0) ||
        (includer == 0 && (line != 0 || column != 0))) {
        return refuse("found a file that is cut or out of bounds");
    }
    struct mansio_str path_copy = MANSIO_STR_NONE;
    struct mansio_str dir_copy = MANSIO_STR_NONE;
    struct mansio_str bytes_copy = MANSIO_STR_NONE;
    struct core_source_file *file = NULL;
    int result = mansio_arena_copy(source->arena, path, &path_copy);
    if (result == 0) {
        result = mansio_arena_copy(source->arena, dir, &dir_copy);
    }
    if (result == 0) {
        result = mansio_arena_copy(source->arena, bytes, &bytes_copy);
    }
    if (result == 0) {
        result = core_source_add_file(source, path_copy.ptr, dir_copy.ptr, bytes_copy, &file);
    }
    if (result < 0) {
        return result;
    }
    MANSIO_ASSERT(file != NULL);
    file->device = device;
    file->inode = inode;
    file->mtime_ns = mtime_ns;
    if (includer > 0) {
        file->from = (struct core_place){
            .file = &source->files[includer - 1].name, .line = line, .column = column};
    }
    return 0;
}

static int decode_secret(struct core_source *source, struct cursor *cursor)
{
    struct core_source_secret *secret = &source->secrets[source->secret_count];
    secret->kind = take_u32(cursor);
    uint32_t has_value = take_u32(cursor);
    struct mansio_str name = take_text(cursor);
    struct mansio_str text = take_text(cursor);
    if (cursor->is_short || secret->kind < CORE_SECRET_FILE || secret->kind > CORE_SECRET_ENV ||
        name.len > CORE_YAML_TEXT_MAX || text.len > CORE_SOURCE_SECRET_BYTES_MAX || has_value > 1) {
        return refuse("found a secret that is cut or out of bounds");
    }
    int result = mansio_arena_copy(source->arena, name, &secret->name);
    if (result == 0 && has_value) {
        result = mansio_secret_new(source->arena, text, &secret->value);
    } else if (result == 0) {
        result = mansio_arena_copy(source->arena, text, &secret->why);
    }
    source->secret_count += result == 0;
    return result;
}

static int decode_head(struct cursor *cursor, uint32_t *out_files, uint32_t *out_secrets)
{
    char start[sizeof magic];
    take(cursor, start, sizeof start);
    uint32_t version = take_u32(cursor);
    uint32_t files = take_u32(cursor);
    uint32_t secrets = take_u32(cursor);
    uint32_t reserved = take_u32(cursor);
    uint64_t size = take_u64(cursor);
    if (cursor->is_short || memcmp(start, magic, sizeof magic) != 0) {
        return refuse("found something else, expected MANSIOSC");
    }
    if (version != STORED_VERSION) {
        return mansio_fail(MANSIO_E_INVALID, "stored configuration: found version %u, expected %d",
                           version, STORED_VERSION);
    }
    if (size != cursor->len || reserved != 0) {
        return refuse("found another size than it says");
    }
    if (files == 0 || files > CORE_SOURCE_FILES_MAX || secrets > CORE_SOURCE_SECRETS_MAX) {
        return refuse("found no file, or too many files or secrets");
    }
    *out_files = files;
    *out_secrets = secrets;
    return 0;
}

int core_source_decode(struct mansio_arena *arena, struct mansio_str bytes,
                       struct core_source **out)
{
    struct cursor cursor = {.ptr = (const unsigned char *)bytes.ptr, .len = bytes.len};
    uint32_t files = 0;
    uint32_t secrets = 0;
    int result = decode_head(&cursor, &files, &secrets);
    if (result < 0) {
        return result;
    }
    struct core_source *source = core_source_new(arena);
    for (uint32_t i = 0; i < files && result == 0; i++) {
        result = decode_file(source, &cursor);
    }
    if (result == 0 && secrets > 0) {
        source->secrets = mansio_arena_try_alloc(arena, secrets * sizeof *source->secrets);
        result = source->secrets != NULL ? 0 : MANSIO_E_LIMIT;
    }
    for (uint32_t i = 0; i < secrets && result == 0; i++) {
        result = decode_secret(source, &cursor);
    }
    if (result == 0 && cursor.used != cursor.len) {
        result = refuse("found more bytes than it should have");
    }
    if (result == 0) {
        *out = source;
    }
    return result;
}

int core_source_load(struct mansio_arena *arena, int fd, struct core_source **out)
{
    struct stat facts;
    if (fstat(fd, &facts) < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "stored configuration: %s", strerror(err));
    }
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS) {
        return refuse("found a descriptor that is not sealed");
    }
    if (facts.st_size <= 0 || facts.st_size > CORE_SOURCE_BYTES_MAX) {
        return refuse("found too few or too many bytes");
    }
    size_t size = (size_t)facts.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "stored configuration: mmap: %s", strerror(err));
    }
    int result = core_source_decode(arena, (struct mansio_str){map, size}, out);
    munmap(map, size);
    return result;
}
