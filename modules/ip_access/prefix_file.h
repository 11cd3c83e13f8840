/* prefix_file.h - reads a file of address prefixes, one a line.
 *
 *	10.0.0.0/8	# what follows a # is a comment
 *	2001:db8::/32
 *	192.0.2.7	# all bits
 *
 * Knows no options and no host: what it finds goes to a reader. Threads: any.
 */
#ifndef IP_ACCESS_PREFIX_FILE_H
#define IP_ACCESS_PREFIX_FILE_H

#include <dtlsd/module.h>
#include <stdbool.h>

struct prefix_reader {
	/* False ends the reading. */
	bool (*prefix)(void *arg, const struct dtlsd_cidr *cidr);
	/* One line of text that names file and line. */
	void (*complain)(void *arg, const char *text);
	void *arg;
};

/* NULL, or what is wrong with the text. */
const char *prefix_parse(const char *text, struct dtlsd_cidr *out);

/* False if anything was wrong; each thing was told (the first ten bad lines one by one). */
bool prefix_file_read(const char *path, const struct prefix_reader *r);

#endif
