/* clock.h - the only place where time is read.
 *
 * Once per turn of a loop; everyone else is handed the result. Threads: any.
 */
#ifndef DT_IO_CLOCK_H
#define DT_IO_CLOCK_H

#include "base/time.h"

struct dt_now dt_clock_now(void);

#endif
