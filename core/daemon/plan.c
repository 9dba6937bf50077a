/*
 * The plan of a generation, to JSON and back. Each struct has one table of its members, so that
 * both directions can't drift apart. Owns plans' arenas; reads no files.
 */
#include "core/daemon/plan.h"

#include <stddef.h>
#include <string.h>

#include "core/daemon/json.h"
#include <mansio/error.h>

enum { ROWS_MAX = 65536 };

enum member_kind { TEXT, U32, U64, I64 };

struct member {
    const char *name;
    enum member_kind kind;
    size_t offset;
};

#define MEMBER(type, kind, name)                                                                   \
    {                                                                                              \
#name, kind, offsetof(struct type, name)                                                   \
    }

static const struct member file_members[] = {
    MEMBER(core_plan_file, U32, kind),     MEMBER(core_plan_file, TEXT, path),
    MEMBER(core_plan_file, TEXT, what),    MEMBER(core_plan_file, TEXT, build_id),
    MEMBER(core_plan_file, U64, device),   MEMBER(core_plan_file, U64, inode),
    MEMBER(core_plan_file, I64, mtime_ns), MEMBER(core_plan_file, I64, size),
};

static const struct member listener_members[] = {
    MEMBER(core_plan_listener, TEXT, name),    MEMBER(core_plan_listener, TEXT, instance),
    MEMBER(core_plan_listener, TEXT, service), MEMBER(core_plan_listener, TEXT, address_text),
    MEMBER(core_plan_listener, U32, backlog),  MEMBER(core_plan_listener, U32, unix_mode),
};

static const struct member instance_members[] = {
    MEMBER(core_plan_instance, TEXT, name),      MEMBER(core_plan_instance, TEXT, module),
    MEMBER(core_plan_instance, TEXT, version),   MEMBER(core_plan_instance, TEXT, summary),
    MEMBER(core_plan_instance, TEXT, path),      MEMBER(core_plan_instance, TEXT, build_id),
    MEMBER(core_plan_instance, TEXT, build_tag), MEMBER(core_plan_instance, U32, abi_major),
    MEMBER(core_plan_instance, U32, abi_minor),  MEMBER(core_plan_instance, U64, inode),
    MEMBER(core_plan_instance, I64, mtime_ns),
};

static const struct member fact_members[] = {
    MEMBER(core_plan, TEXT, daemon_build_id),
    MEMBER(core_plan, TEXT, library_build_id),
};

static const struct member plan_members[] = {
    MEMBER(core_plan, U32, settings_change),
    MEMBER(core_plan, U32, workers),
    MEMBER(core_plan, TEXT, user),
    MEMBER(core_plan, TEXT, group),
    MEMBER(core_plan, TEXT, control_path),
    MEMBER(core_plan, U32, control_mode),
    MEMBER(core_plan, TEXT, metrics_address),
    MEMBER(core_plan, I64, drain_spread_us),
    MEMBER(core_plan, I64, drain_deadline_us),
    MEMBER(core_plan, U32, log_format),
    MEMBER(core_plan, U32, log_level),
    MEMBER(core_plan, TEXT, log_file),
    MEMBER(core_plan, U64, conns_max),
};

struct rows {
    const char *name;
    const struct member *members;
    size_t member_count, row_size;
    size_t rows_offset, count_offset;
};

#define ROWS(list, count, table, type)                                                             \
    {                                                                                              \
#list, table, MANSIO_COUNT(table), sizeof(struct type), offsetof(struct core_plan, list),  \
            offsetof(struct core_plan, count)                                                      \
    }

static const struct rows file_rows = ROWS(files, file_count, file_members, core_plan_file);
static const struct rows listener_rows =
    ROWS(listeners, listener_count, listener_members, core_plan_listener);
static const struct rows instance_rows =
    ROWS(instances, instance_count, instance_members, core_plan_instance);

/* ---- to JSON --------------------------------------------------------------------------------- */

static void put_members(json_t *object, const struct member *members, size_t count,
                        const void *base)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)base + members[i].offset;
        json_t *value = NULL;
        if (members[i].kind == TEXT) {
            struct mansio_str s;
            memcpy(&s, at, sizeof s);
            value = core_json_str(s);
        } else if (members[i].kind == U32) {
            uint32_t n;
            memcpy(&n, at, sizeof n);
            value = json_integer(n);
        } else { /* U64: inodes and devices; their bits survive the way through a signed number */
            int64_t n;
            memcpy(&n, at, sizeof n);
            value = json_integer(n);
        }
        json_object_set_new(object, members[i].name, value);
    }
}

static void put_rows(json_t *object, const struct rows *rows, const struct core_plan *plan)
{
    const char *base = NULL;
    size_t count = 0;
    memcpy(&base, (const char *)plan + rows->rows_offset, sizeof base);
    memcpy(&count, (const char *)plan + rows->count_offset, sizeof count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();
        put_members(row, rows->members, rows->member_count, base + i * rows->row_size);
        json_array_append_new(list, row);
    }
    json_object_set_new(object, rows->name, list);
}

json_t *core_plan_facts(const struct core_plan *plan)
{
    json_t *object = json_object();
    put_members(object, fact_members, MANSIO_COUNT(fact_members), plan);
    put_rows(object, &file_rows, plan);
    return object;
}

json_t *core_plan_to_json(const struct core_plan *plan)
{
    json_t *object = core_plan_facts(plan);
    put_members(object, plan_members, MANSIO_COUNT(plan_members), plan);
    put_rows(object, &listener_rows, plan);
    put_rows(object, &instance_rows, plan);
    return object;
}

/* ---- and back -------------------------------------------------------------------------------- */

static int get_members(struct mansio_arena *arena, const json_t *object,
                       const struct member *members, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        char *at = (char *)base + members[i].offset;
        int64_t n = 0;
        int rc = 0;
        if (members[i].kind == TEXT) {
            struct mansio_str s;
            rc = core_json_get_str(arena, object, members[i].name, &s);
            if (rc == 0) {
                memcpy(at, &s, sizeof s);
            }
        } else if (members[i].kind == U32) {
            rc = core_json_get_int(object, members[i].name, 0, UINT32_MAX, &n);
            if (rc == 0) {
                uint32_t u = (uint32_t)n;
                memcpy(at, &u, sizeof u);
            }
        } else {
            rc = core_json_get_int(object, members[i].name, INT64_MIN, INT64_MAX, &n);
            if (rc == 0) {
                memcpy(at, &n, sizeof n);
            }
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int get_rows(const json_t *object, const struct rows *rows, struct core_plan *plan)
{
    const json_t *list = NULL;
    int rc = core_json_get_array(object, rows->name, &list);
    if (rc < 0) {
        return rc;
    }
    size_t count = json_array_size(list);
    if (count > ROWS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "member \"%s\": %zu rows, at most %d", rows->name,
                           count, ROWS_MAX);
    }
    char *base = mansio_arena_try_alloc(plan->arena, (count + 1) * rows->row_size);
    if (base == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        rc = get_members(plan->arena, json_array_get(list, i), rows->members, rows->member_count,
                         base + i * rows->row_size);
        if (rc < 0) {
            return rc;
        }
    }
    memcpy((char *)plan + rows->rows_offset, &base, sizeof base);
    memcpy((char *)plan + rows->count_offset, &count, sizeof count);
    return 0;
}

static int get_facts(const json_t *json, struct core_plan *plan)
{
    int rc = get_members(plan->arena, json, fact_members, MANSIO_COUNT(fact_members), plan);
    return rc < 0 ? rc : get_rows(json, &file_rows, plan);
}

static int get_plan(const json_t *json, struct core_plan *plan)
{
    int rc = get_facts(json, plan);
    if (rc == 0) {
        rc = get_members(plan->arena, json, plan_members, MANSIO_COUNT(plan_members), plan);
    }
    if (rc == 0) {
        rc = get_rows(json, &listener_rows, plan);
    }
    if (rc == 0) {
        rc = get_rows(json, &instance_rows, plan);
    }
    for (size_t i = 0; rc == 0 && i < plan->listener_count; i++) {
        struct core_plan_listener *listener = &plan->listeners[i];
        rc = core_address_parse(listener->address_text, &listener->address);
    }
    if (rc == 0 && plan->workers == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "member \"workers\": 0");
    }
    return rc;
}

static int from_json(const json_t *json, int (*get)(const json_t *, struct core_plan *),
                     struct core_plan **out)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "plan", 0);
    struct core_plan *plan = mansio_arena_alloc(arena, sizeof *plan);
    plan->arena = arena;
    int rc = get(json, plan);
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    *out = plan;
    return 0;
}

int core_plan_from_json(const json_t *json, struct core_plan **out)
{
    return from_json(json, get_plan, out);
}

int core_plan_from_facts(const json_t *json, struct core_plan **out)
{
    return from_json(json, get_facts, out);
}

void core_plan_free(struct core_plan *plan)
{
    if (plan != NULL) {
        mansio_arena_free(plan->arena);
    }
}
