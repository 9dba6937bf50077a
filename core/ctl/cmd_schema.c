/*
 * Commands about the schema of the directory's database: apply, status.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/show.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

static const struct core_ctl_field status_fields[] = {
    {"schema", "version", CORE_CTL_COUNT},
    {"wanted", "wanted", CORE_CTL_COUNT},
    {"oldest that may use it", "oldest", CORE_CTL_COUNT},
};

/* Steps as they are done, for people: a long one should not look like a stuck one. */
static void tell(void *arg, const char *step)
{
    struct core_ctl *ctl = arg;
    struct mansio_buf *line = mansio_buf_new(ctl->arena, 4096);
    mansio_buf_printf(line, "%s\n", step);
    if (!ctl->is_json) {
        (void)core_ctl_write(ctl, mansio_buf_str(line));
    }
    mansio_buf_release(line);
}

int core_ctl_cmd_schema_apply(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    int rc = CORE_CTL_OFFERED(ctl, schema_apply);
    (void)args;
    if (rc == 0) {
        /* A big table takes what it takes: half a migration would be worse. */
        rc = ctl->admin->directory.schema_apply(ctl->admin->instance, tell, ctl,
                                                core_ctl_deadline(ctl, 0));
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    if (!ctl->is_json) {
        return rc > 0 ? CORE_CTL_OK : core_ctl_write(ctl, MANSIO_STR("nothing to do\n"));
    }
    json_t *out = json_object();
    json_object_set_new(out, "applied", json_integer(rc));
    int exit_code = core_ctl_show_json(ctl, out);
    json_decref(out);
    return exit_code;
}

int core_ctl_cmd_schema_status(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    uint32_t version = 0, wanted = 0, oldest = 0;
    int rc = CORE_CTL_OFFERED(ctl, schema_status);
    (void)args;
    if (rc == 0) {
        rc = ctl->admin->directory.schema_status(ctl->admin->instance,
                                                 core_ctl_deadline(ctl, CORE_CTL_STEP_US), &version,
                                                 &wanted, &oldest);
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    json_t *row = json_object();
    json_object_set_new(row, "version", json_integer(version));
    json_object_set_new(row, "wanted", json_integer(wanted));
    json_object_set_new(row, "oldest", json_integer(oldest));
    int exit_code;
    if (ctl->is_json) {
        exit_code = core_ctl_show_json(ctl, row);
    } else {
        struct mansio_buf *out = mansio_buf_new(ctl->arena, 4096);
        core_ctl_show_object(out, status_fields, MANSIO_COUNT(status_fields), row);
        exit_code = core_ctl_write(ctl, mansio_buf_str(out));
    }
    json_decref(row);
    return exit_code;
}
