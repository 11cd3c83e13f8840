#include "server/key_log.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 512 /* label, 32 bytes and 48 bytes in hex */

/* Whoever owns the file can read it, whatever its mode; and a FIFO has somebody at its other end.
 */
static enum dt_err
check_file(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return DT_ERR_SYSTEM;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		return DT_ERR_REFUSED;
	return fchmod(fd, 0600) == 0 ? DT_OK : DT_ERR_SYSTEM;
}

enum dt_err
dt_key_log_open(struct dt_key_log *k, const char *path)
{
	k->fd =
	    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (k->fd < 0)
		return DT_ERR_SYSTEM;
	enum dt_err err = check_file(k->fd);
	if (err != DT_OK) {
		int error = errno;
		dt_key_log_close(k);
		errno = error;
	}
	return err;
}

void
dt_key_log_close(struct dt_key_log *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

void
dt_key_log_write(void *arg, const char *line)
{
	const struct dt_key_log *k = arg;
	char text[LINE_BYTES];
	int n = snprintf(text, sizeof(text), "%s\n", line);
	if (n > 0 && (size_t)n < sizeof(text)) {
		ssize_t written = write(k->fd, text, (size_t)n);
		(void)written;
	}
	dt_wipe(text, sizeof(text));
}
