/* form.h - the two forms of a sealed record, written a second time from the text of the RFCs: nothing
 * of the core's is used but the table of suites, so that the core can be held against it.
 *
 * RFC 9146 5, RFC 5246 6.2.3.3, RFC 5288, 6655, 7905. Threads: none.
 */
#ifndef DT_TESTS_SIM_FORM_H
#define DT_TESTS_SIM_FORM_H

#include <stdbool.h>

#include "dtls/protect.h"

#define SIM_TLS12_CID 25u

/* What stands before the bytes of a record, and how it is protected. */
struct sim_form {
	uint8_t type;	   /* outer */
	const uint8_t *id; /* of who receives it; NULL = the plain form */
	size_t id_len;
	uint8_t number[8]; /* epoch || seq */
};

/* Writes the record of in[len]; its bytes, at most len + 300. With an id `in` is the inner plaintext. */
size_t sim_form_seal(const struct dt_suite *suite, const struct dt_key *key, const struct sim_form *f,
    const uint8_t *in, size_t len, uint8_t *out);
/* Opens the body of a record into `out`, where *len bytes come to stand. False: too short, or not
 * authentic. `out` may be body + explicit_len. */
bool sim_form_open(const struct dt_suite *suite, const struct dt_key *key, const struct sim_form *f,
    const uint8_t *body, size_t body_len, uint8_t *out, size_t *len);

#endif
