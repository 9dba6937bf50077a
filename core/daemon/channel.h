/*
 * The channel between the master and one child: a SOCK_SEQPACKET socketpair that carries small
 * framed messages, some with descriptors. It is all that a child inherits; everything else (the
 * configuration, shared memory, listening sockets) comes over it, so descriptors can stay
 * close-on-exec in both.
 *
 * Sending never waits: what the socket doesn't take is queued, under a bound. One fiber runs
 * core_channel_step(), which sends what is queued and waits for messages; any fiber may send.
 * What the messages mean is no matter of this file: see README.md.
 */
#ifndef MANSIO_CORE_DAEMON_CHANNEL_H
#define MANSIO_CORE_DAEMON_CHANNEL_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>
#include <sys/types.h>

enum {
    CORE_MESSAGE_VERSION = 1, /* of the framing and of every message's form */
    CORE_MESSAGE_HEADER_SIZE = 16,
    CORE_MESSAGE_PAYLOAD_MAX = 32768,
    CORE_MESSAGE_FDS_MAX = 4,
    CORE_CHANNEL_QUEUE_MAX = 1024, /* messages that wait to be sent */
    CORE_CHANNEL_BULK_MAX = 256,   /* beyond this, hints of the bus are dropped */
    CORE_CHANNEL_FD = 3,           /* where a child finds its end */
};

enum core_message_type {
    /* master to child */
    CORE_MESSAGE_SETUP = 1,       /* JSON; descriptors: source, shared memory */
    CORE_MESSAGE_LISTENER = 2,    /* id: row of the configuration; descriptor: the socket */
    CORE_MESSAGE_LOAD = 3,        /* that was all: load modules */
    CORE_MESSAGE_START = 4,       /* what was loaded is what was checked: start */
    CORE_MESSAGE_ACCEPT = 5,      /* open listeners */
    CORE_MESSAGE_DRAIN = 6,       /* JSON: spread_us, deadline_us, both from now */
    CORE_MESSAGE_RECONFIGURE = 7, /* descriptor: source */
    CORE_MESSAGE_SESSIONS = 8,    /* JSON: the arguments of sessions.list */
    CORE_MESSAGE_KILL = 9,        /* a session's id */
    CORE_MESSAGE_KICK = 10,       /* the balance may have changed: look again */
    CORE_MESSAGE_CHECK = 11,      /* JSON; descriptors: running source, state, shared memory */
    CORE_MESSAGE_TOP = 12,        /* how many sessions of what? */

    /* both ways */
    CORE_MESSAGE_BUS = 20, /* topic, NUL, payload */

    /* child to master */
    CORE_MESSAGE_STAGE = 30,  /* text: what it does now */
    CORE_MESSAGE_FAILED = 31, /* text: why it gives up */
    CORE_MESSAGE_LOADED = 32, /* descriptor: JSON facts of what is mapped */
    CORE_MESSAGE_READY = 33,
    CORE_MESSAGE_DRAINED = 34,
    CORE_MESSAGE_ANSWER = 35,   /* id of the question; JSON; more follow */
    CORE_MESSAGE_ANSWERED = 36, /* id of the question; JSON; the last */
    CORE_MESSAGE_PLAN = 37,     /* descriptors: JSON of the plan, source */
};

struct core_message {
    uint32_t type; /* enum core_message_type */
    uint32_t id;
    struct mansio_str payload; /* received: valid until the next step */
    size_t fd_count;
    int fds[CORE_MESSAGE_FDS_MAX]; /* received: the receiver's to close */
};

/* Pure: write a header; read one and check it against the bytes that came. The latter gives
 * MANSIO_E_INVALID and says what is wrong. */
void core_message_encode(const struct core_message *message,
                         unsigned char out[CORE_MESSAGE_HEADER_SIZE]);
MANSIO_MUST_CHECK int core_message_decode(struct mansio_str bytes, struct core_message *out);

/* Send one message on a bare descriptor, without memory or fibers: for the child between fork and
 * exec, and for last words. Blocks the thread for up to 5 s while the other side has no room. */
void core_message_send_raw(int fd, const struct core_message *message);

/* Receive one message on a bare descriptor, waiting for it, before there is a loop: for a child's
 * first. The payload lies in @p buffer. MANSIO_E_EOF, MANSIO_E_INVALID, MANSIO_E_IO. */
enum { CORE_MESSAGE_BUFFER_SIZE = CORE_MESSAGE_HEADER_SIZE + CORE_MESSAGE_PAYLOAD_MAX };
MANSIO_MUST_CHECK int core_message_receive_raw(int fd, char buffer[CORE_MESSAGE_BUFFER_SIZE],
                                               struct core_message *out);

/* Close what a message brought and nobody took. */
void core_message_close_fds(struct core_message *message);

struct core_channel;

/* Both ends are non-blocking and close-on-exec. */
MANSIO_MUST_CHECK int core_channel_pair(int *out_master, int *out_child);

/* Owns @p fd. */
struct core_channel *core_channel_new(int fd);
void core_channel_free(struct core_channel *channel);
int core_channel_fd(const struct core_channel *channel);

/* Send or queue; descriptors are duplicated if they must wait. MANSIO_E_CLOSED when the peer is
 * gone, MANSIO_E_LIMIT when too much is queued. */
int core_channel_send(struct core_channel *channel, const struct core_message *message);
int core_channel_send_text(struct core_channel *channel, uint32_t type, uint32_t id,
                           struct mansio_str payload);

/* Messages that wait. */
size_t core_channel_queued(const struct core_channel *channel);

/* Wait for a message, sending what is queued meanwhile; or for one of @p others (at most 4).
 * Returns 0 with a message; 1 + index when one of the others is ready and no message is there, or
 * many in a row were; MANSIO_E_TIMEOUT at the deadline, however much the peer says; MANSIO_E_EOF;
 * MANSIO_E_INVALID for a broken message; and as mansio_wait(). Yields. */
MANSIO_MUST_CHECK int core_channel_step(struct core_channel *channel,
                                        struct mansio_waitable *const *others, size_t count,
                                        int64_t deadline_us, struct core_message *out);

/* How long to go on reading what a child said that has ended: its end comes by itself, unless
 * somebody else has kept its descriptor. */
#define CORE_CHANNEL_LAST_WORDS_US MANSIO_SECOND

/* Wait until nothing is queued. Not beside core_channel_step(). Yields. */
int core_channel_flush(struct core_channel *channel, int64_t deadline_us);

#endif
