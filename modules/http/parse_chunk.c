/*
 * The chunked transfer coding (RFC 9112 7.1), a byte at a time but for the content. Extensions mean
 * nothing to us and trailers are dropped (6.5.1), but both must be well-formed, and are bounded
 * together.
 */
#include "parse.h"

#include <mansio/str.h>

enum {
    STATUS_BAD_REQUEST = 400,
    STATUS_TOO_LARGE = 413,
    STATUS_FIELDS_TOO_LARGE = 431,
    DIGITS_MAX = 16,
    BESIDE_MAX = 16384,
};

enum state {
    SIZE = 0,   /* digits */
    SIZE_BLANK, /* whitespace before an extension (RFC 9110 5.6.3) */
    EXTENSION,  /* up to the CR */
    SIZE_LF,    /* behind the CR */
    DATA,       /* content */
    DATA_CR,    /* its line end */
    DATA_LF,
    TRAILER, /* at the beginning of a line behind the last chunk */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF, /* of the empty line */
};

void http_chunks_init(struct http_chunks *chunks, uint64_t max_bytes)
{
    *chunks = (struct http_chunks){.max_left = max_bytes, .state = SIZE};
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int is_value_char(unsigned char c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

static int go(struct http_chunks *chunks, enum state state)
{
    chunks->state = state;
    return HTTP_MORE;
}

static int go_if(struct http_chunks *chunks, int is_right, enum state state)
{
    return is_right ? go(chunks, state) : STATUS_BAD_REQUEST;
}

/* A digit of a chunk's size. */
static int add_digit(struct http_chunks *chunks, int digit)
{
    if (++chunks->digits > DIGITS_MAX) {
        return STATUS_BAD_REQUEST;
    }
    chunks->left = chunks->left * 16 + (uint64_t)digit;
    return HTTP_MORE;
}

static int take_size(struct http_chunks *chunks, unsigned char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        return add_digit(chunks, digit);
    }
    if (chunks->digits == 0) {
        return STATUS_BAD_REQUEST;
    }
    if (c == '\r') {
        return go(chunks, SIZE_LF);
    }
    return c == ';' ? go(chunks, EXTENSION) : go_if(chunks, c == ' ' || c == '\t', SIZE_BLANK);
}

/* The size is known. */
static int begin_chunk(struct http_chunks *chunks)
{
    if (chunks->left > chunks->max_left) {
        return STATUS_TOO_LARGE;
    }
    chunks->max_left -= chunks->left;
    chunks->digits = 0;
    return go(chunks, chunks->left == 0 ? TRAILER : DATA);
}

static int take_extension(struct http_chunks *chunks, unsigned char c)
{
    return c == '\r' ? go(chunks, SIZE_LF) : go_if(chunks, is_value_char(c), EXTENSION);
}

static int take_trailer(struct http_chunks *chunks, unsigned char c)
{
    switch (chunks->state) {
    case TRAILER:
        return c == '\r' ? go(chunks, END_LF) : go_if(chunks, http_is_token_char(c), TRAILER_NAME);
    case TRAILER_NAME:
        return c == ':' ? go(chunks, TRAILER_VALUE)
                        : go_if(chunks, http_is_token_char(c), TRAILER_NAME);
    case TRAILER_VALUE:
        return c == '\r' ? go(chunks, TRAILER_LF) : go_if(chunks, is_value_char(c), TRAILER_VALUE);
    case TRAILER_LF:
        return go_if(chunks, c == '\n', TRAILER);
    default: /* END_LF */
        return c == '\n' ? HTTP_DONE : STATUS_BAD_REQUEST;
    }
}

/* A byte that is no content. */
static int take_byte(struct http_chunks *chunks, unsigned char c)
{
    switch (chunks->state) {
    case SIZE:
        return take_size(chunks, c);
    case SIZE_BLANK:
        return c == ';' ? go(chunks, EXTENSION) : go_if(chunks, c == ' ' || c == '\t', SIZE_BLANK);
    case EXTENSION:
        return take_extension(chunks, c);
    case SIZE_LF:
        return c == '\n' ? begin_chunk(chunks) : STATUS_BAD_REQUEST;
    case DATA_CR:
        return go_if(chunks, c == '\r', DATA_LF);
    case DATA_LF:
        return go_if(chunks, c == '\n', SIZE);
    default:
        return take_trailer(chunks, c);
    }
}

int http_chunks_feed(struct http_chunks *chunks, struct mansio_str bytes, size_t *out_used,
                     struct mansio_str *out_data)
{
    int rc = HTTP_MORE;
    size_t used = 0;
    *out_data = MANSIO_STR_NONE;
    while (rc == HTTP_MORE && used < bytes.len) {
        if (chunks->state == DATA) {
            uint64_t there = bytes.len - used;
            size_t len = (size_t)(there < chunks->left ? there : chunks->left);
            *out_data = mansio_str_sub(bytes, used, len);
            used += len;
            chunks->left -= len;
            if (chunks->left == 0) {
                chunks->state = DATA_CR;
            }
            break; /* one piece a call */
        }
        rc = take_byte(chunks, (unsigned char)bytes.ptr[used++]);
        int is_beside = chunks->state == SIZE_BLANK || chunks->state == EXTENSION ||
                        chunks->state == TRAILER_NAME || chunks->state == TRAILER_VALUE;
        if (rc == HTTP_MORE && is_beside && ++chunks->beside > BESIDE_MAX) {
            rc = STATUS_FIELDS_TOO_LARGE;
        }
    }
    *out_used = used;
    return rc;
}
