/* watcher.h - a module with the hooks that look on, which the scripted one (world.h) has not: with
 * them every test would have to live with what they note. */
#ifndef WATCHER_H
#define WATCHER_H

#include "world.h"

struct watcher {
	const char *name;
	uint32_t out;	      /* verdict of data_out */
	const char *rewrites; /* what data_out puts in place of the datagram; NULL = nothing */
	uint32_t out_len;     /* and the length that it leaves; 0 = that of the text         */
	void (*each)(const struct dtlsd_ctx *c, const char *hook);
	void (*on_line)(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line);
};

extern const struct dtlsd_module watching; /* notes "name.out ", "name.step3 ", "name.error12 " */
extern const struct dtlsd_module hearing;  /* the log hook alone */

static inline struct dt_chain_entry
watcher_entry(const struct dtlsd_module *module, struct watcher *w)
{
	return (struct dt_chain_entry){.module = module,
	    .name = w->name,
	    .config = w,
	    .slow_hook = DT_MILLISECONDS(20),
	    .defer_timeout = DT_SECONDS(1)};
}

#endif
