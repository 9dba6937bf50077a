/*
 * Offers from the inside (mansio/discovery.h): the ways in that the configuration makes, and what
 * the gate leaves of them.
 */
#ifndef MANSIO_CORE_HOST_OFFERS_H
#define MANSIO_CORE_HOST_OFFERS_H

#include "core/base/export.h"
#include "core/host/config.h"
#include "core/host/modules.h"
#include <mansio/discovery.h>

/* Note which ways in there are: once all instances have started. Keeps no pointer into @p config.
 */
CORE_EXPORT MANSIO_MUST_CHECK int core_offers_configure(const struct core_config *config,
                                                        struct core_modules *modules);
CORE_EXPORT void core_offers_fini(void);

#endif
