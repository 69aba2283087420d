/* Moments and spans of time, as people and programs read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/moment.h"

static void moment__for_programs_is_rfc3339_by_the_millisecond(void **state)
{
	static const struct {
		int64_t milliseconds;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ 951826154999, "2000-02-29T12:09:14.999Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T00:00:00.000Z" },
		{ INT64_MIN, "9999-12-31T00:00:00.000Z" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[NEAP_MOMENT_SIZE];

		assert_string_equal(neap_moment_rfc3339(cases[i].milliseconds, text), cases[i].text);
	}
}

static void moment__spans_are_told_by_the_largest_unit_of_which_there_are_two(void **state)
{
	struct neap_arena *arena = neap_arena_new();

	(void)state;
	assert_string_equal(neap_span_text(0, arena), "0 seconds");
	assert_string_equal(neap_span_text(1, arena), "1 second");
	assert_string_equal(neap_span_text(119, arena), "119 seconds");
	assert_string_equal(neap_span_text(120, arena), "2 minutes");
	assert_string_equal(neap_span_text(2 * 86400, arena), "2 days");
	neap_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moment__for_programs_is_rfc3339_by_the_millisecond),
		cmocka_unit_test(moment__spans_are_told_by_the_largest_unit_of_which_there_are_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
