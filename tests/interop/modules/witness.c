/* witness.c - tells in the log what a module is told, one line for each event; decides nothing.
 *
 * The lines are read by the tests, so their form is "event name=value ...", with the free text last.
 */
#include <dtlsd/module.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 900

static void __attribute__((format(printf, 2, 3)))
say(const struct dtlsd_ctx *c, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	c->host->log(c, DTLSD_LOG_INFO, line);
}

static const char *
common_name(const struct dtlsd_certificate *cert)
{
	for (uint32_t i = 0; cert && i < cert->subject_part_count; i++) {
		const struct dtlsd_name_part *p = (const struct dtlsd_name_part *)(const void *)(
		    (const char *)cert->subject_parts + (size_t)i * cert->subject_part_size);
		if (p->type[0] == 'C' && p->type[1] == 'N' && p->type[2] == '\0')
			return p->value;
	}
	return "-";
}

static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *r)
{
	say(c, "request sni=%s suites=%" PRIu32 " offers=%" PRIu32, r->server_name ? r->server_name : "-",
	    r->suite_count, r->offers);
	return DTLSD_NEXT;
}

static uint32_t
psk_lookup(const struct dtlsd_ctx *c, struct dtlsd_psk *psk)
{
	say(c, "psk identity=%.*s", (int)psk->identity_len, (const char *)psk->identity);
	return DTLSD_NEXT;
}

static uint32_t
client_auth(const struct dtlsd_ctx *c, struct dtlsd_auth *a)
{
	say(c, "auth recommended=%s code=%" PRId32 " resumed=%" PRIu32 " chain=%" PRIu32 " cn=%s status=%s",
	    a->recommended == DTLSD_ACCEPT ? "accept" : "reject", a->verify_code, a->resumed, a->chain_count,
	    common_name(a->certificate), a->status);
	return DTLSD_NEXT;
}

static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *e)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	const struct dtlsd_certificate *cert = NULL;
	int known = e->status == 0 && c->host->conn_info(c, c->conn, &info) == DTLSD_OK;
	if (e->status == 0 && c->host->peer_certificate(c, c->conn, &cert) != DTLSD_OK)
		cert = NULL;
	say(c, "connected status=%" PRId32 " suite=%s sni=%s psk=%s cn=%s max=%" PRIu32 " text=%s", e->status,
	    known && info.suite ? info.suite : "-", known && info.server_name ? info.server_name : "-",
	    known && info.psk_identity ? info.psk_identity : "-", common_name(cert), info.max_datagram,
	    e->text);
}

static void
disconnected(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *e)
{
	say(c, "disconnected status=%" PRId32 " text=%s", e->status, e->text);
}

DTLSD_MODULE(.name = "witness", .version = "1", .connection_request = connection_request,
    .psk_lookup = psk_lookup, .client_auth = client_auth, .connected = connected,
    .disconnected = disconnected);
