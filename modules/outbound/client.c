/*
 * Connections: see client.h. Reading and writing under a deadline, and what to say when it fails;
 * hello.c begins a session, transaction.c sends messages.
 */
#include "client.h"

#include <mansio/error.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>

#include "route.h"

enum { CONNECTION_ROOM = 8 << 20 };

struct ob_client *ob_client_new(struct ob_module *module, const struct ob_options *options,
                                const struct ob_relay *relay)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "outbound connection", CONNECTION_ROOM);
    struct ob_client *client = mansio_arena_alloc(arena, sizeof *client);

    client->arena = arena;
    client->step = mansio_arena_new(arena, "outbound step", CONNECTION_ROOM / 2);
    client->module = module;
    client->options = options;
    client->relay = relay;
    client->reply = mansio_arena_alloc(arena, sizeof *client->reply);
    return client;
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

int ob_own_fault(struct ob_client *client, int code, const char *status, const char *doing)
{
    struct mansio_str reason = MANSIO_STR_NONE;
    struct mansio_str detail = mansio_str_from_cstr(mansio_error_detail());

    client->is_closing = 1;
    if (code == MANSIO_E_EOF) {
        detail = MANSIO_STR("the connection was closed");
    } else if (code == MANSIO_E_TIMEOUT) {
        detail = MANSIO_STR("no answer in time");
    }
    if (mansio_arena_printf(client->arena, &reason, "%s: %.*s%s%.*s", doing,
                            MANSIO_STR_ARG(client->remote), client->remote.len > 0 ? ": " : "",
                            MANSIO_STR_ARG(detail)) < 0) {
        reason = MANSIO_STR_NONE;
    }
    ob_outcome_set(&client->fault, client->arena, OB_DEFERRED, status, MANSIO_STR_NONE,
                   MANSIO_STR_NONE, reason);
    return code;
}

int ob_reply_fault(struct ob_client *client, const char *subject)
{
    ob_outcome_reply(&client->fault, client->arena, client->reply, subject, client->remote);
    return mansio_fail(MANSIO_E_DENIED, "%.*s", MANSIO_STR_ARG(ob_reply_text(client->reply)));
}

/* ---- talking --------------------------------------------------------------------------------- */

/* Deadlines are of the step; the detail of an earlier failure is none of this one. */
static void begin_step(struct ob_client *client, int64_t timeout_us)
{
    mansio_stream_set_deadline(client->stream, mansio_deadline_in(timeout_us));
}

int ob_say(struct ob_client *client, const char *doing, struct mansio_str text, int64_t timeout_us)
{
    begin_step(client, timeout_us);
    int rc = mansio_stream_write(client->stream, text);
    rc = rc < 0 ? rc : mansio_stream_flush(client->stream);
    return rc < 0 ? ob_own_fault(client, rc, "4.4.2", doing) : 0;
}

int ob_hear(struct ob_client *client, const char *doing, int64_t timeout_us)
{
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = 0;

    begin_step(client, timeout_us);
    ob_reply_init(client->reply);
    while (rc == 0) {
        rc = mansio_stream_read_line(client->stream, OB_REPLY_LINE_MAX, MANSIO_READ_BARE_LF, &line);
        rc = rc < 0 ? rc : ob_reply_add(client->reply, line);
    }
    if (rc < 0) {
        const char *status = rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT ? "4.5.0" : "4.4.2";
        return ob_own_fault(client, rc, status, doing);
    }
    /* RFC 5321 3.8: whatever was asked, the server is about to close. */
    client->is_closing |= client->reply->code == 421;
    return (int)client->reply->code;
}

int ob_ask(struct ob_client *client, const char *doing, struct mansio_str text, int64_t timeout_us)
{
    int rc = ob_say(client, doing, text, timeout_us);
    return rc < 0 ? rc : ob_hear(client, doing, timeout_us);
}

/* ---- life ------------------------------------------------------------------------------------ */

int ob_client_open(struct ob_client *client, struct mansio_str host, struct mansio_str address,
                   int with_tls)
{
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = mansio_arena_copy(client->arena, host, &client->host);

    rc = rc < 0 ? rc : ob_address_text(client->arena, address, client->relay->port, &text);
    rc = rc < 0 ? rc
                : mansio_arena_printf(client->arena, &client->remote, "%.*s[%.*s]:%u",
                                      MANSIO_STR_ARG(host), MANSIO_STR_ARG(address),
                                      client->relay->port);
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.3.0", "connecting");
    }
    mansio_metric_add(client->module->instance, OB_METRIC_CONNECTIONS, 1);
    rc = mansio_stream_connect(client->arena, text,
                               mansio_deadline_in(client->options->timeouts.connect_us),
                               &client->stream);
    if (rc < 0) {
        mansio_metric_add(client->module->instance, OB_METRIC_CONNECTION_FAILURES, 1);
        return ob_own_fault(client, rc, "4.4.1", "connecting");
    }
    rc = ob_greet(client, with_tls);
    if (rc < 0) {
        mansio_metric_add(client->module->instance, OB_METRIC_CONNECTION_FAILURES, 1);
    }
    return rc;
}

int ob_client_is_usable(const struct ob_client *client)
{
    return client != NULL && client->stream != NULL && !client->is_closing &&
           client->messages < client->options->messages_max;
}

void ob_client_close(struct ob_client *client)
{
    if (client == NULL) {
        return;
    }
    /* RFC 5321 4.1.1.10: the client should wait for the reply; nothing hangs on it. */
    if (client->stream != NULL && !client->is_closing) {
        (void)!ob_ask(client, "QUIT", MANSIO_STR("QUIT\r\n"), client->options->timeouts.quit_us);
    }
    mansio_arena_free(client->arena);
}
