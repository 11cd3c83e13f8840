/* json_memory.h - jansson allocates through our funnel, and what it overlooks is noticed.
 *
 * jansson ignores some failed allocations and goes on with a shortened text. So whoever uses it
 * begins with dt_json_begin() and asks dt_json_starved() before believing the result.
 * Threads: any; each has its own answer.
 */
#ifndef DT_CONFIG_JSON_MEMORY_H
#define DT_CONFIG_JSON_MEMORY_H

#include <stdbool.h>

void dt_json_begin(void);
/* Whether an allocation of jansson on this thread failed since dt_json_begin(). */
bool dt_json_starved(void);

#endif
