/*
 * The channel between the master and one child: framing, descriptors, the queue. Owns its
 * descriptor and the descriptors of queued messages. Doesn't know what messages mean.
 */
#include "core/daemon/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/error.h>

#define RAW_PATIENCE_US (5 * MANSIO_SECOND)

enum {
    RAW_POLL_MS = 100,
    OTHERS_MAX = 4,
    BURST_MAX = 16, /* messages in a row before others have their turn */
};

struct queued {
    struct queued *next;
    struct core_message message; /* payload lies behind this struct */
};

struct core_channel {
    struct mansio_arena *arena; /* ends the watches before the descriptor is closed */
    int fd;
    int is_closed;
    struct mansio_waitable *readable, *writable;
    struct mansio_event *queue_grew;
    struct queued *first, *last;
    size_t queued;
    unsigned burst; /* messages since it last waited */
    char *buffer;
};

/* ---- framing: version, type, id, length, number of descriptors ------------------------------- */

void core_message_encode(const struct core_message *message,
                         unsigned char out[CORE_MESSAGE_HEADER_SIZE])
{
    uint16_t version = CORE_MESSAGE_VERSION;
    uint16_t type = (uint16_t)message->type;
    uint32_t length = (uint32_t)message->payload.len;
    uint32_t fds = (uint32_t)message->fd_count;
    memcpy(out, &version, 2);
    memcpy(out + 2, &type, 2);
    memcpy(out + 4, &message->id, 4);
    memcpy(out + 8, &length, 4);
    memcpy(out + 12, &fds, 4);
}

int core_message_decode(struct mansio_str bytes, struct core_message *out)
{
    if (bytes.len < CORE_MESSAGE_HEADER_SIZE) {
        return mansio_fail(MANSIO_E_INVALID, "channel: message of %zu bytes, at least %d expected",
                           bytes.len, CORE_MESSAGE_HEADER_SIZE);
    }
    uint16_t version = 0;
    uint16_t type = 0;
    uint32_t id = 0;
    uint32_t length = 0;
    uint32_t fds = 0;
    memcpy(&version, bytes.ptr, 2);
    memcpy(&type, bytes.ptr + 2, 2);
    memcpy(&id, bytes.ptr + 4, 4);
    memcpy(&length, bytes.ptr + 8, 4);
    memcpy(&fds, bytes.ptr + 12, 4);
    if (version != CORE_MESSAGE_VERSION) {
        return mansio_fail(MANSIO_E_INVALID, "channel: message of version %u, %d expected", version,
                           CORE_MESSAGE_VERSION);
    }
    if (length != bytes.len - CORE_MESSAGE_HEADER_SIZE || length > CORE_MESSAGE_PAYLOAD_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "channel: message says %u bytes and has %zu", length,
                           bytes.len - CORE_MESSAGE_HEADER_SIZE);
    }
    if (fds > CORE_MESSAGE_FDS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "channel: message says %u descriptors, at most %d",
                           fds, CORE_MESSAGE_FDS_MAX);
    }
    *out = (struct core_message){
        .type = type,
        .id = id,
        .payload = {bytes.ptr + CORE_MESSAGE_HEADER_SIZE, length},
        .fd_count = fds,
    };
    return 0;
}

/* ---- the socket ------------------------------------------------------------------------------ */

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int) * CORE_MESSAGE_FDS_MAX)];
};

/* 0; or -1 with errno. */
static int send_one(int fd, const struct core_message *message)
{
    unsigned char header[CORE_MESSAGE_HEADER_SIZE];
    core_message_encode(message, header);
    struct iovec parts[2] = {
        {.iov_base = header, .iov_len = sizeof header},
        {.iov_base = (void *)(uintptr_t)message->payload.ptr, .iov_len = message->payload.len},
    };
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
    if (message->fd_count > 0) {
        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * message->fd_count);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * message->fd_count);
        memcpy(CMSG_DATA(cmsg), message->fds, sizeof(int) * message->fd_count);
    }
    ssize_t n;
    do {
        n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

void core_message_send_raw(int fd, const struct core_message *message)
{
    int64_t deadline_us = mansio_deadline_in(RAW_PATIENCE_US);
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    while (send_one(fd, message) != 0 && (errno == EAGAIN || errno == ENOBUFS) &&
           mansio_now_us() < deadline_us) {
        (void)poll(&room, 1, RAW_POLL_MS);
    }
}

void core_message_close_fds(struct core_message *message)
{
    for (size_t i = 0; i < message->fd_count; i++) {
        close(message->fds[i]);
    }
    message->fd_count = 0;
}

/* Descriptors that came, into @p fds; returns their number. */
static size_t take_fds(struct msghdr *msg, int fds[CORE_MESSAGE_FDS_MAX])
{
    size_t count = 0;
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < CORE_MESSAGE_FDS_MAX; i++) {
            memcpy(&fds[count++], CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
        }
    }
    return count;
}

/* 1 with a message, 0 when none is there, or an error. */
static int receive_one(int fd, char *buffer, struct core_message *out)
{
    union control control;
    struct iovec part = {.iov_base = buffer, .iov_len = CORE_MESSAGE_BUFFER_SIZE};
    struct msghdr msg = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.room,
        .msg_controllen = sizeof control.room,
    };
    ssize_t n;
    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    int err = errno;
    if (n < 0 && (err == EAGAIN || err == EWOULDBLOCK)) {
        return 0;
    }
    if (n < 0 && err != ECONNRESET) {
        return mansio_fail(MANSIO_E_IO, "channel: recvmsg: %s", strerror(err));
    }
    int fds[CORE_MESSAGE_FDS_MAX];
    size_t fd_count = n < 0 ? 0 : take_fds(&msg, fds); /* an empty message may bring some, too */
    int rc = n <= 0 ? mansio_fail(MANSIO_E_EOF, "channel: the other side is gone")
                    : core_message_decode((struct mansio_str){buffer, (size_t)n}, out);
    if (rc == 0 && (out->fd_count != fd_count || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)) {
        rc = mansio_fail(MANSIO_E_INVALID, "channel: message or its descriptors were cut");
    }
    if (rc < 0) {
        for (size_t i = 0; i < fd_count; i++) {
            close(fds[i]);
        }
        return rc;
    }
    memcpy(out->fds, fds, sizeof(int) * fd_count);
    return 1;
}

int core_message_receive_raw(int fd, char buffer[CORE_MESSAGE_BUFFER_SIZE],
                             struct core_message *out)
{
    for (;;) {
        int rc = receive_one(fd, buffer, out);
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (poll(&entry, 1, -1) < 0 && errno != EINTR) {
            int err = errno;
            return mansio_fail(MANSIO_E_IO, "channel: poll: %s", strerror(err));
        }
    }
}

int core_channel_pair(int *out_master, int *out_child)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "channel: socketpair: %s", strerror(err));
    }
    *out_master = pair[0];
    *out_child = pair[1];
    return 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void queued_free(struct queued *entry)
{
    core_message_close_fds(&entry->message);
    free(entry);
}

static int enqueue(struct core_channel *channel, const struct core_message *message)
{
    size_t most =
        message->type == CORE_MESSAGE_BUS ? CORE_CHANNEL_BULK_MAX : CORE_CHANNEL_QUEUE_MAX;
    if (channel->queued >= most) {
        return mansio_fail(MANSIO_E_LIMIT, "channel: %zu messages wait already", channel->queued);
    }
    struct queued *entry = calloc(1, sizeof *entry + message->payload.len);
    if (entry == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "channel: out of memory");
    }
    entry->message = *message;
    entry->message.fd_count = 0;
    if (message->payload.len > 0) {
        memcpy(entry + 1, message->payload.ptr, message->payload.len);
    }
    entry->message.payload.ptr = (const char *)(entry + 1);
    for (size_t i = 0; i < message->fd_count; i++) {
        int fd = fcntl(message->fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            int err = errno;
            queued_free(entry);
            return mansio_fail(MANSIO_E_IO, "channel: dup: %s", strerror(err));
        }
        entry->message.fds[entry->message.fd_count++] = fd;
    }
    if (channel->last == NULL) {
        channel->first = entry;
    } else {
        channel->last->next = entry;
    }
    channel->last = entry;
    channel->queued++;
    mansio_event_set(channel->queue_grew);
    return 0;
}

/* Send what the socket takes. */
static void send_queued(struct core_channel *channel)
{
    while (channel->first != NULL) {
        struct queued *entry = channel->first;
        if (send_one(channel->fd, &entry->message) != 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                return;
            }
            channel->is_closed = 1; /* the rest is for nobody; the reader will see the end */
        }
        channel->first = entry->next;
        if (channel->first == NULL) {
            channel->last = NULL;
        }
        channel->queued--;
        queued_free(entry);
    }
    mansio_event_clear(channel->queue_grew);
}

int core_channel_send(struct core_channel *channel, const struct core_message *message)
{
    if (message->payload.len > CORE_MESSAGE_PAYLOAD_MAX ||
        message->fd_count > CORE_MESSAGE_FDS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "channel: message of %zu bytes, at most %d",
                           message->payload.len, CORE_MESSAGE_PAYLOAD_MAX);
    }
    if (channel->is_closed) {
        return mansio_fail(MANSIO_E_CLOSED, "channel: the other side is gone");
    }
    if (channel->first != NULL) {
        return enqueue(channel, message);
    }
    if (send_one(channel->fd, message) == 0) {
        return 0;
    }
    int err = errno;
    if (err == EAGAIN || err == EWOULDBLOCK) {
        return enqueue(channel, message);
    }
    if (err == EPIPE || err == ECONNRESET || err == ENOTCONN) {
        channel->is_closed = 1;
        return mansio_fail(MANSIO_E_CLOSED, "channel: the other side is gone");
    }
    return mansio_fail(MANSIO_E_IO, "channel: sendmsg: %s", strerror(err));
}

int core_channel_send_text(struct core_channel *channel, uint32_t type, uint32_t id,
                           struct mansio_str payload)
{
    struct core_message message = {.type = type, .id = id, .payload = payload};
    return core_channel_send(channel, &message);
}

size_t core_channel_queued(const struct core_channel *channel)
{
    return channel->queued;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct core_channel *core_channel_new(int fd)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "channel", 0);
    struct core_channel *channel = mansio_arena_alloc(arena, sizeof *channel);
    channel->arena = arena;
    channel->fd = fd;
    channel->buffer = mansio_arena_alloc(arena, CORE_MESSAGE_BUFFER_SIZE);
    channel->readable = mansio_fd_watch(arena, fd, MANSIO_FD_READ);
    channel->writable = mansio_fd_watch(arena, fd, MANSIO_FD_WRITE);
    channel->queue_grew = mansio_event_new(arena);
    return channel;
}

void core_channel_free(struct core_channel *channel)
{
    if (channel == NULL) {
        return;
    }
    while (channel->first != NULL) {
        struct queued *entry = channel->first;
        channel->first = entry->next;
        queued_free(entry);
    }
    int fd = channel->fd;
    mansio_arena_free(channel->arena);
    close(fd);
}

int core_channel_fd(const struct core_channel *channel)
{
    return channel->fd;
}

/* A peer that never stops talking must neither hold the thread nor outlive its deadline, nor hide
 * what else is ready. 0 to go on; else what core_channel_step() returns. */
static int breathe(struct core_channel *channel, struct mansio_waitable *const *others,
                   size_t count, int64_t deadline_us)
{
    channel->burst = 0;
    int rc = mansio_wait(others, count, mansio_now_us(), 0);
    if (rc >= 0) {
        return 1 + rc;
    }
    return rc == MANSIO_E_TIMEOUT && mansio_now_us() < deadline_us ? 0 : rc;
}

int core_channel_step(struct core_channel *channel, struct mansio_waitable *const *others,
                      size_t count, int64_t deadline_us, struct core_message *out)
{
    MANSIO_ASSERT(count <= OTHERS_MAX);
    for (;;) {
        send_queued(channel);
        int rc = channel->burst < BURST_MAX ? 0 : breathe(channel, others, count, deadline_us);
        if (rc != 0) {
            return rc;
        }
        rc = receive_one(channel->fd, channel->buffer, out);
        channel->burst += rc == 1;
        channel->is_closed |= rc == MANSIO_E_EOF;
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
        struct mansio_waitable *sources[2 + OTHERS_MAX] = {
            channel->readable,
            channel->first != NULL ? channel->writable : mansio_event_waitable(channel->queue_grew),
        };
        for (size_t i = 0; i < count; i++) {
            sources[2 + i] = others[i];
        }
        channel->burst = 0;
        rc = mansio_wait(sources, 2 + count, deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
        if (rc >= 2) {
            return rc - 1;
        }
    }
}

int core_channel_flush(struct core_channel *channel, int64_t deadline_us)
{
    for (;;) {
        send_queued(channel);
        if (channel->first == NULL) {
            return 0;
        }
        struct mansio_waitable *source = channel->writable;
        int rc = mansio_wait(&source, 1, deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
    }
}
