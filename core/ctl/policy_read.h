/*
 * What commands about policy read from the directory: an account by any name it logs in with, and
 * words as they stand there.
 */
#ifndef MANSIO_CORE_CTL_POLICY_READ_H
#define MANSIO_CORE_CTL_POLICY_READ_H

#include "core/ctl/admin.h"
#include "core/ctl/policy_words.h"
#include <jansson.h>

/* Whose policy is asked for. Lives in the run's arena. */
struct core_ctl_subject {
    struct mansio_str asked;                    /* the name that was given, in its one spelling */
    const struct mansio_account_facts *account; /* its address differs if an alias was given */
    struct mansio_str domain;                   /* of the account's address */
};

/* Find an account. 0; MANSIO_E_INVALID; MANSIO_E_NOT_FOUND; as the directory. Yields. */
MANSIO_MUST_CHECK int core_ctl_find_subject(struct core_ctl *ctl, const char *name,
                                            struct core_ctl_subject *out);

/* The scope that bears on an account: whose word it would be; a plan's owner may be empty. */
struct mansio_str core_ctl_owner(const struct core_ctl_subject *subject, uint32_t scope);

/* Objects of a kind as JSON rows, appended to an array. @p keep, if not NULL, says which. Yields.
 */
typedef int (*core_ctl_keep_fn)(void *arg, const struct mansio_object *object);
MANSIO_MUST_CHECK int core_ctl_read_rows(struct core_ctl *ctl, uint32_t kind,
                                         const struct mansio_field *filters, size_t count,
                                         core_ctl_keep_fn keep, void *arg, json_t *rows);

/* The word of a scope for a service as JSON; *out NULL: it has none. json_decref() it. Yields. */
MANSIO_MUST_CHECK int core_ctl_read_word(struct core_ctl *ctl, uint32_t scope,
                                         struct mansio_str owner, struct mansio_str service,
                                         json_t **out);

/* The platform's default: "allow" or "deny", in the run's arena. Yields. */
MANSIO_MUST_CHECK int core_ctl_read_default(struct core_ctl *ctl, struct mansio_str *out);

/* --limit, or @p otherwise. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_read_limit(const struct core_ctl_args *args, size_t otherwise,
                                          size_t *out);

#endif
