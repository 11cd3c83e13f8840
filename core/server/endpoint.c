#include "server/endpoint.h"

#include "base/mem.h"
#include "config/fingerprint.h"
#include "server/identity.h"
#include "server/logger.h"
#include "server/suites.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECORD_AROUND 128u /* bytes, at most, that a record of a client is longer than its plaintext */

/* ---- verification, as dtls asks for it ---- */

static int
verify_chain(void *arg, X509 *leaf, STACK_OF(X509) *untrusted, struct dt_wall now)
{
	const struct dt_endpoint *e = arg;
	struct dt_verify_result r;
	dt_trust_verify(e->trust, leaf, untrusted, (struct dt_now){.wall = now}, &r);
	return r.code;
}

static int
verify_leaf(void *arg, X509 *leaf, struct dt_wall now)
{
	return verify_chain(arg, leaf, NULL, now);
}

/* ---- what the entry names ---- */

static bool
load_psk_file(struct dt_endpoint *e, const struct dt_place *p)
{
	char error[256];
	const char *path = p->server->tls.psk.file;
	if (path && dt_psk_file_load(path, &e->psk_file, error, sizeof(error)) != DT_OK)
		return dt_place_wrong(p, "/tls/psk/file", "%s", error);
	return true;
}

static bool
probe_key_log(const struct dt_place *p)
{
	const char *path = p->server->tls.key_log_file;
	int error = path ? dt_logger_probe(path) : 0;
	return !error || dt_place_wrong(p, "/tls/key_log_file", "%s: %s", path, strerror(error));
}

static bool
open_key_log(struct dt_endpoint *e, const struct dt_place *p)
{
	const char *path = p->server->tls.key_log_file;
	enum dt_err err = path ? dt_key_log_open(&e->key_log, path) : DT_OK;
	if (err == DT_OK)
		return true;
	return dt_place_wrong(p, "/tls/key_log_file", "%s: %s", path,
	    err == DT_ERR_REFUSED
		? "there is something that others may read or that is no file: remove it"
		: strerror(errno));
}

static bool
finds_psk(const struct dt_config_server *server)
{
	for (uint32_t i = 0; i < server->chain.count; i++) {
		const struct dt_config_chain_entry *entry = DT_CONFIG_ENTRY(server, i);
		if (entry->enabled && entry->module.finds_psk)
			return true;
	}
	return server->tls.psk.file != NULL;
}

/* A heartbeat proves the address of a client that moved, too. */
static enum dt_heartbeat_mode
heartbeat_mode(const struct dt_config_server *s)
{
	if (!s->keep_alive.enabled && !s->connection_id.enabled)
		return DT_HEARTBEAT_OFF;
	return s->keep_alive.mode == 0 ? DT_HEARTBEAT_PEER_MAY_SEND : DT_HEARTBEAT_PEER_MAY_NOT_SEND;
}

/* A key that is shared by several servers, or one that lives as long as this process. */
static void
set_ticket_secret(struct dt_tls_settings *s, const struct dtlsd_bytes *key, const struct dt_site *site)
{
	if (key->data)
		dt_suites_digest(key->data, key->len, s->ticket_secret);
	else
		memcpy(s->ticket_secret, site->ticket_secret, sizeof(s->ticket_secret));
}

/* Of a record that comes in a datagram of this size. */
static uint16_t
record_size_limit(uint64_t packet_size)
{
	uint64_t rest = packet_size - RECORD_AROUND;
	return rest < DT_PLAIN_MAX ? (uint16_t)rest : DT_PLAIN_MAX;
}

static bool
make_tls(struct dt_endpoint *e, const struct dt_identity *c, const struct dt_suites *suites,
    const struct dt_place *p)
{
	static const enum dt_client_auth client_auth[] = {
	    [DT_CLIENTS_NONE] = DT_CLIENT_AUTH_NONE,
	    [DT_CLIENTS_REQUESTED] = DT_CLIENT_AUTH_REQUESTED,
	    [DT_CLIENTS_REQUIRED] = DT_CLIENT_AUTH_REQUIRED,
	};
	const struct dt_config_server *s = p->server;
	char error[256];
	struct dt_tls_settings settings = {
	    .certificates = c->list,
	    .certificate_count = c->count,
	    .suites = suites->ciphers,
	    .min_strength_bits = (int)s->tls.min_strength_bits,
	    .groups = suites->groups,
	    .signature_algorithms = suites->signatures,
	    .client_auth = client_auth[s->tls.authenticate_clients],
	    .ca_names = e->trust ? e->trust->names : NULL,
	    .verifier = {e, verify_chain, verify_leaf},
	    .tickets = s->tls.session_reuse.enabled,
	    .ticket_lifetime = {s->tls.session_reuse.lifetime},
	    .psk = finds_psk(s),
	    .heartbeat = heartbeat_mode(s),
	    .key_log = s->tls.key_log_file ? dt_key_log_write : NULL,
	    .key_log_arg = &e->key_log,
	    .records_per_key = (uint64_t)s->limits.records_per_key,
	    .forgeries_per_key = (uint64_t)s->limits.forgeries_per_key,
	    .record_size_limit = record_size_limit(s->limits.packet_size),
	    .mtu = (uint16_t)s->handshake.mtu,
	    .initial_timer = {s->handshake.initial_timer},
	    .max_timer = {s->handshake.max_timer},
	};
	if (e->trust)
		memcpy(settings.trust_id, dt_trust_digest(e->trust), sizeof(settings.trust_id));
	set_ticket_secret(&settings, &s->tls.session_reuse.ticket_key, e->site);
	enum dt_err err = dt_tls_new(&settings, &e->tls, error, sizeof(error));
	dt_wipe(settings.ticket_secret, sizeof(settings.ticket_secret));
	return err == DT_OK || dt_place_wrong(p, "/tls", "%s", error);
}

static bool
choose_suites(struct dt_suites *suites, const struct dt_place *p)
{
	char error[256], pointer[DT_PLACE_POINTER];
	if (dt_suites_init(suites, &p->server->tls, error, sizeof(error)))
		return true;
	snprintf(pointer, sizeof(pointer), "%s%s", p->server->pointer, suites->member);
	dt_config_suggest_at(p->config, p->report, pointer,
	    suites->suggestion[0] ? suites->suggestion : NULL, "%s", error);
	return false;
}

bool
dt_endpoint_init(struct dt_endpoint *e, const struct dt_config *config,
    const struct dt_config_server *server, struct dt_site *site, bool ephemeral,
    struct dt_config_report *report)
{
	struct dt_place p = {config, server, report};
	struct dt_identity c;
	struct dt_suites suites;
	memset(e, 0, sizeof(*e));
	e->config = server;
	e->site = site;
	e->key_log.fd = -1;
	/* All that is wrong is told at once. */
	bool good = dt_identity_trust(&e->trust, &p);
	good &= load_psk_file(e, &p);
	good &= probe_key_log(&p);
	good &= dt_identity_init(&c, ephemeral, &p);
	good &= choose_suites(&suites, &p);
	good = good && make_tls(e, &c, &suites, &p);
	dt_suites_fini(&suites);
	dt_identity_fini(&c);
	return good;
}

/* ---- the chain ---- */

struct complaint {
	const struct dt_config *config;
	struct dt_config_report *report;
	const char *entry; /* its pointer */
};

static void
complain(void *arg, bool error, const char *pointer, const char *text)
{
	const struct complaint *c = arg;
	char at[2 * DT_PLACE_POINTER];
	snprintf(at, sizeof(at), "%s%s", c->entry, pointer);
	if (error)
		dt_config_error_at(c->config, c->report, at, "%s", text);
	else
		dt_config_warning_at(c->config, c->report, at, "%s", text);
}

bool
dt_endpoint_check_chain(
    const struct dt_endpoint *e, const struct dt_config *config, struct dt_config_report *report)
{
	const struct dt_config_server *s = e->config;
	size_t errors = 0;
	for (uint32_t i = 0; i < s->chain.count; i++) {
		const struct dt_config_chain_entry *entry = DT_CONFIG_ENTRY(s, i);
		struct complaint c = {config, report, entry->pointer};
		if (entry->enabled)
			errors += dt_chain_check(entry->module.handle, entry->options,
			    s->limits.connections, complain, &c);
	}
	return errors == 0;
}

bool
dt_endpoint_open(struct dt_endpoint *e, const struct dt_config *config, struct dt_plugin *plugin,
    const struct dt_siphash_key *key, struct dt_config_report *report)
{
	const struct dt_config_server *s = e->config;
	struct dt_place p = {config, s, report};
	struct dt_chain_entry entries[DT_CONFIG_CHAIN_MAX];
	const char *pointers[DT_CONFIG_CHAIN_MAX];
	size_t count = 0;
	if (!open_key_log(e, &p))
		return false;
	for (uint32_t i = 0; i < s->chain.count; i++) {
		const struct dt_config_chain_entry *entry = DT_CONFIG_ENTRY(s, i);
		if (!entry->enabled)
			continue;
		pointers[count] = entry->pointer;
		entries[count++] = (struct dt_chain_entry){
		    .module = entry->module.handle,
		    .name = entry->name,
		    .config = entry->options,
		    .owner = config,
		    .fingerprint = dt_config_fingerprint_entry(key, entry),
		    .slow_hook = {entry->slow_hook},
		    .defer_timeout = {entry->defer_timeout},
		    .defer_accept = entry->defer_default == DT_DEFER_ACCEPT,
		};
	}
	struct dt_chain_failure failure;
	if (dt_chain_new(plugin, s->name, entries, count, &e->chain, &failure) == DT_OK)
		return true;
	if (failure.entry == count)
		return dt_place_wrong(&p, "/chain", "%s", failure.why);
	dt_config_error_at(config, report, pointers[failure.entry], "%s", failure.why);
	return false;
}

void
dt_endpoint_fini(struct dt_endpoint *e)
{
	dt_chain_free(&e->chain);
	dt_tls_free(&e->tls);
	dt_trust_free(&e->trust);
	dt_psk_file_free(&e->psk_file);
	if (e->config)
		dt_key_log_close(&e->key_log);
}
