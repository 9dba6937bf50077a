/*
 * One instance: its accessors, and the calls of its module's lifecycle functions, each with the
 * instance's name in the log context. Which instance is called when is modules.c's business.
 */
#include "core/host/instance.h"

#include "core/host/metrics.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <stdio.h>

enum {
    ARENA_CAP = 64 << 20, /* what an instance may keep beside its sessions */
    PREFIX_MAX = 64,
};

/* ---- what modules ask ---------------------------------------------------------------------------
 */

struct mansio_str mansio_instance_name(const struct mansio_instance *instance)
{
    return instance->name;
}

const struct mansio_settings *mansio_instance_settings(const struct mansio_instance *instance)
{
    return instance->settings;
}

struct mansio_arena *mansio_instance_arena(struct mansio_instance *instance)
{
    return instance->arena;
}

struct mansio_group *mansio_instance_group(struct mansio_instance *instance)
{
    return instance->group;
}

void *mansio_instance_data(const struct mansio_instance *instance)
{
    return instance->data;
}

void mansio_instance_set_data(struct mansio_instance *instance, void *data)
{
    instance->data = data;
}

/* ---- what the core asks -------------------------------------------------------------------------
 */

const struct core_module_file *core_instance_file(const struct mansio_instance *instance)
{
    return &instance->code->file;
}

const struct mansio_module *core_instance_module(const struct mansio_instance *instance)
{
    return &instance->code->descriptor;
}

uint32_t core_instance_metrics(const struct mansio_instance *instance)
{
    return instance->metrics;
}

int core_instance_fail(const struct mansio_instance *instance, int code, const char *doing)
{
    char detail[MANSIO_ERROR_DETAIL_MAX];

    (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
    return mansio_fail(code, "instance %.*s (%.*s): %s: %s", MANSIO_STR_ARG(instance->name),
                       MANSIO_STR_ARG(instance->code->file.path), doing,
                       detail[0] != 0 ? detail : mansio_error_name(code));
}

/* ---- lifecycle ----------------------------------------------------------------------------------
 */

/* The running context speaks for the instance until leave(); calls may yield in between, and
 * fibers started meanwhile inherit it. */
static const struct core_log_fields *enter(const struct mansio_instance *instance)
{
    struct core_context *context = core_context_current();
    const struct core_log_fields *before = context->fields;

    context->fields = &instance->fields;
    return before;
}

static void leave(const struct core_log_fields *before)
{
    core_context_current()->fields = before;
}

/* A failure without a detail of its own must not show that of an earlier one. */
static void forget_detail(void)
{
    struct core_context *context = core_context_current();
    if (context->detail != NULL) {
        context->detail[0] = 0;
    }
}

static int register_metrics(struct mansio_instance *instance)
{
    const struct mansio_module *module = &instance->code->descriptor;
    if (module->metric_count == 0) {
        return 0;
    }
    char prefix[PREFIX_MAX];
    (void)snprintf(prefix, sizeof prefix, "mansio_%s", module->name);
    for (char *c = prefix; *c != 0; c++) {
        *c = *c == '-' ? '_' : *c; /* Prometheus names have no '-' */
    }
    return core_metrics_register(prefix, instance->name, module->metrics, module->metric_count,
                                 &instance->metrics);
}

int core_instance_new(struct core_modules *set, struct mansio_str name,
                      const struct core_module_code *code, struct mansio_instance **out)
{
    struct mansio_instance *instance = mansio_arena_alloc(set->arena, sizeof *instance);

    int err = mansio_arena_copy(set->arena, name, &instance->name);
    if (err < 0) {
        return err;
    }
    instance->set = set;
    instance->code = code;
    instance->arena = mansio_arena_new(set->arena, "instance", ARENA_CAP);
    instance->fields.module = code->file.name;
    instance->fields.instance = instance->name;
    *out = instance;
    return 0;
}

int core_instance_load(struct mansio_instance *instance)
{
    const struct mansio_module *module = &instance->code->descriptor;
    const struct core_log_fields *before = enter(instance);

    forget_detail();
    int err = register_metrics(instance);
    if (err == 0 && module->load != NULL) {
        instance->phase = CORE_PHASE_LOADING;
        err = module->load(instance);
    }
    instance->phase = CORE_PHASE_LOADED;
    leave(before);
    return err < 0 ? core_instance_fail(instance, err, "load") : 0;
}

int core_instance_start(struct mansio_instance *instance, uint32_t role)
{
    const struct mansio_module *module = &instance->code->descriptor;
    const struct core_log_fields *before = enter(instance);
    int err = 0;

    forget_detail();
    instance->group = mansio_group_new(module->name);
    instance->phase = CORE_PHASE_STARTING;
    if (module->start != NULL) {
        err = module->start(instance, role);
    }
    leave(before);
    if (err < 0) {
        return core_instance_fail(instance, err, "start");
    }
    instance->phase = CORE_PHASE_RUNNING;
    return 0;
}

int core_instance_reconfigure(struct mansio_instance *instance)
{
    const struct mansio_module *module = &instance->code->descriptor;
    if (module->reconfigure == NULL) {
        return 0;
    }
    const struct core_log_fields *before = enter(instance);
    forget_detail();
    int err = module->reconfigure(instance);
    if (err < 0) {
        mansio_log(MANSIO_LOG_ERROR, "reconfigure-failed", MANSIO_KV_CODE("error", err),
                   MANSIO_KV_END);
    }
    leave(before);
    return err < 0 ? err : 0;
}

void core_instance_drain(struct mansio_instance *instance, int64_t deadline_us)
{
    const struct mansio_module *module = &instance->code->descriptor;

    instance->phase = CORE_PHASE_DRAINING;
    if (module->drain != NULL) {
        const struct core_log_fields *before = enter(instance);
        module->drain(instance, deadline_us);
        leave(before);
    }
}

void core_instance_stop(struct mansio_instance *instance)
{
    const struct mansio_module *module = &instance->code->descriptor;
    const struct core_log_fields *before = enter(instance);

    mansio_group_close(instance->group);
    instance->group = NULL;
    if (module->stop != NULL && instance->phase >= CORE_PHASE_STARTING) {
        module->stop(instance);
    }
    instance->phase = CORE_PHASE_STOPPED;
    leave(before);
    mansio_arena_free(instance->arena);
    instance->arena = NULL;
}
