/* hello: greets, lets in who may, says back what it hears, and leaves. A whole Mansio module. */
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/login.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

static const struct mansio_setting hello_settings[] = {
    MANSIO_SETTING(.name = "greeting", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "Salve, viator", .max = 200, .help = "The first line we say."),
};

static const struct mansio_metric hello_metrics[] = {
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .help = "Lines said back."),
};

/* "login NAME PASSWORD": who that is, what guessing costs, and policy, are the core's. */
static int hello_login(struct mansio_session *session, struct mansio_str words)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str name = MANSIO_STR_NONE;
    (void)mansio_str_split(&words, ' ', &name);
    int err = mansio_session_login(session, name, words, mansio_deadline_in(60 * MANSIO_SECOND));
    const char *said = err == 0 ? "Intra" : err == MANSIO_E_DENIED ? "Non licet" : "Serius reveni";
    return mansio_stream_printf(stream, "%s, %.*s\r\n", said, MANSIO_STR_ARG(name));
}

/* Runs in a fiber: reads top to bottom, as if it had the machine to itself, and blocks nobody. */
static int hello_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str line = mansio_settings_str(mansio_instance_settings(instance), "greeting");
    int err = mansio_stream_printf(stream, "%.*s\r\n", MANSIO_STR_ARG(line));

    while (err >= 0) {
        mansio_stream_set_deadline(stream, mansio_deadline_in(300 * MANSIO_SECOND));
        err = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE | MANSIO_READ_BARE_LF, &line);
        if (err >= 0 && mansio_str_ieq(line, MANSIO_STR("quit"))) {
            return mansio_stream_printf(stream, "Vale\r\n");
        } else if (err >= 0 && mansio_str_istarts(line, MANSIO_STR("login "))) {
            err = hello_login(session, mansio_str_sub(line, 6, SIZE_MAX));
        } else if (err >= 0 && (err = mansio_stream_write(stream, line)) >= 0) {
            err = mansio_stream_write(stream, MANSIO_STR("\r\n"));
            mansio_metric_add(instance, 0, 1); /* lines: the first */
        }
    }
    return err; /* if somebody else ended it, the core says our goodbye */
}

static void hello_goodbye(struct mansio_instance *instance, struct mansio_session *session,
                          uint32_t reason, struct mansio_buf *out)
{
    (void)instance, (void)session;
    mansio_buf_printf(out, reason == MANSIO_REASON_DRAIN ? "Vale, come back\r\n" : "Vale\r\n");
}

static const struct mansio_protocol hello = {
    .size = sizeof hello, .service = "hello", .serve = hello_serve, .goodbye = hello_goodbye};

static int hello_load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &hello);
}

MANSIO_MODULE("hello", "1.0", "", .summary = "Greets, lets in, and says back what it hears.",
              .settings = hello_settings, .setting_count = MANSIO_COUNT(hello_settings),
              .metrics = hello_metrics, .metric_count = MANSIO_COUNT(hello_metrics),
              .load = hello_load);
