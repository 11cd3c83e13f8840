#include "conn/close.h"

#include <errno.h>

const struct dt_close_info dt_close_infos[DT_CLOSE_REASONS] = {
#define X(name, status, text) {status, text},
#include "conn/close.def"
#undef X
};
