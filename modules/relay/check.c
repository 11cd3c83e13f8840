#include "relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PORTS_BY_DEFAULT 28232 /* 32768 to 60999, as Linux has it */

static int64_t
count_ports(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	long first = 0, last = 0;

	if (f == NULL)
		return PORTS_BY_DEFAULT;
	int n = fscanf(f, "%ld %ld", &first, &last);
	fclose(f);
	return n == 2 && first > 0 && last >= first ? last - first + 1 : PORTS_BY_DEFAULT;
}

static uint32_t
count_family(const struct dtlsd_list *list, uint16_t family)
{
	const struct dtlsd_address *items = list->items;
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->count; i++)
		n += items[i].family == family;
	return n;
}

/* "/to/3"; a lone item may have been written without a list. */
static const char *
point_at(const struct dtlsd_list *list, const char *name, uint32_t i, char out[32])
{
	if (list->count == 1)
		snprintf(out, 32, "/%s", name);
	else
		snprintf(out, 32, "/%s/%" PRIu32, name, i);
	return out;
}

static bool
stands_before(const struct dtlsd_list *list, uint32_t i)
{
	const struct dtlsd_address *items = list->items;

	for (uint32_t k = 0; k < i; k++)
		if (memcmp(&items[k], &items[i], sizeof(items[i])) == 0)
			return true;
	return false;
}

static void
check_backends(const struct dtlsd_check *check, const struct relay_config *config)
{
	const struct dtlsd_address *to = config->to.items;
	char pointer[32];

	if (config->to.count == 0)
		check->config_error(check, "/to", "at least one back-end is needed");
	for (uint32_t i = 0; i < config->to.count; i++) {
		point_at(&config->to, "to", i, pointer);
		if (to[i].port == 0)
			check->config_error(
			    check, pointer, "a back-end needs a port from 1 to 65535");
		if (stands_before(&config->to, i))
			check->config_warning(check, pointer,
			    "this back-end is in the list already; it gets no more clients by "
			    "that");
	}
}

/* A socket that is bound and closed again leaves nothing behind. */
static bool
is_ours(const struct dtlsd_address *a)
{
	struct sockaddr_storage address;
	socklen_t len = relay_sockaddr(a, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true; /* not known */
	bool ours = bind(fd, (const struct sockaddr *)&address, len) == 0 || errno != EADDRNOTAVAIL;
	close(fd);
	return ours;
}

static void
check_sources(const struct dtlsd_check *check, const struct relay_config *config)
{
	static const uint16_t families[] = {DTLSD_IPV4, DTLSD_IPV6};
	const struct dtlsd_address *source = config->source.items;
	char pointer[32], text[96];

	if (config->source.count == 0)
		return;
	for (size_t f = 0; f < 2; f++) {
		if (count_family(&config->to, families[f]) == 0 ||
		    count_family(&config->source, families[f]) > 0)
			continue;
		snprintf(text, sizeof(text), "a back-end is IPv%u, and no source address is",
		    families[f]);
		check->config_error(check, "/source", text);
	}
	for (uint32_t i = 0; i < config->source.count; i++)
		if (!is_ours(&source[i]))
			check->config_warning(check,
			    point_at(&config->source, "source", i, pointer),
			    "this machine has no such address at the moment");
}

static void
check_descriptors(const struct dtlsd_check *check)
{
	struct rlimit limit;
	char text[256];

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY ||
	    (uint64_t)check->connection_limit <= limit.rlim_max)
		return;
	snprintf(text, sizeof(text),
	    "limits.connections is %" PRId64 ", but each connection takes a descriptor here and "
	    "the process may have %" PRIu64 " (RLIMIT_NOFILE, LimitNOFILE=): what is above will "
	    "be refused",
	    check->connection_limit, (uint64_t)limit.rlim_max);
	check->config_warning(check, "", text);
}

static void
check_ports(const struct dtlsd_check *check, const struct relay_config *config, uint16_t family)
{
	uint32_t sources = count_family(&config->source, family);
	int64_t ports = count_ports() * (sources > 0 ? sources : 1);
	char text[256];

	if (count_family(&config->to, family) == 0 || check->connection_limit <= ports)
		return;
	snprintf(text, sizeof(text),
	    "limits.connections is %" PRId64 ", but each connection takes a source port here and "
	    "over IPv%u there are %" PRId64 " (ip_local_port_range, for each address in source): "
	    "what is above will be refused",
	    check->connection_limit, family, ports);
	check->config_warning(check, config->source.count > 0 ? "/source" : "", text);
}

void
relay_check(const struct dtlsd_check *check)
{
	const struct relay_config *config = check->config;

	check_backends(check, config);
	check_sources(check, config);
	if (check->connection_limit <= 0)
		return;
	check_descriptors(check);
	check_ports(check, config, DTLSD_IPV4);
	check_ports(check, config, DTLSD_IPV6);
}
