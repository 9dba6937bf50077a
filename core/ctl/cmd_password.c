/*
 * Commands about passwords: set, new, change, make. Their stored form is made by an auth module, in
 * this process; what is typed or piped in is wiped and never leaves it.
 */
#include "core/ctl/admin.h"
#include "core/ctl/app_password.h"
#include "core/ctl/ctl.h"
#include "core/ctl/fields.h"
#include "core/ctl/input.h"
#include "core/ctl/objects.h"
#include "core/ctl/policy_words.h"
#include "core/ctl/show.h"
#include "core/ctl/when.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

/* What a stored form is made of, and what came of it. */
struct making {
    struct mansio_str scheme; /* empty: the auth module's own */
    uint32_t with_scram;
    struct mansio_str like; /* whose SCRAM salt to share; empty: nobody's */
    struct mansio_str stored;
    const char *stored_scheme; /* NULL: nobody here can tell */
    uint32_t has_scram;
    /* Of an app password; those that weren't given are left as they are. */
    struct mansio_field limits[2];
    size_t limit_count;
};

/* ---- the stored form ----------------------------------------------------------------------------
 */

/* The first that can. */
static int make_stored(struct core_ctl *ctl, struct mansio_str password, struct making *making)
{
    const struct core_ctl_admin *admin = ctl->admin;
    int rc = MANSIO_E_UNSUPPORTED;
    if (admin->auth_count == 0) {
        return mansio_fail(rc, "the configuration has no instance that makes stored passwords");
    }
    for (size_t i = 0; i < admin->auth_count && rc == MANSIO_E_UNSUPPORTED; i++) {
        rc = admin->auths[i].make(admin->auth_instances[i], making->scheme, making->with_scram,
                                  making->like, password, ctl->arena,
                                  core_ctl_deadline(ctl, CORE_CTL_STEP_US), &making->stored);
    }
    return rc;
}

/* What a stored form can do, by whoever knows it. */
static int inspect(struct core_ctl *ctl, struct making *making)
{
    const struct core_ctl_admin *admin = ctl->admin;
    int rc = MANSIO_E_UNSUPPORTED;
    for (size_t i = 0; i < admin->auth_count && rc == MANSIO_E_UNSUPPORTED; i++) {
        if (admin->auths[i].inspect != NULL) {
            rc = admin->auths[i].inspect(admin->auth_instances[i], making->stored,
                                         &making->stored_scheme, &making->has_scram);
        }
    }
    if (rc == MANSIO_E_UNSUPPORTED && admin->auth_count == 0) {
        return 0;
    }
    if (rc == MANSIO_E_UNSUPPORTED) {
        return mansio_fail(rc, "a stored form that no configured auth module knows");
    }
    return rc;
}

static int read_password(struct core_ctl *ctl, const struct core_ctl_args *args, const char *prompt,
                         struct mansio_secret **out)
{
    const char *given = core_ctl_option(args, "--password");
    if (ctl->line > 0 && given == NULL) {
        return mansio_fail(MANSIO_E_INVALID,
                           "in a batch %s needs --password or --stored: standard input has the "
                           "commands",
                           args->command->words);
    }
    if (ctl->line == 0 && given != NULL) {
        return mansio_fail(MANSIO_E_INVALID,
                           "--password is for batches: everybody can see a command line; the "
                           "password is read from standard input");
    }
    if (given == NULL) {
        return core_ctl_read_password(ctl->arena, prompt, out);
    }
    if (given[0] == '\0') {
        return mansio_fail(MANSIO_E_INVALID, "an empty password");
    }
    return mansio_secret_new(ctl->arena, mansio_str_from_cstr(given), out);
}

int core_ctl_cmd_password_make(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct mansio_secret *password = NULL;
    struct making making = {
        .scheme = mansio_str_from_cstr(core_ctl_option(args, "--scheme")),
        .with_scram = core_ctl_option(args, "--no-scram") == NULL,
    };
    int rc = read_password(ctl, args, "password", &password);
    if (rc == 0) {
        rc = make_stored(ctl, mansio_secret_bytes(password), &making);
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    if (ctl->is_json) {
        json_t *out = json_object();
        json_object_set_new(out, "stored", json_stringn(making.stored.ptr, making.stored.len));
        int exit_code = core_ctl_show_json(ctl, out);
        json_decref(out);
        return exit_code;
    }
    struct mansio_str line = MANSIO_STR_NONE;
    rc = mansio_arena_printf(ctl->arena, &line, "%.*s\n", MANSIO_STR_ARG(making.stored));
    return rc < 0 ? core_ctl_failed(ctl, rc) : core_ctl_write(ctl, line);
}

/* ---- whose --------------------------------------------------------------------------------------
 */

/* A credential's key taken apart: whose, and which. */
struct whose {
    struct mansio_str account, label;
};

static struct whose take_apart(struct mansio_str key)
{
    /* A local part may hold '#', a domain not: so the label begins behind the last '@'. */
    struct whose whose = {.account = key};
    for (size_t i = key.len; i > 0 && key.ptr[i - 1] != '@'; i--) {
        if (key.ptr[i - 1] == '#') {
            whose.account = mansio_str_sub(key, 0, i - 1);
            whose.label = mansio_str_sub(key, i, SIZE_MAX);
        }
    }
    return whose;
}

struct spelling {
    struct mansio_arena *arena;
    struct mansio_str key;
};

static int take_key(void *arg, const struct mansio_object *object)
{
    struct spelling *spelling = arg;
    return mansio_arena_copy(spelling->arena, object->key, &spelling->key);
}

/* The account's one spelling: what login() of the directory wants. */
static int find_account(struct core_ctl *ctl, struct mansio_str account, struct mansio_str *out)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_field filter = {.name = MANSIO_STR("key"), .value = account};
    struct spelling spelling = {.arena = ctl->arena};
    int rc = CORE_CTL_OFFERED(ctl, object_list);
    if (rc == 0) {
        rc = admin->directory.object_list(admin->instance, MANSIO_OBJECT_ACCOUNT, &filter, 1,
                                          take_key, &spelling,
                                          core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    if (rc == 0 && spelling.key.len == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no account %.*s", MANSIO_STR_ARG(account));
    }
    *out = spelling.key;
    return rc;
}

/* All credentials of an account share one SCRAM salt, so that a client that begins with the salt
 * may use any of them: so an app password takes after the main one, and a new main one after an
 * app password. */
static struct mansio_str find_like(const struct mansio_login *login, int is_app)
{
    for (size_t i = 0; i < login->credential_count; i++) {
        const struct mansio_credential *row = login->credentials[i];
        if (is_app ? row->kind == MANSIO_CREDENTIAL_MAIN : row->kind == MANSIO_CREDENTIAL_APP) {
            return row->stored;
        }
    }
    /* Of app passwords alone any other does. */
    return is_app && login->credential_count > 0 ? login->credentials[0]->stored : MANSIO_STR_NONE;
}

/* The tenant's scheme and the salt to share. */
static int find_habits(struct core_ctl *ctl, const struct whose *whose, struct making *making)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_str account = MANSIO_STR_NONE;
    struct mansio_login login = {.size = sizeof login};
    int rc = find_account(ctl, whose->account, &account);
    if (rc == 0) {
        rc = CORE_CTL_OFFERED(ctl, login);
    }
    if (rc < 0) {
        return rc;
    }
    size_t at = account.len;
    while (at > 0 && account.ptr[at - 1] != '@') {
        at--;
    }
    struct mansio_str domain = mansio_str_sub(account, at, SIZE_MAX);
    struct mansio_str local = mansio_str_sub(account, 0, at > 0 ? at - 1 : 0);
    rc = admin->directory.login(admin->instance, local, domain, ctl->arena,
                                core_ctl_deadline(ctl, CORE_CTL_STEP_US), &login);
    if (rc < 0) {
        return rc;
    }
    making->like = find_like(&login, whose->label.len > 0);
    if (making->scheme.len == 0) {
        making->scheme = login.scheme;
    }
    return 0;
}

/* ---- what an app password is good for -----------------------------------------------------------
 */

/* "imap,submission" as the directory has lists; "" for all. */
static int read_services(struct mansio_arena *arena, const char *text, struct mansio_field *out)
{
    const struct mansio_field_form form = {
        .size = sizeof form, .name = "--services", .type = MANSIO_FIELD_LIST};
    *out = (struct mansio_field){.name = MANSIO_STR("services")};
    if (text[0] == '\0') {
        return 0;
    }
    int rc = core_ctl_field_value(arena, &form, text, &out->value);
    struct mansio_str rest = out->value, service;
    while (rc == 0 && mansio_str_split(&rest, ' ', &service)) {
        rc = core_ctl_check_service(service);
    }
    return rc;
}

/* "30d" or a time; "" for never. */
static int read_expiry(struct mansio_arena *arena, const char *text, struct mansio_field *out)
{
    int64_t until_us = 0, now_us = mansio_wall_us();
    char time[MANSIO_TIME_RFC3339_MAX];
    *out = (struct mansio_field){.name = MANSIO_STR("expires")};
    if (text[0] == '\0') {
        return 0;
    }
    int rc = core_ctl_when_parse(mansio_str_from_cstr(text), now_us, &until_us);
    if (rc < 0) {
        return rc;
    }
    if (until_us <= now_us) {
        return mansio_fail(MANSIO_E_INVALID, "--expires %s: that is over", text);
    }
    size_t len = mansio_time_rfc3339(until_us, time);
    return mansio_arena_copy(arena, (struct mansio_str){time, len}, &out->value);
}

static int read_limits(struct core_ctl *ctl, const struct core_ctl_args *args,
                       const struct whose *whose, struct making *making)
{
    const char *services = core_ctl_option(args, "--services");
    const char *expires = core_ctl_option(args, "--expires");
    int rc = 0;
    if ((services != NULL || expires != NULL) && whose->label.len == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: --services and --expires are for app passwords, USER@DOMAIN#LABEL",
                           args->operand);
    }
    if (services != NULL) {
        rc = read_services(ctl->arena, services, &making->limits[making->limit_count++]);
    }
    if (rc == 0 && expires != NULL) {
        rc = read_expiry(ctl->arena, expires, &making->limits[making->limit_count++]);
    }
    return rc;
}

/* ---- storing ------------------------------------------------------------------------------------
 */

/* What the directory is to store. Returns how many fields there are. */
static size_t make_fields(const struct making *making, int is_added, struct mansio_field fields[5])
{
    size_t count = 0;
    fields[count++] = (struct mansio_field){MANSIO_STR("stored"), making->stored};
    if (making->stored_scheme != NULL) {
        fields[count++] = (struct mansio_field){MANSIO_STR("scheme"),
                                                mansio_str_from_cstr(making->stored_scheme)};
        fields[count++] = (struct mansio_field){
            MANSIO_STR("scram"), making->has_scram ? MANSIO_STR("true") : MANSIO_STR("false")};
    }
    for (size_t i = 0; i < making->limit_count; i++) {
        if (making->limits[i].value.ptr != NULL || !is_added) { /* nothing yet to take away */
            fields[count++] = making->limits[i];
        }
    }
    return count;
}

static int add(struct core_ctl *ctl, const struct core_ctl_args *args, const struct making *making)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    struct mansio_field fields[5];
    size_t count = make_fields(making, 1, fields);
    int rc = CORE_CTL_OFFERED(ctl, object_add);
    return rc == 0 ? admin->directory.object_add(admin->instance, &actor, MANSIO_OBJECT_CREDENTIAL,
                                                 mansio_str_from_cstr(args->operand), fields, count,
                                                 core_ctl_deadline(ctl, CORE_CTL_STEP_US))
                   : rc;
}

static int store(struct core_ctl *ctl, const struct core_ctl_args *args,
                 const struct making *making)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    struct mansio_str key = mansio_str_from_cstr(args->operand);
    int64_t deadline_us = core_ctl_deadline(ctl, CORE_CTL_STEP_US);
    struct mansio_field fields[5];
    size_t count = make_fields(making, 0, fields);
    int rc = CORE_CTL_OFFERED(ctl, object_set);
    if (rc == 0) {
        rc = admin->directory.object_set(admin->instance, &actor, MANSIO_OBJECT_CREDENTIAL, key,
                                         fields, count, deadline_us);
    }
    if (rc == MANSIO_E_NOT_FOUND && admin->directory.object_add != NULL) {
        rc = add(ctl, args, making);
    }
    return rc;
}

static int ask_and_make(struct core_ctl *ctl, const struct core_ctl_args *args,
                        const struct whose *whose, struct making *making)
{
    struct mansio_secret *password = NULL;
    struct mansio_str prompt = MANSIO_STR_NONE;
    /* Who isn't there needn't be typed for. */
    int rc = find_habits(ctl, whose, making);
    if (rc == 0) {
        rc = mansio_arena_printf(ctl->arena, &prompt, "password of %s", args->operand);
    }
    if (rc == 0) {
        rc = read_password(ctl, args, prompt.ptr, &password);
    }
    return rc == 0 ? make_stored(ctl, mansio_secret_bytes(password), making) : rc;
}

static int show_changed(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    if (!ctl->is_json) {
        return CORE_CTL_OK;
    }
    json_t *done =
        json_pack("{s:s, s:s, s:s}", "done", "changed", "kind", "credential", "key", args->operand);
    int exit_code = done != NULL ? core_ctl_show_json(ctl, done) : CORE_CTL_OK;
    json_decref(done);
    return exit_code;
}

int core_ctl_cmd_password_set(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    const char *stored = core_ctl_option(args, "--stored");
    struct whose whose = take_apart(mansio_str_from_cstr(args->operand));
    struct making making = {
        .scheme = mansio_str_from_cstr(core_ctl_option(args, "--scheme")),
        .with_scram = core_ctl_option(args, "--no-scram") == NULL,
        .stored = mansio_str_from_cstr(stored),
    };
    int rc = read_limits(ctl, args, &whose, &making);
    if (rc == 0 && stored == NULL) {
        rc = ask_and_make(ctl, args, &whose, &making);
    } else if (rc == 0 && (stored[0] == '\0' || core_ctl_option(args, "--scheme") != NULL ||
                           core_ctl_option(args, "--password") != NULL || !making.with_scram)) {
        rc = mansio_fail(MANSIO_E_INVALID, "--stored takes the whole stored form, and stands "
                                           "alone");
    }
    if (rc == 0) {
        rc = inspect(ctl, &making);
    }
    if (rc == 0) {
        rc = store(ctl, args, &making);
    }
    return rc < 0 ? core_ctl_failed(ctl, rc) : show_changed(ctl, args);
}

/* ---- what it is good for, alone -----------------------------------------------------------------
 */

/* An option that gives a value, and the switch that takes it away. */
static int read_limit(struct core_ctl *ctl, const struct core_ctl_args *args, const char *option,
                      const char *away,
                      int (*read)(struct mansio_arena *arena, const char *text,
                                  struct mansio_field *out),
                      struct making *making)
{
    const char *text = core_ctl_option(args, option);
    if (core_ctl_option(args, away) != NULL) {
        if (text != NULL) {
            return mansio_fail(MANSIO_E_INVALID, "%s and %s exclude each other", option, away);
        }
        text = "";
    }
    return text == NULL ? 0 : read(ctl->arena, text, &making->limits[making->limit_count++]);
}

int core_ctl_cmd_password_change(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct whose whose = take_apart(mansio_str_from_cstr(args->operand));
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    struct making making = {.limit_count = 0};
    int rc = whose.label.len > 0
                 ? 0
                 : mansio_fail(MANSIO_E_INVALID,
                               "%s: app passwords alone can be changed so: USER@DOMAIN#LABEL",
                               args->operand);
    if (rc == 0) {
        rc = read_limit(ctl, args, "--services", "--all-services", read_services, &making);
    }
    if (rc == 0) {
        rc = read_limit(ctl, args, "--expires", "--no-expires", read_expiry, &making);
    }
    if (rc == 0 && making.limit_count == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "what is to change: --services NAME,..., "
                                           "--all-services, --expires TIME or --no-expires");
    }
    if (rc == 0) {
        rc = CORE_CTL_OFFERED(ctl, object_set);
    }
    if (rc == 0) {
        rc = admin->directory.object_set(
            admin->instance, &actor, MANSIO_OBJECT_CREDENTIAL, mansio_str_from_cstr(args->operand),
            making.limits, making.limit_count, core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    return rc < 0 ? core_ctl_failed(ctl, rc) : show_changed(ctl, args);
}

/* ---- an app password made here ------------------------------------------------------------------
 */

static int generate(struct mansio_arena *arena, struct mansio_secret **out)
{
    uint8_t random[CORE_CTL_APP_PASSWORD_RANDOM];
    char text[CORE_CTL_APP_PASSWORD_LEN];
    ssize_t count = getrandom(random, sizeof random, 0);
    int err = errno;
    if (count != (ssize_t)sizeof random) {
        return mansio_fail(MANSIO_E_IO, "no random bytes: %s", strerror(err));
    }
    core_ctl_app_password(random, text);
    int rc = mansio_secret_new(arena, (struct mansio_str){text, sizeof text}, out);
    explicit_bzero(text, sizeof text);
    explicit_bzero(random, sizeof random);
    return rc;
}

/* Nobody can show it again. */
static int show_once(struct core_ctl *ctl, const struct core_ctl_args *args,
                     struct mansio_str password, const struct making *making)
{
    if (!ctl->is_json) {
        int rc = core_ctl_write(ctl, password);
        return rc == CORE_CTL_OK ? core_ctl_write(ctl, MANSIO_STR("\n")) : rc;
    }
    json_t *out = json_pack("{s:s, s:s, s:s, s:s%}", "done", "added", "kind", "credential", "key",
                            args->operand, "password", password.ptr, password.len);
    for (size_t i = 0; i < making->limit_count; i++) {
        const struct mansio_field *field = &making->limits[i];
        if (field->value.ptr != NULL) {
            json_object_set_new(
                out, mansio_str_eq(field->name, MANSIO_STR("expires")) ? "expires" : "services",
                json_stringn(field->value.ptr, field->value.len));
        }
    }
    int exit_code = core_ctl_show_json(ctl, out);
    json_decref(out);
    return exit_code;
}

int core_ctl_cmd_password_new(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct whose whose = take_apart(mansio_str_from_cstr(args->operand));
    struct mansio_secret *password = NULL;
    struct making making = {
        .scheme = mansio_str_from_cstr(core_ctl_option(args, "--scheme")),
        .with_scram = core_ctl_option(args, "--no-scram") == NULL,
    };
    int rc = read_limits(ctl, args, &whose, &making);
    if (rc == 0 && whose.label.len == 0) {
        rc = mansio_fail(MANSIO_E_INVALID,
                         "%s: only app passwords are made here: USER@DOMAIN#LABEL", args->operand);
    }
    if (rc == 0) {
        rc = find_habits(ctl, &whose, &making);
    }
    if (rc == 0) {
        rc = generate(ctl->arena, &password);
    }
    if (rc == 0) {
        rc = make_stored(ctl, mansio_secret_bytes(password), &making);
    }
    if (rc == 0) {
        rc = inspect(ctl, &making);
    }
    if (rc == 0) {
        rc = add(ctl, args, &making);
    }
    return rc < 0 ? core_ctl_failed(ctl, rc)
                  : show_once(ctl, args, mansio_secret_bytes(password), &making);
}
