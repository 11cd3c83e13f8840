/* surroundings.h - what a configuration needs around it in tests: modules and a resolver.
 *
 * Modules: echo (no options), relay, psk (no options, knows keys), everything (an option of each
 * type), older (a table of shorter rows), broken (does not load), askew (its table is unsound),
 * greedy (its options are named like the server's). localhost resolves, no other name does.
 */
#ifndef DT_TESTS_SURROUNDINGS_H
#define DT_TESTS_SURROUNDINGS_H

#include "config/config.h"

/* What "everything" fills. */
struct everything {
	uint8_t flag;
	int64_t count; /* 1 to 10, 3 by default */
	const char *text;
	int64_t wait; /* 1s to 1h, 60s by default */
	uint64_t size;
	struct dtlsd_rate rate;
	int32_t mode;
	struct dtlsd_address address;
	struct dtlsd_cidr net;
	const char *file;
	struct dtlsd_bytes key;
	struct dtlsd_address ip;
	struct inner {
		const char *word;
		int64_t number; /* 7 by default */
	} inner;
	struct dtlsd_list words;  /* of const char *   */
	struct dtlsd_list nets;	  /* of struct dtlsd_cidr */
	struct dtlsd_list inners; /* of struct inner; a text is its word */
};

struct older {
	int64_t first;
	const char *second;
};

extern const struct dt_config_env surroundings;

/* Replaces ' by ", so that JSON is readable in C. Returns a buffer that the next call but seven
 * overwrites. */
const char *quotes(const char *text);
/* Loads text with single quotes under the name "test.json". */
enum dt_err load_quoted(const char *text, struct dt_config **out, struct dt_config_report *report);
/* All messages, a line each, in a buffer that the next call overwrites. */
const char *all_messages(const struct dt_config_report *report);

#endif
