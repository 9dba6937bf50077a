/*
 * offers: provides one interface that breaks a rule, the one that its setting names; for the
 * refusals of mansio_interface_provide(); or a protocol that has no STARTTLS.
 */
#include "recorder.h"

#include <mansio/interface.h>
#include <mansio/protocol.h>

static const char *const mistakes[] = {"name",     "version", "size",           "huge",
                                       "odd",      "twice",   "protocol-serve", "protocol-service",
                                       "starttls", NULL};

static const struct mansio_setting offers_settings[] = {
    MANSIO_SETTING(.name = "mistake", .type = MANSIO_SETTING_CHOICE, .choices = mistakes,
                   .help = "Which rule is broken."),
};

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance, (void)session;
    return 0;
}

static const struct record_table good = {.size = sizeof good};
static const struct record_table small = {.size = sizeof(size_t)};
static const struct record_table huge = {.size = 1 << 20};
static const struct record_table odd = {.size = 17};
static const struct mansio_protocol mute = {.size = sizeof mute, .service = "mute"};
static const struct mansio_protocol rude = {
    .size = sizeof rude, .service = "Rude Service", .serve = serve};

static const struct mansio_protocol plain = {
    .size = sizeof plain, .service = "plain", .serve = serve, .flags = MANSIO_PROTOCOL_NO_STARTTLS};

static int offers_load(struct mansio_instance *instance)
{
    int err = 0;
    switch (mansio_settings_int(mansio_instance_settings(instance), "mistake")) {
    case 0:
        return mansio_interface_provide(instance, "Bad_Name", 1, &good);
    case 1:
        return mansio_interface_provide(instance, "offer", 0, &good);
    case 2:
        return mansio_interface_provide(instance, "offer", 1, &small);
    case 3:
        return mansio_interface_provide(instance, "offer", 1, &huge);
    case 4:
        return mansio_interface_provide(instance, "offer", 1, &odd);
    case 5:
        err = mansio_interface_provide(instance, "offer", 1, &good);
        return err < 0 ? err : mansio_interface_provide(instance, "offer", 1, &good);
    case 6:
        return mansio_interface_provide(instance, MANSIO_PROTOCOL, 1, &mute);
    case 8: /* none by itself */
        return mansio_interface_provide(instance, MANSIO_PROTOCOL, 1, &plain);
    default:
        return mansio_interface_provide(instance, MANSIO_PROTOCOL, 1, &rude);
    }
}

MANSIO_MODULE("offers", "1.0", "", .summary = "Breaks a rule.", .settings = offers_settings,
              .setting_count = MANSIO_COUNT(offers_settings), .load = offers_load);
