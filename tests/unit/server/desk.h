/* desk.h - a server with a control socket, on a loop that the test turns, and who talks to it.
 *
 * Failures of the surroundings end the test. Threads: the test's own.
 */
#ifndef TEST_SERVER_DESK_H
#define TEST_SERVER_DESK_H

#include "server/control.h"
#include "world.h"

#define PATIENCE 20000 /* ms */

extern struct desk {
	struct world w;
	struct dt_server *server;
	struct dt_loop loop;
	struct dt_control *control;
	const char *path;
	bool shut_down;
	size_t descriptors;
} desk;

/* `control`: the members of that object. Two servers, s and t, with the module probe. */
void desk_configure(const char *control, unsigned workers);
enum dt_err desk_open(void);
/* All of it: socket, server, answers. */
void desk_begin(unsigned workers);
/* Stops it, and finds that nothing is left. */
void desk_end(void);

int desk_reach(const char *path);
/* What the main thread has to do now. */
void desk_turn(void);
void desk_say_bytes(int fd, const char *text, size_t len);
/* ' stands for ". */
void desk_say(int fd, const char *text);
/* What comes until `answers` last lines were in it, or the end of the connection. */
const char *desk_hear(int fd, size_t answers);
const char *desk_ask(int fd, const char *request);
/* Whether the server hangs up. */
bool desk_is_over(int fd);
size_t desk_count(const char *text, const char *part);

#define SAYS(text, part) cr_assert(strstr(text, part), "wanted %s in %s", part, text)

#endif
