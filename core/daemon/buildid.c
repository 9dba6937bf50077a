/*
 * Build ids of what is mapped. See buildid.h.
 */
#include "core/daemon/buildid.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <mansio/base.h>
#include <mansio/error.h>

struct search {
    uintptr_t address; /* the object that holds this */
    char *out;
};

static void print_hex(const unsigned char *bytes, size_t len, char out[CORE_BUILD_ID_MAX])
{
    for (size_t i = 0; i < len && 2 * i + 2 < CORE_BUILD_ID_MAX; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static size_t aligned(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* The build id among the notes of one segment. */
static void read_notes(const unsigned char *at, size_t len, char out[CORE_BUILD_ID_MAX])
{
    while (len >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof note);
        size_t name = sizeof note;
        size_t desc = name + aligned(note.n_namesz);
        size_t end = desc + aligned(note.n_descsz);
        if (end > len) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(at + name, "GNU", 4) == 0) {
            print_hex(at + desc, note.n_descsz, out);
            return;
        }
        at += end;
        len -= end;
    }
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    const struct search *search = arg;
    int is_it = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        is_it |= segment->p_type == PT_LOAD && search->address >= start &&
                 search->address - start < segment->p_memsz;
    }
    for (int i = 0; is_it && i < info->dlpi_phnum && search->out[0] == '\0'; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE) {
            uintptr_t start = info->dlpi_addr + segment->p_vaddr;
            read_notes((const unsigned char *)start, segment->p_memsz, search->out);
        }
    }
    return is_it;
}

/* A constant of ours and static text of the library's: each lies in its own object. */
static const char ours = 0;

void core_build_ids(struct core_build_ids *out)
{
    memset(out, 0, sizeof *out);
    struct search program = {.address = (uintptr_t)&ours, .out = out->daemon};
    dl_iterate_phdr(visit, &program);
    struct search library = {.address = (uintptr_t)mansio_error_name(0), .out = out->library};
    dl_iterate_phdr(visit, &library);
}
