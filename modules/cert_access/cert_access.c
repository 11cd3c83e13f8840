/* cert_access - lets clients in, or not, by their certificate.
 *
 * Decides in client_auth, where the client has proven that it holds the key, on resumption too.
 * Keeps nothing: the rules are read from the configuration each time, once a handshake.
 *
 * It may overrule the server's verification in both directions. To let in what did not verify
 * takes a rule of `allow` that fits: else anybody with a certificate of his own making is in.
 */
#include <dtlsd/module.h>

#include <stdio.h>

#include "rule.h"

/* AlertDescription, RFC 5246 7.2.2; 0 = what fits the verification's result. */
#define ALERT_OF_STATUS 0u
#define ALERT_CERTIFICATE_REVOKED 44u
#define ALERT_ACCESS_DENIED 49u

/* X509_V_ERR_…: part of OpenSSL's ABI, and of ours through verify_code. `expired` relies on the
 * server to give the first two only if the dates are all that is wrong: OpenSSL itself stops at
 * an expired issuer, before it has looked at the signature of the client's certificate. */
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_HAS_EXPIRED 10
#define VERIFY_REVOKED 23

enum policy { POLICY_INHERIT, POLICY_ALLOW, POLICY_REFUSE };

struct cert_config {
	struct dtlsd_list allow, deny, revoked; /* of struct cert_rule */
	int32_t expired, unverified, no_certificate;
};

static const char *const policy_names[] = {"inherit", "allow", "refuse", NULL};

#define RULES(member, table, text)                                                                 \
	{                                                                                          \
		.name = #member, .type = DTLSD_OPT_OBJECT, .flags = DTLSD_OPT_LIST,                \
		.offset = offsetof(struct cert_config, member), .fields = &(table), .doc = text    \
	}
#define POLICY(member, text)                                                                       \
	{                                                                                          \
		.name = #member, .type = DTLSD_OPT_ENUM,                                           \
		.offset = offsetof(struct cert_config, member), .def = "\"inherit\"",              \
		.names = policy_names, .doc = text                                                 \
	}

static const struct dtlsd_option options[] = {
    RULES(allow, rule_options,
	"Rules; if there are any, only a client whose certificate fits one may connect."),
    RULES(deny, rule_options,
	"Rules; a client whose certificate fits one is refused (alert access_denied)."),
    RULES(revoked, revoked_options,
	"Certificates that are no longer good; refused before all else (certificate_revoked)."),
    POLICY(expired,
	"A certificate outside of its dates: as the server decides, allowed if a rule of `allow` "
	"fits, or refused."),
    POLICY(unverified,
	"A certificate that failed verification in another way: as the server decides, allowed if "
	"a rule of `allow` fits, or refused."),
    POLICY(no_certificate,
	"A client without a certificate: as the server decides if `allow` is empty (else refused), "
	"allowed, or refused."),
};
static const struct dtlsd_options option_table = DTLSD_OPTIONS(options, struct cert_config);

enum {
	COUNT_PASSED,
	COUNT_OVERRULED,
	COUNT_REVOKED,
	COUNT_DENIED,
	COUNT_NOT_ALLOWED,
	COUNT_EXPIRED,
	COUNT_UNVERIFIED,
	COUNT_NO_CERTIFICATE,
};
static const struct dtlsd_counter counters[] = {
    [COUNT_PASSED] = {"passed", "Clients this module had no objection to."},
    [COUNT_OVERRULED] = {"overruled", "Clients let in although verification said no."},
    [COUNT_REVOKED] = {"revoked", "Clients refused by a rule of `revoked`."},
    [COUNT_DENIED] = {"denied", "Clients refused by a rule of `deny`."},
    [COUNT_NOT_ALLOWED] = {"not_allowed", "Clients refused because no rule of `allow` fits."},
    [COUNT_EXPIRED] = {"refused_expired", "Clients refused by `expired`."},
    [COUNT_UNVERIFIED] = {"refused_unverified", "Clients refused by `unverified`."},
    [COUNT_NO_CERTIFICATE] = {"refused_no_certificate", "Clients refused without a certificate."},
};

/* ---- configuration test ------------------------------------------------------------------- */

static void
check_overruling(const struct dtlsd_check *check, int32_t policy, const char *pointer)
{
	const struct cert_config *config = check->config;
	if (policy == POLICY_ALLOW && config->allow.count == 0)
		check->config_error(check, pointer,
		    "\"allow\" is for certificates that fit a rule of \"allow\", and there is "
		    "none");
}

/* Without a verified chain only the fingerprint is not the client's own choice. */
static void
warn_of_free_names(const struct dtlsd_check *check)
{
	const struct cert_config *config = check->config;
	char pointer[32];
	if (config->unverified != POLICY_ALLOW)
		return;
	for (uint32_t i = 0; i < config->allow.count; i++) {
		const struct cert_rule *rule = (const void *)((const char *)config->allow.items +
							      (size_t)i * config->allow.item_size);
		if (rule->fingerprint_sha256)
			continue;
		snprintf(pointer, sizeof(pointer), "/allow/%u", i);
		check->config_warning(check, pointer,
		    "anybody can make a certificate that fits, as \"unverified\" is \"allow\": "
		    "a rule with fingerprint_sha256 is safe");
	}
}

static void
check_config(const struct dtlsd_check *check)
{
	const struct cert_config *config = check->config;
	rule_list_check(&config->allow, "allow", check);
	rule_list_check(&config->deny, "deny", check);
	rule_list_check(&config->revoked, "revoked", check);
	check_overruling(check, config->expired, "/expired");
	check_overruling(check, config->unverified, "/unverified");
	warn_of_free_names(check);
}

/* ---- the hook ----------------------------------------------------------------------------- */

static uint32_t
refuse(const struct dtlsd_ctx *c, struct dtlsd_auth *auth, uint32_t counter, uint32_t alert)
{
	c->host->count(c, counter, 1);
	auth->alert = alert;
	return DTLSD_REJECT;
}

static uint32_t
pass(const struct dtlsd_ctx *c)
{
	c->host->count(c, COUNT_PASSED, 1);
	return DTLSD_NEXT;
}

static uint32_t
overrule(const struct dtlsd_ctx *c)
{
	c->host->count(c, COUNT_OVERRULED, 1);
	return DTLSD_ACCEPT;
}

static uint32_t
judge_absence(const struct dtlsd_ctx *c, struct dtlsd_auth *auth)
{
	const struct cert_config *config = c->config;
	if (config->no_certificate == POLICY_ALLOW)
		return auth->recommended == DTLSD_ACCEPT ? pass(c) : overrule(c);
	if (config->no_certificate == POLICY_INHERIT && config->allow.count == 0)
		return pass(c);
	return refuse(c, auth, COUNT_NO_CERTIFICATE, ALERT_OF_STATUS);
}

/* Requires: verification failed, and `allow` is empty or fits. */
static uint32_t
judge_failure(const struct dtlsd_ctx *c, struct dtlsd_auth *auth)
{
	const struct cert_config *config = c->config;
	bool dates =
	    auth->verify_code == VERIFY_NOT_YET_VALID || auth->verify_code == VERIFY_HAS_EXPIRED;
	int32_t policy = dates ? config->expired : config->unverified;

	if (policy == POLICY_REFUSE)
		return refuse(c, auth, dates ? COUNT_EXPIRED : COUNT_UNVERIFIED, ALERT_OF_STATUS);
	/* What its issuer has revoked no rule of ours brings back. */
	if (policy == POLICY_INHERIT || config->allow.count == 0 ||
	    auth->verify_code == VERIFY_REVOKED)
		return pass(c);
	return overrule(c);
}

static uint32_t
client_auth(const struct dtlsd_ctx *c, struct dtlsd_auth *auth)
{
	const struct cert_config *config = c->config;
	const struct dtlsd_certificate *certificate = auth->certificate;
	if (!certificate)
		return judge_absence(c, auth);
	if (rule_list_fits(&config->revoked, certificate))
		return refuse(c, auth, COUNT_REVOKED, ALERT_CERTIFICATE_REVOKED);
	if (rule_list_fits(&config->deny, certificate))
		return refuse(c, auth, COUNT_DENIED, ALERT_ACCESS_DENIED);
	if (config->allow.count && !rule_list_fits(&config->allow, certificate))
		return refuse(c, auth, COUNT_NOT_ALLOWED, ALERT_ACCESS_DENIED);
	return auth->verify_code == 0 ? pass(c) : judge_failure(c, auth);
}

DTLSD_MODULE(.name = "cert_access", .version = "1.0", .options = &option_table,
    .counters = counters, .counter_count = sizeof(counters) / sizeof(counters[0]),
    .counter_size = sizeof(counters[0]), .check = check_config, .client_auth = client_auth);
