/*
 * Explanations of the gate. The judging is core/host/policy.c's; this words it.
 */
#include "core/ctl/explain.h"

#include <string.h>

#include "core/ctl/fields.h"
#include "core/ctl/policy_text.h"
#include "core/ctl/policy_words.h"
#include "core/ctl/show.h"
#include "core/ctl/text.h"
#include <mansio/str.h>
#include <mansio/time.h>

enum { TEXT_MAX = 16 * 1024 };

const char *core_ctl_said_name(uint32_t said)
{
    static const char *const names[] = {
        [CORE_POLICY_SILENT] = "silent",
        [CORE_POLICY_ALLOWS] = "allows",
        [CORE_POLICY_DENIES] = "denies",
        [CORE_POLICY_UNMET] = "unmet",
    };
    return said < MANSIO_COUNT(names) ? names[said] : "";
}

const char *core_ctl_credential_name(uint32_t kind)
{
    static const char *const names[] = {"", "main", "app", "certificate"};
    return kind < MANSIO_COUNT(names) ? names[kind] : "";
}

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"", "active", "suspended", "closed"};
    return state < MANSIO_COUNT(names) ? names[state] : "";
}

/* ---- to JSON ------------------------------------------------------------------------------------
 */

static json_t *failed_json(uint32_t failed)
{
    static const char *const names[] = {"networks", "tls", "mechanisms", "credentials", "hours"};
    json_t *out = json_array();
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        if (failed & (1U << i)) {
            json_array_append_new(out, json_string(names[i]));
        }
    }
    return out;
}

static json_t *scopes_json(struct mansio_arena *arena, const struct core_ctl_explained *explained)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < CORE_POLICY_SCOPES; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "scope", json_string(core_ctl_scope_name(i + 1)));
        json_object_set_new(row, "owner", core_ctl_text_json(arena, explained->owners[i]));
        json_object_set_new(row, "word",
                            explained->words[i] != NULL ? json_deep_copy(explained->words[i])
                                                        : json_null());
        json_object_set_new(row, "said",
                            json_string(core_ctl_said_name(explained->verdict->scopes[i].said)));
        json_object_set_new(row, "failed", failed_json(explained->verdict->scopes[i].failed));
        json_object_set_new(row, "decides", json_boolean(explained->verdict->scope == i + 1));
        json_array_append_new(out, row);
    }
    return out;
}

static json_t *time_json(int64_t wall_us)
{
    char text[MANSIO_TIME_RFC3339_MAX];
    mansio_time_rfc3339(wall_us, text);
    return json_string(text);
}

static json_t *facts_json(struct mansio_arena *arena, const struct core_ctl_explained *explained)
{
    const struct core_policy_facts *facts = explained->facts;
    json_t *out = json_object();
    json_object_set_new(out, "network",
                        explained->network.len > 0 ? core_ctl_text_json(arena, explained->network)
                                                   : json_null());
    json_object_set_new(out, "tls", json_boolean(facts->is_protected));
    json_object_set_new(out, "mechanism", core_ctl_text_json(arena, facts->mechanism));
    json_object_set_new(out, "credential",
                        json_string(core_ctl_credential_name(facts->credential_kind)));
    json_object_set_new(out, "at", time_json(facts->now_us));
    return out;
}

/* Who decided: a scope, the default, or the account's state before any of them. */
static const char *decider(const struct core_ctl_explained *explained)
{
    if (explained->account->state != MANSIO_STATE_ACTIVE) {
        return "state";
    }
    return explained->verdict->scope != 0 ? core_ctl_scope_name(explained->verdict->scope)
                                          : "default";
}

json_t *core_ctl_explain_json(struct mansio_arena *arena,
                              const struct core_ctl_explained *explained)
{
    const struct mansio_account_facts *account = explained->account;
    int is_active = account->state == MANSIO_STATE_ACTIVE;
    json_t *out = json_object();
    json_object_set_new(out, "asked", core_ctl_text_json(arena, explained->asked));
    json_object_set_new(out, "account", core_ctl_text_json(arena, account->address));
    json_object_set_new(out, "tenant", core_ctl_text_json(arena, account->tenant));
    json_object_set_new(out, "plan", core_ctl_text_json(arena, account->plan));
    json_object_set_new(out, "state", json_string(state_name(account->state)));
    json_object_set_new(out, "service", core_ctl_text_json(arena, explained->facts->service));
    json_object_set_new(out, "facts", facts_json(arena, explained));
    json_object_set_new(out, "assumed", json_deep_copy(explained->assumed));
    json_object_set_new(out, "scopes", scopes_json(arena, explained));
    json_object_set_new(
        out, "default",
        json_string(explained->default_verb == MANSIO_POLICY_ALLOW ? "allow" : "deny"));
    json_object_set_new(out, "decided", json_string(decider(explained)));
    json_object_set_new(out, "allowed", json_boolean(is_active && explained->verdict->is_allowed));
    json_object_set_new(out, "until",
                        explained->verdict->until_us != INT64_MAX
                            ? time_json(explained->verdict->until_us)
                            : json_null());
    json_object_set_new(out, "notes", json_deep_copy(explained->notes));
    return out;
}

/* ---- to text ------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int is_assumed(const json_t *explained, const char *fact)
{
    const json_t *list = json_object_get(explained, "assumed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), fact) == 0) {
            return 1;
        }
    }
    return 0;
}

/* A line of the head: what, and whether anybody said so. */
static void add_fact(struct mansio_buf *out, const json_t *explained, const char *fact,
                     const char *title, const char *value)
{
    mansio_buf_printf(out, "%-11s ", title);
    core_ctl_escape(out, mansio_str_from_cstr(value));
    mansio_buf_printf(out, "%s\n", is_assumed(explained, fact) ? "  (assumed)" : "");
}

static void add_head(struct mansio_buf *out, const json_t *explained)
{
    const json_t *facts = json_object_get(explained, "facts");
    const char *asked = text_of(explained, "asked"), *account = text_of(explained, "account");
    const char *network = text_of(facts, "network");
    add_fact(out, explained, "", "account", account);
    if (strcmp(asked, account) != 0) {
        add_fact(out, explained, "", "asked for", asked);
    }
    add_fact(out, explained, "", "state", text_of(explained, "state"));
    add_fact(out, explained, "", "service", text_of(explained, "service"));
    add_fact(out, explained, "", "network",
             network[0] != '\0' ? network : "any: no word has a condition on networks");
    add_fact(out, explained, "tls", "tls",
             json_is_true(json_object_get(facts, "tls")) ? "yes" : "no");
    add_fact(out, explained, "mechanism", "mechanism", text_of(facts, "mechanism"));
    add_fact(out, explained, "credential", "credential", text_of(facts, "credential"));
    add_fact(out, explained, "at", "at", text_of(facts, "at"));
    mansio_buf_add_char(out, '\n');
}

/* "unmet: not networks, tls; decides" */
static void add_said(struct mansio_buf *out, const json_t *scope)
{
    const json_t *failed = json_object_get(scope, "failed");
    const char *said = text_of(scope, "said");
    mansio_buf_printf(out, "%s", said);
    for (size_t i = 0; i < json_array_size(failed); i++) {
        mansio_buf_printf(out, "%s%s", i > 0 ? ", " : ": not ",
                          json_string_value(json_array_get(failed, i)));
    }
    if (json_is_true(json_object_get(scope, "decides"))) {
        mansio_buf_add(out, MANSIO_STR("; decides"));
    }
}

static json_t *table_row(struct mansio_arena *arena, const json_t *scope)
{
    struct mansio_buf *word = mansio_buf_new(arena, TEXT_MAX), *said = mansio_buf_new(arena, 256);
    core_ctl_word(word, json_object_get(scope, "word"));
    add_said(said, scope);
    json_t *row = json_object();
    json_object_set_new(row, "scope", json_string(text_of(scope, "scope")));
    json_object_set_new(row, "owner", json_string(text_of(scope, "owner")));
    json_object_set_new(row, "word", core_ctl_text_json(arena, mansio_buf_str(word)));
    json_object_set_new(row, "said", core_ctl_text_json(arena, mansio_buf_str(said)));
    return row;
}

/* The scope that decided, or NULL. */
static const json_t *deciding(const json_t *explained)
{
    const json_t *scopes = json_object_get(explained, "scopes");
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        if (json_is_true(json_object_get(json_array_get(scopes, i), "decides"))) {
            return json_array_get(scopes, i);
        }
    }
    return NULL;
}

static void add_answer(struct mansio_buf *out, const json_t *explained)
{
    const char *service = text_of(explained, "service"), *decided = text_of(explained, "decided");
    const json_t *scope = deciding(explained), *notes = json_object_get(explained, "notes");
    mansio_buf_printf(
        out, "\n%s: ", json_is_true(json_object_get(explained, "allowed")) ? "allowed" : "denied");
    if (strcmp(decided, "state") == 0) {
        mansio_buf_printf(out, "the account, its domain or its tenant is %s",
                          text_of(explained, "state"));
    } else if (scope == NULL) {
        mansio_buf_printf(out, "no scope speaks of %s, and the platform's default is %s", service,
                          text_of(explained, "default"));
    } else {
        int is_locked = json_is_true(json_object_get(json_object_get(scope, "word"), "locked"));
        const char *said = text_of(scope, "said"), *owner = text_of(scope, "owner");
        mansio_buf_printf(out, "the %s%s", text_of(scope, "scope"), owner[0] != '\0' ? " " : "");
        core_ctl_escape(out, mansio_str_from_cstr(owner));
        if (strcmp(said, "unmet") == 0) {
            mansio_buf_printf(out, " allows %s only under conditions that don't hold", service);
        } else {
            mansio_buf_printf(out, " %s %s", said, service);
        }
        mansio_buf_printf(out, "%s", is_locked ? ", and nobody more special has a say" : "");
    }
    mansio_buf_add_char(out, '\n');
    const char *until = text_of(explained, "until");
    if (until[0] != '\0' && strcmp(decided, "state") != 0) {
        mansio_buf_printf(out, "not before %s does time alone change that\n", until);
    }
    for (size_t i = 0; i < json_array_size(notes); i++) {
        core_ctl_escape(out, mansio_str_from_cstr(json_string_value(json_array_get(notes, i))));
        mansio_buf_add_char(out, '\n');
    }
}

int core_ctl_explain_text(struct core_ctl *ctl, const json_t *explained, struct mansio_buf *out)
{
    static const struct core_ctl_field fields[] = {
        {"SCOPE", "scope", CORE_CTL_TEXT},
        {"OWNER", "owner", CORE_CTL_TEXT},
        {"WORD", "word", CORE_CTL_TEXT},
        {"SAYS", "said", CORE_CTL_TEXT},
    };
    const json_t *scopes = json_object_get(explained, "scopes");
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        json_array_append_new(rows, table_row(ctl->arena, json_array_get(scopes, i)));
    }
    add_head(out, explained);
    int rc = core_ctl_show_rows(ctl, out, fields, MANSIO_COUNT(fields), rows);
    json_decref(rows);
    add_answer(out, explained);
    return rc;
}
