#include "plugin/loader.h"

#include <dlfcn.h>
#include <dirent.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "plugin/abi.h"
#include "plugin/trust.h"

#define LOADER_MAGIC 0x64746c64u
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define PATH_BYTES 4096u
#define WHY_INNER 300u /* what is said behind the name of the file */

/* A library that is mapped. Its descriptor is not closed, see loader.h. */
struct loaded {
	struct loaded *next; /* owned */
	dev_t dev;
	ino_t ino;
	void *handle; /* of dlopen() */
};

struct dt_loader {
	uint32_t magic;
	bool dev;
	struct dt_log *log;    /* borrowed */
	struct loaded *loaded; /* owned */
	char **names;	       /* owned: what dt_loader_names() gave last */
	size_t name_count;     /* without the NULL at the end             */
};

enum dt_err
dt_loader_new(const struct dt_loader_config *config, struct dt_loader **out)
{
	struct dt_loader *l = dt_alloc(sizeof(*l));
	if (!l)
		return DT_ERR_NOMEM;
	l->magic = LOADER_MAGIC;
	l->dev = config->dev;
	l->log = config->log;
	*out = l;
	return DT_OK;
}

static void
free_names(struct dt_loader *l)
{
	for (size_t i = 0; i < l->name_count; i++)
		dt_free(l->names[i]);
	dt_free(l->names);
	l->names = NULL;
	l->name_count = 0;
}

void
dt_loader_free(struct dt_loader **slot)
{
	struct dt_loader *l = *slot;
	*slot = NULL;
	if (!l)
		return;
	DT_CHECK_MAGIC(l, LOADER_MAGIC);
	for (struct loaded *m = l->loaded, *next; m; m = next) {
		next = m->next;
		dt_free(m);
	}
	free_names(l);
	l->magic = 0;
	dt_free(l);
}

/* ---- into memory ---------------------------------------------------------------------------- */

static struct loaded *
find_loaded(const struct dt_loader *l, const struct stat *st)
{
	struct loaded *m = l->loaded;
	while (m && (m->dev != st->st_dev || m->ino != st->st_ino))
		m = m->next;
	return m;
}

/* dlerror() begins with the path that we gave, which says nothing to the operator. */
static void
write_dl_error(const char *path, char why[WHY_INNER])
{
	const char *text = dlerror();
	size_t skip = strlen(path);
	if (text && strncmp(text, path, skip) == 0 && strncmp(text + skip, ": ", 2) == 0)
		text += skip + 2;
	snprintf(
	    why, WHY_INNER, "cannot be loaded: %s", text ? text : "the C library gives no reason");
}

/* Takes the descriptor. */
static enum dt_err
map_library(struct dt_loader *l, struct dt_trusted *file, struct loaded **out, char why[WHY_INNER])
{
	char path[64];
	/* Not /proc/self: a debugger opens the same path, and is not us. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), file->fd);
	struct loaded *m = dt_alloc(sizeof(*m));
	if (!m) {
		close(file->fd);
		snprintf(why, WHY_INNER, "%s", dt_err_text(DT_ERR_NOMEM));
		return DT_ERR_NOMEM;
	}
	m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!m->handle) {
		write_dl_error(path, why);
		dt_free(m);
		close(file->fd);
		return DT_ERR_REFUSED;
	}
	m->dev = file->st.st_dev;
	m->ino = file->st.st_ino;
	m->next = l->loaded;
	l->loaded = m;
	*out = m;
	return DT_OK;
}

static enum dt_err
look_inside(const struct loaded *m, const struct dtlsd_module **out, char why[WHY_INNER])
{
	const void *symbol = dlsym(m->handle, "dtlsd_module");
	if (!symbol) {
		snprintf(why, WHY_INNER, "it exports no symbol dtlsd_module: not a dtlsd module");
		return DT_ERR_REFUSED;
	}
	Dl_info info;
	ElfW(Sym) *entry = NULL;
	if (!dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry) {
		snprintf(why, WHY_INNER, "its symbol dtlsd_module has no size");
		return DT_ERR_REFUSED;
	}
	char reason[DT_ABI_WHY];
	enum dt_err err = dt_abi_check(symbol, entry->st_size, reason);
	if (err != DT_OK)
		snprintf(why, WHY_INNER, "%s", reason);
	else
		*out = symbol;
	return err;
}

/* ---- by path and by name -------------------------------------------------------------------- */

static enum dt_err
load_file(struct dt_loader *l, const char *dir, const char *file, const struct dtlsd_module **out,
    char why[DT_LOADER_WHY])
{
	char inner[WHY_INNER];
	struct dt_trusted t;
	enum dt_err err = dt_trusted_open(dir, file, &t, inner, sizeof(inner));
	if (err == DT_OK && t.distrust[0] && !l->dev) {
		close(t.fd);
		snprintf(inner, sizeof(inner), "not trusted: %s", t.distrust);
		err = DT_ERR_REFUSED;
	} else if (err == DT_OK) {
		struct loaded *m = find_loaded(l, &t.st);
		if (t.distrust[0])
			dt_log(l->log, DT_LOG_WARNING, NULL,
			    "module %s/%s would not be trusted: %s", dir, file, t.distrust);
		if (m)
			close(t.fd);
		else
			err = map_library(l, &t, &m, inner);
		if (err == DT_OK)
			err = look_inside(m, out, inner);
	}
	if (err != DT_OK)
		snprintf(why, DT_LOADER_WHY, "%s/%s: %s", dir, file, inner);
	return err;
}

static enum dt_err
load_by_path(
    struct dt_loader *l, const char *path, const struct dtlsd_module **out, char why[DT_LOADER_WHY])
{
	char dir[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	size_t len = (size_t)(slash - path);
	if (len >= sizeof(dir) || slash[1] == '\0') {
		snprintf(why, DT_LOADER_WHY, "this is not the path of a file");
		return DT_ERR_INVALID;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	return load_file(l, len ? dir : "/", slash + 1, out, why);
}

static const char *
dir_at(const struct dtlsd_list *dirs, uint32_t i)
{
	return ((const char *const *)dirs->items)[i];
}

static void
write_not_found(const struct dtlsd_list *dirs, const char *name, char why[DT_LOADER_WHY])
{
	size_t used = (size_t)snprintf(
	    why, DT_LOADER_WHY, "it is not there; looked for %s.so in", name);
	for (uint32_t i = 0; i < dirs->count && used < DT_LOADER_WHY; i++)
		used += (size_t)snprintf(
		    why + used, DT_LOADER_WHY - used, "%s %s", i ? "," : "", dir_at(dirs, i));
	if (dirs->count == 0)
		snprintf(why, DT_LOADER_WHY, "no module directory is known");
}

static enum dt_err
load_by_name(struct dt_loader *l, const struct dtlsd_list *dirs, const char *name,
    const struct dtlsd_module **out, char why[DT_LOADER_WHY])
{
	char file[DT_ABI_NAME_MAX + 4];
	size_t len = strlen(name);
	if (len == 0 || len > DT_ABI_NAME_MAX || strspn(name, NAME_CHARS) != len) {
		snprintf(why, DT_LOADER_WHY,
		    "a name has 1 to %u of [a-z0-9_], a path has a '/'", DT_ABI_NAME_MAX);
		return DT_ERR_INVALID;
	}
	snprintf(file, sizeof(file), "%s.so", name);
	for (uint32_t i = 0; i < dirs->count; i++) {
		enum dt_err err = load_file(l, dir_at(dirs, i), file, out, why);
		if (err != DT_ERR_GONE)
			return err;
	}
	write_not_found(dirs, name, why);
	return DT_ERR_GONE;
}

enum dt_err
dt_loader_get(struct dt_loader *l, const struct dtlsd_list *dirs, const char *use,
    const struct dtlsd_module **out, char why[DT_LOADER_WHY])
{
	DT_CHECK_MAGIC(l, LOADER_MAGIC);
	enum dt_err err = strchr(use, '/') ? load_by_path(l, use, out, why)
					   : load_by_name(l, dirs, use, out, why);
	if (err == DT_OK)
		why[0] = '\0'; /* what an earlier directory did not have */
	return err;
}

/* ---- what there is -------------------------------------------------------------------------- */

/* The length of the name in "NAME.so", 0 when it is no such file. */
static size_t
name_length(const char *file)
{
	size_t len = strspn(file, NAME_CHARS);
	return len <= DT_ABI_NAME_MAX && strcmp(file + len, ".so") == 0 ? len : 0;
}

static bool
add_name(struct dt_loader *l, const char *name, size_t len)
{
	for (size_t i = 0; i < l->name_count; i++)
		if (strlen(l->names[i]) == len && memcmp(l->names[i], name, len) == 0)
			return true;
	char **bigger = dt_resize(l->names, (l->name_count + 2) * sizeof(char *));
	if (!bigger)
		return false;
	l->names = bigger;
	l->names[l->name_count] = dt_copy(name, len);
	return l->names[l->name_count] && ++l->name_count;
}

static bool
add_directory(struct dt_loader *l, const char *path)
{
	DIR *dir = opendir(path);
	bool ok = true;
	if (!dir)
		return true; /* dt_loader_get() says so when it matters */
	for (struct dirent *e = readdir(dir); e && ok; e = readdir(dir)) {
		size_t len = name_length(e->d_name);
		if (len)
			ok = add_name(l, e->d_name, len);
	}
	closedir(dir);
	return ok;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *
dt_loader_names(struct dt_loader *l, const struct dtlsd_list *dirs)
{
	static const char *const nothing[] = {NULL};
	DT_CHECK_MAGIC(l, LOADER_MAGIC);
	free_names(l);
	for (uint32_t i = 0; i < dirs->count; i++) {
		if (!add_directory(l, dir_at(dirs, i))) {
			free_names(l);
			return NULL;
		}
	}
	if (l->name_count == 0)
		return nothing;
	qsort(l->names, l->name_count, sizeof(char *), compare_names);
	l->names[l->name_count] = NULL;
	return (const char *const *)l->names;
}
