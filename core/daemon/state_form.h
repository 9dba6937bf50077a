/*
 * What is in the master's state (state.h): its members as C structs, read from JSON. Pure: the
 * checking child of a new binary reads them to learn whether it could go on from there, the new
 * master to do so (upgrade.c).
 */
#ifndef MANSIO_CORE_DAEMON_STATE_FORM_H
#define MANSIO_CORE_DAEMON_STATE_FORM_H

#include <jansson.h>
#include <mansio/base.h>

/* JSON members are borrowed from the state. */
struct core_master_form {
    json_int_t last_number, current, reloads, upgrades, crashes, started_us, started_wall_us;
    int shm_fd;
    json_t *sockets, *generations, *operations, *last_reload;
};

struct core_generation_form {
    json_int_t number, state, since_wall_us;
    int source_fd;
    json_t *plan, *places;
};

struct core_place_form {
    json_int_t index, role, state, pid, slot, restarts, born_us, born_wall_us, deadline_us,
        backoff_us;
    int channel_fd;
};

struct core_operation_form {
    int is_forced;
    int client_fd;
    json_t *changes;
};

/* Each returns 0, or MANSIO_E_INVALID naming what is none. */
MANSIO_MUST_CHECK int core_master_form_read(const json_t *json, struct core_master_form *out);
MANSIO_MUST_CHECK int core_generation_form_read(const json_t *json,
                                                struct core_generation_form *out);
MANSIO_MUST_CHECK int core_place_form_read(const json_t *json, struct core_place_form *out);
MANSIO_MUST_CHECK int core_operation_form_read(const json_t *json, struct core_operation_form *out);

/* Is a whole state one that this binary can take over? */
MANSIO_MUST_CHECK int core_state_form_check(const json_t *state);

#endif
