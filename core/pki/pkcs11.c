/* OpenSSL 3.0 deprecates engines, and Debian 12 has no provider for PKCS#11: it is one or none. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "pki/pkcs11.h"

#include "base/mem.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT 4096u /* bytes, with NUL */

/* Return values of PKCS#11 that the engine puts on the error queue as its reasons. */
#define CKR_PIN_FIRST 0xa0 /* CKR_PIN_INCORRECT */
#define CKR_PIN_LAST 0xa4  /* CKR_PIN_LOCKED    */

/* A URI in its parts: the engine understands no query. */
struct uri {
	char *path;		/* owned: up to the query */
	char module[PATH_TEXT]; /* "" = the engine's default */
};

static const char scheme[] = "pkcs11:";

bool
dt_pkcs11_seen(const char *uri)
{
	return strncmp(uri, scheme, sizeof(scheme) - 1) == 0;
}

/* RFC 3986 2.1 */
static bool
decode_percent(const char *text, size_t len, char *out, size_t cap)
{
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];
		if (c == '%') {
			int high = i + 2 < len ? OPENSSL_hexchar2int((unsigned char)text[i + 1]) : -1;
			int low = i + 2 < len ? OPENSSL_hexchar2int((unsigned char)text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = high << 4 | low;
			i += 2;
		}
		if (c == 0 || used + 1 >= cap)
			return false;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return true;
}

static enum dt_pki_fault
take_attribute(struct uri *u, const char *text, size_t len)
{
	static const char module[] = "module-path=";
	if (len >= 4 && strncmp(text, "pin-", 4) == 0)
		return DT_PKI_PIN_IN_URI;
	if (len < sizeof(module) - 1 || strncmp(text, module, sizeof(module) - 1) != 0)
		return DT_PKI_PKCS11_URI;
	text += sizeof(module) - 1;
	len -= sizeof(module) - 1;
	return decode_percent(text, len, u->module, sizeof(u->module)) ? DT_PKI_NONE
								       : DT_PKI_PKCS11_URI;
}

static enum dt_pki_fault
parse(const char *uri, struct uri *u)
{
	size_t len = strcspn(uri, "?");
	enum dt_pki_fault fault = DT_PKI_NONE;
	u->path = dt_copy(uri, len);
	if (!u->path)
		return DT_PKI_NOMEM;
	for (const char *at = uri + len; fault == DT_PKI_NONE && *at; at += len) {
		at++;
		len = strcspn(at, "&");
		fault = take_attribute(u, at, len);
	}
	return fault;
}

/* In place of a question on the terminal. */
static int
refuse_to_answer(UI *ui, UI_STRING *question)
{
	(void)ui;
	(void)question;
	return -1;
}

static enum dt_pki_fault
key_fault(struct dtlsd_bytes pin)
{
	unsigned long e;
	while ((e = ERR_get_error()) != 0) {
		const char *lib = ERR_lib_error_string(e);
		int reason = ERR_GET_REASON(e);
		if (lib && strcmp(lib, "PKCS#11 module") == 0 && reason >= CKR_PIN_FIRST &&
		    reason <= CKR_PIN_LAST)
			return DT_PKI_PIN_WRONG;
	}
	return pin.data ? DT_PKI_NONE : DT_PKI_PIN_MISSING;
}

static enum dt_pki_fault
take_key(ENGINE *e, const char *uri, struct dtlsd_bytes pin, struct dt_material *m)
{
	UI_METHOD *ui = UI_create_method("no questions");
	if (!ui)
		return DT_PKI_NOMEM;
	UI_method_set_reader(ui, refuse_to_answer);
	ERR_clear_error();
	EVP_PKEY *key = ENGINE_load_private_key(e, uri, ui, NULL);
	UI_destroy_method(ui);
	return key ? dt_material_add_key(m, key, true) : key_fault(pin);
}

static enum dt_pki_fault
take_certificate(ENGINE *e, const char *uri, struct dt_material *m)
{
	struct {
		const char *uri;
		X509 *cert;
	} request = {uri, NULL};
	if (!ENGINE_ctrl_cmd(e, "LOAD_CERT_CTRL", 0, &request, NULL, 1) || !request.cert)
		return DT_PKI_NONE;
	return dt_material_add_certificate(m, request.cert);
}

static enum dt_pki_fault
use_engine(ENGINE *e, const struct uri *u, struct dtlsd_bytes pin, bool key, struct dt_material *m)
{
	/* The engine takes a C string and keeps a copy, which it wipes with its context. */
	char *text = pin.data ? dt_copy(pin.data, pin.len) : NULL;
	if (pin.data && !text)
		return DT_PKI_NOMEM;
	bool set = !text || ENGINE_ctrl_cmd_string(e, "PIN", text, 0);
	dt_free_secret(text, pin.len);
	if (!set)
		return DT_PKI_NOMEM;
	enum dt_pki_fault fault = take_certificate(e, u->path, m);
	return fault == DT_PKI_NONE && key ? take_key(e, u->path, pin, m) : fault;
}

static enum dt_pki_fault
open_engine(const struct uri *u, struct dtlsd_bytes pin, bool key, struct dt_material *m)
{
	/* Before the engine: it would tell the terminal. */
	if (u->module[0] && access(u->module, R_OK) != 0)
		return DT_PKI_PKCS11_MODULE;
	ENGINE *e = ENGINE_by_id("pkcs11");
	if (!e)
		return DT_PKI_PKCS11_ENGINE;
	enum dt_pki_fault fault = DT_PKI_PKCS11_MODULE;
	bool set = ENGINE_ctrl_cmd_string(e, "QUIET", NULL, 0) &&
		   (!u->module[0] || ENGINE_ctrl_cmd_string(e, "MODULE_PATH", u->module, 0));
	if (set && ENGINE_init(e)) {
		fault = use_engine(e, u, pin, key, m);
		ENGINE_finish(e); /* a key holds the engine itself */
	}
	ENGINE_free(e);
	return fault;
}

enum dt_pki_fault
dt_pkcs11_read(const char *uri, struct dtlsd_bytes pin, bool key, struct dt_material *m)
{
	struct uri *u = dt_alloc(sizeof(*u));
	if (!u)
		return DT_PKI_NOMEM;
	enum dt_pki_fault fault = dt_pkcs11_seen(uri) ? parse(uri, u) : DT_PKI_PKCS11_URI;
	if (fault == DT_PKI_NONE && pin.len && memchr(pin.data, 0, pin.len))
		fault = DT_PKI_PIN_WRONG;
	if (fault == DT_PKI_NONE)
		fault = open_engine(u, pin, key, m);
	dt_free(u->path);
	dt_free(u);
	return fault;
}
