#include "dtls/exporter.h"

#include <string.h>

#include "base/mem.h"
#include "dtls/handshake_state.h"

bool
dt_exporter_read(const struct dt_handshake *hs, struct dt_exporter *out)
{
	out->digest = dt_engine_prf_digest(hs->engine);
	return out->digest && SSL_get_extms_support(hs->engine->ssl) == 1 &&
	    dt_engine_secrets(hs->engine, &out->secrets);
}

/* What these labels give is a secret of the connection itself. */
static bool
is_reserved(const char *label)
{
	static const char *const labels[] = {"client finished", "server finished", "master secret",
	    "extended master secret", "key expansion"};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(label, labels[i]) == 0)
			return true;
	return false;
}

enum dt_err
dt_export(const struct dt_exporter *e, const char *label, struct dt_span context, uint8_t *out, size_t len)
{
	if (!label[0] || is_reserved(label) || context.len > UINT16_MAX)
		return DT_ERR_INVALID;
	size_t seed_len = 2 * DT_RANDOM_LEN + (context.data ? 2 + context.len : 0);
	uint8_t *seed = dt_alloc(seed_len);
	if (!seed)
		return DT_ERR_NOMEM;
	/* Client first here, unlike in the key expansion: RFC 5705 4. */
	memcpy(seed, e->secrets.client_random, DT_RANDOM_LEN);
	memcpy(seed + DT_RANDOM_LEN, e->secrets.server_random, DT_RANDOM_LEN);
	if (context.data) {
		seed[2 * DT_RANDOM_LEN] = (uint8_t)(context.len >> 8);
		seed[2 * DT_RANDOM_LEN + 1] = (uint8_t)context.len;
		memcpy(seed + 2 * DT_RANDOM_LEN + 2, context.data, context.len);
	}
	enum dt_err err = dt_prf(e->digest, (struct dt_span){e->secrets.master, DT_MASTER_LEN}, label,
	    (struct dt_span){seed, seed_len}, out, len);
	dt_free(seed);
	return err;
}
