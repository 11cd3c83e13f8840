/* Addresses and prefixes as an operator writes them: what parses, formats and parses again. */
#include "fuzz.h"

#include "base/addr.h"
#include "base/assert.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[256], again[DT_ADDR_TEXT];
	struct dtlsd_address a, b;
	struct dtlsd_cidr c;
	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';

	if (dt_addr_parse(text, &a) == DT_OK) {
		DT_ASSERT(dt_addr_parse(dt_addr_format(&a, again), &b) == DT_OK);
		DT_ASSERT(dt_addr_equal(&a, &b));
	}
	if (dt_addr_parse_ip(text, &a) == DT_OK) {
		DT_ASSERT(a.port == 0);
		DT_ASSERT(dt_addr_parse_ip(dt_addr_format_ip(&a, again), &b) == DT_OK);
		DT_ASSERT(dt_addr_equal(&a, &b));
	}
	if (dt_cidr_parse(text, &c) == DT_OK)
		DT_ASSERT(c.bits <= (c.family == DTLSD_IPV4 ? 32 : 128));
	return 0;
}
