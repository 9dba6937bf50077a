/*
 * For benches: time a function over rounds and tell the median, which one noisy neighbour doesn't
 * move, with the fastest and slowest beside it.
 */
#ifndef MANSIO_TESTS_BENCH_BENCH_H
#define MANSIO_TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mansio/time.h>

#define BENCH_ROUNDS_MAX 101

static inline int bench_by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Print "name: median unit (fastest to slowest of n rounds)"; returns the median. */
static inline double bench_report(const char *name, const char *unit, double *values, size_t count)
{
    qsort(values, count, sizeof *values, bench_by_size);
    printf("%-44s %8.1f %s (%.1f to %.1f, %zu rounds)\n", name, values[count / 2], unit, values[0],
           values[count - 1], count);
    return values[count / 2];
}

/* Proportional set size of this process, bytes; 0 if /proc doesn't tell. */
static inline size_t bench_pss(void)
{
    size_t kib = 0;
    char line[128];
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "Pss:", 4) == 0) {
            kib = strtoul(line + 4, NULL, 10);
        }
    }
    (void)fclose(file);
    return kib * 1024;
}

/* Lines of /proc/self/maps. */
static inline size_t bench_mappings(void)
{
    size_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    if (file == NULL) {
        return 0;
    }
    for (int c = getc(file); c != EOF; c = getc(file)) {
        lines += c == '\n';
    }
    (void)fclose(file);
    return lines;
}

#endif
