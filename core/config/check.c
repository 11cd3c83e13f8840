/* What concerns more than one value of a configuration. Runs also when single values were wrong;
 * what would follow from such a value is not told. */
#include "config/load.h"

#include "base/addr.h"

#include <stdarg.h>
#include <string.h>

#define NAME_MAX_LEN 63u /* bytes */
#define POINTER_MAX 128u /* bytes: "/servers/4095/tls/certificate/65535/chain/65535/store_base64" fits */

void
dt_load_tell(struct dt_load *l, enum dt_severity severity, const char *pointer, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	dt_load_message_at(l->source, l->report, severity, pointer, text);
}

bool
dt_load_is_faulty(const struct dt_load *l, const char *pointer)
{
	const struct dt_config_report *r = l->report;
	char found[POINTER_MAX]; /* as messages write it: without the index of a lone item */
	(void)dt_scan_find(l->source->text, l->source->len, pointer, DT_SCAN_VALUE, found);
	size_t len = strlen(found);
	for (size_t i = 0; i < r->count; i++) {
		const char *at = r->messages[i].pointer;
		if (r->messages[i].severity == DT_SEVERITY_ERROR && strncmp(at, found, len) == 0 &&
		    (at[len] == '/' || at[len] == '\0'))
			return true;
	}
	return r->errors > DT_REPORT_MAX;
}

/* The pointer to a member of the i-th server. */
static const char *
point_at(char buf[POINTER_MAX], size_t i, const char *member)
{
	snprintf(buf, POINTER_MAX, "/servers/%zu%s", i, member);
	return buf;
}

static void
check_name(struct dt_load *l, const struct dt_config_server *servers, size_t i)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	char at[POINTER_MAX];
	const char *name = servers[i].name;
	size_t len = strlen(name);
	point_at(at, i, "/name");
	if (len == 0 || len > NAME_MAX_LEN || strspn(name, allowed) != len)
		dt_load_tell(l, DT_SEVERITY_ERROR, at,
		    "a name has 1 to %u letters, digits, dots, hyphens and underscores",
		    NAME_MAX_LEN);
	for (size_t k = 0; k < i; k++) {
		if (strcmp(servers[k].name, name) != 0)
			continue;
		dt_load_tell(l, DT_SEVERITY_ERROR, at, "another server has this name: /servers/%zu", k);
		break;
	}
}

/* Whether an address before the k-th of server i is the same; says which. */
static bool
is_taken(const struct dt_config_server *servers, size_t i, size_t k, size_t *server, size_t *place)
{
	const struct dtlsd_address *a = &((const struct dtlsd_address *)servers[i].listen.items)[k];
	if (a->family == 0 || a->port == 0)
		return false;
	for (*server = 0; *server <= i; ++*server) {
		const struct dtlsd_list *list = &servers[*server].listen;
		size_t end = *server == i ? k : list->count;
		for (*place = 0; *place < end; ++*place) {
			if (dt_addr_equal(a, &((const struct dtlsd_address *)list->items)[*place]))
				return true;
		}
	}
	return false;
}

static void
check_listen(struct dt_load *l, const struct dt_config_server *servers, size_t i)
{
	char at[POINTER_MAX], member[32];
	size_t server, place;
	for (size_t k = 0; k < servers[i].listen.count; k++) {
		if (!is_taken(servers, i, k, &server, &place))
			continue;
		snprintf(member, sizeof(member), "/listen/%zu", k);
		dt_load_tell(l, DT_SEVERITY_ERROR, point_at(at, i, member),
		    "this address is taken: /servers/%zu/listen/%zu", server, place);
	}
}

static void
check_clients(struct dt_load *l, const struct dt_config_tls *tls, size_t i)
{
	char at[POINTER_MAX];
	bool asks = tls->authenticate_clients != DT_CLIENTS_NONE;
	bool knows = tls->client_ca.count || tls->system_ca;
	if (asks && !knows)
		dt_load_tell(l, DT_SEVERITY_ERROR, point_at(at, i, "/tls/authenticate_clients"),
		    "no client certificate can be verified: set client_ca or system_ca");
	if (!asks && tls->client_ca.count)
		dt_load_tell(l, DT_SEVERITY_WARNING, point_at(at, i, "/tls/client_ca"),
		    "clients are not asked for certificates: authenticate_clients is \"none\"");
}

static void
check_credentials(struct dt_load *l, const struct dt_config_server *s, size_t i)
{
	char at[POINTER_MAX];
	bool proves = l->env->dev || s->tls.certificate.count || s->tls.psk.file;
	for (size_t k = 0; k < s->chain.count; k++) {
		const struct dt_config_chain_entry *e = DT_CONFIG_ENTRY(s, k);
		proves = proves || (e->enabled && e->module.finds_psk);
	}
	if (!proves)
		dt_load_tell(l, DT_SEVERITY_ERROR, point_at(at, i, "/tls"),
		    "a server needs tls.certificate, or tls.psk, or a module that knows pre-shared "
		    "keys");
}

static void
check_timers(struct dt_load *l, const struct dt_config_handshake *h, size_t i)
{
	char at[POINTER_MAX];
	if (h->initial_timer > h->max_timer)
		dt_load_tell(l, DT_SEVERITY_ERROR, point_at(at, i, "/handshake/initial_timer"),
		    "the first timer is above max_timer");
	if (h->timeout <= h->initial_timer)
		dt_load_tell(l, DT_SEVERITY_WARNING, point_at(at, i, "/handshake/timeout"),
		    "a flight that is lost is never sent again: initial_timer is not below this");
}

static void
check_chain(struct dt_load *l, const struct dt_config_server *s, size_t i)
{
	char at[POINTER_MAX], member[32];
	for (size_t k = 0; k < s->chain.count; k++) {
		const char *name = DT_CONFIG_ENTRY(s, k)->name;
		for (size_t j = 0; name && j < k; j++) {
			const char *other = DT_CONFIG_ENTRY(s, j)->name;
			if (other == NULL || strcmp(name, other) != 0)
				continue;
			snprintf(member, sizeof(member), "/chain/%zu/name", k);
			dt_load_tell(l, DT_SEVERITY_ERROR, point_at(at, i, member),
			    "two entries of this chain are named \"%.64s\": give one another name",
			    name);
			break;
		}
	}
}

static void
check_use(struct dt_load *l, const struct dt_config_server *s, size_t i)
{
	char at[POINTER_MAX];
	size_t active = 0;
	for (size_t k = 0; k < s->chain.count; k++)
		active += DT_CONFIG_ENTRY(s, k)->enabled;
	if (active == 0)
		dt_load_tell(l, DT_SEVERITY_WARNING, point_at(at, i, "/chain"),
		    "no module takes the data of this server: all of it is dropped");
	if (s->tls.key_log_file)
		dt_load_tell(l, DT_SEVERITY_WARNING, point_at(at, i, "/tls/key_log_file"),
		    "who reads this file can decrypt every connection");
}

/* "server1", "server2" …, and where each stands. */
static void
name_servers(struct dt_load *l, struct dt_config_server *servers, size_t count)
{
	char at[POINTER_MAX], name[32];
	for (size_t i = 0; i < count && !l->nomem; i++) {
		snprintf(name, sizeof(name), "server%zu", i + 1);
		if (servers[i].name == NULL)
			servers[i].name = dt_config_arena_text(l->arena, name);
		servers[i].pointer = dt_config_arena_text(l->arena, point_at(at, i, ""));
		l->nomem = servers[i].name == NULL || servers[i].pointer == NULL;
	}
}

void
dt_load_cross_check(struct dt_load *l)
{
	struct dt_config_server *servers = (void *)(uintptr_t)l->config->servers.items;
	size_t count = l->config->servers.count;
	name_servers(l, servers, count);
	char at[POINTER_MAX];
	for (size_t i = 0; i < count && !l->nomem && !l->report->nomem; i++) {
		bool faulty = dt_load_is_faulty(l, point_at(at, i, ""));
		check_name(l, servers, i);
		check_listen(l, servers, i);
		check_chain(l, &servers[i], i);
		if (faulty)
			continue;
		check_use(l, &servers[i], i);
		check_clients(l, &servers[i].tls, i);
		check_credentials(l, &servers[i], i);
		check_timers(l, &servers[i].handshake, i);
	}
}
