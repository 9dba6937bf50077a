/*
 * mansioctl: an administrator's hand on a running mansiod, and on the directory without one. Owns
 * the run's arena; what it can do is the table in commands.c, how it asks is client.c.
 */
#include "core/ctl/ctl.h"

int main(int argc, char **argv)
{
    const char *words[256];
    size_t count = 0;
    struct core_ctl ctl = {.timeout_us = -1};
    ctl.arena = mansio_arena_new(NULL, "ctl", 0);
    int rc = CORE_CTL_USAGE;
    for (int i = 1; i < argc && count < MANSIO_COUNT(words); i++) {
        words[count++] = argv[i];
    }
    if (argc > (int)MANSIO_COUNT(words)) {
        core_ctl_error(&ctl, "too many arguments");
    } else {
        rc = core_ctl_run(&ctl, words, count);
    }
    mansio_arena_free(ctl.arena);
    return rc;
}
