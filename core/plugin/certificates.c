#include "plugin/certificates.h"

#include "base/mem.h"
#include "conn/conn.h"
#include "pki/fields.h"
#include "plugin/gate.h"
#include "plugin/worker_state.h"

struct dt_seen_certificate {
	struct dt_seen_certificate *next; /* owned: the one before */
	uint64_t conn;
	struct dt_cert_fields *fields; /* owned */
};

const struct dtlsd_certificate *
dt_certificates_of(struct dt_plugin_worker *pw, const struct dt_conn *c)
{
	uint64_t conn = dt_conn_id(c);
	/* While the client stands in the gate, its certificate is in the event only. */
	if (pw->gate && pw->gate->conn == c && pw->gate->event->kind == DT_GATE_AUTH)
		return pw->gate->event->auth.certificate;
	for (struct dt_seen_certificate *s = pw->certificates; s; s = s->next)
		if (s->conn == conn)
			return &s->fields->cert;

	struct dt_span der = dt_conn_certificate(c);
	if (!der.data)
		return NULL;
	struct dt_seen_certificate *s = dt_alloc(sizeof(*s));
	if (!s)
		return NULL;
	if (dt_cert_fields_new(der.data, der.len, &s->fields) != DT_CERT_OK) {
		dt_free(s);
		return NULL;
	}
	s->conn = conn;
	s->next = pw->certificates;
	pw->certificates = s;
	return &s->fields->cert;
}

void
dt_certificates_release(struct dt_plugin_worker *pw, const struct dt_seen_certificate *mark)
{
	while (pw->certificates != mark) {
		struct dt_seen_certificate *s = pw->certificates;
		pw->certificates = s->next;
		dt_cert_fields_free(&s->fields);
		dt_free(s);
	}
}
