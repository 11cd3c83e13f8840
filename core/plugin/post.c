#include "plugin/post.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "plugin/hook.h"
#include "plugin/worker_state.h"

/* Calls that may wait for a worker_start; a module with more is not waiting, it runs away. */
#define EARLY_MAX 1024u

struct post_action {
	struct dt_plugin *plugin; /* borrowed */
	uint32_t worker;
	struct dt_action action;
	size_t size; /* of this block, bytes */
	uint8_t data[];
};

struct dt_post {
	struct dt_post *next;
	struct dtlsd_instance *inst; /* borrowed: as old as the plugin */
	uint32_t worker;
	void (*call)(const struct dtlsd_ctx *c, void *data, size_t len);
	size_t len;
	max_align_t data[];
};

/* A verdict is open again: its timeout decides. */
static void
lose_action(struct post_action *p)
{
	dt_log(p->plugin->log, DT_LOG_WARNING, NULL,
	    "what a module asked for on worker %u is lost: out of memory", p->worker);
	if (p->action.kind == DT_ACTION_VERDICT)
		dt_token_unclaim(&p->plugin->shared[p->worker].tokens, p->action.target);
}

static void
run_action(void *arg, void *data, size_t len)
{
	(void)arg;
	(void)len;
	struct post_action *p = data;
	struct dt_plugin_worker *pw = p->plugin->shared[p->worker].worker;
	if (pw) {
		/* Done before the block dies, so its bytes may be borrowed. */
		if (dt_actions_add(&pw->actions, &p->action, false) != DT_OK)
			lose_action(p);
		dt_plugin_worker_flush(pw);
	}
	dt_free_secret(p, p->size);
}

static void
drop_action(void *data)
{
	struct post_action *p = data;
	dt_free_secret(p, p->size);
}

enum dt_err
dt_post_action(struct dt_plugin *plugin, uint32_t worker, const struct dt_action *action)
{
	size_t size = sizeof(struct post_action) + action->len;
	struct post_action *p = dt_alloc(size);
	if (!p)
		return DT_ERR_NOMEM;
	*p = (struct post_action){plugin, worker, *action, size};
	if (action->len)
		memcpy(p->data, action->data, action->len);
	p->action.data = p->data;
	p->action.posted = true;
	enum dt_err err =
	    dt_mailbox_post_owned(plugin->shared[worker].mailbox, run_action, drop_action, p, size);
	if (err != DT_OK)
		drop_action(p);
	return err;
}

static void
call_posted(struct dt_seat *seat, struct dt_post *p)
{
	p->call(dt_hook_enter(seat, DT_HOOK_POST, 0), p->data, p->len);
	dt_hook_leave(seat);
	dt_plugin_worker_flush(seat->pw);
	dt_free(p);
}

static void
keep_early(struct dt_place *place, struct dt_post *p)
{
	if (!place->early)
		place->early_end = &place->early;
	p->next = NULL;
	*place->early_end = p;
	place->early_end = &p->next;
	place->early_count++;
}

static void
run_post(void *arg, void *data, size_t len)
{
	(void)arg;
	(void)len;
	struct dt_post *p = data;
	struct dt_place *place = &p->inst->places[p->worker];
	if (place->seat)
		call_posted(place->seat, p);
	else if (place->ended || atomic_load(&p->inst->closed) || place->early_count == EARLY_MAX)
		dt_free(p);
	else
		keep_early(place, p);
}

enum dt_err
dt_post_call(struct dtlsd_instance *inst, uint32_t first, uint32_t count,
    void (*call)(const struct dtlsd_ctx *c, void *data, size_t len), const void *data, size_t len)
{
	struct dt_mailbox *boxes[DT_CONN_WORKERS_MAX];
	void *posts[DT_CONN_WORKERS_MAX];
	enum dt_err err = DT_OK;
	uint32_t made = 0;
	for (; made < count; made++) {
		struct dt_post *p = posts[made] = dt_alloc(sizeof(*p) + len);
		if (!p)
			break;
		*p = (struct dt_post){.inst = inst, .worker = first + made, .call = call, .len = len};
		if (len)
			memcpy(p->data, data, len);
		boxes[made] = inst->plugin->shared[first + made].mailbox;
	}
	err = made == count ? dt_mailbox_post_to_each(boxes, count, run_post, dt_free, posts,
				  sizeof(struct dt_post) + len)
			    : DT_ERR_NOMEM;
	while (err != DT_OK && made > 0)
		dt_free(posts[--made]);
	return err;
}

void
dt_post_run_early(struct dt_seat *seat)
{
	struct dt_place *place = &seat->instance->places[seat->ctx.worker];
	while (place->early) {
		struct dt_post *p = place->early;
		place->early = p->next;
		place->early_count--;
		call_posted(seat, p);
	}
}

void
dt_post_drop_early(struct dt_place *place)
{
	while (place->early) {
		struct dt_post *p = place->early;
		place->early = p->next;
		dt_free(p);
	}
	place->early_count = 0;
}
