/*
 * Names of domains in their one spelling: A-labels in lower case, no final dot (RFC 5891, UTS 46).
 * Pure. Says nothing of whether a name exists.
 */
#ifndef MANSIO_CORE_NET_DOMAIN_H
#define MANSIO_CORE_NET_DOMAIN_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum {
    CORE_DOMAIN_MAX = 253, /* RFC 1035 2.3.4: 255 on the wire, with a length before each label and
                              the root behind them */
    CORE_DOMAIN_LABEL_MAX = 63,
    CORE_DOMAIN_INPUT_MAX = 1024, /* of U-labels, which are longer in UTF-8 than as A-labels */
};

enum {
    CORE_DOMAIN_UNDERSCORE = 1, /* labels may begin with "_", as those that DNS is asked for do */
};

/*
 * A name's one spelling, of at most CORE_DOMAIN_MAX bytes.
 *
 * @param flags  CORE_DOMAIN_UNDERSCORE or 0
 * @param out    in @p arena, a NUL behind it
 * @return 0; MANSIO_E_INVALID for what is no domain name; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int core_domain_normalize(struct mansio_arena *arena, struct mansio_str domain,
                                            uint32_t flags, struct mansio_str *out);

#endif
