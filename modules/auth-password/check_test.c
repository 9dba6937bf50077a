/*
 * The four operations, in a loop with offload threads. What they ask of their host is played here:
 * neither the loader nor a directory is needed.
 */
#include "auth.h"

#include "core/loop/testing.h"

#include "metrics.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

/* ---- the host ---- */

struct mansio_instance {
    struct mansio_arena *arena;
    void *data;
};

static int64_t counted[AUTH_METRICS];
static char logged[32];

struct mansio_arena *mansio_instance_arena(struct mansio_instance *instance)
{
    return instance->arena;
}

void *mansio_instance_data(const struct mansio_instance *instance)
{
    return instance->data;
}

void mansio_metric_add(struct mansio_instance *instance, size_t index, int64_t n)
{
    (void)instance;
    counted[index] += n;
}

void mansio_metric_observe(struct mansio_instance *instance, size_t index, int64_t value)
{
    (void)instance, (void)value;
    counted[index]++;
}

void mansio_log(uint32_t level, const char *event, ...)
{
    (void)level;
    (void)snprintf(logged, sizeof logged, "%s", event);
}

/* ---- what a directory would say ---- */

#define PENCIL_SSHA "{SSHA}vC0RgwiL9hR9/VMW7clE610Tco81TJWI"
#define PENCIL_SCRAM                                                                               \
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"   \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define TOO_DEAR "$5$rounds=999999$salt$VMKiVmtApDtwb.GAvLN.zXckMObNfX/mdUHHkYODRKB"

struct world {
    struct mansio_instance instance;
    struct auth_state state;
    struct mansio_arena *arena;
    struct mansio_account_facts facts;
    struct mansio_credential credentials[4];
    const struct mansio_credential *list[4];
    struct mansio_login login;
};

static struct world *world_new(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct world *world = mansio_arena_alloc(arena, sizeof *world);

    memset(counted, 0, sizeof counted);
    logged[0] = '\0';
    world->arena = arena;
    world->instance = (struct mansio_instance){arena, &world->state};
    world->state.scheme = auth_scheme_find(MANSIO_STR("ARGON2ID"));
    world->state.is_scram = 1;
    world->state.limits = (struct auth_limits){64 << 20, 4, 4, 100000, 10};
    world->state.costs = (struct auth_costs){64 << 10, 1, 1, 1000, 4, 1, 1000, 4096};
    world->state.pool = auth_pool_new(&world->instance);
    auth_pool_configure(world->state.pool, 2, 64 << 20, 4);
    for (size_t i = 0; auth_scheme_at(i) != NULL; i++) {
        if (auth_scheme_at(i)->is_makeable) {
            size_t at = world->state.decoy_count++;
            world->state.decoys[at].scheme = auth_scheme_at(i);
            CHECK(auth_hash_decoy(auth_scheme_at(i), &world->state.costs,
                                  world->state.decoys[at].text) > 0);
        }
    }
    world->facts = (struct mansio_account_facts){.size = sizeof world->facts,
                                                 .address = MANSIO_STR("a@example.org")};
    world->login = (struct mansio_login){
        .size = sizeof world->login,
        .account = &world->facts,
        .credentials = world->list,
        .decoy = MANSIO_STR("0123456789abcdef0123456789abcdef"),
    };
    return world;
}

static void has(struct world *world, const char *stored, uint32_t kind)
{
    size_t at = world->login.credential_count++;

    world->credentials[at] = (struct mansio_credential){
        .size = sizeof world->credentials[at],
        .id = 100 + at,
        .kind = kind,
        .stored = mansio_str_from_cstr(stored),
    };
    world->list[at] = &world->credentials[at];
}

static int check(struct world *world, const char *password, struct mansio_auth_result *out)
{
    *out = (struct mansio_auth_result){.size = sizeof *out};
    return auth_check_password(&world->instance, &world->login, mansio_str_from_cstr(password),
                               world->arena, mansio_deadline_in(60 * MANSIO_SECOND), out);
}

/* ---- tests ---- */

static int any_credential(void *arg)
{
    struct world *world = world_new();
    struct mansio_auth_result result;

    (void)arg;
    has(world, "{NTLM}whatever", MANSIO_CREDENTIAL_MAIN);
    has(world, PENCIL_SSHA, MANSIO_CREDENTIAL_MAIN);
    has(world, "{PLAIN}other", MANSIO_CREDENTIAL_APP);
    CHECK(check(world, "pencil", &result) == 0);
    CHECK(result.credential_id == 101 && result.kind == MANSIO_CREDENTIAL_MAIN);
    CHECK(result.upgrade.len == 0);
    CHECK(check(world, "other", &result) == 0);
    CHECK(result.credential_id == 102 && result.kind == MANSIO_CREDENTIAL_APP);
    CHECK(check(world, "wrong", &result) == MANSIO_E_DENIED && result.credential_id == 0);
    CHECK(check(world, "", &result) == MANSIO_E_DENIED);
    CHECK(counted[AUTH_METRIC_SCHEMES + 2 * AUTH_FAMILY_DIGEST] == 1);
    CHECK(counted[AUTH_METRIC_SCHEMES + 2 * AUTH_FAMILY_DIGEST + 1] == 2);
    /* The wrong ones: a digest isn't what the default scheme costs. */
    CHECK(counted[AUTH_METRIC_DECOYS] == 2 && counted[AUTH_METRIC_UNKNOWN] == 3);
    mansio_arena_free(world->arena);
    return 0;
}

static void any_credential_may_match(void **state)
{
    (void)state;
    run_fiber(any_credential, NULL);
}

static int stranger(void *arg)
{
    struct world *world = world_new();
    struct mansio_auth_result result;

    (void)arg;
    world->login.account = NULL;
    CHECK(check(world, "pencil", &result) == MANSIO_E_DENIED);
    CHECK(counted[AUTH_METRIC_DECOYS] == 2 && counted[AUTH_METRIC_HASH] == 2);
    world->login.account = &world->facts; /* nor does one without a credential cost less */
    CHECK(check(world, "pencil", &result) == MANSIO_E_DENIED);
    CHECK(counted[AUTH_METRIC_DECOYS] == 4 && counted[AUTH_METRIC_HASH] == 4);
    has(world, "{NTLM}x", MANSIO_CREDENTIAL_MAIN);
    CHECK(check(world, "pencil", &result) == MANSIO_E_UNSUPPORTED);
    CHECK(counted[AUTH_METRIC_HASH] == 4);
    has(world, TOO_DEAR, MANSIO_CREDENTIAL_MAIN); /* is logged, costs a decoy */
    CHECK(check(world, "pencil", &result) == MANSIO_E_DENIED);
    CHECK(strcmp(logged, "credential-unusable") == 0 && counted[AUTH_METRIC_UNUSABLE] == 1);
    CHECK(counted[AUTH_METRIC_HASH] == 6 && counted[AUTH_METRIC_MEMORY] == 0);
    mansio_arena_free(world->arena);
    return 0;
}

static void a_stranger_costs_a_hash(void **state)
{
    (void)state;
    run_fiber(stranger, NULL);
}

/* Hashes and derivations that a wrong password costs. */
static int64_t cost(struct world *world)
{
    struct mansio_auth_result result;

    counted[AUTH_METRIC_HASH] = 0;
    CHECK(check(world, "wrong", &result) == MANSIO_E_DENIED);
    return counted[AUTH_METRIC_HASH];
}

static int many_credentials(void *arg)
{
    struct world *world = world_new();
    struct mansio_str texts[3] = {MANSIO_STR_NONE, MANSIO_STR_NONE, MANSIO_STR_NONE};
    static const char *const passwords[] = {"main", "phone", "tablet"};
    struct mansio_auth_result result;

    (void)arg;
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        CHECK(auth_make(&world->instance, MANSIO_STR_NONE, 1, texts[0],
                        mansio_str_from_cstr(passwords[i]), world->arena,
                        mansio_deadline_in(60 * MANSIO_SECOND), &texts[i]) == 0);
    }
    world->login.account = NULL;
    CHECK(cost(world) == 2); /* a stranger: a hash, and keys */
    world->login.account = &world->facts;
    CHECK(cost(world) == 2);
    has(world, texts[0].ptr, MANSIO_CREDENTIAL_MAIN);
    CHECK(cost(world) == 2 && counted[AUTH_METRIC_DECOYS] == 5);
    has(world, texts[1].ptr, MANSIO_CREDENTIAL_APP);
    CHECK(cost(world) == 2 && counted[AUTH_METRIC_DECOYS] == 5);
    has(world, texts[2].ptr, MANSIO_CREDENTIAL_APP);
    CHECK(cost(world) == 2 && counted[AUTH_METRIC_DECOYS] == 5);
    for (size_t i = 0; i < MANSIO_COUNT(passwords); i++) {
        counted[AUTH_METRIC_HASH] = 0;
        CHECK(check(world, passwords[i], &result) == 0 && result.credential_id == 100 + i);
        CHECK(counted[AUTH_METRIC_HASH] == (i == 0 ? 1 : 2)); /* who is right pays no decoy */
    }
    mansio_arena_free(world->arena);
    return 0;
}

static void app_passwords_cost_nothing_more(void **state)
{
    (void)state;
    run_fiber(many_credentials, NULL);
}

static int upgrade(void *arg)
{
    struct world *world = world_new();
    struct mansio_auth_result result;
    struct auth_stored first = {.scheme = NULL};
    struct auth_stored second = {.scheme = NULL};
    char made[2048] = "";

    (void)arg;
    world->login.is_upgrading = 1;
    has(world, PENCIL_SSHA, MANSIO_CREDENTIAL_MAIN);
    has(world, PENCIL_SCRAM, MANSIO_CREDENTIAL_APP); /* whose salt is shared */
    CHECK(check(world, "pencil", &result) == 0 && result.credential_id == 100);
    CHECK(auth_stored_parse(world->arena, result.upgrade, &first) == 0);
    CHECK(first.scheme == world->state.scheme && first.has_scram);
    CHECK(auth_stored_parse(world->arena, MANSIO_STR(PENCIL_SCRAM), &second) == 0);
    CHECK(mansio_str_eq(first.scram.salt, second.scram.salt));
    CHECK(mansio_str_eq(first.scram.stored_key, second.scram.stored_key));
    (void)snprintf(made, sizeof made, "%.*s", MANSIO_STR_ARG(result.upgrade));
    world->login.credential_count = 0;
    has(world, made, MANSIO_CREDENTIAL_MAIN);
    CHECK(check(world, "pencil", &result) == 0 && result.upgrade.len == 0);
    CHECK(check(world, "Pencil", &result) == MANSIO_E_DENIED && result.upgrade.len == 0);
    world->state.costs.argon2_passes = 2; /* other parameters now */
    CHECK(check(world, "pencil", &result) == 0 && result.upgrade.len > 0);
    world->login.scheme = MANSIO_STR("BLF-CRYPT"); /* the tenant's own */
    CHECK(check(world, "pencil", &result) == 0);
    CHECK(mansio_str_starts(result.upgrade, MANSIO_STR("{BLF-CRYPT}$2y$04$")));
    CHECK(counted[AUTH_METRIC_UPGRADES] == 3);
    mansio_arena_free(world->arena);
    return 0;
}

static void a_login_upgrades_what_is_stored(void **state)
{
    (void)state;
    run_fiber(upgrade, NULL);
}

static int keys(void *arg)
{
    struct world *world = world_new();
    const struct mansio_scram_keys *const *list = NULL;
    const struct mansio_scram_keys *const *again = NULL;
    size_t count = 0;

    (void)arg;
    has(world, PENCIL_SCRAM, MANSIO_CREDENTIAL_APP);
    has(world, "$1$$I9U3L93k1pmqVqSR.zXfQ0 " PENCIL_SCRAM, MANSIO_CREDENTIAL_MAIN);
    has(world, PENCIL_SSHA, MANSIO_CREDENTIAL_APP);
    CHECK(auth_scram_keys(&world->instance, &world->login, MANSIO_STR("a"), world->arena, &list,
                          &count) == 0);
    CHECK(count == 2 && list[0]->credential_id == 101 && list[1]->credential_id == 100);
    CHECK(list[0]->iterations == 4096 && list[0]->salt.len == 16);
    /* Nobody's: the same for a name however it is written, another for another name. */
    world->login.account = NULL;
    CHECK(auth_scram_keys(&world->instance, &world->login, MANSIO_STR("x@Example.org"),
                          world->arena, &list, &count) == 0);
    CHECK(count == 1 && list[0]->credential_id == 0 && list[0]->salt.len == 16);
    CHECK(auth_scram_keys(&world->instance, &world->login, MANSIO_STR("X@example.org"),
                          world->arena, &again, &count) == 0);
    CHECK(mansio_str_eq(list[0]->salt, again[0]->salt));
    CHECK(mansio_str_eq(list[0]->stored_key, again[0]->stored_key));
    CHECK(auth_scram_keys(&world->instance, &world->login, MANSIO_STR("y@example.org"),
                          world->arena, &again, &count) == 0);
    CHECK(!mansio_str_eq(list[0]->salt, again[0]->salt));
    CHECK(!mansio_str_eq(list[0]->stored_key, list[0]->server_key));
    mansio_arena_free(world->arena);
    return 0;
}

static void scram_keys_are_ones_own_or_nobodys(void **state)
{
    (void)state;
    run_fiber(keys, NULL);
}

static int make(struct world *world, const char *scheme, const char *like, const char *password,
                struct mansio_str *out)
{
    return auth_make(&world->instance, mansio_str_from_cstr(scheme), 1, mansio_str_from_cstr(like),
                     mansio_str_from_cstr(password), world->arena,
                     mansio_deadline_in(60 * MANSIO_SECOND), out);
}

static int making(void *arg)
{
    static const char *const schemes[] = {"",         "SHA512-CRYPT", "blf-crypt",
                                          "YESCRYPT", "PBKDF2",       "SCRAM-SHA-256"};
    struct world *world = world_new();
    struct mansio_str out = MANSIO_STR_NONE;
    const char *name = NULL;
    uint32_t has_scram = 0;

    (void)arg;
    for (size_t i = 0; i < MANSIO_COUNT(schemes); i++) {
        CHECK(make(world, schemes[i], PENCIL_SCRAM, "a\xcc\x88", &out) == 0);
        CHECK(auth_inspect(&world->instance, out, &name, &has_scram) == 0 && has_scram == 1);
        struct mansio_auth_result result;
        world->login.credential_count = 0;
        has(world, out.ptr, MANSIO_CREDENTIAL_MAIN);
        CHECK(check(world, "\xc3\xa4", &result) == 0); /* in NFC */
        CHECK(check(world, "a\xcc\x88", &result) == 0);
    }
    CHECK(make(world, "ROT13", "", "x", &out) == MANSIO_E_INVALID);
    CHECK(make(world, "SSHA", "", "x", &out) == MANSIO_E_UNSUPPORTED);
    CHECK(make(world, "", "", "", &out) == MANSIO_E_INVALID);
    CHECK(make(world, "", "", "\xff", &out) == MANSIO_E_INVALID);
    CHECK(auth_inspect(&world->instance, MANSIO_STR("{NTLM}x"), &name, &has_scram) ==
          MANSIO_E_UNSUPPORTED);
    CHECK(auth_inspect(&world->instance, MANSIO_STR("{SHA}x"), &name, &has_scram) ==
          MANSIO_E_INVALID);
    CHECK(auth_inspect(&world->instance, MANSIO_STR(TOO_DEAR), &name, &has_scram) ==
          MANSIO_E_INVALID);
    CHECK(strstr(mansio_error_detail(), "999999 rounds") != NULL);
    mansio_arena_free(world->arena);
    return 0;
}

static void what_is_made_is_checked(void **state)
{
    (void)state;
    run_fiber(making, NULL);
}

/* ---- the pool ---- */

static int codes[8];
static struct world *shared;

static int one_of_many(void *arg)
{
    struct mansio_auth_result result;

    *(int *)arg = check(shared, "pencil", &result);
    return 0;
}

static int many(void *arg)
{
    struct mansio_group *group = mansio_group_new("many");
    int limited = 0;

    (void)arg;
    shared = world_new();
    has(shared, PENCIL_SCRAM, MANSIO_CREDENTIAL_MAIN);
    auth_pool_configure(shared->state.pool, 1, 64 << 20, 4);
    for (size_t i = 0; i < MANSIO_COUNT(codes); i++) {
        CHECK(mansio_group_spawn(group, "one", one_of_many, &codes[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, mansio_deadline_in(60 * MANSIO_SECOND)) == 0);
    for (size_t i = 0; i < MANSIO_COUNT(codes); i++) {
        CHECK(codes[i] == 0 || codes[i] == MANSIO_E_LIMIT);
        limited += codes[i] == MANSIO_E_LIMIT;
    }
    CHECK(limited <= 3); /* one runs, four wait; fewer if it was through before all came */
    CHECK(counted[AUTH_METRIC_TURNED_AWAY] == limited);
    struct mansio_auth_result result = {.size = sizeof result};
    CHECK(auth_check_password(&shared->instance, &shared->login, MANSIO_STR("pencil"),
                              shared->arena, mansio_now_us() - 1, &result) == MANSIO_E_TIMEOUT);
    CHECK(check(shared, "pencil", &result) == 0); /* and it is as before */
    auth_pool_configure(shared->state.pool, 1, 64 << 20, 0);
    CHECK(check(shared, "pencil", &result) == MANSIO_E_LIMIT);
    mansio_group_close(group);
    mansio_arena_free(shared->arena);
    return 0;
}

static void only_so_many_wait(void **state)
{
    (void)state;
    run_fiber(many, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_credential_may_match),
        cmocka_unit_test(a_stranger_costs_a_hash),
        cmocka_unit_test(app_passwords_cost_nothing_more),
        cmocka_unit_test(a_login_upgrades_what_is_stored),
        cmocka_unit_test(scram_keys_are_ones_own_or_nobodys),
        cmocka_unit_test(what_is_made_is_checked),
        cmocka_unit_test(only_so_many_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
