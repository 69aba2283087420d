/* SHA-256 (OpenSSL). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NEAP_DIGEST_SIZE 32
#define NEAP_DIGEST_HEX_SIZE (2 * NEAP_DIGEST_SIZE + 1)

void neap_digest(const void *data, size_t len, uint8_t ret[NEAP_DIGEST_SIZE]);
void neap_digest_hex(const uint8_t digest[NEAP_DIGEST_SIZE], char ret[NEAP_DIGEST_HEX_SIZE]);

struct neap_digest_state; /* streaming */
struct neap_digest_state *neap_digest_begin(void);
void neap_digest_update(struct neap_digest_state *state, const void *data, size_t len);
void neap_digest_end(struct neap_digest_state *state, uint8_t ret[NEAP_DIGEST_SIZE]); /* frees */
