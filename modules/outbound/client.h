/*
 * An SMTP client (RFC 5321): a connection to one address of one host, over which jobs go one after
 * the other.
 *
 * What goes wrong with a connection is told in `fault`: what to say of those whose turn it was. A
 * fault with is_final means that another host can't help now (the message may have been taken, or
 * the claim is lost).
 */
#ifndef MANSIO_MODULES_OUTBOUND_CLIENT_H
#define MANSIO_MODULES_OUTBOUND_CLIENT_H

#include "command.h"
#include "outbound.h"
#include "text.h"

struct ob_client {
    struct mansio_arena *arena; /* ends with the connection */
    struct mansio_arena *step;  /* ends with each command */
    struct mansio_stream *stream;
    const struct ob_options *options;
    struct ob_module *module;
    const struct ob_relay *relay;
    struct mansio_str host;   /* its name, or a literal */
    struct mansio_str remote; /* for people: "mx.example.org[192.0.2.1]:25" */
    struct ob_offer offer;
    struct ob_reply *reply;
    struct ob_outcome fault;
    int is_tls_fault; /* it was TLS that failed: without it may work */
    int is_final;     /* see above */
    int is_tls;
    int is_closing;   /* nothing more can be sent over it */
    int is_open_mail; /* a transaction was begun and not ended */
    size_t messages;  /* sent over it */
};

/** A client that isn't connected. */
struct ob_client *ob_client_new(struct ob_module *module, const struct ob_options *options,
                                const struct ob_relay *relay);

/**
 * Connect, and be greeted, protected and known.
 *
 * @param host       its name
 * @param address    text, without port
 * @param with_tls   0: STARTTLS isn't tried, whatever the server offers
 * @return 0; a code, with the fault told
 * @yields yes
 */
MANSIO_MUST_CHECK int ob_client_open(struct ob_client *client, struct mansio_str host,
                                     struct mansio_str address, int with_tls);

/** 1 if another job can go over it. */
int ob_client_is_usable(const struct ob_client *client);

/**
 * Send a job's message to those of its items that have no outcome yet.
 *
 * @return 0: all have one; a code: the fault is told, and those without an outcome have none
 * @yields yes
 */
MANSIO_MUST_CHECK int ob_client_send(struct ob_client *client, struct ob_job *job);

/** Say goodbye, if that makes sense, and end it. @yields yes */
void ob_client_close(struct ob_client *client);

/* ---- shared by client.c, hello.c and transaction.c */

/** Send what is in a buffer. @param doing  "MAIL": for the fault */
MANSIO_MUST_CHECK int ob_say(struct ob_client *client, const char *doing, struct mansio_str text,
                             int64_t timeout_us);

/** Read a reply. @return its code; a code of an error, with the fault told */
MANSIO_MUST_CHECK int ob_hear(struct ob_client *client, const char *doing, int64_t timeout_us);

/** Both. */
MANSIO_MUST_CHECK int ob_ask(struct ob_client *client, const char *doing, struct mansio_str text,
                             int64_t timeout_us);

/** The reply that was read is the fault. @return MANSIO_E_DENIED */
int ob_reply_fault(struct ob_client *client, const char *subject);

/** A failure of ours is. @return @p code */
int ob_own_fault(struct ob_client *client, int code, const char *status, const char *doing);

/** Greeting to AUTH. */
MANSIO_MUST_CHECK int ob_greet(struct ob_client *client, int with_tls);

#endif
