/* dtlsd/module.h - the ABI between the server and its modules, version 0.3.
 *
 * A module is a shared object that exports one symbol, `dtlsd_module`:
 *
 *	#include <dtlsd/module.h>
 *
 *	static uint32_t
 *	data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
 *	{
 *		c->host->send(c, c->conn, d->data, d->len);
 *		return DTLSD_DONE;
 *	}
 *
 *	DTLSD_MODULE(.name = "hello", .version = "1.0", .data_in = data_in);
 *
 * It needs libc only and links no symbol of the server.
 *
 * Threads. The server runs N workers, each a thread. Every hook that has a connection runs on
 * the worker of that connection, never twice at once for one connection, and is not
 * re-entrant: what a hook asks for (a send, a disconnect) happens after it has returned, in the
 * order of the calls. check, open and close run on the main thread while no worker runs this
 * instance. A host function marked WORKER may be called in a hook or callback that runs on a
 * worker, and only with the ctx that this very hook was given (elsewhere it answers INVALID, NULL
 * or 0); one marked ANY from any thread, at any time between open and close, with any ctx of the
 * instance - a thread of the module's own takes the one of open, which lives until close.
 *
 * Lifetimes. What a hook is given is borrowed until it returns. A connection is named by a
 * 64-bit id that is never reused within the life of the process: keep the id, never a pointer.
 * A host function that gets the id of a connection that is gone answers DTLSD_GONE.
 *
 * An instance is one place in one chain. What open() stores is read-only from then on; what
 * changes lives per worker (worker_start) or per connection (set_conn_data), so that a module
 * needs no lock.
 *
 * Structures grow at their end only; `size` says how much of one is there. A module
 * that was built for a newer minor version than the server's is refused, so what is marked "since"
 * is there for whoever was built with it.
 */
#ifndef DTLSD_MODULE_H
#define DTLSD_MODULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define DTLSD_EXTERN_C extern "C"
#else
#define DTLSD_EXTERN_C extern
#endif

#define DTLSD_MAGIC 0x6474736du /* "dtsm" */
#define DTLSD_ABI_MAJOR 0
#define DTLSD_ABI_MINOR 3

/* ---- values ------------------------------------------------------------------------------- */

/* What a host function that can fail returns. */
#define DTLSD_OK 0
#define DTLSD_QUEUED 1	   /* on its way through the mailbox of another worker             */
#define DTLSD_GONE (-1)	   /* no such connection, timer or token (any more)                */
#define DTLSD_AGAIN (-2)   /* a queue is full: try again later                             */
#define DTLSD_TOO_LONG (-3) /* longer than a record, or than the buffer you gave            */
#define DTLSD_INVALID (-4) /* an argument is out of range, or not allowed in this hook     */
#define DTLSD_NOMEM (-5)
#define DTLSD_SYSTEM (-6)  /* errno says why                                               */

/* Verdicts. Each hook says which it understands; another one is contained: logged, and taken as
 * REJECT in a gate and in peer_moved, as NEXT elsewhere. */
#define DTLSD_NEXT 0u	/* no objection: the next module decides                               */
#define DTLSD_ACCEPT 1u /* gates: recommend; a later module may still refuse                   */
#define DTLSD_REJECT 2u /* gates: refuse, the run ends here                                    */
#define DTLSD_DEFER 3u	/* gates: the verdict comes by resolve(), see defer()                  */
#define DTLSD_FOUND 4u	/* psk_lookup: the key is in the event                                 */
#define DTLSD_DONE 5u	/* data_in: taken, later modules do not see it                         */
#define DTLSD_CLOSE 6u	/* data_in: close the connection (close_notify)                        */
#define DTLSD_DROP 7u	/* data_out: it is not sent (since 0.3)                                */

#define DTLSD_IPV4 4u
#define DTLSD_IPV6 6u

/* An address and a port. No padding, unused bytes are 0: may be hashed and compared as memory. */
struct dtlsd_address {
	uint16_t family; /* DTLSD_IPV4, DTLSD_IPV6; 0 = unset        */
	uint16_t port;	 /* host byte order                           */
	uint32_t scope;	 /* IPv6 interface index, 0 = none            */
	uint8_t ip[16];	 /* network byte order; IPv4 uses the first 4 */
};

struct dtlsd_cidr {
	uint16_t family;
	uint16_t bits; /* length of the prefix; the bits behind it are 0 */
	uint8_t ip[16];
};

struct dtlsd_bytes {
	const uint8_t *data;
	size_t len;
};

/* `count` per `per_ns`; "5/s" is {5, 1000000000}. */
struct dtlsd_rate {
	uint64_t count;
	uint64_t per_ns;
};

/* A list option: `count` items of `item_size` bytes each, of the C type that the option has. */
struct dtlsd_list {
	const void *items;
	uint32_t count;
	uint32_t item_size;
};

/* ---- options ------------------------------------------------------------------------------ */

/* The type of an option, and the C type that it has in the configuration struct. */
#define DTLSD_OPT_BOOLEAN 1u	 /* uint8_t, 0 or 1                                            */
#define DTLSD_OPT_INTEGER 2u	 /* int64_t                                                    */
#define DTLSD_OPT_TEXT 3u	 /* const char *, UTF-8, NULL when absent                      */
#define DTLSD_OPT_DURATION 4u	 /* int64_t, nanoseconds; "60s", "2ms", "10m", "1h", "1d"      */
#define DTLSD_OPT_SIZE 5u	 /* uint64_t, bytes; "64KiB", "2MiB", "512B", "1kB"            */
#define DTLSD_OPT_RATE 6u	 /* struct dtlsd_rate; "5/s", "100/m"                          */
#define DTLSD_OPT_ENUM 7u	 /* int32_t, index in `names`                                  */
#define DTLSD_OPT_ADDRESS 8u	 /* struct dtlsd_address; "127.0.0.1:5683", "[::1]:5683", name:port */
#define DTLSD_OPT_CIDR 9u	 /* struct dtlsd_cidr; "10.0.0.0/8"                            */
#define DTLSD_OPT_PATH 10u	 /* const char *, made absolute from the file that names it    */
#define DTLSD_OPT_SECRET 11u	 /* struct dtlsd_bytes; {"env": …}, {"file": …}, {"credential": …} */
#define DTLSD_OPT_OBJECT 12u	 /* the struct that `fields` describes, embedded               */
#define DTLSD_OPT_IP 13u	 /* struct dtlsd_address with port 0; "192.0.2.1"              */

#define DTLSD_OPT_LIST 0x1u	 /* struct dtlsd_list of that; a lone item counts as a list of one */
#define DTLSD_OPT_REQUIRED 0x2u
#define DTLSD_OPT_SHORTHAND 0x4u /* OBJECT: a plain string stands for its first field          */

struct dtlsd_options;

/* One setting, described once: parsing, error messages, schema and manual come from it. */
struct dtlsd_option {
	const char *name; /* snake_case */
	uint32_t type;	  /* DTLSD_OPT_BOOLEAN … */
	uint32_t flags;	  /* DTLSD_OPT_LIST …    */
	uint32_t offset;  /* of the member in the configuration struct */
	uint32_t reserved;
	const char *def;  /* default as JSON text: "\"60s\"", "true", "[]"; NULL = all bytes 0 */
	int64_t min, max; /* of INTEGER, DURATION (ns), SIZE (bytes); both 0 = no limit        */
	const char *const *names;	    /* ENUM: NULL-terminated                           */
	const struct dtlsd_options *fields; /* OBJECT                                          */
	const char *doc; /* one sentence; the reference manual prints it                       */
};

struct dtlsd_options {
	const struct dtlsd_option *items;
	uint32_t count;
	uint32_t item_size;   /* sizeof(struct dtlsd_option) at the module's build time */
	uint32_t struct_size; /* bytes of the configuration struct                      */
	uint32_t reserved;
};

/* DTLSD_OPTIONS(array, struct relay_config) */
#define DTLSD_OPTIONS(array, type)                                                                 \
	{                                                                                          \
		(array), (uint32_t)(sizeof(array) / sizeof((array)[0])),                           \
		    (uint32_t)sizeof(struct dtlsd_option), (uint32_t)sizeof(type), 0               \
	}

/* A counter of the module: counted per worker, shown with the server's own. */
struct dtlsd_counter {
	const char *name; /* snake_case */
	const char *doc;
};

/* ---- events ------------------------------------------------------------------------------- */

struct dtlsd_host;
struct dtlsd_instance; /* the host's handle of this place in the chain */

/* The first argument of every hook and callback. Borrowed until it returns; the one that open()
 * was given lives until close() has returned. */
struct dtlsd_ctx {
	const struct dtlsd_host *host;
	struct dtlsd_instance *instance;
	void *data;	       /* what open() gave                                             */
	void *worker_data;     /* what worker_start() gave on this thread; NULL off the workers */
	const void *config;    /* the configuration struct of this instance                    */
	uint64_t conn;	       /* the connection this is about, 0 = none                       */
	uint32_t worker;       /* index of this worker, UINT32_MAX off the workers             */
	uint32_t worker_count;
};

/* check(): what it says appears as file:line:column of the value that `pointer` names
 * ("/to", "/allow/3", "" = the whole entry). */
struct dtlsd_check {
	uint32_t size;
	uint32_t reserved;
	const void *config;
	void (*config_error)(const struct dtlsd_check *check, const char *pointer, const char *text);
	void (*config_warning)(const struct dtlsd_check *check, const char *pointer, const char *text);
	void *opaque;
	int64_t connection_limit; /* limits.connections of the server; 0 = none */
};

#define DTLSD_OFFERS_CONNECTION_ID 0x1u
#define DTLSD_OFFERS_HEARTBEAT 0x2u
#define DTLSD_OFFERS_EXTENDED_MASTER_SECRET 0x4u
#define DTLSD_OFFERS_TICKET 0x8u

/* connection_request: the cookie was right, so the address is the client's own. */
struct dtlsd_request {
	uint32_t size;
	uint32_t offers; /* DTLSD_OFFERS_… */
	struct dtlsd_address peer, local;
	const char *server_name;    /* SNI, NULL when absent; letters, digits, "-._" only */
	struct dtlsd_bytes alpn;    /* ProtocolNameList as on the wire (RFC 7301 3.1)     */
	const uint16_t *suites;	    /* IANA numbers, as offered                           */
	uint32_t suite_count;
	uint8_t fingerprint[32];    /* SHA-256 over version, suites, extension types, groups and
				       signature algorithms: the same for the same client software */
	uint32_t alert; /* in: 0; with REJECT: AlertDescription to send, 0 = silence      */
};

/* psk_lookup: from an identity to a key. */
struct dtlsd_psk {
	uint32_t size;
	uint32_t identity_len;
	const uint8_t *identity; /* 1 to 65,535 bytes, no NUL byte in it */
	uint8_t key[256];	 /* with FOUND: the key; wiped by the host */
	uint32_t key_len;	 /* 1 to 256 */
	uint32_t reserved;
};

#define DTLSD_SAN_DNS 1u
#define DTLSD_SAN_EMAIL 2u
#define DTLSD_SAN_URI 3u
#define DTLSD_SAN_IP 4u	   /* value as text, "192.0.2.1" */
#define DTLSD_SAN_OTHER 5u /* value as hex of the DER    */

struct dtlsd_san {
	uint32_t type;
	uint32_t reserved;
	const char *value; /* UTF-8 without NUL */
};

/* One attribute of a name: "CN", "O", "OU", "serialNumber", else the OID in dotted form. */
struct dtlsd_name_part {
	const char *type;
	const char *value; /* UTF-8 without NUL */
};

struct dtlsd_certificate {
	uint32_t size;
	uint32_t version;	 /* 3 for v3 */
	struct dtlsd_bytes der;
	const char *subject;	 /* RFC 2253, UTF-8 */
	const char *issuer;
	const char *serial;	 /* hex, upper case */
	const char *fingerprint_sha256; /* hex, lower case, no colons */
	int64_t not_before, not_after;	/* seconds since 1970 */
	const struct dtlsd_name_part *subject_parts; /* in the order of the certificate */
	const struct dtlsd_name_part *issuer_parts;
	const struct dtlsd_san *sans;
	uint32_t subject_part_count, subject_part_size;
	uint32_t issuer_part_count, issuer_part_size;
	uint32_t san_count, san_size;
};

/* client_auth: the client has proven that it holds the key, or sent no certificate. */
struct dtlsd_auth {
	uint32_t size;
	uint32_t recommended; /* ACCEPT or REJECT: what happens if every module says NEXT */
	const char *status;   /* "OK", or why verification failed */
	int32_t verify_code;  /* X509_V_…; 0 = OK, -1 = no certificate; 9 (not yet valid) and 10
				 (expired) only for a chain that is good but for its dates */
	uint32_t resumed;     /* 1: by a ticket; the chain is not known then, only the leaf */
	const struct dtlsd_certificate *certificate; /* NULL = none */
	const struct dtlsd_bytes *chain; /* DER, leaf first, as the client sent it */
	uint32_t chain_count, chain_size;
	uint32_t alert; /* in: 0; with REJECT: AlertDescription to send, 0 = what fits the status */
	uint32_t reserved;
};

/* connected: exactly one for each accepted connection_request. */
struct dtlsd_connected {
	uint32_t size;
	int32_t status;	  /* 0, or why the handshake failed: 400 to 405, else errno */
	const char *text; /* "OK", or the reason */
	struct dtlsd_address peer, local;
};

/* disconnected: follows a connected of status 0, once. */
struct dtlsd_disconnected {
	uint32_t size;
	int32_t status; /* 0 for a normal end */
	const char *text;
};

/* data_in: one decrypted datagram. The bytes may be rewritten and `len` changed up to
 * `capacity`; the next module sees the result. Do not touch `data` after sending it. */
struct dtlsd_datagram {
	uint32_t size;
	uint32_t len;
	uint32_t capacity;
	uint32_t reserved;
	uint8_t *data;
};

/* peer_moved (since 0.2): a client with a connection id (RFC 9146) is about to be answered at another
 * address. The two are equal when only the address of ours is another one. */
struct dtlsd_peer_moved {
	uint32_t size;
	uint32_t reserved;
	struct dtlsd_address from; /* where it is answered now */
	struct dtlsd_address to;   /* where it comes from      */
};

/* ---- events since 0.3 ---- */

/* tls_status: how far a handshake has come. A full one: COOKIE, HELLO, FLIGHT, CERTIFICATE (when
 * the client sent one), KEY_EXCHANGE, FINISHED, FLIGHT, ESTABLISHED; a resumed one: COOKIE, HELLO,
 * RESUMED, FLIGHT, FINISHED, ESTABLISHED. ALERT_* may come at any time, and after it, FLIGHT_AGAIN
 * with each repetition. FAILED is the last step of one that fails. */
#define DTLSD_TLS_COOKIE 1u	    /* the client has sent back its cookie: the address is its own */
#define DTLSD_TLS_HELLO 2u	    /* its ClientHello is whole and well-formed */
#define DTLSD_TLS_RESUMED 3u	    /* its ticket is good */
#define DTLSD_TLS_FLIGHT 4u	    /* messages of ours were sent */
#define DTLSD_TLS_FLIGHT_AGAIN 5u   /* they were repeated */
#define DTLSD_TLS_CERTIFICATE 6u    /* the client's certificate was read; client_auth comes later */
#define DTLSD_TLS_KEY_EXCHANGE 7u
#define DTLSD_TLS_FINISHED 8u	    /* the client's last message was right */
#define DTLSD_TLS_ESTABLISHED 9u    /* `connected` follows */
#define DTLSD_TLS_ALERT_SENT 10u
#define DTLSD_TLS_ALERT_RECEIVED 11u /* until a handshake is done anybody may have written it */
#define DTLSD_TLS_FAILED 12u
#define DTLSD_TLS_RECORD 13u	    /* with log.tls_records of the server: one record, either way */

struct dtlsd_tls_status {
	uint32_t size;
	uint32_t step;	    /* DTLSD_TLS_…; skip those that you do not know      */
	const char *text;   /* in words, one line, never NULL                    */
	int32_t alert;	    /* ALERT_*: AlertDescription, -1 = not known; else -1 */
	int32_t status;	    /* FAILED: as in connected; else 0                   */
	uint32_t outgoing;  /* RECORD, as all below: 1 = ours, 0 = the client's  */
	uint32_t record_type; /* as on the wire: 20 to 27; with a connection id 25 */
	uint32_t epoch;
	uint32_t length;    /* bytes behind the header */
	uint64_t sequence;
};

/* error: something went wrong that ends nothing; c->conn says where, 0 = nowhere in particular. */
struct dtlsd_error {
	uint32_t size;
	int32_t code; /* errno, or 400 to 405 */
	const char *text;
};

/* log: a line of the log, of this server or of none in particular. */
struct dtlsd_log_line {
	uint32_t size;
	int32_t level;	    /* DTLSD_LOG_… */
	const char *type;   /* "Error", "Info", "Verbose", "Debug" */
	const char *text;
	const char *server; /* names; NULL = none */
	const char *module;
	uint64_t conn;	    /* 0 = none; it may be one of another worker, or gone */
};

/* ---- the host ----------------------------------------------------------------------------- */

#define DTLSD_LOG_ERROR 1
#define DTLSD_LOG_WARNING 2
#define DTLSD_LOG_INFO 3
#define DTLSD_LOG_VERBOSE 4
#define DTLSD_LOG_DEBUG 5

/* What conn_info() tells. Texts are borrowed until the hook returns. */
struct dtlsd_conn_info {
	uint32_t size; /* set by the caller */
	uint32_t established;
	struct dtlsd_address peer, local;
	const char *suite;    /* IANA name, NULL before it is known    */
	const char *server_name; /* SNI, or NULL                       */
	const char *psk_identity; /* escaped for logs, or NULL         */
	uint64_t age_ns, idle_ns; /* idle: since application data last went either way */
	uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out; /* application data */
	uint32_t max_datagram; /* bytes that send() takes at most      */
	uint32_t reserved;
	/* Since 0.3. Texts are NULL and numbers 0 before they are known. */
	const char *protocol;	  /* "DTLSv1.2" */
	const char *cipher;	  /* "AES-128-GCM"; `suite` has the whole */
	const char *key_exchange; /* "ECDHE", "DHE", "RSA", "PSK", "ECDHE_PSK" … */
	uint32_t cipher_bits;
	uint32_t key_exchange_bits; /* of our ephemeral key, or of the RSA key that the secret went to;
				       0 also on resumption and for PSK alone */
	uint32_t state;		    /* DTLSD_STATE_… */
	uint32_t paused;
	uint32_t resumed;
	uint32_t has_connection_id;
};

#define DTLSD_STATE_REQUESTED 0u
#define DTLSD_STATE_HANDSHAKE 1u
#define DTLSD_STATE_ESTABLISHED 2u
#define DTLSD_STATE_CLOSED 3u /* in `disconnected` */

struct dtlsd_host {
	uint32_t size; /* of the table; a function behind it does not exist */
	uint16_t abi_major, abi_minor;
	const char *version; /* of the server, for people */

	/* ANY. Sends one datagram; copies before it returns. OK on the connection's own worker,
	 * QUEUED from elsewhere; GONE (also: not established yet), TOO_LONG (nothing is sent), AGAIN
	 * (a queue is full), INVALID, NOMEM. */
	int32_t (*send)(const struct dtlsd_ctx *c, uint64_t conn, const void *data, size_t len);
	/* ANY. close_notify, then `disconnected`. OK, QUEUED, GONE, AGAIN, NOMEM. */
	int32_t (*disconnect)(const struct dtlsd_ctx *c, uint64_t conn);
	/* ANY. One line; longer than 1 KiB is cut. Escape what a peer wrote. */
	void (*log)(const struct dtlsd_ctx *c, int32_t level, const char *text);
	/* ANY. Monotonic time in ns. On a worker: of this turn of the loop. */
	uint64_t (*now)(const struct dtlsd_ctx *c);
	/* ANY. Bytes of the operating system's generator. */
	void (*random)(const struct dtlsd_ctx *c, void *out, size_t len);

	/* WORKER, in connection_request, psk_lookup, client_auth. A token for a verdict that comes
	 * later; then return DTLSD_DEFER. 0 = too many are waiting: decide now. */
	uint64_t (*defer)(const struct dtlsd_ctx *c);
	/* ANY. The verdict for a token, once: NEXT, ACCEPT, REJECT; FOUND with a key for
	 * psk_lookup. May come before the hook has returned. OK, QUEUED, GONE (too late, or
	 * given before), INVALID, AGAIN. */
	int32_t (*resolve)(const struct dtlsd_ctx *c, uint64_t token, uint32_t verdict, const void *key,
	    size_t key_len);

	/* WORKER. Of a connection of this worker. OK, GONE. */
	int32_t (*conn_info)(const struct dtlsd_ctx *c, uint64_t conn, struct dtlsd_conn_info *info);
	/* WORKER. The client's leaf certificate, borrowed until the hook returns. OK; GONE also
	 * when it sent none. */
	int32_t (*peer_certificate)(const struct dtlsd_ctx *c, uint64_t conn,
	    const struct dtlsd_certificate **out);
	/* WORKER. What this instance keeps for a connection. `destroy` (may be NULL) runs on the
	 * same worker after the last hook of the connection, or when replaced. */
	int32_t (*set_conn_data)(const struct dtlsd_ctx *c, uint64_t conn, void *data,
	    void (*destroy)(void *data));
	/* WORKER. NULL when nothing was set or the connection is gone. */
	void *(*conn_data)(const struct dtlsd_ctx *c, uint64_t conn);
	/* WORKER. Calls `each` for every established connection of this server on this worker. */
	void (*for_each_conn)(const struct dtlsd_ctx *c,
	    void (*each)(const struct dtlsd_ctx *c, uint64_t conn, void *arg), void *arg);

	/* ANY. Runs `call` once on the worker with this index (UINT32_MAX: once on every worker, or
	 * on none when it fails), with a copy of `len` bytes. QUEUED, AGAIN, INVALID, TOO_LONG (over 64 KiB), NOMEM, GONE
	 * (after close). */
	int32_t (*post)(const struct dtlsd_ctx *c, uint32_t worker,
	    void (*call)(const struct dtlsd_ctx *c, void *data, size_t len), const void *data,
	    size_t len);

	/* WORKER. Calls back once after `delay_ns`; a new call for the same timer moves it. The
	 * timer belongs to this worker and instance, c->conn of the callback is 0. Returns a
	 * handle > 0, or 0 without memory. */
	uint64_t (*timer_start)(const struct dtlsd_ctx *c, uint64_t delay_ns,
	    void (*fired)(const struct dtlsd_ctx *c, void *arg), void *arg);
	int32_t (*timer_stop)(const struct dtlsd_ctx *c, uint64_t timer); /* OK, GONE */

	/* WORKER. Calls `ready` on this worker whenever `fd` is readable. The descriptor stays the
	 * module's: unwatch before closing it. watch: OK, NOMEM, SYSTEM. */
	int32_t (*watch)(const struct dtlsd_ctx *c, int fd,
	    void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg), void *arg);
	int32_t (*unwatch)(const struct dtlsd_ctx *c, int fd); /* OK, GONE */

	/* WORKER. Adds `n` to counter `index` of the module's own table. */
	void (*count)(const struct dtlsd_ctx *c, uint32_t index, uint64_t n);

	/* ---- since 0.3 ---- */

	/* ANY. Data of a paused connection waits, up to pause_queue of the server; what is more is
	 * dropped, counted and told through `error`. Heartbeats, alerts and moves go on. process
	 * hands on what waits, in order, and goes on. They take effect when the hook has returned, in
	 * the order of all its calls. OK, QUEUED, GONE, AGAIN, NOMEM. */
	int32_t (*pause)(const struct dtlsd_ctx *c, uint64_t conn);
	int32_t (*process)(const struct dtlsd_ctx *c, uint64_t conn);

	/* WORKER. Sets counter `index` of the module's own table on this worker, which makes a gauge of
	 * it; what is shown is the sum over the workers. */
	void (*gauge)(const struct dtlsd_ctx *c, uint32_t index, uint64_t value);

	/* WORKER. Keying material of a connection (RFC 5705): `len` bytes, 1 to 4096. `context` NULL is
	 * none, which is not the same as an empty one. In `connected`; later only with tls.exporter of
	 * the server. OK; GONE; INVALID: the client lacks the extended master secret (RFC 7627), the
	 * label is one of TLS itself, or it is too late; NOMEM. */
	int32_t (*export_key)(const struct dtlsd_ctx *c, uint64_t conn, const char *label,
	    const void *context, size_t context_len, void *out, size_t len);
};

/* ---- the module --------------------------------------------------------------------------- */

struct dtlsd_module {
	/* Frozen prefix: the loader reads nothing else until it matches. */
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	uint32_t size; /* sizeof(struct dtlsd_module) at the module's build time */
	uint32_t reserved;
	/* The ABI proper. Every hook may be NULL. */
	const char *name;
	const char *version;
	const struct dtlsd_options *options; /* NULL = takes none */
	const struct dtlsd_counter *counters;
	uint32_t counter_count, counter_size;

	/* Configuration test: looks, complains through config_error(), leaves nothing behind. */
	void (*check)(const struct dtlsd_check *check);
	/* Makes an instance; *data is what hooks get as c->data. DTLSD_OK, or any other value and
	 * a log line: the start fails. */
	int32_t (*open)(const struct dtlsd_ctx *c, void **data);
	void (*close)(const struct dtlsd_ctx *c); /* once for each successful open */
	/* Once per worker and instance, on its thread, before any connection of it. */
	int32_t (*worker_start)(const struct dtlsd_ctx *c, void **worker_data);
	void (*worker_stop)(const struct dtlsd_ctx *c); /* after the last connection of it */

	/* NEXT, ACCEPT, REJECT, DEFER. When all say NEXT the request is accepted. */
	uint32_t (*connection_request)(const struct dtlsd_ctx *c, struct dtlsd_request *request);
	/* NEXT, FOUND, REJECT, DEFER. When all say NEXT the server's file of identities is asked;
	 * when nobody knows it the handshake fails as with a wrong key. */
	uint32_t (*psk_lookup)(const struct dtlsd_ctx *c, struct dtlsd_psk *psk);
	/* NEXT, ACCEPT, REJECT, DEFER. Called on resumption too. */
	uint32_t (*client_auth)(const struct dtlsd_ctx *c, struct dtlsd_auth *auth);
	void (*connected)(const struct dtlsd_ctx *c, const struct dtlsd_connected *event);
	/* NEXT, DONE, CLOSE. */
	uint32_t (*data_in)(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram);
	void (*disconnected)(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *event);

	/* Since 0.2. NEXT, REJECT. When all say NEXT the address is used, and proven if that can be;
	 * REJECT: the client is still answered at `from`. */
	uint32_t (*peer_moved)(const struct dtlsd_ctx *c, const struct dtlsd_peer_moved *event);

	/* ---- since 0.3 ---- */

	void (*tls_status)(const struct dtlsd_ctx *c, const struct dtlsd_tls_status *event);
	void (*error)(const struct dtlsd_ctx *c, const struct dtlsd_error *event);
	/* After the hook in which it was said has returned; on worker 0 for what other threads say.
	 * c->conn is 0. What is logged in here is dropped. */
	void (*log)(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line);
	/* NEXT, DROP. A datagram on its way out, as data_in: in reverse order, from the module before
	 * the sender; what no hook has sent begins with the last module. */
	uint32_t (*data_out)(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram);
};

#define DTLSD_EXPORT __attribute__((visibility("default")))

/* Defines the one exported symbol. The version stands in the object as literals.
 * C++ before C++20 has no designated initialisers: name the members in order there. */
#define DTLSD_MODULE_PREFIX                                                                        \
	DTLSD_MAGIC, DTLSD_ABI_MAJOR, DTLSD_ABI_MINOR, (uint32_t)sizeof(struct dtlsd_module), 0u
#define DTLSD_MODULE(...)                                                                          \
	DTLSD_EXTERN_C DTLSD_EXPORT const struct dtlsd_module dtlsd_module;                        \
	const struct dtlsd_module dtlsd_module = {DTLSD_MODULE_PREFIX, __VA_ARGS__}

#ifdef __cplusplus
}
#endif
#endif
