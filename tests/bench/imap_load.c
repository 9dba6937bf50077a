/*
 * A client for benches of IMAP servers: sessions in one thread, each with one command outstanding,
 * as fast as the other side answers. Plain epoll, nothing of Mansio's, so that every server is
 * measured by the same means. What comes back is read to its tagged line and not looked at further.
 *
 *   imap_load login  PORT SESSIONS SECONDS USERS DOMAIN PASSWORD        LOGIN, SELECT, LOGOUT;
 * again imap_load append PORT SESSIONS SECONDS USERS DOMAIN PASSWORD BYTES COUNT to INBOX, a
 * multipart message of so many bytes; COUNT in all, 0 for as many as there is time for imap_load
 * run    PORT SESSIONS SECONDS USERS DOMAIN PASSWORD LIMIT COMMAND... SELECT INBOX, then the
 * commands in turn; "%" in one is a number that each session counts from 1 to LIMIT. SECONDS 0: the
 * commands once
 *
 * Session N is user N modulo USERS; behind a mode "@M" makes all of them user M ("append@3").
 * PORT is one of loopback. Prints one line of JSON: commands
 * done, bytes that came (that went, of append), seconds, the CPU seconds that this program took,
 * answers that were not OK, and the median of the commands' milliseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS_MAX = 2000, INPUT = 512 * 1024, TEXT_MAX = 1024, TIMES_MAX = 1 << 20, TAIL = 8 };

/* No message has a line that begins like this. */
#define TAG "zQ7x"

enum mode { MODE_LOGIN, MODE_APPEND, MODE_RUN };

enum step { STEP_GREETING, STEP_LOGIN, STEP_SELECT, STEP_COMMAND, STEP_LOGOUT };

struct load {
    int epoll;
    enum mode mode;
    const char *domain, *password;
    unsigned port;
    size_t first, users, command_count;
    char **commands;
    unsigned long limit, wanted, begun;
    char *message;
    size_t message_len;
    unsigned long done, refused, bytes;
    double end;
    int is_once;
    float *times;
    size_t times_count;
};

struct session {
    int fd;
    size_t index, turn;
    unsigned long number;
    enum step step;
    double since;
    char tail[TAIL]; /* the last bytes seen, for a tag across two reads */
    size_t tail_len;
    const char *out;
    size_t out_len;
};

static void fail(const char *what)
{
    fprintf(stderr, "imap_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void watch(struct load *load, struct session *s, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = s};
    if (epoll_ctl(load->epoll, operation, s->fd, &event) < 0) {
        fail("epoll_ctl");
    }
}

static void session_open(struct load *load, struct session *s)
{
    const int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)load->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        fail("connect");
    }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    s->step = STEP_GREETING;
    s->tail_len = 0;
    s->out_len = 0;
    watch(load, s, EPOLLIN, EPOLL_CTL_ADD);
}

/* What is short fits a socket's buffer. */
static void say(struct session *s, const char *text, size_t len)
{
    s->since = now();
    while (len > 0) {
        ssize_t count = send(s->fd, text, len, MSG_NOSIGNAL);
        if (count < 0) {
            fail("send");
        }
        text += count;
        len -= (size_t)count;
    }
}

static void send_rest(struct load *load, struct session *s)
{
    while (s->out_len > 0) {
        ssize_t count = send(s->fd, s->out, s->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            watch(load, s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (count < 0) {
            fail("send");
        }
        s->out += count;
        s->out_len -= (size_t)count;
    }
    watch(load, s, EPOLLIN, EPOLL_CTL_MOD);
}

static void log_out(struct session *s)
{
    s->step = STEP_LOGOUT;
    say(s, TAG " LOGOUT\r\n", sizeof TAG + 8);
}

static int is_over(const struct load *load, const struct session *s)
{
    if (load->mode == MODE_APPEND) {
        return (load->wanted > 0 && load->begun >= load->wanted) || now() >= load->end;
    }
    return load->is_once ? s->turn >= load->command_count : now() >= load->end;
}

static void begin_append(struct load *load, struct session *s)
{
    char text[TEXT_MAX];
    int len = snprintf(text, sizeof text, TAG " APPEND INBOX {%zu+}\r\n", load->message_len - 2);
    load->begun++;
    say(s, text, (size_t)len);
    s->out = load->message;
    s->out_len = load->message_len;
    send_rest(load, s);
}

static void begin_command(struct load *load, struct session *s)
{
    char text[TEXT_MAX];
    if (is_over(load, s)) {
        log_out(s);
        return;
    }
    s->step = STEP_COMMAND;
    if (load->mode == MODE_APPEND) {
        begin_append(load, s);
        return;
    }
    const char *command = load->commands[s->turn % load->command_count];
    const char *percent = strchr(command, '%');
    s->number = s->number % load->limit + (s->turn % load->command_count == 0);
    s->turn++;
    int len = percent == NULL ? snprintf(text, sizeof text, TAG " %s\r\n", command)
                              : snprintf(text, sizeof text, TAG " %.*s%lu%s\r\n",
                                         (int)(percent - command), command, s->number, percent + 1);
    say(s, text, (size_t)len);
}

static void session_end(struct load *load, struct session *s)
{
    close(s->fd);
    s->fd = -1;
    load->done += load->mode == MODE_LOGIN;
    if (load->mode == MODE_LOGIN && now() < load->end) {
        session_open(load, s);
    }
}

static void note(struct load *load, const struct session *s)
{
    if (load->times_count < TIMES_MAX) {
        load->times[load->times_count++] = (float)((now() - s->since) * 1e3);
    }
}

/* A tagged line, or the greeting, is there. */
static void answered(struct load *load, struct session *s, int is_good)
{
    char text[TEXT_MAX];
    int len;
    load->refused += (unsigned long)!is_good;
    switch (s->step) {
    case STEP_GREETING:
        s->step = STEP_LOGIN;
        len = snprintf(text, sizeof text, TAG " LOGIN user%zu@%s %s\r\n",
                       load->first + s->index % load->users, load->domain, load->password);
        say(s, text, (size_t)len);
        break;
    case STEP_LOGIN:
        s->step = STEP_SELECT;
        say(s, TAG " SELECT INBOX\r\n", sizeof TAG + 14);
        break;
    case STEP_SELECT:
        if (load->mode == MODE_LOGIN) {
            log_out(s);
        } else {
            begin_command(load, s);
        }
        break;
    case STEP_COMMAND:
        note(load, s);
        load->done++;
        load->bytes += load->mode == MODE_APPEND ? load->message_len : 0;
        begin_command(load, s);
        break;
    case STEP_LOGOUT:
        session_end(load, s);
        break;
    }
}

/* Look for the tag at the beginning of a line; the "OK" behind it comes in the same segment or is
 * waited for. */
static void readable(struct load *load, struct session *s)
{
    static char bytes[TAIL + INPUT + 1];
    memcpy(bytes, s->tail, s->tail_len);
    ssize_t count = recv(s->fd, bytes + s->tail_len, INPUT, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        fail("the server closed");
    }
    size_t len = s->tail_len + (size_t)count;
    if (load->mode == MODE_RUN && s->step == STEP_COMMAND) {
        load->bytes += (size_t)count;
    }
    if (s->step == STEP_GREETING) {
        if (bytes[len - 1] == '\n') {
            s->tail_len = 0;
            answered(load, s, memcmp(bytes, "* OK", 4) == 0);
        }
        return;
    }
    /* A session's first line follows the CRLF of the one before, which may be gone: TAG alone. */
    const char *tag = memmem(bytes, len, "\n" TAG " ", sizeof TAG + 1);
    if (tag == NULL && len >= sizeof TAG && memcmp(bytes, TAG " ", sizeof TAG) == 0 &&
        s->tail_len == 0) {
        tag = bytes - 1;
    }
    if (tag != NULL && bytes[len - 1] == '\n') {
        s->tail_len = 0;
        answered(load, s, memcmp(tag + sizeof TAG + 1, "OK", 2) == 0);
        return;
    }
    if (tag != NULL) { /* the rest of the tagged line is still to come, and is short */
        s->tail_len = 0;
        while (bytes[len - 1] != '\n') {
            ssize_t more = recv(s->fd, bytes + len - 1, 1, 0);
            if (more <= 0) {
                fail("the server closed");
            }
        }
        answered(load, s, 1);
        return;
    }
    s->tail_len = len < TAIL ? len : TAIL;
    memcpy(s->tail, bytes + len - s->tail_len, s->tail_len);
}

static void make_message(struct load *load, size_t size)
{
    static const char head[] =
        "Return-Path: <ada@example.org>\r\n"
        "Received: from mail.example.org (mail.example.org [192.0.2.7])\r\n"
        "\tby mx.example.test with ESMTPS id 4f1; Sun, 22 Nov 2026 04:30:42 +0000\r\n"
        "From: \"Ada Example\" <ada@example.org>\r\n"
        "To: Bob <bob@example.test>, \"Carol, of sales\" <carol@example.test>\r\n"
        "Cc: list@example.test\r\nSubject: Figures of the third quarter, as promised\r\n"
        "Date: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <bench.1@example.org>\r\n"
        "In-Reply-To: <bench.0@example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=\"=_part\"\r\n\r\n"
        "--=_part\r\nContent-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n"
        "--=_alt\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHere they are.\r\n"
        "--=_alt\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Here they are.</p>\r\n"
        "--=_alt--\r\n--=_part\r\nContent-Type: text/plain; name=\"q3.txt\"\r\n"
        "Content-Disposition: attachment; filename=\"q3.txt\"\r\n\r\n";
    static const char line[] =
        "All that is sent must be there, however many send it at once.......\r\n";
    static const char end[] = "\r\n--=_part--\r\n";
    size_t len = sizeof head - 1;
    load->message = malloc(size + sizeof head + sizeof line + sizeof end + 8);
    if (load->message == NULL) {
        fail("malloc");
    }
    memcpy(load->message, head, len);
    while (len + sizeof end < size) {
        memcpy(load->message + len, line, sizeof line - 1);
        len += sizeof line - 1;
    }
    memcpy(load->message + len, end, sizeof end - 1);
    len += sizeof end - 1;
    memcpy(load->message + len, "\r\n", 2); /* of the command */
    load->message_len = len + 2;
}

static void run(struct load *load, struct session *sessions, size_t count)
{
    struct epoll_event events[256];
    for (size_t open = count; open > 0;) {
        int ready = epoll_wait(load->epoll, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            struct session *s = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                send_rest(load, s);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                readable(load, s);
            }
        }
        open = 0;
        for (size_t i = 0; i < count; i++) {
            open += sessions[i].fd >= 0;
        }
        if (now() > load->end + 300) {
            fprintf(stderr, "imap_load: %zu sessions don't end\n", open);
            exit(1);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

static int read_arguments(struct load *load, int argc, char **argv)
{
    const char *at = argc > 1 ? strchr(argv[1], '@') : NULL;
    size_t word = at != NULL ? (size_t)(at - argv[1]) : argc > 1 ? strlen(argv[1]) : 0;
    if (argc == 8 && word == 5 && memcmp(argv[1], "login", word) == 0) {
        load->mode = MODE_LOGIN;
    } else if (argc == 10 && word == 6 && memcmp(argv[1], "append", word) == 0) {
        load->mode = MODE_APPEND;
        make_message(load, strtoul(argv[8], NULL, 10));
        load->wanted = strtoul(argv[9], NULL, 10);
    } else if (argc >= 10 && word == 3 && memcmp(argv[1], "run", word) == 0) {
        load->mode = MODE_RUN;
        load->limit = strtoul(argv[8], NULL, 10);
        load->commands = argv + 9;
        load->command_count = (size_t)argc - 9;
        load->is_once = strtod(argv[4], NULL) <= 0;
    } else {
        return -1;
    }
    load->port = (unsigned)strtoul(argv[2], NULL, 10);
    load->first = at != NULL ? strtoul(at + 1, NULL, 10) : 1;
    load->users = at != NULL ? 1 : strtoul(argv[5], NULL, 10);
    load->domain = argv[6];
    load->password = argv[7];
    return load->users > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct session sessions[SESSIONS_MAX];
    struct load load = {.limit = 1};
    size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (count == 0 || count > SESSIONS_MAX || read_arguments(&load, argc, argv) < 0) {
        fprintf(stderr, "imap_load: see the head of its source for arguments\n");
        return 2;
    }
    load.times = malloc(TIMES_MAX * sizeof *load.times);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0 || load.times == NULL) {
        fail("epoll_create1");
    }
    double from = now();
    load.end = from + strtod(argv[4], NULL);
    for (size_t i = 0; i < count; i++) {
        sessions[i].index = i;
        session_open(&load, &sessions[i]);
    }
    run(&load, sessions, count);
    double seconds = now() - from;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    qsort(load.times, load.times_count, sizeof *load.times, by_size);
    printf("{\"done\": %lu, \"bytes\": %lu, \"seconds\": %.3f, \"cpu\": %.3f, \"refused\": %lu, "
           "\"median_ms\": %.3f}\n",
           load.done, load.bytes, seconds, cpu, load.refused,
           load.times_count > 0 ? (double)load.times[load.times_count / 2] : 0.0);
    return 0;
}
