/* fingerprint.h - tells whether values that an option table describes are the same as before.
 *
 * Two sets of values with the same fingerprint are the same: texts and secrets by what they hold,
 * paths by the file that is there now (device, inode, size, time of its last change) as well.
 * Threads: any.
 */
#ifndef DT_CONFIG_FINGERPRINT_H
#define DT_CONFIG_FINGERPRINT_H

#include <dtlsd/module.h>

#include "base/siphash.h"
#include "config/config.h"

/* Of the struct at `values` that `t` describes. The key is a secret of this process, so that
 * nobody can write a configuration that looks like another one. */
uint64_t dt_config_fingerprint(
    const struct dt_siphash_key *key, const struct dtlsd_options *t, const void *values);
/* Of an entry of a chain: what the server knows of it, and the module's own options. Never 0. */
uint64_t dt_config_fingerprint_entry(
    const struct dt_siphash_key *key, const struct dt_config_chain_entry *entry);

#endif
