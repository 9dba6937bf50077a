/*
 * What `mansioctl top` is shown: sessions by service and by tenant, each process's load, and the
 * metrics' sums. See control.md for each member. Children tell what they have counted, so that
 * 100,000 sessions cost no more than a hundred; the rest is read from shared memory.
 */
#include "core/daemon/control.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "core/daemon/ask.h"
#include "core/daemon/channel.h"
#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/host/metrics.h"
#include "core/host/shm.h"
#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>

#define TOP_US MANSIO_SECOND /* it is asked for again and again: who is late is left out */

enum { TENANTS_DEFAULT = 20 };

static void put(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void put_int(json_t *object, const char *name, uint64_t value)
{
    put(object, name, json_integer((json_int_t)value));
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* Add one process's counts, an object of numbers, to the sums. */
static void add_counts(json_t *sums, json_t *counts)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(counts, name, value)
    {
        json_int_t sum = json_integer_value(json_object_get(sums, name));
        put(sums, name, json_integer(sum + json_integer_value(value)));
    }
}

struct row {
    const char *name;
    json_int_t count;
};

static int by_count(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

/* The largest as [{"name", "sessions"}], in order. */
static json_t *sorted(json_t *sums, size_t max)
{
    size_t count = 0, size = json_object_size(sums);
    struct row *rows = calloc(size + 1, sizeof *rows);
    json_t *out = json_array();
    const char *name = NULL;
    json_t *value = NULL;
    MANSIO_ASSERT(rows != NULL);
    json_object_foreach(sums, name, value)
    {
        rows[count++] = (struct row){name, json_integer_value(value)};
    }
    qsort(rows, count, sizeof *rows, by_count);
    for (size_t i = 0; i < count && i < max; i++) {
        json_array_append_new(
            out, json_pack("{s:s, s:I}", "name", rows[i].name, "sessions", rows[i].count));
    }
    free(rows);
    return out;
}

static void take_counts(const json_t *answers, size_t tenants_max, json_t *result)
{
    json_t *services = json_object(), *tenants = json_object();
    json_int_t least = 0;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        json_t *part = json_object_get(json_array_get(answers, i), "answer");
        add_counts(services, json_object_get(part, "services"));
        add_counts(tenants, json_object_get(part, "tenants"));
        json_int_t names = json_integer_value(json_object_get(part, "tenant_count"));
        least = names > least ? names : least;
    }
    json_int_t met = (json_int_t)json_object_size(tenants);
    put(result, "services", sorted(services, SIZE_MAX));
    put(result, "tenants", sorted(tenants, tenants_max));
    /* Each process tells its largest alone: of the others it's known that they are there. */
    put(result, "tenant_count", json_integer(met > least ? met : least));
    json_decref(services);
    json_decref(tenants);
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Processor time of another process, seconds. */
static double cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static json_t *process_row(const struct core_place *place)
{
    struct core_shm *shm = place->generation->master->shm;
    const struct core_slot *slot = core_shm_slot(shm, place->slot);
    json_t *row = json_object();
    put(row, "role", json_string(place->role == MANSIO_ROLE_SERVICE ? "service" : "worker"));
    put_int(row, "index", place->index);
    put_int(row, "pid", (uint64_t)place->child.pid);
    put_int(row, "generation", place->generation->number);
    int is_draining = atomic_load(&slot->state) == CORE_SLOT_DRAINING;
    put(row, "state",
        json_string(core_place_state_name(is_draining ? CORE_PLACE_DRAINING : place->state)));
    put(row, "cpu", json_real(cpu_of(place->child.pid)));
    put_int(row, "conns_open", atomic_load(&slot->conns_open));
    put_int(row, "conns_total", atomic_load(&slot->conns_total));
    put_int(row, "sessions_open", atomic_load(&slot->sessions_open));
    put_int(row, "holds", core_metrics_of_slot(shm, place->slot, "mansio_core_loop_holds"));
    put_int(row, "fibers", core_metrics_of_slot(shm, place->slot, "mansio_core_fibers"));
    return row;
}

static json_t *processes(struct core_master *master)
{
    json_t *list = json_array();
    CORE_LIST_EACH (link, follower, &master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        for (size_t i = 0; i < generation->place_count; i++) {
            const struct core_place *place = &generation->places[i];
            if (place->slot != 0 && place->child.pid != 0) {
                json_array_append_new(list, process_row(place));
            }
        }
    }
    return list;
}

/* ---- metrics --------------------------------------------------------------------------------- */

static json_t *figure(const struct core_metric_sum *sum, uint64_t value)
{
    return sum->is_time ? json_real((double)(int64_t)value / 1e6) : json_integer((json_int_t)value);
}

static void visit_metric(void *arg, const struct core_metric_sum *sum)
{
    json_t *row = json_object();
    put(row, "name", core_json_str(sum->name));
    put(row, "label", core_json_str(mansio_str_from_cstr(sum->label)));
    put(row, "text", core_json_str(mansio_str_from_cstr(sum->text)));
    if (sum->type == MANSIO_METRIC_HISTOGRAM) {
        put_int(row, "value", sum->value);
        put(row, "sum", figure(sum, sum->sum));
    } else {
        put(row, "value", figure(sum, sum->value));
    }
    json_array_append_new(arg, row);
}

/* ---- the command ----------------------------------------------------------------------------- */

void core_control_top(struct core_master *master, const json_t *args,
                      struct core_control_answer *answer)
{
    const json_t *value = json_object_get(args, "tenants");
    json_int_t tenants = value == NULL ? TENANTS_DEFAULT : json_integer_value(value);
    struct core_message question = {.type = CORE_MESSAGE_TOP};
    json_t *answers = NULL, *silent = NULL;
    if (tenants < 1 || tenants > CORE_TOP_TENANTS || (value != NULL && !json_is_integer(value))) {
        answer->code = "bad_request";
        snprintf(answer->message, sizeof answer->message, "top: tenants is 1 to %d",
                 CORE_TOP_TENANTS);
        return;
    }
    int rc = core_ask(master, &question, NULL, NULL, mansio_deadline_in(TOP_US), &answers, &silent);
    if (rc < 0) {
        answer->code = "internal";
        snprintf(answer->message, sizeof answer->message, "%s", mansio_error_detail());
        return;
    }
    json_t *result = json_object();
    json_t *metrics = json_array();
    put(result, "version", json_string(PACKAGE_VERSION));
    put(result, "state", json_string(core_master_state_name(master->state)));
    put(result, "at", core_json_time(mansio_wall_us()));
    put(result, "uptime", core_json_seconds(mansio_now_us() - master->started_us));
    put_int(result, "generation", master->current != NULL ? master->current->number : 0);
    take_counts(answers, (size_t)tenants, result);
    put(result, "processes", processes(master));
    core_metrics_visit(visit_metric, metrics, master->shm);
    put(result, "metrics", metrics);
    put(result, "silent", silent);
    json_decref(answers);
    answer->result = result;
}
