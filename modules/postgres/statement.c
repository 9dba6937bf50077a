/*
 * Parameters and results in PostgreSQL's binary formats.
 *
 * Owns nothing: parameters point to what the caller has, results to what libpq has. Formats:
 * integers are big-endian; timestamptz is microseconds since 2000-01-01; an array is its number of
 * dimensions, whether it has NULLs, its element type, then size and lower bound of each dimension,
 * then the elements, each with its length (-1: NULL).
 */
#include "statement.h"

#include <endian.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "object_sql.h"
#include "result.h"
#include "sql.h"
#include "store_sql.h"
#include "libpq.h"

/* 2000-01-01 after 1970-01-01. */
#define PG_EPOCH_US (INT64_C(946684800) * 1000000)

enum {
    ARRAY_HEADER = 20, /* one dimension */
    ARRAY_HEADER_EMPTY = 12,
};

const struct pg_statement *pg_statement_get(unsigned id)
{
    const struct pg_statement *found = NULL;
    if (id < PG_SQL_OBJECT) {
        found = id < pg_sql_count ? &pg_sql_statements[id] : NULL;
    } else if (id < PG_SQL_STORE) {
        found = id - PG_SQL_OBJECT < pg_object_statement_count
                    ? &pg_object_statements[id - PG_SQL_OBJECT]
                    : NULL;
    } else if (id - PG_SQL_STORE < pg_store_statement_count) {
        found = &pg_store_statements[id - PG_SQL_STORE];
    }
    return found != NULL && found->name != NULL ? found : NULL;
}

uint32_t pg_type_oid(char letter)
{
    static const struct {
        char letter;
        uint32_t oid;
    } types[] = {
        {'l', 20},   {'i', 23},   {'o', 16},   {'t', 25},   {'b', 17},
        {'z', 1184}, {'L', 1016}, {'I', 1007}, {'T', 1009}, {'B', 1001},
    };
    for (size_t i = 0; i < MANSIO_COUNT(types); i++) {
        if (types[i].letter == letter) {
            return types[i].oid;
        }
    }
    return 0;
}

/* ---- parameters ----------------------------------------------------------------------------- */

void pg_params_init(struct pg_params *params)
{
    params->count = 0;
    params->status = 0;
    params->types[0] = '\0';
}

static size_t add(struct pg_params *params, char type, const char *value, int length)
{
    MANSIO_ASSERT(params->count < PG_PARAMS_MAX);
    size_t at = params->count++;
    params->values[at] = value;
    params->lengths[at] = length;
    params->types[at] = type;
    params->types[at + 1] = '\0';
    params->is_number[at] = 0;
    return at;
}

static void add_number(struct pg_params *params, char type, const void *bytes, int length)
{
    size_t at = add(params, type, NULL, length);
    memcpy(params->numbers[at], bytes, (size_t)length);
    params->is_number[at] = 1;
}

void pg_add_int64(struct pg_params *params, int64_t value)
{
    uint64_t big = htobe64((uint64_t)value);
    add_number(params, 'l', &big, sizeof big);
}

void pg_add_int32(struct pg_params *params, int32_t value)
{
    uint32_t big = htobe32((uint32_t)value);
    add_number(params, 'i', &big, sizeof big);
}

void pg_add_bool(struct pg_params *params, int value)
{
    char byte = value != 0 ? 1 : 0;
    add_number(params, 'o', &byte, 1);
}

void pg_add_time(struct pg_params *params, int64_t wall_us)
{
    uint64_t big = htobe64((uint64_t)(wall_us - PG_EPOCH_US));
    add_number(params, 'z', &big, sizeof big);
}

static void add_slice(struct pg_params *params, char type, struct mansio_str value)
{
    if (value.len > INT32_MAX) {
        params->status = mansio_fail(MANSIO_E_LIMIT, "a parameter of %zu bytes", value.len);
        value.len = 0;
    }
    (void)add(params, type, value.ptr != NULL ? value.ptr : "", (int)value.len);
}

void pg_add_text(struct pg_params *params, struct mansio_str value)
{
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) {
        params->status = mansio_fail(MANSIO_E_INVALID, "text with a NUL byte");
        value.len = 0;
    }
    add_slice(params, 't', value);
}

void pg_add_bytes(struct pg_params *params, struct mansio_str value)
{
    add_slice(params, 'b', value);
}

void pg_add_null(struct pg_params *params)
{
    (void)add(params, '?', NULL, 0);
}

static char *put_int32(char *at, int64_t value)
{
    uint32_t big = htobe32((uint32_t)value);
    memcpy(at, &big, sizeof big);
    return at + sizeof big;
}

/* Room for an array, its header written. NULL: an empty parameter was added instead. */
static char *begin_array(struct pg_params *params, struct mansio_arena *arena, char type,
                         char element, size_t count, size_t bytes)
{
    char *start = NULL;
    if (bytes <= INT32_MAX && count <= INT32_MAX) {
        start = mansio_arena_try_alloc(arena, bytes);
    }
    if (start == NULL) {
        params->status =
            mansio_fail(MANSIO_E_LIMIT, "a parameter of %zu elements, %zu bytes", count, bytes);
        (void)add(params, type, "", 0);
        return NULL;
    }
    char *at = put_int32(start, count > 0 ? 1 : 0);
    at = put_int32(at, 1); /* may have NULLs */
    at = put_int32(at, pg_type_oid(element));
    if (count > 0) {
        at = put_int32(at, (int64_t)count);
        at = put_int32(at, 1);
    }
    (void)add(params, type, start, (int)bytes);
    return at;
}

static size_t header_size(size_t count)
{
    return count > 0 ? ARRAY_HEADER : ARRAY_HEADER_EMPTY;
}

void pg_add_int64s(struct pg_params *params, struct mansio_arena *arena, const int64_t *values,
                   size_t count)
{
    char *at = begin_array(params, arena, 'L', 'l', count, header_size(count) + count * 12);
    for (size_t i = 0; at != NULL && i < count; i++) {
        uint64_t big = htobe64((uint64_t)values[i]);
        at = put_int32(at, sizeof big);
        memcpy(at, &big, sizeof big);
        at += sizeof big;
    }
}

void pg_add_int32s(struct pg_params *params, struct mansio_arena *arena, const int32_t *values,
                   size_t count)
{
    char *at = begin_array(params, arena, 'I', 'i', count, header_size(count) + count * 8);
    for (size_t i = 0; at != NULL && i < count; i++) {
        at = put_int32(at, 4);
        at = put_int32(at, values[i]);
    }
}

static void add_strs(struct pg_params *params, struct mansio_arena *arena, char type, char element,
                     const struct mansio_str *values, size_t count)
{
    size_t bytes = header_size(count);
    for (size_t i = 0; i < count; i++) {
        bytes += 4 + values[i].len;
    }
    char *at = begin_array(params, arena, type, element, count, bytes);
    for (size_t i = 0; at != NULL && i < count; i++) {
        at = put_int32(at, values[i].ptr != NULL ? (int64_t)values[i].len : -1);
        if (values[i].len > 0) {
            memcpy(at, values[i].ptr, values[i].len);
            at += values[i].len;
        }
    }
}

void pg_add_texts(struct pg_params *params, struct mansio_arena *arena,
                  const struct mansio_str *values, size_t count)
{
    add_strs(params, arena, 'T', 't', values, count);
}

void pg_add_bytess(struct pg_params *params, struct mansio_arena *arena,
                   const struct mansio_str *values, size_t count)
{
    add_strs(params, arena, 'B', 'b', values, count);
}

/* ---- results -------------------------------------------------------------------------------- */

int pg_result_check(struct pg_result *result)
{
    const struct pg_statement *statement = result->statement;
    size_t wanted = strlen(statement->columns);
    int found = PQnfields(result->pq);
    if ((size_t)found != wanted) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "statement %s: %d columns, wanted %zu",
                           statement->name, found, wanted);
    }
    for (size_t i = 0; i < wanted; i++) {
        uint32_t oid = (uint32_t)PQftype(result->pq, (int)i);
        if (oid != pg_type_oid(statement->columns[i])) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "statement %s: column %zu is of type %u",
                               statement->name, i + 1, oid);
        }
    }
    return 0;
}

size_t pg_rows(const struct pg_result *result)
{
    return (size_t)PQntuples(result->pq);
}

uint64_t pg_affected(const struct pg_result *result)
{
    uint64_t count = 0;
    /* "" for what touches no rows. libpq takes the result as not constant, and changes nothing. */
    PGresult *pq = result->pq;
    if (mansio_parse_u64(mansio_str_from_cstr(PQcmdTuples(pq)), UINT64_MAX, &count) < 0) {
        return 0;
    }
    return count;
}

static void check(const struct pg_result *result, size_t row, size_t column, char letter)
{
    MANSIO_ASSERT(row < pg_rows(result));
    MANSIO_ASSERT(column < strlen(result->statement->columns));
    MANSIO_ASSERT(letter == '?' || result->statement->columns[column] == letter);
}

int pg_is_null(const struct pg_result *result, size_t row, size_t column)
{
    check(result, row, column, '?');
    return PQgetisnull(result->pq, (int)row, (int)column);
}

/* The bytes of a value of a known length; zeros if it is NULL. */
static void get(const struct pg_result *result, size_t row, size_t column, char letter, void *out,
                size_t size)
{
    check(result, row, column, letter);
    memset(out, 0, size);
    /* The length is the server's, but the type was checked: it can't be another. */
    if ((size_t)PQgetlength(result->pq, (int)row, (int)column) == size) {
        memcpy(out, PQgetvalue(result->pq, (int)row, (int)column), size);
    }
}

int64_t pg_get_int64(const struct pg_result *result, size_t row, size_t column)
{
    uint64_t big;
    get(result, row, column, 'l', &big, sizeof big);
    return (int64_t)be64toh(big);
}

int32_t pg_get_int32(const struct pg_result *result, size_t row, size_t column)
{
    uint32_t big;
    get(result, row, column, 'i', &big, sizeof big);
    return (int32_t)be32toh(big);
}

int pg_get_bool(const struct pg_result *result, size_t row, size_t column)
{
    char byte;
    get(result, row, column, 'o', &byte, 1);
    return byte != 0;
}

int64_t pg_get_time(const struct pg_result *result, size_t row, size_t column)
{
    uint64_t big;
    if (pg_is_null(result, row, column)) {
        return 0;
    }
    get(result, row, column, 'z', &big, sizeof big);
    int64_t us = (int64_t)be64toh(big);
    return us > INT64_MAX - PG_EPOCH_US ? INT64_MAX : us + PG_EPOCH_US; /* infinity */
}

struct mansio_str pg_get_str(const struct pg_result *result, size_t row, size_t column)
{
    check(result, row, column, '?');
    char letter = result->statement->columns[column];
    MANSIO_ASSERT(letter == 't' || letter == 'b');
    if (PQgetisnull(result->pq, (int)row, (int)column)) {
        return MANSIO_STR_NONE;
    }
    return (struct mansio_str){PQgetvalue(result->pq, (int)row, (int)column),
                               (size_t)PQgetlength(result->pq, (int)row, (int)column)};
}

/* ---- arrays --------------------------------------------------------------------------------- */

struct array {
    const char *at, *end;
    size_t count;
};

static int take_int32(struct array *array, int32_t *out)
{
    uint32_t big;
    if (array->end - array->at < (ptrdiff_t)sizeof big) {
        return mansio_fail(MANSIO_E_IO, "an array that ends early");
    }
    memcpy(&big, array->at, sizeof big);
    array->at += sizeof big;
    *out = (int32_t)be32toh(big);
    return 0;
}

static int open_array(const struct pg_result *result, size_t row, size_t column, char element,
                      struct array *out)
{
    int32_t header[5] = {0};
    int rc = 0;
    *out = (struct array){.at = PQgetvalue(result->pq, (int)row, (int)column)};
    out->end = out->at + PQgetlength(result->pq, (int)row, (int)column);
    if (PQgetisnull(result->pq, (int)row, (int)column)) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = take_int32(out, &header[i]);
    }
    if (rc == 0 && header[0] == 0) {
        return 0;
    }
    for (size_t i = 3; rc == 0 && i < 5; i++) {
        rc = take_int32(out, &header[i]);
    }
    /* Each element has at least its length. */
    if (rc == 0 && (header[0] != 1 || (uint32_t)header[2] != pg_type_oid(element) ||
                    header[3] < 0 || header[3] > (out->end - out->at) / 4)) {
        rc = mansio_fail(MANSIO_E_IO, "an array of another form");
    }
    out->count = rc == 0 ? (size_t)header[3] : 0;
    return rc;
}

/* ptr NULL: a NULL element. */
static int take_element(struct array *array, struct mansio_str *out)
{
    int32_t length = 0;
    int rc = take_int32(array, &length);
    if (rc < 0) {
        return rc;
    }
    *out = MANSIO_STR_NONE;
    if (length >= 0) {
        if (array->end - array->at < length) {
            return mansio_fail(MANSIO_E_IO, "an array that ends early");
        }
        *out = (struct mansio_str){array->at, (size_t)length};
        array->at += length;
    }
    return 0;
}

int pg_get_strs(const struct pg_result *result, size_t row, size_t column,
                struct mansio_arena *arena, const struct mansio_str **out, size_t *out_count)
{
    struct array array;
    check(result, row, column, '?');
    char letter = result->statement->columns[column];
    MANSIO_ASSERT(letter == 'T' || letter == 'B');
    int rc = open_array(result, row, column, letter == 'T' ? 't' : 'b', &array);
    if (rc < 0) {
        return rc;
    }
    struct mansio_str *strs = mansio_arena_try_alloc(arena, (array.count + 1) * sizeof *strs);
    if (strs == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < array.count; i++) {
        rc = take_element(&array, &strs[i]);
    }
    if (rc == 0) {
        *out = strs;
        *out_count = array.count;
    }
    return rc;
}

int pg_get_int64s(const struct pg_result *result, size_t row, size_t column,
                  struct mansio_arena *arena, const int64_t **out, size_t *out_count)
{
    struct array array;
    check(result, row, column, 'L');
    int rc = open_array(result, row, column, 'l', &array);
    if (rc < 0) {
        return rc;
    }
    int64_t *values = mansio_arena_try_alloc(arena, (array.count + 1) * sizeof *values);
    if (values == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < array.count; i++) {
        struct mansio_str bytes;
        uint64_t big = 0;
        rc = take_element(&array, &bytes);
        if (rc == 0 && bytes.len == sizeof big) {
            memcpy(&big, bytes.ptr, sizeof big);
        }
        values[i] = (int64_t)be64toh(big);
    }
    if (rc == 0) {
        *out = values;
        *out_count = array.count;
    }
    return rc;
}

int pg_get_int32s(const struct pg_result *result, size_t row, size_t column,
                  struct mansio_arena *arena, const int32_t **out, size_t *out_count)
{
    struct array array;
    check(result, row, column, 'I');
    int rc = open_array(result, row, column, 'i', &array);
    if (rc < 0) {
        return rc;
    }
    int32_t *values = mansio_arena_try_alloc(arena, (array.count + 1) * sizeof *values);
    if (values == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < array.count; i++) {
        struct mansio_str bytes;
        uint32_t big = 0;
        rc = take_element(&array, &bytes);
        if (rc == 0 && bytes.len == sizeof big) {
            memcpy(&big, bytes.ptr, sizeof big);
        }
        values[i] = (int32_t)be32toh(big);
    }
    if (rc == 0) {
        *out = values;
        *out_count = array.count;
    }
    return rc;
}
