#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/arena.h"
#include "config/load.h"
#include "surroundings.h"

static const char full[] =
    "// what the documents show\n"
    "{ 'workers': 4, 'user': 'dtlsd',\n"
    "  'log': { 'level': 'verbose', 'format': 'json', 'target': '/var/log/dtlsd.log' },\n"
    "  'modules': { 'path': ['/opt/modules', '/usr/lib/dtlsd'] },\n"
    "  'servers': [ {\n"
    "    'name': 'coaps', 'listen': ['0.0.0.0:5684', '[::]:5684'],\n"
    "    'tls': {\n"
    "      'certificate': ['ec.pem', "
    "{'file':'/rsa.p12','key':'/rsa.key','password':{'env':'DTLSD_TEST_SECRET'},"
    "                                 "
    "'key_password':{'env':'DTLSD_TEST_SECRET'},'chain':['/a','/b']}],\n"
    "      'authenticate_clients': 'required', 'client_ca': '/fleet-ca.pem', 'system_ca': true,\n"
    "      'cipher_suites': '*', 'groups': ['X25519', 'P-256'], 'signature_algorithms': "
    "['ecdsa_secp256r1_sha256'],\n"
    "      'session_reuse': {'enabled': false, 'lifetime': '1h', 'ticket_key': "
    "{'env':'DTLSD_TEST_SECRET'}},\n"
    "      'key_log_file': '/keys.log', 'psk': {'file': '/psk.txt'} },\n"
    "    'handshake': {'timeout':'30s','initial_timer':'500ms','max_timer':'8s','mtu':1200},\n"
    "    'limits': "
    "{'connections':10000,'handshakes':500,'packet_size':'2KiB','handshake_memory':'1MiB',"
    "               'hellos_per_prefix':'60/m'},\n"
    "    'idle_timeout': '10m',\n"
    "    'socket': "
    "{'receive_buffer':'4MiB','send_buffer':'1MiB','dual_stack':true,'share_port':true,'dont_fragment':true,'dscp':'voice'},\n"
    "    'chain': [ 'psk', /* first */\n"
    "      "
    "{'use':'/opt/modules/"
    "echo.so','enabled':false,'slow_hook':'5ms','defer_timeout':'2s','defer_default':'accept'},\n"
    "      {'use':'relay','name':'out','to':'localhost:5683'} ] },\n"
    "  { 'listen': '127.0.0.1:0', 'tls': {'psk':'/psk.txt'}, 'chain': 'echo' } ] }\n";

static struct dt_config *
load_good(const char *text, size_t warnings)
{
	struct dt_config *c;
	struct dt_config_report report;
	setenv("DTLSD_TEST_SECRET", "hunter2", 1);
	enum dt_err err = load_quoted(text, &c, &report);
	cr_assert_eq(err, DT_OK, "%s", all_messages(&report));
	cr_assert_eq(report.warnings, warnings, "%s", all_messages(&report));
	dt_config_report_fini(&report);
	return c;
}

static const char *
nth_text(const struct dtlsd_list *list, size_t i)
{
	cr_assert_lt(i, list->count);
	return ((const char *const *)list->items)[i];
}

Test(load, the_whole_is_read_into_its_structs)
{
	struct dt_config *c = load_good(full, 1);
	cr_expect_eq(c->workers, 4);
	cr_expect_str_eq(c->user, "dtlsd");
	cr_expect_eq(c->log.level, DT_LOG_VERBOSE);
	cr_expect_eq(c->log.format, DT_LOG_FORMAT_JSON);
	cr_expect_str_eq(c->log.target, "/var/log/dtlsd.log");
	cr_expect_str_eq(nth_text(&c->modules.path, 1), "/usr/lib/dtlsd");
	cr_assert_eq(c->servers.count, 2);
	const struct dt_config_server *s = DT_CONFIG_SERVER(c, 0);
	cr_expect_str_eq(s->name, "coaps");
	cr_expect_str_eq(s->pointer, "/servers/0");
	cr_expect_eq(s->listen.count, 2);
	cr_expect_eq(s->handshake.timeout, 30000000000);
	cr_expect_eq(s->handshake.initial_timer, 500000000);
	cr_expect_eq(s->handshake.max_timer, 8000000000);
	cr_expect_eq(s->handshake.mtu, 1200);
	cr_expect_eq(s->limits.connections, 10000);
	cr_expect_eq(s->limits.handshakes, 500);
	cr_expect_eq(s->limits.packet_size, 2048);
	cr_expect_eq(s->limits.handshake_memory, 1048576);
	cr_expect_eq(s->limits.hellos_per_prefix.count, 60);
	cr_expect_eq(s->limits.hellos_per_prefix.per_ns, 60000000000);
	cr_expect_eq(s->idle_timeout, 600000000000);
	cr_expect_eq(s->socket.receive_buffer, 4194304);
	cr_expect_eq(s->socket.send_buffer, 1048576);
	cr_expect(s->socket.dual_stack && s->socket.share_port && s->socket.dont_fragment);
	cr_expect_eq(s->socket.dscp, -DT_TRAFFIC_VOICE);
	dt_config_free(&c);
	cr_expect_null(c);
}

static const struct dt_config_store *
nth_store(const struct dtlsd_list *list, size_t i)
{
	return &((const struct dt_config_store *)list->items)[i];
}

Test(load, tls_settings)
{
	struct dt_config *c = load_good(full, 1);
	const struct dt_config_tls *t = &DT_CONFIG_SERVER(c, 0)->tls;
	cr_assert_eq(t->certificate.count, 2);
	const struct dt_config_certificate *rsa =
	    &((const struct dt_config_certificate *)t->certificate.items)[1];
	cr_expect_str_eq(rsa->store.file, "/rsa.p12");
	cr_expect_str_eq(rsa->key.file, "/rsa.key");
	cr_expect_eq(rsa->store.password.len, 7);
	cr_expect_str_eq((const char *)rsa->key.password.data, "hunter2");
	cr_expect_str_eq((const char *)rsa->store.key_password.data, "hunter2");
	cr_expect_str_eq(nth_store(&rsa->chain, 1)->file, "/b");
	cr_expect_eq(t->authenticate_clients, DT_CLIENTS_REQUIRED);
	cr_expect_str_eq(nth_store(&t->client_ca, 0)->file, "/fleet-ca.pem");
	cr_expect_eq(t->system_ca, 1);
	cr_expect_str_eq(nth_text(&t->cipher_suites, 0), "*");
	cr_expect_str_eq(nth_text(&t->groups, 1), "P-256");
	cr_expect_str_eq(nth_text(&t->signature_algorithms, 0), "ecdsa_secp256r1_sha256");
	cr_expect_eq(t->session_reuse.enabled, 0);
	cr_expect_eq(t->session_reuse.lifetime, 3600000000000);
	cr_expect_eq(t->session_reuse.ticket_key.len, 7);
	cr_expect_str_eq(t->key_log_file, "/keys.log");
	cr_expect_str_eq(t->psk.file, "/psk.txt");
	cr_expect_str_eq(DT_CONFIG_SERVER(c, 1)->tls.psk.file, "/psk.txt");
	dt_config_free(&c);
}

Test(load, chains)
{
	struct dt_config *c = load_good(full, 1);
	const struct dt_config_server *s = DT_CONFIG_SERVER(c, 0);
	cr_assert_eq(s->chain.count, 3);
	const struct dt_config_chain_entry *psk = DT_CONFIG_ENTRY(s, 0),
					   *echo = DT_CONFIG_ENTRY(s, 1),
					   *relay = DT_CONFIG_ENTRY(s, 2);
	cr_expect_str_eq(psk->name, "psk");
	cr_expect(psk->module.finds_psk && psk->enabled && psk->options == NULL);
	cr_expect_eq(psk->slow_hook, 20000000);
	cr_expect_eq(psk->defer_timeout, 5000000000);
	cr_expect_eq(psk->defer_default, DT_DEFER_REJECT);
	cr_expect_str_eq(echo->use, "/opt/modules/echo.so");
	cr_expect_str_eq(echo->name, "echo");
	cr_expect_eq(echo->enabled, 0);
	cr_expect_eq(echo->slow_hook, 5000000);
	cr_expect_eq(echo->defer_timeout, 2000000000);
	cr_expect_eq(echo->defer_default, DT_DEFER_ACCEPT);
	cr_expect_str_eq(relay->name, "out");
	cr_expect_str_eq(relay->pointer, "/servers/0/chain/2");
	cr_expect_eq(((const struct dtlsd_address *)relay->options)->port, 5683);
	cr_expect_str_eq(DT_CONFIG_ENTRY(DT_CONFIG_SERVER(c, 1), 0)->pointer, "/servers/1/chain");
	dt_config_free(&c);
}

#define SMALL "{'servers':{'listen':'127.0.0.1:1','tls':{'certificate':'a'},'chain':'echo'}}"

Test(load, a_small_file_has_the_defaults)
{
	struct dt_config *c = load_good(SMALL, 0);
	const struct dt_config_server *s = DT_CONFIG_SERVER(c, 0);
	cr_expect_eq(c->workers, 0);
	cr_expect_null(c->user);
	cr_expect_eq(c->log.level, DT_LOG_INFO);
	cr_expect_str_eq(c->log.target, "stderr");
	cr_expect_str_eq(nth_text(&c->modules.path, 0), "/usr/lib/dtlsd");
	cr_expect_str_eq(s->name, "server1");
	cr_expect_eq(s->tls.session_reuse.enabled, 1);
	cr_expect_eq(s->tls.session_reuse.lifetime, 7200000000000);
	cr_expect_eq(s->tls.cipher_suites.count, 0);
	cr_expect_null(s->tls.key_log_file);
	cr_expect_null(s->tls.psk.file);
	cr_expect_eq(s->handshake.mtu, 1400);
	cr_expect_geq(s->limits.packet_size, 13 + 16384 + 2048);
	cr_expect_eq(s->idle_timeout, 0);
	cr_expect_eq(s->socket.receive_buffer, 0);
	cr_expect_eq(s->socket.dscp, -DT_TRAFFIC_BEST_EFFORT);
	dt_config_free(&c);
}

Test(load, warnings_leave_a_configuration_good)
{
	struct dt_config *c;
	struct dt_config_report report;
	cr_assert_eq(
	    load_quoted(
		"{'servers':{'listen':'127.0.0.1:1','tls':{'certificate':'a','client_ca':'b',\n"
		"'key_log_file':'k'},\n'handshake':{'timeout':'2s','initial_timer':'2s'}}}",
		&c, &report),
	    DT_OK);
	cr_expect_str_eq(all_messages(&report),
	    "test.json:1:12: warning: no module takes the data of this server: all of it is "
	    "dropped (/servers)\n"
	    "test.json:1:73: warning: clients are not asked for certificates: authenticate_clients "
	    "is \"none\" "
	    "(/servers/tls/client_ca)\n"
	    "test.json:2:16: warning: who reads this file can decrypt every connection "
	    "(/servers/tls/key_log_file)\n"
	    "test.json:3:24: warning: a flight that is lost is never sent again: initial_timer is "
	    "not below this (/servers/handshake/timeout)");
	cr_expect_eq(report.errors, 0);
	cr_expect_eq(report.warnings, 4);
	dt_config_report_fini(&report);
	dt_config_free(&c);
}

Test(load, later_findings_are_put_at_their_place)
{
	struct dt_config *c;
	struct dt_config_report report;
	cr_assert_eq(
	    load_quoted("{'servers':{'listen':'127.0.0.1:1','tls':{'certificate':'a'},'chain':[\n"
			"{'use':'relay',\n 'to':'127.0.0.1:1'}]}}",
		&c, &report),
	    DT_OK);
	char pointer[64];
	const struct dt_config_chain_entry *e = DT_CONFIG_ENTRY(DT_CONFIG_SERVER(c, 0), 0);
	snprintf(pointer, sizeof(pointer), "%s%s", e->pointer, "/to");
	dt_config_error_at(c, &report, pointer, "port %d is our own", 1);
	dt_config_warning_at(c, &report, e->pointer, "a warning");
	dt_config_error_at(c, &report, "/servers/0/tls/certificate/0/file", "no such file");
	dt_config_error_at(c, &report, "", "about all of it");
	cr_expect_str_eq(all_messages(&report),
	    "test.json:1:1: error: about all of it\n"
	    "test.json:1:57: error: no such file (/servers/tls/certificate)\n"
	    "test.json:2:1: warning: a warning (/servers/chain/0)\n"
	    "test.json:3:7: error: port 1 is our own (/servers/chain/0/to)");
	cr_expect_eq(report.errors, 3);
	dt_config_report_fini(&report);
	dt_config_free(&c);
}

Test(load, files_are_read_and_their_paths_begin_in_their_directory)
{
	char dir[] = "/tmp/dtlsd-config-XXXXXX", path[64], want[64];
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.json", dir);
	FILE *f = fopen(path, "w");
	fputs("\xef\xbb\xbf", f);
	fputs(quotes(SMALL), f);
	fclose(f);
	struct dt_config *c;
	struct dt_config_report report;
	dt_config_report_init(&report);
	cr_assert_eq(dt_config_load(path, &surroundings, &c, &report), DT_OK);
	snprintf(want, sizeof(want), "%s/a", dir);
	cr_expect_str_eq(
	    ((const struct dt_config_certificate *)DT_CONFIG_SERVER(c, 0)->tls.certificate.items)
		->store.file,
	    want);
	dt_config_free(&c);
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(dt_config_load("x.json", &surroundings, &c, &report), DT_OK);
	cr_expect_str_eq(
	    ((const struct dt_config_certificate *)DT_CONFIG_SERVER(c, 0)->tls.certificate.items)
		->store.file,
	    want);
	dt_config_free(&c);
	dt_config_report_fini(&report);
	unlink(path);
	rmdir(dir);
}

Test(load, a_file_that_cannot_be_read_is_an_error_with_its_name)
{
	static const struct {
		const char *path, *message;
	} rows[] = {
	    {"/nonexistent/x.json", "/nonexistent/x.json: error: No such file or directory"},
	    {"/", "/: error: Is a directory"},
	    {"/dev/zero", "/dev/zero: error: the file is larger than 1 MiB"},
	    {"/dev/null", "/dev/null:1:1: error: the file holds no configuration"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_config *c;
		struct dt_config_report report;
		dt_config_report_init(&report);
		cr_expect_eq(
		    dt_config_load(rows[i].path, &surroundings, &c, &report), DT_ERR_CONFIG);
		cr_expect_str_eq(
		    all_messages(&report), rows[i].message, "%s", all_messages(&report));
		dt_config_report_fini(&report);
	}
}

Test(load, a_flood_of_errors_is_counted_and_cut)
{
	static char text[DT_CONFIG_FILE_MAX];
	size_t n = (size_t)sprintf(text, "{");
	unsigned count = 0;
	for (; n + 64 < sizeof(text); count++)
		n += (size_t)sprintf(text + n, "\"key%u\":%u,", count, count);
	text[n - 1] = '}';
	struct dt_config *c;
	struct dt_config_report report;
	dt_config_report_init(&report);
	cr_expect_eq(
	    dt_config_load_text(text, n, "big", &surroundings, &c, &report), DT_ERR_CONFIG);
	cr_expect_eq(report.errors, count + 1); /* "servers" is missing as well */
	cr_expect_eq(report.count, DT_REPORT_MAX);
	char *printed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&printed, &len);
	dt_config_report_print(&report, out);
	fclose(out);
	char last[64];
	snprintf(
	    last, sizeof(last), "big: %u more messages are not shown\n", count + 1 - DT_REPORT_MAX);
	cr_expect_str_eq(printed + len - strlen(last), last);
	free(printed);
	dt_config_report_fini(&report);
}

static char *
dump(const struct dt_config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	cr_assert_eq(dt_config_dump(c, out), DT_OK);
	fclose(out);
	return text;
}

Test(load, the_dump_shows_no_secret)
{
	struct dt_config *c = load_good(full, 1);
	char *text = dump(c);
	cr_expect_null(strstr(text, "hunter2"));
	cr_expect_not_null(strstr(text, "\"password\": \"***\""));
	cr_expect_not_null(strstr(text, "\"ticket_key\": \"***\""));
	cr_expect_not_null(strstr(text, "\"to\": \"127.0.0.1:5683\""));
	free(text);
	dt_config_free(&c);
}

Test(load, what_is_dumped_loads_as_the_same)
{
	static const char *const texts[] = {
	    SMALL,
	    "{'workers':3,'log':{'level':'debug','target':'x.log'},'servers':[{'name':'a','listen':"
	    "['[::]:1',"
	    "'127.0.0.1:2'],'tls':{'certificate':['a','b'],'psk':'p','groups':'X25519'},'limits':{'"
	    "packet_size':"
	    "'1500B','hellos_per_prefix':'7/"
	    "h'},'idle_timeout':'90s','chain':[{'use':'everything','rate':'5/m',"
	    "'address':'[::1]:1','net':'10.0.0.0/"
	    "8','ip':'::','file':'f','inner':{'word':'w'},'nets':'::/0',"
	    "'inners':['x'],'text':'\xc3\xa4 \\n','mode':'strict'},{'use':'older'}]}]}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dt_config *c = load_good(texts[i], 0), *again;
		struct dt_config_report report;
		char *once = dump(c);
		dt_config_report_init(&report);
		cr_assert_eq(
		    dt_config_load_text(once, strlen(once), "dump", &surroundings, &again, &report),
		    DT_OK, "%s", all_messages(&report));
		char *twice = dump(again);
		cr_expect_str_eq(once, twice);
		free(once);
		free(twice);
		dt_config_report_fini(&report);
		dt_config_free(&c);
		dt_config_free(&again);
	}
}

Test(load, secrets_are_wiped)
{
	struct dt_config *c = load_good(full, 1);
	const struct dt_config_tls *t = &DT_CONFIG_SERVER(c, 0)->tls;
	static const uint8_t zeros[8];
	cr_assert_arr_eq(t->session_reuse.ticket_key.data, "hunter2", 8);
	dt_config_arena_wipe(&c->state->arena);
	cr_expect_arr_eq(t->session_reuse.ticket_key.data, zeros, 8);
	const struct dt_config_certificate *rsa =
	    &((const struct dt_config_certificate *)t->certificate.items)[1];
	cr_expect_arr_eq(rsa->store.password.data, zeros, 8);
	cr_expect_str_eq(rsa->store.file, "/rsa.p12");
	dt_config_free(&c);
}

/* Makes every allocation of one call fail in turn. */
#define TORTURE(call, good)                                                                        \
	do {                                                                                       \
		for (uint64_t nth = 1;; nth++) {                                                   \
			uint64_t before = dt_mem_count();                                          \
			dt_mem_fail_nth(nth);                                                      \
			enum dt_err err = (call);                                                  \
			uint64_t used = dt_mem_count() - before;                                   \
			dt_mem_fail_nth(0);                                                        \
			cr_assert(err == DT_ERR_NOMEM || (err == (good) && used < nth),            \
			    "%lu of %lu: %s", (unsigned long)nth, (unsigned long)used,             \
			    dt_err_text(err));                                                     \
			if (err == (good))                                                         \
				break;                                                             \
		}                                                                                  \
	} while (0)

static enum dt_err
load_and_drop(const char *text)
{
	struct dt_config *c = NULL;
	struct dt_config_report report;
	dt_config_report_init(&report);
	enum dt_err err = dt_config_load_text(text, strlen(text), "x", &surroundings, &c, &report);
	cr_assert((err == DT_OK) == (c != NULL));
	dt_config_report_fini(&report);
	dt_config_free(&c);
	return err;
}

static enum dt_err
dump_and_drop(const struct dt_config *c)
{
	FILE *out = fopen("/dev/null", "w");
	enum dt_err err = dt_config_dump(c, out);
	fclose(out);
	return err;
}

static enum dt_err describe(enum dt_err (*what)(const struct dt_config_env *env, FILE *out))
{
	FILE *out = fopen("/dev/null", "w");
	enum dt_err err = what(&surroundings, out);
	fclose(out);
	return err;
}

Test(load, without_memory_nothing_leaks_and_nothing_is_half_told)
{
	char good[sizeof(full)];
	strcpy(good, quotes(full));
	setenv("DTLSD_TEST_SECRET", "hunter2", 1);
	TORTURE(load_and_drop(good), DT_OK);
	char bad[512];
	strcpy(bad,
	    quotes(
		"{'worker':1,'worker':2,'log':{'level':'loud'},'servers':[{'name':'a b','listen':"
		"['1','127.0.0.1:1','127.0.0.1:1'],'chain':['x','echo','echo',{'use':'relay'}],"
		"'tls':{'client_ca':'x','key_log_file':''}}]}"));
	TORTURE(load_and_drop(bad), DT_ERR_CONFIG);
}

Test(load, descriptions_survive_a_lack_of_memory)
{
	struct dt_config *c = load_good(full, 1);
	TORTURE(dump_and_drop(c), DT_OK);
	dt_config_free(&c);
	TORTURE(describe(dt_config_schema), DT_OK);
	cr_expect_eq(describe(dt_config_manual), DT_OK);
}

Test(load, a_file_that_cannot_be_written_is_told)
{
	FILE *full_disk = fopen("/dev/full", "w");
	cr_assert_not_null(full_disk);
	struct dt_config *c = load_good(SMALL, 0);
	cr_expect_eq(dt_config_dump(c, full_disk), DT_ERR_SYSTEM);
	cr_expect_eq(dt_config_manual(&surroundings, full_disk), DT_ERR_SYSTEM);
	fclose(full_disk);
	dt_config_free(&c);
}

Test(load, the_manual_names_every_option)
{
	static const char *const words[] = {"## The server", "### servers[].tls.certificate[]",
	    "`handshake_memory`", "## Module everything", "### everything.inners[]",
	    "## Module echo\n\nTakes no options.",
	    "| `wait` | duration, 1s to 1h | `\"60s\"` | What wait is for. |",
	    "| `mode` | `\"gentle\"`, `\"strict\"` |  | What mode is for. |",
	    "| `workers` | integer, 1 to 128, or `\"auto\"` | `\"auto\"` |",
	    "| `dscp` | integer, 0 to 63, `\"best_effort\"`, `\"background\"`, "
	    "`\"excellent_effort\"`, `\"audio_video\"`, `\"voice\"`, or `\"control\"` |"};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	cr_assert_eq(dt_config_manual(&surroundings, out), DT_OK);
	fclose(out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		cr_expect_not_null(strstr(text, words[i]), "%s", words[i]);
	free(text);
}

Test(load, freeing_nothing_is_fine)
{
	struct dt_config *none = NULL;
	dt_config_free(&none);
	struct dt_config_report report;
	dt_config_report_init(&report);
	dt_config_report_fini(&report);
}
