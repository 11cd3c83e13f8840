/* psk_file.h - a file of PSK identities: "identity:key in hex", a line each, # for comments.
 *
 * The format of GnuTLS's psktool. Read once; sorted; wiped when freed.
 * Owner: the server. Threads: read-only once loaded.
 */
#ifndef DT_CONN_PSK_FILE_H
#define DT_CONN_PSK_FILE_H

#include "base/err.h"
#include "base/span.h"

struct dt_psk_file;

/* DT_ERR_CONFIG: `error` names the line and what is wrong with it, never the key. */
enum dt_err dt_psk_file_load(const char *path, struct dt_psk_file **out, char *error,
    size_t cap) DT_MUST_USE;
void dt_psk_file_free(struct dt_psk_file **file);

/* The key, borrowed; {NULL, 0} when the identity is unknown. */
struct dt_span dt_psk_file_find(const struct dt_psk_file *file, struct dt_span identity);

#endif
