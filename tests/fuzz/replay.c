/*
 * A main for fuzz targets built without libFuzzer: gives them every file of their corpus, or of
 * the folders and files named as arguments, once, and speaks TAP. What once broke a target lies
 * in its corpus, so `make check` notices if it comes back. A target that finds something wrong
 * aborts, which ends the stream before its plan: that counts as failed.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX_BYTES = 4 << 20, PATH_MAX_BYTES = 1024 };

static size_t replayed;
static size_t failed;

static void report(int is_ok, const char *path)
{
    replayed++;
    failed += !is_ok;
    const char *slash = strrchr(path, '/');
    printf("%s %zu - %s\n", is_ok ? "ok" : "not ok", replayed, slash != NULL ? slash + 1 : path);
    fflush(stdout);
}

/* The input in memory of exactly its size, so that a sanitizer sees every byte read too much. */
static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(INPUT_MAX_BYTES);
    size_t size = file != NULL && room != NULL ? fread(room, 1, INPUT_MAX_BYTES, file) : 0;
    int is_read = file != NULL && room != NULL && !ferror(file) && size < INPUT_MAX_BYTES;
    if (file != NULL) {
        fclose(file);
    }
    uint8_t *data = is_read ? realloc(room, size > 0 ? size : 1) : NULL;
    if (data == NULL) {
        free(room);
        report(0, path);
        return;
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    report(1, path);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode)) {
        replay_file(path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count <= 0) {
        report(0, path); /* an empty corpus tests nothing */
    }
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX_BYTES];
        int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof name) {
            replay_file(name);
        } else {
            report(0, path);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    char path[PATH_MAX_BYTES];
    const char *top = getenv("MANSIO_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".", fuzz_name);
    if (argc < 2) {
        replay(path);
    }
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    printf("1..%zu\n", replayed);
    return failed == 0 ? 0 : 1;
}
