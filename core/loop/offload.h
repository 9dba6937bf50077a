/*
 * Offload threads from the inside: their start and end belong to the loop's.
 */
#ifndef MANSIO_CORE_LOOP_OFFLOAD_H
#define MANSIO_CORE_LOOP_OFFLOAD_H

void core_offload_setup(void);

/* Waits for what threads have begun. */
void core_offload_teardown(void);

/* In a child: its threads stayed behind. Nothing may have been queued. */
void core_offload_forked(void);

#endif
