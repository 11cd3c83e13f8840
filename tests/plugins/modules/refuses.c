/* Does not open, or does not start on a worker; built twice. */
#include <dtlsd/module.h>

static int32_t
open_instance(const struct dtlsd_ctx *c, void **data)
{
	(void)data;
	c->host->log(c, DTLSD_LOG_ERROR, "the back-end is on holiday");
	return OPEN_CODE;
}

static int32_t
worker_start(const struct dtlsd_ctx *c, void **worker_data)
{
	(void)c;
	(void)worker_data;
	return START_CODE;
}

DTLSD_MODULE(.name = "refuses", .version = "1", .open = open_instance,
    .worker_start = worker_start);
