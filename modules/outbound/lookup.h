/*
 * The way to a destination: its hosts and their addresses, asked of DNS one after the other as they
 * are needed.
 */
#ifndef MANSIO_MODULES_OUTBOUND_LOOKUP_H
#define MANSIO_MODULES_OUTBOUND_LOOKUP_H

#include "outbound.h"
#include "route.h"

enum { OB_ADDRESSES_MAX = 32 /* of one host */ };

struct ob_path {
    struct mansio_arena *arena;
    struct ob_module *module;
    const struct ob_options *options;
    struct ob_route route;
    int is_relay;    /* the host is one that the settings name */
    int is_ours;     /* the domain is: its hosts may be ourselves */
    int is_among_us; /* the host asked for last is ourselves */
    struct mansio_str domain;
    size_t host; /* of those in the route, the next */
    struct mansio_str name;
    struct mansio_str addresses[OB_ADDRESSES_MAX]; /* of the host before it */
    size_t address_count, address;
    size_t tried;
    /* What to say if none works: the last failure that may pass, else the last. */
    struct ob_outcome fault;
};

/**
 * Begin.
 *
 * @param domain  one spelling, or a literal
 * @return 0; MANSIO_E_NOT_FOUND: there is none, the fault says why; MANSIO_E_CANCELLED
 * @yields yes
 */
MANSIO_MUST_CHECK int ob_path_start(struct ob_path *path, struct mansio_arena *arena,
                                    struct ob_module *module, const struct ob_options *options,
                                    const struct ob_relay *relay, struct mansio_str domain);

/** The next address to try. @return as ob_path_start() @yields yes */
MANSIO_MUST_CHECK int ob_path_next(struct ob_path *path, struct mansio_str *out_host,
                                   struct mansio_str *out_address);

/** One didn't work. */
void ob_path_failed(struct ob_path *path, const struct ob_outcome *fault);

#endif
