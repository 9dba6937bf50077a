/*
 * What mansiod and mansioctl need of libmansio beside the public ABI: exported under the version
 * node MANSIO_PRIVATE, which the loader refuses to modules.
 */
#ifndef MANSIO_CORE_BASE_EXPORT_H
#define MANSIO_CORE_BASE_EXPORT_H

#define CORE_EXPORT __attribute__((visibility("default")))

#endif
