/* core/engine/problem.c, registry.c, shown.c: what people read of a recipe's problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/problem.h"
#include "engine/registry.h"
#include "engine/shown.h"

static int setup(void **state)
{
	struct neap_problems *problems = neap_alloc(sizeof *problems);

	*problems = (struct neap_problems){ .arena = neap_arena_new() };
	*state = problems;
	return 0;
}

static int teardown(void **state)
{
	struct neap_problems *problems = *state;

	neap_arena_free(problems->arena);
	neap_vec_done(&problems->errors);
	neap_vec_done(&problems->warnings);
	free(problems);
	return 0;
}

static void problems__are_sorted_by_file_and_line_and_keep_their_order(void **state)
{
	struct neap_problems *problems = *state;

	assert_int_equal(
		neap_problem_add(problems, (struct neap_position){ "b.lua", 9 }, NULL, "first %d", 1), -1);
	neap_problem_add(problems, (struct neap_position){ "b.lua", 2 }, "x[y]", "second");
	neap_problem_add(problems, (struct neap_position){ "a.lua", 30 }, NULL, "third");
	neap_problem_add(problems, (struct neap_position){ "b.lua", 2 }, NULL, "fourth");
	neap_problem_add(problems, (struct neap_position){ NULL, 0 }, NULL, "fifth");
	neap_problems_sort(problems);
	assert_int_equal(problems->errors.count, 5);
	assert_string_equal(problems->errors.items[0].message, "fifth");
	assert_string_equal(problems->errors.items[1].message, "third");
	assert_string_equal(problems->errors.items[2].message, "second");
	assert_string_equal(problems->errors.items[2].address, "x[y]");
	assert_string_equal(problems->errors.items[3].message, "fourth");
	assert_string_equal(problems->errors.items[4].message, "first 1");
}

static void problems__equal_ones_stay_once(void **state)
{
	struct neap_problems *problems = *state;
	int i;

	for (i = 0; i < 4; i++)
		neap_problem_add(problems, (struct neap_position){ "a", 1 }, "x", i % 2 ? "odd" : "even");
	neap_problem_add(problems, (struct neap_position){ "a", 1 }, NULL, "even");
	neap_problem_add(problems, (struct neap_position){ "a", 2 }, "x", "even");
	neap_problem_warn(problems, (struct neap_position){ "a", 2 }, "w");
	neap_problem_warn(problems, (struct neap_position){ "a", 2 }, "w");
	neap_problems_sort(problems);
	assert_int_equal(problems->errors.count, 4);
	assert_int_equal(problems->warnings.count, 1);
	assert_string_equal(problems->errors.items[0].message, "even");
	assert_string_equal(problems->errors.items[1].message, "odd");
}

static void problem__takes_an_error_with_its_hint(void **state)
{
	struct neap_problems *problems = *state;
	struct neap_error *err = NULL;

	neap_error_set(&err, "mode is odd");
	neap_error_hint(&err, "make it even");
	assert_int_equal(neap_problem_take(problems, (struct neap_position){ "a", 1 }, "f[x]", &err), -1);
	assert_null(err);
	assert_string_equal(problems->errors.items[0].message, "mode is odd");
	assert_string_equal(problems->errors.items[0].hint, "make it even");
	neap_problem_hint(problems, "or %s", "not");
	assert_string_equal(problems->errors.items[0].hint, "or not");
}

static const struct neap_resource_type directory = { .name = "directory" }, file = { .name = "file" };
static const struct neap_resource_type *const types[] = { &directory, &file, NULL };
static const struct neap_registry registry = { types };

static void registry__finds_types_and_the_nearest_name(void **state)
{
	(void)state;
	assert_ptr_equal(neap_registry_find(&registry, "file"), &file);
	assert_null(neap_registry_find(&registry, "fil"));
	assert_string_equal(neap_registry_nearest(&registry, "filee"), "file");
	assert_string_equal(neap_registry_nearest(&registry, "direktory"), "directory");
	assert_null(neap_registry_nearest(&registry, "wireguard"));
}

static const char *shown(struct neap_problems *problems, const char *text, size_t limit)
{
	struct neap_str str = neap_shown(problems->arena, neap_text(text), limit);

	assert_int_equal(strlen(str.data), str.len);
	return str.data;
}

static void shown__is_one_line_of_utf8(void **state)
{
	assert_string_equal(shown(*state, "plain", 60), "plain");
	assert_string_equal(shown(*state, "a\nb\tc\r\x1b[31m\x7f", 60), "a\\nb\\tc\\r\\x1b[31m\\x7f");
	assert_string_equal(shown(*state, "größe 漢 \xf0\x9f\x8c\x99", 60), "größe 漢 \xf0\x9f\x8c\x99");
	assert_string_equal(shown(*state, "\xff\xc3(\xed\xa0\x80\xc0\xaf", 60),
			    "\\xff\\xc3(\\xed\\xa0\\x80\\xc0\\xaf");
	/* C1 controls and marks that turn the direction of text. */
	assert_string_equal(shown(*state, "\xc2\x9b\xe2\x80\xae", 60), "\\xc2\\x9b\\xe2\\x80\\xae");
}

static void shown__is_cut_in_the_middle_at_whole_characters(void **state)
{
	char text[400];
	size_t limit, i;

	assert_string_equal(shown(*state, "0123456789abcdefghij", 11), "0123…ghij");
	assert_string_equal(shown(*state, "0123456789a", 11), "0123456789a");
	for (limit = 20; limit < 120; limit++) {
		struct neap_str str;

		for (i = 0; i + 3 < sizeof text; i += 3)
			memcpy(text + i, "漢", 3);
		text[i] = '\0';
		text[limit % 7] = '\n'; /* breaks one character */
		str = neap_shown(((struct neap_problems *)*state)->arena, neap_text(text), limit);
		assert_true(str.len <= limit && str.len > limit - 12);
		assert_true(neap_str_is_utf8(str));
		assert_non_null(strstr(str.data, "…"));
	}
}

static void shown__keeps_its_limit_when_all_is_escaped(void **state)
{
	struct neap_problems *problems = *state;
	char text[400];
	size_t limit;

	memset(text, '\x1b', sizeof text);
	for (limit = 20; limit < 120; limit++) {
		struct neap_str str = neap_shown(problems->arena, neap_text_plain(text, sizeof text), limit);

		assert_true(str.len <= limit && str.len > limit - 8);
		assert_memory_equal(str.data + str.len - 4, "\\x1b", 5);
	}
}

static void shown__masks_secrets(void **state)
{
	static const struct neap_span span = { 5, 6 };
	struct neap_text text = { "user:hunter@x", 13, &span, 1 };
	struct neap_problems *problems = *state;

	assert_string_equal(neap_shown(problems->arena, text, 60).data, "user:(secret)@x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(problems__are_sorted_by_file_and_line_and_keep_their_order,
						setup, teardown),
		cmocka_unit_test_setup_teardown(problems__equal_ones_stay_once, setup, teardown),
		cmocka_unit_test_setup_teardown(problem__takes_an_error_with_its_hint, setup, teardown),
		cmocka_unit_test(registry__finds_types_and_the_nearest_name),
		cmocka_unit_test_setup_teardown(shown__is_one_line_of_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(shown__is_cut_in_the_middle_at_whole_characters, setup,
						teardown),
		cmocka_unit_test_setup_teardown(shown__keeps_its_limit_when_all_is_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(shown__masks_secrets, setup, teardown),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
