/*
 * Modules: one constant descriptor, seen by the loader before any code of the module runs.
 *
 * MANSIO_MODULE("echo", "1.0", "", .summary = "...", .load = echo_load, ...);
 *
 * The macro defines the descriptor (symbol mansio_module, the only one that a module exports) and
 * an ELF note with the facts that are checked before dlopen. One file may be loaded as many
 * instances, which the configuration names: all state hangs on the instance.
 *
 * Life of an instance: load (in the checking child, in each worker and in the service process:
 * check settings, offer interfaces, nothing else), start (acquire resources, start fibers), then
 * any number of reconfigure, then drain (finish what runs, refuse new), then stop (release all).
 */
#ifndef MANSIO_MODULE_H
#define MANSIO_MODULE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>
#include <mansio/metrics.h>
#include <mansio/settings.h>

/** Opaque: one configured use of a module. */
struct mansio_instance;

/** Where start() runs. Readers accept unknown values and do nothing there. */
enum mansio_role {
    MANSIO_ROLE_WORKER = 1,  /* one of many; serves listeners */
    MANSIO_ROLE_SERVICE = 2, /* one a node; singletons, no listeners of protocols */
    MANSIO_ROLE_ADMIN = 3,   /* mansioctl: no listeners, no daemon need run; ends soon */
};

/** The descriptor. Fill it with MANSIO_MODULE(). */
struct mansio_module {
    size_t size;         /* sizeof(struct mansio_module) */
    uint32_t abi_major;  /* MANSIO_ABI_MAJOR */
    uint32_t abi_minor;  /* MANSIO_ABI_TARGET */
    const char *name;    /* as in the note: lower-case letters, digits, '-'; at most 31 bytes */
    const char *version; /* as in the note: at most 31 bytes */
    const char *summary; /* one line for people */

    const struct mansio_setting *settings;
    size_t setting_count;
    const struct mansio_metric *metrics;
    size_t metric_count;

    /** Check settings and offer interfaces; acquire nothing. NULL: nothing to do.
     * @return 0, or an error whose detail says why the instance can't be
     * @yields no     @since 1.0 */
    int (*load)(struct mansio_instance *instance);

    /** Acquire resources; providers are started before those who require them. Fibers are started
     * in mansio_instance_group(). The process counts as ready when every start has returned.
     * @param role  an enum mansio_role value
     * @return 0, or an error: the generation is then given up
     * @yields yes    @since 1.0 */
    int (*start)(struct mansio_instance *instance, uint32_t role);

    /** LIVE settings changed: mansio_instance_settings() has the new values, the old ones live
     * until this returns. Called in every process that start() ran in, the service process too.
     * What load() refuses never comes here: so refuse there, where the reload still can be.
     * @return 0, or an error: it is logged and told to who reloads; the new values stand
     * @yields yes    @since 1.0 */
    int (*reconfigure)(struct mansio_instance *instance);

    /** Finish what runs by the deadline; conns are drained by the core itself. A module that has
     * this is waited for until the fibers of the instance's group have ended, at most to the
     * deadline: the core asks none of them to stop, mansio_group_stop() here does. NULL: they are
     * cancelled once the conns are gone.
     * @param deadline_us  monotonic time
     * @yields no     @since 1.0 */
    void (*drain)(struct mansio_instance *instance, int64_t deadline_us);

    /** Release everything; called once for each start(), also for one that failed. The instance's
     * group is closed before, its arena freed after.
     * @yields yes    @since 1.0 */
    void (*stop)(struct mansio_instance *instance);
};

/** Its name in the configuration. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_instance_name(const struct mansio_instance *instance);

/** Its settings, checked; until reconfigure() or stop() has returned: a fiber that keeps them, or
 * a slice of them, over a yield may hold what is gone. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_settings *mansio_instance_settings(
    const struct mansio_instance *instance);

/** The arena that lives from load to stop. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_arena *mansio_instance_arena(struct mansio_instance *instance);

/** The group for fibers that live from start to stop. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_group *mansio_instance_group(struct mansio_instance *instance);

/** The module's own state. @yields no @since 1.0 */
MANSIO_EXPORT void *mansio_instance_data(const struct mansio_instance *instance);

/** Set the module's own state; the core never looks at it. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_instance_set_data(struct mansio_instance *instance, void *data);

/* ---- the note ---------------------------------------------------------------------------------
 *
 * Section .note.mansio, an ELF note: owner "MANSIO", type 1, aligned to 4. Its description, in
 * the machine's byte order, is laid out by byte offset:
 *
 *     0  uint32  layout size: 372; later layouts are longer, readers take what they know
 *     4  uint32  ABI major
 *     8  uint32  ABI minor
 *    12  uint32  reserved, 0
 *    16  char[32]   name, NUL-padded, at least one NUL
 *    48  char[32]   version, likewise
 *    80  char[36]   build tag, likewise: "plain", or the sanitizers it was built with: "asan"
 *   116  char[256]  required interfaces, likewise: "NAME/VERSION" separated by one space, or empty
 *
 * The macro emits it as top-level assembler: a note defined in C would be padded by sanitizers,
 * and one with pointers would become writable.
 */
#define MANSIO_NOTE_OWNER "MANSIO"
#define MANSIO_NOTE_TYPE  1
#define MANSIO_NOTE_SIZE  372

#if defined(__SANITIZE_ADDRESS__)
#define MANSIO_BUILD_TAG "asan"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MANSIO_BUILD_TAG "asan"
#endif
#endif
#ifndef MANSIO_BUILD_TAG
#define MANSIO_BUILD_TAG "plain"
#endif

#define MANSIO_NOTE_TEXT_(number)   #number
#define MANSIO_NOTE_NUMBER_(number) MANSIO_NOTE_TEXT_(number)
/* Too long a text makes a negative .space: the assembler refuses it. */
#define MANSIO_NOTE_STRING_(label, room, text)                                                     \
    label ": .asciz \"" text "\"\n"                                                                \
          ".space " #room " - (. - " label ")\n"
#define MANSIO_NOTE_(module_name, module_version, required)                                                                                                    \
    __asm__(                                                                                                                                                   \
        ".pushsection .note.mansio, \"a\", %note\n"                                                                                                            \
        ".balign 4\n"                                                                                                                                          \
        ".long 7\n"                                                                                                                                            \
        ".long " MANSIO_NOTE_NUMBER_(                                                                                                                          \
            MANSIO_NOTE_SIZE) "\n"                                                                                                                             \
                              ".long " MANSIO_NOTE_NUMBER_(                                                                                                    \
                                  MANSIO_NOTE_TYPE) "\n"                                                                                                       \
                                                    ".asciz \"" MANSIO_NOTE_OWNER "\"\n"                                                                       \
                                                    ".balign 4\n"                                                                                              \
                                                    ".long " MANSIO_NOTE_NUMBER_(                                                                              \
                                                        MANSIO_NOTE_SIZE) "\n"                                                                                 \
                                                                          ".long"                                                                              \
                                                                          " " MANSIO_NOTE_NUMBER_(                                                             \
                                                                              MANSIO_ABI_MAJOR) "\n"                                                           \
                                                                                                ".long " MANSIO_NOTE_NUMBER_(                                  \
                                                                                                    MANSIO_ABI_TARGET) "\n"                                    \
                                                                                                                       ".long 0\n" MANSIO_NOTE_STRING_(        \
                                                                                                                           ".Lmansio_name",                    \
                                                                                                                           32,                                 \
                                                                                                                           module_name)                        \
                                                                                                                           MANSIO_NOTE_STRING_(                \
                                                                                                                               ".Lmansio_version",             \
                                                                                                                               32,                             \
                                                                                                                               module_version)                 \
                                                                                                                               MANSIO_NOTE_STRING_(            \
                                                                                                                                   ".Lmansio_build",           \
                                                                                                                                   36,                         \
                                                                                                                                   MANSIO_BUILD_TAG)           \
                                                                                                                                   MANSIO_NOTE_STRING_(        \
                                                                                                                                       ".Lmansio_required",    \
                                                                                                                                       256,                    \
                                                                                                                                       required) ".balign 4\n" \
                                                                                                                                                 ".popsection\n")

#ifdef __cplusplus
#define MANSIO_MODULE_DECLARE_ MANSIO_EXPORT /* says extern itself */
#else
#define MANSIO_MODULE_DECLARE_ extern MANSIO_EXPORT
#endif

/**
 * Define a module, once, at file scope. In C++ (20, for its designated initialisers) as in C.
 *
 * @param module_name     string literal: as name above; core, process, build and what begins with
 *                        these and a '-' are the core's own
 * @param module_version  string literal
 * @param required        string literal: interfaces it can't do without, "store/1 directory/1"
 * @param ...             designated initialisers of struct mansio_module
 */
#define MANSIO_MODULE(module_name, module_version, required, ...)                                  \
    MANSIO_NOTE_(module_name, module_version, required);                                           \
    MANSIO_MODULE_DECLARE_ const struct mansio_module mansio_module;                               \
    const struct mansio_module mansio_module = {.size = sizeof(struct mansio_module),              \
                                                .abi_major = MANSIO_ABI_MAJOR,                     \
                                                .abi_minor = MANSIO_ABI_TARGET,                    \
                                                .name = module_name,                               \
                                                .version = module_version,                         \
                                                __VA_ARGS__}

#endif
