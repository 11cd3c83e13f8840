#include "rule.h"

#include <stdio.h>
#include <string.h>

#include "match.h"

#define FIELD(member, text)                                                                        \
	{                                                                                          \
		.name = #member, .type = DTLSD_OPT_TEXT,                                           \
		.offset = offsetof(struct cert_rule, member), .doc = text                          \
	}

static const struct dtlsd_option rule_items[] = {
    FIELD(subject, "The whole subject as RFC 2253 writes it; * stands for any run of characters."),
    FIELD(subject_cn, "A common name (CN) of the subject, with * as above."),
    FIELD(subject_o, "An organisation (O) of the subject, with * as above."),
    FIELD(subject_ou, "An organisational unit (OU) of the subject, with * as above."),
    FIELD(issuer, "The whole issuer as RFC 2253 writes it, with * as above."),
    FIELD(issuer_cn, "A common name (CN) of the issuer, with * as above."),
    FIELD(san_dns, "A DNS name among the alternative names; * stays within its label."),
    FIELD(san_uri, "A URI among the alternative names, with * as above."),
    FIELD(san_email, "A mail address among the alternative names, with * in either half."),
    FIELD(fingerprint_sha256, "SHA-256 of the certificate in hex, with or without colons."),
    FIELD(serial, "The serial number in hex; unique within one issuer only."),
    {.name = "san_ip",
	.type = DTLSD_OPT_CIDR,
	.offset = offsetof(struct cert_rule, san_ip),
	.doc = "A prefix that holds an address of the alternative names."},
};
const struct dtlsd_options rule_options = DTLSD_OPTIONS(rule_items, struct cert_rule);

static const struct dtlsd_option revoked_items[] = {
    FIELD(fingerprint_sha256, "SHA-256 of the certificate in hex, with or without colons."),
    FIELD(serial, "The serial number in hex; unique within one issuer only."),
    FIELD(issuer, "The whole issuer as RFC 2253 writes it; * stands for any run of characters."),
    FIELD(issuer_cn, "A common name (CN) of the issuer, with * as above."),
};
const struct dtlsd_options revoked_options = DTLSD_OPTIONS(revoked_items, struct cert_rule);

/* ---- where a field stands in a certificate ------------------------------------------------ */

struct text_field;
typedef bool field_fits(
    const struct text_field *f, const char *pattern, const struct dtlsd_certificate *cert);

static field_fits fits_text, fits_subject_part, fits_issuer_part, fits_san;

static const struct text_field {
	const char *name;
	size_t offset; /* in struct cert_rule */
	field_fits *fits;
	size_t text;	  /* fits_text: offset in struct dtlsd_certificate */
	const char *part; /* fits_…_part: type of the attribute            */
	uint32_t san;	  /* fits_san: DTLSD_SAN_…                         */
	bool (*match)(const char *pattern, const char *text);
	const char *(*wrong)(const char *pattern);
} fields[] = {
#define ROW(member, ...)                                                                           \
	{                                                                                          \
#member, offsetof(struct cert_rule, member), __VA_ARGS__                           \
	}
#define TEXT(member) fits_text, offsetof(struct dtlsd_certificate, member), NULL, 0
#define SUBJECT(type) fits_subject_part, 0, type, 0
#define ISSUER(type) fits_issuer_part, 0, type, 0
#define SAN(type) fits_san, 0, NULL, type
    /* The cheap and the telling ones first. */
    ROW(fingerprint_sha256, TEXT(fingerprint_sha256), match_fingerprint, wrong_fingerprint),
    ROW(serial, TEXT(serial), match_serial, wrong_serial),
    ROW(subject_cn, SUBJECT("CN"), match_text, wrong_text),
    ROW(subject_o, SUBJECT("O"), match_text, wrong_text),
    ROW(subject_ou, SUBJECT("OU"), match_text, wrong_text),
    ROW(subject, TEXT(subject), match_name, wrong_text),
    ROW(issuer_cn, ISSUER("CN"), match_text, wrong_text),
    ROW(issuer, TEXT(issuer), match_name, wrong_text),
    ROW(san_dns, SAN(DTLSD_SAN_DNS), match_dns, wrong_dns),
    ROW(san_uri, SAN(DTLSD_SAN_URI), match_text, wrong_text),
    ROW(san_email, SAN(DTLSD_SAN_EMAIL), match_email, wrong_email),
#undef SAN
#undef ISSUER
#undef SUBJECT
#undef TEXT
#undef ROW
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* The text member at `offset` of a struct. */
static const char *
text_at(const void *object, size_t offset)
{
	const char *text;
	memcpy(&text, (const char *)object + offset, sizeof(text));
	return text;
}

static bool
fits_text(const struct text_field *f, const char *pattern, const struct dtlsd_certificate *cert)
{
	const char *text = text_at(cert, f->text);
	return text && f->match(pattern, text);
}

/* The tables of a certificate may have larger elements than we know of. */
static bool
fits_part(const struct text_field *f, const char *pattern, const void *parts, uint32_t count,
    uint32_t size)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct dtlsd_name_part *p =
		    (const void *)((const char *)parts + (size_t)i * size);
		if (strcmp(p->type, f->part) == 0 && f->match(pattern, p->value))
			return true;
	}
	return false;
}

static bool
fits_subject_part(
    const struct text_field *f, const char *pattern, const struct dtlsd_certificate *cert)
{
	return fits_part(
	    f, pattern, cert->subject_parts, cert->subject_part_count, cert->subject_part_size);
}

static bool
fits_issuer_part(
    const struct text_field *f, const char *pattern, const struct dtlsd_certificate *cert)
{
	return fits_part(
	    f, pattern, cert->issuer_parts, cert->issuer_part_count, cert->issuer_part_size);
}

static const struct dtlsd_san *
san_at(const struct dtlsd_certificate *cert, uint32_t i)
{
	return (const void *)((const char *)cert->sans + (size_t)i * cert->san_size);
}

static bool
fits_san(const struct text_field *f, const char *pattern, const struct dtlsd_certificate *cert)
{
	for (uint32_t i = 0; i < cert->san_count; i++) {
		const struct dtlsd_san *san = san_at(cert, i);
		if (san->type == f->san && f->match(pattern, san->value))
			return true;
	}
	return false;
}

static bool
fits_ip(const struct dtlsd_cidr *prefix, const struct dtlsd_certificate *cert)
{
	for (uint32_t i = 0; i < cert->san_count; i++) {
		const struct dtlsd_san *san = san_at(cert, i);
		if (san->type == DTLSD_SAN_IP && match_prefix(prefix, san->value))
			return true;
	}
	return false;
}

/* ---- rules -------------------------------------------------------------------------------- */

bool
rule_fits(const struct cert_rule *rule, const struct dtlsd_certificate *certificate)
{
	bool any = false;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *pattern = text_at(rule, fields[i].offset);
		if (!pattern)
			continue;
		if (!fields[i].fits(&fields[i], pattern, certificate))
			return false;
		any = true;
	}
	if (rule->san_ip.family)
		return fits_ip(&rule->san_ip, certificate);
	return any;
}

static const struct cert_rule *
rule_at(const struct dtlsd_list *rules, uint32_t i)
{
	return (const void *)((const char *)rules->items + (size_t)i * rules->item_size);
}

bool
rule_list_fits(const struct dtlsd_list *rules, const struct dtlsd_certificate *certificate)
{
	for (uint32_t i = 0; i < rules->count; i++)
		if (rule_fits(rule_at(rules, i), certificate))
			return true;
	return false;
}

static void
check_rule(
    const struct cert_rule *rule, const char *name, uint32_t index, const struct dtlsd_check *check)
{
	char pointer[64];
	bool any = rule->san_ip.family != 0;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *pattern = text_at(rule, fields[i].offset);
		if (!pattern)
			continue;
		any = true;
		const char *wrong = fields[i].wrong(pattern);
		if (!wrong)
			continue;
		snprintf(pointer, sizeof(pointer), "/%s/%u/%s", name, index, fields[i].name);
		check->config_error(check, pointer, wrong);
	}
	if (any)
		return;
	snprintf(pointer, sizeof(pointer), "/%s/%u", name, index);
	check->config_error(check, pointer, "a rule needs at least one field");
}

void
rule_list_check(const struct dtlsd_list *rules, const char *name, const struct dtlsd_check *check)
{
	for (uint32_t i = 0; i < rules->count; i++)
		check_rule(rule_at(rules, i), name, i, check);
}
