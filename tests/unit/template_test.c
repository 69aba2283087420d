/* neap.template: whitespace, values, and that errors are of the template's own lines. */
#include "recipe_fixture.h"

/* The text of a template with the given variables is `expected`. */
static void gives(void **state, const char *text, const char *variables, const char *expected)
{
	struct recipe *r = *state;
	const struct thing *t;
	char body[512];

	recipe_write(r, "x.tmpl", text);
	snprintf(body, sizeof(body), "neap.thing { path = '/a', content = neap.template('x.tmpl', { %s }) }",
		 variables);
	recipe_ok(r, body);
	t = thing(r, 0);
	if (t->content.len != strlen(expected) || memcmp(t->content.data, expected, t->content.len) != 0)
		fail_msg("template: %s\ngives:    %.*s|\nexpected: %s|", text, (int)t->content.len,
			 t->content.data, expected);
}

/* Exactly one error, in the template. */
static void fails(void **state, const char *text, const char *variables, int line, const char *message)
{
	struct recipe *r = *state;
	char body[512];

	recipe_write(r, "x.tmpl", text);
	snprintf(body, sizeof(body), "\nneap.template('x.tmpl', { %s })", variables);
	assert_int_equal(recipe_run(r, body), -1);
	assert_int_equal(r->problems.errors.count, 1);
	error_is(r, 0, "x.tmpl", line, message, NULL);
}

static void template__text_without_directives_is_itself(void **state)
{
	gives(state, "", "", "");
	gives(state, "\n", "", "\n");
	gives(state, "a\r\n\tb % > < %> \"'\\ ]] äö", "", "a\r\n\tb % > < %> \"'\\ ]] äö");
	gives(state, "no newline at the end", "", "no newline at the end");
}

static void template__directive_alone_on_its_line_takes_the_line(void **state)
{
	gives(state, "a\n<% if x then %>\nb\n<% end %>\nc\n", "x = true", "a\nb\nc\n");
	gives(state, "a\n  \t<% if x then %> \t\nb\n\t<% end %>\nc\n", "x = false", "a\nc\n");
	gives(state, "<%# first %>\na\n<%# last %>", "", "a\n");
	gives(state, "a\r\n<%# c %>\r\nb\r\n", "", "a\r\nb\r\n");
	gives(state, "a\n<% local n = 1\n  local m = 2\n%>\n<%= n + m %>\n", "", "a\n3\n");
	gives(state, "a\n\n<%# c %>\n\nb\n", "", "a\n\n\nb\n");
}

static void template__inline_directive_never_eats_a_newline(void **state)
{
	gives(state, "<% if x then %>a<% end %>\nb\n", "x = true", "a\nb\n");
	gives(state, "<% if x then %>a<% end %>\nb\n", "x = false", "\nb\n");
	gives(state, "  <%= x %>  \nb\n", "x = 1", "  1  \nb\n");
	gives(state, "<%= x %>\n<%= x %>\n", "x = 1", "1\n1\n");
	gives(state, "a <%# c %>\nb", "", "a \nb");
	gives(state, "<%# c %><%# d %>\nb", "", "\nb");
	gives(state, "x<% local y = 1 %>\n<%= y %>", "", "x\n1");
}

static void template__loops_and_functions(void **state)
{
	gives(state,
	      "<% for i, v in ipairs(list) do %>\n<%= i %>=<%= v %><% if i < #list then %>,<% end %>\n<% end "
	      "%>\n",
	      "list = { 'a', 'b' }", "1=a,\n2=b\n");
	gives(state, "<% local function row(x) %>\n[<%= x %>]\n<% end row(1) row(2) %>\n", "", "[1]\n[2]\n");
	gives(state, "<% -- a comment in Lua %>\n<% for _ = 1, 2 do -- twice %>x<% end --[[ long ]] %>\n", "",
	      "xx\n");
	gives(state, "<%= 'a -- b' .. \"%\" --[=[ ]] ]=] .. [[c--]] -- end %>", "", "a -- b%c--");
}

static void template__values_are_written_as_a_person_would(void **state)
{
	gives(state, "<%= a %> <%= b %> <%= c %> <%= d %> <%= e %>",
	      "a = 5, b = 10 / 2, c = 1.5, d = true, e = 1e300", "5 5 1.5 true 1e+300");
	gives(state, "<%= ('x'):rep(3) %> <%= select('#', 1, 2) %> <%= (table.unpack { 7, 8 }) %>", "",
	      "xxx 2 7");
	gives(state, "<%%= x %> <%% <%= 1 %>", "", "<%= x %> <% 1");
}

static void template__missing_value_names_the_expression(void **state)
{
	fails(state, "a\nb <%= nope %>\n", "", 2, "<%= nope %> is nil");
	fails(state, "a\n<%= t.x -- why\n %>\n", "t = {}", 2, "<%= t.x %> is nil");
	fails(state, "<%= t %>", "t = {}", 1, "<%= t %> is a table");
	fails(state, "<%= t %>", "t = neap.null", 1, "<%= t %> is null");
	fails(state, "<%= t %>", "t = neap.thing { path = '/h' }", 1, "<%= t %> is a resource handle");
	fails(state, "<%= print %>", "", 1, "<%= print %> is function");
	gives(state, "<% if nope then %>x<% end %>", "", "");
}

static void template__errors_are_of_its_own_lines(void **state)
{
	fails(state, "a\n<% if x then %>\nb\n", "x = 1", 4,
	      "'end' expected (to close 'if' at line 2) near <eof>");
	fails(state, "a\n\n<%# c\n c %>\n<% error('at five') %>\n", "", 5, "at five");
	fails(state, "a\n<%= 1\n+ nope.x %>\n", "", 3, "attempt to index a nil value (global 'nope')");
	fails(state, "a\nb <% x", "", 2, "<% without %>");
	fails(state, "a\n\n<%= %>\n", "", 3, "<%= %> holds no expression");
	fails(state, "a\n<% y = 1 %>\n", "", 2, "'y' is assigned: use local");
	fails(state, "a\n<% x = 1 %>\n", "x = 2", 2, "'x' is assigned: use local");
	fails(state, "\n<% local t = os.time() %>", "", 2, "attempt to index a nil value (global 'os')");
}

static void template__error_says_who_used_it(void **state)
{
	struct recipe *r = *state;

	fails(state, "<%= nope %>", "", 1, "<%= nope %> is nil");
	assert_string_equal(r->problems.errors.items[0].hint, "called from site.lua:3");
}

static void template__text_in_the_recipe_has_the_recipe_line(void **state)
{
	struct recipe *r = *state;

	recipe_prints(r, "print(neap.template({ text = 'a <%= x %>\\n' }, { x = 1 }))", "a 1\n");
	recipe_fails(r, "neap.template({ text = 'a\\n<%= x %>\\n' })",
		     "line 2 of the template: <%= x %> is nil", NULL);
	recipe_fails(r, "neap.template({ text = 'a\\n<% if %>\\n' })",
		     "line 2 of the template: unexpected symbol near ';'", NULL);
	recipe_fails(r, "neap.template({ text = 'a\\n\\n<%' })", "line 3 of the template: <% without %>",
		     NULL);
	recipe_fails(r, "neap.template({})", "neap.template takes the name of a file or { text = … }", NULL);
	recipe_fails(r, "neap.template('none.tmpl')", "open none.tmpl: No such file or directory", NULL);
	recipe_fails(r, "neap.template({ text = '' }, 5)",
		     "neap.template takes its variables as a table, not number", NULL);
}

static void template__secrets_and_references_go_through(void **state)
{
	struct recipe *r = *state;
	const struct neap_expr *expr;

	gives(state, "a <%= s %> b", "s = neap.secret { value = 'S' }", "a S b");
	assert_int_equal(thing(r, 0)->content.span_count, 1);
	assert_int_equal(thing(r, 0)->content.spans[0].start, 2);
	recipe_write(r, "x.tmpl", "a <%= s %> <%= o %>\n");
	recipe_ok(r, "local h = neap.thing { path = '/h' }\n"
		     "neap.thing { path = '/a', content = neap.template('x.tmpl', { s = neap.secret { value "
		     "= 'S' }, o = h.id }) }");
	expr = r->graph->resources.items[1].deferred[0].expr;
	assert_int_equal(expr->count, 3);
	assert_int_equal(expr->args[0]->text.len, 4);
	assert_int_equal(expr->args[0]->text.span_count, 1);
	assert_int_equal(expr->args[1]->op, NEAP_EXPR_OUTPUT);
	recipe_fails(
		r, "neap.template({ text = '<% if s < 1 then end %>' }, { s = neap.secret { value = 'x' } })",
		"line 1 of the template: a secret cannot be used as a plain string; use .. or neap.format or "
		"give it "
		"to a parameter",
		NULL);
}

static void template__is_a_plain_string_when_nothing_is_secret(void **state)
{
	recipe_write(*state, "x.tmpl", "<%= x %>\n");
	recipe_prints(
		*state,
		"print(#neap.template('x.tmpl', { x = 'abc' }), type(neap.template('x.tmpl', { x = 1 })))",
		"4\tstring");
}

static void template__templates_use_templates(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "sub/inner.tmpl",
		     "<%= n %><% if n > 0 then %><%= require('neap').template('inner.tmpl', { n = n - 1 }) "
		     "%><% end %>");
	recipe_write(r, "outer.tmpl", "[<%= inner('sub/inner.tmpl', { n = 3 }) %>]");
	recipe_prints(r, "print(neap.template('outer.tmpl', { inner = neap.template }))", "[3210]");
}

static void template__positions_after_many_lines_are_right(void **state)
{
	static const char row[] =
		"text <%= 1 %> <% local a = [[\n]] %>\n<%# c\n\n %>\n<%= 2\n %>\n\n"; /* 8 lines */
	char *text = calloc(1, 500 * sizeof(row) + 64);

	for (int i = 0; i < 150; i++)
		memcpy(text + i * (sizeof(row) - 1), row, sizeof(row) - 1);
	memcpy(text + 150 * (sizeof(row) - 1), "<%= nope %>", 12);
	fails(state, text, "", 1201, "<%= nope %> is nil");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		recipe_test(template__text_without_directives_is_itself),
		recipe_test(template__directive_alone_on_its_line_takes_the_line),
		recipe_test(template__inline_directive_never_eats_a_newline),
		recipe_test(template__loops_and_functions),
		recipe_test(template__values_are_written_as_a_person_would),
		recipe_test(template__missing_value_names_the_expression),
		recipe_test(template__errors_are_of_its_own_lines),
		recipe_test(template__error_says_who_used_it),
		recipe_test(template__text_in_the_recipe_has_the_recipe_line),
		recipe_test(template__secrets_and_references_go_through),
		recipe_test(template__is_a_plain_string_when_nothing_is_secret),
		recipe_test(template__templates_use_templates),
		recipe_test(template__positions_after_many_lines_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
