/*
 * What a reload has to do: a pure function of the plan that runs and the plan that was checked.
 */
#ifndef MANSIO_CORE_DAEMON_DECIDE_H
#define MANSIO_CORE_DAEMON_DECIDE_H

#include <jansson.h>

struct core_build_ids;
struct core_plan;

enum core_decision {
    CORE_DECISION_UNCHANGED = 0,  /* nothing to do */
    CORE_DECISION_LIVE = 1,       /* hand the settings to running modules */
    CORE_DECISION_GENERATION = 2, /* start N+1 */
    CORE_DECISION_UPGRADE = 3,    /* the binary itself was replaced */
};

/* What to do. @p own: the master's build ids; after an upgrade they differ from those of the plan
 * that runs. @p is_forced: at least a new generation. Each change found is appended to @p changes
 * (a JSON array of texts for people). */
enum core_decision core_decide(const struct core_build_ids *own, const struct core_plan *running,
                               const struct core_plan *checked, int is_forced, json_t *changes);

/* What a child has mapped, against the plan of its generation: modules and binaries. Other files
 * don't count here: a module may write to one that a setting names, and children come and go. */
enum core_match {
    CORE_MATCH_SAME = 0,
    CORE_MATCH_MODULES = 1, /* other modules or files: a generation N+1 must be checked */
    CORE_MATCH_BINARY = 2,  /* another mansiod or libmansio: a binary upgrade */
};
enum core_match core_match(const struct core_plan *plan, const struct core_plan *facts);

/* "generation", "live", ... as in control.md. */
const char *core_decision_name(enum core_decision decision);

#endif
