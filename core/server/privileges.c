#include "server/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void
dt_privileges_standard_files(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void
dt_privileges_limits(bool dumpable)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	prctl(PR_SET_DUMPABLE, dumpable);
}

static enum dt_err
find_user(const char *user, uid_t *uid, gid_t *gid)
{
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (!pw) {
		/* What getpwnam(3) lists for a name that is not there. */
		bool absent = errno == 0 || errno == ENOENT || errno == ESRCH || errno == EBADF ||
			      errno == EPERM;
		return absent ? DT_ERR_GONE : DT_ERR_SYSTEM;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return DT_OK;
}

enum dt_err
dt_privileges_find(const char *user, uid_t *uid)
{
	uid_t found;
	gid_t gid;
	enum dt_err err = find_user(user, &found, &gid);
	if (err == DT_OK && uid)
		*uid = found;
	return err;
}

enum dt_err
dt_privileges_drop(const char *user)
{
	uid_t uid;
	gid_t gid;
	enum dt_err err = find_user(user, &uid, &gid);
	if (err != DT_OK)
		return err;
	if (geteuid() == uid && getuid() == uid)
		return DT_OK;
	if (initgroups(user, gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return DT_ERR_SYSTEM;
	/* A process that was given CAP_SETUID beside its user keeps it. */
	if (uid != 0 && setresuid(0, 0, 0) == 0)
		return DT_ERR_REFUSED;
	/* setuid makes a process undumpable or not by a system setting: say it again. */
	prctl(PR_SET_DUMPABLE, 0);
	return DT_OK;
}
