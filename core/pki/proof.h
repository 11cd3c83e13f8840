/* proof.h - whether a private key belongs to a public one: it is tried.
 *
 * Comparing public halves is not enough: those of a token, and some files, come from elsewhere than
 * the private key. Threads: any.
 */
#ifndef DT_PKI_PROOF_H
#define DT_PKI_PROOF_H

#include <openssl/evp.h>
#include <stdbool.h>

bool dt_proof_signs_for(EVP_PKEY *key, EVP_PKEY *pub);

#endif
