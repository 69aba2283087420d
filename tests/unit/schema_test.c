/* core/engine/schema.c: what each kind of parameter takes, and what is said of what it does not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/regex.h"
#include "engine/schema.h"
#include "engine/source.h"

enum {
	PATH,
	TEXT,
	PLAIN,
	NAME,
	SOURCE,
	ENSURE,
	KEPT,
	FLAG,
	COUNT,
	ANY,
	MODE,
	OWNER,
	MATCH,
	LIST,
	COMMAND,
	TABLE,
	GAPS,
	PARAMS
};

struct want {
	struct neap_want base;
	const char *path, *name, *owner;
	struct neap_text text, plain;
	struct neap_source source;
	unsigned ensure, kept;
	bool flag;
	int64_t count, any;
	uint32_t mode;
	struct neap_pattern match;
	struct neap_strings list, command;
	struct neap_texts table, gaps;
};

static const char *const ensure[] = { "present", "absent", NULL };
static const char *const kept[] = { "false", "unit", "networkd", NULL };
static const struct neap_param params[PARAMS] = {
	[PATH] = { "path", NEAP_PARAM_PATH, NEAP_PARAM_KEY, .offset = offsetof(struct want, path) },
	[TEXT] = { "text", NEAP_PARAM_TEXT, NEAP_PARAM_SECRET, .offset = offsetof(struct want, text) },
	[PLAIN] = { "plain", NEAP_PARAM_TEXT, 0, .offset = offsetof(struct want, plain) },
	[NAME] = { "name", NEAP_PARAM_STRING, 0, .offset = offsetof(struct want, name) },
	[SOURCE] = { "source", NEAP_PARAM_SOURCE, 0, .offset = offsetof(struct want, source) },
	[ENSURE] = { "ensure", NEAP_PARAM_CHOICE, 0, .choices = ensure,
		     .offset = offsetof(struct want, ensure) },
	[KEPT] = { "kept", NEAP_PARAM_CHOICE, NEAP_PARAM_OR_FALSE, .choices = kept,
		   .offset = offsetof(struct want, kept) },
	[FLAG] = { "flag", NEAP_PARAM_BOOLEAN, 0, .offset = offsetof(struct want, flag) },
	[COUNT] = { "count", NEAP_PARAM_INTEGER, 0, .min = 1, .max = 10,
		    .offset = offsetof(struct want, count) },
	[ANY] = { "any", NEAP_PARAM_INTEGER, 0, .offset = offsetof(struct want, any) },
	[MODE] = { "mode", NEAP_PARAM_MODE, 0, .offset = offsetof(struct want, mode) },
	[OWNER] = { "owner", NEAP_PARAM_OWNER, 0, .offset = offsetof(struct want, owner) },
	[MATCH] = { "match", NEAP_PARAM_REGEX, 0, .offset = offsetof(struct want, match) },
	[LIST] = { "list", NEAP_PARAM_STRINGS, 0, .offset = offsetof(struct want, list) },
	[COMMAND] = { "command", NEAP_PARAM_ARGV, 0, .offset = offsetof(struct want, command) },
	[TABLE] = { "table", NEAP_PARAM_TEXTS, 0, .offset = offsetof(struct want, table) },
	[GAPS] = { "gaps", NEAP_PARAM_TEXTS, NEAP_PARAM_OR_FALSE, .offset = offsetof(struct want, gaps) },
};
static const struct neap_resource_type type = {
	.name = "thing", .params = params, .param_count = PARAMS, .want_size = sizeof(struct want)
};

struct fixture {
	struct neap_schema_context ctx;
	struct want want;
	struct neap_error *err;
	const char *message; /* of the last set, in the arena; NULL: it was taken */
	const char *hint;
};

static int setup(void **state)
{
	struct fixture *f = neap_alloc(sizeof *f);

	*f = (struct fixture){ .ctx = { .arena = neap_arena_new(), .directory = "" } };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_arena_free(f->ctx.arena);
	free(f);
	return 0;
}

static void set(struct fixture *f, unsigned param, struct neap_value value)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;
	uint64_t before;
	int r;

	f->want.base.given &= ~(UINT64_C(1) << param);
	before = f->want.base.given;
	r = neap_schema_set(&f->ctx, &type, param, &value, &f->want.base, &err);
	f->message = err ? neap_arena_strdup(f->ctx.arena, err->message) : NULL;
	f->hint = err && err->hint ? neap_arena_strdup(f->ctx.arena, err->hint) : NULL;
	assert_int_equal(r, err ? -1 : 0);
	assert_int_equal(f->want.base.given, err ? before : before | UINT64_C(1) << param);
}

static struct neap_value integer(int64_t number)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = number };
}

static struct neap_value bytes(const char *data, size_t len)
{
	return neap_value_text(neap_text_plain(data, len));
}

static struct neap_value secret(struct fixture *f, const char *text)
{
	return neap_value_text(neap_text_secret(f->ctx.arena, text, strlen(text)));
}

static struct neap_value list(struct neap_value *items, size_t count)
{
	return (struct neap_value){ .kind = NEAP_LIST, .list = { items, count } };
}

#define TAKES(f, param, ...)                                                                                 \
	do {                                                                                                 \
		set(f, param, __VA_ARGS__);                                                                  \
		if ((f)->message)                                                                            \
			print_error("%s\n", (f)->message);                                                   \
		assert_null((f)->message);                                                                   \
	} while (0)
#define REFUSES(f, param, text, ...)                                                                         \
	do {                                                                                                 \
		set(f, param, __VA_ARGS__);                                                                  \
		assert_non_null((f)->message);                                                               \
		assert_string_equal((f)->message, text);                                                     \
	} while (0)

static void schema__mode_is_octal_digits_in_a_string(void **state)
{
	static const struct {
		const char *text;
		uint32_t mode;
	} good[] = { { "0644", 0644 },   { "644", 0644 }, { "4755", 04755 },
		     { "04755", 04755 }, { "000", 0 },    { "7777", 07777 } };
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof good / sizeof *good; i++) {
		TAKES(f, MODE, neap_value_string(good[i].text));
		assert_int_equal(f->want.mode, good[i].mode);
	}
	REFUSES(f, MODE, "mode must be a string such as \"0644\": Lua reads 0644 as the decimal number 644",
		integer(644));
	REFUSES(f, MODE, "mode \"u+rwx\" is symbolic: give the mode in octal digits",
		neap_value_string("u+rwx"));
	REFUSES(f, MODE, "mode \"a=r\" is symbolic: give the mode in octal digits", neap_value_string("a=r"));
	REFUSES(f, MODE, "mode must be three or four octal digits such as \"0644\", not \"0689\"",
		neap_value_string("0689"));
	REFUSES(f, MODE, "mode must be three or four octal digits such as \"0644\", not \"44\"",
		neap_value_string("44"));
	REFUSES(f, MODE, "mode must be three or four octal digits such as \"0644\", not \"17777\"",
		neap_value_string("17777"));
	REFUSES(f, MODE, "mode must be three or four octal digits such as \"0644\", not \"000644\"",
		neap_value_string("000644"));
	REFUSES(f, MODE, "mode must be a string such as \"0644\", not a boolean",
		(struct neap_value){ .kind = NEAP_BOOLEAN });
	REFUSES(f, MODE, "mode is empty", neap_value_string(""));
}

static void schema__choice_names_the_choices_and_the_nearest(void **state)
{
	struct fixture *f = *state;

	TAKES(f, ENSURE, neap_value_string("absent"));
	assert_int_equal(f->want.ensure, 1);
	REFUSES(f, ENSURE, "ensure must be \"present\" or \"absent\", not \"presnt\"",
		neap_value_string("presnt"));
	assert_string_equal(f->hint, "did you mean \"present\"?");
	REFUSES(f, ENSURE, "ensure must be \"present\" or \"absent\", not \"installed\"",
		neap_value_string("installed"));
	assert_null(f->hint);
	REFUSES(f, ENSURE, "ensure must be \"present\" or \"absent\", not a boolean",
		(struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
}

static void schema__a_choice_may_be_false_and_then_no_word_stands_for_it(void **state)
{
	struct fixture *f = *state;

	TAKES(f, KEPT, neap_value_string("networkd"));
	assert_int_equal(f->want.kept, 2);
	TAKES(f, KEPT, (struct neap_value){ .kind = NEAP_BOOLEAN });
	assert_int_equal(f->want.kept, 0);
	REFUSES(f, KEPT, "kept must be false, \"unit\" or \"networkd\", not a boolean",
		(struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	REFUSES(f, KEPT, "kept must be false, \"unit\" or \"networkd\", not \"false\"",
		neap_value_string("false"));
	assert_null(f->hint);
	REFUSES(f, KEPT, "kept must be false, \"unit\" or \"networkd\", not \"uni\"",
		neap_value_string("uni"));
	assert_string_equal(f->hint, "did you mean \"unit\"?");
	assert_string_equal(neap_schema_takes(&params[KEPT], f->ctx.arena),
			    "one of false, \"unit\", \"networkd\"");
}

static void schema__wrong_kinds_are_named(void **state)
{
	struct fixture *f = *state;
	struct neap_value expression = { .kind = NEAP_EXPRESSION };

	REFUSES(f, OWNER, "owner must be a string, not a list", list(NULL, 0));
	REFUSES(f, PATH, "path must be a string, not a boolean", (struct neap_value){ .kind = NEAP_BOOLEAN });
	REFUSES(f, TEXT, "text must be a string, not a map", (struct neap_value){ .kind = NEAP_MAP });
	REFUSES(f, FLAG, "flag must be true or false, not a string", neap_value_string("yes"));
	REFUSES(f, COUNT, "count must be a whole number, not a string", neap_value_string("3"));
	REFUSES(f, COUNT, "count must be a whole number, not a float",
		(struct neap_value){ .kind = NEAP_FLOAT, .number = 3 });
	REFUSES(f, LIST, "list must be a list of strings, not a string", neap_value_string("a"));
	REFUSES(f, COMMAND, "command must be a list of strings such as { \"true\" }, not a string",
		neap_value_string("true"));
	REFUSES(f, PATH, "path must be known when the recipe is evaluated", expression);
	REFUSES(f, MODE, "mode must be known when the recipe is evaluated", expression);
}

static void schema__nil_is_not_given(void **state)
{
	struct fixture *f = *state;
	struct neap_value nil = { 0 };

	assert_int_equal(neap_schema_set(&f->ctx, &type, MODE, &nil, &f->want.base, NULL), 0);
	assert_int_equal(f->want.base.given, 0);
}

static void schema__integer_keeps_to_its_range(void **state)
{
	struct fixture *f = *state;

	TAKES(f, COUNT, integer(10));
	assert_int_equal(f->want.count, 10);
	REFUSES(f, COUNT, "count must be from 1 to 10, not 0", integer(0));
	REFUSES(f, COUNT, "count must be from 1 to 10, not 11", integer(11));
	TAKES(f, ANY, integer(INT64_MIN));
	assert_true(f->want.any == INT64_MIN);
}

static void schema__secrets_only_where_they_are_allowed(void **state)
{
	struct fixture *f = *state;
	struct neap_value items[2] = { neap_value_string("true"), secret(f, "hunter2") };

	TAKES(f, TEXT, secret(f, "hunter2"));
	assert_int_equal(f->want.text.span_count, 1);
	REFUSES(f, PLAIN, "plain cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, PATH, "path cannot hold a secret", secret(f, "/hunter2"));
	REFUSES(f, NAME, "name cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, ENSURE, "ensure cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, MODE, "mode cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, OWNER, "owner cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, MATCH, "match cannot hold a secret", secret(f, "hunter2("));
	REFUSES(f, SOURCE, "source cannot hold a secret", secret(f, "hunter2"));
	REFUSES(f, COMMAND, "command cannot hold a secret", list(items, 2));
}

static void schema__strings_and_paths_are_one_line(void **state)
{
	struct fixture *f = *state;

	TAKES(f, NAME, neap_value_string("größe 1"));
	assert_string_equal(f->want.name, "größe 1");
	REFUSES(f, NAME, "name is empty", neap_value_string(""));
	REFUSES(f, NAME, "name holds a newline", neap_value_string("a\nb"));
	REFUSES(f, NAME, "name holds a NUL byte", bytes("a\0b", 3));
	REFUSES(f, PATH, "path holds a newline", neap_value_string("/a\n/b"));
	REFUSES(f, PATH, "path holds a NUL byte", bytes("/a\0b", 4));
	TAKES(f, PATH, neap_value_string("//etc/./motd/"));
	assert_string_equal(f->want.path, "/etc/motd");
	set(f, PATH, neap_value_string("/etc/../motd"));
	assert_non_null(f->message);
	set(f, PATH, neap_value_string("etc/motd"));
	assert_non_null(strstr(f->message, "absolute"));
}

static void schema__a_table_of_texts_has_gaps_where_it_may(void **state)
{
	struct fixture *f = *state;
	struct neap_pair pairs[] = { { neap_str("a"), neap_value_string("") },
				     { neap_str("b"), { .kind = NEAP_BOOLEAN } } };
	const struct neap_value map = { .kind = NEAP_MAP, .map = { pairs, 2 } };

	TAKES(f, GAPS, map);
	assert_int_equal(f->want.gaps.count, 2);
	assert_non_null(f->want.gaps.texts[0].data);
	assert_string_equal(f->want.gaps.names[1], "b");
	assert_null(f->want.gaps.texts[1].data);
	REFUSES(f, TABLE, "b in table must be a string, not a boolean", map);
	pairs[1].value.boolean = true;
	REFUSES(f, GAPS, "b in gaps must be a string or false, not a boolean", map);
	assert_string_equal(neap_schema_takes(&params[TABLE], f->ctx.arena), "a table of names and strings");
	assert_string_equal(neap_schema_takes(&params[GAPS], f->ctx.arena),
			    "a table of names and strings, or false in place of one");
}

static void schema__text_takes_any_bytes_and_copies_them(void **state)
{
	struct fixture *f = *state;
	char data[] = "a\0\n\xff";

	TAKES(f, PLAIN, bytes(data, 4));
	data[0] = 'b';
	assert_int_equal(f->want.plain.len, 4);
	assert_memory_equal(f->want.plain.data, "a\0\n\xff", 5);
	TAKES(f, PLAIN, neap_value_string(""));
}

static void schema__owner_is_a_name_or_a_number(void **state)
{
	struct fixture *f = *state;

	TAKES(f, OWNER, neap_value_string("www-data"));
	assert_string_equal(f->want.owner, "www-data");
	TAKES(f, OWNER, neap_value_string("1000"));
	TAKES(f, OWNER, integer(0));
	assert_string_equal(f->want.owner, "0");
	TAKES(f, OWNER, integer(4294967294));
	REFUSES(f, OWNER, "owner 4294967295 is not an account number", integer(4294967295));
	TAKES(f, OWNER, neap_value_string("4294967294"));
	REFUSES(f, OWNER, "owner 4294967295 is not an account number", neap_value_string("4294967295"));
	REFUSES(f, OWNER, "owner -1 is not an account number", integer(-1));
	REFUSES(f, OWNER, "owner \"-1\" is not an account name", neap_value_string("-1"));
	REFUSES(f, OWNER, "owner 99999999999999999999999 is not an account number",
		neap_value_string("99999999999999999999999"));
	REFUSES(f, OWNER, "owner \"root:root\" is not an account name", neap_value_string("root:root"));
	REFUSES(f, OWNER, "owner \"a b\" is not an account name", neap_value_string("a b"));
	REFUSES(f, OWNER, "owner must be a string, not a float", (struct neap_value){ .kind = NEAP_FLOAT });
}

static void schema__regex_is_compiled_and_errors_have_an_offset(void **state)
{
	struct fixture *f = *state;
	bool found = false;

	TAKES(f, MATCH, neap_value_string("^a+$"));
	assert_string_equal(f->want.match.text, "^a+$");
	assert_int_equal(neap_regex_search(f->want.match.regex, neap_str("aaa"), &found, NULL), 0);
	assert_true(found);
	neap_regex_free((struct neap_regex *)f->want.match.regex);
	set(f, MATCH, neap_value_string("ab(c"));
	assert_non_null(f->message);
	assert_non_null(strstr(f->message, "match"));
	assert_non_null(strstr(f->message, "4"));
	REFUSES(f, MATCH, "match holds a NUL byte", bytes("a\0b", 3));
}

static void schema__lists_hold_strings_without_holes(void **state)
{
	struct fixture *f = *state;
	struct neap_value items[3] = { neap_value_string("sh"), neap_value_string("-c"),
				       neap_value_string("a\nb") };

	TAKES(f, LIST, list(items, 3));
	assert_int_equal(f->want.list.count, 3);
	assert_string_equal(f->want.list.items[2], "a\nb");
	assert_null(f->want.list.items[3]);
	TAKES(f, LIST, (struct neap_value){ .kind = NEAP_MAP });
	assert_int_equal(f->want.list.count, 0);
	assert_null(f->want.list.items[0]);
	REFUSES(f, COMMAND, "command is empty: it needs a program", list(items, 0));
	REFUSES(f, COMMAND, "command is empty: it needs a program", (struct neap_value){ .kind = NEAP_MAP });
	TAKES(f, COMMAND, list(items, 3));
	items[1] = (struct neap_value){ 0 };
	REFUSES(f, LIST, "list has a hole: item 2 is nil", list(items, 3));
	items[1] = integer(7);
	REFUSES(f, LIST, "item 2 of list must be a string, not an integer", list(items, 3));
	items[1] = (struct neap_value){ .kind = NEAP_EXPRESSION };
	REFUSES(f, LIST, "item 2 of list must be known when the recipe is evaluated", list(items, 3));
	items[1] = bytes("x\0y", 3);
	REFUSES(f, LIST, "item 2 of list holds a NUL byte", list(items, 3));
	items[0] = neap_value_string("");
	REFUSES(f, COMMAND, "command names no program: its first item is empty", list(items, 1));
}

static void schema__source_is_read_beside_the_recipe_that_names_it(void **state)
{
	struct fixture *f = *state;
	char folder[] = "/tmp/neap-schema-XXXXXX", path[200];
	FILE *file;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/init.lua", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(neap_sources_open(f->ctx.arena, folder, NULL, &f->ctx.sources, NULL), 0);

	TAKES(f, SOURCE, neap_value_string("init.lua"));
	assert_int_equal(f->want.source.content.size, 0);
	assert_string_equal(f->want.source.path, path);
	REFUSES(f, SOURCE, "source files/x: No such file or directory", neap_value_string("files/x"));
	snprintf(path, sizeof path, "it is looked up beside the recipe that names it: %s/files/x", folder);
	assert_string_equal(f->hint, path);
	f->ctx.directory = "lib";
	REFUSES(f, SOURCE, "source lib/files/x: No such file or directory", neap_value_string("files/x"));
	REFUSES(f, SOURCE, "source holds a newline", neap_value_string("a\nb"));
	REFUSES(f, SOURCE, "source lib: No such file or directory", neap_value_string("."));
	TAKES(f, SOURCE, neap_value_string("../init.lua"));

	snprintf(path, sizeof path, "%s/init.lua", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void schema__wrong_values_are_shown_short_and_on_one_line(void **state)
{
	struct fixture *f = *state;
	char text[301];

	memset(text, 'x', 300);
	text[300] = '\0';
	text[3] = '\n';
	set(f, ENSURE, neap_value_string(text));
	assert_true(strlen(f->message) < 200);
	assert_null(strchr(f->message, '\n'));
	assert_non_null(strstr(f->message, "xxx\\nxxx"));
}

static void schema__finds_parameters_and_the_nearest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(neap_schema_find(&type, "owner"), OWNER);
	assert_int_equal(neap_schema_find(&type, "ownr"), -1);
	assert_int_equal(neap_schema_find(&type, ""), -1);
	assert_string_equal(neap_schema_nearest(&type, "ownr"), "owner");
	assert_string_equal(neap_schema_nearest(&type, "requires"), "require");
	assert_null(neap_schema_nearest(&type, "backup_directory"));
	assert_string_equal(neap_schema_takes(&params[ENSURE], f->ctx.arena),
			    "one of \"present\", \"absent\"");
	assert_string_equal(neap_schema_takes(&params[MODE], f->ctx.arena), "a mode such as \"0644\"");
	assert_string_equal(neap_schema_takes(&params[COUNT], f->ctx.arena), "a whole number from 1 to 10");
	assert_string_equal(neap_schema_takes(&params[ANY], f->ctx.arena), "a whole number");
	assert_string_equal(neap_common_params[NEAP_SUBSCRIBE].name, "subscribe");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(schema__mode_is_octal_digits_in_a_string),
		TEST(schema__choice_names_the_choices_and_the_nearest),
		TEST(schema__a_choice_may_be_false_and_then_no_word_stands_for_it),
		TEST(schema__wrong_kinds_are_named),
		TEST(schema__nil_is_not_given),
		TEST(schema__integer_keeps_to_its_range),
		TEST(schema__secrets_only_where_they_are_allowed),
		TEST(schema__strings_and_paths_are_one_line),
		TEST(schema__a_table_of_texts_has_gaps_where_it_may),
		TEST(schema__text_takes_any_bytes_and_copies_them),
		TEST(schema__owner_is_a_name_or_a_number),
		TEST(schema__regex_is_compiled_and_errors_have_an_offset),
		TEST(schema__lists_hold_strings_without_holes),
		TEST(schema__source_is_read_beside_the_recipe_that_names_it),
		TEST(schema__wrong_values_are_shown_short_and_on_one_line),
		TEST(schema__finds_parameters_and_the_nearest),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
