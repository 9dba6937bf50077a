/*
 * store-memory's directory: accounts that are always there. It can be asked and listed; what would
 * change it is refused, as another process would not see it.
 */
#include "store_memory.h"

#include <string.h>

static const struct mansio_account_facts *facts_of(struct mansio_arena *arena,
                                                   const struct memory_account *account)
{
    struct mansio_account_facts *facts = mansio_arena_alloc(arena, sizeof *facts);

    *facts = (struct mansio_account_facts){
        .size = sizeof *facts,
        .tenant_id = account->tenant->id,
        .account_id = account->id,
        .tenant = mansio_str_from_cstr(account->tenant->name),
        .plan = MANSIO_STR("basic"),
        .address = account->address,
        .state = MANSIO_STATE_ACTIVE,
        .quota_reply = MANSIO_QUOTA_TEMPORARY,
        .quota_bytes = account->quota_bytes,
        .quota_messages = account->quota_messages,
    };
    return facts;
}

static int route(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_route *out)
{
    struct memory_state *state = memory_state(instance);
    int rc = memory_begin(deadline_us);

    if (rc < 0) {
        return rc;
    }
    if (domain.len == 0) { /* the platform's postmaster */
        local = MANSIO_STR("user1");
        domain = MANSIO_STR("alpha.test");
    }
    const struct memory_tenant *tenant = memory_tenant_of(domain);
    if (tenant == NULL) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "%.*s: no domain of ours", MANSIO_STR_ARG(domain));
    }
    struct mansio_str rest = local;
    struct mansio_str name = local;
    (void)mansio_str_split(&rest, '+', &name);
    struct memory_account *account = memory_account_named(state, tenant, name);
    if (account == NULL) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "%.*s: no such address", MANSIO_STR_ARG(local));
    }
    const struct mansio_account_facts **list = mansio_arena_alloc(arena, sizeof(*list));
    list[0] = facts_of(arena, account);
    out->address = account->address;
    out->detail = rest.ptr != NULL ? rest : MANSIO_STR_NONE;
    out->accounts = list;
    out->account_count = 1;
    return 0;
}

static int login_defaults(struct mansio_instance *instance, struct mansio_str domain,
                          struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    struct mansio_str stored = mansio_settings_str(mansio_instance_settings(instance), "stored");
    int rc = memory_begin(deadline_us);

    (void)arena;
    if (rc < 0) {
        return rc;
    }
    out->account = NULL;
    out->credentials = NULL;
    out->credential_count = 0;
    out->scheme = MANSIO_STR_NONE;
    out->decoy = MANSIO_STR("0123456789abcdef0123456789abcdef");
    out->is_scram_ready = mansio_str_find(stored, MANSIO_STR("{SCRAM-SHA-256}")) >= 0;
    out->is_upgrading = 0;
    out->is_ours = memory_tenant_of(domain) != NULL;
    return 0;
}

static int login(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_login *out)
{
    const struct memory_tenant *tenant = memory_tenant_of(domain);
    int rc = login_defaults(instance, domain, arena, deadline_us, out);
    struct memory_account *account =
        rc == 0 && tenant != NULL ? memory_account_named(memory_state(instance), tenant, local)
                                  : NULL;

    if (account == NULL) {
        return rc;
    }
    struct mansio_credential *credential = mansio_arena_alloc(arena, sizeof *credential);
    const struct mansio_credential **list = mansio_arena_alloc(arena, sizeof(*list));
    *credential = (struct mansio_credential){
        .size = sizeof *credential,
        .id = account->id,
        .kind = MANSIO_CREDENTIAL_MAIN,
        .stored = mansio_settings_str(mansio_instance_settings(instance), "stored"),
    };
    list[0] = credential;
    out->account = facts_of(arena, account);
    out->credentials = list;
    out->credential_count = 1;
    return 0;
}

static int credential_upgrade(struct mansio_instance *instance,
                              const struct mansio_account_facts *account, uint64_t credential_id,
                              struct mansio_str was, struct mansio_str stored, int64_t deadline_us)
{
    int rc = memory_begin(deadline_us);

    (void)instance, (void)account, (void)credential_id, (void)was, (void)stored;
    return rc < 0 ? rc : mansio_fail(MANSIO_E_NOT_FOUND, "all share one credential, which stays");
}

static int refuse(int64_t deadline_us)
{
    int rc = memory_begin(deadline_us);
    return rc < 0 ? rc
                  : mansio_fail(MANSIO_E_UNSUPPORTED, "store-memory: its objects are always there");
}

static int object_change(struct mansio_instance *instance, const struct mansio_actor *actor,
                         uint32_t kind, struct mansio_str key, const struct mansio_field *fields,
                         size_t count, int64_t deadline_us)
{
    (void)instance, (void)actor, (void)kind, (void)key, (void)fields, (void)count;
    return refuse(deadline_us);
}

static int object_remove(struct mansio_instance *instance, const struct mansio_actor *actor,
                         uint32_t kind, struct mansio_str key, uint32_t cascade,
                         int64_t deadline_us)
{
    (void)instance, (void)actor, (void)kind, (void)key, (void)cascade;
    return refuse(deadline_us);
}

static int show(mansio_object_fn visit, void *arg, uint32_t kind, struct mansio_str key,
                const char *tenant, const struct mansio_field *filters, size_t count)
{
    const struct mansio_field field = {MANSIO_STR("tenant"), mansio_str_from_cstr(tenant)};
    const struct mansio_object object = {
        .size = sizeof object,
        .kind = kind,
        .key = key,
        .fields = &field,
        .field_count = kind == MANSIO_OBJECT_TENANT ? 0 : 1,
    };
    for (size_t i = 0; i < count; i++) {
        struct mansio_str value =
            mansio_str_eq(filters[i].name, MANSIO_STR("key")) ? key : field.value;
        if (!mansio_str_eq(filters[i].value, value)) {
            return 0;
        }
    }
    return visit(arg, &object);
}

static int object_list(struct mansio_instance *instance, uint32_t kind,
                       const struct mansio_field *filters, size_t count, mansio_object_fn visit,
                       void *arg, int64_t deadline_us)
{
    static const char *const domains[] = {"alpha.test", "beta.test"};
    int rc = memory_begin(deadline_us);

    for (size_t i = 0; rc == 0 && i < MANSIO_COUNT(domains); i++) {
        const struct memory_tenant *tenant = memory_tenant_of(mansio_str_from_cstr(domains[i]));
        if (kind == MANSIO_OBJECT_TENANT || kind == MANSIO_OBJECT_DOMAIN) {
            const char *key = kind == MANSIO_OBJECT_TENANT ? tenant->name : tenant->domain;
            rc = show(visit, arg, kind, mansio_str_from_cstr(key), tenant->name, filters, count);
        }
        for (const struct memory_account *account = memory_state(instance)->accounts;
             rc == 0 && kind == MANSIO_OBJECT_ACCOUNT && account != NULL; account = account->next) {
            if (account->tenant == tenant) {
                rc = show(visit, arg, kind, account->address, tenant->name, filters, count);
            }
        }
    }
    return rc;
}

static int schema_apply(struct mansio_instance *instance, void (*tell)(void *arg, const char *step),
                        void *arg, int64_t deadline_us)
{
    (void)instance, (void)tell, (void)arg;
    return memory_begin(deadline_us);
}

static int schema_status(struct mansio_instance *instance, int64_t deadline_us,
                         uint32_t *out_version, uint32_t *out_wanted, uint32_t *out_oldest)
{
    (void)instance;
    *out_version = *out_wanted = *out_oldest = 1;
    return memory_begin(deadline_us);
}

const struct mansio_directory memory_directory_table = {
    .size = sizeof memory_directory_table,
    .route = route,
    .login = login,
    .login_defaults = login_defaults,
    .credential_upgrade = credential_upgrade,
    .object_add = object_change,
    .object_set = object_change,
    .object_remove = object_remove,
    .object_list = object_list,
    .schema_apply = schema_apply,
    .schema_status = schema_status,
};
