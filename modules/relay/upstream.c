#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

socklen_t
relay_sockaddr(const struct dtlsd_address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == DTLSD_IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip, sizeof(in.sin_addr));
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == DTLSD_IPV6) {
		struct sockaddr_in6 in = {.sin6_family = AF_INET6,
		    .sin6_port = htons(a->port),
		    .sin6_scope_id = a->scope};
		memcpy(&in.sin6_addr, a->ip, sizeof(in.sin6_addr));
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	return 0;
}

const char *
relay_format(const struct dtlsd_address *a, char *out)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	bool v4 = a->family == DTLSD_IPV4;

	inet_ntop(v4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(out, RELAY_ADDRESS_TEXT, v4 ? "%s:%u" : "[%s]:%u", ip, a->port);
	return out;
}

/* FNV-1a. Its high bits are weak on short input: whoever compares hashes mixes them first. */
static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

/* The finaliser of SplitMix64: every bit of the input moves every bit of the output. */
static uint64_t
mix_bits(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

struct relay *
relay_new(const struct relay_config *config)
{
	const struct dtlsd_address *to = config->to.items;
	struct relay *r = calloc(1, sizeof(*r) + config->to.count * sizeof(struct relay_backend));

	if (r == NULL)
		return NULL;
	r->backend_count = config->to.count;
	for (uint32_t i = 0; i < r->backend_count; i++) {
		struct relay_backend *b = &r->backends[i];
		b->family = to[i].family;
		b->address_len = relay_sockaddr(&to[i], &b->address);
		b->seed = hash_bytes(0xcbf29ce484222325u, &to[i], sizeof(to[i]));
		relay_format(&to[i], b->text);
	}
	return r;
}

uint32_t
relay_choose(const struct relay *r, const struct dtlsd_address *peer)
{
	uint32_t best = 0;
	uint64_t best_score = 0;

	/* Rendezvous hashing: each back-end bids for the client, the highest bid has it. */
	for (uint32_t i = 0; i < r->backend_count; i++) {
		uint64_t score =
		    mix_bits(hash_bytes(r->backends[i].seed, peer->ip, sizeof(peer->ip)));
		if (score > best_score) {
			best = i;
			best_score = score;
		}
	}
	return best;
}

enum relay_lack
relay_lack_of(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return RELAY_NO_DESCRIPTOR;
	case EADDRINUSE: /* bind() */
	case EAGAIN:	 /* connect(), which binds what is not bound yet */
		return RELAY_NO_PORT;
	default:
		return RELAY_NO_WAY;
	}
}

/* To the first source that has a port left. 0, or -1 with errno. */
static int
bind_source(int fd, const struct dtlsd_list *sources, uint16_t family, uint32_t turn)
{
	const struct dtlsd_address *items = sources->items;

	errno = EADDRNOTAVAIL;
	for (uint32_t i = 0; i < sources->count; i++) {
		const struct dtlsd_address *a = &items[(turn + i) % sources->count];
		struct sockaddr_storage address;
		socklen_t len = relay_sockaddr(a, &address);
		if (a->family != family)
			continue;
		if (bind(fd, (const struct sockaddr *)&address, len) == 0)
			return 0;
	}
	return -1;
}

int
relay_connect(const struct relay_config *config, const struct relay_backend *backend, uint32_t turn)
{
	int fd = socket(backend->family == DTLSD_IPV4 ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);

	if (fd < 0)
		return -1;
	if (config->source.count > 0 &&
	    bind_source(fd, &config->source, backend->family, turn) != 0)
		goto fail;
	if (connect(fd, (const struct sockaddr *)&backend->address, backend->address_len) != 0)
		goto fail;
	return fd;
fail:;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}
