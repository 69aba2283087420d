/* core/engine/claims_account.c, and what claims.c makes of homes and of files full of entries: with the real
 * types, as whose owner parameters they are. */
#include "modules_fixture.h"

static uint32_t user(struct fixture *f, int line, const char *name)
{
	return declare(f, found("user"), line, "name", name, NULL);
}

static uint32_t group(struct fixture *f, int line, const char *name)
{
	return declare(f, found("group"), line, "name", name, NULL);
}

static uint32_t living(struct fixture *f, int line, const char *name, const char *home)
{
	uint32_t resource = begin(f, found("user"), line);

	set(f, resource, "name", neap_value_string(name));
	set(f, resource, "home", neap_value_string(home));
	set(f, resource, "create_home", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	neap_graph_end(f->graph, resource);
	return resource;
}

static void claims__an_owner_comes_after_who_makes_the_account(void **state)
{
	struct fixture *f = *state;

	declare(f, found("file"), 1, "path", "/a", "owner", "app", "group", "ops", NULL);
	declare(f, found("directory"), 2, "path", "/d", "owner", "12", "group", "nobody", NULL);
	user(f, 3, "app");
	group(f, 4, "ops");
	finish_good(f);
	assert_string_equal(edges(f), "user[app] < file[/a] autorequire 1\n"
				      "group[ops] < file[/a] autorequire 1\n");
	assert_string_equal(order(f), "/d app ops /a");
}

static void claims__a_user_makes_its_own_group_unless_that_is_declared(void **state)
{
	struct fixture *f = *state;

	declare(f, found("file"), 1, "path", "/a", "group", "app", NULL);
	user(f, 2, "app");
	declare(f, found("file"), 3, "path", "/b", "group", "web", NULL);
	user(f, 4, "web");
	group(f, 5, "web");
	finish_good(f);
	assert_string_equal(edges(f), "user[app] < file[/a] autorequire 1\n"
				      "group[web] < file[/b] autorequire 3\n"
				      "group[web] < user[web] autorequire 4\n");
}

static void claims__a_user_comes_after_its_groups(void **state)
{
	struct fixture *f = *state;
	uint32_t resource;
	struct neap_value names[] = { neap_value_string("b"), neap_value_string("elsewhere") };

	resource = begin(f, found("user"), 1);
	set(f, resource, "name", neap_value_string("app"));
	set(f, resource, "group", neap_value_string("a"));
	set(f, resource, "groups", (struct neap_value){ .kind = NEAP_LIST, .list = { names, 2 } });
	neap_graph_end(f->graph, resource);
	group(f, 2, "a");
	group(f, 3, "b");
	finish_good(f);
	assert_string_equal(edges(f),
			    "group[a] < user[app] autorequire 1\ngroup[b] < user[app] autorequire 1\n");
}

static void claims__what_is_to_go_can_own_nothing(void **state)
{
	struct fixture *f = *state;

	declare(f, found("user"), 1, "name", "app", "ensure", "absent", NULL);
	declare(f, found("file"), 2, "path", "/a", "owner", "app", NULL);
	assert_string_equal(finish_bad(f),
			    "2: file[/a]: file[/a] (site.lua:2) needs the user app, which user[app] "
			    "(site.lua:1) makes absent\n");
}

static void claims__a_user_cannot_come_with_a_group_that_is_to_go(void **state)
{
	struct fixture *f = *state;

	declare(f, found("group"), 1, "name", "app", "ensure", "absent", NULL);
	user(f, 2, "app");
	declare(f, found("group"), 3, "name", "web", "ensure", "absent", NULL);
	declare(f, found("user"), 4, "name", "web", "group", "app2", NULL);
	assert_string_equal(finish_bad(f),
			    "2: user[app]: user[app] (site.lua:2) comes with the group app, which group[app] "
			    "(site.lua:1) makes absent (group = … there says which other group it has)\n");
}

static void claims__a_user_goes_before_the_group_of_its_name(void **state)
{
	struct fixture *f = *state;

	declare(f, found("group"), 1, "name", "app", "ensure", "absent", NULL);
	declare(f, found("user"), 2, "name", "app", "ensure", "absent", NULL);
	declare(f, found("group"), 3, "name", "web", NULL);
	declare(f, found("user"), 4, "name", "web", "ensure", "absent", NULL);
	finish_good(f);
	assert_string_equal(edges(f),
			    "user[app] < group[app] autorequire 1\nuser[web] < group[web] autorequire 3\n");
	assert_true(neap_graph_accounts(f->graph, NEAP_ACCOUNT_GROUP, "web"));
	assert_false(neap_graph_accounts(f->graph, NEAP_ACCOUNT_GROUP, "other"));
}

static void claims__a_home_is_made_before_what_lies_in_it(void **state)
{
	struct fixture *f = *state;

	declare(f, found("file"), 1, "path", "/srv/app/.ssh/keys", NULL);
	declare(f, found("directory"), 2, "path", "/srv/app", "mode", "0700", NULL);
	living(f, 3, "app", "/srv/app");
	declare(f, found("directory"), 4, "path", "/srv", NULL);
	declare(f, found("file"), 5, "path", "/home/web/x", NULL);
	living(f, 6, "web", "/home/web");
	finish_good(f);
	assert_string_equal(edges(f), "directory[/srv/app] < file[/srv/app/.ssh/keys] autorequire 1\n"
				      "user[app] < directory[/srv/app] autorequire 2\n"
				      "directory[/srv] < directory[/srv/app] autorequire 2\n"
				      "directory[/srv] < user[app] autorequire 3\n"
				      "user[web] < file[/home/web/x] autorequire 5\n");
	assert_true(neap_graph_owns(f->graph, "/home/web"));
	/* Who makes it may make what is in it and what is above; others may make it. */
	assert_null(neap_graph_other_owner(f->graph, 2, "/srv/app/.ssh/keys"));
	assert_null(neap_graph_other_owner(f->graph, 2, "/srv"));
	assert_null(neap_graph_other_owner(f->graph, 0, "/home/web"));
	assert_non_null(neap_graph_other_owner(f->graph, 4, "/srv/app/.ssh/keys"));
}

static void claims__a_directory_above_that_is_the_accounts_own_waits_for_it(void **state)
{
	struct fixture *f = *state;

	declare(f, found("directory"), 1, "path", "/srv/app", "owner", "app", NULL);
	declare(f, found("directory"), 2, "path", "/srv/web", "group", "web", NULL);
	living(f, 3, "app", "/srv/app/home");
	living(f, 4, "web", "/srv/web/home");
	finish_good(f);
	assert_string_equal(edges(f), "user[app] < directory[/srv/app] autorequire 1\n"
				      "user[web] < directory[/srv/web] autorequire 2\n");
}

static void claims__of_several_who_live_in_one_home_the_first_makes_it(void **state)
{
	struct fixture *f = *state;

	declare(f, found("file"), 1, "path", "/srv/x", NULL);
	living(f, 2, "a", "/srv");
	living(f, 3, "b", "/srv");
	finish_good(f);
	assert_string_equal(edges(f),
			    "user[b] < file[/srv/x] autorequire 1\nuser[a] < user[b] autorequire 3\n");
}

static void claims__entries_and_the_whole_of_a_file_are_two_owners(void **state)
{
	struct fixture *f = *state;

	user(f, 1, "app");
	user(f, 2, "web");
	declare(f, found("file"), 3, "path", "/etc/passwd", "content", "x", NULL);
	declare(f, found("file"), 4, "path", "/etc/shadow", "ensure", "absent", NULL);
	assert_string_equal(finish_bad(f), "3: file[/etc/passwd]: user[web] (site.lua:2) and "
					   "file[/etc/passwd] (site.lua:3) both own the content of "
					   "/etc/passwd\n"
					   "4: file[/etc/shadow]: user[web] (site.lua:2) works on "
					   "/etc/shadow, which file[/etc/shadow] (site.lua:4) "
					   "makes absent\n");
}

static void claims__the_file_comes_before_its_entries_and_they_have_no_order(void **state)
{
	struct fixture *f = *state;

	user(f, 1, "b");
	user(f, 2, "a");
	declare(f, found("file"), 3, "path", "/etc/passwd", "mode", "0644", NULL);
	finish_good(f);
	assert_string_equal(edges(f), "file[/etc/passwd] < user[b] autorequire 1\n"
				      "file[/etc/passwd] < user[a] autorequire 2\n");
}

static uint32_t with_list(struct fixture *f, int line, const char *type_name, const char *name,
			  const char *list, const char *item, bool exclusive)
{
	struct neap_value items[] = { neap_value_string(item) };
	struct neap_value value = { .kind = NEAP_LIST, .list = { items, *item ? 1 : 0 } };
	uint32_t resource = begin(f, found(type_name), line);
	char only[32];

	set(f, resource, "name", neap_value_string(name));
	set(f, resource, list, value);
	snprintf(only, sizeof only, "%s_exclusive", list);
	if (exclusive)
		set(f, resource, only, (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	neap_graph_end(f->graph, resource);
	return resource;
}

static void claims__a_member_whom_another_does_not_allow_is_an_error(void **state)
{
	struct fixture *f = *state;

	with_list(f, 1, "user", "bob", "groups", "", true);
	with_list(f, 2, "group", "ops", "members", "bob", false);
	with_list(f, 3, "group", "web", "members", "ann", true);
	with_list(f, 4, "user", "eve", "groups", "web", false);
	/* Both say so, or nobody forbids it. */
	with_list(f, 5, "user", "ann", "groups", "web", true);
	with_list(f, 6, "group", "all", "members", "eve", false);
	assert_string_equal(
		finish_bad(f),
		"2: group[ops]: group[ops] (site.lua:2) wants the user bob in the group ops, which user[bob] "
		"(site.lua:1) does not allow\n"
		"4: user[eve]: user[eve] (site.lua:4) wants the user eve in the group web, which group[web] "
		"(site.lua:3) does not allow\n");
}

/* A type whose group parameter says nothing of it would wait for the wrong account. */
static void claims__every_owner_parameter_says_of_what_kind_it_is(void **state)
{
	(void)state;
	for (const struct neap_resource_type *const *at = neap_modules.types; *at; at++)
		for (size_t i = 0; i < (*at)->param_count; i++) {
			const struct neap_param *param = &(*at)->params[i];
			bool group = strstr(param->name, "group") || strstr(param->name, "gid");

			if (param->kind == NEAP_PARAM_OWNER &&
			    group != ((param->flags & NEAP_PARAM_GROUP) != 0))
				fail_msg("%s.%s: NEAP_PARAM_GROUP", (*at)->name, param->name);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claims__an_owner_comes_after_who_makes_the_account),
		TEST(claims__a_user_makes_its_own_group_unless_that_is_declared),
		TEST(claims__a_user_comes_after_its_groups),
		TEST(claims__what_is_to_go_can_own_nothing),
		TEST(claims__a_user_cannot_come_with_a_group_that_is_to_go),
		TEST(claims__a_user_goes_before_the_group_of_its_name),
		TEST(claims__a_home_is_made_before_what_lies_in_it),
		TEST(claims__a_directory_above_that_is_the_accounts_own_waits_for_it),
		TEST(claims__of_several_who_live_in_one_home_the_first_makes_it),
		TEST(claims__entries_and_the_whole_of_a_file_are_two_owners),
		TEST(claims__the_file_comes_before_its_entries_and_they_have_no_order),
		TEST(claims__a_member_whom_another_does_not_allow_is_an_error),
		cmocka_unit_test(claims__every_owner_parameter_says_of_what_kind_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
