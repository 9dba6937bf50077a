/*
 * The modules of a process: files found and checked, instances made, started and ended. A set is
 * what one configuration asks for; a process has one.
 */
#ifndef MANSIO_CORE_HOST_MODULES_H
#define MANSIO_CORE_HOST_MODULES_H

#include "core/base/export.h"
#include "core/host/config.h"
#include <mansio/module.h>
#include <mansio/protocol.h>

struct core_modules;

/* A file as it was loaded: what reload compares, what `mansioctl modules` shows. */
struct core_module_file {
    struct mansio_str path, name, version, build_tag, summary;
    uint32_t abi_major, abi_minor;
    char build_id[65]; /* hex of the GNU build id; "" if it has none */
    uint64_t device, inode;
    int64_t mtime_ns, size;
};

/* Check files, dlopen, check settings, make instances, run load() of each, check required
 * interfaces and listeners' protocols. On failure nothing is left behind but the mapped files. In
 * a fiber. */
CORE_EXPORT MANSIO_MUST_CHECK int core_modules_load(struct mansio_arena *arena,
                                                    const struct core_config *config,
                                                    const struct core_source *source,
                                                    struct core_modules **out);

/* start() in order of dependence. On failure what was started is stopped again. Yields. */
CORE_EXPORT MANSIO_MUST_CHECK int core_modules_start(struct core_modules *modules, uint32_t role);

/* As core_modules_start(), but only those that offer one of these interfaces (a NULL-terminated
 * list of names), and whom they require: what mansioctl needs of a whole configuration. Yields. */
CORE_EXPORT MANSIO_MUST_CHECK int core_modules_start_some(struct core_modules *modules,
                                                          uint32_t role,
                                                          const char *const *interfaces);

/* An interface for the core itself, as mansio_interface_get() gives it to an instance. */
CORE_EXPORT MANSIO_MUST_CHECK int core_modules_interface(struct core_modules *modules,
                                                         const char *interface, uint32_t version,
                                                         struct mansio_str provider, void *table,
                                                         size_t table_size,
                                                         struct mansio_instance **out_provider);

/* Give instances their new settings and call reconfigure() where they differ. Returns how many
 * said that they can't (their new values stand; the last one's reason is the detail), or an error,
 * and then nothing has changed. Yields. */
CORE_EXPORT MANSIO_MUST_CHECK int core_modules_reconfigure(struct core_modules *modules,
                                                           struct mansio_arena *arena,
                                                           const struct core_config *config,
                                                           const struct core_source *source);

CORE_EXPORT void core_modules_drain(struct core_modules *modules, int64_t deadline_us);

/* stop() in the reverse order, groups closed before. Yields. */
CORE_EXPORT void core_modules_stop(struct core_modules *modules);

CORE_EXPORT size_t core_modules_count(const struct core_modules *modules);
CORE_EXPORT struct mansio_instance *core_modules_instance(struct core_modules *modules,
                                                          size_t index);
CORE_EXPORT struct mansio_instance *core_modules_find(struct core_modules *modules,
                                                      struct mansio_str name);
CORE_EXPORT const struct core_module_file *core_instance_file(
    const struct mansio_instance *instance);
CORE_EXPORT const struct mansio_module *core_instance_module(
    const struct mansio_instance *instance);

/* The protocol table an instance offers, size-adjusted; MANSIO_E_NOT_FOUND. */
CORE_EXPORT MANSIO_MUST_CHECK int core_instance_protocol(struct mansio_instance *instance,
                                                         struct mansio_protocol *out);

/* First metric slot of an instance in shared memory (metrics.c). */
CORE_EXPORT uint32_t core_instance_metrics(const struct mansio_instance *instance);

/* Check one file without running any of its code: everything up to dlopen. */
CORE_EXPORT MANSIO_MUST_CHECK int core_module_inspect(struct mansio_arena *arena, const char *path,
                                                      struct core_module_file *out);

#endif
