/* asn1_time.h - the dates of certificates as seconds since 1970, for any year.
 *
 * No clock, no time zone of the machine. Threads: any. RFC 5280 4.1.2.5.
 */
#ifndef DT_PKI_ASN1_TIME_H
#define DT_PKI_ASN1_TIME_H

#include <openssl/asn1.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DT_DATE_TEXT 32u /* bytes, with NUL */

/* UTCTime and GeneralizedTime. False if it is no date; *out is then 0. */
bool dt_asn1_seconds(const ASN1_TIME *t, int64_t *out);

/* "2049-12-31 23:59:59 UTC" into buf[DT_DATE_TEXT]; returns buf. */
char *dt_date_text(int64_t seconds, char *buf);

#endif
