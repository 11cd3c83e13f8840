/* keep_alive.h - finds out whether a silent client is still there, and answers one that asks.
 *
 * After `time` without an authentic record a HeartbeatRequest goes out; it is repeated every
 * `interval`, `retries` times; then the client is taken for dead. One request is in flight at a
 * time. Any authentic record proves life. Answers are limited to a few in a second.
 * Owner: embedded in the connection. Threads: none. RFC 6520 3, 4.
 */
#ifndef DT_CONN_KEEP_ALIVE_H
#define DT_CONN_KEEP_ALIVE_H

#include <stdbool.h>

#include "base/time.h"

struct dt_conn;
struct dt_session_event;

struct dt_keep_alive_config {
	bool enabled;
	struct dt_dur time, interval;
	uint32_t retries; /* repetitions of an unanswered request */
};

struct dt_keep_alive {
	struct dt_mono heard;	 /* the last authentic record                       */
	struct dt_mono due;	 /* the request in flight is repeated or given up   */
	uint8_t request[16];	 /* payload of it                                   */
	uint32_t tries;		 /* how often it was sent; 0 = none is in flight    */
	uint32_t answers;	 /* given since `answers_from`                      */
	struct dt_mono answers_from;
};

/* An authentic record came. */
void dt_keep_alive_heard(struct dt_conn *c, struct dt_now now);
/* A HeartbeatRequest came. A response needs no more than having come. */
void dt_keep_alive_answer(struct dt_conn *c, const struct dt_session_event *e, struct dt_now now);
/* When dt_keep_alive_tick() has something to do; DT_NEVER when it is off. */
struct dt_mono dt_keep_alive_deadline(const struct dt_conn *c);
/* True: the client is dead. */
bool dt_keep_alive_tick(struct dt_conn *c, struct dt_now now);

#endif
