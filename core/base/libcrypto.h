/* OpenSSL's libcrypto, loaded at the first digest, key or certificate; see loaded.c. */
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
const struct neap_libcrypto *neap_libcrypto(void);

#include <libcrypto_calls.h>
