/* clock.h - the clock of a simulation, for both ends of the link.
 *
 * The core gets it as `now`. OpenSSL's client reads gettimeofday() (its repetition timer) and time()
 * (the age of sessions): both are defined here, and what stands in the executable wins over libc.
 * It only moves when a simulation moves it, and goes on from one simulation to the next.
 * Threads: none.
 */
#ifndef DT_TESTS_SIM_CLOCK_H
#define DT_TESTS_SIM_CLOCK_H

#include "base/time.h"

struct dt_now sim_now(void);
/* Requires: not before sim_now(). */
void sim_clock_move(struct dt_mono to);
/* Back to the start. Requires: nothing that knows the time is left. */
void sim_clock_begin(void);

#endif
