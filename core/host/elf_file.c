/*
 * The ELF reader: see elf_file.h. Order: header, program headers, notes, dynamic section, symbol
 * versions, symbols. Everything goes through at_offset() and at_address(), which hold each access
 * to the slice; structures are copied out, as a hostile file needn't align them.
 */
#include "core/host/elf_file.h"

#include <elf.h>
#include <link.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <string.h>

enum {
    SEGMENTS_MAX = 256,
    NOTES_MAX_BYTES = 65536,  /* of one segment */
    VERSION_STEPS_MAX = 4096, /* entries of .gnu.version_r that are looked at */
    VERSION_INDEX_MASK = 0x7fff,
};

#define CORE_SONAME_PREFIX MANSIO_STR("libmansio.so")
#define DESCRIPTOR_SYMBOL  MANSIO_STR("mansio_module")

struct reader {
    const char *file;
    struct mansio_str bytes;
    ElfW(Ehdr) header;
    struct mansio_str dynamic;
    /* Of the dynamic section, by address; 0: not there. */
    ElfW(Addr) strtab, symtab, hash, gnu_hash, versym, verneed;
    uint64_t strtab_size, verneed_count;
    struct mansio_str strings;
};

static const struct {
    uint32_t machine;
    const char *name;
} machine_names[] = {
    {EM_386, "x86"},     {EM_X86_64, "x86-64"},
    {EM_ARM, "arm"},     {EM_AARCH64, "aarch64"},
    {EM_MIPS, "mips"},   {EM_PPC, "powerpc"},
    {EM_PPC64, "ppc64"}, {EM_S390, "s390"},
    {EM_RISCV, "riscv"}, {EM_SPARCV9, "sparc64"},
    {EM_IA_64, "ia64"},  {258, "loongarch"}, /* EM_LOONGARCH, newer than some elf.h */
};

const char *core_elf_machine_name(uint32_t machine, char out[CORE_ELF_MACHINE_NAME_MAX])
{
    for (size_t i = 0; i < MANSIO_COUNT(machine_names); i++) {
        if (machine_names[i].machine == machine) {
            return machine_names[i].name;
        }
    }
    (void)snprintf(out, CORE_ELF_MACHINE_NAME_MAX, "machine %u", (unsigned)machine);
    return out;
}

uint32_t core_elf_own_machine(void)
{
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#elif defined(__i386__)
    return EM_386;
#elif defined(__arm__)
    return EM_ARM;
#elif defined(__powerpc64__)
    return EM_PPC64;
#elif defined(__s390x__)
    return EM_S390;
#elif defined(__riscv)
    return EM_RISCV;
#elif defined(__mips__)
    return EM_MIPS;
#elif defined(__loongarch__)
    return 258;
#else
#error "name this machine's EM_ number here"
#endif
}

static int cut_short(const struct reader *r, const char *what, uint64_t end)
{
    return mansio_fail(MANSIO_E_INVALID,
                       "%s: wanted a whole ELF file, found one cut short: its %s would end at byte "
                       "%llu, the file has %zu",
                       r->file, what, (unsigned long long)end, r->bytes.len);
}

static int broken(const struct reader *r, const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "%s: wanted a well-formed ELF file, found %s", r->file,
                       what);
}

/* Bytes by file offset; ptr NULL if any of them is outside. */
static struct mansio_str at_offset(const struct reader *r, uint64_t offset, uint64_t len)
{
    if (offset > r->bytes.len || len > r->bytes.len - offset) {
        return MANSIO_STR_NONE;
    }
    return (struct mansio_str){r->bytes.ptr + offset, (size_t)len};
}

static ElfW(Phdr) segment(const struct reader *r, size_t index)
{
    ElfW(Phdr) out;
    memcpy(&out, r->bytes.ptr + r->header.e_phoff + index * sizeof out, sizeof out);
    return out;
}

/* Everything from an address to the end of what its segment has in the file. */
static struct mansio_str at_address(const struct reader *r, ElfW(Addr) address)
{
    for (size_t i = 0; i < r->header.e_phnum; i++) {
        ElfW(Phdr) load = segment(r, i);
        if (load.p_type == PT_LOAD && address >= load.p_vaddr &&
            address - load.p_vaddr < load.p_filesz) {
            uint64_t skip = address - load.p_vaddr;
            return at_offset(r, load.p_offset + skip, load.p_filesz - skip);
        }
    }
    return MANSIO_STR_NONE;
}

/* Copy a structure out of a slice; 0 if it isn't wholly there. */
static int take(struct mansio_str from, uint64_t offset, void *out, size_t size)
{
    if (offset > from.len || size > from.len - offset) {
        return 0;
    }
    memcpy(out, from.ptr + offset, size);
    return 1;
}

/* A string of the dynamic string table; ptr NULL if it doesn't end inside. */
static struct mansio_str string_at(const struct reader *r, uint64_t offset)
{
    if (offset >= r->strings.len) {
        return MANSIO_STR_NONE;
    }
    const char *start = r->strings.ptr + offset;
    const char *end = memchr(start, 0, r->strings.len - (size_t)offset);
    if (end == NULL) {
        return MANSIO_STR_NONE;
    }
    return (struct mansio_str){start, (size_t)(end - start)};
}

/* A symbol's name, cut if it is very long: there may be millions, all in the same string. */
static struct mansio_str symbol_name_at(const struct reader *r, uint64_t offset)
{
    struct mansio_str rest = mansio_str_sub(r->strings, offset, CORE_ELF_SYMBOL_MAX);
    const char *end = rest.len > 0 ? memchr(rest.ptr, 0, rest.len) : NULL;
    return end != NULL ? (struct mansio_str){rest.ptr, (size_t)(end - rest.ptr)} : rest;
}

/* ---- header and program headers ----------------------------------------------------------------
 */

static uint32_t read_u16(const unsigned char *p, int is_big_endian)
{
    return is_big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static int read_identity(struct reader *r, struct core_elf *out)
{
    const size_t machine_end = EI_NIDENT + 4; /* e_type and e_machine, in every class */

    size_t seen = r->bytes.len < SELFMAG ? r->bytes.len : (size_t)SELFMAG;
    if (r->bytes.len == 0 || memcmp(r->bytes.ptr, ELFMAG, seen) != 0) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted an ELF shared object, found %s", r->file,
                           r->bytes.len == 0 ? "an empty file" : "something else");
    }
    if (r->bytes.len < machine_end) {
        return cut_short(r, "header", machine_end);
    }
    const unsigned char *ident = (const unsigned char *)r->bytes.ptr;
    if ((ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
        (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)) {
        return broken(r, "an unknown class or byte order");
    }
    out->bits = ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
    out->is_big_endian = ident[EI_DATA] == ELFDATA2MSB;
    out->type = read_u16(ident + EI_NIDENT, out->is_big_endian);
    out->machine = read_u16(ident + EI_NIDENT + 2, out->is_big_endian);
    out->is_native = out->bits == sizeof(void *) * 8 &&
                     out->is_big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) &&
                     out->machine == core_elf_own_machine();
    return 0;
}

/* What the header promises must be there: a file cut at any length is found out here. */
static int read_header(struct reader *r)
{
    if (!take(r->bytes, 0, &r->header, sizeof r->header)) {
        return cut_short(r, "header", sizeof r->header);
    }
    const ElfW(Ehdr) *h = &r->header;
    if (h->e_version != EV_CURRENT || h->e_ehsize != sizeof *h) {
        return broken(r, "a header of another version or size");
    }
    if (h->e_phnum == 0 || h->e_phentsize != sizeof(ElfW(Phdr))) {
        return broken(r, "no program headers, or of another size");
    }
    if (h->e_phnum > SEGMENTS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: wanted at most %d program headers, found %u",
                           r->file, SEGMENTS_MAX, (unsigned)h->e_phnum);
    }
    uint64_t table = (uint64_t)h->e_phnum * sizeof(ElfW(Phdr));
    if (at_offset(r, h->e_phoff, table).ptr == NULL) {
        return cut_short(r, "program header table", h->e_phoff + table);
    }
    uint64_t sections = (uint64_t)h->e_shnum * h->e_shentsize;
    if (h->e_shoff != 0 && at_offset(r, h->e_shoff, sections).ptr == NULL) {
        return cut_short(r, "section header table", h->e_shoff + sections);
    }
    for (size_t i = 0; i < h->e_phnum; i++) {
        ElfW(Phdr) s = segment(r, i);
        if (s.p_type != PT_NULL && at_offset(r, s.p_offset, s.p_filesz).ptr == NULL) {
            return cut_short(r, "segment", (uint64_t)s.p_offset + s.p_filesz);
        }
    }
    return 0;
}

/* ---- notes --------------------------------------------------------------------------------------
 */

static int note_is(struct mansio_str owner, struct mansio_str wanted)
{
    /* The owner's size counts its NUL. */
    return owner.len == wanted.len + 1 && owner.ptr[wanted.len] == 0 &&
           memcmp(owner.ptr, wanted.ptr, wanted.len) == 0;
}

static uint64_t padded(uint64_t size, uint64_t align)
{
    return (size + align - 1) / align * align;
}

static int read_notes(const struct reader *r, struct mansio_str notes, uint64_t align,
                      struct core_elf *out)
{
    if (notes.len > NOTES_MAX_BYTES) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: wanted at most %d bytes of notes, found %zu",
                           r->file, NOTES_MAX_BYTES, notes.len);
    }
    uint64_t at = 0;
    while (at < notes.len) { /* each turn passes a header at least */
        ElfW(Nhdr) header;
        if (!take(notes, at, &header, sizeof header)) {
            return broken(r, "a note that is cut short");
        }
        uint64_t owner_at = at + sizeof header;
        uint64_t text_at = at + padded(sizeof header + (uint64_t)header.n_namesz, align);
        if (owner_at + header.n_namesz > notes.len || text_at + header.n_descsz > notes.len) {
            return broken(r, "a note that is cut short");
        }
        struct mansio_str owner = {notes.ptr + owner_at, header.n_namesz};
        struct mansio_str text = {notes.ptr + text_at, header.n_descsz};
        if (note_is(owner, MANSIO_STR("MANSIO")) && header.n_type == 1) {
            out->note = text;
            out->note_count++;
        } else if (note_is(owner, MANSIO_STR("GNU")) && header.n_type == NT_GNU_BUILD_ID) {
            out->build_id = text;
        }
        at = padded(text_at + header.n_descsz, align);
    }
    return 0;
}

static int read_segments(struct reader *r, struct core_elf *out)
{
    for (size_t i = 0; i < r->header.e_phnum; i++) {
        ElfW(Phdr) s = segment(r, i);
        if (s.p_type == PT_NOTE) {
            /* Notes are aligned to 4, or to 8 in segments that say so (.note.gnu.property). */
            int err =
                read_notes(r, at_offset(r, s.p_offset, s.p_filesz), s.p_align == 8 ? 8 : 4, out);
            if (err < 0) {
                return err;
            }
        } else if (s.p_type == PT_DYNAMIC) {
            r->dynamic = at_offset(r, s.p_offset, s.p_filesz);
        } else if (s.p_type == PT_GNU_STACK) {
            out->wants_executable_stack = (s.p_flags & PF_X) != 0;
        }
    }
    return 0;
}

/* ---- the dynamic section ------------------------------------------------------------------------
 */

static int read_dynamic_addresses(struct reader *r)
{
    for (uint64_t at = 0;; at += sizeof(ElfW(Dyn))) {
        ElfW(Dyn) entry;
        if (!take(r->dynamic, at, &entry, sizeof entry)) {
            return broken(r, at == 0 ? "no dynamic section" : "a dynamic section without end");
        }
        switch (entry.d_tag) {
        case DT_NULL:
            return 0;
        case DT_STRTAB:
            r->strtab = entry.d_un.d_ptr;
            break;
        case DT_STRSZ:
            r->strtab_size = entry.d_un.d_val;
            break;
        case DT_SYMTAB:
            r->symtab = entry.d_un.d_ptr;
            break;
        case DT_HASH:
            r->hash = entry.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            r->gnu_hash = entry.d_un.d_ptr;
            break;
        case DT_VERSYM:
            r->versym = entry.d_un.d_ptr;
            break;
        case DT_VERNEED:
            r->verneed = entry.d_un.d_ptr;
            break;
        case DT_VERNEEDNUM:
            r->verneed_count = entry.d_un.d_val;
            break;
        default:
            break;
        }
    }
}

static int read_needed(const struct reader *r, struct core_elf *out)
{
    ElfW(Dyn) entry;
    for (uint64_t at = 0; take(r->dynamic, at, &entry, sizeof entry) && entry.d_tag != DT_NULL;
         at += sizeof entry) {
        if (entry.d_tag != DT_NEEDED) {
            continue;
        }
        struct mansio_str name = string_at(r, entry.d_un.d_val);
        if (name.ptr == NULL) {
            return broken(r, "a needed library without a name");
        }
        if (out->needed_count == CORE_ELF_NEEDED_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "%s: wanted at most %d needed libraries, found more",
                               r->file, CORE_ELF_NEEDED_MAX);
        }
        out->needed[out->needed_count++] = name;
        out->needs_core |= mansio_str_starts(name, CORE_SONAME_PREFIX);
    }
    return 0;
}

/* ---- symbol versions ----------------------------------------------------------------------------
 */

static int add_version(const struct reader *r, const ElfW(Vernaux) * aux, struct core_elf *out)
{
    struct mansio_str name = string_at(r, aux->vna_name);
    if (name.ptr == NULL) {
        return broken(r, "a symbol version without a name");
    }
    if (out->version_count == CORE_ELF_VERSIONS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT,
                           "%s: wanted at most %d symbol versions of libmansio, found more",
                           r->file, CORE_ELF_VERSIONS_MAX);
    }
    out->versions[out->version_count++] =
        (struct core_elf_version){.name = name, .index = aux->vna_other & VERSION_INDEX_MASK};
    return 0;
}

static int read_versions(const struct reader *r, struct core_elf *out)
{
    struct mansio_str table = at_address(r, r->verneed);
    uint64_t at = 0;
    size_t steps = 0;
    for (uint64_t i = 0; i < r->verneed_count; i++) {
        ElfW(Verneed) need;
        if (!take(table, at, &need, sizeof need)) {
            return broken(r, "needed symbol versions outside the file");
        }
        int is_ours = mansio_str_starts(string_at(r, need.vn_file), CORE_SONAME_PREFIX);
        uint64_t aux_at = at + need.vn_aux;
        for (size_t k = 0; k < need.vn_cnt; k++) {
            ElfW(Vernaux) aux;
            if (++steps > VERSION_STEPS_MAX || !take(table, aux_at, &aux, sizeof aux)) {
                return broken(r, "needed symbol versions outside the file, or endless");
            }
            int err = is_ours ? add_version(r, &aux, out) : 0;
            if (err < 0) {
                return err;
            }
            aux_at += aux.vna_next;
        }
        if (++steps > VERSION_STEPS_MAX) {
            return broken(r, "endless needed symbol versions");
        }
        at += need.vn_next;
    }
    return 0;
}

/* ---- symbols ------------------------------------------------------------------------------------
 */

/* The symbol table doesn't say its length; its hash tables do. */
static int count_by_gnu_hash(const struct reader *r, uint64_t *out)
{
    struct mansio_str table = at_address(r, r->gnu_hash);
    uint32_t head[4]; /* buckets, first hashed symbol, words of the filter, its shift */
    if (!take(table, 0, head, sizeof head)) {
        return broken(r, "a symbol hash table outside the file");
    }
    uint64_t buckets_at = sizeof head + (uint64_t)head[2] * sizeof(ElfW(Addr));
    uint64_t chains_at = buckets_at + (uint64_t)head[0] * sizeof(uint32_t);
    uint32_t last = 0;
    for (uint64_t at = buckets_at; at < chains_at; at += sizeof last) {
        uint32_t bucket;
        if (!take(table, at, &bucket, sizeof bucket)) {
            return broken(r, "a symbol hash table outside the file");
        }
        last = bucket > last ? bucket : last;
    }
    if (last < head[1]) {
        *out = head[1]; /* nothing is exported */
        return 0;
    }
    uint32_t hash = 0;
    for (; (hash & 1) == 0; last++) { /* the chain's last entry is odd; the file bounds the walk */
        if (!take(table, chains_at + ((uint64_t)last - head[1]) * sizeof hash, &hash,
                  sizeof hash)) {
            return broken(r, "a symbol hash table without end");
        }
    }
    *out = last;
    return 0;
}

static int count_symbols(const struct reader *r, uint64_t *out)
{
    if (r->hash != 0) {
        uint32_t head[2]; /* buckets, chains: one chain entry a symbol */
        if (!take(at_address(r, r->hash), 0, head, sizeof head)) {
            return broken(r, "a symbol hash table outside the file");
        }
        *out = head[1];
        return 0;
    }
    if (r->gnu_hash != 0) {
        return count_by_gnu_hash(r, out);
    }
    return broken(r, "no symbol hash table");
}

/* An undefined symbol of ours: note which version it is asked for in. */
static void note_reference(struct core_elf *out, struct mansio_str name, uint32_t version)
{
    int is_public = mansio_str_starts(name, MANSIO_STR("mansio_"));
    if (!is_public && !mansio_str_starts(name, MANSIO_STR("core_"))) {
        return;
    }
    for (size_t i = 0; i < out->version_count; i++) {
        if (out->versions[i].index == version) {
            if (out->versions[i].symbol.len == 0) {
                out->versions[i].symbol = name;
            }
            return;
        }
    }
    /* Other libraries may have names in core_ too. */
    if (out->unversioned.len == 0 && (is_public || !out->needs_core)) {
        out->unversioned = name;
    }
}

static int read_symbols(const struct reader *r, struct core_elf *out)
{
    uint64_t count = 0;
    int err = count_symbols(r, &count);
    if (err < 0) {
        return err;
    }
    struct mansio_str symbols = at_address(r, r->symtab);
    struct mansio_str versions = at_address(r, r->versym);
    if (count > symbols.len / sizeof(ElfW(Sym))) {
        return broken(r, "a symbol table outside the file");
    }
    for (uint64_t i = 1; i < count; i++) { /* symbol 0 is none */
        ElfW(Sym) symbol;
        ElfW(Half) version = 0;
        (void)take(symbols, i * sizeof symbol, &symbol, sizeof symbol);
        (void)take(versions, i * sizeof version, &version, sizeof version);
        struct mansio_str name = symbol_name_at(r, symbol.st_name);
        if (symbol.st_shndx == SHN_UNDEF) {
            note_reference(out, name, version & VERSION_INDEX_MASK);
        } else if (mansio_str_eq(name, DESCRIPTOR_SYMBOL)) {
            out->has_descriptor = 1;
            out->descriptor_size = symbol.st_size;
        }
    }
    return 0;
}

int core_elf_read(const char *file, struct mansio_str bytes, struct core_elf *out)
{
    struct reader r = {.file = file, .bytes = bytes};
    struct core_elf facts = {0};

    int err = read_identity(&r, &facts);
    if (err < 0) {
        return err;
    }
    if (facts.is_native) {
        if ((err = read_header(&r)) < 0 || (err = read_segments(&r, &facts)) < 0) {
            return err;
        }
        if (facts.type == ET_DYN) {
            if ((err = read_dynamic_addresses(&r)) < 0) {
                return err;
            }
            r.strings = mansio_str_sub(at_address(&r, r.strtab), 0, (size_t)r.strtab_size);
            if ((err = read_needed(&r, &facts)) < 0 || (err = read_versions(&r, &facts)) < 0 ||
                (err = read_symbols(&r, &facts)) < 0) {
                return err;
            }
        }
    }
    *out = facts;
    return 0;
}
