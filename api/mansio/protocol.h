/*
 * The interface "protocol", version 1: what a module provides to serve listeners.
 *
 * A listener names an instance; the core accepts, counts, limits, opens the session and runs
 * serve() in the conn's first fiber. When serve() returns, the core says goodbye if it was ended
 * from outside, sends what is gathered, and closes.
 */
#ifndef MANSIO_PROTOCOL_H
#define MANSIO_PROTOCOL_H

#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/module.h>
#include <mansio/session.h>

#define MANSIO_PROTOCOL         "protocol"
#define MANSIO_PROTOCOL_VERSION 1

/* What a protocol is like. */
enum mansio_protocol_flags {
    /* It has no way to begin TLS on a conn that is under way: a listener with `tls: starttls` is
     * refused, as it would never have TLS. */
    MANSIO_PROTOCOL_NO_STARTTLS = 1U << 0,
};

struct mansio_protocol {
    size_t size; /* sizeof(struct mansio_protocol) */

    /* The service that policy knows, for listeners that name none: as mansio_session_open(). */
    const char *service;

    /**
     * Serve a conn from greeting to end. Read with MANSIO_READ_IDLE between commands, pass errors
     * up: after MANSIO_E_STOPPING or MANSIO_E_CANCELLED the core writes goodbye()'s words.
     *
     * @param instance  the instance that the listener names
     * @param session   the conn's first session, nameless
     * @return 0 when the dialogue ended as the protocol has it; else the error that ended it
     * @yields yes    @since 1.0
     */
    int (*serve)(struct mansio_instance *instance, struct mansio_session *session);

    /**
     * Word the end of a session that is ended from outside. NULL: nothing is said.
     *
     * @param reason  an enum mansio_reason value, also ones newer than the module
     * @param out     what to send, at most 512 bytes, with its line end
     * @yields no     @since 1.0
     */
    void (*goodbye)(struct mansio_instance *instance, struct mansio_session *session,
                    uint32_t reason, struct mansio_buf *out);

    uint32_t flags;    /* enum mansio_protocol_flags */
    uint32_t reserved; /* 0 */
};

#endif
