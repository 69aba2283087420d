/*
 * OpenSSL's libcrypto, loaded when it is first needed: linked, it would make every start half as long again,
 * and most runs need nothing of it. Who includes this calls its functions by their names; those that are
 * called are listed in libcrypto.def, and one that is not does not link. Private to the files of base/ that
 * stand on OpenSSL.
 */
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() and its like, see digest.c */

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct neap_libcrypto {
#define X(name) __typeof__(name) *(name);
#include "base/libcrypto.def"
#undef X
};
/* Loads it, the first time. Where it cannot be had there is one line that says so, and the process ends, as
 * it does for want of memory. */
const struct neap_libcrypto *neap_libcrypto(void);

/* Made of libcrypto.def by CMakeLists.txt: "#define X509_new (neap_libcrypto()->X509_new)". */
#include <libcrypto_calls.h>
