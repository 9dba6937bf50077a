/*
 * What a reply or a failure means (RFC 5321 4.2.1): 4yz is tried again, 5yz goes back to the
 * sender, and so does what nobody can take; everything else is tried again.
 */
#include "outbound.h"

#include <stdio.h>
#include <string.h>

#include <mansio/str.h>

static struct mansio_str kept(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_str copy = MANSIO_STR_NONE;
    return text.len > 0 && mansio_arena_copy(arena, text, &copy) == 0 ? copy : MANSIO_STR_NONE;
}

void ob_outcome_set(struct ob_outcome *outcome, struct mansio_arena *arena, uint32_t kind,
                    const char *status, struct mansio_str remote, struct mansio_str reply,
                    struct mansio_str reason)
{
    *outcome = (struct ob_outcome){
        .kind = kind,
        .remote = kept(arena, remote),
        .reply = kept(arena, reply),
        .reason = kept(arena, reason),
    };
    (void)snprintf(outcome->status, sizeof outcome->status, "%s", status);
}

void ob_outcome_reply(struct ob_outcome *outcome, struct mansio_arena *arena,
                      const struct ob_reply *reply, const char *subject, struct mansio_str remote)
{
    char status[OB_STATUS_MAX];
    uint32_t kind = reply->code / 100 == 5 ? OB_REFUSED : OB_DEFERRED;

    if (reply->status[0] != '\0' && (reply->code >= 400)) {
        memcpy(status, reply->status, sizeof status);
    } else {
        (void)snprintf(status, sizeof status, "%c.%s", kind == OB_REFUSED ? '5' : '4', subject);
    }
    ob_outcome_set(outcome, arena, kind, status, remote, ob_reply_text(reply), MANSIO_STR_NONE);
}

struct mansio_str ob_outcome_text(const struct ob_outcome *outcome, struct mansio_arena *arena)
{
    struct mansio_str from = outcome->reply.len > 0 ? outcome->reply : outcome->reason;
    struct mansio_str text = MANSIO_STR_NONE;

    if (outcome->reply.len > 0 && outcome->remote.len > 0) {
        if (mansio_arena_printf(arena, &text, "%.*s: %.*s", MANSIO_STR_ARG(outcome->remote),
                                MANSIO_STR_ARG(from)) < 0) {
            return MANSIO_STR_NONE;
        }
    } else if (mansio_arena_copy(arena, from, &text) < 0) {
        return MANSIO_STR_NONE;
    }
    /* Ours, just made. */
    char *bytes = (char *)(uintptr_t)text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        bytes[i] = (char)((unsigned char)bytes[i] < ' ' ? ' ' : bytes[i]);
    }
    return text;
}
