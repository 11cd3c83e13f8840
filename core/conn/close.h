/* close.h - the reasons why connections end, from one table. Threads: any. */
#ifndef DT_CONN_CLOSE_H
#define DT_CONN_CLOSE_H

#include <stdint.h>

enum dt_close {
#define X(name, status, text) DT_CLOSE_##name,
#include "conn/close.def"
#undef X
	DT_CLOSE_REASONS
};

struct dt_close_info {
	int32_t status; /* 0, 400 to 405, or an errno */
	const char *text;
};

extern const struct dt_close_info dt_close_infos[DT_CLOSE_REASONS];

#endif
