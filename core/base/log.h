/* log.h - one line of log, and where it goes.
 *
 * base formats and filters; the line goes to a sink that `server` sets. Texts
 * from the wire (certificate names, PSK identities) pass dt_text_escape() first,
 * so that a peer cannot write lines of its own. Secrets are never passed here.
 * Owner: one struct dt_log in struct dt_server, borrowed by everyone.
 * Threads: any; the sink must be safe for any thread. Level changes are atomic.
 */
#ifndef DT_BASE_LOG_H
#define DT_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum dt_log_level { DT_LOG_NONE, DT_LOG_ERROR, DT_LOG_WARNING, DT_LOG_INFO, DT_LOG_VERBOSE, DT_LOG_DEBUG };

/* What was being done; fields that are unset are left out of the line. */
struct dt_log_context {
	const char *server; /* borrowed: name of the server in the configuration, or NULL */
	const char *module; /* borrowed: name of the module instance, or NULL             */
	const char *peer;   /* borrowed: address as text, or NULL                         */
	uint64_t conn;	    /* connection id, or 0                                        */
};

struct dt_log_line {
	enum dt_log_level level;
	const struct dt_log_context *context; /* borrowed, never NULL */
	const char *text;		      /* borrowed, one line   */
};

struct dt_log {
	void (*sink)(void *arg, const struct dt_log_line *line);
	void *arg; /* borrowed */
	_Atomic int level;
	/* Hears every line that the sink gets, on the thread that says it. NULL = nobody; set while only
	 * one thread logs. */
	void (*tap)(void *arg, const struct dt_log_line *line);
	void *tap_arg; /* borrowed */
};

/* Whether a line of this level goes anywhere: spares the work of making one. */
static inline bool
dt_log_wants(struct dt_log *log, enum dt_log_level level)
{
	return log && log->sink && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* `context` may be NULL. Longer lines are cut at 1 KiB. A NULL log drops everything. */
void dt_log(struct dt_log *log, enum dt_log_level level, const struct dt_log_context *context,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
const char *dt_log_level_name(enum dt_log_level level);

#endif
