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
	bool shut_down, reauthorized;
	unsigned reloads; /* the first fails */
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
void desk_turn_once(void); /* does not wait for it */
void desk_say_bytes(int fd, const char *text, size_t len);
/* ' stands for ". */
void desk_say(int fd, const char *text);
/* What comes until `answers` last lines were in it, or the end of the connection. */
const char *desk_hear(int fd, size_t answers);
/* … until a line holds this; lines that came with it are in it. */
const char *desk_hear_until(int fd, const char *part);
/* … until so many lines came; 0: what comes in a moment. */
const char *desk_hear_lines(int fd, size_t lines);
const char *desk_ask(int fd, const char *request);
/* Whether the server hangs up. */
bool desk_is_over(int fd);
size_t desk_count(const char *text, const char *part);

#define SAYS(text, part) cr_assert(strstr(text, part), "wanted %s in %s", part, text)

#endif
