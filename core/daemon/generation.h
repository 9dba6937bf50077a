/*
 * Generations and their places. A generation is the set of processes of one checked plan; a place
 * is one seat in it: worker 0, worker 1, ..., the service process. Each place has a fiber that
 * starts a child, sees it through its life and, while the generation lives, replaces it when it
 * dies (backoff.h). States and messages: README.md.
 */
#ifndef MANSIO_CORE_DAEMON_GENERATION_H
#define MANSIO_CORE_DAEMON_GENERATION_H

#include "core/base/list.h"
#include "core/daemon/backoff.h"
#include "core/daemon/spawn.h"
#include <jansson.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

struct core_channel;
struct core_master;
struct core_plan;

enum core_generation_state {
    CORE_GENERATION_STARTING = 1, /* until every place has said READY */
    CORE_GENERATION_READY = 2,    /* in service */
    CORE_GENERATION_DRAINING = 3, /* finishing, or given up */
};

enum core_place_state {
    CORE_PLACE_WAITING = 1, /* no child: its next one is held back */
    CORE_PLACE_STARTING = 2,
    CORE_PLACE_READY = 3, /* started, may not accept yet */
    CORE_PLACE_ACCEPTING = 4,
    CORE_PLACE_DRAINING = 5,
    CORE_PLACE_GONE = 6, /* its fiber has ended */
};

struct core_place {
    struct core_generation *generation;
    uint32_t index; /* of a worker; 0 for the service process */
    uint32_t role;  /* enum mansio_role */
    enum core_place_state state;
    struct core_child child;      /* pid 0: none */
    struct core_channel *channel; /* NULL: none */
    uint32_t slot;                /* of shared memory; 0: none */
    uint32_t restarts;
    int64_t born_us, born_wall_us;
    int64_t deadline_us; /* of starting or draining; then it's killed */
    struct core_backoff backoff;
    struct mansio_event *poke;  /* look again at the generation's state */
    int is_restored;            /* its child is from before a binary upgrade */
    int is_stale;               /* its child starts with settings that were live-changed since */
    int is_misfit;              /* its child has mapped other files than were checked */
    int has_loaded, has_failed; /* its child has said so: it may only once */
};

struct core_generation {
    struct core_list link; /* in the master's list, oldest first */
    struct core_master *master;
    struct mansio_arena *arena;
    uint32_t number;
    enum core_generation_state state;
    int64_t since_wall_us;
    struct core_plan *plan; /* owned */
    int source_fd;          /* owned: what its children load */
    struct core_place *places;
    size_t place_count;
    struct mansio_group *group;   /* of the places' fibers */
    struct mansio_event *changed; /* a place's state has changed */
    int is_failed;                /* while starting: a place failed; failure says why */
    int is_uneven;                /* not every process took the last live settings */
    int is_misfit;                /* the reason is that files changed since the check */
    char failure[1024];
};

/* Takes the plan and the descriptor. The generation joins the master's list. */
struct core_generation *core_generation_new(struct core_master *master, uint32_t number,
                                            struct core_plan *plan, int source_fd);

/* Start its processes (or go on with restored ones). */
MANSIO_MUST_CHECK int core_generation_launch(struct core_generation *generation);

/* After a binary upgrade: places and state are restored; go on from there. */
MANSIO_MUST_CHECK int core_generation_resume(struct core_generation *generation);

/* Wait until every place is ready. MANSIO_E_BUSY when files changed since the check (check again);
 * else the error whose detail is the reason. Yields. */
MANSIO_MUST_CHECK int core_generation_wait_ready(struct core_generation *generation,
                                                 int64_t deadline_us);

/* It's in service: all may accept, also those that are started later. */
void core_generation_serve(struct core_generation *generation);

/* Drain it, spread over a time, until a deadline, both from now; when called again the earlier end
 * counts. It frees itself when its last process has ended. */
void core_generation_drain(struct core_generation *generation, int64_t spread_us,
                           int64_t deadline_us);

/* New live settings: the plan and the source replace the old ones. */
void core_generation_renew(struct core_generation *generation, struct core_plan *plan,
                           int source_fd);

/* "starting", ... as in control.md. */
const char *core_generation_state_name(enum core_generation_state state);
const char *core_place_state_name(enum core_place_state state);

/* A place has a child that has started and is not on its way out. */
int core_place_is_up(const struct core_place *place);

/* Start a place's fiber. */
MANSIO_MUST_CHECK int core_place_launch(struct core_place *place);
/* Its child, and the place with it, has to end: see core_generation_drain(). */
void core_place_drain(struct core_place *place, int64_t spread_us, int64_t deadline_us);
/* Its child may accept. */
void core_place_accept(struct core_place *place);

#endif
