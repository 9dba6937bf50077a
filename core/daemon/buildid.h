/*
 * Which mansiod and which libmansio this process has mapped: their GNU build ids, read from memory,
 * so that they are right also when the files on disk were replaced meanwhile.
 */
#ifndef MANSIO_CORE_DAEMON_BUILDID_H
#define MANSIO_CORE_DAEMON_BUILDID_H

enum { CORE_BUILD_ID_MAX = 65 }; /* hex of up to 32 bytes and a NUL */

struct core_build_ids {
    char daemon[CORE_BUILD_ID_MAX];
    char library[CORE_BUILD_ID_MAX]; /* that of the program again if it has the library within */
};

void core_build_ids(struct core_build_ids *out);

#endif
