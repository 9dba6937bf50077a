/*
 * Hashes: what other programs made matches its password and no other, what is made here matches
 * too, and a decoy costs the same and matches nothing.
 */
#include "hash.h"

#include "core/base/testing.h"

#include "scram.h"
#include "vectors.h"

#include <mansio/error.h>
#include <mansio/str.h>

static const struct auth_costs cheap = {
    .argon2_memory_bytes = 64 << 10,
    .argon2_passes = 1,
    .argon2_lanes = 2,
    .sha512_rounds = 1000,
    .bcrypt_cost = 4,
    .yescrypt_cost = 1,
    .pbkdf2_rounds = 1000,
    .scram_iterations = 4096,
};

static int check(const struct auth_stored *stored, const char *text)
{
    struct auth_password password = {.len = 0};

    assert_int_equal(auth_password_take(core_test_slice(text), &password), 0);
    return auth_hash_check(stored, &password);
}

static void vectors_match(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(auth_vectors); i++) {
        struct auth_stored stored = {.scheme = NULL};
        assert_int_equal(auth_stored_parse(arena, core_test_slice(auth_vectors[i].stored), &stored),
                         0);
        if (check(&stored, "pencil") != 1 || check(&stored, "Pencil") != 0 ||
            check(&stored, "pencil ") != 0) {
            print_error("%s\n", auth_vectors[i].stored);
            fail();
        }
    }
    mansio_arena_free(arena);
}

/* Of every scheme that is made: it is read back, is current, matches, and its decoy doesn't. */
static void what_is_made_matches(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    const struct auth_scheme *scheme = NULL;
    struct auth_password password = {.len = 0};
    size_t made = 0;

    (void)state;
    assert_int_equal(auth_password_prepare(MANSIO_STR("Stra\xc3\x9f"
                                                      "e"),
                                           &password),
                     0);
    for (size_t i = 0; (scheme = auth_scheme_at(i)) != NULL; i++) {
        struct auth_stored stored = {.scheme = NULL};
        struct auth_stored decoy = {.scheme = NULL};
        char text[AUTH_HASH_ROOM] = "";
        if (!scheme->is_makeable) {
            continue;
        }
        made++;
        assert_true(auth_hash_decoy(scheme, &cheap, text) > 0);
        assert_int_equal(auth_stored_parse(arena, core_test_slice(text), &decoy), 0);
        assert_ptr_equal(decoy.scheme, scheme);
        assert_true(auth_costs_are_current(&cheap, scheme, &decoy));
        assert_int_equal(auth_hash_check(&decoy, &password), 0);
        if (scheme->form == AUTH_FORM_SCRAM) {
            continue;
        }
        char again[AUTH_HASH_ROOM] = "";
        int length = auth_hash_make(scheme, &cheap, &password, again);
        assert_int_equal(length, strlen(again));
        assert_int_equal(auth_stored_parse(arena, core_test_slice(again), &stored), 0);
        assert_ptr_equal(stored.scheme, scheme);
        assert_true(auth_costs_are_current(&cheap, scheme, &stored));
        assert_int_equal(stored.memory_bytes, decoy.memory_bytes);
        assert_int_equal(stored.memory_bytes, auth_costs_memory(&cheap, scheme));
        assert_int_equal(auth_hash_check(&stored, &password), 1);
        assert_int_equal(check(&stored, "other"), 0);
    }
    assert_int_equal(made, 6);
    mansio_arena_free(arena);
}

/* Other parameters are noticed: one of each scheme that has some. */
static void other_costs_are_not_current(void **state)
{
    static const char *const schemes[] = {"ARGON2ID", "SHA512-CRYPT", "BLF-CRYPT", "YESCRYPT",
                                          "PBKDF2"};
    const struct auth_costs dearer = {128 << 10, 1, 2, 1001, 5, 3, 1001, 4096};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(schemes); i++) {
        const struct auth_scheme *scheme = auth_scheme_find(core_test_slice(schemes[i]));
        struct auth_stored stored = {.scheme = NULL};
        char text[AUTH_HASH_ROOM] = "";
        assert_true(auth_hash_decoy(scheme, &cheap, text) > 0);
        assert_int_equal(auth_stored_parse(arena, core_test_slice(text), &stored), 0);
        assert_false(auth_costs_are_current(&dearer, scheme, &stored));
        assert_false(
            auth_costs_are_current(&cheap, auth_scheme_find(MANSIO_STR("SCRAM-SHA-256")), &stored));
    }
    mansio_arena_free(arena);
}

static void bcrypt_makes_nothing_that_it_would_cut(void **state)
{
    const struct auth_scheme *scheme = auth_scheme_find(MANSIO_STR("BLF-CRYPT"));
    struct auth_password password = {.len = 73};
    char text[AUTH_HASH_ROOM] = "";

    (void)state;
    memset(password.bytes, 'x', 73);
    assert_int_equal(auth_hash_make(scheme, &cheap, &password, text), MANSIO_E_INVALID);
    password.len = 72;
    password.bytes[72] = '\0';
    assert_true(auth_hash_make(scheme, &cheap, &password, text) > 0);
}

/* RFC 7677 3 */
static void scram_keys_are_those_of_rfc_7677(void **state)
{
    static const char salt[] = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    struct auth_scram_made made = {{0}, {0}};
    char text[AUTH_SCRAM_TEXT_ROOM] = "";
    struct mansio_str bytes = {salt, sizeof salt - 1};

    (void)state;
    assert_int_equal(auth_scram_make(MANSIO_STR("pencil"), bytes, 4096, &made), 0);
    size_t length = auth_scram_print(bytes, 4096, &made, text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
                              "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
                              "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_match),
        cmocka_unit_test(what_is_made_matches),
        cmocka_unit_test(other_costs_are_not_current),
        cmocka_unit_test(bcrypt_makes_nothing_that_it_would_cut),
        cmocka_unit_test(scram_keys_are_those_of_rfc_7677),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
