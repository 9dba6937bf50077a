/*
 * What a process has loaded, as facts for the master: build ids, module files, and the regular
 * files that PATH settings name (keys, certificates). The checking child puts them into the plan,
 * every later child reports its own, and the master compares.
 */
#ifndef MANSIO_CORE_DAEMON_FACTS_H
#define MANSIO_CORE_DAEMON_FACTS_H

struct core_config;
struct core_modules;
struct core_plan;

/* Fill the facts of @p plan, and its instances, from what is loaded; in the plan's arena. */
void core_facts_collect(struct core_plan *plan, const struct core_config *config,
                        struct core_modules *modules);

#endif
