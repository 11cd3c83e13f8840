/* match.h - does a text of a certificate fit a pattern of the configuration?
 *
 * A `*` in a pattern stands for any run of characters, also for none; there is no way to write
 * a literal one. All functions take time linear in pattern and text: both may be long, and the
 * text is the peer's. Threads: any. Units: bytes of UTF-8, NUL-terminated.
 */
#ifndef CERT_ACCESS_MATCH_H
#define CERT_ACCESS_MATCH_H

#include <dtlsd/module.h>
#include <stdbool.h>

/* Case matters. */
bool match_text(const char *pattern, const char *text);

/* A whole name in the form of RFC 2253. As match_text(), but what follows a `*` is never found
 * behind a backslash: else "*,O=Fleet" would fit a CN that its owner chose as "x,O=Fleet". */
bool match_name(const char *pattern, const char *text);

/* A DNS name: case does not matter, and a `*` stays within its label (RFC 6125 6.4.3). A text
 * that is no DNS name (RFC 1123 2.1, and "_" and "*") fits nothing. */
bool match_dns(const char *pattern, const char *text);

/* local@domain: case matters in the local part only (RFC 5280 7.5). */
bool match_email(const char *pattern, const char *text);

/* Hex digits, no wildcards: case, colons and (serial) leading zeros do not matter. */
bool match_fingerprint(const char *pattern, const char *text);
bool match_serial(const char *pattern, const char *text);

/* An address as text within a prefix. */
bool match_prefix(const struct dtlsd_cidr *prefix, const char *text);

/* What is wrong with a pattern, or NULL; one that is wrong fits nothing. */
const char *wrong_text(const char *pattern);
const char *wrong_dns(const char *pattern);
const char *wrong_email(const char *pattern);
const char *wrong_fingerprint(const char *pattern);
const char *wrong_serial(const char *pattern);

#endif
