/*
 * Between a command line and the fields of an object: options to fields, fields to what is shown.
 * Pure.
 */
#ifndef MANSIO_CORE_CTL_FIELDS_H
#define MANSIO_CORE_CTL_FIELDS_H

#include "core/ctl/ctl.h"
#include <jansson.h>
#include <mansio/directory.h>

/* A value as people write it ("10G", "yes", "a,b") as a directory wants it ("10737418240", "true",
 * "a b"). 0; MANSIO_E_INVALID with what was expected as the detail. */
MANSIO_MUST_CHECK int core_ctl_field_value(struct mansio_arena *arena,
                                           const struct mansio_field_form *field, const char *text,
                                           struct mansio_str *out);

/* The fields that a command's options give, in @p arena, with room for one more. A field that is
 * taken away has a value with ptr NULL. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_fields(struct mansio_arena *arena, const struct core_ctl_args *args,
                                      struct mansio_field **out, size_t *out_count);

/* MANSIO_E_INVALID, naming the option, if a field that an object needs isn't among those given. */
MANSIO_MUST_CHECK int core_ctl_fields_required(const struct mansio_object_form *form,
                                               const struct mansio_field *fields, size_t count);

/* Text as JSON. Never NULL; what isn't UTF-8 is escaped. */
json_t *core_ctl_text_json(struct mansio_arena *arena, struct mansio_str text);

/* An object as JSON: its key, then its fields, numbers as numbers, lists as arrays. Secrets are
 * left out. Never NULL; what isn't UTF-8 is escaped. */
json_t *core_ctl_object_json(struct mansio_arena *arena, const struct mansio_object_form *form,
                             const struct mansio_object *object);

#endif
