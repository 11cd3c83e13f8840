/* control_connections.c - the commands about connections: list, show, close, send. */
#include "base/mem.h"
#include "pki/fields.h"
#include "server/control_filter.h"
#include "server/control_walk.h"
#include "server/worker_state.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <string.h>

#define FIELD_BYTES 1024u /* of a text of a certificate */

/* ---- columns ---- */

static const char *const state_names[] = {
    [DT_CONN_REQUESTED] = "requested",
    [DT_CONN_HANDSHAKE] = "handshake",
    [DT_CONN_ESTABLISHED] = "established",
    [DT_CONN_CLOSED] = "closed",
};

static void
write_column(
    struct dt_lines *l, enum dt_control_column which, const struct dt_conn *c, struct dt_now now)
{
	const struct dt_path *path = dt_conn_path(c);
	const struct dt_conn_traffic *traffic = dt_conn_traffic(c);
	char identity[DT_CONTROL_IDENTITY];
	switch (which) {
#define X(id, name, shown, type, value)                                                            \
	case DT_CONTROL_COLUMN_##id:                                                               \
		dt_lines_##type(l, name, value);                                                   \
		break;
#include "server/control_columns.def"
#undef X
	case DT_CONTROL_COLUMNS:
		break;
	}
}

static bool
is_shown(const struct dtlsd_list *wanted, enum dt_control_column which)
{
	static const bool unasked[] = {
#define X(id, name, shown, type, value) shown,
#include "server/control_columns.def"
#undef X
	};
	const int32_t *items = wanted->items;
	for (uint32_t i = 0; i < wanted->count; i++)
		if (items[i] == (int32_t)which)
			return true;
	return wanted->count == 0 && unasked[which];
}

/* ---- connections ---- */

static bool
write_row(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c)
{
	const struct dt_control_connections_arguments *a = walk->arguments;
	struct dt_lines *l = &walk->lines;
	dt_lines_begin(l, walk->id);
	dt_lines_open(l, "row");
	for (int i = 0; i < DT_CONTROL_COLUMNS; i++)
		if (is_shown(&a->columns, (enum dt_control_column)i))
			write_column(l, (enum dt_control_column)i, c, w->now);
	dt_lines_close(l);
	return dt_lines_end(l);
}

static void
tell_seen(struct dt_control_request *r, const struct dt_control_walk *walk)
{
	dt_control_total(r, "connections", walk->seen);
}

void
dt_control_connections(struct dt_control_request *r)
{
	const struct dt_control_connections_arguments *a = dt_control_arguments(r);
	dt_control_walk_all(r, write_row, &a->filter, tell_seen);
}

/* ---- show ---- */

/* Bits of the cipher's key; 0 when it is not known yet. */
static uint64_t
strength(const struct dt_conn *c)
{
	const char *suite = dt_conn_suite(c);
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(dt_conn_service(c)->tls->ssl_ctx);
	for (int i = 0; suite && i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
		const char *name = SSL_CIPHER_standard_name(cipher);
		if (name && strcmp(name, suite) == 0)
			return (uint64_t)SSL_CIPHER_get_bits(cipher, NULL);
	}
	return 0;
}

static void
write_field(struct dt_lines *l, const char *name, const char *text)
{
	char clipped[FIELD_BYTES];
	dt_lines_text(l, name, dt_control_clip(text, clipped, sizeof(clipped)));
}

static void
write_certificate(struct dt_lines *l, struct dt_span der)
{
	struct dt_cert_fields *fields;
	enum dt_cert_verdict v = dt_cert_fields_new(der.data, der.len, &fields);
	if (v != DT_CERT_OK) {
		dt_lines_text(l, "certificate", dt_cert_verdict_text(v));
		return;
	}
	const struct dtlsd_certificate *cert = &fields->cert;
	write_field(l, "certificate_subject", cert->subject);
	write_field(l, "certificate_issuer", cert->issuer);
	write_field(l, "certificate_serial", cert->serial);
	dt_lines_text(l, "certificate_sha256", cert->fingerprint_sha256);
	dt_lines_date(l, "certificate_from", cert->not_before);
	dt_lines_date(l, "certificate_until", cert->not_after);
	dt_cert_fields_free(&fields);
}

static bool
write_all(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c)
{
	struct dt_lines *l = &walk->lines;
	struct dt_span der = dt_conn_certificate(c);
	dt_lines_begin(l, walk->id);
	dt_lines_open(l, "row");
	for (int i = 0; i < DT_CONTROL_COLUMNS; i++)
		write_column(l, (enum dt_control_column)i, c, w->now);
	dt_lines_number(l, "strength_bits", strength(c));
	dt_lines_number(l, "max_datagram", dt_conn_max_datagram(c));
	if (der.len)
		write_certificate(l, der);
	dt_lines_close(l);
	return dt_lines_end(l);
}

void
dt_control_show(struct dt_control_request *r)
{
	const struct dt_control_one_arguments *a = dt_control_arguments(r);
	dt_control_walk_one(r, write_all, a->id, NULL);
}

/* ---- disconnect ---- */

static bool
close_one(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c)
{
	dt_conn_close(c, DT_CLOSE_LOCAL, w->now);
	walk->done++;
	return true;
}

static void
tell_closed(struct dt_control_request *r, const struct dt_control_walk *walk)
{
	dt_control_total(r, "closed", walk->done);
}

static bool
is_set(const struct dt_control_filter *f)
{
	return f->server || f->peer.count || f->identity || f->state != DT_CONTROL_ANY_STATE;
}

void
dt_control_disconnect(struct dt_control_request *r)
{
	const struct dt_control_disconnect_arguments *a = dt_control_arguments(r);
	bool filtered = is_set(&a->filter);
	if ((a->id != NULL) + a->all + filtered != 1)
		dt_control_refuse(r, DT_CONTROL_INVALID,
		    "which connection? One of id, all, or a filter is wanted here");
	else if (a->id)
		dt_control_walk_one(r, close_one, a->id, tell_closed);
	else
		dt_control_walk_all(r, close_one, filtered ? &a->filter : NULL, tell_closed);
}

/* ---- send and broadcast ---- */

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | 0x20) : NULL;
	return found && c != ' ' ? (int)(found - digits) : -1;
}

/* Bytes, or -1. `out` has room for half of the digits. */
static int
read_hex(const char *text, uint8_t *out)
{
	int n = 0;
	for (; text[0]; text += 2) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	return n;
}

static int
read_base64(const char *text, uint8_t *out)
{
	size_t len = strlen(text);
	int n = len ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)len) : 0;
	for (size_t i = len; n > 0 && i > 0 && text[i - 1] == '=' && len - i < 2; i--)
		n--;
	return n;
}

static int
read_text(const char *text, uint8_t *out)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return (int)len;
}

/* False: refused. */
static bool
read_payload(struct dt_control_request *r, const struct dt_control_payload *p)
{
	const struct {
		const char *given, *what;
		int (*read)(const char *text, uint8_t *out);
	} forms[] = {
	    {p->text, "text", read_text},
	    {p->hex, "hex digits, two for each byte", read_hex},
	    {p->base64, "base64", read_base64},
	};
	int found = -1;
	for (int i = 0; i < 3; i++) {
		if (!forms[i].given)
			continue;
		if (found >= 0)
			found = 3;
		else
			found = i;
	}
	if (found < 0 || found > 2) {
		dt_control_refuse(
		    r, DT_CONTROL_INVALID, "one of text, hex and base64 is wanted here");
		return false;
	}
	uint8_t *bytes = dt_control_data(r, strlen(forms[found].given));
	if (!bytes)
		return false;
	int n = forms[found].read(forms[found].given, bytes);
	if (n < 0)
		dt_control_refuse(r, DT_CONTROL_INVALID, "this is not %s", forms[found].what);
	else
		dt_control_data_is(r, (size_t)n);
	return n >= 0;
}

static bool
send_one(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c)
{
	walk->error = dt_conn_send(c, walk->data, walk->data_len, w->now);
	if (walk->error == DT_OK)
		walk->done++;
	else
		walk->failed++;
	return true;
}

static void
tell_sent_one(struct dt_control_request *r, const struct dt_control_walk *walk)
{
	if (walk->error == DT_ERR_GONE)
		dt_control_refuse(r, DT_CONTROL_REFUSED, "the connection is not established");
	else if (walk->error != DT_OK)
		dt_control_refuse(r, DT_CONTROL_REFUSED, "not sent: %s", dt_err_text(walk->error));
	else
		dt_control_total(r, "sent", walk->done);
}

void
dt_control_send(struct dt_control_request *r)
{
	const struct dt_control_send_arguments *a = dt_control_arguments(r);
	if (read_payload(r, &a->payload))
		dt_control_walk_one(r, send_one, a->id, tell_sent_one);
}

static bool
send_to_each(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c)
{
	return dt_conn_state(c) != DT_CONN_ESTABLISHED || send_one(walk, w, c);
}

static void
tell_sent(struct dt_control_request *r, const struct dt_control_walk *walk)
{
	dt_control_total(r, "sent", walk->done);
	dt_control_total(r, "failed", walk->failed);
}

void
dt_control_broadcast(struct dt_control_request *r)
{
	const struct dt_control_broadcast_arguments *a = dt_control_arguments(r);
	if (read_payload(r, &a->payload))
		dt_control_walk_all(r, send_to_each, &a->filter, tell_sent);
}
