/* core/engine/claims.c with the real types: what parts of a file have in common, and who owns what of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/graph.h"
#include "engine/schema.h"
#include "modules/modules.h"

struct recipe {
	struct neap_problems problems;
	struct neap_graph *graph;
	int line;
};

static void begin(struct recipe *recipe)
{
	*recipe = (struct recipe){ .problems = { .arena = neap_arena_new() } };
	recipe->graph = neap_graph_new(&neap_modules, NULL, &recipe->problems);
}

static void end(struct recipe *recipe)
{
	neap_graph_free(recipe->graph);
	neap_vec_done(&recipe->problems.errors);
	neap_vec_done(&recipe->problems.warnings);
	neap_arena_free(recipe->problems.arena);
}

/* name, value … */
static void declare(struct recipe *recipe, const char *type, const char *const *pairs)
{
	const struct neap_resource_type *found = neap_registry_find(&neap_modules, type);
	struct neap_graph *graph = recipe->graph;
	uint32_t number =
		neap_graph_begin(graph, found, (struct neap_position){ "site.lua", ++recipe->line }, "");

	for (; pairs[0]; pairs += 2) {
		struct neap_value value = neap_value_string(pairs[1]);
		neap_graph_set(graph, number, (unsigned)neap_schema_find(found, pairs[0]), &value);
	}
	neap_graph_end(graph, number);
}
#define DECLARE(type, ...) declare(&recipe, type, (const char *const[]){ __VA_ARGS__, NULL })

/* The errors, one a line. */
static const char *finish(struct recipe *recipe)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	neap_graph_finish(recipe->graph);
	neap_buf_puts(&text, "");
	for (size_t i = 0; i < recipe->problems.errors.count; i++)
		neap_buf_printf(&text, "%s\n", recipe->problems.errors.items[i].message);
	return neap_arena_copy(recipe->problems.arena, text.data, text.len);
}

#define X "path", "/x"
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtlZmFr"

static void parts__of_all_types_run_in_the_order_of_declaration(void **state)
{
	struct recipe recipe;
	(void)state;

	begin(&recipe);
	DECLARE("ini", X, "key", "k", "value", "v");
	DECLARE("block", X, "name", "b", "content", "c");
	DECLARE("line", X, "line", "a");
	DECLARE("hosts_entry", X, "ip", "::1", "name", "h");
	DECLARE("authorized_key", X, "user", "u", "key", KEY);
	assert_string_equal(finish(&recipe), "");
	assert_int_equal(recipe.graph->edges.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(recipe.graph->edges.items[i].from, i);
		assert_int_equal(recipe.graph->edges.items[i].to, i + 1);
	}
	end(&recipe);
}

static void parts__of_one_name_are_owned_once(void **state)
{
	struct recipe recipe;
	(void)state;

	begin(&recipe);
	DECLARE("block", X, "name", "b", "content", "c");
	DECLARE("block", X, "name", "b2", "content", "c");
	DECLARE("block", "path", "//x/", "name", "b2", "content", "d");
	DECLARE("ini", X, "key", "b", "value", "v");
	DECLARE("ini", X, "section", "b", "key", "b", "value", "v");
	DECLARE("hosts_entry", X, "ip", "1.1.1.1", "name", "h", "ensure", "absent");
	DECLARE("hosts_entry", X, "ip", "1.1.1.2", "name", "H");
	DECLARE("hosts_entry", X, "ip", "::1", "name", "h");
	DECLARE("authorized_key", X, "user", "u", "key", KEY);
	DECLARE("authorized_key", X, "user", "u", "key", KEY " comment");
	DECLARE("authorized_key", "user", "u", "key", KEY);
	DECLARE("authorized_key", "user", "u", "key", KEY " comment");
	DECLARE("authorized_key", "user", "u2", "key", KEY);
	const char *errors = finish(&recipe);
	assert_non_null(strstr(errors, "block[/x: b2] is declared twice"));
	assert_non_null(strstr(errors,
			       "hosts_entry[h: 1.1.1.1: /x] (site.lua:6) and hosts_entry[H: 1.1.1.2: /x] "
			       "(site.lua:7) both own the same part of /x\n"));
	assert_non_null(strstr(errors, "(site.lua:9) and authorized_key"));
	assert_non_null(strstr(errors, "both own the same part of /~u/.ssh/authorized_keys\n"));
	assert_int_equal(recipe.problems.errors.count, 4);
	end(&recipe);
}

static void parts__lie_in_one_another(void **state)
{
	struct recipe recipe;
	(void)state;

	begin(&recipe);
	DECLARE("ini", X, "section", "A", "ensure", "absent");
	DECLARE("ini", X, "section", "A", "key", "k", "value", "v");
	DECLARE("ini", X, "section", "AB", "key", "k", "value", "v");
	DECLARE("ini", X, "section", "AB", "ensure", "absent");
	DECLARE("ini", X, "key", "k", "value", "v");
	DECLARE("ini", "path", "/y", "section", "A", "key", "k", "value", "v");
	assert_string_equal(
		finish(&recipe),
		"ini[/x: A] (site.lua:1) and ini[/x: A: k] (site.lua:2) both own the same part of /x\n"
		"ini[/x: AB: k] (site.lua:3) and ini[/x: AB] (site.lua:4) both own the same part of "
		"/x\n");
	end(&recipe);
}

static void parts__and_the_whole_have_two_owners(void **state)
{
	struct recipe recipe;
	(void)state;

	begin(&recipe);
	DECLARE("file", X, "content", "c");
	DECLARE("ini", X, "key", "k", "value", "v");
	DECLARE("block", "path", "/y", "name", "b", "content", "c");
	DECLARE("file", "path", "/y", "content", "c");
	DECLARE("file", "path", "/z");
	DECLARE("block", "path", "/z", "name", "b", "content", "c");
	DECLARE("cron", "name", "j", "special", "@daily", "command", "true");
	DECLARE("file", "path", "/etc/cron.d/j", "mode", "0600");
	assert_string_equal(
		finish(&recipe),
		"file[/x] (site.lua:1) and ini[/x: k] (site.lua:2) both own the content of /x\n"
		"block[/y: b] (site.lua:3) and file[/y] (site.lua:4) both own the content of /y\n"
		"cron[j] (site.lua:7) and file[/etc/cron.d/j] (site.lua:8) both own the existence of "
		"/etc/cron.d/j\n");
	end(&recipe);
}

/* A line that a block or a key keeps would be replaced, and made again, for ever. */
static void parts__hold_lines_that_no_match_of_another_may_fit(void **state)
{
	struct recipe recipe;
	(void)state;

	begin(&recipe);
	DECLARE("block", X, "name", "b", "content", "one\ntwo three\n");
	DECLARE("ini", X, "key", "k", "value", "v");
	DECLARE("line", X, "line", "three", "match", "three$");
	DECLARE("line", X, "line", "k = 2", "match", "^k = ");
	DECLARE("line", X, "line", "# END", "match", "^# END");
	DECLARE("line", X, "line", "four", "match", "^four");
	DECLARE("line", X, "line", "b", "match", "^b$"); /* the name of a block is no line */
	DECLARE("block", "path", "/y", "name", "b", "content", "one\n");
	DECLARE("line", "path", "/y", "line", "x", "match", "^(x|)$");
	assert_string_equal(
		finish(&recipe),
		"block[/x: b] (site.lua:1) and line[/x: three] (site.lua:3) both own one line (match fits "
		"both) of /x\n"
		"ini[/x: k] (site.lua:2) and line[/x: k = 2] (site.lua:4) both own one line (match fits "
		"both) of /x\n"
		"block[/x: b] (site.lua:1) and line[/x: # END] (site.lua:5) both own one line (match fits "
		"both) of /x\n");
	end(&recipe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts__of_all_types_run_in_the_order_of_declaration),
		cmocka_unit_test(parts__of_one_name_are_owned_once),
		cmocka_unit_test(parts__lie_in_one_another),
		cmocka_unit_test(parts__and_the_whole_have_two_owners),
		cmocka_unit_test(parts__hold_lines_that_no_match_of_another_may_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
