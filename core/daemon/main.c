/*
 * mansiod: options, and which of its roles this process has. Always in the foreground; one binary
 * for master, workers, service process and checking child.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/daemon/check.h"
#include "core/daemon/child.h"
#include "core/daemon/master.h"
#include <mansio/module.h>
#include <mansio/str.h>

enum { EXIT_USAGE = 2 };

enum option_value {
    OPTION_CONFIG = 'c',
    OPTION_HELP = 'h',
    OPTION_VERSION = 'V',
    OPTION_CHECK = 256,
    OPTION_EXPLAIN,
    OPTION_ROLE,
    OPTION_RESUME,
};

/* The last two are between mansiod and itself. */
static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"explain-settings", no_argument, NULL, OPTION_EXPLAIN},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"resume", required_argument, NULL, OPTION_RESUME},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: mansiod [OPTION]...\n"
    "Run the Mansio mail daemon in the foreground.\n"
    "\n"
    "  -c, --config FILE       read this configuration (default " MANSIO_CONFIG_FILE ")\n"
    "      --check             check the configuration and its modules, start nothing\n"
    "      --explain-settings  print every setting of the core, and, with --config, of the\n"
    "                          modules named there\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "Signals: TERM and INT stop in good order, a second one is quick about it; HUP reloads;\n"
    "USR2 starts a new generation even if nothing changed. See also mansioctl(8).\n";

struct arguments {
    const char *config_path; /* NULL: not given */
    const char *role;        /* NULL: master */
    int resume_fd;
    int is_check, is_explain;
};

/* As many descriptors as we may have; what that is not enough for is said later. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Whoever starts us may have closed these; then the first thing that we open would be what the log
 * is written into. */
static void hold_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

/* 0 to go on, or 1 + exit status. */
static int parse(int argc, char **argv, struct arguments *out)
{
    int c;
    while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        uint32_t fd = 0;
        switch (c) {
        case OPTION_CONFIG:
            out->config_path = optarg;
            break;
        case OPTION_CHECK:
            out->is_check = 1;
            break;
        case OPTION_EXPLAIN:
            out->is_explain = 1;
            break;
        case OPTION_ROLE:
            out->role = optarg;
            break;
        case OPTION_RESUME:
            if (mansio_parse_u32(mansio_str_from_cstr(optarg), INT32_MAX, &fd) < 0) {
                return 1 + EXIT_USAGE;
            }
            out->resume_fd = (int)fd;
            break;
        case OPTION_VERSION:
            printf("mansiod " PACKAGE_VERSION " (ABI %d.%d)\n", MANSIO_ABI_MAJOR, MANSIO_ABI_MINOR);
            return 1;
        case OPTION_HELP:
            fputs(help, stdout);
            return 1;
        default:
            fputs("Try 'mansiod --help'.\n", stderr);
            return 1 + EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "mansiod: unexpected argument '%s'\nTry 'mansiod --help'.\n", argv[optind]);
        return 1 + EXIT_USAGE;
    }
    return 0;
}

static int run_role(const char *role)
{
    if (strcmp(role, "worker") == 0) {
        return core_child_run(MANSIO_ROLE_WORKER);
    }
    if (strcmp(role, "service") == 0) {
        return core_child_run(MANSIO_ROLE_SERVICE);
    }
    if (strcmp(role, "check") == 0) {
        return core_checker_run();
    }
    fprintf(stderr, "mansiod: no such role: %s\n", role);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.resume_fd = -1};
    hold_standard_descriptors();
    int rc = parse(argc, argv, &arguments);
    if (rc != 0) {
        return rc - 1;
    }
    raise_descriptors();
    if (arguments.role != NULL) {
        return run_role(arguments.role);
    }
    if (arguments.is_explain) {
        return core_checker_explain(arguments.config_path);
    }
    const char *path = arguments.config_path != NULL ? arguments.config_path : MANSIO_CONFIG_FILE;
    if (arguments.is_check) {
        return core_checker_run_here(path);
    }
    /* Absolute: what is read at a reload must not depend on where we stand then. */
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        fprintf(stderr, "mansiod: %s: %s\n", path, strerror(errno));
        return 1;
    }
    free(absolute);
    char *directory = path[0] == '/' ? NULL : getcwd(NULL, 0);
    if (directory != NULL &&
        asprintf(&absolute, "%s/%s", directory, path) < 0) { /* a symbolic link stays one */
        return 1;
    }
    struct core_master_options master = {
        .config_path = directory != NULL ? absolute : path,
        .invoked_as = argv[0],
        .resume_fd = arguments.resume_fd,
    };
    rc = core_master_run(&master);
    if (directory != NULL) {
        free(absolute);
        free(directory);
    }
    return rc;
}
