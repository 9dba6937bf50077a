/*
 * Words of policy for people: from an object's JSON, or an audit row's, to one line. Pure.
 */
#ifndef MANSIO_CORE_CTL_POLICY_TEXT_H
#define MANSIO_CORE_CTL_POLICY_TEXT_H

#include "core/ctl/ctl.h"
#include <jansson.h>

/* Append "networks 192.0.2.0/24 unix; tls required"; nothing for a word without conditions.
 * Unescaped. */
void core_ctl_conditions(struct mansio_buf *out, const json_t *word);

/* Append "allow", "deny locked if tls absent; hours Mon-Fri 08:00-18:00 Europe/Rome"; "-" for what
 * is no object: no word at all; "default deny" for the platform. Unescaped. */
void core_ctl_word(struct mansio_buf *out, const json_t *word);

/* "tenant:alpha/pop3" taken apart; empty where it has no such part. */
void core_ctl_split_key(struct mansio_str key, struct mansio_str *out_scope,
                        struct mansio_str *out_owner, struct mansio_str *out_service);

#endif
