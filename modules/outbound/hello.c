/*
 * The beginning of a session: greeting, EHLO or HELO, STARTTLS, AUTH.
 */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>
#include <mansio/tls.h>

#include "sasl.h"

enum { AUTH_STEPS_MAX = 4, COMMAND_MAX = 16384 };

/* What EHLO's reply offers is in all its lines, of which the reply keeps only some: so they are
 * read here. The first has the server's name (RFC 5321 4.1.1.1). */
static int hear_offer(struct ob_client *client)
{
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = 0;

    client->offer = (struct ob_offer){.features = 0};
    ob_reply_init(client->reply);
    mansio_stream_set_deadline(client->stream,
                               mansio_deadline_in(client->options->timeouts.hello_us));
    while (rc == 0) {
        rc = mansio_stream_read_line(client->stream, OB_REPLY_LINE_MAX, MANSIO_READ_BARE_LF, &line);
        rc = rc < 0 ? rc : ob_reply_add(client->reply, line);
        if (rc >= 0 && client->reply->lines > 1) {
            ob_offer_read(&client->offer, ob_reply_words(line));
        }
    }
    if (rc < 0) {
        const char *status = rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT ? "4.5.0" : "4.4.2";
        return ob_own_fault(client, rc, status, "EHLO");
    }
    client->is_closing |= client->reply->code == 421;
    return (int)client->reply->code;
}

static int say_hello(struct ob_client *client)
{
    struct mansio_str text = MANSIO_STR_NONE;
    const char *name = client->options->hostname;
    int rc = mansio_arena_printf(client->step, &text, "EHLO %s\r\n", name);

    rc = rc < 0 ? rc : ob_say(client, "EHLO", text, client->options->timeouts.hello_us);
    rc = rc < 0 ? rc : hear_offer(client);
    /* RFC 5321 3.2: a server that doesn't know EHLO knows HELO. Not after STARTTLS, which such a
     * server doesn't have. */
    if (rc >= 500 && !client->is_tls) {
        client->offer = (struct ob_offer){.features = 0};
        rc = mansio_arena_printf(client->step, &text, "HELO %s\r\n", name);
        rc = rc < 0 ? rc : ob_ask(client, "HELO", text, client->options->timeouts.hello_us);
    }
    if (rc >= 0 && rc / 100 != 2) {
        rc = ob_reply_fault(client, "3.0");
    }
    return rc < 0 ? rc : 0;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int tls_fault(struct ob_client *client, int code, const char *doing)
{
    mansio_metric_add(client->module->instance, OB_METRIC_TLS_FAILURES, 1);
    client->is_tls_fault = code != MANSIO_E_CANCELLED;
    return ob_own_fault(client, code, "4.7.5", doing);
}

static int shake_hands(struct ob_client *client)
{
    const struct mansio_tls_client options = {
        .size = sizeof options,
        .server_name =
            mansio_str_starts(client->host, MANSIO_STR("[")) ? MANSIO_STR_NONE : client->host,
        .verify =
            client->relay->tls == OB_TLS_VERIFY ? MANSIO_TLS_VERIFY_NAME : MANSIO_TLS_VERIFY_NONE,
        .ca_file = client->options->ca_file,
    };
    int rc = mansio_stream_start_tls(client->stream, &options,
                                     mansio_deadline_in(client->options->timeouts.hello_us));
    if (rc < 0) {
        return tls_fault(client, rc, "TLS");
    }
    client->is_tls = 1;
    mansio_metric_add(client->module->instance, OB_METRIC_TLS, 1);
    return 0;
}

static int start_tls(struct ob_client *client)
{
    int rc =
        ob_ask(client, "STARTTLS", MANSIO_STR("STARTTLS\r\n"), client->options->timeouts.hello_us);

    if (rc < 0) {
        client->is_tls_fault = rc != MANSIO_E_CANCELLED;
        return rc;
    }
    if (rc != 220) {
        if (client->relay->tls == OB_TLS_MAY && !client->is_closing) {
            return 0; /* RFC 3207 4: it has none now */
        }
        return ob_reply_fault(client, "7.4");
    }
    /* What came before the handshake could be anybody's. */
    if (mansio_stream_buffered(client->stream) > 0) {
        return tls_fault(client,
                         mansio_fail(MANSIO_E_INVALID, "the server spoke before the handshake"),
                         "STARTTLS");
    }
    rc = shake_hands(client);
    if (rc < 0) {
        return rc;
    }
    rc = say_hello(client);
    /* Where the handshake's last word is ours, as in TLS 1.3, what the server has against it comes
     * behind it. What it says of EHLO is its answer. */
    client->is_tls_fault = rc < 0 && rc != MANSIO_E_CANCELLED && client->fault.reply.len == 0;
    return rc;
}

static int protect(struct ob_client *client, int with_tls)
{
    int is_wanted = client->relay->tls != OB_TLS_NONE;
    int is_required = client->relay->tls >= OB_TLS_ENCRYPT;

    if (client->is_tls || !is_wanted) {
        return 0;
    }
    if ((client->offer.features & OB_STARTTLS) != 0 && (with_tls || is_required)) {
        return start_tls(client);
    }
    if (is_required) {
        return ob_own_fault(client,
                            mansio_fail(MANSIO_E_DENIED, "TLS is required, and not offered"),
                            "4.7.4", "EHLO");
    }
    return 0;
}

/* ---- AUTH (RFC 4954) ------------------------------------------------------------------------- */

static int auth_refused(struct ob_client *client)
{
    /* A password that is wrong here is a matter for our operator, not for senders: mail waits. */
    int rc = ob_reply_fault(client, "7.8");
    client->fault.kind = OB_DEFERRED;
    client->fault.status[0] = '4';
    return rc;
}

/* Send a message in base64 with a verb before it, or as an answer. */
static int auth_say(struct ob_client *client, const char *verb, struct mansio_str message)
{
    struct mansio_str coded = MANSIO_STR_NONE;
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = mansio_base64_encode(client->step, message, &coded);

    rc = rc < 0
             ? rc
             : mansio_arena_printf(client->step, &text, "%s%.*s\r\n", verb, MANSIO_STR_ARG(coded));
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.3.0", "AUTH");
    }
    return ob_ask(client, "AUTH", text, client->options->timeouts.hello_us);
}

/* The server's message within a 334. */
static int auth_challenge(struct ob_client *client, struct mansio_str *out)
{
    struct mansio_str text = ob_reply_words(ob_reply_text(client->reply));
    int rc = mansio_base64_decode(client->step, mansio_str_trim(text), out);
    return rc < 0 ? ob_own_fault(client, rc, "4.5.0", "AUTH") : 0;
}

static int auth_plain(struct ob_client *client, struct mansio_str password)
{
    struct mansio_str message = MANSIO_STR_NONE;
    int rc = ob_plain_message(client->step, client->relay->user, password, &message);
    return rc < 0 ? ob_own_fault(client, rc, "4.7.8", "AUTH PLAIN")
                  : auth_say(client, "AUTH PLAIN ", message);
}

static int auth_login(struct ob_client *client, struct mansio_str password)
{
    int rc = ob_ask(client, "AUTH LOGIN", MANSIO_STR("AUTH LOGIN\r\n"),
                    client->options->timeouts.hello_us);
    rc = rc == 334 ? auth_say(client, "", client->relay->user) : rc;
    return rc == 334 ? auth_say(client, "", password) : rc;
}

static int auth_scram(struct ob_client *client, struct mansio_str password)
{
    struct ob_scram *scram = mansio_arena_alloc(client->step, sizeof *scram);
    unsigned char nonce[18];
    struct mansio_str message = MANSIO_STR_NONE;
    struct mansio_str theirs = MANSIO_STR_NONE;
    int rc = 0;

    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        rc = mansio_fail(MANSIO_E_IO, "getrandom: %s", strerror(errno));
    }
    rc = rc < 0
             ? rc
             : ob_scram_first(client->step, scram, client->relay->user, password, nonce, &message);
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.3.0", "AUTH SCRAM-SHA-256");
    }
    rc = auth_say(client, "AUTH SCRAM-SHA-256 ", message);
    if (rc != 334 || (rc = auth_challenge(client, &theirs)) < 0) {
        return rc;
    }
    rc = ob_scram_final(client->step, scram, theirs,
                        mansio_deadline_in(client->options->timeouts.hello_us), &message);
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.7.8", "AUTH SCRAM-SHA-256");
    }
    rc = auth_say(client, "", message);
    if (rc != 334 && rc != 235) {
        return rc;
    }
    if (rc == 334) {
        rc = auth_challenge(client, &theirs);
    } else {
        /* RFC 4954 has no place for it with success, but some put it there; else nobody proved
         * anything, and TLS must do. */
        return rc;
    }
    rc = rc < 0 ? rc : ob_scram_check(client->step, scram, theirs);
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.7.8", "AUTH SCRAM-SHA-256");
    }
    return auth_say(client, "", MANSIO_STR_NONE);
}

static int authenticate(struct ob_client *client)
{
    struct mansio_str password = mansio_secret_bytes(client->relay->password);
    uint32_t offered = client->offer.mechanisms;
    int rc;

    if (client->relay->user.len == 0) {
        return 0;
    }
    if (!client->is_tls) {
        return ob_own_fault(client, mansio_fail(MANSIO_E_DENIED, "no TLS, so no password"), "4.7.4",
                            "AUTH");
    }
    if ((offered & OB_SCRAM_SHA_256) != 0) {
        rc = auth_scram(client, password);
    } else if ((offered & OB_PLAIN) != 0) {
        rc = auth_plain(client, password);
    } else if ((offered & OB_LOGIN) != 0) {
        rc = auth_login(client, password);
    } else {
        return ob_own_fault(client,
                            mansio_fail(MANSIO_E_UNSUPPORTED, "no mechanism of AUTH that we have"),
                            "4.7.4", "AUTH");
    }
    return rc < 0 ? rc : rc == 235 ? 0 : auth_refused(client);
}

/* ---- all of it ------------------------------------------------------------------------------- */

int ob_greet(struct ob_client *client, int with_tls)
{
    int rc = client->relay->is_tls_first ? shake_hands(client) : 0;

    rc = rc < 0 ? rc : ob_hear(client, "greeting", client->options->timeouts.greeting_us);
    if (rc >= 0 && rc / 100 != 2) {
        rc = ob_reply_fault(client, "3.2"); /* RFC 7504: 521 and 554 take no mail at all */
    }
    rc = rc < 0 ? rc : say_hello(client);
    rc = rc < 0 ? rc : protect(client, with_tls);
    rc = rc < 0 ? rc : authenticate(client);
    mansio_arena_reset(client->step);
    return rc;
}
