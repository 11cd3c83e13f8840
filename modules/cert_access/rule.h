/* rule.h - one rule about certificates: every field that is given must fit.
 *
 * Knows the options of a rule and the certificate of the module ABI. A field that a certificate
 * has several times (an OU, a SAN) fits if one of them does.
 * Owner: the host, as part of the configuration; read-only. Threads: any.
 */
#ifndef CERT_ACCESS_RULE_H
#define CERT_ACCESS_RULE_H

#include <dtlsd/module.h>
#include <stdbool.h>

/* Texts are NULL, and the family of san_ip is 0, when not given. */
struct cert_rule {
	const char *subject, *subject_cn, *subject_o, *subject_ou;
	const char *issuer, *issuer_cn;
	const char *san_dns, *san_uri, *san_email;
	const char *fingerprint_sha256, *serial;
	struct dtlsd_cidr san_ip;
};

extern const struct dtlsd_options rule_options;	   /* all fields                            */
extern const struct dtlsd_options revoked_options; /* those that name a single certificate  */

/* A rule without a field fits nothing; check() does not let it through. */
bool rule_fits(const struct cert_rule *rule, const struct dtlsd_certificate *certificate);
/* Of a list of rules, any. */
bool rule_list_fits(const struct dtlsd_list *rules, const struct dtlsd_certificate *certificate);

/* Complains about what is wrong with the rules of the option `name`. */
void rule_list_check(
    const struct dtlsd_list *rules, const char *name, const struct dtlsd_check *check);

#endif
