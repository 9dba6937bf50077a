/*
 * The registry of interfaces: who offers which table of functions under which name and version.
 * Filled while load() runs, read from start() on. A set has few dozens, so a list does.
 */
#include "core/host/instance.h"
#include "core/host/module_note.h"

#include <mansio/error.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <stdio.h>
#include <string.h>

enum { TABLE_SIZE_MAX = 65536 };

/* ---- the list -----------------------------------------------------------------------------------
 */

const struct core_offer *core_offer_find(const struct core_modules *set,
                                         const struct core_offer *from, struct mansio_str name,
                                         uint32_t version)
{
    for (const struct core_offer *o = from != NULL ? from->next : set->first_offer; o != NULL;
         o = o->next) {
        if ((version == 0 || o->version == version) && mansio_str_eq(o->name, name)) {
            return o;
        }
    }
    return NULL;
}

const char *core_offers_describe(const struct core_modules *set, struct mansio_str name,
                                 char out[CORE_OFFERS_TEXT_MAX])
{
    size_t used = 0;
    out[0] = 0;
    for (const struct core_offer *o = core_offer_find(set, NULL, name, 0); o != NULL;
         o = core_offer_find(set, o, name, 0)) {
        int len = snprintf(out + used, CORE_OFFERS_TEXT_MAX - used, "%s%.*s/%u of %.*s",
                           used == 0 ? "" : ", ", MANSIO_STR_ARG(o->name), (unsigned)o->version,
                           MANSIO_STR_ARG(o->instance->name));
        if (len < 0 || (size_t)len >= CORE_OFFERS_TEXT_MAX - used) {
            break; /* cut: enough to see */
        }
        used += (size_t)len;
    }
    if (used == 0) {
        (void)snprintf(out, CORE_OFFERS_TEXT_MAX, "nobody who offers it");
    }
    return out;
}

/* Copy what both know, zeros for what only the consumer knows. The first field becomes the size
 * that both know. */
static void copy_table(const void *from, void *to, size_t to_size)
{
    size_t both;
    memcpy(&both, from, sizeof both);
    both = both < to_size ? both : to_size;
    memset(to, 0, to_size);
    memcpy(to, from, both);
    memcpy(to, &both, sizeof both);
}

void core_offer_copy(const struct core_offer *offer, void *table, size_t table_size)
{
    copy_table(offer->table, table, table_size);
}

/* ---- providing ----------------------------------------------------------------------------------
 */

/* What the core itself calls is looked at when it is offered. */
static int check_protocol(const struct mansio_instance *instance, const void *table)
{
    struct mansio_protocol protocol;

    copy_table(table, &protocol, sizeof protocol);
    if (protocol.serve == NULL) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted a protocol/1 table with serve, found none in it",
                           MANSIO_STR_ARG(instance->name));
    }
    if (!core_name_is_valid(mansio_str_from_cstr(protocol.service))) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted a service of 1 to %d lower-case letters, digits and '-', "
                           "found \"%s\"",
                           MANSIO_STR_ARG(instance->name), CORE_INTERFACE_NAME_MAX,
                           protocol.service != NULL ? protocol.service : "");
    }
    return 0;
}

static int check_offer(const struct mansio_instance *instance, struct mansio_str name,
                       uint32_t version, const void *table)
{
    size_t size = 0;

    if (instance->phase != CORE_PHASE_LOADING) {
        return mansio_fail(MANSIO_E_BUG, "%.*s: interface %.*s/%u provided outside load()",
                           MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(name), (unsigned)version);
    }
    if (!core_name_is_valid(name) || version == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted an interface's name of 1 to %d lower-case letters, digits "
                           "and '-', and a version from 1, found \"%.*s\", %u",
                           MANSIO_STR_ARG(instance->name), CORE_INTERFACE_NAME_MAX,
                           MANSIO_STR_ARG(name), (unsigned)version);
    }
    if (table != NULL) {
        memcpy(&size, table, sizeof size);
    }
    /* Half a pointer at its end would be copied as a pointer. */
    if (size < sizeof size + sizeof(void *) || size > TABLE_SIZE_MAX ||
        size % sizeof(void *) != 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted a table for %.*s/%u that begins with its size, %zu to %d "
                           "bytes and whole pointers, found %zu",
                           MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(name), (unsigned)version,
                           sizeof size + sizeof(void *), TABLE_SIZE_MAX, size);
    }
    for (const struct core_offer *o = core_offer_find(instance->set, NULL, name, version);
         o != NULL; o = core_offer_find(instance->set, o, name, version)) {
        if (o->instance == instance) {
            return mansio_fail(
                MANSIO_E_EXISTS, "%.*s: wanted %.*s/%u provided once, found it twice",
                MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(name), (unsigned)version);
        }
    }
    return 0;
}

int mansio_interface_provide(struct mansio_instance *instance, const char *interface,
                             uint32_t version, const void *table)
{
    struct mansio_str name = mansio_str_from_cstr(interface);
    struct core_modules *set = instance->set;

    int err = check_offer(instance, name, version, table);
    if (err == 0 && version == MANSIO_PROTOCOL_VERSION &&
        mansio_str_eq(name, MANSIO_STR(MANSIO_PROTOCOL))) {
        err = check_protocol(instance, table);
    }
    if (err < 0) {
        return err;
    }
    struct core_offer *offer = mansio_arena_alloc(set->arena, sizeof *offer);
    if ((err = mansio_arena_copy(set->arena, name, &offer->name)) < 0) {
        return err;
    }
    offer->instance = instance;
    offer->version = version;
    offer->table = table;
    if (set->last_offer == NULL) {
        set->first_offer = offer;
    } else {
        set->last_offer->next = offer;
    }
    set->last_offer = offer;
    return 0;
}

/* ---- using --------------------------------------------------------------------------------------
 */

static int fail_absent(const struct core_modules *set, struct mansio_str who,
                       struct mansio_str name, uint32_t version, struct mansio_str provider)
{
    char offers[CORE_OFFERS_TEXT_MAX];

    return mansio_fail(MANSIO_E_NOT_FOUND, "%.*s: wanted interface %.*s/%u%s%.*s, found %s",
                       MANSIO_STR_ARG(who), MANSIO_STR_ARG(name), (unsigned)version,
                       provider.len != 0 ? " of instance " : "", MANSIO_STR_ARG(provider),
                       core_offers_describe(set, name, offers));
}

/* For who asks, whoever that is: @p who names it in messages. */
static int find(const struct core_modules *set, struct mansio_str who, struct mansio_str name,
                uint32_t version, struct mansio_str provider, const struct core_offer **out)
{
    const struct core_offer *found = NULL;
    size_t count = 0;

    for (const struct core_offer *o = core_offer_find(set, NULL, name, version); o != NULL;
         o = core_offer_find(set, o, name, version)) {
        if (provider.len == 0 || mansio_str_eq(o->instance->name, provider)) {
            found = found == NULL ? o : found;
            count++;
        }
    }
    if (found == NULL) {
        return fail_absent(set, who, name, version, provider);
    }
    if (count > 1) {
        char offers[CORE_OFFERS_TEXT_MAX];
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted one provider of %.*s/%u, found %s: name one in the "
                           "settings",
                           MANSIO_STR_ARG(who), MANSIO_STR_ARG(name), (unsigned)version,
                           core_offers_describe(set, name, offers));
    }
    *out = found;
    return 0;
}

static int check_request(struct mansio_str who, uint32_t version, size_t table_size)
{
    if (table_size < sizeof(size_t) || version == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted a table of %zu bytes or more and a version from 1, found "
                           "%zu and %u",
                           MANSIO_STR_ARG(who), sizeof(size_t), table_size, (unsigned)version);
    }
    return 0;
}

static int get(const struct core_modules *set, struct mansio_str who, const char *interface,
               uint32_t version, struct mansio_str provider, void *table, size_t table_size,
               struct mansio_instance **out_provider)
{
    const struct core_offer *found = NULL;
    int err = check_request(who, version, table_size);
    if (err == 0) {
        err = find(set, who, mansio_str_from_cstr(interface), version, provider, &found);
    }
    if (err < 0) {
        return err;
    }
    core_offer_copy(found, table, table_size);
    *out_provider = found->instance;
    return 0;
}

static int fail_early(const struct mansio_instance *consumer, const char *interface,
                      uint32_t version)
{
    return mansio_fail(MANSIO_E_BUG, "%.*s: interface %s/%u asked for before start()",
                       MANSIO_STR_ARG(consumer->name), interface, (unsigned)version);
}

int mansio_interface_get(struct mansio_instance *consumer, const char *interface, uint32_t version,
                         struct mansio_str provider, void *table, size_t table_size,
                         struct mansio_instance **out_provider)
{
    if (consumer->phase < CORE_PHASE_STARTING) {
        return fail_early(consumer, interface, version);
    }
    return get(consumer->set, consumer->name, interface, version, provider, table, table_size,
               out_provider);
}

int mansio_interface_at(struct mansio_instance *consumer, const char *interface, uint32_t version,
                        size_t index, void *table, size_t table_size,
                        struct mansio_instance **out_provider)
{
    struct mansio_str name = mansio_str_from_cstr(interface);
    int err = consumer->phase < CORE_PHASE_STARTING
                  ? fail_early(consumer, interface, version)
                  : check_request(consumer->name, version, table_size);
    if (err < 0) {
        return err;
    }
    /* load() runs in the configuration's order, and offers are kept as they came. */
    for (const struct core_offer *o = core_offer_find(consumer->set, NULL, name, version);
         o != NULL; o = core_offer_find(consumer->set, o, name, version)) {
        if (index-- == 0) {
            core_offer_copy(o, table, table_size);
            *out_provider = o->instance;
            return 0;
        }
    }
    return MANSIO_E_NOT_FOUND; /* the usual end of a walk: no detail */
}

int core_modules_interface(struct core_modules *modules, const char *interface, uint32_t version,
                           struct mansio_str provider, void *table, size_t table_size,
                           struct mansio_instance **out_provider)
{
    return get(modules, MANSIO_STR("the core"), interface, version, provider, table, table_size,
               out_provider);
}

int core_instance_protocol(struct mansio_instance *instance, struct mansio_protocol *out)
{
    struct mansio_str name = MANSIO_STR(MANSIO_PROTOCOL);

    for (const struct core_offer *o =
             core_offer_find(instance->set, NULL, name, MANSIO_PROTOCOL_VERSION);
         o != NULL; o = core_offer_find(instance->set, o, name, MANSIO_PROTOCOL_VERSION)) {
        if (o->instance == instance) {
            core_offer_copy(o, out, sizeof *out);
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_NOT_FOUND,
                       "instance %.*s (%.*s): wanted interface protocol/%d, found that it doesn't "
                       "offer it",
                       MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(instance->code->file.path),
                       MANSIO_PROTOCOL_VERSION);
}

/* ---- what notes require -------------------------------------------------------------------------
 */

int core_offers_check(const struct core_modules *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct mansio_instance *instance = set->instances[i];
        struct mansio_str rest = instance->code->required, name;
        const char *path = instance->code->file.path.ptr;
        uint32_t version;
        int more;
        while ((more = core_note_next_required(path, &rest, &name, &version)) > 0) {
            char offers[CORE_OFFERS_TEXT_MAX];
            if (core_offer_find(set, NULL, name, version) == NULL) {
                return mansio_fail(MANSIO_E_NOT_FOUND,
                                   "instance %.*s (%s): wanted interface %.*s/%u, found %s",
                                   MANSIO_STR_ARG(instance->name), path, MANSIO_STR_ARG(name),
                                   (unsigned)version, core_offers_describe(set, name, offers));
            }
        }
        if (more < 0) {
            return more;
        }
    }
    return 0;
}
