/*
 * What an ELF file says of itself, read from its bytes: nothing is mapped, run or looked up. The
 * module loader decides by these facts whether the dynamic loader may have the file at all.
 *
 * Pure: slice in, facts out; every offset is checked against the slice and every loop is bounded
 * by it. Reads shared objects of the machine that it runs on; of a foreign file it reads no more
 * than the header, which is enough to name what it was built for. Not a general ELF library: no
 * sections, relocations or debug information.
 */
#ifndef MANSIO_CORE_HOST_ELF_FILE_H
#define MANSIO_CORE_HOST_ELF_FILE_H

#include <mansio/base.h>

enum {
    CORE_ELF_NEEDED_MAX = 64,   /* libraries that one file may name */
    CORE_ELF_VERSIONS_MAX = 32, /* version nodes of libmansio that one file may name */
    CORE_ELF_SYMBOL_MAX = 4096, /* bytes of a symbol's name that are read; C++ has longer ones */
    CORE_ELF_MACHINE_NAME_MAX = 24,
};

/* A version node of libmansio that the file needs, and the first symbol that it needs it for. */
struct core_elf_version {
    struct mansio_str name;
    struct mansio_str symbol; /* empty if no symbol refers to it */
    uint32_t index;           /* as .gnu.version numbers it */
};

/* Slices point into the bytes that were read. */
struct core_elf {
    uint32_t bits; /* 32 or 64 */
    int is_big_endian;
    uint32_t machine; /* EM_... */
    uint32_t type;    /* ET_... */
    int is_native;    /* class, byte order and machine are ours; else the rest is not set */

    struct mansio_str note; /* description of the note MANSIO, type 1; ptr NULL: there is none */
    size_t note_count;
    struct mansio_str build_id; /* GNU build id, raw bytes; empty: there is none */
    int wants_executable_stack;

    struct mansio_str needed[CORE_ELF_NEEDED_MAX]; /* DT_NEEDED, in the file's order */
    size_t needed_count;
    int needs_core; /* one of them begins with "libmansio.so" */
    struct core_elf_version versions[CORE_ELF_VERSIONS_MAX];
    size_t version_count;
    /* A symbol of ours (mansio_...; core_... if libmansio isn't needed) that is asked for without
     * a version: it would bind to whatever is there. Empty: none. */
    struct mansio_str unversioned;

    int has_descriptor;       /* exports the symbol mansio_module */
    uint64_t descriptor_size; /* bytes of it, as the symbol table says */
};

/*
 * Read the facts of a file.
 *
 * @param file   its name, for messages
 * @param bytes  the whole file
 * @return 0; MANSIO_E_INVALID for what is no ELF file, is cut short or contradicts itself;
 *         MANSIO_E_LIMIT beyond the bounds above. The detail says wanted and found
 */
MANSIO_MUST_CHECK int core_elf_read(const char *file, struct mansio_str bytes,
                                    struct core_elf *out);

/* The machine that this was built for, EM_... */
uint32_t core_elf_own_machine(void);

/* "x86-64", "aarch64", ..., or "machine 4711"; @p out holds the latter. */
const char *core_elf_machine_name(uint32_t machine, char out[CORE_ELF_MACHINE_NAME_MAX]);

#endif
