/* The line diff: right on every input, shortest on small ones, bounded on large ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "engine/unified.h"

static struct neap_arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = neap_arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	neap_arena_free(arena);
	return 0;
}

static struct neap_unified diff(const char *before, const char *after, unsigned context)
{
	struct neap_unified unified;
	neap_unified(arena, neap_text(before), neap_text(after), context, &unified);
	return unified;
}

/* As diff -u prints it, without the two lines of file names. */
static const char *printed(struct neap_unified unified)
{
	static const char signs[] = { 0, ' ', '-', '+', '\\' };
	struct neap_buf buf = { 0 };
	for (size_t i = 0; i < unified.count; i++) {
		struct neap_str text = neap_text_masked(arena, unified.lines[i].text);
		if (signs[unified.lines[i].kind])
			neap_buf_putc(&buf, signs[unified.lines[i].kind]);
		neap_buf_append(&buf, text.data, text.len);
		neap_buf_putc(&buf, '\n');
	}
	const char *copy = neap_arena_copy(arena, buf.len ? buf.data : "", buf.len);
	neap_buf_done(&buf);
	return copy;
}

static void unified__prints_as_diff_u_does(void **state)
{
	(void)state;
	assert_string_equal(printed(diff("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\n", 3)),
			    "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n");
	assert_string_equal(printed(diff("", "a\nb\n", 3)), "@@ -0,0 +1,2 @@\n+a\n+b\n");
	assert_string_equal(printed(diff("a\n", "", 3)), "@@ -1 +0,0 @@\n-a\n");
	assert_string_equal(printed(diff("a\n", "b\n", 3)), "@@ -1 +1 @@\n-a\n+b\n");
	assert_string_equal(printed(diff("x\ny\n", "x\ny\nz\n", 3)), "@@ -1,2 +1,3 @@\n x\n y\n+z\n");
}

static void unified__equal_texts_have_no_lines(void **state)
{
	(void)state;
	assert_int_equal(diff("a\nb", "a\nb", 3).count, 0);
	assert_int_equal(diff("", "", 3).count, 0);
}

static void unified__missing_last_newline_is_a_difference_and_is_said(void **state)
{
	(void)state;
	assert_string_equal(printed(diff("a\nb", "a\nb\n", 3)), "@@ -1,2 +1,2 @@\n a\n-b\n\\\n+b\n");
	assert_string_equal(printed(diff("a\nc\nb", "a\nd\nb", 3)), "@@ -1,3 +1,3 @@\n a\n-c\n+d\n b\n\\\n");
}

static void unified__hunks_join_when_their_contexts_touch(void **state)
{
	(void)state;
	/* Six equal lines between two changes: one hunk. Seven: two. */
	assert_string_equal(printed(diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n", 3)),
			    "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	assert_string_equal(printed(diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n", 3)),
			    "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
	assert_string_equal(printed(diff("a\n1\nb\n", "A\n1\nB\n", 0)),
			    "@@ -1 +1 @@\n-a\n+A\n@@ -3 +3 @@\n-b\n+B\n");
}

static void unified__secret_bytes_stay_marked(void **state)
{
	(void)state;
	static const struct neap_span span = { 4, 6 };
	struct neap_text after = { "a\nb=hunter\nc\n", 13, &span, 1 };
	struct neap_unified unified;
	neap_unified(arena, neap_text("a\nc\n"), after, 3, &unified);
	assert_string_equal(printed(unified), "@@ -1,2 +1,3 @@\n a\n+b=(secret)\n c\n");
	neap_unified(arena, neap_text("x\nb=hunter\nc\n"), after, 3, &unified);
	assert_string_equal(printed(unified), "@@ -1,3 +1,3 @@\n-x\n+a\n b=(secret)\n c\n");
}

static const char *random_text(unsigned lines, unsigned letters)
{
	struct neap_buf buf = { 0 };
	unsigned count = (unsigned)rand() % (lines + 1);
	for (unsigned i = 0; i < count; i++)
		neap_buf_printf(&buf, "%c%s", 'a' + (char)((unsigned)rand() % letters),
				i + 1 == count && rand() % 4 == 0 ? "" : "\n");
	const char *copy = neap_arena_copy(arena, buf.len ? buf.data : "", buf.len);
	neap_buf_done(&buf);
	return copy;
}

/* One side again, from a diff that shows everything. */
static const char *side(struct neap_unified unified, enum neap_unified_kind skipped)
{
	struct neap_buf buf = { 0 };
	for (size_t i = 0; i < unified.count; i++) {
		const struct neap_unified_line *line = &unified.lines[i];
		if (line->kind == NEAP_UNIFIED_HUNK || line->kind == NEAP_UNIFIED_NO_NEWLINE ||
		    line->kind == skipped)
			continue;
		neap_buf_append(&buf, line->text.data, line->text.len);
		if (i + 1 == unified.count || unified.lines[i + 1].kind != NEAP_UNIFIED_NO_NEWLINE)
			neap_buf_putc(&buf, '\n');
	}
	const char *copy = neap_arena_copy(arena, buf.len ? buf.data : "", buf.len);
	neap_buf_done(&buf);
	return copy;
}

static size_t split(const char *text, const char *lines[64], size_t lens[64])
{
	size_t count = 0;
	while (*text) {
		lens[count] = strcspn(text, "\n");
		lens[count] += text[lens[count]] == '\n';
		lines[count] = text;
		text += lens[count++];
	}
	return count;
}

static size_t shortest(const char *before, const char *after)
{
	const char *a[64], *b[64];
	size_t m[64], n[64], table[65][65] = { 0 };
	size_t rows = split(before, a, m), columns = split(after, b, n);
	for (size_t i = rows; i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			bool equal = m[i] == n[j] && memcmp(a[i], b[j], m[i]) == 0;
			size_t skip = table[i + 1][j] > table[i][j + 1] ? table[i + 1][j] : table[i][j + 1];
			table[i][j] = equal ? table[i + 1][j + 1] + 1 : skip;
		}
	return rows + columns - 2 * table[0][0];
}

static void unified__rebuilds_both_texts_and_is_shortest(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 3000; i++) {
		const char *before = random_text(20, 4), *after = random_text(20, 4);
		struct neap_unified unified = diff(before, after, 100), counted;
		if (strcmp(before, after) == 0) {
			assert_int_equal(unified.count, 0);
			continue;
		}
		assert_string_equal(side(unified, NEAP_UNIFIED_ADDED), before);
		assert_string_equal(side(unified, NEAP_UNIFIED_REMOVED), after);
		assert_int_equal(unified.added + unified.removed, shortest(before, after));
		neap_unified_count(arena, neap_text(before), neap_text(after), &counted);
		assert_int_equal(counted.added, unified.added);
		assert_int_equal(counted.removed, unified.removed);
		neap_arena_reset(arena);
	}
}

/* Headers say where: each hunk's lines stand in both texts at the numbers it names. */
static void unified__headers_name_the_right_lines(void **state)
{
	(void)state;
	srand(2);
	for (int i = 0; i < 500; i++) {
		const char *before = random_text(60, 3), *after = random_text(60, 3);
		struct neap_unified unified = diff(before, after, 2);
		const char *a[64], *b[64];
		size_t m[64], n[64], old = 0, new = 0;
		split(before, a, m);
		split(after, b, n);
		for (size_t j = 0; j < unified.count; j++) {
			const struct neap_unified_line *line = &unified.lines[j];
			if (line->kind == NEAP_UNIFIED_HUNK) {
				unsigned x, y, one = 1;
				const char *plus = strchr(line->text.data, '+');
				assert_int_equal(sscanf(line->text.data, "@@ -%u,%u", &x, &one) > 0, 1);
				old = one ? x - 1 : x;
				one = 1;
				assert_int_equal(sscanf(plus, "+%u,%u", &y, &one) > 0, 1);
				new = one ? y - 1 : y;
			} else if (line->kind != NEAP_UNIFIED_NO_NEWLINE) {
				if (line->kind != NEAP_UNIFIED_ADDED)
					assert_memory_equal(a[old++], line->text.data, line->text.len);
				if (line->kind != NEAP_UNIFIED_REMOVED)
					assert_memory_equal(b[new ++], line->text.data, line->text.len);
			}
		}
		neap_arena_reset(arena);
	}
}

static void unified__large_and_different_texts_take_bounded_time(void **state)
{
	(void)state;
	struct neap_buf a = { 0 }, b = { 0 };
	neap_buf_puts(&a, "same\n");
	neap_buf_puts(&b, "same\n");
	for (int i = 0; i < 200000; i++) {
		neap_buf_printf(&a, "%d\n", i % 7 * (i % 3));
		neap_buf_printf(&b, "%d\n", i % 5 * (i % 4));
	}
	struct timespec start, end;
	struct neap_unified unified;
	clock_gettime(CLOCK_MONOTONIC, &start);
	neap_unified(arena, neap_text_plain(a.data, a.len), neap_text_plain(b.data, b.len), 3, &unified);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - start.tv_sec < 5);
	assert_true(unified.added > 1000 && unified.removed > 1000);
	assert_true(unified.added <= 200000 && unified.removed <= 200000);
	assert_string_equal(printed(diff("same\n", "same\n", 3)), "");
	neap_buf_done(&a);
	neap_buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unified__prints_as_diff_u_does),
		cmocka_unit_test(unified__equal_texts_have_no_lines),
		cmocka_unit_test(unified__missing_last_newline_is_a_difference_and_is_said),
		cmocka_unit_test(unified__hunks_join_when_their_contexts_touch),
		cmocka_unit_test(unified__secret_bytes_stay_marked),
		cmocka_unit_test(unified__rebuilds_both_texts_and_is_shortest),
		cmocka_unit_test(unified__headers_name_the_right_lines),
		cmocka_unit_test(unified__large_and_different_texts_take_bounded_time),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
