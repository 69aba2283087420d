/* core/engine/claims.c: owners, conflicts, and the edges between what lies above and below each other. */
#include "graph_fixture.h"

#include <time.h>

static uint32_t file(struct fixture *f, int line, const char *path)
{
	return declare(f, &type_file, line, "path", path, "content", "x", NULL);
}

static uint32_t directory(struct fixture *f, int line, const char *path)
{
	return declare(f, &type_directory, line, "path", path, NULL);
}

static uint32_t absent(struct fixture *f, const struct neap_resource_type *type, int line, const char *path)
{
	return declare(f, type, line, "path", path, "ensure", "absent", NULL);
}

static uint32_t part(struct fixture *f, int line, const char *path, const char *text)
{
	return declare(f, &type_line, line, "path", path, "line", text, NULL);
}

static void claims__two_owners_of_one_aspect_are_an_error_naming_both(void **state)
{
	struct fixture *f = *state;

	file(f, 1, "/a");
	declare(f, &type_link, 2, "path", "/a", NULL);
	file(f, 3, "/etc/hosts");
	part(f, 4, "/etc/hosts", "x");
	part(f, 5, "/b", "x");
	file(f, 6, "/b");
	declare(f, &type_attributes, 7, "path", "/c", NULL);
	directory(f, 8, "/c");
	assert_string_equal(
		finish_bad(f),
		"2: link[/a]: file[/a] (site.lua:1) and link[/a] (site.lua:2) both own the existence of /a\n"
		"4: line[/etc/hosts: x]: file[/etc/hosts] (site.lua:3) and line[/etc/hosts: x] (site.lua:4) "
		"both own "
		"the content of /etc/hosts\n"
		"6: file[/b]: line[/b: x] (site.lua:5) and file[/b] (site.lua:6) both own the content of /b\n"
		"8: directory[/c]: attributes[/c] (site.lua:7) and directory[/c] (site.lua:8) both own mode "
		"and owner "
		"of /c\n");
}

static void claims__different_aspects_of_one_path_go_together(void **state)
{
	struct fixture *f = *state;

	part(f, 1, "/x", "a");
	declare(f, &type_file, 2, "path", "/x", NULL); /* no content: only that it is there */
	part(f, 3, "/x", "b");
	finish_good(f);
	assert_string_equal(edges(f), "file[/x] < line[/x: a] autorequire 1\n"
				      "line[/x: a] < line[/x: b] autorequire 3\n");
	assert_string_equal(order(f), "/x /x: a /x: b");
}

static void claims__parts_of_one_path_run_in_the_order_of_declaration(void **state)
{
	struct fixture *f = *state;
	uint32_t first, other;

	first = part(f, 1, "/etc/hosts", "c");
	other = service(f, 2, "s");
	part(f, 3, "/etc/hosts", "a");
	part(f, 4, "/etc/hosts", "b");
	directory(f, 5, "/etc");
	relate(f, first, NEAP_REQUIRE, other);
	finish_good(f);
	assert_string_equal(order(f), "s /etc /etc/hosts: c /etc/hosts: a /etc/hosts: b");
}

static void claims__the_same_part_twice_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t secret;

	part(f, 1, "/x", "hunter2");
	secret = begin(f, &type_line, 2);
	set(f, secret, "path", neap_value_string("/x"));
	set(f, secret, "line", neap_value_text(neap_text_secret(f->problems.arena, "hunter2", 7)));
	neap_graph_end(f->graph, secret);
	assert_string_equal(finish_bad(f),
			    "2: line[/x: (secret)]: line[/x: hunter2] (site.lua:1) and line[/x: "
			    "(secret)] (site.lua:2) both own the same part of /x\n");
}

static void claims__a_path_comes_after_the_nearest_owner_above(void **state)
{
	struct fixture *f = *state;

	file(f, 1, "/a/b/c/d");
	file(f, 2, "/ab/x"); /* not below /a */
	directory(f, 3, "/a/b");
	directory(f, 4, "/a");
	declare(f, &type_attributes, 5, "path", "/a/b/c", NULL); /* owns mode and owner only */
	declare(f, &type_link, 6, "path", "/l", "target", "/a", NULL);
	file(f, 7, "/l/x");
	finish_good(f);
	assert_string_equal(edges(f), "directory[/a/b] < file[/a/b/c/d] autorequire 1\n"
				      "directory[/a] < directory[/a/b] autorequire 3\n"
				      "directory[/a/b] < attributes[/a/b/c] autorequire 5\n"
				      "link[/l] < file[/l/x] autorequire 7\n");
}

static void claims__the_root_is_above_all_and_below_nothing(void **state)
{
	struct fixture *f = *state;

	file(f, 1, "/x/y");
	directory(f, 2, "/");
	finish_good(f);
	assert_string_equal(edges(f), "directory[/] < file[/x/y] autorequire 1\n");
}

static void claims__what_goes_goes_before_the_directory_it_is_in(void **state)
{
	struct fixture *f = *state;

	absent(f, &type_directory, 1, "/a");
	absent(f, &type_directory, 2, "/a/b");
	absent(f, &type_file, 3, "/a/b/c");
	directory(f, 4, "/d");
	absent(f, &type_file, 5, "/d/x"); /* the directory stays: it comes first */
	finish_good(f);
	assert_string_equal(edges(f), "directory[/a/b] < directory[/a] autorequire 2\n"
				      "file[/a/b/c] < directory[/a/b] autorequire 3\n"
				      "directory[/d] < file[/d/x] autorequire 5\n");
}

static void claims__nothing_may_be_in_a_directory_that_goes(void **state)
{
	struct fixture *f = *state;

	absent(f, &type_directory, 1, "/a");
	file(f, 2, "/a/b/x");
	part(f, 3, "/a/y", "l");
	assert_string_equal(finish_bad(f), "2: file[/a/b/x]: file[/a/b/x] (site.lua:2) lies below /a, which "
					   "directory[/a] (site.lua:1) makes "
					   "absent\n"
					   "3: line[/a/y: l]: line[/a/y: l] (site.lua:3) lies below /a, "
					   "which directory[/a] (site.lua:1) makes "
					   "absent\n");
}

static void claims__nothing_is_done_to_a_path_that_goes(void **state)
{
	struct fixture *f = *state;

	part(f, 1, "/a", "l");
	declare(f, &type_file, 2, "path", "/a", "ensure", "absent", "content", "", NULL);
	declare(f, &type_file, 3, "path", "/b", "ensure", "absent", "content", "", NULL);
	part(f, 4, "/b", "l");
	assert_string_equal(finish_bad(f), "2: file[/a]: line[/a: l] (site.lua:1) works on /a, which "
					   "file[/a] (site.lua:2) makes absent\n"
					   "4: line[/b: l]: line[/b: l] (site.lua:4) works on /b, which "
					   "file[/b] (site.lua:3) makes absent\n");
}

static void claims__an_edge_that_contradicts_them_is_a_cycle_with_both_reasons(void **state)
{
	struct fixture *f = *state;
	uint32_t below = file(f, 1, "/a/x"), above = directory(f, 2, "/a");

	relate(f, above, NEAP_REQUIRE, below);
	assert_string_equal(finish_bad(f),
			    "2: -: cycle of 2 resources:\n"
			    "  file[/a/x] must come before directory[/a]: require at site.lua:2\n"
			    "  directory[/a] must come before file[/a/x]: autorequire at site.lua:1\n");
}

static void claims__a_said_edge_replaces_the_made_one(void **state)
{
	struct fixture *f = *state;
	uint32_t above = directory(f, 1, "/a"), below = file(f, 2, "/a/x");

	relate(f, below, NEAP_REQUIRE, above);
	finish_good(f);
	assert_string_equal(edges(f), "directory[/a] < file[/a/x] require 2\n");
}

static void claims__a_broken_resource_claims_nothing(void **state)
{
	struct fixture *f = *state;

	file(f, 1, "/x");
	declare(f, &type_link, 2, "path", "/x", "mode", "rwx", NULL);
	file(f, 3, "/x"); /* said once: that it is declared twice */
	assert_string_equal(finish_bad(f),
			    "2: link[/x]: mode \"rwx\" is symbolic: give the mode in octal digits\n"
			    "3: file[/x]: file[/x] is declared twice: here and at site.lua:1\n");
}

static void claims__owned_is_a_path_and_what_lies_above_it(void **state)
{
	struct fixture *f = *state;

	file(f, 1, "/etc/a/b/c");
	absent(f, &type_file, 2, "/etc/gone");
	part(f, 3, "/etc/hosts", "x");
	finish_good(f);
	assert_true(neap_graph_owns(f->graph, "/etc/a/b/c"));
	assert_true(neap_graph_owns(f->graph, "/etc/a/b"));
	assert_true(neap_graph_owns(f->graph, "/etc/a"));
	assert_true(neap_graph_owns(f->graph, "/etc"));
	assert_true(neap_graph_owns(f->graph, "/"));
	assert_true(neap_graph_owns(f->graph, "/etc/gone"));
	assert_true(neap_graph_owns(f->graph, "/etc/hosts"));
	assert_false(neap_graph_owns(f->graph, "/etc/a/b/c/d"));
	assert_false(neap_graph_owns(f->graph, "/etc/a/x"));
	assert_false(neap_graph_owns(f->graph, "/e"));
	assert_false(neap_graph_owns(f->graph, "/etcetera"));
}

static void claims__many_files_below_many_directories(void **state)
{
	struct fixture *f = *state;
	uint32_t i, j, directories = 300, files = 100;
	char path[60];

	for (i = 0; i < directories; i++) {
		for (j = 0; j < files; j++) {
			snprintf(path, sizeof path, "/srv/d%u/deep/er/f%u", i, j);
			file(f, (int)(i * files + j), path);
		}
	}
	for (i = 0; i < directories; i++) {
		snprintf(path, sizeof path, "/srv/d%u", i);
		directory(f, 0, path);
	}
	finish_good(f);
	assert_int_equal(f->graph->edges.count, directories * files);
	for (i = 0; i < f->graph->edges.count; i++) {
		const struct neap_resource *above = &f->graph->resources.items[f->graph->edges.items[i].from];
		const struct neap_resource *below = &f->graph->resources.items[f->graph->edges.items[i].to];

		assert_memory_equal(above->name, below->name, strlen(above->name));
		assert_int_equal(below->name[strlen(above->name)], '/');
	}
}

/* ---- after all that lies somewhere -----------------------------------------------------------------------
 */

static void follower_claim(const void *want, struct neap_claims *claims)
{
	(void)want;
	neap_claim_after(claims, "/etc");
}

static const struct neap_resource_type type_follower = { .name = "follower",
							 .params = name_params,
							 .param_count = NAME_PARAMS,
							 .want_size = sizeof(struct name_want),
							 .claim = follower_claim };

static uint32_t follower(struct fixture *f, int line, const char *name)
{
	return declare(f, &type_follower, line, "name", name, NULL);
}

static void claims__after_a_directory_is_after_all_that_is_owned_there(void **state)
{
	struct fixture *f = *state;

	follower(f, 1, "x");
	follower(f, 2, "y");
	file(f, 3, "/etc/a");
	part(f, 4, "/etc/b/c", "line");
	file(f, 5, "/etcetera");
	absent(f, &type_file, 6, "/etc/d");
	finish_good(f);
	assert_string_equal(order(f), "/etc/a /etc/b/c: line /etcetera /etc/d j1 x y");
}

static void claims__one_follower_needs_no_join(void **state)
{
	struct fixture *f = *state;

	follower(f, 1, "x");
	file(f, 2, "/etc/a");
	file(f, 3, "/etc/b");
	finish_good(f);
	assert_string_equal(edges(f), "file[/etc/a] < follower[x] autorequire 2\n"
				      "file[/etc/b] < follower[x] autorequire 3\n");
}

static void claims__after_never_makes_a_cycle(void **state)
{
	struct fixture *f = *state;
	uint32_t a = follower(f, 1, "x"), boot = follower(f, 2, "boot"), key = file(f, 3, "/srv/key"),
		 list[] = { key, file(f, 4, "/etc/b") }, c;

	relate(f, key, NEAP_REQUIRE, boot);
	c = file(f, 5, "/etc/c");
	relate_list(f, c, NEAP_REQUIRE, list, 2);
	(void)a;
	finish_good(f);
	assert_string_equal(order(f), "boot /srv/key /etc/b j1 /etc/c x");
}

static void tenant_claim(const void *want, struct neap_claims *claims)
{
	const char *directory = ((const struct name_want *)want)->name;
	char path[64];

	snprintf(path, sizeof path, "%s/own", directory[1] ? directory : "");
	neap_claim_path(claims, path, NEAP_ASPECT_EXISTENCE, false);
	neap_claim_after(claims, directory);
}

static const struct neap_resource_type type_tenant = { .name = "tenant",
						       .params = name_params,
						       .param_count = NAME_PARAMS,
						       .want_size = sizeof(struct name_want),
						       .claim = tenant_claim };

static void claims__who_waits_and_owns_something_there_waits_for_the_others(void **state)
{
	struct fixture *f = *state;

	declare(f, &type_tenant, 1, "name", "/", NULL);
	declare(f, &type_tenant, 2, "name", "/etc/a", NULL);
	declare(f, &type_tenant, 3, "name", "/etc/a-b", NULL);
	file(f, 4, "/etc/a-b/c");
	file(f, 5, "/etc/a-b");
	file(f, 6, "/etc/a!/c");
	finish_good(f);
	assert_string_equal(order(f), "/etc/a /etc/a-b /etc/a-b/c /etc/a-b /etc/a!/c /");
}

static void swap_claim(const void *want, struct neap_claims *claims)
{
	const char *name = ((const struct name_want *)want)->name;
	char own[64], other[64];

	snprintf(own, sizeof own, "/srv/%s", name);
	snprintf(other, sizeof other, "/srv/%c", name[0] == 'a' ? 'b' : 'a');
	neap_claim_path(claims, own, NEAP_ASPECT_EXISTENCE, false);
	neap_claim_after(claims, other);
}

static const struct neap_resource_type type_swap = { .name = "swap",
						     .params = name_params,
						     .param_count = NAME_PARAMS,
						     .want_size = sizeof(struct name_want),
						     .claim = swap_claim };

/* The first directory in order has its wish; what is beside the knot has all of its own. */
static void claims__of_wishes_that_contradict_each_other_the_first_is_granted(void **state)
{
	struct fixture *f = *state;

	follower(f, 1, "x");
	declare(f, &type_swap, 2, "name", "b", NULL);
	declare(f, &type_swap, 3, "name", "a", NULL);
	file(f, 4, "/etc/a");
	finish_good(f);
	assert_string_equal(edges(f), "file[/etc/a] < follower[x] autorequire 4\n"
				      "swap[a] < swap[b] autorequire 3\n");
}

/* Each wishes to come after a directory of its own, in which one file lies. */
static double order_tenants(unsigned count)
{
	struct timespec before, after;
	struct fixture *f;

	setup((void **)&f);
	for (unsigned i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof path, "/srv/d%u", i);
		declare(f, &type_tenant, 1, "name", path, NULL);
		snprintf(path, sizeof path, "/srv/d%u/f", i);
		file(f, 2, path);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	finish_good(f);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_int_equal(f->graph->edges.count, count);
	teardown((void **)&f);
	return (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

/* Eight times as many cost some eight times as much, not sixty-four. */
static void claims__many_directories_are_waited_for_in_no_more_than_their_number(void **state)
{
	double few = order_tenants(500), many = order_tenants(4000);

	(void)state;
	if (many > 24 * few)
		fail_msg("500: %f s, 4000: %f s", few, many);
}

static void guest_claim(const void *want, struct neap_claims *claims)
{
	(void)want;
	neap_claim_anywhere(claims, "/etc", "guest");
}

static const struct neap_resource_type type_guest = { .name = "guest",
						      .params = name_params,
						      .param_count = NAME_PARAMS,
						      .want_size = sizeof(struct name_want),
						      .claim = guest_claim };

static void claims__what_may_be_ones_own_is_spared_and_nobodys(void **state)
{
	struct fixture *f = *state;

	declare(f, &type_guest, 1, "name", "g", NULL);
	declare(f, &type_guest, 2, "name", "h", NULL);
	file(f, 3, "/etc/a/guest");
	declare(f, &type_directory, 4, "path", "/etc/b", NULL);
	declare(f, &type_directory, 5, "path", "/etc/b/c", NULL);
	file(f, 6, "/etc/d");
	absent(f, &type_directory, 7, "/etc/e");
	finish_good(f);
	assert_string_equal(order(f), "/etc/a/guest /etc/b j1 g h /etc/b/c /etc/d /etc/e");
	assert_true(neap_graph_owns(f->graph, "/etc/x/guest"));
	assert_false(neap_graph_owns(f->graph, "/etc/guest"));
	assert_false(neap_graph_owns(f->graph, "/etc/x/y/guest"));
	assert_false(neap_graph_owns(f->graph, "/guest"));
	assert_false(neap_graph_owns(f->graph, "/etc/x/other"));
	assert_null(neap_graph_other_owner(f->graph, 3, "/etc/x/guest"));
}

static void claims__nobody_there_is_nobody_to_wait_for(void **state)
{
	struct fixture *f = *state;

	follower(f, 1, "x");
	file(f, 2, "/etcetera");
	finish_good(f);
	assert_string_equal(edges(f), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claims__two_owners_of_one_aspect_are_an_error_naming_both),
		TEST(claims__different_aspects_of_one_path_go_together),
		TEST(claims__parts_of_one_path_run_in_the_order_of_declaration),
		TEST(claims__the_same_part_twice_is_an_error),
		TEST(claims__a_path_comes_after_the_nearest_owner_above),
		TEST(claims__the_root_is_above_all_and_below_nothing),
		TEST(claims__what_goes_goes_before_the_directory_it_is_in),
		TEST(claims__nothing_may_be_in_a_directory_that_goes),
		TEST(claims__nothing_is_done_to_a_path_that_goes),
		TEST(claims__an_edge_that_contradicts_them_is_a_cycle_with_both_reasons),
		TEST(claims__a_said_edge_replaces_the_made_one),
		TEST(claims__a_broken_resource_claims_nothing),
		TEST(claims__owned_is_a_path_and_what_lies_above_it),
		TEST(claims__many_files_below_many_directories),
		TEST(claims__after_a_directory_is_after_all_that_is_owned_there),
		TEST(claims__one_follower_needs_no_join),
		TEST(claims__after_never_makes_a_cycle),
		TEST(claims__of_wishes_that_contradict_each_other_the_first_is_granted),
		TEST(claims__many_directories_are_waited_for_in_no_more_than_their_number),
		TEST(claims__who_waits_and_owns_something_there_waits_for_the_others),
		TEST(claims__what_may_be_ones_own_is_spared_and_nobodys),
		TEST(claims__nobody_there_is_nobody_to_wait_for),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
