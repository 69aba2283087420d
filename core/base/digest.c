/*
 * SHA-256 by OpenSSL, by its function of old: the first digest by EVP costs a millisecond and a half, in
 * which it reads its configuration and looks for providers, and most runs want no other thing of it.
 */
#include "base/digest.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/libcrypto.h"

struct neap_digest_state {
	SHA256_CTX context;
};

void neap_digest(const void *data, size_t len, uint8_t ret[NEAP_DIGEST_SIZE])
{
	SHA256_CTX context;

	SHA256_Init(&context);
	SHA256_Update(&context, data, len);
	SHA256_Final(ret, &context);
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

	SHA256_Init(&state->context);
	return state;
}

void neap_digest_update(struct neap_digest_state *state, const void *data, size_t len)
{
	SHA256_Update(&state->context, data, len);
}

void neap_digest_end(struct neap_digest_state *state, uint8_t ret[NEAP_DIGEST_SIZE])
{
	SHA256_Final(ret, &state->context);
	free(state);
}
