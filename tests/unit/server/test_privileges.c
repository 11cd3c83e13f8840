#include "server/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Somebody who is not us and whom every machine has. */
#define SOMEBODY "nobody"

/* A child reports by its exit code: 0, or the line where it saw something else. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(__LINE__ % 255 + 1);                                                 \
	} while (0)

static void
in_child(void (*body)(void))
{
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		body();
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	cr_assert_eq(
	    WEXITSTATUS(status), 0, "at a line that is %d modulo 255", WEXITSTATUS(status) - 1);
}

static void
drop_for_good(void)
{
	const struct passwd *pw = getpwnam(SOMEBODY);
	EXPECT(pw);
	uid_t uid = pw->pw_uid, r, e, s;
	gid_t gid = pw->pw_gid, rg, eg, sg, wanted[64], groups[64];
	int wanted_count = 64;
	gid_t extra[] = {0, 4};
	EXPECT(getgrouplist(SOMEBODY, gid, wanted, &wanted_count) >= 0);
	EXPECT(setgroups(2, extra) == 0);
	EXPECT(dt_privileges_drop(SOMEBODY) == DT_OK);

	EXPECT(getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid);
	EXPECT(getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid && sg == gid);
	EXPECT(getgroups(64, groups) == wanted_count);
	for (int i = 0; i < wanted_count; i++)
		EXPECT(groups[i] == wanted[i]);

	EXPECT(setuid(0) < 0 && seteuid(0) < 0 && setresuid(0, 0, 0) < 0);
	EXPECT(setgid(0) < 0 && setegid(0) < 0);
	EXPECT(setgroups(2, extra) < 0);
	EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	EXPECT(dt_privileges_drop(SOMEBODY) == DT_OK); /* it is who we are */
}

static void
be_somebody(void)
{
	const struct passwd *pw = getpwnam(SOMEBODY);
	EXPECT(pw);
	gid_t gid = pw->pw_gid;
	uid_t uid = pw->pw_uid;
	if (geteuid() == 0)
		EXPECT(setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
		       setresuid(uid, uid, uid) == 0);
}

static void
ordinary_user_stays(void)
{
	be_somebody();
	uid_t before = geteuid();
	errno = 0;
	EXPECT(dt_privileges_drop("root") == DT_ERR_SYSTEM);
	EXPECT(errno == EPERM);
	EXPECT(geteuid() == before && getuid() == before);
	EXPECT(
	    dt_privileges_drop(getpwuid(before) ? getpwuid(before)->pw_name : SOMEBODY) == DT_OK);
}

static void
unknown_user(void)
{
	EXPECT(dt_privileges_find("no-such-user-here", NULL) == DT_ERR_GONE);
	EXPECT(dt_privileges_find("", NULL) == DT_ERR_GONE);
	EXPECT(dt_privileges_find("root", NULL) == DT_OK);
	uid_t before = geteuid();
	EXPECT(dt_privileges_drop("no-such-user-here") == DT_ERR_GONE);
	EXPECT(geteuid() == before);
}

/* CAP_SETUID that outlives the change of user, as a service manager may give it: then root is one
 * call away, and whoever wrote "user" believed otherwise. */
static void
regained(void)
{
	EXPECT(prctl(PR_SET_KEEPCAPS, 1) == 0);
	EXPECT(prctl(PR_SET_SECUREBITS, 1 << 2 /* SECBIT_NO_SETUID_FIXUP */) == 0);
	EXPECT(dt_privileges_drop(SOMEBODY) == DT_ERR_REFUSED);
}

static void
limits(void)
{
	struct rlimit r;
	EXPECT(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = 64;
	EXPECT(setrlimit(RLIMIT_NOFILE, &r) == 0);
	EXPECT(prctl(PR_SET_DUMPABLE, 1) == 0);
	dt_privileges_limits(false);
	EXPECT(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == r.rlim_max);
	EXPECT(prctl(PR_GET_DUMPABLE) == 0);
}

static void
standard_files(void)
{
	for (int closed = 0; closed < 8; closed++) { /* each bit is one that somebody closed */
		for (int fd = 0; fd < 3; fd++)
			if (closed >> fd & 1)
				close(fd);
		dt_privileges_standard_files();
		for (int fd = 0; fd < 3; fd++)
			EXPECT(fcntl(fd, F_GETFD) == 0);
		int next = dup(0);
		EXPECT(next > 2);
		close(next);
	}
}

Test(privileges, standard_files_are_open_whatever_was_closed)
{
	in_child(standard_files);
}

Test(privileges, root_becomes_somebody_and_stays_that)
{
	if (geteuid() == 0)
		in_child(drop_for_good);
}

Test(privileges, an_ordinary_user_becomes_nobody_else)
{
	in_child(ordinary_user_stays);
}

Test(privileges, a_user_who_is_not_there_is_told_from_a_failure)
{
	in_child(unknown_user);
}

Test(privileges, a_user_who_could_become_root_again_is_refused)
{
	if (geteuid() == 0)
		in_child(regained);
}

Test(privileges, descriptors_up_and_core_dumps_off)
{
	in_child(limits);
}
