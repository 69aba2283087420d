#include "base/x509.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/digest.h"
#include "base/x509_private.h"

/* ---- certificates: read ------------------------------------------------------------------------------ */

/* The last few that were read, by their bytes: a CA's certificate is read again for each one that it signed.
 */
static struct {
	pthread_mutex_t lock;
	struct known {
		uint8_t digest[NEAP_DIGEST_SIZE];
		X509 *x509; /* NULL: nothing here */
		uint64_t used;
	} known[4];
	uint64_t clock;
} memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

static X509 *parse(struct neap_str pem)
{
	bool encrypted = false;
	BIO *bio = neap_bio_over(pem);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, neap_pem_refuse, &encrypted);

	BIO_free(bio);
	ERR_clear_error();
	return x509;
}

static X509 *parse_or_remember(struct neap_str pem)
{
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct known *oldest = memory.known, *known = NULL;
	X509 *x509;

	neap_digest(pem.data, pem.len, digest);
	pthread_mutex_lock(&memory.lock);
	for (size_t i = 0; i < sizeof memory.known / sizeof *memory.known && !known; i++) {
		struct known *one = &memory.known[i];
		if (one->x509 && memcmp(one->digest, digest, sizeof digest) == 0)
			known = one;
		else if (one->used < oldest->used)
			oldest = one;
	}
	x509 = known ? known->x509 : parse(pem);
	if (x509 && !known) {
		X509_free(oldest->x509);
		memcpy(oldest->digest, digest, sizeof digest);
		oldest->x509 = x509;
		known = oldest;
	}
	if (known)
		known->used = ++memory.clock;
	if (x509)
		X509_up_ref(x509);
	pthread_mutex_unlock(&memory.lock);
	return x509;
}

int neap_cert_parse(struct neap_str pem, struct neap_cert **ret, struct neap_error **err)
{
	X509 *x509;

	neap_openssl();
	x509 = parse_or_remember(pem);
	if (!x509) {
		neap_error_set(err, "holds no certificate in PEM that can be read");
		return neap_error_hint(err, "what is not understood is never replaced: move it away, or "
					    "name another path");
	}
	struct neap_cert *cert = neap_alloc(sizeof *cert);
	cert->x509 = x509;
	*ret = cert;
	return 0;
}

void neap_cert_free(struct neap_cert *cert)
{
	if (!cert)
		return;
	X509_free(cert->x509);
	free(cert);
}

void neap_cert_auto(struct neap_cert **cert)
{
	neap_cert_free(*cert);
}

static int read_time(const ASN1_TIME *time, int64_t *ret, struct neap_error **err)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(time, &tm)) {
		ERR_clear_error();
		return neap_error_set(err, "holds a date that cannot be read");
	}
	*ret = timegm(&tm);
	return 0;
}

int neap_cert_facts(const struct neap_cert *cert, struct neap_arena *arena, struct neap_cert_facts *ret,
		    struct neap_error **err)
{
	*ret = (struct neap_cert_facts){ 0 };
	if (read_time(X509_get0_notBefore(cert->x509), &ret->begins, err) < 0 ||
	    read_time(X509_get0_notAfter(cert->x509), &ret->ends, err) < 0)
		return -1;
	neap_holder_read(X509_get_subject_name(cert->x509), X509_get0_extensions(cert->x509), arena,
			 &ret->holder);
	uint32_t needed = ret->holder.ca ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE;
	ret->key_usage = (X509_get_key_usage(cert->x509) & needed) == needed;
	ERR_clear_error();
	return 0;
}

bool neap_cert_is_of(const struct neap_cert *cert, const struct neap_key *key)
{
	const EVP_PKEY *public = X509_get0_pubkey(cert->x509);
	bool same = public && EVP_PKEY_eq(public, key->pkey) == 1;

	ERR_clear_error();
	return same;
}

enum neap_issued neap_cert_issued(const struct neap_cert *cert, const struct neap_cert *issuer)
{
	EVP_PKEY *public = X509_get0_pubkey(issuer->x509);
	enum neap_issued issued = NEAP_ISSUED_OTHER_KEY;

	switch (X509_check_issued(issuer->x509, cert->x509)) {
	case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
		issued = NEAP_ISSUED_OTHER_NAME;
		break;
	case X509_V_OK:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: /* a leaf that signs itself */
		if (public && X509_verify(cert->x509, public) == 1)
			issued = NEAP_ISSUED;
		break;
	default: /* the key identifiers differ */
		break;
	}
	ERR_clear_error();
	return issued;
}

/* ---- certificates: made ------------------------------------------------------------------------------ */

static void need(bool done)
{
	if (!done)
		neap_out_of_memory();
}

/* 20 octets, positive, random but for the first two bits. */
static int set_serial(X509 *x509, struct neap_error **err)
{
	unsigned char bytes[20];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return neap_error_set(err, "the random generator failed");
	bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	need(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
	BN_free(number);
	return 0;
}

static int set_dates(X509 *x509, const struct neap_cert_order *order, struct neap_error **err)
{
	ASN1_TIME *begins = ASN1_TIME_set(NULL, (time_t)order->begins);
	ASN1_TIME *ends = ASN1_TIME_set(NULL, (time_t)order->ends);
	int r = 0;

	if (!begins || !ends || order->begins >= order->ends)
		r = neap_error_set(err, "a certificate cannot have these dates");
	else
		need(X509_set1_notBefore(x509, begins) && X509_set1_notAfter(x509, ends));
	ASN1_TIME_free(begins);
	ASN1_TIME_free(ends);
	return r;
}

/* SHA-1 of the key's bits is what most others use, so that a CA of theirs keeps its identifier when it is
 * renewed here. It protects nothing. */
static void add_key_identifiers(X509 *x509, const struct neap_cert *issuer)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();

	need(id && X509_pubkey_digest(x509, EVP_sha1(), digest, &len) &&
	     ASN1_OCTET_STRING_set(id, digest, (int)len) &&
	     X509_add1_ext_i2d(x509, NID_subject_key_identifier, id, false, X509V3_ADD_APPEND) == 1);
	ASN1_OCTET_STRING_free(id);
	const ASN1_OCTET_STRING *of_issuer = issuer ? X509_get0_subject_key_id(issuer->x509) : NULL;
	if (!of_issuer)
		return;
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	need(authority);
	authority->keyid = ASN1_OCTET_STRING_dup(of_issuer);
	need(authority->keyid &&
	     X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority, false, X509V3_ADD_APPEND) == 1);
	AUTHORITY_KEYID_free(authority);
}

static int fill(X509 *x509, const struct neap_cert_order *order, struct neap_error **err)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509_NAME *subject = NULL;

	if (set_serial(x509, err) < 0 || set_dates(x509, order, err) < 0 ||
	    neap_holder_subject(&order->holder, &subject, err) < 0)
		return -1;
	X509_NAME *issuer = order->issuer ? X509_get_subject_name(order->issuer->x509) : subject;
	need(X509_set_version(x509, X509_VERSION_3) && X509_set_subject_name(x509, subject) &&
	     X509_set_issuer_name(x509, issuer));
	X509_NAME_free(subject);
	if (!X509_set_pubkey(x509, order->key->pkey))
		return neap_openssl_error(err, "put the key into a certificate");
	if (neap_holder_extensions(&order->holder, false, order->key, &extensions, err) < 0)
		return -1;
	for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
		need(X509_add_ext(x509, sk_X509_EXTENSION_value(extensions, i), -1));
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	add_key_identifiers(x509, order->issuer);
	return 0;
}

int neap_cert_make(const struct neap_cert_order *order, struct neap_arena *arena, struct neap_str *ret_pem,
		   struct neap_error **err)
{
	const struct neap_key *signer = order->issuer ? order->issuer_key : order->key;
	X509 *x509;
	int r;

	neap_openssl();
	if (order->issuer && !neap_cert_is_of(order->issuer, signer))
		return neap_error_set(err, "the issuer's key is not the key of its certificate");
	x509 = X509_new();
	need(x509);
	r = fill(x509, order, err);
	if (r == 0 && !X509_sign(x509, signer->pkey, neap_key_signs_by(signer)))
		r = neap_openssl_error(err, "sign the certificate");
	if (r == 0) {
		BIO *bio = BIO_new(BIO_s_mem());
		need(bio && PEM_write_bio_X509(bio, x509));
		*ret_pem = neap_bio_take(bio, arena);
	}
	X509_free(x509);
	return r;
}

/* ---- requests ---------------------------------------------------------------------------------------- */

int neap_request_parse(struct neap_str pem, struct neap_request **ret, struct neap_error **err)
{
	bool encrypted = false;
	BIO *bio;
	X509_REQ *req;

	neap_openssl();
	bio = neap_bio_over(pem);
	req = PEM_read_bio_X509_REQ(bio, NULL, neap_pem_refuse, &encrypted);
	BIO_free(bio);
	ERR_clear_error();
	if (!req) {
		neap_error_set(err, "holds no certificate request in PEM that can be read");
		return neap_error_hint(err, "what is not understood is never replaced: move it away, or "
					    "name another path");
	}
	struct neap_request *request = neap_alloc(sizeof *request);
	request->req = req;
	*ret = request;
	return 0;
}

void neap_request_free(struct neap_request *request)
{
	if (!request)
		return;
	X509_REQ_free(request->req);
	free(request);
}

void neap_request_auto(struct neap_request **request)
{
	neap_request_free(*request);
}

void neap_request_holder(const struct neap_request *request, struct neap_arena *arena,
			 struct neap_holder *ret)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request->req);

	neap_holder_read(X509_REQ_get_subject_name(request->req), extensions, arena, ret);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

bool neap_request_is_of(const struct neap_request *request, const struct neap_key *key)
{
	const EVP_PKEY *public = X509_REQ_get0_pubkey(request->req);
	bool same = public && EVP_PKEY_eq(public, key->pkey) == 1 &&
		    X509_REQ_verify(request->req, key->pkey) == 1;

	ERR_clear_error();
	return same;
}

int neap_request_make(const struct neap_holder *holder, const struct neap_key *key, struct neap_arena *arena,
		      struct neap_str *ret_pem, struct neap_error **err)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509_NAME *subject = NULL;
	int r = 0;

	neap_openssl();
	if (neap_holder_subject(holder, &subject, err) < 0)
		return -1;
	if (neap_holder_extensions(holder, true, key, &extensions, err) < 0) {
		X509_NAME_free(subject);
		return -1;
	}
	X509_REQ *req = X509_REQ_new();
	need(req && X509_REQ_set_version(req, X509_REQ_VERSION_1) &&
	     X509_REQ_set_subject_name(req, subject) &&
	     (!extensions || X509_REQ_add_extensions(req, extensions)));
	X509_NAME_free(subject);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	if (!X509_REQ_set_pubkey(req, key->pkey) || !X509_REQ_sign(req, key->pkey, neap_key_signs_by(key))) {
		r = neap_openssl_error(err, "sign the request");
	} else {
		BIO *bio = BIO_new(BIO_s_mem());
		need(bio && PEM_write_bio_X509_REQ(bio, req));
		*ret_pem = neap_bio_take(bio, arena);
	}
	X509_REQ_free(req);
	return r;
}
