/* A configuration file: loaded, or refused with at least one message at a place in the file. */
#include "fuzz.h"

#include "base/assert.h"
#include "config/config.h"

#include <stdio.h>

static enum dt_err
no_module(void *arg, const struct dtlsd_list *path, const char *use, struct dt_config_module *out,
    char *err, size_t cap)
{
	(void)arg, (void)path, (void)use;
	*out = (struct dt_config_module){0};
	snprintf(err, cap, "there is none here");
	return DT_ERR_INVALID;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct dt_config_env env = {
	    .modules = {.resolve = no_module},
	    .module_directory = "/nowhere",
	};
	struct dt_config_report report;
	struct dt_config *config = NULL;
	dt_config_report_init(&report);
	enum dt_err err = dt_config_load_text((const char *)data, len, "input", &env, &config, &report);
	DT_ASSERT((err == DT_OK) == (config != NULL));
	DT_ASSERT(err != DT_ERR_CONFIG || report.errors > 0);
	for (size_t i = 0; i < report.count; i++) {
		char line[4096];
		DT_ASSERT(report.messages[i].text);
		dt_config_message_format(&report, &report.messages[i], line, sizeof(line));
	}
	dt_config_free(&config);
	dt_config_report_fini(&report);
	return 0;
}
