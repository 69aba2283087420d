/* Regular expressions: found or not, wrong patterns, patterns that would hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/regex.h"

static bool found(const char *pattern, struct neap_str text)
{
	struct neap_regex *regex;
	bool yes = false;

	assert_int_equal(neap_regex_new(pattern, &regex, NULL), 0);
	assert_int_equal(neap_regex_search(regex, text, &yes, NULL), 0);
	neap_regex_free(regex);
	return yes;
}

static void regex__searches_anywhere(void **state)
{
	(void)state;
	assert_true(found("b+", NEAP_STR("abc")));
	assert_false(found("^b", NEAP_STR("abc")));
	assert_true(found("^net\\.ipv4", NEAP_STR("net.ipv4.ip_forward=1")));
	assert_true(found("(a)(b)(c)", NEAP_STR("xabc")));
	assert_true(found("^$", NEAP_STR("")));
	assert_true(found("", (struct neap_str){ NULL, 0 }));
	assert_false(found("x", (struct neap_str){ NULL, 0 }));
}

static void regex__text_is_bytes(void **state)
{
	(void)state;
	assert_true(found("\\xff", NEAP_STR("a\xff")));
	assert_true(found("b", NEAP_STR("a\0b")));
	assert_true(found("^.{2}$", NEAP_STR("é"))); /* two bytes */
}

static void regex__one_serves_many_searches(void **state)
{
	struct neap_regex *regex;
	bool yes;

	(void)state;
	assert_int_equal(neap_regex_new("^a", &regex, NULL), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			neap_regex_search(regex, i % 2 ? NEAP_STR("ab") : NEAP_STR("ba"), &yes, NULL), 0);
		assert_int_equal(yes, i % 2);
	}
	neap_regex_free(regex);
	neap_regex_free(NULL);
}

static void regex__an_error_names_the_offset(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_regex *regex;

	(void)state;
	assert_int_equal(neap_regex_new("a(b", &regex, &err), -1);
	assert_string_equal(err->message,
			    "regular expression \"a(b\": missing closing parenthesis at offset 3");
}

static void regex__utf_cannot_be_switched_on(void **state)
{
	struct neap_regex *regex;

	(void)state;
	assert_int_equal(neap_regex_new("(*UTF)a", &regex, NULL), -1);
}

static void regex__no_pattern_hangs(void **state)
{
	static const char *const patterns[] = { "^(a+)+$", "(a|aa)+$", "(.*)*b(?<!x)y", "^(?:(?:a*)*)*c" };
	char text[5000];
	clock_t start = clock();

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '!';
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_regex *regex;
		bool yes = true;

		assert_int_equal(neap_regex_new(patterns[i], &regex, NULL), 0);
		if (neap_regex_search(regex, (struct neap_str){ text, sizeof(text) }, &yes, &err) < 0) {
			assert_non_null(strstr(err->message, "limit exceeded"));
			assert_true(yes); /* untouched */
		} else {
			assert_false(yes);
		}
		neap_regex_free(regex);
	}
	/* (a+)+ alone would take 2^5000 steps. */
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

static void regex__an_exceeded_limit_is_an_error(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_regex *regex;
	char text[100];
	bool yes;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[99] = '!';
	assert_int_equal(neap_regex_new("^(a|aa)+$", &regex, NULL), 0);
	assert_int_equal(neap_regex_search(regex, (struct neap_str){ text, sizeof(text) }, &yes, &err), -1);
	assert_string_equal(err->message, "regular expression \"^(a|aa)+$\": match limit exceeded");
	neap_regex_free(regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regex__searches_anywhere),
		cmocka_unit_test(regex__text_is_bytes),
		cmocka_unit_test(regex__one_serves_many_searches),
		cmocka_unit_test(regex__an_error_names_the_offset),
		cmocka_unit_test(regex__utf_cannot_be_switched_on),
		cmocka_unit_test(regex__no_pattern_hangs),
		cmocka_unit_test(regex__an_exceeded_limit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
