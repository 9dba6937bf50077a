/*
 * wrong: modules that the loader must refuse, one for each macro from the command line. What they
 * get wrong is what real ones could: another release's headers, a forgotten macro, a stray symbol.
 */
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/module.h>

#ifdef WRONG_MAJOR
#undef MANSIO_ABI_MAJOR
#define MANSIO_ABI_MAJOR 2
#endif
#ifdef WRONG_MINOR
#undef MANSIO_ABI_TARGET
#define MANSIO_ABI_TARGET 9
#endif

extern int mansio_frobnicate(void); /* of a libmansio to come */
extern void core_loop_stop(void);   /* of MANSIO_PRIVATE */
extern int nobody_has_this(void);

static int wrong_load(struct mansio_instance *instance)
{
#if defined(WRONG_VERSION)
    return mansio_frobnicate();
#elif defined(WRONG_PRIVATE)
    core_loop_stop();
#elif defined(WRONG_SYMBOL)
    return nobody_has_this();
#endif
    return mansio_instance_name(instance).len > 0 ? 0 : mansio_fail(MANSIO_E_BUG, "no name");
}

#if defined(WRONG_SETTINGS)
static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "Bad Name", .type = MANSIO_SETTING_INT, .help = "Not a name."),
};
#else
static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "fine", .type = MANSIO_SETTING_INT, .help = "A name."),
};
#endif

#if defined(WRONG_METRICS)
static const struct mansio_metric metrics[] = {
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .help = "Once."),
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .help = "Twice."),
};
#elif defined(WRONG_METRIC_UNIT)
static const struct mansio_metric metrics[] = {
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .unit = "furlongs", .help = "."),
};
#else
static const struct mansio_metric metrics[] = {
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .help = "Once."),
};
#endif

#ifdef WRONG_NO_SETTING_COUNT
#define SETTING_COUNT 0
#else
#define SETTING_COUNT MANSIO_COUNT(settings)
#endif
#ifdef WRONG_NO_METRIC_COUNT
#define METRIC_COUNT 0
#else
#define METRIC_COUNT MANSIO_COUNT(metrics)
#endif

#define DESCRIPTION                                                                                \
    .summary = "Wrong.", .load = wrong_load, .settings = settings, .setting_count = SETTING_COUNT, \
    .metrics = metrics, .metric_count = METRIC_COUNT

#if defined(WRONG_NO_NOTE) || defined(WRONG_OTHER_NAME) || defined(WRONG_SIZE)
#ifndef WRONG_NO_NOTE
MANSIO_NOTE_("wrong", "1.0", "");
#endif
extern MANSIO_EXPORT const struct mansio_module mansio_module;
const struct mansio_module mansio_module = {
#ifdef WRONG_SIZE
    .size = 24,
#else
    .size = sizeof(struct mansio_module),
#endif
    .abi_major = MANSIO_ABI_MAJOR,
    .abi_minor = MANSIO_ABI_TARGET,
    .name = "righteous",
    .version = "1.0",
    DESCRIPTION};
#elif defined(WRONG_NO_DESCRIPTOR)
MANSIO_NOTE_("wrong", "1.0", "");
extern MANSIO_EXPORT int (*const other_symbol)(struct mansio_instance *);
int (*const other_symbol)(struct mansio_instance *) = wrong_load;
extern MANSIO_EXPORT const struct mansio_setting *const other_settings;
const struct mansio_setting *const other_settings = settings;
extern MANSIO_EXPORT const struct mansio_metric *const other_metrics;
const struct mansio_metric *const other_metrics = metrics;
#elif defined(WRONG_REQUIRED)
MANSIO_MODULE("wrong", "1.0", "store", DESCRIPTION);
#elif defined(WRONG_NAME)
MANSIO_MODULE("Wrong Name", "1.0", "", DESCRIPTION);
#else
MANSIO_MODULE("wrong", "1.0", "", DESCRIPTION);
#endif
