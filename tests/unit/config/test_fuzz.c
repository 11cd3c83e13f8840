/* Damaged files: any outcome is right that comes with its messages, and no memory is touched that
 * is not ours (the sanitizers watch). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "surroundings.h"

static const char valid[] =
    "// comment\n"
    "{ 'workers': 'auto', 'user': 'a', 'log': { 'level': 'info', 'target': 'stderr' },\n"
    "  'servers': [ { 'name': 's', 'listen': ['0.0.0.0:5684', '[::]:5684'], 'idle_timeout': "
    "'10m',\n"
    "    'tls': { 'certificate': ['a.pem', {'file':'b','password':{'env':'HOME'}}], 'client_ca': "
    "'c',\n"
    "             'authenticate_clients': 'required', 'session_reuse': {'lifetime':'1h'} },\n"
    "    'limits': { 'packet_size': '2KiB', 'hellos_per_prefix': '5/s' }, /* more */\n"
    "    'chain': [ 'echo', { 'use': 'everything', 'count': 5, 'wait': '2s', 'net': '10.0.0.0/8',\n"
    "      'nets': ['::/0'], 'inner': {'word':'\\u00e4'}, 'inners': ['x', "
    "{'word':'y','number':15}] } ] } ] }\n";

static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"", "\\", "/*", "*/", "//",
    "\n", "null", "-1", "1e400", "\"use\"", "\"psk\"", "\"60s\"", "{}", "[]", "\xc3", "\xff",
    "\\u0000", "true", "\"\""};

static size_t
damage(struct seeded *r, char *text, size_t len, size_t cap)
{
	for (uint64_t n = 1 + seeded_below(r, 4); n; n--) {
		size_t at = seeded_below(r, len + 1);
		size_t cut = seeded_below(r, 3) ? 0 : seeded_below(r, len - at + 1) % 20;
		const char *piece =
		    seeded_below(r, 3) ? pieces[seeded_below(r, sizeof(pieces) / sizeof(pieces[0]))]
				       : "";
		size_t more = strlen(piece);
		if (len - cut + more > cap)
			continue;
		memmove(text + at + more, text + at + cut, len - at - cut);
		memcpy(text + at, piece, more);
		len = len - cut + more;
		if (len && seeded_below(r, 4) == 0)
			text[seeded_below(r, len)] ^= (char)(1 << seeded_below(r, 8));
	}
	return len;
}

Test(fuzz, no_damage_crashes_the_reader)
{
	struct seeded r = seeded_begin("no_damage_crashes");
	char text[sizeof(valid) + 256];
	unsigned good = 0, bad = 0;
	for (int i = 0; i < 20000; i++) {
		strcpy(text, quotes(valid));
		size_t len = damage(&r, text, strlen(text), sizeof(text));
		/* The exact size, so that a sanitizer sees a step behind it. */
		char *exact = malloc(len ? len : 1);
		memcpy(exact, text, len);
		struct dt_config *c;
		struct dt_config_report report;
		dt_config_report_init(&report);
		enum dt_err err =
		    dt_config_load_text(exact, len, "fuzz", &surroundings, &c, &report);
		free(exact);
		cr_assert(err == DT_OK || err == DT_ERR_CONFIG, "%s", dt_err_text(err));
		cr_assert((err == DT_OK) == (report.errors == 0));
		for (size_t k = 0; k < report.count; k++)
			cr_assert(report.messages[k].line > 0 && report.messages[k].column > 0);
		all_messages(&report);
		if (err == DT_OK)
			good++;
		else
			bad++;
		dt_config_report_fini(&report);
		dt_config_free(&c);
	}
	cr_expect(good > 100 && bad > 1000, "%u good, %u bad", good, bad);
}
