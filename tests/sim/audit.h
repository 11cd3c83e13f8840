/* audit.h - no key seals two records under one number or one nonce: everything a server sends.
 *
 * It sees each datagram as the server hands it to the link, before the link loses or repeats any;
 * so a repetition is the server's, and a fault, were it the same bytes. Which key a record was
 * sealed with is proven by opening it (audit_key.h): the key log gives the secrets, the
 * ServerHellos on the wire the rest. A record that opens with none is a fault as well, so nothing
 * goes by unseen.
 *
 * Two things may come again, as the same bytes and counted apart: the fatal alert of a handshake
 * that failed, whose keys are gone when it is repeated (RFC 6347 4.2.7, conn/tombstone.h), and the
 * Finished that OpenSSL sealed for a CBC suite (dtls/flight.h). A copy seals nothing.
 * Owner: struct sim_link. Threads: none.
 */
#ifndef DT_TESTS_SIM_AUDIT_H
#define DT_TESTS_SIM_AUDIT_H

#include "audit_key.h"

enum sim_fault {
	SIM_CLEAN,
	SIM_BAD_RECORD,	  /* not a record, or the key is unknown */
	SIM_KEY_TWICE,	  /* two handshakes with the same key */
	SIM_NUMBER_TWICE, /* epoch || seq */
	SIM_NONCE_TWICE,
};

struct sim_seen {
	struct sim_seen_page *pages; /* owned */
	size_t count, cap;
};

#define SIM_HELLO_SETS 4096u /* the latest ServerHellos, by the number of the client */
#define SIM_HELLO_WAYS 4u
#define SIM_SECRETS 1024u /* the latest */
#define SIM_LATELY 4096u

struct sim_audit {
	SSL *ssl; /* owned; OpenSSL's table of suites hangs on one */
	struct sim_hello *hellos; /* owned; a set's newest first */
	struct sim_secret *secrets; /* owned; a ring */
	uint64_t secret_count;	    /* of all that ever came */
	struct sim_audit_key **keys; /* owned, oldest first */
	size_t key_count, key_cap;
	uint32_t lately[SIM_LATELY]; /* by client: index + 1 of the key that opened last */
	struct sim_seen numbers, nonces;
	uint64_t plain, sealed, with_cid; /* records that were looked at; with_cid are some of sealed */
	uint64_t copies;
};

void sim_audit_init(struct sim_audit *a);
void sim_audit_fini(struct sim_audit *a);

/* A line of the key log. */
void sim_audit_secret(struct sim_audit *a, const char *line);
/* A datagram that leaves the server. */
enum sim_fault sim_audit_sent(struct sim_audit *a, uint32_t client, const uint8_t *bytes, size_t len);

extern const char *const sim_fault_texts[];

#endif
