/*
 * JSON between processes. See json.h. Owns nothing that outlives a call.
 */
#include "core/daemon/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/time.h>

enum { DOCUMENT_MAX_BYTES = 64 * 1024 * 1024 };

json_t *core_json_str(struct mansio_str s)
{
    json_t *value = json_stringn(s.len > 0 ? s.ptr : "", s.len);
    if (value != NULL) {
        return value;
    }
    char *copy = malloc(s.len + 1);
    MANSIO_ASSERT(copy != NULL);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        copy[i] = c < 0x80 ? (char)c : '?';
    }
    value = json_stringn(copy, s.len);
    free(copy);
    MANSIO_ASSERT(value != NULL);
    return value;
}

json_t *core_json_time(int64_t wall_us)
{
    char text[MANSIO_TIME_RFC3339_MAX];
    size_t len = mansio_time_rfc3339(wall_us, text);
    return json_stringn(text, len);
}

json_t *core_json_seconds(int64_t us)
{
    return json_real((double)us / (double)MANSIO_SECOND);
}

int core_json_get_str(struct mansio_arena *arena, const json_t *object, const char *name,
                      struct mansio_str *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        return mansio_fail(MANSIO_E_INVALID, "member \"%s\": text expected", name);
    }
    struct mansio_str s = {json_string_value(value), json_string_length(value)};
    return mansio_arena_copy(arena, s, out);
}

int core_json_get_int(const json_t *object, const char *name, int64_t min, int64_t max,
                      int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) {
        return mansio_fail(MANSIO_E_INVALID, "member \"%s\": whole number expected", name);
    }
    int64_t n = json_integer_value(value);
    if (n < min || n > max) {
        return mansio_fail(MANSIO_E_INVALID, "member \"%s\": %lld is not in %lld to %lld", name,
                           (long long)n, (long long)min, (long long)max);
    }
    *out = n;
    return 0;
}

int core_json_get_array(const json_t *object, const char *name, const json_t **out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_array(value)) {
        return mansio_fail(MANSIO_E_INVALID, "member \"%s\": list expected", name);
    }
    *out = value;
    return 0;
}

int core_json_parse(struct mansio_str text, json_t **out)
{
    json_error_t error;
    json_t *value = json_loadb(text.len > 0 ? text.ptr : "", text.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "JSON, line %d, column %d: %s", error.line,
                           error.column, error.text);
    }
    *out = value;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

int core_json_store(const json_t *value, const char *name, int *out_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "memfd_create %s: %s", name, strerror(err));
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    MANSIO_ASSERT(text != NULL);
    int rc = write_all(fd, text, strlen(text));
    int err = errno;
    free(text);
    if (rc != 0) {
        close(fd);
        return mansio_fail(MANSIO_E_IO, "write %s: %s", name, strerror(err));
    }
    *out_fd = fd;
    return 0;
}

/* Copied, not mapped: whoever sent the descriptor may shrink the file under us, which would be
 * SIGBUS in a mapping. */
static int read_all(int fd, char *out, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(fd, out + at, len - at, (off_t)at);
        int err = errno;
        if (n < 0 && err == EINTR) {
            continue;
        }
        if (n <= 0) {
            return mansio_fail(MANSIO_E_IO, "document: %s", n < 0 ? strerror(err) : "it was cut");
        }
        at += (size_t)n;
    }
    return 0;
}

int core_json_load(int fd, json_t **out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "fstat: %s", strerror(err));
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > DOCUMENT_MAX_BYTES) {
        return mansio_fail(MANSIO_E_INVALID, "document of %lld bytes, 1 to %d expected",
                           (long long)st.st_size, DOCUMENT_MAX_BYTES);
    }
    size_t len = (size_t)st.st_size;
    char *text = malloc(len);
    if (text == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "document: out of memory");
    }
    int rc = read_all(fd, text, len);
    if (rc == 0) {
        rc = core_json_parse((struct mansio_str){text, len}, out);
    }
    free(text);
    return rc;
}
