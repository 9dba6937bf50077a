/*
 * A module that runs out of stack when told "dive", by frames of FRAME bytes, and holds the loop
 * for half a second when told "hold". Built twice: with
 * the flags of mansio.pc each page of a frame is touched in order, without them a frame may jump
 * as far as its size.
 */
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/time.h>

#ifndef FRAME
#define FRAME 65536
#endif

static __attribute__((noinline)) int dive(volatile const char *above, int depth)
{
    volatile char frame[FRAME];
    frame[0] = above[0];
    int deeper = depth > 1000000 ? 0 : dive(frame, depth + 1);
    return deeper + frame[0];
}

/* Longer than any watchdog waits, and without a pause. */
static void hold(void)
{
    int64_t end_us = mansio_deadline_in(MANSIO_SECOND / 2);
    while (mansio_now_us() < end_us) {
    }
}

static int deep_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str line;
    (void)instance;
    int err = mansio_stream_printf(stream, "ready\r\n");
    while (err >= 0) {
        err = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE, &line);
        if (err >= 0 && mansio_str_eq(line, MANSIO_STR("dive"))) {
            err = mansio_stream_printf(stream, "%d\r\n", dive(line.ptr, 0));
        } else if (err >= 0 && mansio_str_eq(line, MANSIO_STR("hold"))) {
            hold();
            err = mansio_stream_printf(stream, "held\r\n");
        } else if (err >= 0) {
            err = mansio_stream_printf(stream, "%.*s\r\n", MANSIO_STR_ARG(line));
        }
    }
    return err;
}

static const struct mansio_protocol deep_protocol = {
    .size = sizeof(deep_protocol), .service = "deep", .serve = deep_serve};

static int deep_load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                    &deep_protocol);
}

MANSIO_MODULE("deep", "1.0", "", .summary = "Runs out of stack when told to.", .load = deep_load);
