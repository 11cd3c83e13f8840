/* host.h - the functions that modules call: the ABI's struct dtlsd_host.
 *
 * host.c has those that any thread may call, host_worker.c those about connections, host_wait.c
 * timers and descriptors. Internal to the room.
 */
#ifndef DT_PLUGIN_HOST_H
#define DT_PLUGIN_HOST_H

#include "plugin/instance.h"

extern const struct dtlsd_host dt_host;

/* The seat whose hook runs on this thread with this very ctx. NULL: the call is not allowed here;
 * the first such call of an instance is logged. */
struct dt_seat *dt_host_seat(const struct dtlsd_ctx *c, const char *function);

/* WORKER: host_worker.c */
int32_t dt_host_conn_info(const struct dtlsd_ctx *c, uint64_t conn, struct dtlsd_conn_info *info);
int32_t dt_host_peer_certificate(
    const struct dtlsd_ctx *c, uint64_t conn, const struct dtlsd_certificate **out);
int32_t dt_host_set_conn_data(
    const struct dtlsd_ctx *c, uint64_t conn, void *data, void (*destroy)(void *data));
void *dt_host_conn_data(const struct dtlsd_ctx *c, uint64_t conn);
void dt_host_for_each_conn(const struct dtlsd_ctx *c,
    void (*each)(const struct dtlsd_ctx *c, uint64_t conn, void *arg), void *arg);
void dt_host_count(const struct dtlsd_ctx *c, uint32_t index, uint64_t n);
void dt_host_gauge(const struct dtlsd_ctx *c, uint32_t index, uint64_t value);
int32_t dt_host_export_key(const struct dtlsd_ctx *c, uint64_t conn, const char *label,
    const void *context, size_t context_len, void *out, size_t len);

/* WORKER: host_wait.c */
uint64_t dt_host_timer_start(const struct dtlsd_ctx *c, uint64_t delay_ns,
    void (*fired)(const struct dtlsd_ctx *c, void *arg), void *arg);
int32_t dt_host_timer_stop(const struct dtlsd_ctx *c, uint64_t timer);
int32_t dt_host_watch(const struct dtlsd_ctx *c, int fd,
    void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg), void *arg);
int32_t dt_host_unwatch(const struct dtlsd_ctx *c, int fd);
/* Ends all timers and watches of a seat that stops. */
void dt_host_forget(struct dt_seat *seat);

#endif
