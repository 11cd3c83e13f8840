#include "plugin/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
judge(const struct stat *st, const char *what, char *out, size_t cap)
{
	uid_t us = geteuid();
	if (out[0])
		return;
	if (st->st_uid != 0 && st->st_uid != us) {
		if (us == 0)
			snprintf(out, cap, "%s belongs to user %u, wanted root", what, st->st_uid);
		else
			snprintf(out, cap, "%s belongs to user %u, wanted root or user %u", what,
			    st->st_uid, us);
	} else if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(out, cap,
		    "%s is writable by its %s (mode %04o), wanted by nobody but its owner", what,
		    st->st_mode & S_IWOTH ? "others" : "group", st->st_mode & 07777);
	}
}

static enum dt_err
report(const char *what, int error, char *why, size_t cap)
{
	if (error == ENOENT || error == ENOTDIR) {
		snprintf(why, cap, "%s: no such file", what);
		return DT_ERR_GONE;
	}
	if (error == ELOOP) {
		snprintf(why, cap, "%s is a symbolic link, wanted the file itself", what);
		return DT_ERR_REFUSED;
	}
	snprintf(why, cap, "%s: %s", what, strerror(error));
	return DT_ERR_SYSTEM;
}

/* O_NONBLOCK: opening a FIFO would wait for a writer. */
static enum dt_err
open_file(int dir, const char *file, struct dt_trusted *out, char *why, size_t cap)
{
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return report("the file", errno, why, cap);
	if (fstat(fd, &out->st) != 0) {
		int error = errno;
		close(fd);
		return report("the file", error, why, cap);
	}
	if (!S_ISREG(out->st.st_mode)) {
		close(fd);
		snprintf(why, cap, "it is not a regular file");
		return DT_ERR_REFUSED;
	}
	out->fd = fd;
	return DT_OK;
}

enum dt_err
dt_trusted_open(const char *dir, const char *file, struct dt_trusted *out, char *why, size_t cap)
{
	memset(out, 0, sizeof(*out));
	out->fd = -1;
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return report("its directory", errno, why, cap);
	struct stat st;
	enum dt_err err = fstat(at, &st) == 0 ? DT_OK : report("its directory", errno, why, cap);
	if (err == DT_OK)
		err = open_file(at, file, out, why, cap);
	close(at);
	if (err != DT_OK)
		return err;
	judge(&out->st, "the file", out->distrust, sizeof(out->distrust));
	judge(&st, "its directory", out->distrust, sizeof(out->distrust));
	return DT_OK;
}
