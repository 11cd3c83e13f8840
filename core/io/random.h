/* random.h - bytes of the kernel's generator.
 *
 * Threads: any. Blocks only before the generator was seeded, which is at boot.
 */
#ifndef DT_IO_RANDOM_H
#define DT_IO_RANDOM_H

#include <stddef.h>

/* Cannot fail: a kernel without getrandom(2) is a broken promise, not a case to handle. */
void dt_random(void *out, size_t len);

#endif
