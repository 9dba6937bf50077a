/*
 * Keys, fields and filters of objects: checked against the forms, brought into one spelling,
 * written as JSON.
 */
#include "object_key.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    NAME_MAX_BYTES = 63,
    LABEL_MAX_BYTES = 63,
    TEXT_MAX_BYTES = 4096,
    LIST_MAX_BYTES = 256 * 1024,
    JSON_MAX_BYTES = 512 * 1024,
};

const struct mansio_object_form *pg_form_of(uint32_t kind)
{
    size_t count = 0;
    const struct mansio_object_form *forms = mansio_object_forms(&count);
    for (size_t i = 0; i < count; i++) {
        if (forms[i].kind == kind) {
            return &forms[i];
        }
    }
    return NULL;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Of a tenant or plan. */
static int check_name(struct mansio_str name)
{
    int is_good =
        name.len > 0 && name.len <= NAME_MAX_BYTES && name.ptr[0] != '-' && name.ptr[0] != '.';
    for (size_t i = 0; is_good && i < name.len; i++) {
        char c = name.ptr[i];
        is_good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    }
    if (!is_good) {
        return mansio_fail(MANSIO_E_INVALID,
                           "name \"%.*s\": wanted 1 to %d of a-z, 0-9, '-', '_', '.'",
                           MANSIO_STR_ARG(mansio_str_sub(name, 0, NAME_MAX_BYTES)), NAME_MAX_BYTES);
    }
    return 0;
}

/* A local part that needs no quotes: letters, digits and what RFC 5322 calls atext, and dots
 * between. Others can be received for (a catch-all takes them) but not be given to somebody. */
static int check_local(struct mansio_str local)
{
    int is_good = local.len > 0 && local.ptr[0] != '.' && local.ptr[local.len - 1] != '.';
    for (size_t i = 0; is_good && i < local.len; i++) {
        unsigned char c = (unsigned char)local.ptr[i];
        is_good =
            c > ' ' && c != 127 && mansio_str_find_char(MANSIO_STR("()<>[]:;@\\,\"#"), (char)c) < 0;
    }
    return is_good ? 0
                   : mansio_fail(MANSIO_E_INVALID,
                                 "local part \"%.*s\": wanted none of blanks, controls and "
                                 "()<>[]:;@\\,\"#, and no dot at an end",
                                 MANSIO_STR_ARG(local));
}

static int parse_domain(struct mansio_arena *arena, struct mansio_str text, struct mansio_str *out)
{
    int rc = mansio_domain_normalize(arena, text, out);
    if (rc == MANSIO_E_INVALID) {
        return mansio_fail(
            rc, "domain \"%.*s\": wanted labels of letters, digits and '-' with dots between",
            MANSIO_STR_ARG(mansio_str_sub(text, 0, 255)));
    }
    return rc;
}

/* "user@domain"; with @p may_be_empty also "@domain". */
static int parse_address(struct mansio_arena *arena, struct mansio_str text, int may_be_empty,
                         struct pg_key *out)
{
    ptrdiff_t at = mansio_str_find_char(text, '@');
    if (at < 0) {
        return mansio_fail(MANSIO_E_INVALID, "\"%.*s\": wanted USER@DOMAIN",
                           MANSIO_STR_ARG(mansio_str_sub(text, 0, 255)));
    }
    struct mansio_str local = mansio_str_sub(text, 0, (size_t)at);
    int rc = 0;
    out->a = MANSIO_STR("");
    if (local.len > 0 || !may_be_empty) {
        rc = mansio_local_normalize(arena, local, &out->a);
        rc = rc < 0 ? rc : check_local(out->a);
    }
    rc = rc < 0 ? rc : parse_domain(arena, mansio_str_sub(text, (size_t)at + 1, SIZE_MAX), &out->b);
    return rc < 0 ? rc
                  : mansio_arena_printf(arena, &out->text, "%.*s@%.*s", MANSIO_STR_ARG(out->a),
                                        MANSIO_STR_ARG(out->b));
}

static int parse_credential(struct mansio_arena *arena, struct mansio_str key, struct pg_key *out)
{
    ptrdiff_t hash = mansio_str_find_char(key, '#');
    struct mansio_str label =
        hash < 0 ? MANSIO_STR("") : mansio_str_sub(key, (size_t)hash + 1, SIZE_MAX);
    int rc = parse_address(arena, hash < 0 ? key : mansio_str_sub(key, 0, (size_t)hash), 0, out);
    if (rc < 0) {
        return rc;
    }
    int is_good = hash < 0 || (label.len > 0 && label.len <= LABEL_MAX_BYTES);
    for (size_t i = 0; is_good && i < label.len; i++) {
        is_good = (unsigned char)label.ptr[i] > ' ' && label.ptr[i] != 127;
    }
    if (!is_good) {
        return mansio_fail(MANSIO_E_INVALID, "label \"%.*s\": wanted 1 to %d bytes without spaces",
                           MANSIO_STR_ARG(mansio_str_sub(label, 0, LABEL_MAX_BYTES)),
                           LABEL_MAX_BYTES);
    }
    out->c = label;
    return hash < 0 ? 0
                    : mansio_arena_printf(arena, &out->text, "%.*s#%.*s", MANSIO_STR_ARG(out->text),
                                          MANSIO_STR_ARG(label));
}

/* "plan:NAME", "TENANT" or "USER@DOMAIN" */
static int parse_quota(struct mansio_arena *arena, struct mansio_str key, struct pg_key *out)
{
    if (mansio_str_find_char(key, '@') >= 0) {
        out->c = MANSIO_STR("account");
        return parse_address(arena, key, 0, out);
    }
    struct mansio_str prefix = MANSIO_STR("plan:");
    int is_plan = mansio_str_starts(key, prefix);
    out->text = key;
    out->c = is_plan ? MANSIO_STR("plan") : MANSIO_STR("tenant");
    out->a = is_plan ? mansio_str_sub(key, prefix.len, SIZE_MAX) : key;
    return check_name(out->a);
}

int pg_key_parse(struct mansio_arena *arena, uint32_t kind, struct mansio_str key,
                 struct pg_key *out)
{
    uint64_t number;
    *out = (struct pg_key){.text = key};
    switch (kind) {
    case MANSIO_OBJECT_PLATFORM:
        out->a = MANSIO_STR("");
        return key.len == 0 ? 0 : mansio_fail(MANSIO_E_INVALID, "the platform's key is empty");
    case MANSIO_OBJECT_PLAN:
    case MANSIO_OBJECT_TENANT:
        out->a = key;
        return check_name(key);
    case MANSIO_OBJECT_DOMAIN: {
        int rc = parse_domain(arena, key, &out->a);
        out->text = out->a;
        return rc;
    }
    case MANSIO_OBJECT_ACCOUNT:
        return parse_address(arena, key, 0, out);
    case MANSIO_OBJECT_ADDRESS:
        return parse_address(arena, key, 1, out);
    case MANSIO_OBJECT_CREDENTIAL:
        return parse_credential(arena, key, out);
    case MANSIO_OBJECT_QUOTA:
        return parse_quota(arena, key, out);
    case MANSIO_OBJECT_AUDIT:
        out->a = key;
        return mansio_parse_u64(key, INT64_MAX, &number) == 0
                   ? 0
                   : mansio_fail(MANSIO_E_INVALID, "\"%.*s\": wanted a number",
                                 MANSIO_STR_ARG(mansio_str_sub(key, 0, 32)));
    default:
        return mansio_fail(MANSIO_E_INVALID, "no kind of object %u", kind);
    }
}

/* ---- stored credentials ---------------------------------------------------------------------- */

/* "{SCHEME}...": its scheme, else empty (a bare crypt(3) text). */
struct mansio_str pg_stored_scheme(struct mansio_str stored)
{
    ptrdiff_t end = mansio_str_find_char(stored, '}');
    if (stored.len == 0 || stored.ptr[0] != '{' || end < 0) {
        return MANSIO_STR("");
    }
    return mansio_str_sub(stored, 1, (size_t)end - 1);
}

int pg_stored_has_scram(struct mansio_str stored)
{
    return mansio_str_find(stored, MANSIO_STR("{SCRAM-SHA-256}")) >= 0;
}

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
    return mansio_arena_printf(arena, value, "%llu", (unsigned long long)(number * factor));
}

/* Names within fields, in their one spelling: a domain, an account, a list of accounts. */
static int normalize(struct mansio_arena *arena, struct mansio_str name, struct mansio_str *value)
{
    struct pg_key key;
    int rc = 0;
    if (mansio_str_eq(name, MANSIO_STR("alias_of")) || mansio_str_eq(name, MANSIO_STR("domain"))) {
        return parse_domain(arena, *value, value);
    }
    if (mansio_str_eq(name, MANSIO_STR("account")) ||
        mansio_str_eq(name, MANSIO_STR("postmaster"))) {
        rc = parse_address(arena, *value, 0, &key);
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
        rc = parse_address(arena, item, 0, &key);
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
    default:
        return value->len == 0 ? 0 : normalize(arena, name, value);
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
