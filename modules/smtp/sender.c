/*
 * Whose an address is: see sender.h.
 *
 * The directory knows no owners of addresses, it knows where they lead; who gets the answers to an
 * address may send as it.
 */
#include "sender.h"

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/str.h>

static int is_same(const struct mansio_account *a, const struct mansio_account *b)
{
    const struct mansio_account_facts *x = mansio_account_facts(a);
    const struct mansio_account_facts *y = mansio_account_facts(b);

    return x->tenant_id == y->tenant_id && x->account_id == y->account_id;
}

/* Did the address lead there only as there is none of that name: by a catch-all, or as every
 * domain's postmaster leads to somebody (RFC 5321 4.5.1)? */
static int is_fallback(struct mansio_str found, struct mansio_str local)
{
    return mansio_str_starts(found, MANSIO_STR("@")) ||
           (mansio_str_ieq(local, MANSIO_STR("postmaster")) &&
            !mansio_str_istarts(found, MANSIO_STR("postmaster@")));
}

int smtp_sender_is_own(struct smtp_session *session, struct mansio_arena *arena,
                       struct mansio_str local, struct mansio_str domain)
{
    const struct mansio_account *account = mansio_session_account(session->session);
    struct mansio_recipient *leads = NULL;

    if (account == NULL || domain.len == 0 || domain.ptr[0] == '[') {
        return 0;
    }
    int rc = mansio_recipient_resolve(arena, local, domain,
                                      mansio_deadline_in(smtp_options(session)->lookup_us), &leads);
    if (rc == MANSIO_E_NOT_FOUND || rc == MANSIO_E_UNSUPPORTED || rc == MANSIO_E_INVALID) {
        return 0; /* no address of ours */
    }
    if (rc < 0) {
        return rc;
    }
    size_t count = mansio_recipient_count(leads);
    if (is_fallback(mansio_recipient_address(leads), local) ||
        (count > 1 && !smtp_options(session)->may_share_senders)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_same(mansio_recipient_account(leads, i), account)) {
            return 1;
        }
    }
    return 0;
}
