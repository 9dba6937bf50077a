/*
 * The order of starting: who provides an interface comes before who requires it, otherwise the
 * configuration's order. Stopping is the reverse. Required is what the modules' notes say; what a
 * module merely looks up has no say in it.
 */
#include "core/host/instance.h"
#include "core/host/module_note.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>

enum { CIRCLE_TEXT_MAX = 256 };

static int offers_itself(const struct core_modules *set, const struct mansio_instance *instance,
                         struct mansio_str name, uint32_t version)
{
    const struct core_offer *o = core_offer_find(set, NULL, name, version);
    while (o != NULL && o->instance != instance) {
        o = core_offer_find(set, o, name, version);
    }
    return o != NULL;
}

/* An offer that must be there before @p instance starts and isn't placed yet; NULL: none. Links of
 * a chain, who offer what they require, wait for nobody. */
static const struct core_offer *find_missing(const struct core_modules *set,
                                             const struct mansio_instance *instance)
{
    struct mansio_str rest = instance->code->required, name;
    uint32_t version;

    while (core_note_next_required(instance->code->file.path.ptr, &rest, &name, &version) > 0) {
        if (offers_itself(set, instance, name, version)) {
            continue;
        }
        for (const struct core_offer *o = core_offer_find(set, NULL, name, version); o != NULL;
             o = core_offer_find(set, o, name, version)) {
            if (!o->instance->is_placed) {
                return o;
            }
        }
    }
    return NULL;
}

/* Nobody left can be placed: follow requirements from any; within count steps we are in a circle,
 * and one turn more tells it. */
static int fail_circle(const struct core_modules *set)
{
    char text[CIRCLE_TEXT_MAX];
    size_t used = 0;
    const struct mansio_instance *at = NULL;

    for (size_t i = 0; i < set->count && at == NULL; i++) {
        at = set->instances[i]->is_placed ? NULL : set->instances[i];
    }
    MANSIO_ASSERT(at != NULL); /* else there would be no circle */
    for (size_t i = 0; i < set->count; i++) {
        at = find_missing(set, at)->instance;
    }
    const struct mansio_instance *first = at;
    do {
        const struct core_offer *next = find_missing(set, at);
        int len =
            snprintf(text + used, sizeof text - used, "%.*s requires %.*s/%u of ",
                     MANSIO_STR_ARG(at->name), MANSIO_STR_ARG(next->name), (unsigned)next->version);
        if (len < 0 || (size_t)len >= sizeof text - used) {
            break; /* cut: enough to see */
        }
        used += (size_t)len;
        at = next->instance;
    } while (at != first);
    return mansio_fail(MANSIO_E_INVALID,
                       "wanted instances that can start one after the other, found a circle: "
                       "%s%.*s",
                       text, MANSIO_STR_ARG(first->name));
}

int core_modules_sort(struct core_modules *set)
{
    size_t placed = 0;
    while (placed < set->count) { /* each sweep places one at least */
        size_t before = placed;
        for (size_t i = 0; i < set->count; i++) {
            struct mansio_instance *instance = set->instances[i];
            if (!instance->is_placed && find_missing(set, instance) == NULL) {
                instance->is_placed = 1;
                set->order[placed++] = instance;
            }
        }
        if (placed == before) {
            return fail_circle(set);
        }
    }
    return 0;
}

/* ---- only some of them --------------------------------------------------------------------------
 */

static int is_needed(const struct core_modules *set, size_t index, const char *needed,
                     const char *const *interfaces)
{
    for (size_t i = 0; interfaces[i] != NULL; i++) {
        if (offers_itself(set, set->order[index], mansio_str_from_cstr(interfaces[i]), 0)) {
            return 1;
        }
    }
    /* Requirers stand behind those whom they require. */
    for (size_t i = index + 1; i < set->count; i++) {
        struct mansio_str rest = set->order[i]->code->required, name;
        uint32_t version;
        while (needed[i] && core_note_next_required(set->order[i]->code->file.path.ptr, &rest,
                                                    &name, &version) > 0) {
            if (offers_itself(set, set->order[index], name, version)) {
                return 1;
            }
        }
    }
    return 0;
}

size_t core_modules_sort_needed(struct core_modules *set, const char *const *interfaces)
{
    size_t count = 0, others = 0;
    char *needed = mansio_arena_alloc(set->arena, set->count + 1);
    struct mansio_instance **rest =
        mansio_arena_alloc(set->arena, (set->count + 1) * sizeof(struct mansio_instance *));

    for (size_t i = set->count; i > 0; i--) {
        needed[i - 1] = (char)is_needed(set, i - 1, needed, interfaces);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (needed[i]) {
            set->order[count++] = set->order[i];
        } else {
            rest[others++] = set->order[i];
        }
    }
    for (size_t i = 0; i < others; i++) {
        set->order[count + i] = rest[i];
    }
    return count;
}
