/* tsan_arena.c - lets Criterion run under ThreadSanitizer.
 *
 * Criterion shares an arena between its processes and maps it at a random address, most of which
 * TSan keeps for itself. The library draws that address by rand_r(): this one, found first by the
 * linker, draws only what TSan leaves to programs and no program is loaded at,
 * 0x550000000000 to 0x555000000000 on x86-64. Nothing else in a test draws from rand_r().
 */
#include <stdlib.h>

#define ARENA_BASE 0x200000000000u /* the library's own, in steps of 16 MiB */
#define ARENA_STEP 24
#define FIRST (0x550000000000u - ARENA_BASE)
#define LAST (0x555000000000u - ARENA_BASE)

__attribute__((visibility("default"))) int
rand_r(unsigned int *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return (int)((FIRST >> ARENA_STEP) + (*seed >> 8) % ((LAST - FIRST) >> ARENA_STEP));
}
