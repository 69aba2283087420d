/* Checksums as people write them: "sha256:…" or "sha512:…", the digest in hexadecimal digits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum neap_checksum_kind { NEAP_SHA256, NEAP_SHA512 };

struct neap_checksum {
	enum neap_checksum_kind kind;
	uint8_t bytes[64]; /* the first neap_checksum_size() of them */
};

size_t neap_checksum_size(enum neap_checksum_kind kind);
/* Says what is wrong with `text`: kind, number of digits, digits. */
int neap_checksum_parse(const char *text, struct neap_checksum *ret, struct neap_error **err);
/* As it is written, in lower case. */
const char *neap_checksum_text(const struct neap_checksum *checksum, struct neap_arena *arena);
bool neap_checksum_equal(const struct neap_checksum *a, const struct neap_checksum *b);

void neap_checksum_of(enum neap_checksum_kind kind, const void *data, size_t len, struct neap_checksum *ret);

struct neap_checksum_state; /* streaming */
struct neap_checksum_state *neap_checksum_begin(enum neap_checksum_kind kind);
void neap_checksum_update(struct neap_checksum_state *state, const void *data, size_t len);
void neap_checksum_now(const struct neap_checksum_state *state, struct neap_checksum *ret); /* and goes on */
void neap_checksum_end(struct neap_checksum_state *state, struct neap_checksum *ret);       /* frees */
