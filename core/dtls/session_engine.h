/* session_engine.h - the session of a suite whose records are not ours: OpenSSL keeps them.
 *
 * Only its epoch-0 records are renumbered (a ChangeCipherSpec of a repeated flight); what it seals
 * goes out as it is, and nothing of ours is ever sealed. Inside of session.c. Threads: none.
 */
#ifndef DT_DTLS_SESSION_ENGINE_H
#define DT_DTLS_SESSION_ENGINE_H

#include "dtls/session.h"

/* Header, IV, padding and MAC of the largest CBC suite: 13 + 16 + 256 + 48. */
#define DT_SESSION_ENGINE_OVERHEAD 333u
#define DT_SESSION_ENGINE_USUAL 93u /* with as little padding as OpenSSL writes */

struct dt_session_event dt_session_engine_open(struct dt_session *s, const struct dt_record *rec,
    const struct dt_wire *wire);
size_t dt_session_engine_seal(struct dt_session *s, const uint8_t *data, size_t len, uint8_t *out);
void dt_session_engine_alert(struct dt_session *s, uint8_t description, const struct dt_wire *wire);

#endif
