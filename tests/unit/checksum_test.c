/* base/checksum: what is a checksum, and that it is the right one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"

/* From FIPS 180-4: "abc". */
#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                               \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                                   \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void checksum__is_the_published_one(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_checksum is, parsed;
	(void)state;

	neap_checksum_of(NEAP_SHA256, "abc", 3, &is);
	assert_string_equal(neap_checksum_text(&is, arena), "sha256:" ABC256);
	assert_int_equal(neap_checksum_parse("sha256:" ABC256, &parsed, NULL), 0);
	assert_true(neap_checksum_equal(&is, &parsed));

	struct neap_checksum_state *stream = neap_checksum_begin(NEAP_SHA512);
	neap_checksum_update(stream, "a", 1);
	neap_checksum_update(stream, "bc", 2);
	neap_checksum_end(stream, &is);
	assert_string_equal(neap_checksum_text(&is, arena), "sha512:" ABC512);
	assert_false(neap_checksum_equal(&is, &parsed));
}

static void checksum__digits_may_be_capitals(void **state)
{
	struct neap_checksum lower, upper;
	(void)state;

	assert_int_equal(neap_checksum_parse("sha256:" ABC256, &lower, NULL), 0);
	assert_int_equal(
		neap_checksum_parse("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
				    &upper, NULL),
		0);
	assert_true(neap_checksum_equal(&lower, &upper));
}

static void checksum__what_is_none_is_told(void **state)
{
	static const char *const wrong[][2] = {
		{ "", "it does not say of which kind it is" },
		{ ABC256, "it does not say of which kind it is" },
		{ ":" ABC256, "it does not say of which kind it is" },
		{ "md5:d41d8cd98f00b204e9800998ecf8427e", "\"md5\" is no kind of checksum that neap takes" },
		{ "SHA256:" ABC256, "\"SHA256\" is no kind of checksum that neap takes" },
		{ "sha256:", "sha256 has 64 hexadecimal digits, not 0" },
		{ "sha256:" ABC256 "0", "sha256 has 64 hexadecimal digits, not 65" },
		{ "sha512:" ABC256, "sha512 has 128 hexadecimal digits, not 64" },
		{ "sha256:https://example.org/SHA256SUMS",
		  "\"sha256\" is followed by something else than hexadecimal digits" },
		{ "sha256: " ABC256, "\"sha256\" is followed by something else than hexadecimal digits" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_checksum checksum;

		assert_int_equal(neap_checksum_parse(wrong[i][0], &checksum, &err), -1);
		assert_string_equal(err->message, wrong[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum__is_the_published_one),
		cmocka_unit_test(checksum__digits_may_be_capitals),
		cmocka_unit_test(checksum__what_is_none_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
