#include "pki/asn1_time.h"

#include <stdio.h>
#include <time.h>

/* Days from 1970-01-01 in the Gregorian calendar; the year counts from March, so that the leap
 * day is its last. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool
dt_asn1_seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;
	*out = 0;
	/* For OpenSSL a NULL time is the machine's clock. */
	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return false;
	int64_t days = days_of(1900 + (int64_t)tm.tm_year, tm.tm_mon + 1, tm.tm_mday);
	*out = days * 86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	return true;
}

char *
dt_date_text(int64_t seconds, char *buf)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || !strftime(buf, DT_DATE_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(buf, DT_DATE_TEXT, "an impossible date");
	return buf;
}
