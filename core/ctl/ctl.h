/*
 * What the files of mansioctl share: the exit codes, the run's state, the table of commands.
 */
#ifndef MANSIO_CORE_CTL_CTL_H
#define MANSIO_CORE_CTL_CTL_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

/* Documented in mansioctl(8); core/daemon/control.md maps the protocol's codes to them. */
enum core_ctl_exit {
    CORE_CTL_OK = 0,
    CORE_CTL_FAILED = 1,      /* refused, or something went wrong: the reason is on stderr */
    CORE_CTL_USAGE = 2,       /* the command line, or a command that this daemon doesn't know */
    CORE_CTL_UNREACHABLE = 3, /* no daemon behind the socket, no database behind the directory */
    CORE_CTL_DENIED = 4,      /* this user may look, not change */
    CORE_CTL_NOT_FOUND = 5,   /* no such session, tenant, account, ... */
    CORE_CTL_STOPPING = 6,    /* the daemon is on its way out */
    CORE_CTL_TIMEOUT = 7,     /* no answer, or not everybody's, in time */
    CORE_CTL_EXISTS = 8,      /* what is to be added is there already */
    CORE_CTL_BUSY = 9,        /* what is to be removed is still in use, or is locked */
};

struct core_ctl_admin; /* an open directory: admin.h */
struct core_ctl_command;
struct mansio_field_form;

/* One run of mansioctl. */
struct core_ctl {
    struct mansio_arena *arena;   /* lives as long as the run */
    const char *socket;           /* --socket; NULL if not given */
    const char *config;           /* --config; NULL if not given */
    int64_t timeout_us;           /* --timeout; -1: the command's own */
    int is_json;                  /* --json */
    int is_quiet;                 /* say nothing on stderr: completion asks, nobody reads */
    struct core_ctl_admin *admin; /* for commands with CORE_CTL_ADMIN, while they run */
    uint32_t line;                /* of a batch, from 1; 0: not in a batch */
};

struct core_ctl_option {
    const char *name;     /* with its dashes: "--service" */
    const char *argument; /* what it takes, "NAME"; NULL for a switch */
    const char *help;
    const char *const *choices;            /* what may stand for the argument, NULL-terminated */
    const struct mansio_field_form *field; /* the object's field that it gives, or takes away */
    uint32_t is_switch_off;                /* it takes the field away: not shown in help */
    const char *const *hints; /* as choices, but others may stand there too: for completion alone;
                                 where the argument is "...,...", one after another */
};

enum { CORE_CTL_OPTIONS_MAX = 32 };

/* What followed the command's words. */
struct core_ctl_args {
    const struct core_ctl_command *command;
    const char *operand;                       /* NULL if none was given */
    const char *options[CORE_CTL_OPTIONS_MAX]; /* by the table's order: the value, "" for a switch,
                                                  NULL if not given */
};

enum core_ctl_command_flags {
    CORE_CTL_ADMIN = 1, /* done in this process, with the directory open (admin.h) */
    CORE_CTL_ALONE = 2, /* not in a batch */
};

struct core_ctl_command {
    const char *words;   /* "sessions kill" */
    const char *operand; /* what it takes beside options; NULL: nothing; "[X]": optional;
                            "[X...]": any number of words, given joined by spaces; "X...": at
                            least one */
    const char *help;    /* one line */
    uint32_t flags;      /* enum core_ctl_command_flags */
    uint32_t kind;       /* enum mansio_object_kind, of commands about objects */
    uint32_t option_count;
    struct core_ctl_option options[CORE_CTL_OPTIONS_MAX];
    /* Returns an enum core_ctl_exit value, having said why on stderr if it isn't 0. */
    int (*run)(struct core_ctl *ctl, const struct core_ctl_args *args);
};

/* commands.c */
const struct core_ctl_command *core_ctl_commands(size_t *out_count);
const struct core_ctl_option *core_ctl_global_options(size_t *out_count);

/* The command whose words begin @p words; how many of them it took is put in @p out_used. NULL if
 * there is none. */
const struct core_ctl_command *core_ctl_find(const char *const *words, size_t count,
                                             size_t *out_used);

/* cmd_*.c: one for each row of the table. */
int core_ctl_cmd_status(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_reload(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_stop(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_modules(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_sessions_list(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_sessions_kill(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_help(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_completion(struct core_ctl *ctl, const struct core_ctl_args *args);

int core_ctl_cmd_object_add(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_object_set(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_object_list(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_object_show(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_object_remove(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_audit_verify(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_password_make(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_password_change(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_password_new(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_password_set(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_allow(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_clear(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_deny(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_explain(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_history(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_lock(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_show(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_test(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_policy_unlock(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_domains(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_list(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_show(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_retry(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_hold(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_release(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_bounce(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_queue_delete(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_schema_apply(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_schema_status(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_top(struct core_ctl *ctl, const struct core_ctl_args *args);
int core_ctl_cmd_batch(struct core_ctl *ctl, const struct core_ctl_args *args);

/* run.c: parse and run one command line. Returns an exit code. In a batch from inside the fiber
 * that has the directory open. */
int core_ctl_run(struct core_ctl *ctl, const char *const *words, size_t count);

/* An option of the running command by name ("--reason"): its value, "" for a switch, NULL if it
 * was not given. */
const char *core_ctl_option(const struct core_ctl_args *args, const char *name);

/* complete.c. `mansioctl complete WORD...` is no row of the table: its words are those of the
 * command line being completed, options and all. The last word is the one under the cursor. */
int core_ctl_complete(struct core_ctl *ctl, const char *const *words, size_t count);

/* output.c: everything that is written. */
void core_ctl_error(const struct core_ctl *ctl, const char *format, ...) MANSIO_PRINTF(2, 3);

/* Write to standard output, whole. Returns CORE_CTL_OK or, with the reason said, CORE_CTL_FAILED.
 */
int core_ctl_write(const struct core_ctl *ctl, struct mansio_str text);

#endif
