#include "pki/staple.h"

#include "base/mem.h"
#include "pki/asn1_time.h"
#include "pki/file.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdio.h>

#define STAPLE_MAX 65536u /* bytes; usual are 500 to 2,000 */

/* The certificate that issued it; NULL when we do not have it. */
static X509 *
issuer_of(const struct dt_credential *c)
{
	if (sk_X509_num(c->chain))
		return sk_X509_value(c->chain, 0);
	return X509_self_signed(c->leaf, 0) == 1 ? c->leaf : NULL;
}

/* 1: about it; 0: not; -1: without its issuer that cannot be told. */
static int
is_about(const OCSP_SINGLERESP *one, const struct dt_credential *c)
{
	ASN1_OBJECT *digest;
	ASN1_INTEGER *serial;
	OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(one);
	if (!OCSP_id_get0_info(NULL, &digest, NULL, &serial, id) ||
	    ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(c->leaf)) != 0)
		return 0;
	const EVP_MD *md = EVP_get_digestbyobj(digest);
	X509 *issuer = issuer_of(c);
	if (!issuer || !md)
		return -1;
	OCSP_CERTID *ours = OCSP_cert_to_id(md, c->leaf, issuer);
	int same = ours && OCSP_id_cmp(ours, id) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static enum dt_err
check_answer(OCSP_SINGLERESP *one, struct dt_now now, const char *path, struct dt_staple *out,
    struct dt_pki_error *err)
{
	ASN1_GENERALIZEDTIME *from_text, *until_text;
	int64_t from;
	char date[DT_DATE_TEXT], detail[DT_DATE_TEXT + 16];
	if (OCSP_single_get0_status(one, NULL, NULL, &from_text, &until_text) !=
	    V_OCSP_CERTSTATUS_GOOD)
		return dt_pki_fail(err, DT_PKI_STAPLE_BAD, path, NULL);
	out->until = INT64_MAX;
	if (!dt_asn1_seconds(from_text, &from) ||
	    (until_text && !dt_asn1_seconds(until_text, &out->until)))
		return dt_pki_fail(err, DT_PKI_STAPLE_FORMAT, path, "its dates");
	if (now.wall.s < from) {
		snprintf(detail, sizeof(detail), "valid from %s", dt_date_text(from, date));
		return dt_pki_fail(err, DT_PKI_STAPLE_DATES, path, detail);
	}
	if (now.wall.s > out->until) {
		snprintf(detail, sizeof(detail), "valid until %s", dt_date_text(out->until, date));
		return dt_pki_fail(err, DT_PKI_STAPLE_DATES, path, detail);
	}
	return DT_OK;
}

static enum dt_err
find_answer(OCSP_BASICRESP *basic, struct dt_credential *const *credentials, size_t count,
    struct dt_now now, const char *path, struct dt_staple *out, struct dt_pki_error *err)
{
	bool doubtful = false;
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);
		for (size_t k = 0; k < count; k++) {
			int about = is_about(one, credentials[k]);
			doubtful = doubtful || about < 0;
			out->about = k;
			if (about == 1)
				return check_answer(one, now, path, out, err);
		}
	}
	return dt_pki_fail(err, DT_PKI_STAPLE_OTHER, path,
	    doubtful ? "its issuer is not in the chain, so that cannot be told" : NULL);
}

static enum dt_err
parse(const struct dt_pki_file *file, struct dt_credential *const *credentials, size_t count,
    struct dt_now now, const char *path, struct dt_staple *out, struct dt_pki_error *err)
{
	const uint8_t *at = file->data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)file->len);
	OCSP_BASICRESP *basic = NULL;
	if (response && at == file->data + file->len &&
	    OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	enum dt_err e = basic ? find_answer(basic, credentials, count, now, path, out, err)
			      : dt_pki_fail(err, DT_PKI_STAPLE_FORMAT, path, NULL);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return e;
}

enum dt_err
dt_staple_init(struct dt_staple *out, const char *path, struct dt_credential *const *credentials,
    size_t count, struct dt_now now, struct dt_pki_error *err)
{
	struct dt_pki_file file;
	*out = (struct dt_staple){0};
	enum dt_err e = dt_pki_file_init(&file, path, STAPLE_MAX, err);
	if (e != DT_OK)
		return e;
	ERR_clear_error();
	e = parse(&file, credentials, count, now, path, out, err);
	ERR_clear_error();
	if (e == DT_OK && !(out->der = dt_copy(file.data, file.len)))
		e = dt_pki_fail(err, DT_PKI_NOMEM, path, NULL);
	out->len = e == DT_OK ? file.len : 0;
	dt_pki_file_fini(&file);
	return e;
}

void
dt_staple_fini(struct dt_staple *s)
{
	dt_free(s->der);
	*s = (struct dt_staple){0};
}
