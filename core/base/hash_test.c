/* Tests of core/base/hash.h against published and independent values. */
#include "core/base/hash.h"
#include "core/base/testing.h"

/* Key 00 01 .. 0f, input 00 01 .. of each length. 2-4: the reference implementation's table, among
 * them the paper's appendix (15 bytes). 1-3: an independent implementation that agrees with both
 * that table and CPython's hash(). */
static void known_values(void **state)
{
    static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    static const struct {
        size_t len;
        uint64_t sip24;
        uint64_t sip13;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0xabac0158050fc4dc)},
        {1, UINT64_C(0x74f839c593dc67fd), UINT64_C(0xc9f49bf37d57ca93)},
        {7, UINT64_C(0xab0200f58b01d137), UINT64_C(0xd3927d989bb11140)},
        {8, UINT64_C(0x93f5f5799a932462), UINT64_C(0x369095118d299a8e)},
        {9, UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x25a48eb36c063de4)},
        {15, UINT64_C(0xa129ca6149be45e5), UINT64_C(0xd320d86d2a519956)},
        {16, UINT64_C(0x3f2acc7f57c29bdb), UINT64_C(0xcc4fdd1a7d908b66)},
        {63, UINT64_C(0x958a324ceb064572), UINT64_C(0x9d199062b7bbb3a8)},
    };
    char input[64];

    (void)state;
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (char)i;
    }
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str bytes = {input, rows[i].len};

        assert_true(core_siphash(key, bytes, 2, 4) == rows[i].sip24);
        assert_true(core_siphash(key, bytes, 1, 3) == rows[i].sip13);
    }
    assert_true(core_siphash(key, MANSIO_STR_NONE, 2, 4) == rows[0].sip24);
}

/* PYTHONHASHSEED=0 python3.11 -c 'print(hash(b"mansio") % 2**64)' */
static void agrees_with_cpython(void **state)
{
    static const uint64_t zero[2];

    (void)state;
    assert_true(core_siphash(zero, MANSIO_STR("mansio"), 1, 3) == UINT64_C(3221386474854319782));
    assert_true(core_siphash(zero, MANSIO_STR("0123456789abcdefX"), 1, 3) ==
                UINT64_C(5562423908738683027));
}

/* Another process draws another key: equal values twice in a row would be a chance of 2^-64. */
static void keyed_per_process(void **state)
{
    uint64_t values[2] = {0};

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(values); i++) {
        int ends[2];
        pid_t pid;

        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            uint64_t value = core_hash(MANSIO_STR("mansio"));

            _exit(value == core_hash(MANSIO_STR("mansio")) &&
                          write(ends[1], &value, sizeof value) == sizeof value
                      ? 0
                      : 1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read(ends[0], &values[i], sizeof values[i]), sizeof values[i]);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    assert_true(values[0] != values[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(agrees_with_cpython),
        /* before anything in this process draws its key */
        cmocka_unit_test(keyed_per_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
