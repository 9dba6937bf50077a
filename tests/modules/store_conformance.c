/*
 * store-conformance: runs the cases on command.
 *
 *   LIST            names, one a line; those of the service process end in " service"; then "."
 *   HOLD            keep a handle of gone@alpha.test: its account is removed next. "ok" or "not ok"
 *   RUN NAME        "ok NAME" or "not ok NAME # why"
 *   QUIT
 *
 * A worker serves them on a listener, as any protocol. The service process has none: there the
 * module connects to the address that its setting `service` says, and is commanded by who listens.
 */
#include "store_conformance.h"

#include <stdio.h>

#include <mansio/fiber.h>
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/stream.h>

enum { ARENA_BYTES = 96 << 20, LINE_MAX_BYTES = 200 };
#define STEP_US (60 * MANSIO_SECOND)
#define IDLE_US (600 * MANSIO_SECOND)

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "service", .type = MANSIO_SETTING_STRING, .max = 200,
                   .help = "Where the service process connects to for commands."),
};

static const struct sc_cases *const tables[] = {
    &sc_collections, &sc_messages, &sc_changes, &sc_bodies,
    &sc_deliveries,  &sc_search,   &sc_spool,   &sc_isolation,
};

/* What a dialogue keeps. */
struct dialogue {
    struct mansio_stream *stream;
    struct mansio_arena *held_arena; /* of the handle of who goes */
    struct mansio_account *held;
    unsigned runs;
};

static int side_of(struct mansio_arena *arena, const char *local, const char *domain,
                   struct mansio_account **out)
{
    struct mansio_recipient *recipient = NULL;
    int rc = mansio_recipient_resolve(arena, sc_text(local), sc_text(domain),
                                      mansio_deadline_in(STEP_US), &recipient);

    if (rc == 0) {
        *out = mansio_recipient_account(recipient, 0);
    }
    return rc;
}

static void open_side(struct sc_side *side, struct mansio_account *account)
{
    side->account = account;
    side->store = account != NULL ? mansio_account_store(account, &side->pool) : NULL;
    side->blob = account != NULL ? mansio_account_blob(account, &side->pool) : NULL;
}

static int open_sides(struct sc *sc, const struct dialogue *dialogue)
{
    struct {
        const char *local, *domain;
        struct sc_side *side;
    } rows[] = {
        {"user1", "alpha.test", &sc->one},
        {"user2", "alpha.test", &sc->two},
        {"user1", "beta.test", &sc->foreign},
        {"small", "alpha.test", &sc->small},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_account *account = NULL;
        int rc = side_of(sc->arena, rows[i].local, rows[i].domain, &account);
        if (rc < 0) {
            return rc;
        }
        open_side(rows[i].side, account);
    }
    open_side(&sc->gone, dialogue->held);
    return 0;
}

static int run_case(struct dialogue *dialogue, const struct sc_case *one)
{
    struct sc *sc = NULL;
    struct mansio_arena *arena = mansio_arena_new(NULL, "conformance", ARENA_BYTES);

    sc = mansio_arena_alloc(arena, sizeof *sc);
    sc->arena = arena;
    (void)snprintf(sc->prefix, sizeof sc->prefix, "sc%llx-%u-",
                   (unsigned long long)mansio_wall_us(), ++dialogue->runs);
    int rc = open_sides(sc, dialogue);
    if (rc < 0) {
        sc_fail(sc, __FILE__, __LINE__, "accounts: %s: %s", mansio_error_name(rc),
                mansio_error_detail());
    } else {
        one->run(sc);
    }
    if (mansio_fiber_is_cancelled()) {
        sc_fail(sc, __FILE__, __LINE__, "cancelled");
    }
    rc = sc->failed
             ? mansio_stream_printf(dialogue->stream, "not ok %s # %s\r\n", one->name, sc->failure)
             : mansio_stream_printf(dialogue->stream, "ok %s\r\n", one->name);
    mansio_arena_free(arena);
    return rc;
}

static int list(struct dialogue *dialogue)
{
    int rc = 0;

    for (size_t i = 0; i < MANSIO_COUNT(tables); i++) {
        for (size_t j = 0; rc == 0 && j < tables[i]->count; j++) {
            const struct sc_case *one = &tables[i]->cases[j];
            rc = mansio_stream_printf(dialogue->stream, "%s%s\r\n", one->name,
                                      one->is_spool ? " service" : "");
        }
    }
    return rc < 0 ? rc : mansio_stream_printf(dialogue->stream, ".\r\n");
}

static int run(struct dialogue *dialogue, struct mansio_str name)
{
    for (size_t i = 0; i < MANSIO_COUNT(tables); i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            if (mansio_str_eq(name, sc_text(tables[i]->cases[j].name))) {
                return run_case(dialogue, &tables[i]->cases[j]);
            }
        }
    }
    return mansio_stream_printf(dialogue->stream, "not ok %.*s # there is no such case\r\n",
                                MANSIO_STR_ARG(name));
}

static int hold(struct dialogue *dialogue)
{
    int rc = side_of(dialogue->held_arena, "gone", "alpha.test", &dialogue->held);

    return rc < 0 ? mansio_stream_printf(dialogue->stream, "not ok hold # %s: %s\r\n",
                                         mansio_error_name(rc), mansio_error_detail())
                  : mansio_stream_printf(dialogue->stream, "ok hold\r\n");
}

static int serve_stream(struct mansio_stream *stream)
{
    struct dialogue dialogue = {
        .stream = stream,
        .held_arena = mansio_arena_new(NULL, "conformance-held", 1 << 20),
    };
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = mansio_stream_printf(stream, "store-conformance\r\n");

    while (rc >= 0) {
        mansio_stream_set_deadline(stream, mansio_deadline_in(IDLE_US));
        rc = mansio_stream_read_line(stream, LINE_MAX_BYTES, MANSIO_READ_IDLE, &line);
        if (rc < 0) {
            break;
        }
        char text[LINE_MAX_BYTES];
        int length = snprintf(text, sizeof text, "%.*s", MANSIO_STR_ARG(line));
        line = (struct mansio_str){text, (size_t)length};
        if (mansio_str_eq(line, MANSIO_STR("QUIT"))) {
            rc = mansio_stream_printf(stream, "bye\r\n");
            break;
        }
        rc = mansio_str_eq(line, MANSIO_STR("LIST"))   ? list(&dialogue)
             : mansio_str_eq(line, MANSIO_STR("HOLD")) ? hold(&dialogue)
             : mansio_str_starts(line, MANSIO_STR("RUN "))
                 ? run(&dialogue, mansio_str_sub(line, 4, SIZE_MAX))
                 : mansio_stream_printf(stream, "not ok # LIST, HOLD, RUN NAME or QUIT\r\n");
    }
    mansio_arena_free(dialogue.held_arena);
    return rc;
}

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    return serve_stream(mansio_session_stream(session));
}

/* In the service process: as long as somebody listens there, ask them. */
static int ask_for_commands(void *arg)
{
    struct mansio_instance *instance = arg;
    struct mansio_str address = mansio_settings_str(mansio_instance_settings(instance), "service");
    int rc = 0;

    while (rc != MANSIO_E_CANCELLED && rc != MANSIO_E_STOPPING) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "conformance-service", 0);
        struct mansio_stream *stream = NULL;
        rc = mansio_stream_connect(arena, address, mansio_deadline_in(STEP_US), &stream);
        if (rc == 0) {
            rc = serve_stream(stream);
            (void)mansio_stream_flush(stream);
        }
        mansio_arena_free(arena);
        if (rc != MANSIO_E_CANCELLED && rc != MANSIO_E_STOPPING) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(200 * MANSIO_MS));
        }
    }
    return 0;
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "conformance", .serve = serve};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &protocol);
}

static int start(struct mansio_instance *instance, uint32_t role)
{
    if (role != MANSIO_ROLE_SERVICE ||
        mansio_settings_str(mansio_instance_settings(instance), "service").len == 0) {
        return 0;
    }
    return mansio_group_spawn(mansio_instance_group(instance), "conformance", ask_for_commands,
                              instance, NULL);
}

MANSIO_MODULE("store-conformance", "1.0", "", .summary = "Runs the cases that judge a store.",
              .settings = settings, .setting_count = MANSIO_COUNT(settings), .load = load,
              .start = start);
