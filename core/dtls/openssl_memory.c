#include "dtls/openssl_memory.h"

#include "base/mem.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Longer blocks are the buffers for records, 33 KiB for each message of a handshake: they hold what
 * was on the wire. */
#define WIPED_MAX (16u * 1024u) /* bytes */

static void *
get(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return size ? malloc(size) : NULL; /* as OpenSSL's own */
}

static void
give_back(void *block, const char *file, int line)
{
	(void)file, (void)line;
	size_t size = malloc_usable_size(block);
	if (size <= WIPED_MAX)
		dt_wipe(block, size);
	free(block);
}

static void *
resize(void *block, size_t size, const char *file, int line)
{
	size_t old = malloc_usable_size(block);
	void *moved = get(size, file, line);
	if (moved && block)
		memcpy(moved, block, old < size ? old : size);
	if (moved || size == 0)
		give_back(block, file, line);
	return moved;
}

bool
dt_openssl_memory_wiped(void)
{
	return CRYPTO_set_mem_functions(get, resize, give_back) == 1;
}
