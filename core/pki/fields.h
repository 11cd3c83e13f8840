/* fields.h - a certificate as modules read it: texts and numbers, no OpenSSL.
 *
 * Decodes DER that a peer sent. Every text is UTF-8 without a NUL byte: a NUL in
 * a value becomes the four characters \x00, so that it can neither cut the value
 * nor make it equal to a shorter one; bytes that are no text become \xNN.
 * A name part of a type that is no text is "#" and the hex of its DER (RFC 2253 2.4).
 * Owner: whoever made it; the texts live as long as it. Threads: none; read-only after.
 * RFC 5280 4, RFC 2253.
 */
#ifndef DT_PKI_FIELDS_H
#define DT_PKI_FIELDS_H

#include <dtlsd/module.h>
#include <stddef.h>
#include <stdint.h>

#define DT_CERT_FIELDS_MAGIC 0x64746366u
#define DT_CERT_DER_MAX 65536u /* bytes */
#define DT_CERT_SANS_MAX 1024u
#define DT_CERT_PARTS_MAX 256u /* attributes of one name */

enum dt_cert_verdict {
	DT_CERT_OK,
	DT_CERT_MALFORMED, /* not one DER certificate, or a field in it is not */
	DT_CERT_TOO_LONG,  /* more than DT_CERT_DER_MAX */
	DT_CERT_TOO_MANY,  /* more than DT_CERT_SANS_MAX or DT_CERT_PARTS_MAX: never cut */
	DT_CERT_NOMEM,
};

struct dt_cert_block;

struct dt_cert_fields {
	uint32_t magic;		       /* DT_CERT_FIELDS_MAGIC */
	struct dtlsd_certificate cert; /* its DER is a copy    */
	struct dt_cert_block *blocks;  /* owned: every text and table of `cert` */
};

/* *out is NULL unless DT_CERT_OK. Requires: der is not NULL. */
enum dt_cert_verdict dt_cert_fields_new(const uint8_t *der, size_t len, struct dt_cert_fields **out)
    __attribute__((warn_unused_result));
void dt_cert_fields_free(struct dt_cert_fields **slot);

/* Static text, for logs and for the status that `connected` gives. */
const char *dt_cert_verdict_text(enum dt_cert_verdict v);

#endif
