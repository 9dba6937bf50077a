/*
 * The note MANSIO of a module's file (layout: mansio/module.h), taken apart and judged: all that
 * can be known of a module before any of its code runs. Pure.
 */
#ifndef MANSIO_CORE_HOST_MODULE_NOTE_H
#define MANSIO_CORE_HOST_MODULE_NOTE_H

#include <mansio/base.h>

/* Slices point into the note. */
struct core_note {
    uint32_t abi_major, abi_minor;
    struct mansio_str name, version, build_tag, required;
};

enum { CORE_INTERFACE_NAME_MAX = 31 };

/* Take a note's description apart. MANSIO_E_INVALID if it isn't well-formed. */
MANSIO_MUST_CHECK int core_note_read(const char *file, struct mansio_str description,
                                     struct core_note *out);

/* Does this core take it? Equal major, minor not above ours, same build tag. MANSIO_E_UNSUPPORTED,
 * naming wanted and found. */
MANSIO_MUST_CHECK int core_note_judge(const char *file, const struct core_note *note);

/* The next of the required interfaces. @p rest: what is left of core_note.required. Returns 1 with
 * one, 0 at the end, MANSIO_E_INVALID for a text that isn't "NAME/VERSION NAME/VERSION ...". */
MANSIO_MUST_CHECK int core_note_next_required(const char *file, struct mansio_str *rest,
                                              struct mansio_str *out_name, uint32_t *out_version);

/* Lower-case letters, digits, '-', a letter first; 1 to CORE_INTERFACE_NAME_MAX bytes: modules,
 * interfaces, services. */
int core_name_is_valid(struct mansio_str name);

#endif
