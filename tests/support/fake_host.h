/* fake_host.h - the host's side of the module ABI, for the unit tests of a module.
 *
 * Loads a module file as the server would, fills its configuration from JSON by its own option
 * table, and calls its hooks when the test says so. Time, connections and workers are made up:
 * everything runs on the thread of the test, time moves by fake_advance() only. What the module
 * asks for (sends, closes, log lines, counts) is written down for the test to read.
 *
 * A mistake of the test or of the module (an unknown option, a WORKER function called off the
 * workers, a descriptor left watched at the end) prints a line and aborts, which Criterion
 * reports as a crash of that test.
 *
 * Owner: the test; fake_free() ends everything. Threads: none.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <dtlsd/module.h>
#include <stdbool.h>

struct fake_host;

/* Answers that the host gives instead of doing its work; DTLSD_OK = works. */
struct fake_weather {
	int32_t send, post, watch, set_conn_data;
	bool no_timers; /* timer_start() answers 0 */
};

/* Loads the module; its configuration has the defaults of the table. `workers` >= 1. */
struct fake_host *fake_new(const char *module_file, uint32_t workers);
/* Ends every connection (status 0), stops workers, closes the instance. NULL in, NULL out. */
void fake_free(struct fake_host **h);

/* Fills the configuration from a JSON object, in which ' may stand for ". Every option that is
 * not named gets its default. Text is accepted for a secret. Before fake_open(). */
void fake_configure(struct fake_host *h, const char *json);
const void *fake_config(const struct fake_host *h);
/* Runs check(); returns the number of errors. What was said: fake_complaints(). */
size_t fake_check(struct fake_host *h, int64_t connection_limit);
/* How many complaints contain this text; each reads "error /pointer: text" or "warning …". */
size_t fake_complaints(const struct fake_host *h, const char *part);

/* open() and worker_start() of every worker; the first answer that is not DTLSD_OK. */
int32_t fake_open(struct fake_host *h);
struct fake_weather *fake_weather(struct fake_host *h);

/* ---- hooks: each returns the module's verdict, DTLSD_NEXT when it has no such hook -------- */

struct dtlsd_address fake_address(const char *text); /* "192.0.2.1:7", "[::1]:7" */

uint32_t fake_request(struct fake_host *h, uint32_t worker, const char *peer);
uint32_t fake_request_with(struct fake_host *h, uint32_t worker, struct dtlsd_request *request);
/* A connection in its handshake, local address 127.0.0.1:5684 or [::1]:5684; returns its id. */
uint64_t fake_handshake(struct fake_host *h, uint32_t worker, const char *peer);
uint32_t fake_psk_lookup(struct fake_host *h, uint64_t conn, struct dtlsd_psk *psk);
uint32_t fake_auth(struct fake_host *h, uint64_t conn, struct dtlsd_auth *auth);
/* The handshake is over; a status other than 0 ends the connection. */
void fake_connected(struct fake_host *h, uint64_t conn, int32_t status);
/* Both at once, with status 0. */
uint64_t fake_connect(struct fake_host *h, uint32_t worker, const char *peer);
/* One datagram of the client, in a buffer of its own with 64 bytes of room behind it. A verdict
 * of CLOSE ends the connection. */
uint32_t fake_data(struct fake_host *h, uint64_t conn, const void *data, size_t len);
/* As fake_data(); *out is what later modules would see, valid until the next call. */
uint32_t fake_data_through(
    struct fake_host *h, uint64_t conn, const void *data, size_t len, struct dtlsd_bytes *out);
void fake_disconnect(struct fake_host *h, uint64_t conn);
/* The client is about to be answered at `to`; its address is changed when the module agrees. */
uint32_t fake_peer_moved(struct fake_host *h, uint64_t conn, const char *to);

/* ---- the world around ----------------------------------------------------------------------- */

/* Moves time on and runs the timers due, in their order. */
void fake_advance(struct fake_host *h, uint64_t ns);
/* Waits until a watched descriptor is readable, at most `timeout_ms`; calls back once for each
 * that is. Returns the number of calls. */
size_t fake_poll(struct fake_host *h, int timeout_ms);
/* Runs what was posted, until nothing is left. Returns the number of calls. */
size_t fake_run(struct fake_host *h);

/* What conn_info() tells about it; the test may change it. Aborts when the connection is gone. */
struct dtlsd_conn_info *fake_info(struct fake_host *h, uint64_t conn);
/* Borrowed: outlives the connection. */
void fake_set_certificate(
    struct fake_host *h, uint64_t conn, const struct dtlsd_certificate *certificate);

/* ---- what the module did -------------------------------------------------------------------- */

bool fake_alive(struct fake_host *h, uint64_t conn);
size_t fake_sent_count(const struct fake_host *h, uint64_t conn);
/* The n-th datagram sent to it, from 0; aborts when there is none. Valid until fake_free(). */
struct dtlsd_bytes fake_sent(const struct fake_host *h, uint64_t conn, size_t n);
uint64_t fake_counter(const struct fake_host *h, const char *name); /* of all workers */
size_t fake_logged(const struct fake_host *h, const char *part);    /* lines that contain it */
size_t fake_watched(const struct fake_host *h);			    /* descriptors */
size_t fake_timers(const struct fake_host *h);			    /* pending     */
/* The verdict that was given for a token; false when none was given yet. */
bool fake_resolved(const struct fake_host *h, uint64_t token, uint32_t *verdict);
uint64_t fake_last_token(const struct fake_host *h); /* 0 = none was asked for */

/* ---- for fake_options.c ------------------------------------------------------------------- */

_Noreturn void fake_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Zeroed memory that lives until fake_free(). */
void *fake_keep(struct fake_host *h, size_t bytes);
/* Writes the configuration struct that `options` describes. */
void fake_fill_options(
    struct fake_host *h, const struct dtlsd_options *options, void *config, const char *json);

#endif
