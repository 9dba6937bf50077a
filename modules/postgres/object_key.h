/*
 * Keys of objects, fields and filters: from what people say to what statements take. Pure but for
 * the arena.
 */
#ifndef MANSIO_MODULES_POSTGRES_OBJECT_KEY_H
#define MANSIO_MODULES_POSTGRES_OBJECT_KEY_H

#include <mansio/buf.h>
#include <mansio/directory.h>

/* A key taken apart; ptr NULL: not given. Names are in their one spelling. */
struct pg_key {
    struct mansio_str a, b, c;
    struct mansio_str text; /* the whole key, in its one spelling */
};

enum pg_field_use {
    PG_FIELDS_ADD = 1,
    PG_FIELDS_SET = 2,
    PG_FIELDS_FILTER = 3,
};

/* The form of a kind; NULL for none. */
const struct mansio_object_form *pg_form_of(uint32_t kind);

/* 0; MANSIO_E_INVALID, and why. */
MANSIO_MUST_CHECK int pg_key_parse(struct mansio_arena *arena, uint32_t kind, struct mansio_str key,
                                   struct pg_key *out);

/* Check fields against the form and make them a JSON object of texts; the filter "key" is left out.
 * 0; MANSIO_E_INVALID, and which one is wrong; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_fields_json(struct mansio_arena *arena,
                                     const struct mansio_object_form *form,
                                     const struct mansio_field *fields, size_t count,
                                     enum pg_field_use use, struct mansio_str *out);

/* An object as JSON, for the audit: what is read only and secrets left out, unless said to be
 * given (@p given, may be NULL): then "(given)". */
MANSIO_MUST_CHECK int pg_object_json(struct mansio_arena *arena,
                                     const struct mansio_object_form *form,
                                     const struct mansio_str *values,
                                     const struct mansio_field *given, size_t given_count,
                                     struct mansio_str *out);

/* The scheme of a stored credential, empty for none, and whether it has SCRAM-SHA-256 keys. */
struct mansio_str pg_stored_scheme(struct mansio_str stored);
int pg_stored_has_scram(struct mansio_str stored);

#endif
