#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 1024

void
dt_log(struct dt_log *log, enum dt_log_level level, const struct dt_log_context *context,
    const char *format, ...)
{
	static const struct dt_log_context nothing;
	if (!dt_log_wants(log, level))
		return;

	char text[LINE_MAX_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	struct dt_log_line line = {level, context ? context : &nothing, text};
	log->sink(log->arg, &line);
	if (log->tap)
		log->tap(log->tap_arg, &line);
}

const char *
dt_log_level_name(enum dt_log_level level)
{
	static const char *const names[] = {"none", "error", "warning", "info", "verbose", "debug"};
	return names[level];
}
