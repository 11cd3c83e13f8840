/* details.h - every field of a certificate as a text, under the name that the reference gives it.
 *
 * For whoever shows a certificate to a person: `fields.h` is what modules decide by. Texts are those
 * of fields.h, with these differences of the reference: names have a blank behind each comma, dates
 * are "23-Jan-2000 15:00:00" in the time zone of the machine, a truth is "True" or "False".
 * Owner: whoever made it; the texts live as long as it. Threads: none; read-only after.
 */
#ifndef DT_PKI_DETAILS_H
#define DT_PKI_DETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/fields.h"

#define DT_DETAILS_MAGIC 0x64746465u

/* UsageFlags; also RFC 5280 4.2.1.3 from its first bit on. */
#define DT_USAGE_DIGITAL_SIGNATURE 0x80u
#define DT_USAGE_NON_REPUDIATION 0x40u
#define DT_USAGE_KEY_ENCIPHERMENT 0x20u
#define DT_USAGE_DATA_ENCIPHERMENT 0x10u
#define DT_USAGE_KEY_AGREEMENT 0x08u
#define DT_USAGE_CERTIFICATE_SIGNING 0x04u
#define DT_USAGE_CRL_SIGNING 0x02u
#define DT_USAGE_ENCIPHER_ONLY 0x01u

struct dt_details {
	uint32_t magic; /* DT_DETAILS_MAGIC */
	const char *effective_date, *expiration_date;
	const char *extended_key_usage; /* OIDs, a comma between */
	const char *fingerprint_md5, *fingerprint_sha1, *fingerprint_sha256; /* "bc:2a:…" */
	const char *thumbprint_md5, *thumbprint_sha1, *thumbprint_sha256;    /* "BC2A…"  */
	const char *subject, *issuer, *serial_number;
	const char *private_key_available; /* "True": we have it */
	const char *public_key;		   /* PEM */
	const char *public_key_algorithm, *public_key_length; /* "EC", "256" */
	const char *signature_algorithm;
	const char *subject_alt_names; /* a comma between */
	const char *usage, *usage_flags; /* "Digital Signature, …" and 128 */
	const char *version;		 /* "V3" */
	const char *encoded;		 /* PEM */
	struct dt_cert_block *blocks;	 /* owned: every text */
};

/* *out is NULL unless DT_CERT_OK. Requires: der is not NULL. */
enum dt_cert_verdict dt_details_new(const uint8_t *der, size_t len, bool private_key,
    struct dt_details **out) __attribute__((warn_unused_result));
void dt_details_free(struct dt_details **slot);

enum dt_detail {
	DT_DETAIL_FOUND,
	DT_DETAIL_UNKNOWN,     /* no field has this name                                 */
	DT_DETAIL_UNSUPPORTED, /* the reference has it, we cannot (402); the text says why */
};

/* The field with this name, letters of either case. PrivateKey and KeyPassword are never given out:
 * "". *text is static or lives as long as `d`; "" when unknown. */
enum dt_detail dt_details_get(const struct dt_details *d, const char *name, const char **text);
/* The names of all fields that are found, in the order of the reference; NULL behind the last. */
const char *dt_details_name(size_t i);

#endif
