/*
 * App passwords that are made here: easy to type on a phone, hard to guess. Pure.
 */
#ifndef MANSIO_CORE_CTL_APP_PASSWORD_H
#define MANSIO_CORE_CTL_APP_PASSWORD_H

#include <stddef.h>
#include <stdint.h>

enum {
    CORE_CTL_APP_PASSWORD_RANDOM = 20, /* bytes, of which 5 bits each count: 100 bits */
    CORE_CTL_APP_PASSWORD_LEN = 23,    /* four groups of five letters, "-" between */
};

/* "k3fmp-x9wqa-7dchr-2zgtv", without a NUL. */
void core_ctl_app_password(const uint8_t random[CORE_CTL_APP_PASSWORD_RANDOM],
                           char out[CORE_CTL_APP_PASSWORD_LEN]);

#endif
