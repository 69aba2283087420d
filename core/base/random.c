#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/libcrypto.h"

static void put_hex(char *to, const unsigned char *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		unsigned char byte = bytes[i];
		to[2 * i] = digits[byte >> 4];
		to[2 * i + 1] = digits[byte & 15];
	}
	to[2 * count] = '\0';
}

int neap_random_hex(size_t count, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	char *hex;

	neap_arena_wipe(arena);
	hex = neap_arena_bytes(arena, 2 * count + 1);
	/* The bytes lie in the second half until each has become its two digits. */
	unsigned char *bytes = (unsigned char *)hex + count;
	if (count && RAND_priv_bytes(bytes, (int)count) != 1)
		return neap_error_set(err, "the random generator failed");
	put_hex(hex, bytes, count);
	*ret = neap_text_secret(arena, hex, 2 * count);
	return 0;
}

/* Without OpenSSL, whose generator reads its configuration first. */
void neap_random_id(char ret[NEAP_RANDOM_ID_SIZE])
{
	unsigned char bytes[NEAP_RANDOM_ID_SIZE / 2] = { 0 };

	while (getrandom(bytes, sizeof bytes, 0) < 0 && errno == EINTR)
		;
	put_hex(ret, bytes, sizeof bytes);
}
