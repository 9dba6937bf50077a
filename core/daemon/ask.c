/*
 * Questions to children. See ask.h. A question lies on the stack of the fiber that asks, linked
 * into the master's list while it waits.
 */
#include "core/daemon/ask.h"

#include "core/base/list.h"
#include "core/daemon/channel.h"
#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/host/shm.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>

/* Of all answers together, and what a message counts beside its bytes: JSON takes memory. */
enum { ANSWERS_MAX_BYTES = 64 * 1024 * 1024, ANSWER_BYTES = 4096 };

struct ask {
    struct core_list link;
    uint32_t id;
    struct core_place *pending[CORE_SHM_SLOTS];
    size_t pending_count;
    struct mansio_event *changed;
    json_t *answers;
    size_t bytes;
    int is_full; /* who has more to say stays silent */
};

static void forget(struct ask *ask, const struct core_place *place)
{
    for (size_t i = 0; i < ask->pending_count; i++) {
        if (ask->pending[i] == place) {
            ask->pending[i] = ask->pending[--ask->pending_count];
            mansio_event_set(ask->changed);
            return;
        }
    }
}

static int is_pending(const struct ask *ask, const struct core_place *place)
{
    for (size_t i = 0; i < ask->pending_count; i++) {
        if (ask->pending[i] == place) {
            return 1;
        }
    }
    return 0;
}

/* Room for one more answer? A child must not fill the master's memory. */
static int take_room(struct ask *ask, const struct core_place *place,
                     const struct core_message *message)
{
    size_t needed = message->payload.len + ANSWER_BYTES;
    if (!ask->is_full && needed <= ANSWERS_MAX_BYTES - ask->bytes) {
        ask->bytes += needed;
        return 1;
    }
    if (!ask->is_full) {
        mansio_log(MANSIO_LOG_WARNING, "answers-too-long", MANSIO_KV_INT("child", place->child.pid),
                   MANSIO_KV_END);
    }
    ask->is_full = 1;
    return 0;
}

void core_ask_answered(struct core_place *place, const struct core_message *message)
{
    struct core_master *master = place->generation->master;
    CORE_LIST_EACH (link, follower, &master->asks) {
        struct ask *ask = CORE_CONTAINER(link, struct ask, link);
        if (ask->id != message->id || !is_pending(ask, place) || !take_room(ask, place, message)) {
            continue;
        }
        json_t *answer = NULL;
        if (core_json_parse(message->payload, &answer) < 0) {
            mansio_log(MANSIO_LOG_WARNING, "answer-unreadable",
                       MANSIO_KV_INT("child", place->child.pid),
                       MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
        } else {
            const char *role = place->role == MANSIO_ROLE_SERVICE ? "service" : "worker";
            json_array_append_new(
                ask->answers,
                json_pack("{s:I, s:I, s:s, s:I, s:o}", "pid", (json_int_t)place->child.pid, "index",
                          (json_int_t)place->index, "role", role, "generation",
                          (json_int_t)place->generation->number, "answer", answer));
        }
        if (message->type == CORE_MESSAGE_ANSWERED) {
            forget(ask, place);
        }
    }
}

void core_ask_gone(struct core_place *place)
{
    struct core_master *master = place->generation->master;
    CORE_LIST_EACH (link, follower, &master->asks) {
        forget(CORE_CONTAINER(link, struct ask, link), place);
    }
}

static void send_all(struct core_master *master, struct ask *ask,
                     const struct core_message *question, core_ask_filter_fn filter, void *arg)
{
    struct core_message message = *question;
    message.id = ask->id;
    CORE_LIST_EACH (link, follower, &master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        for (size_t i = 0; i < generation->place_count; i++) {
            struct core_place *place = &generation->places[i];
            if (place->channel == NULL || place->state < CORE_PLACE_READY ||
                ask->pending_count == MANSIO_COUNT(ask->pending) ||
                (filter != NULL && !filter(arg, place)) ||
                core_channel_send(place->channel, &message) < 0) {
                continue;
            }
            ask->pending[ask->pending_count++] = place;
        }
    }
}

int core_ask(struct core_master *master, const struct core_message *question,
             core_ask_filter_fn filter, void *arg, int64_t deadline_us, json_t **out_answers,
             json_t **out_silent)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "ask", 0);
    struct ask *ask = mansio_arena_alloc(arena, sizeof *ask);
    ask->id = ++master->last_ask;
    ask->changed = mansio_event_new(arena);
    ask->answers = json_array();
    core_list_push_back(&master->asks, &ask->link);
    send_all(master, ask, question, filter, arg);
    int rc = 0;
    while (rc >= 0 && ask->pending_count > 0) {
        mansio_event_clear(ask->changed);
        struct mansio_waitable *source = mansio_event_waitable(ask->changed);
        rc = mansio_wait(&source, 1, deadline_us, 0);
    }
    core_list_remove(&ask->link);
    if (rc < 0 && rc != MANSIO_E_TIMEOUT) {
        json_decref(ask->answers);
        mansio_arena_free(arena);
        return rc;
    }
    json_t *silent = json_array();
    for (size_t i = 0; i < ask->pending_count; i++) {
        json_array_append_new(silent, json_integer(ask->pending[i]->child.pid));
    }
    *out_answers = ask->answers;
    *out_silent = silent;
    mansio_arena_free(arena);
    return 0;
}
