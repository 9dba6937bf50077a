/*
 * A module's file from bytes: what the ELF reader gives lies within them, a note that is accepted
 * has the names it should, and every refusal says what was wanted.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>

#include "core/host/elf_file.h"
#include "core/host/module_note.h"

const char fuzz_name[] = "elf";

static int is_inside(struct mansio_str whole, struct mansio_str part)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.len <= whole.len &&
                             (size_t)(part.ptr - whole.ptr) <= whole.len - part.len);
}

static void check_facts(struct mansio_str bytes, const struct core_elf *elf)
{
    char name[CORE_ELF_MACHINE_NAME_MAX];
    MANSIO_ASSERT(elf->bits == 32 || elf->bits == 64);
    MANSIO_ASSERT(core_elf_machine_name(elf->machine, name)[0] != '\0');
    MANSIO_ASSERT(is_inside(bytes, elf->note) && is_inside(bytes, elf->build_id));
    MANSIO_ASSERT((elf->note_count > 0) == (elf->note.ptr != NULL));
    MANSIO_ASSERT(elf->needed_count <= CORE_ELF_NEEDED_MAX);
    for (size_t i = 0; i < elf->needed_count; i++) {
        MANSIO_ASSERT(is_inside(bytes, elf->needed[i]));
    }
    MANSIO_ASSERT(elf->version_count <= CORE_ELF_VERSIONS_MAX);
    for (size_t i = 0; i < elf->version_count; i++) {
        MANSIO_ASSERT(is_inside(bytes, elf->versions[i].name));
        MANSIO_ASSERT(is_inside(bytes, elf->versions[i].symbol));
    }
    MANSIO_ASSERT(is_inside(bytes, elf->unversioned));
    MANSIO_ASSERT(elf->is_native || elf->note.ptr == NULL);
}

static void check_note(struct mansio_str bytes, const struct core_elf *elf)
{
    struct core_note note;
    struct mansio_str name;
    uint32_t version = 0;

    if (core_note_read("x.so", elf->note, &note) < 0) {
        MANSIO_ASSERT(strstr(mansio_error_detail(), "wanted ") != NULL);
        return;
    }
    MANSIO_ASSERT(elf->note.len >= MANSIO_NOTE_SIZE);
    MANSIO_ASSERT(core_name_is_valid(note.name) && is_inside(bytes, note.name));
    MANSIO_ASSERT(is_inside(bytes, note.required));
    if (core_note_judge("x.so", &note) < 0) {
        MANSIO_ASSERT(strstr(mansio_error_detail(), "wanted ") != NULL);
        return;
    }
    while (core_note_next_required("x.so", &note.required, &name, &version) > 0) {
        MANSIO_ASSERT(core_name_is_valid(name) && version > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str bytes = {(const char *)data, size};
    struct core_elf elf;

    if (core_elf_read("x.so", bytes, &elf) < 0) {
        MANSIO_ASSERT(strstr(mansio_error_detail(), "x.so: wanted ") != NULL);
        return 0;
    }
    check_facts(bytes, &elf);
    if (elf.note.ptr != NULL) {
        check_note(bytes, &elf);
    }
    return 0;
}
