#include "plugin/event_copy.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "pki/fields.h"

/* Lays pieces one behind the other. Without memory to write to it only adds up their lengths, so
 * that one description of an event serves for both passes. */
struct packer {
	uint8_t *to; /* NULL: count only */
	size_t used;
};

static void *
pack(struct packer *p, const void *data, size_t len)
{
	size_t at = p->used;
	size_t align = _Alignof(max_align_t);
	p->used += (len + align - 1) / align * align;
	if (!p->to)
		return NULL;
	if (len)
		memcpy(p->to + at, data, len);
	return p->to + at;
}

static const char *
pack_text(struct packer *p, const char *text)
{
	return text ? pack(p, text, strlen(text) + 1) : NULL;
}

static struct dtlsd_bytes
pack_bytes(struct packer *p, struct dtlsd_bytes b)
{
	return (struct dtlsd_bytes){b.data ? pack(p, b.data, b.len) : NULL, b.len};
}

static void
pack_request(struct packer *p, struct dtlsd_request *r)
{
	r->server_name = pack_text(p, r->server_name);
	r->alpn = pack_bytes(p, r->alpn);
	r->suites = pack(p, r->suites, r->suite_count * sizeof(r->suites[0]));
}

static void
pack_psk(struct packer *p, struct dtlsd_psk *psk)
{
	psk->identity = pack(p, psk->identity, psk->identity_len);
}

/* The certificate is decoded again from its DER: its tables point to one another. */
static void
pack_auth(struct packer *p, struct dtlsd_auth *auth)
{
	const struct dtlsd_bytes *chain = auth->chain;
	struct dtlsd_bytes *copy = pack(p, chain, auth->chain_count * sizeof(chain[0]));
	auth->status = pack_text(p, auth->status);
	for (uint32_t i = 0; i < auth->chain_count; i++) {
		struct dtlsd_bytes item = pack_bytes(p, chain[i]);
		if (copy)
			copy[i] = item;
	}
	auth->chain = copy;
}

static void
pack_event(struct packer *p, struct dt_gate_event *event)
{
	switch (event->kind) {
	case DT_GATE_REQUEST:
		pack_request(p, &event->request);
		return;
	case DT_GATE_PSK:
		pack_psk(p, &event->psk);
		return;
	case DT_GATE_AUTH:
		pack_auth(p, &event->auth);
		return;
	}
}

static enum dt_err
copy_certificate(struct dt_event_copy *copy)
{
	const struct dtlsd_certificate *from = copy->event.auth.certificate;
	if (copy->event.kind != DT_GATE_AUTH || !from)
		return DT_OK;
	/* It was decoded before: what fails now is memory. */
	if (dt_cert_fields_new(from->der.data, from->der.len, &copy->certificate) != DT_CERT_OK)
		return DT_ERR_NOMEM;
	copy->event.auth.certificate = &copy->certificate->cert;
	return DT_OK;
}

static size_t
certificate_size(const struct dt_gate_event *event)
{
	if (event->kind != DT_GATE_AUTH || !event->auth.certificate)
		return 0;
	return 2 * event->auth.certificate->der.len; /* the DER, and about as much in texts */
}

enum dt_err
dt_event_copy_new(const struct dt_gate_event *event, size_t limit, struct dt_event_copy **out)
{
	struct dt_gate_event counted = *event;
	struct packer count = {NULL, 0};
	pack_event(&count, &counted);
	size_t size = sizeof(struct dt_event_copy) + count.used + certificate_size(event);
	if (size > limit)
		return DT_ERR_AGAIN;

	struct dt_event_copy *copy = dt_alloc(sizeof(*copy) + count.used);
	if (!copy)
		return DT_ERR_NOMEM;
	struct packer write = {(uint8_t *)copy->bytes, 0};
	copy->event = *event;
	copy->size = size;
	pack_event(&write, &copy->event);
	if (copy_certificate(copy) != DT_OK) {
		dt_event_copy_free(&copy);
		return DT_ERR_NOMEM;
	}
	*out = copy;
	return DT_OK;
}

void
dt_event_copy_free(struct dt_event_copy **slot)
{
	struct dt_event_copy *copy = *slot;
	*slot = NULL;
	if (!copy)
		return;
	dt_cert_fields_free(&copy->certificate);
	dt_free(copy);
}
