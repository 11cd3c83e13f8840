/* Where a certificate is named. Single quotes stand for double ones; what a row is about stands in
 * line 2. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pki/store_type.h"
#include "surroundings.h"

#define TLS(x) "{'servers':{'listen':'127.0.0.1:1','chain':'echo','tls':{\n" x "}}}"
#define CERTIFICATE(x) TLS("'certificate':" x)
#define E(column, text) "test.json:2:" column ": error: " text " (/servers/tls"
#define C "/certificate"

static const struct {
	const char *text, *message;
} rows[] = {
    {CERTIFICATE("{'store_type':'pfx_fil','store':'a'}"),
	E("29", "'pfx_fil' is no type of a store") C "/store_type); did you mean 'pfx_file'?"},
    {CERTIFICATE("{'store_type':'nonsense','store':'a'}"),
	E("29", "'nonsense' is no type of a store") C "/store_type)"},
    {CERTIFICATE("{'store_type':20,'store':'a'}"),
	E("29", "no store type has this number") C "/store_type)"},
    {CERTIFICATE("{'store_type':true,'store':'a'}"),
	E("29", "the name or number of a type of store is wanted here, not true") C "/store_type)"},
    {CERTIFICATE("{'store_type':0,'store':'MY'}"),
	E("29", "user is a certificate store of Windows: not supported (402); export it as PKCS#12 and "
		"use pfx_file") C "/store_type)"},
    {CERTIFICATE("{'store_type':'jks_file','store':'a'}"),
	E("29", "jks_file is a key store of Java: not supported (402); export it as PKCS#12 and use "
		"pfx_file") C "/store_type)"},
    {CERTIFICATE("{'store_type':22,'store_base64':'MDEy'}"),
	E("29", "bcfks_blob is a key store of Bouncy Castle: not supported (402); export it as PKCS#12 "
		"and use pfx_file") C "/store_type)"},
    {CERTIFICATE("{}"), E("15", "'file' is missing, or 'store', or 'store_base64'") C ")"},
    {CERTIFICATE("{'stor':'a','file':'b'}"),
	E("16", "unknown key 'stor'") C "/stor); did you mean 'store'?"},
    {CERTIFICATE("{'file':'a','store':'b'}"),
	E("23", "another store is named beside it: one of them") C "/file)"},
    {CERTIFICATE("{'store_base64':'MDEy','store':'b'}"),
	E("46", "another store is named beside it: one of them") C "/store)"},
    {CERTIFICATE("{'file':'a','store_type':'pfx_file'}"),
	E("40", "'file' is of type auto: write 'store' for pfx_file") C "/store_type)"},
    {CERTIFICATE("{'store_type':'pfx_file','store_base64':'MDEy'}"),
	E("55", "pfx_file is not in the configuration itself: write 'store', or take the type of a "
		"blob") C "/store_base64)"},
    {CERTIFICATE("{'store_type':'pkcs11','store_base64':'MDEy'}"),
	E("53", "pkcs11 is not in the configuration itself: write 'store'") C "/store_base64)"},
    {CERTIFICATE("{'store_type':'pfx_blob','store_base64':'M'}"),
	E("55", "this is not Base64") C "/store_base64)"},
    {CERTIFICATE("{'store_base64':{'env':'DTLSD_NOT_SET'}}"),
	E("38", "the environment variable 'DTLSD_NOT_SET' is not set") C "/store_base64/env)"},
    {CERTIFICATE("{'store':''}"), E("24", "a path is wanted here, not an empty text") C "/store)"},
    {CERTIFICATE("{'file':'a','password':'b'}"),
	E("38", "a secret does not stand in the file itself: write {'env': 'NAME'}, {'file': 'path'} or "
		"{'credential': 'name'}") C "/password)"},
    {CERTIFICATE("{'store_type':'jwk_file','store':'a','password':{'env':'DTLSD_TEST_SECRET'}}"),
	E("63", "nothing in a jwk_file is encrypted") C "/password)"},
    {CERTIFICATE("{'file':'a','subject':'b','thumbprint':'c'}"),
	E("54", "subject, thumbprint and encoded each say which certificate is meant: one of them") C
	"/thumbprint)"},
    {CERTIFICATE("{'file':'a','thumbprint':'00:11'}"),
	E("40", "this is neither MD5 nor SHA-1 nor SHA-256 in hex") C "/thumbprint)"},
    {CERTIFICATE("{'file':'a','subject':'Thumbprint=xyz'}"),
	E("37", "this is neither MD5 nor SHA-1 nor SHA-256 in hex") C "/subject)"},
    {CERTIFICATE("{'encoded':'MAA='}"),
	E("15", "'file' is missing, or 'store', or 'store_base64'") C ")"},
    {CERTIFICATE("{'cert':'a'}"), E("15", "'key' is missing beside 'cert': a store") C ")"},
    {CERTIFICATE("{'cert':'a','key':'b','file':'c'}"),
	E("15", "'cert' and 'key' are stores of their own: nothing of a store stands beside them") C ")"},
    {CERTIFICATE("{'cert':'a','key':{'file':'b','subject':'c'}}"),
	E("55", "a key is found by its certificate: write this beside that") C "/key/subject)"},
    {CERTIFICATE("{'cert':'a','key':{'store_type':'ppk_fil','store':'c'}}"),
	E("47", "'ppk_fil' is no type of a store") C "/key/store_type); did you mean 'ppk_file'?"},
    {CERTIFICATE("{'cert':'a','key':{}}"), E("15", "'key' is missing beside 'cert': a store") C ")"},
    {CERTIFICATE("{'file':'a','chain':[{'file':'a','encoded':'b'}]}"),
	E("58", "this is the certificate, and a store is named beside it: one of them") C
	"/chain/0/encoded)"},
    {TLS("'certificate':'a','client_ca':{'store_type':'machine','store':'ROOT'}"),
	E("45", "machine is a certificate store of Windows: not supported (402); export it as PKCS#12 "
		"and use pfx_file") "/client_ca/store_type)"},
    {TLS("'certificate':'a','chain':{'store':7}"),
	E("36", "a text is wanted here, not a number") "/chain/store)"},
};

Test(stores, what_does_not_go_together_is_refused_at_its_place)
{
	setenv("DTLSD_TEST_SECRET", "x", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_config *c;
		struct dt_config_report report;
		cr_expect_eq(load_quoted(rows[i].text, &c, &report), DT_ERR_CONFIG, "%s", rows[i].text);
		cr_expect_str_eq(all_messages(&report), quotes(rows[i].message), "%s\n got  %s\n want %s",
		    rows[i].text, all_messages(&report), quotes(rows[i].message));
		dt_config_report_fini(&report);
		dt_config_free(&c);
	}
}

static struct dt_config *
load_good(const char *text)
{
	struct dt_config *c;
	struct dt_config_report report;
	cr_assert_eq(load_quoted(text, &c, &report), DT_OK, "%s", all_messages(&report));
	dt_config_report_fini(&report);
	return c;
}

static const struct dt_config_certificate *
nth(const struct dt_config *c, size_t i)
{
	return &((const struct dt_config_certificate *)DT_CONFIG_SERVER(c, 0)->tls.certificate.items)[i];
}

static const char stores[] = CERTIFICATE(
    "[{'store_type':'pfx_file','store':'a.pfx','subject':'CN=a'},"
    "{'store_type':3,'store_base64':'MDEy'},"
    "{'store_type':7,'store':'-----BEGIN X'},"
    "{'store_type':'pkcs11','store':'pkcs11:token=a'},"
    "'pkcs11:token=b', '-----BEGIN Y', {'store':'b.pem'},"
    "{'cert':'/c.pem','key':{'store_type':18,'store':'/k.jwk'}},"
    "{'cert':{'encoded':'MAA='},'key':'/k.ppk'},"
    "{'store_type':99,'store_base64':{'env':'DTLSD_TEST_SECRET'}},"
    "{'file':'/a','key':'/b','key_password':{'env':'DTLSD_TEST_SECRET'}}],"
    "'chain':[{'encoded':'MAA='},{'store_type':'p7b_blob','store_base64':'MDEy'}]");

Test(stores, each_becomes_what_is_opened)
{
	setenv("DTLSD_TEST_SECRET", "MDEyMw==", 1);
	struct dt_config *c = load_good(stores);
	char here[PATH_MAX], want[PATH_MAX + 16];
	cr_expect_eq(nth(c, 0)->store.store_type, DT_STORE_PFX_FILE);
	snprintf(want, sizeof(want), "%s/a.pfx", getcwd(here, sizeof(here)));
	cr_expect_str_eq(nth(c, 0)->store.store, want);
	cr_expect_str_eq(nth(c, 0)->store.subject, "CN=a");
	cr_expect_eq(nth(c, 1)->store.store_type, DT_STORE_PFX_BLOB);
	cr_expect_arr_eq(nth(c, 1)->store.store_base64.data, "012", 3);
	cr_expect_null(nth(c, 2)->store.store);
	cr_expect_eq(nth(c, 2)->store.store_base64.len, 12u);
	cr_expect_str_eq(nth(c, 3)->store.store, "pkcs11:token=a");
	cr_expect_str_eq(nth(c, 4)->store.file, "pkcs11:token=b");
	cr_expect_null(nth(c, 5)->store.file);
	cr_expect_arr_eq(nth(c, 5)->store.store_base64.data, "-----BEGIN Y", 12);
	cr_expect_eq(nth(c, 6)->store.store[0], '/');
	cr_expect_str_eq(nth(c, 7)->cert.file, "/c.pem");
	cr_expect_eq(nth(c, 7)->key.store_type, DT_STORE_JWK_FILE);
	cr_expect_str_eq(nth(c, 8)->cert.encoded, "MAA=");
	cr_expect_eq(nth(c, 9)->store.store_base64.len, 4u);
	cr_expect_eq(nth(c, 10)->key.password.len, 8u);
	cr_expect_eq(DT_CONFIG_SERVER(c, 0)->tls.chain.count, 2u);
	dt_config_free(&c);
}

Test(stores, what_may_be_a_key_is_not_shown)
{
	setenv("DTLSD_TEST_SECRET", "MDEyMw==", 1);
	struct dt_config *c = load_good(stores);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	cr_assert_eq(dt_config_dump(c, out), DT_OK);
	fclose(out);
	cr_expect_null(strstr(text, "BEGIN"));
	cr_expect_null(strstr(text, "MDEy"));
	cr_expect_null(strstr(text, "\"store_type\": \"auto\""));
	cr_expect_not_null(strstr(text, "\"store_base64\": \"***\""));
	cr_expect_not_null(strstr(text, "\"store_type\": \"pfx_blob\""));
	free(text);
	dt_config_free(&c);
}

Test(stores, numbers_are_those_of_the_reference)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {{0, "user"}, {2, "pfx_file"}, {5, "jks_blob"}, {7, "pem_key_blob"},
	    {9, "public_key_blob"}, {10, "ssh_public_key_blob"}, {13, "ssh_public_key_file"},
	    {12, "p7b_blob"}, {15, "ppk_blob"}, {17, "xml_blob"}, {19, "jwk_blob"},
	    {22, "bcfks_blob"}, {23, "pkcs11"}, {99, "auto"}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		enum dt_store_type type = dt_store_type_numbered(known[i].number);
		cr_assert_lt(type, DT_STORE_TYPES);
		cr_expect_str_eq(dt_store_type_info(type)->name, known[i].name);
	}
	cr_expect_eq(dt_store_type_numbered(20), DT_STORE_TYPES);
	cr_expect_eq(dt_store_type_numbered(-1), DT_STORE_TYPES);
}
