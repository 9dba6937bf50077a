/*
 * Keys of objects: from what people say to what statements take. Pure but for the arena.
 */
#ifndef MANSIO_MODULES_POSTGRES_OBJECT_KEY_H
#define MANSIO_MODULES_POSTGRES_OBJECT_KEY_H

#include <mansio/buf.h>
#include <mansio/directory.h>

/* A key taken apart; ptr NULL: not given. Names are in their one spelling. Of a word of policy: the
 * scope's name, its owner (empty: the platform), the service; of a network: its tenant (empty: the
 * platform), its name. */
struct pg_key {
    struct mansio_str a, b, c;
    struct mansio_str text; /* the whole key, in its one spelling */
};

/* The form of a kind; NULL for none. */
const struct mansio_object_form *pg_form_of(uint32_t kind);

/* 0; MANSIO_E_INVALID, and why. */
MANSIO_MUST_CHECK int pg_key_parse(struct mansio_arena *arena, uint32_t kind, struct mansio_str key,
                                   struct pg_key *out);

/* The scheme of a stored credential, empty for none, and whether it has SCRAM-SHA-256 keys. */
struct mansio_str pg_stored_scheme(struct mansio_str stored);
int pg_stored_has_scram(struct mansio_str stored);

#endif
