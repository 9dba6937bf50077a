/*
 * For the tests of policy: a world on a private cluster, objects said as text, standings and
 * changes shown as text. Included once, after "core/host/testing.h".
 */
#ifndef MANSIO_MODULES_POSTGRES_TESTING_POLICY_H
#define MANSIO_MODULES_POSTGRES_TESTING_POLICY_H

#include "standing.h"

#include "core/host/testing.h"

#include <stdarg.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "libpq.h"
#include "schema.h"
#include "testing.h"

#define DEADLINE mansio_deadline_in(30 * MANSIO_SECOND)

enum { TEXT_MAX = 8192 };

static struct pg *pg;
static struct mansio_arena *arena;
static PGconn *super;
static const struct mansio_actor actor = {.size = sizeof actor, .name = {"tester", 6}};

static inline struct mansio_str S(const char *text) {
    return mansio_str_from_cstr(text);
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            print_message("# %s: %s\n", mansio_error_name(rc_), mansio_error_detail());            \
        }                                                                                          \
        CHECK(rc_ == 0);                                                                           \
    } while (0)

static inline int
is(const char *found, const char *wanted)
{
    if (strcmp(found, wanted) != 0) {
        print_message("# wanted \"%s\", found \"%s\"\n", wanted, found);
        return 0;
    }
    return 1;
}

/* And nothing of how the database says it. */
static inline int says(const char *part)
{
    if (strstr(mansio_error_detail(), "PostgreSQL") != NULL ||
        strstr(mansio_error_detail(), "(MN") != NULL) {
        print_message("# \"%s\" isn't for people\n", mansio_error_detail());
        return 0;
    }
    if (strstr(mansio_error_detail(), part) == NULL) {
        print_message("# \"%s\" doesn't say \"%s\"\n", mansio_error_detail(), part);
        return 0;
    }
    return 1;
}

/* "name=value name=value" to fields; '_' in a value is a space, "-" alone takes it away. */
static inline size_t fields_of(const char *text, struct mansio_field *out)
{
    size_t count = 0;
    struct mansio_str rest = S(text);
    struct mansio_str pair;
    while (text[0] != '\0' && mansio_str_split(&rest, ' ', &pair)) {
        ptrdiff_t at = mansio_str_find_char(pair, '=');
        struct mansio_str value;
        CHECK(mansio_arena_copy(arena, mansio_str_sub(pair, (size_t)at + 1, SIZE_MAX), &value) ==
              0);
        for (size_t i = 0; i < value.len; i++) {
            char *c = (char *)(uintptr_t)&value.ptr[i];
            *c = *c == '_' ? ' ' : *c;
        }
        out[count++] = (struct mansio_field){
            mansio_str_sub(pair, 0, (size_t)at),
            mansio_str_eq(value, S("-")) ? MANSIO_STR_NONE : value,
        };
    }
    return count;
}

static inline int add(uint32_t kind, const char *key, const char *text)
{
    struct mansio_field fields[12];
    size_t count = fields_of(text, fields);
    return pg_object_add(pg->instance, &actor, kind, S(key), fields, count, DEADLINE);
}

static inline int set(uint32_t kind, const char *key, const char *text)
{
    struct mansio_field fields[12];
    size_t count = fields_of(text, fields);
    return pg_object_set(pg->instance, &actor, kind, S(key), fields, count, DEADLINE);
}

static inline int removed(uint32_t kind, const char *key, uint32_t cascade)
{
    return pg_object_remove(pg->instance, &actor, kind, S(key), cascade, DEADLINE);
}

#define word(key, text) set(MANSIO_OBJECT_POLICY, key, text)

static char listed[TEXT_MAX];

static void say(const char *format, ...) MANSIO_PRINTF(1, 2);
static void say(const char *format, ...)
{
    size_t at = strlen(listed);
    va_list list;
    va_start(list, format);
    vsnprintf(listed + at, sizeof listed - at, format, list);
    va_end(list);
}

static inline int append(void *arg, const struct mansio_object *object)
{
    (void)arg;
    say("%.*s", MANSIO_STR_ARG(object->key));
    for (size_t i = 0; i < object->field_count; i++) {
        const struct mansio_field *field = &object->fields[i];
        if (!mansio_str_eq(field->name, S("created")) && !mansio_str_eq(field->name, S("tenant")) &&
            !mansio_str_eq(field->name, S("scope")) && !mansio_str_eq(field->name, S("service"))) {
            say(" %.*s=%.*s", MANSIO_STR_ARG(field->name), MANSIO_STR_ARG(field->value));
        }
    }
    say(";");
    return 0;
}

static inline const char *list(uint32_t kind, const char *filters)
{
    struct mansio_field fields[4];
    size_t count = fields_of(filters, fields);
    listed[0] = '\0';
    int rc = pg_object_list(pg->instance, kind, fields, count, append, NULL, DEADLINE);
    if (rc < 0) {
        say("%s", mansio_error_detail());
    }
    return listed;
}

/* ---- standings as text ---- */

static inline void say_word(const struct mansio_policy_word *w)
{
    static const char *const scopes[] = {"?", "platform", "plan", "tenant", "domain", "account"};
    say(" %s", scopes[w->scope]);
    say("%s%.*s/%.*s=%s%s", w->owner.len > 0 ? ":" : "", MANSIO_STR_ARG(w->owner),
        MANSIO_STR_ARG(w->service), w->verb == MANSIO_POLICY_ALLOW ? "allow" : "deny",
        w->is_locked ? "!" : "");
    for (size_t i = 0; i < w->network_count; i++) {
        say("%s%.*s", i > 0 ? "," : "@", MANSIO_STR_ARG(w->networks[i]));
    }
    say("%s", w->has_networks && w->network_count == 0 ? "@nowhere" : "");
    for (size_t i = 0; i < w->mechanism_count; i++) {
        say("+%.*s", MANSIO_STR_ARG(w->mechanisms[i]));
    }
    if (w->tls != 0 || w->credential_kinds != 0) {
        say("(tls %u kinds %u)", w->tls, w->credential_kinds);
    }
    say("%s", w->has_hours ? "~hours" : "");
}

static inline void say_standing(const struct mansio_standing *standing)
{
    if (standing->account != NULL) {
        say("%.*s %.*s %u:", MANSIO_STR_ARG(standing->account->address),
            MANSIO_STR_ARG(standing->account->plan), standing->account->state);
    } else {
        say("nobody%s%.*s:", standing->is_ours ? " of " : "", MANSIO_STR_ARG(standing->domain));
    }
    for (size_t i = 0; i < standing->word_count; i++) {
        say_word(standing->words[i]);
    }
    for (size_t i = 0; i < standing->credential_count; i++) {
        const struct mansio_standing_credential *one = standing->credentials[i];
        say(" #%u.%llu", one->kind, (unsigned long long)one->version);
        for (size_t s = 0; s < one->service_count; s++) {
            say(",%.*s", MANSIO_STR_ARG(one->services[s]));
        }
        say("%s", one->expires_us != 0 ? "^" : "");
    }
    say(" else %s;", standing->default_verb == MANSIO_POLICY_ALLOW ? "allow" : "deny");
}

/* Of an account, by its address. */
static inline struct mansio_account_key key_of(const char *local, const char *domain)
{
    struct mansio_login login = {.size = sizeof login};
    OK(pg_login(pg->instance, S(local), S(domain), arena, DEADLINE, &login));
    CHECK(login.account != NULL);
    return (struct mansio_account_key){login.account->tenant_id, login.account->account_id};
}

static inline const char *standing_of(struct mansio_account_key key)
{
    const struct mansio_standing *const *found = NULL;
    listed[0] = '\0';
    OK(pg_standings(pg->instance, &key, 1, arena, DEADLINE, &found));
    say_standing(found[0]);
    return listed;
}

static inline const char *domain(const char *name)
{
    struct mansio_standing standing = {.size = sizeof standing};
    listed[0] = '\0';
    OK(pg_domain_standing(pg->instance, S(name), arena, DEADLINE, &standing));
    say_standing(&standing);
    return listed;
}

static inline int visit_say(void *arg, const struct mansio_standing *standing)
{
    int *left = arg;
    say_standing(standing);
    return left != NULL && --*left == 0 ? 7 : 0;
}

static inline const char *all_of(uint32_t scope, const char *owner)
{
    listed[0] = '\0';
    int rc = pg_standing_list(pg->instance, scope, S(owner), 0, visit_say, NULL, DEADLINE);
    if (rc < 0) {
        say("%s", mansio_error_name(rc));
    }
    return listed;
}

/* ---- changes as text ---- */

static uint64_t epoch;
static struct mansio_account_key ann;

/* What changed since it was asked last: "alpha", "alpha/ann", "plan:gold", "everybody". */
static inline const char *changes(void)
{
    struct mansio_standing_changes found = {.size = sizeof found};
    listed[0] = '\0';
    OK(pg_standing_changes(pg->instance, epoch, arena, DEADLINE, &found));
    CHECK(found.epoch >= epoch);
    epoch = found.epoch;
    say("%s", found.is_all ? "all" : "");
    for (size_t i = 0; i < found.change_count; i++) {
        const struct mansio_standing_change *one = found.changes[i];
        const char *whose = one->tenant_id == ann.tenant_id ? "alpha" : "other";
        say("%s", i > 0 ? " " : "");
        if (one->plan.len > 0) {
            CHECK(one->tenant_id == 0 && one->account_id == 0);
            say("plan:%.*s", MANSIO_STR_ARG(one->plan));
        } else if (one->tenant_id == 0) {
            say("everybody");
        } else if (one->account_id == 0) {
            say("%s", whose);
        } else {
            say("%s/%s", whose, one->account_id == ann.account_id ? "ann" : "other");
        }
    }
    return listed;
}

/* ---- the world ---- */

static int (*body)(void);

static inline int in_world(void *arg)
{
    (void)arg;
    arena = mansio_arena_new(NULL, "test", 0);
    pg = TESTING_PG(arena);
    pg->role = MANSIO_ROLE_ADMIN;
    CHECK(pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) >= 0);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", 4);
    pg->admin = pg_pool_new(pg, PG_ROLE_ADMIN, "admin", 2);
    int rc = body();
    pg_pool_close(pg->admin);
    pg_pool_close(pg->serving);
    mansio_arena_free(arena);
    return rc;
}

static inline void run(int (*fn)(void))
{
    body = fn;
    run_fiber(in_world, NULL);
}

/* As superuser, in the database that is open. First value of the first row, in a buffer. */
static inline const char *sql(const char *text)
{
    static char value[65536];
    PGresult *result = PQexec(super, text);
    ExecStatusType status = PQresultStatus(result);
    value[0] = '\0';
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        print_message("# %s\n", PQresultErrorMessage(result));
        CHECK(!"sql");
    } else if (PQntuples(result) > 0) {
        snprintf(value, sizeof value, "%s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return value;
}

static inline void open_super(const char *dbname)
{
    char conninfo[512];
    if (super != NULL) {
        PQfinish(super);
    }
    snprintf(conninfo, sizeof conninfo,
             "host=%s dbname=%s user=postgres options='-c search_path=mansio"
             " -c client_min_messages=warning'",
             testing_dir, dbname);
    super = PQconnectdb(conninfo);
    CHECK(PQstatus(super) == CONNECTION_OK);
}

/* Two plans, two tenants, three domains and another name for one, four accounts. */
static inline void make_people(void)
{
    open_super("mansio");
    OK(add(MANSIO_OBJECT_PLAN, "gold", ""));
    OK(add(MANSIO_OBJECT_PLAN, "silver", ""));
    OK(add(MANSIO_OBJECT_TENANT, "alpha", "plan=gold"));
    OK(add(MANSIO_OBJECT_TENANT, "beta", ""));
    OK(add(MANSIO_OBJECT_DOMAIN, "alpha.test", "tenant=alpha"));
    OK(add(MANSIO_OBJECT_DOMAIN, "alias.test", "tenant=alpha alias_of=alpha.test"));
    OK(add(MANSIO_OBJECT_DOMAIN, "second.test", "tenant=alpha"));
    OK(add(MANSIO_OBJECT_DOMAIN, "beta.test", "tenant=beta"));
    OK(add(MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", ""));
    OK(add(MANSIO_OBJECT_ACCOUNT, "bob@alpha.test", "plan=silver"));
    OK(add(MANSIO_OBJECT_ACCOUNT, "cid@second.test", ""));
    OK(add(MANSIO_OBJECT_ACCOUNT, "zoe@beta.test", ""));
}

static inline int policy_setup(void **state)
{
    return testing_cluster_up(state);
}

static inline int policy_teardown(void **state)
{
    PQfinish(super);
    return testing_cluster_down(state);
}

#endif
