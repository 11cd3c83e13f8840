/* Every kind of wrong file, and the exact lines that an operator reads. Single quotes stand for
 * double ones; what a row is about begins in column 1 of line 2. */
#include <criterion/criterion.h>
#include <string.h>

#include "surroundings.h"

#define BASE "'listen':'127.0.0.1:1','tls':{'certificate':'a.pem'}"
#define TOP(x) "{'servers':[{" BASE ",'chain':['echo']}],\n" x "\n}"
#define SERVER(x) "{'servers':[{" BASE ",'chain':['echo'],\n" x "\n}]}"
#define TLS(x)                                                                                     \
	"{'servers':[{'listen':'127.0.0.1:1','chain':['echo'],'tls':{'certificate':'a.pem',\n" x   \
	"\n}}]}"
#define CHAIN(x) "{'servers':[{" BASE ",'chain':[\n" x "\n]}]}"
#define ALL(x) CHAIN("{'use':'everything'," x "}")

struct row {
	const char *sentence, *text, *messages;
};

static void
play(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct dt_config *c;
		struct dt_config_report report;
		enum dt_err err = load_quoted(rows[i].text, &c, &report);
		cr_expect_eq(err, DT_ERR_CONFIG, "%s: %s", rows[i].sentence, dt_err_text(err));
		cr_expect_null(c);
		cr_expect_str_eq(all_messages(&report), quotes(rows[i].messages),
		    "%s:\n got  %s\n want %s", rows[i].sentence, all_messages(&report),
		    quotes(rows[i].messages));
		dt_config_report_fini(&report);
		dt_config_free(&c);
	}
}

#define PLAY(rows) play(rows, sizeof(rows) / sizeof((rows)[0]))
#define E(place, text) "test.json:" place ": error: " text

static const struct row syntax_rows[] = {
    {"empty", "", E("1:1", "the file holds no configuration")},
    {"only a comment", "// nothing\n", E("1:1", "the file holds no configuration")},
    {"a list", "\n []", E("2:2", "an object is wanted here: { ... }")},
    {"a word", "workers: 2", E("1:1", "an object is wanted here: { ... }")},
    {"object without end", "{ 'log': {\n 'level': 'info'\n", E("1:10", "this object has no end")},
    {"list without end", "{ 'servers':\n[ {}, ", E("2:1", "this list has no end")},
    {"text without end", "{\n 'user': 'nobody,\n}",
	E("2:10", "this text has no closing quote in its line")},
    {"comment without end", "{ /* \n", E("1:3", "this comment has no end")},
    {"comma missing", "{ 'workers': 2\n  'user': 'x' }",
	E("2:3", "a comma or } is missing before this")},
    {"comma missing in a list", "{ 'a': [1 2] }", E("1:11", "a comma or ] is missing before this")},
    {"comma too many", "{ 'workers': 2,\n}",
	E("1:15", "no comma may stand before the end of an object")},
    {"comma too many in a list", "{ 'a': [1, ] }",
	E("1:10", "no comma may stand before the end of a list")},
    {"colon missing", "{ 'workers' 2 }", E("1:13", "a colon is missing before this")},
    {"key without quotes", "{ workers: 2 }",
	E("1:3", "a key in double quotes is wanted here; did you "
		 "mean 'workers'?")},
    {"value without quotes", "{ 'user': nobody }",
	E("1:11", "a value, or a text in double quotes, is wanted here; did you mean 'nobody'?")},
    {"value missing", "{ 'user': , }",
	E("1:11", "a value, or a text in double quotes, is wanted here")},
    {"True", "{ 'a': True }", E("1:8", "'True' is no value; did you mean true?")},
    {"duration without quotes", "{ 'a': 60s }",
	E("1:8", "a number, or a text in double quotes, is wanted here; did you mean "
		 "'60s'?")},
    {"octal", "{ 'a': 010 }",
	E("1:8", "a number, or a text in double quotes, is wanted here; did you mean "
		 "'010'?")},
    {"number too large", "{ 'a': 92233720368547758080 }", E("1:8", "this number is too large")},
    {"real too large", "{ 'a': 1e999 }", E("1:8", "this number is too large")},
    {"unknown escape", "{ 'user': 'C:\\dir' }",
	E("1:14", "this backslash begins no known escape; did you mean \\\\?")},
    {"half an escape", "{ 'user': '\\u12' }", E("1:12", "\\u wants four hexadecimal digits")},
    {"NUL", "{ 'user': '\\u0000' }", E("1:12", "a text cannot hold \\u0000")},
    {"half a pair", "{ 'user': '\\ud800' }", E("1:12", "half of a surrogate pair")},
    {"escape in a key", "{ 'us\\u0065r': 'x' }", E("1:3", "a key is written without backslashes")},
    {"tab in a text", "{ 'user': 'a\tb' }",
	E("1:13", "a control character in a text is written \\u0009")},
    {"two objects", "{}\n{}", E("2:1", "the configuration ended before this")},
    {"not UTF-8", "{ 'user': 'gr\xfc\xdf' }", E("1:14", "this is not UTF-8")},
    {"overlong UTF-8", "{ 'user': '\xc0\x80' }", E("1:12", "this is not UTF-8")},
    {"cut UTF-8", "{}\n// \xe2\x82", E("2:4", "this is not UTF-8")},
};

Test(errors, text_that_is_no_json_is_refused_at_its_place)
{
	PLAY(syntax_rows);
}

Test(errors, single_quotes_are_not_json)
{
	struct dt_config *c;
	struct dt_config_report report;
	static const char text[] = "{ 'user': 1 }";
	dt_config_report_init(&report);
	enum dt_err err =
	    dt_config_load_text(text, sizeof(text) - 1, "test.json", &surroundings, &c, &report);
	cr_expect_eq(err, DT_ERR_CONFIG);
	cr_expect_str_eq(
	    all_messages(&report), "test.json:1:3: error: a key in double quotes is wanted here");
	dt_config_report_fini(&report);
}

Test(errors, keys_are_checked)
{
	static const struct row rows[] = {
	    {"typo", TOP("'worker': 2"),
		E("2:1", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"swapped letters", TOP("'usre': 'x'"),
		E("2:1", "unknown key 'usre' (/usre); did you mean 'user'?")},
	    {"other case", TOP("'Workers': 2"),
		E("2:1", "unknown key 'Workers' (/Workers); did you mean 'workers'?")},
	    {"nothing near", TOP("'bandwidth': 2"),
		E("2:1", "unknown key 'bandwidth' (/bandwidth)")},
	    {"characters of a pointer", TOP("'a/b~c': 2"),
		E("2:1", "unknown key 'a/b~c' (/a~1b~0c)")},
	    {"empty key", TOP("'': 2"), E("2:1", "unknown key '' (/)")},
	    {"nested typo", TOP("'log': { 'levle': 'info' }"),
		E("2:10", "unknown key 'levle' (/log/levle); did you mean 'level'?")},
	    {"typo in a server", SERVER("'idle_timout': '1m'"),
		E("2:1", "unknown key 'idle_timout' (/servers/0/idle_timout); did you mean "
			 "'idle_timeout'?")},
	    {"typo of a module's option",
		CHAIN("{'use':'relay', 'too':'127.0.0.1:1', 'to':'127.0.0.1:1'}"),
		E("2:17", "unknown key 'too' (/servers/0/chain/0/too); did you mean 'to'?")},
	    {"typo of a core option in an entry", CHAIN("{'use':'echo', 'enable':true}"),
		E("2:16",
		    "unknown key 'enable' (/servers/0/chain/0/enable); did you mean 'enabled'?")},
	    {"duplicate", TOP("'user':'a', 'user':'b'"), E("2:13", "duplicate key 'user' (/user)")},
	    {"duplicates", TOP("'user':'a', 'user':'b',\n'user':'c', 'workers':1, 'workers':2"),
		E("2:13", "duplicate key 'user' (/user)\n")
		    E("3:1", "duplicate key 'user' (/user)\n")
			E("3:26", "duplicate key 'workers' (/workers)")},
	    {"duplicate in a list",
		"{'servers':[{" BASE ",'chain':['echo']},\n{'listen':'127.0.0.1:2',"
		"'listen':'127.0.0.1:3','tls':{'certificate':'a.pem'},'chain':['echo']}]}",
		E("2:25", "duplicate key 'listen' (/servers/1/listen)")},
	    {"missing at the top", "\n {}", E("2:2", "'servers' is missing: objects")},
	    {"missing in a server", "{'servers':[\n{'tls':{'certificate':'a'},'chain':['echo']}]}",
		E("2:1", "'listen' is missing: addresses with ports (/servers/0)")},
	    {"duplicate in an object", TLS("'certificate':{'key':'k'}"),
		E("2:1", "duplicate key 'certificate' (/servers/0/tls/certificate)")},
	    {"missing in a module", CHAIN("{'use':'relay'}"),
		E("2:1", "'to' is missing: an address with a port (/servers/0/chain/0)")},
	    {"missing use", CHAIN("{'name':'x'}"),
		E("2:1", "'use' is missing: a text (/servers/0/chain/0)")},
	    {"empty list", "{'servers':\n[]}",
		E("2:1", "at least one item is wanted here (/servers)")},
	    {"no address",
		"{'servers':[{'tls':{'certificate':'a'},'chain':['echo'],'listen':\n[]}]}",
		E("2:1", "at least one item is wanted here (/servers/0/listen)")},
	};
	PLAY(rows);
}

static const struct row type_rows[] = {
    {"object for a list of objects", "{'servers':\n'x'}",
	E("2:1", "an object is wanted here, not a text (/servers)")},
    {"number for an object", TOP("'log': 3"),
	E("2:8", "an object is wanted here, not a number (/log)")},
    {"null", TOP("'user': null"), E("2:9", "a text is wanted here, not null (/user)")},
    {"list for one", TOP("'user': ['a']"), E("2:9", "a text is wanted here, not a list (/user)")},
    {"quoted number", TOP("'workers': '4'"),
	E("2:12", "a whole number is wanted here, not a text (/workers); did you mean 4?")},
    {"auto misspelt", TOP("'workers': 'automatic'"),
	E("2:12", "a whole number is wanted here, not a text (/workers); did you mean 'auto'?")},
    {"fraction", TOP("'workers': 1.5"),
	E("2:12", "a whole number is wanted here, not a number (/workers); did you mean "
		  "'auto'?")},
    {"auto where there is none", ALL("'count':'auto'"),
	E("2:29", "a whole number is wanted here, not a text (/servers/0/chain/0/count)")},
    {"word for a number misspelt", SERVER("'socket':{'dscp':'vioce'}"),
	E("2:18", "a whole number is wanted here, not a text (/servers/0/socket/dscp); did you mean "
		  "'voice'?")},
    {"number beyond the field", SERVER("'socket':{'dscp':64}"),
	E("2:18", "64 is out of range: from 0 to 63 (/servers/0/socket/dscp)")},
    {"number of a word", SERVER("'socket':{'dscp':-4}"),
	E("2:18", "-4 is out of range: from 0 to 63 (/servers/0/socket/dscp)")},
    {"too small", TOP("'workers': 0"), E("2:12", "0 is out of range: from 1 to 128 (/workers)")},
    {"negative", TOP("'workers': -1"), E("2:12", "-1 is out of range: from 1 to 128 (/workers)")},
    {"too large", ALL("'count':11"),
	E("2:29", "11 is out of range: from 1 to 10 (/servers/0/chain/0/count)")},
    {"yes", ALL("'flag':'yes'"),
	E("2:28", "true or false is wanted here, not a text (/servers/0/chain/0/flag); did "
		  "you mean true?")},
    {"0", ALL("'flag':0"),
	E("2:28", "true or false is wanted here, not a number (/servers/0/chain/0/flag); "
		  "did you mean false?")},
    {"maybe", ALL("'flag':'maybe'"),
	E("2:28", "true or false is wanted here, not a text (/servers/0/chain/0/flag)")},
    {"word misspelt", TLS("'authenticate_clients':'requierd','client_ca':'a'"),
	E("2:24", "'requierd' is none of none, requested, required "
		  "(/servers/0/tls/authenticate_clients); did you mean 'required'?")},
    {"word in other case", TOP("'log':{'format':'JSON'}"),
	E("2:17", "'JSON' is none of text, json (/log/format); did you mean 'json'?")},
    {"word far off", TOP("'log':{'level':'chatty'}"),
	E("2:16", "'chatty' is none of none, error, warning, info, verbose, debug (/log/level)")},
    {"number for a word", TOP("'log':{'level':1}"),
	E("2:16", "one of none, error, warning, info, verbose, debug is wanted here, not a "
		  "number (/log/level)")},
    {"item of a list", TLS("'groups':['X25519', 5]"),
	E("2:21", "a text is wanted here, not a number (/servers/0/tls/groups/1)")},
    {"empty path", TLS("'key_log_file':''"),
	E("2:16", "a path is wanted here, not an empty text (/servers/0/tls/key_log_file)")},
    {"path as a number", TLS("'client_ca':7"),
	E("2:13", "an object is wanted here, not a number (/servers/0/tls/client_ca)")},
    {"two wrong values", TOP("'workers':'x',\n'log':{'level':'loud','format':'xml'}"),
	E("2:11", "a whole number is wanted here, not a text (/workers); did you mean "
		  "'auto'?\n")
	    E("3:16", "'loud' is none of none, error, warning, info, verbose, debug (/log/level)\n")
		E("3:32", "'xml' is none of text, json (/log/format)")},
    {"control character in the value", TOP("'log':{'level':'\\u001b[2J'}"),
	E("2:16", "'?[2J' is none of none, error, warning, info, verbose, debug (/log/level)")},
};

Test(errors, types_are_checked)
{
	PLAY(type_rows);
}

#define UNITS "ns, us, ms, s, m, h, d"
static const struct row quantity_rows[] = {
    {"number", SERVER("'idle_timeout': 60"),
	E("2:17", "a duration is wanted here, not a number (/servers/0/idle_timeout); did "
		  "you mean '60s'?")},
    {"negative number", SERVER("'idle_timeout': -1"),
	E("2:17", "a duration such as '60s' is wanted here, not a number "
		  "(/servers/0/idle_timeout)")},
    {"no unit", SERVER("'idle_timeout': '60'"),
	E("2:17", "'60' has no unit (" UNITS ") (/servers/0/idle_timeout); did you mean '60s'?")},
    {"long unit", SERVER("'idle_timeout': '5 minutes'"),
	E("2:17", "'5 minutes' has an unknown unit: one of " UNITS
		  ", as in '60s' (/servers/0/idle_timeout); did you mean '5m'?")},
    {"upper case", SERVER("'idle_timeout': '5H'"),
	E("2:17", "'5H' has an unknown unit: one of " UNITS
		  ", as in '60s' (/servers/0/idle_timeout); did you mean '5h'?")},
    {"unit of a size", SERVER("'idle_timeout': '5KiB'"),
	E("2:17",
	    "'5KiB' has an unknown unit: one of " UNITS ", as in '60s' (/servers/0/idle_timeout)")},
    {"two units", SERVER("'idle_timeout': '1h30m'"),
	E("2:17", "'1h30m' has an unknown unit: one of " UNITS
		  ", as in '60s' (/servers/0/idle_timeout); did you mean '1h'?")},
    {"fraction", SERVER("'idle_timeout': '1.5s'"),
	E("2:17",
	    "'1.5s' has an unknown unit: one of " UNITS ", as in '60s' (/servers/0/idle_timeout)")},
    {"word", SERVER("'idle_timeout': 'never'"),
	E("2:17", "'never' is not a duration such as '60s' (/servers/0/idle_timeout)")},
    {"empty", SERVER("'idle_timeout': ''"),
	E("2:17", "'' is not a duration such as '60s' (/servers/0/idle_timeout)")},
    {"too large", SERVER("'idle_timeout': '106752d'"),
	E("2:17", "'106752d' is too large (/servers/0/idle_timeout)")},
    {"too many digits", SERVER("'idle_timeout': '99999999999999999999s'"),
	E("2:17", "'99999999999999999999s' is too large (/servers/0/idle_timeout)")},
    {"out of range", ALL("'wait':'2h'"),
	E("2:28", "2h is out of range: from 1s to 1h (/servers/0/chain/0/wait)")},
    {"below the range", ALL("'wait':'999ms'"),
	E("2:28", "999ms is out of range: from 1s to 1h (/servers/0/chain/0/wait)")},
    {"size as a number", ALL("'size':2048"),
	E("2:28", "a size is wanted here, not a number (/servers/0/chain/0/size); did you "
		  "mean '2KiB'?")},
    {"size with a k", ALL("'size':'64k'"),
	E("2:28", "'64k' has an unknown unit: one of B, kB, KiB, MB, MiB, GB, GiB, as in "
		  "'64KiB' (/servers/0/chain/0/size); did you mean '64KiB'?")},
    {"size out of range", ALL("'size':'2MiB'"),
	E("2:28", "2MiB is out of range: from 1B to 1MiB (/servers/0/chain/0/size)")},
    {"size with a lower limit only", SERVER("'limits':{'handshake_memory':'1KiB'}"),
	E("2:30", "1KiB is too small: at least 64KiB (/servers/0/limits/handshake_memory)")},
    {"rate as a number", ALL("'rate':5"),
	E("2:28", "a rate is wanted here, not a number (/servers/0/chain/0/rate); did you "
		  "mean '5/s'?")},
    {"rate without time", ALL("'rate':'5'"),
	E("2:28", "'5' has no unit (/s, /m, /h) (/servers/0/chain/0/rate); did you mean '5/s'?")},
    {"rate in words", ALL("'rate':'5/min'"),
	E("2:28", "'5/min' has an unknown unit: one of /s, /m, /h, as in '5/s' "
		  "(/servers/0/chain/0/rate); did you mean '5/m'?")},
    {"boolean for a rate", ALL("'rate':true"),
	E("2:28", "a rate such as '5/s' is wanted here, not true (/servers/0/chain/0/rate)")},
};

Test(errors, quantities_are_checked)
{
	PLAY(quantity_rows);
}

Test(errors, addresses_are_checked)
{
#define LISTEN(x) "{'servers':[{'tls':{'certificate':'a'},'chain':['echo'],'listen':\n" x "}]}"
	static const struct row rows[] = {
	    {"port only", LISTEN("'5684'"),
		E("2:1", "'5684' is not an address with a port such as '127.0.0.1:5684' "
			 "(/servers/0/listen); did you mean '0.0.0.0:5684'?")},
	    {"port as a number", LISTEN("5684"),
		E("2:1", "an address with a port is wanted here, not a number (/servers/0/listen); "
			 "did you mean '0.0.0.0:5684'?")},
	    {"colon and port", LISTEN("':5684'"),
		E("2:1", "':5684' is not an address with a port such as '127.0.0.1:5684' "
			 "(/servers/0/listen); did you mean '0.0.0.0:5684'?")},
	    {"star", LISTEN("'*:5684'"),
		E("2:1", "'*:5684' is not an address with a port such as '127.0.0.1:5684' "
			 "(/servers/0/listen); did you mean '0.0.0.0:5684'?")},
	    {"no port", LISTEN("'10.0.0.1'"),
		E("2:1", "'10.0.0.1' has no port, as in '10.0.0.1:5684' (/servers/0/listen)")},
	    {"no port, IPv6", LISTEN("'::1'"),
		E("2:1", "'::1' has no port, as in '[::1]:5684' (/servers/0/listen)")},
	    {"port too large", LISTEN("'10.0.0.1:65536'"),
		E("2:1", "'10.0.0.1:65536' has no port from 0 to 65535 behind its last colon "
			 "(/servers/0/listen)")},
	    {"no address", LISTEN("'a b:1'"),
		E("2:1", "'a b:1' is not an address with a port such as '127.0.0.1:5684' "
			 "(/servers/0/listen)")},
	    {"unknown name", LISTEN("['127.0.0.1:1', 'nowhere.example:1']"),
		E("2:17",
		    "'nowhere.example:1' does not resolve: no such name (/servers/0/listen/1)")},
	    {"not an IP address", ALL("'ip':'localhost'"),
		E("2:26", "'localhost' is not an IP address such as '192.0.2.1' "
			  "(/servers/0/chain/0/ip)")},
	    {"an IP address with a port", ALL("'ip':'10.0.0.1:80'"),
		E("2:26", "'10.0.0.1:80' is not an IP address such as '192.0.2.1': it has no port "
			  "(/servers/0/chain/0/ip)")},
	    {"host bits", ALL("'net':'10.1.2.3/8'"),
		E("2:27", "'10.1.2.3/8' has bits set behind its prefix (/servers/0/chain/0/net); "
			  "did you mean '10.0.0.0/8'?")},
	    {"host bits, IPv6", ALL("'nets':['::/0','2001:db8::1/32']"),
		E("2:36", "'2001:db8::1/32' has bits set behind its prefix "
			  "(/servers/0/chain/0/nets/1); did you mean '2001:db8::/32'?")},
	    {"prefix too long", ALL("'net':'10.0.0.0/33'"),
		E("2:27",
		    "'10.0.0.0/33' is not a prefix such as '10.0.0.0/8' (/servers/0/chain/0/net)")},
	    {"prefix as a number", ALL("'net':10"),
		E("2:27", "a prefix such as '10.0.0.0/8' is wanted here, not a number "
			  "(/servers/0/chain/0/net)")},
	};
	PLAY(rows);
}

Test(errors, secrets_are_never_in_the_file)
{
#define PASSWORD(x) ALL("'key':" x)
#define ONE_OF                                                                                     \
	"a secret is an object with one of 'env', 'file' and 'credential' "                        \
	"(/servers/0/chain/0/key)"
	static const struct row rows[] = {
	    {"plain", PASSWORD("'hunter2'"),
		E("2:27", "a secret does not stand in the file itself: write {'env': 'NAME'}, "
			  "{'file': 'path'} or "
			  "{'credential': 'name'} (/servers/0/chain/0/key)")},
	    {"number", PASSWORD("1234"), E("2:27", ONE_OF)},
	    {"empty object", PASSWORD("{}"), E("2:27", ONE_OF)},
	    {"two ways", PASSWORD("{'env':'A','file':'b'}"), E("2:27", ONE_OF)},
	    {"unknown way", PASSWORD("{'files':'b'}"),
		E("2:28",
		    "unknown key 'files' (/servers/0/chain/0/key/files); did you mean 'file'?")},
	    {"number in it", PASSWORD("{'file':7}"),
		E("2:35", "a text that is not empty is wanted here (/servers/0/chain/0/key/file)")},
	    {"variable not set", PASSWORD("{'env':'DTLSD_TEST_UNSET'}"),
		E("2:34", "the environment variable 'DTLSD_TEST_UNSET' is not set "
			  "(/servers/0/chain/0/key/env)")},
	    {"no such file", PASSWORD("{'file':'/nonexistent/key'}"),
		E("2:35", "'/nonexistent/key' cannot be read: No such file or directory "
			  "(/servers/0/chain/0/key/file)")},
	    {"a directory", PASSWORD("{'file':'/'}"),
		E("2:35", "'/' cannot be read: Is a directory (/servers/0/chain/0/key/file)")},
	    {"an empty file", PASSWORD("{'file':'/dev/null'}"),
		E("2:35", "this secret is empty (/servers/0/chain/0/key/file)")},
	    {"an endless file", PASSWORD("{'file':'/dev/zero'}"),
		E("2:35", "'/dev/zero' cannot be read: it is too long for a secret "
			  "(/servers/0/chain/0/key/file)")},
	    {"no credentials", PASSWORD("{'credential':'x'}"),
		E("2:41", "there are no credentials: CREDENTIALS_DIRECTORY is not set "
			  "(/servers/0/chain/0/key/credential)")},
	};
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("DTLSD_TEST_UNSET");
	PLAY(rows);
	static const struct row named[] = {
	    {"outside of the directory", PASSWORD("{'credential':'../x'}"),
		E("2:41", "a credential is named without a directory "
			  "(/servers/0/chain/0/key/credential)")},
	    {"not there", PASSWORD("{'credential':'x'}"),
		E("2:41", "'/nonexistent/x' cannot be read: No such file or directory "
			  "(/servers/0/chain/0/key/credential)")},
	};
	setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
	PLAY(named);
}

Test(errors, modules_are_checked)
{
	static const struct row rows[] = {
	    {"misspelt", CHAIN("{'use':'rely', 'anything':1}"),
		E("2:8", "module 'rely': no such file in /usr/lib/dtlsd (/servers/0/chain/0/use); "
			 "did you mean 'relay'?")},
	    {"misspelt shorthand", CHAIN("'eco'"),
		E("2:1", "module 'eco': no such file in /usr/lib/dtlsd (/servers/0/chain/0); did "
			 "you mean 'echo'?")},
	    {"elsewhere",
		"{'modules':{'path':['/tmp']},'servers':[{" BASE ",'chain':\n'none_of_these'}]}",
		E("2:1", "module 'none_of_these': no such file in /tmp (/servers/0/chain)")},
	    {"by a path", CHAIN("{'use':'/opt/nothing.so'}"),
		E("2:8", "module '/opt/nothing.so': no such file in /usr/lib/dtlsd "
			 "(/servers/0/chain/0/use)")},
	    {"of another ABI", CHAIN("'broken'"),
		E("2:1", "module 'broken': it was built for ABI 7.0, this server speaks 0.1 "
			 "(/servers/0/chain/0)")},
	    {"option outside of its struct", CHAIN("'askew'"),
		E("2:1", "module 'askew': its option 'far' is not usable: it lies outside of the "
			 "configuration struct, or "
			 "askew in it (/servers/0/chain/0)")},
	    {"option named like ours", CHAIN("'greedy'"),
		E("2:1", "module 'greedy': its option 'enabled' has a name that belongs to the "
			 "server (/servers/0/chain/0)")},
	    {"no name", CHAIN("{'use':''}"),
		E("2:8", "the name of a module is wanted here (/servers/0/chain/0/use)")},
	    {"a number", CHAIN("{'use':5}"),
		E("2:8", "a text is wanted here, not a number (/servers/0/chain/0/use)")},
	    {"not an object", CHAIN("17"),
		E("2:1", "an object is wanted here, not a number (/servers/0/chain/0)")},
	    {"takes no options", CHAIN("{'use':'echo','text':'x'}"),
		E("2:15", "unknown key 'text' (/servers/0/chain/0/text)")},
	    {"the same twice", CHAIN("'echo',\n'echo'"),
		E("3:1", "two entries of this chain are named 'echo': give one another name "
			 "(/servers/0/chain/1)")},
	    {"the same name twice", CHAIN("{'use':'psk','name':'a'},\n{'use':'echo','name':'a'}"),
		E("3:22", "two entries of this chain are named 'a': give one another name "
			  "(/servers/0/chain/1/name)")},
	    {"core option out of range", CHAIN("{'use':'echo','slow_hook':'0s'}"),
		E("2:27", "0s is out of range: from 1ms to 1m (/servers/0/chain/0/slow_hook)")},
	    {"nested required option", ALL("'inners':['x',{'number':1}]"),
		E("2:35", "'word' is missing: a text (/servers/0/chain/0/inners/1)")},
	    {"nested unknown option", ALL("'inner':{'word':'x','numbr':1}"),
		E("2:41", "unknown key 'numbr' (/servers/0/chain/0/inner/numbr); did you mean "
			  "'number'?")},
	};
	PLAY(rows);
}

static const struct row cross_rows[] = {
    {"no key at all", "{'servers':[\n{'listen':'127.0.0.1:1','chain':['echo']}]}",
	E("2:1", "a server needs tls.certificate, or tls.psk, or a module that knows "
		 "pre-shared keys (/servers/0)")},
    {"no key in tls", "{'servers':[{'listen':'127.0.0.1:1','chain':['echo'],'tls':\n{}}]}",
	E("2:1", "a server needs tls.certificate, or tls.psk, or a module that knows "
		 "pre-shared keys (/servers/0/tls)")},
    {"the module with keys is off",
	"{'servers':[\n{'listen':'127.0.0.1:1','chain':['echo',{'use':'psk','enabled':"
	"false}]}]}",
	E("2:1", "a server needs tls.certificate, or tls.psk, or a module that knows "
		 "pre-shared keys (/servers/0)")},
    {"no CA", TLS("'authenticate_clients':'required'"),
	E("2:24", "no client certificate can be verified: set client_ca or system_ca "
		  "(/servers/0/tls/authenticate_clients)")},
    {"the same name",
	"{'servers':[{'name':'a'," BASE ",'chain':['echo']},\n{'name':'a','listen':'127.0.0.1:2',"
	"'tls':{'certificate':'a'},'chain':['echo']}]}",
	E("2:9", "another server has this name: /servers/0 (/servers/1/name)")},
    {"the name of a nameless one",
	"{'servers':[{'name':'server2'," BASE ",'chain':['echo']},\n{'listen':'127.0.0.1:2',"
	"'tls':{'certificate':'a'},'chain':['echo']}]}",
	E("2:1", "another server has this name: /servers/0 (/servers/1)")},
    {"a name with a blank", SERVER("'name':'my server'"),
	E("2:8", "a name has 1 to 63 letters, digits, dots, hyphens and underscores "
		 "(/servers/0/name)")},
    {"an empty name", SERVER("'name':''"),
	E("2:8", "a name has 1 to 63 letters, digits, dots, hyphens and underscores "
		 "(/servers/0/name)")},
    {"the same address",
	"{'servers':[{" BASE ",'chain':['echo']},\n{'listen':['127.0.0.1:2','localhost:1'],"
	"'tls':{'certificate':'a'},'chain':['echo']}]}",
	E("2:26", "this address is taken: /servers/0/listen/0 (/servers/1/listen/1)")},
    {"the same address twice",
	"{'servers':[{'listen':['[::1]:7',\n'[::1]:7'],'tls':{'certificate':'a'},'chain':['"
	"echo']}]}",
	E("2:1", "this address is taken: /servers/0/listen/0 (/servers/0/listen/1)")},
    {"timers", SERVER("'handshake':{'initial_timer':'3s','max_timer':'2s'}"),
	E("2:30", "the first timer is above max_timer (/servers/0/handshake/initial_timer)")},
    {"a lone server",
	"{'servers':{'listen':'127.0.0.1:1','chain':'echo','tls':{\n'authenticate_clients':"
	"'required',"
	"'certificate':'a'}}}",
	E("2:24", "no client certificate can be verified: set client_ca or system_ca "
		  "(/servers/tls/authenticate_clients)")},
    {"a wrong value causes no further error",
	TLS("'authenticate_clients':'required','system_ca':'yes'"),
	E("2:47", "true or false is wanted here, not a text (/servers/0/tls/system_ca); "
		  "did you mean true?")},
};

Test(errors, values_that_do_not_go_together_are_refused)
{
	PLAY(cross_rows);
}

Test(errors, places_stay_true_behind_comments_and_other_characters)
{
	static const struct row rows[] = {
	    {"line comment", "{ // 'x': {\n 'worker': 1,'servers':[{" BASE ",'chain':'echo'}]}",
		E("2:2", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"block comment",
		"{ /* a\n b */ 'worker': /**/ 1,'servers':[{" BASE ",'chain':'echo'}]}",
		E("2:7", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"comment signs in a text", TOP("'user': '// /* no', 'worker': 1"),
		E("2:21", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"quotes in a comment",
		"{ /* ' */ 'worker': 1, // '\n'servers':[{" BASE ",'chain':'echo'}]}",
		E("1:11", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"letters of two bytes", TOP("/* äöü */ 'user': 'größe', 'worker': 1"),
		E("2:28", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"letters of four bytes", TOP("'user': '\xf0\x9f\x98\x80', 'worker': 1"),
		E("2:14", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"key in another script", TOP("'größe': 1"), E("2:1", "unknown key 'größe' (/größe)")},
	    {"CRLF", "{\r\n'worker': 1,\r\n'servers':[{" BASE ",'chain':'echo'}], 'usr': 1}",
		E("2:1", "unknown key 'worker' (/worker); did you mean 'workers'?\n")
		    E("3:84", "unknown key 'usr' (/usr); did you mean 'user'?")},
	    {"tabs", "{\n\t\t'worker': 1,'servers':[{" BASE ",'chain':'echo'}]}",
		E("2:3", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"byte order mark", "\xef\xbb\xbf{ 'worker': 1,'servers':[{" BASE ",'chain':'echo'}]}",
		E("1:3", "unknown key 'worker' (/worker); did you mean 'workers'?")},
	    {"equal keys elsewhere", TOP("'log':{'level':'info','target':3}"),
		E("2:32", "a path is wanted here, not a number (/log/target)")},
	};
	PLAY(rows);
}
