#include "server/endpoint.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "pki/credential.h"
#include "world.h"

/* One server whose "tls" is this; CERTS/ is written as @. */
static struct dt_site site = {.name = (char *)"server1"};

static void
open_tls(struct world *w, const char *tls)
{
	char text[4096];
	size_t used = (size_t)snprintf(
	    text, sizeof(text), "{'servers':[{'listen':'127.0.0.1:0','chain':['probe'],'tls':{");
	for (; *tls; tls++) {
		cr_assert_lt(used + sizeof(CERTS) + 8, sizeof(text));
		if (*tls == '@')
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s/", CERTS);
		else
			text[used++] = *tls;
	}
	snprintf(text + used, sizeof(text) - used, "}}]}");
	world_open(w, text);
}

static bool
init(struct world *w, struct dt_endpoint *e)
{
	return dt_endpoint_init(e, w->config, DT_CONFIG_SERVER(w->config, 0), &site, false, &w->report);
}

Test(endpoint, what_is_good_comes_to_life)
{
	static const char *const rows[] = {
	    "'certificate':'@server.pem'",
	    "'certificate':{'file':'@server.crt','key':'@server.key'}",
	    "'certificate':['@server.pem','@server-rsa.pem']",
	    "'certificate':'@certbot'",
	    "'certificate':{'file':'@server-inter.crt','key':'@server-inter.key','chain':'@inter."
	    "crt'}",
	    "'certificate':'@server-20k.pem'",
	    "'certificate':'@server.pem','authenticate_clients':'required','client_ca':'@ca.crt'",
	    "'certificate':'@server.pem','authenticate_clients':'requested','client_ca':['@ca-dir',"
	    "'@inter.crt']",
	    "'certificate':'@server.pem','cipher_suites':'*','groups':['P-256'],"
	    "'signature_algorithms':['ECDSA+SHA256']",
	    "'certificate':'@server.pem','session_reuse':{'enabled':false}",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct dt_endpoint e;
		open_tls(&w, rows[i]);
		cr_expect(init(&w, &e), "row %zu: %s", i, world_report(&w));
		cr_expect_eq(w.report.errors, 0, "row %zu: %s", i, world_report(&w));
		cr_expect_eq(ERR_peek_error(), 0ul, "row %zu leaves an error behind", i);
		cr_expect_eq(e.trust != NULL, strstr(rows[i], "client_ca") != NULL);
		dt_endpoint_fini(&e);
		world_close(&w);
	}
}

Test(endpoint, each_wrong_file_is_told_at_its_place)
{
	static const struct {
		const char *tls;
		const char *said, *pointer;
	} rows[] = {
	    {"'certificate':'@missing.pem'", "missing.pem", "/tls/certificate)"},
	    {"'certificate':['@server.pem','@missing.pem']", "missing.pem", "/tls/certificate/1)"},
	    {"'certificate':'@server.crt'", "key", "/tls/certificate)"},
	    {"'certificate':'@server.key'", "certificate", "/tls/certificate)"},
	    {"'certificate':'@ca-dir/README'", "README", "/tls/certificate)"},
	    {"'certificate':'@ca-dir'", "ca-dir", "/tls/certificate)"},
	    {"'certificate':'@server-mismatch.pem'", "server-mismatch.pem", "/tls/certificate)"},
	    {"'certificate':['@server.pem','@server-rsa.pem','@server-inter.pem']",
		"another certificate before it answers to its names with a key of the same type",
		"/tls/certificate/2)"},
	    {"'certificate':'@server.pem','key_log_file':'@missing/keys'",
		"missing/keys: No such file", "/tls/key_log_file)"},
	    {"'certificate':'@server.pem','groups':'P256'", "did you mean \"P-256\"?",
		"/tls/groups)"},
	    {"'certificate':{'file':'@server.crt','key':'@missing.key'}", "missing.key",
		"/tls/certificate)"},
	    {"'certificate':{'file':'@server.crt','key':'@client.key'}", "key",
		"/tls/certificate)"},
	    {"'certificate':'@server-expired.pem'", "expired", "/tls/certificate)"},
	    {"'certificate':'@server-encrypted.pem'", "password", "/tls/certificate)"},
	    {"'certificate':'@server.pem','authenticate_clients':'required','client_ca':'@missing."
	     "crt'",
		"missing.crt", "/tls/client_ca)"},
	    {"'certificate':'@server.pem','authenticate_clients':'required','client_ca':'@server."
	     "key'",
		"server.key", "/tls/client_ca)"},
	    {"'certificate':'@server.pem','psk':'@missing.psk'", "missing.psk", "/tls/psk"},
	    {"'certificate':'@server.pem','psk':'@ca.der'", "ca.der", "/tls/psk"},
	    {"'certificate':'@server.pem','cipher_suites':['ECDHE-ECDSA-AES128-GCM-SHA256','AES128-"
	     "SHA:x']",
		"\"AES128-SHA:x\"", "/tls/cipher_suites/1)"},
	    {"'certificate':'@server.pem','groups':['P-256','P-257']", "\"P-257\"",
		"/tls/groups/1)"},
	    {"'certificate':'@server.pem','signature_algorithms':'RSA+MD6'", "\"RSA+MD6\"",
		"/tls/signature_algorithms)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct dt_endpoint e;
		open_tls(&w, rows[i].tls);
		cr_expect_not(init(&w, &e), "row %zu", i);
		cr_expect_eq(w.report.errors, 1, "row %zu: %s", i, world_report(&w));
		cr_expect(world_reported(&w, rows[i].said), "row %zu: %s", i, world_report(&w));
		cr_expect(world_reported(&w, rows[i].pointer), "row %zu: %s", i, world_report(&w));
		cr_expect(world_reported(&w, "test.json:1:"), "row %zu: %s", i, world_report(&w));
		cr_expect_eq(ERR_peek_error(), 0ul, "row %zu leaves an error behind", i);
		dt_endpoint_fini(&e);
		world_close(&w);
	}
}

Test(endpoint, all_that_is_wrong_is_told_at_once)
{
	struct world w;
	struct dt_endpoint e;
	open_tls(&w,
	    "'certificate':['@first.pem','@server.pem','@third.pem'],'psk':'@missing.psk',"
	    "'authenticate_clients':'required','client_ca':'@missing.crt','groups':'P-257'");
	cr_assert_not(init(&w, &e));
	cr_assert_eq(w.report.errors, 5, "%s", world_report(&w));
	static const char *const places[] = {
	    "certificate/0", "certificate/2", "tls/psk", "tls/client_ca", "tls/groups"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		REPORTED(&w, places[i]);
	dt_endpoint_fini(&e);
	world_close(&w);
}

Test(endpoint, seventeen_certificates_are_too_many)
{
	struct world w;
	struct dt_endpoint e;
	char tls[2048] = "'certificate':[";
	for (int i = 0; i < 17; i++)
		strcat(tls, i ? ",'@server.pem'" : "'@server.pem'");
	strcat(tls, "]");
	open_tls(&w, tls);
	cr_assert_not(init(&w, &e));
	REPORTED(&w, "more than 16 certificates (/servers/0/tls/certificate/16)");
	dt_endpoint_fini(&e);
	world_close(&w);
}

Test(endpoint, a_server_of_dev_gets_a_certificate_of_its_own)
{
	struct world w;
	struct dt_endpoint e;
	open_tls(&w, "");
	cr_assert(dt_endpoint_init(&e, w.config, DT_CONFIG_SERVER(w.config, 0), &site, true, &w.report));
	dt_endpoint_fini(&e);
	world_close(&w);
}

Test(endpoint, limits_of_records_reach_the_handshakes)
{
	static const struct {
		const char *limits;
		uint64_t records, forgeries;
		uint16_t size;
	} rows[] = {
	    {"", 0, 0, 16384},
	    {"'records_per_key':1000,'forgeries_per_key':50", 1000, 50, 16384},
	    {"'packet_size':'1000B'", 0, 0, 872},
	    {"'packet_size':'256B'", 0, 0, 128},
	    {"'packet_size':'65535B'", 0, 0, 16384},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct dt_endpoint e;
		char tls[256];
		snprintf(tls, sizeof(tls), "'certificate':'@server.pem'},'limits':{%s", rows[i].limits);
		open_tls(&w, tls);
		cr_assert(init(&w, &e), "row %zu: %s", i, world_report(&w));
		cr_assert_eq(e.tls->records_per_key, rows[i].records);
		cr_assert_eq(e.tls->forgeries_per_key, rows[i].forgeries);
		cr_assert_eq(e.tls->record_size_limit, rows[i].size, "row %zu: %u", i, e.tls->record_size_limit);
		dt_endpoint_fini(&e);
		world_close(&w);
	}
}

/* The same secret gives the same key to all servers that share it; none gives each its own. */
static bool
init_at(struct world *w, struct dt_sites *sites, const char *name, struct dt_endpoint *e)
{
	return dt_endpoint_init(
	    e, w->config, DT_CONFIG_SERVER(w->config, 0), dt_sites_get(sites, name), false, &w->report);
}

static bool
same_tickets(const struct dt_endpoint *a, const struct dt_endpoint *b)
{
	return memcmp(a->tls->ticket_secret, b->tls->ticket_secret, DT_TICKET_SECRET_LEN) == 0;
}

Test(endpoint, ticket_keys_are_configured_or_random_for_each_server_and_outlive_a_configuration)
{
	static const struct {
		const char *tls;
		bool same;
	} rows[] = {
	    {"'certificate':'@server.pem','session_reuse':{'ticket_key':{'env':'DT_TEST_KEY'}}",
		true},
	    {"'certificate':'@server.pem'", false},
	};
	setenv("DT_TEST_KEY", "a key that is long enough for anything", 1);
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		struct dt_sites sites;
		struct dt_endpoint a, b, later;
		dt_sites_init(&sites);
		open_tls(&w, rows[i].tls);
		cr_assert(init_at(&w, &sites, "a", &a) && init_at(&w, &sites, "b", &b));
		cr_assert(init_at(&w, &sites, "a", &later));
		cr_assert_eq(same_tickets(&a, &b), rows[i].same);
		cr_assert(same_tickets(&a, &later));
		dt_endpoint_fini(&a);
		dt_endpoint_fini(&b);
		dt_endpoint_fini(&later);
		dt_sites_fini(&sites);
		world_close(&w);
	}
}

Test(endpoint, a_module_complains_at_its_entry)
{
	struct world w;
	struct dt_endpoint e;
	world_open(&w, "{'servers':[{'listen':'127.0.0.1:0','chain':['probe',"
		       "{'use':'picky','word':'x','other':'y'},"
		       "{'use':'picky','name':'off','enabled':false,'word':'x'}]}]}");
	cr_assert(dt_endpoint_init(&e, w.config, DT_CONFIG_SERVER(w.config, 0), &site, true, &w.report));
	cr_assert_not(dt_endpoint_check_chain(&e, w.config, &w.report));
	cr_assert_eq(w.report.errors, 1);
	REPORTED(&w, "error: this word is wrong (/servers/0/chain/1/word)");
	REPORTED(&w, "warning: this word is odd (/servers/0/chain/1/other)");
	cr_assert_eq(probe.opens, 0, "a check opens nothing");
	dt_endpoint_fini(&e);
	world_close(&w);
}

Test(endpoint, a_key_log_is_warned_of_and_left_alone_by_a_check)
{
	struct world w;
	char tls[512];
	const char *path = world_path("keys");
	snprintf(tls, sizeof(tls), "'certificate':'@server.pem','key_log_file':'%s'", path);
	open_tls(&w, tls);
	cr_assert_eq(dt_server_check(w.config, false, &w.report), DT_OK);
	cr_assert_eq(w.report.warnings, 1);
	REPORTED(&w, "warning: who reads this file can decrypt");
	REPORTED(&w, "/tls/key_log_file)");
	cr_assert_neq(access(path, F_OK), 0);
	world_close(&w);
}

Test(endpoint, a_check_leaves_no_trace_and_tells_what_a_start_would)
{
	struct world w;
	world_open(&w,
	    "{'user':'no-such-user-here','servers':["
	    "{'name':'a','listen':'127.0.0.1:0','chain':['probe'],'tls':{'groups':'P-257'}},"
	    "{'name':'b','listen':'127.0.0.1:0','chain':[{'use':'picky','word':'x'}]}]}");
	size_t descriptors = world_descriptors();
	cr_assert_eq(dt_server_check(w.config, true, &w.report), DT_ERR_CONFIG);
	cr_assert_eq(w.report.errors, 3, "%s", world_report(&w));
	REPORTED(&w, "there is no user \"no-such-user-here\" (/user)");
	REPORTED(&w, "(/servers/0/tls/groups)");
	REPORTED(&w, "(/servers/1/chain/0/word)");
	cr_assert_eq(probe.opens + probe.starts, 0);
	cr_assert_eq(world_descriptors(), descriptors);
	world_close(&w);
}

Test(endpoint, one_that_is_all_zero_can_be_ended)
{
	struct dt_endpoint e = {0};
	dt_endpoint_fini(&e);
	cr_assert_geq(fcntl(0, F_GETFD), -1);
}

Test(endpoint, without_memory_it_is_not_made_and_nothing_leaks)
{
	struct world w;
	open_tls(&w,
	    "'certificate':['@server.pem','@server-rsa.pem'],'authenticate_clients':'required',"
	    "'client_ca':'@ca.crt','cipher_suites':['AES128-SHA','AES256-SHA'],'groups':'P-256'");
	for (uint64_t n = 1;; n++) {
		struct dt_endpoint e;
		dt_mem_fail_nth(n);
		bool good = init(&w, &e);
		dt_mem_fail_nth(0);
		dt_endpoint_fini(&e);
		if (good)
			break;
		cr_expect_gt(w.report.errors, 0, "allocation %llu fails without a word",
		    (unsigned long long)n);
		dt_config_report_fini(&w.report);
		dt_config_report_init(&w.report);
		cr_assert_lt(n, 10000);
	}
	world_close(&w);
}
