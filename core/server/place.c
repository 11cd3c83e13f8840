#include "server/place.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES 1024

bool
dt_place_wrong(const struct dt_place *p, const char *member, const char *format, ...)
{
	char pointer[DT_PLACE_POINTER], text[TEXT_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(pointer, sizeof(pointer), "%s%s", p->server->pointer, member);
	dt_config_error_at(p->config, p->report, pointer, "%s", text);
	return false;
}
