/*
 * catcher: a directory and a store for tests of protocols that receive mail. What an address means
 * is in its local part, so that a test says by whom it writes to what shall happen; what is
 * delivered becomes a file each. It keeps nothing else, and has nothing of what readers ask for.
 *
 *   user1 ... user999   accounts; user1+x is user1 with the detail "x"
 *   both                user1 and user2
 *   caught              an account, found by a catch-all
 *   full, fullhard      over quota at RCPT, for now or for good
 *   late, latehard      over quota at delivery, likewise
 *   small               takes messages of 2,000 bytes
 *   gone                is removed before the delivery
 *   broken, hasty       delivery fails: the store is away; it says success and tells no outcome
 *   slow                delivery waits until the file "go" is there
 *   closed, away        mail is refused for now; the directory is away
 *   split               accounts on two stores
 *
 * The accounts of user1 to user999 of both domains log in with the password "correct-horse".
 *
 * Domains: alpha.test, and beta.test, whose accounts are on the instance that `second` names.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mansio/directory.h>
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/store.h>
#include <mansio/str.h>

static const struct mansio_setting catcher_settings[] = {
    MANSIO_SETTING(.name = "files", .type = MANSIO_SETTING_PATH, .flags = MANSIO_SETTING_REQUIRED,
                   .help = "The directory that messages are written to"),
    MANSIO_SETTING(.name = "second", .type = MANSIO_SETTING_STRING, .max = 63,
                   .help = "The instance that has beta.test's accounts; empty: this one"),
};

enum { USERS = 1000 };

static const struct special {
    const char *local;
    uint64_t id;
} specials[] = {
    {"full", 1001}, {"fullhard", 1002}, {"late", 1003}, {"latehard", 1004}, {"small", 1005},
    {"gone", 1006}, {"broken", 1007},   {"slow", 1008}, {"hasty", 1009},    {"postmaster", 1},
};

static uint64_t special_id(const char *local)
{
    for (size_t i = 0; i < MANSIO_COUNT(specials); i++) {
        if (strcmp(specials[i].local, local) == 0) {
            return specials[i].id;
        }
    }
    return 0;
}

static int is_account(const struct mansio_account *account, const char *local)
{
    return mansio_account_facts(account)->account_id == special_id(local);
}

/* ---- directory ------------------------------------------------------------------------------ */

static int add_account(struct mansio_instance *instance, struct mansio_arena *arena,
                       uint64_t tenant, uint64_t id, struct mansio_route *route,
                       const struct mansio_account_facts **accounts)
{
    struct mansio_account_facts *facts = mansio_arena_alloc(arena, sizeof *facts);
    struct mansio_str second = mansio_settings_str(mansio_instance_settings(instance), "second");
    *facts = (struct mansio_account_facts){
        .size = sizeof *facts,
        .tenant_id = tenant,
        .account_id = id,
        .tenant = tenant == 1 ? MANSIO_STR("alpha") : MANSIO_STR("beta"),
        .pool = tenant == 2 && second.len > 0 ? second : mansio_instance_name(instance),
        .state = MANSIO_STATE_ACTIVE,
        .quota_reply = id == special_id("fullhard") || id == special_id("latehard")
                           ? MANSIO_QUOTA_PERMANENT
                           : MANSIO_QUOTA_TEMPORARY,
        .message_bytes_max = id == special_id("small") ? 2000 : 0,
    };
    accounts[route->account_count++] = facts;
    return mansio_arena_printf(arena, &facts->address, "account%llu@%s.test",
                               (unsigned long long)id, tenant == 1 ? "alpha" : "beta");
}

/* The id behind a local part; 0: none. */
static uint64_t find_id(struct mansio_str local)
{
    uint64_t id = 0;
    if (mansio_str_starts(local, MANSIO_STR("user")) &&
        mansio_parse_u64(mansio_str_sub(local, 4, SIZE_MAX), USERS - 1, &id) == 0) {
        return id;
    }
    for (size_t i = 0; i < MANSIO_COUNT(specials); i++) {
        if (mansio_str_eq(local, mansio_str_from_cstr(specials[i].local))) {
            return specials[i].id;
        }
    }
    return 0;
}

static int route(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_route *out)
{
    const struct mansio_account_facts **accounts = mansio_arena_alloc(arena, 2 * sizeof(void *));
    uint64_t tenant = mansio_str_eq(domain, MANSIO_STR("beta.test")) ? 2 : 1;
    ptrdiff_t plus = mansio_str_find_char(local, '+');
    struct mansio_str base = plus < 0 ? local : mansio_str_sub(local, 0, (size_t)plus);
    uint64_t id = find_id(base);
    int rc = 0;

    (void)deadline_us;
    if (domain.len > 0 && tenant == 1 && !mansio_str_eq(domain, MANSIO_STR("alpha.test"))) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "not ours");
    }
    if (mansio_str_eq(base, MANSIO_STR("closed"))) {
        return mansio_fail(MANSIO_E_BUSY, "closed");
    }
    if (mansio_str_eq(base, MANSIO_STR("away"))) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "away");
    }
    out->accounts = accounts;
    if (mansio_str_eq(base, MANSIO_STR("both")) || mansio_str_eq(base, MANSIO_STR("split"))) {
        rc = add_account(instance, arena, 1, 1, out, accounts);
        tenant = mansio_str_eq(base, MANSIO_STR("split")) ? 2 : 1;
        id = 2;
    }
    if (mansio_str_eq(base, MANSIO_STR("caught"))) {
        id = 2;
        local = MANSIO_STR("");
    }
    if (id == 0) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "nobody");
    }
    if (rc == 0) {
        rc = add_account(instance, arena, tenant, id, out, accounts);
    }
    out->detail = plus < 0 ? MANSIO_STR_NONE : mansio_str_sub(local, (size_t)plus + 1, SIZE_MAX);
    return rc < 0 ? rc
                  : mansio_arena_printf(
                        arena, &out->address, "%.*s@%.*s", MANSIO_STR_ARG(local),
                        MANSIO_STR_ARG(domain.len > 0 ? domain : MANSIO_STR("alpha.test")));
}

/* The same password for all: what is stored says so. */
static int login(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_login *out)
{
    static const struct mansio_credential credential = {
        .size = sizeof credential,
        .id = 1,
        .kind = MANSIO_CREDENTIAL_MAIN,
        .stored = {"{PLAIN}correct-horse", 20},
    };
    static const struct mansio_credential *const credentials[] = {&credential};
    struct mansio_route found = {.size = sizeof found};
    int is_beta = mansio_str_eq(domain, MANSIO_STR("beta.test"));
    int is_somebody = mansio_str_starts(local, MANSIO_STR("user")) &&
                      (is_beta || mansio_str_eq(domain, MANSIO_STR("alpha.test"))) &&
                      route(instance, local, domain, arena, deadline_us, &found) == 0;

    *out = (struct mansio_login){
        .size = out->size,
        .account = is_somebody ? found.accounts[0] : NULL,
        .credentials = is_somebody ? credentials : NULL,
        .credential_count = is_somebody,
        .decoy = MANSIO_STR("thirty-two bytes of a decoy, yes"),
        .is_ours = 1,
        .tenant_id = is_beta ? 2 : 1,
    };
    return 0;
}

static int login_defaults(struct mansio_instance *instance, struct mansio_str domain,
                          struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    return login(instance, MANSIO_STR_NONE, domain, arena, deadline_us, out);
}

static const struct mansio_directory directory = {
    .size = sizeof directory, .route = route, .login = login, .login_defaults = login_defaults};

/* ---- store ---------------------------------------------------------------------------------- */

static int may_deliver(struct mansio_instance *pool, struct mansio_account *account, uint64_t bytes,
                       int64_t deadline_us)
{
    (void)pool, (void)bytes, (void)deadline_us;
    return is_account(account, "full") || is_account(account, "fullhard")
               ? mansio_fail(MANSIO_E_LIMIT, "over quota")
               : 0;
}

/* One file for an entry: a line of what the plan says, the prefix, the message. */
static int keep(struct mansio_instance *pool, const struct mansio_plan *plan, size_t index,
                struct mansio_content *content, int64_t deadline_us)
{
    static unsigned number; /* tests run one worker, or tell files apart by their process */
    const struct mansio_plan_entry *entry = mansio_plan_entry(plan, index);
    struct mansio_str files = mansio_settings_str(mansio_instance_settings(pool), "files");
    struct mansio_str bytes = MANSIO_STR_NONE;
    char name[512];
    char made[sizeof name + 4];
    uint64_t at = 0;
    int rc = 0;

    snprintf(name, sizeof name, "%.*s/%08u-%d", MANSIO_STR_ARG(files), number++, (int)getpid());
    snprintf(made, sizeof made, "%s.new", name);
    FILE *file = fopen(made, "wb");
    if (file == NULL) {
        return mansio_fail(MANSIO_E_IO, "%s: %s", made, strerror(errno));
    }
    fprintf(file,
            "pool=%.*s tenant=%llu account=%llu recipient=%u action=%u collection=%.*s flags=%u "
            "from=<%.*s> to=<%.*s>\n",
            MANSIO_STR_ARG(mansio_instance_name(pool)),
            (unsigned long long)mansio_account_facts(entry->account)->tenant_id,
            (unsigned long long)mansio_account_facts(entry->account)->account_id, entry->recipient,
            entry->action, MANSIO_STR_ARG(entry->collection), mansio_plan_facts(plan)->flags,
            MANSIO_STR_ARG(mansio_plan_facts(plan)->reverse_path),
            MANSIO_STR_ARG(entry->forward_path));
    fwrite(entry->prefix.ptr, 1, entry->prefix.len, file);
    while ((rc = mansio_content_read(content, at, 65536, deadline_us, &bytes)) > 0) {
        fwrite(bytes.ptr, 1, bytes.len, file);
        at += bytes.len;
    }
    if (fclose(file) != 0 || rc < 0 || rename(made, name) < 0) {
        return mansio_fail(MANSIO_E_IO, "%s: %s", name, strerror(errno));
    }
    return 0;
}

/* What an account does to a delivery before it is one: 0, or the entry's code. */
static int judge(const struct mansio_plan_entry *entry)
{
    if (is_account(entry->account, "late") || is_account(entry->account, "latehard")) {
        return MANSIO_E_LIMIT;
    }
    if (is_account(entry->account, "gone")) {
        return MANSIO_E_NOT_FOUND;
    }
    return is_account(entry->account, "broken") ? MANSIO_E_UNAVAILABLE : 0;
}

static int wait_for_go(struct mansio_instance *pool)
{
    struct mansio_str files = mansio_settings_str(mansio_instance_settings(pool), "files");
    char name[512];
    int rc = 0;

    snprintf(name, sizeof name, "%.*s/go", MANSIO_STR_ARG(files));
    while (rc == 0 && access(name, F_OK) < 0) {
        rc = mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS));
    }
    return rc;
}

static int deliver(struct mansio_instance *pool, struct mansio_plan *plan,
                   struct mansio_content *content, int64_t deadline_us)
{
    uint32_t flags = mansio_plan_facts(plan)->flags;

    for (size_t i = 0; i < mansio_plan_count(plan); i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(plan, i);
        int rc = is_account(entry->account, "slow") ? wait_for_go(pool) : 0;
        int code = judge(entry);
        if (rc < 0) {
            return rc;
        }
        if (code < 0 && !(code == MANSIO_E_LIMIT && flags & MANSIO_PLAN_ACCEPTED) &&
            (!(flags & MANSIO_PLAN_EACH) || code == MANSIO_E_UNAVAILABLE)) {
            return mansio_fail(code, "as asked for");
        }
    }
    for (size_t i = 0; i < mansio_plan_count(plan); i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(plan, i);
        struct mansio_plan_outcome outcome = {.size = sizeof outcome, .code = judge(entry)};
        if (entry->action == MANSIO_PLAN_REJECT || entry->action == MANSIO_PLAN_DISCARD ||
            is_account(entry->account, "hasty")) {
            continue;
        }
        if (outcome.code == MANSIO_E_LIMIT && flags & MANSIO_PLAN_ACCEPTED) {
            outcome.code = 0;
        }
        if (outcome.code == 0) {
            outcome.code = keep(pool, plan, i, content, deadline_us);
        }
        mansio_plan_set_outcome(plan, i, &outcome);
    }
    return 0;
}

static const struct mansio_store store = {
    .size = sizeof store, .may_deliver = may_deliver, .deliver = deliver};

static int load(struct mansio_instance *instance)
{
    int rc =
        mansio_interface_provide(instance, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION, &directory);
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_STORE, MANSIO_STORE_VERSION, &store);
}

MANSIO_MODULE("catcher", "1.0", "", .summary = "Catches what is delivered.",
              .settings = catcher_settings, .setting_count = MANSIO_COUNT(catcher_settings),
              .load = load);
