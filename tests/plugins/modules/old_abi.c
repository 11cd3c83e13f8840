/* Built for module ABI 0.1, whose table ends with `disconnected`: the table as it was then. */
#include <dtlsd/module.h>

struct table {
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	uint32_t size, reserved;
	const char *name, *version;
	const struct dtlsd_options *options;
	const struct dtlsd_counter *counters;
	uint32_t counter_count, counter_size;
	void (*from_check_to_connected[9])(void);
	uint32_t (*data_in)(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram);
	void (*disconnected)(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *event);
};

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	c->host->send(c, c->conn, d->data, d->len);
	return DTLSD_DONE;
}

extern DTLSD_EXPORT const struct table dtlsd_module;
const struct table dtlsd_module = {DTLSD_MAGIC, 0, 1, sizeof(struct table), 0, .name = "old_abi",
    .version = "1.0", .data_in = data_in};
