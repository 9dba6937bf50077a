/*
 * Modes: see mode.h.
 */
#include "mode.h"

static const struct smtp_rules RULES[SMTP_MODE_COUNT] = {
    [SMTP_MODE_MX] =
        {
            .greeting = "ESMTP",
            .counts_unknown =
                1, /* strangers; who hands over in LMTP has addresses from elsewhere */
            .cuts_loops = 1,
            .junks_rejected = 1,
        },
    [SMTP_MODE_LMTP] =
        {
            .greeting = "LMTP",
            .answers_each = 1,
            .cuts_loops = 1,
            .keeps_from_port25 = 1,
        },
    [SMTP_MODE_SUBMISSION] =
        {
            .greeting = "ESMTP",
            .wants_login = 1,
            .sends = 1,
            .notifies = 1,
            .repairs = 1,
        },
};

const struct smtp_rules *smtp_mode_rules(uint32_t mode)
{
    return &RULES[mode < SMTP_MODE_COUNT ? mode : SMTP_MODE_MX];
}
