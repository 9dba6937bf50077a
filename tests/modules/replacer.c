/*
 * replacer: as it is loaded, puts another file in its own place, as an upgrade in just that moment
 * would. Modules have no constructors; this one stands for somebody else.
 */
#include <mansio/module.h>

#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void replace(void)
{
    const char *from = getenv("REPLACER_FROM"), *to = getenv("REPLACER_TO");
    if (from == NULL || to == NULL || rename(from, to) < 0) {
        abort();
    }
}

MANSIO_MODULE("replacer", "1.0", "", .summary = "Replaced as it is loaded.");
