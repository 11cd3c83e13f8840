/* certificates.h - certificates that were decoded for the hook that runs.
 *
 * Each is decoded once and lives until that hook, or the callback of for_each_conn() in which it
 * was asked for, has returned. Threads: the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_CERTIFICATES_H
#define DT_PLUGIN_CERTIFICATES_H

#include <dtlsd/module.h>

struct dt_conn;
struct dt_plugin_worker;
struct dt_seen_certificate;

/* NULL when the client sent none, or none that can be read, or without memory. */
const struct dtlsd_certificate *dt_certificates_of(
    struct dt_plugin_worker *pw, const struct dt_conn *c);
/* Frees all that were decoded after `mark`; NULL = all. */
void dt_certificates_release(struct dt_plugin_worker *pw, const struct dt_seen_certificate *mark);

#endif
