/*
 * Crash reports: whose code ran when the process got a fatal signal. Runs on a stack of its own,
 * because the fiber's may be what ran out; then lets the signal do what it would have done.
 */
#ifndef MANSIO_CORE_LOOP_CRASH_H
#define MANSIO_CORE_LOOP_CRASH_H

/* Install the handlers if core_loop_options asks for any; undo that. MANSIO_E_IO without memory. */
int core_crash_setup(void);
void core_crash_teardown(void);

#endif
