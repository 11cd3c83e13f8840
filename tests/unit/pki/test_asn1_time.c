#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pki/asn1_time.h"
#include "support.h"

static bool
seconds_of(int type, const char *text, int64_t *out)
{
	ASN1_TIME *t = ASN1_STRING_type_new(type);
	ASN1_STRING_set(t, text, (int)strlen(text));
	bool good = dt_asn1_seconds(t, out);
	ASN1_STRING_free(t);
	return good;
}

Test(asn1_time, edges_of_both_forms)
{
	static const struct {
		int type;
		const char *text;
		int64_t seconds; /* INT64_MIN: no date */
	} rows[] = {
	    {V_ASN1_UTCTIME, "700101000000Z", 0},
	    {V_ASN1_UTCTIME, "691231235959Z", -1},
	    {V_ASN1_UTCTIME, "500101000000Z", -631152000},
	    {V_ASN1_UTCTIME, "491231235959Z", 2524607999},
	    {V_ASN1_UTCTIME, "380119031408Z", 2147483648},
	    {V_ASN1_UTCTIME, "000229120000Z", 951825600},
	    {V_ASN1_GENERALIZEDTIME, "20500101000000Z", 2524608000},
	    {V_ASN1_GENERALIZEDTIME, "99991231235959Z", 253402300799},
	    {V_ASN1_GENERALIZEDTIME, "19000101000000Z", -2208988800},
	    {V_ASN1_GENERALIZEDTIME, "00010101000000Z", -62135596800},
	    {V_ASN1_GENERALIZEDTIME, "21000301000000Z", 4107542400},
	    {V_ASN1_UTCTIME, "010229000000Z", INT64_MIN},
	    {V_ASN1_UTCTIME, "991301000000Z", INT64_MIN},
	    {V_ASN1_UTCTIME, "99010100000Z", INT64_MIN},
	    {V_ASN1_UTCTIME, "", INT64_MIN},
	    {V_ASN1_GENERALIZEDTIME, "20500101000000", INT64_MIN},
	    {V_ASN1_GENERALIZEDTIME, "2050", INT64_MIN},
	    {V_ASN1_OCTET_STRING, "700101000000Z", INT64_MIN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t s;
		bool good = seconds_of(rows[i].type, rows[i].text, &s);
		cr_assert_eq(good, rows[i].seconds != INT64_MIN, "%s", rows[i].text);
		if (good)
			cr_assert_eq(s, rows[i].seconds, "%s: %" PRId64, rows[i].text, s);
	}
	int64_t s;
	cr_assert_not(dt_asn1_seconds(NULL, &s));
}

Test(asn1_time, random_dates_agree_with_the_library)
{
	unsigned seed = (unsigned)time(NULL);
	cr_log_info("seed %u", seed);
	srandom(seed);
	for (int i = 0; i < 20000; i++) {
		struct tm tm = {.tm_year = (int)(random() % 9999) - 1899,
		    .tm_mon = (int)(random() % 12),
		    .tm_mday = (int)(random() % 28) + 1,
		    .tm_hour = (int)(random() % 24),
		    .tm_min = (int)(random() % 60),
		    .tm_sec = (int)(random() % 60)};
		char text[32];
		snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		int64_t s;
		cr_assert(seconds_of(V_ASN1_GENERALIZEDTIME, text, &s), "seed %u: %s", seed, text);
		cr_assert_eq(s, (int64_t)timegm(&tm), "seed %u: %s", seed, text);
	}
}

Test(asn1_time, text_of_a_date)
{
	char buf[DT_DATE_TEXT];
	cr_assert_str_eq(dt_date_text(0, buf), "1970-01-01 00:00:00 UTC");
	cr_assert_str_eq(dt_date_text(253402300799, buf), "9999-12-31 23:59:59 UTC");
	cr_assert_str_eq(dt_date_text(INT64_MAX, buf), "an impossible date");
}
