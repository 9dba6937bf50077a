/*
 * Header blocks: see header.h.
 */
#include "core/mail/header.h"

#include "core/mail/chars.h"

uint32_t core_mail_header_line(struct mansio_str line)
{
    size_t i = 0;

    if (line.len == 0 || line.ptr[0] == '\n' ||
        (line.len >= 2 && line.ptr[0] == '\r' && line.ptr[1] == '\n')) {
        return CORE_MAIL_LINE_EMPTY;
    }
    if (core_mail_is_wsp(line.ptr[0])) {
        return CORE_MAIL_LINE_FOLDED;
    }
    while (i < line.len && core_mail_is_ftext(line.ptr[i])) {
        i++;
    }
    while (i < line.len && core_mail_is_wsp(line.ptr[i])) {
        i++;
    }
    if (i < line.len && line.ptr[i] == ':') {
        return CORE_MAIL_LINE_FIELD;
    }
    if (mansio_str_starts(line, MANSIO_STR("From ")) ||
        mansio_str_starts(line, MANSIO_STR(">From "))) {
        return CORE_MAIL_LINE_ENVELOPE;
    }
    return CORE_MAIL_LINE_OTHER;
}

/* The line at an offset, its line end included. */
static struct mansio_str line_at(struct mansio_str block, size_t offset)
{
    struct mansio_str rest = mansio_str_sub(block, offset, SIZE_MAX);
    ptrdiff_t end = mansio_str_find_char(rest, '\n');

    return end < 0 ? rest : mansio_str_sub(rest, 0, (size_t)end + 1);
}

/* A line without its line end. */
static struct mansio_str without_end(struct mansio_str line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\n') {
        line.len--;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
    }
    return line;
}

int core_mail_header_next(struct mansio_str block, size_t *offset, struct core_mail_field *out)
{
    size_t start;
    size_t end;
    ptrdiff_t colon;
    struct mansio_str whole;

    for (;;) {
        struct mansio_str line = line_at(block, *offset);
        uint32_t kind;

        if (line.len == 0) {
            return 0;
        }
        kind = core_mail_header_line(line);
        if (kind == CORE_MAIL_LINE_FIELD) {
            start = *offset;
            end = start + line.len;
            break;
        }
        if (kind == CORE_MAIL_LINE_EMPTY || kind == CORE_MAIL_LINE_OTHER) {
            return 0;
        }
        *offset += line.len; /* folded without a field before it, or of mbox */
    }
    for (;;) {
        struct mansio_str line = line_at(block, end);

        if (line.len == 0 || core_mail_header_line(line) != CORE_MAIL_LINE_FOLDED) {
            break;
        }
        end += line.len;
    }
    whole = mansio_str_sub(block, start, end - start);
    colon = mansio_str_find_char(whole, ':');
    out->name = mansio_str_trim(mansio_str_sub(whole, 0, (size_t)colon));
    out->raw = without_end(mansio_str_sub(whole, (size_t)colon + 1, SIZE_MAX));
    out->offset = start;
    out->length = whole.len;
    *offset = end;
    return 1;
}

void core_mail_header_unfold(struct mansio_buf *out, struct mansio_str raw)
{
    size_t from = 0;

    raw = core_mail_trim(raw);
    for (size_t i = 0; i <= raw.len; i++) {
        if (i == raw.len || raw.ptr[i] == '\r' || raw.ptr[i] == '\n' || raw.ptr[i] == '\0') {
            if (i > from) {
                (void)mansio_buf_add(out, mansio_str_sub(raw, from, i - from));
            }
            from = i + 1;
        }
    }
}
