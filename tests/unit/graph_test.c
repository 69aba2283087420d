/* core/engine/graph*.c: addresses, relations, order, cycles, digest. */
#include "graph_fixture.h"

/* ---- addresses and problems of one resource ------------------------------------------------------------ */

static void graph__address_is_type_and_key(void **state)
{
	struct fixture *f = *state;
	uint32_t file = declare(f, &type_file, 1, "path", "/etc//motd/", "content", "x", NULL);
	uint32_t line = declare(f, &type_line, 2, "path", "/etc/hosts", "line", "127.0.0.1 x", NULL);
	uint32_t part = declare(f, &type_line, 3, "path", "/etc/hosts", NULL);

	finish_good(f);
	assert_string_equal(f->graph->resources.items[file].address, "file[/etc/motd]");
	assert_string_equal(f->graph->resources.items[file].name, "/etc/motd");
	assert_string_equal(f->graph->resources.items[line].address, "line[/etc/hosts: 127.0.0.1 x]");
	/* A KEY parameter that is not required may be left out. */
	assert_string_equal(f->graph->resources.items[part].address, "line[/etc/hosts]");
}

static void graph__a_key_for_want_of_another_is_left_out_beside_it(void **state)
{
	struct fixture *f = *state;
	uint32_t line = declare(f, &type_line, 1, "path", "/x", "line", "a=1", "match", "^a=", NULL);
	uint32_t match = declare(f, &type_line, 2, "path", "/x", "match", "^b=", NULL);

	finish_good(f);
	assert_string_equal(f->graph->resources.items[line].address, "line[/x: a=1]");
	assert_string_equal(f->graph->resources.items[match].address, "line[/x: ^b=]");
}

static void graph__address_shows_no_secret_and_no_control_character(void **state)
{
	struct fixture *f = *state;
	uint32_t line = begin(f, &type_line, 1), odd;

	set(f, line, "path", neap_value_string("/etc/x"));
	set(f, line, "line", neap_value_text(neap_text_secret(f->problems.arena, "hunter2", 7)));
	neap_graph_end(f->graph, line);
	odd = declare(f, &type_line, 2, "path", "/etc/x", "line", "a\x1b[31m\tb", NULL);
	finish_good(f);
	assert_string_equal(f->graph->resources.items[line].address, "line[/etc/x: (secret)]");
	assert_string_equal(f->graph->resources.items[odd].address, "line[/etc/x: a\\x1b[31m\\tb]");
}

static void graph__long_names_are_cut_and_addresses_still_differ(void **state)
{
	struct fixture *f = *state;
	char text[300];

	memset(text, 'k', 299);
	text[299] = '\0';
	declare(f, &type_line, 1, "path", "/x", "line", text, NULL);
	text[0] = 'a';
	declare(f, &type_line, 2, "path", "/x", "line", text, NULL);
	text[150] = 'z'; /* in the middle, which is not shown */
	declare(f, &type_line, 3, "path", "/x", "line", text, NULL);
	assert_true(strlen(f->graph->resources.items[0].name) <= 120);
	assert_non_null(strstr(f->graph->resources.items[0].name, "…"));
	finish_good(f);
	assert_non_null(strstr(f->graph->resources.items[2].address, "] #2"));
	assert_string_not_equal(f->graph->resources.items[1].address, f->graph->resources.items[2].address);
}

static void graph__all_errors_of_a_recipe_are_collected(void **state)
{
	struct fixture *f = *state;
	uint32_t a, b, c;

	declare(f, &type_file, 1, "ownr", "root", "mode", "u+x", NULL);
	declare(f, &type_file, 2, "path", "motd", NULL);
	declare(f, &type_file, 3, "path", "/etc/motd", NULL);
	declare(f, &type_file, 4, "path", "/etc//motd", NULL);
	declare(f, &type_link, 5, "path", "/l", "content", "x", "target", "y", NULL);
	declare(f, &type_directory, 6, "path", "/d", "requires", "x", NULL);
	a = service(f, 7, "a");
	relate_address(f, a, NEAP_REQUIRE, "file[/etc/mtod]");
	relate_address(f, a, NEAP_REQUIRE, "/etc/motd");
	b = service(f, 8, "b");
	c = service(f, 9, "c");
	relate(f, b, NEAP_REQUIRE, c);
	relate(f, c, NEAP_REQUIRE, b);
	declare(f, &type_attributes, 10, "path", "/etc/motd", NULL);
	assert_string_equal(finish_bad(f),
			    "1: file[?]: unknown parameter \"ownr\"\n"
			    "1: file[?]: mode \"u+x\" is symbolic: give the mode in octal digits\n"
			    "1: file[?]: path is required\n"
			    "2: file[?]: path \"motd\" is not absolute\n"
			    "4: file[/etc/motd]: file[/etc/motd] is declared twice: here and at site.lua:3\n"
			    "5: link[/l]: content and target contradict each other\n"
			    "6: directory[/d]: unknown parameter \"requires\" (did you mean \"require\"?)\n"
			    "7: service[a]: require names file[/etc/mtod], which is not declared "
			    "(did you mean \"file[/etc/motd]\"?)\n"
			    "7: service[a]: require names /etc/motd, which is not declared "
			    "(an address looks like file[/etc/motd])\n"
			    "9: -: cycle of 2 resources:\n"
			    "  service[b] must come before service[c]: require at site.lua:9\n"
			    "  service[c] must come before service[b]: require at site.lua:8\n"
			    "10: attributes[/etc/motd]: file[/etc/motd] (site.lua:3) and "
			    "attributes[/etc/motd] (site.lua:10) "
			    "both own mode and owner of /etc/motd\n");
}

static void graph__a_value_that_could_not_be_converted_counts_as_given(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err = NULL;
	uint32_t file = begin(f, &type_file, 1);

	neap_error_set(&err, "path: a function is no value");
	neap_graph_set_wrong(f->graph, file, PATH, &err);
	assert_null(err);
	neap_graph_end(f->graph, file);
	assert_string_equal(finish_bad(f), "1: file[?]: path: a function is no value\n");
}

static void graph__a_resource_left_open_is_kept_out(void **state)
{
	struct fixture *f = *state;

	begin(f, &type_file, 1);
	begin(f, &type_file, 2);
	neap_problem_add(&f->problems, (struct neap_position){ "site.lua", 2 }, NULL, "no");
	assert_string_equal(finish_bad(f), "2: -: no\n");
	assert_string_equal(f->graph->resources.items[0].address, "file[?]");
	assert_string_equal(f->graph->resources.items[1].address, "file[?]");
}

/* ---- expressions --------------------------------------------------------------------------------------- */

static struct neap_value output(struct fixture *f, uint32_t resource, bool secret)
{
	struct neap_expr *expr = neap_arena_new_of(f->problems.arena, struct neap_expr);

	*expr = (struct neap_expr){
		.op = NEAP_EXPR_OUTPUT, .resource = resource, .output = "pem", .secret = secret
	};
	return (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr };
}

static void graph__an_expression_is_deferred_and_makes_an_edge(void **state)
{
	struct fixture *f = *state;
	uint32_t key = service(f, 1, "key"), file = begin(f, &type_file, 2);
	const struct neap_resource *resource;

	set(f, file, "path", neap_value_string("/key"));
	set(f, file, "content", output(f, key, true));
	neap_graph_end(f->graph, file);
	finish_good(f);
	resource = &f->graph->resources.items[file];
	assert_string_equal(edges(f), "service[key] < file[/key] reference 2\n");
	assert_int_equal(resource->deferred_count, 1);
	assert_int_equal(resource->deferred[0].param, CONTENT);
	assert_string_equal(resource->deferred[0].expr->output, "pem");
	/* For the run it is not given; for contradictions and owners it is. */
	assert_int_equal(resource->want->given, 1 << PATH);
	assert_null(((struct path_want *)resource->want)->content.data);
}

static void graph__an_expression_counts_as_given_in_checks_and_claims(void **state)
{
	struct fixture *f = *state;
	uint32_t key = service(f, 1, "key"), file = begin(f, &type_file, 2), link;

	set(f, file, "path", neap_value_string("/key"));
	set(f, file, "content", output(f, key, false));
	neap_graph_end(f->graph, file);
	declare(f, &type_line, 3, "path", "/key", "line", "x", NULL);
	link = begin(f, &type_link, 4);
	set(f, link, "path", neap_value_string("/l"));
	set(f, link, "content", output(f, key, false));
	set(f, link, "target", output(f, key, false));
	neap_graph_end(f->graph, link);
	assert_string_equal(
		finish_bad(f),
		"3: line[/key: x]: file[/key] (site.lua:2) and line[/key: x] (site.lua:3) both own the "
		"content of /key\n"
		"4: link[/l]: content and target contradict each other\n");
}

static void graph__an_expression_is_refused_where_the_value_must_be_known(void **state)
{
	struct fixture *f = *state;
	uint32_t key = service(f, 1, "key"), file = begin(f, &type_file, 2), line;

	set(f, file, "path", output(f, key, false));
	set(f, file, "mode", output(f, key, false));
	set(f, file, "target", output(f, key, true));
	neap_graph_end(f->graph, file);
	line = begin(f, &type_line, 3); /* a text, but part of the address */
	set(f, line, "path", neap_value_string("/x"));
	set(f, line, "line", output(f, key, false));
	neap_graph_end(f->graph, line);
	assert_string_equal(finish_bad(f), "2: file[?]: path must be known when the recipe is evaluated\n"
					   "2: file[?]: mode must be known when the recipe is evaluated\n"
					   "2: file[?]: target cannot hold a secret\n"
					   "3: line[?]: line must be known when the recipe is evaluated\n");
}

/* ---- relations ----------------------------------------------------------------------------------------- */

static void graph__each_relation_has_its_direction_and_refresh(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b");

	relate(f, b, NEAP_REQUIRE, a);
	relate(f, b, NEAP_SUBSCRIBE, a);
	relate(f, a, NEAP_BEFORE, b);
	relate(f, a, NEAP_NOTIFY, b);
	finish_good(f);
	assert_string_equal(edges(f), "service[a] < service[b] require 2\n"
				      "service[a] < service[b] subscribe! 2\n"
				      "service[a] < service[b] before 1\n"
				      "service[a] < service[b] notify! 1\n");
}

static void graph__addresses_may_be_declared_later(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a");

	relate_address(f, a, NEAP_REQUIRE, "file[/b]");
	relate_address(f, a, NEAP_REQUIRE, "file[/c]");
	declare(f, &type_file, 2, "path", "/b", NULL);
	declare(f, &type_file, 3, "path", "/c", NULL);
	finish_good(f);
	assert_string_equal(edges(f), "file[/b] < service[a] require 1\nfile[/c] < service[a] require 1\n");
	assert_string_equal(order(f), "/b /c a");
}

static void graph__equal_edges_stay_once(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), list[] = { a, a, a };

	relate(f, b, NEAP_REQUIRE, a);
	relate(f, b, NEAP_REQUIRE, a);
	relate_address(f, b, NEAP_REQUIRE, "service[a]");
	relate_list(f, b, NEAP_REQUIRE, list, 3);
	finish_good(f);
	assert_string_equal(edges(f), "service[a] < service[b] require 2\n"
				      "j1 < service[b] require 2\n"
				      "service[a] < j1 require 2\n");
}

static void graph__a_list_is_one_join_for_all_who_give_it(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), list[] = { a, b }, c, d, e;

	c = service(f, 3, "c");
	relate_list(f, c, NEAP_REQUIRE, list, 2);
	d = service(f, 4, "d");
	relate_list(f, d, NEAP_SUBSCRIBE, list, 2);
	e = service(f, 5, "e");
	relate_list(f, e, NEAP_REQUIRE, list, 2);
	finish_good(f);
	assert_int_equal(f->graph->joins.count, 2);
	assert_string_equal(edges(f), "j1 < service[c] require 3\n"
				      "j2 < service[d] subscribe! 4\n"
				      "j1 < service[e] require 5\n"
				      "service[a] < j1 require 3\n"
				      "service[b] < j1 require 3\n"
				      "service[a] < j2 subscribe! 4\n"
				      "service[b] < j2 subscribe! 4\n");
	assert_string_equal(order(f), "a b j1 j2 c d e");
}

static void graph__a_list_to_come_after_is_a_join_too(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), list[] = { a, b }, c = service(f, 3, "c");

	relate_list(f, c, NEAP_NOTIFY, list, 2);
	finish_good(f);
	assert_string_equal(edges(f), "j1 < service[a] notify! 3\n"
				      "j1 < service[b] notify! 3\n"
				      "service[c] < j1 notify! 3\n");
	assert_string_equal(order(f), "c j1 a b");
}

static void graph__a_resource_that_names_itself_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"),
		 d = begin(f, &type_service, 4), list[] = { b, c }, e;
	struct neap_target named[] = { { 0, "service[e]" }, { 0, "service[a]" } };

	relate(f, a, NEAP_REQUIRE, a);
	relate_list(f, b, NEAP_NOTIFY, list, 2);
	set(f, d, "name", neap_value_string("d"));
	relate_address(f, d, NEAP_SUBSCRIBE, "service[d]");
	neap_graph_end(f->graph, d);
	e = service(f, 5, "e");
	neap_graph_relate(f->graph, e, NEAP_BEFORE, named, 2);
	assert_string_equal(finish_bad(f), "1: service[a]: it names itself in require\n"
					   "2: service[b]: it names itself in notify\n"
					   "4: service[d]: it names itself in subscribe\n"
					   "5: service[e]: it names itself in before\n");
}

static void graph__a_list_with_itself_is_not_the_list_of_others(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"), list[] = { b, c };

	relate_list(f, a, NEAP_REQUIRE, list, 2);
	relate_list(f, b, NEAP_REQUIRE, list, 2);
	assert_string_equal(finish_bad(f), "2: service[b]: it names itself in require\n");
	assert_non_null(f->graph->order); /* no cycle beside it */
}

static void graph__what_cannot_refresh_is_neither_notified_nor_subscribes(void **state)
{
	struct fixture *f = *state;
	uint32_t link = declare(f, &type_link, 1, "path", "/x", NULL), a = service(f, 2, "a"), list[2];

	relate(f, a, NEAP_NOTIFY, link);
	relate(f, declare(f, &type_file, 3, "path", "/y", NULL), NEAP_SUBSCRIBE, a);
	list[0] = a;
	list[1] = declare(f, &type_attributes, 4, "path", "/z", NULL);
	relate_list(f, service(f, 5, "b"), NEAP_NOTIFY, list, 2);
	relate_address(f, service(f, 6, "c"), NEAP_NOTIFY, "attributes[/later]");
	declare(f, &type_attributes, 7, "path", "/later", NULL);
	assert_string_equal(
		finish_bad(f),
		"2: service[a]: link[/x] cannot be notified: a link has nothing to refresh\n"
		"3: file[/y]: it cannot subscribe: a file has nothing to refresh\n"
		"5: service[b]: attributes[/z] cannot be notified: an attributes has nothing to refresh\n"
		"6: service[c]: attributes[/later] cannot be notified: an attributes has nothing to "
		"refresh\n");
}

/* ---- order --------------------------------------------------------------------------------------------- */

static void graph__ties_are_in_the_order_of_declaration(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"),
		 d = service(f, 4, "d");

	service(f, 5, "e");
	relate(f, a, NEAP_REQUIRE, d);
	relate(f, c, NEAP_REQUIRE, a);
	(void)b;
	finish_good(f);
	assert_string_equal(order(f), "b d a c e");
}

static void graph__a_join_costs_no_place_in_the_order(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"), list[] = { a, b };

	relate_list(f, c, NEAP_REQUIRE, list, 2);
	service(f, 4, "d");
	finish_good(f);
	assert_string_equal(order(f), "a b j1 c d");
}

static void check_order(const struct neap_graph *graph)
{
	NEAP_AUTO_FREE uint32_t *place = neap_alloc(graph->node_count * sizeof *place);
	size_t i;

	for (i = 0; i < graph->node_count; i++)
		place[i] = UINT32_MAX;
	for (i = 0; i < graph->node_count; i++) {
		assert_int_equal(place[graph->order[i]], UINT32_MAX);
		place[graph->order[i]] = (uint32_t)i;
	}
	for (i = 0; i < graph->edges.count; i++)
		assert_true(place[graph->edges.items[i].from] < place[graph->edges.items[i].to]);
}

static void check_index(const struct neap_graph *graph)
{
	size_t node, i, in = 0, out = 0;

	for (node = 0; node < graph->node_count; node++) {
		for (i = graph->in_first[node]; i < graph->in_first[node + 1]; i++, in++)
			assert_int_equal(graph->edges.items[i].to, node);
		for (i = graph->out_first[node]; i < graph->out_first[node + 1]; i++, out++)
			assert_int_equal(graph->edges.items[graph->out_edges[i]].from, node);
	}
	assert_int_equal(in, graph->edges.count);
	assert_int_equal(out, graph->edges.count);
}

static void many(struct fixture *f, uint32_t count)
{
	char name[20];
	uint32_t i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "s%u", i);
		service(f, (int)i + 1, name);
	}
}

static void graph__a_chain_of_100000_is_ordered(void **state)
{
	struct fixture *f = *state;
	uint32_t i, count = 100000;

	many(f, count);
	for (i = 0; i + 1 < count; i++)
		relate(f, i, NEAP_REQUIRE, i + 1); /* runs backwards */
	finish_good(f);
	for (i = 0; i < count; i++)
		assert_int_equal(f->graph->order[i], count - 1 - i);
	check_index(f->graph);
}

static void graph__a_million_edges_are_ordered(void **state)
{
	struct fixture *f = *state;
	uint32_t i, j, count = 20000, seed = 1;

	many(f, count);
	for (i = 1; i < count; i++) {
		for (j = 0; j < 50; j++) {
			seed = seed * 1103515245 + 12345;
			relate(f, i, j % 2 ? NEAP_REQUIRE : NEAP_SUBSCRIBE, (seed >> 8) % i);
		}
	}
	finish_good(f);
	check_order(f->graph);
	check_index(f->graph);
}

static void graph__a_list_shared_by_many_costs_their_sum(void **state)
{
	struct fixture *f = *state;
	uint32_t i, list[1000];

	many(f, 3000);
	for (i = 0; i < 1000; i++)
		list[i] = i;
	for (i = 1000; i < 3000; i++)
		relate_list(f, i, NEAP_REQUIRE, list, 1000);
	finish_good(f);
	assert_int_equal(f->graph->edges.count, 3000);
	assert_int_equal(f->graph->joins.count, 1);
	check_order(f->graph);
}

static void graph__nothing_declared_is_a_graph(void **state)
{
	struct fixture *f = *state;

	finish_good(f);
	assert_int_equal(f->graph->node_count, 0);
	assert_string_equal(order(f), "");
}

/* ---- cycles -------------------------------------------------------------------------------------------- */

static void graph__cycle_error_names_every_edge(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"),
		 d = service(f, 4, "d");

	relate(f, b, NEAP_REQUIRE, a);
	relate(f, b, NEAP_NOTIFY, c);
	relate(f, a, NEAP_SUBSCRIBE, c);
	relate(f, d, NEAP_REQUIRE, c); /* stands on it, is not in it */
	relate(f, a, NEAP_REQUIRE, service(f, 5, "e"));
	assert_string_equal(finish_bad(f),
			    "2: -: cycle of 3 resources:\n"
			    "  service[a] must come before service[b]: require at site.lua:2\n"
			    "  service[b] must come before service[c]: notify at site.lua:2\n"
			    "  service[c] must come before service[a]: subscribe at site.lua:1\n");
	assert_null(f->graph->order);
}

static void graph__a_cycle_of_two_through_joins_shows_the_resources(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"), to[] = { b, c },
		 from[] = { a, c };

	relate_list(f, a, NEAP_REQUIRE, to, 2);
	relate_list(f, b, NEAP_REQUIRE, from, 2);
	assert_string_equal(finish_bad(f),
			    "2: -: cycle of 2 resources:\n"
			    "  service[a] must come before service[b]: require at site.lua:2\n"
			    "  service[b] must come before service[a]: require at site.lua:1\n");
}

static void graph__a_shared_join_gives_each_its_own_place(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"),
		 d = service(f, 4, "d"), list[] = { a, b };

	relate_list(f, c, NEAP_REQUIRE, list, 2);
	relate_list(f, d, NEAP_REQUIRE, list, 2);
	relate_list(f, d, NEAP_BEFORE, list, 2);
	assert_string_equal(finish_bad(f),
			    "4: -: cycle of 2 resources:\n"
			    "  service[a] must come before service[d]: require at site.lua:4\n"
			    "  service[d] must come before service[a]: before at site.lua:4\n");
}

static void graph__a_shared_join_to_come_after_does_so_too(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = service(f, 2, "b"), c = service(f, 3, "c"),
		 d = service(f, 4, "d"), list[] = { a, b };

	relate_list(f, c, NEAP_BEFORE, list, 2);
	relate_list(f, d, NEAP_BEFORE, list, 2);
	relate(f, d, NEAP_REQUIRE, a);
	assert_string_equal(finish_bad(f),
			    "4: -: cycle of 2 resources:\n"
			    "  service[a] must come before service[d]: require at site.lua:4\n"
			    "  service[d] must come before service[a]: before at site.lua:4\n");
}

static void graph__the_shortest_cycle_is_shown(void **state)
{
	struct fixture *f = *state;
	uint32_t i;

	many(f, 1000);
	for (i = 0; i < 1000; i++)
		relate(f, i, NEAP_BEFORE, (i + 1) % 1000);
	relate(f, 702, NEAP_BEFORE, 700);
	assert_string_equal(finish_bad(f),
			    "701: -: cycle of 3 resources:\n"
			    "  service[s700] must come before service[s701]: before at site.lua:701\n"
			    "  service[s701] must come before service[s702]: before at site.lua:702\n"
			    "  service[s702] must come before service[s700]: before at site.lua:703\n");
}

static void graph__separate_cycles_are_separate_problems(void **state)
{
	struct fixture *f = *state;
	uint32_t i;

	many(f, 40);
	for (i = 0; i < 40; i++)
		relate(f, i, NEAP_REQUIRE, i ^ 1);
	finish_bad(f);
	assert_int_equal(f->problems.errors.count, 10);
	assert_string_equal(f->problems.errors.items[9].hint, "10 more cycles are not shown");
}

static void graph__a_ring_of_100000_is_found_in_bounded_work(void **state)
{
	struct fixture *f = *state;
	uint32_t i, count = 100000;

	many(f, count);
	for (i = 0; i < count; i++)
		relate(f, i, NEAP_REQUIRE, (i + 1) % count);
	finish_bad(f);
	assert_int_equal(f->problems.errors.count, 1);
	assert_memory_equal(f->problems.errors.items[0].message, "cycle of 100000 resources:\n", 27);
}

/* ---- digest -------------------------------------------------------------------------------------------- */

struct variant {
	const char *path, *content, *mode;
	bool secret;
	int related; /* relation + 1 */
	uint32_t output;
};

static void digest_of(const struct variant *variant, int line, char ret[NEAP_DIGEST_HEX_SIZE])
{
	void *state;
	struct fixture *f;
	uint32_t a, b, c;

	setup(&state);
	f = state;
	a = service(f, line, "a");
	b = begin(f, &type_file, line);
	set(f, b, "path", neap_value_string(variant->path));
	if (variant->content && variant->secret)
		set(f, b, "content",
		    neap_value_text(
			    neap_text_secret(f->problems.arena, variant->content, strlen(variant->content))));
	else if (variant->content)
		set(f, b, "content", neap_value_string(variant->content));
	if (variant->mode)
		set(f, b, "mode", neap_value_string(variant->mode));
	neap_graph_end(f->graph, b);
	if (variant->related == NEAP_REQUIRE + 1)
		relate(f, b, NEAP_REQUIRE, a);
	else if (variant->related)
		relate(f, a, NEAP_BEFORE, b); /* the same two, for another reason */
	c = begin(f, &type_file, line);
	set(f, c, "path", neap_value_string("/c"));
	set(f, c, "content", output(f, variant->output, false));
	neap_graph_end(f->graph, c);
	finish_good(f);
	neap_graph_digest(f->graph, ret);
	teardown(&state);
}

static void graph__digest_is_of_what_is_wanted(void **state)
{
	static const struct variant variants[] = {
		{ "/x", "a", "0644", false, 0, 0 }, { "/y", "a", "0644", false, 0, 0 },
		{ "/x", "b", "0644", false, 0, 0 }, { "/x", NULL, "0644", false, 0, 0 },
		{ "/x", "", "0644", false, 0, 0 },  { "/x", "a", "0600", false, 0, 0 },
		{ "/x", "a", NULL, false, 0, 0 },   { "/x", "a", "0644", true, 0, 0 },
		{ "/x", "b", "0644", true, 0, 0 },  { "/x", "a", "0644", false, NEAP_REQUIRE + 1, 0 },
		{ "/x", "a", "0644", false, 0, 1 }, { "/x", "a", "0644", false, NEAP_BEFORE + 1, 0 },
	};
	enum { COUNT = sizeof variants / sizeof *variants };
	char digests[COUNT][NEAP_DIGEST_HEX_SIZE], again[NEAP_DIGEST_HEX_SIZE];
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		digest_of(&variants[i], 1, digests[i]);
		digest_of(&variants[i], 7, again);
		assert_string_equal(digests[i], again); /* the place in the recipe does not count */
		for (j = 0; j < i; j++)
			if (variants[i].secret && variants[j].secret)
				assert_string_equal(digests[i], digests[j]); /* a secret is not in it */
			else
				assert_string_not_equal(digests[i], digests[j]);
	}
}

static void graph__digest_is_the_same_after_a_run(void **state)
{
	struct fixture *f = *state;
	uint32_t a = service(f, 1, "a"), b = begin(f, &type_file, 2);
	char before[NEAP_DIGEST_HEX_SIZE], after[NEAP_DIGEST_HEX_SIZE];
	struct path_want *want;

	set(f, b, "path", neap_value_string("/b"));
	set(f, b, "content", output(f, a, false));
	neap_graph_end(f->graph, b);
	finish_good(f);
	neap_graph_digest(f->graph, before);
	want = (struct path_want *)f->graph->resources.items[b].want;
	want->content = neap_text("known now");
	want->base.given |= 1 << CONTENT;
	neap_graph_digest(f->graph, after);
	assert_string_equal(before, after);
}

static void graph__digest_takes_a_shared_expression_once(void **state)
{
	struct fixture *f = *state;
	struct neap_value value = output(f, service(f, 1, "a"), false);
	char digest[NEAP_DIGEST_HEX_SIZE];
	uint32_t b;
	int i;

	for (i = 0; i < 60; i++) { /* s = s .. s: 2^60 parts if each were visited */
		struct neap_expr *expr = neap_arena_new_of(f->problems.arena, struct neap_expr);
		const struct neap_expr **args =
			neap_arena_array_of(f->problems.arena, const struct neap_expr *, 2);

		args[0] = args[1] = value.expr;
		*expr = (struct neap_expr){ .op = NEAP_EXPR_CONCAT, .args = args, .count = 2 };
		value.expr = expr;
	}
	b = begin(f, &type_file, 2);
	set(f, b, "path", neap_value_string("/b"));
	set(f, b, "content", value);
	neap_graph_end(f->graph, b);
	finish_good(f);
	neap_graph_digest(f->graph, digest);
	assert_string_equal(edges(f), "service[a] < file[/b] reference 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(graph__address_is_type_and_key),
		TEST(graph__a_key_for_want_of_another_is_left_out_beside_it),
		TEST(graph__address_shows_no_secret_and_no_control_character),
		TEST(graph__long_names_are_cut_and_addresses_still_differ),
		TEST(graph__all_errors_of_a_recipe_are_collected),
		TEST(graph__a_value_that_could_not_be_converted_counts_as_given),
		TEST(graph__a_resource_left_open_is_kept_out),
		TEST(graph__an_expression_is_deferred_and_makes_an_edge),
		TEST(graph__an_expression_counts_as_given_in_checks_and_claims),
		TEST(graph__an_expression_is_refused_where_the_value_must_be_known),
		TEST(graph__each_relation_has_its_direction_and_refresh),
		TEST(graph__addresses_may_be_declared_later),
		TEST(graph__equal_edges_stay_once),
		TEST(graph__a_list_is_one_join_for_all_who_give_it),
		TEST(graph__a_list_to_come_after_is_a_join_too),
		TEST(graph__a_resource_that_names_itself_is_an_error),
		TEST(graph__a_list_with_itself_is_not_the_list_of_others),
		TEST(graph__what_cannot_refresh_is_neither_notified_nor_subscribes),
		TEST(graph__ties_are_in_the_order_of_declaration),
		TEST(graph__a_join_costs_no_place_in_the_order),
		TEST(graph__a_chain_of_100000_is_ordered),
		TEST(graph__a_million_edges_are_ordered),
		TEST(graph__a_list_shared_by_many_costs_their_sum),
		TEST(graph__nothing_declared_is_a_graph),
		TEST(graph__cycle_error_names_every_edge),
		TEST(graph__a_cycle_of_two_through_joins_shows_the_resources),
		TEST(graph__a_shared_join_gives_each_its_own_place),
		TEST(graph__a_shared_join_to_come_after_does_so_too),
		TEST(graph__the_shortest_cycle_is_shown),
		TEST(graph__separate_cycles_are_separate_problems),
		TEST(graph__a_ring_of_100000_is_found_in_bounded_work),
		TEST(graph__digest_is_of_what_is_wanted),
		TEST(graph__digest_is_the_same_after_a_run),
		TEST(graph__digest_takes_a_shared_expression_once),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
