#include "server/control_filter.h"

#include "base/addr.h"
#include "conn/table.h"
#include "pki/fields.h"
#include "server/endpoint.h"

#include <string.h>

bool
dt_control_filter_check(const struct dt_control_filter *f, struct dt_control_request *r)
{
	const struct dt_endpoint *e;
	if (!f->server)
		return true;
	for (size_t i = 0; (e = dt_server_endpoint(dt_control_server(r), i)) != NULL; i++)
		if (strcmp(e->config->name, f->server) == 0)
			return true;
	dt_control_refuse(r, DT_CONTROL_NOT_FOUND, "there is no server \"%.64s\"", f->server);
	return false;
}

char *
dt_control_clip(const char *text, char *out, size_t cap)
{
	size_t len = strlen(text);
	if (len >= cap) {
		len = cap - 4;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--; /* not within a character */
		memcpy(out + len, "...", 4);
	} else {
		out[len] = '\0';
	}
	return memcpy(out, text, len);
}

const char *
dt_control_identity(const struct dt_conn *c, char out[DT_CONTROL_IDENTITY])
{
	const char *identity = dt_conn_psk_identity(c);
	struct dt_span der = dt_conn_certificate(c);
	struct dt_cert_fields *fields;
	if (identity)
		return dt_control_clip(identity, out, DT_CONTROL_IDENTITY);
	if (!der.len || dt_cert_fields_new(der.data, der.len, &fields) != DT_CERT_OK)
		return NULL;
	dt_control_clip(fields->cert.subject, out, DT_CONTROL_IDENTITY);
	dt_cert_fields_free(&fields);
	return out;
}

static bool
is_from(const struct dtlsd_list *peers, const struct dtlsd_address *peer)
{
	const struct dtlsd_cidr *items = peers->items;
	for (uint32_t i = 0; i < peers->count; i++)
		if (dt_cidr_holds(&items[i], peer))
			return true;
	return peers->count == 0;
}

/* What is dear comes last. */
bool
dt_control_filter_allows(const struct dt_control_filter *f, const struct dt_conn *c)
{
	static const enum dt_conn_state states[] = {
	    [DT_CONTROL_REQUESTED] = DT_CONN_REQUESTED,
	    [DT_CONTROL_HANDSHAKE] = DT_CONN_HANDSHAKE,
	    [DT_CONTROL_ESTABLISHED] = DT_CONN_ESTABLISHED,
	};
	char text[DT_CONTROL_IDENTITY];
	if (f->server && strcmp(f->server, dt_conn_service(c)->name) != 0)
		return false;
	if (f->state != DT_CONTROL_ANY_STATE && dt_conn_state(c) != states[f->state])
		return false;
	if (!is_from(&f->peer, &dt_conn_path(c)->peer))
		return false;
	const char *identity = f->identity ? dt_control_identity(c, text) : "";
	return !f->identity || (identity && strstr(identity, f->identity));
}
