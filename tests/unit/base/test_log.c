#include "base/log.h"

#include <criterion/criterion.h>
#include <string.h>

struct seen {
	int lines;
	enum dt_log_level level;
	struct dt_log_context context;
	char text[2048];
};

static void
remember(void *arg, const struct dt_log_line *line)
{
	struct seen *s = arg;
	s->lines++;
	s->level = line->level;
	s->context = *line->context;
	strcpy(s->text, line->text);
}

Test(log, a_line_passes_when_its_level_is_not_above_that_of_the_log)
{
	for (int threshold = DT_LOG_NONE; threshold <= DT_LOG_DEBUG; threshold++)
		for (int level = DT_LOG_ERROR; level <= DT_LOG_DEBUG; level++) {
			struct seen s = {0};
			struct dt_log log = {.sink = remember, .arg = &s, .level = threshold};
			dt_log(&log, (enum dt_log_level)level, NULL, "x");
			cr_assert(s.lines == (level <= threshold), "%d at %d", level, threshold);
		}
}

Test(log, a_line_carries_level_text_and_context)
{
	struct seen s = {0};
	struct dt_log log = {.sink = remember, .arg = &s, .level = DT_LOG_INFO};
	struct dt_log_context context = {"coaps", "relay", "192.0.2.1:5684", 42};
	dt_log(&log, DT_LOG_WARNING, &context, "%s is down, %d tries", "back-end", 3);
	cr_assert(s.lines == 1 && s.level == DT_LOG_WARNING);
	cr_assert(strcmp(s.text, "back-end is down, 3 tries") == 0);
	cr_assert(s.context.server == context.server && s.context.module == context.module);
	cr_assert(s.context.peer == context.peer && s.context.conn == 42);
}

Test(log, a_line_without_context_has_an_empty_one)
{
	struct seen s = {.context = {"a", "b", "c", 1}};
	struct dt_log log = {.sink = remember, .arg = &s, .level = DT_LOG_INFO};
	dt_log(&log, DT_LOG_INFO, NULL, "x");
	cr_assert(!s.context.server && !s.context.module && !s.context.peer && !s.context.conn);
}

Test(log, a_long_line_is_cut_at_one_kibibyte)
{
	static const size_t lengths[] = {1022, 1023, 1024, 1025, 1500};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct seen s = {0};
		struct dt_log log = {.sink = remember, .arg = &s, .level = DT_LOG_INFO};
		dt_log(&log, DT_LOG_INFO, NULL, "%*s", (int)lengths[i], "x");
		cr_assert(strlen(s.text) == (lengths[i] < 1023 ? lengths[i] : 1023));
	}
}

Test(log, a_tap_hears_what_the_sink_gets)
{
	struct seen s = {0}, t = {0};
	struct dt_log log = {.sink = remember, .arg = &s, .level = DT_LOG_INFO, .tap = remember, .tap_arg = &t};
	dt_log(&log, DT_LOG_DEBUG, NULL, "not this");
	dt_log(&log, DT_LOG_INFO, NULL, "this");
	cr_assert(s.lines == 1 && t.lines == 1 && strcmp(t.text, "this") == 0);
}

Test(log, no_log_and_no_sink_drop_everything)
{
	struct dt_log deaf = {.sink = NULL, .arg = NULL, .level = DT_LOG_DEBUG};
	dt_log(NULL, DT_LOG_ERROR, NULL, "x");
	dt_log(&deaf, DT_LOG_ERROR, NULL, "x");
}

Test(log, every_level_has_its_name)
{
	static const char *const names[] = {"none", "error", "warning", "info", "verbose", "debug"};
	for (int i = DT_LOG_NONE; i <= DT_LOG_DEBUG; i++)
		cr_assert(strcmp(dt_log_level_name((enum dt_log_level)i), names[i]) == 0);
}
