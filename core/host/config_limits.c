/*
 * The limits that all workers share: made of settings and checked. Counts nothing.
 */
#include "core/host/config_limits.h"

#include "core/host/settings.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { CONNS_NETWORK_TIMES = 10 }; /* what an address may */

/* The settings that are just a number of enum core_limit_id. */
static const struct {
    const char *name;
    enum core_limit_id id;
} numbers[] = {
    {"connections", CORE_LIMIT_CONNS},
    {"connections_per_address", CORE_LIMIT_CONNS_ADDRESS},
    {"sessions_per_account", CORE_LIMIT_SESSIONS_ACCOUNT},
    {"sessions_per_tenant", CORE_LIMIT_SESSIONS_TENANT},
    {"messages_per_address", CORE_LIMIT_MESSAGES_ADDRESS},
    {"messages_per_network", CORE_LIMIT_MESSAGES_NETWORK},
    {"messages_per_account", CORE_LIMIT_MESSAGES_ACCOUNT},
    {"messages_per_tenant", CORE_LIMIT_MESSAGES_TENANT},
    {"recipients_per_address", CORE_LIMIT_RECIPIENTS_ADDRESS},
    {"recipients_per_network", CORE_LIMIT_RECIPIENTS_NETWORK},
    {"recipients_per_account", CORE_LIMIT_RECIPIENTS_ACCOUNT},
    {"recipients_per_tenant", CORE_LIMIT_RECIPIENTS_TENANT},
    {"misses_per_address", CORE_LIMIT_MISSES_ADDRESS},
    {"misses_per_network", CORE_LIMIT_MISSES_NETWORK},
    {"tarpit_places", CORE_LIMIT_TARPIT},
};

static int take_exempt(struct core_config *config, struct core_problems *problems,
                       const struct mansio_settings *section)
{
    size_t count = mansio_settings_count(section, "exempt");
    struct core_network *list = mansio_arena_try_alloc(config->arena, (count + 1) * sizeof *list);
    struct core_config_limits *limits = &config->limits;
    if (list == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        struct mansio_str item = mansio_settings_item(section, "exempt", i);
        if (core_network_parse(item, &list[limits->exempt_count]) < 0) {
            core_problems_add(problems, core_settings_item_place(section, "exempt", i),
                              "limits.exempt: %s", mansio_error_detail());
        } else {
            limits->exempt_count++;
        }
    }
    limits->exempt = list;
    return 0;
}

uint32_t core_config_of_networks(const struct mansio_settings *section, const char *name,
                                 uint32_t per_address, uint32_t times)
{
    int64_t given = mansio_settings_int(section, name);
    uint64_t derived = (uint64_t)per_address * times;
    return given >= 0 ? (uint32_t)given : derived > UINT32_MAX ? UINT32_MAX : (uint32_t)derived;
}

int core_config_take_limits(struct core_config *config, struct core_problems *problems)
{
    const struct mansio_settings *section = mansio_settings_section(config->settings, "limits");
    struct core_config_limits *limits = &config->limits;
    for (size_t i = 0; i < MANSIO_COUNT(numbers); i++) {
        limits->max[numbers[i].id] = (uint32_t)mansio_settings_int(section, numbers[i].name);
    }
    limits->max[CORE_LIMIT_CONNS_NETWORK] =
        core_config_of_networks(section, "connections_per_network",
                                limits->max[CORE_LIMIT_CONNS_ADDRESS], CONNS_NETWORK_TIMES);
    limits->ipv4_prefix = (uint32_t)mansio_settings_int(section, "ipv4_prefix");
    limits->ipv6_prefix = (uint32_t)mansio_settings_int(section, "ipv6_prefix");
    limits->window_us = mansio_settings_int(section, "window");
    limits->misses_free = (uint32_t)mansio_settings_int(section, "misses_free");
    limits->tarpit_us = mansio_settings_int(section, "tarpit_delay");
    limits->tarpit_max_us = mansio_settings_int(section, "tarpit_delay_max");
    return take_exempt(config, problems, section);
}
