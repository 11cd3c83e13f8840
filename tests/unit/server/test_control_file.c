/* test_control_file.c - the file of the control socket: its mode, what is in its way, its end. */
#include <criterion/criterion.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "desk.h"

static mode_t
mode_of(const char *path)
{
	struct stat st;
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert(S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

Test(control_file, the_socket_is_for_its_owner_only)
{
	desk_begin(1);
	cr_assert_eq(mode_of(desk.path), 0600);
	desk_end();
}

Test(control_file, a_second_server_does_not_take_the_socket_of_a_live_one)
{
	desk_begin(1);
	struct dt_control *first = desk.control;
	cr_assert_eq(desk_open(), DT_ERR_CONFIG);
	REPORTED(&desk.w, "another server answers there");
	REPORTED(&desk.w, "(/control/socket)");
	cr_assert_null(desk.control);
	desk.control = first;
	int fd = desk_reach(desk.path);
	desk_say(fd, "{'id':1,'command':'log level'}\n");
	SAYS(desk_hear(fd, 1), "{\"id\":1,\"ok\":true}");
	close(fd);
	desk_end();
}

/* ---- without a server ---- */

static void
open_alone(const char *members)
{
	desk_configure(members, 1);
	cr_assert_eq(dt_loop_init(&desk.loop), DT_OK);
}

static void
end_alone(void)
{
	dt_control_close(desk.control);
	dt_control_free(&desk.control);
	dt_loop_fini(&desk.loop);
	world_close(&desk.w);
}

static const char *
socket_member(const char *path, const char *more)
{
	static char text[512];
	snprintf(text, sizeof(text), "'socket':'%s'%s", path, more);
	return text;
}

Test(control_file, one_that_a_dead_server_left_is_replaced)
{
	const char *path = world_path("stale.sock");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	open_alone(socket_member(path, ""));
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_OK);
	cr_assert_eq(desk_open(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(mode_of(path), 0600);
	end_alone();
	cr_assert_eq(access(path, F_OK), -1);
}

Test(control_file, one_that_is_another_servers_by_now_is_left_alone)
{
	const char *path = world_path("moved.sock");
	open_alone(socket_member(path, ""));
	cr_assert_eq(desk_open(), DT_OK);
	cr_assert_eq(unlink(path), 0);
	FILE *f = fopen(path, "w");
	fclose(f);
	end_alone();
	cr_assert_eq(access(path, F_OK), 0);
}

Test(control_file, what_is_in_the_way_is_named)
{
	const char *file = world_path("a-file");
	char far[256];
	FILE *f = fopen(file, "w");
	fclose(f);
	snprintf(far, sizeof(far), "/tmp/%0120d", 0);
	const struct {
		const char *path, *why;
	} rows[] = {
	    {file, "there is something that is no socket"},
	    {"/nowhere/at/all", "No such file or directory"},
	    {far, "the path has 125 bytes, and a socket takes 107 at most"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_alone(socket_member(rows[i].path, ""));
		cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_ERR_CONFIG);
		REPORTED(&desk.w, rows[i].why);
		REPORTED(&desk.w, "(/control/socket)");
		cr_assert_eq(desk_open(), DT_ERR_CONFIG);
		cr_assert_eq(desk.w.report.errors, 2);
		end_alone();
	}
	cr_assert_eq(access(file, F_OK), 0, "it is still there");
}

Test(control_file, a_group_may_use_it_and_one_that_is_not_there_is_an_error)
{
	const char *path = world_path("group.sock");
	const struct group *mine = getgrgid(getegid());
	char more[128];
	cr_assert(mine);
	snprintf(more, sizeof(more), ",'group':'%s'", mine->gr_name);
	open_alone(socket_member(path, more));
	cr_assert_eq(desk_open(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(mode_of(path), 0660);
	end_alone();
	open_alone(socket_member(path, ",'group':'no-such-group'"));
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_ERR_CONFIG);
	REPORTED(&desk.w, "there is no group \"no-such-group\" (/control/group)");
	cr_assert_eq(desk_open(), DT_ERR_CONFIG);
	end_alone();
}

Test(control_file, there_is_none_unless_it_is_asked_for)
{
	world_open(&desk.w, "{'servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}");
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_OK);
	cr_assert_eq(desk_open(), DT_OK);
	cr_assert_null(desk.control);
	dt_control_close(NULL);
	dt_control_free(&desk.control);
	world_close(&desk.w);
}
