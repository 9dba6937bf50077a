/*
 * For the unit tests of modules: an instance without the loader. A test that links a module's code
 * makes one and fills in what the module keeps on it.
 */
#ifndef MANSIO_CORE_HOST_TESTING_H
#define MANSIO_CORE_HOST_TESTING_H

#include "core/loop/testing.h" /* includes cmocka */

#include "core/host/instance.h"
#include "core/host/metrics.h"

/* An instance as load() would see it, in @p arena. Its metrics count, and nobody reads them.
 * @param module  its name; one table a process */
static inline struct mansio_instance *testing_instance(struct mansio_arena *arena,
                                                       const char *module,
                                                       const struct mansio_metric *metrics,
                                                       size_t count)
{
    static struct core_module_code code;
    static uint32_t handle;
    struct mansio_instance *instance = mansio_arena_alloc(arena, sizeof *instance);
    if (code.descriptor.name == NULL) {
        code.descriptor.name = module;
        CHECK(core_metrics_register(module, MANSIO_STR("test"), metrics, count, &handle) == 0);
    }
    instance->name = MANSIO_STR("test");
    instance->code = &code;
    instance->arena = arena;
    instance->phase = CORE_PHASE_LOADED;
    instance->metrics = handle;
    return instance;
}

#endif
