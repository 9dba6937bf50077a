/*
 * Contents: the file of those that are many bytes. It has no name (O_TMPFILE; a name that is
 * removed at once where the file system can't), so nothing is left behind whatever happens.
 *
 * Every call to the system is made in an offload thread, and the fiber waits for it: that is the
 * back-pressure. Durability is no aim: until it is committed a message was never accepted.
 */
#include "core/host/content.h"

#include "core/base/alloc.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/offload.h>
#include <mansio/time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_US (5 * MANSIO_MS) /* when the queue of the threads is full */

static uint64_t files_begun;

uint64_t core_content_files(void)
{
    return files_begun;
}

struct job {
    const char *directory;
    int fd;
    char *bytes;
    size_t count;
    uint64_t offset;
};

static int open_named(const char *directory)
{
    char path[2048];
    int length = snprintf(path, sizeof path, "%s/mansio-XXXXXX", directory);
    int fd;

    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

static int open_job(void *arg)
{
    struct job *job = arg;
    int err;

    job->fd = open(job->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    err = errno;
    if (job->fd < 0 && (err == EOPNOTSUPP || err == EISDIR)) {
        job->fd = open_named(job->directory);
        err = errno;
    }
    return job->fd < 0 ? mansio_fail(MANSIO_E_IO, "content: a file in %s: %s", job->directory,
                                     strerror(err))
                       : 0;
}

static int write_job(void *arg)
{
    struct job *job = arg;

    for (size_t done = 0; done < job->count;) {
        ssize_t some =
            pwrite(job->fd, job->bytes + done, job->count - done, (off_t)(job->offset + done));
        int err = errno;

        if (some < 0 && err == EINTR) {
            continue;
        }
        if (some <= 0) {
            return mansio_fail(MANSIO_E_IO, "content: writing to a file in %s: %s", job->directory,
                               strerror(some < 0 ? err : ENOSPC));
        }
        done += (size_t)some;
    }
    return 0;
}

static int read_job(void *arg)
{
    struct job *job = arg;

    for (size_t done = 0; done < job->count;) {
        ssize_t some =
            pread(job->fd, job->bytes + done, job->count - done, (off_t)(job->offset + done));
        int err = errno;

        if (some < 0 && err == EINTR) {
            continue;
        }
        if (some <= 0) {
            return mansio_fail(MANSIO_E_IO, "content: reading a file in %s: %s", job->directory,
                               some < 0 ? strerror(err) : "it is shorter than what was written");
        }
        done += (size_t)some;
    }
    return 0;
}

/* In a thread; a full queue is waited out, for it is no limit of the message. */
static int run(mansio_offload_fn fn, struct job *job, int64_t deadline_us)
{
    int result = 0;
    int rc;

    while ((rc = mansio_offload(fn, job, deadline_us, &result)) == MANSIO_E_LIMIT) {
        int64_t again_us = mansio_deadline_in(RETRY_US);

        if (again_us >= deadline_us) {
            return mansio_fail(MANSIO_E_TIMEOUT, "content: no thread was free in time");
        }
        rc = mansio_fiber_sleep_until(again_us);
        if (rc < 0) {
            return rc;
        }
    }
    return rc < 0 ? rc : result;
}

int core_content_flush(struct mansio_content *content, int64_t deadline_us)
{
    struct job job = {.directory = core_content_directory(),
                      .fd = content->fd,
                      .bytes = content->bytes,
                      .count = content->held,
                      .offset = content->base};
    int rc;

    if (content->fd < 0) {
        rc = run(open_job, &job, deadline_us);
        if (rc < 0) {
            return rc;
        }
        content->fd = job.fd;
        files_begun++;
    }
    core_content_keep_header(content);
    rc = run(write_job, &job, deadline_us);
    if (rc < 0) {
        return rc;
    }
    content->base += content->held;
    content->held = 0;
    return 0;
}

int core_content_fetch(struct mansio_content *content, uint64_t offset, size_t max,
                       int64_t deadline_us)
{
    struct job job = {
        .directory = core_content_directory(), .fd = content->fd, .count = max, .offset = offset};
    int rc;

    if (max > content->read_room) {
        char *bytes = core_realloc(content->read, max);

        if (bytes == NULL) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "content: no memory for %zu bytes", max);
        }
        core_content_count((ptrdiff_t)(max - content->read_room));
        content->read = bytes;
        content->read_room = max;
    }
    job.bytes = content->read;
    rc = run(read_job, &job, deadline_us);
    return rc < 0 ? rc : (int)max;
}
