/*
 * The members of the master's state, read from JSON. See state_form.h. Touches no descriptor and
 * no process.
 */
#include "core/daemon/state_form.h"

#include <stdint.h>

#include "core/daemon/plan.h"
#include "core/net/address.h"
#include <mansio/error.h>
#include <mansio/str.h>

/* jansson's readers take a pointer to what they don't change. */
static json_t *readable(const json_t *json)
{
    return (json_t *)(uintptr_t)json;
}

static int refuse(const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "state: %s is none that this binary knows", what);
}

int core_master_form_read(const json_t *json, struct core_master_form *out)
{
    int rc =
        json_unpack(readable(json), "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:o}",
                    "last_number", &out->last_number, "current", &out->current, "reloads",
                    &out->reloads, "upgrades", &out->upgrades, "crashes", &out->crashes,
                    "started_us", &out->started_us, "started_wall_us", &out->started_wall_us, "shm",
                    &out->shm_fd, "sockets", &out->sockets, "generations", &out->generations,
                    "operations", &out->operations, "last_reload", &out->last_reload);
    if (rc != 0 || !json_is_array(out->sockets) || !json_is_array(out->generations) ||
        !json_is_array(out->operations)) {
        return refuse("the master");
    }
    return 0;
}

int core_generation_form_read(const json_t *json, struct core_generation_form *out)
{
    int rc = json_unpack(readable(json), "{s:I, s:I, s:I, s:o, s:i, s:o}", "number", &out->number,
                         "state", &out->state, "since_wall_us", &out->since_wall_us, "plan",
                         &out->plan, "source", &out->source_fd, "places", &out->places);
    return rc != 0 || !json_is_array(out->places) ? refuse("a generation") : 0;
}

int core_place_form_read(const json_t *json, struct core_place_form *out)
{
    int rc =
        json_unpack(readable(json), "{s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I}",
                    "index", &out->index, "role", &out->role, "state", &out->state, "pid",
                    &out->pid, "channel", &out->channel_fd, "slot", &out->slot, "restarts",
                    &out->restarts, "born_us", &out->born_us, "born_wall_us", &out->born_wall_us,
                    "deadline_us", &out->deadline_us, "backoff_us", &out->backoff_us);
    return rc != 0 ? refuse("a place") : 0;
}

int core_operation_form_read(const json_t *json, struct core_operation_form *out)
{
    int rc = json_unpack(readable(json), "{s:b, s:i, s:o}", "forced", &out->is_forced, "client",
                         &out->client_fd, "changes", &out->changes);
    return rc != 0 || !json_is_array(out->changes) ? refuse("an operation") : 0;
}

static int check_generation(const json_t *json, json_int_t *out_number)
{
    struct core_generation_form form;
    struct core_place_form place;
    struct core_plan *plan = NULL;
    int rc = core_generation_form_read(json, &form);
    if (rc == 0) {
        rc = core_plan_from_json(form.plan, &plan);
    }
    if (rc == 0 && json_array_size(form.places) != plan->workers + 1) {
        rc = mansio_fail(MANSIO_E_INVALID, "state: found %zu places for %u workers",
                         json_array_size(form.places), plan->workers);
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(form.places); i++) {
        rc = core_place_form_read(json_array_get(form.places, i), &place);
    }
    if (rc == 0) {
        *out_number = form.number;
    }
    core_plan_free(plan);
    return rc;
}

static int check_socket(const json_t *json)
{
    const char *text = NULL;
    struct core_address address;
    if (json_unpack(readable(json), "{s:s}", "address", &text) != 0) {
        return refuse("a socket");
    }
    return core_address_parse(mansio_str_from_cstr(text), &address);
}

int core_state_form_check(const json_t *state)
{
    struct core_master_form master;
    struct core_operation_form operation;
    int has_current = 0;
    int rc = core_master_form_read(state, &master);
    for (size_t i = 0; rc == 0 && i < json_array_size(master.sockets); i++) {
        rc = check_socket(json_array_get(master.sockets, i));
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(master.generations); i++) {
        json_int_t number = 0;
        rc = check_generation(json_array_get(master.generations, i), &number);
        has_current |= rc == 0 && number == master.current;
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(master.operations); i++) {
        rc = core_operation_form_read(json_array_get(master.operations, i), &operation);
    }
    if (rc == 0 && !has_current) {
        rc = mansio_fail(MANSIO_E_INVALID, "state: no generation is in service");
    }
    return rc;
}
