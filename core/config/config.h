/* config.h - the configuration file as plain structs: read, checked, described.
 *
 * Knows JSON with comments, the option tables (of the core, and those that modules bring) and the
 * places of values in the text. Opens no socket and loads no module: host names and "use" go
 * through callbacks. All errors of a file are found in one go.
 * Owner: dt_config_load() gives a struct dt_config that owns everything reachable from it, the
 * secrets included; it is read-only from then on. Module handles are borrowed from the resolver.
 * Threads: any may read; load, free and dt_config_error_at() one at a time.
 * Units: lengths of time are int64_t nanoseconds, sizes are uint64_t bytes, as in the module ABI.
 */
#ifndef DT_CONFIG_CONFIG_H
#define DT_CONFIG_CONFIG_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "config/report.h"

#define DT_CONFIG_FILE_MAX 1048576u /* bytes of a configuration file */
#define DT_CONFIG_CHAIN_MAX 64u	    /* modules in one chain          */
#define DT_CONFIG_WORKERS_MAX 128

enum dt_config_log_format { DT_LOG_FORMAT_TEXT, DT_LOG_FORMAT_JSON };
enum dt_config_clients { DT_CLIENTS_NONE, DT_CLIENTS_REQUESTED, DT_CLIENTS_REQUIRED };
enum dt_config_defer { DT_DEFER_ACCEPT, DT_DEFER_REJECT };

struct dt_config_log {
	int32_t level;	    /* enum dt_log_level                  */
	int32_t format;	    /* enum dt_config_log_format          */
	const char *target; /* "stderr", or the path of a file    */
};

/* A certificate store, checked: named in one way that fits its type. */
struct dt_config_store {
	const char *file;		 /* of type auto, instead of the two below */
	int32_t store_type;		 /* enum dt_store_type                     */
	const char *store;		 /* a path, or a pkcs11: URI               */
	struct dtlsd_bytes store_base64; /* the store itself, decoded              */
	struct dtlsd_bytes password, key_password; /* data NULL = none */
	const char *subject, *thumbprint; /* select a certificate; NULL = none */
	const char *encoded;		 /* the certificate itself; NULL = none    */
};

struct dt_config_certificate {
	struct dt_config_store store; /* unused if there is `cert`             */
	struct dt_config_store cert;
	struct dt_config_store key; /* unused: the key is in `store`         */
	struct dtlsd_list chain;    /* of struct dt_config_store             */
};

/* Whether it names a store, or is a certificate itself. */
bool dt_config_store_used(const struct dt_config_store *s);

struct dt_config_session_reuse {
	uint8_t enabled;
	int64_t lifetime;	       /* ns */
	struct dtlsd_bytes ticket_key; /* data NULL = made at start */
};

struct dt_config_psk {
	const char *file; /* NULL = none */
};

struct dt_config_tls {
	struct dtlsd_list certificate; /* of struct dt_config_certificate */
	int32_t authenticate_clients;  /* enum dt_config_clients          */
	uint8_t system_ca;
	struct dtlsd_list client_ca;		/* of struct dt_config_store                     */
	struct dtlsd_list chain;		/* of struct dt_config_store: for each certificate */
	struct dtlsd_list ocsp_staple;		/* of const char *: paths                        */
	struct dtlsd_list cipher_suites;	/* of const char *; empty = default, "*" = all   */
	int64_t min_strength_bits;
	struct dtlsd_list groups;		/* of const char *; empty = default              */
	struct dtlsd_list signature_algorithms; /* of const char *; empty = default       */
	struct dt_config_session_reuse session_reuse;
	const char *key_log_file; /* NULL = none */
	uint8_t exporter;
	struct dt_config_psk psk;
};

struct dt_config_keep_alive {
	uint8_t enabled;
	int32_t mode;	       /* 0: the peer may ask as well, 1: it may not */
	int64_t time, interval; /* ns */
	int64_t retries;
};

struct dt_config_connection_id {
	uint8_t enabled;
	int32_t on_move; /* enum dt_move_policy */
};

/* What one server has to say; the rest is for all of them (dt_config_log). */
struct dt_config_server_log {
	uint8_t tls_records;
};

/* Of one paused connection. */
struct dt_config_pause {
	int64_t datagrams;
	uint64_t bytes; /* of memory */
};

struct dt_config_handshake {
	int64_t timeout, initial_timer, max_timer; /* ns    */
	int64_t mtu;				   /* bytes of UDP payload */
};

struct dt_config_limits {
	int64_t connections, handshakes;
	uint64_t packet_size;	   /* bytes of UDP payload, at most 65,535 */
	uint64_t handshake_memory; /* bytes, all workers together          */
	struct dtlsd_rate hellos_per_prefix;
	int64_t records_per_key, forgeries_per_key; /* 0 = as the suite has it */
};

/* What reads better than a number in socket.dscp. */
enum dt_config_traffic {
	DT_TRAFFIC_BEST_EFFORT,
	DT_TRAFFIC_BACKGROUND,
	DT_TRAFFIC_EXCELLENT_EFFORT,
	DT_TRAFFIC_AUDIO_VIDEO,
	DT_TRAFFIC_VOICE,
	DT_TRAFFIC_CONTROL
};

struct dt_config_socket {
	uint64_t receive_buffer, send_buffer; /* bytes; 0 = the kernel's default */
	uint8_t dual_stack, share_port, dont_fragment;
	int64_t dscp; /* 1 to 63, or -enum dt_config_traffic */
};

/* What a resolver knows about a module. */
struct dt_config_module {
	void *handle;			     /* borrowed from the resolver                */
	const struct dtlsd_options *options; /* borrowed: as long as handle; NULL = none  */
	bool finds_psk;			     /* it has a psk_lookup hook                  */
};

struct dt_config_chain_entry {
	const char *use;  /* name, or absolute path */
	const char *name; /* unique in its chain    */
	uint8_t enabled;
	int32_t defer_default;		  /* enum dt_config_defer */
	int64_t slow_hook, defer_timeout; /* ns */
	struct dt_config_module module;
	void *options;	     /* the struct that module.options describes; NULL = takes none */
	const char *pointer; /* JSON pointer of the entry, for dt_config_error_at()         */
};

struct dt_config_server {
	const char *name;	  /* unique                          */
	struct dtlsd_list listen; /* of struct dtlsd_address         */
	struct dt_config_tls tls;
	struct dt_config_handshake handshake;
	struct dt_config_limits limits;
	int64_t idle_timeout; /* ns; 0 = never */
	struct dt_config_keep_alive keep_alive;
	struct dt_config_connection_id connection_id;
	struct dt_config_pause pause_queue;
	struct dt_config_server_log log;
	struct dt_config_socket socket;
	struct dtlsd_list chain; /* of struct dt_config_chain_entry */
	const char *pointer;	 /* "/servers/0"                     */
};

struct dt_config_control {
	const char *socket; /* path; NULL = none */
	const char *group;  /* NULL = none       */
};

struct dt_config_module_path {
	struct dtlsd_list
	    path; /* of const char *: directories; env->module_directory if the file has none */
};

struct dt_config {
	int64_t workers;  /* 0 = one for each CPU */
	const char *user; /* NULL = stay who we are */
	struct dt_config_log log;
	struct dt_config_module_path modules;
	struct dt_config_control control;
	int64_t reload_drain;	       /* ns */
	struct dtlsd_list servers;     /* of struct dt_config_server */
	struct dt_config_state *state; /* owned: text and memory */
};

#define DT_CONFIG_SERVER(config, i) (&((const struct dt_config_server *)(config)->servers.items)[i])
#define DT_CONFIG_ENTRY(server, i)                                                                 \
	(&((const struct dt_config_chain_entry *)(server)->chain.items)[i])

/* How "use" becomes an option table. `path` is a list of const char *: where modules are. */
struct dt_config_modules {
	/* `use` is a name, or an absolute path when it held a slash. What is wrong goes to
	 * err[cap] as one line without place; the name of the module need not be in it. */
	enum dt_err (*resolve)(void *arg, const struct dtlsd_list *path, const char *use,
	    struct dt_config_module *out, char *err, size_t cap);
	/* Names of the modules that can be used, NULL-terminated, borrowed until the next call;
	 * may return NULL. */
	const char *const *(*names)(void *arg, const struct dtlsd_list *path);
	void *arg; /* borrowed */
};

/* What the surroundings give. */
struct dt_config_env {
	/* From "name:port" to an address. May be NULL: then only addresses are understood. */
	enum dt_err (*resolve_host)(
	    void *arg, const char *host_port, struct dtlsd_address *out, char *err, size_t cap);
	void *resolve_host_arg;
	struct dt_config_modules modules;
	const char *module_directory; /* where modules are when modules.path is not set */
	bool dev; /* a server without certificate and key is good: it gets a throw-away one */
};

/* DT_ERR_CONFIG: the report says what is wrong. DT_ERR_NOMEM. *out is NULL then. Warnings may be
 * in the report of a configuration that is good. Requires: dt_config_report_init(report). */
enum dt_err dt_config_load(const char *path, const struct dt_config_env *env,
    struct dt_config **out, struct dt_config_report *report) DT_MUST_USE;
/* From memory; messages name it `name`, relative paths begin at the working directory. */
enum dt_err dt_config_load_text(const char *text, size_t len, const char *name,
    const struct dt_config_env *env, struct dt_config **out,
    struct dt_config_report *report) DT_MUST_USE;
/* One more dt_config_free() is due before it is gone: for somebody who keeps pointers into it. */
struct dt_config *dt_config_hold(const struct dt_config *c);
/* Accepts NULL; the slot becomes NULL. With the last holder it goes, secrets are wiped. */
void dt_config_free(struct dt_config **slot);

/* What a file says about control.socket, and about nothing else, for who does not run it: *out is
 * owned by the caller, NULL when there is none. DT_ERR_CONFIG: the report says why; DT_ERR_SYSTEM
 * (errno), DT_ERR_TOO_LONG, DT_ERR_NOMEM. Requires: dt_config_report_init(report). */
enum dt_err dt_config_find_control(
    const char *path, char **out, struct dt_config_report *report) DT_MUST_USE;

/* What a later step (a module's check(), a certificate) found: the message is put at the place of
 * the value that `pointer` names, or of the nearest one around it. */
void dt_config_error_at(const struct dt_config *c, struct dt_config_report *report,
    const char *pointer, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same, with what to write instead; `suggestion` may be NULL. */
void dt_config_suggest_at(const struct dt_config *c, struct dt_config_report *report,
    const char *pointer, const char *suggestion, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void dt_config_warning_at(const struct dt_config *c, struct dt_config_report *report,
    const char *pointer, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The effective configuration as JSON, defaults included, secrets as "***". */
enum dt_err dt_config_dump(const struct dt_config *c, FILE *out) DT_MUST_USE;
/* JSON Schema (draft 2020-12) of the core and of every module that env->modules.names tells.
 * A module that does not resolve is left out. */
enum dt_err dt_config_schema(const struct dt_config_env *env, FILE *out) DT_MUST_USE;
/* The reference manual as Markdown, of the same. */
enum dt_err dt_config_manual(const struct dt_config_env *env, FILE *out) DT_MUST_USE;

#endif
