/*
 * Rules and chains of the packet filter on the machine of tables: what is said as a table of cells, in a plan
 * and in an apply; what a later step sees of an earlier one; taking back; and what is not known.
 */
#include "type_driver.h"

static const struct neap_table filter = { NEAP_FAMILY_IPV4, "filter" };

/* "CHAIN: rule | rule\n" for each; of the built-in ones only those that are not as a new table has them. */
static const char *dump(const struct neap_view *view, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	const struct neap_ruleset *set;

	assert_int_equal(view->reads->ruleset(view, &filter, &set, NULL), 0);
	for (size_t i = 0; i < set->chains.count; i++) {
		const struct neap_chain *chain = set->chains.items[i];

		if (!chain || (chain->policy && strcmp(chain->policy, "ACCEPT") == 0 && !chain->rules.count))
			continue;
		neap_buf_printf(&out, "%s%s:", chain->name,
				chain->policy && strcmp(chain->policy, "ACCEPT") != 0 ? " DROP" : "");
		for (size_t j = 0; j < chain->rules.count; j++)
			neap_buf_printf(&out, "%s%s", j ? " | " : " ", chain->rules.items[j]);
		neap_buf_puts(&out, "\n");
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

struct rules_cell {
	const char *name;
	const char *have[6][2]; /* chain, rule (NULL: only the chain) */
	const char *want[12];   /* as for the driver; rules are separated by " | " */
	const char *says, *error, *then;
};

static void *want_of(struct neap_arena *arena, const struct neap_resource_type *type,
		     const char *const *pairs)
{
	const struct neap_schema_context ctx = { .arena = arena };
	struct neap_want *want = neap_arena_alloc(arena, type->want_size);

	want->type = type;
	for (; pairs[0]; pairs += 2) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_value value = neap_value_string(pairs[1]);
		int index = neap_schema_find(type, pairs[0]);

		assert_true(index >= 0);
		if (strcmp(pairs[0], "rules") == 0) {
			char *text = neap_arena_strdup(arena, pairs[1]), *end;

			value = (struct neap_value){ .kind = NEAP_LIST };
			value.list.items = neap_arena_array_of(arena, struct neap_value, strlen(text) + 1);
			for (; *text; text = end) {
				end = strstr(text, " | ");
				if (end)
					*end = '\0';
				value.list.items[value.list.count++] = neap_value_string(text);
				end = end ? end + 3 : text + strlen(text);
			}
		}
		if (neap_schema_set(&ctx, type, (unsigned)index, &value, want, &err) < 0)
			fail_msg("%s", err->message);
	}
	return want;
}

static void run_cell(const struct rules_cell *cell, const char *name, enum neap_overlay_mode mode)
{
	const struct neap_resource_type *type = driver_type(name);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver_cell shown = { .name = cell->name };
	struct driver driver;
	const char *says, *before;

	driver_begin(&driver, mode);
	for (size_t i = 0; i < 6 && cell->have[i][0]; i++)
		neap_host_memory_rule(driver.machine, &filter, cell->have[i][0], cell->have[i][1], true);
	before = dump(&driver.machine->view, driver.arena);
	driver_open(&driver);
	int r = driver_run(&driver, type, want_of(driver.arena, type, cell->want), &says, &err);
	driver_check_text(&shown, mode, "the error", r < 0 ? err->message : "(none)",
			  cell->error ? cell->error : "(none)");
	if (r == 0)
		driver_check_text(&shown, mode, "the diff", says, cell->says ? cell->says : "");
	if (r < 0)
		neap_overlay_undo(driver.overlay);
	driver_check_text(&shown, mode, "what is there then", dump(&driver.overlay->view, driver.arena),
			  cell->then && r == 0 ? cell->then : before);
	driver_check_text(&shown, mode, "what is there on the machine",
			  dump(&driver.machine->view, driver.arena),
			  cell->then && r == 0 && mode == NEAP_OVERLAY_APPLY ? cell->then : before);
	driver_end(&driver);
}

#define RUN(type, cells)                                                                                     \
	for (size_t cell_number = 0; cell_number < sizeof(cells) / sizeof *(cells); cell_number++) {         \
		run_cell(&(cells)[cell_number], type, NEAP_OVERLAY_PLAN);                                    \
		run_cell(&(cells)[cell_number], type, NEAP_OVERLAY_APPLY);                                   \
	}

/* clang-format off: a table */
static const struct rules_cell rule_cells[] = {
	{ "made at the end",
	  { { "INPUT", "-p old" } },
	  { "chain", "INPUT", "rule", "-s  10.0.0.1 -j ACCEPT" },
	  .says = "create rule=->-s 10.0.0.1/32 -j ACCEPT (by iptables-memory, last in INPUT)",
	  .then = "INPUT: -p old | -s 10.0.0.1/32 -j ACCEPT\n" },
	{ "made at the beginning",
	  { { "INPUT", "-p old" } },
	  { "chain", "INPUT", "rule", "-p new", "position", "first" },
	  .says = "create rule=->-p new (by iptables-memory, first in INPUT)",
	  .then = "INPUT: -p new | -p old\n" },
	{ "that waits for its confirmation",
	  { { "INPUT", "-p old" } },
	  { "chain", "INPUT", "rule", "-p new", "confirm_within", "60s" },
	  .says = "create rule=->-p new (by iptables-memory, last in INPUT; waits for `neap confirm`, and is "
		  "taken "
		  "back without it after 1m)",
	  .then = "INPUT: -p old | -p new\n" },
	{ "as wanted it waits for nothing",
	  { { "INPUT", "-p old" } },
	  { "chain", "INPUT", "rule", "-p old", "confirm_within", "60s" } },
	{ "there, however it is written",
	  { { "INPUT", "-s 10.0.0.1/32 -j ACCEPT" } },
	  { "chain", "INPUT", "rule", "-s 10.0.0.1    -j \"ACCEPT\"", "position", "first" } },
	{ "there twice", { { "INPUT", "-p x" }, { "INPUT", "-p x" } }, { "chain", "INPUT", "rule", "-p x" } },
	{ "several, none there, first",
	  { { "INPUT", "-p old" } },
	  { "chain", "INPUT", "rule", "-s 1.1.1.1,2.2.2.2", "position", "first" },
	  .says = "create rule=[]->[-s 1.1.1.1/32 -s 2.2.2.2/32] (by iptables-memory, first in INPUT)",
	  .then = "INPUT: -s 1.1.1.1/32 | -s 2.2.2.2/32 | -p old\n" },
	{ "several, one there",
	  { { "INPUT", "-s 1.1.1.1/32" } },
	  { "chain", "INPUT", "rule", "-s 1.1.1.1,2.2.2.2" },
	  .says = "update rule=[]->[-s 2.2.2.2/32] (by iptables-memory, last in INPUT)",
	  .then = "INPUT: -s 1.1.1.1/32 | -s 2.2.2.2/32\n" },
	{ "no chain",
	  { { 0 } },
	  { "chain", "NONE", "rule", "-p x" },
	  .error = "there is no chain NONE of table filter (ipv4)" },
	{ "refused",
	  { { 0 } },
	  { "chain", "INPUT", "rule", "REFUSED" },
	  .error = "iptables-restore refuses the rule" },
	{ "a jump to nowhere",
	  { { 0 } },
	  { "chain", "INPUT", "rule", "-j NONE" },
	  .error = "it jumps to chain NONE of table filter: No such file or directory" },
	{ "a jump to a chain",
	  { { "MINE", NULL } },
	  { "chain", "INPUT", "rule", "-j MINE" },
	  .says = "create rule=->-j MINE (by iptables-memory, last in INPUT)",
	  .then = "INPUT: -j MINE\nMINE:\n" },
	{ "absent: all like it, and no other",
	  { { "INPUT", "-p x" }, { "INPUT", "-p y" }, { "INPUT", "-p x" }, { "FORWARD", "-p x" } },
	  { "chain", "INPUT", "rule", "-p   x", "ensure", "absent" },
	  .says = "delete rule=-p x-> (by iptables-memory)",
	  .then = "INPUT: -p y\nFORWARD: -p x\n" },
	{ "absent: of several those that are there",
	  { { "INPUT", "-s 2.2.2.2/32" } },
	  { "chain", "INPUT", "rule", "-s 1.1.1.1,2.2.2.2", "ensure", "absent" },
	  .says = "delete rule=[-s 2.2.2.2/32]->[] (by iptables-memory)",
	  .then = "" },
	{ "absent: not there",
	  { { "INPUT", "-p y" } },
	  { "chain", "INPUT", "rule", "-p x", "ensure", "absent" } },
	{ "absent: no chain", { { 0 } }, { "chain", "NONE", "rule", "-p x", "ensure", "absent" } },
	{ "absent: a jump to nowhere",
	  { { 0 } },
	  { "chain", "INPUT", "rule", "-j NONE", "ensure", "absent" } },
	{ "absent: refused is no absence",
	  { { 0 } },
	  { "chain", "INPUT", "rule", "REFUSED", "ensure", "absent" },
	  .error = "iptables-restore refuses the rule" },
};

static const struct rules_cell chain_cells[] = {
	{ "made empty",
	  { { 0 } },
	  { "name", "MINE" },
	  .says = "create (by iptables-memory)",
	  .then = "MINE:\n" },
	{ "there", { { "MINE", "-p x" } }, { "name", "MINE" } },
	{ "made with rules",
	  { { 0 } },
	  { "name", "MINE", "rules", "-s 1.1.1.1 | -j DROP" },
	  .says = "create rules=[]->[-s 1.1.1.1/32 -j DROP] (by iptables-memory)",
	  .then = "MINE: -s 1.1.1.1/32 | -j DROP\n" },
	{ "as wanted",
	  { { "MINE", "-p x" }, { "MINE", "-p y" } },
	  { "name", "MINE", "rules", "-p x | -p  y" } },
	{ "one is missing in the middle",
	  { { "MINE", "-p x" }, { "MINE", "-p z" } },
	  { "name", "MINE", "rules", "-p x | -p y | -p z" },
	  .says = "update rules=[-p x -p z]->[-p x -p y -p z] (by iptables-memory; 1 of its rules goes to "
		  "the end anew)",
	  .then = "MINE: -p x | -p y | -p z\n" },
	{ "out of order",
	  { { "MINE", "-p y" }, { "MINE", "-p x" } },
	  { "name", "MINE", "rules", "-p x | -p y" },
	  .says = "update rules=[-p y -p x]->[-p x -p y] (by iptables-memory; 2 of its rules go to the end "
		  "anew)",
	  .then = "MINE: -p x | -p y\n" },
	{ "there twice",
	  { { "MINE", "-p x" }, { "MINE", "-p y" }, { "MINE", "-p x" } },
	  { "name", "MINE", "rules", "-p x | -p y" },
	  .says = "update rules=[-p x -p y -p x]->[-p x -p y] (by iptables-memory; 2 of its rules go to the "
		  "end "
		  "anew)",
	  .then = "MINE: -p x | -p y\n" },
	{ "others in a chain of its own",
	  { { "MINE", "-p o" }, { "MINE", "-p x" }, { "MINE", "-p o" } },
	  { "name", "MINE", "rules", "-p x" },
	  .says = "update rules=[-p o -p x -p o]->[-p x] (by iptables-memory; removes 2 rules of others)",
	  .then = "MINE: -p x\n" },
	{ "others that are kept",
	  { { "MINE", "-p o" }, { "MINE", "-p y" }, { "MINE", "-p o" }, { "MINE", "-p x" } },
	  { "name", "MINE", "rules", "-p x | -p y", "foreign", "keep" },
	  .says = "update rules=[-p y -p x]->[-p x -p y] (by iptables-memory; 2 of its rules go to the end "
		  "anew, behind all of others)",
	  .then = "MINE: -p o | -p o | -p x | -p y\n" },
	{ "no rule at all",
	  { { "MINE", "-p o" } },
	  { "name", "MINE", "rules", "" },
	  .says = "update rules=[-p o]->[] (by iptables-memory; removes 1 rule of others)",
	  .then = "MINE:\n" },
	{ "built in: others stay",
	  { { "INPUT", "-p o" } },
	  { "name", "INPUT", "rules", "-p x", "policy", "DROP" },
	  .says = "update policy=ACCEPT->DROP rules=[]->[-p x] (by iptables-memory)",
	  .then = "INPUT DROP: -p o | -p x\n" },
	{ "built in: others go",
	  { { "INPUT", "-p o" } },
	  { "name", "INPUT", "rules", "-p x", "foreign", "remove" },
	  .says = "update rules=[-p o]->[-p x] (by iptables-memory; removes 1 rule of others)",
	  .then = "INPUT: -p x\n" },
	{ "its policy alone",
	  { { "INPUT", "-p o" } },
	  { "name", "INPUT", "policy", "DROP" },
	  .says = "update policy=ACCEPT->DROP (by iptables-memory)",
	  .then = "INPUT DROP: -p o\n" },
	{ "one rule in two texts",
	  { { 0 } },
	  { "name", "MINE", "rules", "-s 1.1.1.1 | -s 1.1.1.1/32" },
	  .error = "two of its rules are one to iptables: -s 1.1.1.1 and -s 1.1.1.1/32" },
	{ "absent",
	  { { "MINE", "-p x" }, { "MINE", "-p o" } },
	  { "name", "MINE", "ensure", "absent" },
	  .says = "delete rules=[-p x -p o]->[] (by iptables-memory)",
	  .then = "" },
	{ "absent and empty",
	  { { "MINE", NULL } },
	  { "name", "MINE", "ensure", "absent" },
	  .says = "delete (by iptables-memory)",
	  .then = "" },
	{ "absent already", { { 0 } }, { "name", "MINE", "ensure", "absent" } },
	{ "absent, and jumped to",
	  { { "MINE", NULL }, { "INPUT", "-p o -j MINE" } },
	  { "name", "MINE", "ensure", "absent" },
	  .error = "remove chain MINE of table filter: rules jump to it: Device or resource busy" },
};
/* clang-format on */

static void firewall__a_rule_is_what_was_wanted(void **state)
{
	(void)state;
	RUN("iptables_rule", rule_cells);
}

static void firewall__a_chain_is_what_was_wanted(void **state)
{
	(void)state;
	RUN("iptables_chain", chain_cells);
}

/* ---- the overlay ----------------------------------------------------------------------------------- */

static int change(struct driver *driver, enum neap_firewall_change what, const char *chain, const char *rule)
{
	return neap_host_firewall(driver->overlay, &filter, what, chain, rule, NULL);
}

static size_t count_of(struct driver *driver, const char *chain, const char *rule)
{
	size_t count = 99;
	int r = neap_view_rule(&driver->overlay->view, &filter, chain, rule, true, &count, NULL);

	return r == NEAP_UNKNOWN ? 98 : r < 0 ? 97 : count;
}

static void firewall__a_step_that_is_taken_back_leaves_the_table_as_it_was(void **state)
{
	struct driver driver;
	const char *before;

	(void)state;
	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	neap_host_memory_rule(driver.machine, &filter, "MINE", "-p x", true);
	neap_host_memory_rule(driver.machine, &filter, "MINE", "-p y", true);
	neap_host_memory_rule(driver.machine, &filter, "MINE", "-p w", true);
	neap_host_memory_rule(driver.machine, &filter, "GONE", NULL, true);
	driver_open(&driver);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p first"), 0);
	before = dump(&driver.overlay->view, driver.arena);
	neap_overlay_step(driver.overlay, 1, NEAP_NO_STEP);
	assert_int_equal(change(&driver, NEAP_FIREWALL_MAKE, "NEW", NULL), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "NEW", "-p z"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_PREPEND, "INPUT", "-j NEW"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "MINE", "-p y"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "MINE", "-p y"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_POLICY, "INPUT", "DROP"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_DROP, "GONE", NULL), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_DROP, "NEW", NULL), -1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_DROP, "INPUT", NULL), -1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_POLICY, "MINE", "DROP"), -1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_MAKE, "MINE", NULL), -1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "MINE", "-p none"), -1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "NONE", "-p x"), -1);
	assert_string_equal(dump(&driver.overlay->view, driver.arena),
			    "INPUT DROP: -j NEW | -p first\nMINE: -p x | -p w | -p y\nNEW: -p z\n");
	neap_overlay_undo(driver.overlay);
	/* The chain that went comes back behind the others. */
	assert_string_equal(dump(&driver.overlay->view, driver.arena), before);
	/* And nobody is held to have wanted anything. */
	neap_overlay_step(driver.overlay, 2, NEAP_NO_STEP);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "MINE", "-p y"), 0);
	driver_end(&driver);
}

static void firewall__two_that_want_the_opposite_are_refused(void **state)
{
	struct driver driver;

	(void)state;
	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	neap_host_memory_rule(driver.machine, &filter, "INPUT", "-p x", true);
	driver_open(&driver);
	/* A step that only wants it there, and has nothing to do. */
	assert_int_equal(count_of(&driver, "INPUT", "-p x"), 1);
	neap_overlay_step(driver.overlay, 1, NEAP_NO_STEP);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "INPUT", "-p x"), -1);
	assert_int_equal(count_of(&driver, "INPUT", "-p x"), 1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p y"), 0);
	neap_overlay_step(driver.overlay, 2, NEAP_NO_STEP);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "INPUT", "-p y"), -1);
	assert_int_equal(count_of(&driver, "INPUT", "-p y"), 1);
	driver_end(&driver);
}

static void firewall__behind_a_command_absence_is_not_known_but_what_was_done_is(void **state)
{
	const struct neap_rule_wish wish = { "INPUT", "-j LATER" };
	const struct neap_chain *chain;
	struct neap_rule_form form;
	struct driver driver;

	(void)state;
	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	neap_host_memory_rule(driver.machine, &filter, "INPUT", "-p x", true);
	neap_host_memory_rule(driver.machine, &filter, "INPUT", "-p y", true);
	driver_open(&driver);
	neap_overlay_step(driver.overlay, 5, 3);
	assert_int_equal(count_of(&driver, "INPUT", "-p x"), 1);
	assert_int_equal(count_of(&driver, "INPUT", "-p none"), 98);
	assert_int_equal(neap_view_cause(&driver.overlay->view), 3);
	assert_int_equal(neap_view_chain(&driver.overlay->view, &filter, "LATER", &chain, NULL),
			 NEAP_UNKNOWN);
	assert_int_equal(neap_view_chain(&driver.overlay->view, &filter, "INPUT", &chain, NULL), 0);
	assert_int_equal(
		neap_view_rule_form(&driver.overlay->view, &filter, &wish, NULL, driver.arena, &form, NULL),
		NEAP_UNKNOWN);
	/* Whatever was there, it is as was wanted then. */
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "LATER", "-p z"), 0);
	assert_int_equal(count_of(&driver, "LATER", "-p z"), 1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "INPUT", "-p y"), 0);
	assert_int_equal(count_of(&driver, "INPUT", "-p y"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_REMOVE, "INPUT", "-p never"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_MAKE, "INPUT", NULL), 0);
	/* A failed look says nothing either. */
	neap_overlay_free(driver.overlay);
	driver_open(&driver);
	neap_overlay_step(driver.overlay, 5, 3);
	neap_host_memory_fail(driver.machine, 1, EIO);
	assert_int_equal(count_of(&driver, "INPUT", "-p x"), 98);
	/* For who does not stand on it all of it is known. */
	neap_overlay_step(driver.overlay, 6, NEAP_NO_STEP);
	assert_int_equal(count_of(&driver, "INPUT", "-p none"), 0);
	driver_end(&driver);
}

static void firewall__changes_are_numbered_through_the_run(void **state)
{
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const struct neap_change *held;
	size_t count;

	(void)state;
	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	driver_open(&driver);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p x"), 0);
	assert_int_equal(neap_overlay_serial(driver.overlay), 1);
	assert_int_equal(driver_land(&driver, &err), 0);
	neap_overlay_step(driver.overlay, 1, NEAP_NO_STEP);
	neap_overlay_behind(driver.overlay, 1);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p y"), 0);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p z"), 0);
	assert_int_equal(neap_overlay_serial(driver.overlay), 3);
	held = neap_overlay_changes(driver.overlay, &count);
	assert_int_equal(count, 2);
	assert_int_equal(held[0].serial, 1);
	assert_int_equal(held[1].serial, 2);
	assert_int_equal(held[1].behind, 1);
	/* Not said: it stands on all that is held. */
	neap_overlay_step(driver.overlay, 2, NEAP_NO_STEP);
	assert_int_equal(change(&driver, NEAP_FIREWALL_APPEND, "INPUT", "-p w"), 0);
	assert_int_equal(neap_overlay_changes(driver.overlay, &count)->behind, 3);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firewall__a_rule_is_what_was_wanted),
		cmocka_unit_test(firewall__a_chain_is_what_was_wanted),
		cmocka_unit_test(firewall__a_step_that_is_taken_back_leaves_the_table_as_it_was),
		cmocka_unit_test(firewall__two_that_want_the_opposite_are_refused),
		cmocka_unit_test(firewall__behind_a_command_absence_is_not_known_but_what_was_done_is),
		cmocka_unit_test(firewall__changes_are_numbered_through_the_run),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
