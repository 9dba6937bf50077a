/*
 * Fields and filters of objects: checked against the forms, brought into one spelling, written as
 * JSON.
 */
#include "object_fields.h"

#include <stdio.h>

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include "object_key.h"
#include "policy_fields.h"

enum {
    TEXT_MAX_BYTES = 4096,
    LIST_MAX_BYTES = 256 * 1024,
    JSON_MAX_BYTES = 512 * 1024,
};

/* ---- JSON ----------------------------------------------------------------------------------- */

static void add_string(struct mansio_buf *out, struct mansio_str text)
{
    (void)mansio_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            (void)mansio_buf_add_char(out, '\\');
            (void)mansio_buf_add_char(out, (char)c);
        } else if (c < ' ') {
            (void)mansio_buf_printf(out, "\\u%04x", c);
        } else {
            (void)mansio_buf_add_char(out, (char)c);
        }
    }
    (void)mansio_buf_add_char(out, '"');
}

static void add_pair(struct mansio_buf *out, struct mansio_str name, struct mansio_str value)
{
    if (mansio_buf_str(out).len > 1) {
        (void)mansio_buf_add_char(out, ',');
    }
    add_string(out, name);
    (void)mansio_buf_add_char(out, ':');
    if (value.ptr == NULL) {
        (void)mansio_buf_add(out, MANSIO_STR("null"));
    } else {
        add_string(out, value);
    }
}

/* ---- fields --------------------------------------------------------------------------------- */

static const struct mansio_field_form *find_field(const struct mansio_object_form *form,
                                                  struct mansio_str name)
{
    for (size_t i = 0; i < form->field_count; i++) {
        if (mansio_str_eq(mansio_str_from_cstr(form->fields[i].name), name)) {
            return &form->fields[i];
        }
    }
    return NULL;
}

static int wrong(const struct mansio_object_form *form, struct mansio_str name, const char *why)
{
    return mansio_fail(MANSIO_E_INVALID, "%s: field %.*s: %s", form->name,
                       MANSIO_STR_ARG(mansio_str_sub(name, 0, 64)), why);
}

/* What is wrong is said already; now of which field. */
static int wrong_value(const struct mansio_object_form *form, struct mansio_str name, int code)
{
    char why[MANSIO_ERROR_DETAIL_MAX];
    (void)snprintf(why, sizeof why, "%s", mansio_error_detail());
    return code == MANSIO_E_INVALID ? wrong(form, name, why) : code;
}

/* Digits, and for bytes a K, M, G or T of powers of 1024, as plain digits. */
static int check_number(struct mansio_arena *arena, int is_bytes, struct mansio_str *value)
{
    uint64_t number = 0;
    uint64_t factor = 1;
    struct mansio_str digits = *value;
    ptrdiff_t unit = is_bytes && digits.len > 0
                         ? mansio_str_find_char(MANSIO_STR("KMGT"), digits.ptr[digits.len - 1])
                         : -1;
    if (unit >= 0) {
        factor = UINT64_C(1024) << (10 * unit);
        digits.len--;
    }
    if (mansio_parse_u64(digits, INT64_MAX / factor, &number) < 0) {
        return MANSIO_E_INVALID;
    }
    number *= factor;
    return mansio_arena_printf(arena, value, "%llu", (unsigned long long)number);
}

/* Names within fields, in their one spelling: a domain, an account, a list of accounts. */
static int normalize(struct mansio_arena *arena, struct mansio_str name, struct mansio_str *value)
{
    struct pg_key key;
    int rc = 0;
    if (mansio_str_eq(name, MANSIO_STR("alias_of")) || mansio_str_eq(name, MANSIO_STR("domain"))) {
        rc = pg_key_parse(arena, MANSIO_OBJECT_DOMAIN, *value, &key);
        *value = rc < 0 ? *value : key.text;
        return rc;
    }
    if (mansio_str_eq(name, MANSIO_STR("account")) ||
        mansio_str_eq(name, MANSIO_STR("postmaster"))) {
        rc = pg_key_parse(arena, MANSIO_OBJECT_ACCOUNT, *value, &key);
        *value = rc < 0 ? *value : key.text;
        return rc;
    }
    if (!mansio_str_eq(name, MANSIO_STR("accounts"))) {
        return 0;
    }
    struct mansio_buf *list = mansio_buf_new(arena, LIST_MAX_BYTES);
    struct mansio_str rest = *value;
    struct mansio_str item;
    while (rc == 0 && mansio_str_split(&rest, ' ', &item)) {
        if (item.len == 0) {
            continue;
        }
        rc = pg_key_parse(arena, MANSIO_OBJECT_ACCOUNT, item, &key);
        if (rc == 0) {
            (void)mansio_buf_printf(list, "%s%.*s", mansio_buf_str(list).len > 0 ? " " : "",
                                    MANSIO_STR_ARG(key.text));
        }
    }
    *value = mansio_buf_str(list);
    return rc < 0 ? rc : mansio_buf_status(list);
}

static int check_value(struct mansio_arena *arena, const struct mansio_object_form *form,
                       const struct mansio_field_form *field, struct mansio_str *value)
{
    struct mansio_str name = mansio_str_from_cstr(field->name);
    size_t max = field->type == MANSIO_FIELD_LIST ? LIST_MAX_BYTES : TEXT_MAX_BYTES;
    if (value->len > max) {
        return wrong(form, name, "too long");
    }
    switch (field->type) {
    case MANSIO_FIELD_NUMBER:
    case MANSIO_FIELD_BYTES:
        /* "accounts" is a number of a quota, and a list of an address. */
        return check_number(arena, field->type == MANSIO_FIELD_BYTES, value) < 0
                   ? wrong(form, name, "wanted a number")
                   : 0;
    case MANSIO_FIELD_BOOL:
        return mansio_str_eq(*value, MANSIO_STR("true")) ||
                       mansio_str_eq(*value, MANSIO_STR("false"))
                   ? 0
                   : wrong(form, name, "wanted true or false");
    case MANSIO_FIELD_CHOICE:
        for (size_t i = 0; field->choices[i] != NULL; i++) {
            if (mansio_str_eq(*value, mansio_str_from_cstr(field->choices[i]))) {
                return 0;
            }
        }
        return wrong(form, name, "not one of its choices");
    default: {
        int rc = pg_policy_value(arena, form, name, value);
        if (rc != 0) {
            return rc < 0 ? wrong_value(form, name, rc) : 0;
        }
        return value->len == 0 ? 0 : normalize(arena, name, value);
    }
    }
}

static int check_field(struct mansio_arena *arena, const struct mansio_object_form *form,
                       struct mansio_str name, enum pg_field_use use, struct mansio_str *value)
{
    const struct mansio_field_form *field = find_field(form, name);
    if (field == NULL) {
        return wrong(form, name, "there is no such field");
    }
    if (use == PG_FIELDS_FILTER) {
        if ((field->flags & MANSIO_FIELD_FILTER) == 0) {
            return wrong(form, name, "a list can't be narrowed by it");
        }
        return field->type == MANSIO_FIELD_CHOICE ? 0 : normalize(arena, name, value);
    }
    if ((field->flags & MANSIO_FIELD_READ_ONLY) != 0) {
        return wrong(form, name, "it can't be set");
    }
    if (use == PG_FIELDS_SET && (field->flags & MANSIO_FIELD_ADD_ONLY) != 0) {
        return wrong(form, name, "it can't be changed later");
    }
    if (value->ptr == NULL) {
        return (field->flags & MANSIO_FIELD_REQUIRED) == 0
                   ? 0
                   : wrong(form, name, "it must have a value");
    }
    if (value->len == 0 && (field->flags & MANSIO_FIELD_REQUIRED) != 0) {
        return wrong(form, name, "it must have a value");
    }
    return check_value(arena, form, field, value);
}

static int is_given(const struct mansio_field *fields, size_t count, struct mansio_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(fields[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

static int check_required(const struct mansio_object_form *form, const struct mansio_field *fields,
                          size_t count)
{
    for (size_t i = 0; i < form->field_count; i++) {
        struct mansio_str name = mansio_str_from_cstr(form->fields[i].name);
        if ((form->fields[i].flags & MANSIO_FIELD_REQUIRED) != 0 &&
            !is_given(fields, count, name)) {
            return wrong(form, name, "it is needed");
        }
    }
    return 0;
}

int pg_fields_json(struct mansio_arena *arena, const struct mansio_object_form *form,
                   const struct mansio_field *fields, size_t count, enum pg_field_use use,
                   struct mansio_str *out)
{
    struct mansio_buf *json = mansio_buf_new(arena, JSON_MAX_BYTES);
    int rc = use == PG_FIELDS_ADD ? check_required(form, fields, count) : 0;
    (void)mansio_buf_add_char(json, '{');
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct mansio_str value = fields[i].value;
        if (use == PG_FIELDS_FILTER && mansio_str_eq(fields[i].name, MANSIO_STR("key"))) {
            continue;
        }
        rc = check_field(arena, form, fields[i].name, use, &value);
        if (rc == 0) {
            add_pair(json, fields[i].name, value);
        }
        if (rc == 0 && form->kind == MANSIO_OBJECT_CREDENTIAL && use != PG_FIELDS_FILTER &&
            mansio_str_eq(fields[i].name, MANSIO_STR("stored"))) {
            /* What nobody says is seen in the text. */
            if (!is_given(fields, count, MANSIO_STR("scheme"))) {
                add_pair(json, MANSIO_STR("scheme"), pg_stored_scheme(value));
            }
            if (!is_given(fields, count, MANSIO_STR("scram"))) {
                add_pair(json, MANSIO_STR("scram"),
                         pg_stored_has_scram(value) ? MANSIO_STR("true") : MANSIO_STR("false"));
            }
        }
    }
    (void)mansio_buf_add_char(json, '}');
    *out = mansio_buf_str(json);
    return rc < 0 ? rc : mansio_buf_status(json);
}

int pg_object_json(struct mansio_arena *arena, const struct mansio_object_form *form,
                   const struct mansio_str *values, const struct mansio_field *given,
                   size_t given_count, struct mansio_str *out)
{
    struct mansio_buf *json = mansio_buf_new(arena, JSON_MAX_BYTES);
    (void)mansio_buf_add_char(json, '{');
    for (size_t i = 0; i < form->field_count; i++) {
        const struct mansio_field_form *field = &form->fields[i];
        struct mansio_str name = mansio_str_from_cstr(field->name);
        if (field->type == MANSIO_FIELD_SECRET) {
            if (is_given(given, given_count, name)) {
                add_pair(json, name, MANSIO_STR("(given)"));
            }
        } else if ((field->flags & MANSIO_FIELD_READ_ONLY) == 0 && values[i].ptr != NULL) {
            add_pair(json, name, values[i]);
        }
    }
    (void)mansio_buf_add_char(json, '}');
    *out = mansio_buf_str(json);
    return mansio_buf_status(json);
}
