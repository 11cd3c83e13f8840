#include "config/tables.h"

#include <stddef.h>

#include "config/config.h"
#include "config/options.h"
#include "pki/store_type.h"

#define TABLE(name, array, type) const struct dtlsd_options name = DTLSD_OPTIONS(array, type)
/* What every row begins with; the member has the option's name. */
#define ROW(type_, structure, member, text)                                                        \
	.name = #member, .type = DTLSD_OPT_##type_,                                                \
	.offset = (uint32_t)offsetof(structure, member), .doc = text

static const char *const level_names[] = {
    "none", "error", "warning", "info", "verbose", "debug", NULL};
static const char *const format_names[] = {"text", "json", NULL};
static const char *const client_names[] = {"none", "requested", "required", NULL};
static const char *const defer_names[] = {"accept", "reject", NULL};
static const char *const auto_word[] = {"auto", NULL};
static const char *const stderr_word[] = {"stderr", NULL};

/* ---- servers[].chain[] --------------------------------------------------------------------- */

static const struct dtlsd_option entry_items[] = {
    {ROW(TEXT, struct dt_config_chain_entry, use,
	 "Name of the module in modules.path, or the path of its file; all other keys but those "
	 "of this table are the module's own."),
	.flags = DTLSD_OPT_REQUIRED},
    {ROW(TEXT, struct dt_config_chain_entry, name,
	"Tells two places of the same module apart in logs and counters; the module's name if "
	"absent.")},
    {ROW(BOOLEAN, struct dt_config_chain_entry, enabled, "Whether this entry takes part."),
	.def = "true"},
    {ROW(DURATION, struct dt_config_chain_entry, slow_hook,
	 "A hook that takes longer is named in the log and counted."),
	.def = "\"20ms\"", .min = 1000000, .max = 60000000000},
    {ROW(DURATION, struct dt_config_chain_entry, defer_timeout,
	 "How long a deferred verdict of this module may take."),
	.def = "\"5s\"", .min = 1000000, .max = 3600000000000},
    {ROW(ENUM, struct dt_config_chain_entry, defer_default,
	 "What holds when a deferred verdict does not come in time, or cannot be kept: refuse, or "
	 "(accept) go on as if the module had no objection."),
	.def = "\"reject\"", .names = defer_names},
};
TABLE(dt_config_entry_table, entry_items, struct dt_config_chain_entry);

/* ---- servers[].tls ------------------------------------------------------------------------- */

/* One row for each member of a store; the first is what a plain text stands for. */
#define STORE_ROWS                                                                                 \
	{ROW(PATH, struct dt_config_store, file,                                                   \
	     "A store of type auto: a file of any kind that is known, a directory as certbot "     \
	     "writes it, a pkcs11: URI, or text in PEM."),                                         \
	    .flags = DT_OPTION_INLINE},                                                            \
	    {ROW(ENUM, struct dt_config_store, store_type,                                         \
		 "What `store` or `store_base64` is; those of Windows and Java are refused."),     \
		.flags = DT_OPTION_STORE_TYPE, .names = dt_store_type_names},                      \
	    {ROW(TEXT, struct dt_config_store, store,                                              \
		"The store: the path of a file, a pkcs11: URI, or the text of a blob.")},          \
	    {ROW(SECRET, struct dt_config_store, store_base64,                                     \
		 "The store itself in Base64, as text or from where a secret comes from."),        \
		.flags = DT_OPTION_INLINE},                                                        \
	    {ROW(SECRET, struct dt_config_store, password, "Opens the store; PIN of a token.")},   \
	    {ROW(SECRET, struct dt_config_store, key_password,                                     \
		"Opens the private key; `password` if absent.")},                                  \
	    {ROW(TEXT, struct dt_config_store, subject,                                            \
		"Selects a certificate: its whole subject or a CN=… of it, else a part of it; `*` " \
		"is any with a private key, `Thumbprint=…` as below.")},                           \
	    {ROW(TEXT, struct dt_config_store, thumbprint,                                         \
		"Selects a certificate: its MD5, SHA-1 or SHA-256 in hex.")},                      \
	{ROW(TEXT, struct dt_config_store, encoded,                                                \
	    "The certificate itself, PEM or Base64; its key is looked for in the store.")}

static const struct dtlsd_option store_items[] = {STORE_ROWS};
static TABLE(store_table, store_items, struct dt_config_store);

_Static_assert(offsetof(struct dt_config_certificate, store) == 0, "the rows of a store fit both");
static const struct dtlsd_option certificate_items[] = {
    STORE_ROWS,
    {ROW(OBJECT, struct dt_config_certificate, cert,
	 "The certificate, if it is in another store than its `key`."),
	.flags = DTLSD_OPT_SHORTHAND, .fields = &store_table},
    {ROW(OBJECT, struct dt_config_certificate, key,
	 "The private key, if it is not with its certificate."),
	.flags = DTLSD_OPT_SHORTHAND, .fields = &store_table},
    {ROW(OBJECT, struct dt_config_certificate, chain, "Further certificates of the chain."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND, .fields = &store_table},
};
static TABLE(certificate_table, certificate_items, struct dt_config_certificate);

static const struct dtlsd_option reuse_items[] = {
    {ROW(BOOLEAN, struct dt_config_session_reuse, enabled,
	 "Whether clients get session tickets, with which a later handshake is shorter."),
	.def = "true"},
    {ROW(DURATION, struct dt_config_session_reuse, lifetime, "How long a ticket is good."),
	.def = "\"2h\"", .min = 1000000000, .max = 604800000000000},
    {ROW(SECRET, struct dt_config_session_reuse, ticket_key,
	"Key material shared by several servers, so that each takes the tickets of the others; "
	"made at start if absent.")},
};
static TABLE(reuse_table, reuse_items, struct dt_config_session_reuse);

static const struct dtlsd_option psk_items[] = {
    {ROW(PATH, struct dt_config_psk, file,
	"File of identities and keys; modules may know more of them.")},
};
static TABLE(psk_table, psk_items, struct dt_config_psk);

static const struct dtlsd_option tls_items[] = {
    {ROW(OBJECT, struct dt_config_tls, certificate,
	 "What the server proves itself with. Of several the one answers whose name the client asks for "
	 "(else the first), and of different key types the one that the client can use."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND, .fields = &certificate_table},
    {ROW(ENUM, struct dt_config_tls, authenticate_clients,
	 "Whether clients are asked for a certificate, and whether they must have one."),
	.def = "\"none\"", .names = client_names},
    {ROW(OBJECT, struct dt_config_tls, client_ca,
	 "Whom client certificates are believed from: stores of certificates, and directories of PEM "
	 "files."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND, .fields = &store_table},
    {ROW(OBJECT, struct dt_config_tls, chain,
	 "Further certificates of the chains of all certificates."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND, .fields = &store_table},
    {ROW(PATH, struct dt_config_tls, ocsp_staple,
	 "OCSP responses in DER, each about one of the certificates: clients that ask get them with it "
	 "(until they are outdated). Read at start and at a reload."),
	.flags = DTLSD_OPT_LIST},
    {ROW(BOOLEAN, struct dt_config_tls, system_ca,
	 "Whether the CAs of the operating system are believed as well."),
	.def = "false"},
    {ROW(TEXT, struct dt_config_tls, cipher_suites,
	 "Cipher suites by IANA or OpenSSL name, the preferred first; \"*\" is all there are; the "
	 "built-in choice if empty."),
	.flags = DTLSD_OPT_LIST},
    {ROW(INTEGER, struct dt_config_tls, min_strength_bits,
	 "Cipher suites whose cipher has a shorter key are left out, whatever `cipher_suites` says."),
	.def = "0", .min = 0, .max = 256},
    {ROW(TEXT, struct dt_config_tls, groups,
	 "Groups for the key exchange, the preferred first; the built-in choice if empty."),
	.flags = DTLSD_OPT_LIST},
    {ROW(TEXT, struct dt_config_tls, signature_algorithms,
	 "Signature algorithms, the preferred first; the built-in choice if empty."),
	.flags = DTLSD_OPT_LIST},
    {ROW(OBJECT, struct dt_config_tls, session_reuse, "Session tickets."), .fields = &reuse_table},
    {ROW(PATH, struct dt_config_tls, key_log_file,
	"Writes the secrets of all connections to this file, for debugging with a packet analyser "
	"only.")},
    {ROW(BOOLEAN, struct dt_config_tls, exporter,
	 "Whether modules may export keying material (RFC 5705) for as long as a connection lives, "
	 "not only while it is made; its secrets then stay in memory, about 130 bytes."),
	.def = "false"},
    {ROW(OBJECT, struct dt_config_tls, psk, "Pre-shared keys."), .flags = DTLSD_OPT_SHORTHAND,
	.fields = &psk_table},
};
static TABLE(tls_table, tls_items, struct dt_config_tls);

/* ---- servers[] ----------------------------------------------------------------------------- */

static const char *const mode_names[] = {"allowed", "not_allowed", NULL};

static const struct dtlsd_option keep_alive_items[] = {
    {ROW(BOOLEAN, struct dt_config_keep_alive, enabled,
	 "Whether silent clients are asked if they are still there (RFC 6520). If not, the extension is "
	 "negotiated only where `connection_id.enabled` needs it."),
	.def = "false"},
    {ROW(ENUM, struct dt_config_keep_alive, mode,
	 "Whether clients may ask as well; if not, their questions are not answered."),
	.def = "\"allowed\"", .names = mode_names},
    {ROW(DURATION, struct dt_config_keep_alive, time,
	 "After this time without a record of the client it is asked."),
	.def = "\"60s\"", .min = 1000000000, .max = 86400000000000},
    {ROW(DURATION, struct dt_config_keep_alive, interval,
	 "A question without an answer is repeated after this time."),
	.def = "\"2s\"", .min = 100000000, .max = 3600000000000},
    {ROW(INTEGER, struct dt_config_keep_alive, retries,
	 "How often an unanswered question is repeated before the connection is closed."),
	.def = "5", .min = 0, .max = 100},
};
static TABLE(keep_alive_table, keep_alive_items, struct dt_config_keep_alive);

/* In the order of enum dt_move_policy. */
static const char *const move_names[] = {"limited", "trust", "ask_old_address", NULL};

static const struct dtlsd_option connection_id_items[] = {
    {ROW(BOOLEAN, struct dt_config_connection_id, enabled,
	 "Whether clients that ask for one get a connection id (RFC 9146), by which they are known "
	 "when their address changes. Return routability checks (RFC 9853) and heartbeats (RFC 6520, "
	 "`keep_alive.mode`) are then negotiated with clients that offer them, to prove new addresses."),
	.def = "false"},
    {ROW(ENUM, struct dt_config_connection_id, on_move,
	 "What becomes of a client that comes from a new address. `limited`: until it has answered there "
	 "it gets at most three times the bytes that it sent from there. `trust`: the same, but one "
	 "that knows neither return routability checks nor heartbeats, and so cannot prove an address, is "
	 "believed. `ask_old_address`: a client that knows return routability checks is first asked at its "
	 "old address, for a second, and stays there if it answers; nobody can draw it away who only carries its "
	 "datagrams faster than the network."),
	.def = "\"limited\"", .names = move_names},
};
static TABLE(connection_id_table, connection_id_items, struct dt_config_connection_id);

static const struct dtlsd_option server_log_items[] = {
    {ROW(BOOLEAN, struct dt_config_server_log, tls_records,
	 "Whether each record of a client is logged and told to modules: direction, type, epoch, "
	 "sequence number and length."),
	.def = "false"},
};
static TABLE(server_log_table, server_log_items, struct dt_config_server_log);

static const struct dtlsd_option pause_items[] = {
    {ROW(INTEGER, struct dt_config_pause, datagrams,
	 "Datagrams that may wait; more are dropped and counted."),
	.def = "64", .min = 1, .max = 65536},
    {ROW(SIZE, struct dt_config_pause, bytes,
	 "Memory that they may take, about 40 bytes more for each than its data. All connections of "
	 "a worker together have 64 MiB."),
	.def = "\"64KiB\"", .min = 64, .max = 67108864},
};
static TABLE(pause_table, pause_items, struct dt_config_pause);

static const struct dtlsd_option handshake_items[] = {
    {ROW(DURATION, struct dt_config_handshake, timeout,
	 "A handshake that takes longer is given up."),
	.def = "\"60s\"", .min = 1000000000, .max = 3600000000000},
    {ROW(DURATION, struct dt_config_handshake, initial_timer,
	 "After this time without an answer a flight is sent again; doubled each time."),
	.def = "\"1s\"", .min = 10000000, .max = 60000000000},
    {ROW(DURATION, struct dt_config_handshake, max_timer, "The longest that the timer becomes."),
	.def = "\"60s\"", .min = 10000000, .max = 3600000000000},
    {ROW(INTEGER, struct dt_config_handshake, mtu,
	 "Bytes of a UDP datagram of the handshake; longer messages go in fragments."),
	.def = "1400", .min = 256, .max = 16384},
};
static TABLE(handshake_table, handshake_items, struct dt_config_handshake);

static const struct dtlsd_option limits_items[] = {
    {ROW(INTEGER, struct dt_config_limits, connections,
	 "Connections of this server; the one over it is refused and counted."),
	.def = "10000", .min = 1, .max = 16777216},
    {ROW(INTEGER, struct dt_config_limits, handshakes, "Handshakes that run at the same time."),
	.def = "8000", .min = 1, .max = 16777216},
    {ROW(SIZE, struct dt_config_limits, packet_size,
	 "A longer datagram from a client is dropped and counted; the default holds every record."),
	.def = "\"20KiB\"", .min = 256, .max = 65535},
    {ROW(SIZE, struct dt_config_limits, handshake_memory,
	 "Memory that running handshakes may take, of all workers together: about 60 KiB each, "
	 "more with long chains of certificates; one over it is refused and counted."),
	.def = "\"512MiB\"", .min = 65536, .max = INT64_MAX},
    {ROW(RATE, struct dt_config_limits, hellos_per_prefix,
	 "ClientHello messages from one network (IPv4 /24, IPv6 /56); more are dropped and "
	 "counted; "
	 "0/s is no limit."),
	.def = "\"1000/s\""},
    {ROW(INTEGER, struct dt_config_limits, records_per_key,
	 "Records that are sealed with one key; then the connection is closed. 0, or more than the "
	 "cipher suite bears (RFC 9325 4.4), is the suite's own bound: 2^24.5 for AES-GCM, 2^23 for "
	 "AES-CCM."),
	.def = "0", .max = INT64_C(1) << 48},
    {ROW(INTEGER, struct dt_config_limits, forgeries_per_key,
	 "Records that fail to open with one key; then the connection is closed. 0, or more than the "
	 "suite bears, is the suite's own bound: 2^36, and 2^23.5 for AES-CCM. The 2^7 of AES-CCM-8 "
	 "is left out, since anybody could end a connection with 128 datagrams: it is logged and "
	 "counted, and closes nothing unless a bound is set here."),
	.def = "0", .max = INT64_C(1) << 48},
};
static TABLE(limits_table, limits_items, struct dt_config_limits);

static const char *const traffic_names[] = {"best_effort", "background", "excellent_effort",
    "audio_video", "voice", "control", NULL}; /* enum dt_config_traffic */

static const struct dtlsd_option socket_items[] = {
    {ROW(SIZE, struct dt_config_socket, receive_buffer,
	 "The kernel's buffer for datagrams that wait to be read; 0B is the kernel's default."),
	.def = "\"0B\"", .max = 1073741824},
    {ROW(SIZE, struct dt_config_socket, send_buffer,
	 "The kernel's buffer for datagrams that wait to be sent; 0B is the kernel's default."),
	.def = "\"0B\"", .max = 1073741824},
    {ROW(BOOLEAN, struct dt_config_socket, dual_stack,
	 "Whether a socket on [::] takes IPv4 clients too."),
	.def = "false"},
    {ROW(BOOLEAN, struct dt_config_socket, share_port,
	 "Whether another process may listen on the same address."),
	.def = "false"},
    {ROW(BOOLEAN, struct dt_config_socket, dont_fragment,
	 "Whether datagrams carry the don't-fragment flag: one that is too long for the path is "
	 "refused then instead of being sent in fragments."),
	.def = "false"},
    {ROW(INTEGER, struct dt_config_socket, dscp,
	 "Differentiated services code point of all that is sent (RFC 2474)."),
	.flags = DT_OPTION_WORD, .def = "\"best_effort\"", .min = 0, .max = 63,
	.names = traffic_names},
};
static TABLE(socket_table, socket_items, struct dt_config_socket);

static const struct dtlsd_option server_items[] = {
    {ROW(TEXT, struct dt_config_server, name,
	"Names the server in logs; server1, server2 and so on if absent.")},
    {ROW(ADDRESS, struct dt_config_server, listen,
	 "Addresses to listen on; port 0 is any free one, and [::] is IPv6 only."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_REQUIRED},
    {ROW(OBJECT, struct dt_config_server, tls, "Certificates, keys and cipher suites."),
	.fields = &tls_table},
    {ROW(OBJECT, struct dt_config_server, handshake, "Timers and fragments of handshakes."),
	.fields = &handshake_table},
    {ROW(OBJECT, struct dt_config_server, limits, "What clients can take."),
	.fields = &limits_table},
    {ROW(DURATION, struct dt_config_server, idle_timeout,
	 "Closes a connection without application data either way for that long; 0s is never."),
	.def = "\"0s\""},
    {ROW(OBJECT, struct dt_config_server, keep_alive, "Questions to silent clients."),
	.fields = &keep_alive_table},
    {ROW(OBJECT, struct dt_config_server, connection_id, "Clients whose address changes."),
	.fields = &connection_id_table},
    {ROW(OBJECT, struct dt_config_server, log, "What is logged of this server beside the rest."),
	.fields = &server_log_table},
    {ROW(OBJECT, struct dt_config_server, pause_queue,
	 "What waits for a connection that a module has paused, until it is processed."),
	.fields = &pause_table},
    {ROW(OBJECT, struct dt_config_server, socket, "Options of the UDP sockets."),
	.fields = &socket_table},
    {ROW(OBJECT, struct dt_config_server, chain,
	 "The modules, in the order in which they see a connection."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND | DT_OPTION_CHAIN,
	.fields = &dt_config_entry_table},
};
static TABLE(server_table, server_items, struct dt_config_server);

/* ---- the whole ----------------------------------------------------------------------------- */

static const struct dtlsd_option log_items[] = {
    {ROW(ENUM, struct dt_config_log, level, "What is logged: this and what is more important."),
	.def = "\"info\"", .names = level_names},
    {ROW(ENUM, struct dt_config_log, format, "Lines for people, or a JSON object in each line."),
	.def = "\"text\"", .names = format_names},
    {ROW(PATH, struct dt_config_log, target,
	 "\"stderr\", or a file that lines are appended to and that SIGUSR1 opens anew."),
	.flags = DT_OPTION_WORD, .def = "\"stderr\"", .names = stderr_word},
};
static TABLE(log_table, log_items, struct dt_config_log);

static const struct dtlsd_option modules_items[] = {
    {ROW(PATH, struct dt_config_module_path, path,
	 "Directories where modules are looked for; the one of the installation if empty."),
	.flags = DTLSD_OPT_LIST},
};
static TABLE(modules_table, modules_items, struct dt_config_module_path);

static const struct dtlsd_option control_items[] = {
    {ROW(PATH, struct dt_config_control, socket,
	 "Where dtlsctl reaches the server: a socket for root and the server's own user (mode 0600)."),
	.flags = DTLSD_OPT_REQUIRED},
    {ROW(TEXT, struct dt_config_control, group,
	"The members of this group may use it as well (mode 0660).")},
};
TABLE(dt_config_control_table, control_items, struct dt_config_control);

static const struct dtlsd_option items[] = {
    {ROW(INTEGER, struct dt_config, workers,
	 "Threads that serve clients; \"auto\" is one for each CPU."),
	.flags = DT_OPTION_WORD, .def = "\"auto\"", .min = 1, .max = DT_CONFIG_WORKERS_MAX,
	.names = auto_word},
    {ROW(TEXT, struct dt_config, user,
	"Account that the server becomes when sockets and keys are open; it stays what it is if "
	"absent.")},
    {ROW(OBJECT, struct dt_config, log, "Where messages go."), .fields = &log_table},
    {ROW(OBJECT, struct dt_config, modules, "Where modules come from."), .fields = &modules_table},
    {ROW(OBJECT, struct dt_config, control,
	 "The control socket; there is none if absent."),
	.fields = &dt_config_control_table},
    {ROW(DURATION, struct dt_config, reload_drain,
	 "How long connections go on with the modules that served them, after a reload that changed "
	 "these; then they are closed."),
	.def = "\"10m\"", .max = 604800000000000},
    {ROW(OBJECT, struct dt_config, servers, "The servers: each has addresses, keys and a chain."),
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_REQUIRED, .fields = &server_table},
};
TABLE(dt_config_table, items, struct dt_config);
