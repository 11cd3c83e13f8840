/* file.h - a file of certificates or keys as bytes, wiped when it is given back.
 *
 * Regular files only, so that a start can never hang on a pipe. Owner: the
 * caller's storage. Threads: any.
 */
#ifndef DT_PKI_FILE_H
#define DT_PKI_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "pki/fault.h"

struct dt_pki_file {
	uint8_t *data; /* owned; a NUL follows the bytes */
	size_t len;    /* bytes */
};

/* `max` bytes at most. On error `out` is empty. */
enum dt_err dt_pki_file_init(
    struct dt_pki_file *out, const char *path, size_t max, struct dt_pki_error *err) DT_MUST_USE;
void dt_pki_file_fini(struct dt_pki_file *f);

#endif
