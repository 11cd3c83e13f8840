#include "server/key_log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
	cr_assert_eq(chmod(path, mode), 0);
}

static const char *
read_file(const char *path)
{
	static char text[262144];
	FILE *f = fopen(path, "r");
	cr_assert(f, "%s", path);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

Test(key_log, is_for_its_owner_only)
{
	struct dt_key_log k;
	const char *path = world_path("keys");
	umask(0);
	cr_assert_eq(dt_key_log_open(&k, path), DT_OK);
	cr_assert_eq(mode_of(path), 0600);
	cr_assert(fcntl(k.fd, F_GETFD) & FD_CLOEXEC);
	dt_key_log_close(&k);
	cr_assert_eq(k.fd, -1);
	dt_key_log_close(&k);
}

Test(key_log, a_file_that_others_could_read_is_closed_to_them)
{
	static const mode_t modes[] = {0644, 0666, 0777, 0604};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct dt_key_log k;
		const char *path = world_path("open");
		write_file(path, "", modes[i]);
		cr_assert_eq(dt_key_log_open(&k, path), DT_OK);
		cr_expect_eq(mode_of(path), 0600, "%o", modes[i]);
		dt_key_log_close(&k);
	}
}

Test(key_log, is_appended_to_line_by_line)
{
	struct dt_key_log k;
	const char *path = world_path("keys");
	write_file(path, "before\n", 0600);
	cr_assert_eq(dt_key_log_open(&k, path), DT_OK);
	dt_key_log_write(&k, "CLIENT_RANDOM 01 02");
	dt_key_log_write(&k, "CLIENT_RANDOM 03 04");
	cr_assert_str_eq(read_file(path), "before\nCLIENT_RANDOM 01 02\nCLIENT_RANDOM 03 04\n");
	dt_key_log_close(&k);
}

Test(key_log, a_line_that_is_too_long_is_left_out_not_cut)
{
	struct dt_key_log k;
	const char *path = world_path("keys");
	char line[600];
	memset(line, 'x', sizeof(line));
	cr_assert_eq(dt_key_log_open(&k, path), DT_OK);
	line[511] = '\0';
	dt_key_log_write(&k, line);
	cr_assert_str_eq(read_file(path), "");
	line[510] = '\0';
	dt_key_log_write(&k, line);
	cr_assert_eq(strlen(read_file(path)), 511);
	dt_key_log_close(&k);
}

Test(key_log, what_is_not_a_file_of_ours_alone_is_refused)
{
	struct dt_key_log k;
	const char *target = world_path("target"), *link_path = world_path("link");
	const char *fifo = world_path("fifo"), *hard = world_path("hard");
	write_file(target, "", 0600);
	cr_assert_eq(symlink(target, link_path), 0);
	cr_assert_eq(dt_key_log_open(&k, link_path), DT_ERR_SYSTEM);
	cr_assert_eq(errno, ELOOP);
	cr_assert_eq(dt_key_log_open(&k, world_path("missing/keys")), DT_ERR_SYSTEM);
	cr_assert_eq(errno, ENOENT);
	cr_assert_eq(dt_key_log_open(&k, "/tmp"), DT_ERR_SYSTEM);
	cr_assert_eq(errno, EISDIR);

	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(dt_key_log_open(&k, fifo), DT_ERR_SYSTEM, "waits for nobody");
	cr_assert_eq(errno, ENXIO);
	int reader = open(fifo, O_RDONLY | O_NONBLOCK);
	cr_assert_eq(dt_key_log_open(&k, fifo), DT_ERR_REFUSED);
	close(reader);
	cr_assert_eq(dt_key_log_open(&k, "/dev/null"), DT_ERR_REFUSED);

	cr_assert_eq(link(target, hard), 0);
	cr_assert_eq(dt_key_log_open(&k, target), DT_ERR_REFUSED);
	cr_assert_eq(k.fd, -1);
}

/* Whoever made the file before us could read every key. */
Test(key_log, a_file_of_somebody_else_is_refused)
{
	if (geteuid() != 0) /* only root can make one; what it proves does not depend on who runs */
		return;
	struct dt_key_log k;
	const char *path = world_path("theirs");
	write_file(path, "", 0600);
	cr_assert_eq(chown(path, 65534, 65534), 0);
	cr_assert_eq(dt_key_log_open(&k, path), DT_ERR_REFUSED);
	cr_assert_eq(mode_of(path), 0600);
}

#define THREADS 4
#define LINES 500

static void *
write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		dt_key_log_write(arg, "CLIENT_RANDOM 0123456789abcdef 0123456789abcdef");
	return NULL;
}

Test(key_log, lines_of_different_threads_do_not_mix)
{
	struct dt_key_log k;
	pthread_t threads[THREADS];
	const char *path = world_path("keys");
	cr_assert_eq(dt_key_log_open(&k, path), DT_OK);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, &k), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	dt_key_log_close(&k);
	size_t lines = 0;
	for (char *line = strtok((char *)(uintptr_t)read_file(path), "\n"); line; line = strtok(NULL, "\n")) {
		cr_assert_str_eq(line, "CLIENT_RANDOM 0123456789abcdef 0123456789abcdef");
		lines++;
	}
	cr_assert_eq(lines, THREADS * LINES);
}
