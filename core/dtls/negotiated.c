#include "dtls/negotiated.h"

#include <openssl/ssl.h>

struct row {
	int nid;
	const char *name;
};

static const struct row ciphers[] = {
    {NID_aes_128_gcm, "AES-128-GCM"},
    {NID_aes_256_gcm, "AES-256-GCM"},
    {NID_aes_128_ccm, "AES-128-CCM"},
    {NID_aes_256_ccm, "AES-256-CCM"},
    {NID_chacha20_poly1305, "CHACHA20-POLY1305"},
};

static const struct row key_exchanges[] = {
    {NID_kx_ecdhe, "ECDHE"},
    {NID_kx_dhe, "DHE"},
    {NID_kx_rsa, "RSA"},
    {NID_kx_psk, "PSK"},
    {NID_kx_ecdhe_psk, "ECDHE_PSK"},
    {NID_kx_dhe_psk, "DHE_PSK"},
    {NID_kx_rsa_psk, "RSA_PSK"},
};

static const char *
name_of(const struct row *rows, size_t count, int nid)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].nid == nid)
			return rows[i].name;
	return OBJ_nid2sn(nid);
}

static uint16_t
bits_of(const EVP_PKEY *key)
{
	int bits = key ? EVP_PKEY_get_bits(key) : 0;
	return bits > 0 && bits <= UINT16_MAX ? (uint16_t)bits : 0;
}

uint16_t
dt_negotiated_ephemeral_bits(struct ssl_st *ssl)
{
	EVP_PKEY *key = NULL;
	if (SSL_get_tmp_key(ssl, &key) != 1)
		return 0;
	uint16_t bits = bits_of(key);
	EVP_PKEY_free(key);
	return bits;
}

void
dt_negotiated_read(struct ssl_st *ssl, uint16_t ephemeral_bits, struct dt_negotiated *out)
{
	const SSL_CIPHER *c = SSL_get_current_cipher(ssl);
	*out = (struct dt_negotiated){.resumed = SSL_session_reused(ssl)};
	if (!c)
		return;
	int kx = SSL_CIPHER_get_kx_nid(c);
	out->cipher = name_of(ciphers, sizeof(ciphers) / sizeof(ciphers[0]), SSL_CIPHER_get_cipher_nid(c));
	out->cipher_bits = (uint16_t)SSL_CIPHER_get_bits(c, NULL);
	out->key_exchange = name_of(key_exchanges, sizeof(key_exchanges) / sizeof(key_exchanges[0]), kx);
	out->key_exchange_bits = ephemeral_bits;
	if (!out->resumed && (kx == NID_kx_rsa || kx == NID_kx_rsa_psk))
		out->key_exchange_bits = bits_of(SSL_get_privatekey(ssl));
}
