#include "relay.h"

#include <string.h>

/* HAProxy, "The PROXY protocol", section 2.2: signature, version and command, family and
 * protocol, length of what follows; then both addresses and both ports, in network order. */
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12u
#define VERSION_2_PROXY 0x21u
#define UNSPECIFIED 0x00u
#define IPV4_DATAGRAM 0x12u
#define IPV6_DATAGRAM 0x22u
#define FIXED_LEN 16u

static uint8_t *
put_port(uint8_t *p, uint16_t port)
{
	p[0] = (uint8_t)(port >> 8);
	p[1] = (uint8_t)(port & 0xff);
	return p + 2;
}

size_t
relay_proxy_header(const struct dtlsd_address *peer, const struct dtlsd_address *local,
    uint8_t out[RELAY_PROXY_HEADER])
{
	bool known = peer->family == local->family &&
		     (peer->family == DTLSD_IPV4 || peer->family == DTLSD_IPV6);
	size_t ip_len = peer->family == DTLSD_IPV4 ? 4 : 16;
	size_t rest = known ? 2 * ip_len + 4 : 0;

	memcpy(out, SIGNATURE, SIGNATURE_LEN);
	out[12] = VERSION_2_PROXY;
	out[13] = !known ? UNSPECIFIED : ip_len == 4 ? IPV4_DATAGRAM : IPV6_DATAGRAM;
	out[14] = 0;
	out[15] = (uint8_t)rest;
	if (!known)
		return FIXED_LEN;
	memcpy(out + FIXED_LEN, peer->ip, ip_len);
	memcpy(out + FIXED_LEN + ip_len, local->ip, ip_len);
	put_port(put_port(out + FIXED_LEN + 2 * ip_len, peer->port), local->port);
	return FIXED_LEN + rest;
}
