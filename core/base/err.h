/* err.h - the outcome of a call that depends on the machine or the operator.
 *
 * Peer bytes never give one of these: they give a verdict enum of their room.
 * Whoever gives up logs it, once. Threads: any.
 */
#ifndef DT_BASE_ERR_H
#define DT_BASE_ERR_H

enum dt_err {
#define X(name, text) DT_ERR_##name,
#include "base/err.def"
#undef X
};
#define DT_OK DT_ERR_OK

#define DT_MUST_USE __attribute__((warn_unused_result))

/* Returns a static text, never NULL. */
const char *dt_err_text(enum dt_err err);

#endif
