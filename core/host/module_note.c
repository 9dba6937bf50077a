/*
 * The module note: see module_note.h.
 */
#include "core/host/module_note.h"

#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>
#include <string.h>

enum {
    NOTE_LAYOUT_AT = 0,
    NOTE_MAJOR_AT = 4,
    NOTE_MINOR_AT = 8,
    NOTE_NAME_AT = 16,
    NOTE_VERSION_AT = 48,
    NOTE_BUILD_AT = 80,
    NOTE_REQUIRED_AT = 116,
};

int core_name_is_valid(struct mansio_str name)
{
    if (name.len == 0 || name.len > CORE_INTERFACE_NAME_MAX || name.ptr[0] < 'a' ||
        name.ptr[0] > 'z') {
        return 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return 0;
        }
    }
    return 1;
}

/* Words that the core's own metrics begin with, mansio_core_...: as a module's name, or the first
 * part of one, they would give one series two meanings. */
static int is_reserved(struct mansio_str name)
{
    static const char *const words[] = {"core", "process", "build"};
    struct mansio_str first = name;
    (void)mansio_str_split(&name, '-', &first);
    for (size_t i = 0; i < MANSIO_COUNT(words); i++) {
        if (mansio_str_eq(first, mansio_str_from_cstr(words[i]))) {
            return 1;
        }
    }
    return 0;
}

static uint32_t number_at(struct mansio_str note, size_t offset)
{
    uint32_t out;
    memcpy(&out, note.ptr + offset, sizeof out);
    return out;
}

/* A NUL-padded text; ptr NULL if no NUL ends it, if something follows the NUL, or if it holds
 * anything but printable ASCII. */
static struct mansio_str text_at(struct mansio_str note, size_t offset, size_t end)
{
    const char *start = note.ptr + offset;
    const char *nul = memchr(start, 0, end - offset);
    if (nul == NULL) {
        return MANSIO_STR_NONE;
    }
    for (const char *c = start; c < note.ptr + end; c++) {
        if (c < nul ? (*c < ' ' || *c > '~') : *c != 0) {
            return MANSIO_STR_NONE;
        }
    }
    return (struct mansio_str){start, (size_t)(nul - start)};
}

static int malformed(const char *file, const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "%s: wanted a well-formed MANSIO note, found %s", file,
                       what);
}

int core_note_next_required(const char *file, struct mansio_str *rest, struct mansio_str *out_name,
                            uint32_t *out_version)
{
    struct mansio_str item, name;
    if (rest->len == 0 || !mansio_str_split(rest, ' ', &item)) {
        return 0;
    }
    struct mansio_str number = item;
    uint32_t version = 0;
    if (!mansio_str_split(&number, '/', &name) || !core_name_is_valid(name) ||
        mansio_parse_u32(number, UINT32_MAX, &version) < 0 || version == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted required interfaces as NAME/VERSION, found \"%.*s\"", file,
                           MANSIO_STR_ARG(item));
    }
    *out_name = name;
    *out_version = version;
    return 1;
}

int core_note_read(const char *file, struct mansio_str description, struct core_note *out)
{
    if (description.len < MANSIO_NOTE_SIZE ||
        number_at(description, NOTE_LAYOUT_AT) < MANSIO_NOTE_SIZE ||
        number_at(description, NOTE_LAYOUT_AT) > description.len) {
        uint32_t found = description.len >= sizeof(uint32_t) ? number_at(description, 0) : 0;
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted a MANSIO note of %d bytes or more, found %zu bytes that "
                           "call themselves %u",
                           file, MANSIO_NOTE_SIZE, description.len, (unsigned)found);
    }
    struct core_note note = {
        .abi_major = number_at(description, NOTE_MAJOR_AT),
        .abi_minor = number_at(description, NOTE_MINOR_AT),
        .name = text_at(description, NOTE_NAME_AT, NOTE_VERSION_AT),
        .version = text_at(description, NOTE_VERSION_AT, NOTE_BUILD_AT),
        .build_tag = text_at(description, NOTE_BUILD_AT, NOTE_REQUIRED_AT),
        .required = text_at(description, NOTE_REQUIRED_AT, MANSIO_NOTE_SIZE),
    };
    if (!core_name_is_valid(note.name)) {
        return malformed(file, "a name that isn't 1 to 31 lower-case letters, digits and '-'");
    }
    if (is_reserved(note.name)) {
        return mansio_fail(
            MANSIO_E_INVALID,
            "%s: wanted a name that doesn't begin with core, process or build, found "
            "\"%.*s\"",
            file, MANSIO_STR_ARG(note.name));
    }
    if (note.version.len == 0) {
        return malformed(file, "no version, or one that isn't plain text");
    }
    if (note.build_tag.len == 0 || note.required.ptr == NULL) {
        return malformed(file, "a build tag or required interfaces that aren't plain text");
    }
    *out = note;
    return 0;
}

int core_note_judge(const char *file, const struct core_note *note)
{
    if (note->abi_major != MANSIO_ABI_MAJOR) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "%s: wanted ABI major %d, found %u", file,
                           MANSIO_ABI_MAJOR, (unsigned)note->abi_major);
    }
    if (note->abi_minor > MANSIO_ABI_MINOR) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "%s: wanted ABI minor %d or lower, found %u: it needs a newer mansiod, "
                           "or to be built with -DMANSIO_ABI_TARGET=%d",
                           file, MANSIO_ABI_MINOR, (unsigned)note->abi_minor, MANSIO_ABI_MINOR);
    }
    if (!mansio_str_eq(note->build_tag, MANSIO_STR(MANSIO_BUILD_TAG))) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "%s: wanted build tag \"%s\" (what this mansiod was built with), found "
                           "\"%.*s\"",
                           file, MANSIO_BUILD_TAG, MANSIO_STR_ARG(note->build_tag));
    }
    struct mansio_str rest = note->required, name;
    uint32_t version;
    int more;
    while ((more = core_note_next_required(file, &rest, &name, &version)) > 0) {
        continue; /* only whether all are well-formed */
    }
    return more;
}
