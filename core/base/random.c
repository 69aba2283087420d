#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

int neap_random_hex(size_t count, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	static const char digits[] = "0123456789abcdef";
	char *hex;

	neap_arena_wipe(arena);
	hex = neap_arena_bytes(arena, 2 * count + 1);
	/* The bytes lie in the second half until each has become its two digits. */
	unsigned char *bytes = (unsigned char *)hex + count;
	if (count && RAND_priv_bytes(bytes, (int)count) != 1)
		return neap_error_set(err, "the random generator failed");
	for (size_t i = 0; i < count; i++) {
		unsigned char byte = bytes[i];
		hex[2 * i] = digits[byte >> 4];
		hex[2 * i + 1] = digits[byte & 15];
	}
	hex[2 * count] = '\0';
	*ret = neap_text_secret(arena, hex, 2 * count);
	return 0;
}
