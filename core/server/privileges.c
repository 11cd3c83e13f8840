#include "server/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void
dt_privileges_limits(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	prctl(PR_SET_DUMPABLE, 0);
}

enum dt_err
dt_privileges_drop(const char *user)
{
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (!pw)
		return errno ? DT_ERR_SYSTEM : DT_ERR_GONE;
	if (geteuid() == pw->pw_uid && getuid() == pw->pw_uid)
		return DT_OK;
	if (initgroups(user, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return DT_ERR_SYSTEM;
	/* setuid makes a process undumpable or not by a system setting: say it again. */
	prctl(PR_SET_DUMPABLE, 0);
	return DT_OK;
}
