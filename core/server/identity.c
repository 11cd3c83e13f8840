#include "server/identity.h"

#include "base/mem.h"
#include "io/clock.h"
#include "pki/ephemeral.h"

#include <openssl/x509v3.h>
#include <stdio.h>

static struct dt_store_source
source_of(const struct dt_config_store *s)
{
	return (struct dt_store_source){
	    .type = (enum dt_store_type)s->store_type,
	    .path = s->file ? s->file : s->store,
	    .blob = s->store_base64,
	    .password = s->password,
	    .key_password = s->key_password,
	    .subject = s->subject,
	    .thumbprint = s->thumbprint,
	    .encoded = s->encoded,
	};
}

static void
append_sources(struct dt_store_source *to, size_t *count, const struct dtlsd_list *list)
{
	const struct dt_config_store *stores = list->items;
	for (size_t i = 0; i < list->count; i++)
		to[(*count)++] = source_of(&stores[i]);
}

bool
dt_identity_trust(struct dt_trust **out, const struct dt_place *p)
{
	const struct dt_config_tls *tls = &p->server->tls;
	struct dt_pki_error err;
	if (tls->authenticate_clients == DT_CLIENTS_NONE)
		return true;
	struct dt_trust_source source = {.system = tls->system_ca};
	struct dt_store_source *stores = dt_alloc_array(tls->client_ca.count + 1u, sizeof(*stores));
	if (!stores)
		return dt_place_wrong(p, "/tls/client_ca", "out of memory");
	append_sources(stores, &source.store_count, &tls->client_ca);
	source.stores = stores;
	enum dt_err e = dt_trust_load(&source, out, &err);
	dt_free(stores);
	return e == DT_OK || dt_place_wrong(p, "/tls/client_ca", "%s", err.text);
}

/* Whether a client that asks for `name` would get a certificate before `x`, of the same type of key. */
static bool
is_answered(const struct dt_identity *id, const char *name, size_t len)
{
	int type = EVP_PKEY_get_base_id(id->loaded[id->count]->key);
	for (size_t i = 0; i < id->count; i++)
		if (EVP_PKEY_get_base_id(id->loaded[i]->key) == type &&
		    X509_check_host(id->loaded[i]->leaf, name, len, 0, NULL) == 1)
			return true;
	return false;
}

/* Whether there is a name that only this certificate answers to. A wildcard is asked for as it is:
 * what answers to it answers to all that it stands for. */
static bool
has_name_of_its_own(const struct dt_identity *id, X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool found = false, any = false;
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type != GEN_DNS)
			continue;
		any = true;
		const char *text = (const char *)ASN1_STRING_get0_data(g->d.dNSName);
		found = !is_answered(id, text, (size_t)ASN1_STRING_length(g->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	char cn[256];
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
	if (!any && len > 0)
		found = !is_answered(id, cn, (size_t)len);
	return found;
}

/* One that no client ever gets is an error of whoever wrote it. */
static bool
refuse_twin(const struct dt_identity *id, const char *member, const struct dt_place *p)
{
	int type = EVP_PKEY_get_base_id(id->loaded[id->count]->key);
	for (size_t i = 0; i < id->count; i++)
		if (EVP_PKEY_get_base_id(id->loaded[i]->key) == type &&
		    !has_name_of_its_own(id, id->loaded[id->count]->leaf))
			return dt_place_wrong(p, member,
			    "another certificate before it answers to its names with a key of the same type, %s",
			    OBJ_nid2sn(type));
	return true;
}

/* The `i`-th of the entry. */
static bool
load_certificate(struct dt_identity *id, uint32_t i, const struct dt_place *p)
{
	const struct dt_config_tls *tls = &p->server->tls;
	const struct dt_config_certificate *from =
	    &((const struct dt_config_certificate *)tls->certificate.items)[i];
	struct dt_pki_error err;
	char member[64];
	snprintf(member, sizeof(member), "/tls/certificate/%u", i);
	if (id->count == DT_IDENTITY_MAX)
		return dt_place_wrong(p, member, "more than %u certificates", DT_IDENTITY_MAX);
	struct dt_store_source *chain =
	    dt_alloc_array((size_t)from->chain.count + tls->chain.count + 1, sizeof(*chain));
	if (!chain)
		return dt_place_wrong(p, member, "out of memory");

	struct dt_store_source key = source_of(&from->key);
	struct dt_credential_source source = {
	    .cert = source_of(dt_config_store_used(&from->cert) ? &from->cert : &from->store),
	    .key = dt_config_store_used(&from->key) ? &key : NULL,
	    .chain = chain,
	};
	append_sources(chain, &source.chain_count, &from->chain);
	append_sources(chain, &source.chain_count, &tls->chain);
	enum dt_err e = dt_credential_load(&source, dt_clock_now(), &id->loaded[id->count], &err);
	dt_free(chain);
	if (e != DT_OK)
		return dt_place_wrong(p, member, "%s", err.text);
	bool single = refuse_twin(id, member, p);
	id->count++;
	return single;
}

static bool
load_staple(struct dt_identity *id, uint32_t i, const struct dt_place *p)
{
	const char *path = ((const char *const *)p->server->tls.ocsp_staple.items)[i];
	struct dt_pki_error err;
	char member[64];
	struct dt_staple *s = &id->staples[i];
	snprintf(member, sizeof(member), "/tls/ocsp_staple/%u", i);
	if (dt_staple_init(s, path, id->loaded, id->count, dt_clock_now(), &err) != DT_OK)
		return dt_place_wrong(p, member, "%s", err.text);
	if (id->list[s->about].staple.data)
		return dt_place_wrong(p, member, "%s: another one is about the same certificate", path);
	id->list[s->about].staple = (struct dt_span){s->der, s->len};
	id->list[s->about].staple_until = s->until;
	return true;
}

static bool
load_staples(struct dt_identity *id, const struct dt_place *p)
{
	uint32_t count = p->server->tls.ocsp_staple.count;
	bool good = true;
	if (count > DT_IDENTITY_MAX)
		return dt_place_wrong(p, "/tls/ocsp_staple", "more than %u", DT_IDENTITY_MAX);
	for (uint32_t i = 0; i < count; i++)
		good &= load_staple(id, i, p);
	return good;
}

bool
dt_identity_init(struct dt_identity *id, bool ephemeral, const struct dt_place *p)
{
	const struct dtlsd_list *list = &p->server->tls.certificate;
	struct dt_pki_error err;
	bool good = true;
	*id = (struct dt_identity){.count = 0};
	for (uint32_t i = 0; i < list->count; i++)
		good &= load_certificate(id, i, p);
	if (list->count == 0 && ephemeral) {
		if (dt_ephemeral_new(dt_clock_now(), &id->loaded[0], &err) != DT_OK)
			return dt_place_wrong(p, "/tls", "%s", err.text);
		id->count = 1;
	}
	for (size_t i = 0; i < id->count; i++)
		id->list[i] = (struct dt_tls_certificate){
		    .leaf = id->loaded[i]->leaf,
		    .key = id->loaded[i]->key,
		    .chain = id->loaded[i]->chain};
	return good && load_staples(id, p);
}

void
dt_identity_fini(struct dt_identity *id)
{
	for (size_t i = 0; i < DT_IDENTITY_MAX; i++)
		dt_credential_free(&id->loaded[i]);
	for (size_t i = 0; i < DT_IDENTITY_MAX; i++)
		dt_staple_fini(&id->staples[i]);
}
