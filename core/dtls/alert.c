#include "dtls/alert.h"

#include <stddef.h>

static const struct {
	uint8_t number;
	const char *text;
} alerts[] = {
#define X(number, name, text) {number, text},
#include "dtls/alert.def"
#undef X
};

const char *
dt_alert_text(uint8_t description)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].number == description)
			return alerts[i].text;
	return "unknown alert";
}
