#include "io/resolve.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define HOST_MAX 253u /* characters of a domain name (RFC 1035 2.3.4, less root and length) */

/* Splits "name:port". Numbers alone are no name: getaddrinfo() would take "1.2" for 1.0.0.2. */
static bool
split_text(const char *text, char host[HOST_MAX + 1], uint16_t *port)
{
	const char *colon = strchr(text, ':');
	if (!colon || colon == text || (size_t)(colon - text) > HOST_MAX)
		return false;
	size_t len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (strspn(host, "0123456789.") == len || strpbrk(host, "[]%/ \t"))
		return false;

	size_t digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
		return false;
	long n = strtol(colon + 1, NULL, 10);
	*port = (uint16_t)n;
	return n <= UINT16_MAX;
}

static bool
holds(const struct dt_resolved *r, const struct dtlsd_address *a)
{
	for (size_t i = 0; i < r->count; i++)
		if (dt_addr_equal(&r->list[i], a))
			return true;
	return false;
}

static void
keep_addresses(const struct addrinfo *list, uint16_t port, struct dt_resolved *out)
{
	for (; list && out->count < DT_RESOLVE_MAX; list = list->ai_next) {
		struct dtlsd_address a;
		if (dt_addr_from_sockaddr(list->ai_addr, &a) != DT_OK)
			continue;
		a.port = port;
		if (!holds(out, &a))
			out->list[out->count++] = a;
	}
}

static enum dt_err
err_of(int gai)
{
	static const struct {
		int gai;
		enum dt_err err;
	} table[] = {{EAI_NONAME, DT_ERR_GONE}, {EAI_NODATA, DT_ERR_GONE},
	    {EAI_AGAIN, DT_ERR_AGAIN}, {EAI_MEMORY, DT_ERR_NOMEM}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].gai == gai)
			return table[i].err;
	return DT_ERR_SYSTEM;
}

enum dt_err
dt_resolve(const char *text, struct dt_resolved *out)
{
	memset(out, 0, sizeof(*out));
	if (dt_addr_parse(text, &out->list[0]) == DT_OK) {
		out->count = 1;
		return DT_OK;
	}
	char host[HOST_MAX + 1];
	uint16_t port;
	if (!split_text(text, host, &port)) {
		out->why = "expected ADDRESS:PORT, [IPV6]:PORT or NAME:PORT";
		return DT_ERR_INVALID;
	}

	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	int gai = getaddrinfo(host, NULL, &hints, &list);
	if (gai != 0) {
		out->why = gai_strerror(gai);
		return err_of(gai);
	}
	keep_addresses(list, port, out);
	freeaddrinfo(list);
	if (out->count > 0)
		return DT_OK;
	out->why = "the name has no IPv4 or IPv6 address";
	return DT_ERR_GONE;
}
