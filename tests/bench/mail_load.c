/*
 * A client for benches of mail servers: many sessions in one thread, each with one message
 * outstanding, as fast as the other side answers. Plain epoll, nothing of Mansio's, so that every
 * server is measured by the same means.
 *
 *   mail_load smtp|lmtp  ADDRESS SESSIONS SECONDS BYTES USERS DOMAIN   messages to user1..USERS
 *   mail_load pop3-login ADDRESS SESSIONS SECONDS USERS DOMAIN PASSWORD   connect, log in, quit
 *   mail_load pop3-retr  ADDRESS SESSIONS SECONDS USERS DOMAIN PASSWORD   log in, fetch all, again
 *
 * ADDRESS is a loopback port or the path of a unix socket. Prints one line of JSON: what was done,
 * bytes, seconds, the CPU seconds that this program took, and how many answers were not a success.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS_MAX = 2000, INPUT = 256 * 1024, ENVELOPE_MAX = 1024 };

enum mode { MODE_SMTP, MODE_LMTP, MODE_LOGIN, MODE_RETR };

enum step {
    STEP_GREETING,
    STEP_HELLO,
    STEP_ENVELOPE, /* MAIL, RCPT and DATA are out in one segment: three answers */
    STEP_CONTENT,
    STEP_LOGIN, /* USER and PASS are out */
    STEP_STAT,
    STEP_RETR,
    STEP_QUIT,
};

struct load {
    int epoll;
    enum mode mode;
    const char *address, *domain, *password;
    size_t users;
    char *message; /* with its final dot */
    size_t message_len;
    unsigned long done, refused, bytes;
    int is_ending;
};

struct session {
    int fd;
    size_t index, turn;
    enum step step;
    int answers; /* still to come in this step */
    int is_good; /* of this step: all were a success */
    unsigned long messages, next;
    int tail; /* RETR: how much of CRLF.CRLF has been seen */
    int is_in_body;
    const char *out; /* of a message: what is not sent yet */
    size_t out_len;
    size_t line_len;
    char line[1024];
};

static void fail(const char *what)
{
    fprintf(stderr, "mail_load: %s: %s\n", what, strerror(errno));
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
    if (load->address[0] == '/') {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        snprintf(to.sun_path, sizeof to.sun_path, "%s", load->address);
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0) {
            fail(load->address);
        }
    } else {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)strtoul(load->address, NULL, 10)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0) {
            fail("connect");
        }
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    s->step = STEP_GREETING;
    s->answers = 1;
    s->is_good = 1;
    s->line_len = 0;
    s->is_in_body = 0;
    s->out_len = 0;
    watch(load, s, EPOLLIN, EPOLL_CTL_ADD);
}

/* Send what is short: it fits a socket's buffer. */
static void say(struct session *s, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t count = send(s->fd, text, len, MSG_NOSIGNAL);
        if (count < 0) {
            fail("send");
        }
        text += count;
        len -= (size_t)count;
    }
}

/* As much of the message as the socket takes now; the rest when it is writable again. */
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

static void begin(struct session *s, enum step step, int answers)
{
    s->step = step;
    s->answers = answers;
    s->is_good = 1;
}

static void begin_message(struct load *load, struct session *s)
{
    char text[ENVELOPE_MAX];
    if (load->is_ending) {
        begin(s, STEP_QUIT, 1);
        say(s, "QUIT\r\n", 6);
        return;
    }
    /* Neighbouring sessions write to different users, and each goes through all of them. */
    size_t user = 1 + (s->index + 7 * s->turn++) % load->users;
    int len = snprintf(text, sizeof text,
                       "MAIL FROM:<sender@example.org>\r\nRCPT TO:<user%zu@%s>\r\nDATA\r\n", user,
                       load->domain);
    begin(s, STEP_ENVELOPE, 3);
    say(s, text, (size_t)len);
}

static void begin_login(struct load *load, struct session *s)
{
    char text[ENVELOPE_MAX];
    /* Always the same: a maildrop has one session at a time (RFC 1939 4). */
    size_t user = 1 + s->index % load->users;
    int len = snprintf(text, sizeof text, "USER user%zu@%s\r\n", user, load->domain);
    begin(s, STEP_LOGIN, 2);
    say(s, text, (size_t)len);
}

static void begin_retr(struct load *load, struct session *s)
{
    char text[64];
    if (s->next > s->messages || load->is_ending) {
        begin(s, STEP_QUIT, 1);
        say(s, "QUIT\r\n", 6);
        return;
    }
    begin(s, STEP_RETR, 1);
    s->tail = 0;
    int len = snprintf(text, sizeof text, "RETR %lu\r\n", s->next++);
    say(s, text, (size_t)len);
}

static void session_end(struct load *load, struct session *s)
{
    close(s->fd);
    if (load->mode == MODE_LOGIN) {
        load->done++;
    }
    if (!load->is_ending) {
        session_open(load, s);
    } else {
        s->fd = -1;
    }
}

/* All answers of a step are there. */
static void step_done(struct load *load, struct session *s)
{
    char text[ENVELOPE_MAX];
    int is_mail = load->mode == MODE_SMTP || load->mode == MODE_LMTP;
    load->refused += (unsigned long)!s->is_good;
    switch (s->step) {
    case STEP_GREETING:
        if (is_mail) {
            int len = snprintf(text, sizeof text, "%s client.example.org\r\n",
                               load->mode == MODE_LMTP ? "LHLO" : "EHLO");
            begin(s, STEP_HELLO, 1);
            say(s, text, (size_t)len);
        } else {
            begin_login(load, s);
        }
        break;
    case STEP_HELLO:
        begin_message(load, s);
        break;
    case STEP_ENVELOPE:
        if (!s->is_good) {
            fprintf(stderr, "mail_load: envelope refused: %s\n", s->line);
            exit(1);
        }
        begin(s, STEP_CONTENT, 1);
        s->out = load->message;
        s->out_len = load->message_len;
        send_rest(load, s);
        break;
    case STEP_CONTENT:
        load->done += (unsigned long)s->is_good;
        load->bytes += s->is_good ? load->message_len : 0;
        begin_message(load, s);
        break;
    case STEP_LOGIN:
        if (load->mode == MODE_RETR) {
            begin(s, STEP_STAT, 1);
            say(s, "STAT\r\n", 6);
        } else {
            begin(s, STEP_QUIT, 1);
            say(s, "QUIT\r\n", 6);
        }
        break;
    case STEP_STAT:
        s->messages = strtoul(s->line + 4, NULL, 10);
        s->next = 1;
        begin_retr(load, s);
        break;
    case STEP_RETR:
        s->is_in_body = 1;
        break;
    case STEP_QUIT:
        session_end(load, s);
        break;
    }
}

static void take_line(struct load *load, struct session *s)
{
    int is_mail = load->mode == MODE_SMTP || load->mode == MODE_LMTP;
    s->line[s->line_len < sizeof s->line ? s->line_len : sizeof s->line - 1] = 0;
    s->line_len = 0;
    if (is_mail && strlen(s->line) > 3 && s->line[3] == '-') {
        return; /* more of the same answer follows */
    }
    s->is_good &= is_mail ? s->line[0] == '2' || s->line[0] == '3' : s->line[0] == '+';
    if (s->step == STEP_LOGIN && s->answers == 2) {
        char text[ENVELOPE_MAX];
        int len = snprintf(text, sizeof text, "PASS %s\r\n", load->password);
        say(s, text, (size_t)len);
    }
    if (--s->answers == 0) {
        step_done(load, s);
    }
}

/* The end of a message that is fetched: CRLF.CRLF, wherever segments are cut. */
static size_t take_body(struct load *load, struct session *s, const char *bytes, size_t len)
{
    static const char end[] = "\r\n.\r\n";
    for (size_t i = 0; i < len; i++) {
        if (s->tail == 0) {
            const char *next = memchr(bytes + i, '\r', len - i);
            if (next == NULL) {
                load->bytes += len;
                return len;
            }
            i = (size_t)(next - bytes);
        }
        s->tail = bytes[i] == end[s->tail] ? s->tail + 1 : bytes[i] == '\r';
        if (s->tail == 5) {
            load->bytes += i + 1;
            load->done++;
            s->is_in_body = 0;
            begin_retr(load, s);
            return i + 1;
        }
    }
    load->bytes += len;
    return len;
}

static void readable(struct load *load, struct session *s)
{
    static char bytes[INPUT];
    int fd = s->fd;
    ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        fail("the server closed");
    }
    for (size_t i = 0; i < (size_t)count && s->fd == fd;) {
        if (s->is_in_body) {
            i += take_body(load, s, bytes + i, (size_t)count - i);
        } else if (bytes[i] == '\n') {
            take_line(load, s);
            i++;
        } else {
            if (bytes[i] != '\r' && s->line_len < sizeof s->line - 1) {
                s->line[s->line_len++] = bytes[i];
            }
            i++;
        }
    }
}

static void make_message(struct load *load, size_t size)
{
    static const char head[] =
        "From: Sender <sender@example.org>\r\nTo: Someone <user@example.test>\r\n"
        "Subject: a message of a bench\r\nDate: Sun, 22 Nov 2026 04:30:42 "
        "+0000\r\nMessage-ID: <bench@example.org>\r\n\r\n";
    static const char line[] =
        "All that is sent must be there, however many send it at once.......\r\n";
    load->message = malloc(size + sizeof head + 16);
    if (load->message == NULL) {
        fail("malloc");
    }
    size_t len = sizeof head - 1;
    memcpy(load->message, head, len);
    while (len < size) {
        size_t part = sizeof line - 1;
        memcpy(load->message + len, line, part < size - len + 8 ? part : 8);
        len += part < size - len + 8 ? part : 8;
    }
    len -= 2;
    memcpy(load->message + len, "\r\n.\r\n", 5);
    load->message_len = len + 5;
}

static size_t run(struct load *load, struct session *sessions, size_t count, double seconds)
{
    struct epoll_event events[256];
    double end = now() + seconds;
    size_t open = count;
    while (open > 0) {
        load->is_ending = load->is_ending || now() >= end;
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
        if (load->is_ending) {
            open = 0;
            for (size_t i = 0; i < count; i++) {
                open += sessions[i].fd >= 0;
            }
            if (now() > end + 120) {
                fprintf(stderr, "mail_load: %zu sessions don't end\n", open);
                exit(1);
            }
        }
    }
    return open;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"smtp", "lmtp", "pop3-login", "pop3-retr"};
    static struct session sessions[SESSIONS_MAX];
    struct load load = {.mode = MODE_SMTP};
    int is_known = 0;
    for (size_t i = 0; argc == 8 && i < 4; i++) {
        if (strcmp(argv[1], modes[i]) == 0) {
            load.mode = (enum mode)i;
            is_known = 1;
        }
    }
    size_t count = is_known ? strtoul(argv[3], NULL, 10) : 0;
    if (count == 0 || count > SESSIONS_MAX) {
        fprintf(stderr, "mail_load: see the head of its source for arguments\n");
        return 2;
    }
    int is_mail = load.mode == MODE_SMTP || load.mode == MODE_LMTP;
    load.address = argv[2];
    load.users = strtoul(argv[is_mail ? 6 : 5], NULL, 10);
    load.domain = argv[is_mail ? 7 : 6];
    load.password = is_mail ? "" : argv[7];
    if (is_mail) {
        make_message(&load, strtoul(argv[5], NULL, 10));
    }
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0 || load.users == 0) {
        fail("epoll_create1");
    }
    double from = now();
    for (size_t i = 0; i < count; i++) {
        sessions[i].index = i;
        session_open(&load, &sessions[i]);
    }
    (void)run(&load, sessions, count, strtod(argv[4], NULL));
    double seconds = now() - from;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"done\": %lu, \"bytes\": %lu, \"seconds\": %.3f, \"cpu\": %.3f, \"refused\": %lu}\n",
           load.done, load.bytes, seconds, cpu, load.refused);
    return 0;
}
