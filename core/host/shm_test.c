/*
 * Shared memory: made, mapped, refused; slots; what a dead process leaves; balance.
 */
#include <config.h>

#include "core/host/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/metrics.h>
#include <mansio/module.h>

#include "core/base/time.h"
#include "core/host/metrics_rows.h"
#include "core/host/shm_layout.h"

static int64_t fake_now_us;

static int64_t read_fake(void *arg)
{
    (void)arg;
    return fake_now_us;
}

static const struct core_time_source fake_time = {.now_us = read_fake};

static int set_up(void **state)
{
    struct core_shm *shm = NULL;
    fake_now_us = 1000 * MANSIO_SECOND;
    core_time_set_source(&fake_time);
    assert_int_equal(core_shm_create(&shm), 0);
    *state = shm;
    return 0;
}

static int tear_down(void **state)
{
    core_shm_unmap(*state);
    core_time_set_source(NULL);
    return 0;
}

static void test_is_sealed_and_mapped_twice(void **state)
{
    struct core_shm *shm = *state;
    struct core_shm *other = NULL;
    int fd = core_shm_fd(shm);

    assert_int_equal(ftruncate(fd, 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    assert_int_equal(core_shm_map(dup(fd), &other), 0);
    assert_true(fcntl(core_shm_fd(other), F_GETFD) & FD_CLOEXEC);
    atomic_store(&core_shm_slot(shm, 3)->conns_open, 17);
    assert_int_equal(atomic_load(&core_shm_slot(other, 3)->conns_open), 17);
    core_shm_unmap(other);
}

/* A copy of the header in sealed memory of @p size bytes, one 64-bit word of it changed. */
static int forged(struct core_shm *shm, off_t size, size_t offset, uint64_t value)
{
    struct shm_header header;
    memcpy(&header, (void *)&core_shm_memory(shm)->header, sizeof header);
    memcpy((char *)&header + offset, &value, sizeof value);
    int fd = memfd_create("forged", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    if (size >= (off_t)sizeof header) {
        assert_int_equal(pwrite(fd, &header, sizeof header, 0), (ssize_t)sizeof header);
    }
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    return fd;
}

static void test_refuses_other_layouts(void **state)
{
    struct core_shm *shm = *state;
    const off_t whole = (off_t)sizeof(struct shm_memory);
    const struct {
        off_t size;
        size_t offset;
        uint64_t value;
        const char *says;
    } cases[] = {
        {whole, offsetof(struct shm_header, magic), 0, "not Mansio's"},
        {whole, offsetof(struct shm_header, version), CORE_SHM_VERSION + 1,
         "layout version: wanted 2, found 3"},
        {whole, offsetof(struct shm_header, slots), 12, "slots: wanted 130, found 12"},
        {whole, offsetof(struct shm_header, row_size), 1, "row size: wanted 384, found 1"},
        {whole, offsetof(struct shm_header, limits_max), 7, "limits a slot: wanted 65536, found 7"},
        {whole - 4096, offsetof(struct shm_header, version), CORE_SHM_VERSION, "size: wanted"},
        {64, offsetof(struct shm_header, version), CORE_SHM_VERSION, "size: wanted"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct core_shm *out = NULL;
        int fd = forged(shm, cases[i].size, cases[i].offset, cases[i].value);
        assert_int_equal(core_shm_map(fd, &out), MANSIO_E_INVALID);
        assert_non_null(strstr(mansio_error_detail(), cases[i].says));
        assert_null(out);
        close(fd);
    }
}

static void test_refuses_what_could_shrink(void **state)
{
    (void)state;
    struct core_shm *out = NULL;
    int fd = memfd_create("loose", MFD_CLOEXEC);
    assert_int_equal(core_shm_map(fd, &out), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "no sealed memory"));
    close(fd);
    assert_int_equal(core_shm_map(fd, &out), MANSIO_E_IO);
}

static void test_claims_each_slot_once(void **state)
{
    struct core_shm *shm = *state;
    uint32_t index = 0;
    for (uint32_t i = 1; i < CORE_SHM_SLOTS; i++) {
        assert_int_equal(core_shm_claim(shm, &index), 0);
        assert_int_equal(index, i);
        assert_int_equal(atomic_load(&core_shm_slot(shm, i)->state), CORE_SLOT_STARTING);
    }
    assert_int_equal(core_shm_claim(shm, &index), MANSIO_E_LIMIT);
    core_shm_reclaim(shm, 77);
    assert_int_equal(core_shm_claim(shm, &index), 0);
    assert_int_equal(index, 77);
}

static uint32_t add_row(struct core_shm *shm, uint32_t slot, const char *name, uint32_t type,
                        uint64_t value)
{
    struct shm_area *area = &core_shm_memory(shm)->areas[slot];
    struct shm_row row = {.type = type};
    uint32_t index = 0;
    memcpy(row.name, name, strlen(name));
    assert_int_equal(core_row_find_or_add(area, &row, &index), 0);
    for (uint32_t v = 0; v < core_row_values(type); v++) {
        atomic_store(&area->values[area->rows[index].first + v], value + v);
    }
    return index;
}

static uint64_t value_of(struct core_shm *shm, uint32_t slot, const char *name, uint32_t v)
{
    struct shm_area *area = &core_shm_memory(shm)->areas[slot];
    for (uint32_t i = 0; i < core_rows_count(area); i++) {
        if (strcmp(area->rows[i].name, name) == 0) {
            return atomic_load(&area->values[area->rows[i].first + v]);
        }
    }
    return UINT64_MAX;
}

static void test_keeps_a_dead_process_counters(void **state)
{
    struct core_shm *shm = *state;
    for (int life = 1; life <= 2; life++) {
        uint32_t index = 0;
        assert_int_equal(core_shm_claim(shm, &index), 0);
        atomic_store(&core_shm_slot(shm, index)->conns_open, 4);
        atomic_store(&core_shm_slot(shm, index)->conns_total, 40);
        (void)add_row(shm, index, "lines", MANSIO_METRIC_COUNTER, 5);
        (void)add_row(shm, index, "depth", MANSIO_METRIC_GAUGE, 9);
        (void)add_row(shm, index, "wait", MANSIO_METRIC_HISTOGRAM, 100);
        core_shm_reclaim(shm, index);

        assert_int_equal(value_of(shm, 0, "lines", 0), 5 * life);
        assert_int_equal(value_of(shm, 0, "wait", 0), 100 * life);
        assert_int_equal(value_of(shm, 0, "wait", SHM_HISTOGRAM_VALUES - 1),
                         (100 + SHM_HISTOGRAM_VALUES - 1) * life);
        assert_true(value_of(shm, 0, "depth", 0) == UINT64_MAX);
        assert_int_equal(atomic_load(&core_shm_slot(shm, 0)->conns_total), 40 * life);
        assert_int_equal(core_rows_count(&core_shm_memory(shm)->areas[index]), 0);
        assert_int_equal(atomic_load(&core_shm_slot(shm, index)->conns_open), 0);
        assert_int_equal(atomic_load(&core_shm_slot(shm, index)->state), CORE_SLOT_FREE);
        assert_int_equal(atomic_load(&core_shm_memory(shm)->header.fold), 2 * life);
    }
}

static void test_folds_what_a_wild_process_left(void **state)
{
    struct core_shm *shm = *state;
    uint32_t index = 0;
    assert_int_equal(core_shm_claim(shm, &index), 0);
    struct shm_area *area = &core_shm_memory(shm)->areas[index];
    (void)add_row(shm, index, "good", MANSIO_METRIC_COUNTER, 3);
    (void)add_row(shm, index, "outside", MANSIO_METRIC_COUNTER, 3);
    (void)add_row(shm, index, "nameless", MANSIO_METRIC_COUNTER, 3);
    (void)add_row(shm, index, "typeless", MANSIO_METRIC_COUNTER, 3);
    area->rows[1].first = CORE_SHM_METRICS_MAX;
    memset(area->rows[2].name, 'x', sizeof area->rows[2].name);
    area->rows[2].name[7] = '\n';
    area->rows[3].type = 77;
    atomic_store(&area->row_count, UINT64_MAX);
    core_shm_reclaim(shm, index);
    assert_int_equal(core_rows_count(&core_shm_memory(shm)->areas[0]), 1);
    assert_int_equal(value_of(shm, 0, "good", 0), 3);
}

static blkcnt_t blocks_of(struct core_shm *shm)
{
    struct stat st;
    assert_int_equal(fstat(core_shm_fd(shm), &st), 0);
    return st.st_blocks;
}

static void test_untouched_pages_cost_nothing(void **state)
{
    struct core_shm *shm = *state;
    uint32_t index = 0;
    assert_int_equal(blocks_of(shm), SHM_PAGE / 512); /* the header */
    assert_int_equal(core_shm_claim(shm, &index), 0);
    blkcnt_t before = blocks_of(shm);
    memset((void *)&core_shm_memory(shm)->areas[index], 1, sizeof(struct shm_area));
    atomic_store(&core_shm_memory(shm)->areas[index].row_count, 0);
    assert_true(blocks_of(shm) > before + 1000);
    core_shm_reclaim(shm, index);
    assert_true(blocks_of(shm) <= before + 8);
}

static void worker(struct core_shm *shm, uint32_t slot, uint64_t generation, uint64_t state,
                   uint64_t open)
{
    uint32_t index = 0;
    assert_int_equal(core_shm_claim(shm, &index), 0);
    assert_int_equal(index, slot);
    struct core_slot *self = core_shm_slot(shm, slot);
    atomic_store(&self->generation, generation);
    atomic_store(&self->role, MANSIO_ROLE_WORKER);
    atomic_store(&self->state, state);
    atomic_store(&self->conns_open, open);
}

static void test_balance(void **state)
{
    struct core_shm *shm = *state;
    worker(shm, 1, 7, CORE_SLOT_ACCEPTING, 100);
    worker(shm, 2, 7, CORE_SLOT_ACCEPTING, 100);
    worker(shm, 3, 6, CORE_SLOT_ACCEPTING, 0); /* of another generation */
    worker(shm, 4, 7, CORE_SLOT_DRAINING, 0);
    worker(shm, 5, 7, CORE_SLOT_STARTING, 0);
    worker(shm, 6, 7, CORE_SLOT_ACCEPTING, 0); /* the service process */
    atomic_store(&core_shm_slot(shm, 6)->role, MANSIO_ROLE_SERVICE);

    const struct {
        uint64_t mine, theirs;
        int may;
    } cases[] = {
        {0, 0, 1},       {8, 0, 1},         {9, 0, 0},         {108, 100, 1},
        {109, 100, 0},   {100, 109, 1},     {1000, 1000, 1},   {1050, 1000, 1},
        {1051, 1000, 0}, {10500, 10000, 1}, {10501, 10000, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        atomic_store(&core_shm_slot(shm, 1)->conns_open, cases[i].mine);
        atomic_store(&core_shm_slot(shm, 2)->conns_open, cases[i].theirs);
        assert_int_equal(core_shm_may_accept(shm, 1), cases[i].may);
    }
}

/* Whatever the figures are, somebody accepts. */
static void test_balance_never_stops_all(void **state)
{
    struct core_shm *shm = *state;
    uint64_t random = 88172645463325252u;
    for (uint32_t i = 1; i <= 5; i++) {
        worker(shm, i, 1, CORE_SLOT_ACCEPTING, 0);
    }
    for (int round = 0; round < 2000; round++) {
        int accepting = 0;
        for (uint32_t i = 1; i <= 5; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            atomic_store(&core_shm_slot(shm, i)->conns_open, random % (1u << (round % 20)));
        }
        for (uint32_t i = 1; i <= 5; i++) {
            accepting += core_shm_may_accept(shm, i);
        }
        assert_true(accepting >= 1);
    }
}

static void test_balance_passes_by_the_stuck(void **state)
{
    struct core_shm *shm = *state;
    worker(shm, 1, 1, CORE_SLOT_ACCEPTING, 50);
    worker(shm, 2, 1, CORE_SLOT_ACCEPTING, 0);
    assert_int_equal(core_shm_may_accept(shm, 1), 0);

    core_shm_attach(shm, 2);
    core_shm_beat();
    fake_now_us += CORE_SHM_STALE_US;
    assert_int_equal(core_shm_may_accept(shm, 1), 0);
    fake_now_us += 1;
    assert_int_equal(core_shm_may_accept(shm, 1), 1);
    core_shm_beat();
    assert_int_equal(core_shm_may_accept(shm, 1), 0);
}

static void test_attach(void **state)
{
    struct core_shm *shm = *state;
    core_shm_attach(shm, 9);
    assert_ptr_equal(core_shm_current(), shm);
    assert_int_equal(core_shm_index(), 9);
}

/* One that is alive but can't accept (no descriptors, no fibers) has the fewest conns of all. */
static void test_balance_passes_by_the_faltering(void **state)
{
    struct core_shm *shm = *state;
    worker(shm, 1, 1, CORE_SLOT_ACCEPTING, 100);
    worker(shm, 2, 1, CORE_SLOT_ACCEPTING, 0);
    core_shm_attach(shm, 2);
    core_shm_beat();
    assert_int_equal(core_shm_may_accept(shm, 1), 0);
    core_shm_falter();
    assert_int_equal(core_shm_may_accept(shm, 1), 1);
    assert_int_equal(core_shm_may_accept(shm, 2), 1); /* it goes on trying */
    fake_now_us += MANSIO_SECOND;
    core_shm_beat(); /* its loop runs, but that isn't enough */
    assert_int_equal(core_shm_may_accept(shm, 1), 1);
    fake_now_us += MANSIO_SECOND + 1;
    core_shm_beat();
    assert_int_equal(core_shm_may_accept(shm, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_is_sealed_and_mapped_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_other_layouts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_could_shrink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claims_each_slot_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_a_dead_process_counters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folds_what_a_wild_process_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_untouched_pages_cost_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_balance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_balance_never_stops_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_balance_passes_by_the_stuck, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_balance_passes_by_the_faltering, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attach, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
