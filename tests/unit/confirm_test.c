/*
 * Records of changes that wait for their confirmation: written whole, read whole, and one of those who want
 * something of one has it. And the overlay, on the machine of tables: what lands before a change is armed,
 * and what after.
 */
#include "local_fixture.h"

#include <time.h>

#include "host/confirm.h"
#include "host/overlay.h"

static const char *const id = "0123456789abcdef";

static void arm(struct fixture *f, const char *which, int64_t left)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_armed armed = {
		.what = "iptables_rule[INPUT: -j \"a\tb\"]",
		.since = 1000,
		.until = neap_confirm_clock() + left,
		.within = 60,
		.how = NEAP_STR("firewall 4 filter\nadded INPUT -j DROP\n"),
	};

	snprintf(armed.id, sizeof(armed.id), "%s", which);
	if (neap_state_arm(f->state, &armed, &err) < 0)
		fail_msg("%s", err->message);
}

static struct neap_armed find(struct fixture *f, const char *which)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_armed armed;

	if (neap_confirm_find(f->state_dir, which, f->arena, &armed, &err) < 0)
		fail_msg("%s", err->message);
	return armed;
}

static void change_file(struct fixture *f, const char *name, const char *with)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/confirm/%s", f->state_dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(with, file);
	fclose(file);
}

static void confirm__a_record_says_what_was_written(void **state)
{
	struct fixture *f = *state;
	struct neap_armed *all, armed;
	size_t count;

	assert_int_equal(neap_confirm_list(f->state_dir, f->arena, &all, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(find(f, id).phase, NEAP_ARMED_GONE);
	arm(f, id, 60000);
	armed = find(f, id);
	assert_int_equal(armed.phase, NEAP_ARMED_WAITS);
	assert_string_equal(armed.what, "iptables_rule[INPUT: -j \"a\tb\"]");
	assert_int_equal(armed.since, 1000);
	assert_int_equal(armed.within, 60);
	assert_false(armed.past || armed.elsewhere);
	assert_true(neap_str_equal(armed.how, NEAP_STR("firewall 4 filter\nadded INPUT -j DROP\n")));
	assert_in_range(neap_confirm_end(&armed) - time(NULL), 58, 61);
	arm(f, "fedcba9876543210", 60000);
	assert_int_equal(neap_confirm_list(f->state_dir, f->arena, &all, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(all[0].id, id);
}

static void confirm__one_of_two_who_want_it_has_it(void **state)
{
	struct fixture *f = *state;
	int at;

	arm(f, id, 60000);
	assert_int_equal(neap_confirm_accept(f->state_dir, id, NULL), 1);
	assert_int_equal(find(f, id).phase, NEAP_ARMED_CONFIRMED);
	assert_int_equal(neap_confirm_accept(f->state_dir, id, NULL), 0);
	at = neap_confirm_folder(f->state_dir, NULL);
	assert_true(neap_confirm_move(at, id, NEAP_ARMED_WAITS, NEAP_ARMED_REVERTING) < 0);
	arm(f, "fedcba9876543210", 60000);
	assert_int_equal(neap_confirm_move(at, "fedcba9876543210", NEAP_ARMED_WAITS, NEAP_ARMED_REVERTING),
			 0);
	assert_int_equal(neap_confirm_accept(f->state_dir, "fedcba9876543210", NULL), 0);
	assert_int_equal(find(f, "fedcba9876543210").phase, NEAP_ARMED_REVERTING);
	close(at);
}

static void confirm__nobody_goes_on_while_one_waits(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err = NULL;

	assert_int_equal(neap_confirm_look(f->state_dir, NULL), 0);
	arm(f, id, 60000);
	assert_int_equal(neap_confirm_look(f->state_dir, &err), NEAP_STATE_LOCKED);
	assert_non_null(strstr(err->message, "waits for its confirmation until "));
	neap_error_free(err);
	err = NULL;
	assert_int_equal(neap_confirm_wait(f->state_dir, 0, NULL), NEAP_STATE_LOCKED);
	assert_int_equal(neap_confirm_accept(f->state_dir, id, NULL), 1);
	assert_int_equal(neap_confirm_look(f->state_dir, NULL), 0);
	assert_int_equal(neap_confirm_wait(f->state_dir, 0, NULL), 0);
	/* Its time is over, and nobody has taken it back: an apply does, a plan cannot. */
	arm(f, "fedcba9876543210", -1);
	assert_int_equal(neap_confirm_wait(f->state_dir, 0, NULL), 0);
	assert_int_equal(neap_confirm_look(f->state_dir, &err), NEAP_STATE_LOCKED);
	assert_non_null(strstr(err->message, "has still to be taken back"));
	neap_error_free(err);
	/* One whose time runs out is waited for. */
	arm(f, "00000000000000aa", 300);
	assert_int_equal(neap_confirm_wait(f->state_dir, 5, NULL), 0);
}

static void confirm__what_is_damaged_or_planted_is_no_record(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err = NULL;
	struct neap_armed *all, armed;
	size_t count;
	char path[200];

	arm(f, id, 60000);
	change_file(f, "fedcba9876543210.armed", "neap-confirm 1 0000\nwhat x\n\n");
	assert_true(neap_confirm_list(f->state_dir, f->arena, &all, &count, &err) < 0);
	assert_non_null(strstr(err->message, "is not as neap writes it"));
	neap_error_free(err);
	err = NULL;
	/* It may mean something else by the same lines, and who has written it can still take it back. */
	change_file(f, "fedcba9876543210.armed", "neap-confirm 2 0000\nwhat x\n\n");
	assert_true(neap_confirm_list(f->state_dir, f->arena, &all, &count, &err) < 0);
	assert_non_null(strstr(err->message,
			       "fedcba9876543210.armed in neap's state is of another version of neap "
			       "(format 2)"));
	assert_non_null(strstr(err->hint, "the neap that wrote it takes the change back"));
	neap_error_free(err);
	err = NULL;
	change_file(f, "fedcba9876543210.armed", "neap-confirm 12 0000\n");
	assert_true(neap_confirm_look(f->state_dir, &err) < 0);
	assert_non_null(strstr(err->message, "(format 12)"));
	neap_error_free(err);
	err = NULL;
	change_file(f, "fedcba9876543210.armed", "");
	assert_true(neap_confirm_find(f->state_dir, "fedcba9876543210", f->arena, &armed, NULL) < 0);
	assert_true(neap_confirm_find(f->state_dir, "../confirm/01234", f->arena, &armed, NULL) < 0);
	assert_true(neap_confirm_accept(f->state_dir, "", NULL) < 0);
	snprintf(path, sizeof(path), "%s/confirm/fedcba9876543210.armed", f->state_dir);
	assert_int_equal(unlink(path), 0);
	/* What else lies there is nobody's. */
	change_file(f, ".0123456789abcdef.new", "x");
	change_file(f, "notes.armed", "x");
	assert_int_equal(neap_confirm_list(f->state_dir, f->arena, &all, &count, NULL), 0);
	assert_int_equal(count, 1);
	snprintf(path, sizeof(path), "%s/confirm", f->state_dir);
	assert_int_equal(chmod(path, 0777), 0);
	assert_true(neap_confirm_look(f->state_dir, NULL) < 0);
	assert_int_equal(chmod(path, 0700), 0);
}

/* ---- the overlay ----------------------------------------------------------------------------------------
 */

static const struct neap_table filter = { NEAP_FAMILY_IPV4, "filter" };

struct scene {
	struct neap_machine *machine;
	struct neap_host *overlay;
	struct neap_commit commit;
	unsigned failures;
	char last[200];
};

static bool may(void *ctx, uint32_t step)
{
	(void)step;
	return ((struct scene *)ctx)->failures == 0;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct scene *scene = ctx;

	(void)step;
	scene->failures++;
	snprintf(scene->last, sizeof(scene->last), "%s", err->message);
	neap_error_free(err);
}

static void open_scene(struct scene *scene, enum neap_overlay_mode mode)
{
	*scene = (struct scene){ 0 };
	neap_host_memory_new(&scene->machine);
	scene->overlay = neap_overlay_new(scene->machine, mode);
	scene->commit = (struct neap_commit){ .ctx = scene, .may = may, .failed = failed };
	if (mode == NEAP_OVERLAY_APPLY)
		neap_overlay_commit(scene->overlay, &scene->commit);
}

static void close_scene(struct scene *scene)
{
	neap_overlay_free(scene->overlay);
	neap_machine_free(scene->machine);
}

static size_t rules(struct neap_machine *machine)
{
	const struct neap_ruleset *set;

	assert_int_equal(machine->view.reads->ruleset(&machine->view, &filter, &set, NULL), 0);
	return neap_ruleset_chain(set, "INPUT")->rules.count;
}

/* A file by step 0, then a rule that waits by step 1, and a file that it keeps. */
static int go(struct scene *scene)
{
	const struct neap_confirm confirm = { .within = 5 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	int r;

	neap_overlay_step(scene->overlay, 0, NEAP_NO_STEP);
	assert_int_equal(neap_host_mkdir(scene->overlay, "/before", 0755, 0, 0, NULL), 0);
	neap_overlay_step(scene->overlay, 1, NEAP_NO_STEP);
	assert_int_equal(
		neap_host_firewall(scene->overlay, &filter, NEAP_FIREWALL_APPEND, "INPUT", "-j DROP", NULL),
		0);
	r = neap_host_confirm(scene->overlay, &confirm, &err);
	if (r < 0)
		neap_overlay_undo(scene->overlay);
	else
		assert_int_equal(neap_host_mkdir(scene->overlay, "/kept", 0755, 0, 0, NULL), 0);
	return r;
}

static bool is_there(struct neap_machine *machine, const char *path)
{
	struct neap_stat stat;

	assert_int_equal(neap_view_stat(&machine->view, path, &stat, NULL), 0);
	return stat.kind != NEAP_FILE_ABSENT;
}

static void confirm__what_is_kept_lands_after_the_confirmation(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, NEAP_OVERLAY_APPLY);
	assert_int_equal(go(&scene), 0);
	assert_int_equal(rules(scene.machine), 1);
	assert_true(is_there(scene.machine, "/before"));
	assert_false(is_there(scene.machine, "/kept"));
	assert_int_equal(neap_overlay_land(scene.overlay, &scene.commit, NULL), 0);
	assert_true(is_there(scene.machine, "/kept"));
	assert_false(neap_host_memory_expire(scene.machine));
	close_scene(&scene);
}

static void confirm__what_is_not_confirmed_fails_its_step_and_leaves_the_others(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, NEAP_OVERLAY_APPLY);
	neap_host_memory_confirms(scene.machine, false);
	assert_true(go(&scene) < 0);
	assert_int_equal(scene.failures, 1);
	assert_string_equal(scene.last, "not confirmed within 5s: what it changed has been taken back");
	assert_int_equal(rules(scene.machine), 0);
	assert_true(is_there(scene.machine, "/before"));
	close_scene(&scene);
}

static void confirm__a_plan_arms_nothing(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, NEAP_OVERLAY_PLAN);
	neap_host_memory_confirms(scene.machine, false);
	assert_int_equal(go(&scene), 0);
	assert_false(neap_host_memory_expire(scene.machine));
	assert_int_equal(rules(scene.machine), 0);
	close_scene(&scene);
}

/* Each call of the machine's fails once: nothing of the rule is left, and no clock runs. */
static void confirm__where_it_cannot_be_armed_landed_or_awaited_nothing_is_left(void **state)
{
	uint64_t calls = 1;

	(void)state;
	for (uint64_t call = 1; call <= calls; call++) {
		struct scene scene;
		int r;

		open_scene(&scene, NEAP_OVERLAY_APPLY);
		neap_host_memory_fail(scene.machine, 0, 0);
		neap_host_memory_fail(scene.machine, call + 1, EIO); /* the first is the test's own */
		neap_overlay_step(scene.overlay, 1, NEAP_NO_STEP);
		r = neap_host_firewall(scene.overlay, &filter, NEAP_FIREWALL_APPEND, "INPUT", "-j DROP",
				       NULL);
		if (r == 0)
			r = neap_host_confirm(scene.overlay, &(struct neap_confirm){ .within = 5 }, NULL);
		calls = neap_host_memory_calls(scene.machine);
		neap_host_memory_fail(scene.machine, 0, 0);
		assert_int_equal(rules(scene.machine), r == 0 ? 1 : 0);
		assert_false(neap_host_memory_expire(scene.machine));
		close_scene(&scene);
	}
	assert_true(calls > 2);
}

static void confirm__files_do_not_wait(void **state)
{
	const struct neap_confirm confirm = { .within = 5 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct scene scene;

	(void)state;
	open_scene(&scene, NEAP_OVERLAY_APPLY);
	neap_overlay_step(scene.overlay, 0, NEAP_NO_STEP);
	assert_int_equal(neap_host_confirm(scene.overlay, &confirm, NULL), 0); /* nothing to wait for */
	assert_int_equal(neap_host_mkdir(scene.overlay, "/d", 0755, 0, 0, NULL), 0);
	assert_true(neap_host_confirm(scene.overlay, &confirm, &err) < 0);
	assert_string_equal(err->message, "a change of /d cannot wait for a confirmation");
	close_scene(&scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(confirm__a_record_says_what_was_written),
		TEST(confirm__one_of_two_who_want_it_has_it),
		TEST(confirm__nobody_goes_on_while_one_waits),
		TEST(confirm__what_is_damaged_or_planted_is_no_record),
		cmocka_unit_test(confirm__what_is_kept_lands_after_the_confirmation),
		cmocka_unit_test(confirm__what_is_not_confirmed_fails_its_step_and_leaves_the_others),
		cmocka_unit_test(confirm__a_plan_arms_nothing),
		cmocka_unit_test(confirm__where_it_cannot_be_armed_landed_or_awaited_nothing_is_left),
		cmocka_unit_test(confirm__files_do_not_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
