/*
 * `mansioctl batch`: many commands about the directory in one process, over one connection. A line
 * is what would follow "mansioctl" on a command line.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/input.h"
#include "core/ctl/words.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

enum { LINE_ARENA_CAP = 512 * 1024 * 1024 };

static int run_line(struct core_ctl *ctl, struct mansio_str line)
{
    const char **words = mansio_arena_alloc(ctl->arena, CORE_CTL_WORDS_MAX * sizeof(const char *));
    int count = core_ctl_words(ctl->arena, line, words);
    if (count < 0) {
        (void)core_ctl_failed(ctl, count);
        return CORE_CTL_USAGE;
    }
    return count == 0 ? CORE_CTL_OK : core_ctl_run(ctl, words, (size_t)count);
}

int core_ctl_cmd_batch(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_ctl_input input = {
        .block = mansio_arena_try_alloc(ctl->arena, CORE_CTL_LINE_MAX),
    };
    int keeps_going = core_ctl_option(args, "--keep-going") != NULL;
    int exit_code = CORE_CTL_OK, more = input.block != NULL ? 1 : MANSIO_E_LIMIT;
    struct core_ctl line_ctl = *ctl;
    struct mansio_str line;

    line_ctl.arena = mansio_arena_new(ctl->arena, "ctl.line", LINE_ARENA_CAP);
    while (more > 0 && (more = core_ctl_read_line(&input, &line)) > 0) {
        line_ctl.line++;
        /* What one line set for itself isn't the next one's. */
        line_ctl.is_json = ctl->is_json;
        line_ctl.timeout_us = ctl->timeout_us;
        int result = run_line(&line_ctl, line);
        mansio_arena_reset(line_ctl.arena);
        if (result != CORE_CTL_OK && exit_code == CORE_CTL_OK) {
            exit_code = result;
        }
        if (result != CORE_CTL_OK && !keeps_going) {
            break;
        }
    }
    if (more < 0) {
        line_ctl.line++;
        exit_code = core_ctl_failed(&line_ctl, more);
    }
    mansio_arena_free(line_ctl.arena);
    return exit_code;
}
