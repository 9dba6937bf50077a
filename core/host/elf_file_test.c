/*
 * The ELF reader, on a small shared object made here: what it reads of it whole, cut at every
 * length, with every byte changed, and with one lie at a time.
 */
#include "core/host/elf_file.h"

#include <elf.h>
#include <link.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_NAME "made.so"

enum { SYMBOLS = 5, SEGMENTS = 4, DYNAMIC_ENTRIES = 10 };

/* Offsets and addresses are the same: one segment maps it all. */
struct image {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[SEGMENTS];
    struct {
        ElfW(Nhdr) id_header;
        char id_owner[4];
        unsigned char id[20];
        ElfW(Nhdr) header;
        char owner[8];
        unsigned char text[40];
    } notes;
    ElfW(Dyn) dynamic[DYNAMIC_ENTRIES];
    char strings[160];
    ElfW(Sym) symbols[SYMBOLS];
    struct {
        uint32_t buckets, chains, bucket[1], chain[SYMBOLS];
    } hash;
    struct {
        uint32_t buckets, first, words, shift;
        ElfW(Addr) filter[1];
        uint32_t bucket[1], chain[1];
    } gnu_hash;
    ElfW(Half) versions[SYMBOLS];
    ElfW(Verneed) need;
    ElfW(Vernaux) aux[2];
    ElfW(Shdr) sections[1];
};

static struct image m; /* each test makes it anew and then spoils it */

static ElfW(Word) add_string(size_t *used, const char *text)
{
    size_t at = *used;
    memcpy(m.strings + at, text, strlen(text) + 1);
    *used += strlen(text) + 1;
    return (ElfW(Word))at;
}

static void set_dynamic(size_t index, ElfW(Sxword) tag, ElfW(Xword) value)
{
    m.dynamic[index].d_tag = tag;
    m.dynamic[index].d_un.d_val = value;
}

#define AT(member) offsetof(struct image, member)

static void make_header(void)
{
    memcpy(m.header.e_ident, ELFMAG, SELFMAG);
    m.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    m.header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB;
    m.header.e_ident[EI_VERSION] = EV_CURRENT;
    m.header.e_type = ET_DYN;
    m.header.e_machine = (ElfW(Half))core_elf_own_machine();
    m.header.e_version = EV_CURRENT;
    m.header.e_ehsize = sizeof m.header;
    m.header.e_phoff = AT(segments);
    m.header.e_phnum = SEGMENTS;
    m.header.e_phentsize = sizeof m.segments[0];
    m.header.e_shoff = AT(sections);
    m.header.e_shnum = 1;
    m.header.e_shentsize = sizeof m.sections[0];
    m.segments[0] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_filesz = sizeof m, .p_memsz = sizeof m};
    m.segments[1] = (ElfW(Phdr)){
        .p_type = PT_NOTE, .p_offset = AT(notes), .p_filesz = sizeof m.notes, .p_align = 4};
    m.segments[2] =
        (ElfW(Phdr)){.p_type = PT_DYNAMIC, .p_offset = AT(dynamic), .p_filesz = sizeof m.dynamic};
    m.segments[3] = (ElfW(Phdr)){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static void make_notes(void)
{
    m.notes.id_header = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID};
    memcpy(m.notes.id_owner, "GNU", 4);
    memset(m.notes.id, 0xab, sizeof m.notes.id);
    m.notes.header = (ElfW(Nhdr)){.n_namesz = 7, .n_descsz = sizeof m.notes.text, .n_type = 1};
    memcpy(m.notes.owner, "MANSIO", 7);
    memset(m.notes.text, 0x11, sizeof m.notes.text);
}

static void make_symbols(void)
{
    size_t used = 1; /* string 0 is the empty one */
    ElfW(Word) library = add_string(&used, "libmansio.so.1");
    m.need =
        (ElfW(Verneed)){.vn_version = 1, .vn_cnt = 2, .vn_file = library, .vn_aux = sizeof m.need};
    m.aux[0] = (ElfW(Vernaux)){
        .vna_other = 2, .vna_name = add_string(&used, "MANSIO_1.0"), .vna_next = sizeof m.aux[0]};
    m.aux[1] = (ElfW(Vernaux)){.vna_other = 3, .vna_name = add_string(&used, "MANSIO_PRIVATE")};
    m.symbols[1].st_name = add_string(&used, "mansio_log");
    m.symbols[2].st_name = add_string(&used, "core_secret_thing");
    m.symbols[3].st_name = add_string(&used, "malloc");
    m.symbols[4].st_name = add_string(&used, "mansio_module");
    m.symbols[4].st_shndx = 1;
    m.symbols[4].st_size = 112;
    m.versions[1] = 2;
    m.versions[2] = 3;
    m.hash.buckets = 1;
    m.hash.chains = SYMBOLS;
    m.gnu_hash.buckets = 1;
    m.gnu_hash.first = SYMBOLS - 1;
    m.gnu_hash.words = 1;
    m.gnu_hash.bucket[0] = SYMBOLS - 1;
    m.gnu_hash.chain[0] = 1;

    set_dynamic(0, DT_NEEDED, library);
    set_dynamic(1, DT_STRTAB, AT(strings));
    set_dynamic(2, DT_STRSZ, used);
    set_dynamic(3, DT_SYMTAB, AT(symbols));
    set_dynamic(4, DT_GNU_HASH, AT(gnu_hash));
    set_dynamic(5, DT_VERSYM, AT(versions));
    set_dynamic(6, DT_VERNEED, AT(need));
    set_dynamic(7, DT_VERNEEDNUM, 1);
    set_dynamic(8, DT_NEEDED, add_string(&used, "libc.so.6"));
    set_dynamic(2, DT_STRSZ, used);
    set_dynamic(9, DT_NULL, 0);
}

static void make(void)
{
    memset(&m, 0, sizeof m);
    make_header();
    make_notes();
    make_symbols();
}

static struct mansio_str bytes(void)
{
    return (struct mansio_str){(const char *)&m, sizeof m};
}

static void assert_text(struct mansio_str found, const char *wanted)
{
    if (!mansio_str_eq(found, mansio_str_from_cstr(wanted))) {
        fail_msg("wanted \"%s\", found \"%.*s\"", wanted, MANSIO_STR_ARG(found));
    }
}

static void assert_facts(const struct core_elf *elf)
{
    assert_int_equal(elf->bits, sizeof(void *) * 8);
    assert_int_equal(elf->machine, core_elf_own_machine());
    assert_int_equal(elf->type, ET_DYN);
    assert_true(elf->is_native);
    assert_int_equal(elf->note_count, 1);
    assert_int_equal(elf->note.len, 40);
    assert_int_equal(elf->note.ptr[0], 0x11);
    assert_int_equal(elf->build_id.len, 20);
    assert_int_equal((unsigned char)elf->build_id.ptr[19], 0xab);
    assert_false(elf->wants_executable_stack);
    assert_int_equal(elf->needed_count, 2);
    assert_text(elf->needed[0], "libmansio.so.1");
    assert_text(elf->needed[1], "libc.so.6");
    assert_true(elf->needs_core);
    assert_int_equal(elf->version_count, 2);
    assert_text(elf->versions[0].name, "MANSIO_1.0");
    assert_text(elf->versions[0].symbol, "mansio_log");
    assert_text(elf->versions[1].name, "MANSIO_PRIVATE");
    assert_text(elf->versions[1].symbol, "core_secret_thing");
    assert_int_equal(elf->unversioned.len, 0);
    assert_true(elf->has_descriptor);
    assert_int_equal(elf->descriptor_size, 112);
}

static void test_reads_all_facts(void **state)
{
    (void)state;
    make();
    struct core_elf elf;

    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_facts(&elf);

    m.dynamic[4].d_tag = DT_HASH; /* the older table says the same */
    m.dynamic[4].d_un.d_val = AT(hash);
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_facts(&elf);

    m.header.e_shoff = 0; /* sections are for linkers and debuggers */
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_facts(&elf);
}

static void test_sees_what_is_unlike(void **state)
{
    (void)state;
    struct core_elf elf;
    make();

    m.versions[1] = 0;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_text(elf.unversioned, "mansio_log");

    make();
    m.versions[2] = 1; /* a library that isn't ours may have names in core_ */
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_int_equal(elf.unversioned.len, 0);
    m.dynamic[0].d_tag = DT_SONAME; /* but without libmansio who else would it mean? */
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_text(elf.unversioned, "core_secret_thing");

    make();
    m.symbols[4].st_shndx = SHN_UNDEF;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_false(elf.has_descriptor);

    make();
    m.segments[3].p_flags |= PF_X;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_true(elf.wants_executable_stack);

    make();
    m.notes.header.n_type = 2;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_int_equal(elf.note_count, 0);
    assert_null(elf.note.ptr);
}

/* Of a foreign file no more is read than what names it. */
static void test_names_foreign_files(void **state)
{
    (void)state;
    char name[CORE_ELF_MACHINE_NAME_MAX];
    struct core_elf elf;
    make();

    m.header.e_machine = core_elf_own_machine() == EM_AARCH64 ? EM_RISCV : EM_AARCH64;
    m.header.e_phoff = SIZE_MAX;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_false(elf.is_native);
    assert_int_equal(elf.machine, m.header.e_machine);

    make();
    m.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;
    assert_int_equal(core_elf_read(FILE_NAME, bytes(), &elf), 0);
    assert_false(elf.is_native);
    assert_int_equal(elf.bits, sizeof(void *) == 8 ? 32 : 64);

    static const unsigned char s390[] = {0x7f, 'E', 'L', 'F', 2, 2, 1, 0, 0, 0,
                                         0,    0,   0,   0,   0, 0, 0, 3, 0, 22};
    struct mansio_str foreign = {(const char *)s390, sizeof s390};
    assert_int_equal(core_elf_read(FILE_NAME, foreign, &elf), 0);
    assert_false(elf.is_native);
    assert_true(elf.is_big_endian);
    assert_int_equal(elf.type, ET_DYN);
    assert_string_equal(core_elf_machine_name(elf.machine, name), "s390");
    assert_string_equal(core_elf_machine_name(4711, name), "machine 4711");
}

static void assert_refused(const char *why)
{
    struct core_elf elf = {.bits = 7};

    int err = core_elf_read(FILE_NAME, bytes(), &elf);
    if (err >= 0 || strstr(mansio_error_detail(), why) == NULL ||
        strstr(mansio_error_detail(), FILE_NAME ": wanted ") == NULL) {
        fail_msg("wanted a refusal with \"%s\", found %d, \"%s\"", why, err, mansio_error_detail());
    }
    assert_int_equal(elf.bits, 7); /* untouched */
}

/* Names may share one long string, so that a file of 64 MiB has terabytes of them to look through:
 * no more of each is read than anybody needs. */
static void test_cuts_endless_names(void **state)
{
    (void)state;
    enum { STRINGS = 65536 };
    make();
    char *file = calloc(1, sizeof m + STRINGS);
    assert_non_null(file);
    m.segments[0].p_filesz = sizeof m + STRINGS;
    set_dynamic(1, DT_STRTAB, sizeof m);
    set_dynamic(2, DT_STRSZ, STRINGS);
    memcpy(file + sizeof m, m.strings, sizeof m.strings);
    memset(file + sizeof m + sizeof m.strings, 'x', STRINGS - sizeof m.strings - 1);
    memcpy(file + sizeof m + sizeof m.strings, "mansio_", 7);
    m.symbols[3].st_name = sizeof m.strings;
    memcpy(file, &m, sizeof m);

    struct core_elf elf;
    assert_int_equal(core_elf_read(FILE_NAME, (struct mansio_str){file, sizeof m + STRINGS}, &elf),
                     0);
    assert_int_equal(elf.unversioned.len, CORE_ELF_SYMBOL_MAX);
    assert_true(elf.has_descriptor);
    free(file);
}

static void test_refuses_lies(void **state)
{
    (void)state;
    make(), m.header.e_ident[EI_CLASS] = 9;
    assert_refused("found an unknown class or byte order");
    make(), m.header.e_version = 2;
    assert_refused("found a header of another version or size");
    make(), m.header.e_phnum = 0;
    assert_refused("found no program headers");
    make(), m.header.e_phnum = 300;
    assert_refused("at most 256 program headers, found 300");
    make(), m.header.e_phoff = (ElfW(Off)) - 8;
    assert_refused("its program header table would end");
    make(), m.segments[0].p_filesz = (ElfW(Xword)) - 1;
    assert_refused("its segment would end");
    make(), m.notes.header.n_descsz = 0xfffffffc;
    assert_refused("found a note that is cut short");
    make(), m.notes.header.n_namesz = 0xfffffff0;
    assert_refused("found a note that is cut short");
    make(), m.segments[2].p_type = PT_NULL;
    assert_refused("found no dynamic section");
    make(), m.dynamic[9].d_tag = DT_DEBUG;
    assert_refused("found a dynamic section without end");
    make(), m.dynamic[8].d_un.d_val = 1 << 20;
    assert_refused("found a needed library without a name");
    make(), m.dynamic[4].d_un.d_val = 1 << 20;
    assert_refused("found a symbol hash table outside the file");
    make(), m.dynamic[4].d_tag = DT_DEBUG;
    assert_refused("found no symbol hash table");
    make(), m.gnu_hash.buckets = 0xffffffff;
    assert_refused("found a symbol hash table outside the file");
    make(), m.gnu_hash.bucket[0] = 0xffffffff;
    assert_refused("found a symbol hash table without end");
    make(), m.dynamic[3].d_un.d_val = sizeof m - 8;
    assert_refused("found a symbol table outside the file");
    make(), m.dynamic[7].d_un.d_val = (ElfW(Xword)) - 1, m.need.vn_cnt = 1, m.need.vn_next = 0;
    assert_refused("found"); /* the same entry over and over: too many, or endless */
    make(), m.need.vn_cnt = 0xffff, m.aux[1].vna_next = (ElfW(Word)) - sizeof m.aux[0];
    assert_refused("found");
    make(), m.aux[0].vna_name = 1 << 20;
    assert_refused("found a symbol version without a name");
}

static void test_refuses_what_is_no_elf_file(void **state)
{
    (void)state;
    struct core_elf elf;

    assert_int_equal(core_elf_read(FILE_NAME, MANSIO_STR_NONE, &elf), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "found an empty file"));
    assert_int_equal(core_elf_read(FILE_NAME, MANSIO_STR("#!/bin/sh\n"), &elf), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "found something else"));
    assert_int_equal(core_elf_read(FILE_NAME, MANSIO_STR("\177EL"), &elf), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "cut short"));
}

/* In memory of its exact size, so that a sanitizer sees one byte too many. */
static int read_copy(size_t len, struct core_elf *elf)
{
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    char *end = copy + 1; /* and not aligned */
    memcpy(end, &m, len);
    int err = core_elf_read(FILE_NAME, (struct mansio_str){end, len}, elf);
    free(copy);
    return err;
}

static void test_refuses_every_truncation(void **state)
{
    (void)state;
    make();
    struct core_elf elf;

    assert_int_equal(read_copy(sizeof m, &elf), 0);
    for (size_t len = 0; len < sizeof m; len++) {
        if (read_copy(len, &elf) != MANSIO_E_INVALID) {
            fail_msg("accepted at %zu of %zu bytes", len, sizeof m);
        }
    }
}

static void test_survives_every_changed_byte(void **state)
{
    (void)state;
    static const unsigned char changes[] = {0x01, 0x7f, 0x80, 0xff};
    size_t refused = 0;

    for (size_t at = 0; at < sizeof(struct image); at++) {
        for (size_t i = 0; i < MANSIO_COUNT(changes); i++) {
            make();
            struct core_elf elf;
            ((unsigned char *)&m)[at] ^= changes[i];
            refused += read_copy(sizeof m, &elf) < 0;
        }
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_all_facts),
        cmocka_unit_test(test_sees_what_is_unlike),
        cmocka_unit_test(test_names_foreign_files),
        cmocka_unit_test(test_cuts_endless_names),
        cmocka_unit_test(test_refuses_lies),
        cmocka_unit_test(test_refuses_what_is_no_elf_file),
        cmocka_unit_test(test_refuses_every_truncation),
        cmocka_unit_test(test_survives_every_changed_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
