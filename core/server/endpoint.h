/* endpoint.h - one entry of servers[] come to life: keys and trust read, suites chosen, modules
 * opened. All that its workers share.
 *
 * Owner: a generation. Threads: made on the main thread; read-only while the workers run.
 */
#ifndef DT_SERVER_ENDPOINT_H
#define DT_SERVER_ENDPOINT_H

#include <stdbool.h>

#include "config/config.h"
#include "conn/psk_file.h"
#include "conn/table.h"
#include "dtls/tls.h"
#include "pki/trust.h"
#include "plugin/chain.h"
#include "server/key_log.h"
#include "server/site.h"

struct dt_endpoint {
	const struct dt_config_server *config; /* borrowed */
	struct dt_site *site;		       /* borrowed */
	struct dt_tls *tls;		       /* owned, like all below */
	struct dt_trust *trust;		       /* NULL: nobody is asked for a certificate */
	struct dt_psk_file *psk_file;	       /* NULL: none */
	struct dt_key_log key_log;
	struct dt_chain *chain; /* NULL until dt_endpoint_open() */
};

/* Reads what the entry names. What is wrong goes to the report, at its place; false then.
 * `ephemeral`: where no certificate is given, one is made. */
bool dt_endpoint_init(struct dt_endpoint *e, const struct dt_config *config,
    const struct dt_config_server *server, struct dt_site *site, bool ephemeral,
    struct dt_config_report *report);
/* The modules' own checks; false when one complained. */
bool dt_endpoint_check_chain(
    const struct dt_endpoint *e, const struct dt_config *config, struct dt_config_report *report);
/* What leaves traces: opens the key log, makes the instances of the chain; those of entries that did
 * not change are shared with the chain before (fingerprints with `key`). */
bool dt_endpoint_open(struct dt_endpoint *e, const struct dt_config *config, struct dt_plugin *plugin,
    const struct dt_siphash_key *key, struct dt_config_report *report);
/* Also for one that is half made or all zero. The workers are gone. */
void dt_endpoint_fini(struct dt_endpoint *e);

#endif
