/*
 * Reading standard input. Owns the terminal's settings while it asks for a password: whatever ends
 * that, a signal too, puts them back.
 */
#include "core/ctl/input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>

/* ---- lines --------------------------------------------------------------------------------------
 */

static ssize_t read_some(char *to, size_t room)
{
    ssize_t count;
    do {
        count = read(STDIN_FILENO, to, room);
    } while (count < 0 && errno == EINTR);
    return count;
}

int core_ctl_read_line(struct core_ctl_input *input, struct mansio_str *out)
{
    for (;;) {
        char *begin = input->block + input->start;
        size_t len = input->end - input->start;
        char *end = len > 0 ? memchr(begin, '\n', len) : NULL;
        if (end != NULL || (input->is_over && len > 0)) {
            size_t line_len = end != NULL ? (size_t)(end - begin) : len;
            *out = (struct mansio_str){begin, line_len};
            input->start += line_len + (end != NULL ? 1 : 0);
            return 1;
        }
        if (input->is_over) {
            return 0;
        }
        if (len == CORE_CTL_LINE_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "longer than %d bytes", CORE_CTL_LINE_MAX);
        }
        memmove(input->block, begin, len);
        input->start = 0;
        input->end = len;
        ssize_t count = read_some(input->block + len, CORE_CTL_LINE_MAX - len);
        if (count < 0) {
            return mansio_fail(MANSIO_E_IO, "standard input: %s", strerror(errno));
        }
        input->end += (size_t)count;
        input->is_over = count == 0;
    }
}

/* ---- passwords ----------------------------------------------------------------------------------
 */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct echo {
    struct termios settings;
    struct sigaction actions[MANSIO_COUNT(deadly)];
    sigset_t mask;
};

static int echo_off(struct echo *echo)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct termios silent;
    sigset_t blocked;
    if (tcgetattr(STDIN_FILENO, &echo->settings) < 0) {
        return mansio_fail(MANSIO_E_IO, "terminal: %s", strerror(errno));
    }
    sigemptyset(&blocked);
    for (size_t i = 0; i < MANSIO_COUNT(deadly); i++) {
        sigaddset(&blocked, deadly[i]);
        sigaction(deadly[i], &action, &echo->actions[i]);
    }
    /* Delivered in ppoll() alone, so that none is lost between looking and reading. */
    sigprocmask(SIG_BLOCK, &blocked, &echo->mask);
    silent = echo->settings;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    silent.c_lflag |= ECHONL;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    return 0;
}

static void echo_on(const struct echo *echo)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &echo->settings);
    for (size_t i = 0; i < MANSIO_COUNT(deadly); i++) {
        sigaction(deadly[i], &echo->actions[i], NULL);
    }
    sigprocmask(SIG_SETMASK, &echo->mask, NULL);
    if (caught != 0) {
        raise(caught);
    }
}

/* Up to an LF or the end, nothing beyond: what follows is somebody else's. */
static int read_secret_line(const sigset_t *mask, char *bytes, size_t *out_len)
{
    size_t len = 0;
    for (;;) {
        struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
        if (mask != NULL && ppoll(&poll_fd, 1, NULL, mask) < 0) {
            return mansio_fail(MANSIO_E_IO, "interrupted");
        }
        char c = 0;
        ssize_t count = read_some(&c, 1);
        if (count < 0) {
            return mansio_fail(MANSIO_E_IO, "standard input: %s", strerror(errno));
        }
        if (count == 0 || c == '\n') {
            *out_len = len;
            return 0;
        }
        if (len == CORE_CTL_PASSWORD_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "a password of more than %d bytes",
                               CORE_CTL_PASSWORD_MAX);
        }
        bytes[len++] = c;
    }
}

static int ask(const char *prompt, const char *again, const sigset_t *mask, char *bytes,
               size_t *out_len)
{
    /* To stderr: standard output may be what is wanted of us. */
    if (mask != NULL) {
        fprintf(stderr, "%s%s: ", prompt, again);
    }
    return read_secret_line(mask, bytes, out_len);
}

static int ask_twice(const char *prompt, char *bytes, size_t *out_len)
{
    struct echo echo;
    size_t again_len = 0;
    caught = 0;
    int rc = echo_off(&echo);
    if (rc < 0) {
        return rc;
    }
    rc = ask(prompt, "", &echo.mask, bytes, out_len);
    if (rc == 0) {
        char *second = bytes + *out_len + 1; /* the caller's room is for two */
        rc = ask(prompt, ", once more", &echo.mask, second, &again_len);
        if (rc == 0 && !mansio_secret_eq((struct mansio_str){bytes, *out_len},
                                         (struct mansio_str){second, again_len})) {
            rc = mansio_fail(MANSIO_E_INVALID, "these are two different passwords");
        }
    }
    echo_on(&echo);
    return rc;
}

int core_ctl_read_password(struct mansio_arena *arena, const char *prompt,
                           struct mansio_secret **out)
{
    enum { ROOM = 2 * (CORE_CTL_PASSWORD_MAX + 1) };
    char *bytes = mansio_arena_alloc(arena, ROOM);
    size_t len = 0;
    int rc =
        isatty(STDIN_FILENO) ? ask_twice(prompt, bytes, &len) : read_secret_line(NULL, bytes, &len);
    if (rc == 0 && len > 0 && bytes[len - 1] == '\r') {
        len--; /* a file from elsewhere */
    }
    if (rc == 0 && len == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "an empty password");
    }
    if (rc == 0) {
        rc = mansio_secret_new(arena, (struct mansio_str){bytes, len}, out);
    }
    explicit_bzero(bytes, ROOM);
    return rc;
}
