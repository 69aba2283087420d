/* Error messages: built from the inside out, one printable line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/error.h"

static void error__set_returns_minus_one_and_the_first_stays(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	assert_int_equal(neap_error_set(&err, "line %d", 1), -1);
	assert_int_equal(neap_error_set(&err, "line %d", 2), -1);
	assert_int_equal(neap_error_errno(&err, ENOENT, "open"), -1);
	assert_string_equal(err->message, "line 1");
	assert_int_equal(err->errnum, 0);
	assert_null(err->hint);
}

static void error__errno_adds_the_reason(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	assert_int_equal(neap_error_errno(&err, EACCES, "open %s", "/etc/x"), -1);
	assert_string_equal(err->message, "open /etc/x: Permission denied");
	assert_int_equal(err->errnum, EACCES);
}

static void error__a_number_nobody_knows_is_printed(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	neap_error_errno(&err, 98765, "open");
	assert_string_equal(err->message, "open: error 98765");
}

static void error__prefixes_stand_in_front(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	assert_int_equal(neap_error_prefix(&err, "nothing yet"), -1);
	assert_null(err);
	neap_error_errno(&err, EIO, "read");
	assert_int_equal(neap_error_prefix(&err, "inner %d", 1), -1);
	neap_error_prefix(&err, "outer");
	assert_string_equal(err->message, "outer: inner 1: read: Input/output error");
	assert_int_equal(err->errnum, EIO);
}

static void error__a_hint_needs_a_message_and_stays(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	neap_error_hint(&err, "lost");
	assert_null(err);
	neap_error_set(&err, "x");
	neap_error_hint(&err, "Run %s.", "neap key");
	neap_error_hint(&err, "second");
	assert_string_equal(err->hint, "Run neap key.");
}

static void error__nobody_wants_it(void **state)
{
	(void)state;
	assert_int_equal(neap_error_set(NULL, "x"), -1);
	assert_int_equal(neap_error_errno(NULL, EIO, "x"), -1);
	assert_int_equal(neap_error_prefix(NULL, "x"), -1);
	assert_int_equal(neap_error_hint(NULL, "x"), -1);
	neap_error_free(NULL);
}

static void error__control_bytes_cannot_reach_a_terminal(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	neap_error_set(&err, "open %s", "a\nb\tc\r\x1b[2J\x7f é");
	assert_string_equal(err->message, "open a\\nb\\tc\\r\\x1b[2J\\x7f é");
	neap_error_prefix(&err, "%s", "in\nthere");
	neap_error_hint(&err, "%s", "do\x01it");
	assert_string_equal(err->message, "in\\nthere: open a\\nb\\tc\\r\\x1b[2J\\x7f é");
	assert_string_equal(err->hint, "do\\x01it");
	neap_error_quote(&err, "it says:", "no"); /* the first stays */
	assert_string_equal(err->hint, "do\\x01it");
}

static void error__quoted_lines_stay_lines(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	(void)state;
	assert_int_equal(neap_error_quote(&err, "it says:", "no"), -1);
	assert_null(err);
	neap_error_set(&err, "it failed");
	assert_int_equal(neap_error_quote(&err, "it says:", "one\t\x1b[2J\ntwo"), -1);
	assert_string_equal(err->hint, "it says:\none\\t\\x1b[2J\ntwo");
}

static void digest__knows_the_published_values(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char none[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	uint8_t digest[NEAP_DIGEST_SIZE];
	char hex[NEAP_DIGEST_HEX_SIZE];
	struct neap_digest_state *streaming;

	(void)state;
	neap_digest("abc", 3, digest);
	neap_digest_hex(digest, hex);
	assert_string_equal(hex, abc);
	neap_digest(NULL, 0, digest);
	neap_digest_hex(digest, hex);
	assert_string_equal(hex, none);

	streaming = neap_digest_begin();
	neap_digest_update(streaming, "a", 1);
	neap_digest_update(streaming, "", 0);
	neap_digest_update(streaming, "bc", 2);
	neap_digest_end(streaming, digest);
	neap_digest_hex(digest, hex);
	assert_string_equal(hex, abc);
}

static void error__what_is_passed_on_belongs_to_one(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL, *first = NULL, *second = NULL;

	(void)state;
	assert_int_equal(neap_error_pass(&err, &first), -1);
	assert_null(err);
	neap_error_set(&first, "first");
	assert_int_equal(neap_error_pass(&err, &first), -1);
	assert_null(first);
	assert_string_equal(err->message, "first");
	neap_error_set(&second, "second"); /* comes too late */
	assert_int_equal(neap_error_pass(&err, &second), -1);
	assert_null(second);
	assert_string_equal(err->message, "first");
	neap_error_set(&second, "nobody asks");
	assert_int_equal(neap_error_pass(NULL, &second), -1);
	assert_null(second);
}

static void error__a_copy_has_all_of_it(void **state)
{
	struct neap_error *err = NULL, *copy NEAP_AUTO_ERROR = NULL, *plain NEAP_AUTO_ERROR = NULL;

	(void)state;
	neap_error_set(&err, "x");
	plain = neap_error_copy(err);
	assert_null(plain->hint);
	neap_error_free(err);
	err = NULL;
	neap_error_errno(&err, EIO, "write /x");
	neap_error_quote(&err, "it says:", "one\ntwo");
	copy = neap_error_copy(err);
	neap_error_free(err);
	assert_string_equal(copy->message, "write /x: Input/output error");
	assert_string_equal(copy->hint, "it says:\none\ntwo"); /* on lines of their own still */
	assert_int_equal(copy->errnum, EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error__what_is_passed_on_belongs_to_one),
		cmocka_unit_test(error__a_copy_has_all_of_it),
		cmocka_unit_test(error__set_returns_minus_one_and_the_first_stays),
		cmocka_unit_test(error__errno_adds_the_reason),
		cmocka_unit_test(error__a_number_nobody_knows_is_printed),
		cmocka_unit_test(error__prefixes_stand_in_front),
		cmocka_unit_test(error__a_hint_needs_a_message_and_stays),
		cmocka_unit_test(error__nobody_wants_it),
		cmocka_unit_test(error__control_bytes_cannot_reach_a_terminal),
		cmocka_unit_test(error__quoted_lines_stay_lines),
		cmocka_unit_test(digest__knows_the_published_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
