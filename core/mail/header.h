/*
 * Header blocks: which lines belong to one, and its fields (RFC 5322 2.2, 3.6.8, 4.5).
 *
 * Line ends are LF or CRLF; a CR alone is a byte like others. A block ends with an empty line, or
 * before a line that can be no part of it (as Postfix and others do: what follows was meant to
 * be the body). Lines of mbox ("From ", ">From ") are passed.
 */
#ifndef MANSIO_CORE_MAIL_HEADER_H
#define MANSIO_CORE_MAIL_HEADER_H

#include <mansio/buf.h>
#include <mansio/str.h>

/* What a line is, where a header may go on. */
enum {
    CORE_MAIL_LINE_FIELD = 0,    /* name, white space (obsolete), colon */
    CORE_MAIL_LINE_FOLDED = 1,   /* begins with white space: goes on with the field before */
    CORE_MAIL_LINE_EMPTY = 2,    /* the end of the header */
    CORE_MAIL_LINE_ENVELOPE = 3, /* of mbox */
    CORE_MAIL_LINE_OTHER = 4,    /* no header line: the body begins here */
};

struct core_mail_field {
    struct mansio_str name; /* as written; may be empty */
    struct mansio_str raw;  /* what follows the colon, folding included, without the last line
                               end */
    size_t offset;          /* of the name, in the block */
    size_t length;          /* of all of it, the last line end included */
};

/* What a line is; @p line may have its line end or not, and may be the beginning of a long one. */
uint32_t core_mail_header_line(struct mansio_str line);

/*
 * The next field of a block.
 *
 * @param block   header lines, perhaps with the empty line and more behind them
 * @param offset  in: where to go on, 0 first; out: behind the field, or where the header ended
 * @param out     the field
 * @return 1; 0 at the end of the header
 */
int core_mail_header_next(struct mansio_str block, size_t *offset, struct core_mail_field *out);

/*
 * Append a field's value without folding: line ends go, white space around the value too, and NUL
 * anywhere.
 */
void core_mail_header_unfold(struct mansio_buf *out, struct mansio_str raw);

#endif
