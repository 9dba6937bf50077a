/*
 * Offload: a bounded queue, a few threads, one ev_async to tell the loop.
 *
 * A job lies on the stack of the fiber that waits for it. So it must not be left before a thread is
 * through with it: once begun, the wait is masked. What is shared with threads (the queue, a job's
 * state) is behind one mutex; a job's context belongs to the thread while it runs.
 */
#include <mansio/offload.h>

#include "core/loop/offload.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/loop/fiber.h"
#include "core/loop/wait.h"

#include <mansio/error.h>
#include <mansio/time.h>

#define THREADS_MAX 64

enum job_state { JOB_QUEUED, JOB_BEGUN, JOB_DONE };

struct job {
    mansio_offload_fn fn;
    void *arg;
    int result;
    enum job_state state;
    struct core_context context; /* what fn records */
    struct mansio_waitable done; /* the loop's thread only */
    struct job *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t threads[THREADS_MAX];
    unsigned started, idle;
    bool must_end;
    struct job *first, *last; /* queued */
    size_t queued;
    struct job *finished; /* done, the fiber not told yet */
    struct ev_async told;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static const struct core_waitable_ops job_ops = {.name = "offload"};

static void run(struct job *job)
{
    (void)core_context_swap(&job->context);
    job->result = job->fn(job->arg);
    (void)core_context_swap(NULL);
}

static void *work(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.first == NULL && !pool.must_end) {
            pool.idle++;
            pthread_cond_wait(&pool.work, &pool.lock);
            pool.idle--;
        }
        struct job *job = pool.first;
        if (job == NULL) {
            break;
        }
        pool.first = job->next;
        pool.last = pool.first == NULL ? NULL : pool.last;
        pool.queued--;
        job->state = JOB_BEGUN;
        pthread_mutex_unlock(&pool.lock);

        run(job);

        pthread_mutex_lock(&pool.lock);
        job->state = JOB_DONE;
        job->next = pool.finished;
        pool.finished = job;
        ev_async_send(core_scheduler.ev, &pool.told);
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void on_told(struct ev_loop *ev, struct ev_async *async, int events)
{
    (void)ev;
    (void)async;
    (void)events;
    pthread_mutex_lock(&pool.lock);
    struct job *job = pool.finished;
    pool.finished = NULL;
    pthread_mutex_unlock(&pool.lock);
    while (job != NULL) {
        struct job *next = job->next; /* the fiber may be through with it next turn */
        (void)core_waitable_wake_all(&job->done);
        job = next;
    }
}

/* Start a thread if there is work for one more. Locked. Returns how many there are. */
static unsigned staff(void)
{
    if (pool.idle >= pool.queued || pool.started >= core_scheduler.options.offload_threads ||
        pool.started >= THREADS_MAX) {
        return pool.started;
    }
    /* Signals are the loop's business; but a crash here must reach its handler. */
    sigset_t blocked, before;
    sigfillset(&blocked);
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < MANSIO_COUNT(faults); i++) {
        sigdelset(&blocked, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    if (pthread_create(&pool.threads[pool.started], NULL, work, NULL) == 0) {
        pool.started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool.started;
}

static int enqueue(struct job *job)
{
    int rc = 0;
    pthread_mutex_lock(&pool.lock);
    if (pool.queued >= core_scheduler.options.offload_queue_max) {
        rc = mansio_fail(MANSIO_E_LIMIT, "offload: the queue is full (%zu)", pool.queued);
    } else {
        if (pool.last != NULL) {
            pool.last->next = job;
        } else {
            pool.first = job;
        }
        pool.last = job;
        pool.queued++;
    }
    pthread_mutex_unlock(&pool.lock);
    return rc;
}

/* Take a job back that no thread has begun. */
static bool withdraw(struct job *job)
{
    bool is_taken = false;
    pthread_mutex_lock(&pool.lock);
    if (job->state == JOB_QUEUED) {
        struct job *before = NULL;
        for (struct job *at = pool.first; at != job; at = at->next) {
            before = at;
        }
        if (before != NULL) {
            before->next = job->next;
        } else {
            pool.first = job->next;
        }
        pool.last = pool.last == job ? before : pool.last;
        pool.queued--;
        is_taken = true;
    }
    pthread_mutex_unlock(&pool.lock);
    return is_taken;
}

/* The failure that the function recorded becomes the fiber's. */
static void take_detail(struct mansio_fiber *self, struct job *job)
{
    if (job->context.detail != NULL) {
        char *mine = self->context.detail;
        self->context.detail = job->context.detail;
        job->context.detail = mine;
    }
    core_context_fini(&job->context);
}

int mansio_offload(mansio_offload_fn fn, void *arg, int64_t deadline_us, int *out_result)
{
    struct mansio_fiber *self = core_fiber_running();
    int rc = core_fiber_take_signal(self, 0);
    if (rc != 0) {
        return rc;
    }
    struct job job = {
        .fn = fn,
        .arg = arg,
        .context = {.name = "offload", .fields = self->context.fields},
    };
    core_waitable_init(&job.done, &job_ops);
    rc = enqueue(&job);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&pool.lock);
    unsigned threads = staff();
    if (threads > 0) {
        pthread_cond_signal(&pool.work);
    }
    pthread_mutex_unlock(&pool.lock);
    if (threads == 0) {
        (void)withdraw(&job);
        return mansio_fail(MANSIO_E_LIMIT, "offload: no thread to run it (%u configured)",
                           core_scheduler.options.offload_threads);
    }

    rc = core_wait_for(&job.done, deadline_us);
    if (rc != 0) {
        if (withdraw(&job)) {
            return rc;
        }
        mansio_fiber_mask();
        rc = core_wait_for(&job.done, MANSIO_NEVER);
        mansio_fiber_unmask();
        MANSIO_ASSERT(rc == 0);
    }
    if (out_result != NULL) {
        *out_result = job.result;
    }
    take_detail(self, &job);
    return 0;
}

void core_offload_setup(void)
{
    pool.must_end = false;
    pool.started = 0;
    pool.idle = 0;
    ev_async_init(&pool.told, on_told);
    ev_async_start(core_scheduler.ev, &pool.told);
}

void core_offload_teardown(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.first = NULL; /* of fibers left floating: nobody waits for it any more */
    pool.last = NULL;
    pool.queued = 0;
    pool.must_end = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    for (unsigned i = 0; i < pool.started; i++) {
        pthread_join(pool.threads[i], NULL);
    }
    pool.started = 0;
    pool.finished = NULL;
    ev_async_stop(core_scheduler.ev, &pool.told);
}

void core_offload_forked(void)
{
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.started = 0;
    pool.idle = 0;
}
