/*
 * Telling the service manager how we are (sd_notify). Owns nothing; a manager that isn't there is
 * no error.
 */
#include "core/daemon/master.h"

#include <systemd/sd-daemon.h>

#include <mansio/time.h>

void core_notify_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void core_notify_reloading(const char *status)
{
    /* Type=notify-reload wants the monotonic time with it (sd_notify(3)). */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=%s", (long long)mansio_now_us(),
                     status);
}

void core_notify_stopping(const char *status)
{
    (void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}
