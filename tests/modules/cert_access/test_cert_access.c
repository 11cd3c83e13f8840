#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_host.h"

#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NO_CERTIFICATE (-1)
#define NOT_YET_VALID 9
#define EXPIRED 10
#define UNKNOWN_ISSUER 20
#define REVOKED_BY_CRL 23

#define ACCESS_DENIED 49u
#define CERTIFICATE_REVOKED 44u

static struct fake_host *h;

static void
start(void)
{
	h = fake_new(MODULE_FILE, 1);
}

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(cert_access, .init = start, .fini = stop);

/* Elements larger than this ABI's, as a later server may have them. */
struct later_part {
	struct dtlsd_name_part part;
	uint64_t more;
};
struct later_san {
	struct dtlsd_san san;
	uint64_t more;
};

static const struct later_part subject_parts[] = {
    {{"CN", "sensor-7"}, 0}, {{"OU", "north"}, 0}, {{"OU", "lab"}, 0}, {{"O", "Fleet"}, 0}};
static const struct later_part issuer_parts[] = {{{"CN", "Fleet CA"}, 0}, {{"O", "Fleet"}, 0}};
static const struct later_san sans[] = {
    {{DTLSD_SAN_DNS, 0, "sensor-7.fleet.example"}, 0},
    {{DTLSD_SAN_DNS, 0, "other.example"}, 0},
    {{DTLSD_SAN_URI, 0, "urn:dev:mac:0024befffe804ff1"}, 0},
    {{DTLSD_SAN_EMAIL, 0, "ops@Fleet.example"}, 0},
    {{DTLSD_SAN_IP, 0, "2001:db8::7"}, 0},
    {{DTLSD_SAN_OTHER, 0, "3000"}, 0},
};
static const struct dtlsd_certificate sensor = {
    .size = sizeof(sensor),
    .version = 3,
    .subject = "CN=sensor-7,OU=north,OU=lab,O=Fleet",
    .issuer = "CN=Fleet CA,O=Fleet",
    .serial = "0A1B",
    .fingerprint_sha256 = FINGERPRINT,
    .subject_parts = &subject_parts[0].part,
    .issuer_parts = &issuer_parts[0].part,
    .sans = &sans[0].san,
    .subject_part_count = 4,
    .subject_part_size = sizeof(struct later_part),
    .issuer_part_count = 2,
    .issuer_part_size = sizeof(struct later_part),
    .san_count = 6,
    .san_size = sizeof(struct later_san),
};

static void
open_with(const char *json)
{
	fake_configure(h, json);
	cr_assert_eq(fake_check(h, 0), 0, "%s", json);
	cr_assert_eq(fake_open(h), DTLSD_OK);
}

/* What the server recommends for a result, and what the module then says. */
static uint32_t
judge(int32_t verify_code, uint32_t recommended, uint32_t *alert)
{
	struct dtlsd_auth auth = {
	    .recommended = recommended,
	    .status = verify_code ? "not OK" : "OK",
	    .verify_code = verify_code,
	    .certificate = verify_code == NO_CERTIFICATE ? NULL : &sensor,
	};
	uint64_t conn = fake_handshake(h, 0, "192.0.2.1:4000");
	uint32_t verdict = fake_auth(h, conn, &auth);
	*alert = auth.alert;
	return verdict;
}

static uint32_t
judge_code(int32_t verify_code)
{
	uint32_t alert;
	return judge(verify_code, verify_code ? DTLSD_REJECT : DTLSD_ACCEPT, &alert);
}

Test(cert_access, without_rules_the_server_decides)
{
	static const int32_t codes[] = {0, NO_CERTIFICATE, EXPIRED, NOT_YET_VALID, UNKNOWN_ISSUER};
	open_with("{}");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_assert_eq(judge_code(codes[i]), DTLSD_NEXT);
	cr_assert_eq(fake_counter(h, "passed"), 5);
}

static const struct {
	const char *rule;
	bool fits;
} rule_rows[] = {
    {"{'subject_cn': 'sensor-7'}", true},
    {"{'subject_cn': 'sensor-*'}", true},
    {"{'subject_cn': 'Sensor-7'}", false},
    {"{'subject_cn': 'Fleet CA'}", false},
    {"{'subject_o': 'Fleet'}", true},
    {"{'subject_ou': 'north'}", true},
    {"{'subject_ou': 'lab'}", true},
    {"{'subject_ou': 'south'}", false},
    {"{'subject': 'CN=sensor-7,OU=north,OU=lab,O=Fleet'}", true},
    {"{'subject': '*,O=Fleet'}", true},
    {"{'subject': 'CN=sensor-7'}", false},
    {"{'issuer': 'CN=Fleet CA,*'}", true},
    {"{'issuer': 'CN=sensor-7,*'}", false},
    {"{'issuer_cn': 'Fleet CA'}", true},
    {"{'issuer_cn': 'sensor-7'}", false},
    {"{'san_dns': '*.fleet.example'}", true},
    {"{'san_dns': 'OTHER.example'}", true},
    {"{'san_dns': '*.example'}", true},
    {"{'san_dns': '*'}", false},
    {"{'san_uri': 'urn:dev:mac:*'}", true},
    {"{'san_uri': 'urn:dev:os:*'}", false},
    {"{'san_email': '*@fleet.example'}", true},
    {"{'san_email': 'root@fleet.example'}", false},
    {"{'san_ip': '2001:db8::/32'}", true},
    {"{'san_ip': '2001:db8:0::7'}", true},
    {"{'san_ip': '2001:db8::8'}", false},
    {"{'san_ip': '0.0.0.0/0'}", false},
    {"{'fingerprint_sha256': '" FINGERPRINT "'}", true},
    {"{'fingerprint_sha256': 'ff112233445566778899aabbccddeeff"
     "00112233445566778899aabbccddeeff'}",
	false},
    {"{'serial': 'a:1b'}", true},
    {"{'serial': 'a1'}", false},
    {"{'subject_cn': 'sensor-7', 'issuer_cn': 'Fleet CA', 'san_ip': '::/0'}", true},
    {"{'subject_cn': 'sensor-7', 'issuer_cn': 'Other CA', 'san_ip': '::/0'}", false},
    {"{'subject_cn': 'sensor-8', 'issuer_cn': 'Fleet CA', 'san_ip': '::/0'}", false},
    {"{'subject_cn': 'sensor-7', 'issuer_cn': 'Fleet CA', 'san_ip': 'fe80::/16'}", false},
    {"[{'serial': '1'}, {'serial': '0a1b'}]", true},
    {"[{'serial': '1'}, {'serial': '2'}]", false},
};

Test(cert_access, every_field_of_a_rule_must_fit)
{
	for (size_t i = 0; i < sizeof(rule_rows) / sizeof(rule_rows[0]); i++) {
		char json[256];
		uint32_t alert;
		snprintf(json, sizeof(json), "{'allow': %s}", rule_rows[i].rule);
		open_with(json);
		cr_assert_eq(judge(0, DTLSD_ACCEPT, &alert),
		    rule_rows[i].fits ? DTLSD_NEXT : DTLSD_REJECT, "%s", json);
		cr_assert_eq(alert, rule_rows[i].fits ? 0 : ACCESS_DENIED);
		fake_free(&h);
		start();

		snprintf(json, sizeof(json), "{'deny': %s}", rule_rows[i].rule);
		open_with(json);
		cr_assert_eq(judge(0, DTLSD_ACCEPT, &alert),
		    rule_rows[i].fits ? DTLSD_REJECT : DTLSD_NEXT, "%s", json);
		cr_assert_eq(alert, rule_rows[i].fits ? ACCESS_DENIED : 0);
		fake_free(&h);
		start();
	}
}

Test(cert_access, revoked_comes_before_deny_and_deny_before_allow)
{
	uint32_t alert;
	open_with("{'allow': {'subject_cn': '*'}, 'deny': {'subject_ou': 'lab'},"
		  " 'revoked': [{'serial': '1'}, {'serial': 'a1b', 'issuer_cn': 'Fleet CA'}]}");
	cr_assert_eq(judge(0, DTLSD_ACCEPT, &alert), DTLSD_REJECT);
	cr_assert_eq(alert, CERTIFICATE_REVOKED);
	cr_assert_eq(fake_counter(h, "revoked"), 1);
	fake_free(&h);
	start();
	open_with("{'allow': {'subject_cn': '*'}, 'deny': {'subject_ou': 'lab'}}");
	cr_assert_eq(judge(0, DTLSD_ACCEPT, &alert), DTLSD_REJECT);
	cr_assert_eq(alert, ACCESS_DENIED);
	cr_assert_eq(fake_counter(h, "denied"), 1);
}

Test(cert_access, a_policy_decides_about_what_failed_verification)
{
#define FIT "'allow': {'subject_cn': 'sensor-7'}"
#define NO_FIT "'allow': {'subject_cn': 'other'}"
	static const struct {
		const char *json;
		int32_t code;
		uint32_t verdict, alert;
	} rows[] = {
	    {"{" FIT "}", EXPIRED, DTLSD_NEXT, 0},
	    {"{" FIT "}", UNKNOWN_ISSUER, DTLSD_NEXT, 0},
	    {"{" FIT ", 'expired': 'allow'}", EXPIRED, DTLSD_ACCEPT, 0},
	    {"{" FIT ", 'expired': 'allow'}", NOT_YET_VALID, DTLSD_ACCEPT, 0},
	    {"{" FIT ", 'expired': 'allow'}", UNKNOWN_ISSUER, DTLSD_NEXT, 0},
	    {"{" FIT ", 'expired': 'allow'}", 0, DTLSD_NEXT, 0},
	    {"{" FIT ", 'unverified': 'allow'}", UNKNOWN_ISSUER, DTLSD_ACCEPT, 0},
	    {"{" FIT ", 'unverified': 'allow'}", EXPIRED, DTLSD_NEXT, 0},
	    {"{" FIT ", 'unverified': 'allow'}", REVOKED_BY_CRL, DTLSD_NEXT, 0},
	    {"{" FIT ", 'unverified': 'refuse'}", REVOKED_BY_CRL, DTLSD_REJECT, 0},
	    {"{" NO_FIT ", 'expired': 'allow'}", EXPIRED, DTLSD_REJECT, ACCESS_DENIED},
	    {"{" NO_FIT ", 'unverified': 'allow'}", UNKNOWN_ISSUER, DTLSD_REJECT, ACCESS_DENIED},
	    {"{" FIT ", 'deny': {'serial': 'a1b'}, 'unverified': 'allow'}", UNKNOWN_ISSUER,
		DTLSD_REJECT, ACCESS_DENIED},
	    {"{'expired': 'refuse'}", EXPIRED, DTLSD_REJECT, 0},
	    {"{'expired': 'refuse'}", UNKNOWN_ISSUER, DTLSD_NEXT, 0},
	    {"{'expired': 'refuse'}", 0, DTLSD_NEXT, 0},
	    {"{'unverified': 'refuse'}", UNKNOWN_ISSUER, DTLSD_REJECT, 0},
	    {"{'unverified': 'refuse'}", EXPIRED, DTLSD_NEXT, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Whatever a module before this one has recommended. */
		for (uint32_t recommended = DTLSD_ACCEPT; recommended <= DTLSD_REJECT;
		     recommended++) {
			uint32_t alert;
			open_with(rows[i].json);
			cr_assert_eq(judge(rows[i].code, recommended, &alert), rows[i].verdict,
			    "%d with %s", rows[i].code, rows[i].json);
			cr_assert_eq(alert, rows[i].alert);
			fake_free(&h);
			start();
		}
	}
}

Test(cert_access, a_client_without_certificate_fits_no_rule)
{
	static const struct {
		const char *json;
		uint32_t recommended, verdict;
	} rows[] = {
	    {"{}", DTLSD_ACCEPT, DTLSD_NEXT},
	    {"{'deny': {'subject_cn': '*'}}", DTLSD_ACCEPT, DTLSD_NEXT},
	    {"{'allow': {'subject_cn': '*'}}", DTLSD_ACCEPT, DTLSD_REJECT},
	    {"{'allow': {'subject_cn': '*'}}", DTLSD_REJECT, DTLSD_REJECT},
	    {"{'allow': {'subject_cn': '*'}, 'no_certificate': 'allow'}", DTLSD_REJECT,
		DTLSD_ACCEPT},
	    {"{'allow': {'subject_cn': '*'}, 'no_certificate': 'allow'}", DTLSD_ACCEPT, DTLSD_NEXT},
	    {"{'no_certificate': 'allow'}", DTLSD_REJECT, DTLSD_ACCEPT},
	    {"{'no_certificate': 'refuse'}", DTLSD_ACCEPT, DTLSD_REJECT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t alert;
		open_with(rows[i].json);
		cr_assert_eq(judge(NO_CERTIFICATE, rows[i].recommended, &alert), rows[i].verdict,
		    "row %zu", i);
		cr_assert_eq(alert, 0);
		fake_free(&h);
		start();
	}
}

Test(cert_access, a_resumed_session_is_judged_alike)
{
	struct dtlsd_auth auth = {
	    .recommended = DTLSD_ACCEPT, .status = "OK", .resumed = 1, .certificate = &sensor};
	open_with("{'revoked': {'fingerprint_sha256': '" FINGERPRINT "'}}");
	cr_assert_eq(fake_auth(h, fake_handshake(h, 0, "192.0.2.1:1"), &auth), DTLSD_REJECT);
	cr_assert_eq(auth.alert, CERTIFICATE_REVOKED);
}

Test(cert_access, each_outcome_has_its_counter)
{
	static const struct {
		const char *json;
		int32_t code;
		const char *counter;
	} rows[] = {
	    {"{}", 0, "passed"},
	    {"{" FIT ", 'expired': 'allow'}", EXPIRED, "overruled"},
	    {"{'revoked': {'serial': 'a1b'}}", 0, "revoked"},
	    {"{'deny': {'serial': 'a1b'}}", 0, "denied"},
	    {"{" NO_FIT "}", 0, "not_allowed"},
	    {"{'expired': 'refuse'}", EXPIRED, "refused_expired"},
	    {"{'unverified': 'refuse'}", UNKNOWN_ISSUER, "refused_unverified"},
	    {"{'no_certificate': 'refuse'}", NO_CERTIFICATE, "refused_no_certificate"},
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	for (size_t i = 0; i < ROWS; i++) {
		open_with(rows[i].json);
		judge_code(rows[i].code);
		for (size_t j = 0; j < ROWS; j++)
			cr_assert_eq(fake_counter(h, rows[j].counter), i == j, "%s after %s",
			    rows[j].counter, rows[i].json);
		fake_free(&h);
		start();
	}
}

Test(cert_access, a_wrong_rule_is_an_error_at_its_place)
{
	static const struct {
		const char *json, *complaint;
	} rows[] = {
	    {"{'allow': [{'serial': '1'}, {}]}", "error /allow/1: a rule needs"},
	    {"{'deny': {'subject_cn': ''}}", "error /deny/0/subject_cn: must not be empty"},
	    {"{'deny': {'subject': ''}}", "error /deny/0/subject: must not be empty"},
	    {"{'allow': {'san_dns': 'a b'}}", "error /allow/0/san_dns: not a DNS name"},
	    {"{'allow': {'san_email': 'fleet.example'}}",
		"error /allow/0/san_email: not of the form"},
	    {"{'revoked': [{'serial': 'xyz'}]}", "error /revoked/0/serial: not a number"},
	    {"{'revoked': [{'fingerprint_sha256': '00:11'}]}",
		"error /revoked/0/fingerprint_sha256: not the 64"},
	    {"{'expired': 'allow'}", "error /expired: \"allow\" is for"},
	    {"{'unverified': 'allow'}", "error /unverified: \"allow\" is for"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_configure(h, rows[i].json);
		cr_assert_eq(fake_check(h, 0), 1, "%s", rows[i].json);
		cr_assert_eq(fake_complaints(h, rows[i].complaint), 1, "%s", rows[i].json);
	}
}

Test(cert_access, names_that_anybody_can_write_are_warned_of)
{
	fake_configure(h, "{'unverified': 'allow', 'allow': [{'fingerprint_sha256': '" FINGERPRINT
			  "'}, {'subject_cn': 'x'}]}");
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_complaints(h, "warning"), 1);
	cr_assert_eq(fake_complaints(h, "warning /allow/1: anybody can make"), 1);
}
