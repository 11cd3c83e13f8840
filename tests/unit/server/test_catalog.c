#include "server/catalog.h"

#include <criterion/criterion.h>
#include <dtlsd/module.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

static const char *const places[] = {MODULES};
static const struct dtlsd_list path = {places, 1, sizeof(places[0])};

static struct dt_catalog *
new_catalog(struct dt_config_env *env)
{
	struct dt_catalog *c;
	cr_assert_eq(dt_catalog_new(false, NULL, &c), DT_OK);
	*env = dt_catalog_env(c);
	return c;
}

Test(catalog, modules_are_found_by_name_and_by_path)
{
	static const char *const uses[] = {"echo", MODULES "/echo.so"};
	struct dt_config_env env;
	struct dt_catalog *c = new_catalog(&env);
	void *first = NULL;
	for (size_t i = 0; i < 2; i++) {
		struct dt_config_module m;
		char error[512];
		enum dt_err err =
		    env.modules.resolve(env.modules.arg, &path, uses[i], &m, error, sizeof(error));
		cr_assert_eq(err, DT_OK, "%s", error);
		const struct dtlsd_module *module = m.handle;
		cr_assert_str_eq(module->name, "echo");
		cr_assert_eq(m.options, module->options);
		cr_assert_not(m.finds_psk);
		cr_assert(i == 0 || m.handle == first, "one file is one module");
		first = m.handle;
	}
	dt_catalog_free(&c);
	cr_assert_null(c);
	dt_catalog_free(&c);
}

Test(catalog, what_is_no_module_is_refused_with_a_reason)
{
	const char *text = world_path("text.so");
	FILE *f = fopen(text, "w");
	fputs("This is no library.\n", f);
	fclose(f);
	const struct {
		const char *use, *why;
	} rows[] = {
	    {"ecko", "it is not there; looked for ecko.so in "},
	    {"Echo!", "a name has 1 to 63 of [a-z0-9_]"},
	    {"", "a name has 1 to 63 of [a-z0-9_]"},
	    {MODULES "/missing.so", "no such file"},
	    {MODULES, "not a regular file"},
	    {text, "cannot be loaded"},
	};
	struct dt_config_env env;
	struct dt_catalog *c = new_catalog(&env);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_config_module m;
		char error[1024] = "";
		cr_expect_neq(env.modules.resolve(
				  env.modules.arg, &path, rows[i].use, &m, error, sizeof(error)),
		    DT_OK);
		cr_expect(strstr(error, rows[i].why), "%s: %s", rows[i].use, error);
	}
	dt_catalog_free(&c);
}

Test(catalog, names_are_those_of_the_directory)
{
	struct dt_config_env env;
	struct dt_catalog *c = new_catalog(&env);
	const char *const *names = env.modules.names(env.modules.arg, &path);
	bool echo = false, broadcast = false;
	for (; *names; names++) {
		echo |= strcmp(*names, "echo") == 0;
		broadcast |= strcmp(*names, "broadcast") == 0;
	}
	cr_assert(echo && broadcast);
	dt_catalog_free(&c);
}

Test(catalog, hosts_are_resolved)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
	    {"127.0.0.1:1", true},
	    {"localhost:5683", true},
	    {"localhost", false},
	    {"no-such-host.invalid:1", false},
	    {"localhost:70000", false},
	    {"", false},
	};
	struct dt_config_env env;
	struct dt_catalog *c = new_catalog(&env);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dtlsd_address a = {0};
		char error[512] = "";
		enum dt_err err =
		    env.resolve_host(env.resolve_host_arg, rows[i].text, &a, error, sizeof(error));
		cr_expect_eq(err == DT_OK, rows[i].good, "%s: %s", rows[i].text, error);
		if (err == DT_OK)
			cr_expect(a.port != 0 && a.family != 0, "%s", rows[i].text);
		else
			cr_expect(error[0], "%s", rows[i].text);
	}
	dt_catalog_free(&c);
}

/* This program does not lie where the daemon of the build tree does. */
Test(catalog, only_the_daemon_of_the_build_tree_looks_there)
{
	struct dt_config_env env;
	struct dt_catalog *c = new_catalog(&env);
	cr_assert_str_neq(env.module_directory, MODULES);
	cr_assert(strstr(env.module_directory, "/dtlsd/modules"), "%s", env.module_directory);
	dt_catalog_free(&c);
}

Test(catalog, without_memory_there_is_none)
{
	for (uint64_t n = 1;; n++) {
		struct dt_catalog *c;
		dt_mem_fail_nth(n);
		enum dt_err err = dt_catalog_new(false, NULL, &c);
		dt_mem_fail_nth(0);
		if (err == DT_OK) {
			dt_catalog_free(&c);
			break;
		}
		cr_assert_eq(err, DT_ERR_NOMEM);
		cr_assert_null(c);
	}
}
