/*
 * Fields of objects as people write them and as JSON has them. Which fields there are is the
 * form's business, what they mean the directory's.
 */
#include "core/ctl/fields.h"

#include <inttypes.h>

#include "core/ctl/objects.h"
#include "core/ctl/text.h"
#include "core/host/settings.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { LIST_MAX = 256 * 1024 };

/* ---- given --------------------------------------------------------------------------------------
 */

static int bool_value(const char *name, struct mansio_str text, struct mansio_str *out)
{
    static const struct {
        struct mansio_str word;
        int is_true;
    } words[] = {
        {MANSIO_STR("true"), 1},  {MANSIO_STR("yes"), 1}, {MANSIO_STR("on"), 1},
        {MANSIO_STR("1"), 1},     {MANSIO_STR("no"), 0},  {MANSIO_STR("off"), 0},
        {MANSIO_STR("false"), 0}, {MANSIO_STR("0"), 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(words); i++) {
        if (mansio_str_ieq(words[i].word, text)) {
            *out = words[i].is_true ? MANSIO_STR("true") : MANSIO_STR("false");
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "%s %.*s: expected yes or no", name, MANSIO_STR_ARG(text));
}

static int bytes_value(struct mansio_arena *arena, const char *name, struct mansio_str text,
                       struct mansio_str *out)
{
    int64_t bytes = 0;
    if (core_size_parse(text, &bytes) < 0) {
        return mansio_fail(MANSIO_E_INVALID, "%s %.*s: expected a number of bytes, such as 512M",
                           name, MANSIO_STR_ARG(text));
    }
    return mansio_arena_printf(arena, out, "%" PRId64, bytes);
}

/* People separate by commas or spaces, directories by one space. */
static int list_value(struct mansio_arena *arena, struct mansio_str text, struct mansio_str *out)
{
    struct mansio_buf *buf = mansio_buf_new(arena, LIST_MAX);
    struct mansio_str rest = text, part, word;
    while (mansio_str_split(&rest, ',', &part)) {
        while (mansio_str_split(&part, ' ', &word)) {
            if (word.len == 0) {
                continue;
            }
            if (mansio_buf_str(buf).len > 0) {
                mansio_buf_add_char(buf, ' ');
            }
            mansio_buf_add(buf, word);
        }
    }
    *out = mansio_buf_str(buf);
    return mansio_buf_status(buf);
}

int core_ctl_field_value(struct mansio_arena *arena, const struct mansio_field_form *field,
                         const char *text, struct mansio_str *out)
{
    uint64_t number = 0;
    struct mansio_str given = mansio_str_from_cstr(text);
    switch (field->type) {
    case MANSIO_FIELD_NUMBER:
        *out = given;
        if (mansio_parse_u64(given, INT64_MAX, &number) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "%s %s: expected a number", field->name, text);
        }
        return 0;
    case MANSIO_FIELD_BYTES:
        return bytes_value(arena, field->name, given, out);
    case MANSIO_FIELD_BOOL:
        return bool_value(field->name, given, out);
    case MANSIO_FIELD_LIST:
        return list_value(arena, given, out);
    default:
        *out = given;
        return 0;
    }
}

static int is_among(const struct mansio_field *fields, size_t count, struct mansio_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(fields[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

int core_ctl_fields(struct mansio_arena *arena, const struct core_ctl_args *args,
                    struct mansio_field **out, size_t *out_count)
{
    size_t count = 0;
    struct mansio_field *fields =
        mansio_arena_alloc(arena, (CORE_CTL_OPTIONS_MAX + 1) * sizeof *fields);
    for (uint32_t i = 0; i < args->command->option_count; i++) {
        const struct core_ctl_option *option = &args->command->options[i];
        if (option->field == NULL || args->options[i] == NULL) {
            continue;
        }
        struct mansio_field *field = &fields[count];
        field->name = mansio_str_from_cstr(option->field->name);
        if (is_among(fields, count, field->name)) {
            return mansio_fail(MANSIO_E_INVALID, "%s: given and taken away at once", option->name);
        }
        count++;
        if (!option->is_switch_off && args->options[i][0] != '\0') {
            int rc = core_ctl_field_value(arena, option->field, args->options[i], &field->value);
            if (rc < 0) {
                return rc;
            }
        }
    }
    *out = fields;
    *out_count = count;
    return 0;
}

int core_ctl_fields_required(const struct mansio_object_form *form,
                             const struct mansio_field *fields, size_t count)
{
    for (size_t i = 0; i < form->field_count; i++) {
        const struct mansio_field_form *field = core_ctl_form_field(form, i);
        if ((field->flags & MANSIO_FIELD_REQUIRED) &&
            !is_among(fields, count, mansio_str_from_cstr(field->name))) {
            return mansio_fail(MANSIO_E_INVALID, "%s add needs --%s: %s", form->name, field->name,
                               field->help);
        }
    }
    return 0;
}

/* ---- shown --------------------------------------------------------------------------------------
 */

json_t *core_ctl_text_json(struct mansio_arena *arena, struct mansio_str text)
{
    json_t *value = json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
    if (value == NULL) {
        struct mansio_buf *buf = mansio_buf_new(arena, LIST_MAX);
        core_ctl_escape(buf, text);
        value = json_stringn(mansio_buf_str(buf).ptr, mansio_buf_str(buf).len);
    }
    return value != NULL ? value : json_string("");
}

static json_t *field_json(struct mansio_arena *arena, uint32_t type, struct mansio_str text)
{
    uint64_t number = 0;
    if ((type == MANSIO_FIELD_NUMBER || type == MANSIO_FIELD_BYTES) &&
        mansio_parse_u64(text, INT64_MAX, &number) == 0) {
        return json_integer((json_int_t)number);
    }
    if (type == MANSIO_FIELD_BOOL) {
        return json_boolean(mansio_str_eq(text, MANSIO_STR("true")));
    }
    if (type == MANSIO_FIELD_LIST) {
        json_t *list = json_array();
        struct mansio_str rest = text, word;
        while (mansio_str_split(&rest, ' ', &word)) {
            if (word.len > 0) {
                json_array_append_new(list, core_ctl_text_json(arena, word));
            }
        }
        return list;
    }
    return core_ctl_text_json(arena, text);
}

json_t *core_ctl_object_json(struct mansio_arena *arena, const struct mansio_object_form *form,
                             const struct mansio_object *object)
{
    json_t *out = json_object();
    json_object_set_new(out, "key", core_ctl_text_json(arena, object->key));
    for (size_t i = 0; i < object->field_count; i++) {
        const struct mansio_field *field = &object->fields[i];
        const struct mansio_field_form *row = core_ctl_find_field(form, field->name);
        if (row != NULL && row->type != MANSIO_FIELD_SECRET && field->value.ptr != NULL) {
            json_object_set_new(out, row->name, field_json(arena, row->type, field->value));
        }
    }
    return out;
}
