/*
 * A connection's fiber: it takes a destination's jobs one after the other, finds a host for the
 * first, and keeps the connection for the rest.
 */
#include "client.h"
#include "lookup.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { JOB_ROOM = 4 << 20, SHARE_MESSAGES = 10 };

/* How long STARTTLS isn't tried again where it broke, if nothing demands it. */
#define PLAIN_TIME_US (3600 * MANSIO_SECOND)

struct attempt {
    struct ob_destination *destination;
    struct ob_options *options;
    struct ob_client *client;   /* NULL: not connected */
    struct mansio_arena *arena; /* of the job */
    size_t jobs;
};

static size_t undecided(const struct ob_job *job)
{
    size_t n = 0;
    for (const struct ob_item *item = job->items; item != NULL; item = item->next) {
        n += item->state == OB_WAITING && item->outcome.kind == OB_UNTRIED;
    }
    return n;
}

/* Those without an outcome get this one. */
static void decide_rest(struct ob_job *job, const struct ob_outcome *why)
{
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        if (item->state == OB_WAITING && item->outcome.kind == OB_UNTRIED) {
            ob_outcome_set(&item->outcome, item->batch->arena, why->kind, why->status, why->remote,
                           why->reply, why->reason);
        }
    }
}

static void end_client(struct attempt *attempt)
{
    struct ob_client *client = attempt->client;
    attempt->client = NULL;
    ob_client_close(client);
}

/* ---- one address ------------------------------------------------------------------------------
 */

/* RFC 7435 4.1: where TLS is no more than a wish, no TLS is better than no mail. */
static int open_plain(struct attempt *attempt, const struct ob_relay *relay, struct mansio_str host,
                      struct mansio_str address)
{
    attempt->destination->plain_until_us = mansio_deadline_in(PLAIN_TIME_US);
    mansio_log(MANSIO_LOG_INFO, "outbound-tls-broken", MANSIO_KV_STR("host", host),
               MANSIO_KV_STR("reason", attempt->client->fault.reason), MANSIO_KV_END);
    end_client(attempt);
    attempt->client = ob_client_new(attempt->destination->module, attempt->options, relay);
    return ob_client_open(attempt->client, host, address, 0);
}

static int open_client(struct attempt *attempt, const struct ob_relay *relay,
                       struct mansio_str host, struct mansio_str address)
{
    int with_tls = attempt->destination->plain_until_us <= mansio_now_us();

    end_client(attempt);
    attempt->client = ob_client_new(attempt->destination->module, attempt->options, relay);
    int rc = ob_client_open(attempt->client, host, address, with_tls);
    if (rc < 0 && attempt->client->is_tls_fault && relay->tls == OB_TLS_MAY) {
        rc = open_plain(attempt, relay, host, address);
    }
    return rc;
}

/* ---- one job ----------------------------------------------------------------------------------
 */

/* Host after host, until all items have an outcome or none is left. */
static int walk(struct attempt *attempt, struct ob_job *job, struct ob_path *path,
                const struct ob_relay *relay)
{
    struct mansio_str host, address;
    int is_reached = 0;
    int rc = ob_path_start(path, attempt->arena, attempt->destination->module, attempt->options,
                           relay, job->items->domain);

    while (rc == 0 && undecided(job) > 0) {
        rc = ob_path_next(path, &host, &address);
        if (rc < 0) {
            break;
        }
        int failed = open_client(attempt, relay, host, address);
        if (failed == 0) {
            failed = ob_client_send(attempt->client, job);
            is_reached = 1;
        }
        if (failed < 0) {
            ob_path_failed(path, &attempt->client->fault);
            if (failed == MANSIO_E_CANCELLED) {
                rc = failed;
            } else if (attempt->client->is_final) {
                /* Nobody knows what became of it, or it isn't ours any more. */
                decide_rest(job, &attempt->client->fault);
                return 1;
            }
        }
    }
    return rc == MANSIO_E_CANCELLED ? rc : is_reached;
}

/* Over a connection that served before; it may have been closed meanwhile.
 * @return 0: done; 1: another connection is needed; MANSIO_E_CANCELLED */
static int reuse(struct attempt *attempt, struct ob_job *job)
{
    int rc = ob_client_send(attempt->client, job);
    if (rc == 0 || rc == MANSIO_E_CANCELLED) {
        return rc;
    }
    if (attempt->client->is_final) {
        decide_rest(job, &attempt->client->fault);
        return 0;
    }
    return undecided(job) > 0;
}

static int deliver(struct attempt *attempt, struct ob_job *job)
{
    struct ob_destination *destination = attempt->destination;
    const struct ob_relay *relay = ob_options_relay(attempt->options, job->items->domain);
    struct ob_path *path = mansio_arena_alloc(attempt->arena, sizeof *path);

    if (ob_client_is_usable(attempt->client)) {
        int rc = reuse(attempt, job);
        if (rc <= 0) {
            return rc;
        }
    }
    int rc = walk(attempt, job, path, relay);
    if (rc < 0) {
        return rc;
    }
    if (undecided(job) > 0) {
        /* No host would have any of it. If one greeted us, the destination is there, and it may be
         * this message that it can't bear: others needn't wait. */
        if (path->fault.kind == OB_DEFERRED && rc == 0) {
            ob_destination_failed(destination, &path->fault);
        }
        decide_rest(job, &path->fault);
    }
    return 0;
}

static size_t count_kind(const struct ob_job *job, uint32_t kind)
{
    size_t n = 0;
    for (const struct ob_item *item = job->items; item != NULL; item = item->next) {
        n += item->outcome.kind == kind;
    }
    return n;
}

/* ---- the fiber --------------------------------------------------------------------------------
 */

static int run_job(struct attempt *attempt, struct ob_job *job)
{
    struct ob_destination *destination = attempt->destination;

    mansio_arena_reset(attempt->arena);
    int rc = deliver(attempt, job);
    if (rc < 0) {
        ob_job_return(job, attempt->options);
        return rc;
    }
    size_t sent = count_kind(job, OB_SENT);
    if (sent > 0 || ob_client_is_usable(attempt->client)) {
        ob_destination_works(destination, job->count, sent);
    }
    ob_job_finish(job, attempt->options);
    attempt->jobs++;
    return 0;
}

/* Others wait for a connection: after some messages it is their turn. */
static int is_turn_over(const struct attempt *attempt)
{
    return attempt->jobs >= SHARE_MESSAGES && ob_is_wanted_elsewhere(attempt->destination);
}

static int run(void *arg)
{
    struct attempt attempt = {.destination = arg};
    struct ob_destination *destination = arg;
    struct ob_module *module = destination->module;
    struct ob_job *job;
    int rc = 0;

    destination->starting--;
    attempt.options = ob_options_use(module->options);
    attempt.arena = mansio_arena_new(NULL, "outbound attempt", JOB_ROOM);
    while (rc == 0 && !module->is_draining && !is_turn_over(&attempt) &&
           destination->active <= destination->window && (job = ob_next_job(destination)) != NULL) {
        rc = run_job(&attempt, job);
    }
    end_client(&attempt);
    mansio_arena_free(attempt.arena);
    ob_options_leave(attempt.options);
    ob_destination_leave(destination);
    return 0;
}

int ob_attempt_start(struct ob_destination *destination)
{
    return mansio_group_spawn(destination->module->connections, "outbound-connection", run,
                              destination, NULL);
}
