/*
 * The bus between nodes: in the service process, hints of this node go out by NOTIFY, coalesced,
 * and what others notify is published here.
 *
 * A notification's payload is one or more lines "TOPIC HEX": a bus payload may be any bytes. Only
 * topics that concern what nodes share are relayed: "directory", "collection/...", "policy",
 * "spool".
 */
#ifndef MANSIO_MODULES_POSTGRES_RELAY_H
#define MANSIO_MODULES_POSTGRES_RELAY_H

#include "postgres.h"

struct pg_relay;

/* Begin to relay. Never NULL. */
struct pg_relay *pg_relay_new(struct pg *pg);

/* NULL does nothing. @yields yes */
void pg_relay_close(struct pg_relay *relay);

/* What to notify for one hint. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_relay_payload(struct mansio_arena *arena, struct mansio_str topic,
                                       struct mansio_str payload, struct mansio_str *out);

/* Publish what a notification says; lines that are none are passed over. Gives how many were. */
size_t pg_relay_publish(struct mansio_str payload);

/* What a connection that listens has heard, in @p arena: 1; 0: nothing; MANSIO_E_UNAVAILABLE. */
int pg_notification(struct pg_conn *conn, struct mansio_arena *arena, struct mansio_str *out);

#endif
