/* echo - sends each datagram back to the client that sent it. */
#include <dtlsd/module.h>

enum { ECHOED, TOO_LONG };

static const struct dtlsd_counter counters[] = {
    [ECHOED] = {"echoed", "datagrams sent back"},
    [TOO_LONG] = {"too_long", "datagrams longer than what may be sent to this client"},
};

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	/* GONE and AGAIN need no word: the client that would miss the answer is leaving. */
	switch (c->host->send(c, c->conn, d->data, d->len)) {
	case DTLSD_OK:
		c->host->count(c, ECHOED, 1);
		break;
	case DTLSD_TOO_LONG:
		c->host->count(c, TOO_LONG, 1);
		break;
	}
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "echo", .version = "1.0", .counters = counters,
    .counter_count = sizeof(counters) / sizeof(counters[0]), .counter_size = sizeof(counters[0]),
    .data_in = data_in);
