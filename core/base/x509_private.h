/* What pkey.c and x509*.c share of OpenSSL; for these files only. */
#pragma once

#include "base/libcrypto.h"
#include "base/pkey.h"
#include "base/x509.h"

struct neap_key {
	EVP_PKEY *pkey;
};
struct neap_cert {
	X509 *x509;
};
struct neap_request {
	X509_REQ *req;
};

/* Before anything else is asked of OpenSSL: neap reads no configuration file, and neither does OpenSSL for
 * it. */
void neap_openssl(void);
/* A read-only BIO over `bytes`. */
BIO *neap_bio_over(struct neap_str bytes);
/* What was written to a memory BIO, in `arena`; frees it. */
struct neap_str neap_bio_take(BIO *bio, struct neap_arena *arena);
/* For PEM that may be encrypted: refuses, and notes in *(bool *)asked that it was. */
int neap_pem_refuse(char *buf, int size, int writing, void *asked);
/* "MESSAGE: what OpenSSL says", and empties its queue of errors. */
int neap_openssl_error(struct neap_error **err, const char *message);
/* By what a key of this kind signs; NULL for Ed25519, which has its own. */
const EVP_MD *neap_key_signs_by(const struct neap_key *key);

/* Subject, names, usages: shared by certificates and requests (x509_holder.c). `arena` keeps the words. */
int neap_holder_subject(const struct neap_holder *holder, X509_NAME **ret, struct neap_error **err);
/* The extensions that say who the holder is and what for. */
int neap_holder_extensions(const struct neap_holder *holder, bool request, const struct neap_key *key,
			   STACK_OF(X509_EXTENSION) * *ret, struct neap_error **err);
void neap_holder_read(const X509_NAME *subject, const STACK_OF(X509_EXTENSION) * extensions,
		      struct neap_arena *arena, struct neap_holder *ret);
