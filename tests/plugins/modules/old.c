/* A module as it was built for ABI 0.1: with the header of that time. */
#include <dtlsd/module.h>

_Static_assert(DTLSD_ABI_MAJOR == 0 && DTLSD_ABI_MINOR == 1, "the header that was released then");

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	if (c->host->conn_info(c, c->conn, &info) == DTLSD_OK && info.established)
		c->host->send(c, c->conn, d->data, d->len);
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "old", .version = "0.9", .data_in = data_in);
