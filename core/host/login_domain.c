/*
 * Whose domain a client asked for: by the server name of its TLS, as directories know it. Answers
 * are kept for seconds, since every EHLO and CAPA asks; in a table of fixed size, whose rows give
 * way to each other. Rows know names by a keyed hash alone.
 */
#include "core/host/login.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/hash.h"
#include "core/host/account.h"
#include "core/host/login_channel.h"

enum { ROWS = 256 };

#define KEPT_US (5 * MANSIO_SECOND)
#define ASK_US  (2 * MANSIO_SECOND) /* capabilities are waited for */

struct row {
    uint64_t hash; /* of the server name */
    int64_t until_us;
    uint32_t is_ours;        /* the domain is one of ours */
    uint32_t skip;           /* where in the server name it begins */
    uint32_t is_scram_ready; /* there, or, if nothing is ours, everywhere */
    uint32_t is_known;       /* the directory has said so, once at least */
};

static struct row rows[ROWS];

void core_login_domain_forget(void)
{
    memset(rows, 0, sizeof rows);
}

/* The name itself, then what it is a host of: a tenant's certificate may be mail.alpha.test's. A
 * top-level domain is nobody's. */
static int ask(const struct core_directory *directory, struct mansio_arena *arena,
               struct mansio_str name, struct row *row)
{
    int64_t deadline_us = mansio_deadline_in(ASK_US);
    struct mansio_str domain = name;
    for (int i = 0; i < 2; i++) {
        struct mansio_login login = {.size = sizeof login};
        int rc = directory->table.login_defaults(directory->instance, domain, arena, deadline_us,
                                                 &login);
        if (rc < 0) {
            return rc;
        }
        if (i == 0 || login.is_ours != 0) {
            row->is_scram_ready = login.is_scram_ready;
            row->is_ours = login.is_ours;
            row->skip = (uint32_t)(name.len - domain.len);
        }
        ptrdiff_t dot = mansio_str_find_char(domain, '.');
        if (login.is_ours != 0 || dot < 0) {
            break;
        }
        domain = mansio_str_sub(domain, (size_t)dot + 1, SIZE_MAX);
        if (mansio_str_find_char(domain, '.') < 0) {
            break;
        }
    }
    return 0;
}

static int find(struct mansio_str name, struct row *out)
{
    const struct core_directory *directory = core_directory_current();
    uint64_t hash = core_hash(name);
    const struct row was = rows[hash % ROWS];
    struct row row = {.hash = hash, .until_us = mansio_deadline_in(KEPT_US)};
    if (was.hash == hash && was.until_us > mansio_now_us()) {
        *out = was;
        return 0;
    }
    *out = row;
    if (directory == NULL) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "login.domain", 65536);
    int rc = ask(directory, arena, name, &row);
    mansio_arena_free(arena);
    if (rc == MANSIO_E_CANCELLED) {
        return rc;
    }
    row.is_known = 1;
    /* Away, then what was said last goes on holding, if anything was: who is offered less than
     * before takes a worse mechanism, or gives up. For a second or so: a directory that is down
     * isn't asked by each conn that comes. */
    if (rc < 0) {
        row = was.hash == hash ? was : (struct row){.hash = hash};
        row.until_us = mansio_deadline_in(MANSIO_SECOND);
    }
    rows[hash % ROWS] = row;
    *out = row;
    return 0;
}

int core_login_domain(struct mansio_session *session, struct mansio_str *out,
                      uint32_t *out_is_scram_ready)
{
    struct mansio_str name = core_channel_server_name(mansio_session_conn(session));
    struct row row = {0};
    int rc = find(name, &row);
    if (rc == 0) {
        *out = row.is_ours ? mansio_str_sub(name, row.skip, SIZE_MAX) : MANSIO_STR_NONE;
        *out_is_scram_ready = row.is_scram_ready;
    }
    return rc;
}

int core_login_domain_scram(struct mansio_str domain, uint32_t *out_is_scram_ready)
{
    struct row row = {0};
    int rc = find(domain, &row);
    if (rc == 0 && !row.is_known) {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "nobody can tell how passwords of %.*s are kept",
                         MANSIO_STR_ARG(domain));
    }
    if (rc == 0) {
        *out_is_scram_ready = row.is_scram_ready;
    }
    return rc;
}
