/*
 * Fields of words of policy, of networks and of app passwords: checked, brought into one spelling.
 * Pure but for the arena.
 */
#ifndef MANSIO_MODULES_POSTGRES_POLICY_FIELDS_H
#define MANSIO_MODULES_POSTGRES_POLICY_FIELDS_H

#include <mansio/directory.h>

/* Check a value of a field of these forms. @p value  replaced by its one spelling
 * 1: done; 0: not a field that this knows; MANSIO_E_INVALID, and what was expected;
 * MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_policy_value(struct mansio_arena *arena,
                                      const struct mansio_object_form *form, struct mansio_str name,
                                      struct mansio_str *value);

/* Names: of a service (as mansio_session_open() has it), of a network. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int pg_service_check(struct mansio_str name);
MANSIO_MUST_CHECK int pg_network_name_check(struct mansio_str name);

#endif
