/*
 * The sweep: fibers that wait long get their stacks trimmed, once a wait. A hand goes round all
 * fibers in small steps, only while there is somebody left to trim. Never touches one that runs.
 */
#ifndef MANSIO_CORE_LOOP_SWEEP_H
#define MANSIO_CORE_LOOP_SWEEP_H

struct mansio_fiber;

void core_sweep_setup(void);
void core_sweep_teardown(void);

/* Each turn: start the timer if there is work. */
void core_sweep_look(void);

/* A fiber goes: the hand must not point to it. */
void core_sweep_forget(const struct mansio_fiber *fiber);

#endif
