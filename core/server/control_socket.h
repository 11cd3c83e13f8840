/* control_socket.h - the unix socket itself: its file, its mode, who is at the other end.
 *
 * The file of a server that is gone is replaced; where one answers, that is an error. Between
 * bind() and the right mode nobody gets in: it begins as 0600 and does not listen yet.
 * Owner: struct dt_control. Threads: main. unix(7).
 */
#ifndef DT_SERVER_CONTROL_SOCKET_H
#define DT_SERVER_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct dt_control_socket {
	int fd;		  /* owned; -1 = none */
	const char *path; /* borrowed */
	dev_t dev;
	ino_t ino;
};

struct dt_control_owner {
	uid_t uid;
	gid_t group; /* (gid_t)-1 = none */
};

struct dt_control_peer {
	pid_t pid;
	uid_t uid;
};

/* DT_ERR_REFUSED, and why[cap] says what is in the way. */
enum dt_err dt_control_socket_open(struct dt_control_socket *s, const char *path,
    const struct dt_control_owner *owner, char *why, size_t cap) DT_MUST_USE;
/* Closes it, and removes the file unless another server has replaced it. */
void dt_control_socket_close(struct dt_control_socket *s);
/* Whether it could be made: length of the path, directory. Leaves nothing behind. */
enum dt_err dt_control_socket_probe(const char *path, char *why, size_t cap) DT_MUST_USE;

/* Whether the peer of a connection is root, `owner`, or a member of the group. */
bool dt_control_socket_allows(
    int fd, const struct dt_control_owner *owner, struct dt_control_peer *peer);

#endif
