/* JSON and YAML: what is read, what is refused and where, what is written, and that it reads back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/document.h"

typedef int parse_fn(struct neap_arena *arena, struct neap_str text, struct neap_value *ret,
		     struct neap_error **err);

static struct neap_value integer(int64_t n)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = n };
}

static struct neap_value number(double n)
{
	return (struct neap_value){ .kind = NEAP_FLOAT, .number = n };
}

static struct neap_value boolean(bool b)
{
	return (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = b };
}

static struct neap_value list_of(struct neap_value *items, size_t count)
{
	return (struct neap_value){ .kind = NEAP_LIST, .list = { items, count } };
}

static struct neap_value map_of(struct neap_pair *pairs, size_t count)
{
	return (struct neap_value){ .kind = NEAP_MAP, .map = { pairs, count } };
}

static void reads(parse_fn *parse, const char *text, struct neap_value expected)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value value;

	if (parse(arena, neap_str(text), &value, &err) < 0)
		fail_msg("%s: %s", text, err->message);
	if (!neap_value_equal(&value, &expected))
		fail_msg("%s: read as something else (%s)", text, neap_value_kind_name(value.kind));
}

/* The text that is read, as compact JSON. */
static void reads_as(parse_fn *parse, const char *text, const char *json)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value value, written;

	if (parse(arena, neap_str(text), &value, &err) < 0)
		fail_msg("%s: %s", text, err->message);
	assert_int_equal(neap_json_write(arena, &value, false, &written, NULL), 0);
	assert_string_equal(written.text.data, neap_arena_printf(arena, "%s\n", json));
}

static void refuses(parse_fn *parse, struct neap_str text, const char *expected)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value value = integer(77);

	if (parse(arena, text, &value, &err) != -1)
		fail_msg("%.*s: not refused", (int)text.len, text.data);
	assert_string_equal(err->message, expected);
	assert_int_equal(value.integer, 77);
}

static void json__reads_every_kind(void **state)
{
	struct neap_value items[] = { integer(1), number(1), neap_value_string("x"), { .kind = NEAP_NIL } };
	struct neap_pair pairs[] = { { NEAP_STR("a"), integer(1) }, { NEAP_STR("b"), list_of(items, 0) } };

	(void)state;
	reads(neap_json_parse, "null", (struct neap_value){ .kind = NEAP_NIL });
	reads(neap_json_parse, " true\n", boolean(true));
	reads(neap_json_parse, "-9223372036854775808", integer(INT64_MIN));
	reads(neap_json_parse, "1e2", number(100));
	reads(neap_json_parse, "\"\\u00e9\\n/\\/\"", neap_value_string("é\n//"));
	reads(neap_json_parse, "\"a\\u0000b\"", neap_value_text(neap_text_plain("a\0b", 3)));
	reads(neap_json_parse, "[1, 1.0, \"x\", null]", list_of(items, 4));
	reads(neap_json_parse, "{\"b\": [], \"a\": 1}", map_of(pairs, 2));
	reads(neap_json_parse, "{}", map_of(NULL, 0));
	reads_as(neap_json_parse, "{\"z\":{\"y\":[[],{}],\"x\":1},\"a\":[{\"c\":1,\"b\":2}]}",
		 "{\"a\":[{\"b\":2,\"c\":1}],\"z\":{\"x\":1,\"y\":[[],{}]}}");
}

static void json__an_error_names_line_and_column_but_no_content(void **state)
{
	(void)state;
	refuses(neap_json_parse, NEAP_STR("{\n  \"a\": hunter2\n}"), "line 2 column 8: invalid token");
	refuses(neap_json_parse, NEAP_STR("[1,\n2"), "line 2 column 2: ']' expected near end of file");
	refuses(neap_json_parse, NEAP_STR("{\"a\": 1,\n \"a\": 2}"),
		"line 2 column 2: duplicate object key near '\"a\"'");
	refuses(neap_json_parse, NEAP_STR("1 2"), "line 1 column 3: end of file expected");
	refuses(neap_json_parse, NEAP_STR("[1]\n]"), "line 2 column 1: end of file expected");
	refuses(neap_json_parse, NEAP_STR("99999999999999999999"), "line 1 column 1: too big integer");
	refuses(neap_json_parse, NEAP_STR("[\"é\",\n \"ab\xff\"]"), "line 2 column 5: not valid UTF-8");
	refuses(neap_json_parse, NEAP_STR("[1,]"), "line 1 column 4: unexpected token");
}

static char *nested(struct neap_arena *arena, size_t depth, const char *open, const char *inside,
		    const char *close)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < depth; i++)
		neap_buf_puts(&buf, open);
	neap_buf_puts(&buf, inside);
	for (size_t i = 0; i < depth; i++)
		neap_buf_puts(&buf, close);
	return neap_arena_copy(arena, buf.data, buf.len);
}

static void document__depth_is_64_when_read_and_written(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value value, list, written;
	const char *text;

	(void)state;
	assert_int_equal(neap_json_parse(arena, neap_str(nested(arena, 64, "[", "1", "]")), &value, NULL), 0);
	refuses(neap_json_parse, neap_str(nested(arena, 65, "[", "1", "]")),
		"line 1 column 65: nested deeper than 64");
	refuses(neap_json_parse, neap_str(nested(arena, 100000, "[", "1", "]")),
		"line 1 column 65: nested deeper than 64");
	assert_int_equal(
		neap_json_parse(arena, neap_str(nested(arena, 64, "{\"k\":", "[]", "}")), &value, NULL), -1);
	/* Brackets in strings are no brackets, wherever the quotes are. */
	text = neap_arena_printf(arena, "[\"\\\"%s\\\\\", \"]\"]", nested(arena, 100, "[", "", ""));
	assert_int_equal(neap_json_parse(arena, neap_str(text), &value, NULL), 0);
	assert_int_equal(neap_yaml_parse(arena, neap_str(nested(arena, 64, "[", "1", "]")), &value, NULL), 0);
	refuses(neap_yaml_parse, neap_str(nested(arena, 65, "[", "1", "]")),
		"line 1 column 65: nested deeper than 64");
	refuses(neap_yaml_parse, neap_str(nested(arena, 500, "- ", "1", "")),
		"line 1 column 129: nested deeper than 64");

	assert_int_equal(neap_json_write(arena, &value, false, &written, NULL), 0);
	assert_int_equal(neap_yaml_write(arena, &value, &written, NULL), 0);
	list = list_of(&value, 1);
	assert_int_equal(neap_json_write(arena, &list, false, &written, &err), -1);
	assert_non_null(strstr(err->message, "[1]: nested deeper than 64"));
	assert_int_equal(neap_yaml_write(arena, &list, &written, NULL), -1);
}

static void document__size_and_nodes_are_bounded(void **state)
{
	enum { SIZE = (16 << 20) + 1 };
	char *text = malloc(SIZE);
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_value value;

	(void)state;
	memset(text, ' ', SIZE);
	text[0] = '1';
	assert_int_equal(neap_json_parse(arena, (struct neap_str){ text, SIZE - 1 }, &value, NULL), 0);
	refuses(neap_json_parse, (struct neap_str){ text, SIZE }, "16777217 bytes, over 16 MB");
	refuses(neap_yaml_parse, (struct neap_str){ text, SIZE }, "16777217 bytes, over 16 MB");
	text[0] = '[';
	for (size_t i = 1; i < 3000000; i += 2) {
		text[i] = '1';
		text[i + 1] = ',';
	}
	refuses(neap_json_parse, (struct neap_str){ text, 3000000 },
		"line 1 column 1999999: more than 1,000,000 values");
	refuses(neap_yaml_parse, (struct neap_str){ text, 3000000 },
		"line 1 column 2000000: more than 1,000,000 values");
	free(text);
}

static void yaml__plain_scalars_follow_the_core_schema(void **state)
{
	static const char *const strings[] = { "yes",        "no",    "on",    "y",    "nUll",  "tRUE",
					       "1_000",      "12:30", "1.2.3", "0b11", "-0x1f", "+0o7",
					       "2001-01-01", "0x",    "0o8",   "1e",   "e1",    ".",
					       "-",          "+",     ".e1",   "0xg",  "=",     "<<",
					       "1 2",        ".infx", "nan",   "-.nan" };
	static const struct {
		const char *text;
		int64_t value;
	} integers[] = {
		{ "0", 0 },     { "-7", -7 },   { "+7", 7 },     { "017", 17 },
		{ "0o17", 15 }, { "0x1F", 31 }, { "0xff", 255 }, { "9223372036854775807", INT64_MAX }
	};
	static const struct {
		const char *text;
		double value;
	} floats[] = { { "1.0", 1 },          { "1.", 1 },      { ".5", 0.5 },        { "-.5e1", -5 },
		       { "1e3", 1000 },       { "1E-2", 0.01 }, { ".inf", INFINITY }, { "-.INF", -INFINITY },
		       { "+.Inf", INFINITY }, { ".NaN", NAN } };

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (strcmp(strings[i], "-") != 0) /* alone it is an empty item */
			reads(neap_yaml_parse, strings[i], neap_value_string(strings[i]));
	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++)
		reads(neap_yaml_parse, integers[i].text, integer(integers[i].value));
	for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++)
		reads(neap_yaml_parse, floats[i].text, number(floats[i].value));
	reads(neap_yaml_parse, "true", boolean(true));
	reads(neap_yaml_parse, "True", boolean(true));
	reads(neap_yaml_parse, "FALSE", boolean(false));
	reads(neap_yaml_parse, "~", (struct neap_value){ .kind = NEAP_NIL });
	reads(neap_yaml_parse, "Null", (struct neap_value){ .kind = NEAP_NIL });
	reads(neap_yaml_parse, "", (struct neap_value){ .kind = NEAP_NIL });
	reads(neap_yaml_parse, "# nothing\n", (struct neap_value){ .kind = NEAP_NIL });
	reads(neap_yaml_parse, "'5'", neap_value_string("5"));
	reads(neap_yaml_parse, "\"true\"", neap_value_string("true"));
}

static void yaml__standard_tags_are_obeyed(void **state)
{
	(void)state;
	reads(neap_yaml_parse, "!!str 5", neap_value_string("5"));
	reads(neap_yaml_parse, "! 5", neap_value_string("5"));
	reads(neap_yaml_parse, "!!int \"5\"", integer(5));
	reads(neap_yaml_parse, "!!float 5", number(5));
	reads(neap_yaml_parse, "!!seq []", list_of(NULL, 0));
	reads(neap_yaml_parse, "!!map {}", map_of(NULL, 0));
	refuses(neap_yaml_parse, NEAP_STR("!!int x"), "line 1 column 1: the value does not fit its tag");
	refuses(neap_yaml_parse, NEAP_STR("a: !secret x"),
		"line 1 column 4: tags other than the standard ones are refused");
	refuses(neap_yaml_parse, NEAP_STR("!!set {a}"),
		"line 1 column 1: tags other than the standard ones are refused");
	refuses(neap_yaml_parse, NEAP_STR("!!binary aGk="),
		"line 1 column 1: tags other than the standard ones are refused");
}

static void yaml__structures_are_read(void **state)
{
	(void)state;
	reads_as(neap_yaml_parse,
		 "b:\n- 1\n- c: [2, {d: }]\n  e: |\n    two\n    lines\na: >-\n  one\n  line\n",
		 "{\"a\":\"one line\",\"b\":[1,{\"c\":[2,{\"d\":null}],\"e\":\"two\\nlines\\n\"}]}");
	reads_as(neap_yaml_parse, "%YAML 1.2\n---\n- &x 1\n...\n", "[1]");
	/* A key is its text, whatever it looks like. */
	reads_as(neap_yaml_parse, "{1: a, true: b, ~: c, 0o17: d, '': e, 99999999999999999999: f}",
		 "{\"\":\"e\",\"0o17\":\"d\",\"1\":\"a\",\"99999999999999999999\":\"f\",\"true\":\"b\",\"~\":"
		 "\"c\"}");
}

static void yaml__what_is_refused_is_named_with_its_place(void **state)
{
	(void)state;
	refuses(neap_yaml_parse, NEAP_STR("a: &x 1\nb: *x\n"),
		"line 2 column 4: aliases are refused; write the value out");
	refuses(neap_yaml_parse, NEAP_STR("*x : 1\n"),
		"line 1 column 1: aliases are refused; write the value out");
	refuses(neap_yaml_parse, NEAP_STR("--- 1\n--- 2\n"),
		"line 2 column 1: a second document begins; only one is read");
	refuses(neap_yaml_parse, NEAP_STR("a: 1\nb: 2\na: 3\n"),
		"line 3 column 1: key \"a\" was already given in line 1");
	refuses(neap_yaml_parse, NEAP_STR("x:\n  {1: a, '1': b}\n"),
		"line 2 column 10: key \"1\" was already given in line 2");
	refuses(neap_yaml_parse, NEAP_STR("? [a]\n: b\n"),
		"line 1 column 3: a list or a map cannot be a key");
	refuses(neap_yaml_parse, NEAP_STR("a: 99999999999999999999"),
		"line 1 column 4: the integer does not fit in 64 bits; quote it to make it a string");
	refuses(neap_yaml_parse, NEAP_STR("a: 1e999"),
		"line 1 column 4: the number is too large; quote it to make it a string");
	refuses(neap_yaml_parse, NEAP_STR("a: [1, 2\n"),
		"line 2 column 1: did not find expected ',' or ']' while parsing a flow sequence");
	refuses(neap_yaml_parse, NEAP_STR("a: x\nb: \xc3(\n"), "line 2 column 4: not valid UTF-8");
	refuses(neap_yaml_parse, NEAP_STR("a: x\nb: \x01\n"),
		"line 2 column 4: control characters are not allowed");
}

static void writes(struct neap_value value, const char *json, const char *pretty, const char *yaml)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_value written;

	if (json) {
		assert_int_equal(neap_json_write(arena, &value, false, &written, NULL), 0);
		assert_string_equal(written.text.data, json);
		assert_int_equal(written.text.len, strlen(json));
	}
	if (pretty) {
		assert_int_equal(neap_json_write(arena, &value, true, &written, NULL), 0);
		assert_string_equal(written.text.data, pretty);
	}
	if (yaml) {
		assert_int_equal(neap_yaml_write(arena, &value, &written, NULL), 0);
		assert_string_equal(written.text.data, yaml);
	}
}

static void document__layout_is_exact(void **state)
{
	struct neap_value inner[] = { integer(1), neap_value_string("two") };
	struct neap_pair port[] = { { NEAP_STR("name"), neap_value_string("http") },
				    { NEAP_STR("port"), integer(80) } };
	struct neap_value ports[] = { map_of(port, 2), list_of(inner, 2) };
	struct neap_pair pairs[] = {
		{ NEAP_STR("empty"), list_of(NULL, 0) },
		{ NEAP_STR("none"), map_of(NULL, 0) },
		{ NEAP_STR("ports"), list_of(ports, 2) },
		{ NEAP_STR("ratio"), number(1) },
		{ NEAP_STR("text"), neap_value_string("a/b\nc\n") },
	};

	(void)state;
	writes(map_of(pairs, 5),
	       "{\"empty\":[],\"none\":{},\"ports\":[{\"name\":\"http\",\"port\":80},[1,\"two\"]],\"ratio\":"
	       "1.0,"
	       "\"text\":\"a/b\\nc\\n\"}\n",
	       "{\n  \"empty\": [],\n  \"none\": {},\n  \"ports\": [\n    {\n      \"name\": \"http\",\n     "
	       " \"port\": 80\n"
	       "    },\n    [\n      1,\n      \"two\"\n    ]\n  ],\n  \"ratio\": 1.0,\n  \"text\": "
	       "\"a/b\\nc\\n\"\n}\n",
	       "empty: []\nnone: {}\nports:\n- name: http\n  port: 80\n- - 1\n  - two\nratio: 1.0\ntext: |\n "
	       " a/b\n  c\n");
	writes((struct neap_value){ .kind = NEAP_NIL }, "null\n", "null\n", "null\n");
	writes(integer(INT64_MIN), "-9223372036854775808\n", NULL, "-9223372036854775808\n");
	writes(neap_value_string("x"), "\"x\"\n", NULL, "\"x\"\n");
	writes(list_of(NULL, 0), "[]\n", "[]\n", "[]\n");
}

static void document__floats_are_short_and_keep_their_point(void **state)
{
	(void)state;
	writes(number(0.1), "0.1\n", NULL, "0.1\n");
	writes(number(-3), "-3.0\n", NULL, "-3.0\n");
	writes(number(1e300), "1.0e+300\n", NULL, "1.0e+300\n");
	writes(number(0.1 + 0.2), "0.30000000000000004\n", NULL, "0.30000000000000004\n");
	writes(number(5e-324), NULL, NULL, "4.94065645841247e-324\n");
	writes(number(INFINITY), NULL, NULL, ".inf\n");
	writes(number(-INFINITY), NULL, NULL, "-.inf\n");
	writes(number(NAN), NULL, NULL, ".nan\n");
}

static void yaml__strings_that_others_misread_are_quoted(void **state)
{
	static const char *const quoted[] = { "yes",
					      "No",
					      "ON",
					      "off",
					      "y",
					      "N",
					      "true",
					      "False",
					      "null",
					      "~",
					      "",
					      "0",
					      "-1",
					      "1.5",
					      ".5",
					      "-.5",
					      "+1",
					      "0o17",
					      "0x1f",
					      "0b1",
					      "017",
					      "1_000",
					      "12:30:45",
					      "2001-01-01",
					      "1e5",
					      "1.2.3",
					      " lead",
					      "trail ",
					      "=",
					      "<<",
					      "-",
					      ".inf",
					      "-.INF",
					      ".NaN",
					      "---",
					      "...",
					      "2001-12-14 21:59:43.10 -5",
					      "1e+5" };
	static const char *const plain[] = { "x",   "yesterday", "10Gi",       "100m", "/etc/x",   "-x",
					     "a:b", "a#b",       "http://x/y", "é",    "--flag=1", "node-1" };
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(quoted) / sizeof(*quoted); i++) {
		struct neap_value item = neap_value_string(quoted[i]);
		struct neap_pair pair = { neap_str(quoted[i]), integer(1) };

		writes(list_of(&item, 1), NULL, NULL, neap_arena_printf(arena, "- \"%s\"\n", quoted[i]));
		writes(map_of(&pair, 1), NULL, NULL, neap_arena_printf(arena, "\"%s\": 1\n", quoted[i]));
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		struct neap_value item = neap_value_string(plain[i]);

		writes(list_of(&item, 1), NULL, NULL, neap_arena_printf(arena, "- %s\n", plain[i]));
	}
}

static void yaml__lines_stand_as_a_block_where_that_is_safe(void **state)
{
	static const char *const cases[][2] = {
		{ "a\nb\n", "|\n  a\n  b\n" },
		{ "a\nb", "|-\n  a\n  b\n" },
		{ "a\n\n  b: c\n", "|\n  a\n\n    b: c\n" },
		{ "a\nb\n\n", "\"a\\nb\\n\\n\"\n" },
		{ " a\nb", "\" a\\nb\"\n" },
		{ "\na", "\"\\na\"\n" },
		{ "a \nb", "\"a \\nb\"\n" },
		{ "a\r\nb", "\"a\\r\\nb\"\n" },
		{ "a\nb ", "\"a\\nb \"\n" },
		{ "a\n---\nb\n", "|\n  a\n  ---\n  b\n" },
	};
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct neap_pair pair = { NEAP_STR("k"), neap_value_string(cases[i][0]) };

		writes(map_of(&pair, 1), NULL, NULL, neap_arena_printf(arena, "k: %s", cases[i][1]));
	}
}

static void yaml__long_lines_are_not_broken(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const char *words = nested(arena, 100, "word ", "end", "");
	struct neap_value item = neap_value_string(words);

	(void)state;
	writes(list_of(&item, 1), NULL, NULL, neap_arena_printf(arena, "- %s\n", words));
	words = nested(arena, 100, "'word ", "end", "");
	item = neap_value_string(words);
	writes(list_of(&item, 1), NULL, NULL,
	       neap_arena_printf(arena, "- '%s\n", nested(arena, 100, "''word ", "end'", "")));
}

static void document__an_error_names_the_way_to_the_value(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value items[] = { integer(1), neap_value_string("hunter2\xff") }, written = integer(77);
	struct neap_pair inner[] = { { NEAP_STR("list"), list_of(items, 2) } };
	struct neap_pair pairs[] = { { NEAP_STR("a"), integer(1) }, { NEAP_STR("spec"), map_of(inner, 1) } };
	struct neap_value value = map_of(pairs, 2);

	(void)state;
	assert_int_equal(neap_yaml_write(arena, &value, &written, &err), -1);
	assert_string_equal(err->message, "spec.list[2]: the string is not valid UTF-8");
	neap_error_auto(&err);
	assert_int_equal(neap_json_write(arena, &value, true, &written, &err), -1);
	assert_string_equal(err->message, "spec.list[2]: the string is not valid UTF-8");
	neap_error_auto(&err);
	items[1] = number(NAN);
	assert_int_equal(neap_json_write(arena, &value, true, &written, &err), -1);
	assert_string_equal(err->message, "spec.list[2]: JSON has no nan");
	neap_error_auto(&err);
	inner[0].key = NEAP_STR("a\0b");
	assert_int_equal(neap_json_write(arena, &value, true, &written, &err), -1);
	assert_non_null(strstr(err->message, "the key holds a NUL byte"));
	assert_int_equal(written.integer, 77);
}

static void document__secrets_stay_marked(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_value items[] = { neap_value_text(neap_text_secret(arena, "yes\n", 4)), number(1.5) },
			  written;
	struct neap_pair pairs[] = { { NEAP_STR("list"), list_of(items, 2) } };
	struct neap_value value = map_of(pairs, 1);

	(void)state;
	assert_int_equal(neap_yaml_write(arena, &value, &written, NULL), 0);
	assert_int_equal(written.kind, NEAP_STRING);
	assert_string_equal(written.text.data, "list:\n- \"yes\\n\"\n- 1.5\n");
	assert_string_equal(neap_text_masked(arena, written.text).data, "list:\n- \"(secret)\"\n- 1.5\n");
	assert_int_equal(neap_json_write(arena, &value, false, &written, NULL), 0);
	assert_string_equal(written.text.data, "{\"list\":[\"yes\\n\",1.5]}\n");
	assert_string_equal(neap_text_masked(arena, written.text).data, "{\"list\":[\"(secret)\",1.5]}\n");
}

static int output(void *ctx, uint32_t resource, const char *name, struct neap_arena *arena,
		  struct neap_text *ret, struct neap_error **err)
{
	const struct neap_str *texts = ctx;

	(void)name, (void)arena, (void)err;
	if (!texts)
		return NEAP_UNKNOWN;
	*ret = neap_text_plain(texts[resource].data, texts[resource].len);
	return 0;
}

static void document__an_expression_makes_the_document_one(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const struct neap_expr token = { .op = NEAP_EXPR_OUTPUT, .output = "value", .secret = true };
	struct neap_str texts[] = { NEAP_STR("a\"b") };
	struct neap_value written;
	struct neap_pair pairs[] = { { NEAP_STR("a"), neap_value_text(neap_text_secret(arena, "x", 1)) },
				     { NEAP_STR("token"), { .kind = NEAP_EXPRESSION, .expr = &token } } };
	struct neap_value value = map_of(pairs, 2);
	struct neap_text text;

	(void)state;
	assert_int_equal(neap_yaml_write(arena, &value, &written, NULL), 0);
	assert_int_equal(written.kind, NEAP_EXPRESSION);
	assert_int_equal(neap_expr_eval(written.expr, output, NULL, arena, &text, NULL), NEAP_UNKNOWN);
	assert_int_equal(neap_expr_eval(written.expr, output, texts, arena, &text, NULL), 0);
	assert_string_equal(text.data, "a: \"x\"\ntoken: \"a\\\"b\"\n");
	assert_string_equal(neap_text_masked(arena, text).data, "a: \"(secret)\"\ntoken: \"(secret)\"\n");
	assert_int_equal(neap_json_write(arena, &pairs[1].value, false, &written, NULL), 0);
	assert_int_equal(neap_expr_eval(written.expr, output, texts, arena, &text, NULL), 0);
	assert_string_equal(text.data, "\"a\\\"b\"\n");
}

/* A property: any tree that can be written reads back equal; and every secret byte is marked. */

enum { OUTPUTS = 64 };

struct grower {
	struct neap_arena *arena;
	uint64_t random;
	struct neap_str outputs[OUTPUTS];
	uint32_t output_count;
	bool json;
	size_t nodes;
};

static size_t pick(struct grower *grower, size_t count)
{
	grower->random ^= grower->random << 13;
	grower->random ^= grower->random >> 7;
	grower->random ^= grower->random << 17;
	return (size_t)(grower->random >> 11) % count;
}

/* No piece holds a "Q": that letter stands for a secret. */
static const struct neap_str pieces[] = {
	NEAP_STR(" "),      NEAP_STR("\n"),       NEAP_STR("\t"),         NEAP_STR("\r"),
	NEAP_STR(":"),      NEAP_STR("#"),        NEAP_STR("-"),          NEAP_STR("'"),
	NEAP_STR("\""),     NEAP_STR("\\"),       NEAP_STR("é"),          NEAP_STR("😀"),
	NEAP_STR("\x7f"),   NEAP_STR("\0"),       NEAP_STR("\xc2\x85"),   NEAP_STR("\u2028"),
	NEAP_STR("\ufeff"), NEAP_STR("\uffff"),   NEAP_STR("0"),          NEAP_STR("1"),
	NEAP_STR("e"),      NEAP_STR("."),        NEAP_STR("x"),          NEAP_STR("_"),
	NEAP_STR("["),      NEAP_STR("]"),        NEAP_STR("{"),          NEAP_STR("}"),
	NEAP_STR("&a"),     NEAP_STR("*a"),       NEAP_STR("!"),          NEAP_STR("%"),
	NEAP_STR("@"),      NEAP_STR("|"),        NEAP_STR(">"),          NEAP_STR("?"),
	NEAP_STR(","),      NEAP_STR("="),        NEAP_STR("<<"),         NEAP_STR("~"),
	NEAP_STR("yes"),    NEAP_STR("null"),     NEAP_STR("word"),       NEAP_STR("word "),
	NEAP_STR(": "),     NEAP_STR(" #"),       NEAP_STR("---"),        NEAP_STR("..."),
	NEAP_STR("\n\n"),   NEAP_STR("line\n"),   NEAP_STR("`"),          NEAP_STR("\u00a0"),
	NEAP_STR("\x01"),   NEAP_STR("\xc2\x80"), NEAP_STR("\U0010ffff"),
};

static struct neap_str grow_string(struct grower *grower, const char *extra)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	size_t count = pick(grower, 4) ? pick(grower, 5) : pick(grower, 60);
	/* Half of the strings are made of tame pieces, so that plain and literal styles are met often. */
	bool tame = pick(grower, 2);

	neap_buf_puts(&buf, extra);
	while (count--) {
		struct neap_str piece = tame ? pieces[40 + pick(grower, 10)]
					     : pieces[pick(grower, sizeof(pieces) / sizeof(*pieces))];

		neap_buf_append(&buf, piece.data, piece.len);
	}
	return (struct neap_str){ neap_arena_copy(grower->arena, buf.data, buf.len), buf.len };
}

static int compare_pairs(const void *left, const void *right)
{
	const struct neap_pair *a = left, *b = right;
	size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
	int order = memcmp(a->key.data, b->key.data, len);

	return order ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

/* *plain is what is expected back: expressions are their texts there. */
static void grow(struct grower *grower, size_t depth, struct neap_value *value, struct neap_value *plain)
{
	static const double numbers[] = { 0,      -0.0,          1,    0.1,
					  1e22,   123456789.125, 1e-7, 1.7976931348623157e308,
					  5e-324, 3.0,           1e15, 0.30000000000000004 };
	size_t kind = pick(grower, depth && grower->nodes < 300 ? 12 : 9), count;
	struct neap_str text;

	grower->nodes++;
	switch (kind) {
	case 0:
		*value = (struct neap_value){ .kind = NEAP_NIL };
		break;
	case 1:
		*value = boolean(pick(grower, 2));
		break;
	case 2:
		*value = integer((int64_t)grower->random >> pick(grower, 64));
		break;
	case 3:
		*value = number(numbers[pick(grower, sizeof(numbers) / sizeof(*numbers))]);
		if (!grower->json && !pick(grower, 4))
			value->number = pick(grower, 2) ? (double)NAN : -(double)INFINITY;
		break;
	case 4:
	case 5:
		text = grow_string(grower, "");
		*value = neap_value_text(neap_text_plain(text.data, text.len));
		break;
	case 6:
	case 7: { /* a secret, perhaps with something round it */
		struct neap_text_builder builder NEAP_AUTO_TEXT_BUILDER = { 0 };

		text = grow_string(grower, "");
		neap_text_builder_add(&builder, neap_text_plain(text.data, text.len));
		text = grow_string(grower, "Q");
		neap_text_builder_secret(&builder, text.data, text.len);
		if (kind == 7)
			neap_text_builder_add(&builder, neap_text("tail"));
		*value = neap_value_text(neap_text_builder_take(&builder, grower->arena));
		break;
	}
	case 8:
		if (grower->output_count < OUTPUTS) {
			struct neap_expr *expr = neap_arena_new_of(grower->arena, struct neap_expr);

			text = grower->outputs[grower->output_count] = grow_string(grower, "Q");
			*expr = (struct neap_expr){ .op = NEAP_EXPR_OUTPUT, .secret = true, .output = "x" };
			expr->resource = grower->output_count++;
			*value = (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr };
			*plain = neap_value_text(neap_text_plain(text.data, text.len));
			return;
		}
		*value = neap_value_string("");
		break;
	case 9:
	case 10: {
		struct neap_value *items, *plains;

		count = pick(grower, 6);
		items = neap_arena_array_of(grower->arena, struct neap_value, count);
		plains = neap_arena_array_of(grower->arena, struct neap_value, count);
		for (size_t i = 0; i < count; i++)
			grow(grower, depth - 1, &items[i], &plains[i]);
		*value = list_of(items, count);
		*plain = list_of(plains, count);
		return;
	}
	default: {
		struct neap_pair *pairs, *plains;
		size_t used = 0;

		count = pick(grower, 6);
		pairs = neap_arena_array_of(grower->arena, struct neap_pair, count);
		plains = neap_arena_array_of(grower->arena, struct neap_pair, count);
		for (size_t i = 0; i < count; i++) {
			bool taken;

			text = grow_string(grower, "");
			taken = text.len && memchr(text.data, '\0', text.len);
			for (size_t j = 0; j < used; j++)
				taken |= neap_str_equal(pairs[j].key, text);
			if (!taken)
				pairs[used++].key = text;
		}
		if (used)
			qsort(pairs, used, sizeof(*pairs), compare_pairs);
		for (size_t i = 0; i < used; i++) {
			plains[i].key = pairs[i].key;
			grow(grower, depth - 1, &pairs[i].value, &plains[i].value);
		}
		*value = map_of(pairs, used);
		*plain = map_of(plains, used);
		return;
	}
	}
	*plain = *value;
}

static void check_round_trip(uint64_t seed, bool json)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct grower grower = { .arena = arena, .random = seed * 0x9e3779b97f4a7c15 | 1, .json = json };
	struct neap_value value, plain, written, back;
	struct neap_str masked;
	int r;

	for (int i = 0; i < 8; i++)
		pick(&grower, 2);
	grow(&grower, 5, &value, &plain);
	r = json ? neap_json_write(arena, &value, pick(&grower, 2), &written, &err)
		 : neap_yaml_write(arena, &value, &written, &err);
	if (r < 0)
		fail_msg("seed %lu: %s", (unsigned long)seed, err->message);
	if (written.kind == NEAP_EXPRESSION) {
		assert_true(grower.output_count > 0);
		r = neap_expr_eval(written.expr, output, grower.outputs, arena, &written.text, &err);
		assert_int_equal(r, 0);
	} else {
		assert_int_equal(grower.output_count, 0);
	}
	assert_int_equal(written.text.data[written.text.len - 1], '\n');
	r = (json ? neap_json_parse : neap_yaml_parse)(
		arena, (struct neap_str){ written.text.data, written.text.len }, &back, &err);
	if (r < 0)
		fail_msg("seed %lu: %s\n%s", (unsigned long)seed, err->message, written.text.data);
	if (!neap_value_equal(&back, &plain))
		fail_msg("seed %lu: reads back as something else\n%s", (unsigned long)seed,
			 written.text.data);
	masked = neap_text_masked(arena, written.text);
	if (memchr(masked.data, 'Q', masked.len))
		fail_msg("seed %lu: a secret is not marked\n%s", (unsigned long)seed, masked.data);
	/* Nothing else is: the quotes round a secret are there. */
	for (size_t i = 0; i < written.text.span_count; i++)
		assert_int_equal(written.text.data[written.text.spans[i].start], 'Q');
}

static void yaml__any_tree_reads_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++)
		check_round_trip(seed, false);
}

static void json__any_tree_reads_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++)
		check_round_trip(seed, true);
}

/* Parsers meet broken text: they refuse, and do not fall over. */
static void document__broken_text_is_refused_in_peace(void **state)
{
	static const char alphabet[] = "{}[]:,\"'\\-?|>&*!#% \n\tab10.~\xc3\xa9";
	struct grower grower = { .random = 42 };

	(void)state;
	for (int round = 0; round < 20000; round++) {
		NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
		struct neap_error *yaml_err NEAP_AUTO_ERROR = NULL, *json_err NEAP_AUTO_ERROR = NULL;
		struct neap_value value;
		char text[40];
		size_t len = pick(&grower, sizeof(text));

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[pick(&grower, sizeof(alphabet) - 1)];
		if (neap_yaml_parse(arena, (struct neap_str){ text, len }, &value, &yaml_err) < 0)
			assert_non_null(yaml_err);
		if (neap_json_parse(arena, (struct neap_str){ text, len }, &value, &json_err) < 0)
			assert_non_null(json_err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json__reads_every_kind),
		cmocka_unit_test(json__an_error_names_line_and_column_but_no_content),
		cmocka_unit_test(document__depth_is_64_when_read_and_written),
		cmocka_unit_test(document__size_and_nodes_are_bounded),
		cmocka_unit_test(yaml__plain_scalars_follow_the_core_schema),
		cmocka_unit_test(yaml__standard_tags_are_obeyed),
		cmocka_unit_test(yaml__structures_are_read),
		cmocka_unit_test(yaml__what_is_refused_is_named_with_its_place),
		cmocka_unit_test(document__layout_is_exact),
		cmocka_unit_test(document__floats_are_short_and_keep_their_point),
		cmocka_unit_test(yaml__strings_that_others_misread_are_quoted),
		cmocka_unit_test(yaml__lines_stand_as_a_block_where_that_is_safe),
		cmocka_unit_test(yaml__long_lines_are_not_broken),
		cmocka_unit_test(document__an_error_names_the_way_to_the_value),
		cmocka_unit_test(document__secrets_stay_marked),
		cmocka_unit_test(document__an_expression_makes_the_document_one),
		cmocka_unit_test(yaml__any_tree_reads_back),
		cmocka_unit_test(json__any_tree_reads_back),
		cmocka_unit_test(document__broken_text_is_refused_in_peace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
