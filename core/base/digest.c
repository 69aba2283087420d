/* SHA-256 by OpenSSL. It cannot fail but for want of memory. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"

static EVP_MD *sha256; /* fetching costs more than hashing a small file: once */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

struct neap_digest_state {
	EVP_MD_CTX *context;
};

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		neap_out_of_memory();
}

void neap_digest(const void *data, size_t len, uint8_t ret[NEAP_DIGEST_SIZE])
{
	pthread_once(&sha256_once, fetch);
	if (!EVP_Digest(data, len, ret, NULL, sha256, NULL))
		neap_out_of_memory();
}

void neap_digest_hex(const uint8_t digest[NEAP_DIGEST_SIZE], char ret[NEAP_DIGEST_HEX_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < NEAP_DIGEST_SIZE; i++) {
		ret[2 * i] = hex[digest[i] >> 4];
		ret[2 * i + 1] = hex[digest[i] & 15];
	}
	ret[NEAP_DIGEST_HEX_SIZE - 1] = '\0';
}

struct neap_digest_state *neap_digest_begin(void)
{
	struct neap_digest_state *state = neap_alloc(sizeof(*state));

	pthread_once(&sha256_once, fetch);
	state->context = EVP_MD_CTX_new();
	if (!state->context || !EVP_DigestInit_ex2(state->context, sha256, NULL))
		neap_out_of_memory();
	return state;
}

void neap_digest_update(struct neap_digest_state *state, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(state->context, data, len))
		neap_out_of_memory();
}

void neap_digest_end(struct neap_digest_state *state, uint8_t ret[NEAP_DIGEST_SIZE])
{
	if (!EVP_DigestFinal_ex(state->context, ret, NULL))
		neap_out_of_memory();
	EVP_MD_CTX_free(state->context);
	free(state);
}
