#include "io/clock.h"

#include <time.h>

#include "base/assert.h"

static struct timespec
read_clock(clockid_t id)
{
	struct timespec ts;
	DT_ASSERT(clock_gettime(id, &ts) == 0);
	return ts;
}

struct dt_now
dt_clock_now(void)
{
	struct timespec mono = read_clock(CLOCK_MONOTONIC);
	struct timespec wall = read_clock(CLOCK_REALTIME);
	return (struct dt_now){
	    .mono = {(int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec},
	    .wall = {wall.tv_sec},
	};
}
