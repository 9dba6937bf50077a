/*
 * Commands and their arguments: see parse.h.
 */
#include "parse.h"

#include "mode.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    HELLO_MAX = 255,          /* RFC 5321 4.5.3.1.2 */
    SIZE_DIGITS_MAX = 20,     /* RFC 1870 4 */
    CHUNK_DIGITS_MAX = 20,    /* RFC 3030 sets none */
    ORCPT_MAX = 500,          /* RFC 3461 4.2 */
    LITERAL_TEXT_MAX = 255,   /* what is tried as a path */
    PARAM_KEYWORD_FIRST = 33, /* of esmtp-value: printable, no "=" */
};

static int is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int is_alnum(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

int smtp_parse_command(struct mansio_str line, struct smtp_args *out)
{
    size_t verb = 0;

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return mansio_fail(MANSIO_E_INVALID, "a control character in a command");
        }
    }
    while (verb < line.len && is_alnum(line.ptr[verb])) {
        verb++;
    }
    if (verb == 0 || (verb < line.len && line.ptr[verb] != ' ' && line.ptr[verb] != '\t')) {
        return mansio_fail(MANSIO_E_INVALID, "a command has no verb");
    }
    *out = (struct smtp_args){
        .verb = mansio_str_sub(line, 0, verb),
        .text = mansio_str_trim(mansio_str_sub(line, verb, SIZE_MAX)),
    };
    return 0;
}

int smtp_parse_is_hello(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') { /* char is signed or not: both end here */
            return 0;
        }
    }
    return text.len > 0 && text.len <= HELLO_MAX;
}

int smtp_parse_is_extended_domain(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_path path = {.size = sizeof path};
    struct mansio_str mailbox = MANSIO_STR_NONE;

    if (text.len == 0 || text.len > LITERAL_TEXT_MAX ||
        mansio_arena_printf(arena, &mailbox, "x@%.*s", MANSIO_STR_ARG(text)) < 0) {
        return 0;
    }
    return mansio_mailbox_parse(arena, mailbox, 0, &path) == 0;
}

/* ---- paths ---------------------------------------------------------------------------------- */

int smtp_parse_path(struct mansio_arena *arena, struct mansio_str text, uint32_t place,
                    int may_space, struct mansio_path *out, struct mansio_str *rest)
{
    struct mansio_str word = place == SMTP_PATH_FROM ? MANSIO_STR("FROM:") : MANSIO_STR("TO:");
    uint32_t allow =
        MANSIO_PATH_UTF8 | (place == SMTP_PATH_FROM ? MANSIO_PATH_NULL : MANSIO_PATH_POSTMASTER);

    if (!mansio_str_istarts(text, word)) {
        return mansio_fail(MANSIO_E_INVALID, "\"%.*s\" is missing", MANSIO_STR_ARG(word));
    }
    text = mansio_str_sub(text, word.len, SIZE_MAX);
    if (may_space) {
        text = mansio_str_trim(text);
    }
    int used = mansio_path_parse(arena, text, allow, out);
    if (used < 0) {
        return used;
    }
    text = mansio_str_sub(text, (size_t)used, SIZE_MAX);
    if (text.len > 0 && text.ptr[0] != ' ') {
        return mansio_fail(MANSIO_E_INVALID, "something stands right behind the path");
    }
    *rest = mansio_str_trim(text);
    return 0;
}

/* ---- parameters ----------------------------------------------------------------------------- */

int smtp_parse_param(struct mansio_str *rest, struct smtp_param *out)
{
    struct mansio_str text = mansio_str_trim(*rest);
    size_t at = 0;

    if (text.len == 0) {
        return 0;
    }
    while (at < text.len && (is_alnum(text.ptr[at]) || (at > 0 && text.ptr[at] == '-'))) {
        at++;
    }
    struct smtp_param param = {.keyword = mansio_str_sub(text, 0, at)};
    if (at > 0 && at < text.len && text.ptr[at] == '=') {
        size_t from = ++at;
        while (at < text.len && (unsigned char)text.ptr[at] >= PARAM_KEYWORD_FIRST &&
               text.ptr[at] != '=') {
            at++;
        }
        param.value = (struct mansio_str){text.ptr + from, at - from};
        if (param.value.len == 0) {
            at = 0;
        }
    }
    if (at == 0 || (at < text.len && text.ptr[at] != ' ')) {
        return mansio_fail(MANSIO_E_INVALID, "a parameter is malformed");
    }
    *rest = mansio_str_sub(text, at, SIZE_MAX);
    *out = param;
    return 1;
}

static int read_size(struct mansio_str value, struct smtp_mail_params *out)
{
    if (value.len > SIZE_DIGITS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "SIZE has more than %d digits", SIZE_DIGITS_MAX);
    }
    int rc = mansio_parse_u64(value, UINT64_MAX, &out->declared_bytes);
    if (rc == MANSIO_E_LIMIT) { /* twenty digits may be more than 64 bits: too much for anybody */
        out->declared_bytes = UINT64_MAX;
        rc = 0;
    }
    return rc < 0 ? mansio_fail(MANSIO_E_INVALID, "SIZE wants a number") : 0;
}

static int read_body(struct mansio_str value, struct smtp_mail_params *out)
{
    if (mansio_str_ieq(value, MANSIO_STR("7BIT"))) {
        out->body = SMTP_BODY_7BIT;
    } else if (mansio_str_ieq(value, MANSIO_STR("8BITMIME"))) {
        out->body = SMTP_BODY_8BITMIME;
    } else {
        return mansio_fail(MANSIO_E_INVALID, "BODY is 7BIT or 8BITMIME");
    }
    return 0;
}

static int read_smtputf8(struct mansio_str value, struct smtp_mail_params *out)
{
    if (value.ptr != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "SMTPUTF8 takes no value");
    }
    out->is_utf8 = 1;
    return 0;
}

/* The value of a digit of "+3D", which is in upper case (RFC 3461 4); -1: it is none. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at the front of an xtext, cut off; -1: it is none. */
static int next_xchar(struct mansio_str *text)
{
    char c = text->ptr[0];
    int high = c == '+' && text->len > 2 ? hex_digit(text->ptr[1]) : -1;
    int low = high >= 0 ? hex_digit(text->ptr[2]) : -1;

    if (c != '+') {
        *text = mansio_str_sub(*text, 1, SIZE_MAX);
        return c > ' ' && c <= '~' && c != '=' ? c : -1;
    }
    *text = mansio_str_sub(*text, 3, SIZE_MAX);
    return low >= 0 ? high * 16 + low : -1;
}

/* RFC 4954 5: what it says is not believed, as whoever logs in speaks for nobody else. */
static int read_auth(struct mansio_str value, struct smtp_mail_params *out)
{
    struct mansio_str rest = value;

    while (rest.len > 0 && !mansio_str_eq(value, MANSIO_STR("<>"))) {
        if (next_xchar(&rest) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "AUTH wants an xtext or <> (RFC 4954 5)");
        }
    }
    if (value.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "AUTH wants a value");
    }
    (void)out;
    return 0;
}

static int read_ret(struct mansio_str value, struct smtp_mail_params *out)
{
    if (mansio_str_ieq(value, MANSIO_STR("FULL"))) {
        out->ret = SMTP_RET_FULL;
    } else if (mansio_str_ieq(value, MANSIO_STR("HDRS"))) {
        out->ret = SMTP_RET_HDRS;
    } else {
        return mansio_fail(MANSIO_E_INVALID, "RET is FULL or HDRS");
    }
    return 0;
}

static int read_envid(struct mansio_str value, struct smtp_mail_params *out)
{
    if (value.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "ENVID wants a value");
    }
    out->envelope_id = value;
    return 0;
}

const struct smtp_mail_param smtp_mail_param_table[] = {
    {MANSIO_STR("AUTH"), SMTP_IN_SUBMISSION, MANSIO_STR(""), read_auth},          /* RFC 4954 5 */
    {MANSIO_STR("BODY"), SMTP_IN_ALL, MANSIO_STR("8BITMIME"), read_body},         /* RFC 6152 2 */
    {MANSIO_STR("ENVID"), SMTP_IN_SUBMISSION, MANSIO_STR(""), read_envid},        /* RFC 3461 4.4 */
    {MANSIO_STR("RET"), SMTP_IN_SUBMISSION, MANSIO_STR("DSN"), read_ret},         /* RFC 3461 4.3 */
    {MANSIO_STR("SIZE"), SMTP_IN_ALL, MANSIO_STR("SIZE"), read_size},             /* RFC 1870 4 */
    {MANSIO_STR("SMTPUTF8"), SMTP_IN_ALL, MANSIO_STR("SMTPUTF8"), read_smtputf8}, /* RFC 6531 3.4 */
};
const size_t smtp_mail_param_count = MANSIO_COUNT(smtp_mail_param_table);

int smtp_parse_mail_params(uint32_t mode, struct mansio_str rest, struct smtp_mail_params *out)
{
    struct smtp_mail_params params = {.body = SMTP_BODY_UNSAID};
    struct smtp_param param = {.value = MANSIO_STR_NONE};
    int rc;

    while ((rc = smtp_parse_param(&rest, &param)) == 1) {
        size_t row = 0;
        while (row < smtp_mail_param_count &&
               (!(smtp_mail_param_table[row].modes & 1u << mode) ||
                !mansio_str_ieq(param.keyword, smtp_mail_param_table[row].keyword))) {
            row++;
        }
        if (row == smtp_mail_param_count) {
            return mansio_fail(MANSIO_E_UNSUPPORTED, "parameter %.*s isn't offered",
                               MANSIO_STR_ARG(param.keyword));
        }
        if (params.seen & (1u << row)) {
            return mansio_fail(MANSIO_E_INVALID, "parameter %.*s is given twice",
                               MANSIO_STR_ARG(param.keyword));
        }
        params.seen |= 1u << row;
        if ((rc = smtp_mail_param_table[row].read(param.value, &params)) < 0) {
            return rc;
        }
    }
    if (rc == 0) {
        *out = params;
    }
    return rc;
}

/* ---- RFC 3461 -------------------------------------------------------------------------------- */

int smtp_parse_xtext(struct mansio_arena *arena, struct mansio_str text, size_t max,
                     struct mansio_str *out)
{
    char *bytes = text.len <= max ? mansio_arena_try_alloc(arena, text.len + 1) : NULL;
    size_t length = 0;

    if (text.len > max) {
        return mansio_fail(MANSIO_E_INVALID, "more than %zu bytes of xtext", max);
    }
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    while (text.len > 0) {
        int c = next_xchar(&text);
        if (c < ' ' || c > '~') {
            return mansio_fail(MANSIO_E_INVALID, "that is no xtext (RFC 3461 4)");
        }
        bytes[length++] = (char)c;
    }
    *out = (struct mansio_str){bytes, length};
    return 0;
}

/* Is it an address as SMTPUTF8 has it, in UTF-8? */
static int is_utf8_address(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_path path = {.size = sizeof path};

    return mansio_mailbox_parse(arena, text, MANSIO_PATH_UTF8, &path) == 0;
}

int smtp_parse_orcpt(struct mansio_arena *arena, struct mansio_str text, uint32_t may_utf8,
                     struct mansio_str *out)
{
    ptrdiff_t semicolon = mansio_str_find_char(text, ';');
    struct mansio_str type = mansio_str_sub(text, 0, semicolon > 0 ? (size_t)semicolon : 0);
    struct mansio_str address = mansio_str_sub(text, type.len + 1, SIZE_MAX);
    struct mansio_str decoded = MANSIO_STR_NONE;

    for (size_t i = 0; i < type.len; i++) {
        if (!is_alnum(type.ptr[i]) && type.ptr[i] != '-') {
            type.len = 0;
        }
    }
    if (type.len == 0 || address.len == 0 || text.len > ORCPT_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "ORCPT wants a type, \";\" and an address");
    }
    if (may_utf8 && mansio_str_ieq(type, MANSIO_STR("utf-8")) && is_utf8_address(arena, address)) {
        decoded = address;
    } else {
        int rc = smtp_parse_xtext(arena, address, ORCPT_MAX, &decoded);
        if (rc < 0) {
            return rc;
        }
    }
    int rc =
        mansio_arena_printf(arena, out, "%.*s;%.*s", MANSIO_STR_ARG(type), MANSIO_STR_ARG(decoded));
    return rc < 0 ? rc : 0;
}

static const struct {
    struct mansio_str word;
    uint32_t bit;
} NOTIFIES[] = {
    {MANSIO_STR("SUCCESS"), SMTP_NOTIFY_SUCCESS},
    {MANSIO_STR("FAILURE"), SMTP_NOTIFY_FAILURE},
    {MANSIO_STR("DELAY"), SMTP_NOTIFY_DELAY},
    {MANSIO_STR("NEVER"), SMTP_NOTIFY_NEVER},
};

struct mansio_str smtp_notify_words(uint32_t notify)
{
    static const struct mansio_str WORDS[] = {
        MANSIO_STR(""),
        MANSIO_STR("SUCCESS"),
        MANSIO_STR("FAILURE"),
        MANSIO_STR("SUCCESS,FAILURE"),
        MANSIO_STR("DELAY"),
        MANSIO_STR("SUCCESS,DELAY"),
        MANSIO_STR("FAILURE,DELAY"),
        MANSIO_STR("SUCCESS,FAILURE,DELAY"),
        MANSIO_STR("NEVER"),
    };
    return WORDS[notify < MANSIO_COUNT(WORDS) ? notify : 0];
}

static int read_notify(struct mansio_str value, struct smtp_rcpt_params *out)
{
    struct mansio_str word = MANSIO_STR_NONE;
    uint32_t bits = 0;

    while (mansio_str_split(&value, ',', &word)) {
        uint32_t bit = 0;
        for (size_t i = 0; i < MANSIO_COUNT(NOTIFIES); i++) {
            bit |= mansio_str_ieq(word, NOTIFIES[i].word) ? NOTIFIES[i].bit : 0;
        }
        if (bit == 0 || (bits & bit) || ((bits | bit) > SMTP_NOTIFY_NEVER)) {
            bits = 0;
            break;
        }
        bits |= bit;
    }
    if (bits == 0) {
        return mansio_fail(MANSIO_E_INVALID, "NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY");
    }
    out->notify = bits;
    return 0;
}

int smtp_parse_rcpt_params(uint32_t mode, struct mansio_str rest, struct smtp_rcpt_params *out)
{
    struct smtp_rcpt_params params = {.notify = 0};
    struct smtp_param param = {.value = MANSIO_STR_NONE};
    int rc;

    while ((rc = smtp_parse_param(&rest, &param)) == 1) {
        int is_notify = mansio_str_ieq(param.keyword, MANSIO_STR("NOTIFY"));
        int is_original = mansio_str_ieq(param.keyword, MANSIO_STR("ORCPT"));
        if (mode != SMTP_MODE_SUBMISSION || (!is_notify && !is_original)) {
            return mansio_fail(MANSIO_E_UNSUPPORTED, "parameter %.*s isn't offered",
                               MANSIO_STR_ARG(param.keyword));
        }
        if ((is_notify && params.notify != 0) || (is_original && params.original.len > 0)) {
            return mansio_fail(MANSIO_E_INVALID, "parameter %.*s is given twice",
                               MANSIO_STR_ARG(param.keyword));
        }
        if (is_original && param.value.len == 0) {
            return mansio_fail(MANSIO_E_INVALID, "ORCPT wants a value");
        }
        if (is_notify && (rc = read_notify(param.value, &params)) < 0) {
            return rc;
        }
        params.original = is_original ? param.value : params.original;
    }
    if (rc == 0) {
        *out = params;
    }
    return rc;
}

int smtp_parse_auth(struct mansio_str text, struct mansio_str *out_mechanism,
                    struct mansio_str *out_initial)
{
    struct mansio_str mechanism = MANSIO_STR_NONE;

    if (mansio_str_split(&text, ' ', &mechanism) != 1 || mechanism.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "AUTH wants a mechanism");
    }
    text = mansio_str_trim(text);
    if (mansio_str_find_char(text, ' ') >= 0 || mansio_str_find_char(text, '\t') >= 0) {
        return mansio_fail(MANSIO_E_INVALID, "AUTH takes two arguments at most");
    }
    *out_mechanism = mechanism;
    *out_initial = text.len > 0 ? text : MANSIO_STR_NONE;
    return 0;
}

int smtp_parse_bdat(struct mansio_str text, uint64_t *out_bytes, uint32_t *out_is_last)
{
    struct mansio_str rest = text;
    struct mansio_str digits = MANSIO_STR_NONE;
    uint64_t bytes = 0;
    uint32_t is_last = 0;

    if (mansio_str_split(&rest, ' ', &digits) == 1 && digits.len <= CHUNK_DIGITS_MAX &&
        mansio_parse_u64(digits, UINT64_MAX, &bytes) == 0) {
        rest = mansio_str_trim(rest);
        is_last = mansio_str_ieq(rest, MANSIO_STR("LAST"));
        if (rest.len == 0 || is_last) {
            *out_bytes = bytes;
            *out_is_last = is_last;
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "BDAT wants a number and perhaps LAST (RFC 3030 2)");
}
