/*
 * Who the processes are. See privileges.h.
 *
 * The order is what makes it work (measured): keep capabilities over setresuid, then set the one
 * that stays as permitted and inheritable, and only then raise it in the ambient set: raised
 * before, setresuid would clear it. The raw system calls are used since the C library's wrappers
 * of them are libcap's, and there is one thread.
 */
#include "core/daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

static int set_capabilities(uint32_t low_mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = low_mask, .permitted = low_mask, .inheritable = low_mask},
        {0},
    };
    return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

int core_privileges_drop_capabilities(void)
{
    if (geteuid() == 0) {
        return 0; /* exec would give a root process all of them back */
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return set_capabilities(0);
}

int core_privileges_needed(struct mansio_str user)
{
    return geteuid() == 0 && user.len > 0;
}

/* A user as the configuration says it: a name, or a number. */
static int find_user(struct mansio_str user, struct passwd **out)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    const char *name = NULL;
    uint32_t number = 0;
    int rc = mansio_cstr(scratch, user, &name);
    if (rc == 0) {
        *out = getpwnam(name);
        if (*out == NULL && mansio_parse_u32(user, UINT32_MAX - 1, &number) == 0) {
            *out = getpwuid(number);
        }
        if (*out == NULL) {
            rc = mansio_fail(MANSIO_E_NOT_FOUND, "user \"%s\": no such user", name);
        } else if ((*out)->pw_uid == 0) {
            rc = mansio_fail(MANSIO_E_INVALID, "user \"%s\": that is root", name);
        }
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

static int find_group(struct mansio_str group, gid_t *out)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    const char *name = NULL;
    uint32_t number = 0;
    int rc = mansio_cstr(scratch, group, &name);
    if (rc == 0) {
        const struct group *gr = getgrnam(name);
        if (gr != NULL) {
            *out = gr->gr_gid;
        } else if (mansio_parse_u32(group, UINT32_MAX - 1, &number) == 0) {
            *out = number;
        } else {
            rc = mansio_fail(MANSIO_E_NOT_FOUND, "group \"%s\": no such group", name);
        }
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

/* The name is libc's, until the next getpwnam(). */
static int find_ids(struct mansio_str user, struct mansio_str group, uid_t *out_uid, gid_t *out_gid,
                    const char **out_name)
{
    struct passwd *pw = NULL;
    int rc = find_user(user, &pw);
    if (rc < 0) {
        return rc;
    }
    *out_uid = pw->pw_uid;
    *out_gid = pw->pw_gid;
    *out_name = pw->pw_name;
    return group.len > 0 ? find_group(group, out_gid) : 0;
}

static int fail_errno(const char *what)
{
    int err = errno;
    return mansio_fail(MANSIO_E_IO, "%s: %s", what, strerror(err));
}

int core_privileges_become(struct mansio_str user, struct mansio_str group, int keep_bind)
{
    if (!core_privileges_needed(user)) {
        return 0;
    }
    uid_t uid = 0;
    gid_t gid = 0;
    const char *name = NULL;
    int rc = find_ids(user, group, &uid, &gid, &name);
    if (rc < 0) {
        return rc;
    }
    if (initgroups(name, gid) != 0) {
        return fail_errno("initgroups");
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
        return fail_errno("prctl(PR_SET_KEEPCAPS)");
    }
    if (setresgid(gid, gid, gid) != 0) {
        return fail_errno("setresgid");
    }
    if (setresuid(uid, uid, uid) != 0) {
        return fail_errno("setresuid");
    }
    int err = set_capabilities(keep_bind ? 1U << CAP_NET_BIND_SERVICE : 0);
    if (err != 0) {
        return mansio_fail(MANSIO_E_IO, "capset: %s", strerror(err));
    }
    if (keep_bind && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0) {
        return fail_errno("prctl(PR_CAP_AMBIENT_RAISE)");
    }
    if (setresuid(0, 0, 0) == 0) {
        return mansio_fail(MANSIO_E_BUG, "privileges: the way back to root is open");
    }
    return 0;
}

int core_privileges_make_directory(const char *path, struct mansio_str user,
                                   struct mansio_str group)
{
    if (mkdir(path, 0755) != 0) {
        return errno == EEXIST ? 0 : fail_errno(path);
    }
    uid_t uid = 0;
    gid_t gid = 0;
    const char *name = NULL;
    if (!core_privileges_needed(user)) {
        return 0;
    }
    int rc = find_ids(user, group, &uid, &gid, &name);
    if (rc == 0 && chown(path, uid, gid) != 0) {
        rc = fail_errno(path);
    }
    return rc;
}
