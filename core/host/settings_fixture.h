/*
 * A settings table that has every type, for tests and fuzzing. No part of the library.
 */
#ifndef MANSIO_CORE_HOST_SETTINGS_FIXTURE_H
#define MANSIO_CORE_HOST_SETTINGS_FIXTURE_H

#include <mansio/base.h>
#include <mansio/settings.h>

static const char *const fixture_colours[] = {"red", "green", "blue", NULL};

static const struct mansio_setting fixture_leaf[] = {
    MANSIO_SETTING(.name = "certificate", .type = MANSIO_SETTING_PATH,
                   .flags = MANSIO_SETTING_REQUIRED, .help = "A file"),
    MANSIO_SETTING(.name = "verify_depth", .type = MANSIO_SETTING_INT, .default_text = "4",
                   .min = 1, .max = 9, .help = "A number"),
};

static const struct mansio_setting fixture_entry[] = {
    MANSIO_SETTING(.name = "weight", .type = MANSIO_SETTING_INT, .flags = MANSIO_SETTING_REQUIRED,
                   .min = -5, .max = 5, .help = "A number"),
    MANSIO_SETTING(.name = "tls", .type = MANSIO_SETTING_SECTION, .help = "A section within",
                   .children = fixture_leaf, .child_count = MANSIO_COUNT(fixture_leaf)),
};

static const struct mansio_setting fixture_timeouts[] = {
    MANSIO_SETTING(.name = "command", .type = MANSIO_SETTING_DURATION, .default_text = "5m",
                   .flags = MANSIO_SETTING_LIVE, .min = 1000000, .max = 3600000000,
                   .help = "Between commands"),
    MANSIO_SETTING(.name = "data", .type = MANSIO_SETTING_DURATION, .help = "Within a body"),
};

static const struct mansio_setting fixture_rows[] = {
    MANSIO_SETTING(.name = "flag", .type = MANSIO_SETTING_BOOL, .default_text = "on",
                   .help = "A switch"),
    MANSIO_SETTING(.name = "number", .type = MANSIO_SETTING_INT, .unit = "lines",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "7", .min = 1, .max = 100,
                   .help = "A number | with a bar"),
    MANSIO_SETTING(.name = "any", .type = MANSIO_SETTING_INT, .help = "Any number"),
    MANSIO_SETTING(.name = "memory", .type = MANSIO_SETTING_SIZE, .default_text = "64K",
                   .max = 1 << 30, .help = "Bytes"),
    MANSIO_SETTING(.name = "wait", .type = MANSIO_SETTING_DURATION, .default_text = "1m",
                   .help = "A duration"),
    MANSIO_SETTING(.name = "greeting", .type = MANSIO_SETTING_STRING, .default_text = "hello",
                   .flags = MANSIO_SETTING_LIVE, .min = 1, .max = 20, .help = "A text"),
    MANSIO_SETTING(.name = "colour", .type = MANSIO_SETTING_CHOICE, .choices = fixture_colours,
                   .default_text = "green", .help = "A word"),
    MANSIO_SETTING(.name = "password", .type = MANSIO_SETTING_SECRET, .help = "A secret"),
    MANSIO_SETTING(.name = "folder", .type = MANSIO_SETTING_PATH, .default_text = "/var/x",
                   .help = "A path"),
    MANSIO_SETTING(.name = "names", .type = MANSIO_SETTING_LIST, .default_text = "[one, \"two\"]",
                   .min = 1, .max = 3, .help = "Texts"),
    MANSIO_SETTING(.name = "others", .type = MANSIO_SETTING_LIST, .help = "Any number of texts"),
    MANSIO_SETTING(.name = "timeouts", .type = MANSIO_SETTING_SECTION, .help = "A section",
                   .children = fixture_timeouts, .child_count = MANSIO_COUNT(fixture_timeouts)),
    MANSIO_SETTING(.name = "tls", .type = MANSIO_SETTING_SECTION, .help = "May be left out",
                   .children = fixture_leaf, .child_count = MANSIO_COUNT(fixture_leaf)),
    MANSIO_SETTING(.name = "servers", .type = MANSIO_SETTING_MAP, .max = 3, .help = "Named",
                   .children = fixture_entry, .child_count = MANSIO_COUNT(fixture_entry)),
    MANSIO_SETTING(.name = "peers", .type = MANSIO_SETTING_MAP, .flags = MANSIO_SETTING_LIVE,
                   .help = "Named and live", .children = fixture_timeouts,
                   .child_count = MANSIO_COUNT(fixture_timeouts)),
};

static inline const struct mansio_setting *fixture_table(size_t *out_count)
{
    *out_count = MANSIO_COUNT(fixture_rows);
    return fixture_rows;
}

#endif
