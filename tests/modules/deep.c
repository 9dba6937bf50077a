/*
 * deep: runs off its stack. A line "dive" recurses without end, in frames of FRAME_BYTES each, into
 * the guard; the worker must end there, and nothing beside that stack be written. Built twice: as
 * mansio.pc says, with frames of 64 KiB; and without stack clash protection, with frames of 32 KiB,
 * that jump without touching what lies between.
 */
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

/* Not to be taken apart by an optimiser: writes to both ends of its frame alone. */
__attribute__((noinline)) static int dive(volatile char *above, int depth)
{
    volatile char frame[FRAME_BYTES];

    frame[0] = (char)depth;
    if (above != NULL) {
        frame[0] = (char)(frame[0] + above[0]);
    }
    return depth < 0 ? frame[0] : dive(frame, depth + 1) + frame[0];
}

static int deep_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str line = MANSIO_STR_NONE;
    (void)instance;

    int err = mansio_stream_write(stream, MANSIO_STR("mind the depth\r\n"));
    while (err >= 0) {
        mansio_stream_set_deadline(stream, mansio_deadline_in(60 * MANSIO_SECOND));
        err = mansio_stream_read_line(stream, 100, MANSIO_READ_IDLE | MANSIO_READ_BARE_LF, &line);
        if (err >= 0) {
            int depth = mansio_str_eq(line, MANSIO_STR("dive")) ? dive(NULL, 0) : 0;
            err = mansio_stream_printf(stream, "%d\r\n", depth);
        }
    }
    return err;
}

static const struct mansio_protocol deep_protocol = {
    .size = sizeof deep_protocol, .service = "deep", .serve = deep_serve};

static int deep_load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, 1, &deep_protocol);
}

static const struct mansio_setting deep_settings[] = {
    MANSIO_SETTING(.name = "dive_in_start", .type = MANSIO_SETTING_BOOL,
                   .help = "Dive before anybody asks."),
};

static int deep_start(struct mansio_instance *instance, uint32_t role)
{
    (void)role;
    return mansio_settings_int(mansio_instance_settings(instance), "dive_in_start") != 0
               ? dive(NULL, 0)
               : 0;
}

MANSIO_MODULE(NAME, "1.0", "", .summary = "Runs off its stack.", .load = deep_load,
              .start = deep_start, .settings = deep_settings,
              .setting_count = MANSIO_COUNT(deep_settings));
