/*
 * Statements: what is sent to PostgreSQL, by a table; parameters going in, values coming out.
 *
 * A row of the table has a name, a text, the types of its parameters and columns as letters, and
 * a scope that says what it may see; tests hold every row against its scope. Everything travels in
 * binary. A connection prepares a statement when it first sends it, in the same pipeline.
 *
 * Letters: l int8, i int4, o bool, t text, b bytea, z timestamptz (wall-clock microseconds in
 * code), and arrays L int8[], I int4[], T text[], B bytea[].
 */
#ifndef MANSIO_MODULES_POSTGRES_STATEMENT_H
#define MANSIO_MODULES_POSTGRES_STATEMENT_H

#include <mansio/arena.h>
#include <mansio/base.h>

/* What a statement may see. */
enum pg_scope {
    PG_SCOPE_TENANT = 1, /* rows of the tenant that mansio.tenant names, and nothing without one */
    PG_SCOPE_DOOR = 2,   /* calls a SECURITY DEFINER function; `why` says which need */
    PG_SCOPE_GLOBAL = 3, /* touches tables without tenant_id only; `why` says which */
    PG_SCOPE_ADMIN = 4,  /* role admin alone, across tenants by listed policies */
    PG_SCOPE_SPOOL = 5,  /* role spool alone, across tenants by listed policies */
};

struct pg_statement {
    const char *name;    /* unique; its name on the server too */
    const char *text;    /* $1, $2, ... */
    const char *params;  /* a letter each */
    const char *columns; /* a letter each; "": no rows */
    uint32_t scope;      /* enum pg_scope */
    const char *why;     /* for DOOR and GLOBAL; NULL else */
};

/* Ids: from 0 (sql.h), administration's from PG_SQL_OBJECT (object_sql.h), the store's from
 * PG_SQL_STORE (store_sql.h). */
enum {
    PG_SQL_OBJECT = 256,
    PG_SQL_STORE = 512,
    PG_SQL_MAX = 1024,
    PG_PARAMS_MAX = 40,
};

/* A statement by id; NULL if there is none: ids have gaps. */
const struct pg_statement *pg_statement_get(unsigned id);

/* ---- parameters -------------------------------------------------------------------------------
 * In order. What a slice points to must live until pg_send() returns. A failure (array too large)
 * is remembered, and pg_send() answers it. */
struct pg_params {
    size_t count;
    int status;
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    char types[PG_PARAMS_MAX + 1];
    char numbers[PG_PARAMS_MAX][8];
    uint8_t is_number[PG_PARAMS_MAX]; /* its value is in numbers, wherever this was copied to */
};

/* Make it empty; needed before the first use too. */
void pg_params_init(struct pg_params *params);

void pg_add_int64(struct pg_params *params, int64_t value);
void pg_add_int32(struct pg_params *params, int32_t value);
void pg_add_bool(struct pg_params *params, int value);
void pg_add_text(struct pg_params *params, struct mansio_str value);
void pg_add_bytes(struct pg_params *params, struct mansio_str value);
void pg_add_time(struct pg_params *params, int64_t wall_us);
/* NULL, of any type. */
void pg_add_null(struct pg_params *params);
/* Arrays, laid out in @p arena, which must live until pg_send() returns. */
void pg_add_int64s(struct pg_params *params, struct mansio_arena *arena, const int64_t *values,
                   size_t count);
void pg_add_int32s(struct pg_params *params, struct mansio_arena *arena, const int32_t *values,
                   size_t count);
/* ptr NULL within is a NULL element. */
void pg_add_texts(struct pg_params *params, struct mansio_arena *arena,
                  const struct mansio_str *values, size_t count);
void pg_add_bytess(struct pg_params *params, struct mansio_arena *arena,
                   const struct mansio_str *values, size_t count);

/* ---- results ----------------------------------------------------------------------------------
 * Columns are of the types that the table says (checked when the result came). A getter of
 * another type is a programming mistake. NULL reads as 0 or as the empty slice with ptr NULL. */
struct pg_result;

size_t pg_rows(const struct pg_result *result);
/* Rows that an INSERT, UPDATE, DELETE touched. */
uint64_t pg_affected(const struct pg_result *result);
int pg_is_null(const struct pg_result *result, size_t row, size_t column);
int64_t pg_get_int64(const struct pg_result *result, size_t row, size_t column);
int32_t pg_get_int32(const struct pg_result *result, size_t row, size_t column);
int pg_get_bool(const struct pg_result *result, size_t row, size_t column);
/* Of text or bytea. Lives as long as the result. */
struct mansio_str pg_get_str(const struct pg_result *result, size_t row, size_t column);
/* Wall-clock microseconds. */
int64_t pg_get_time(const struct pg_result *result, size_t row, size_t column);
/* Elements of an array column, in @p arena. NULL elements read as 0 and as ptr NULL. 0;
 * MANSIO_E_LIMIT: the arena; MANSIO_E_IO: not such an array. */
MANSIO_MUST_CHECK int pg_get_int64s(const struct pg_result *result, size_t row, size_t column,
                                    struct mansio_arena *arena, const int64_t **out,
                                    size_t *out_count);
MANSIO_MUST_CHECK int pg_get_int32s(const struct pg_result *result, size_t row, size_t column,
                                    struct mansio_arena *arena, const int32_t **out,
                                    size_t *out_count);
/* The slices point into the result. Of text[] or bytea[]. */
MANSIO_MUST_CHECK int pg_get_strs(const struct pg_result *result, size_t row, size_t column,
                                  struct mansio_arena *arena, const struct mansio_str **out,
                                  size_t *out_count);

#endif
