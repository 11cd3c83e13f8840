#include "clock.h"

#include "base/assert.h"

#include <sys/time.h>
#include <time.h>

#define START_WALL INT64_C(1800000000) /* seconds since 1970 */
#define START_MONO INT64_C(1000000000) /* ns */

#define EXPORTED __attribute__((visibility("default")))

static int64_t mono_ns = START_MONO;

struct dt_now
sim_now(void)
{
	return (struct dt_now){{mono_ns}, {START_WALL + (mono_ns - START_MONO) / 1000000000}};
}

void
sim_clock_move(struct dt_mono to)
{
	DT_ASSERT(to.ns >= mono_ns);
	mono_ns = to.ns;
}

void
sim_clock_begin(void)
{
	mono_ns = START_MONO;
}

/* Instead of libc's. */
EXPORTED int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	(void)zone;
	int64_t passed = mono_ns - START_MONO;
	out->tv_sec = (time_t)(START_WALL + passed / 1000000000);
	out->tv_usec = (suseconds_t)(passed % 1000000000 / 1000);
	return 0;
}

/* Instead of libc's. */
EXPORTED time_t
time(time_t *out)
{
	time_t now = (time_t)sim_now().wall.s;
	if (out)
		*out = now;
	return now;
}
