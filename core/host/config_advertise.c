/*
 * How mail programs are told to reach a listener (mansio/discovery.h): as it is bound, by another
 * host or port, for a proxy or address translation stands before it, or not at all.
 */
#include "core/host/config_advertise.h"

#include <stdio.h>

#include "core/host/settings.h"
#include "core/net/domain.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { PORT_MAX = 65535 };

static const char expected[] = "\"no\", mail.example.org, mail.example.org:993 or :993";

static void complain(struct core_problems *problems, const struct mansio_settings *entry,
                     struct mansio_str text)
{
    char quoted[CORE_QUOTE_MAX];
    core_problems_add(problems, core_settings_place(entry, "advertise"),
                      "%.*s.advertise: found %s, expected %s", MANSIO_STR_ARG(entry->path),
                      core_quote(text, quoted), expected);
}

static int take_port(struct mansio_str text, uint32_t *out)
{
    return mansio_parse_u32(text, PORT_MAX, out) == 0 && *out > 0 ? 0 : MANSIO_E_INVALID;
}

int core_config_take_advertise(const struct core_config *config, struct core_problems *problems,
                               const struct mansio_settings *entry,
                               struct core_config_listener *out)
{
    struct mansio_str text = mansio_settings_str(entry, "advertise");
    ptrdiff_t colon = mansio_str_find_char(text, ':');
    struct mansio_str host = colon < 0 ? text : mansio_str_sub(text, 0, (size_t)colon);
    int rc = 0;
    out->is_advertised = !mansio_str_eq(text, MANSIO_STR("no"));
    out->advertise_host = MANSIO_STR_NONE;
    out->advertise_port = 0;
    if (!out->is_advertised || text.len == 0) {
        return 0;
    }
    if (colon >= 0) {
        rc = take_port(mansio_str_sub(text, (size_t)colon + 1, SIZE_MAX), &out->advertise_port);
    }
    if (rc == 0 && host.len > 0) {
        rc = core_domain_normalize(config->arena, host, 0, &out->advertise_host);
    }
    if (rc == MANSIO_E_INVALID) {
        complain(problems, entry, text);
    }
    return rc == MANSIO_E_INVALID ? 0 : rc;
}
