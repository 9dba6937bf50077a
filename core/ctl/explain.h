/*
 * An explanation of what the gate would say: each scope's word, what it came to, which decided.
 * From a verdict to JSON, from that to text. Pure.
 */
#ifndef MANSIO_CORE_CTL_EXPLAIN_H
#define MANSIO_CORE_CTL_EXPLAIN_H

#include "core/ctl/ctl.h"
#include "core/host/policy.h"
#include <jansson.h>
#include <mansio/account.h>

/* What is explained. All borrowed. */
struct core_ctl_explained {
    struct mansio_str asked; /* the login name, in its one spelling */
    const struct mansio_account_facts *account;
    const struct core_policy_facts *facts;
    const struct core_policy_verdict *verdict;
    uint32_t default_verb;
    struct mansio_str owners[CORE_POLICY_SCOPES]; /* [scope - 1]; empty: none */
    const json_t *words[CORE_POLICY_SCOPES];      /* their objects; NULL: none */
    struct mansio_str network;                    /* as given; empty: any */
    const json_t *assumed;                        /* names of facts that nobody gave: an array */
    const json_t *notes;                          /* texts: an array */
};

/* "silent", "allows", "denies", "unmet". */
const char *core_ctl_said_name(uint32_t said);

/* "main", "app", "certificate". */
const char *core_ctl_credential_name(uint32_t kind);

/* As JSON: mansioctl(8) has its members. Never NULL. */
json_t *core_ctl_explain_json(struct mansio_arena *arena,
                              const struct core_ctl_explained *explained);

/* That JSON for people. */
int core_ctl_explain_text(struct core_ctl *ctl, const json_t *explained, struct mansio_buf *out);

#endif
