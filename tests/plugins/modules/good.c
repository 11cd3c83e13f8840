/* A module that does nothing wrong. */
#include <dtlsd/module.h>

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	c->host->send(c, c->conn, d->data, d->len);
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "good", .version = "1.0", .data_in = data_in);
