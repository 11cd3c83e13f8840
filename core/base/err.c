#include "base/err.h"

const char *
dt_err_text(enum dt_err err)
{
	switch (err) {
#define X(name, text)                                                                              \
	case DT_ERR_##name:                                                                        \
		return text;
#include "base/err.def"
#undef X
	}
	return "unknown error";
}
