/*
 * Both halves of a test of library order (test_build.py): with -DMODULE a shared object that uses
 * libevent, else a host that opens it as mansiod opens modules. Which of libev and libevent_core
 * the host was linked to first decides whose event_add() the module gets.
 */
#include <stdio.h>

#ifdef MODULE

#include <event2/event.h>

int rounds(void);

static void fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ++*(int *)arg;
}

int rounds(void)
{
    const struct timeval now = {0, 0};
    int count = 0;
    for (int i = 0; i < 100; i++) {
        struct event_base *base = event_base_new();
        struct event *timer = event_new(base, -1, 0, fired, &count);
        event_add(timer, &now);
        event_base_loop(base, EVLOOP_ONCE);
        event_free(timer);
        event_base_free(base);
    }
    return count;
}

#else

#include <dlfcn.h>

int main(int argc, char **argv)
{
    void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (module == NULL) {
        printf("no module: %s\n", dlerror());
        return 2;
    }
    int (*rounds)(void) = (int (*)(void))dlsym(module, "rounds");
    printf("%d rounds\n", rounds == NULL ? -1 : rounds());
    return 0;
}

#endif
