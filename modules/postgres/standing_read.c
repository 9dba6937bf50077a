/*
 * Reading standings. Rows come in order: the default, zones, words, all credentials, then whom they
 * concern, by number.
 *
 * Words are checked when they are written; should one be unreadable all the same (a zone that the
 * server has forgotten), it is read so that nobody gets in by it: an allow has no hours at all, a
 * deny holds at any.
 */
#include "standing.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

#include "hours.h"
#include "result.h"
#include "standing_sql.h"

enum { SPANS_MAX = 1024 * 1024 };

/* A result while it is read. */
struct reading {
    const struct pg_result *result;
    struct mansio_arena *arena;
    uint32_t default_verb;
    int64_t until_us;
    size_t zone_row, zone_count; /* the zones' rows */
    size_t word_row, word_count; /* the words', by number */
    const struct mansio_policy_word **words;
    struct mansio_map *spans; /* struct spans by their texts: accounts' words say the same hours */
    struct mansio_standing_credential *credentials;
    const struct mansio_standing_credential **list; /* of them, in order */
    const int64_t *owners;                          /* a credential's: ascending */
    size_t credential_count, credential_next;
};

/* What hours in a zone come to. */
struct spans {
    uint32_t is_known;
    const struct mansio_time_span *spans;
    size_t count;
};

static uint32_t get_u32(const struct pg_result *result, size_t row, size_t column)
{
    return (uint32_t)pg_get_int32(result, row, column);
}

/* An array of texts, copied. */
static int copy_strs(const struct reading *reading, size_t row, size_t column,
                     const struct mansio_str **out, size_t *out_count)
{
    const struct mansio_str *from = NULL;
    struct mansio_str *copies = NULL;
    int rc = pg_get_strs(reading->result, row, column, reading->arena, &from, out_count);
    if (rc == 0) {
        copies = mansio_arena_try_alloc(reading->arena, (*out_count + 1) * sizeof *copies);
        rc = copies == NULL ? MANSIO_E_LIMIT : 0;
    }
    for (size_t i = 0; rc == 0 && i < *out_count; i++) {
        rc = mansio_arena_copy(reading->arena, from[i], &copies[i]);
    }
    *out = copies;
    return rc;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* 0; MANSIO_E_NOT_FOUND: the server doesn't know it. */
static int find_zone(const struct reading *reading, struct mansio_str name, struct pg_zone *out)
{
    for (size_t i = 0; i < reading->zone_count; i++) {
        size_t row = reading->zone_row + i;
        size_t counts[2] = {0};
        if (!mansio_str_eq(name, pg_get_str(reading->result, row, PG_STANDING_ZONE))) {
            continue;
        }
        int rc = pg_get_int64s(reading->result, row, PG_STANDING_INSTANTS, reading->arena,
                               &out->instants, &counts[0]);
        rc = rc < 0 ? rc
                    : pg_get_int32s(reading->result, row, PG_STANDING_OFFSETS, reading->arena,
                                    &out->offsets, &counts[1]);
        out->count = counts[0];
        return rc < 0 ? rc : counts[0] > 0 && counts[0] == counts[1] ? 0 : MANSIO_E_NOT_FOUND;
    }
    return MANSIO_E_NOT_FOUND;
}

static int make_spans(const struct reading *reading, struct mansio_str text, struct mansio_str name,
                      struct spans *out)
{
    struct pg_hours hours;
    struct pg_zone zone;
    int rc = find_zone(reading, name, &zone);
    rc = rc < 0 ? rc : pg_hours_parse(reading->arena, text, &hours, NULL);
    if (rc == MANSIO_E_NOT_FOUND || rc == MANSIO_E_INVALID) {
        return 0;
    }
    out->is_known = 1;
    return rc < 0 ? rc
                  : pg_hours_spans(reading->arena, &hours, &zone, reading->until_us, &out->spans,
                                   &out->count);
}

/* Each hours in each zone once: "hours, NUL, zone". */
static int find_spans(const struct reading *reading, struct mansio_str text, struct mansio_str zone,
                      struct spans **out)
{
    size_t len = text.len + 1 + zone.len;
    char *bytes = mansio_arena_try_alloc(reading->arena, len);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    struct mansio_str key = {bytes, len};
    memcpy(bytes, text.ptr, text.len);
    bytes[text.len] = '\0';
    memcpy(bytes + text.len + 1, zone.ptr, zone.len);
    *out = mansio_map_get(reading->spans, key);
    if (*out != NULL) {
        return 0;
    }
    struct spans *made = mansio_arena_try_alloc(reading->arena, sizeof *made);
    if (made == NULL) {
        return MANSIO_E_LIMIT;
    }
    *made = (struct spans){0};
    int rc = make_spans(reading, text, zone, made);
    rc = rc < 0 ? rc : mansio_map_put(reading->spans, key, made);
    *out = made;
    return rc < 0 ? rc : 0;
}

static int read_hours(const struct reading *reading, size_t row, struct mansio_policy_word *word)
{
    struct spans *spans = NULL;
    struct mansio_str text = pg_get_str(reading->result, row, PG_STANDING_HOURS);
    if (text.ptr == NULL) {
        return 0;
    }
    int rc = find_spans(reading, text, pg_get_str(reading->result, row, PG_STANDING_ZONE), &spans);
    if (rc == 0) {
        word->has_hours = spans->is_known || word->verb != MANSIO_POLICY_DENY;
        word->hours = spans->spans;
        word->hour_count = spans->count;
    }
    return rc;
}

static int read_word(const struct reading *reading, size_t row,
                     const struct mansio_policy_word **out)
{
    const struct pg_result *result = reading->result;
    struct mansio_policy_word *word = mansio_arena_try_alloc(reading->arena, sizeof *word);
    if (word == NULL) {
        return MANSIO_E_LIMIT;
    }
    *word = (struct mansio_policy_word){
        .size = sizeof *word,
        .scope = get_u32(result, row, PG_STANDING_SCOPE),
        .verb = get_u32(result, row, PG_STANDING_VERB),
        .is_locked = (uint32_t)pg_get_bool(result, row, PG_STANDING_IS_LOCKED),
        .tls = get_u32(result, row, PG_STANDING_TLS),
        .credential_kinds = get_u32(result, row, PG_STANDING_CREDENTIALS),
        .has_networks = (uint32_t)pg_get_bool(result, row, PG_STANDING_HAS_NETWORKS),
    };
    *out = word;
    int rc = mansio_arena_copy(reading->arena, pg_get_str(result, row, PG_STANDING_SERVICE),
                               &word->service);
    rc = rc < 0 ? rc
                : mansio_arena_copy(reading->arena, pg_get_str(result, row, PG_STANDING_OWNER),
                                    &word->owner);
    rc = rc < 0
             ? rc
             : copy_strs(reading, row, PG_STANDING_NETWORKS, &word->networks, &word->network_count);
    rc = rc < 0 ? rc
                : copy_strs(reading, row, PG_STANDING_MECHANISMS, &word->mechanisms,
                            &word->mechanism_count);
    return rc < 0 ? rc : read_hours(reading, row, word);
}

/* By its number; NULL if there is none. */
static const struct mansio_policy_word *find_word(const struct reading *reading, int64_t number)
{
    size_t low = 0;
    size_t high = reading->word_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int64_t found =
            pg_get_int64(reading->result, reading->word_row + middle, PG_STANDING_NUMBER);
        if (found == number) {
            return reading->words[middle];
        }
        if (found < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* ---- whom they concern ---------------------------------------------------------------------- */

static int read_words(const struct reading *reading, size_t row, struct mansio_standing *standing)
{
    const int64_t *numbers = NULL;
    size_t count = 0;
    int rc =
        pg_get_int64s(reading->result, row, PG_STANDING_WORDS, reading->arena, &numbers, &count);
    if (rc < 0) {
        return rc;
    }
    const struct mansio_policy_word **words =
        mansio_arena_try_alloc(reading->arena, (count + 1) * sizeof *words);
    if (words == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        words[i] = find_word(reading, numbers[i]);
        if (words[i] == NULL) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "standing: a word is missing");
        }
    }
    standing->words = words;
    standing->word_count = count;
    return 0;
}

/* "imap pop3" to slices, copied. */
static int split_services(struct mansio_arena *arena, struct mansio_str text,
                          struct mansio_standing_credential *credential)
{
    struct mansio_str rest = MANSIO_STR_NONE;
    struct mansio_str *services =
        mansio_arena_try_alloc(arena, (text.len / 2 + 1) * sizeof *services);
    int rc = services == NULL ? MANSIO_E_LIMIT : mansio_arena_copy(arena, text, &rest);
    while (rc == 0 && rest.len > 0 &&
           mansio_str_split(&rest, ' ', &services[credential->service_count])) {
        credential->service_count += services[credential->service_count].len > 0;
    }
    credential->services = services;
    return rc;
}

/* All of the result, in one row; none without that. */
static int read_credentials(struct reading *reading, size_t row)
{
    const int64_t *ids = NULL;
    const int64_t *versions = NULL;
    const int64_t *expires = NULL;
    const int32_t *kinds = NULL;
    const struct mansio_str *services = NULL;
    size_t counts[6] = {0};
    const struct pg_result *result = reading->result;
    struct mansio_arena *arena = reading->arena;
    int rc = pg_get_int64s(result, row, PG_STANDING_IDS, arena, &ids, &counts[0]);
    rc = rc < 0 ? rc
                : pg_get_int64s(result, row, PG_STANDING_VERSIONS, arena, &versions, &counts[1]);
    rc = rc < 0 ? rc : pg_get_int32s(result, row, PG_STANDING_KINDS, arena, &kinds, &counts[2]);
    rc = rc < 0 ? rc : pg_get_int64s(result, row, PG_STANDING_EXPIRES, arena, &expires, &counts[3]);
    rc = rc < 0 ? rc : pg_get_strs(result, row, PG_STANDING_SERVICES, arena, &services, &counts[4]);
    rc = rc < 0
             ? rc
             : pg_get_int64s(result, row, PG_STANDING_WORDS, arena, &reading->owners, &counts[5]);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 1; i < MANSIO_COUNT(counts); i++) {
        if (counts[i] != counts[0]) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "standing: credentials of different number");
        }
    }
    size_t room = counts[0] + 1;
    reading->credentials = mansio_arena_try_alloc(arena, room * sizeof *reading->credentials);
    reading->list = mansio_arena_try_alloc(arena, room * sizeof *reading->list);
    rc = reading->credentials == NULL || reading->list == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < counts[0]; i++) {
        struct mansio_standing_credential *one = &reading->credentials[i];
        *one = (struct mansio_standing_credential){.size = sizeof *one,
                                                   .id = (uint64_t)ids[i],
                                                   .version = (uint64_t)versions[i],
                                                   .kind = (uint32_t)kinds[i],
                                                   .expires_us = expires[i]};
        rc = split_services(arena, services[i], one);
        reading->list[i] = one;
    }
    reading->credential_count = counts[0];
    return rc;
}

/* Both come by number. */
static void take_credentials(struct reading *reading, int64_t number,
                             struct mansio_standing *standing)
{
    size_t at = reading->credential_next;
    while (at < reading->credential_count && reading->owners[at] < number) {
        at++;
    }
    standing->credentials = &reading->list[at];
    while (at < reading->credential_count && reading->owners[at] == number) {
        standing->credential_count++;
        at++;
    }
    reading->credential_next = at;
}

static int read_whom(struct reading *reading, size_t row, int64_t number,
                     struct mansio_standing *standing)
{
    int rc = 0;
    if (!pg_is_null(reading->result, row, PG_STANDING_FACTS)) {
        rc = pg_read_facts(reading->result, row, PG_STANDING_FACTS, reading->arena,
                           &standing->account);
    }
    rc = rc < 0 ? rc : read_words(reading, row, standing);
    take_credentials(reading, number, standing);
    standing->is_ours = (uint32_t)pg_get_bool(reading->result, row, PG_STANDING_IS_OURS);
    return rc < 0 ? rc
                  : mansio_arena_copy(reading->arena,
                                      pg_get_str(reading->result, row, PG_STANDING_OWNER),
                                      &standing->domain);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What stands before the rows of whom it concerns. Gives the first of them. */
static int read_common(struct reading *reading, size_t *out_row)
{
    const struct pg_result *result = reading->result;
    const int64_t *span = NULL;
    size_t count = 0;
    size_t rows = pg_rows(result);
    size_t row = 1;
    if (rows == 0 || pg_get_int32(result, 0, PG_STANDING_WHAT) != PG_STANDING_HEAD) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "standing: no default");
    }
    reading->default_verb = get_u32(result, 0, PG_STANDING_VERB);
    int rc = pg_get_int64s(result, 0, PG_STANDING_INSTANTS, reading->arena, &span, &count);
    if (rc < 0 || count != 2) {
        return rc < 0 ? rc : mansio_fail(MANSIO_E_UNAVAILABLE, "standing: no span of time");
    }
    reading->until_us = span[1];
    reading->zone_row = row;
    while (row < rows && pg_get_int32(result, row, PG_STANDING_WHAT) == PG_STANDING_OF_ZONE) {
        row++;
    }
    reading->zone_count = row - reading->zone_row;
    reading->word_row = row;
    while (row < rows && pg_get_int32(result, row, PG_STANDING_WHAT) == PG_STANDING_OF_WORD) {
        row++;
    }
    reading->word_count = row - reading->word_row;
    reading->words =
        mansio_arena_try_alloc(reading->arena, (reading->word_count + 1) * sizeof *reading->words);
    rc = reading->words == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < reading->word_count; i++) {
        rc = read_word(reading, reading->word_row + i, &reading->words[i]);
    }
    if (rc == 0 && (row == rows ||
                    pg_get_int32(result, row, PG_STANDING_WHAT) != PG_STANDING_OF_CREDENTIALS)) {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "standing: no credentials");
    }
    rc = rc < 0 ? rc : read_credentials(reading, row);
    *out_row = row + 1;
    return rc;
}

int pg_standings_read(const struct pg_result *result, struct mansio_arena *arena,
                      const struct mansio_standing **out, size_t count)
{
    struct reading reading = {
        .result = result, .arena = arena, .spans = mansio_map_new(arena, SPANS_MAX)};
    size_t row = 0;
    size_t room = count > 0 ? count : 1;
    int rc = read_common(&reading, &row);
    struct mansio_standing *standings =
        rc < 0 ? NULL : mansio_arena_try_alloc(arena, room * sizeof *standings);
    rc = rc == 0 && standings == NULL ? MANSIO_E_LIMIT : rc;
    for (size_t i = 0; rc == 0 && i < room; i++) {
        standings[i] = (struct mansio_standing){.size = sizeof standings[i],
                                                .default_verb = reading.default_verb,
                                                .hours_known_us = reading.until_us};
        out[i] = &standings[i];
    }
    for (; rc == 0 && row < pg_rows(result); row++) {
        int64_t number = pg_get_int64(result, row, PG_STANDING_NUMBER);
        size_t at = (size_t)number - (count > 0);
        if (at >= room) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "standing: nobody asked for it");
        }
        rc = read_whom(&reading, row, number, &standings[at]);
    }
    return rc;
}
