/* fault.h - what is wrong with a certificate, a key or their file, in words for the operator.
 *
 * Knows no configuration: the text names the file and the mend, the caller adds
 * the place in the JSON. A text never holds a password or a part of a key.
 * Owner: the caller's storage. Threads: any.
 */
#ifndef DT_PKI_FAULT_H
#define DT_PKI_FAULT_H

#include "base/err.h"

enum dt_pki_fault {
#define X(name, text) DT_PKI_##name,
#include "pki/fault.def"
#undef X
	DT_PKI_FAULTS
};

#define DT_PKI_TEXT 512u /* bytes, with NUL; longer paths are cut */

struct dt_pki_error {
	enum dt_pki_fault fault; /* DT_PKI_NONE after DT_OK */
	char text[DT_PKI_TEXT];	 /* one line, "" after DT_OK */
};

/* The general text of a fault, static. */
const char *dt_pki_fault_text(enum dt_pki_fault fault);

/* Fills `err` with "PATH: TEXT", or "PATH: TEXT (DETAIL)"; `path` and `detail` may be NULL.
 * Returns the dt_err that goes with the fault: NOMEM, CRYPTO, SYSTEM (MISSING, UNREADABLE),
 * else CONFIG. */
enum dt_err dt_pki_fail(
    struct dt_pki_error *err, enum dt_pki_fault fault, const char *path, const char *detail);

#endif
