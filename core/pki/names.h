/* names.h - the names in a certificate as texts for modules; part of fields.h, which says how.
 *
 * Everything given out lives in the arena. Threads: none.
 */
#ifndef DT_PKI_NAMES_H
#define DT_PKI_NAMES_H

#include <dtlsd/module.h>
#include <openssl/x509.h>

#include "pki/arena.h"
#include "pki/fields.h"

/* RFC 2253, except that what is not ASCII stays UTF-8. */
enum dt_cert_verdict dt_cert_name_text(
    struct dt_cert_block **arena, const X509_NAME *name, const char **out);

enum dt_cert_verdict dt_cert_name_parts(struct dt_cert_block **arena, const X509_NAME *name,
    const struct dtlsd_name_part **out, uint32_t *count);

/* No extension: none. Two of them, or one that does not decode: MALFORMED. */
enum dt_cert_verdict dt_cert_sans(
    struct dt_cert_block **arena, const X509 *x, const struct dtlsd_san **out, uint32_t *count);

#endif
