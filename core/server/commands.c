#include "server/commands.h"

#include "base/mem.h"
#include "dtls/protect.h"
#include "server/build_info.h"
#include "server/catalog.h"
#include "server/control.h"
#include "server/privileges.h"
#include "server/run.h"
#include "server/server.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define DEV_BYTES 8192
#define DEV_NAME "--dev"

/* What a command works on. */
struct job {
	const struct dt_options *options;
	struct dt_logger logger;
	struct dt_catalog *catalog;
	struct dt_config *config;
	struct dt_config_report report;
};

/* The module's name inside a JSON string. */
static bool
quote(const char *word, char *out, size_t cap)
{
	size_t used = 0;
	for (const char *p = word; *p; p++) {
		if ((unsigned char)*p < 0x20 || used + 3 > cap)
			return false;
		if (*p == '"' || *p == '\\')
			out[used++] = '\\';
		out[used++] = *p;
	}
	out[used] = '\0';
	return true;
}

static enum dt_err
load_dev(const struct job *j, const struct dt_config_env *env, struct dt_config **out,
    struct dt_config_report *report)
{
	char text[DEV_BYTES], module[DEV_BYTES / 2];
	if (!quote(j->options->dev_module, module, sizeof(module)))
		return DT_ERR_INVALID;
	int n = snprintf(text, sizeof(text),
	    "{ \"workers\": 1, \"servers\": [ { \"name\": \"dev\",\n"
	    "  \"listen\": \"127.0.0.1:%u\",\n"
	    "  \"chain\": [ { \"use\": \"%s\" } ] } ] }\n",
	    j->options->port, module);
	return dt_config_load_text(text, (size_t)n, DEV_NAME, env, out, report);
}

static enum dt_err
read_config(void *arg, struct dt_config **out, struct dt_config_report *report)
{
	const struct job *j = arg;
	struct dt_config_env env = dt_catalog_env(j->catalog);
	env.dev = j->options->dev;
	return j->options->dev ? load_dev(j, &env, out, report)
			       : dt_config_load(j->options->config, &env, out, report);
}

static enum dt_err
load(struct job *j)
{
	enum dt_err err = dt_catalog_new(j->options->dev, &j->logger.log, &j->catalog);
	return err == DT_OK ? read_config(j, &j->config, &j->report) : err;
}

static int
complain(const struct job *j, enum dt_err err)
{
	dt_config_report_print(&j->report, stderr);
	if (err != DT_OK && j->report.errors == 0)
		fprintf(stderr, "dtlsd: %s\n", dt_err_text(err));
	return err == DT_OK ? 0 : 1;
}

/* ---- commands ---- */

static int
check(struct job *j)
{
	enum dt_err err = load(j);
	if (err == DT_OK)
		err = dt_server_check(j->config, j->options->dev, &j->report);
	if (j->config && dt_control_check(j->config, &j->report) != DT_OK && err == DT_OK)
		err = DT_ERR_CONFIG;
	int code = complain(j, err);
	if (code == 0)
		printf("%s: the configuration is good\n",
		    j->options->dev ? DEV_NAME : j->options->config);
	return code;
}

static int
dump(struct job *j)
{
	enum dt_err err = load(j);
	if (err == DT_OK)
		err = dt_config_dump(j->config, stdout);
	return complain(j, err);
}

static int
describe(struct job *j, enum dt_err (*write)(const struct dt_config_env *, FILE *))
{
	enum dt_err err = dt_catalog_new(false, &j->logger.log, &j->catalog);
	if (err == DT_OK) {
		struct dt_config_env env = dt_catalog_env(j->catalog);
		err = write(&env, stdout);
	}
	return complain(j, err);
}

static int
schema(struct job *j)
{
	return describe(j, dt_config_schema);
}

static int
manual(struct job *j)
{
	return describe(j, dt_config_manual);
}

static int
run(struct job *j)
{
	const char *failed;
	enum dt_err err = load(j);
	if (err == DT_OK && dt_protect_self_test(&failed) != DT_OK) {
		fprintf(stderr, "dtlsd: known-answer test failed: %s\n", failed);
		return 1;
	}
	if (err != DT_OK)
		return complain(j, err);
	const struct dt_run_config what = {j->config, j->options->dev, read_config, j};
	err = dt_run(&what, &j->logger, &j->report);
	if (err == DT_OK)
		return 0; /* warnings are in the log */
	if (j->report.errors > 0)
		return complain(j, err);
	fprintf(stderr, "dtlsd: not started: %s; the log says more\n", dt_err_text(err));
	return 1;
}

static int
version(struct job *j)
{
	(void)j;
	printf("dtlsd %s (%s)\nmodule ABI %d.%d\n%s, %s build, sanitizers: %s\n%s\n", DTLSD_VERSION,
	    DTLSD_BUILD_COMMIT, DTLSD_ABI_MAJOR, DTLSD_ABI_MINOR, DTLSD_BUILD_COMPILER,
	    DTLSD_BUILD_TYPE, DTLSD_BUILD_SANITIZE, OpenSSL_version(OPENSSL_VERSION));
	return 0;
}

static int
help(struct job *j)
{
	(void)j;
	fputs(dt_options_help(), stdout);
	return 0;
}

static int
wrong(struct job *j)
{
	(void)j;
	return 2;
}

int
dt_command_main(const struct dt_options *options)
{
	static int (*const commands[])(struct job *) = {
	    [DT_COMMAND_RUN] = run,
	    [DT_COMMAND_CHECK] = check,
	    [DT_COMMAND_DUMP] = dump,
	    [DT_COMMAND_SCHEMA] = schema,
	    [DT_COMMAND_MANUAL] = manual,
	    [DT_COMMAND_VERSION] = version,
	    [DT_COMMAND_HELP] = help,
	    [DT_COMMAND_WRONG] = wrong,
	};
	struct job j = {.options = options};
	dt_privileges_standard_files();
	dt_logger_init(&j.logger);
	dt_config_report_init(&j.report);
	int code = commands[options->command](&j);
	dt_config_report_fini(&j.report);
	dt_config_free(&j.config);
	dt_catalog_free(&j.catalog);
	dt_logger_fini(&j.logger);
	return code;
}
