/*
 * Keys of objects, and what stored credentials are: read, checked, brought into one spelling.
 */
#include "object_key.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include "policy_fields.h"

enum {
    NAME_MAX_BYTES = 63,
    LABEL_MAX_BYTES = 63,
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

static int parse_owner(struct mansio_arena *arena, struct mansio_str scope, struct mansio_str owner,
                       struct mansio_str *out)
{
    static const struct {
        const char *name;
        uint32_t kind;
    } kinds[] = {{"plan", MANSIO_OBJECT_PLAN},
                 {"tenant", MANSIO_OBJECT_TENANT},
                 {"domain", MANSIO_OBJECT_DOMAIN},
                 {"account", MANSIO_OBJECT_ACCOUNT}};
    struct pg_key key;
    for (size_t i = 0; i < MANSIO_COUNT(kinds); i++) {
        if (mansio_str_eq(scope, mansio_str_from_cstr(kinds[i].name))) {
            int rc = pg_key_parse(arena, kinds[i].kind, owner, &key);
            *out = key.text;
            return rc;
        }
    }
    return mansio_fail(MANSIO_E_INVALID,
                       "scope \"%.*s\": wanted platform, plan:NAME, tenant:NAME, domain:NAME or"
                       " account:USER@DOMAIN",
                       MANSIO_STR_ARG(mansio_str_sub(scope, 0, NAME_MAX_BYTES)));
}

/* "platform/SERVICE" or "SCOPE:OWNER/SERVICE"; a local part may have a '/' too. */
static int parse_policy(struct mansio_arena *arena, struct mansio_str key, struct pg_key *out)
{
    size_t slash = key.len;
    while (slash > 0 && key.ptr[slash - 1] != '/') {
        slash--;
    }
    if (slash == 0) {
        return mansio_fail(MANSIO_E_INVALID, "\"%.*s\": wanted SCOPE/SERVICE",
                           MANSIO_STR_ARG(mansio_str_sub(key, 0, 255)));
    }
    struct mansio_str whose = mansio_str_sub(key, 0, slash - 1);
    out->c = mansio_str_sub(key, slash, SIZE_MAX);
    int rc = pg_service_check(out->c);
    if (rc < 0 || mansio_str_eq(whose, MANSIO_STR("platform"))) {
        out->a = whose;
        out->b = MANSIO_STR("");
        return rc;
    }
    ptrdiff_t colon = mansio_str_find_char(whose, ':');
    out->a = mansio_str_sub(whose, 0, colon < 0 ? whose.len : (size_t)colon);
    rc = parse_owner(
        arena, out->a,
        colon < 0 ? MANSIO_STR("") : mansio_str_sub(whose, (size_t)colon + 1, SIZE_MAX), &out->b);
    return rc < 0 ? rc
                  : mansio_arena_printf(arena, &out->text, "%.*s:%.*s/%.*s", MANSIO_STR_ARG(out->a),
                                        MANSIO_STR_ARG(out->b), MANSIO_STR_ARG(out->c));
}

/* "NAME" or "TENANT:NAME" */
static int parse_network(struct mansio_str key, struct pg_key *out)
{
    ptrdiff_t colon = mansio_str_find_char(key, ':');
    out->a = colon < 0 ? MANSIO_STR("") : mansio_str_sub(key, 0, (size_t)colon);
    out->b = colon < 0 ? key : mansio_str_sub(key, (size_t)colon + 1, SIZE_MAX);
    int rc = colon < 0 ? 0 : check_name(out->a);
    return rc < 0 ? rc : pg_network_name_check(out->b);
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
    case MANSIO_OBJECT_POLICY:
        return parse_policy(arena, key, out);
    case MANSIO_OBJECT_NETWORK:
        return parse_network(key, out);
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
