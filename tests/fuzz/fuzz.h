/*
 * What a fuzz target defines: the function that libFuzzer (or replay.c) calls, and its name.
 */
#ifndef MANSIO_TESTS_FUZZ_FUZZ_H
#define MANSIO_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Its seeds are in corpus/NAME, its words in NAME.dict. */
extern const char fuzz_name[];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
