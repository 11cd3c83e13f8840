/* The layout of every struct in dtlsd/module.h, compared with the one that was released.
 *
 *	abi_layout GOLDEN OLDER	0 when it is the same, else the difference and 1; also when anything of
 *				an older version is not where it was
 *	abi_layout		prints it, to make a golden file of a new minor version
 *
 * A member that is missing from the list below shows as a gap.
 */
#include <dtlsd/module.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 32768

static char text[TEXT_BYTES];
static size_t used;
static size_t end_of_last; /* bytes of the struct that were described */
static bool gap;

static void
print_struct(const char *name, size_t size)
{
	used += (size_t)snprintf(text + used, sizeof(text) - used, "struct %s: %zu\n", name, size);
	end_of_last = 0;
}

static void
print_member(const char *name, size_t offset, size_t size)
{
	if (offset - end_of_last >= sizeof(void *)) {
		fprintf(stderr, "before %s there is a member that the test does not know\n", name);
		gap = true;
	}
	end_of_last = offset + size;
	used += (size_t)snprintf(
	    text + used, sizeof(text) - used, "  %zu +%zu %s\n", offset, size, name);
}

static void
end_struct(const char *name, size_t size)
{
	if (size - end_of_last >= sizeof(void *)) {
		fprintf(stderr, "at the end of %s there is a member that the test does not know\n",
		    name);
		gap = true;
	}
}

static void
print_value(const char *name, long long value)
{
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s = %lld\n", name, value);
}

#define MEMBER(type, member)                                                                       \
	print_member(#member, offsetof(struct type, member), sizeof(((struct type *)0)->member));
#define STRUCT(type, members)                                                                      \
	print_struct(#type, sizeof(struct type));                                                  \
	members end_struct(#type, sizeof(struct type));
#define M(member) MEMBER(TYPE, member)
#define VALUE(name) print_value(#name, (long long)(name));

/* clang-format off */

static void
describe_values(void)
{
	VALUE(DTLSD_MAGIC) VALUE(DTLSD_ABI_MAJOR) VALUE(DTLSD_ABI_MINOR)
	VALUE(DTLSD_OK) VALUE(DTLSD_QUEUED) VALUE(DTLSD_GONE) VALUE(DTLSD_AGAIN) VALUE(DTLSD_TOO_LONG)
	VALUE(DTLSD_INVALID) VALUE(DTLSD_NOMEM) VALUE(DTLSD_SYSTEM)
	VALUE(DTLSD_NEXT) VALUE(DTLSD_ACCEPT) VALUE(DTLSD_REJECT) VALUE(DTLSD_DEFER) VALUE(DTLSD_FOUND)
	VALUE(DTLSD_DONE) VALUE(DTLSD_CLOSE) VALUE(DTLSD_DROP) VALUE(DTLSD_IPV4) VALUE(DTLSD_IPV6)
	VALUE(DTLSD_OPT_BOOLEAN) VALUE(DTLSD_OPT_INTEGER) VALUE(DTLSD_OPT_TEXT) VALUE(DTLSD_OPT_DURATION)
	VALUE(DTLSD_OPT_SIZE) VALUE(DTLSD_OPT_RATE) VALUE(DTLSD_OPT_ENUM) VALUE(DTLSD_OPT_ADDRESS)
	VALUE(DTLSD_OPT_CIDR) VALUE(DTLSD_OPT_PATH) VALUE(DTLSD_OPT_SECRET) VALUE(DTLSD_OPT_OBJECT)
	VALUE(DTLSD_OPT_IP) VALUE(DTLSD_OPT_LIST) VALUE(DTLSD_OPT_REQUIRED) VALUE(DTLSD_OPT_SHORTHAND)
	VALUE(DTLSD_OFFERS_CONNECTION_ID) VALUE(DTLSD_OFFERS_HEARTBEAT)
	VALUE(DTLSD_OFFERS_EXTENDED_MASTER_SECRET) VALUE(DTLSD_OFFERS_TICKET)
	VALUE(DTLSD_SAN_DNS) VALUE(DTLSD_SAN_EMAIL) VALUE(DTLSD_SAN_URI) VALUE(DTLSD_SAN_IP)
	VALUE(DTLSD_SAN_OTHER) VALUE(DTLSD_LOG_ERROR) VALUE(DTLSD_LOG_WARNING) VALUE(DTLSD_LOG_INFO)
	VALUE(DTLSD_LOG_VERBOSE) VALUE(DTLSD_LOG_DEBUG)
	VALUE(DTLSD_TLS_COOKIE) VALUE(DTLSD_TLS_HELLO) VALUE(DTLSD_TLS_RESUMED) VALUE(DTLSD_TLS_FLIGHT)
	VALUE(DTLSD_TLS_FLIGHT_AGAIN) VALUE(DTLSD_TLS_CERTIFICATE) VALUE(DTLSD_TLS_KEY_EXCHANGE)
	VALUE(DTLSD_TLS_FINISHED) VALUE(DTLSD_TLS_ESTABLISHED) VALUE(DTLSD_TLS_ALERT_SENT)
	VALUE(DTLSD_TLS_ALERT_RECEIVED) VALUE(DTLSD_TLS_FAILED) VALUE(DTLSD_TLS_RECORD)
	VALUE(DTLSD_STATE_REQUESTED) VALUE(DTLSD_STATE_HANDSHAKE) VALUE(DTLSD_STATE_ESTABLISHED)
	VALUE(DTLSD_STATE_CLOSED)
}

static void
describe_options(void)
{
#define TYPE dtlsd_address
	STRUCT(dtlsd_address, M(family) M(port) M(scope) M(ip))
#undef TYPE
#define TYPE dtlsd_cidr
	STRUCT(dtlsd_cidr, M(family) M(bits) M(ip))
#undef TYPE
#define TYPE dtlsd_bytes
	STRUCT(dtlsd_bytes, M(data) M(len))
#undef TYPE
#define TYPE dtlsd_rate
	STRUCT(dtlsd_rate, M(count) M(per_ns))
#undef TYPE
#define TYPE dtlsd_list
	STRUCT(dtlsd_list, M(items) M(count) M(item_size))
#undef TYPE
#define TYPE dtlsd_option
	STRUCT(dtlsd_option, M(name) M(type) M(flags) M(offset) M(reserved) M(def) M(min) M(max)
	    M(names) M(fields) M(doc))
#undef TYPE
#define TYPE dtlsd_options
	STRUCT(dtlsd_options, M(items) M(count) M(item_size) M(struct_size) M(reserved))
#undef TYPE
#define TYPE dtlsd_counter
	STRUCT(dtlsd_counter, M(name) M(doc))
#undef TYPE
}

static void
describe_events(void)
{
#define TYPE dtlsd_ctx
	STRUCT(dtlsd_ctx, M(host) M(instance) M(data) M(worker_data) M(config) M(conn) M(worker)
	    M(worker_count))
#undef TYPE
#define TYPE dtlsd_check
	STRUCT(dtlsd_check, M(size) M(reserved) M(config) M(config_error) M(config_warning)
	    M(opaque) M(connection_limit))
#undef TYPE
#define TYPE dtlsd_request
	STRUCT(dtlsd_request, M(size) M(offers) M(peer) M(local) M(server_name) M(alpn)
	    M(suites) M(suite_count) M(fingerprint) M(alert))
#undef TYPE
#define TYPE dtlsd_psk
	STRUCT(dtlsd_psk, M(size) M(identity_len) M(identity) M(key) M(key_len) M(reserved))
#undef TYPE
#define TYPE dtlsd_san
	STRUCT(dtlsd_san, M(type) M(reserved) M(value))
#undef TYPE
#define TYPE dtlsd_name_part
	STRUCT(dtlsd_name_part, M(type) M(value))
#undef TYPE
#define TYPE dtlsd_certificate
	STRUCT(dtlsd_certificate, M(size) M(version) M(der) M(subject) M(issuer) M(serial)
	    M(fingerprint_sha256) M(not_before) M(not_after) M(subject_parts) M(issuer_parts)
	    M(sans) M(subject_part_count) M(subject_part_size) M(issuer_part_count)
	    M(issuer_part_size) M(san_count) M(san_size))
#undef TYPE
#define TYPE dtlsd_auth
	STRUCT(dtlsd_auth, M(size) M(recommended) M(status) M(verify_code) M(resumed)
	    M(certificate) M(chain) M(chain_count) M(chain_size) M(alert) M(reserved))
#undef TYPE
#define TYPE dtlsd_connected
	STRUCT(dtlsd_connected, M(size) M(status) M(text) M(peer) M(local))
#undef TYPE
#define TYPE dtlsd_disconnected
	STRUCT(dtlsd_disconnected, M(size) M(status) M(text))
#undef TYPE
#define TYPE dtlsd_datagram
	STRUCT(dtlsd_datagram, M(size) M(len) M(capacity) M(reserved) M(data))
#undef TYPE
#define TYPE dtlsd_peer_moved
	STRUCT(dtlsd_peer_moved, M(size) M(reserved) M(from) M(to))
#undef TYPE
#define TYPE dtlsd_tls_status
	STRUCT(dtlsd_tls_status, M(size) M(step) M(text) M(alert) M(status) M(outgoing)
	    M(record_type) M(epoch) M(length) M(sequence))
#undef TYPE
#define TYPE dtlsd_error
	STRUCT(dtlsd_error, M(size) M(code) M(text))
#undef TYPE
#define TYPE dtlsd_log_line
	STRUCT(dtlsd_log_line, M(size) M(level) M(type) M(text) M(server) M(module) M(conn))
#undef TYPE
}

static void
describe_host_and_module(void)
{
#define TYPE dtlsd_conn_info
	STRUCT(dtlsd_conn_info, M(size) M(established) M(peer) M(local) M(suite) M(server_name)
	    M(psk_identity) M(age_ns) M(idle_ns) M(datagrams_in) M(datagrams_out) M(bytes_in)
	    M(bytes_out) M(max_datagram) M(reserved) M(protocol) M(cipher) M(key_exchange)
	    M(cipher_bits) M(key_exchange_bits) M(state) M(paused) M(resumed) M(has_connection_id))
#undef TYPE
#define TYPE dtlsd_host
	STRUCT(dtlsd_host, M(size) M(abi_major) M(abi_minor) M(version) M(send) M(disconnect)
	    M(log) M(now) M(random) M(defer) M(resolve) M(conn_info) M(peer_certificate)
	    M(set_conn_data) M(conn_data) M(for_each_conn) M(post) M(timer_start) M(timer_stop)
	    M(watch) M(unwatch) M(count)
	    M(pause) M(process) M(gauge) M(export_key))
#undef TYPE
#define TYPE dtlsd_module
	STRUCT(dtlsd_module, M(magic) M(abi_major) M(abi_minor) M(size) M(reserved) M(name)
	    M(version) M(options) M(counters) M(counter_count) M(counter_size) M(check) M(open)
	    M(close) M(worker_start) M(worker_stop) M(connection_request) M(psk_lookup)
	    M(client_auth) M(connected) M(data_in) M(disconnected) M(peer_moved)
	    M(tls_status) M(error) M(log) M(data_out))
#undef TYPE
}

/* clang-format on */

/* The first line in which the two differ. */
static void
show_difference(const char *golden)
{
	const char *line = text, *wanted = golden;
	for (const char *a = text, *b = golden; *a && *a == *b; a++, b++) {
		if (*a == '\n') {
			line = a + 1;
			wanted = b + 1;
		}
	}
	fprintf(stderr, "the ABI has changed: wanted \"%.*s\", found \"%.*s\"\n",
	    (int)strcspn(wanted, "\n"), wanted, (int)strcspn(line, "\n"), line);
}

static bool
read_file(const char *path, char out[TEXT_BYTES])
{
	FILE *f = fopen(path, "r");
	if (!f) {
		perror(path);
		return false;
	}
	size_t len = fread(out, 1, TEXT_BYTES - 1, f);
	fclose(f);
	out[len] = '\0';
	return true;
}

/* Values and members never change: every line of the older text stands in ours, in the same order,
 * but for the minor version and the sizes of structs that have grown. */
static bool
has_grown_only(char *older)
{
	const char *at = text;
	for (char *line = strtok(older, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "DTLSD_ABI_MINOR", 15) == 0)
			continue;
		char wanted[256];
		bool is_struct = strncmp(line, "struct", 6) == 0;
		snprintf(wanted, sizeof(wanted), "%.*s%s",
		    is_struct ? (int)strcspn(line, ":") + 1 : (int)strlen(line), line, is_struct ? "" : "\n");
		at = strstr(at, wanted);
		if (!at) {
			fprintf(stderr, "an older module expects \"%s\"\n", line);
			return false;
		}
	}
	return true;
}

int
main(int argc, char **argv)
{
	static char golden[TEXT_BYTES], older[TEXT_BYTES];
	describe_values();
	describe_options();
	describe_events();
	describe_host_and_module();
	if (argc < 3)
		return fputs(text, stdout) < 0 || gap;
	if (!read_file(argv[1], golden) || !read_file(argv[2], older))
		return 1;
	if (strcmp(text, golden) != 0) {
		show_difference(golden);
		return 1;
	}
	return gap || !has_grown_only(older);
}
