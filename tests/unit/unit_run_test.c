/* neap.unit in recipes on a machine of tables: what a plan says and an apply does, in which order, what the
 * service manager is told, and that the next plan is empty. */
#include "lua_type_fixture.h"

#include "modules/modules.h"

#define ETC "/etc/systemd/system"
#define A "'a.service'"
#define TEXT "'[Service]\\nExecStart=/bin/a\\n[Install]\\nWantedBy=m.target\\n'"
#define OTHER "'[Service]\\nExecStart=/bin/b\\n[Install]\\nWantedBy=m.target\\n'"

static void load(struct site *site, const char *body)
{
	neap_run_free(site->run);
	site->run = NULL;
	recipe_ok(site->recipe, body);
}

static int setup(void **state)
{
	int r = recipe_setup(state);

	if (r == 0)
		((struct recipe *)*state)->registry = &neap_modules;
	return r;
}

/* What the last run says of one resource: "update, refresh". */
static const char *result_of(struct site *site, size_t i)
{
	const struct neap_result *result = &site->run->results[i];

	return neap_arena_printf(site->recipe->arena, "%s%s",
				 result->outcome == NEAP_OUTCOME_FAILED    ? result->error->message
				 : result->outcome == NEAP_OUTCOME_SKIPPED ? "skipped"
									   : neap_action_name(result->action),
				 result->refresh == NEAP_YES     ? ", refresh"
				 : result->refresh == NEAP_MAYBE ? ", may refresh"
								 : "");
}

static const char *results_of(struct site *site)
{
	const char *all = "";

	for (size_t i = 0; i < site->run->graph->resources.count; i++)
		all = neap_arena_printf(site->recipe->arena, "%s%s%s", all, i ? "; " : "",
					result_of(site, i));
	return all;
}

/* A plan, which tells the manager nothing, and an apply say the same; then a plan has nothing to do. Returns
 * what was told. */
static const char *converge(struct site *site, const char *body, const char *results)
{
	const char *jobs;

	load(site, body);
	site_run(site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(site), results);
	assert_string_equal(neap_host_memory_jobs(site->machine), "");
	site_run(site, NEAP_RUN_APPLY);
	assert_string_equal(results_of(site), results);
	jobs = neap_host_memory_jobs(site->machine);
	site_run(site, NEAP_RUN_PLAN);
	for (size_t i = 0; i < site->run->graph->resources.count; i++)
		assert_string_equal(result_of(site, i), "none");
	return jobs;
}

static void unit_run__a_new_service_is_started_and_told_of_nothing_more(void **state)
{
	struct site site;

	site_begin(&site, state);
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = 'x' }\n"
				     "neap.unit { name = " A ", content = " TEXT
				     ", enabled = true, state = 'running', subscribe = conf }",
				     "create; create"),
			    "start a.service\n");
	site_end(&site);
}

static void unit_run__its_own_file_restarts_it_once(void **state)
{
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT ", state = 'running' }", "create");
	assert_string_equal(
		converge(&site,
			 "local conf = neap.file { path = '/t/conf', content = 'x' }\n"
			 "neap.unit { name = " A ", content = " OTHER
			 ", drop_ins = { one = '[Unit]\\n' }, state = 'running', subscribe = conf }",
			 "create; update, refresh"),
		"reload the manager\nrestart a.service\n");
	assert_string_equal(converge(&site,
				     "neap.unit { name = " A ", content = " TEXT
				     ", drop_ins = { one = '[Unit]\\n' }, restart = false }",
				     "update"),
			    "reload the manager\n");
	site_end(&site);
}

static void unit_run__a_notification_restarts_or_reloads(void **state)
{
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT ", state = 'running' }", "create");
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '1' }\n"
				     "neap.unit { name = " A ", state = 'running', subscribe = conf }",
				     "create; refresh, refresh"),
			    "restart a.service\n");
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '2' }\n"
				     "neap.unit { name = " A ", reload = true, subscribe = conf }",
				     "update; refresh, refresh"),
			    "reload a.service\n");
	/* Told of something, and its own file is another: that needs more. */
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '3' }\n"
				     "neap.unit { name = " A ", content = " OTHER
				     ", reload = true, subscribe = conf }",
				     "update; update, refresh"),
			    "reload the manager\nrestart a.service\n");
	site_end(&site);
}

static void unit_run__what_does_not_run_is_not_started_by_a_notification(void **state)
{
	struct neap_unit_state failed = { NEAP_UNIT_LOADED, NEAP_UNIT_FAILED, "failed", false };
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT " }", "create");
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '1' }\n"
				     "neap.unit { name = " A ", subscribe = conf }",
				     "create; none"),
			    "");
	neap_host_memory_unit(site.machine, "a.service", &failed);
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '2' }\n"
				     "neap.unit { name = " A ", subscribe = conf }",
				     "update; refresh, refresh"),
			    "restart a.service\n");
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '3' }\n"
				     "neap.unit { name = " A ", state = 'stopped', subscribe = conf }",
				     "update; update"),
			    "stop a.service\n");
	site_end(&site);
}

/* What leads to a name that a unit is about to get goes with the change itself, and not when it is looked at
 * again, which in an apply may be after others' changes. */
static void unit_run__what_leads_to_a_name_that_a_unit_gets_goes_at_once(void **state)
{
	static const char recipe[] = "neap.unit { name = 'b.service', enabled = true }\n"
				     "neap.unit { name = 'a.service', enabled = false }";
	static const char alias[] = "[Service]\nExecStart=/bin/b\n[Install]\nAlias=a.service\n";
	static const char plain[] = "[Service]\nExecStart=/bin/a\n";
	static const char link[] = "/etc/systemd/system/x.service";
	struct site site;

	site_begin(&site, state);
	neap_host_memory_put(site.machine, "/usr/lib/systemd/system/b.service", NEAP_FILE_REGULAR, 0644, 0, 0,
			     alias, sizeof(alias) - 1);
	neap_host_memory_put(site.machine, "/usr/lib/systemd/system/a.service", NEAP_FILE_REGULAR, 0644, 0, 0,
			     plain, sizeof(plain) - 1);
	neap_host_memory_put(site.machine, link, NEAP_FILE_LINK, 0777, 0, 0, "a.service", 9);
	converge(&site, recipe, "update; update"); /* the manager knows a.service by another file */
	site_end(&site);
}

#define ONESHOT "'[Service]\\nType=oneshot\\nExecStart=/bin/true\\n'"
#define ONESHOT_OTHER "'[Service]\\nType=oneshot\\nExecStart=/bin/false\\n'"

static void unit_run__a_oneshot_takes_effect_at_its_next_start(void **state)
{
	static const struct neap_unit_state states[] = {
		{ NEAP_UNIT_LOADED, NEAP_UNIT_FAILED, "failed", false },
		{ NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, "start", false },
		{ NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, "exited", false }, /* it was to stay, once */
	};
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " ONESHOT " }", "create");
	for (size_t i = 0; i < 3; i++) {
		bool odd = i % 2;

		neap_host_memory_unit(site.machine, "a.service", &states[i]);
		assert_string_equal(converge(&site,
					     odd ? "neap.unit { name = " A ", content = " ONESHOT " }"
						 : "neap.unit { name = " A ", content = " ONESHOT_OTHER " }",
					     "update"),
				    "reload the manager\n");
		assert_string_equal(
			converge(&site,
				 odd ? "local conf = neap.file { path = '/t/conf', content = '1' }\n"
				       "neap.unit { name = " A ", subscribe = conf }"
				     : "local conf = neap.file { path = '/t/conf', content = '2' }\n"
				       "neap.unit { name = " A ", subscribe = conf }",
				 i ? "update; none" : "create; none"),
			"");
	}
	site_end(&site);
}

static void unit_run__what_neap_runs_in_is_left_to_run(void **state)
{
	static const struct neap_unit_state ours = { NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, "running", false,
						     true };
	static const struct neap_unit_state begins = { NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, "start", false,
						       true };
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT " }", "create");
	neap_host_memory_unit(site.machine, "a.service", &ours);
	assert_string_equal(converge(&site, "neap.unit { name = " A ", content = " OTHER " }", "update"),
			    "reload the manager\n");
	assert_string_equal(converge(&site,
				     "local conf = neap.file { path = '/t/conf', content = '1' }\n"
				     "neap.unit { name = " A ", subscribe = conf }",
				     "create; none"),
			    "");
	assert_string_equal(converge(&site, "neap.unit { name = " A ", state = 'stopped' }", "none"), "");
	neap_host_memory_unit(site.machine, "a.service", &begins);
	assert_string_equal(converge(&site, "neap.unit { name = " A ", state = 'running' }", "none"), "");
	assert_string_equal(converge(&site, "neap.unit { name = " A ", ensure = 'absent' }", "delete"),
			    "reload the manager\n");
	site_end(&site);
}

/* One job: what is not there reads its files when it is started; what is starting may have read them. */
static void unit_run__what_is_started_is_not_restarted_besides(void **state)
{
	static const struct {
		struct neap_unit_state is;
		const char *content, *actions, *jobs;
	} cells[] = {
		{ { NEAP_UNIT_LOADED, NEAP_UNIT_FAILED, "failed", false },
		  "1",
		  "create; update",
		  "start a.service\n" },
		{ { NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, "start", false },
		  "2",
		  "update; refresh, refresh",
		  "restart a.service\n" },
	};
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT " }", "create");
	for (size_t i = 0; i < sizeof(cells) / sizeof *(cells); i++) {
		char recipe[256];

		neap_host_memory_unit(site.machine, "a.service", &cells[i].is);
		snprintf(recipe, sizeof(recipe),
			 "local conf = neap.file { path = '/t/conf', content = '%s' }\n"
			 "neap.unit { name = " A ", state = 'running', subscribe = conf }",
			 cells[i].content);
		assert_string_equal(converge(&site, recipe, cells[i].actions), cells[i].jobs);
	}
	site_end(&site);
}

static void unit_run__a_drop_in_of_others_is_read_before_the_restart(void **state)
{
	struct site site;

	site_begin(&site, state);
	converge(&site, "neap.unit { name = " A ", content = " TEXT ", state = 'running' }", "create");
	/* Declared after the unit, and done before it. */
	assert_string_equal(converge(&site,
				     "local unit = neap.unit { name = " A ", state = 'running' }\n"
				     "neap.file { path = '" ETC
				     "/a.service.d/x.conf', content = '[Unit]\\n', notify = unit }",
				     "update, refresh; create"),
			    "reload the manager\nrestart a.service\n");
	assert_string_equal(converge(&site,
				     "neap.unit { name = " A ", state = 'running' }\n"
				     "neap.file { path = '" ETC
				     "/a.service.d/x.conf', content = '[Service]\\n' }",
				     "update; update"),
			    "reload the manager\n");
	site_end(&site);
}

static void unit_run__instances_come_after_their_template(void **state)
{
	struct site site;

	site_begin(&site, state);
	assert_string_equal(converge(&site,
				     "neap.unit { name = 't@x.service', enabled = true, state = 'running' }\n"
				     "neap.unit { name = 't@.service', content = " TEXT " }",
				     "update; create"),
			    "start t@x.service\n");
	assert_string_equal(
		converge(&site,
			 "local template = neap.unit { name = 't@.service', content = " OTHER " }\n"
			 "neap.unit { name = 't@x.service', state = 'running', subscribe = template }",
			 "update; refresh, refresh"),
		"reload the manager\nrestart t@x.service\n");
	site_end(&site);
}

static void unit_run__what_also_names_is_left_to_its_own_resource(void **state)
{
	struct site site;

	site_begin(&site, state);
	converge(&site,
		 "neap.unit { name = " A
		 ", content = '[Install]\\nWantedBy=m.target\\nAlso=a.socket\\n', enabled = true }\n"
		 "neap.unit { name = 'a.socket', content = '[Install]\\nWantedBy=m.target\\n', enabled = "
		 "false }",
		 "create; create");
	assert_string_equal(site_file(&site, ETC "/m.target.wants/a.socket"), "absent");
	site_end(&site);
}

static void unit_run__a_link_belongs_to_one(void **state)
{
	struct site site;

	site_begin(&site, state);
	recipe_run(site.recipe, "neap.unit { name = 'a.service', content = '[Install]\\nAlias=z.service\\n', "
				"enabled = true }\n"
				"neap.unit { name = 'b.service', content = '[Install]\\nAlias=z.service\\n', "
				"enabled = true }\n");
	assert_int_equal(site.recipe->problems.errors.count, 1);
	assert_non_null(strstr(site.recipe->problems.errors.items[0].message,
			       "both own the existence of " ETC "/z.service"));
	site_end(&site);
}

static void unit_run__a_purge_spares_what_is_enabled(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/usr/lib/systemd/system/p.service", 0644, "[Install]\nWantedBy=m.target\n");
	site_put(&site, ETC "/m.target.wants/old.service", 0644, "");
	converge(&site,
		 "neap.unit { name = " A ", content = " TEXT ", enabled = true }\n"
		 "neap.unit { name = 'p.service', enabled = true }\n"
		 "neap.directory { path = '" ETC "/m.target.wants', purge = true }\n",
		 "create; update; update");
	assert_string_equal(site_file(&site, ETC "/m.target.wants/old.service"), "absent");
	assert_string_not_equal(site_file(&site, ETC "/m.target.wants/p.service"), "absent");
	site_end(&site);
}

/* Behind a command what is absent is not known in a plan; in what is a file there can be no link all the
 * same. */
static void unit_run__a_purge_behind_a_command_says_what_goes(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/usr/lib/systemd/system/p.service", 0644, "[Install]\nWantedBy=m.target\n");
	site_put(&site, ETC "/stray", 0644, "");
	neap_host_memory_put(site.machine, ETC "/link", NEAP_FILE_LINK, 0777, 0, 0, "/etc/hostname", 13);
	site_put(&site, "/etc/hostname", 0644, "");
	load(&site, "local x = neap.exec { name = 'x', command = { 'true' }, always = true }\n"
		    "neap.directory { path = '" ETC "', purge = true, recurse = true, require = x }\n"
		    "neap.unit { name = 'p.service', enabled = true }\n");
	site_run(&site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(&site), "run; update; update");
	site_run(&site, NEAP_RUN_APPLY);
	assert_string_equal(results_of(&site), "run; update; update");
	assert_string_equal(site_file(&site, ETC "/stray"), "absent");
	site_end(&site);
}

/* A link on the way makes two paths one: nothing of it may have landed when that is found. */
static void unit_run__what_is_anothers_by_another_name_does_not_land(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, ETC "/a.service", 0644, "old");
	neap_host_memory_put(site.machine, "/alias", NEAP_FILE_LINK, 0777, 0, 0, ETC, strlen(ETC));
	load(&site, "neap.file { path = '/alias/a.service', content = 'old' }\n"
		    "neap.unit { name = " A ", content = " TEXT ", state = 'running' }");
	for (unsigned mode = NEAP_RUN_PLAN; mode <= NEAP_RUN_APPLY; mode++) {
		site_run(&site, mode);
		assert_string_equal(results_of(&site), "none; this changes " ETC
						       "/a.service, which file[/alias/a.service] owns");
		assert_string_equal(site_file(&site, ETC "/a.service"), "0644 old");
		assert_string_equal(neap_host_memory_jobs(site.machine), "");
	}
	site_end(&site);
}

static void unit_run__content_that_is_not_known_yet_makes_all_of_it_unknown(void **state)
{
	struct site site;

	site_begin(&site, state);
	load(&site, "local token = neap.token { path = '/t/token' }\n"
		    "neap.unit { name = " A
		    ", content = neap.format('[Service]\\nX=%s\\n[Install]\\nWantedBy=m.target\\n', "
		    "token.value), enabled = true, state = 'running' }\n"
		    "neap.unit { name = 'a@x.service', state = 'stopped' }");
	site_run(&site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(&site), "create; unknown, may refresh; none");
	assert_int_equal(site.run->results[1].cause, 0);
	site_run(&site, NEAP_RUN_APPLY);
	assert_string_equal(results_of(&site), "create; create; none");
	assert_string_equal(neap_host_memory_jobs(site.machine), "start a.service, secret\n");
	site_run(&site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(&site), "none; none; none");
	site_end(&site);
}

/* Whether the manager reads its files for the first decides what the second one finds. */
static void unit_run__what_an_unknown_unit_may_bring_about_is_unknown(void **state)
{
	static const struct neap_unit_state stale = { NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, "running", true };
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/usr/lib/systemd/system/p.service", 0644, "[Service]\n");
	converge(&site, "neap.unit { name = " A ", content = " TEXT ", state = 'running' }", "create");
	neap_host_memory_unit(site.machine, "p.service", &stale);
	load(&site, "local token = neap.token { path = '/t/token' }\n"
		    "neap.unit { name = " A ", content = neap.format('[Service]\\nX=%s\\n', token.value) }\n"
		    "neap.unit { name = 'p.service', state = 'running' }");
	site_run(&site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(&site), "create; unknown, may refresh; unknown, may refresh");
	assert_int_equal(site.run->results[2].cause, 1);
	site_run(&site, NEAP_RUN_APPLY);
	assert_string_equal(results_of(&site), "create; update, refresh; none");
	site_run(&site, NEAP_RUN_PLAN);
	assert_string_equal(results_of(&site), "none; none; none");
	site_end(&site);
}

static void unit_run__one_that_does_not_start_fails_and_is_tried_again(void **state)
{
	struct site site;

	site_begin(&site, state);
	neap_host_memory_unit_fails(site.machine, "a.service", "failed (exit-code, status 1)");
	load(&site, "local a = neap.unit { name = " A ", content = " TEXT ", state = 'running' }\n"
		    "neap.file { path = '/t/after', content = 'x', require = a }");
	for (unsigned i = 0; i < 2; i++) {
		site_run(&site, NEAP_RUN_APPLY);
		/* What the first try has changed is said by that one. */
		assert_string_equal(results_of(&site),
				    i ? "start a.service: failed (exit-code, status 1); skipped"
				      : "start a.service: failed (exit-code, status 1); changed before that: "
					"/etc/systemd, " ETC ", " ETC "/a.service; skipped");
		assert_string_equal(site.run->results[0].error->hint, "its journal");
		assert_string_equal(neap_host_memory_jobs(site.machine), "start a.service\n");
	}
	neap_host_memory_unit_fails(site.machine, "a.service", NULL);
	site_run(&site, NEAP_RUN_APPLY);
	assert_string_equal(results_of(&site), "update; create");
	site_end(&site);
}

static void unit_run__all_that_will_be_asked_for_is_said_before(void **state)
{
	struct site site;

	site_begin(&site, state);
	load(&site, "neap.unit { name = 'a.service', state = 'stopped' }\n"
		    "neap.unit { name = 't@.service', content = '[Unit]\\n' }\n"
		    "neap.unit { name = 't@x.service', ensure = 'absent' }");
	site_run(&site, NEAP_RUN_PLAN);
	assert_true(neap_host_memory_expects(site.machine, "a.service"));
	assert_true(neap_host_memory_expects(site.machine, "t@x.service"));
	assert_false(neap_host_memory_expects(site.machine, "t@.service"));
	site_end(&site);
}

static void unit_run__who_it_runs_as_comes_first(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/etc/shadow", 0640, "root:*:19000:0:99999:7:::\n");
	load(&site, "neap.unit { name = " A ", content = '[Service]\\nUser=app\\nGroup=%i\\n' }\n"
		    "neap.user { name = 'app' }");
	assert_int_equal(site.recipe->graph->order[0], 1);
	site_end(&site);
}

int main(void)
{
#define TEST(fact) cmocka_unit_test_setup_teardown(fact, setup, recipe_teardown)
	const struct CMUnitTest tests[] = {
		TEST(unit_run__a_new_service_is_started_and_told_of_nothing_more),
		TEST(unit_run__its_own_file_restarts_it_once),
		TEST(unit_run__a_notification_restarts_or_reloads),
		TEST(unit_run__what_does_not_run_is_not_started_by_a_notification),
		TEST(unit_run__what_leads_to_a_name_that_a_unit_gets_goes_at_once),
		TEST(unit_run__a_oneshot_takes_effect_at_its_next_start),
		TEST(unit_run__what_neap_runs_in_is_left_to_run),
		TEST(unit_run__what_is_started_is_not_restarted_besides),
		TEST(unit_run__a_drop_in_of_others_is_read_before_the_restart),
		TEST(unit_run__instances_come_after_their_template),
		TEST(unit_run__what_also_names_is_left_to_its_own_resource),
		TEST(unit_run__a_link_belongs_to_one),
		TEST(unit_run__a_purge_spares_what_is_enabled),
		TEST(unit_run__a_purge_behind_a_command_says_what_goes),
		TEST(unit_run__what_is_anothers_by_another_name_does_not_land),
		TEST(unit_run__content_that_is_not_known_yet_makes_all_of_it_unknown),
		TEST(unit_run__what_an_unknown_unit_may_bring_about_is_unknown),
		TEST(unit_run__one_that_does_not_start_fails_and_is_tried_again),
		TEST(unit_run__all_that_will_be_asked_for_is_said_before),
		TEST(unit_run__who_it_runs_as_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
