/*
 * A client for the policy bench: many sessions that log in and then wait to be ended; when each was
 * closed is noted. Plain epoll, one thread, nothing of Mansio's.
 *
 *   policy_load COUNT USERS PASSWORD SERVICE:ADDRESS:PORT...
 *
 * SERVICE is imap, submission or hello, spoken without TLS. Session N is at the place N modulo
 * their number, of user1 to userUSERS, at alpha.test and beta.test in turn. Prints "ready" once all
 * are in. For each line on standard input, of a number of sessions that are to go: waits until so
 * many are gone, or 10 seconds, then a tenth more, and prints how many are left and the wall-clock
 * microseconds at which the others were closed, in one line. For an empty line: opens those anew,
 * and says "ready".
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

enum { PLACES_MAX = 16, INPUT = 1024, CONNECTING_MAX = 64 };

enum service { SERVICE_IMAP, SERVICE_SUBMISSION, SERVICE_HELLO };

/* A dialogue's step: what to say, and how the line begins that lets it go on. */
struct step {
    const char *say, *wanted;
};

static const struct step steps[][4] = {
    [SERVICE_IMAP] = {{NULL, "* OK"}, {"a LOGIN %s %s\r\n", "a OK"}},
    [SERVICE_SUBMISSION] = {{NULL, "220 "}, {"EHLO load.example\r\n", "250 "}, {"%s", "235 "}},
    [SERVICE_HELLO] = {{NULL, ""}, {"login %s %s\r\n", "Intra"}},
};

struct place {
    enum service service;
    struct sockaddr_in address;
};

struct session {
    int fd; /* -1: none */
    size_t index;
    const struct step *step; /* NULL: it is in */
    long long closed_us;     /* 0: it wasn't since it was asked for */
    size_t length;
    char input[INPUT];
};

struct load {
    int epoll;
    size_t count, users, place_count;
    const char *password;
    struct place places[PLACES_MAX];
    struct session *sessions;
    size_t in, connecting, gone;
};

static void fail(const char *what)
{
    fprintf(stderr, "policy_load: %s: %s\n", what, errno != 0 ? strerror(errno) : "not understood");
    exit(1);
}

static long long now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* ---- one session ---------------------------------------------------------------------------- */

static size_t base64(const char *bytes, size_t length, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;
    for (size_t i = 0; i < length; i += 3) {
        unsigned long block = (unsigned long)(unsigned char)bytes[i] << 16;
        block |= i + 1 < length ? (unsigned long)(unsigned char)bytes[i + 1] << 8 : 0;
        block |= i + 2 < length ? (unsigned long)(unsigned char)bytes[i + 2] : 0;
        out[used++] = digits[block >> 18 & 63];
        out[used++] = digits[block >> 12 & 63];
        out[used++] = i + 1 < length ? digits[block >> 6 & 63] : '=';
        out[used++] = i + 2 < length ? digits[block & 63] : '=';
    }
    out[used] = '\0';
    return used;
}

static void say(const struct load *load, const struct session *s)
{
    char user[128], text[512];
    size_t places = load->place_count;
    snprintf(user, sizeof user, "user%zu@%s.test", s->index / 2 % load->users + 1,
             s->index / places % 2 == 0 ? "alpha" : "beta");
    if (s->step->say[0] == '%') { /* AUTH PLAIN: RFC 4616 */
        char plain[256], token[400];
        int length = snprintf(plain, sizeof plain, "%c%s%c%s", 0, user, 0, load->password);
        (void)base64(plain, (size_t)length, token);
        snprintf(text, sizeof text, "AUTH PLAIN %s\r\n", token);
    } else if (strchr(s->step->say, '%') != NULL) {
        const char *verb = s->step->say[0] == 'a' ? "a LOGIN" : "login";
        snprintf(text, sizeof text, "%s %s %s\r\n", verb, user, load->password);
    } else {
        snprintf(text, sizeof text, "%s", s->step->say);
    }
    if (write(s->fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        fail("write");
    }
}

static void open_session(struct load *load, struct session *s)
{
    const struct place *place = &load->places[s->index % load->place_count];
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = s};
    int one = 1;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 ||
        connect(s->fd, (const struct sockaddr *)&place->address, sizeof place->address) < 0 ||
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, s->fd, &event) < 0) {
        fail("connect");
    }
    s->step = steps[place->service];
    s->length = 0;
    s->closed_us = 0;
    load->connecting++;
}

static void take_line(struct load *load, struct session *s, const char *line)
{
    if (s->step == NULL) {
        return; /* a goodbye: what counts is the end */
    }
    if (strncmp(line, "250-", 4) == 0 || (line[0] == '*' && s->step->wanted[0] == 'a')) {
        return;
    }
    if (strncmp(line, s->step->wanted, strlen(s->step->wanted)) != 0) {
        errno = 0;
        fail(line);
    }
    s->step++;
    if (s->step->wanted == NULL) {
        s->step = NULL;
        load->connecting--;
        load->in++;
    } else {
        say(load, s);
    }
}

static void take(struct load *load, struct session *s)
{
    ssize_t count = read(s->fd, s->input + s->length, INPUT - s->length - 1);
    if (count <= 0) {
        s->closed_us = now_us();
        close(s->fd);
        s->fd = -1;
        if (s->step != NULL) {
            errno = 0;
            fail("closed before it was in");
        }
        load->in--;
        load->gone++;
        return;
    }
    s->length += (size_t)count;
    s->input[s->length] = '\0';
    char *at = s->input, *end = NULL;
    while ((end = strstr(at, "\r\n")) != NULL) {
        *end = '\0';
        take_line(load, s, at);
        at = end + 2;
    }
    s->length -= (size_t)(at - s->input);
    memmove(s->input, at, s->length);
}

static void turn(struct load *load, int wait_ms)
{
    struct epoll_event events[512];
    int count = epoll_wait(load->epoll, events, 512, wait_ms);
    for (int i = 0; i < count; i++) {
        take(load, events[i].data.ptr);
    }
}

/* ---- all ------------------------------------------------------------------------------------ */

static void fill(struct load *load)
{
    for (size_t i = 0; i < load->count || load->connecting > 0;) {
        while (i < load->count && load->connecting < CONNECTING_MAX) {
            if (load->sessions[i].fd < 0) {
                open_session(load, &load->sessions[i]);
            }
            i++;
        }
        turn(load, 100);
    }
    load->gone = 0;
    puts("ready");
    fflush(stdout);
}

static void watch(struct load *load, size_t wanted)
{
    long long until_us = now_us() + 10000000, begun_us = now_us();
    while (load->gone < wanted && now_us() < until_us) {
        turn(load, 10);
    }
    until_us = now_us() + (now_us() - begun_us) / 10 + 100000; /* does anybody go too many? */
    while (now_us() < until_us) {
        turn(load, 10);
    }
    printf("%zu", load->in);
    for (size_t i = 0; i < load->count; i++) {
        if (load->sessions[i].closed_us > 0) {
            printf(" %lld", load->sessions[i].closed_us);
        }
    }
    puts("");
    fflush(stdout);
}

static void read_place(struct load *load, char *text)
{
    static const char *const names[] = {"imap", "submission", "hello"};
    struct place *place = &load->places[load->place_count++];
    char *host = strchr(text, ':'), *port = host != NULL ? strchr(host + 1, ':') : NULL;
    errno = 0;
    if (load->place_count > PLACES_MAX || port == NULL) {
        fail(text);
    }
    *host++ = *port++ = '\0';
    place->address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0 &&
            inet_pton(AF_INET, host, &place->address.sin_addr) == 1) {
            place->service = (enum service)i;
            return;
        }
    }
    fail(text);
}

int main(int argc, char **argv)
{
    struct load load = {.epoll = epoll_create1(0)};
    struct rlimit files = {0};
    char line[64];
    if (argc < 5) {
        fail("COUNT USERS PASSWORD SERVICE:ADDRESS:PORT...");
    }
    load.count = strtoul(argv[1], NULL, 10);
    load.users = strtoul(argv[2], NULL, 10);
    load.password = argv[3];
    for (int i = 4; i < argc; i++) {
        read_place(&load, argv[i]);
    }
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    load.sessions = calloc(load.count, sizeof *load.sessions);
    if (load.sessions == NULL || load.users == 0) {
        fail("memory");
    }
    for (size_t i = 0; i < load.count; i++) {
        load.sessions[i].fd = -1;
        load.sessions[i].index = i;
    }
    fill(&load);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (line[0] == '\n') {
            fill(&load);
        } else {
            watch(&load, strtoul(line, NULL, 10));
        }
    }
    return 0;
}
