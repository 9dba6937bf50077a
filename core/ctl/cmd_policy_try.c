/*
 * `mansioctl policy test`: whom a change of policy would hit, before it is made. The directory
 * makes the change, shows the accounts, and undoes it; the daemon on this machine tells its
 * sessions.
 */
#include "core/ctl/client.h"
#include "core/ctl/ctl.h"
#include "core/ctl/explain.h"
#include "core/ctl/fields.h"
#include "core/ctl/policy_read.h"
#include "core/ctl/show.h"
#include "core/ctl/text.h"
#include "core/ctl/trial.h"

#include <inttypes.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LISTED = 20, /* accounts and sessions shown, unless --limit says otherwise */
    SESSIONS_MAX = 100000,
};

#define LIST_US     (300 * MANSIO_SECOND) /* all accounts of an installation */
#define SESSIONS_US (30 * MANSIO_SECOND)

static const struct core_ctl_field account_fields[] = {
    {"ACCOUNT", "account", CORE_CTL_TEXT},
    {"TENANT", "tenant", CORE_CTL_TEXT},
    {"CHANGE", "change", CORE_CTL_TEXT},
};

static const struct core_ctl_field session_fields[] = {
    {"SESSION", "id", CORE_CTL_TEXT},          {"ACCOUNT", "account", CORE_CTL_TEXT},
    {"PEER", "peer", CORE_CTL_TEXT},           {"TLS", "tls", CORE_CTL_TEXT},
    {"MECHANISM", "mechanism", CORE_CTL_TEXT}, {"CREDENTIAL", "credential", CORE_CTL_TEXT},
};

/* One command: a change of a scope's words. */
struct trying {
    struct core_ctl *ctl;
    const struct core_ctl_args *args;
    struct core_ctl_scope scope;
    struct mansio_field fields[CORE_CTL_POLICY_FIELDS_MAX];
    size_t field_count; /* 0: the word is cleared */
    size_t limit;
    json_t *results; /* one a service */
};

/* ---- accounts -----------------------------------------------------------------------------------
 */

static int take_before(void *arg, const struct mansio_standing *standing)
{
    return core_ctl_trial_add(arg, 0, standing);
}

static int take_after(void *arg, const struct mansio_standing *standing)
{
    return core_ctl_trial_add(arg, 1, standing);
}

static int read_accounts(const struct trying *trying, struct mansio_str key,
                         struct core_ctl_trial *trial)
{
    const struct core_ctl_admin *admin = trying->ctl->admin;
    int64_t deadline_us = core_ctl_deadline(trying->ctl, LIST_US);
    int rc = CORE_CTL_OFFERED(trying->ctl, policy_try);
    if (rc == 0) {
        rc = CORE_CTL_OFFERED(trying->ctl, standing_list);
    }
    if (rc == 0) {
        rc =
            admin->directory.standing_list(admin->instance, trying->scope.scope,
                                           trying->scope.owner, 0, take_before, trial, deadline_us);
    }
    if (rc == 0) {
        rc = admin->directory.policy_try(admin->instance, key,
                                         trying->field_count > 0 ? trying->fields : NULL,
                                         trying->field_count, take_after, trial, deadline_us);
    }
    return rc == 0 ? core_ctl_trial_judge(trial) : rc;
}

static json_t *accounts_json(struct mansio_arena *arena, const struct core_ctl_trial *trial,
                             size_t limit)
{
    json_t *out = json_array();
    for (const struct core_ctl_tried *tried = trial->first; tried != NULL; tried = tried->next) {
        if (tried->turn == CORE_CTL_TURN_NONE || json_array_size(out) == limit) {
            continue;
        }
        json_t *row = json_object();
        json_object_set_new(row, "account", core_ctl_text_json(arena, tried->address));
        json_object_set_new(row, "tenant", core_ctl_text_json(arena, tried->tenant));
        json_object_set_new(row, "change", json_string(core_ctl_turn_name(tried->turn)));
        json_array_append_new(out, row);
    }
    return out;
}

/* ---- sessions -----------------------------------------------------------------------------------
 */

static struct mansio_str member(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    return (struct mansio_str){json_string_value(value), json_string_length(value)};
}

/* How a session got in, as the gate judged it. 0 if the daemon didn't say: an older one. */
static int read_session(const json_t *row, struct core_policy_facts *out)
{
    const char *credential = json_string_value(json_object_get(row, "credential"));
    *out = (struct core_policy_facts){.mechanism = member(row, "mechanism")};
    for (uint32_t kind = MANSIO_CREDENTIAL_MAIN; kind <= MANSIO_CREDENTIAL_CERTIFICATE; kind++) {
        if (credential != NULL && strcmp(core_ctl_credential_name(kind), credential) == 0) {
            out->credential_kind = kind;
        }
    }
    out->is_protected = json_is_true(json_object_get(row, "protected"));
    return out->credential_kind != 0 && out->mechanism.len > 0 &&
           core_network_of_ip(member(row, "network"), &out->peer) == 0;
}

/* Sessions that would end; NULL if nobody tells of sessions. */
static json_t *sessions_json(struct core_ctl *ctl, const struct core_ctl_trial *trial, size_t limit)
{
    json_t *answer = NULL, *rows = json_array();
    json_int_t seen = 0, unknown = 0, ended = 0;
    json_t *asked = json_pack("{s:s%, s:i}", "service", trial->service.ptr, trial->service.len,
                              "limit", SESSIONS_MAX);
    struct core_ctl quiet = *ctl;
    quiet.is_quiet = 1; /* a daemon that doesn't run has no sessions to tell of */
    if (core_ctl_ask(&quiet, "sessions.list", asked, SESSIONS_US, &answer) != CORE_CTL_OK) {
        json_decref(rows);
        return NULL;
    }
    const json_t *sessions = json_object_get(answer, "sessions");
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        json_t *row = json_array_get(sessions, i);
        struct core_policy_facts facts;
        if (member(row, "account").len == 0) {
            continue;
        }
        seen++;
        if (!read_session(row, &facts)) {
            unknown++;
        } else if (core_ctl_trial_ends(trial, member(row, "account"), &facts)) {
            ended++;
            if (json_array_size(rows) < limit) {
                json_array_append(rows, row);
            }
        }
    }
    int is_whole = !json_is_true(json_object_get(answer, "truncated")) &&
                   json_array_size(json_object_get(answer, "silent")) == 0;
    json_decref(answer);
    return json_pack("{s:I, s:I, s:I, s:b, s:o}", "seen", seen, "end", ended, "unknown", unknown,
                     "complete", is_whole, "list", rows);
}

/* ---- one service --------------------------------------------------------------------------------
 */

static json_t *result_json(struct trying *trying, struct mansio_str key,
                           const struct core_ctl_trial *trial)
{
    static const struct {
        const char *name;
        uint32_t turn;
    } rows[] = {{"lose", CORE_CTL_TURN_LOSES},
                {"gain", CORE_CTL_TURN_GAINS},
                {"fewer", CORE_CTL_TURN_FEWER},
                {"more", CORE_CTL_TURN_MORE},
                {"others", CORE_CTL_TURN_OTHERS}};
    json_t *counts = json_object();
    json_object_set_new(counts, "seen", json_integer((json_int_t)trial->seen));
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        json_object_set_new(counts, rows[i].name,
                            json_integer((json_int_t)trial->counts[rows[i].turn]));
    }
    json_object_set_new(counts, "list", accounts_json(trial->arena, trial, trying->limit));
    json_t *out = json_object();
    json_object_set_new(out, "key", core_ctl_text_json(trial->arena, key));
    json_object_set_new(out, "service", core_ctl_text_json(trial->arena, trial->service));
    json_object_set_new(out, "accounts", counts);
    json_t *sessions = sessions_json(trying->ctl, trial, trying->limit);
    json_object_set_new(out, "sessions", sessions != NULL ? sessions : json_null());
    return out;
}

static int try_one(struct trying *trying, struct mansio_str key)
{
    struct mansio_arena *arena = mansio_arena_new(trying->ctl->arena, "ctl.trial", 0);
    struct mansio_str service =
        mansio_str_sub(key, trying->scope.prefix.len, SIZE_MAX); /* behind the scope's */
    struct core_ctl_trial *trial = core_ctl_trial_new(arena, service, mansio_wall_us());
    int rc = read_accounts(trying, key, trial);
    if (rc == 0) {
        json_array_append_new(trying->results, result_json(trying, key, trial));
    }
    mansio_arena_free(arena);
    return rc;
}

/* ---- for people ---------------------------------------------------------------------------------
 */

static int64_t count_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static int show_sessions(struct core_ctl *ctl, struct mansio_buf *out, const json_t *sessions)
{
    if (!json_is_object(sessions)) {
        mansio_buf_add(out, MANSIO_STR("sessions: no daemon runs here to tell of them\n"));
        return CORE_CTL_OK;
    }
    mansio_buf_printf(out, "sessions on this node: %" PRId64 ", of which %" PRId64 " would end%s\n",
                      count_of(sessions, "seen"), count_of(sessions, "end"),
                      json_is_true(json_object_get(sessions, "complete"))
                          ? ""
                          : " (not all processes answered, or there are more)");
    if (count_of(sessions, "unknown") > 0) {
        mansio_buf_printf(out, "    of %" PRId64 " it isn't known how they got in\n",
                          count_of(sessions, "unknown"));
    }
    const json_t *list = json_object_get(sessions, "list");
    if (json_array_size(list) == 0) {
        return CORE_CTL_OK;
    }
    mansio_buf_add_char(out, '\n');
    int rc = core_ctl_show_rows(ctl, out, session_fields, MANSIO_COUNT(session_fields), list);
    if ((int64_t)json_array_size(list) < count_of(sessions, "end")) {
        mansio_buf_add(out, MANSIO_STR("... (see --limit)\n"));
    }
    return rc;
}

static int show_one(struct core_ctl *ctl, struct mansio_buf *out, const json_t *result)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"lose", "can get in now, and could no more"}, {"gain", "can't get in now, and could"},
        {"fewer", "would have fewer ways in"},         {"more", "would have more ways in"},
        {"others", "would have other ways in"},
    };
    const json_t *accounts = json_object_get(result, "accounts");
    const json_t *list = json_object_get(accounts, "list");
    int64_t changed = 0;
    core_ctl_escape(out, member(result, "key"));
    mansio_buf_printf(out, "\naccounts: %" PRId64 ", of which\n", count_of(accounts, "seen"));
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t count = count_of(accounts, rows[i].name);
        changed += count;
        if (count > 0 || i < 2) {
            mansio_buf_printf(out, "    %8" PRId64 " %s\n", count, rows[i].text);
        }
    }
    int rc = CORE_CTL_OK;
    if (json_array_size(list) > 0) {
        mansio_buf_add_char(out, '\n');
        rc = core_ctl_show_rows(ctl, out, account_fields, MANSIO_COUNT(account_fields), list);
        if ((int64_t)json_array_size(list) < changed) {
            mansio_buf_add(out, MANSIO_STR("... (see --limit)\n"));
        }
        mansio_buf_add_char(out, '\n');
    }
    return rc == CORE_CTL_OK ? show_sessions(ctl, out, json_object_get(result, "sessions")) : rc;
}

static int show(struct trying *trying)
{
    struct core_ctl *ctl = trying->ctl;
    if (ctl->is_json) {
        json_t *out = json_pack("{s:O}", "services", trying->results);
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = CORE_CTL_OK;
    for (size_t i = 0; rc == CORE_CTL_OK && i < json_array_size(trying->results); i++) {
        if (i > 0) {
            mansio_buf_add_char(out, '\n');
        }
        rc = show_one(ctl, out, json_array_get(trying->results, i));
    }
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_write(ctl, mansio_buf_str(out));
    }
    mansio_buf_release(out);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------
 */

static int has_conditions(const struct core_ctl_args *args)
{
    static const char *const names[] = {"--network", "--tls",  "--mechanism", "--credential",
                                        "--hours",   "--zone", "--lock"};
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        if (core_ctl_option(args, names[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The first word of the operand says what is tried; the others are services. */
static int read_change(struct trying *trying, struct mansio_str **out_keys, size_t *out_count)
{
    struct core_ctl_args args = *trying->args;
    struct mansio_str rest = mansio_str_from_cstr(args.operand), verb;
    (void)mansio_str_split(&rest, ' ', &verb);
    int rc = 0;
    if (mansio_str_eq(verb, MANSIO_STR("allow"))) {
        rc = core_ctl_policy_fields(trying->ctl->arena, &args, MANSIO_POLICY_ALLOW, trying->fields,
                                    &trying->field_count);
    } else if (mansio_str_eq(verb, MANSIO_STR("deny"))) {
        rc = core_ctl_policy_fields(trying->ctl->arena, &args, MANSIO_POLICY_DENY, trying->fields,
                                    &trying->field_count);
    } else if (!mansio_str_eq(verb, MANSIO_STR("clear"))) {
        rc = mansio_fail(MANSIO_E_INVALID, "policy test %.*s: expected allow, deny or clear",
                         MANSIO_STR_ARG(verb));
    } else if (has_conditions(&args)) {
        rc = mansio_fail(MANSIO_E_INVALID, "policy test clear takes no conditions");
    }
    args.operand += verb.len;
    return rc == 0 ? core_ctl_policy_keys(trying->ctl->arena, &args, &trying->scope, out_keys,
                                          out_count)
                   : rc;
}

int core_ctl_cmd_policy_test(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct trying trying = {.ctl = ctl, .args = args, .results = json_array()};
    struct mansio_str *keys = NULL;
    size_t count = 0;
    int rc = read_change(&trying, &keys, &count);
    if (rc == 0) {
        rc = core_ctl_read_limit(args, LISTED, &trying.limit);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = try_one(&trying, keys[i]);
    }
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show(&trying);
    json_decref(trying.results);
    return exit_code;
}
