/* observer - tells in the log what the hooks that look on are told, and does what datagrams ask for:
 * "pause" (for three seconds), "exported" (a key, as hex), "info"; all else comes back.
 */
#include <dtlsd/module.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 900
#define A_WHILE (UINT64_C(3) * 1000000000) /* longer than a slow machine takes to say a few lines */

static void
tls_status(const struct dtlsd_ctx *c, const struct dtlsd_tls_status *e)
{
	char line[LINE_BYTES];
	snprintf(line, sizeof(line),
	    "status step=%" PRIu32 " alert=%" PRId32 " status=%" PRId32 " outgoing=%" PRIu32
	    " type=%" PRIu32 " epoch=%" PRIu32 " sequence=%" PRIu64 " length=%" PRIu32 " text=%s",
	    e->step, e->alert, e->status, e->outgoing, e->record_type, e->epoch, e->sequence, e->length,
	    e->text);
	c->host->log(c, DTLSD_LOG_INFO, line);
}

static void
error(const struct dtlsd_ctx *c, const struct dtlsd_error *e)
{
	char line[LINE_BYTES];
	snprintf(line, sizeof(line), "error code=%" PRId32 " text=%s", e->code, e->text);
	c->host->log(c, DTLSD_LOG_INFO, line);
}

static void
go_on(const struct dtlsd_ctx *c, uint64_t conn, void *arg)
{
	(void)arg;
	c->host->process(c, conn);
}

static void
tick(const struct dtlsd_ctx *c, void *arg)
{
	c->host->for_each_conn(c, go_on, arg);
}

static void
send_key(const struct dtlsd_ctx *c)
{
	uint8_t key[16];
	char text[2 * sizeof(key) + 1] = "none";
	int32_t code = c->host->export_key(c, c->conn, "EXPORTER-dtlsd-test", NULL, 0, key, sizeof(key));
	for (size_t i = 0; code == DTLSD_OK && i < sizeof(key); i++)
		snprintf(text + 2 * i, 3, "%02X", key[i]);
	c->host->send(c, c->conn, text, strlen(text));
}

static void
send_info(const struct dtlsd_ctx *c)
{
	struct dtlsd_conn_info i = {.size = sizeof(i)};
	char text[200];
	if (c->host->conn_info(c, c->conn, &i) != DTLSD_OK)
		return;
	int len = snprintf(text, sizeof(text), "%s %s %" PRIu32 " %s %" PRIu32, i.protocol, i.cipher, i.cipher_bits,
	    i.key_exchange, i.key_exchange_bits);
	c->host->send(c, c->conn, text, (size_t)len);
}

static int
is(const struct dtlsd_datagram *d, const char *word)
{
	size_t len = strlen(word);
	return d->len >= len && memcmp(d->data, word, len) == 0;
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	if (is(d, "exported"))
		send_key(c);
	else if (is(d, "info"))
		send_info(c);
	else if (!is(d, "pause"))
		c->host->send(c, c->conn, d->data, d->len);
	else if (c->host->pause(c, c->conn) == DTLSD_OK)
		c->host->timer_start(c, A_WHILE, tick, NULL);
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "observer", .version = "1", .data_in = data_in, .tls_status = tls_status, .error = error);
