/*
 * `mansioctl top`: the daemon's figures, again and again, on a terminal's whole screen; or once.
 * Owns the terminal meanwhile and gives it back as it was, however it ends.
 */
#include "core/ctl/client.h"
#include "core/ctl/ctl.h"
#include "core/ctl/show.h"
#include "core/ctl/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    INTERVAL_DEFAULT_S = 2,
    INTERVAL_MAX_S = 3600,
    COLUMNS_DEFAULT = 80,
    COLUMNS_ONCE = 100, /* what isn't a terminal has no width */
    ROWS_DEFAULT = 24,
    SIZE_MAX_CELLS = 1000,
    TENANTS_MAX = 64, /* control.md */
    KEYS_MAX = 64,
    SCREEN_MAX = 1 << 20,
};

#define ANSWER_US (10 * MANSIO_SECOND)

#define SCREEN_ENTER MANSIO_STR("\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J")
#define SCREEN_LEAVE MANSIO_STR("\x1b[?25h\x1b[?1049l")

/* ---- signals ------------------------------------------------------------------------------------
 */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Set by handlers, looked at between waits. */
static volatile sig_atomic_t ended_by, is_resized, is_stopping;

static void on_signal(int signal)
{
    if (signal == SIGWINCH) {
        is_resized = 1;
    } else if (signal == SIGTSTP) {
        is_stopping = 1;
    } else {
        ended_by = signal;
    }
}

static void handle(int signal, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    (void)sigaction(signal, &action, NULL);
}

/* All that matter here are blocked but in ppoll(), so that none comes between a look and a wait.
 * @p out_before: the mask to wait with. */
static void catch_all(sigset_t *out_before)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < MANSIO_COUNT(ending); i++) {
        sigaddset(&set, ending[i]);
        handle(ending[i], on_signal);
    }
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    handle(SIGWINCH, on_signal);
    handle(SIGTSTP, on_signal);
    (void)sigprocmask(SIG_BLOCK, &set, out_before);
}

/* ---- the terminal -------------------------------------------------------------------------------
 */

struct terminal {
    struct core_ctl *ctl;
    struct termios before;
    int has_keys; /* standard input is a terminal, too */
    sigset_t mask;
};

static void enter_screen(struct terminal *terminal)
{
    terminal->has_keys = tcgetattr(STDIN_FILENO, &terminal->before) == 0;
    if (terminal->has_keys) {
        struct termios raw = terminal->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    (void)core_ctl_write(terminal->ctl, SCREEN_ENTER);
}

static void leave_screen(struct terminal *terminal)
{
    (void)core_ctl_write(terminal->ctl, SCREEN_LEAVE);
    if (terminal->has_keys) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
    }
}

/* Ctrl-Z: give the terminal back, stop, and take it again when somebody goes on. */
static void stop_and_go_on(struct terminal *terminal)
{
    sigset_t only;
    is_stopping = 0;
    leave_screen(terminal);
    handle(SIGTSTP, SIG_DFL);
    (void)raise(SIGTSTP);
    sigemptyset(&only);
    sigaddset(&only, SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL); /* stopped here */
    (void)sigprocmask(SIG_BLOCK, &only, NULL);
    handle(SIGTSTP, on_signal);
    enter_screen(terminal);
}

static void read_size(size_t *out_columns, size_t *out_rows)
{
    struct winsize size = {0};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    *out_columns = size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    *out_rows = size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
    *out_columns = *out_columns > SIZE_MAX_CELLS ? SIZE_MAX_CELLS : *out_columns;
    *out_rows = *out_rows > SIZE_MAX_CELLS ? SIZE_MAX_CELLS : *out_rows;
}

/* Each line over what stood there, the rest of it cleared: nothing flickers. */
static int draw(struct core_ctl *ctl, struct mansio_str lines, size_t rows)
{
    struct mansio_buf *out = mansio_buf_new(ctl->arena, SCREEN_MAX);
    struct mansio_str line;
    size_t count = 0;
    mansio_buf_add(out, MANSIO_STR("\x1b[H"));
    while (count < rows && mansio_str_split(&lines, '\n', &line)) {
        mansio_buf_printf(out, "%s%.*s\x1b[K", count > 0 ? "\r\n" : "", MANSIO_STR_ARG(line));
        count++;
    }
    mansio_buf_add(out, MANSIO_STR("\x1b[J"));
    int rc = core_ctl_write(ctl, mansio_buf_str(out));
    mansio_buf_release(out);
    return rc;
}

static int has_quit(const struct terminal *terminal)
{
    char keys[KEYS_MAX];
    ssize_t count = terminal->has_keys ? read(STDIN_FILENO, keys, sizeof keys) : 0;
    for (ssize_t i = 0; i < count; i++) {
        if (keys[i] == 'q' || keys[i] == 'Q') {
            return 1;
        }
    }
    return 0;
}

/* Wait until it's time to ask again. 1: go on; 0: that was all. */
static int wait_until(struct terminal *terminal, int64_t deadline_us)
{
    while (ended_by == 0 && !is_resized && !is_stopping) {
        int64_t left_us = deadline_us - mansio_now_us();
        if (left_us <= 0) {
            return 1;
        }
        struct timespec left = {.tv_sec = left_us / MANSIO_SECOND,
                                .tv_nsec = left_us % MANSIO_SECOND * 1000};
        struct pollfd input = {.fd = terminal->has_keys ? STDIN_FILENO : -1, .events = POLLIN};
        int count = ppoll(&input, 1, &left, &terminal->mask);
        if (count > 0 && (has_quit(terminal) || (input.revents & (POLLHUP | POLLERR)))) {
            return 0;
        }
    }
    if (is_stopping) {
        stop_and_go_on(terminal);
    }
    return ended_by == 0;
}

/* ---- asking -------------------------------------------------------------------------------------
 */

struct watch {
    struct core_ctl *ctl;
    json_t *before, *now; /* the last two answers */
    int64_t before_us, now_us;
    int64_t interval_us;
};

/* What is asked for takes memory, each time: it goes with @p arena. */
static int ask(struct watch *watch, struct mansio_arena *arena, int is_quiet)
{
    struct core_ctl own = *watch->ctl;
    json_t *answer = NULL;
    own.arena = arena;
    own.is_quiet = is_quiet;
    int rc =
        core_ctl_ask(&own, "top", json_pack("{s:i}", "tenants", TENANTS_MAX), ANSWER_US, &answer);
    if (rc == CORE_CTL_OK) {
        json_decref(watch->before);
        watch->before = watch->now;
        watch->before_us = watch->now_us;
        watch->now = answer;
        watch->now_us = mansio_now_us();
    }
    return rc;
}

static json_t *figures(const struct watch *watch)
{
    return core_ctl_top_figures(watch->before != NULL ? watch->before : watch->now, watch->now,
                                watch->now_us - watch->before_us);
}

static int show_once(struct watch *watch)
{
    struct core_ctl *ctl = watch->ctl;
    struct timespec pause = {.tv_sec = watch->interval_us / MANSIO_SECOND};
    int rc = ask(watch, ctl->arena, 0);
    if (rc == CORE_CTL_OK) {
        (void)nanosleep(&pause, NULL); /* rates need two looks */
        rc = ask(watch, ctl->arena, 0);
    }
    if (rc != CORE_CTL_OK) {
        return rc;
    }
    json_t *json = figures(watch);
    if (ctl->is_json) {
        rc = core_ctl_show_json(ctl, json);
    } else {
        struct mansio_buf *out = mansio_buf_new(ctl->arena, SCREEN_MAX);
        core_ctl_top_screen(ctl->arena, json, COLUMNS_ONCE, 0, out);
        rc = core_ctl_write(ctl, mansio_buf_str(out));
        mansio_buf_release(out);
    }
    json_decref(json);
    return rc;
}

static int show_now(struct watch *watch, struct mansio_arena *arena, int last)
{
    struct core_ctl own = *watch->ctl;
    size_t columns = 0, rows = 0;
    own.arena = arena;
    read_size(&columns, &rows);
    struct mansio_buf *out = mansio_buf_new(arena, SCREEN_MAX);
    json_t *json = figures(watch);
    if (last != CORE_CTL_OK) {
        mansio_buf_printf(out, "mansiod did not answer; these figures are %d s old\n",
                          (int)((mansio_now_us() - watch->now_us) / MANSIO_SECOND));
        rows = rows > 1 ? rows - 1 : 1;
    }
    core_ctl_top_screen(arena, json, columns, rows, out);
    int rc = draw(&own, mansio_buf_str(out), rows + (last != CORE_CTL_OK));
    json_decref(json);
    return rc;
}

static int show_on(struct watch *watch)
{
    struct terminal terminal = {.ctl = watch->ctl};
    struct mansio_arena *arena = mansio_arena_new(watch->ctl->arena, "ctl.top", 0);
    int rc = ask(watch, arena, 0); /* whoever can't be reached is told of on an ordinary screen */
    int last = rc, is_going_on = rc == CORE_CTL_OK;
    if (!is_going_on) {
        return rc;
    }
    catch_all(&terminal.mask);
    enter_screen(&terminal);
    int64_t next_us = mansio_now_us() + MANSIO_SECOND; /* rates soon, then as often as asked */
    while (is_going_on && rc == CORE_CTL_OK) {
        is_resized = 0;
        rc = show_now(watch, arena, last);
        mansio_arena_reset(arena);
        is_going_on = wait_until(&terminal, next_us);
        if (is_going_on && mansio_now_us() >= next_us) {
            last = ask(watch, arena, 1);
            next_us = mansio_now_us() + watch->interval_us;
        }
    }
    leave_screen(&terminal);
    if (ended_by != 0 && ended_by != SIGINT) {
        handle(ended_by, SIG_DFL);
        (void)raise(ended_by);
        (void)sigprocmask(SIG_SETMASK, &terminal.mask, NULL);
    }
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------
 */

int core_ctl_cmd_top(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    const char *interval = core_ctl_option(args, "--interval");
    uint32_t seconds = INTERVAL_DEFAULT_S;
    struct watch watch = {.ctl = ctl};
    if (interval != NULL &&
        (mansio_parse_u32(mansio_str_from_cstr(interval), INTERVAL_MAX_S, &seconds) < 0 ||
         seconds == 0)) {
        core_ctl_error(ctl, "--interval %s: expected 1 to %d seconds", interval, INTERVAL_MAX_S);
        return CORE_CTL_USAGE;
    }
    watch.interval_us = seconds * MANSIO_SECOND;
    int rc = core_ctl_find_socket(ctl, &ctl->socket); /* once, not at each look */
    if (rc == CORE_CTL_OK) {
        int is_once =
            core_ctl_option(args, "--once") != NULL || ctl->is_json || !isatty(STDOUT_FILENO);
        rc = is_once ? show_once(&watch) : show_on(&watch);
    }
    json_decref(watch.before);
    json_decref(watch.now);
    return rc;
}
