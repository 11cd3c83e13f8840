#include "world.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
keep_line(void *arg, const struct dt_log_line *line)
{
	struct world *w = arg;
	const struct dt_log_context *c = line->context;
	pthread_mutex_lock(&w->lock);
	size_t room = sizeof(w->log) - w->log_len;
	int n = snprintf(w->log + w->log_len, room, "%s%s%s%s%s%s: %s\n", dt_log_level_name(line->level),
	    c->server ? " " : "", c->server ? c->server : "", c->module ? " [" : "",
	    c->module ? c->module : "", c->module ? "]" : "", line->text);
	if (n > 0 && (size_t)n < room)
		w->log_len += (size_t)n;
	pthread_mutex_unlock(&w->lock);
}

void
world_open(struct world *w, const char *text)
{
	const struct dt_config_env env = {
	    .modules = probe_modules, .module_directory = "/nowhere", .dev = true};
	char json[4096];
	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	dt_logger_init(&w->logger);
	w->logger.log.sink = keep_line;
	w->logger.log.arg = w;
	dt_config_report_init(&w->report);
	cr_assert(strlen(text) < sizeof(json));
	size_t len = 0;
	for (; text[len]; len++)
		json[len] = text[len] == '\'' ? '"' : text[len];
	enum dt_err err = dt_config_load_text(json, len, "test.json", &env, &w->config, &w->report);
	cr_assert_eq(err, DT_OK, "%s", world_report(w));
}

void
world_close(struct world *w)
{
	dt_config_free(&w->config);
	dt_config_report_fini(&w->report);
	dt_logger_fini(&w->logger);
	pthread_mutex_destroy(&w->lock);
}

bool
world_logged(struct world *w, const char *part)
{
	pthread_mutex_lock(&w->lock);
	bool found = strstr(w->log, part) != NULL;
	pthread_mutex_unlock(&w->lock);
	return found;
}

const char *
world_report(const struct world *w)
{
	static char all[16384];
	size_t used = 0;
	all[0] = '\0';
	for (size_t i = 0; i < w->report.count && used + 2 < sizeof(all); i++) {
		dt_config_message_format(&w->report, &w->report.messages[i], all + used, sizeof(all) - used - 1);
		used += strlen(all + used);
		all[used++] = '\n';
		all[used] = '\0';
	}
	return all;
}

bool
world_reported(const struct world *w, const char *part)
{
	return strstr(world_report(w), part) != NULL;
}

static void
take_first(void *arg, const char *server, const struct dtlsd_address *address)
{
	struct dtlsd_address *first = arg;
	(void)server;
	if (first->family == 0)
		*first = *address;
}

struct dtlsd_address
world_address(const struct dt_server *s)
{
	struct dtlsd_address first = {0};
	dt_server_addresses(s, take_first, &first);
	cr_assert(first.port != 0);
	return first;
}

size_t
world_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;
	cr_assert(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n - 1; /* this directory itself */
}

static char directory[] = "/tmp/dtlsd-server-XXXXXX";

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_directory(void)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
world_path(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	if (strstr(directory, "XXXXXX")) {
		cr_assert(mkdtemp(directory));
		atexit(remove_directory);
	}
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}
