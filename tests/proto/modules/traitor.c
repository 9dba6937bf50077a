/*
 * traitor: a module that somebody has taken over. It speaks to the master by itself, on the
 * descriptor that the core keeps for that. It echoes lines, but obeys these:
 *
 *     flood TYPE SIZE     threads send messages of a type, of so many bytes, without end
 *     hang TYPE SIZE      the same, and the loop never runs again
 *     shrink              a document that gets shorter while it's read, again and again
 *     crash               abort
 */
#include <errno.h>
#include <fcntl.h>
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHANNEL = 3, STAGE = 30, LOADED = 32, IDS = 16, THREADS = 3, DOCUMENT = 32 * 1024 * 1024 };

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "babble", .type = MANSIO_SETTING_DURATION, .default_text = "0s",
                   .help = "How long load() talks to the master."),
};

struct header {
    uint16_t version, type;
    uint32_t id, length, descriptors;
};

static unsigned type, size;

static void say(uint32_t id, const char *payload, uint32_t length, int fd)
{
    struct header header = {1, (uint16_t)type, id, length, fd >= 0};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)(uintptr_t)payload, length}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
    }
    while (sendmsg(CHANNEL, &message, MSG_NOSIGNAL) < 0 && errno == EAGAIN) {
        /* at once again: the reader must never find nothing */
    }
}

static void *flood(void *arg)
{
    char payload[32768];
    memset(payload, 'a', sizeof payload);
    payload[0] = payload[size - 1] = '"'; /* JSON; and to the bus, */
    if (type == 20) {
        payload[1] = '\0'; /* a topic that nobody hears */
    }
    for (uint32_t id = 0;; id = (id + 1) % IDS) {
        say(id, payload, size, -1);
    }
    return arg;
}

static void *shrink(void *arg)
{
    type = LOADED;
    for (;;) {
        int fd = memfd_create("document", MFD_CLOEXEC);
        char *map = ftruncate(fd, DOCUMENT) == 0
                        ? mmap(NULL, DOCUMENT, PROT_WRITE, MAP_SHARED, fd, 0)
                        : MAP_FAILED;
        if (map == MAP_FAILED) {
            abort();
        }
        memset(map, ' ', DOCUMENT);
        munmap(map, DOCUMENT);
        say(0, "", 0, fd);
        usleep(5000);
        if (ftruncate(fd, 1) != 0) {
            abort();
        }
        close(fd);
    }
    return arg;
}

static void obey(const char *line)
{
    pthread_t thread;
    if (strcmp(line, "crash") == 0) {
        abort();
    } else if (strcmp(line, "shrink") == 0) {
        pthread_create(&thread, NULL, shrink, NULL);
    } else if (sscanf(line, "flood %u %u", &type, &size) == 2 ||
               sscanf(line, "hang %u %u", &type, &size) == 2) {
        for (int i = 0; i < THREADS; i++) {
            pthread_create(&thread, NULL, flood, NULL);
        }
        while (line[0] == 'h') {
            pause();
        }
    }
}

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    struct mansio_stream *stream = mansio_session_stream(session);
    int rc = mansio_stream_printf(stream, "salve\r\n");
    while (rc >= 0) {
        struct mansio_str line;
        rc = mansio_stream_read_line(stream, 100, MANSIO_READ_IDLE, &line);
        if (rc >= 0) {
            char text[100];
            snprintf(text, sizeof text, "%.*s", MANSIO_STR_ARG(line));
            obey(text);
            rc = mansio_stream_printf(stream, "%s\r\n", text);
        }
    }
    return rc;
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "traitor", .serve = serve};

static int load(struct mansio_instance *instance)
{
    int64_t babble_us = mansio_settings_int(mansio_instance_settings(instance), "babble");
    char payload[30000];
    memset(payload, 'a', sizeof payload);
    type = STAGE;
    for (int64_t end_us = mansio_now_us() + babble_us; mansio_now_us() < end_us;) {
        say(0, payload, sizeof payload, -1);
    }
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &protocol);
}

MANSIO_MODULE("traitor", "1.0", "", .summary = "Turns against the master.", .settings = settings,
              .setting_count = MANSIO_COUNT(settings), .load = load);
