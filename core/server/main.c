#include "dtls/openssl_memory.h"
#include "server/commands.h"

int
main(int argc, char **argv)
{
	(void)dt_openssl_memory_wiped(); /* nothing has used OpenSSL yet */
	struct dt_options options = dt_options_parse(argc, argv);
	return dt_command_main(&options);
}
