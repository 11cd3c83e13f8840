#include "pki/fault.h"

#include "base/assert.h"

#include <stdio.h>

static const char *const texts[] = {
#define X(name, text) [DT_PKI_##name] = text,
#include "pki/fault.def"
#undef X
};

static enum dt_err
class_of(enum dt_pki_fault fault)
{
	if (fault == DT_PKI_NOMEM)
		return DT_ERR_NOMEM;
	if (fault == DT_PKI_CRYPTO)
		return DT_ERR_CRYPTO;
	if (fault == DT_PKI_MISSING || fault == DT_PKI_UNREADABLE)
		return DT_ERR_SYSTEM;
	return DT_ERR_CONFIG;
}

const char *
dt_pki_fault_text(enum dt_pki_fault fault)
{
	DT_ASSERT(fault < DT_PKI_FAULTS);
	return texts[fault];
}

enum dt_err
dt_pki_fail(struct dt_pki_error *err, enum dt_pki_fault fault, const char *path, const char *detail)
{
	DT_ASSERT(fault != DT_PKI_NONE && fault < DT_PKI_FAULTS);
	err->fault = fault;
	snprintf(err->text, sizeof(err->text), "%s%s%s%s%s%s", path ? path : "", path ? ": " : "",
	    texts[fault], detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
	return class_of(fault);
}
