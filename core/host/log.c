/*
 * The log: levels, and getting lines out without ever waiting for whoever reads them.
 *
 * Owns the process's log options, its own descriptor of a pipe, and the memory of the line being
 * made, all under one lock, because offload threads may log too. Doesn't know what a line looks
 * like (log_format.c). A line that can't be written at once is dropped and counted; the next that
 * can be is preceded by one that tells how many are missing.
 */
#include <config.h>

#include "core/host/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/log_line.h"
#include "core/host/metrics_core.h"

enum target_kind {
    TARGET_FILE = 0,   /* write() doesn't wait for a reader */
    TARGET_SOCKET = 1, /* send() with MSG_DONTWAIT */
    TARGET_PIPE = 2,   /* non-blocking */
    TARGET_SHARED = 3, /* blocking, and not ours to change: ask poll() first */
};

/* What a pipe that poll() calls writable surely takes (pipe(7): PIPE_BUF). */
enum { SHARED_WRITE_MAX = 4096 };

struct target {
    enum target_kind kind;
    int fd;
    int is_own; /* opened by us */
};

static struct core_log_options options = {
    .format = CORE_LOG_LOGFMT,
    .level = MANSIO_LOG_INFO,
    .fd = STDERR_FILENO,
    .process = "mansio",
};
static struct target target = {.kind = TARGET_SHARED, .fd = STDERR_FILENO};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char line_memory[CORE_LINE_MAX];
static char last_words[CORE_LINE_MAX];  /* of a dying process: apart, as the lock may be held */
static char stuck_words[CORE_LINE_MAX]; /* of a handler that interrupts whoever is stuck */
static atomic_flag is_dying = ATOMIC_FLAG_INIT;
static _Atomic uint64_t dropped;
static uint64_t dropped_untold; /* under the lock */
static int is_midline;          /* the last write stopped inside a line */

static struct target open_target(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return (struct target){.kind = TARGET_SHARED, .fd = fd};
    }
    if (S_ISSOCK(st.st_mode)) {
        return (struct target){.kind = TARGET_SOCKET, .fd = fd};
    }
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) {
        return (struct target){.kind = TARGET_FILE, .fd = fd};
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) != 0) {
        return (struct target){.kind = TARGET_PIPE, .fd = fd};
    }
    /* O_NONBLOCK belongs to the open file, which the shell or our siblings may share; so we want
     * an open file of our own. */
    char path[48];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_APPEND);
    if (own < 0) {
        return (struct target){.kind = TARGET_SHARED, .fd = fd};
    }
    return (struct target){.kind = TARGET_PIPE, .fd = own, .is_own = 1};
}

static ssize_t write_once(const struct target *to, const char *bytes, size_t len)
{
    if (to->kind == TARGET_SOCKET) {
        return send(to->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (to->kind == TARGET_SHARED) {
        struct pollfd ask = {.fd = to->fd, .events = POLLOUT};
        if (len > SHARED_WRITE_MAX || poll(&ask, 1, 0) != 1 || (ask.revents & POLLOUT) == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return write(to->fd, bytes, len);
}

/* 1 if the whole line went out. Async-signal-safe. */
static int write_line(const struct target *to, const char *bytes, size_t len)
{
    ssize_t n;
    for (int tries = 0;; tries++) {
        n = write_once(to, bytes, len);
        if (n >= 0 || errno != EINTR || tries > 8) {
            break;
        }
    }
    if (n > 0 && (size_t)n < len) {
        is_midline = 1;
    }
    return n >= 0 && (size_t)n == len;
}

/* A line begun in @p memory, behind the end that a torn line before it still needs. */
static void begin(struct core_line *line, char *memory)
{
    memory[0] = '\n';
    core_line_begin(line, memory + 1, CORE_LINE_MAX - 1, options.format);
}

static int emit(const struct core_line *line)
{
    int is_whole = is_midline ? write_line(&target, line->ptr - 1, line->len + 1)
                              : write_line(&target, line->ptr, line->len);
    if (is_whole) {
        is_midline = 0;
    }
    return is_whole;
}

static void count_drop(void)
{
    dropped_untold++;
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    core_count(CORE_METRIC_LOG_DROPPED, 1);
}

/* 0 if lines are missing and even that can't be said. */
static int tell_dropped(int64_t pid)
{
    if (dropped_untold == 0) {
        return 1;
    }
    struct core_line line;
    begin(&line, line_memory);
    core_line_head(&line, &options, NULL, pid, mansio_wall_us(), MANSIO_LOG_WARNING, "dropped");
    core_line_int(&line, "lines", (int64_t)dropped_untold);
    core_line_end(&line);
    if (!emit(&line)) {
        return 0;
    }
    dropped_untold = 0;
    return 1;
}

static void log_pairs(const struct core_context *context, uint32_t level, const char *event,
                      va_list pairs)
{
    int saved_errno = errno;
    int64_t pid = (int64_t)getpid();

    (void)pthread_mutex_lock(&lock);
    if (!tell_dropped(pid)) {
        count_drop();
    } else {
        struct core_line line;
        begin(&line, line_memory);
        core_line_head(&line, &options, context, pid, mansio_wall_us(), level, event);
        core_line_pairs(&line, context != NULL ? context->detail : NULL, pairs);
        core_line_end(&line);
        if (emit(&line)) {
            core_count_log_line(level);
        } else {
            count_drop();
        }
    }
    (void)pthread_mutex_unlock(&lock);
    errno = saved_errno;
}

/* For a process that is about to die, maybe in a signal handler, maybe with the lock held. */
static void begin_last_words(struct core_line *line, const struct core_context *context,
                             const char *event)
{
    begin(line, last_words);
    core_line_head(line, &options, context, (int64_t)getpid(), mansio_wall_us(), MANSIO_LOG_ERROR,
                   event);
}

static void end_last_words(struct core_line *line)
{
    core_line_end(line);
    (void)emit(line);
}

static void on_assert(const char *condition, const char *file, int line_number,
                      const char *function)
{
    if (atomic_flag_test_and_set(&is_dying)) {
        return; /* another thread's report is on its way */
    }
    struct core_line line;
    begin_last_words(&line, core_context_current(), "assertion");
    core_line_str(&line, "condition", mansio_str_from_cstr(condition));
    core_line_str(&line, "file", mansio_str_from_cstr(file));
    core_line_int(&line, "line", line_number);
    core_line_str(&line, "function", mansio_str_from_cstr(function));
    end_last_words(&line);
}

void core_log_overflow(const struct core_context *holder)
{
    if (atomic_flag_test_and_set(&is_dying)) {
        return;
    }
    struct core_line line;
    begin_last_words(&line, holder, "stack-overflow");
    end_last_words(&line);
}

/* strsignal() is not async-signal-safe, sigabbrev_np() only asks a table. */
void core_log_crash(const struct core_context *holder, int signal_number)
{
    if (atomic_flag_test_and_set(&is_dying)) {
        return;
    }
    const char *name = sigabbrev_np(signal_number);
    struct core_line line;
    begin_last_words(&line, holder, "crash");
    core_line_int(&line, "signal", signal_number);
    core_line_str(&line, "name", mansio_str_from_cstr(name != NULL ? name : "?"));
    end_last_words(&line);
}

void core_log_stuck(const struct core_context *holder, int64_t held_us)
{
    if (options.level < MANSIO_LOG_WARNING) {
        return;
    }
    int saved_errno = errno;
    struct core_line line;
    begin(&line, stuck_words);
    core_line_head(&line, &options, holder, (int64_t)getpid(), mansio_wall_us(), MANSIO_LOG_WARNING,
                   "loop-stuck");
    core_line_duration(&line, "held_longer_than", held_us);
    core_line_end(&line);
    (void)emit(&line);
    errno = saved_errno;
}

void core_log_configure(const struct core_log_options *wanted)
{
    struct target opened = open_target(wanted->fd);
    (void)pthread_mutex_lock(&lock);
    struct target before = target;
    options = *wanted;
    target = opened;
    is_midline = is_midline && before.fd == opened.fd;
    (void)pthread_mutex_unlock(&lock);
    if (before.is_own) {
        (void)close(before.fd);
    }
    core_context_on_assert(on_assert);
}

uint64_t core_log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

int mansio_log_enabled(uint32_t level)
{
    return level <= options.level;
}

void mansio_log(uint32_t level, const char *event, ...)
{
    if (!mansio_log_enabled(level)) {
        return;
    }
    va_list pairs;
    va_start(pairs, event);
    log_pairs(core_context_current(), level, event, pairs);
    va_end(pairs);
}

void core_log_as(const struct core_context *context, uint32_t level, const char *event, ...)
{
    if (!mansio_log_enabled(level)) {
        return;
    }
    va_list pairs;
    va_start(pairs, event);
    log_pairs(context, level, event, pairs);
    va_end(pairs);
}

int core_log_pass(struct core_log_gate *gate, uint64_t *out_held_back)
{
    int64_t now_us = mansio_now_us();
    if (now_us < gate->next_us) {
        gate->held_back++;
        return 0;
    }
    *out_held_back = gate->held_back;
    *gate = (struct core_log_gate){.next_us = now_us + MANSIO_SECOND};
    return 1;
}

void core_log_hold(const struct core_context *holder, int64_t held_us)
{
    core_log_as(holder, MANSIO_LOG_WARNING, "loop-held", MANSIO_KV_DURATION("held", held_us),
                MANSIO_KV_END);
}
