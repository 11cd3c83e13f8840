/* xml_key.h - RSA keys as .NET writes them: <RSAKeyValue> with Base64 numbers; X.509 certificates
 * of <X509Certificate> elements beside it.
 *
 * Reads elements, attributes passed over; a document type, which could define entities, is refused.
 * No recursion. Owner: what is given out belongs to the caller. Threads: any.
 * XML Signature 4.5.2.2 and 4.5.4; the private numbers are .NET's own (RSA.ToXmlString).
 */
#ifndef DT_PKI_XML_KEY_H
#define DT_PKI_XML_KEY_H

#include "pki/material.h"

/* Whether the first byte that is no blank is a tag's. */
bool dt_xml_seen(struct dt_span text);

/* NONE (also when neither is in it), WRONG_TYPE, BAD_KEY, UNKNOWN_KEY, BAD_CERTIFICATE, TOO_MANY,
 * NOMEM. */
enum dt_pki_fault dt_xml_read(struct dt_span text, struct dt_material *m);

#endif
