/* Values and expressions: compare, copy, evaluate, encode with marks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/value.h"
#include "text_fixture.h"

static struct neap_value list_of(struct neap_value *items, size_t count)
{
	return (struct neap_value){ .kind = NEAP_LIST, .list = { items, count } };
}

static struct neap_value map_of(struct neap_pair *pairs, size_t count)
{
	return (struct neap_value){ .kind = NEAP_MAP, .map = { pairs, count } };
}

static struct neap_value integer(int64_t n)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = n };
}

static struct neap_value number(double n)
{
	return (struct neap_value){ .kind = NEAP_FLOAT, .number = n };
}

static const struct neap_expr *text_expr(struct neap_arena *arena, struct neap_text text)
{
	struct neap_expr *expr = neap_arena_new_of(arena, struct neap_expr);

	*expr = (struct neap_expr){ .op = NEAP_EXPR_TEXT, .text = text };
	return expr;
}

static const struct neap_expr *output_expr(struct neap_arena *arena, uint32_t resource, const char *output,
					   bool secret)
{
	struct neap_expr *expr = neap_arena_new_of(arena, struct neap_expr);

	*expr = (struct neap_expr){
		.op = NEAP_EXPR_OUTPUT, .resource = resource, .output = output, .secret = secret
	};
	return expr;
}

static const struct neap_expr *op_expr(struct neap_arena *arena, enum neap_expr_op op,
				       const struct neap_expr *a, const struct neap_expr *b)
{
	struct neap_expr *expr = neap_arena_new_of(arena, struct neap_expr);
	const struct neap_expr **args = neap_arena_array_of(arena, const struct neap_expr *, 2);

	args[0] = a;
	args[1] = b;
	*expr = (struct neap_expr){ .op = op, .args = args, .count = b ? 2 : 1 };
	return expr;
}

static struct neap_value expr_value(const struct neap_expr *expr)
{
	return (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr };
}

/* Resource 1 is "one", 2 a quote and a newline, 3 not known, 4 fails, 5 not UTF-8, 6 empty, 7 "é". */
static int output(void *ctx, uint32_t resource, const char *name, struct neap_arena *arena,
		  struct neap_text *ret, struct neap_error **err)
{
	static const char *const texts[] = { "", "one", "\"\n", "", "", "\xff", "", "é" };
	unsigned *calls = ctx;

	(void)arena;
	assert_string_equal(name, "out");
	if (calls)
		++*calls;
	if (resource == 3)
		return NEAP_UNKNOWN;
	if (resource == 4)
		return neap_error_set(err, "resource 4 failed");
	*ret = neap_text(texts[resource]);
	return 0;
}

static void value__every_kind_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(neap_value_kind_name(NEAP_NIL), "nil");
	assert_string_equal(neap_value_kind_name(NEAP_STRING), "a string");
	for (int kind = NEAP_NIL; kind <= NEAP_EXPRESSION; kind++)
		assert_non_null(neap_value_kind_name(kind));
}

static void value__equal_means_same_kind_and_content(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_value one[] = { integer(1), integer(2) }, two[] = { integer(1), integer(3) };
	struct neap_pair pairs[] = { { NEAP_STR("a"), integer(1) } },
			 other_key[] = { { NEAP_STR("b"), integer(1) } },
			 other_value[] = { { NEAP_STR("a"), integer(2) } };
	struct neap_value values[] = {
		{ .kind = NEAP_NIL },
		{ .kind = NEAP_BOOLEAN, .boolean = true },
		{ .kind = NEAP_BOOLEAN, .boolean = false },
		integer(0),
		integer(1),
		number(1),
		number((double)NAN),
		neap_value_string("1"),
		neap_value_string(""),
		list_of(one, 0),
		list_of(one, 1),
		list_of(one, 2),
		list_of(two, 2),
		map_of(pairs, 0),
		map_of(pairs, 1),
		map_of(other_key, 1),
		map_of(other_value, 1),
		expr_value(text_expr(arena, neap_text("1"))),
		expr_value(output_expr(arena, 1, "out", false)),
		expr_value(output_expr(arena, 2, "out", false)),
		expr_value(output_expr(arena, 1, "other", false)),
		expr_value(op_expr(arena, NEAP_EXPR_BASE64, output_expr(arena, 1, "out", false), NULL)),
		expr_value(op_expr(arena, NEAP_EXPR_ESCAPE, output_expr(arena, 1, "out", false), NULL)),
		expr_value(op_expr(arena, NEAP_EXPR_ESCAPE, output_expr(arena, 2, "out", false), NULL)),
	};
	size_t count = sizeof(values) / sizeof(*values);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct neap_value copy = neap_value_copy(arena, &values[i]);

		for (size_t j = 0; j < count; j++) {
			if (neap_value_equal(&copy, &values[j]) != (i == j))
				fail_msg("values %zu and %zu", i, j);
		}
	}
}

static void value__copy_shares_nothing_with_the_original(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *first = neap_arena_new();
	NEAP_AUTO_ARENA struct neap_arena *second = neap_arena_new();
	struct neap_value *items = neap_arena_array_of(first, struct neap_value, 2), map, copy;
	struct neap_pair *pairs = neap_arena_array_of(first, struct neap_pair, 1);

	(void)state;
	items[0] = neap_value_text(marked(first, "a[b]"));
	items[1] = expr_value(op_expr(first, NEAP_EXPR_CONCAT, text_expr(first, marked(first, "x[y]")),
				      output_expr(first, 1, neap_arena_strdup(first, "out"), true)));
	pairs[0] = (struct neap_pair){ { neap_arena_strdup(first, "key"), 3 }, list_of(items, 2) };
	map = map_of(pairs, 1);
	copy = neap_value_copy(second, &map);
	assert_true(neap_value_equal(&copy, &map));
	neap_arena_wipe(first); /* what is left behind reads as zeros */
	neap_arena_reset(first);
	assert_true(neap_value_equal(&copy, &copy));
	assert_string_equal(copy.map.pairs[0].key.data, "key");
	items = copy.map.pairs[0].value.list.items;
	assert_string_equal(pattern(second, items[0].text), "a[b]");
	assert_string_equal(pattern(second, items[1].expr->args[0]->text), "x[y]");
	assert_string_equal(items[1].expr->args[1]->output, "out");
}

static void value__has_secret_looks_everywhere(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const struct neap_expr *plain = output_expr(arena, 1, "out", false),
			       *secret = output_expr(arena, 1, "out", true);
	struct neap_value item = neap_value_text(marked(arena, "a[b]"));
	struct neap_pair pairs[] = { { NEAP_STR("a"), integer(1) }, { NEAP_STR("b"), list_of(&item, 1) } };
	struct neap_value value = map_of(pairs, 2);

	(void)state;
	assert_true(neap_value_has_secret(&value));
	item = neap_value_string("ab");
	assert_false(neap_value_has_secret(&value));
	item = expr_value(
		op_expr(arena, NEAP_EXPR_CONCAT, plain, op_expr(arena, NEAP_EXPR_BASE64, plain, NULL)));
	assert_false(neap_value_has_secret(&value));
	item = expr_value(
		op_expr(arena, NEAP_EXPR_CONCAT, plain, op_expr(arena, NEAP_EXPR_BASE64, secret, NULL)));
	assert_true(neap_value_has_secret(&value));
	item = expr_value(op_expr(arena, NEAP_EXPR_CONCAT, plain, text_expr(arena, marked(arena, "[x]"))));
	assert_true(neap_value_has_secret(&value));
	item = integer(1);
	assert_false(neap_value_has_secret(&value));
}

static void value__depth_is_bounded_by_memory_only(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_value value = neap_value_text(marked(arena, "[x]")), copy;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		struct neap_value *item = neap_arena_new_of(arena, struct neap_value);

		*item = value;
		value = list_of(item, 1);
	}
	copy = neap_value_copy(arena, &value);
	assert_true(neap_value_equal(&value, &copy));
	assert_true(neap_value_has_secret(&copy));
}

static void evaluates(struct neap_arena *arena, const struct neap_expr *expr, const char *expected)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_text text;

	if (neap_expr_eval(expr, output, NULL, arena, &text, &err) != 0)
		fail_msg("%s: %s", expected, err ? err->message : "not known");
	assert_string_equal(pattern(arena, text), expected);
	assert_int_equal(text.data[text.len], '\0');
}

static void expr__evaluates_with_marks(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const struct neap_expr *one = output_expr(arena, 1, "out", false),
			       *secret = output_expr(arena, 1, "out", true),
			       *odd = output_expr(arena, 2, "out", true),
			       *text = text_expr(arena, marked(arena, "a[b]c"));
	static const struct neap_expr nothing = { .op = NEAP_EXPR_CONCAT };

	(void)state;
	evaluates(arena, one, "one");
	evaluates(arena, secret, "[one]");
	evaluates(arena, text, "a[b]c");
	evaluates(arena, &nothing, "");
	evaluates(arena, output_expr(arena, 6, "out", true), "");
	evaluates(arena, op_expr(arena, NEAP_EXPR_CONCAT, text, secret), "a[b]c[one]");
	evaluates(arena, op_expr(arena, NEAP_EXPR_CONCAT, secret, secret), "[oneone]");
	evaluates(arena, op_expr(arena, NEAP_EXPR_ESCAPE, odd, NULL), "[\\\"\\n]");
	evaluates(arena, op_expr(arena, NEAP_EXPR_BASE64, one, NULL), "b25l");
	evaluates(arena,
		  op_expr(arena, NEAP_EXPR_BASE64, op_expr(arena, NEAP_EXPR_CONCAT, one, secret), NULL),
		  "b25l[b25l]");
	/* An encoder within an encoder, with something on both sides. */
	evaluates(arena,
		  op_expr(arena, NEAP_EXPR_CONCAT,
			  op_expr(arena, NEAP_EXPR_ESCAPE,
				  op_expr(arena, NEAP_EXPR_CONCAT, odd,
					  op_expr(arena, NEAP_EXPR_BASE64, one, NULL)),
				  NULL),
			  text),
		  "[\\\"\\n]b25la[b]c");
}

static void expr__unknown_and_errors_pass_through(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const struct neap_expr *one = output_expr(arena, 1, "out", true);
	struct neap_text text = neap_text("untouched");

	(void)state;
	assert_int_equal(neap_expr_eval(op_expr(arena, NEAP_EXPR_CONCAT, one,
						op_expr(arena, NEAP_EXPR_BASE64,
							output_expr(arena, 3, "out", false), NULL)),
					output, NULL, arena, &text, &err),
			 NEAP_UNKNOWN);
	assert_null(err);
	assert_int_equal(
		neap_expr_eval(op_expr(arena, NEAP_EXPR_CONCAT, one, output_expr(arena, 4, "out", false)),
			       output, NULL, arena, &text, &err),
		-1);
	assert_string_equal(err->message, "resource 4 failed");
	neap_error_auto(&err);
	assert_int_equal(
		neap_expr_eval(op_expr(arena, NEAP_EXPR_ESCAPE, output_expr(arena, 5, "out", true), NULL),
			       output, NULL, arena, &text, &err),
		-1);
	assert_string_equal(err->message, "an output that goes into JSON or YAML is not valid UTF-8");
	assert_string_equal(text.data, "untouched");
}

static void expr__a_hundred_thousand_concatenations_deep(void **state)
{
	enum { DEPTH = 100000 };
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const struct neap_expr *left = text_expr(arena, neap_text("")), *right = left,
			       *one = output_expr(arena, 1, "out", true);
	struct neap_value value, copy;
	struct neap_text text;

	(void)state;
	for (int i = 0; i < DEPTH; i++) {
		left = op_expr(arena, NEAP_EXPR_CONCAT, left, one);
		right = op_expr(arena, NEAP_EXPR_CONCAT, one, right);
	}
	assert_int_equal(neap_expr_eval(left, output, NULL, arena, &text, NULL), 0);
	assert_int_equal(text.len, 3 * DEPTH);
	assert_int_equal(text.span_count, 1);
	assert_int_equal(neap_expr_eval(right, output, NULL, arena, &text, NULL), 0);
	assert_int_equal(text.len, 3 * DEPTH);
	value = expr_value(left);
	copy = neap_value_copy(arena, &value);
	assert_true(neap_value_equal(&value, &copy));
	assert_true(neap_value_has_secret(&copy));
}

static void count_one(void *ctx, const struct neap_expr *expr)
{
	assert_int_equal(expr->op, NEAP_EXPR_OUTPUT);
	++*(unsigned *)ctx;
}

static void expr__walk_meets_every_output(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	unsigned count = 0;

	(void)state;
	neap_expr_walk(op_expr(arena, NEAP_EXPR_CONCAT,
			       op_expr(arena, NEAP_EXPR_BASE64, output_expr(arena, 1, "out", false), NULL),
			       op_expr(arena, NEAP_EXPR_CONCAT, text_expr(arena, neap_text("x")),
				       output_expr(arena, 2, "out", false))),
		       count_one, &count);
	assert_int_equal(count, 2);
	count = 0;
	neap_expr_walk(output_expr(arena, 1, "out", false), count_one, &count);
	assert_int_equal(count, 1);
}

/* s = s .. s, sixty times: 2^60 pieces, 61 nodes. */
static void expr__shared_parts_do_not_explode(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const struct neap_expr *shared = output_expr(arena, 1, "out", false),
			       *empty = output_expr(arena, 6, "out", false),
			       *other = output_expr(arena, 1, "out", true);
	struct neap_value value, copy;
	unsigned count = 0;
	struct neap_text text;
	size_t used;

	(void)state;
	for (int i = 0; i < 60; i++) {
		shared = op_expr(arena, NEAP_EXPR_CONCAT, shared, shared);
		other = op_expr(arena, NEAP_EXPR_CONCAT, other, other);
		empty = op_expr(arena, NEAP_EXPR_CONCAT, empty, empty);
	}
	neap_expr_walk(shared, count_one, &count);
	assert_in_range(count, 1, 2);
	value = expr_value(shared);
	used = neap_arena_used(arena);
	copy = neap_value_copy(arena, &value);
	assert_true(neap_arena_used(arena) - used < 100000);
	assert_true(neap_value_equal(&value, &copy));
	assert_false(neap_value_has_secret(&copy));
	copy = expr_value(other);
	assert_true(neap_value_equal(&value, &copy));
	assert_true(neap_value_has_secret(&copy));
	assert_int_equal(neap_expr_eval(shared, output, NULL, arena, &text, &err), -1);
	assert_non_null(strstr(err->message, "over"));
	neap_error_auto(&err);
	assert_int_equal(neap_expr_eval(empty, output, NULL, arena, &text, &err), -1);
	assert_non_null(strstr(err->message, "steps"));
}

static void base64__knows_the_published_values(void **state)
{
	static const char *const cases[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" },
						{ "\xff\xfe\xfd", "//79" },
						{ ">>?", "Pj4/" } };
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct neap_text text = neap_text_base64(arena, neap_text(cases[i][0]));

		assert_string_equal(text.data, cases[i][1]);
		assert_int_equal(text.len, strlen(cases[i][1]));
		assert_int_equal(text.span_count, 0);
	}
}

static void base64__marks_every_character_that_carries_a_bit(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const char *const cases[][2] = {
		{ "[f]oo", "[Zm]9v" },        { "f[o]o", "Z[m9]v" },        { "fo[o]", "Zm[9v]" },
		{ "[f]", "[Zg]==" },          { "f[o]", "Z[m8]=" },         { "[f]o[o]bar", "[Zm9v]YmFy" },
		{ "foo[b]ar", "Zm9v[Ym]Fy" }, { "fo[ob]ar", "Zm[9vYm]Fy" }, { "[f]oo[b]ar", "[Zm]9v[Ym]Fy" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(pattern(arena, neap_text_base64(arena, marked(arena, cases[i][0]))),
				    cases[i][1]);
}

/* By changing each secret bit and looking which characters change. */
static void base64__marks_are_what_a_secret_can_change(void **state)
{
	enum { LEN = 13 };

	(void)state;
	for (size_t start = 0; start < LEN; start++) {
		for (size_t len = 1; start + len <= LEN; len++) {
			NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
			struct neap_span span = { start, len };
			bool changes[32] = { false };
			char data[LEN] = "abcdefghijklm";
			struct neap_text out, other;

			out = neap_text_base64(arena, (struct neap_text){ data, LEN, &span, 1 });
			for (size_t bit = start * 8; bit < (start + len) * 8; bit++) {
				data[bit / 8] ^= (char)(1 << bit % 8);
				other = neap_text_base64(arena, neap_text_plain(data, LEN));
				data[bit / 8] ^= (char)(1 << bit % 8);
				for (size_t i = 0; i < out.len; i++)
					changes[i] |= out.data[i] != other.data[i];
			}
			assert_int_equal(out.span_count, 1);
			for (size_t i = 0; i < out.len; i++)
				assert_int_equal(changes[i],
						 i >= out.spans[0].start &&
							 i < out.spans[0].start + out.spans[0].len);
		}
	}
}

static void escape__json_and_yaml_both_read_it(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const char *const cases[][2] = {
		{ "", "" },
		{ "plain /é€😀", "plain /é€😀" },
		{ "\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t" },
		{ "\x01\x1f\x7f", "\\u0001\\u001f\\u007f" },
		{ "\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0", "\\u0080\\u0085\\u009f\xc2\xa0" },
		{ "\u2027\u2028\u2029\u202a", "\u2027\\u2028\\u2029\u202a" },
		{ "\ufefe\ufeff\uff00\ufffd\ufffe\uffff", "\ufefe\\ufeff\uff00\ufffd\\ufffe\\uffff" },
		{ "\xc2", "\xc2" }, /* not UTF-8: not touched */
		{ "\xe2\x80", "\xe2\x80" },
	};
	struct neap_text text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		text = neap_text_json_escape(arena, neap_text(cases[i][0]));
		assert_string_equal(text.data, cases[i][1]);
		assert_int_equal(text.len, strlen(cases[i][1]));
		assert_int_equal(text.span_count, 0);
	}
	text = neap_text_json_escape(arena, neap_text_plain("\0", 1));
	assert_string_equal(text.data, "\\u0000");
}

static void escape__marks_travel(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const char *const cases[][2] = {
		{ "a[b]c", "a[b]c" },
		{ "a[\n]c", "a[\\n]c" },
		{ "\n[a]\n", "\\n[a]\\n" },
		{ "\"[a\"b]\"c", "\\\"[a\\\"b]\\\"c" },
		{ "x[y]z\n[u]v[w]", "x[y]z\\n[u]v[w]" },
		{ "[\x01]\x01[\x01]", "[\\u0001]\\u0001[\\u0001]" },
		{ "\n[ab]cd[ef]gh\n", "\\n[ab]cd[ef]gh\\n" },
		/* Part of a character: all of its escape. */
		{ "a\xe2[\x80]\xa8z", "a[\\u2028]z" },
		{ "a[\xe2]\x80[\xa8]z", "a[\\u2028]z" },
		{ "\xc3[\xa9]\n", "\xc3[\xa9]\\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(pattern(arena, neap_text_json_escape(arena, marked(arena, cases[i][0]))),
				    cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value__every_kind_has_a_name),
		cmocka_unit_test(value__equal_means_same_kind_and_content),
		cmocka_unit_test(value__copy_shares_nothing_with_the_original),
		cmocka_unit_test(value__has_secret_looks_everywhere),
		cmocka_unit_test(value__depth_is_bounded_by_memory_only),
		cmocka_unit_test(expr__evaluates_with_marks),
		cmocka_unit_test(expr__unknown_and_errors_pass_through),
		cmocka_unit_test(expr__a_hundred_thousand_concatenations_deep),
		cmocka_unit_test(expr__walk_meets_every_output),
		cmocka_unit_test(expr__shared_parts_do_not_explode),
		cmocka_unit_test(base64__knows_the_published_values),
		cmocka_unit_test(base64__marks_every_character_that_carries_a_bit),
		cmocka_unit_test(base64__marks_are_what_a_secret_can_change),
		cmocka_unit_test(escape__json_and_yaml_both_read_it),
		cmocka_unit_test(escape__marks_travel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
