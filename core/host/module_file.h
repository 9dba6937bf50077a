/*
 * A module's file: found, checked from its bytes, and only then given to the dynamic loader. What
 * is loaded stays for the life of the process (never dlclose'd), known by device and inode.
 */
#ifndef MANSIO_CORE_HOST_MODULE_FILE_H
#define MANSIO_CORE_HOST_MODULE_FILE_H

#include "core/host/modules.h"

/* A file that this process has loaded. Slices and tables live as long as the process. */
struct core_module_code {
    struct core_module_file file;
    struct mansio_module descriptor; /* what both know, zeros for what the module doesn't */
    struct mansio_str required;      /* of the note: "NAME/VERSION NAME/VERSION ..." */
};

/* Find a module as the configuration names it: a path if it has a '/', else NAME.so in the first
 * of the directories that has it. The result is NUL-terminated. MANSIO_E_NOT_FOUND, naming where
 * it was looked for. */
MANSIO_MUST_CHECK int core_module_find(struct mansio_arena *arena, struct mansio_str module,
                                       const struct mansio_str *directories, size_t count,
                                       const char **out_path);

/* Check a file, load it, check its descriptor and tables. A file that is loaded already is given
 * again. @p arena holds what an error leaves behind. */
MANSIO_MUST_CHECK int core_module_open(struct mansio_arena *arena, const char *path,
                                       const struct core_module_code **out);

#endif
