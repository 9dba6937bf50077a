/*
 * store-memory: directory, store and blobs in the memory of one process, for tests of those who
 * use them, and the smallest provider that the conformance suite accepts.
 *
 * Tenants alpha (alpha.test) and beta (beta.test), in each accounts user1 to user130; "small" with
 * a quota of 3 messages and 100,000 bytes; "gone", whom the directory knows and the store doesn't,
 * as between an account's removal and its handles' end. All have the password that the setting
 * `stored` holds. Every process has its own copy: run one worker; the service process sees nothing
 * of what that got. What is stored is forgotten when its process ends.
 */
#include "store_memory.h"

#include <string.h>

#include <mansio/fiber.h>
#include <mansio/interface.h>

enum { ACCOUNTS_A_TENANT = 130, SMALL_MESSAGES = 3, SMALL_BYTES = 100000 };

static const char *const mistakes[] = {"none",
                                       "uid-reused",
                                       "tombstone-forgotten",
                                       "foreign-collection",
                                       "foreign-blob",
                                       "half-plan",
                                       "modseq-still",
                                       "quota-ignored",
                                       "chunk-edge",
                                       "fence-ignored",
                                       "rename-shallow",
                                       "recent-twice",
                                       "bounce-apart",
                                       "unchanged-ignored",
                                       "move-leaves",
                                       "copy-forgets",
                                       "copy-in-part",
                                       "expunge-all",
                                       "nul-ends",
                                       "prefix-shared",
                                       "search-header",
                                       "told-apart",
                                       NULL};

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "stored", .type = MANSIO_SETTING_STRING, .max = 1000,
                   .default_text = "{PLAIN}correct-horse",
                   .help = "The credential of every account, as an auth module reads it."),
    MANSIO_SETTING(.name = "mistake", .type = MANSIO_SETTING_CHOICE, .choices = mistakes,
                   .help = "What this store does wrong."),
};

static const struct memory_tenant tenants[] = {
    {1, "alpha", "alpha.test"},
    {2, "beta", "beta.test"},
};

int memory_begin(int64_t deadline_us)
{
    int rc = mansio_fiber_yield();
    if (rc == 0 && deadline_us <= mansio_now_us()) {
        rc = mansio_fail(MANSIO_E_TIMEOUT, "store-memory: the deadline has passed");
    }
    return rc;
}

uint64_t memory_new_id(struct memory_state *state)
{
    return ++state->last_id;
}

void *memory_alloc(struct memory_state *state, size_t size)
{
    void *bytes = mansio_arena_try_alloc(state->arena, size);
    MANSIO_ASSERT(bytes != NULL);
    return bytes;
}

struct mansio_str memory_copy(struct memory_state *state, struct mansio_str s)
{
    struct mansio_str copy = MANSIO_STR_NONE;
    int rc = mansio_arena_copy(state->arena, s, &copy);
    MANSIO_ASSERT(rc == 0);
    return copy;
}

const struct memory_tenant *memory_tenant_of(struct mansio_str domain)
{
    for (size_t i = 0; i < MANSIO_COUNT(tenants); i++) {
        if (mansio_str_eq(domain, mansio_str_from_cstr(tenants[i].domain))) {
            return &tenants[i];
        }
    }
    return NULL;
}

/* The number of an account in its tenant; 0: there is no such. */
static uint32_t number_of(struct mansio_str local)
{
    uint32_t number = 0;

    if (mansio_str_eq(local, MANSIO_STR("small"))) {
        return ACCOUNTS_A_TENANT + 1;
    }
    if (mansio_str_eq(local, MANSIO_STR("gone"))) {
        return ACCOUNTS_A_TENANT + 2;
    }
    if (!mansio_str_starts(local, MANSIO_STR("user")) || local.len < 5 || local.ptr[4] == '0' ||
        mansio_parse_u32(mansio_str_sub(local, 4, SIZE_MAX), ACCOUNTS_A_TENANT, &number) < 0) {
        return 0;
    }
    return number;
}

struct memory_account *memory_account_named(struct memory_state *state,
                                            const struct memory_tenant *tenant,
                                            struct mansio_str local)
{
    uint32_t number = number_of(local);
    uint64_t id = tenant->id * 1000 + number;
    struct memory_account *account = state->accounts;

    if (number == 0) {
        return NULL;
    }
    while (account != NULL && account->id != id) {
        account = account->next;
    }
    if (account != NULL) {
        return account;
    }
    account = memory_alloc(state, sizeof *account);
    account->id = id;
    account->tenant = tenant;
    account->next = state->accounts;
    account->is_gone = number == ACCOUNTS_A_TENANT + 2;
    account->quota_messages = number == ACCOUNTS_A_TENANT + 1 ? SMALL_MESSAGES : 0;
    account->quota_bytes = number == ACCOUNTS_A_TENANT + 1 ? SMALL_BYTES : 0;
    int rc = mansio_arena_printf(state->arena, &account->address, "%.*s@%s", MANSIO_STR_ARG(local),
                                 tenant->domain);
    MANSIO_ASSERT(rc == 0);
    state->accounts = account;
    (void)memory_collection_add(state, account, MANSIO_COLLECTION_MAIL, MANSIO_STR("INBOX"),
                                MANSIO_SPECIAL_INBOX);
    return account;
}

int memory_account(struct mansio_instance *instance, const struct mansio_account *handle,
                   struct memory_account **out)
{
    const struct mansio_account_facts *facts = mansio_account_facts(handle);
    struct memory_account *account = memory_state(instance)->accounts;

    while (account != NULL && (account->id != facts->account_id || account->is_gone)) {
        account = account->next;
    }
    if (account == NULL || account->tenant->id != facts->tenant_id) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "store-memory: no such account");
    }
    *out = account;
    return 0;
}

int memory_enter(struct mansio_instance *instance, const struct mansio_account *handle,
                 int64_t deadline_us, struct memory_account **out)
{
    int rc = memory_begin(deadline_us);
    return rc < 0 ? rc : memory_account(instance, handle, out);
}

const struct mansio_store memory_store_table = {
    .size = sizeof memory_store_table,
    .collection_list = memory_collection_list,
    .collection_find = memory_collection_find,
    .collection_get = memory_collection_get,
    .collection_create = memory_collection_create,
    .collection_rename = memory_collection_rename,
    .collection_remove = memory_collection_remove,
    .subscribe = memory_subscribe,
    .subscription_list = memory_subscription_list,
    .recent_claim = memory_recent_claim,
    .message_list = memory_message_list,
    .message_read = memory_message_read,
    .message_read_many = memory_message_read_many,
    .message_text = memory_message_text,
    .message_search = memory_message_search,
    .message_read_slices = memory_message_read_slices,
    .message_flag = memory_message_flag,
    .message_append = memory_message_append,
    .message_copy = memory_message_copy,
    .message_expunge = memory_message_expunge,
    .changes = memory_changes,
    .usage = memory_usage_tell,
    .may_deliver = memory_may_deliver,
    .deliver = memory_deliver_plan,
    .spool_claim = memory_spool_claim,
    .spool_renew = memory_spool_renew,
    .spool_read = memory_spool_read,
    .spool_finish = memory_spool_finish,
    .spool_list = memory_spool_list,
    .spool_retry = memory_spool_retry,
    .spool_remove = memory_spool_remove,
    .spool_look = memory_spool_look,
    .deliver_together = memory_deliver_together,
    .spool_change = memory_spool_change,
};

static void free_arena(void *arena)
{
    mansio_arena_free(arena);
}

static int memory_load(struct mansio_instance *instance)
{
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct memory_state *state = mansio_arena_alloc(arena, sizeof *state);

    state->arena = mansio_arena_new(NULL, "store-memory", 0);
    mansio_arena_defer(arena, free_arena, state->arena);
    state->mistake =
        (enum memory_mistake)mansio_settings_int(mansio_instance_settings(instance), "mistake");
    state->last_id = 5000;
    mansio_instance_set_data(instance, state);
    int rc = mansio_interface_provide(instance, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION,
                                      &memory_directory_table);
    rc = rc < 0 ? rc
                : mansio_interface_provide(instance, MANSIO_STORE, MANSIO_STORE_VERSION,
                                           &memory_store_table);
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_BLOB, MANSIO_BLOB_VERSION,
                                             &memory_blob_table);
}

MANSIO_MODULE("store-memory", "1.0", "", .summary = "Directory and mail in memory, for tests.",
              .settings = settings, .setting_count = MANSIO_COUNT(settings), .load = memory_load);
