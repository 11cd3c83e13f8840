/* alert.h - the two bytes of an alert. RFC 5246 7.2. Threads: any. */
#ifndef DT_DTLS_ALERT_H
#define DT_DTLS_ALERT_H

#include <stdint.h>

#define DT_ALERT_LEN 2u
#define DT_ALERT_WARNING 1u
#define DT_ALERT_FATAL 2u

enum dt_alert {
#define X(number, name, text) DT_ALERT_##name = number,
#include "dtls/alert.def"
#undef X
};

/* "handshake_failure"; "unknown alert" for a number that no RFC gave. */
const char *dt_alert_text(uint8_t description);

#endif
