/*
 * Sections: see section.h.
 *
 * Numbers go down from a message (RFC 3501 6.4.5): where a message is a multipart, they count its
 * parts; else it has one part, 1, which is its body. Within a part that is a message they go on
 * with the message inside. A multipart without parts has an empty one, as BODYSTRUCTURE shows it.
 */
#include "section.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/str.h>

/* ---- ranges ---------------------------------------------------------------------------------- */

int imap_section_needs_structure(const struct imap_section *section)
{
    return section->depth > 0 || section->text != IMAP_SECTION_ALL;
}

/* Where numbers go on from a part; NULL: nowhere. */
static const struct mansio_part *inside_of(const struct mansio_part *part)
{
    switch (part->kind) {
    case MANSIO_PART_MULTIPART:
        return part;
    case MANSIO_PART_MESSAGE:
        return part->first_child;
    default:
        return NULL;
    }
}

/* The part of a number within a multipart or message; NULL: none. */
static const struct mansio_part *child_of(const struct mansio_part *whole, uint32_t number)
{
    if (whole->kind != MANSIO_PART_MULTIPART) {
        return number == 1 ? whole : NULL;
    }
    const struct mansio_part *child = whole->first_child;
    while (child != NULL && --number > 0) {
        child = child->next;
    }
    return child;
}

/* @return 1; 2: the empty part of a multipart that has none; 0: there is none */
static int find_part(const struct imap_section *section, const struct mansio_part *root,
                     const struct mansio_part **out)
{
    const struct mansio_part *whole = root;
    for (size_t i = 0; i < section->depth; i++) {
        if (whole == NULL) {
            return 0;
        }
        const struct mansio_part *part = child_of(whole, section->numbers[i]);
        if (part == NULL) {
            *out = whole;
            return whole->kind == MANSIO_PART_MULTIPART && whole->first_child == NULL &&
                           section->numbers[i] == 1 && i + 1 == section->depth
                       ? 2
                       : 0;
        }
        *out = part;
        whole = inside_of(part);
    }
    return 1;
}

/* Where a message lies. What a structure says beyond its bytes isn't there. */
struct place {
    uint64_t prefix_bytes, body_bytes;
};

static uint64_t at(const struct place *place, uint64_t offset)
{
    return place->prefix_bytes + (offset < place->body_bytes ? offset : place->body_bytes);
}

static struct imap_range between(uint64_t from, uint64_t to)
{
    return (struct imap_range){from, to - from};
}

/* The header of a part, or of the message whose root it is: the message's own has the prefix. */
static struct imap_range header_of(const struct mansio_part *part, const struct place *place)
{
    uint64_t from = part->parent == NULL ? 0 : at(place, part->header_start);
    return between(from, at(place, part->body_start));
}

static struct imap_range body_of(const struct mansio_part *part, const struct place *place)
{
    return between(at(place, part->body_start), at(place, part->body_end));
}

/* A part's own bytes, or those of the message in it. */
static int find_in_part(const struct imap_section *section, const struct mansio_part *part,
                        const struct place *place, struct imap_range *out)
{
    if (section->text == IMAP_SECTION_ALL) {
        *out = body_of(part, place);
        return 1;
    }
    if (section->text == IMAP_SECTION_MIME) {
        *out = header_of(part, place);
        return 1;
    }
    if (part->kind != MANSIO_PART_MESSAGE) {
        return 0; /* only a message has HEADER and TEXT */
    }
    *out = section->text == IMAP_SECTION_TEXT ? body_of(part->first_child, place)
                                              : header_of(part->first_child, place);
    return 1;
}

int imap_section_find(const struct imap_section *section, const struct mansio_part *root,
                      uint64_t prefix_bytes, uint64_t body_bytes, struct imap_range *out)
{
    const struct place place = {prefix_bytes, body_bytes};
    const struct mansio_part *part = root;
    if (section->depth == 0 && section->text == IMAP_SECTION_ALL) {
        *out = between(0, prefix_bytes + body_bytes);
        return 1;
    }
    if (section->depth == 0) {
        *out = section->text == IMAP_SECTION_TEXT
                   ? between(at(&place, root->body_start), prefix_bytes + body_bytes)
                   : header_of(root, &place);
        return 1;
    }
    int found = find_part(section, root, &part);
    if (found == 2) {
        *out = between(at(&place, part->body_end), at(&place, part->body_end));
        return section->text == IMAP_SECTION_ALL || section->text == IMAP_SECTION_MIME;
    }
    return found == 1 ? find_in_part(section, part, &place, out) : 0;
}

struct imap_range imap_section_cut(const struct imap_section *section, struct imap_range range)
{
    if (section->is_partial) {
        uint64_t skipped = section->origin < range.length ? section->origin : range.length;
        range.offset += skipped;
        range.length -= skipped;
        if (range.length > section->length) {
            range.length = section->length;
        }
    }
    return range;
}

struct mansio_str imap_section_cut_bytes(const struct imap_section *section,
                                         struct mansio_str bytes)
{
    struct imap_range range = imap_section_cut(section, (struct imap_range){0, bytes.len});
    return (struct mansio_str){bytes.ptr + range.offset, (size_t)range.length};
}

/* ---- fields ---------------------------------------------------------------------------------- */

int imap_section_is_choice(const struct imap_section *section)
{
    return section->text == IMAP_SECTION_FIELDS || section->text == IMAP_SECTION_FIELDS_NOT;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The name of the field that a line begins, without what is obsolete before its colon (RFC 5322
 * 4.5); NULL ptr: it begins none. */
static struct mansio_str name_of(struct mansio_str line)
{
    size_t len = 0;
    while (len < line.len && line.ptr[len] > ' ' && line.ptr[len] < 0x7f && line.ptr[len] != ':') {
        len++;
    }
    size_t at = len;
    while (at < line.len && is_space(line.ptr[at])) {
        at++;
    }
    return at < line.len && line.ptr[at] == ':' ? (struct mansio_str){line.ptr, len}
                                                : MANSIO_STR_NONE;
}

/* The next line of a header with its line end; empty at the end of the header. */
static struct mansio_str next_line(struct mansio_str rest)
{
    const char *lf = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
    size_t len = lf != NULL ? (size_t)(lf - rest.ptr) + 1 : rest.len;
    int is_empty = lf != NULL && (len == 1 || (len == 2 && rest.ptr[0] == '\r'));
    return (struct mansio_str){rest.ptr, is_empty ? 0 : len};
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* By length, which is known at once, then without case. */
static int compare_names(struct mansio_str a, struct mansio_str b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return lower(a.ptr[i]) < lower(b.ptr[i]) ? -1 : 1;
        }
    }
    return 0;
}

/* Names that differ in case alone keep an order too: so it hangs on the names and nothing else. */
static int compare_fields(const void *a, const void *b)
{
    const struct mansio_str *left = a, *right = b;
    int order = compare_names(*left, *right);
    return order == 0 && left->len > 0 ? memcmp(left->ptr, right->ptr, left->len) : order;
}

void imap_section_sort(struct imap_section *section)
{
    if (section->field_count > 0) {
        qsort(section->fields, section->field_count, sizeof section->fields[0], compare_fields);
    }
}

/* By halves: a header may have a quarter of a million lines, a section a thousand names. */
static int is_named(const struct imap_section *section, struct mansio_str name)
{
    size_t low = 0, high = section->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(section->fields[middle], name);
        if (order == 0) {
            return 1;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

void imap_section_choose(struct mansio_buf *out, const struct imap_section *section,
                         struct mansio_str header)
{
    struct mansio_str rest = header;
    const char *chosen = NULL; /* where what is chosen began, up to the line at hand */
    int is_wanted = 0, is_cut = 0;
    for (struct mansio_str line = next_line(rest);; line = next_line(rest)) {
        if (line.len > 0 && !is_space(line.ptr[0])) {
            struct mansio_str name = name_of(line);
            /* Lines of mbox are no fields, and go with neither list. */
            is_wanted = name.ptr != NULL &&
                        is_named(section, name) == (section->text == IMAP_SECTION_FIELDS);
        }
        if (line.len > 0 && is_wanted) {
            chosen = chosen != NULL ? chosen : line.ptr;
            is_cut = line.ptr[line.len - 1] != '\n';
        } else if (chosen != NULL) {
            (void)mansio_buf_add(out, (struct mansio_str){chosen, (size_t)(rest.ptr - chosen)});
            chosen = NULL;
        }
        if (line.len == 0) {
            break;
        }
        rest = (struct mansio_str){line.ptr + line.len, rest.len - line.len};
    }
    /* A message may end in a field. */
    (void)mansio_buf_add(out, is_cut ? MANSIO_STR("\r\n\r\n") : MANSIO_STR("\r\n"));
}
