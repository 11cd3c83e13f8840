/* judge.c - gives the verdicts that its options say, at once or later from a thread of its own.
 *
 * With "deferred" the verdicts that are not "none" come from the thread, `delay` after they were
 * asked for; "never" asks for time and gives none. What resolve() answered is logged.
 */
#include <dtlsd/module.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITING_MAX 64

static const char *const words[] = {"none", "next", "accept", "reject", "found", "never", "nonsense", NULL};
enum word { NONE, NEXT, ACCEPT, REJECT, FOUND, NEVER };
static const uint32_t verdicts[] = {
    DTLSD_NEXT, DTLSD_NEXT, DTLSD_ACCEPT, DTLSD_REJECT, DTLSD_FOUND, DTLSD_DEFER, 99};

struct config {
	int32_t request, psk, auth; /* enum word */
	uint8_t deferred;
	int64_t delay; /* ns */
	int64_t alert;
	const char *key;
};

static const struct dtlsd_option options[] = {
#define ROW(type_, member, def_, doc_)                                                             \
	.name = #member, .type = DTLSD_OPT_##type_, .offset = offsetof(struct config, member),     \
	.def = def_, .doc = doc_
    {ROW(ENUM, request, "\"none\"", "Verdict on connection_request."), .names = words},
    {ROW(ENUM, psk, "\"none\"", "Verdict on psk_lookup."), .names = words},
    {ROW(ENUM, auth, "\"none\"", "Verdict on client_auth."), .names = words},
    {ROW(BOOLEAN, deferred, "false", "Whether the thread gives them.")},
    {ROW(DURATION, delay, "\"0s\"", "How long the thread waits.")},
    {ROW(INTEGER, alert, "0", "The alert that a rejection sends."), .max = 255},
    {ROW(TEXT, key, NULL, "The key that is found.")},
};
static const struct dtlsd_options option_table = DTLSD_OPTIONS(options, struct config);

struct question {
	uint64_t token, due_ns;
	uint32_t verdict;
};

struct judge {
	const struct dtlsd_ctx *c; /* of open: lives until close */
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	struct question waiting[WAITING_MAX];
	size_t count;
	int ending;
};

static uint64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
answer(const struct judge *j, const struct question *q)
{
	const struct config *config = j->c->config;
	char line[80];
	int found = q->verdict == DTLSD_FOUND;
	int32_t result = j->c->host->resolve(j->c, q->token, q->verdict, found ? config->key : NULL,
	    found ? strlen(config->key) : 0);
	snprintf(line, sizeof(line), "resolve gave %d", (int)result);
	j->c->host->log(j->c, DTLSD_LOG_INFO, line);
}

static void *
give_verdicts(void *arg)
{
	struct judge *j = arg;
	pthread_mutex_lock(&j->lock);
	while (!j->ending) {
		if (j->count == 0) {
			pthread_cond_wait(&j->changed, &j->lock);
			continue;
		}
		struct question q = j->waiting[0];
		if (q.due_ns > now_ns()) {
			struct timespec until = {(time_t)(q.due_ns / 1000000000u), (long)(q.due_ns % 1000000000u)};
			pthread_cond_timedwait(&j->changed, &j->lock, &until);
			continue;
		}
		memmove(j->waiting, j->waiting + 1, --j->count * sizeof(q));
		pthread_mutex_unlock(&j->lock);
		answer(j, &q);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int32_t
judge_open(const struct dtlsd_ctx *c, void **data)
{
	struct judge *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	if (!j)
		return DTLSD_NOMEM;
	j->c = c;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&j->thread, NULL, give_verdicts, j) != 0) {
		free(j);
		return DTLSD_SYSTEM;
	}
	*data = j;
	return DTLSD_OK;
}

static void
judge_close(const struct dtlsd_ctx *c)
{
	struct judge *j = c->data;
	pthread_mutex_lock(&j->lock);
	j->ending = 1;
	pthread_cond_signal(&j->changed);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

static uint32_t
decide(const struct dtlsd_ctx *c, int32_t word)
{
	const struct config *config = c->config;
	struct judge *j = c->data;
	if (word == NONE || (word != NEVER && !config->deferred))
		return verdicts[word];
	uint64_t token = c->host->defer(c);
	if (token == 0)
		return DTLSD_REJECT;
	if (word == NEVER)
		return DTLSD_DEFER;
	pthread_mutex_lock(&j->lock);
	if (j->count < WAITING_MAX)
		j->waiting[j->count++] = (struct question){token, now_ns() + (uint64_t)config->delay, verdicts[word]};
	pthread_cond_signal(&j->changed);
	pthread_mutex_unlock(&j->lock);
	return DTLSD_DEFER;
}

static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *r)
{
	const struct config *config = c->config;
	r->alert = (uint32_t)config->alert;
	return decide(c, config->request);
}

static uint32_t
psk_lookup(const struct dtlsd_ctx *c, struct dtlsd_psk *psk)
{
	const struct config *config = c->config;
	if (config->psk == FOUND && !config->deferred) {
		psk->key_len = (uint32_t)strlen(config->key);
		memcpy(psk->key, config->key, psk->key_len);
	}
	return decide(c, config->psk);
}

static uint32_t
client_auth(const struct dtlsd_ctx *c, struct dtlsd_auth *a)
{
	const struct config *config = c->config;
	a->alert = (uint32_t)config->alert;
	return decide(c, config->auth);
}

DTLSD_MODULE(.name = "judge", .version = "1", .options = &option_table, .open = judge_open,
    .close = judge_close, .connection_request = connection_request, .psk_lookup = psk_lookup,
    .client_auth = client_auth);
