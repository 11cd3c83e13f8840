/* pcap.h - writes what a simulation sends to a file, for whoever reads captures.
 *
 * When SIM_CAPTURES names a directory, each link writes PROCESS-NUMBER.pcap there: every datagram
 * as it was sent, before the link loses or repeats any; and PROCESS-NUMBER.keys, the secrets of its
 * connections in the NSS key log format. Otherwise nothing happens.
 * Owner: struct sim_link. Threads: none.
 */
#ifndef DT_TESTS_SIM_PCAP_H
#define DT_TESTS_SIM_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sim_pcap {
	FILE *packets, *keys; /* owned; NULL = nobody asked */
};

void sim_pcap_open(struct sim_pcap *p);
void sim_pcap_close(struct sim_pcap *p);
void sim_pcap_write(
    struct sim_pcap *p, uint32_t client, bool to_server, const uint8_t *bytes, size_t len);
/* A line of the key log. */
void sim_pcap_key(struct sim_pcap *p, const char *line);

#endif
