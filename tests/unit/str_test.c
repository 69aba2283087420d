/* Strings, buffers, and texts with secret spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text_fixture.h"

static void str__utf8_is_told_from_other_bytes(void **state)
{
	static const char *const good[] = { "",
					    "abc",
					    "é",
					    "€",
					    "😀",
					    "\xef\xbf\xbf",
					    "\xf4\x8f\xbf\xbf",
					    "a long line of ASCII and then é" };
	static const char *const bad[] = { "\x80",
					   "\xc3",
					   "\xc0\x80",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf0\x80\x80\x80",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xe2\x82",
					   "12345678\xff",
					   "1234567\xc3(" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!neap_str_is_utf8(neap_str(good[i])))
			fail_msg("good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (neap_str_is_utf8(neap_str(bad[i])))
			fail_msg("bad %zu", i);
	assert_true(neap_str_is_utf8(NEAP_STR("a\0b")));
	assert_int_equal(neap_str_utf8_prefix(NEAP_STR("123456789é\xff"
						       "abc")),
			 11);
	/* A character cut off by the end of the view. */
	assert_int_equal(neap_str_utf8_prefix((struct neap_str){ "a€", 3 }), 1);
}

static void str__distance_counts_edits_and_swaps(void **state)
{
	(void)state;
	assert_int_equal(neap_str_distance("", "", 9), 0);
	assert_int_equal(neap_str_distance("abc", "abc", 9), 0);
	assert_int_equal(neap_str_distance("abc", "abd", 9), 1);
	assert_int_equal(neap_str_distance("abc", "ab", 9), 1);
	assert_int_equal(neap_str_distance("abc", "xabc", 9), 1);
	assert_int_equal(neap_str_distance("onwer", "owner", 9), 1);
	assert_int_equal(neap_str_distance("kitten", "sitting", 9), 3);
	assert_int_equal(neap_str_distance("abcdef", "badcfe", 9), 3);
	assert_int_equal(neap_str_distance("kitten", "sitting", 2), 2);
	assert_int_equal(neap_str_distance("kitten", "sitting", 3), 3);
	assert_int_equal(neap_str_distance("a", "abcdefghij", 4), 4);
	assert_int_equal(neap_str_distance("", "abc", 9), 3);
}

static void str__nearest_is_near_or_nothing(void **state)
{
	static const char *const names[] = { "path", "content", "owner", "group", "mode", "ensure", NULL };

	(void)state;
	assert_string_equal(neap_str_nearest("onwer", names), "owner");
	assert_string_equal(neap_str_nearest("contnt", names), "content");
	assert_string_equal(neap_str_nearest("cotnetn", names), "content"); /* two of seven */
	assert_string_equal(neap_str_nearest("mod", names), "mode");
	assert_null(neap_str_nearest("mxxe", names)); /* two of four */
	assert_null(neap_str_nearest("zzzzzz", names));
	assert_null(neap_str_nearest("x", names));
	assert_string_equal(neap_str_nearest("path", names), "path");
}

static void buf__grows_and_stays_terminated(void **state)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	char *room;

	(void)state;
	neap_buf_append(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	neap_buf_puts(&buf, "abc");
	neap_buf_putc(&buf, 'd');
	neap_buf_append(&buf, "\0e", 2);
	assert_memory_equal(buf.data, "abcd\0e", 7);
	assert_int_equal(buf.len, 6);
	room = neap_buf_reserve(&buf, 10000);
	memset(room, 'x', 10000);
	buf.len += 10000;
	for (int i = 50; i < 80; i++) { /* around the room printf starts with */
		size_t before = buf.len;

		neap_buf_printf(&buf, "%*d", i, 7);
		assert_int_equal(buf.len, before + (size_t)i);
		assert_int_equal(buf.data[buf.len - 1], '7');
		assert_int_equal(buf.data[buf.len], '\0');
	}
	neap_buf_done(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
}

static void text__builder_keeps_marks_in_place(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_text_builder builder NEAP_AUTO_TEXT_BUILDER = { 0 };
	struct neap_text text;

	(void)state;
	neap_text_builder_add(&builder, neap_text("password="));
	neap_text_builder_secret(&builder, "hunter2", 7);
	neap_text_builder_secret(&builder, "", 0);
	neap_text_builder_add(&builder, neap_text("\n"));
	neap_text_builder_add(&builder, marked(arena, "[a]b[c]"));
	neap_text_builder_add(&builder, marked(arena, "[d]")); /* touches: one secret */
	text = neap_text_builder_take(&builder, arena);
	assert_string_equal(pattern(arena, text), "password=[hunter2]\n[a]b[cd]");
	assert_int_equal(text.data[text.len], '\0');
	/* Taken: empty again. */
	text = neap_text_builder_take(&builder, arena);
	assert_int_equal(text.len, 0);
	assert_int_equal(text.span_count, 0);
	assert_string_equal(text.data, "");
}

static void text__slice_keeps_the_spans_that_touch(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_text text = marked(arena, "ab[cd]ef[gh]ij");
	static const struct {
		size_t start, len;
		const char *expected;
	} cases[] = {
		{ 0, 10, "ab[cd]ef[gh]ij" },
		{ 0, 2, "ab" },
		{ 0, 3, "ab[c]" },
		{ 2, 2, "[cd]" },
		{ 3, 1, "[d]" },
		{ 3, 4, "[d]ef[g]" },
		{ 4, 2, "ef" },
		{ 4, 3, "ef[g]" },
		{ 8, 2, "ij" },
		{ 7, 100, "[h]ij" },
		{ 10, 5, "" },
		{ 99, 5, "" },
		{ 3, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			pattern(arena, neap_text_slice(arena, text, cases[i].start, cases[i].len)),
			cases[i].expected);
}

static void text__masked_hides_each_span(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const char *const cases[][2] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "[x]", "(secret)" },
		{ "a[b]c", "a(secret)c" },
		{ "[a much longer one than the mask]z[b]", "(secret)z(secret)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct neap_str masked = neap_text_masked(arena, marked(arena, cases[i][0]));

		assert_string_equal(masked.data, cases[i][1]);
		assert_int_equal(masked.len, strlen(cases[i][1]));
	}
}

static void text__copy_stands_alone(void **state)
{
	struct neap_arena *first = neap_arena_new();
	NEAP_AUTO_ARENA struct neap_arena *second = neap_arena_new();
	struct neap_text copy = neap_text_copy(second, marked(first, "a[b]c"));

	(void)state;
	neap_arena_free(first);
	assert_string_equal(pattern(second, copy), "a[b]c");
}

static void text__all_secret_has_one_span_unless_empty(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	assert_string_equal(pattern(arena, neap_text_secret(arena, "abc", 3)), "[abc]");
	assert_int_equal(neap_text_secret(arena, "", 0).span_count, 0);
}

static void text__equality_does_not_see_marks(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	assert_true(neap_text_equal(marked(arena, "a[b]"), neap_text("ab")));
	assert_false(neap_text_equal(neap_text("ab"), neap_text("ac")));
	assert_false(neap_text_equal(neap_text("ab"), neap_text("abc")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(str__utf8_is_told_from_other_bytes),
		cmocka_unit_test(str__distance_counts_edits_and_swaps),
		cmocka_unit_test(str__nearest_is_near_or_nothing),
		cmocka_unit_test(buf__grows_and_stays_terminated),
		cmocka_unit_test(text__builder_keeps_marks_in_place),
		cmocka_unit_test(text__slice_keeps_the_spans_that_touch),
		cmocka_unit_test(text__masked_hides_each_span),
		cmocka_unit_test(text__copy_stands_alone),
		cmocka_unit_test(text__all_secret_has_one_span_unless_empty),
		cmocka_unit_test(text__equality_does_not_see_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
