/*
 * Opening the directory without a daemon: configuration, loop, modules, interfaces; then the
 * command in a fiber; then all of it closed again. Owns the loop of this process.
 */
#include "core/ctl/admin.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "core/host/config.h"
#include "core/host/log.h"
#include "core/host/modules.h"
#include "core/loop/loop.h"
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    FIBERS_MAX = 1024,
    STACKS_KEPT = 16,
    OFFLOAD_THREADS = 2,
    OFFLOAD_QUEUE = 64,
};

struct run {
    struct core_ctl *ctl;
    const struct core_ctl_args *args;
    struct core_ctl_admin admin;
    int exit_code;
};

/* ---- what commands need -------------------------------------------------------------------------
 */

int core_ctl_failed(const struct core_ctl *ctl, int code)
{
    static const struct {
        int code, exit;
    } exits[] = {
        {MANSIO_E_INVALID, CORE_CTL_USAGE},   {MANSIO_E_UNAVAILABLE, CORE_CTL_UNREACHABLE},
        {MANSIO_E_DENIED, CORE_CTL_DENIED},   {MANSIO_E_NOT_FOUND, CORE_CTL_NOT_FOUND},
        {MANSIO_E_TIMEOUT, CORE_CTL_TIMEOUT}, {MANSIO_E_EXISTS, CORE_CTL_EXISTS},
        {MANSIO_E_BUSY, CORE_CTL_BUSY},       {MANSIO_E_CANCELLED, CORE_CTL_TIMEOUT},
    };
    const char *detail = mansio_error_detail();
    core_ctl_error(ctl, "%s", detail[0] != '\0' ? detail : mansio_error_name(code));
    for (size_t i = 0; i < MANSIO_COUNT(exits); i++) {
        if (exits[i].code == code) {
            return exits[i].exit;
        }
    }
    return CORE_CTL_FAILED;
}

int64_t core_ctl_deadline(const struct core_ctl *ctl, int64_t timeout_us)
{
    int64_t limit_us = ctl->timeout_us >= 0 ? ctl->timeout_us : timeout_us;
    return limit_us > 0 ? mansio_deadline_in(limit_us) : MANSIO_NEVER;
}

struct mansio_actor core_ctl_actor(const struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return (struct mansio_actor){
        .size = sizeof(struct mansio_actor),
        .name = ctl->admin->user,
        .reason = mansio_str_from_cstr(core_ctl_option(args, "--reason")),
    };
}

/* ---- opening ------------------------------------------------------------------------------------
 */

static int find_user(struct mansio_arena *arena, struct mansio_str *out)
{
    uid_t uid = getuid();
    const struct passwd *entry = getpwuid(uid);
    if (entry != NULL) {
        return mansio_arena_copy(arena, mansio_str_from_cstr(entry->pw_name), out);
    }
    return mansio_arena_printf(arena, out, "%" PRIu64, (uint64_t)uid);
}

static int add_auth(struct core_ctl_admin *admin, struct core_modules *modules,
                    struct mansio_str name)
{
    struct mansio_auth *auth = &admin->auths[admin->auth_count];
    if (admin->auth_count == CORE_CTL_AUTHS_MAX) {
        return 0;
    }
    int rc = core_modules_interface(modules, MANSIO_AUTH, MANSIO_AUTH_VERSION, name, auth,
                                    sizeof *auth, &admin->auth_instances[admin->auth_count]);
    if (rc == 0 && auth->make != NULL) {
        admin->auth_count++;
    }
    return rc;
}

/* Those that `login.auth` names, else all that offer it. */
static int find_auths(struct core_ctl_admin *admin, struct core_modules *modules,
                      const struct core_config_login *login)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < login->auth_count; i++) {
        rc = add_auth(admin, modules, login->auth[i]);
    }
    for (size_t i = 0; rc == 0 && login->auth_count == 0 && i < core_modules_count(modules); i++) {
        rc = add_auth(admin, modules, mansio_instance_name(core_modules_instance(modules, i)));
        rc = rc == MANSIO_E_NOT_FOUND ? 0 : rc; /* it is something else */
    }
    return rc;
}

/* All of them: a tenant's mail may lie in any. */
static int find_stores(struct mansio_arena *arena, struct core_ctl_admin *admin,
                       struct core_modules *modules)
{
    size_t count = core_modules_count(modules);
    admin->stores = mansio_arena_try_alloc(arena, (count + 1) * sizeof *admin->stores);
    admin->store_instances =
        mansio_arena_try_alloc(arena, (count + 1) * sizeof(*admin->store_instances));
    if (admin->stores == NULL || admin->store_instances == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        struct mansio_store *store = &admin->stores[admin->store_count];
        int rc =
            core_modules_interface(modules, MANSIO_STORE, MANSIO_STORE_VERSION,
                                   mansio_instance_name(core_modules_instance(modules, i)), store,
                                   sizeof *store, &admin->store_instances[admin->store_count]);
        if (rc < 0 && rc != MANSIO_E_NOT_FOUND) { /* it is something else */
            return rc;
        }
        admin->store_count += rc == 0 && store->spool_list != NULL;
    }
    return 0;
}

/* All problems of a configuration, not just the first: the daemon would tell as many. */
static int say_config(const struct core_ctl *ctl, const struct core_source *source)
{
    size_t count = source != NULL ? core_source_problem_count(source, NULL) : 0;
    if (count == 0) {
        core_ctl_error(ctl, "%s", mansio_error_detail());
    }
    for (size_t i = 0; i < count; i++) {
        core_ctl_error(ctl, "%s", core_source_problem(source, i));
    }
    return CORE_CTL_FAILED;
}

static int load(struct core_ctl *ctl, struct core_modules **out, const struct core_config **config)
{
    struct core_source *source = NULL;
    struct core_config *parsed = NULL;
    const char *path = ctl->config != NULL ? ctl->config : MANSIO_CONFIG_FILE;
    int rc = core_source_read(ctl->arena, path, &source);
    if (rc == 0) {
        rc = core_config_parse(ctl->arena, source, &parsed);
    }
    if (rc == 0) {
        rc = core_modules_load(ctl->arena, parsed, source, out);
    }
    *config = parsed;
    return rc < 0 ? say_config(ctl, source) : CORE_CTL_OK;
}

static int find_all(struct run *run, struct core_modules *modules, const struct core_config *config)
{
    struct core_ctl_admin *admin = &run->admin;
    int rc =
        core_modules_interface(modules, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION, MANSIO_STR_NONE,
                               &admin->directory, sizeof admin->directory, &admin->instance);
    if (rc == 0) {
        rc = find_auths(admin, modules, &config->login);
    }
    if (rc == 0) {
        rc = find_stores(run->ctl->arena, admin, modules);
    }
    return rc == 0 ? find_user(run->ctl->arena, &admin->user) : rc;
}

static int in_fiber(void *arg)
{
    static const char *const wanted[] = {MANSIO_DIRECTORY, MANSIO_AUTH, MANSIO_STORE, NULL};
    struct run *run = arg;
    struct core_modules *modules = NULL;
    const struct core_config *config = NULL;
    run->exit_code = load(run->ctl, &modules, &config);
    if (run->exit_code == CORE_CTL_OK) {
        int rc = core_modules_start_some(modules, MANSIO_ROLE_ADMIN, wanted);
        if (rc == 0) {
            rc = find_all(run, modules, config);
        }
        if (rc < 0) {
            run->exit_code = core_ctl_failed(run->ctl, rc);
        } else {
            run->ctl->admin = &run->admin;
            run->exit_code = run->args->command->run(run->ctl, run->args);
            run->ctl->admin = NULL;
        }
        core_modules_stop(modules);
    }
    core_loop_stop();
    return 0;
}

int core_ctl_admin_run(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_log_options log = {
        .level = MANSIO_LOG_WARNING, .fd = STDERR_FILENO, .process = "ctl"};
    struct core_loop_options options = {
        .fibers_max = FIBERS_MAX,
        .stacks_kept_max = STACKS_KEPT,
        .offload_threads = OFFLOAD_THREADS,
        .offload_queue_max = OFFLOAD_QUEUE,
    };
    struct run run = {.ctl = ctl, .args = args, .exit_code = CORE_CTL_FAILED};

    core_log_configure(&log);
    if (core_loop_init(&options) < 0) {
        return core_ctl_failed(ctl, MANSIO_E_IO);
    }
    struct mansio_group *group = mansio_group_new("ctl");
    int rc = mansio_group_spawn(group, "ctl", in_fiber, &run, NULL);
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    core_loop_run();
    if (mansio_group_count(group) == 0) {
        mansio_group_close(group);
        (void)core_loop_fini();
    }
    return run.exit_code;
}
