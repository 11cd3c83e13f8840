/* fake_parts.h - what the files of the fake host share; tests include fake_host.h.
 *
 * fake_host.c is the side of the test, fake_calls.c the side of the module: the functions that
 * it calls, and what is on record of them.
 */
#ifndef FAKE_PARTS_H
#define FAKE_PARTS_H

#include "fake_host.h"

struct fake_texts {
	char **items;
	size_t count;
};

struct fake_conn {
	struct fake_conn *next;
	uint64_t id;
	uint32_t worker;
	bool closing;
	struct dtlsd_conn_info info;
	const struct dtlsd_certificate *certificate;
	void *data;
	void (*destroy)(void *data);
};

struct fake_sent {
	uint64_t conn;
	uint8_t *data;
	size_t len;
};

struct fake_post {
	struct fake_post *next;
	uint32_t worker;
	void (*call)(const struct dtlsd_ctx *c, void *data, size_t len);
	size_t len;
	uint8_t *data;
};

struct fake_timer {
	struct fake_timer *next;
	uint64_t handle, at;
	uint32_t worker;
	void (*fired)(const struct dtlsd_ctx *c, void *arg);
	void *arg;
};

struct fake_watch {
	struct fake_watch *next;
	int fd;
	uint32_t worker;
	void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg);
	void *arg;
};

struct fake_token {
	bool resolved;
	uint32_t verdict;
};

struct fake_kept {
	struct fake_kept *next;
	uint64_t bytes[];
};

struct fake_host {
	const struct dtlsd_module *module;
	uint32_t workers;
	bool open;
	uint32_t started;      /* workers */
	struct dtlsd_ctx main; /* of open(); lives until close() */
	uint8_t *buffer;       /* the last datagram of a client */
	void *config, *data;
	void **worker_data;
	struct fake_weather weather;
	uint64_t now, next_conn, next_timer;
	struct fake_conn *conns;
	struct fake_post *posts;
	struct fake_timer *timers;
	struct fake_watch *watches;
	struct fake_sent *sent;
	size_t sent_count;
	struct fake_token *tokens; /* token n is tokens[n - 1] */
	size_t token_count;
	uint64_t *counters;
	struct fake_texts complaints, logged;
	struct fake_kept *kept;
};

extern const struct dtlsd_host fake_table;

/* Zeroed; aborts the test when there is none. */
void *fake_allocate(size_t bytes);
/* `items` with place for one more. */
void *fake_grow(void *items, size_t count, size_t size);
void fake_add_text(struct fake_texts *list, const char *text);
size_t fake_count_texts(const struct fake_texts *list, const char *part); /* that contain it */
/* NULL = gone. */
struct fake_conn *fake_find_conn(const struct fake_host *h, uint64_t id);

#endif
