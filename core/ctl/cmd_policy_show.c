/*
 * Commands that show policy: the words that are there, and who changed them when.
 */
#include "core/ctl/ctl.h"
#include "core/ctl/policy_read.h"
#include "core/ctl/policy_text.h"
#include "core/ctl/show.h"

#include <stdlib.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    WORD_MAX = 16 * 1024,
    HISTORY_LIMIT = 1000, /* unless --limit says otherwise */
};

static const struct core_ctl_field word_fields[] = {
    {"SCOPE", "scope", CORE_CTL_TEXT},
    {"OWNER", "owner", CORE_CTL_TEXT},
    {"SERVICE", "service", CORE_CTL_TEXT},
    {"WORD", "word", CORE_CTL_TEXT},
};

static const struct core_ctl_field history_fields[] = {
    {"TIME", "time", CORE_CTL_TIME}, {"WHO", "actor", CORE_CTL_TEXT},
    {"OF", "object", CORE_CTL_TEXT}, {"FROM", "from", CORE_CTL_TEXT},
    {"TO", "to", CORE_CTL_TEXT},     {"WHY", "reason", CORE_CTL_TEXT},
};

/* ---- whose, which -------------------------------------------------------------------------------
 */

/* What narrows a list of words. */
struct wanted {
    struct core_ctl_scope scope;
    struct mansio_str service;       /* empty: any */
    struct core_ctl_subject subject; /* with account NULL: all that match the scope */
};

static int read_wanted(struct core_ctl *ctl, const struct core_ctl_args *args,
                       struct wanted *wanted)
{
    const char *service = core_ctl_option(args, "--service");
    int rc = core_ctl_scope(ctl->arena, args, &wanted->scope);
    if (rc == 0 && service != NULL) {
        wanted->service = mansio_str_from_cstr(service);
        rc = core_ctl_check_service(wanted->service);
    }
    return rc;
}

static int is_wanted_key(const struct wanted *wanted, struct mansio_str key)
{
    struct mansio_str scope, owner, service;
    core_ctl_split_key(key, &scope, &owner, &service);
    if (wanted->service.len > 0 && !mansio_str_eq(wanted->service, service)) {
        return 0;
    }
    for (uint32_t i = MANSIO_POLICY_PLATFORM;
         wanted->subject.account != NULL && i <= MANSIO_POLICY_ACCOUNT; i++) {
        if (mansio_str_eq(scope, mansio_str_from_cstr(core_ctl_scope_name(i)))) {
            return mansio_str_eq(owner, core_ctl_owner(&wanted->subject, i));
        }
    }
    return wanted->scope.scope == 0 || mansio_str_starts(key, wanted->scope.prefix);
}

/* ---- show ---------------------------------------------------------------------------------------
 */

static int keep_word(void *arg, const struct mansio_object *object)
{
    return is_wanted_key(arg, object->key);
}

/* General before special, then by owner and service. */
static int by_scope(const json_t *a, const json_t *b)
{
    struct mansio_str parts[2][3];
    const json_t *rows[] = {a, b};
    uint32_t ranks[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        core_ctl_split_key(mansio_str_from_cstr(json_string_value(json_object_get(rows[i], "key"))),
                           &parts[i][0], &parts[i][1], &parts[i][2]);
        while (ranks[i] <= MANSIO_POLICY_ACCOUNT &&
               !mansio_str_eq(parts[i][0], mansio_str_from_cstr(core_ctl_scope_name(ranks[i])))) {
            ranks[i]++;
        }
    }
    if (ranks[0] != ranks[1]) {
        return ranks[0] < ranks[1] ? -1 : 1;
    }
    int order = mansio_str_cmp(parts[0][1], parts[1][1]);
    return order != 0 ? order : mansio_str_cmp(parts[0][2], parts[1][2]);
}

static int compare(const void *a, const void *b)
{
    return by_scope(*(json_t *const *)a, *(json_t *const *)b);
}

static json_t *sorted(struct core_ctl *ctl, json_t *rows, int (*by)(const void *, const void *))
{
    size_t count = json_array_size(rows);
    json_t **list = mansio_arena_try_alloc(ctl->arena, (count + 1) * sizeof(*list));
    if (list == NULL) {
        return json_incref(rows);
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = json_array_get(rows, i);
    }
    qsort(list, count, sizeof(*list), by);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(out, list[i]);
    }
    return out;
}

/* Scope, owner, service and the word in a line, beside what the object has. */
static void add_texts(struct core_ctl *ctl, json_t *row)
{
    struct mansio_str scope, owner, service;
    struct mansio_buf *word = mansio_buf_new(ctl->arena, WORD_MAX);
    core_ctl_split_key(mansio_str_from_cstr(json_string_value(json_object_get(row, "key"))), &scope,
                       &owner, &service);
    core_ctl_word(word, row);
    json_object_set_new(row, "scope", json_stringn(scope.ptr, scope.len));
    json_object_set_new(row, "owner", json_stringn(owner.ptr != NULL ? owner.ptr : "", owner.len));
    json_object_set_new(row, "service",
                        json_stringn(service.ptr != NULL ? service.ptr : "", service.len));
    json_object_set_new(row, "word",
                        json_stringn(mansio_buf_str(word).ptr, mansio_buf_str(word).len));
    mansio_buf_release(word);
}

static int show_words(struct core_ctl *ctl, json_t *rows, struct mansio_str otherwise)
{
    if (ctl->is_json) {
        json_t *out =
            json_pack("{s:O, s:s%}", "objects", rows, "default", otherwise.ptr, otherwise.len);
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = core_ctl_show_rows(ctl, out, word_fields, MANSIO_COUNT(word_fields), rows);
    mansio_buf_printf(out, "\nwhere no scope speaks: %.*s\n", MANSIO_STR_ARG(otherwise));
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_write(ctl, mansio_buf_str(out));
    }
    mansio_buf_release(out);
    return rc;
}

int core_ctl_cmd_policy_show(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct wanted wanted = {.service = MANSIO_STR_NONE};
    struct mansio_str otherwise = MANSIO_STR_NONE;
    json_t *rows = json_array(), *in_order = NULL;
    int rc = read_wanted(ctl, args, &wanted);
    if (rc == 0 && wanted.scope.scope == MANSIO_POLICY_ACCOUNT) {
        rc = core_ctl_find_subject(ctl, core_ctl_option(args, "--account"), &wanted.subject);
    }
    if (rc == 0) {
        rc = core_ctl_read_default(ctl, &otherwise);
    }
    if (rc == 0) {
        rc = core_ctl_read_rows(ctl, MANSIO_OBJECT_POLICY, NULL, 0, keep_word, &wanted, rows);
    }
    if (rc == 0) {
        in_order = sorted(ctl, rows, compare);
    }
    for (size_t i = 0; i < json_array_size(in_order); i++) {
        add_texts(ctl, json_array_get(in_order, i));
    }
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show_words(ctl, in_order, otherwise);
    json_decref(rows);
    json_decref(in_order);
    return exit_code;
}

/* ---- history ------------------------------------------------------------------------------------
 */

/* Of an audit row, "object" is the key. */
static int keep_change(void *arg, const struct mansio_object *object)
{
    for (size_t i = 0; i < object->field_count; i++) {
        if (mansio_str_eq(object->fields[i].name, MANSIO_STR("object"))) {
            return is_wanted_key(arg, object->fields[i].value);
        }
    }
    return 0;
}

/* An audit row's text: JSON of the word as it was, or is. */
static void add_state(struct core_ctl *ctl, json_t *row, const char *from, const char *to)
{
    json_t *text = json_object_get(row, from);
    json_t *state = json_loadb(json_string_value(text) != NULL ? json_string_value(text) : "",
                               json_string_length(text), 0, NULL);
    struct mansio_buf *word = mansio_buf_new(ctl->arena, WORD_MAX);
    core_ctl_word(word, state);
    json_object_set_new(row, to, json_stringn(mansio_buf_str(word).ptr, mansio_buf_str(word).len));
    json_object_set(row, from, json_is_object(state) ? state : json_null());
    mansio_buf_release(word);
    json_decref(state);
}

/* Changes of the platform that changed its default, among those of words; in order. */
static int add_defaults(struct core_ctl *ctl, json_t *rows)
{
    static const struct mansio_field kind = {MANSIO_STR("kind"), MANSIO_STR("platform")};
    json_t *changes = json_array();
    int rc = core_ctl_read_rows(ctl, MANSIO_OBJECT_AUDIT, &kind, 1, NULL, NULL, changes);
    for (size_t i = 0; rc == 0 && i < json_array_size(changes); i++) {
        json_t *row = json_array_get(changes, i);
        json_t *copy = json_copy(row);
        add_state(ctl, copy, "before", "from");
        add_state(ctl, copy, "after", "to");
        if (!json_equal(json_object_get(copy, "from"), json_object_get(copy, "to"))) {
            json_object_set_new(row, "object", json_string("platform"));
            json_array_append(rows, row);
        }
        json_decref(copy);
    }
    json_decref(changes);
    return rc;
}

/* By the audit log's numbers. */
static int compare_numbers(const void *a, const void *b)
{
    uint64_t numbers[2] = {0, 0};
    const json_t *rows[] = {*(json_t *const *)a, *(json_t *const *)b};
    for (size_t i = 0; i < 2; i++) {
        const char *key = json_string_value(json_object_get(rows[i], "key"));
        if (mansio_parse_u64(mansio_str_from_cstr(key), UINT64_MAX, &numbers[i]) < 0) {
            numbers[i] = 0;
        }
    }
    return numbers[0] < numbers[1] ? -1 : numbers[0] > numbers[1];
}

static int show_history(struct core_ctl *ctl, json_t *rows, size_t total)
{
    if (ctl->is_json) {
        json_t *out = json_pack("{s:O, s:I}", "changes", rows, "total", (json_int_t)total);
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = core_ctl_show_rows(ctl, out, history_fields, MANSIO_COUNT(history_fields), rows);
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_write(ctl, mansio_buf_str(out));
    }
    mansio_buf_release(out);
    return rc;
}

int core_ctl_cmd_policy_history(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    static const struct mansio_field kind = {MANSIO_STR("kind"), MANSIO_STR("policy")};
    struct wanted wanted = {.service = MANSIO_STR_NONE};
    size_t limit = 0;
    json_t *all = json_array(), *rows = NULL, *shown = json_array();
    int rc = read_wanted(ctl, args, &wanted);
    if (rc == 0) {
        rc = core_ctl_read_limit(args, HISTORY_LIMIT, &limit);
    }
    if (rc == 0) {
        rc = core_ctl_read_rows(ctl, MANSIO_OBJECT_AUDIT, &kind, 1, keep_change, &wanted, all);
    }
    if (rc == 0 && wanted.scope.scope <= MANSIO_POLICY_PLATFORM && wanted.service.len == 0) {
        rc = add_defaults(ctl, all);
    }
    if (rc == 0) {
        rows = sorted(ctl, all, compare_numbers);
    }
    size_t total = json_array_size(rows);
    for (size_t i = total > limit ? total - limit : 0; rc == 0 && i < total; i++) {
        json_t *row = json_array_get(rows, i);
        add_state(ctl, row, "before", "from");
        add_state(ctl, row, "after", "to");
        json_array_append(shown, row);
    }
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show_history(ctl, shown, total);
    if (exit_code == CORE_CTL_OK && json_array_size(shown) < total) {
        core_ctl_error(ctl, "the latest %zu of %zu are listed (see --limit)",
                       json_array_size(shown), total);
    }
    json_decref(all);
    json_decref(rows);
    json_decref(shown);
    return exit_code;
}
