/*
 * The layout of every public struct, held at compile time (amd64): a change that would break a
 * module built before stops the build, before abidiff or a kept binary have to find it. Members
 * are added at the end, with their line here; nothing here is ever changed otherwise.
 */
#include <mansio/base.h>
#include <mansio/interface.h>
#include <mansio/lease.h>
#include <mansio/login.h>
#include <mansio/metrics.h>
#include <mansio/module.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>

#if defined(__x86_64__) && defined(__LP64__)

#define HOLD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define HOLD(type, member, offset)                                                                 \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

HOLD_SIZE(mansio_str, 16);
HOLD(mansio_str, ptr, 0);
HOLD(mansio_str, len, 8);

HOLD_SIZE(mansio_module, 112);
HOLD(mansio_module, size, 0);
HOLD(mansio_module, abi_major, 8);
HOLD(mansio_module, abi_minor, 12);
HOLD(mansio_module, name, 16);
HOLD(mansio_module, version, 24);
HOLD(mansio_module, summary, 32);
HOLD(mansio_module, settings, 40);
HOLD(mansio_module, setting_count, 48);
HOLD(mansio_module, metrics, 56);
HOLD(mansio_module, metric_count, 64);
HOLD(mansio_module, load, 72);
HOLD(mansio_module, start, 80);
HOLD(mansio_module, reconfigure, 88);
HOLD(mansio_module, drain, 96);
HOLD(mansio_module, stop, 104);

HOLD_SIZE(mansio_setting, 88);
HOLD(mansio_setting, size, 0);
HOLD(mansio_setting, name, 8);
HOLD(mansio_setting, type, 16);
HOLD(mansio_setting, flags, 20);
HOLD(mansio_setting, unit, 24);
HOLD(mansio_setting, default_text, 32);
HOLD(mansio_setting, help, 40);
HOLD(mansio_setting, min, 48);
HOLD(mansio_setting, max, 56);
HOLD(mansio_setting, choices, 64);
HOLD(mansio_setting, children, 72);
HOLD(mansio_setting, child_count, 80);

HOLD_SIZE(mansio_metric, 40);
HOLD(mansio_metric, size, 0);
HOLD(mansio_metric, name, 8);
HOLD(mansio_metric, type, 16);
HOLD(mansio_metric, reserved_flags, 20);
HOLD(mansio_metric, unit, 24);
HOLD(mansio_metric, help, 32);

HOLD_SIZE(mansio_protocol, 40);
HOLD(mansio_protocol, size, 0);
HOLD(mansio_protocol, service, 8);
HOLD(mansio_protocol, serve, 16);
HOLD(mansio_protocol, goodbye, 24);
HOLD(mansio_protocol, flags, 32);
HOLD(mansio_protocol, reserved, 36);

HOLD_SIZE(mansio_lease, 32);
HOLD(mansio_lease, size, 0);
HOLD(mansio_lease, acquire, 8);
HOLD(mansio_lease, renew, 16);
HOLD(mansio_lease, release, 24);

HOLD_SIZE(mansio_sasl_carrier, 72);
HOLD(mansio_sasl_carrier, size, 0);
HOLD(mansio_sasl_carrier, arg, 8);
HOLD(mansio_sasl_carrier, send, 16);
HOLD(mansio_sasl_carrier, receive, 24);
HOLD(mansio_sasl_carrier, initial, 32);
HOLD(mansio_sasl_carrier, takes_early, 48);
HOLD(mansio_sasl_carrier, reserved, 52);
HOLD(mansio_sasl_carrier, deadline_us, 56);
HOLD(mansio_sasl_carrier, step_us, 64);

_Static_assert(MANSIO_NOTE_SIZE == 372, "layout of the note");

#endif

/*
 * No public function names the tables that modules hand over, so debug information, and with it
 * the ABI record, would leave them out: this names them all.
 */
struct core_abi_tables {
    const struct mansio_module *module;
    const struct mansio_setting *setting;
    const struct mansio_metric *metric;
    const struct mansio_protocol *protocol;
    const struct mansio_lease *lease;
};
extern const struct core_abi_tables core_abi_tables;
const struct core_abi_tables core_abi_tables = {0};
