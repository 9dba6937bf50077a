/*
 * libevent before libev. Debian's libev also exports names of libevent (event_set, event_base_new,
 * ...), so a module that uses libevent, or a library that does, would get libev's and corrupt the
 * heap. Whoever stands first among the libraries that the process was started with gives the
 * name: so libmansio needs libevent_core, and is linked to it before libev. The linker drops
 * libraries that nothing is asked of; this asks for something that libev doesn't have. Nothing
 * here is ever called.
 */
#include <event2/event.h>

static uint32_t (*const volatile libevent_first)(void)
    __attribute__((used)) = event_get_version_number;
