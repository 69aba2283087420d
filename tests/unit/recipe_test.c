/* What a recipe can say, and what it comes to: declarations, handles, secrets, references, the library. */
#include "recipe_fixture.h"

/* ---- declaring ------------------------------------------------------------------------------------------
 */

static void recipe__declares_with_every_kind_of_parameter(void **state)
{
	struct recipe *r = *state;
	const struct thing *t;

	recipe_write(r, "files/a.txt", "from a file");
	recipe_ok(
		r,
		"neap.thing { path = '/etc//a/', content = 'x\\0y', label = 'l', mode = '644', on = true,\n"
		"  count = 7, owner = 33, ensure = 'absent', names = { 'a', 'b' }, source = 'files/a.txt' }");
	t = thing(r, 0);
	assert_string_equal(t->path, "/etc/a");
	assert_int_equal(t->content.len, 3);
	assert_memory_equal(t->content.data, "x\0y", 3);
	assert_string_equal(t->label, "l");
	assert_int_equal(t->mode, 0644);
	assert_true(t->on);
	assert_int_equal(t->count, 7);
	assert_string_equal(t->owner, "33");
	assert_int_equal(t->ensure, 1);
	assert_int_equal(t->names.count, 2);
	assert_string_equal(t->names.items[1], "b");
	assert_memory_equal(t->source.content.data, "from a file", 11);
	assert_string_equal(r->graph->resources.items[0].address, "thing[/etc/a]");
}

static void recipe__positions_are_of_the_call(void **state)
{
	struct recipe *r = *state;
	static const char *const files[] = { "site.lua", "site.lua", "lib/sub/users.lua", "site.lua",
					     "site.lua" };
	static const int lines[] = { 2, 4, 2, 8, 9 };

	recipe_write(r, "lib/sub/users.lua",
		     "local neap = require 'neap'\nreturn function(p) return neap.thing { path = p } end");
	recipe_ok(r, "neap.thing { path = '/a' }\n"
		     "\n"
		     "pcall(\n"
		     "  neap.thing, { path = '/b' })\n"
		     "local user = require 'lib.sub.users'\n"
		     "user('/c')\n"
		     "coroutine.wrap(neap.thing) { path = '/d' }\n"
		     "coroutine.wrap(function() neap.thing { path = '/e' } end)()");
	assert_int_equal(r->graph->resources.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(r->graph->resources.items[i].at.file, files[i]);
		assert_int_equal(r->graph->resources.items[i].at.line, lines[i]);
	}
}

static void recipe__sources_are_looked_up_beside_the_declaring_file(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "x.txt", "outer");
	recipe_write(r, "lib/x.txt", "inner");
	recipe_write(r, "lib/m.lua",
		     "local neap = require 'neap'\n"
		     "neap.thing { path = '/in', source = 'x.txt', content = neap.read 'x.txt' }");
	recipe_ok(r, "require 'lib.m'\nneap.thing { path = '/out', source = 'x.txt', content = neap.read "
		     "'x.txt' }");
	assert_memory_equal(thing(r, 0)->source.content.data, "inner", 5);
	assert_memory_equal(thing(r, 0)->content.data, "inner", 5);
	assert_memory_equal(thing(r, 1)->source.content.data, "outer", 5);
	assert_memory_equal(thing(r, 1)->content.data, "outer", 5);
}

static void recipe__all_errors_come_in_one_run_and_in_one_order(void **state)
{
	struct recipe *r = *state;

	for (int i = 0; i < 5; i++) { /* the order of Lua's tables differs between states */
		assert_int_equal(recipe_run(r,
					    "local h = neap.thing { path = '/a', mode = 644, contents = 1, "
					    "zzz = 2, aaa = 3 }\n"
					    "neap.thing { path = print, require = h }\n"
					    "neap.thing { content = { a = { h } } }\n"
					    "neap.thing { '/x', path = '/x' }\n"
					    "neap.thing { path = '/y', count = 200 }"),
				 -1);
		assert_int_equal(r->problems.errors.count, 9);
		error_is(r, 0, "site.lua", 2,
			 "mode must be a string such as \"0644\": Lua reads 0644 as the decimal number 644",
			 NULL);
		error_is(r, 1, "site.lua", 2, "unknown parameter \"aaa\"", NULL);
		error_is(r, 2, "site.lua", 2, "unknown parameter \"contents\"", "did you mean \"content\"?");
		error_is(r, 3, "site.lua", 2, "unknown parameter \"zzz\"", NULL);
		error_is(r, 4, "site.lua", 3, "path: a function cannot be a value", NULL);
		error_is(r, 5, "site.lua", 4, "content.a[1]: a resource handle is no value",
			 "name one of its fields, such as handle.path or handle.address");
		error_is(r, 6, "site.lua", 4, "path is required", NULL);
		error_is(r, 7, "site.lua", 5, "parameters are named: neap.thing { name = value }", NULL);
		error_is(r, 8, "site.lua", 6, "count must be from 0 to 100, not 200", NULL);
		assert_string_equal(r->problems.errors.items[0].address, "thing[/a]");
	}
}

static void recipe__unknown_type_is_named_with_its_neighbour(void **state)
{
	recipe_fails(*state, "neap.thin { }", "neap has no resource type \"thin\"",
		     "did you mean neap.thing?");
	recipe_fails(*state, "neap.cathedral { }", "neap has no resource type \"cathedral\"",
		     "`neap doc` lists the types");
	recipe_fails(*state, "neap.thing('/etc/x')",
		     "neap.thing takes one table: neap.thing { name = value }", NULL);
}

static void recipe__relations_take_handles_addresses_and_lists(void **state)
{
	struct recipe *r = *state;

	recipe_ok(r, "local a = neap.thing { path = '/a' }\n"
		     "neap.thing { path = '/b', require = a }\n"
		     "neap.thing { path = '/c', require = 'thing[/d]' }\n"
		     "neap.thing { path = '/d', notify = { a, 'thing[/b]' } , require = {} }\n"
		     "neap.plain { path = '/e', before = a }");
	/* b←a, c←d, d→join, join→a, join→b, e→a */
	assert_int_equal(r->graph->edges.count, 6);
	assert_int_equal(r->graph->joins.count, 1);
	recipe_fails(r, "neap.thing { path = '/a', require = { 5 } }",
		     "require takes a resource handle, an address or a list of them, not number", NULL);
	recipe_fails(r, "neap.thing { path = '/a', before = { x = neap.thing { path = '/b' } } }",
		     "before takes a list without names and without holes", NULL);
	recipe_fails(r, "neap.thing { path = '/a', require = neap.secret { value = 'x' } }",
		     "require takes a resource handle, an address or a list of them, not a secret or a value "
		     "that is "
		     "known when applied",
		     NULL);
}

static void recipe__empty_table_is_a_list_where_a_list_is_asked_for(void **state)
{
	struct recipe *r = *state;

	recipe_ok(r, "neap.thing { path = '/a', names = {} }");
	assert_int_equal(thing(r, 0)->names.count, 0);
	assert_true(thing(r, 0)->base.given >> NAMES & 1);
}

/* ---- handles --------------------------------------------------------------------------------------------
 */

static void handle__gives_address_and_parameters_as_understood(void **state)
{
	recipe_prints(
		*state,
		"local h = neap.thing { path = '/etc//a/', mode = '644', on = false, count = 3, owner = 0,\n"
		"  ensure = 'absent', names = { 'x', 'y' }, label = 'l', content = 'c' }\n"
		"print(h, h.address, h.path, h.mode, h.on, h.count, h.owner, h.ensure, h.names[2], h.label, "
		"h.content)\n"
		"print(h.source, neap.thing { path = '/b' }.ensure)",
		"thing[/etc/a]\tthing[/etc/a]\t/etc/a\t0644\tfalse\t3\t0\tabsent\ty\tl\tc\nnil\tnil");
}

static void handle__unknown_field_is_an_error_with_a_neighbour(void **state)
{
	recipe_fails(*state, "local x = neap.thing { path = '/a' }.pth",
		     "a handle of neap.thing has no field \"pth\"", "did you mean \"path\"?");
	recipe_fails(*state, "neap.thing { path = '/a' }.path = '/b'",
		     "a declared resource cannot be changed", NULL);
}

static void handle__of_a_broken_declaration_still_names_it(void **state)
{
	struct recipe *r = *state;

	assert_int_equal(recipe_run(r, "local h = neap.thing { path = '/a', mode = 7 }\n"
				       "neap.thing { path = '/b', require = h, label = h.address }"),
			 -1);
	assert_int_equal(r->problems.errors.count, 1);
	assert_string_equal(thing(r, 1)->label, "thing[/a]");
}

/* ---- secrets --------------------------------------------------------------------------------------------
 */

static void secret__from_file_environment_and_value(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "tokens/admin", "from file\r\n");
	setenv("NEAP_TEST_SECRET", "from env", 1);
	recipe_ok(r,
		  "neap.thing { path = '/a', content = 'x' .. neap.secret { file = 'tokens/admin' } .. 1 }\n"
		  "neap.thing { path = '/b', content = neap.secret { env = 'NEAP_TEST_SECRET' } }\n"
		  "neap.thing { path = '/c', content = neap.secret { value = 'from text' } }");
	assert_int_equal(thing(r, 0)->content.len, 11);
	assert_memory_equal(thing(r, 0)->content.data, "xfrom file1", 11);
	assert_int_equal(thing(r, 0)->content.span_count, 1);
	assert_int_equal(thing(r, 0)->content.spans[0].start, 1);
	assert_int_equal(thing(r, 0)->content.spans[0].len, 9);
	assert_memory_equal(thing(r, 1)->content.data, "from env", 8);
	assert_int_equal(thing(r, 1)->content.spans[0].len, 8);
	assert_memory_equal(thing(r, 2)->content.data, "from text", 9);
	unsetenv("NEAP_TEST_SECRET");
}

static void secret__file_is_looked_up_and_checked(void **state)
{
	struct recipe *r = *state;
	char path[64], digest[2][NEAP_DIGEST_HEX_SIZE];

	recipe_fails(r, "neap.secret { file = 'none' }", "open secret none: No such file or directory", NULL);
	recipe_fails(r, "neap.secret { file = '/dev/null' }", "secret /dev/null is not a regular file", NULL);
	recipe_write(r, "empty", "\n");
	recipe_fails(r, "neap.secret { file = 'empty' }", "secret empty is empty", NULL);
	recipe_write(r, "s", "abc\n\n");
	recipe_ok(r, "neap.thing { path = '/a', content = neap.secret { file = 's' } }");
	assert_int_equal(thing(r, 0)->content.len, 4);
	assert_int_equal(r->problems.warnings.count, 1);
	assert_string_equal(r->problems.warnings.items[0].message,
			    "everybody on this machine may read the secret s: chmod o-r it");
	snprintf(path, sizeof(path), "%s/s", r->directory);
	chmod(path, 0600);
	recipe_ok(r, "neap.secret { file = 's' }");
	assert_int_equal(r->problems.warnings.count, 0);
	neap_sources_digest(r->sources, digest[0]);
	recipe_write(r, "s", "another");
	recipe_ok(r, "neap.secret { file = 's' }");
	neap_sources_digest(r->sources, digest[1]);
	assert_string_equal(digest[0], digest[1]); /* a digest of a short secret would tell it */
}

static void secret__missing_ones_are_errors(void **state)
{
	unsetenv("NEAP_TEST_SECRET");
	recipe_fails(*state, "neap.secret { env = 'NEAP_TEST_SECRET' }",
		     "secret: the environment variable NEAP_TEST_SECRET is not set", NULL);
	recipe_fails(*state, "neap.secret { value = '' }", "neap.secret { value = … } is empty", NULL);
	recipe_fails(*state, "neap.secret { fil = 'x' }",
		     "neap.secret takes { file = … }, { env = … }, { command = … } or { value = … }, not { "
		     "fil = … }",
		     NULL);
	recipe_fails(*state, "neap.secret { file = 'x', env = 'y' }",
		     "neap.secret takes { file = … }, { env = … }, { command = … } or { value = … }", NULL);
	recipe_fails(*state, "neap.secret 'x'",
		     "neap.secret takes { file = … }, { env = … }, { command = … } or { value = … }", NULL);
}

static void secret__is_no_string(void **state)
{
	static const char *const uses[] = { "#s",  "s < 'x'",   "'x' <= s",    "s + 1",
					    "-s",  "s:upper()", "tostring(s)", "('%s'):format(s)",
					    "s.x", "s()",       "s // 2",      "~s" };
	char body[128];

	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		snprintf(body, sizeof(body), "local s = neap.secret { value = 'hidden' }; local x = %s",
			 uses[i]);
		recipe_fails(*state, body,
			     "a secret cannot be used as a plain string; use .. or neap.format or give it to "
			     "a parameter",
			     NULL);
	}
	recipe_fails(*state, "local s = neap.secret { value = 'hidden' } .. nil",
		     "a secret or a value that is known when applied cannot be joined with nil", NULL);
	recipe_fails(*state, "neap.thing { path = neap.secret { value = '/hidden' } }",
		     "path cannot hold a secret", NULL);
	recipe_prints(*state,
		      "local s = neap.secret { value = 'x' } print(s == neap.secret { value = 'x' }, s == s)",
		      "false\ttrue");
}

static void secret__is_masked_in_print_and_errors(void **state)
{
	struct recipe *r = *state;

	recipe_prints(r, "local s = neap.secret { value = 'hidden' } print(s, 'a' .. s .. 'b', s .. s)",
		      "(secret)\ta(secret)b\t(secret)");
	recipe_fails(r, "error(neap.secret { value = 'hidden' })",
		     "error() was called with a secret instead of a message", NULL);
	recipe_fails(r, "neap.json.decode(neap.secret { value = 'hidden' })",
		     "neap.json.decode: a secret cannot be read as a document", NULL);
	recipe_fails(r, "neap.template({ text = neap.secret { value = 'hidden' } })",
		     "neap.template: a template cannot be secret: give the secret as a variable", NULL);
	recipe_fails(r, "string.upper(neap.secret { value = 'hidden' })",
		     "bad argument #1 to 'upper' (string expected, got secret or reference)", NULL);
}

static void secret__chains_of_100000_neither_overflow_nor_copy_each_time(void **state)
{
	struct recipe *r = *state;

	r->timeout = 5;
	r->memory = (size_t)64 << 20;
	recipe_ok(r, "local s = neap.secret { value = 'S' }\n"
		     "local left, right = s, s\n"
		     "for i = 1, 100000 do left = left .. 'ab'; right = 'ab' .. right end\n"
		     "neap.thing { path = '/a', content = left }\n"
		     "neap.thing { path = '/b', content = right }");
	assert_int_equal(thing(r, 0)->content.len, 200001);
	assert_int_equal(thing(r, 0)->content.spans[0].start, 0);
	assert_memory_equal(thing(r, 0)->content.data, "Sabab", 5);
	assert_int_equal(thing(r, 1)->content.len, 200001);
	assert_int_equal(thing(r, 1)->content.spans[0].start, 200000);
	assert_int_equal(thing(r, 1)->content.span_count, 1);
}

static void secret__text_is_bounded_by_64_MB(void **state)
{
	recipe_fails(*state, "local s = neap.secret { value = 'S' } for i = 1, 60 do s = s .. s end",
		     "a text of more than 64 MB", NULL);
}

/* ---- references -----------------------------------------------------------------------------------------
 */

static void reference__output_becomes_an_expression_and_an_edge(void **state)
{
	struct recipe *r = *state;
	const struct neap_resource *b;
	const struct neap_expr *expr;

	recipe_ok(r, "local a = neap.thing { path = '/a' }\n"
		     "neap.thing { path = '/b', content = 'token=' .. a.token .. ';' .. neap.secret { value "
		     "= 's' } .. a.id }\n"
		     "print(a.token, 'x' .. a.id, neap.json.encode { a.id })");
	b = &r->graph->resources.items[1];
	assert_int_equal(b->deferred_count, 1);
	assert_int_equal(b->deferred[0].param, CONTENT);
	expr = b->deferred[0].expr;
	assert_int_equal(expr->op, NEAP_EXPR_CONCAT);
	assert_int_equal(expr->count, 4);
	assert_memory_equal(expr->args[0]->text.data, "token=", 6);
	assert_int_equal(expr->args[1]->op, NEAP_EXPR_OUTPUT);
	assert_string_equal(expr->args[1]->output, "token");
	assert_true(expr->args[1]->secret);
	assert_int_equal(expr->args[2]->text.len, 2);
	assert_int_equal(expr->args[2]->text.span_count, 1);
	assert_false(expr->args[3]->secret);
	assert_int_equal(r->graph->edges.count, 1);
	assert_int_equal(r->graph->edges.items[0].why, NEAP_WHY_REFERENCE);
	assert_string_equal(r->printed,
			    "(known when applied: thing[/a].token)\tx(known when applied: thing[/a].id)\t"
			    "[\"(known when applied: thing[/a].id)\"]\n\n");
}

static int give_output(void *ctx, uint32_t resource, const char *output, struct neap_arena *arena,
		       struct neap_text *ret, struct neap_error **err)
{
	(void)ctx, (void)resource, (void)arena, (void)err;
	*ret = neap_text(strcmp(output, "id") == 0 ? "\"7\"" : "tok");
	return 0;
}

static void reference__goes_through_every_encoder(void **state)
{
	struct recipe *r = *state;
	static const char expected[] =
		"\"f \\\"7\\\" dG9r {\\\"k\\\":[\\\"\\\\\\\"7\\\\\\\"\\\"]}\\n t tok,\\\"7\\\"\"\n";
	struct neap_text text;

	recipe_ok(r, "local a = neap.thing { path = '/a' }\n"
		     "local inner = neap.json.encode { k = { neap.format('%s', a.id) } }\n"
		     "local all = neap.format('f %s %s %s t %s', a.id, neap.base64.encode(a.token), inner,\n"
		     "  neap.template({ text = '<%= t %>,<%= i %>' }, { t = a.token, i = a.id }))\n"
		     "neap.thing { path = '/b', content = neap.json.encode(all) }");
	assert_int_equal(neap_expr_eval(r->graph->resources.items[1].deferred[0].expr, give_output, NULL,
					r->arena, &text, NULL),
			 0);
	assert_int_equal(text.len, sizeof(expected) - 1);
	assert_memory_equal(text.data, expected, text.len);
}

static void reference__where_it_must_be_known_is_an_error(void **state)
{
	recipe_fails(*state, "local a = neap.thing { path = '/a' } neap.thing { path = a.id }",
		     "path must be known when the recipe is evaluated", NULL);
	recipe_fails(*state, "local a = neap.thing { path = '/a' } neap.base64.decode(a.id)",
		     "neap.base64.decode: the value is known only when applied", NULL);
	recipe_fails(*state, "local a = neap.thing { path = '/a' } local n = #a.id",
		     "a value that is known when applied cannot be used as a plain string; use .. or "
		     "neap.format or give it "
		     "to a parameter",
		     NULL);
}

static void reference__nested_a_hundred_encoders_deep_is_no_recursion(void **state)
{
	struct recipe *r = *state;

	r->timeout = 20;
	recipe_ok(r, "local s = neap.thing { path = '/a' }.id\n"
		     "for i = 1, 100 do s = neap.base64.encode(neap.json.encode { s }) end\n"
		     "neap.thing { path = '/b', content = s }\n"
		     "print(s)");
	assert_string_equal(r->printed, "(known when applied: thing[/a].id)\n");
}

/* ---- parameters, files, tables ---------------------------------------------------------------------------
 */

static void params__are_strings_and_unread_ones_warn(void **state)
{
	struct recipe *r = *state;

	r->params[0] = (struct neap_param_value){ "color", "red" };
	r->params[1] = (struct neap_param_value){ "nobody", "1" };
	r->params[2] = (struct neap_param_value){ "sizes", "2" };
	r->param_count = 3;
	recipe_prints(r, "print(neap.params.color, neap.params.size)", "red\tnil");
	assert_int_equal(r->problems.warnings.count, 2);
	assert_string_equal(r->problems.warnings.items[0].message, "-D nobody is never read by the recipe");
	assert_string_equal(r->problems.warnings.items[1].message,
			    "-D sizes is never read by the recipe; it reads \"size\"");
	recipe_prints(r, "for k, v in pairs(neap.params) do print(k, v) end",
		      "color\tred\nnobody\t1\nsizes\t2");
	assert_int_equal(r->problems.warnings.count, 0);
	recipe_fails(r, "neap.params.color = 'blue'", "neap.params is given with -D: it cannot be assigned",
		     NULL);
}

static void read__missing_file_is_an_error_of_that_line(void **state)
{
	recipe_write(*state, "t.txt", "text\n");
	recipe_prints(*state, "print((neap.read 't.txt'):upper())", "TEXT\n");
	recipe_fails(*state, "neap.read 'none'", "open none: No such file or directory", NULL);
	recipe_fails(*state, "neap.read(5)", "neap.read takes the name of a file, not number", NULL);
	recipe_fails(*state, "neap.read 'a\\0b'", "neap.read: this is no name of a file", NULL);
}

static void json__round_trips_lists_maps_and_null(void **state)
{
	recipe_prints(
		*state,
		"local t = neap.json.decode "
		"'{\"a\":[1,2.5,null,[]],\"b\":{},\"c\":\"x\",\"d\":true,\"e\":null}'\n"
		"print(t.a[3] == neap.null, t.e == neap.null, neap.json.encode(t))\n"
		"print(neap.json.encode({}), neap.json.encode(neap.list {}), neap.json.encode(neap.null))\n"
		"print(neap.json.encode({ b = 1, a = { 2 } }, { pretty = true }))",
		"true\ttrue\t{\"a\":[1,2.5,null,[]],\"b\":{},\"c\":\"x\",\"d\":true,\"e\":null}\n\n"
		"{}\n\t[]\n\tnull\n\n"
		"{\n  \"a\": [\n    2\n  ],\n  \"b\": 1\n}\n");
}

static void json__what_is_neither_list_nor_map_names_the_place(void **state)
{
	recipe_fails(
		*state, "neap.json.encode { a = { { 1, x = 2 } } }",
		"neap.json.encode: a[1]: a table with both names and list items is neither a map nor a list",
		NULL);
	recipe_fails(*state, "neap.json.encode { a = { 1, nil, 3 } }",
		     "neap.json.encode: a: a list with holes: 2 items, but the last one is number 3", NULL);
	recipe_fails(*state, "neap.json.encode { [0] = 1 }",
		     "neap.json.encode: keys are strings, or 1, 2, 3 … for a list", NULL);
	recipe_fails(*state, "neap.json.encode { [neap.secret { value = 'x' }] = 1 }",
		     "neap.json.encode: a secret cannot be a key", NULL);
	recipe_fails(*state, "neap.json.encode(neap.list { x = 1 })",
		     "neap.json.encode: a list has items 1, 2, 3 … and no names", NULL);
	recipe_fails(*state, "local t = {} t.a = { t } neap.json.encode(t)",
		     "neap.json.encode: a[1]: the table contains itself", NULL);
	recipe_fails(*state, "neap.json.encode { z = print, a = coroutine.create(print) }",
		     "neap.json.encode: a: a thread cannot be a value", NULL);
	recipe_fails(*state, "local t = 1 for i = 1, 65 do t = { t } end neap.json.encode(t)",
		     "neap.json.encode: [1][1][1][1][1][1][1][1][1][1]…: nested more than 64 deep", NULL);
	recipe_run(*state, "local t = {} for i = 1, 60 do t = { t, t } end neap.json.encode(t)");
	assert_non_null(strstr(((struct recipe *)*state)->problems.errors.items[0].message,
			       "more than 1000000 items"));
}

static void yaml__encodes_and_decodes(void **state)
{
	recipe_prints(*state,
		      "print(neap.yaml.encode { name = 'x', list = { 1, 'no' }, empty = neap.list {} })\n"
		      "print(neap.json.encode(neap.yaml.decode 'a: [1, yes]\\nb: ~\\n'))",
		      "empty: []\nlist:\n- 1\n- \"no\"\nname: x\n\n{\"a\":[1,\"yes\"],\"b\":null}\n");
	assert_int_equal(recipe_run(*state, "neap.yaml.decode 'a: b: c'"), -1);
}

static void json__carries_secrets(void **state)
{
	struct recipe *r = *state;

	recipe_ok(r, "neap.thing { path = '/a', content = neap.json.encode { p = neap.secret { value = "
		     "'a\"b' } } }");
	assert_int_equal(thing(r, 0)->content.span_count, 1);
	assert_memory_equal(thing(r, 0)->content.data, "{\"p\":\"a\\\"b\"}\n", 13);
	assert_int_equal(thing(r, 0)->content.spans[0].start, 6);
	assert_int_equal(thing(r, 0)->content.spans[0].len, 4);
}

static void base64__is_strict_and_carries_secrets(void **state)
{
	struct recipe *r = *state;

	recipe_prints(
		r,
		"print(neap.base64.encode '', neap.base64.encode 'a', neap.base64.encode 'ab', "
		"neap.base64.encode 'abc')\n"
		"print(neap.base64.decode 'YQ==', neap.base64.decode 'YWI=\\n', neap.base64.decode "
		"'YW\\nJj', neap.base64.decode '')\n"
		"local s = neap.base64.encode(neap.secret { value = 'x' }) print(s, neap.base64.decode(s))",
		"\tYQ==\tYWI=\tYWJj\na\tab\tabc\t\n(secret)==\t(secret)");
	static const char *const wrong[] = { "YQ",   "YQ=",      "Y",    "YR==", "YWJ=",
					     "Y=Q=", "YQ==YQ==", "Y*==", "====" };
	char body[64];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(body, sizeof(body), "neap.base64.decode '%s'", wrong[i]);
		recipe_fails(r, body, "neap.base64.decode: this is not base64", NULL);
	}
}

static void format__is_string_format_with_secrets(void **state)
{
	recipe_prints(*state,
		      "local s = neap.secret { value = 'x' }\n"
		      "print(neap.format('%s|%5d|%x|%.2f|%q|%%|%c|%s|%s|%-4s|', s, 42, 255, 1.5, 'q', 65, "
		      "true, nil, 'l'))",
		      "(secret)|   42|ff|1.50|\"q\"|%|A|true|nil|l   |");
	recipe_fails(*state, "neap.format('%d', 'x')",
		     "neap.format: value 1 for \"%d\" must be a whole number, not string", NULL);
	recipe_fails(*state, "neap.format('%d', 1.5)",
		     "neap.format: value 1 for \"%d\" must be a whole number, not a fraction", NULL);
	recipe_fails(*state, "neap.format('%s %s', 1)", "neap.format: there is no value 2 for \"%s\"", NULL);
	recipe_fails(*state, "neap.format('%s', 1, 2)", "neap.format: 2 values, but directives for 1", NULL);
	recipe_fails(*state, "neap.format('%y', 1)", "neap.format: \"%y\" is no directive", NULL);
	recipe_fails(*state, "neap.format('%5s', neap.secret { value = 'x' })",
		     "neap.format: a secret can only be given to \"%s\", not to \"%5s\"", NULL);
}

static void sorted_pairs__walks_numbers_then_strings(void **state)
{
	recipe_prints(*state,
		      "for k, v in neap.sorted_pairs { b = 1, a = 2, [10] = 3, [2.5] = 4, B = 5 } do "
		      "print(k, v) end",
		      "2.5\t4\n10\t3\nB\t5\na\t2\nb\t1");
	recipe_fails(
		*state, "neap.sorted_pairs { [{}] = 1 }",
		"neap.sorted_pairs: a table as a key has no order that is the same in every run; keys are "
		"strings, numbers, booleans or resources",
		NULL);
}

static void concat__takes_secrets(void **state)
{
	recipe_prints(*state,
		      "local s = neap.secret { value = 'x' }\n"
		      "print(table.concat({ 'a', s, 1 }, ','), table.concat({ 'a', 'b' }, s), table.concat({ "
		      "1, 2, 3 }, '-', 2))",
		      "a,(secret),1\ta(secret)b\t2-3");
	recipe_fails(*state, "table.concat({ neap.secret { value = 'x' }, {} })",
		     "item 2 for table.concat is a table", NULL);
}

/* ---- modules --------------------------------------------------------------------------------------------
 */

static void require__runs_a_module_once(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "lib/m.lua", "print('running', ...) return { n = 1 }");
	recipe_write(r, "lib/quiet.lua", "");
	recipe_write(r, "dir/init.lua", "return 'dir'");
	recipe_prints(r,
		      "local a, b = require 'lib.m', require 'lib.m' print(a == b, require 'lib.quiet', "
		      "require 'dir')",
		      "running\tlib.m\tlib/m.lua\ntrue\ttrue\tdir");
}

static void require__errors_are_of_the_file_that_has_them(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "lib/broken.lua", "\n\nlocal x = = 1");
	recipe_run(r, "require 'lib.broken'");
	error_is(r, 0, "lib/broken.lua", 3, "unexpected symbol near '='", NULL);
	recipe_write(r, "lib/raises.lua", "\nlocal function f() error('no') end\nf()");
	recipe_run(r, "\nrequire 'lib.raises'");
	error_is(r, 0, "lib/raises.lua", 2, "no", "called from site.lua:3");
	recipe_fails(r, "require 'lib.none'",
		     "module \"lib.none\" is not found beside the recipe, nor embedded", NULL);
	/* Names that are longer than what Lua shows of them. */
	recipe_write(r, "a23456789/b23456789/c23456789/d23456789/e23456789/f23456789/g23456789.lua",
		     "\nerror('long')");
	recipe_run(r, "require 'a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789'");
	error_is(r, 0, "a23456789/b23456789/c23456789/d23456789/e23456789/f23456789/g23456789.lua", 2, "long",
		 NULL);
	recipe_fails(r, "local ok = pcall(require, 'lib.raises') assert(not ok) require 'lib.raises2'",
		     "module \"lib.raises2\" is not found beside the recipe, nor embedded", NULL);
}

#define EMBEDDED(name, text)                                                                                 \
	{                                                                                                    \
		name, text, sizeof(text) - 1                                                                 \
	}

static void require__embedded_recipes_have_files_too(void **state)
{
	static const struct neap_embedded_file embedded[] = {
		EMBEDDED("demo/init.lua",
			 "local neap = require 'neap'\nlocal m = require 'demo.lib'\n\nm.declare('/a')\n"
			 "neap.template('x.tmpl', {})"),
		EMBEDDED("demo/lib.lua",
			 "local neap = require 'neap'\nlocal M = {}\nfunction M.declare(path)\n"
			 "  neap.thing { path = path, content = neap.read 'x.tmpl' }\nend\nreturn M"),
		EMBEDDED("demo/x.tmpl", "a\n<%= b %>\n"),
		{ NULL, NULL, 0 },
	};
	struct recipe *r = *state;

	r->embedded = embedded;
	recipe_ok(r, "require('demo.lib').declare('/a')");
	assert_string_equal(r->graph->resources.items[0].at.file, "@demo/lib.lua");
	assert_memory_equal(thing(r, 0)->content.data, "a\n<%= b", 7);
	r->name = "@demo";
	assert_int_equal(recipe_run_file(r, ""), -1);
	assert_int_equal(r->graph->resources.items[0].at.line, 4);
	error_is(r, 0, "@demo/x.tmpl", 2, "<%= b %> is nil", "called from @demo/init.lua:5");
}

static void require__cycle_names_the_way(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "a.lua", "require 'b'");
	recipe_write(r, "b.lua", "\nrequire 'c'");
	recipe_write(r, "c.lua", "\n\nrequire 'b'");
	recipe_run(r, "require 'a'");
	assert_int_equal(r->problems.errors.count, 1);
	error_is(r, 0, "c.lua", 3, "modules require each other: b.lua requires c.lua requires b.lua", NULL);
}

static void recipe__error_stops_it_and_what_was_wrong_before_is_kept(void **state)
{
	struct recipe *r = *state;

	assert_int_equal(recipe_run(r, "neap.thing { path = '/a', mode = 1 }\n"
				       "neap.thing { path = '/b', require = 'thing[/later]' }\n"
				       "error('stop', 0)\n"
				       "neap.thing { path = '/later' }"),
			 -1);
	assert_int_equal(r->problems.errors.count, 2); /* not: thing[/later] is not declared */
	error_is(r, 1, "site.lua", 4, "stop", NULL);
}

static void recipe__first_line_may_name_an_interpreter(void **state)
{
	struct recipe *r = *state;

	recipe_run_file(
		r, "#!/usr/bin/env -S neap apply\nlocal neap = require 'neap' neap.thing { path = '/a' }");
	assert_int_equal(r->result, 0);
	assert_int_equal(r->graph->resources.items[0].at.line, 2);
	recipe_run_file(r, "\xEF\xBB\xBFlocal neap = require 'neap' neap.thing { path = '/a' }");
	assert_int_equal(r->result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		recipe_test(recipe__declares_with_every_kind_of_parameter),
		recipe_test(recipe__positions_are_of_the_call),
		recipe_test(recipe__sources_are_looked_up_beside_the_declaring_file),
		recipe_test(recipe__all_errors_come_in_one_run_and_in_one_order),
		recipe_test(recipe__unknown_type_is_named_with_its_neighbour),
		recipe_test(recipe__relations_take_handles_addresses_and_lists),
		recipe_test(recipe__empty_table_is_a_list_where_a_list_is_asked_for),
		recipe_test(handle__gives_address_and_parameters_as_understood),
		recipe_test(handle__unknown_field_is_an_error_with_a_neighbour),
		recipe_test(handle__of_a_broken_declaration_still_names_it),
		recipe_test(secret__from_file_environment_and_value),
		recipe_test(secret__file_is_looked_up_and_checked),
		recipe_test(secret__missing_ones_are_errors),
		recipe_test(secret__is_no_string),
		recipe_test(secret__is_masked_in_print_and_errors),
		recipe_test(secret__chains_of_100000_neither_overflow_nor_copy_each_time),
		recipe_test(secret__text_is_bounded_by_64_MB),
		recipe_test(reference__output_becomes_an_expression_and_an_edge),
		recipe_test(reference__goes_through_every_encoder),
		recipe_test(reference__where_it_must_be_known_is_an_error),
		recipe_test(reference__nested_a_hundred_encoders_deep_is_no_recursion),
		recipe_test(params__are_strings_and_unread_ones_warn),
		recipe_test(read__missing_file_is_an_error_of_that_line),
		recipe_test(json__round_trips_lists_maps_and_null),
		recipe_test(json__what_is_neither_list_nor_map_names_the_place),
		recipe_test(json__carries_secrets),
		recipe_test(yaml__encodes_and_decodes),
		recipe_test(base64__is_strict_and_carries_secrets),
		recipe_test(format__is_string_format_with_secrets),
		recipe_test(sorted_pairs__walks_numbers_then_strings),
		recipe_test(concat__takes_secrets),
		recipe_test(require__runs_a_module_once),
		recipe_test(require__errors_are_of_the_file_that_has_them),
		recipe_test(require__embedded_recipes_have_files_too),
		recipe_test(require__cycle_names_the_way),
		recipe_test(recipe__error_stops_it_and_what_was_wrong_before_is_kept),
		recipe_test(recipe__first_line_may_name_an_interpreter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
