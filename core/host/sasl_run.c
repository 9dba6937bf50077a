/*
 * A whole exchange of SASL over a protocol of lines: what IMAP, POP3 and SMTP have in common
 * (RFC 4422 4). The words around the lines are the protocol's, which gives two functions for them.
 *
 * What a client said, as base64 or not, is wiped as soon as it was used.
 */
#include <mansio/login.h>

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

/* Challenges and responses of one exchange, each once: base64 and decoded. */
enum { ARENA_CAP = 128 * 1024 };

struct run {
    const struct mansio_sasl_carrier *carrier; /* a copy, as large as we know it */
    struct mansio_sasl *sasl;
    struct mansio_arena *arena;
    int is_early; /* the answer to the first challenge is there already */
};

static void wipe(struct mansio_str text)
{
    void *bytes = NULL;
    memcpy(&bytes, &text.ptr, sizeof bytes); /* slices are of what is constant; this isn't */
    if (text.len > 0) {
        explicit_bzero(bytes, text.len);
    }
}

static int decode(struct run *run, struct mansio_str text, struct mansio_str *out)
{
    int rc = mansio_base64_decode(run->arena, text, out);
    wipe(text);
    return rc;
}

/* A challenge, and the client's message. 0; a value of enum mansio_sasl_end; an error. */
static int ask(struct run *run, struct mansio_str challenge, struct mansio_str *out)
{
    const struct mansio_sasl_carrier *carrier = run->carrier;
    struct mansio_str text = MANSIO_STR_NONE;
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = mansio_base64_encode(run->arena, challenge, &text);
    if (rc == 0) {
        rc = carrier->send(carrier->arg, text);
    }
    if (rc < 0) {
        return rc;
    }
    rc = carrier->receive(carrier->arg, &line);
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? MANSIO_SASL_TOO_LONG : rc;
    }
    return mansio_str_eq(line, MANSIO_STR("*")) ? MANSIO_SASL_ABORTED : decode(run, line, out);
}

/* What the first step gets. As ask(). */
static int first_message(struct run *run, struct mansio_str *out)
{
    struct mansio_str initial = run->carrier->initial;
    *out = MANSIO_STR_NONE;
    if (!mansio_sasl_client_begins(run->sasl)) {
        run->is_early = initial.ptr != NULL;
        return !run->is_early || run->carrier->takes_early
                   ? 0
                   : mansio_fail(MANSIO_E_INVALID, "an initial response where the server begins");
    }
    if (initial.ptr == NULL) {
        return ask(run, MANSIO_STR_NONE, out);
    }
    if (mansio_str_eq(initial, MANSIO_STR("="))) {
        *out = MANSIO_STR("");
        return 0;
    }
    return decode(run, initial, out);
}

static int next_message(struct run *run, struct mansio_str challenge, struct mansio_str *out)
{
    if (run->is_early) {
        run->is_early = 0;
        return decode(run, run->carrier->initial, out);
    }
    return ask(run, challenge, out);
}

static int64_t step_deadline(const struct mansio_sasl_carrier *carrier)
{
    int64_t until_us =
        carrier->step_us > 0 ? mansio_deadline_in(carrier->step_us) : carrier->deadline_us;
    return until_us < carrier->deadline_us ? until_us : carrier->deadline_us;
}

/* Up to the mechanism's end. As ask(), but LOGGED_IN for 0. */
static int exchange(struct run *run)
{
    struct mansio_str message = MANSIO_STR_NONE;
    int rc = first_message(run, &message);
    while (rc == 0) {
        struct mansio_str challenge = MANSIO_STR_NONE;
        int progress =
            mansio_sasl_step(run->sasl, message, step_deadline(run->carrier), &challenge);
        wipe(message);
        if (progress < 0) {
            return progress;
        }
        if (progress == MANSIO_SASL_DONE && challenge.len == 0) {
            return MANSIO_SASL_LOGGED_IN;
        }
        rc = next_message(run, challenge, &message);
        if (rc == 0 && progress == MANSIO_SASL_DONE) {
            int is_silent = message.len == 0;
            wipe(message);
            return is_silent ? MANSIO_SASL_LOGGED_IN
                             : mansio_fail(MANSIO_E_INVALID, "words after the exchange's end");
        }
    }
    return rc;
}

/* What the first release's carriers hold: a module built for it gives no less. */
static const size_t carrier_size_min =
    offsetof(struct mansio_sasl_carrier, step_us) + sizeof(int64_t);

int mansio_sasl_run(struct mansio_session *session, struct mansio_str mechanism,
                    const struct mansio_sasl_carrier *given)
{
    struct mansio_sasl_carrier carrier = {0};
    if (given->size < carrier_size_min) {
        return mansio_fail(MANSIO_E_BUG, "a carrier of %zu bytes: its size is not set",
                           given->size);
    }
    memcpy(&carrier, given, given->size < sizeof carrier ? given->size : sizeof carrier);
    struct mansio_arena *arena =
        mansio_arena_new(mansio_session_arena(session), "sasl.run", ARENA_CAP);
    struct run run = {.carrier = &carrier, .arena = arena};
    int rc = mansio_sasl_begin(session, mechanism, arena, &run.sasl);
    if (rc == 0) {
        rc = exchange(&run);
    }
    mansio_arena_free(arena);
    return rc;
}
