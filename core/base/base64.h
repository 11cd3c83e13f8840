/* base64.h - bytes out of Base64 text (RFC 4648): both alphabets, with padding or without.
 *
 * White space between the characters is passed over. What comes out may be a key: the caller
 * wipes it. Threads: any.
 */
#ifndef DT_BASE_BASE64_H
#define DT_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Bytes that `len` characters can be at most. */
#define DT_BASE64_ROOM(len) ((len) / 4 * 3 + 3)

/* Into out[DT_BASE64_ROOM(text.len)]; false when it is no Base64. Empty text is empty bytes. */
bool dt_base64_decode(struct dt_span text, uint8_t *out, size_t *len);

#endif
