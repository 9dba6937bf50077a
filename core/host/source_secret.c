/*
 * Secrets that a configuration names: {file: PATH} and {env: NAME}. They are read with the
 * configuration, by its reader's privileges, and handed on with it. Which nodes are secrets only
 * a module's table tells, and modules are loaded later: so under `instances` every map of that
 * form is read, and what can't be read matters only once a SECRET asks for it. The core's own
 * table has SECRETs under `tls` alone. Never writes a secret's bytes anywhere but into a
 * mansio_secret.
 */
#include <config.h>

#include "core/host/source.h"

#include <errno.h>
#include <fcntl.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint32_t core_secret_form(const struct core_node *node, const struct core_node **out_value)
{
    if (node->kind != CORE_NODE_MAP || node->count != 1 || node->first->kind != CORE_NODE_TEXT ||
        node->first->text.len == 0) {
        return 0;
    }
    *out_value = node->first;
    if (mansio_str_eq(node->first->key->text, MANSIO_STR("file"))) {
        return CORE_SECRET_FILE;
    }
    return mansio_str_eq(node->first->key->text, MANSIO_STR("env")) ? CORE_SECRET_ENV : 0;
}

static const struct core_source_secret *find_secret(const struct core_source *source, uint32_t kind,
                                                    struct mansio_str name)
{
    for (size_t i = 0; i < source->secret_count; i++) {
        if (source->secrets[i].kind == kind && mansio_str_eq(source->secrets[i].name, name)) {
            return &source->secrets[i];
        }
    }
    return NULL;
}

/* The name under which a secret is kept. */
static int secret_name(struct mansio_arena *arena, uint32_t kind, const struct core_node *value,
                       struct mansio_str *out)
{
    if (kind == CORE_SECRET_FILE) {
        return core_path_resolve(arena, value->at.file, value->text, out);
    }
    return mansio_arena_copy(arena, value->text, out);
}

int core_source_secret(const struct core_source *source, const struct core_node *node,
                       struct mansio_str *out, char why[CORE_SETTINGS_WHY_MAX])
{
    const struct core_node *value = NULL;
    uint32_t kind = core_secret_form(node, &value);
    if (kind == 0) {
        snprintf(why, CORE_SETTINGS_WHY_MAX,
                 "found a section, expected just {file: PATH} or {env: NAME}");
        return MANSIO_E_INVALID;
    }
    struct mansio_str name = MANSIO_STR_NONE;
    const struct core_source_secret *secret = NULL;
    MANSIO_SCRATCH_BEGIN(scratch);
    if (source != NULL && secret_name(scratch, kind, value, &name) == 0) {
        secret = find_secret(source, kind, name);
    }
    MANSIO_SCRATCH_END(scratch);
    if (secret == NULL) {
        snprintf(why, CORE_SETTINGS_WHY_MAX, "found a secret that was not read");
        return MANSIO_E_INVALID;
    }
    if (secret->value == NULL) {
        snprintf(why, CORE_SETTINGS_WHY_MAX, "%.*s", MANSIO_STR_ARG(secret->why));
        return MANSIO_E_INVALID;
    }
    *out = mansio_secret_bytes(secret->value);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int refuse(char why[CORE_SETTINGS_WHY_MAX], struct mansio_str name, const char *what)
{
    char quoted[CORE_QUOTE_MAX];
    snprintf(why, CORE_SETTINGS_WHY_MAX, "%s: %s", core_quote(name, quoted), what);
    return MANSIO_E_INVALID;
}

/* Read at most @p room bytes; the number read or a negative errno. */
static ssize_t read_some(int fd, char *bytes, size_t room)
{
    size_t used = 0;
    while (used < room) {
        ssize_t got = read(fd, bytes + used, room - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static int keep_bytes(struct core_source *source, struct core_source_secret *secret,
                      struct mansio_str bytes, char why[CORE_SETTINGS_WHY_MAX])
{
    if (bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\n') {
        bytes.len--;
        if (bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\r') {
            bytes.len--;
        }
    }
    if (bytes.len == 0) {
        return refuse(why, secret->name, "found nothing, expected a secret");
    }
    return mansio_secret_new(source->arena, bytes, &secret->value);
}

static int read_open_secret(struct core_source *source, struct core_source_secret *secret, int fd,
                            char why[CORE_SETTINGS_WHY_MAX])
{
    enum { ROOM = CORE_SOURCE_SECRET_BYTES_MAX + 1 };
    struct stat facts;
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        return refuse(why, secret->name, "found no regular file, expected one");
    }
    if ((facts.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        char what[128];
        snprintf(what, sizeof what,
                 "found the mode %04o, open to everybody; expected one such as 0640",
                 (unsigned)facts.st_mode & 07777);
        return refuse(why, secret->name, what);
    }
    char *bytes = malloc(ROOM);
    if (bytes == NULL) {
        return refuse(why, secret->name, "no memory");
    }
    ssize_t used = read_some(fd, bytes, ROOM);
    int result;
    if (used < 0) {
        result = refuse(why, secret->name, strerror((int)-used));
    } else if (used == ROOM) {
        result = refuse(why, secret->name, "found more than 64 KiB, expected less");
    } else {
        result = keep_bytes(source, secret, (struct mansio_str){bytes, (size_t)used}, why);
    }
    explicit_bzero(bytes, ROOM);
    free(bytes);
    return result;
}

static int read_secret(struct core_source *source, struct core_source_secret *secret,
                       char why[CORE_SETTINGS_WHY_MAX])
{
    if (secret->kind == CORE_SECRET_ENV) {
        const char *value = getenv(secret->name.ptr);
        if (value == NULL || value[0] == '\0') {
            return refuse(why, secret->name, "found no such environment variable, expected one");
        }
        return keep_bytes(source, secret, mansio_str_from_cstr(value), why);
    }
    int fd = open(secret->name.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int err = errno;
        return refuse(why, secret->name, strerror(err));
    }
    int result = read_open_secret(source, secret, fd, why);
    close(fd);
    return result;
}

/* Where secrets may stand: in instances, and in the core's own sections that have some. */
static int may_be_secret(const struct core_node *node)
{
    while (node->parent != NULL && node->parent->parent != NULL) {
        node = node->parent;
    }
    return node->key != NULL && (mansio_str_eq(node->key->text, MANSIO_STR("instances")) ||
                                 mansio_str_eq(node->key->text, MANSIO_STR("tls")));
}

static int add_secret(struct core_source *source, const struct core_node *node, uint32_t kind,
                      const struct core_node *value)
{
    struct mansio_str name = MANSIO_STR_NONE;
    int result = secret_name(source->arena, kind, value, &name);
    if (result == MANSIO_E_INVALID) {
        return 0; /* too long a path: "was not read", if anybody asks */
    }
    if (result < 0 || find_secret(source, kind, name) != NULL) {
        return result;
    }
    if (source->secret_count == CORE_SOURCE_SECRETS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "%s:%u:%u: found more than %d secrets, expected fewer",
                           node->at.file->path, node->at.line, node->at.column,
                           CORE_SOURCE_SECRETS_MAX);
    }
    if (source->secrets == NULL) {
        source->secrets = mansio_arena_try_alloc(source->arena,
                                                 CORE_SOURCE_SECRETS_MAX * sizeof *source->secrets);
        if (source->secrets == NULL) {
            return MANSIO_E_LIMIT;
        }
    }
    struct core_source_secret *secret = &source->secrets[source->secret_count];
    *secret = (struct core_source_secret){.kind = kind, .name = name};
    source->secret_count++;
    char why[CORE_SETTINGS_WHY_MAX];
    result = read_secret(source, secret, why);
    if (result == MANSIO_E_INVALID) {
        result = mansio_arena_copy(source->arena, mansio_str_from_cstr(why), &secret->why);
    }
    return result;
}

int core_source_read_secrets(struct core_source *source, const struct core_node *root)
{
    const struct core_node *node = root;
    int result = 0;
    while (node != NULL && result == 0) {
        const struct core_node *value = NULL;
        uint32_t kind = core_secret_form(node, &value);
        if (kind != 0 && may_be_secret(node)) {
            result = add_secret(source, node, kind, value);
        }
        if (node->first != NULL) {
            node = node->first;
            continue;
        }
        while (node != NULL && node->next == NULL) {
            node = node->parent;
        }
        node = node != NULL ? node->next : NULL;
    }
    return result;
}

void core_source_forget_environment(const struct core_source *source)
{
    for (size_t i = 0; i < source->secret_count; i++) {
        const struct core_source_secret *secret = &source->secrets[i];
        /* Names are NUL-terminated copies (mansio_arena_copy()). */
        char *value = secret->kind == CORE_SECRET_ENV ? getenv(secret->name.ptr) : NULL;
        if (value != NULL) {
            explicit_bzero(value, strlen(value));
            (void)unsetenv(secret->name.ptr);
        }
    }
}
