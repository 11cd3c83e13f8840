/* What the schema test asks: `probe schema`, `probe check FILE`, `probe manual`. */
#include <stdio.h>
#include <string.h>

#include "surroundings.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "schema") == 0)
		return dt_config_schema(&surroundings, stdout) != DT_OK;
	if (argc == 2 && strcmp(argv[1], "manual") == 0)
		return dt_config_manual(&surroundings, stdout) != DT_OK;
	if (argc != 3 || (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "dump") != 0))
		return 2;

	struct dt_config_report report;
	struct dt_config *c;
	dt_config_report_init(&report);
	enum dt_err err = dt_config_load(argv[2], &surroundings, &c, &report);
	dt_config_report_print(&report, stdout);
	if (err == DT_OK && strcmp(argv[1], "dump") == 0)
		err = dt_config_dump(c, stdout);
	dt_config_report_fini(&report);
	dt_config_free(&c);
	return err != DT_OK;
}
