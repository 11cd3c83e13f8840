/* place.h - where in the configuration a message about a server goes. Threads: main. */
#ifndef DT_SERVER_PLACE_H
#define DT_SERVER_PLACE_H

#include <stdbool.h>

#include "config/config.h"

#define DT_PLACE_POINTER 128 /* bytes of a JSON pointer */

struct dt_place {
	const struct dt_config *config;
	const struct dt_config_server *server;
	struct dt_config_report *report;
};

/* An error at the server's `member` ("/tls/certificate/0"); returns false. */
bool dt_place_wrong(const struct dt_place *p, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
