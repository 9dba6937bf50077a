/*
 * Charsets: text of any to UTF-8, streaming, split at any byte.
 *
 * What is given out is always UTF-8 without NUL. A byte that the charset doesn't have, and NUL,
 * become U+FFFD. UTF-8,
 * US-ASCII and ISO-8859-1 (read as windows-1252, of which it is a part, as every client does) are
 * converted here, the rest by iconv, which only ever sees names from our table: some of its
 * charsets have been holes. US-ASCII that isn't, and charsets that nobody knows, are guessed byte
 * by byte: what forms UTF-8 is UTF-8, any other byte is windows-1252.
 *
 * iconv reads a charset's module from disk at its first use in a process; that is the one thing
 * here that is not pure. core_mail_charset_warm() does it at start.
 */
#ifndef MANSIO_CORE_MAIL_CHARSET_H
#define MANSIO_CORE_MAIL_CHARSET_H

#include "core/base/export.h"

#include <mansio/base.h>
#include <mansio/buf.h>

struct core_mail_charset {
    uint32_t mode; /* private */
    uint32_t held; /* bytes of a character that is not whole yet */
    void *iconv;   /* NULL unless the mode needs it */
    char hold[16];
};

/*
 * Begin.
 *
 * @param name  as mail has it, any case, quotes and white space around it allowed; NONE or an
 *              unknown one is guessed
 * @return 1 if the charset is known, 0 if it is guessed. End with core_mail_charset_close()
 */
int core_mail_charset_open(struct core_mail_charset *charset, struct mansio_str name);

/* Convert the next bytes; @p out keeps its own limit. */
void core_mail_charset_feed(struct core_mail_charset *charset, struct mansio_str in,
                            struct mansio_buf *out);

/* End the text: a character that is not whole becomes U+FFFD. May be fed again afterwards. */
void core_mail_charset_flush(struct core_mail_charset *charset, struct mansio_buf *out);

/* Give back what open took. */
void core_mail_charset_close(struct core_mail_charset *charset);

/* Convert a whole text: open, feed, flush, close. */
void core_mail_charset_convert(struct mansio_str name, struct mansio_str in,
                               struct mansio_buf *out);

/* 1 if two names mean the same known charset, or are the same name; else 0. */
int core_mail_charset_same(struct mansio_str a, struct mansio_str b);

/* 1 if bytes are UTF-8 (RFC 3629: shortest form, no surrogates, nothing past U+10FFFF). */
int core_mail_is_utf8(struct mansio_str bytes);

/*
 * Length of the UTF-8 character that bytes begin with.
 *
 * @return 1 to 4; 0 if more bytes are needed; -1 if it is none
 */
int core_mail_utf8_length(const char *bytes, size_t count);

/* Load every charset of the table, for as long as the process lives. @return how many names this
 * system has, of how many known */
CORE_EXPORT int core_mail_charset_warm(int *known);

#endif
