#include "server/control_socket.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static enum dt_err
refuse(char *why, size_t cap, const char *what)
{
	snprintf(why, cap, "%s", what);
	return DT_ERR_REFUSED;
}

static enum dt_err
make_address(const char *path, struct sockaddr_un *out, char *why, size_t cap)
{
	size_t len = strlen(path);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof(out->sun_path)) {
		snprintf(why, cap, "the path has %zu bytes, and a socket takes %zu at most", len,
		    sizeof(out->sun_path) - 1);
		return DT_ERR_REFUSED;
	}
	memcpy(out->sun_path, path, len);
	return DT_OK;
}

static int
make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* DT_OK: what was in the way belonged to nobody, and is gone. */
static enum dt_err
remove_stale(const struct sockaddr_un *address, char *why, size_t cap)
{
	struct stat st;
	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? DT_OK : refuse(why, cap, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return refuse(why, cap, "there is something that is no socket: remove it");
	int fd = make_socket();
	if (fd < 0)
		return refuse(why, cap, strerror(errno));
	int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;
	close(fd);
	if (result == 0 || error == EAGAIN)
		return refuse(why, cap,
		    "another server answers there: stop it, or give this one a "
		    "socket of its own");
	if (error != ECONNREFUSED || unlink(address->sun_path) != 0)
		return refuse(why, cap, strerror(error != ECONNREFUSED ? error : errno));
	return DT_OK;
}

static int
bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;
	umask(before);
	errno = error;
	return result;
}

static enum dt_err
give_rights(
    const struct dt_control_socket *s, const struct dt_control_owner *owner, char *why, size_t cap)
{
	bool shared = owner->group != (gid_t)-1;
	uid_t uid = owner->uid == geteuid() ? (uid_t)-1 : owner->uid;
	if (uid == (uid_t)-1 && !shared)
		return DT_OK;
	if (lchown(s->path, uid, owner->group) != 0)
		return refuse(why, cap, strerror(errno));
	if (shared && chmod(s->path, 0660) != 0)
		return refuse(why, cap, strerror(errno));
	return DT_OK;
}

enum dt_err
dt_control_socket_open(struct dt_control_socket *s, const char *path,
    const struct dt_control_owner *owner, char *why, size_t cap)
{
	struct sockaddr_un address;
	struct stat st;
	*s = (struct dt_control_socket){.fd = -1, .path = path};
	enum dt_err err = make_address(path, &address, why, cap);
	if (err == DT_OK)
		err = remove_stale(&address, why, cap);
	if (err != DT_OK)
		return err;
	s->fd = make_socket();
	if (s->fd < 0)
		return refuse(why, cap, strerror(errno));
	if (bind_private(s->fd, &address) != 0) {
		err = refuse(why, cap, strerror(errno));
		close(s->fd);
		s->fd = -1;
		return err;
	}
	if (lstat(path, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	}
	err = give_rights(s, owner, why, cap);
	if (err == DT_OK && listen(s->fd, BACKLOG) != 0)
		err = refuse(why, cap, strerror(errno));
	if (err != DT_OK)
		dt_control_socket_close(s);
	return err;
}

void
dt_control_socket_close(struct dt_control_socket *s)
{
	struct stat st;
	if (s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		(void)unlink(s->path); /* who may not leaves a file that the next start replaces */
}

enum dt_err
dt_control_socket_probe(const char *path, char *why, size_t cap)
{
	struct sockaddr_un address;
	struct stat st;
	enum dt_err err = make_address(path, &address, why, cap);
	if (err != DT_OK)
		return err;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return refuse(why, cap, "there is something that is no socket: remove it");
	*strrchr(address.sun_path, '/') = '\0';
	const char *dir = address.sun_path[0] ? address.sun_path : "/";
	if (stat(dir, &st) != 0 || access(dir, W_OK | X_OK) != 0)
		return refuse(why, cap, strerror(errno));
	return S_ISDIR(st.st_mode) ? DT_OK : refuse(why, cap, strerror(ENOTDIR));
}

/* ---- the other end ---- */

static bool
is_member(int fd, gid_t first, gid_t group)
{
	gid_t *groups = NULL;
	socklen_t size = 0;
	bool found = first == group;
	if (found || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 ||
	    errno != ERANGE || !(groups = dt_alloc(size)))
		return found;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
		for (size_t i = 0; i < size / sizeof(*groups); i++)
			found = found || groups[i] == group;
	dt_free(groups);
	return found;
}

bool
dt_control_socket_allows(int fd, const struct dt_control_owner *owner, struct dt_control_peer *peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	*peer = (struct dt_control_peer){0, (uid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0 || size != sizeof(cred))
		return false;
	*peer = (struct dt_control_peer){cred.pid, cred.uid};
	if (cred.uid == 0 || cred.uid == owner->uid)
		return true;
	return owner->group != (gid_t)-1 && is_member(fd, cred.gid, owner->group);
}
