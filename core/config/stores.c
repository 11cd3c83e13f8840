/* Certificate stores: named in one way that fits their type, and made ready to be opened. */
#include "config/load.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/select.h"
#include "pki/store_type.h"

#include <string.h>
#include <strings.h>

#define POINTER_MAX 128u /* bytes */

/* What a store is there for. */
enum role {
	ROLE_WHOLE,	  /* certificate and key                 */
	ROLE_CERTIFICATE, /* a certificate, its key is elsewhere */
	ROLE_KEY,
	ROLE_AUTHORITY, /* certificates alone */
};

struct place {
	struct dt_load *l;
	char pointer[POINTER_MAX]; /* of the store */
	enum role role;
};

static bool __attribute__((format(printf, 3, 4)))
wrong(const struct place *p, const char *member, const char *format, ...)
{
	char at[POINTER_MAX + 32], text[256];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(at, sizeof(at), "%s%s", p->pointer, member);
	dt_load_tell(p->l, DT_SEVERITY_ERROR, at, "%s", text);
	return false;
}

bool
dt_load_is_store_text(const char *text)
{
	return strncmp(text, "pkcs11:", 7) == 0 || strncmp(text, "-----BEGIN ", 11) == 0;
}

static bool
is_pem(const char *text)
{
	return text && strncmp(text, "-----BEGIN ", 11) == 0;
}

static bool
names_store(const struct dt_config_store *s)
{
	return s->file || s->store || s->store_base64.data;
}

bool
dt_config_store_used(const struct dt_config_store *s)
{
	return names_store(s) || s->encoded;
}

/* ---- checks ---- */

static bool
check_type(const struct place *p, const struct dt_config_store *s)
{
	const struct dt_store_type_info *info = dt_store_type_info((enum dt_store_type)s->store_type);
	if (info->refused)
		return wrong(p, "/store_type",
		    "%s is %s: not supported (402); export it as PKCS#12 and use pfx_file", info->name,
		    info->refused);
	if (s->file && s->store_type != DT_STORE_AUTO)
		return wrong(p, "/store_type", "\"file\" is of type auto: write \"store\" for %s", info->name);
	if (s->store_base64.data && s->store_type != DT_STORE_AUTO && info->place != DT_STORE_AT_BLOB)
		return wrong(p, "/store_base64", "%s is not in the configuration itself: write \"store\"%s",
		    info->name, info->place == DT_STORE_AT_FILE ? ", or take the type of a blob" : "");
	return true;
}

static bool
check_names(const struct place *p, const struct dt_config_store *s)
{
	if (s->file && (s->store || s->store_base64.data))
		return wrong(p, "/file", "another store is named beside it: one of them");
	if (s->store && s->store_base64.data)
		return wrong(p, "/store", "another store is named beside it: one of them");
	if (names_store(s) && s->encoded && p->role == ROLE_AUTHORITY)
		return wrong(p, "/encoded", "this is the certificate, and a store is named beside it: one of them");
	if (!names_store(s) && !(s->encoded && p->role != ROLE_WHOLE))
		return wrong(p, "", "\"file\" is missing, or \"store\", or \"store_base64\"");
	return true;
}

static bool
check_selection(const struct place *p, const struct dt_config_store *s)
{
	static const char prefix[] = "thumbprint=";
	const char *last = s->encoded ? "/encoded" : s->thumbprint ? "/thumbprint" : "/subject";
	int given = (s->subject != NULL) + (s->thumbprint != NULL) + (s->encoded != NULL);
	if (given && p->role == ROLE_KEY)
		return wrong(p, last, "a key is found by its certificate: write this beside that");
	if (given > 1)
		return wrong(p, last, "subject, thumbprint and encoded each say which certificate is meant: one of them");
	if (s->thumbprint && !dt_select_is_thumbprint(s->thumbprint))
		return wrong(p, "/thumbprint", "this is neither MD5 nor SHA-1 nor SHA-256 in hex");
	if (s->subject && strncasecmp(s->subject, prefix, sizeof(prefix) - 1) == 0 &&
	    !dt_select_is_thumbprint(s->subject + sizeof(prefix) - 1))
		return wrong(p, "/subject", "this is neither MD5 nor SHA-1 nor SHA-256 in hex");
	return true;
}

static bool
check_passwords(const struct place *p, const struct dt_config_store *s)
{
	enum dt_store_type type = (enum dt_store_type)s->store_type;
	/* Beside a certificate they may be meant for its key. */
	if (dt_store_type_encrypts(type) || p->role == ROLE_CERTIFICATE)
		return true;
	if (s->password.data || s->key_password.data)
		return wrong(p, s->password.data ? "/password" : "/key_password",
		    "nothing in a %s is encrypted", dt_store_type_info(type)->name);
	return true;
}

/* ---- what is named becomes what is opened ---- */

static void *
take_memory(struct place *p, size_t size)
{
	void *out = dt_config_arena_secret(p->l->arena, size);
	p->l->nomem = p->l->nomem || !out;
	return out;
}

static bool
decode_blob(struct place *p, struct dt_config_store *s)
{
	struct dt_span text = {s->store_base64.data, s->store_base64.len};
	size_t len;
	uint8_t *out = take_memory(p, DT_BASE64_ROOM(text.len));
	if (!out)
		return false;
	if (!dt_base64_decode(text, out, &len) || len == 0)
		return wrong(p, "/store_base64", "this is not Base64");
	s->store_base64 = (struct dtlsd_bytes){out, len};
	return true;
}

/* Text that is a store may hold a key: it moves to where secrets are. */
static bool
move_text(struct place *p, struct dt_config_store *s, const char **text)
{
	size_t len = strlen(*text);
	uint8_t *out = take_memory(p, len + 1);
	if (!out)
		return false;
	memcpy(out, *text, len);
	dt_wipe((void *)(uintptr_t)*text, len);
	*text = NULL;
	s->store_base64 = (struct dtlsd_bytes){out, len};
	return true;
}

static bool
finish(struct place *p, struct dt_config_store *s)
{
	const struct dt_store_type_info *info = dt_store_type_info((enum dt_store_type)s->store_type);
	if (s->store_base64.data)
		return decode_blob(p, s);
	if (is_pem(s->file))
		return move_text(p, s, &s->file);
	if (!s->store)
		return true;
	if (info->place == DT_STORE_AT_BLOB || (s->store_type == DT_STORE_AUTO && is_pem(s->store)))
		return move_text(p, s, &s->store);
	if (!s->store[0])
		return wrong(p, "/store", "a path is wanted here, not an empty text");
	if (info->place == DT_STORE_AT_FILE && !dt_load_is_store_text(s->store))
		s->store = dt_load_path(p->l, s->store);
	return !p->l->nomem;
}

static bool
check_store(struct place *p, struct dt_config_store *s)
{
	if (dt_load_is_faulty(p->l, p->pointer))
		return false;
	return check_type(p, s) && check_names(p, s) && check_selection(p, s) &&
	       check_passwords(p, s) && finish(p, s);
}

static void __attribute__((format(printf, 4, 5)))
check_at(struct dt_load *l, struct dt_config_store *s, enum role role, const char *format, ...)
{
	struct place p = {.l = l, .role = role};
	va_list ap;
	va_start(ap, format);
	vsnprintf(p.pointer, sizeof(p.pointer), format, ap);
	va_end(ap);
	if (!l->nomem)
		(void)check_store(&p, s);
}

/* ---- where stores are ---- */

/* A list of the configuration that is being filled. */
static struct dt_config_store *
nth_store(const struct dtlsd_list *list, size_t i)
{
	return &((struct dt_config_store *)(uintptr_t)list->items)[i];
}

static void
check_authorities(
    struct dt_load *l, const struct dtlsd_list *list, const char *pointer, const char *member)
{
	for (size_t i = 0; i < list->count; i++)
		check_at(l, nth_store(list, i), ROLE_AUTHORITY, "%s/%s/%zu", pointer, member, i);
}

/* A key that says nothing else is opened as its certificate is. */
static void
inherit_password(struct dt_config_certificate *c)
{
	const struct dt_config_store *from = &c->store;
	if (!c->key.password.data && dt_store_type_encrypts((enum dt_store_type)c->key.store_type))
		c->key.password = from->key_password.data ? from->key_password : from->password;
}

static bool
is_empty(const struct dt_config_store *s)
{
	return !dt_config_store_used(s) && !s->store_type && !s->password.data &&
	       !s->key_password.data && !s->subject && !s->thumbprint;
}

static void
check_certificate(struct dt_load *l, struct dt_config_certificate *c, const char *pointer)
{
	bool apart = dt_config_store_used(&c->cert), keyed = dt_config_store_used(&c->key);
	if (dt_load_is_faulty(l, pointer))
		return;
	check_authorities(l, &c->chain, pointer, "chain");
	if (apart && !is_empty(&c->store)) {
		dt_load_tell(l, DT_SEVERITY_ERROR, pointer,
		    "\"cert\" and \"key\" are stores of their own: nothing of a store stands beside them");
		return;
	}
	if (apart && !keyed) {
		dt_load_tell(l, DT_SEVERITY_ERROR, pointer, "\"key\" is missing beside \"cert\": a store");
		return;
	}
	if (apart)
		check_at(l, &c->cert, ROLE_CERTIFICATE, "%s/cert", pointer);
	else
		check_at(l, &c->store, keyed ? ROLE_CERTIFICATE : ROLE_WHOLE, "%s", pointer);
	if (!keyed)
		return;
	check_at(l, &c->key, ROLE_KEY, "%s/key", pointer);
	inherit_password(c);
}

void
dt_load_stores(struct dt_load *l)
{
	struct dt_config_server *servers = (void *)(uintptr_t)l->config->servers.items;
	char tls_at[POINTER_MAX / 2], at[POINTER_MAX];
	for (size_t i = 0; i < l->config->servers.count && !l->nomem; i++) {
		struct dt_config_tls *tls = &servers[i].tls;
		struct dt_config_certificate *list = (void *)(uintptr_t)tls->certificate.items;
		snprintf(tls_at, sizeof(tls_at), "/servers/%zu/tls", i);
		for (size_t k = 0; k < tls->certificate.count; k++) {
			snprintf(at, sizeof(at), "%s/certificate/%zu", tls_at, k);
			check_certificate(l, &list[k], at);
		}
		check_authorities(l, &tls->client_ca, tls_at, "client_ca");
		check_authorities(l, &tls->chain, tls_at, "chain");
	}
}
