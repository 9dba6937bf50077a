/*
 * Settings: what a module can be told, declared in a table.
 *
 * The core parses the YAML file, checks each value against its row, names file, line and column
 * in every error, and prints the reference documentation from the same table
 * (mansiod --explain-settings). The module reads checked values by name.
 */
#ifndef MANSIO_SETTINGS_H
#define MANSIO_SETTINGS_H

#include <mansio/arena.h>
#include <mansio/base.h>

/** Opaque: the values of one section. */
struct mansio_settings;

enum mansio_setting_type {
    MANSIO_SETTING_BOOL = 1, /* true, false, yes, no, on, off */
    MANSIO_SETTING_INT = 2,  /* a whole number; min and max apply */
    MANSIO_SETTING_SIZE = 3, /* bytes: 4096, 64K, 10M, 2G (powers of 1024) */
    MANSIO_SETTING_DURATION =
        4,                     /* microseconds in code; 250us, 10ms, 30s, 5m, 2h, 1d in the file */
    MANSIO_SETTING_STRING = 5, /* text without NUL; min and max bound its length in bytes */
    MANSIO_SETTING_CHOICE = 6, /* one of choices; its index in code */
    MANSIO_SETTING_SECRET = 7, /* {file: PATH} or {env: NAME}, or, discouraged, the text itself */
    MANSIO_SETTING_PATH = 8,   /* a file's path; relative to the file that says it. Whether
                                * there is a file is not looked at */
    MANSIO_SETTING_LIST = 9,   /* strings; min and max bound their number */
    MANSIO_SETTING_SECTION = 10, /* settings below this one: children */
    MANSIO_SETTING_MAP = 11,     /* named sections of one form: children; min, max their number */
};

enum mansio_setting_flags {
    /* A change reaches running modules by reconfigure(). On a SECTION, LIST or MAP it covers all
     * below. */
    MANSIO_SETTING_LIVE = 1,
    /* No default: where the file has the section, it must say this. So a SECTION that may be left
     * out can have required settings; one that may not is REQUIRED itself. */
    MANSIO_SETTING_REQUIRED = 2,
};

/** One row of a settings table. Fill it with MANSIO_SETTING(). */
struct mansio_setting {
    size_t size;                /* sizeof(struct mansio_setting): also the table's stride */
    const char *name;           /* lower-case letters, digits, '_'; at most 63 bytes */
    uint32_t type;              /* enum mansio_setting_type */
    uint32_t flags;             /* enum mansio_setting_flags */
    const char *unit;           /* for people: "connections"; NULL for none */
    const char *default_text;   /* as the file would say it; NULL: zero, empty, first choice */
    const char *help;           /* one line */
    int64_t min, max;           /* inclusive; both 0: the type's own range. Else both are meant: a
                                 * min alone is above its max of 0, and refused */
    const char *const *choices; /* NULL-terminated; for CHOICE */
    const struct mansio_setting *children; /* for SECTION and MAP */
    size_t child_count;
};

#define MANSIO_SETTING(...)                                                                        \
    {                                                                                              \
        .size = sizeof(struct mansio_setting), __VA_ARGS__                                         \
    }

/*
 * Reading. A name that the table does not declare, or another type, is a programming mistake and
 * stops the process. What is returned lives as long as the settings handle.
 */

/** The value of a BOOL (0 or 1), INT, SIZE (bytes), DURATION (microseconds) or CHOICE (index).
 * @yields no @since 1.0 */
MANSIO_EXPORT int64_t mansio_settings_int(const struct mansio_settings *settings, const char *name);

/** The value of a STRING, PATH (absolute) or CHOICE (its word). A NUL follows the last byte.
 * @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_settings_str(const struct mansio_settings *settings,
                                                    const char *name);

/** The value of a SECRET; NULL if the file says nothing. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_secret *mansio_settings_secret(
    const struct mansio_settings *settings, const char *name);

/** Number of items of a LIST or sections of a MAP. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_settings_count(const struct mansio_settings *settings,
                                           const char *name);

/** Item of a LIST. @param index  below mansio_settings_count() @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_settings_item(const struct mansio_settings *settings,
                                                     const char *name, size_t index);

/** The values below a SECTION; defaults if the file says nothing. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_settings *mansio_settings_section(
    const struct mansio_settings *settings, const char *name);

/**
 * A section of a MAP, in the file's order.
 *
 * @param index    below mansio_settings_count()
 * @param out_key  its name in the file; may be NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT const struct mansio_settings *mansio_settings_entry(
    const struct mansio_settings *settings, const char *name, size_t index,
    struct mansio_str *out_key);

/** 1 if the file says it, 0 if it is the default. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_settings_is_set(const struct mansio_settings *settings, const char *name);

/**
 * Refuse a value for a reason that the table can't express; for load() and reconfigure().
 *
 * @param name    the setting, NULL for the section itself
 * @param format  what was found and what was expected
 * @return MANSIO_E_INVALID, with "file:line:column: name: ..." as the detail
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_settings_fail(const struct mansio_settings *settings, const char *name,
                                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
