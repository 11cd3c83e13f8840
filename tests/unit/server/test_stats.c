#include "server/stats.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct kept {
	size_t lines;
	char text[32768]; /* "[module] text\n" of each line */
};

static void
keep(void *arg, const struct dt_log_line *line)
{
	struct kept *k = arg;
	size_t used = strlen(k->text);
	snprintf(k->text + used, sizeof(k->text) - used, "[%s] %s\n",
	    line->context->module ? line->context->module : "", line->text);
	k->lines++;
}

static void
log_counters(struct kept *k, const struct dt_counters *c)
{
	struct dt_log log = {.sink = keep, .arg = k, .level = DT_LOG_INFO};
	memset(k, 0, sizeof(*k));
	dt_stats_log(&log, c);
}

Test(stats, what_is_zero_is_left_out)
{
	static struct kept k;
	struct dt_counters c = {0};
	log_counters(&k, &c);
	cr_assert_str_eq(k.text, "[] counters: none\n[] dropped: none\n");
	dt_count(&c, DT_COUNT_RECEIVED, 3);
	dt_count_drop(&c, DT_DROP_NO_COOKIE);
	dt_count_drop(&c, DT_DROP_REPLAYED);
	dt_count_drop(&c, DT_DROP_REPLAYED);
	log_counters(&k, &c);
	cr_assert_str_eq(k.text,
	    "[] counters: received=3\n[] dropped: datagrams.no_cookie=1 records.replayed=2\n");
}

/* Every counter at its longest: more than one line holds. */
Test(stats, no_counter_is_cut_off)
{
	static struct kept k;
	struct dt_counters c;
	char wanted[128];
	for (int i = 0; i < DT_COUNTERS; i++)
		c.count[i] = UINT64_MAX - (uint64_t)i;
	for (int i = 0; i < DT_DROPS; i++)
		c.drop[i] = UINT64_MAX - 100 - (uint64_t)i;
	log_counters(&k, &c);
	for (int i = 0; i < DT_COUNTERS; i++) {
		snprintf(wanted, sizeof(wanted), " %s=%llu", dt_counter_infos[i].name,
		    (unsigned long long)c.count[i]);
		cr_expect(strstr(k.text, wanted), "%s", wanted);
	}
	for (int i = 0; i < DT_DROPS; i++) {
		snprintf(wanted, sizeof(wanted), " %s.%s=%llu",
		    dt_drop_infos[i].kind == DT_DROP_KIND_DATAGRAM ? "datagrams" : "records",
		    dt_drop_infos[i].name, (unsigned long long)c.drop[i]);
		cr_expect(strstr(k.text, wanted), "%s", wanted);
	}
	cr_assert_gt(k.lines, 2);
	for (char *line = strtok(k.text, "\n"); line; line = strtok(NULL, "\n")) {
		cr_expect_lt(strlen(line), 1000);
		cr_expect(strncmp(line, "[] counters: ", 13) == 0 ||
			      strncmp(line, "[] dropped: ", 12) == 0,
		    "%s", line);
	}
}
