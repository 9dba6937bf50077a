/*
 * Fields and filters of objects: from what people say to what statements take. Pure but for the
 * arena.
 */
#ifndef MANSIO_MODULES_POSTGRES_OBJECT_FIELDS_H
#define MANSIO_MODULES_POSTGRES_OBJECT_FIELDS_H

#include <mansio/buf.h>
#include <mansio/directory.h>

enum pg_field_use {
    PG_FIELDS_ADD = 1,
    PG_FIELDS_SET = 2,
    PG_FIELDS_FILTER = 3,
};

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

#endif
