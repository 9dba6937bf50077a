/*
 * A private PostgreSQL for a test program: tests/lib/pgcluster from C.
 */
#ifndef MANSIO_TESTS_LIB_PGCLUSTER_H
#define MANSIO_TESTS_LIB_PGCLUSTER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char testing_dir[64];       /* its socket is here */
static char testing_conninfo[256]; /* of the database "mansio", which isn't there yet */

/* Run a program and wait; its exit status, -1 if it can't be. */
static inline int testing_run(const char *program, const char *word, const char *more)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, word, more, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "start", "stop", "kill" */
static inline int testing_cluster(const char *action)
{
    char program[512];
    const char *source = getenv("MANSIO_SRCDIR");
    snprintf(program, sizeof program, "%s/tests/lib/pgcluster", source != NULL ? source : ".");
    return testing_run(program, action, testing_dir);
}

/* As what setup of a group of tests: a cluster without our database. */
static inline int testing_cluster_up(void **state)
{
    (void)state;
    snprintf(testing_dir, sizeof testing_dir, "/tmp/mansio-pg-XXXXXX");
    if (mkdtemp(testing_dir) == NULL) {
        return -1;
    }
    snprintf(testing_conninfo, sizeof testing_conninfo, "host=%s dbname=mansio", testing_dir);
    return testing_cluster("start") == 0 ? 0 : -1;
}

static inline int testing_cluster_down(void **state)
{
    (void)state;
    (void)testing_cluster("kill");
    return testing_run("/bin/rm", "-rf", testing_dir) == 0 ? 0 : -1;
}

#endif
