#include "pcap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/span.h"
#include "clock.h"

#define LINK_IPV4 228u /* LINKTYPE_IPV4: packets begin with their IP header */
#define IP_HEADER 20u
#define UDP_HEADER 8u

static FILE *
open_file(const char *directory, unsigned number, const char *kind)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%ld-%u.%s", directory, (long)getpid(), number, kind);
	FILE *f = fopen(path, "w");
	DT_ASSERT(f);
	return f;
}

void
sim_pcap_open(struct sim_pcap *p)
{
	static unsigned links;
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, longest, link;
	} header = {0xa1b2c3d4, 2, 4, 0, 0, 65535, LINK_IPV4};
	const char *directory = getenv("SIM_CAPTURES");
	*p = (struct sim_pcap){NULL, NULL};
	if (!directory)
		return;
	p->packets = open_file(directory, links, "pcap");
	p->keys = open_file(directory, links++, "keys");
	fwrite(&header, sizeof(header), 1, p->packets);
}

void
sim_pcap_close(struct sim_pcap *p)
{
	if (!p->packets)
		return;
	DT_ASSERT(fclose(p->packets) == 0 && fclose(p->keys) == 0);
	*p = (struct sim_pcap){NULL, NULL};
}

/* The addresses of sim_path(); checksums are left out, nobody looks. */
static void
write_headers(uint8_t *out, uint32_t client, bool to_server, size_t len)
{
	const uint64_t hosts[] = {UINT32_C(10) << 24 | client, 0xc0000201};
	const uint64_t ports[] = {40000, 4433};
	memset(out, 0, IP_HEADER + UDP_HEADER);
	out[0] = 0x45;
	dt_write_uint(out + 2, IP_HEADER + UDP_HEADER + len, 2);
	out[8] = 64; /* TTL */
	out[9] = 17; /* UDP */
	dt_write_uint(out + 12, hosts[!to_server], 4);
	dt_write_uint(out + 16, hosts[to_server], 4);
	dt_write_uint(out + 20, ports[!to_server], 2);
	dt_write_uint(out + 22, ports[to_server], 2);
	dt_write_uint(out + 24, UDP_HEADER + len, 2);
}

void
sim_pcap_write(
    struct sim_pcap *p, uint32_t client, bool to_server, const uint8_t *bytes, size_t len)
{
	if (!p->packets)
		return;
	uint8_t headers[IP_HEADER + UDP_HEADER];
	uint32_t total = (uint32_t)(sizeof(headers) + len);
	int64_t now = sim_now().mono.ns;
	const uint32_t record[] = {
	    (uint32_t)(now / 1000000000), (uint32_t)(now % 1000000000 / 1000), total, total};
	write_headers(headers, client, to_server, len);
	fwrite(record, sizeof(record), 1, p->packets);
	fwrite(headers, sizeof(headers), 1, p->packets);
	fwrite(bytes, len, 1, p->packets);
}

void
sim_pcap_key(struct sim_pcap *p, const char *line)
{
	if (p->keys)
		fprintf(p->keys, "%s\n", line);
}
