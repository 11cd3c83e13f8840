#include "pki/store_type.h"

#include "base/assert.h"

#include <stddef.h>

static const struct dt_store_type_info types[] = {
#define X(number, code, name, place, format, refused)                                              \
	{number, name, DT_STORE_AT_##place, DT_STORE_AS_##format, refused},
#include "pki/store.def"
#undef X
};

const char *const dt_store_type_names[] = {
#define X(number, code, name, place, format, refused) name,
#include "pki/store.def"
#undef X
    NULL};

const struct dt_store_type_info *
dt_store_type_info(enum dt_store_type type)
{
	DT_ASSERT(type < DT_STORE_TYPES);
	return &types[type];
}

enum dt_store_type
dt_store_type_numbered(long long number)
{
	unsigned i = 0;
	while (i < DT_STORE_TYPES && types[i].number != number)
		i++;
	return (enum dt_store_type)i;
}

bool
dt_store_type_encrypts(enum dt_store_type type)
{
	static const bool encrypts[DT_STORE_FORMATS] = {
	    [DT_STORE_AS_ANY] = true,
	    [DT_STORE_AS_PFX] = true,
	    [DT_STORE_AS_PEM] = true,
	    [DT_STORE_AS_PPK] = true,
	    [DT_STORE_AS_TOKEN] = true,
	};
	return encrypts[dt_store_type_info(type)->format];
}
