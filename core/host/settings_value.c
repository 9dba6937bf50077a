/*
 * Values as text: numbers with units read and printed, a text judged against its row, and the
 * words for what a row takes. Pure: no memory, no files.
 */
#include "core/host/settings.h"

#include <inttypes.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: so is printed with the largest that divides. */
static const struct unit size_units[] = {
    {"T", INT64_C(1) << 40},
    {"G", INT64_C(1) << 30},
    {"M", INT64_C(1) << 20},
    {"K", INT64_C(1) << 10},
    {"", 1},
};

static const struct unit duration_units[] = {
    {"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)}, {"m", INT64_C(60000000)},
    {"s", INT64_C(1000000)},     {"ms", INT64_C(1000)},      {"us", 1},
};

static const char *const bool_words[] = {"false", "true", "no", "yes", "off", "on"};

static int parse_with_unit(struct mansio_str text, const struct unit *units, size_t count,
                           int64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    struct mansio_str name = mansio_str_sub(text, digits, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!mansio_str_eq(name, mansio_str_from_cstr(units[i].name))) {
            continue;
        }
        uint64_t number = 0;
        int result = mansio_parse_u64(mansio_str_sub(text, 0, digits),
                                      (uint64_t)(INT64_MAX / units[i].factor), &number);
        if (result == 0) {
            *out = (int64_t)number * units[i].factor;
        }
        return result;
    }
    return name.len == 0 && digits > 0 ? MANSIO_E_UNSUPPORTED : MANSIO_E_INVALID;
}

int core_size_parse(struct mansio_str text, int64_t *out)
{
    return parse_with_unit(text, size_units, MANSIO_COUNT(size_units), out);
}

int core_duration_parse(struct mansio_str text, int64_t *out_us)
{
    if (mansio_str_eq(text, MANSIO_STR("0"))) {
        *out_us = 0;
        return 0;
    }
    return parse_with_unit(text, duration_units, MANSIO_COUNT(duration_units), out_us);
}

static void print_with_unit(int64_t number, const struct unit *units, char *out)
{
    while (units->factor != 1 && (number == 0 || number % units->factor != 0)) {
        units++;
    }
    snprintf(out, CORE_VALUE_TEXT_MAX, "%" PRId64 "%s", number / units->factor, units->name);
}

void core_size_print(int64_t bytes, char out[CORE_VALUE_TEXT_MAX])
{
    print_with_unit(bytes, size_units, out);
}

void core_duration_print(int64_t us, char out[CORE_VALUE_TEXT_MAX])
{
    if (us == 0) {
        snprintf(out, CORE_VALUE_TEXT_MAX, "0");
        return;
    }
    print_with_unit(us, duration_units, out);
}

const char *core_quote(struct mansio_str text, char out[CORE_QUOTE_MAX])
{
    enum { SHOWN_MAX = 40 };
    size_t used = 0;
    out[used++] = '"';
    size_t i = 0;
    /* Not in the middle of a character: after 40 bytes go on to its end, at most 3 more. */
    for (; i < text.len && (i < SHOWN_MAX || ((unsigned char)text.ptr[i] & 0xC0) == 0x80) &&
           i < SHOWN_MAX + 3;
         i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7F) {
            used += (size_t)snprintf(out + used, 5, "\\x%02x", c);
        } else {
            out[used++] = (char)c;
        }
    }
    snprintf(out + used, CORE_QUOTE_MAX - used, "%s\"", i < text.len ? "..." : "");
    return out;
}

/* The range of a row as its type has it when the row says nothing. */
static void range_of(const struct mansio_setting *row, int64_t *out_min, int64_t *out_max)
{
    *out_min = row->min;
    *out_max = row->max;
    if (row->min != 0 || row->max != 0) {
        return;
    }
    switch (row->type) {
    case MANSIO_SETTING_INT:
        *out_min = INT64_MIN;
        *out_max = INT64_MAX;
        break;
    case MANSIO_SETTING_STRING:
        *out_max = CORE_YAML_TEXT_MAX;
        break;
    default:
        *out_max = INT64_MAX;
        break;
    }
}

static void print_number(const struct mansio_setting *row, int64_t number, char *out)
{
    if (row->type == MANSIO_SETTING_SIZE) {
        core_size_print(number, out);
    } else if (row->type == MANSIO_SETTING_DURATION) {
        core_duration_print(number, out);
    } else {
        snprintf(out, CORE_VALUE_TEXT_MAX, "%" PRId64, number);
    }
}

int core_setting_range(const struct mansio_setting *row, char out[CORE_SETTINGS_WHY_MAX])
{
    int64_t min;
    int64_t max;
    range_of(row, &min, &max);
    const char *unit = row->unit;
    if (row->type == MANSIO_SETTING_STRING) {
        unit = "bytes";
    } else if (unit == NULL && row->type == MANSIO_SETTING_LIST) {
        unit = "texts";
    } else if (unit == NULL && row->type == MANSIO_SETTING_MAP) {
        unit = "sections";
    }
    char low[CORE_VALUE_TEXT_MAX];
    char high[CORE_VALUE_TEXT_MAX];
    print_number(row, min, low);
    print_number(row, max, high);
    const char *space = unit != NULL ? " " : "";
    unit = unit != NULL ? unit : "";
    if (row->min == 0 && row->max == 0) {
        return 0;
    }
    if (max == INT64_MAX) {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "at least %s%s%.64s", low, space, unit);
    } else if (min == INT64_MIN) {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "at most %s%s%.64s", high, space, unit);
    } else {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "%s to %s%s%.64s", low, high, space, unit);
    }
    return 1;
}

static void print_choices(const struct mansio_setting *row, char out[CORE_SETTINGS_WHY_MAX])
{
    size_t used = (size_t)snprintf(out, CORE_SETTINGS_WHY_MAX, "one of");
    for (size_t i = 0; row->choices[i] != NULL && used < CORE_SETTINGS_WHY_MAX; i++) {
        used += (size_t)snprintf(out + used, CORE_SETTINGS_WHY_MAX - used, "%s %s",
                                 i == 0 ? "" : ",", row->choices[i]);
    }
}

static const char *expected_of_type(uint32_t type)
{
    switch (type) {
    case MANSIO_SETTING_BOOL:
        return "true or false";
    case MANSIO_SETTING_INT:
        return "a whole number";
    case MANSIO_SETTING_SIZE:
        return "bytes such as 4096, 64K or 10M";
    case MANSIO_SETTING_DURATION:
        return "a duration such as 250us, 10ms, 30s, 5m, 2h or 1d";
    case MANSIO_SETTING_STRING:
        return "text";
    case MANSIO_SETTING_SECRET:
        return "{file: PATH} or {env: NAME}";
    case MANSIO_SETTING_PATH:
        return "a path";
    case MANSIO_SETTING_LIST:
        return "a list of texts";
    case MANSIO_SETTING_MAP:
        return "named sections";
    default:
        return "a section";
    }
}

void core_setting_expected(const struct mansio_setting *row, char out[CORE_SETTINGS_WHY_MAX])
{
    if (row->type == MANSIO_SETTING_CHOICE) {
        print_choices(row, out);
        return;
    }
    char range[CORE_SETTINGS_WHY_MAX];
    if (core_setting_range(row, range)) {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "%s, %.160s", expected_of_type(row->type), range);
    } else {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "%s", expected_of_type(row->type));
    }
}

static int refuse(struct mansio_str text, const char *expected, char why[CORE_SETTINGS_WHY_MAX])
{
    char quoted[CORE_QUOTE_MAX];
    snprintf(why, CORE_SETTINGS_WHY_MAX, "found %s, expected %.180s", core_quote(text, quoted),
             expected);
    return MANSIO_E_INVALID;
}

static int refuse_number(const struct mansio_setting *row, struct mansio_str text, int result,
                         char why[CORE_SETTINGS_WHY_MAX])
{
    char expected[CORE_SETTINGS_WHY_MAX];
    if (result == MANSIO_E_UNSUPPORTED) {
        return refuse(text, "a unit after the number: us, ms, s, m, h or d", why);
    }
    if (result == MANSIO_E_LIMIT && core_setting_range(row, expected)) {
        return refuse(text, expected, why);
    }
    if (result == MANSIO_E_LIMIT) {
        return refuse(text, "a smaller number", why);
    }
    return refuse(text, expected_of_type(row->type), why);
}

static int check_number(const struct mansio_setting *row, struct mansio_str text, int is_quoted,
                        struct core_value *value, char why[CORE_SETTINGS_WHY_MAX])
{
    if (is_quoted) {
        char expected[CORE_SETTINGS_WHY_MAX];
        snprintf(expected, sizeof expected, "%s, without quotes", expected_of_type(row->type));
        return refuse(text, expected, why);
    }
    int64_t number = 0;
    int result;
    if (row->type == MANSIO_SETTING_SIZE) {
        result = core_size_parse(text, &number);
    } else if (row->type == MANSIO_SETTING_DURATION) {
        result = core_duration_parse(text, &number);
    } else {
        result = mansio_parse_i64(text, INT64_MIN, INT64_MAX, &number);
    }
    int64_t min;
    int64_t max;
    range_of(row, &min, &max);
    if (result == 0 && (number < min || number > max)) {
        result = MANSIO_E_LIMIT;
    }
    if (result < 0) {
        return refuse_number(row, text, result, why);
    }
    value->number = number;
    return 0;
}

static int check_bool(struct mansio_str text, int is_quoted, struct core_value *value,
                      char why[CORE_SETTINGS_WHY_MAX])
{
    for (size_t i = 0; i < MANSIO_COUNT(bool_words) && !is_quoted; i++) {
        if (mansio_str_eq(text, mansio_str_from_cstr(bool_words[i]))) {
            value->number = i & 1; /* the table alternates */
            return 0;
        }
    }
    return refuse(text, is_quoted ? "true or false, without quotes" : "true or false", why);
}

static int check_choice(const struct mansio_setting *row, struct mansio_str text,
                        struct core_value *value, char why[CORE_SETTINGS_WHY_MAX])
{
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        struct mansio_str choice = mansio_str_from_cstr(row->choices[i]);
        if (mansio_str_eq(text, choice)) {
            value->number = (int64_t)i;
            value->text = choice;
            return 0;
        }
    }
    char expected[CORE_SETTINGS_WHY_MAX];
    print_choices(row, expected);
    return refuse(text, expected, why);
}

static int check_string(const struct mansio_setting *row, struct mansio_str text,
                        struct core_value *value, char why[CORE_SETTINGS_WHY_MAX])
{
    int64_t min;
    int64_t max;
    range_of(row, &min, &max);
    if ((int64_t)text.len < min || (int64_t)text.len > max) {
        char expected[CORE_SETTINGS_WHY_MAX];
        char range[CORE_SETTINGS_WHY_MAX];
        (void)core_setting_range(row, range);
        snprintf(expected, sizeof expected, "text of %.160s", range);
        snprintf(why, CORE_SETTINGS_WHY_MAX, "found text of %zu bytes, expected %.180s", text.len,
                 expected);
        return MANSIO_E_INVALID;
    }
    value->text = text;
    return 0;
}

int core_scalar_check(const struct mansio_setting *row, struct mansio_str text, int is_quoted,
                      struct core_value *value, char why[CORE_SETTINGS_WHY_MAX])
{
    switch (row->type) {
    case MANSIO_SETTING_BOOL:
        return check_bool(text, is_quoted, value, why);
    case MANSIO_SETTING_CHOICE:
        return check_choice(row, text, value, why);
    case MANSIO_SETTING_STRING:
        return check_string(row, text, value, why);
    default:
        return check_number(row, text, is_quoted, value, why);
    }
}
