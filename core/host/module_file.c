/*
 * Module files: see module_file.h. Each check has a message of its own that names the file, what
 * was wanted and what was found; they run in the order of STYLE.md section 10, everything that can
 * be known from the bytes before dlopen.
 *
 * Between the check and dlopen the file may be replaced (an upgrade, by rename). dlopen by
 * /proc/self/fd/N would close that gap and open worse ones: glibc first compares names, so a
 * second file under the same descriptor number would be answered with the first one's code; and a
 * debugger would find no file under that name. So dlopen gets the real path, and the path is looked
 * at again after it: if it leads to another file by then, the load is refused. Whoever could
 * replace the file twice within that gap could as well have written the first one.
 *
 * glibc also answers with the old object when a path that is loaded already was replaced since. So
 * what is loaded is remembered here, for the life of the process, and such a path is refused: only
 * a new process can have the new file.
 */
#include "core/host/module_file.h"

#include "core/host/elf_file.h"
#include "core/host/module_note.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_SIZE_MAX = 64 << 20,
    FACTS_ROOM = 64 << 10, /* beside the bytes: what the checks keep */
    METRICS_MAX = 1024,
    SETTINGS_MAX = 1024,
    METRIC_NAME_MAX = 47,
    METRIC_HELP_MAX = 127,
    DESCRIPTOR_SIZE_MAX = 4096,
};

/* What a module of ABI 1.0 knows of the tables: they may be longer, never shorter. */
#define DESCRIPTOR_SIZE_MIN (offsetof(struct mansio_module, stop) + sizeof(void *))
#define METRIC_SIZE_MIN     (offsetof(struct mansio_metric, help) + sizeof(void *))

/* The version nodes that modules may need of this core: those of api/mansio.map but
 * MANSIO_PRIVATE. MANSIO_EXPERIMENTAL joins them as long as it has a function. */
static const char *const version_nodes[] = {"MANSIO_1.0"};
#define OWN_SONAME "libmansio.so.1"

/* A file on its way: what the checks before dlopen gather. */
struct checked_file {
    struct core_module_file facts;
    struct mansio_str required;
    struct mansio_str real_path; /* NUL-terminated; empty before core_module_open() asks */
    uint64_t descriptor_size;
};

/* What this process has loaded; one process has one dynamic loader. */
struct loaded_file {
    struct loaded_file *next;
    struct mansio_arena *arena; /* holds this; leak checkers follow it */
    struct mansio_str real_path;
    struct core_module_code code;
};
static struct loaded_file *loaded_files;

/* ---- the file -----------------------------------------------------------------------------------
 */

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

static int check_stat(const char *path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode)) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted a regular file, found %s", path,
                           kind_of(st->st_mode));
    }
    /* Whoever owns it may write it, and its code runs with all that we may do. */
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return mansio_fail(MANSIO_E_DENIED,
                           "%s: wanted a file that root or uid %u owns, found it owned by uid %u",
                           path, (unsigned)geteuid(), (unsigned)st->st_uid);
    }
    if ((st->st_mode & S_IWOTH) != 0) {
        return mansio_fail(MANSIO_E_DENIED,
                           "%s: wanted a file that not everybody may write, found mode %04o", path,
                           (unsigned)(st->st_mode & 07777));
    }
    if (st->st_size > FILE_SIZE_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: wanted at most %d MiB, found %lld bytes", path,
                           FILE_SIZE_MAX >> 20, (long long)st->st_size);
    }
    return 0;
}

static int read_whole(struct mansio_arena *arena, const char *path, int fd, size_t size,
                      struct mansio_str *out)
{
    char *bytes = mansio_arena_try_alloc(arena, size + 1);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    size_t have = 0;
    while (have < size) {
        ssize_t got = pread(fd, bytes + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int err = errno;
            return mansio_fail(MANSIO_E_IO, "%s: read: %s", path, strerror(err));
        }
        if (got == 0) {
            return mansio_fail(MANSIO_E_BUSY,
                               "%s: wanted %zu bytes, found %zu: it is being written", path, size,
                               have);
        }
        have += (size_t)got;
    }
    *out = (struct mansio_str){bytes, size};
    return 0;
}

static void set_identity(struct core_module_file *file, const struct stat *st)
{
    file->device = st->st_dev;
    file->inode = st->st_ino;
    file->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    file->size = st->st_size;
}

static int is_same_file(const struct core_module_file *a, const struct core_module_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
           a->size == b->size;
}

/* ---- checks before dlopen -----------------------------------------------------------------------
 */

static int check_machine(const char *path, const struct core_elf *elf)
{
    char found[CORE_ELF_MACHINE_NAME_MAX], wanted[CORE_ELF_MACHINE_NAME_MAX];

    if (!elf->is_native) {
        return mansio_fail(
            MANSIO_E_UNSUPPORTED,
            "%s: wanted a file built for %s (%u bits, %s-endian), found one built for %s (%u bits, "
            "%s-endian)",
            path, core_elf_machine_name(core_elf_own_machine(), wanted),
            (unsigned)sizeof(void *) * 8, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? "big" : "little",
            core_elf_machine_name(elf->machine, found), (unsigned)elf->bits,
            elf->is_big_endian ? "big" : "little");
    }
    if (elf->type != ET_DYN) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted a shared object, found %s", path,
                           elf->type == ET_EXEC   ? "a program"
                           : elf->type == ET_REL  ? "an object file that was never linked"
                           : elf->type == ET_CORE ? "a core dump"
                                                  : "another type of ELF file");
    }
    if (elf->wants_executable_stack) {
        return mansio_fail(MANSIO_E_DENIED,
                           "%s: wanted a file content with a stack that can't be executed, found "
                           "one that asks for an executable one",
                           path);
    }
    return 0;
}

static int check_version(const char *path, const struct core_elf_version *version)
{
    for (size_t i = 0; i < MANSIO_COUNT(version_nodes); i++) {
        if (mansio_str_eq(version->name, mansio_str_from_cstr(version_nodes[i]))) {
            return 0;
        }
    }
    struct mansio_str symbol = version->symbol.len != 0 ? version->symbol : MANSIO_STR("a symbol");
    if (mansio_str_eq(version->name, MANSIO_STR("MANSIO_PRIVATE"))) {
        return mansio_fail(MANSIO_E_DENIED,
                           "%s: wanted public functions of libmansio alone, found %.*s of "
                           "MANSIO_PRIVATE, which is the core's own",
                           path, MANSIO_STR_ARG(symbol));
    }
    return mansio_fail(MANSIO_E_UNSUPPORTED,
                       "%s: wanted symbol versions up to %s, found %.*s of %.*s: it needs a newer "
                       "mansiod",
                       path, version_nodes[MANSIO_COUNT(version_nodes) - 1], MANSIO_STR_ARG(symbol),
                       MANSIO_STR_ARG(version->name));
}

static int check_symbols(const char *path, const struct core_elf *elf)
{
    for (size_t i = 0; i < elf->needed_count; i++) {
        if (mansio_str_starts(elf->needed[i], MANSIO_STR("libmansio.so")) &&
            !mansio_str_eq(elf->needed[i], MANSIO_STR(OWN_SONAME))) {
            return mansio_fail(MANSIO_E_UNSUPPORTED, "%s: wanted " OWN_SONAME ", found %.*s", path,
                               MANSIO_STR_ARG(elf->needed[i]));
        }
    }
    for (size_t i = 0; i < elf->version_count; i++) {
        int err = check_version(path, &elf->versions[i]);
        if (err < 0) {
            return err;
        }
    }
    if (elf->unversioned.len != 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted symbols with a version of " OWN_SONAME
                           ", found %.*s without one (link with pkg-config --libs mansio)",
                           path, MANSIO_STR_ARG(elf->unversioned));
    }
    if (!elf->has_descriptor || elf->descriptor_size < sizeof(size_t)) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted a descriptor, the symbol mansio_module, found none (it "
                           "needs MANSIO_MODULE, and a linker that exports that symbol)",
                           path);
    }
    return 0;
}

static int check_note(const char *path, const struct core_elf *elf, struct core_note *out)
{
    if (elf->note_count != 1) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted one MANSIO note, found %s", path,
                           elf->note_count == 0 ? "none: it isn't a module, or has no MANSIO_MODULE"
                                                : "several");
    }
    int err = core_note_read(path, elf->note, out);
    return err < 0 ? err : core_note_judge(path, out);
}

static void set_build_id(struct core_module_file *file, struct mansio_str id)
{
    static const char digits[] = "0123456789abcdef";
    size_t len =
        id.len < (sizeof file->build_id - 1) / 2 ? id.len : (sizeof file->build_id - 1) / 2;
    for (size_t i = 0; i < len; i++) {
        file->build_id[2 * i] = digits[(unsigned char)id.ptr[i] >> 4];
        file->build_id[2 * i + 1] = digits[(unsigned char)id.ptr[i] & 15];
    }
    file->build_id[2 * len] = 0;
}

static int check_bytes(struct mansio_arena *arena, const char *path, struct mansio_str bytes,
                       struct checked_file *out)
{
    struct core_elf elf;
    struct core_note note;

    int err = core_elf_read(path, bytes, &elf);
    if (err < 0 || (err = check_machine(path, &elf)) < 0 ||
        (err = check_note(path, &elf, &note)) < 0 || (err = check_symbols(path, &elf)) < 0) {
        return err;
    }
    struct core_module_file *facts = &out->facts;
    facts->abi_major = note.abi_major;
    facts->abi_minor = note.abi_minor;
    set_build_id(facts, elf.build_id);
    out->descriptor_size = elf.descriptor_size;
    if ((err = mansio_arena_copy(arena, mansio_str_from_cstr(path), &facts->path)) < 0 ||
        (err = mansio_arena_copy(arena, note.name, &facts->name)) < 0 ||
        (err = mansio_arena_copy(arena, note.version, &facts->version)) < 0 ||
        (err = mansio_arena_copy(arena, note.build_tag, &facts->build_tag)) < 0 ||
        (err = mansio_arena_copy(arena, note.required, &out->required)) < 0) {
        return err;
    }
    return 0;
}

static int check_open_file(struct mansio_arena *arena, const char *path, int fd,
                           struct checked_file *out)
{
    struct stat st;
    struct mansio_str bytes;

    if (fstat(fd, &st) < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "%s: fstat: %s", path, strerror(err));
    }
    int err = check_stat(path, &st);
    if (err < 0) {
        return err;
    }
    set_identity(&out->facts, &st);
    struct mansio_arena *room =
        mansio_arena_new(NULL, "module file", (size_t)st.st_size + FACTS_ROOM);
    if ((err = read_whole(room, path, fd, (size_t)st.st_size, &bytes)) == 0) {
        err = check_bytes(arena, path, bytes, out);
    }
    mansio_arena_free(room);
    return err;
}

/* Everything up to dlopen. */
static int check_file(struct mansio_arena *arena, const char *path, struct checked_file *out)
{
    /* Not to hang on a FIFO; regular files don't mind. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(err == ENOENT ? MANSIO_E_NOT_FOUND : MANSIO_E_IO,
                           "%s: wanted a module's file, found: %s", path, strerror(err));
    }
    struct checked_file checked = {0};
    int err = check_open_file(arena, path, fd, &checked);
    if (err == 0) {
        *out = checked;
    }
    (void)close(fd);
    return err;
}

/* ---- checks after dlopen ------------------------------------------------------------------------
 */

static int metric_is_valid(const struct mansio_metric *row)
{
    if (row->name == NULL || row->help == NULL || row->type < MANSIO_METRIC_COUNTER ||
        row->type > MANSIO_METRIC_HISTOGRAM || row->reserved_flags != 0 ||
        strnlen(row->help, METRIC_HELP_MAX + 1) > METRIC_HELP_MAX) {
        return 0;
    }
    size_t len = strnlen(row->name, METRIC_NAME_MAX + 1);
    if (len == 0 || len > METRIC_NAME_MAX || row->name[0] < 'a' || row->name[0] > 'z') {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        char c = row->name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return 0;
        }
    }
    return row->unit == NULL || strcmp(row->unit, "seconds") == 0 ||
           strcmp(row->unit, "bytes") == 0;
}

static const struct mansio_metric *metric_row(const struct mansio_metric *table, size_t index)
{
    /* The first row's size is the table's stride: the module's rows may be longer than ours. */
    return (const void *)((const char *)table + index * table->size);
}

static int check_metrics(const char *path, const struct mansio_metric *table, size_t count)
{
    if (count == 0) {
        return 0;
    }
    if (table == NULL || count > METRICS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted a table of at most %d metrics, found %s",
                           path, METRICS_MAX, table == NULL ? "none" : "more");
    }
    if (table->size < METRIC_SIZE_MIN || table->size > DESCRIPTOR_SIZE_MAX ||
        table->size % sizeof(void *) != 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted metric rows of %zu bytes or more, found %zu (are they made "
                           "with MANSIO_METRIC?)",
                           path, (size_t)METRIC_SIZE_MIN, table->size);
    }
    for (size_t i = 0; i < count; i++) {
        const struct mansio_metric *row = metric_row(table, i);
        if (row->size != table->size || !metric_is_valid(row)) {
            return mansio_fail(MANSIO_E_INVALID,
                               "%s: wanted metrics with a name of lower-case letters, digits and "
                               "'_', a type, a known unit and a line of help; row %zu is none",
                               path, i);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(metric_row(table, k)->name, row->name) == 0) {
                return mansio_fail(MANSIO_E_INVALID, "%s: wanted metrics once each, found %s twice",
                                   path, row->name);
            }
        }
    }
    return 0;
}

static int check_tables(const char *path, const struct mansio_module *module)
{
    char detail[MANSIO_ERROR_DETAIL_MAX];

    if (module->setting_count > SETTINGS_MAX ||
        (module->setting_count > 0 && module->settings == NULL)) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted a table of at most %d settings, found %s",
                           path, SETTINGS_MAX, module->settings == NULL ? "none" : "more");
    }
    if (module->setting_count == 0 && module->settings != NULL) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted a setting_count with the settings, found 0", path);
    }
    if (module->metric_count == 0 && module->metrics != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted a metric_count with the metrics, found 0",
                           path);
    }
    int err = core_settings_table_check(module->settings, module->setting_count);
    if (err < 0) {
        (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
        return mansio_fail(err, "%s: wanted a well-formed settings table, found: %s", path, detail);
    }
    return check_metrics(path, module->metrics, module->metric_count);
}

static int text_eq(struct mansio_str noted, const char *described)
{
    return described != NULL && mansio_str_eq(noted, mansio_str_from_cstr(described));
}

static int check_descriptor(const struct checked_file *checked, const struct mansio_module *found,
                            struct mansio_module *out)
{
    const struct core_module_file *facts = &checked->facts;
    const char *path = facts->path.ptr;

    if (found->size < DESCRIPTOR_SIZE_MIN || found->size > checked->descriptor_size ||
        found->size > DESCRIPTOR_SIZE_MAX) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted a descriptor of %zu bytes or more, found %zu that call "
                           "themselves %zu",
                           path, (size_t)DESCRIPTOR_SIZE_MIN, (size_t)checked->descriptor_size,
                           found->size);
    }
    struct mansio_module module = {0};
    memcpy(&module, found, found->size < sizeof module ? found->size : sizeof module);
    if (module.abi_major != facts->abi_major || module.abi_minor != facts->abi_minor) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted ABI %u.%u, as its note says, found %u.%u "
                           "in its descriptor",
                           path, (unsigned)facts->abi_major, (unsigned)facts->abi_minor,
                           (unsigned)module.abi_major, (unsigned)module.abi_minor);
    }
    if (!text_eq(facts->name, module.name) || !text_eq(facts->version, module.version)) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s: wanted %.*s %.*s, as its note says, found %s %s "
                           "in its descriptor",
                           path, MANSIO_STR_ARG(facts->name), MANSIO_STR_ARG(facts->version),
                           module.name != NULL ? module.name : "no name",
                           module.version != NULL ? module.version : "and no version");
    }
    int err = check_tables(path, &module);
    if (err == 0) {
        *out = module;
    }
    return err;
}

/* ---- loading ------------------------------------------------------------------------------------
 */

/* The loaded file that this one is, or NULL; MANSIO_E_BUSY if it took the place of a loaded one. */
static int find_loaded(const struct checked_file *checked, const struct core_module_code **out)
{
    const struct core_module_file *facts = &checked->facts;

    *out = NULL;
    for (const struct loaded_file *l = loaded_files; l != NULL; l = l->next) {
        const struct core_module_file *known = &l->code.file;
        if (is_same_file(known, facts)) {
            *out = &l->code;
            return 0;
        }
        if (known->device == facts->device && known->inode == facts->inode) {
            return mansio_fail(MANSIO_E_BUSY,
                               "%s: wanted the file that this process loaded, found that it was "
                               "written over in place (install modules by rename)",
                               facts->path.ptr);
        }
        if (mansio_str_eq(l->real_path, checked->real_path)) {
            return mansio_fail(MANSIO_E_BUSY,
                               "%s: wanted the file that this process loaded, found that it was "
                               "replaced: only a new process can load the new one",
                               facts->path.ptr);
        }
    }
    return 0;
}

/* Does the path still lead to what was checked? */
static int check_unreplaced(const struct checked_file *checked)
{
    struct stat st;
    struct core_module_file now = {0};

    if (stat(checked->real_path.ptr, &st) == 0) {
        set_identity(&now, &st);
    }
    if (is_same_file(&now, &checked->facts)) {
        return 0;
    }
    return mansio_fail(MANSIO_E_BUSY,
                       "%s: wanted the file that was checked, found that it was replaced "
                       "meanwhile: try again",
                       checked->facts.path.ptr);
}

static int open_object(const struct checked_file *checked, const struct mansio_module **out)
{
    const char *path = checked->facts.path.ptr;
    int err = check_unreplaced(checked);
    if (err < 0) {
        return err;
    }
    void *object = dlopen(checked->real_path.ptr, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "%s: wanted what the dynamic loader can load, found: %s", path,
                           dlerror());
    }
    const void *symbol = dlsym(object, "mansio_module");
    if (symbol == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%s: wanted the symbol mansio_module, found: %s", path,
                           dlerror());
    }
    if ((err = check_unreplaced(checked)) < 0) {
        return err;
    }
    *out = symbol;
    return 0;
}

/* What was checked lives in the caller's arena; what is loaded lives as long as the process. */
static int remember(const struct checked_file *checked, const struct mansio_module *descriptor,
                    const struct core_module_code **out)
{
    /* One a file and process, never freed: neither is the code that it describes. */
    struct mansio_arena *arena = mansio_arena_new(NULL, "loaded module", FACTS_ROOM);
    struct loaded_file *l = mansio_arena_alloc(arena, sizeof *l);
    const struct core_module_file *facts = &checked->facts;
    struct core_module_file *file = &l->code.file;

    *file = *facts;
    l->code.descriptor = *descriptor;
    int err;
    if ((err = mansio_arena_copy(arena, facts->path, &file->path)) < 0 ||
        (err = mansio_arena_copy(arena, facts->name, &file->name)) < 0 ||
        (err = mansio_arena_copy(arena, facts->version, &file->version)) < 0 ||
        (err = mansio_arena_copy(arena, facts->build_tag, &file->build_tag)) < 0 ||
        (err = mansio_arena_copy(arena, checked->required, &l->code.required)) < 0 ||
        (err = mansio_arena_copy(arena, checked->real_path, &l->real_path)) < 0) {
        mansio_arena_free(arena);
        return err;
    }
    file->summary = mansio_str_from_cstr(descriptor->summary); /* the code's own constant */
    l->arena = arena;
    l->next = loaded_files;
    loaded_files = l;
    *out = &l->code;
    return 0;
}

static int find_real_path(struct mansio_arena *arena, struct checked_file *checked)
{
    char *found = realpath(checked->facts.path.ptr, NULL);
    if (found == NULL) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "%s: wanted its real path, found: %s",
                           checked->facts.path.ptr, strerror(err));
    }
    int err = mansio_arena_copy(arena, mansio_str_from_cstr(found), &checked->real_path);
    free(found);
    return err;
}

int core_module_open(struct mansio_arena *arena, const char *path,
                     const struct core_module_code **out)
{
    struct checked_file checked;
    const struct mansio_module *found = NULL;
    struct mansio_module descriptor;

    int err = check_file(arena, path, &checked);
    if (err < 0 || (err = find_real_path(arena, &checked)) < 0 ||
        (err = find_loaded(&checked, out)) < 0 || *out != NULL) {
        return err;
    }
    if ((err = open_object(&checked, &found)) < 0 ||
        (err = check_descriptor(&checked, found, &descriptor)) < 0) {
        return err;
    }
    return remember(&checked, &descriptor, out);
}

int core_module_inspect(struct mansio_arena *arena, const char *path, struct core_module_file *out)
{
    struct checked_file checked;

    int err = check_file(arena, path, &checked);
    if (err == 0) {
        *out = checked.facts;
    }
    return err;
}

/* ---- finding ------------------------------------------------------------------------------------
 */

int core_module_find(struct mansio_arena *arena, struct mansio_str module,
                     const struct mansio_str *directories, size_t count, const char **out_path)
{
    if (mansio_str_find_char(module, '/') >= 0) {
        return mansio_cstr(arena, module, out_path);
    }
    if (!core_name_is_valid(module)) {
        return mansio_fail(MANSIO_E_INVALID,
                           "module \"%.*s\": wanted a path, or a name of 1 to %d lower-case "
                           "letters, digits and '-'",
                           MANSIO_STR_ARG(module), CORE_INTERFACE_NAME_MAX);
    }
    struct mansio_str tried = MANSIO_STR_NONE;
    for (size_t i = 0; i < count; i++) {
        struct mansio_str path;
        int err = mansio_arena_printf(arena, &path, "%.*s/%.*s.so", MANSIO_STR_ARG(directories[i]),
                                      MANSIO_STR_ARG(module));
        if (err < 0) {
            return err;
        }
        if (access(path.ptr, F_OK) == 0) {
            *out_path = path.ptr;
            return 0;
        }
        err = mansio_arena_printf(arena, &tried, "%.*s%s%s", MANSIO_STR_ARG(tried),
                                  i == 0 ? "" : ", ", path.ptr);
        if (err < 0) {
            return err;
        }
    }
    return mansio_fail(MANSIO_E_NOT_FOUND, "module %.*s: wanted its file, found none at %.*s",
                       MANSIO_STR_ARG(module), MANSIO_STR_ARG(tried));
}
