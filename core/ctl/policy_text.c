/*
 * Words of policy for people. Reads members by name and takes any form of them: an object's are
 * arrays and truth values, an audit row's may be texts.
 */
#include "core/ctl/policy_text.h"

#include <string.h>

#include <mansio/str.h>

static void add_text(struct mansio_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        mansio_buf_add(out,
                       (struct mansio_str){json_string_value(value), json_string_length(value)});
    }
}

static void add_value(struct mansio_buf *out, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) {
            mansio_buf_add_char(out, ' ');
        }
        add_text(out, json_array_get(value, i));
    }
    add_text(out, value);
}

/* Is there anything of it? */
static int has_value(const json_t *value)
{
    return json_array_size(value) > 0 || json_string_length(value) > 0;
}

static const char *const conditions[] = {"networks", "tls", "mechanisms", "credentials", "hours"};

void core_ctl_conditions(struct mansio_buf *out, const json_t *word)
{
    int is_first = 1;
    for (size_t i = 0; i < MANSIO_COUNT(conditions); i++) {
        const json_t *value = json_object_get(word, conditions[i]);
        if (!has_value(value)) {
            continue;
        }
        mansio_buf_printf(out, "%s%s ", is_first ? "" : "; ", conditions[i]);
        add_value(out, value);
        is_first = 0;
        if (strcmp(conditions[i], "hours") == 0 && has_value(json_object_get(word, "zone"))) {
            mansio_buf_add_char(out, ' ');
            add_value(out, json_object_get(word, "zone"));
        }
    }
}

static int has_conditions(const json_t *word)
{
    for (size_t i = 0; i < MANSIO_COUNT(conditions); i++) {
        if (has_value(json_object_get(word, conditions[i]))) {
            return 1;
        }
    }
    return 0;
}

static int is_locked(const json_t *word)
{
    const json_t *value = json_object_get(word, "locked");
    const char *text = json_string_value(value);
    return json_is_true(value) || (text != NULL && strcmp(text, "true") == 0);
}

void core_ctl_word(struct mansio_buf *out, const json_t *word)
{
    const char *verb = json_string_value(json_object_get(word, "verb"));
    const char *otherwise = json_string_value(json_object_get(word, "policy_default"));
    if (verb == NULL && otherwise != NULL) {
        mansio_buf_printf(out, "default %s", otherwise);
        return;
    }
    if (verb == NULL && !is_locked(word)) {
        mansio_buf_add_char(out, '-');
        return;
    }
    mansio_buf_printf(out, "%s%s", verb != NULL ? verb : "", is_locked(word) ? " locked" : "");
    if (has_conditions(word)) {
        mansio_buf_add(out, MANSIO_STR(" if "));
        core_ctl_conditions(out, word);
    }
}

void core_ctl_split_key(struct mansio_str key, struct mansio_str *out_scope,
                        struct mansio_str *out_owner, struct mansio_str *out_service)
{
    /* An owner may hold '/' and ':', a service neither. */
    size_t slash = key.len;
    while (slash > 0 && key.ptr[slash - 1] != '/') {
        slash--;
    }
    struct mansio_str front = slash > 0 ? mansio_str_sub(key, 0, slash - 1) : key;
    ptrdiff_t colon = mansio_str_find_char(front, ':');
    *out_service = slash > 0 ? mansio_str_sub(key, slash, SIZE_MAX) : MANSIO_STR_NONE;
    *out_scope = colon >= 0 ? mansio_str_sub(front, 0, (size_t)colon) : front;
    *out_owner = colon >= 0 ? mansio_str_sub(front, (size_t)colon + 1, SIZE_MAX) : MANSIO_STR_NONE;
}
