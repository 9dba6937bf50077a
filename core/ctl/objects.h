/*
 * Commands about objects of the directory, made from the forms that all directories share
 * (mansio_object_forms()): a kind or a field that is added there is a command or an option here.
 */
#ifndef MANSIO_CORE_CTL_OBJECTS_H
#define MANSIO_CORE_CTL_OBJECTS_H

#include "core/ctl/ctl.h"
#include <mansio/directory.h>

enum { CORE_CTL_OBJECT_COMMANDS_MAX = 64 };

/* Append the commands, unsorted, to a table with that much room. Returns how many there are. Texts
 * are made in @p arena. */
size_t core_ctl_object_commands(struct mansio_arena *arena, struct core_ctl_command *out);

/* The form of a kind; NULL for a kind that is none. */
const struct mansio_object_form *core_ctl_form(uint32_t kind);

/* A form's field by its place: forms' tables have a stride of their own. */
const struct mansio_field_form *core_ctl_form_field(const struct mansio_object_form *form,
                                                    size_t index);

/* A form's field by its name; NULL if it has none. */
const struct mansio_field_form *core_ctl_find_field(const struct mansio_object_form *form,
                                                    struct mansio_str name);

#endif
