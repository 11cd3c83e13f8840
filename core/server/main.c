#include "server/commands.h"

int
main(int argc, char **argv)
{
	struct dt_options options = dt_options_parse(argc, argv);
	return dt_command_main(&options);
}
