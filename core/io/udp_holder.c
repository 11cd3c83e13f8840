/* Which process has a UDP port, as far as /proc tells an ordinary user: from the address to the
 * inode of its socket (proc(5), /proc/net/udp), from the inode to the process that has it open. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/udp.h"

#define HEX_MAX 33u /* an IPv6 address in hex, with NUL */

/* The way /proc/net writes it: 32-bit words as this machine reads them. */
static void
hex_of(const struct dtlsd_address *a, char hex[HEX_MAX])
{
	size_t words = a->family == DTLSD_IPV4 ? 1 : 4;
	for (size_t i = 0; i < words; i++) {
		uint32_t word;
		memcpy(&word, a->ip + 4 * i, 4);
		snprintf(hex + 8 * i, HEX_MAX - 8 * i, "%08X", word);
	}
}

static bool
is_wildcard(const char *hex)
{
	return hex[strspn(hex, "0")] == '\0';
}

/* "name (pid 123)" when the process has a descriptor of this socket. */
static bool
check_process(const char *pid, unsigned long inode, char *buf, size_t cap)
{
	char path[64], wanted[64], link[300], name[64] = "?", escaped[64];
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return false;
	bool found = false;
	for (struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	closedir(dir);
	if (!found)
		return false;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	FILE *comm = fopen(path, "re");
	if (comm) {
		if (fgets(name, sizeof(name), comm))
			name[strcspn(name, "\n")] = '\0';
		fclose(comm);
	}
	dt_text_escape(name, strlen(name), escaped, sizeof(escaped));
	snprintf(buf, cap, "%s (pid %s)", escaped, pid);
	return true;
}

static bool
find_process(unsigned long inode, char *buf, size_t cap)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return false;
	bool found = false;
	for (struct dirent *e = readdir(proc); e && !found; e = readdir(proc))
		found = isdigit((unsigned char)e->d_name[0]) &&
			check_process(e->d_name, inode, buf, cap);
	closedir(proc);
	return found;
}

/* `hex`: the address we want; NULL = only wildcards of this file overlap with it. */
static bool
search_table(const char *file, const char *hex, uint16_t port, char *buf, size_t cap)
{
	FILE *table = fopen(file, "re");
	if (!table)
		return false;
	char line[512], theirs[HEX_MAX];
	bool found = false;
	while (!found && fgets(line, sizeof(line), table)) {
		unsigned their_port;
		unsigned long inode;
		/* number: address:port peer state queues timer retransmits uid timeout inode */
		if (sscanf(line, " %*u: %32[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %*s %lu", theirs,
			&their_port, &inode) != 3)
			continue;
		bool overlaps =
		    is_wildcard(theirs) || (hex && (is_wildcard(hex) || strcmp(hex, theirs) == 0));
		if (their_port == port && overlaps && inode != 0)
			found = find_process(inode, buf, cap);
	}
	fclose(table);
	return found;
}

bool
dt_udp_holder(const struct dtlsd_address *address, char *buf, size_t cap)
{
	static const char *const files[] = {"/proc/net/udp", "/proc/net/udp6"};
	char hex[HEX_MAX];
	hex_of(address, hex);
	size_t own = address->family == DTLSD_IPV6;
	/* A dual-stack wildcard collides with the other family. */
	const char *other = is_wildcard(hex) ? hex : NULL;
	return search_table(files[own], hex, address->port, buf, cap) ||
	       search_table(files[!own], other, address->port, buf, cap);
}
