/*
 * Which bytes of a message a section means (RFC 3501 6.4.5): pure. A message is what its reader
 * sees: the entry's prefix, then the message as it came; offsets count from the prefix on.
 */
#ifndef MANSIO_MODULES_IMAP_SECTION_H
#define MANSIO_MODULES_IMAP_SECTION_H

#include "fetch_items.h"

#include <mansio/buf.h>
#include <mansio/structure.h>

struct imap_range {
    uint64_t offset, length;
};

/* 1 if the message's structure must be known to find a section. */
int imap_section_needs_structure(const struct imap_section *section);

/*
 * Find a section's bytes; of HEADER.FIELDS and its opposite, the header's to choose from.
 * What is partial isn't cut yet.
 *
 * @param root          NULL if it needn't be known
 * @param prefix_bytes  before the message
 * @param body_bytes    of the message
 * @return 1; 0: there is no such part
 */
int imap_section_find(const struct imap_section *section, const struct mansio_part *root,
                      uint64_t prefix_bytes, uint64_t body_bytes, struct imap_range *out);

/* 1 if the section is a choice of fields, so that imap_section_choose() must make it. */
int imap_section_is_choice(const struct imap_section *section);

/* Bring the names of fields into the order in which imap_section_choose() looks for them. */
void imap_section_sort(struct imap_section *section);

/* Append the chosen fields of a header, each as it stands, and the empty line. */
void imap_section_choose(struct mansio_buf *out, const struct imap_section *section,
                         struct mansio_str header);

/* Cut what is partial: a range, or the same of bytes. */
struct imap_range imap_section_cut(const struct imap_section *section, struct imap_range range);
struct mansio_str imap_section_cut_bytes(const struct imap_section *section,
                                         struct mansio_str bytes);

#endif
