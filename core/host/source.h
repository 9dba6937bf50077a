/*
 * A source from the inside: the bytes of the main file and of what it includes, and the secrets
 * that they name, read once so that every process of a generation sees the same. Public to the
 * daemon is config.h.
 */
#ifndef MANSIO_CORE_HOST_SOURCE_H
#define MANSIO_CORE_HOST_SOURCE_H

#include "core/host/config.h"
#include "core/host/problems.h"
#include "core/host/settings.h"
#include "core/host/yaml.h"
#include <mansio/arena.h>
#include <mansio/base.h>

enum {
    CORE_SOURCE_FILES_MAX = 128,
    CORE_SOURCE_INCLUDE_DEPTH_MAX = 8,
    CORE_SOURCE_SECRETS_MAX = 1024,
    CORE_SOURCE_SECRET_BYTES_MAX = 65536,
    CORE_SOURCE_BYTES_MAX = 128 * 1024 * 1024, /* of the stored form */
};

struct core_source_file {
    struct core_file name;
    struct mansio_str bytes;
    struct core_place from; /* the include that names it; file NULL for the main file */
    uint64_t device, inode;
    int64_t mtime_ns;
};

enum core_secret_kind { CORE_SECRET_FILE = 1, CORE_SECRET_ENV = 2 };

/* What a {file: PATH} or {env: NAME} names. That it can't be read is a problem only if a SECRET
 * asks for it: a module may have a section of that form. */
struct core_source_secret {
    uint32_t kind;               /* enum core_secret_kind */
    struct mansio_str name;      /* absolute path, or the variable's name */
    struct mansio_secret *value; /* NULL: see why */
    struct mansio_str why;       /* "found ..., expected ..." */
};

struct core_source {
    struct mansio_arena *arena;
    struct core_source_file *files; /* in order of reading: main file first, an include after its
                                       includer */
    size_t file_count;
    struct core_source_secret *secrets;
    size_t secret_count;
    struct core_problems *problems; /* of the last parse; also of a const source */
};

/* An empty source with room for files and secrets. */
struct core_source *core_source_new(struct mansio_arena *arena);

/* Add a file; MANSIO_E_LIMIT over the most. The strings are copied, the bytes are not. */
MANSIO_MUST_CHECK int core_source_add_file(struct core_source *source, const char *path,
                                           const char *dir, struct mansio_str bytes,
                                           struct core_source_file **out);

/* A source of one text, includes and secrets not looked at: for tests. */
MANSIO_MUST_CHECK int core_source_of_text(struct mansio_arena *arena, const char *path,
                                          struct mansio_str text, struct core_source **out);

/* Is the node {file: PATH} or {env: NAME}? Gives the kind (0 if not) and the one value. */
uint32_t core_secret_form(const struct core_node *node, const struct core_node **out_value);

/* The bytes of the secret that a MAP node names. MANSIO_E_INVALID with the reason in @p why. */
MANSIO_MUST_CHECK int core_source_secret(const struct core_source *source,
                                         const struct core_node *node, struct mansio_str *out,
                                         char why[CORE_SETTINGS_WHY_MAX]);

/* Read the secrets that a parsed file names (source_secret.c). */
MANSIO_MUST_CHECK int core_source_read_secrets(struct core_source *source,
                                               const struct core_node *root);

/* A path as a file says it, made absolute. MANSIO_E_INVALID if it is too long. */
MANSIO_MUST_CHECK int core_path_resolve(struct mansio_arena *arena, const struct core_file *file,
                                        struct mansio_str text, struct mansio_str *out);

/* Let core_source_problem() tell of these too. @p source NULL does nothing. */
void core_source_add_problems(const struct core_source *source,
                              const struct core_problems *problems);

/* All files as one tree: entries of `instances` and `listeners` gathered, any other key given
 * twice refused (source_merge.c). Problems are added, what is refused is left out. */
MANSIO_MUST_CHECK int core_source_merge(struct mansio_arena *arena,
                                        const struct core_source *source,
                                        struct core_problems *problems, struct core_node **out);

/* The stored form as bytes (source_store.c). encode writes exactly core_source_encoded_size(). */
size_t core_source_encoded_size(const struct core_source *source);
void core_source_encode(const struct core_source *source, unsigned char *out, size_t size);
MANSIO_MUST_CHECK int core_source_decode(struct mansio_arena *arena, struct mansio_str bytes,
                                         struct core_source **out);

#endif
