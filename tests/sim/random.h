/* random.h - OpenSSL's random numbers, drawn from the seed of the simulation: a run that failed can
 * be had again, key for key. Never for anything but tests. Threads: none.
 */
#ifndef DT_TESTS_SIM_RANDOM_H
#define DT_TESTS_SIM_RANDOM_H

#include <stdint.h>

/* From now on, for the whole program. */
void sim_random_begin(uint64_t seed);

#endif
