/*
 * Commands about objects of the directory: add, set, list, show, remove, of whatever kind. What
 * kinds and fields there are is the forms' business, what they mean the directory's.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/fields.h"
#include "core/ctl/objects.h"
#include "core/ctl/show.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LIMIT_MAX = 10000000,
    COLUMNS_MAX = 16,     /* of a list */
    LINES_MAX = 64,       /* of an object shown alone */
    SHOWN_ALONE = 1,      /* show asks for one, by its key */
    OBJECT_CAP = 1 << 20, /* working memory for one object's JSON */
};

/* Objects on their way from the directory to the terminal. */
struct gathered {
    struct core_ctl *ctl;
    const struct mansio_object_form *form;
    struct mansio_arena *arena; /* of one object, reset each time */
    json_t *rows;
    size_t limit;   /* 0: none */
    int keeps_last; /* beyond the limit the first go, not the last */
    size_t total;
};

static struct mansio_str key_of(const struct core_ctl_args *args)
{
    return mansio_str_from_cstr(args->operand);
}

/* With --json each change says what it did; without, silence is success. */
static int say_done(struct core_ctl *ctl, const struct core_ctl_args *args, const char *what)
{
    if (!ctl->is_json) {
        return CORE_CTL_OK;
    }
    json_t *done = json_object();
    json_object_set_new(done, "done", json_string(what));
    json_object_set_new(done, "kind", json_string(core_ctl_form(args->command->kind)->name));
    json_t *key = json_string(args->operand != NULL ? args->operand : "");
    json_object_set_new(done, "key", key != NULL ? key : json_null());
    int rc = core_ctl_show_json(ctl, done);
    json_decref(done);
    return rc;
}

/* ---- changing -----------------------------------------------------------------------------------
 */

int core_ctl_cmd_object_add(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_field *fields = NULL;
    size_t count = 0, kept = 0;
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    int rc = CORE_CTL_OFFERED(ctl, object_add);
    if (rc == 0) {
        rc = core_ctl_fields(ctl->arena, args, &fields, &count);
    }
    /* There is nothing yet to take away. */
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (fields[i].value.ptr != NULL) {
            fields[kept++] = fields[i];
        }
    }
    if (rc == 0) {
        rc = core_ctl_fields_required(core_ctl_form(args->command->kind), fields, kept);
    }
    if (rc == 0) {
        rc = ctl->admin->directory.object_add(ctl->admin->instance, &actor, args->command->kind,
                                              key_of(args), fields, kept,
                                              core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    return rc < 0 ? core_ctl_failed(ctl, rc) : say_done(ctl, args, "added");
}

/* A quota needn't be added before it is set: whose it is, is there. */
static int set_or_add(struct core_ctl *ctl, const struct core_ctl_args *args,
                      const struct mansio_field *fields, size_t count)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    uint32_t kind = args->command->kind;
    int64_t deadline_us = core_ctl_deadline(ctl, CORE_CTL_STEP_US);
    int rc = admin->directory.object_set(admin->instance, &actor, kind, key_of(args), fields, count,
                                         deadline_us);
    if (rc == MANSIO_E_NOT_FOUND && kind == MANSIO_OBJECT_QUOTA &&
        admin->directory.object_add != NULL) {
        rc = admin->directory.object_add(admin->instance, &actor, kind, key_of(args), fields, count,
                                         deadline_us);
    }
    return rc;
}

int core_ctl_cmd_object_set(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_field *fields = NULL;
    size_t count = 0;
    int rc = CORE_CTL_OFFERED(ctl, object_set);
    if (rc == 0) {
        rc = core_ctl_fields(ctl->arena, args, &fields, &count);
    }
    if (rc == 0 && count == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "%s: nothing to change was given", args->command->words);
    }
    if (rc == 0) {
        rc = set_or_add(ctl, args, fields, count);
    }
    return rc < 0 ? core_ctl_failed(ctl, rc) : say_done(ctl, args, "changed");
}

int core_ctl_cmd_object_remove(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    uint32_t cascade = core_ctl_option(args, "--cascade") != NULL;
    int rc = CORE_CTL_OFFERED(ctl, object_remove);
    if (rc == 0) {
        rc = ctl->admin->directory.object_remove(ctl->admin->instance, &actor, args->command->kind,
                                                 key_of(args), cascade,
                                                 core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    return rc < 0 ? core_ctl_failed(ctl, rc) : say_done(ctl, args, "removed");
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static int gather(void *arg, const struct mansio_object *object)
{
    struct gathered *gathered = arg;
    gathered->total++;
    if (gathered->limit > 0 && json_array_size(gathered->rows) == gathered->limit) {
        if (!gathered->keeps_last) {
            return 0;
        }
        json_array_remove(gathered->rows, 0);
    }
    json_t *row = core_ctl_object_json(gathered->arena, gathered->form, object);
    mansio_arena_reset(gathered->arena);
    return json_array_append_new(gathered->rows, row) == 0 ? 0 : MANSIO_E_LIMIT;
}

static int read_objects(struct gathered *gathered, const struct mansio_field *filters, size_t count)
{
    struct core_ctl *ctl = gathered->ctl;
    int rc = CORE_CTL_OFFERED(ctl, object_list);
    gathered->arena = mansio_arena_new(ctl->arena, "ctl.object", OBJECT_CAP);
    gathered->rows = json_array();
    if (rc == 0) {
        rc = ctl->admin->directory.object_list(ctl->admin->instance, gathered->form->kind, filters,
                                               count, gather, gathered,
                                               core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    mansio_arena_free(gathered->arena);
    return rc;
}

static uint32_t shown_as(uint32_t type)
{
    switch (type) {
    case MANSIO_FIELD_NUMBER:
        return CORE_CTL_COUNT;
    case MANSIO_FIELD_BYTES:
        return CORE_CTL_BYTES;
    case MANSIO_FIELD_BOOL:
        return CORE_CTL_YES;
    case MANSIO_FIELD_TIME:
        return CORE_CTL_TIME;
    case MANSIO_FIELD_LIST:
        return CORE_CTL_LIST;
    default:
        return CORE_CTL_TEXT;
    }
}

/* "used_bytes" is the column "USED BYTES". */
static const char *title_of(struct mansio_arena *arena, const char *name, int is_upper)
{
    size_t len = strlen(name);
    char *title = mansio_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        title[i] = (char)(c == '_' ? ' ' : is_upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return title;
}

/* The columns of a list, or all fields of one object. */
static size_t make_columns(struct mansio_arena *arena, const struct mansio_object_form *form,
                           const char *name, int is_list, struct core_ctl_field *out)
{
    size_t count = 0, max = is_list ? COLUMNS_MAX : LINES_MAX;
    if (form->key != NULL) {
        out[count++] =
            (struct core_ctl_field){title_of(arena, name, is_list), "key", CORE_CTL_TEXT};
    }
    for (size_t i = 0; i < form->field_count && count < max; i++) {
        const struct mansio_field_form *field = core_ctl_form_field(form, i);
        if (!is_list || (field->flags & MANSIO_FIELD_IN_LIST)) {
            out[count++] = (struct core_ctl_field){title_of(arena, field->name, is_list),
                                                   field->name, shown_as(field->type)};
        }
    }
    return count;
}

static int show_list(struct gathered *gathered, const char *name)
{
    struct core_ctl *ctl = gathered->ctl;
    if (ctl->is_json) {
        json_t *out = json_object();
        json_object_set(out, "objects", gathered->rows);
        json_object_set_new(out, "total", json_integer((json_int_t)gathered->total));
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct core_ctl_field *columns = mansio_arena_alloc(ctl->arena, COLUMNS_MAX * sizeof *columns);
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    size_t count = make_columns(ctl->arena, gathered->form, name, 1, columns);
    int rc = core_ctl_show_rows(ctl, out, columns, count, gathered->rows);
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_write(ctl, mansio_buf_str(out));
    }
    mansio_buf_release(out);
    return rc;
}

static int read_limit(const struct core_ctl_args *args, size_t *out)
{
    uint32_t limit = 0;
    const char *text = core_ctl_option(args, "--limit");
    if (text != NULL &&
        (mansio_parse_u32(mansio_str_from_cstr(text), LIMIT_MAX, &limit) < 0 || limit == 0)) {
        return mansio_fail(MANSIO_E_INVALID, "--limit %s: expected 1 to %d", text, LIMIT_MAX);
    }
    *out = limit;
    return 0;
}

int core_ctl_cmd_object_list(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_field *filters = NULL;
    size_t count = 0;
    struct gathered gathered = {.ctl = ctl, .form = core_ctl_form(args->command->kind)};
    gathered.keeps_last = args->command->kind == MANSIO_OBJECT_AUDIT;
    int rc = core_ctl_fields(ctl->arena, args, &filters, &count);
    if (rc == 0) {
        rc = read_limit(args, &gathered.limit);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (filters[i].value.ptr == NULL) {
            rc = mansio_fail(MANSIO_E_INVALID, "--%.*s: empty", MANSIO_STR_ARG(filters[i].name));
        }
    }
    if (rc == 0 && args->operand != NULL) {
        /* Only passwords take one: whose. core_ctl_fields() leaves room. */
        filters[count++] = (struct mansio_field){MANSIO_STR("account"), key_of(args)};
    }
    if (rc == 0) {
        rc = read_objects(&gathered, filters, count);
    }
    size_t shown = json_array_size(gathered.rows);
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show_list(&gathered, gathered.form->name);
    if (exit_code == CORE_CTL_OK && shown < gathered.total) {
        core_ctl_error(ctl, "%zu of %zu are listed (see --limit)", shown, gathered.total);
    }
    json_decref(gathered.rows);
    return exit_code;
}

static int show_one(struct gathered *gathered)
{
    struct core_ctl *ctl = gathered->ctl;
    const json_t *row = json_array_get(gathered->rows, 0);
    if (ctl->is_json) {
        return core_ctl_show_json(ctl, row);
    }
    struct core_ctl_field *lines = mansio_arena_alloc(ctl->arena, LINES_MAX * sizeof *lines);
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    size_t count = make_columns(ctl->arena, gathered->form, gathered->form->name, 0, lines);
    core_ctl_show_object(out, lines, count, row);
    int rc = core_ctl_write(ctl, mansio_buf_str(out));
    mansio_buf_release(out);
    return rc;
}

int core_ctl_cmd_object_show(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_field filter = {.name = MANSIO_STR("key"), .value = key_of(args)};
    struct gathered gathered = {.ctl = ctl, .form = core_ctl_form(args->command->kind)};
    gathered.limit = SHOWN_ALONE;
    int rc = read_objects(&gathered, &filter, args->operand != NULL ? 1 : 0);
    if (rc == 0 && gathered.total == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no %s %s", gathered.form->name,
                         args->operand != NULL ? args->operand : "");
    }
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show_one(&gathered);
    json_decref(gathered.rows);
    return exit_code;
}
