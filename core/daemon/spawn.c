/*
 * Starting a process of our own. Owns the environment that children get. Between fork and exec
 * only async-signal-safe functions are called.
 */
#include "core/daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/privileges.h"
#include <mansio/error.h>

extern char **environ;

static char self_path[PATH_MAX];
static char **child_environment;

static int is_for_master_alone(const char *variable)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET=",  "LISTEN_FDS=",    "LISTEN_PID=",
        "LISTEN_FDNAMES=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
    };
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_this_binary(const char *path)
{
    struct stat ours;
    struct stat theirs;
    return path != NULL && path[0] == '/' && strlen(path) < sizeof self_path &&
           stat("/proc/self/exe", &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int core_spawn_init(const char *invoked_as)
{
    static const char deleted[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    if (n <= 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "readlink /proc/self/exe: %s", strerror(err));
    }
    self_path[n] = '\0';
    size_t cut = sizeof deleted - 1;
    if ((size_t)n > cut && strcmp(self_path + n - cut, deleted) == 0) {
        self_path[(size_t)n - cut] = '\0'; /* replaced since: its successor is at the same path */
    }
    if (is_this_binary(invoked_as)) {
        memcpy(self_path, invoked_as, strlen(invoked_as) + 1);
    }
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    child_environment = calloc(count + 1, sizeof *child_environment);
    MANSIO_ASSERT(child_environment != NULL);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_for_master_alone(environ[i])) {
            child_environment[kept++] = environ[i];
        }
    }
    return 0;
}

const char *core_spawn_path(void)
{
    return self_path;
}

/* In the child: say over the channel what went wrong; nobody else would hear it. */
static MANSIO_NORETURN void give_up(const char *what, int err)
{
    char text[256];
    /* snprintf of plain text into a buffer of our own: glibc's takes no lock and no memory here. */
    int n = snprintf(text, sizeof text, "%s: error %d (%s)", what, err,
                     strerrorname_np(err) != NULL ? strerrorname_np(err) : "?");
    struct core_message message = {
        .type = CORE_MESSAGE_FAILED,
        .payload = {text, n > 0 ? (size_t)n : 0},
    };
    core_message_send_raw(CORE_CHANNEL_FD, &message);
    _exit(127);
}

static MANSIO_NORETURN void become(const char *role_option, int channel_fd)
{
    if (channel_fd == CORE_CHANNEL_FD) {
        fcntl(channel_fd, F_SETFD, 0);
    } else if (dup2(channel_fd, CORE_CHANNEL_FD) < 0) {
        _exit(127);
    }
    /* Ours are close-on-exec; what whoever started us left open is no business of a child's. */
    (void)close_range(CORE_CHANNEL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Nothing that a module starts gains what we gave up. */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
    int err = core_privileges_drop_capabilities();
    if (err != 0) {
        give_up("dropping capabilities", err);
    }
    const char *argv[] = {"mansiod", role_option, NULL};
    execve(self_path, (char *const *)(uintptr_t)argv, child_environment);
    give_up("exec of mansiod", errno);
}

int core_spawn(const char *role, int channel_fd, struct core_child *out)
{
    char role_option[32];
    snprintf(role_option, sizeof role_option, "--role=%s", role);
    pid_t pid = fork();
    if (pid < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "fork: %s", strerror(err));
    }
    if (pid == 0) {
        become(role_option, channel_fd);
    }
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        int err = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return mansio_fail(MANSIO_E_IO, "pidfd_open: %s", strerror(err));
    }
    *out = (struct core_child){.pid = pid, .pidfd = pidfd};
    return 0;
}

int core_spawn_reap(struct core_child *child, int *out_status)
{
    int status = 0;
    pid_t pid;
    do {
        pid = waitpid(child->pid, &status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0) {
        return 0;
    }
    *out_status = pid < 0 ? 0 : status;
    return 1;
}

void core_spawn_signal(const struct core_child *child, int signal_number)
{
    if (child->pidfd >= 0) {
        (void)pidfd_send_signal(child->pidfd, signal_number, NULL, 0);
    }
}

const char *core_spawn_status_text(int status, char out[CORE_SPAWN_STATUS_MAX])
{
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        const char *name = sigdescr_np(number);
        snprintf(out, CORE_SPAWN_STATUS_MAX, "signal %d (%s)", number, name != NULL ? name : "?");
    } else {
        snprintf(out, CORE_SPAWN_STATUS_MAX, "exit status %d", WEXITSTATUS(status));
    }
    return out;
}
