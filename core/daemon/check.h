/*
 * Checking a configuration in a child that may die of it: read, parse, load modules (load() runs),
 * compare with what is running, and print the plan back. master's side: check.c; the child's:
 * checker.c.
 */
#ifndef MANSIO_CORE_DAEMON_CHECK_H
#define MANSIO_CORE_DAEMON_CHECK_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct core_config;
struct core_plan;
struct core_source;

struct core_check_request {
    const char *config_path;
    int running_fd; /* source that runs, to compare with; -1: none */
    uint32_t running_generation;
    int state_fd; /* the master's state, which a new binary must be able to read; -1: none */
    int shm_fd;   /* with state_fd */
};

/* Run one. On success the plan and the source are the caller's. On failure @p out_reason says why,
 * in as many lines as there are problems, in @p arena. Yields. */
MANSIO_MUST_CHECK int core_check(struct mansio_arena *arena,
                                 const struct core_check_request *request,
                                 struct core_plan **out_plan, int *out_source_fd,
                                 struct mansio_str *out_reason);

/* The checking child's life; returns its exit status. */
int core_checker_run(void);

/* mansiod --check: the same in this process, with the verdict on the terminal. */
int core_checker_run_here(const char *config_path);

/* mansiod --explain-settings: the core's settings, and, with a configuration, those of its
 * modules. */
int core_checker_explain(const char *config_path);

/* What the master needs of a configuration, into a plan that has an arena (settings.c). */
MANSIO_MUST_CHECK int core_plan_from_config(struct core_plan *plan,
                                            const struct core_config *config);

/* All that is wrong with a configuration, one problem a line: for after a failed read, parse or
 * load. @p source may be NULL. */
struct mansio_str core_check_problems(struct mansio_arena *arena, const struct core_source *source);

#endif
