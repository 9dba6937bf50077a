/*
 * Stored forms: what other programs made is read, and how it is refused where it can't be.
 */
#include "stored.h"

#include "core/base/testing.h"

#include <stdlib.h>

#include "limits.h"
#include "vectors.h"

#include <mansio/error.h>
#include <mansio/str.h>

#define KEYS                                                                                       \
    "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"                  \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define HASH43 "VMKiVmtApDtwb.GAvLN.zXckMObNfX/mdUHHkYODRKB"
#define TAG    "52ADMx7xujUsASWC+UXuXp5rzXiHao+73cagwE1UlK4"

static int parse(struct mansio_arena *arena, const char *text, struct auth_stored *out)
{
    return auth_stored_parse(arena, core_test_slice(text), out);
}

static void reads_what_others_made(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(auth_vectors); i++) {
        struct auth_stored stored = {.scheme = NULL};
        if (parse(arena, auth_vectors[i].stored, &stored) != 0) {
            print_error("%s: %s\n", auth_vectors[i].stored, mansio_error_detail());
            fail();
        }
        assert_string_equal(stored.scheme->name, auth_vectors[i].scheme);
    }
    mansio_arena_free(arena);
}

static void refuses_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", MANSIO_E_UNSUPPORTED},
        {"pencil", MANSIO_E_UNSUPPORTED},
        {"{", MANSIO_E_INVALID},
        {"{}x", MANSIO_E_UNSUPPORTED},
        {"{PLAIN", MANSIO_E_INVALID},
        {"{PLAIN}", MANSIO_E_INVALID},
        {"{PLAIN.ROT13}crapvy", MANSIO_E_UNSUPPORTED},
        {"{PLAIN.HEX}7", MANSIO_E_INVALID},
        {"{PLAIN.HEX}7x", MANSIO_E_INVALID},
        {"{PLAIN.B64}cGVuY2l=", MANSIO_E_INVALID},
        {"{NTLM}x", MANSIO_E_UNSUPPORTED},
        {"{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/=", MANSIO_E_INVALID},
        {"{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/oA", MANSIO_E_INVALID},
        {"{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/p=", MANSIO_E_INVALID},
        {"{SSHA}0vxRJJChUDZGC1SJQBQ51tpUB/o=", MANSIO_E_INVALID},
        {"{SHA}d2fc512490a15036460b5489401439d6da5407fg", MANSIO_E_INVALID},
        {"{CRYPT}", MANSIO_E_UNSUPPORTED},
        {"{CRYPT}waeRcmaSQf8w", MANSIO_E_INVALID},
        {"{CRYPT}waeRcmaSQf8w!", MANSIO_E_INVALID},
        {"{CRYPT}$7$x", MANSIO_E_UNSUPPORTED},
        {"{CRYPT}$argon2id$", MANSIO_E_UNSUPPORTED},
        {"$1$123456789$I9U3L93k1pmqVqSR.zXfQ0", MANSIO_E_INVALID},
        {"$1$a b$I9U3L93k1pmqVqSR.zXfQ0", MANSIO_E_INVALID},
        {"$1$I9U3L93k1pmqVqSR.zXfQ0", MANSIO_E_INVALID},
        {"$5$rounds=999$salt$" HASH43, MANSIO_E_INVALID},
        {"$5$rounds=01000$salt$" HASH43, MANSIO_E_INVALID},
        {"$5$rounds=1000000000$salt$" HASH43, MANSIO_E_INVALID},
        {"$5$rounds=$salt$" HASH43, MANSIO_E_INVALID},
        {"$5$rounds=1000", MANSIO_E_INVALID},
        {"$5$seventeen-letters$" HASH43, MANSIO_E_INVALID},
        {"$5$sa:lt$" HASH43, MANSIO_E_INVALID},
        {"$5$salt$" HASH43 "x", MANSIO_E_INVALID},
        {"$6$salt$" HASH43, MANSIO_E_INVALID},
        {"$2x$05$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", MANSIO_E_INVALID},
        {"$2y$03$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", MANSIO_E_INVALID},
        {"$2y$32$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", MANSIO_E_INVALID},
        {"$2y$5$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZuu", MANSIO_E_INVALID},
        {"$2y$05$abcdefghijklmnopqrstuu", MANSIO_E_INVALID},
        {"$2y$05$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfi!u", MANSIO_E_INVALID},
        {"$y$", MANSIO_E_UNSUPPORTED},
        {"$y$jzT$salt$" HASH43, MANSIO_E_INVALID},
        {"$y$j9T/$salt$" HASH43, MANSIO_E_UNSUPPORTED},
        {"$y$/9T$salt$" HASH43, MANSIO_E_UNSUPPORTED},
        {"$y$j9T$salt$short", MANSIO_E_INVALID},
        {"$y$j9T$salt", MANSIO_E_INVALID},
        {"{ARGON2ID}$6$salt$x", MANSIO_E_INVALID},
        {"$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_UNSUPPORTED},
        {"$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_UNSUPPORTED},
        {"$argon2id$v=x$m=64,t=1,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=9$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=4294967296,t=1,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$t=1,m=64,p=1$c2FsdHNhbHQ$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=1$c2Fsd$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$" TAG, MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$", MANSIO_E_INVALID},
        {"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ", MANSIO_E_INVALID},
        {"{PBKDF2}$2$salt$5000$324f83a6831f46ac353cff88203fc28447b7d2b7", MANSIO_E_INVALID},
        {"{PBKDF2}$1$salt$0$324f83a6831f46ac353cff88203fc28447b7d2b7", MANSIO_E_INVALID},
        {"{PBKDF2}$1$$5000$324f83a6831f46ac353cff88203fc28447b7d2b7", MANSIO_E_INVALID},
        {"{PBKDF2}$1$salt$5000$324f", MANSIO_E_INVALID},
        {"{PBKDF2}$1$salt$5000", MANSIO_E_INVALID},
        {"{PBKDF2}$1$salt$5000$324f83a6831f46ac353cff88203fc28447b7d2bx", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}" KEYS ",", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}4096,W22Z", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}0,W22Z,WG5d,WG5d", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}4096,W22Z,WG5d,WG5d", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}4096,!,WG5d,WG5d", MANSIO_E_INVALID},
        {"{SCRAM-SHA-256}" KEYS " {SCRAM-SHA-256}" KEYS, MANSIO_E_INVALID},
        {"$1$$I9U3L93k1pmqVqSR.zXfQ0 ", MANSIO_E_INVALID},
        {"$1$$I9U3L93k1pmqVqSR.zXfQ0 {PLAIN}pencil", MANSIO_E_INVALID},
        {"$1$$I9U3L93k1pmqVqSR.zXfQ0 {SCRAM-SHA-256}4096", MANSIO_E_INVALID},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct auth_stored stored = {.rounds = 77};
        int code = parse(arena, rows[i].text, &stored);
        if (code != rows[i].code) {
            print_error("%s: %s, wanted %s\n", rows[i].text, mansio_error_name(code),
                        mansio_error_name(rows[i].code));
            fail();
        }
        assert_int_equal(stored.rounds, 77); /* untouched */
        assert_true(mansio_error_detail()[0] != '\0');
    }
    mansio_arena_free(arena);
}

/* A text that is cut anywhere, or has a NUL anywhere, is refused, or read as what it is: nothing
 * behind its end is looked at (the copies lie at the end of what was allocated). */
static void reads_no_further_than_it_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(auth_vectors); i++) {
        size_t length = strlen(auth_vectors[i].stored);
        for (size_t cut = 0; cut < length; cut++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
            struct auth_stored stored = {.scheme = NULL};
            char *copy = malloc(cut > 0 ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, auth_vectors[i].stored, cut);
            int code = auth_stored_parse(arena, (struct mansio_str){copy, cut}, &stored);
            assert_true(code == 0 || code == MANSIO_E_INVALID || code == MANSIO_E_UNSUPPORTED);
            assert_true((code == 0) == (stored.scheme != NULL));
            free(copy);
            mansio_arena_free(arena);
        }
    }
}

static void tells_what_a_check_costs(void **state)
{
    static const struct {
        const char *text;
        uint64_t memory_bytes;
        uint32_t rounds, lanes;
    } rows[] = {
        {"$y$j9T$salt$" HASH43, 16 << 20, 12, 0}, /* crypt(5): cost 5 */
        {"$y$j75$salt$" HASH43, 1 << 20, 10, 0},  /* cost 1 */
        {"$y$jFT$salt$" HASH43, (uint64_t)1 << 30, 18, 0},
        {"$5$salt$" HASH43, 0, 5000, 0},
        {"$5$rounds=99999$salt$" HASH43, 0, 99999, 0},
        {"$2y$31$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", 0, 31, 0},
        {"$argon2id$m=4194304,t=500,p=4$c2FsdHNhbHQ$" TAG, (uint64_t)4 << 30, 500, 4},
        {"{PBKDF2}$1$salt$5000$324f83a6831f46ac353cff88203fc28447b7d2b7", 0, 5000, 0},
        {"{SCRAM-SHA-256}" KEYS, 0, 4096, 0},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct auth_stored stored = {.scheme = NULL};
        assert_int_equal(parse(arena, rows[i].text, &stored), 0);
        assert_int_equal(stored.memory_bytes, rows[i].memory_bytes);
        assert_int_equal(stored.rounds, rows[i].rounds);
        assert_int_equal(stored.lanes, rows[i].lanes);
    }
    mansio_arena_free(arena);
}

static void limits_say_what_is_too_much(void **state)
{
    static const struct {
        const char *text;
        const char *words; /* NULL: within limits */
    } rows[] = {
        {"$y$j9T$salt$" HASH43, NULL},
        {"$y$jFT$salt$" HASH43, "YESCRYPT asks for 1073741824 bytes of memory, at most 268435456"},
        {"$5$rounds=100000$salt$" HASH43, NULL},
        {"$5$rounds=100001$salt$" HASH43, "SHA256-CRYPT asks for 100001 rounds, at most 100000"},
        {"$2y$12$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", NULL},
        {"$2y$13$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu",
         "BLF-CRYPT asks for 13 doublings, at most 12"},
        {"$argon2id$m=262144,t=4,p=4$c2FsdHNhbHQ$" TAG, NULL},
        {"$argon2id$m=262145,t=4,p=4$c2FsdHNhbHQ$" TAG, "ARGON2ID asks for 268436480 bytes"},
        {"$argon2i$m=64,t=5,p=4$c2FsdHNhbHQ$" TAG, "ARGON2I asks for 5 passes, at most 4"},
        {"$argon2id$m=64,t=4,p=5$c2FsdHNhbHQ$" TAG, "ARGON2ID asks for 5 lanes, at most 4"},
        {"{PBKDF2}$1$s$100001$324f83a6831f46ac353cff88203fc28447b7d2b7", "PBKDF2 asks for 100001"},
        {"{SCRAM-SHA-256}10" KEYS, "SCRAM-SHA-256 asks for 104096 rounds"},
        {"$1$$I9U3L93k1pmqVqSR.zXfQ0 {SCRAM-SHA-256}" KEYS, NULL},
        {"$1$$I9U3L93k1pmqVqSR.zXfQ0 {SCRAM-SHA-256}10" KEYS, "104096 iterations of SCRAM"},
    };
    const struct auth_limits limits = {256 << 20, 4, 4, 100000, 12};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct auth_stored stored = {.scheme = NULL};
        assert_int_equal(parse(arena, rows[i].text, &stored), 0);
        int code = auth_limits_check(&limits, &stored);
        assert_int_equal(code, rows[i].words == NULL ? 0 : MANSIO_E_LIMIT);
        if (rows[i].words != NULL && strstr(mansio_error_detail(), rows[i].words) == NULL) {
            print_error("\"%s\", wanted \"%s\"\n", mansio_error_detail(), rows[i].words);
            fail();
        }
    }
    mansio_arena_free(arena);
}

static void the_table_is_whole(void **state)
{
    const struct auth_scheme *scheme = NULL;

    (void)state;
    for (size_t i = 0; (scheme = auth_scheme_at(i)) != NULL; i++) {
        assert_ptr_equal(auth_scheme_find(core_test_slice(scheme->name)), scheme);
        assert_true(scheme->family < AUTH_FAMILIES);
        if (scheme->prefix != NULL) {
            assert_ptr_equal(auth_scheme_of_prefix(core_test_slice(scheme->prefix)), scheme);
        }
    }
    assert_null(auth_scheme_find(MANSIO_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_others_made),        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(reads_no_further_than_it_goes), cmocka_unit_test(tells_what_a_check_costs),
        cmocka_unit_test(limits_say_what_is_too_much),   cmocka_unit_test(the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
