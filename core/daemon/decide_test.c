/*
 * decide.c by table: each row changes one thing of a plan and says what a reload has to do then,
 * and what it calls the change. Plans take the way through JSON, so that is tested too.
 */
#include "core/daemon/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "core/daemon/buildid.h"
#include "core/daemon/plan.h"
#include <mansio/error.h>
#include <mansio/str.h>

static const struct core_build_ids own = {.daemon = "d1", .library = "l1"};

/* What a plan is made of; rows point into it. */
struct parts {
    struct core_plan plan;
    struct core_plan_file files[3];
    struct core_plan_listener listeners[3];
    struct core_plan_instance instances[3];
};

static void fill(struct parts *parts)
{
    memset(parts, 0, sizeof *parts);
    parts->files[0] = (struct core_plan_file){.kind = CORE_PLAN_FILE_MODULE,
                                              .path = MANSIO_STR("/m/hello.so"),
                                              .what = MANSIO_STR("module hello"),
                                              .build_id = MANSIO_STR("b1"),
                                              .device = 1,
                                              .inode = UINT64_MAX,
                                              .mtime_ns = 3,
                                              .size = 4};
    parts->files[1] = (struct core_plan_file){.kind = CORE_PLAN_FILE_DATA,
                                              .path = MANSIO_STR("/k/key.pem"),
                                              .what = MANSIO_STR("file of one: key"),
                                              .inode = 9};
    parts->listeners[0] = (struct core_plan_listener){.name = MANSIO_STR("smtp"),
                                                      .instance = MANSIO_STR("one"),
                                                      .address_text = MANSIO_STR("*:25"),
                                                      .backlog = 10};
    parts->listeners[1] = (struct core_plan_listener){.name = MANSIO_STR("lmtp"),
                                                      .instance = MANSIO_STR("one"),
                                                      .address_text = MANSIO_STR("unix:/run/l"),
                                                      .backlog = 10,
                                                      .unix_mode = 0660};
    parts->instances[0] =
        (struct core_plan_instance){.name = MANSIO_STR("one"), .path = MANSIO_STR("/m/hello.so")};
    parts->plan = (struct core_plan){
        .daemon_build_id = MANSIO_STR("d1"),
        .library_build_id = MANSIO_STR("l1"),
        .workers = 2,
        .control_path = MANSIO_STR("/run/c"),
        .drain_deadline_us = INT64_C(20000000),
        .files = parts->files,
        .file_count = 2,
        .listeners = parts->listeners,
        .listener_count = 2,
        .instances = parts->instances,
        .instance_count = 1,
    };
}

static void same(struct parts *p)
{
    (void)p;
}
static void live(struct parts *p)
{
    p->plan.settings_change = CORE_SETTINGS_LIVE;
}
static void others(struct parts *p)
{
    p->plan.settings_change = CORE_SETTINGS_OTHERS;
}
static void workers(struct parts *p)
{
    p->plan.workers = 3;
}
static void live_and_workers(struct parts *p)
{
    p->plan.settings_change = CORE_SETTINGS_LIVE;
    p->plan.workers = 1;
}
static void device(struct parts *p)
{
    p->files[0].device = 2;
}
static void inode(struct parts *p)
{
    p->files[0].inode--;
}
static void mtime(struct parts *p)
{
    p->files[0].mtime_ns++;
}
static void build_id(struct parts *p)
{
    p->files[0].build_id = MANSIO_STR("b2");
}
static void key(struct parts *p)
{
    p->files[1].inode = 10;
}
static void file_gone(struct parts *p)
{
    p->plan.file_count = 1;
}
static void file_added(struct parts *p)
{
    p->files[2] = (struct core_plan_file){.kind = CORE_PLAN_FILE_MODULE,
                                          .path = MANSIO_STR("/m/x.so"),
                                          .what = MANSIO_STR("module x")};
    p->plan.file_count = 3;
}
static void module_gone(struct parts *p)
{
    p->files[0] = p->files[1];
    p->plan.file_count = 1;
}
static void listener_gone(struct parts *p)
{
    p->plan.listener_count = 1;
}
static void listener_moved(struct parts *p)
{
    p->listeners[0].address_text = MANSIO_STR("[::]:25");
}
static void listener_backlog(struct parts *p)
{
    p->listeners[0].backlog = 11;
}
static void listener_mode(struct parts *p)
{
    p->listeners[1].unix_mode = 0666;
}
static void listener_served(struct parts *p)
{
    p->listeners[0].instance = MANSIO_STR("two");
}
static void listener_service(struct parts *p)
{
    p->listeners[0].service = MANSIO_STR("submission");
}
static void instance_renamed(struct parts *p)
{
    p->instances[0].name = MANSIO_STR("uno");
}
static void daemon_replaced(struct parts *p)
{
    p->plan.daemon_build_id = MANSIO_STR("d2");
}
static void library_replaced(struct parts *p)
{
    p->plan.library_build_id = MANSIO_STR("l2");
}
static void all_replaced(struct parts *p)
{
    library_replaced(p);
    inode(p);
    others(p);
}

static const struct {
    const char *name;
    void (*change)(struct parts *parts);
    int is_forced;
    enum core_decision decision;
    const char *said; /* the first change; NULL: none */
} rows[] = {
    {"same", same, 0, CORE_DECISION_UNCHANGED, NULL},
    {"same, forced", same, 1, CORE_DECISION_GENERATION, NULL},
    {"live", live, 0, CORE_DECISION_LIVE, "live settings"},
    {"live, forced", live, 1, CORE_DECISION_GENERATION, "live settings"},
    {"others", others, 0, CORE_DECISION_GENERATION, "settings"},
    {"workers", workers, 0, CORE_DECISION_GENERATION, "workers: 3, were 2"},
    {"live and workers", live_and_workers, 0, CORE_DECISION_GENERATION, "workers: 1, were 2"},
    {"device", device, 0, CORE_DECISION_GENERATION, "module hello (/m/hello.so)"},
    {"inode", inode, 0, CORE_DECISION_GENERATION, "module hello (/m/hello.so)"},
    {"mtime", mtime, 0, CORE_DECISION_GENERATION, "module hello (/m/hello.so)"},
    {"build id", build_id, 0, CORE_DECISION_GENERATION, "module hello (/m/hello.so)"},
    {"key", key, 0, CORE_DECISION_GENERATION, "file of one: key (/k/key.pem)"},
    {"file gone", file_gone, 0, CORE_DECISION_GENERATION, "file of one: key (/k/key.pem, removed)"},
    {"file added", file_added, 0, CORE_DECISION_GENERATION, "module x (/m/x.so, added)"},
    {"listener gone", listener_gone, 0, CORE_DECISION_GENERATION, "listeners"},
    {"listener moved", listener_moved, 0, CORE_DECISION_GENERATION, "listeners"},
    {"listener's backlog", listener_backlog, 0, CORE_DECISION_GENERATION, "listeners"},
    {"listener's mode", listener_mode, 0, CORE_DECISION_GENERATION, "listeners"},
    {"listener's instance", listener_served, 0, CORE_DECISION_GENERATION, "listeners"},
    {"listener's service", listener_service, 0, CORE_DECISION_GENERATION, "listeners"},
    {"instance renamed", instance_renamed, 0, CORE_DECISION_GENERATION, "instances"},
    {"mansiod", daemon_replaced, 0, CORE_DECISION_UPGRADE, "binary mansiod"},
    {"libmansio", library_replaced, 0, CORE_DECISION_UPGRADE, "binary libmansio"},
    {"everything", all_replaced, 0, CORE_DECISION_UPGRADE, "module hello (/m/hello.so)"},
};

static struct core_plan *through_json(struct parts *parts)
{
    json_t *json = core_plan_to_json(&parts->plan);
    struct core_plan *plan = NULL;
    int rc = core_plan_from_json(json, &plan);
    json_decref(json);
    if (rc < 0) {
        fail_msg("%s", mansio_error_detail());
    }
    return plan;
}

static void decides_by_table(void **state)
{
    (void)state;
    struct parts before;
    struct parts after;
    fill(&before);
    struct core_plan *running = through_json(&before);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        fill(&after);
        rows[i].change(&after);
        struct core_plan *checked = through_json(&after);
        json_t *changes = json_array();
        enum core_decision found = core_decide(&own, running, checked, rows[i].is_forced, changes);
        const char *said = json_string_value(json_array_get(changes, 0));
        if (found != rows[i].decision || (said == NULL) != (rows[i].said == NULL) ||
            (said != NULL && strcmp(said, rows[i].said) != 0)) {
            fail_msg("%s: %s, \"%s\"", rows[i].name, core_decision_name(found), said);
        }
        json_decref(changes);
        core_plan_free(checked);
    }
    core_plan_free(running);
}

/* After an upgrade the plan that runs is the old binary's: no second upgrade. */
static void upgrades_once(void **state)
{
    (void)state;
    struct parts before;
    struct parts after;
    fill(&before);
    fill(&after);
    before.plan.daemon_build_id = MANSIO_STR("d0");
    struct core_plan *running = through_json(&before);
    struct core_plan *checked = through_json(&after);
    json_t *changes = json_array();
    assert_int_equal(core_decide(&own, running, checked, 0, changes), CORE_DECISION_GENERATION);
    json_decref(changes);
    core_plan_free(running);
    core_plan_free(checked);
}

static void matches_what_is_mapped(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct parts *parts);
        enum core_match match;
    } cases[] = {
        {same, CORE_MATCH_SAME},
        {key, CORE_MATCH_SAME},
        {file_gone, CORE_MATCH_SAME},
        {mtime, CORE_MATCH_MODULES},
        {module_gone, CORE_MATCH_MODULES},
        {file_added, CORE_MATCH_MODULES},
        {daemon_replaced, CORE_MATCH_BINARY},
        {library_replaced, CORE_MATCH_BINARY},
        {all_replaced, CORE_MATCH_BINARY},
    };
    struct parts before;
    struct parts after;
    fill(&before);
    struct core_plan *plan = through_json(&before);
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        fill(&after);
        cases[i].change(&after);
        json_t *json = core_plan_facts(&after.plan);
        struct core_plan *facts = NULL;
        assert_int_equal(core_plan_from_facts(json, &facts), 0);
        assert_int_equal(core_match(plan, facts), cases[i].match);
        json_decref(json);
        core_plan_free(facts);
    }
    core_plan_free(plan);
}

/* A plan comes from a process that ran modules' code: each member is checked. */
static void refuses_broken_plans(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *value; /* JSON; NULL: the member is missing */
        const char *detail;
    } cases[] = {
        {"workers", NULL, "\"workers\": whole number"},
        {"workers", "0", "\"workers\": 0"},
        {"workers", "-1", "-1 is not in 0"},
        {"workers", "4294967296", "4294967296 is not in 0"},
        {"user", "7", "\"user\": text"},
        {"listeners", "{}", "\"listeners\": list"},
        {"listeners", "[{}]", "\"name\": text"},
        {"files", "[7]", "\"kind\": whole number"},
    };
    struct parts parts;
    fill(&parts);
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        json_t *json = core_plan_to_json(&parts.plan);
        json_object_del(json, cases[i].member);
        if (cases[i].value != NULL) {
            json_object_set_new(json, cases[i].member,
                                json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        }
        struct core_plan *plan = NULL;
        assert_int_equal(core_plan_from_json(json, &plan), MANSIO_E_INVALID);
        assert_null(plan);
        if (strstr(mansio_error_detail(), cases[i].detail) == NULL) {
            fail_msg("%zu: \"%s\"", i, mansio_error_detail());
        }
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_table),
        cmocka_unit_test(upgrades_once),
        cmocka_unit_test(matches_what_is_mapped),
        cmocka_unit_test(refuses_broken_plans),
    };
    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
