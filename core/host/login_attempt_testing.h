/*
 * For the tests of logging in: attempts with a name and a password, and how often one suspends.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_ATTEMPT_TESTING_H
#define MANSIO_CORE_HOST_LOGIN_ATTEMPT_TESTING_H

#include "core/host/login_testing.h"

#include "core/base/testing.h"

static struct mansio_str given_name, given_password;

static inline int log_in(struct mansio_session *session)
{
    int rc = mansio_session_login(session, given_name, given_password, MANSIO_NEVER);
    CHECK((rc == 0) == (mansio_session_account(session) != NULL));
    return rc;
}

static inline int attempt(const char *name, const char *password)
{
    given_name = mansio_str_from_cstr(name);
    given_password = mansio_str_from_cstr(password);
    return run_session(log_in);
}

/* ---- suspensions ---- */

static int suspensions, cancel_at;

static inline void on_suspend(struct mansio_fiber *fiber)
{
    if (fiber == node_fiber && ++suspensions == cancel_at) {
        mansio_fiber_cancel(fiber);
    }
}

static inline int count_suspensions(const char *name, const char *password, int *out_result)
{
    suspensions = 0;
    cancel_at = 0;
    node_on_suspend = on_suspend;
    *out_result = attempt(name, password);
    node_on_suspend = NULL;
    return suspensions;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

#endif
