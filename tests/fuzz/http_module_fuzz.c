/*
 * Requests as the module `http` reads them: head, body, credentials, parameters. However the bytes
 * are cut, the outcome is the same; what is accepted has one meaning, which a plain reader of lines
 * finds too; and whatever of it a handler puts into an answer makes no line of its own.
 *
 * The first byte says where to cut, the second how narrow limits are; the rest is what came.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/http.h>
#include <mansio/str.h>

#include "modules/http/answer.h"
#include "modules/http/parse.h"
#include "modules/http/request.h"

const char fuzz_name[] = "http_module";

enum {
    BODY_MAX = 4096,
};

struct reading {
    struct http_limits limits;
    int result;
    size_t used;
    struct http_head head;
};

/* @p piece bytes at a time; 0: all at once. */
static void read_head(struct reading *reading, struct mansio_arena *arena, struct mansio_str text,
                      size_t piece)
{
    MANSIO_ASSERT(http_head_init(&reading->head, arena, &reading->limits) == 0);
    reading->result = HTTP_MORE;
    reading->used = 0;
    while (reading->result == HTTP_MORE && reading->used < text.len) {
        size_t used = 0;
        struct mansio_str part = mansio_str_sub(text, reading->used, piece > 0 ? piece : SIZE_MAX);
        reading->result = http_head_feed(&reading->head, part, &used);
        MANSIO_ASSERT(used > 0 && used <= part.len);
        MANSIO_ASSERT(reading->result != HTTP_MORE || used == part.len);
        reading->used += used;
    }
}

static int is_known(int result)
{
    return result == HTTP_MORE || result == HTTP_DONE || *http_status_words((uint32_t)result);
}

static void check_same(const struct reading *a, const struct reading *b)
{
    MANSIO_ASSERT(is_known(a->result) && a->result == b->result && a->used == b->used);
    if (a->result != HTTP_DONE) {
        return;
    }
    MANSIO_ASSERT(a->head.method == b->head.method && a->head.length == b->head.length);
    MANSIO_ASSERT(a->head.is_chunked == b->head.is_chunked && a->head.keeps == b->head.keeps);
    MANSIO_ASSERT(a->head.field_count == b->head.field_count);
    MANSIO_ASSERT(mansio_str_eq(a->head.target.path, b->head.target.path));
    MANSIO_ASSERT(mansio_str_eq(a->head.target.query, b->head.target.query));
    MANSIO_ASSERT(mansio_str_eq(a->head.host.host, b->head.host.host));
}

/* How many lines a reader who takes any LF for an end, and ignores what follows a name up to its
 * colon, would take for a field of this name. */
static size_t count_lines(struct mansio_str text, struct mansio_str name)
{
    struct mansio_str line;
    size_t count = 0;
    while (mansio_str_split(&text, '\n', &line)) {
        line = mansio_str_trim(line);
        struct mansio_str rest = mansio_str_trim(mansio_str_sub(line, name.len, SIZE_MAX));
        count +=
            (size_t)(mansio_str_istarts(line, name) && mansio_str_starts(rest, MANSIO_STR(":")));
    }
    return count;
}

static void check_path(struct mansio_str path)
{
    struct mansio_str rest = path, segment;
    MANSIO_ASSERT(path.len > 0 && (path.ptr[0] == '/' || mansio_str_eq(path, MANSIO_STR("*"))));
    MANSIO_ASSERT(http_is_text(path) && mansio_str_find_char(path, '\\') < 0);
    while (mansio_str_split(&rest, '/', &segment)) {
        MANSIO_ASSERT(!mansio_str_eq(segment, MANSIO_STR(".")) &&
                      !mansio_str_eq(segment, MANSIO_STR("..")));
    }
}

static void check_head(const struct reading *reading, struct mansio_str text)
{
    const struct http_head *head = &reading->head;
    struct mansio_str read = mansio_str_sub(text, 0, reading->used);
    size_t lengths = count_lines(read, MANSIO_STR("Content-Length"));
    size_t codings = count_lines(read, MANSIO_STR("Transfer-Encoding"));
    MANSIO_ASSERT(mansio_str_ends(read, MANSIO_STR("\r\n\r\n")));
    MANSIO_ASSERT(read.len <= reading->limits.head_bytes);
    MANSIO_ASSERT(head->field_count <= reading->limits.fields);
    check_path(head->target.path);
    MANSIO_ASSERT(head->minor == 0 || head->host.host.len > 0);
    MANSIO_ASSERT(count_lines(read, MANSIO_STR("Host")) == 1 || head->minor == 0);
    MANSIO_ASSERT(lengths + codings <= 1 && head->is_chunked == (codings == 1));
    MANSIO_ASSERT(lengths == 1 || head->length == 0);
    for (size_t i = 0; i < head->host.host.len; i++) {
        char c = head->host.host.ptr[i];
        MANSIO_ASSERT(c > ' ' && c < 0x7f && (c < 'A' || c > 'Z') && c != '/' && c != '@');
    }
    for (size_t i = 0; i < head->field_count; i++) {
        MANSIO_ASSERT(http_is_token(head->fields[i].name));
        MANSIO_ASSERT(http_is_field_value(head->fields[i].value));
    }
}

/* ---- what follows ---------------------------------------------------------------------------- */

static int read_chunks(struct mansio_str text, size_t piece, struct mansio_buf *content,
                       size_t *out_used)
{
    struct http_chunks chunks;
    int result = HTTP_MORE;
    size_t at = 0;
    http_chunks_init(&chunks, BODY_MAX);
    while (result == HTTP_MORE && at < text.len) {
        struct mansio_str part = mansio_str_sub(text, at, piece > 0 ? piece : SIZE_MAX), data;
        size_t used = 0;
        result = http_chunks_feed(&chunks, part, &used, &data);
        MANSIO_ASSERT(used > 0 && used <= part.len);
        MANSIO_ASSERT(data.len == 0 || (data.ptr >= part.ptr && data.len <= used));
        MANSIO_ASSERT(mansio_buf_add(content, data) == 0);
        at += used;
    }
    *out_used = at;
    return result;
}

static void check_chunks(struct mansio_arena *arena, struct mansio_str text, size_t piece)
{
    struct mansio_buf *whole = mansio_buf_new(arena, BODY_MAX);
    struct mansio_buf *pieces = mansio_buf_new(arena, BODY_MAX);
    size_t whole_used = 0, pieces_used = 0;
    int result = read_chunks(text, 0, whole, &whole_used);
    MANSIO_ASSERT(is_known(result));
    MANSIO_ASSERT(read_chunks(text, piece, pieces, &pieces_used) == result);
    MANSIO_ASSERT(whole_used == pieces_used);
    MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(whole), mansio_buf_str(pieces)));
}

static size_t count_ends(struct mansio_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == '\n';
        MANSIO_ASSERT(text.ptr[i] != '\n' || (i > 0 && text.ptr[i - 1] == '\r'));
        MANSIO_ASSERT(text.ptr[i] != '\r' || (i + 1 < text.len && text.ptr[i + 1] == '\n'));
    }
    return count;
}

/* A careless handler gives back what it was given. */
static void check_answer(struct mansio_arena *arena, const struct http_head *head,
                         struct mansio_str raw)
{
    struct mansio_http_answer answer;
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    const struct http_framing framing = {.minor = head->minor, .closes = 1, .hsts_seconds = 1};
    size_t lines = 7; /* status, Date, Connection, Content-Length, Content-Type, HSTS, the end */
    http_answer_init(&answer, arena, 200);
    http_answer_set_status(&answer, (uint32_t)raw.len);
    answer.status = answer.status == 204 || answer.status == 304 ? 200 : answer.status;
    MANSIO_ASSERT(http_answer_set_body(&answer, MANSIO_STR("text/plain"), raw) == 0);
    for (size_t i = 0; i < head->field_count; i++) {
        struct mansio_str name = head->fields[i].name;
        lines += http_answer_add_header(&answer, name, head->fields[i].value) == 0 &&
                 !mansio_str_ieq(name, MANSIO_STR("Content-Type"));
    }
    lines += http_answer_add_header(&answer, MANSIO_STR("X"), raw) == 0;
    lines += http_answer_add_header(&answer, MANSIO_STR("X"), head->target.path) == 0;
    (void)!http_answer_set_body(&answer, raw, raw);
    if (answer.type.len == 0) {
        lines--;
    }
    MANSIO_ASSERT(http_answer_head(&answer, &framing, out) == 0);
    MANSIO_ASSERT(count_ends(mansio_buf_str(out)) == lines);
}

static void check_request(struct mansio_arena *arena, const struct http_head *head,
                          struct mansio_str rest)
{
    const struct mansio_http_request request = {
        .arena = arena, .head = head, .body = rest, .method = head->method};
    struct mansio_str value, name = MANSIO_STR("emailaddress");
    struct http_basic basic;
    if (http_table.query(&request, name, &value) == 0) {
        MANSIO_ASSERT(value.len <= head->target.query.len);
        MANSIO_ASSERT(mansio_str_find_char(value, '\0') < 0);
    }
    MANSIO_ASSERT(http_table.port(&request) > 0 && http_table.port(&request) < 65536);
    for (size_t i = 0; i < head->field_count; i++) {
        name = head->fields[i].name;
        if (http_table.header(&request, name, &value) == 0) {
            MANSIO_ASSERT(value.len >= head->fields[i].value.len);
            MANSIO_ASSERT(!mansio_str_ieq(name, MANSIO_STR("Authorization")));
        }
    }
    if (http_head_find(head, MANSIO_STR("Authorization"), &value) > 0 &&
        http_parse_basic(arena, value, &basic) == 0) {
        MANSIO_ASSERT(mansio_str_find_char(basic.user, ':') < 0);
        MANSIO_ASSERT(http_is_text(basic.user) && http_is_text(basic.password));
        http_wipe(basic.user);
        http_wipe(basic.password);
    }
    MANSIO_ASSERT(mansio_str_eq(http_table.path(&request), head->target.path));
    MANSIO_ASSERT(http_table.host(&request).len <= HTTP_HOST_MAX && !http_table.is_tls(&request) &&
                  http_table.method(&request) == head->method &&
                  http_table.body(&request).len == rest.len && http_table.arena(&request) == arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct mansio_str text = {(const char *)data + 2, size - 2};
    size_t piece = data[0] % 16 + 1U;
    struct http_limits limits = {.head_bytes = 8192, .target_bytes = 4096, .fields = 50};
    if (data[1] == 'n') {
        limits = (struct http_limits){.head_bytes = 200, .target_bytes = 40, .fields = 3};
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 0);
    struct reading whole = {.limits = limits}, pieces = {.limits = limits};
    read_head(&whole, arena, text, 0);
    read_head(&pieces, arena, text, piece);
    check_same(&whole, &pieces);
    if (whole.result == HTTP_DONE) {
        struct mansio_str rest = mansio_str_sub(text, whole.used, SIZE_MAX);
        check_head(&whole, text);
        check_request(arena, &whole.head, rest);
        check_answer(arena, &whole.head, rest);
        check_chunks(arena, rest, piece);
    }
    http_head_wipe(&whole.head);
    mansio_arena_free(arena);
    return 0;
}
