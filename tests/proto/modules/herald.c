/*
 * herald: publishes each line it's told on the bus, and logs what it hears, in every process.
 * When drained it works on for a while, as a module with something in hand does.
 */
#include <mansio/bus.h>
#include <mansio/interface.h>
#include <mansio/log.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "key", .type = MANSIO_SETTING_PATH, .help = "A file that it reads."),
    MANSIO_SETTING(.name = "last_words", .type = MANSIO_SETTING_DURATION, .default_text = "100ms",
                   .help = "How long it works on when drained."),
};

struct herald {
    struct mansio_event *drained;
    struct mansio_subscription *subscription;
};

static int listen(void *arg)
{
    struct mansio_instance *instance = arg;
    struct herald *herald = mansio_instance_data(instance);
    struct mansio_waitable *sources[] = {mansio_subscription_readable(herald->subscription),
                                         mansio_event_waitable(herald->drained)};
    int rc;
    while ((rc = mansio_wait(sources, 2, MANSIO_NEVER, 0)) == 0) {
        struct mansio_str payload;
        if (mansio_subscription_next(herald->subscription, 0, &payload) == 0) {
            mansio_log(MANSIO_LOG_INFO, "heard", MANSIO_KV_STR("what", payload), MANSIO_KV_END);
        }
    }
    if (rc == 1) {
        int64_t rest = mansio_settings_int(mansio_instance_settings(instance), "last_words");
        rc = mansio_fiber_sleep_until(mansio_deadline_in(rest));
        mansio_log(MANSIO_LOG_INFO, "last-words", MANSIO_KV_CODE("result", rc), MANSIO_KV_END);
    }
    return rc;
}

static int start(struct mansio_instance *instance, uint32_t role)
{
    (void)role;
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct herald *herald = mansio_arena_alloc(arena, sizeof *herald);
    mansio_instance_set_data(instance, herald);
    herald->drained = mansio_event_new(arena);
    int rc = mansio_bus_subscribe(arena, MANSIO_STR("herald"), 64, &herald->subscription);
    return rc < 0 ? rc
                  : mansio_group_spawn(mansio_instance_group(instance), "listen", listen, instance,
                                       NULL);
}

static void drain(struct mansio_instance *instance, int64_t deadline_us)
{
    (void)deadline_us;
    struct herald *herald = mansio_instance_data(instance);
    mansio_event_set(herald->drained);
}

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    struct mansio_stream *stream = mansio_session_stream(session);
    int rc = mansio_stream_printf(stream, "herald\r\n");
    while (rc >= 0) {
        struct mansio_str line;
        rc = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE, &line);
        if (rc >= 0) {
            rc = mansio_stream_printf(stream, "%d\r\n",
                                      mansio_bus_publish(MANSIO_STR("herald"), line));
        }
    }
    return rc;
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "herald", .serve = serve};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &protocol);
}

MANSIO_MODULE("herald", "1.0", "", .summary = "Publishes what it is told.", .settings = settings,
              .setting_count = MANSIO_COUNT(settings), .load = load, .start = start,
              .drain = drain);
