/*
 * The ceiling of grouped delivery: the statements of modules/postgres, sent by nothing but libpq.
 *
 *     store_ceiling CONNINFO MESSAGES IN-FLIGHT SECONDS ACCOUNTS
 *
 * MESSAGES is a file that store_deliveries wrote: bodies with their structure and text. Groups are
 * what a worker sends while IN-FLIGHT senders wait for their 250 each: all of them at once, sorted
 * by account, one Sync. Statement texts are the module's own. Prints messages a second,
 * microseconds of our own CPU and of the server's a message.
 */
#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/postgres/sql.h"
#include "modules/postgres/store_sql.h"

enum { PARAMS = 14, IN_FLIGHT_MAX = 64, MESSAGES_MAX = 64 };

struct bytes {
    char *at;
    int len;
};

static struct {
    struct bytes body, structure, text;
} messages[MESSAGES_MAX];
static size_t message_count;
static long account_count;
static int64_t next_id;

static void die(const char *what, PGconn *conn)
{
    fprintf(stderr, "store_ceiling: %s: %s\n", what, conn != NULL ? PQerrorMessage(conn) : "");
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU seconds of the server's process. */
static double server_seconds(PGconn *conn)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", PQbackendPID(conn));
    FILE *file = fopen(path, "r");
    size_t len = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    text[len] = 0;
    const char *after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                &user, &kernel) != 2) {
        return 0;
    }
    return (double)(user + kernel) / 100.0;
}

static struct bytes read_bytes(FILE *file)
{
    struct bytes bytes = {NULL, 0};
    uint32_t len;
    if (fread(&len, sizeof len, 1, file) != 1) {
        return bytes;
    }
    bytes.at = calloc(1, (size_t)len + 1);
    bytes.len = (int)len;
    if (bytes.at == NULL || fread(bytes.at, 1, len, file) != len) {
        die("messages", NULL);
    }
    return bytes;
}

static void read_messages(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die(path, NULL);
    }
    while (message_count < MESSAGES_MAX) {
        struct bytes body = read_bytes(file);
        if (body.at == NULL) {
            break;
        }
        messages[message_count].body = body;
        messages[message_count].structure = read_bytes(file);
        messages[message_count].text = read_bytes(file);
        message_count++;
    }
    fclose(file);
    if (message_count == 0) {
        die("no messages", NULL);
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

static void prepare(PGconn *conn, const struct pg_statement *statement)
{
    Oid types[PARAMS];
    size_t count = strlen(statement->params);
    for (size_t i = 0; i < count; i++) {
        const char letter = statement->params[i];
        types[i] = letter == 'l' ? 20 : letter == 'i' ? 23 : letter == 't' ? 25 : 0;
        types[i] = letter == 'b' ? 17 : letter == 'z' ? 1184 : types[i];
    }
    PGresult *result = PQprepare(conn, statement->name, statement->text, (int)count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        die(statement->name, conn);
    }
    PQclear(result);
}

struct params {
    const char *values[PARAMS];
    int lengths[PARAMS], formats[PARAMS];
    char numbers[PARAMS][8];
    int count;
};

static void add_bytes(struct params *p, const char *at, int len)
{
    p->values[p->count] = at;
    p->lengths[p->count] = len;
    p->formats[p->count++] = 1;
}

static void add_int64(struct params *p, int64_t value)
{
    uint64_t big = htobe64((uint64_t)value);
    memcpy(p->numbers[p->count], &big, sizeof big);
    add_bytes(p, p->numbers[p->count], sizeof big);
}

static void add_int32(struct params *p, int32_t value)
{
    uint32_t big = htobe32((uint32_t)value);
    memcpy(p->numbers[p->count], &big, sizeof big);
    add_bytes(p, p->numbers[p->count], sizeof big);
}

static void send(PGconn *conn, const struct pg_statement *statement, const struct params *p)
{
    if (PQsendQueryPrepared(conn, statement->name, p->count, p->values, p->lengths, p->formats,
                            1) == 0) {
        die(statement->name, conn);
    }
}

static const struct pg_statement *const group_begin =
    &pg_store_statements[PG_SQL_GROUP_BEGIN - PG_SQL_STORE];
static const struct pg_statement *const deliver_one =
    &pg_store_statements[PG_SQL_DELIVER_ONE - PG_SQL_STORE];
static const struct pg_statement *const tenant_set = &pg_sql_statements[PG_SQL_TENANT_SET];

static void send_message(PGconn *conn, int64_t account)
{
    static const char prefix[] = "Return-Path: <sender@example.org>\r\n"
                                 "Delivered-To: user@alpha.test\r\n";
    size_t which = (size_t)random() % message_count;
    struct params p = {.count = 0};
    add_int64(&p, 1);
    add_int64(&p, account);
    add_int64(&p, ++next_id);
    add_int64(&p, messages[which].body.len);
    add_int32(&p, sizeof prefix - 1);
    add_int32(&p, 0);
    add_bytes(&p, "", 0);
    add_int64(&p, INT64_C(845000000000000));
    add_bytes(&p, prefix, sizeof prefix - 1);
    add_bytes(&p, messages[which].structure.at, messages[which].structure.len);
    add_bytes(&p, messages[which].body.at, messages[which].body.len);
    add_bytes(&p, messages[which].text.at, messages[which].text.len);
    add_int64(&p, INT64_C(1) << 40);
    add_int64(&p, 0);
    send(conn, deliver_one, &p);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void send_group(PGconn *conn, int in_flight)
{
    int64_t accounts[IN_FLIGHT_MAX];
    struct params p = {.count = 0};
    for (int i = 0; i < in_flight; i++) {
        accounts[i] = 1 + random() % account_count;
    }
    qsort(accounts, (size_t)in_flight, sizeof accounts[0], compare);
    send(conn, group_begin, &p);
    add_int64(&p, 1);
    send(conn, tenant_set, &p);
    for (int i = 0; i < in_flight; i++) {
        send_message(conn, accounts[i]);
    }
    if (PQpipelineSync(conn) == 0) {
        die("sync", conn);
    }
}

static int wait_for(PGconn *conn)
{
    int unsent = PQflush(conn);
    struct pollfd poll_fd = {.fd = PQsocket(conn),
                             .events = (short)(POLLIN | (unsent > 0 ? POLLOUT : 0))};
    return unsent < 0 || poll(&poll_fd, 1, -1) < 0 || PQconsumeInput(conn) == 0 ? -1 : 0;
}

/* Read a group's answers; all must have been delivered. */
static void receive_group(PGconn *conn)
{
    for (;;) {
        while (PQisBusy(conn)) {
            if (wait_for(conn) < 0) {
                die("receive", conn);
            }
        }
        PGresult *result = PQgetResult(conn);
        if (result == NULL) {
            continue;
        }
        ExecStatusType status = PQresultStatus(result);
        int rows = PQntuples(result);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC) {
            return;
        }
        if (status != PGRES_TUPLES_OK || rows != 1) {
            die("a message was not delivered", conn);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        die("usage: CONNINFO MESSAGES IN-FLIGHT SECONDS ACCOUNTS", NULL);
    }
    read_messages(argv[2]);
    int in_flight = (int)strtol(argv[3], NULL, 10);
    double limit = strtod(argv[4], NULL);
    account_count = strtol(argv[5], NULL, 10);
    if (in_flight < 1 || in_flight > IN_FLIGHT_MAX || account_count < 1) {
        die("IN-FLIGHT or ACCOUNTS out of range", NULL);
    }
    srandom((unsigned)time(NULL));
    next_id = (int64_t)time(NULL) << 24;
    PGconn *conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK) {
        die("connect", conn);
    }
    prepare(conn, group_begin);
    prepare(conn, tenant_set);
    prepare(conn, deliver_one);
    if (PQsetnonblocking(conn, 1) < 0 || PQenterPipelineMode(conn) == 0) {
        die("pipeline", conn);
    }
    long count = 0;
    double server = server_seconds(conn);
    double own = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double begin = seconds(CLOCK_MONOTONIC);
    double now = begin;
    while (now - begin < limit) {
        send_group(conn, in_flight);
        receive_group(conn);
        count += in_flight;
        now = seconds(CLOCK_MONOTONIC);
    }
    printf("%.0f %.1f %.1f\n", (double)count / (now - begin),
           (seconds(CLOCK_PROCESS_CPUTIME_ID) - own) * 1e6 / (double)count,
           (server_seconds(conn) - server) * 1e6 / (double)count);
    PQfinish(conn);
    return 0;
}
