#include "pki/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum dt_err
fail_errno(struct dt_pki_error *err, const char *path, int why)
{
	if (why == ENOENT || why == ENOTDIR)
		return dt_pki_fail(err, DT_PKI_MISSING, path, NULL);
	return dt_pki_fail(err, DT_PKI_UNREADABLE, path, strerrordesc_np(why));
}

/* Gives the number of bytes, fewer than `len` when the file shrinks meanwhile; -1 and errno. */
static ssize_t
read_whole(int fd, uint8_t *to, size_t len)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = read(fd, to + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static enum dt_err
read_open(int fd, struct dt_pki_file *out, const char *path, size_t max, struct dt_pki_error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return fail_errno(err, path, errno);
	if (S_ISDIR(st.st_mode))
		return dt_pki_fail(err, DT_PKI_UNREADABLE, path, "it is a directory");
	if (!S_ISREG(st.st_mode))
		return dt_pki_fail(err, DT_PKI_UNREADABLE, path, "it is not a regular file");
	if ((uint64_t)st.st_size > max)
		return dt_pki_fail(err, DT_PKI_TOO_LONG, path, NULL);

	size_t size = (size_t)st.st_size;
	uint8_t *data = dt_alloc(size + 1);
	if (!data)
		return dt_pki_fail(err, DT_PKI_NOMEM, path, NULL);
	ssize_t n = read_whole(fd, data, size);
	if (n < 0) {
		int why = errno;
		dt_free_secret(data, size);
		return fail_errno(err, path, why);
	}
	*out = (struct dt_pki_file){data, (size_t)n};
	return DT_OK;
}

enum dt_err
dt_pki_file_init(struct dt_pki_file *out, const char *path, size_t max, struct dt_pki_error *err)
{
	*out = (struct dt_pki_file){0};
	/* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail_errno(err, path, errno);
	enum dt_err e = read_open(fd, out, path, max, err);
	close(fd);
	return e;
}

void
dt_pki_file_fini(struct dt_pki_file *f)
{
	dt_free_secret(f->data, f->len);
	*f = (struct dt_pki_file){0};
}
