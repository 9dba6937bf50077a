/*
 * The checking child: reads, parses, loads modules, compares with what runs, and tells the master
 * the plan. It may die of any of that. Also what --check and --explain-settings do, in their own
 * process. Owns nothing that outlives it.
 */
#include "core/daemon/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/daemon/buildid.h"
#include "core/daemon/channel.h"
#include "core/daemon/facts.h"
#include "core/daemon/json.h"
#include "core/daemon/logging.h"
#include "core/daemon/plan.h"
#include "core/daemon/privileges.h"
#include "core/daemon/state.h"
#include "core/daemon/state_form.h"
#include "core/host/config.h"
#include "core/host/listener_tls.h"
#include "core/host/log.h"
#include "core/host/modules.h"
#include "core/host/shm.h"
#include "core/loop/loop.h"
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/module.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

enum { EXPLANATION_MAX = 4 * 1024 * 1024 };

struct checker {
    struct mansio_arena *arena;
    int channel_fd; /* -1: on the terminal */
    struct core_message request;
    const char *config_path;
    int has_running, has_state;
    uint32_t generation;
    struct core_source *source; /* the last that was read, for messages */
    struct core_config *config;
    struct core_modules *modules;
    int result;
};

struct mansio_str core_check_problems(struct mansio_arena *arena, const struct core_source *source)
{
    size_t total = 0;
    size_t count = source != NULL ? core_source_problem_count(source, &total) : 0;
    struct mansio_buf *text = mansio_buf_new(arena, CORE_MESSAGE_PAYLOAD_MAX);
    for (size_t i = 0; i < count; i++) {
        (void)mansio_buf_printf(text, "%s%s", i > 0 ? "\n" : "", core_source_problem(source, i));
    }
    if (total > count) {
        (void)mansio_buf_printf(text, "\nand %zu more", total - count);
    }
    if (count == 0) {
        (void)mansio_buf_printf(text, "%s", mansio_error_detail());
    }
    return mansio_buf_str(text);
}

static void stage(const struct checker *checker, const char *text)
{
    struct core_message message = {.type = CORE_MESSAGE_STAGE,
                                   .payload = mansio_str_from_cstr(text)};
    if (checker->channel_fd >= 0) {
        core_message_send_raw(checker->channel_fd, &message);
    }
}

static int read_config(struct checker *checker)
{
    checker->source = NULL;
    struct core_source *source = NULL;
    int rc = core_source_read(checker->arena, checker->config_path, &source);
    if (rc == 0) {
        checker->source = source;
        rc = core_config_parse(checker->arena, source, &checker->config);
    }
    return rc;
}

/* Read as who starts us, become the service's user, and read once more: what it can't read now,
 * it could not at the next reload either. */
static int read_as_user(struct checker *checker)
{
    int rc = read_config(checker);
    if (rc < 0 || !core_privileges_needed(checker->config->user)) {
        return rc;
    }
    rc = core_privileges_become(checker->config->user, checker->config->group, 0);
    if (rc < 0) {
        checker->source = NULL;
        return rc;
    }
    return read_config(checker);
}

/* ---- comparing with what runs ---------------------------------------------------------------- */

static int compare_instance(const struct checker *checker, struct mansio_arena *arena,
                            const struct core_source *running_source,
                            const struct core_config *running, struct mansio_instance *instance)
{
    const struct core_config_instance *row =
        core_config_find_instance(running, mansio_instance_name(instance));
    const struct core_config_instance *now =
        core_config_find_instance(checker->config, mansio_instance_name(instance));
    if (row == NULL || now == NULL || !mansio_str_eq(row->module, now->module)) {
        return CORE_SETTINGS_OTHERS;
    }
    const struct mansio_module *module = core_instance_module(instance);
    const struct mansio_settings *before = NULL;
    int rc = core_settings_check(arena, running_source, row->node, row->where, module->settings,
                                 module->setting_count, &before);
    if (rc < 0) {
        return CORE_SETTINGS_OTHERS; /* the module's table is another now */
    }
    return core_settings_compare(before, mansio_instance_settings(instance));
}

/* enum core_settings_change, against the source that runs. */
static int compare(const struct checker *checker, int running_fd)
{
    struct core_source *source = NULL;
    struct core_config *running = NULL;
    if (core_source_load(checker->arena, running_fd, &source) < 0 ||
        core_config_parse(checker->arena, source, &running) < 0) {
        return CORE_SETTINGS_OTHERS; /* another version's form: can't be the same */
    }
    int most = core_settings_compare(running->settings, checker->config->settings);
    size_t count = core_modules_count(checker->modules);
    if (count != running->instance_count) {
        most = CORE_SETTINGS_OTHERS;
    }
    for (size_t i = 0; i < count; i++) {
        int change = compare_instance(checker, checker->arena, source, running,
                                      core_modules_instance(checker->modules, i));
        most = change > most ? change : most;
    }
    return most;
}

/* ---- the plan -------------------------------------------------------------------------------- */

int core_plan_from_config(struct core_plan *plan, const struct core_config *config)
{
    plan->workers = config->workers;
    plan->user = config->user;
    plan->group = config->group;
    plan->control_path = config->control_socket;
    plan->control_mode = config->control_mode;
    plan->drain_spread_us = config->drain_spread_us;
    plan->drain_deadline_us = config->drain_time_us;
    plan->log_format = config->log_format;
    plan->log_level = config->log_level;
    plan->log_file = config->log_file;
    plan->conns_max = config->limits.max[CORE_LIMIT_CONNS];
    if (config->has_metrics) {
        char text[CORE_ADDRESS_TEXT_MAX];
        size_t len = core_address_print(&config->metrics_address, text);
        int rc =
            mansio_arena_copy(plan->arena, (struct mansio_str){text, len}, &plan->metrics_address);
        if (rc < 0) {
            return rc;
        }
    }
    plan->listeners =
        mansio_arena_try_alloc(plan->arena, (config->listener_count + 1) * sizeof *plan->listeners);
    if (plan->listeners == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct core_config_listener *row = &config->listeners[i];
        plan->listeners[plan->listener_count++] = (struct core_plan_listener){
            .name = row->name,
            .instance = row->instance,
            .service = row->service,
            .address_text = row->address_text,
            .address = row->address,
            .backlog = row->backlog,
            .unix_mode = row->unix_mode,
        };
    }
    return 0;
}

/* What a listener serves that names no service: its protocol's own. The master knows no module. */
static void name_services(const struct checker *checker, struct core_plan *plan)
{
    for (size_t i = 0; i < plan->listener_count; i++) {
        struct core_plan_listener *row = &plan->listeners[i];
        struct mansio_protocol protocol;
        struct mansio_instance *instance = core_modules_find(checker->modules, row->instance);
        if (row->service.len == 0 && instance != NULL &&
            core_instance_protocol(instance, &protocol) == 0) {
            row->service = mansio_str_from_cstr(protocol.service);
        }
    }
}

static int make_plan(struct checker *checker, struct core_plan **out)
{
    struct core_plan *plan = mansio_arena_alloc(checker->arena, sizeof *plan);
    plan->arena = checker->arena;
    int rc = core_plan_from_config(plan, checker->config);
    if (rc < 0) {
        return rc;
    }
    name_services(checker, plan);
    core_facts_collect(plan, checker->config, checker->modules);
    plan->settings_change = CORE_SETTINGS_OTHERS;
    if (checker->has_running) {
        stage(checker, "comparing with what runs");
        plan->settings_change = (uint32_t)compare(checker, checker->request.fds[0]);
    }
    *out = plan;
    return 0;
}

static int send_plan(const struct checker *checker, const struct core_plan *plan)
{
    struct core_message message = {.type = CORE_MESSAGE_PLAN, .fd_count = 2};
    json_t *json = core_plan_to_json(plan);
    int rc = core_json_store(json, "mansio-plan", &message.fds[0]);
    json_decref(json);
    if (rc == 0) {
        rc = core_source_store(checker->source, &message.fds[1]);
    }
    if (rc == 0) {
        core_message_send_raw(checker->channel_fd, &message);
    }
    return rc;
}

/* Can this binary go on from where the running one is? */
static int check_state(const struct checker *checker)
{
    int first = checker->has_running ? 1 : 0;
    struct core_shm *shm = NULL;
    json_t *state = NULL;
    int rc = core_state_load(checker->request.fds[first], &state);
    if (rc == 0) {
        rc = core_state_form_check(state);
        json_decref(state);
    }
    if (rc == 0) {
        rc = core_shm_map(checker->request.fds[first + 1], &shm);
    }
    return rc;
}

/* As the workers will read them: as their user by now. */
static int check_certificates(const struct checker *checker)
{
    struct core_listener_tls *tls = NULL;
    stage(checker, "reading certificates");
    int rc = core_listener_tls_load(checker->arena, checker->config, checker->source,
                                    MANSIO_STR_NONE, &tls);
    if (rc == 0) {
        core_listener_tls_warn(tls);
    }
    return rc;
}

static int check_all(struct checker *checker)
{
    if (checker->has_state) {
        stage(checker, "reading the running master's state");
        int rc = check_state(checker);
        if (rc < 0) {
            return rc;
        }
    }
    stage(checker, "reading the configuration");
    int rc = read_as_user(checker);
    if (rc < 0) {
        return rc;
    }
    stage(checker, "loading modules");
    rc = core_modules_load(checker->arena, checker->config, checker->source, &checker->modules);
    return rc < 0 ? rc : check_certificates(checker);
}

static int check_and_tell(void *arg)
{
    struct checker *checker = arg;
    struct core_plan *plan = NULL;
    int rc = check_all(checker);
    if (rc == 0) {
        rc = make_plan(checker, &plan);
    }
    if (rc == 0) {
        stage(checker, "telling the plan");
        rc = send_plan(checker, plan);
    }
    if (rc < 0) {
        struct core_message message = {
            .type = CORE_MESSAGE_FAILED,
            .payload = core_check_problems(checker->arena, checker->source),
        };
        core_message_send_raw(checker->channel_fd, &message);
    }
    checker->result = rc < 0 ? 1 : 0;
    core_loop_stop();
    return 0;
}

static int check_here(void *arg)
{
    struct checker *checker = arg;
    int rc = check_all(checker);
    if (rc < 0) {
        struct mansio_str text = core_check_problems(checker->arena, checker->source);
        fprintf(stderr, "%.*s\n", MANSIO_STR_ARG(text));
    } else {
        printf("%s: %zu instances, %zu listeners, %u workers: good\n", checker->config_path,
               core_modules_count(checker->modules), checker->config->listener_count,
               checker->config->workers);
    }
    checker->result = rc < 0 ? 1 : 0;
    core_loop_stop();
    return 0;
}

/* ---- explaining ------------------------------------------------------------------------------ */

static int is_explained(struct core_modules *modules, size_t index)
{
    const struct core_module_file *file = core_instance_file(core_modules_instance(modules, index));
    for (size_t i = 0; i < index; i++) {
        if (mansio_str_eq(core_instance_file(core_modules_instance(modules, i))->path,
                          file->path)) {
            return 1;
        }
    }
    return 0;
}

static int explain_here(void *arg)
{
    struct checker *checker = arg;
    struct mansio_buf *text = mansio_buf_new(checker->arena, EXPLANATION_MAX);
    size_t rows = 0;
    const struct mansio_setting *table = core_config_table(&rows);
    core_settings_explain(text, "core", table, rows);
    int rc = checker->config_path != NULL ? check_all(checker) : 0;
    for (size_t i = 0;
         rc == 0 && checker->modules != NULL && i < core_modules_count(checker->modules); i++) {
        if (is_explained(checker->modules, i)) {
            continue;
        }
        const struct mansio_module *module =
            core_instance_module(core_modules_instance(checker->modules, i));
        (void)mansio_buf_add_char(text, '\n');
        core_settings_explain(text, module->name, module->settings, module->setting_count);
    }
    struct mansio_str out = mansio_buf_str(text);
    fwrite(out.ptr, 1, out.len, stdout);
    if (rc < 0) {
        struct mansio_str why = core_check_problems(checker->arena, checker->source);
        fprintf(stderr, "%.*s\n", MANSIO_STR_ARG(why));
    }
    checker->result = rc < 0 ? 1 : 0;
    core_loop_stop();
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static int run(struct checker *checker, mansio_fiber_fn fn)
{
    struct core_loop_options options = {.fibers_max = 1024, .stacks_kept_max = 16};
    if (core_loop_init(&options) < 0) {
        fprintf(stderr, "mansiod: %s\n", mansio_error_detail());
        return 1;
    }
    struct mansio_group *group = mansio_group_new("check");
    checker->result = 1;
    if (mansio_group_spawn(group, "check", fn, checker, NULL) == 0) {
        core_loop_run();
    }
    fflush(stdout);
    /* Loaded modules were never started: there is nothing that stop() would end. Neither memory
     * nor atexit handlers of theirs matter any more. */
    _exit(checker->result);
}

static int take_request(struct checker *checker)
{
    static char buffer[CORE_MESSAGE_BUFFER_SIZE];
    int rc = core_message_receive_raw(CORE_CHANNEL_FD, buffer, &checker->request);
    if (rc < 0) {
        return rc;
    }
    json_t *json = NULL;
    rc = core_json_parse(checker->request.payload, &json);
    if (rc < 0) {
        return rc;
    }
    const char *path = NULL;
    json_int_t generation = 0;
    if (checker->request.type != CORE_MESSAGE_CHECK ||
        json_unpack(json, "{s:s, s:b, s:b, s:I}", "config", &path, "running", &checker->has_running,
                    "state", &checker->has_state, "generation", &generation) != 0 ||
        checker->request.fd_count !=
            (size_t)checker->has_running + 2 * (size_t)checker->has_state) {
        json_decref(json);
        return mansio_fail(MANSIO_E_INVALID, "check: the request is none");
    }
    struct mansio_str copy = MANSIO_STR_NONE;
    rc = mansio_arena_copy(checker->arena, mansio_str_from_cstr(path), &copy);
    checker->config_path = copy.ptr;
    checker->generation = (uint32_t)generation;
    json_decref(json);
    return rc;
}

int core_checker_run(void)
{
    struct checker checker = {
        .arena = mansio_arena_new(NULL, "check", 0),
        .channel_fd = CORE_CHANNEL_FD,
    };
    struct core_logging logging = {
        .format = CORE_LOG_LOGFMT, .level = MANSIO_LOG_INFO, .process = "check"};
    core_logging_set(&logging);
    if (take_request(&checker) < 0) {
        fprintf(stderr, "mansiod: %s\n", mansio_error_detail());
        return 1;
    }
    return run(&checker, check_and_tell);
}

int core_checker_run_here(const char *config_path)
{
    struct checker checker = {
        .arena = mansio_arena_new(NULL, "check", 0),
        .channel_fd = -1,
        .config_path = config_path,
    };
    return run(&checker, check_here);
}

int core_checker_explain(const char *config_path)
{
    struct checker checker = {
        .arena = mansio_arena_new(NULL, "explain", 0),
        .channel_fd = -1,
        .config_path = config_path,
    };
    return run(&checker, explain_here);
}
