/*
 * What an instance decides by its state: which scheme a name means, which decoy stands for it.
 */
#include "auth.h"

#include <mansio/str.h>

const struct auth_scheme *auth_state_scheme(const struct auth_state *state, struct mansio_str name)
{
    const struct auth_scheme *scheme = name.len > 0 ? auth_scheme_find(name) : NULL;

    return scheme != NULL && scheme->is_makeable ? scheme : state->scheme;
}

struct mansio_str auth_state_decoy(const struct auth_state *state, const struct auth_scheme *scheme)
{
    for (size_t i = 0; i < state->decoy_count; i++) {
        if (state->decoys[i].scheme == scheme) {
            return mansio_str_from_cstr(state->decoys[i].text);
        }
    }
    return MANSIO_STR_NONE;
}
