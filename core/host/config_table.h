/*
 * The words and bounds that the core's table and its reader share.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_TABLE_H
#define MANSIO_CORE_HOST_CONFIG_TABLE_H

/* Where modules are installed and where sockets are: what configure said. */
#ifndef CORE_MODULE_DIR
#define CORE_MODULE_DIR "/usr/local/lib/mansio"
#endif
#ifndef CORE_RUN_DIR
#define CORE_RUN_DIR "/run/mansio"
#endif

enum {
    CORE_WORKERS_MAX = 64, /* two generations and their service processes fit CORE_SHM_SLOTS */
    CORE_NAME_MAX = 63,    /* of instances and listeners */
    CORE_SERVICE_MAX = 31,
};

#endif
