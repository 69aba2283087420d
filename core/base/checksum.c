/* See checksum.h. Digests by OpenSSL, which cannot fail but for want of memory. */
#include "base/checksum.h"

#include <stdlib.h>
#include <string.h>

#include "base/libcrypto.h"
#include "base/str.h"

struct neap_checksum_state {
	EVP_MD_CTX *context;
	enum neap_checksum_kind kind;
};

static const struct {
	const char *name;
	size_t size;
} kinds[] = {
	[NEAP_SHA256] = { "sha256", 32 },
	[NEAP_SHA512] = { "sha512", 64 },
};

size_t neap_checksum_size(enum neap_checksum_kind kind)
{
	return kinds[kind].size;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int wrong_kind(struct neap_str name, struct neap_error **err)
{
	if (!name.len)
		neap_error_set(err, "it does not say of which kind it is");
	else
		neap_error_set(err, "\"%.*s\" is no kind of checksum that neap takes",
			       (int)(name.len < 20 ? name.len : 20), name.data);
	return neap_error_hint(err, "write \"sha256:\" or \"sha512:\" before the digits");
}

int neap_checksum_parse(const char *text, struct neap_checksum *ret, struct neap_error **err)
{
	struct neap_checksum checksum = { .kind = NEAP_SHA256 };
	const char *colon = strchr(text, ':'), *digits = colon ? colon + 1 : text;
	struct neap_str name = { text, colon ? (size_t)(colon - text) : 0 };
	size_t size, len;

	while (checksum.kind <= NEAP_SHA512 && !neap_str_equal(name, neap_str(kinds[checksum.kind].name)))
		checksum.kind++;
	if (checksum.kind > NEAP_SHA512)
		return wrong_kind(name, err);
	size = kinds[checksum.kind].size;
	len = strlen(digits);
	for (size_t i = 0; i < len && i < 2 * size; i++) {
		int value = digit(digits[i]);

		if (value < 0)
			return neap_error_set(err,
					      "\"%s\" is followed by something else than hexadecimal digits",
					      kinds[checksum.kind].name);
		checksum.bytes[i / 2] = (uint8_t)(checksum.bytes[i / 2] << 4 | value);
	}
	if (len != 2 * size)
		return neap_error_set(err, "%s has %zu hexadecimal digits, not %zu",
				      kinds[checksum.kind].name, 2 * size, len);
	*ret = checksum;
	return 0;
}

const char *neap_checksum_text(const struct neap_checksum *checksum, struct neap_arena *arena)
{
	static const char hex[] = "0123456789abcdef";
	const char *name = kinds[checksum->kind].name;
	size_t size = kinds[checksum->kind].size, len = strlen(name);
	char *text = neap_arena_bytes(arena, len + 2 * size + 2), *to = mempcpy(text, name, len);

	*to++ = ':';
	for (size_t i = 0; i < size; i++) {
		*to++ = hex[checksum->bytes[i] >> 4];
		*to++ = hex[checksum->bytes[i] & 15];
	}
	*to = '\0';
	return text;
}

bool neap_checksum_equal(const struct neap_checksum *a, const struct neap_checksum *b)
{
	return a->kind == b->kind && memcmp(a->bytes, b->bytes, kinds[a->kind].size) == 0;
}

void neap_checksum_of(enum neap_checksum_kind kind, const void *data, size_t len, struct neap_checksum *ret)
{
	struct neap_checksum_state *state = neap_checksum_begin(kind);

	neap_checksum_update(state, data, len);
	neap_checksum_end(state, ret);
}

struct neap_checksum_state *neap_checksum_begin(enum neap_checksum_kind kind)
{
	struct neap_checksum_state *state = neap_alloc(sizeof(*state));

	state->kind = kind;
	state->context = EVP_MD_CTX_new();
	if (!state->context ||
	    !EVP_DigestInit_ex2(state->context, kind == NEAP_SHA512 ? EVP_sha512() : EVP_sha256(), NULL))
		neap_out_of_memory();
	return state;
}

void neap_checksum_update(struct neap_checksum_state *state, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(state->context, data, len))
		neap_out_of_memory();
}

void neap_checksum_now(const struct neap_checksum_state *state, struct neap_checksum *ret)
{
	struct neap_checksum_state *copy = neap_checksum_begin(state->kind);

	if (!EVP_MD_CTX_copy_ex(copy->context, state->context))
		neap_out_of_memory();
	neap_checksum_end(copy, ret);
}

void neap_checksum_end(struct neap_checksum_state *state, struct neap_checksum *ret)
{
	*ret = (struct neap_checksum){ .kind = state->kind };
	if (!EVP_DigestFinal_ex(state->context, ret->bytes, NULL))
		neap_out_of_memory();
	EVP_MD_CTX_free(state->context);
	free(state);
}
