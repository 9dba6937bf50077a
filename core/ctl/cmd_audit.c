/*
 * `mansioctl audit verify`: the audit log's chain of hashes, checked by who keeps it. What of the
 * log is listed and shown comes from the table of objects.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/show.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/time.h>

#define VERIFY_US (3600 * MANSIO_SECOND) /* a log of years */

int core_ctl_cmd_audit_verify(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    (void)args;
    uint64_t rows = 0, bad = 0;
    int rc = CORE_CTL_OFFERED(ctl, audit_verify);
    if (rc == 0) {
        rc = ctl->admin->directory.audit_verify(ctl->admin->instance,
                                                core_ctl_deadline(ctl, VERIFY_US), &rows, &bad);
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    int exit_code = CORE_CTL_OK;
    if (ctl->is_json) {
        json_t *out = json_pack("{s:b, s:I, s:o}", "intact", bad == 0, "rows", (json_int_t)rows,
                                "bad", bad != 0 ? json_integer((json_int_t)bad) : json_null());
        exit_code = core_ctl_show_json(ctl, out);
        json_decref(out);
    } else if (bad == 0) {
        struct mansio_buf *out = mansio_buf_new(ctl->arena, 128);
        mansio_buf_printf(out, "%" PRIu64 " rows, none changed, removed or put in between\n", rows);
        exit_code = core_ctl_write(ctl, mansio_buf_str(out));
    }
    if (bad != 0) {
        core_ctl_error(ctl,
                       "audit row %" PRIu64 " doesn't fit the one before it: the log was tampered "
                       "with (%" PRIu64 " rows were checked)",
                       bad, rows);
        exit_code = CORE_CTL_FAILED;
    }
    return exit_code;
}
