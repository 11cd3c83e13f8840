/* From the word behind "use" to a module: whom the loader trusts and what it refuses.
 *
 * Runs as root and as an ordinary user; what only root can set up (a file of somebody else) is
 * then tried by root only.
 */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "plugin/loader.h"

static char dir[64]; /* of this test, ours alone */
static struct dt_loader *loader;
static char why[DT_LOADER_WHY];
static char logged[4096];

static void
take_line(void *arg, const struct dt_log_line *line)
{
	(void)arg;
	strncat(logged, line->text, sizeof(logged) - strlen(logged) - 1);
}

static struct dt_log log_ = {.sink = take_line, .level = DT_LOG_DEBUG};

static void
make_directory(void)
{
	struct dt_loader_config config = {.log = &log_};
	umask(022);
	strcpy(dir, "/tmp/dtlsd-loader-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chmod(dir, 0755), 0);
	cr_assert_eq(dt_loader_new(&config, &loader), DT_OK);
}

static void
remove_directory(void)
{
	char command[128];
	dt_loader_free(&loader);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(loader, .init = make_directory, .fini = remove_directory);

static char *
path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* A copy of a built module (or of any file) in our directory, mode 0644. */
static void
put(const char *from, const char *name)
{
	static char bytes[1 << 20];
	char source[512];
	snprintf(source, sizeof(source), "%s%s%s", from[0] == '/' ? "" : MODULES "/", from,
	    from[0] == '/' ? "" : ".so");
	FILE *in = fopen(source, "rb");
	FILE *out = fopen(path_of(name), "wb");
	cr_assert(in && out, "%s", source);
	size_t len = fread(bytes, 1, sizeof(bytes), in);
	cr_assert(len < sizeof(bytes));
	cr_assert_eq(fwrite(bytes, 1, len, out), len);
	fclose(in);
	cr_assert_eq(fclose(out), 0);
}

static const struct dtlsd_module *
load(const char *use, enum dt_err wanted)
{
	const char *dirs[] = {"/nonexistent/modules", dir};
	struct dtlsd_list list = {dirs, 2, sizeof(dirs[0])};
	const struct dtlsd_module *m = NULL;
	enum dt_err err = dt_loader_get(loader, &list, use, &m, why);
	cr_assert_eq(err, wanted, "%s: %s, \"%s\"", use, dt_err_text(err), why);
	cr_assert_eq(err == DT_OK, m != NULL);
	cr_assert_eq(err == DT_OK, why[0] == '\0');
	return m;
}

static void
refused(const char *use, const char *part)
{
	load(use, DT_ERR_REFUSED);
	cr_assert(strstr(why, part), "wanted \"%s\", got \"%s\"", part, why);
	cr_assert(strstr(why, dir), "which file: \"%s\"", why);
}

/* ---- what is found -------------------------------------------------------------------------- */

Test(loader, a_module_is_found_by_name_and_by_path_and_is_one)
{
	put("good", "good.so");
	const struct dtlsd_module *m = load("good", DT_OK);
	cr_assert_str_eq(m->name, "good");
	cr_assert_eq(load("good", DT_OK), m);
	cr_assert_eq(load(path_of("good.so"), DT_OK), m);
	char first[256];
	strcpy(first, path_of("good.so"));
	cr_assert_eq(link(first, path_of("same.so")), 0);
	cr_assert_eq(load("same", DT_OK), m, "a second name for the same file");
}

Test(loader, another_file_is_another_module_even_under_the_same_path)
{
	put("good", "good.so");
	const struct dtlsd_module *m = load("good", DT_OK);
	cr_assert_eq(unlink(path_of("good.so")), 0);
	put("good", "good.so");
	const struct dtlsd_module *again = load("good", DT_OK);
	cr_assert_neq(again, m);
	cr_assert_str_eq(again->name, "good");
}

Test(loader, two_loaders_do_not_take_one_file_for_another)
{
	struct dt_loader_config config = {.log = &log_};
	put("good", "good.so");
	put("misbehaves", "other.so");
	const struct dtlsd_module *m = load("good", DT_OK);
	dt_loader_free(&loader);
	cr_assert_eq(dt_loader_new(&config, &loader), DT_OK);
	cr_assert_str_eq(load("other", DT_OK)->name, "misbehaves");
	cr_assert_eq(load("good", DT_OK), m);
}

Test(loader, what_is_not_there_is_said_with_the_places)
{
	load("nothing", DT_ERR_GONE);
	cr_assert(strstr(why, "it is not there; looked for nothing.so in "
			      "/nonexistent/modules, /tmp/"),
	    "%s", why);
	load(path_of("nothing.so"), DT_ERR_GONE);
	load("/nonexistent/x.so", DT_ERR_GONE);
}

Test(loader, a_name_is_a_word_and_nothing_else)
{
	static const char *const rows[] = {"", "Good", "good.so", "..", "a-b", "a b", "\xc3\xa4",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i], DT_ERR_INVALID);
		cr_assert(strstr(why, "a name has 1 to 63 of [a-z0-9_]"), "%s", why);
	}
	load("/tmp/", DT_ERR_INVALID);
}

Test(loader, names_are_those_of_the_files_sorted_and_once)
{
	const char *dirs[] = {dir, "/nonexistent", dir};
	struct dtlsd_list list = {dirs, 3, sizeof(dirs[0])}, none = {NULL, 0, 0};
	put("good", "zeta.so");
	put("good", "alpha.so");
	put("good", "Upper.so");
	put("good", "lib.so.1");
	put("good", ".so");
	const char *const *names = dt_loader_names(loader, &list);
	cr_assert_str_eq(names[0], "alpha");
	cr_assert_str_eq(names[1], "zeta");
	cr_assert_null(names[2]);
	cr_assert_null(dt_loader_names(loader, &none)[0]);
	for (uint64_t nth = 1; nth <= 4; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_null(dt_loader_names(loader, &list));
	}
	dt_mem_fail_nth(0);
	cr_assert_str_eq(dt_loader_names(loader, &list)[1], "zeta");
}

/* ---- what is no module ---------------------------------------------------------------------- */

Test(loader, each_broken_module_is_refused_with_what_is_wrong)
{
	static const struct {
		const char *file, *part;
	} rows[] = {
	    {"wrong_magic", "wrong magic 0x12345678, wanted 0x6474736d: not a dtlsd module"},
	    {"other_major", "built for module ABI 7.3, this server runs 0.3"},
	    {"newer_minor", "built for module ABI 0.99, which is newer than 0.3 of this server"},
	    {"short_table", "its table says 24 bytes"},
	    {"tiny_symbol", "its symbol dtlsd_module has 8 bytes, too short to be a module"},
	    {"no_symbol", "it exports no symbol dtlsd_module"},
	    {"no_name", "its name is missing"},
	    {"undefined", "cannot be loaded: undefined symbol: no_such_function_anywhere"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char file[64];
		snprintf(file, sizeof(file), "%s.so", rows[i].file);
		put(rows[i].file, file);
		refused(rows[i].file, rows[i].part);
		refused(rows[i].file, rows[i].part); /* the same when asked again */
	}
}

Test(loader, a_file_that_is_no_library_is_refused)
{
	put("/proc/self/status", "text.so");
	refused("text", "cannot be loaded: invalid ELF header");
	FILE *f = fopen(path_of("empty.so"), "w");
	fclose(f);
	refused("empty", "cannot be loaded: file too short");
	cr_assert_eq(mkdir(path_of("folder.so"), 0755), 0);
	refused("folder", "not a regular file");
	cr_assert_eq(mkfifo(path_of("fifo.so"), 0600), 0);
	refused("fifo", "not a regular file"); /* and nobody waits for a writer */
}

static int
count_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

Test(loader, refusals_do_not_use_up_descriptors)
{
	put("/proc/self/status", "text.so");
	put("wrong_magic", "wrong_magic.so");
	refused("wrong_magic", "wrong magic"); /* is mapped now: one descriptor for good */
	int before = count_descriptors();
	for (int i = 0; i < 50; i++) {
		refused("text", "cannot be loaded");
		refused("wrong_magic", "wrong magic");
		load("nothing", DT_ERR_GONE);
	}
	cr_assert_eq(count_descriptors(), before);
}

/* ---- trust ---------------------------------------------------------------------------------- */

Test(loader, a_symbolic_link_is_not_followed)
{
	put("good", "real.so");
	cr_assert_eq(symlink("real.so", path_of("good.so")), 0);
	refused("good", "symbolic link");
	refused(path_of("good.so"), "symbolic link");
}

Test(loader, a_file_that_others_may_write_is_not_trusted)
{
	static const struct {
		mode_t file, directory;
		const char *part; /* NULL = trusted */
	} rows[] = {
	    {0644, 0755, NULL},
	    {0600, 0700, NULL},
	    {0666, 0755, "the file is writable by its others (mode 0666)"},
	    {0664, 0755, "the file is writable by its group (mode 0664)"},
	    {0646, 0755, "the file is writable by its others (mode 0646)"},
	    {0644, 0777, "its directory is writable by its others (mode 0777)"},
	    {0644, 01777, "its directory is writable by its others (mode 1777)"},
	    {0644, 0775, "its directory is writable by its group (mode 0775)"},
	};
	put("good", "good.so");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(chmod(path_of("good.so"), rows[i].file), 0);
		cr_assert_eq(chmod(dir, rows[i].directory), 0);
		if (rows[i].part)
			refused("good", rows[i].part);
		else
			load("good", DT_OK);
	}
}

Test(loader, a_file_of_somebody_else_is_not_trusted)
{
	if (geteuid() != 0) {
		cr_log_info("only root can give a file away");
		return;
	}
	put("good", "good.so");
	cr_assert_eq(chown(path_of("good.so"), 12345, 0), 0);
	refused("good", "the file belongs to user 12345, wanted root");
	cr_assert_eq(chown(path_of("good.so"), 0, 12345), 0);
	load("good", DT_OK);
	cr_assert_eq(chown(dir, 12345, 0), 0);
	refused("good", "its directory belongs to user 12345, wanted root");
	cr_assert_eq(seteuid(12345), 0);
	load("good", DT_OK); /* its directory is ours now, the file is root's */
	cr_assert_eq(seteuid(0), 0);
}

Test(loader, dev_warns_instead_of_refusing)
{
	struct dt_loader_config config = {.dev = true, .log = &log_};
	dt_loader_free(&loader);
	cr_assert_eq(dt_loader_new(&config, &loader), DT_OK);
	put("good", "good.so");
	cr_assert_eq(chmod(path_of("good.so"), 0666), 0);
	load("good", DT_OK);
	cr_assert(strstr(logged, "would not be trusted: the file is writable by its others"), "%s",
	    logged);
	cr_assert_eq(symlink("good.so", path_of("linked.so")), 0);
	refused("linked", "symbolic link"); /* what is no module file stays none */
}

Test(loader, what_was_checked_is_what_is_mapped)
{
	put("good", "good.so");
	const struct dtlsd_module *m = load("good", DT_OK);
	Dl_info info;
	cr_assert_neq(dladdr(m, &info), 0);
	char ours[64]; /* by our own number: a debugger opens the same path */
	snprintf(ours, sizeof(ours), "/proc/%d/fd/", (int)getpid());
	cr_assert_eq(strncmp(info.dli_fname, ours, strlen(ours)), 0, "%s", info.dli_fname);
}

Test(loader, without_memory_nothing_is_loaded)
{
	struct dt_loader_config config = {.log = &log_};
	struct dt_loader *l = NULL;
	put("good", "good.so");
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_loader_new(&config, &l), DT_ERR_NOMEM);
	dt_mem_fail_nth(1);
	load("good", DT_ERR_NOMEM);
	dt_mem_fail_nth(0);
	load("good", DT_OK);
}
