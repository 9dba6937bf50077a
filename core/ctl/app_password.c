/*
 * Random bytes to a password of letters and digits that nobody takes for one another: no l and 1,
 * no o and 0, one case.
 */
#include "core/ctl/app_password.h"

enum { GROUP = 5 };

static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
_Static_assert(sizeof letters - 1 == 32, "five bits a letter, none more likely than another");
_Static_assert(CORE_CTL_APP_PASSWORD_LEN ==
                   CORE_CTL_APP_PASSWORD_RANDOM + CORE_CTL_APP_PASSWORD_RANDOM / GROUP - 1,
               "a dash between groups");

void core_ctl_app_password(const uint8_t random[CORE_CTL_APP_PASSWORD_RANDOM],
                           char out[CORE_CTL_APP_PASSWORD_LEN])
{
    size_t len = 0;
    for (size_t i = 0; i < CORE_CTL_APP_PASSWORD_RANDOM; i++) {
        if (i > 0 && i % GROUP == 0) {
            out[len++] = '-';
        }
        out[len++] = letters[random[i] % 32];
    }
}
