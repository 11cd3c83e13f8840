/* udp_wire.h - what udp_in.c and udp_out.c share: a socket address and room for a pktinfo.
 *
 * Inside the io room only. Threads: none.
 */
#ifndef DT_IO_UDP_WIRE_H
#define DT_IO_UDP_WIRE_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define DT_UDP_MAGIC 0x64747564u

union dt_udp_name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Aligned as a control message has to be; the larger of the two kinds fits. */
union dt_udp_control {
	size_t align; /* that of struct cmsghdr */
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

_Static_assert(_Alignof(union dt_udp_control) >= _Alignof(struct cmsghdr), "see above");
_Static_assert(sizeof(struct in6_pktinfo) >= sizeof(struct in_pktinfo), "in_pktinfo must fit");

#endif
