/* support.h - what the tests of this room share: the certificates of make.sh, and ones made here.
 *
 * Threads: none; the texts that cert_path() gives live as long as the test.
 */
#ifndef TEST_PKI_SUPPORT_H
#define TEST_PKI_SUPPORT_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* 2023-11-14: within the dates of make.sh. */
#define TODAY ((struct dt_now){.wall = {1700000000}})
#define IN_YEAR(y) ((struct dt_now){.wall = {((int64_t)(y)-1970) * 31556952}})

/* CERTS/NAME; NULL for NULL. Never freed: a test is a process. */
const char *cert_path(const char *name);

/* A new file that holds these bytes; removed by nobody but the caller. */
const char *temp_file(const void *data, size_t len);
const char *temp_directory(void);

/* Bytes of a file, dt_alloc()ed; at most 64 KiB. */
uint8_t *read_bytes(const char *path, size_t *len);

X509 *read_certificate(const char *name);

/* A self-signed certificate, to be changed and signed; the key is the same for all. */
X509 *new_certificate(const char *common_name);
/* Adds an extension by name and value, as openssl.cnf has them. */
void add_extension(X509 *x, int nid, const char *value);
/* Signs and encodes; OPENSSL_free() it. */
uint8_t *sign_der(X509 *x, size_t *len);
/* Signs and writes as PEM behind what the file has. */
void sign_to_file(X509 *x, const char *path);

#endif
