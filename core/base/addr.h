/* addr.h - an address and port of IPv4 or IPv6, and a prefix of such addresses.
 *
 * The bytes of dt_addr are fully determined by its value (no padding, unused
 * bytes zero), so that it can be hashed and compared as memory. The same type
 * crosses the module ABI as struct dtlsd_address. Threads: any.
 */
#ifndef DT_BASE_ADDR_H
#define DT_BASE_ADDR_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

#define DT_ADDR_TEXT 64u /* bytes, with NUL: [v6%scope]:port fits */

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80"; no names. DT_ERR_INVALID otherwise. */
enum dt_err dt_addr_parse(const char *text, struct dtlsd_address *out) DT_MUST_USE;
/* An address without a port: "10.0.0.1", "::1". */
enum dt_err dt_addr_parse_ip(const char *text, struct dtlsd_address *out) DT_MUST_USE;
/* "10.0.0.0/8", "::/0", or a plain address (all bits). Bits behind the prefix must be 0. */
enum dt_err dt_cidr_parse(const char *text, struct dtlsd_cidr *out) DT_MUST_USE;

/* Whether the address, whatever its port, is in the prefix. */
bool dt_cidr_holds(const struct dtlsd_cidr *cidr, const struct dtlsd_address *a);

/* Writes into buf[DT_ADDR_TEXT]; returns buf. */
char *dt_addr_format(const struct dtlsd_address *a, char *buf);
char *dt_addr_format_ip(const struct dtlsd_address *a, char *buf);

/* DT_ERR_INVALID for a family that is neither IPv4 nor IPv6. An IPv4-mapped IPv6 address
 * (a dual-stack socket) becomes IPv4, so that one client has one form. */
enum dt_err dt_addr_from_sockaddr(const struct sockaddr *sa, struct dtlsd_address *out) DT_MUST_USE;
socklen_t dt_addr_to_sockaddr(const struct dtlsd_address *a, struct sockaddr_storage *out);

bool dt_addr_equal(const struct dtlsd_address *a, const struct dtlsd_address *b);
bool dt_addr_is_loopback(const struct dtlsd_address *a);

#endif
