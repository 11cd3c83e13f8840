/* arena.h - memory that lives as long as a configuration; what is secret in it is wiped.
 *
 * Owner: struct dt_config; what it gives is borrowed from it. Threads: none.
 */
#ifndef DT_CONFIG_ARENA_H
#define DT_CONFIG_ARENA_H

#include <stddef.h>

struct dt_arena_block;

struct dt_config_arena {
	struct dt_arena_block *blocks;	/* owned                       */
	struct dt_arena_block *secrets; /* owned; wiped when they die  */
};

/* Zeroed, aligned for every type; NULL without memory. */
void *dt_config_arena_alloc(struct dt_config_arena *a, size_t size);
char *dt_config_arena_text(struct dt_config_arena *a, const char *text);
/* Like _alloc, in the region that is wiped. */
void *dt_config_arena_secret(struct dt_config_arena *a, size_t size);
/* Overwrites all secrets; they stay allocated. */
void dt_config_arena_wipe(struct dt_config_arena *a);
/* Wipes, then frees everything. */
void dt_config_arena_fini(struct dt_config_arena *a);

#endif
