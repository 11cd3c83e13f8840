#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits only, no sign and no space, at most `max`. */
static bool
parse_number(const char *text, unsigned long max, unsigned long *out)
{
	if (*text < '0' || *text > '9')
		return false;
	char *end;
	*out = strtoul(text, &end, 10);
	return *end == '\0' && *out <= max;
}

static bool
parse_scope(const char *text, uint32_t *out)
{
	unsigned long n = if_nametoindex(text);
	if (n == 0 && !parse_number(text, UINT32_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return n != 0;
}

enum dt_err
dt_addr_parse_ip(const char *text, struct dtlsd_address *out)
{
	char ip[DT_ADDR_TEXT];
	struct dtlsd_address a = {0};
	if (strlen(text) >= sizeof(ip))
		return DT_ERR_INVALID;
	strcpy(ip, text);

	char *scope = strchr(ip, '%');
	if (scope) {
		*scope++ = '\0';
		if (!parse_scope(scope, &a.scope))
			return DT_ERR_INVALID;
	}
	if (!scope && inet_pton(AF_INET, ip, a.ip) == 1)
		a.family = DTLSD_IPV4;
	else if (inet_pton(AF_INET6, ip, a.ip) == 1)
		a.family = DTLSD_IPV6;
	else
		return DT_ERR_INVALID;
	*out = a;
	return DT_OK;
}

enum dt_err
dt_addr_parse(const char *text, struct dtlsd_address *out)
{
	char ip[DT_ADDR_TEXT];
	if (strlen(text) >= sizeof(ip))
		return DT_ERR_INVALID;
	strcpy(ip, text);

	char *colon = strrchr(ip, ':');
	unsigned long port;
	if (!colon || !parse_number(colon + 1, UINT16_MAX, &port))
		return DT_ERR_INVALID;
	*colon = '\0';

	char *host = ip;
	bool bracketed = ip[0] == '[';
	if (bracketed) {
		if (colon[-1] != ']')
			return DT_ERR_INVALID;
		colon[-1] = '\0';
		host++;
	}
	struct dtlsd_address a;
	if (dt_addr_parse_ip(host, &a) != DT_OK || bracketed != (a.family == DTLSD_IPV6))
		return DT_ERR_INVALID;
	a.port = (uint16_t)port;
	*out = a;
	return DT_OK;
}

static bool
bits_behind_are_zero(const uint8_t *ip, unsigned bits, unsigned total)
{
	for (unsigned i = bits; i < total; i++)
		if (ip[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

enum dt_err
dt_cidr_parse(const char *text, struct dtlsd_cidr *out)
{
	char ip[DT_ADDR_TEXT];
	if (strlen(text) >= sizeof(ip))
		return DT_ERR_INVALID;
	strcpy(ip, text);

	char *slash = strchr(ip, '/');
	if (slash)
		*slash++ = '\0';
	struct dtlsd_address a;
	if (dt_addr_parse_ip(ip, &a) != DT_OK || a.scope)
		return DT_ERR_INVALID;

	unsigned total = a.family == DTLSD_IPV4 ? 32 : 128;
	unsigned long bits = total;
	if (slash && !parse_number(slash, total, &bits))
		return DT_ERR_INVALID;
	if (!bits_behind_are_zero(a.ip, (unsigned)bits, total))
		return DT_ERR_INVALID;

	memset(out, 0, sizeof(*out));
	memcpy(out->ip, a.ip, sizeof(out->ip));
	out->family = a.family;
	out->bits = (uint16_t)bits;
	return DT_OK;
}

bool
dt_cidr_holds(const struct dtlsd_cidr *cidr, const struct dtlsd_address *a)
{
	unsigned bytes = cidr->bits / 8, bits = cidr->bits % 8;
	if (cidr->family != a->family || memcmp(cidr->ip, a->ip, bytes) != 0)
		return false;
	return bits == 0 || ((cidr->ip[bytes] ^ a->ip[bytes]) >> (8 - bits)) == 0;
}

char *
dt_addr_format_ip(const struct dtlsd_address *a, char *buf)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	inet_ntop(a->family == DTLSD_IPV4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	if (a->scope)
		snprintf(buf, DT_ADDR_TEXT, "%.45s%%%u", ip, a->scope);
	else
		snprintf(buf, DT_ADDR_TEXT, "%s", ip);
	return buf;
}

char *
dt_addr_format(const struct dtlsd_address *a, char *buf)
{
	char ip[DT_ADDR_TEXT];
	dt_addr_format_ip(a, ip);
	const char *form = a->family == DTLSD_IPV6 ? "[%.54s]:%u" : "%.56s:%u";
	snprintf(buf, DT_ADDR_TEXT, form, ip, a->port);
	return buf;
}

enum dt_err
dt_addr_from_sockaddr(const struct sockaddr *sa, struct dtlsd_address *out)
{
	struct dtlsd_address a = {0};
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		a.family = DTLSD_IPV4;
		a.port = ntohs(in.sin_port);
		memcpy(a.ip, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		a.port = ntohs(in6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			a.family = DTLSD_IPV4;
			memcpy(a.ip, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = DTLSD_IPV6;
			a.scope = in6.sin6_scope_id;
			memcpy(a.ip, &in6.sin6_addr, 16);
		}
	} else {
		return DT_ERR_INVALID;
	}
	*out = a;
	return DT_OK;
}

socklen_t
dt_addr_to_sockaddr(const struct dtlsd_address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == DTLSD_IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};
	memcpy(&in6.sin6_addr, a->ip, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

bool
dt_addr_equal(const struct dtlsd_address *a, const struct dtlsd_address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
dt_addr_is_loopback(const struct dtlsd_address *a)
{
	static const uint8_t v6_loopback[16] = {[15] = 1};
	return a->family == DTLSD_IPV4 ? a->ip[0] == 127 : memcmp(a->ip, v6_loopback, 16) == 0;
}
