/*
 * The plan is true: for random graphs on random machines, apply refines the plan and a second plan is empty.
 *
 * Each round: plan on a machine (which must not change), apply on the same machine, compare entry by entry
 * (law 4: known entries exactly, unknown ones any of their possibilities, nothing else), plan again. Rounds
 * on memory machines come by the ten thousand, rounds on real directories by the hundred.
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more, NEAP_ONLY=n runs one seed and prints its world.
 */
#include "tests/support/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/path.h"
#include "engine/run.h"
#include "host/state.h"
#include "tests/support/opaque.h"
#include "tests/support/refine.h"
#include "tests/support/truth.h"

/* What was reached: type × state it was found in × action planned. An important cell left empty fails. */
enum { TYPES = 7, STATES = 5, ACTIONS = NEAP_ACTION_DELETE + 1 };
static const char *const type_names[TYPES] = {
	"file", "directory", "link", "line", "opaque", "block", "ini"
};
static unsigned cells[TYPES][STATES][ACTIONS], failed_cells[TYPES];
static unsigned planned, refused, unknown_became[ACTIONS], maybe_refreshed, skipped, lies_found;

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static struct neap_run *go(const struct neap_graph *graph, struct neap_machine *machine,
			   enum neap_run_mode mode)
{
	struct neap_run_options options = { .mode = mode };
	return neap_run(graph, machine, &options);
}

/* Whether a resource may have failed although the plan did not say so: what it stands on was unknown, or
 * lied.
 */
static bool stands_on_unknown(const struct world *world, const struct neap_run *plan,
			      const struct neap_run *apply, uint32_t number)
{
	uint32_t cause = apply->results[number].cause;
	return cause != UINT32_MAX &&
	       (plan->results[cause].action == NEAP_ACTION_UNKNOWN || world->resources[cause].lies) &&
	       plan->results[cause].outcome != NEAP_OUTCOME_FAILED;
}

/* A command that did not do what it is there for: the plan cannot know, the apply must find out. */
static bool lie_found(const struct world_resource *r, const struct neap_result *plan,
		      const struct neap_result *apply)
{
	if (!r->lies || plan->action != NEAP_ACTION_RUN || apply->outcome != NEAP_OUTCOME_FAILED ||
	    !strstr(apply->error->message, "did not converge"))
		return false;
	lies_found++;
	return true;
}

static unsigned type_index(const struct neap_resource *resource)
{
	for (unsigned i = 0; i < TYPES; i++)
		if (strcmp(type_names[i], resource->type->name) == 0)
			return i;
	return 0;
}

static void note_cells(const struct world *world, const struct neap_run *plan,
		       const struct neap_machine *before)
{
	for (unsigned i = 0; i < world->resource_count; i++) {
		struct neap_stat stat = { 0 };
		unsigned type = type_index(&plan->graph->resources.items[i]);
		if (plan->results[i].outcome == NEAP_OUTCOME_FAILED)
			failed_cells[type]++;
		else if (plan->results[i].outcome == NEAP_OUTCOME_SKIPPED)
			skipped++;
		else if (neap_view_stat(&before->view, world->resources[i].path, &stat, NULL) == 0)
			cells[type][stat.kind][plan->results[i].action]++;
	}
}

static void explain(uint64_t seed, const struct world *world, const char *what, unsigned number)
{
	fprintf(stderr, "seed %llu, resource %u: %s\n", (unsigned long long)seed, number, what);
	world_print(world);
	fail_msg("seed %llu: %s", (unsigned long long)seed, what);
}

static void print_changes(const char *who, const struct neap_result *result)
{
	for (size_t i = 0; i < result->change_count; i++) {
		const struct neap_change_entry *c = &result->changes[i];
		fprintf(stderr, "  %s: %s", who, c->param);
		const struct neap_value *values[] = { &c->before, &c->after };
		for (int v = 0; v < 2; v++)
			fprintf(stderr, " %s \"%.*s\"", neap_value_kind_name(values[v]->kind),
				values[v]->kind == NEAP_STRING ? (int)values[v]->text.len : 0,
				values[v]->kind == NEAP_STRING ? values[v]->text.data : "");
		fprintf(stderr, "%s\n", c->unknown ? " unknown" : "");
	}
}

/* Two names of one thing, and whether the later one changes it is not known: refused all the same. */
static bool refused_to_be_sure(const struct world *world, const struct neap_run *plan)
{
	for (unsigned i = 0; world->aliased && i < world->resource_count; i++)
		if (plan->results[i].outcome == NEAP_OUTCOME_FAILED &&
		    (plan->results[i].action == NEAP_ACTION_UNKNOWN ||
		     strstr(plan->results[i].error->message, "this changes")))
			return true;
	return false;
}

static void compare(uint64_t seed, const struct world *world, const struct neap_run *plan,
		    const struct neap_run *apply)
{
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct neap_result *p = &plan->results[i], *a = &apply->results[i];
		bool taken_away =
			a->outcome == NEAP_OUTCOME_SKIPPED && stands_on_unknown(world, plan, apply, i);
		bool found = lie_found(&world->resources[i], p, a);
		const char *wrong = taken_away || found ? NULL : neap_test_refines(p, a);
		if (!wrong && !taken_away && a->outcome == NEAP_OUTCOME_SKIPPED &&
		    p->outcome != NEAP_OUTCOME_SKIPPED)
			wrong = "skipped without a cause that the plan knew";
		if (wrong) {
			fprintf(stderr, "plan: %s %s (%s) apply: %s %s %s (%s)\n",
				neap_action_name(p->action), neap_outcome_name(p->outcome),
				p->error ? p->error->message : p->reason, neap_action_name(a->action),
				neap_outcome_name(a->outcome), a->error ? a->error->message : "",
				a->reason ? a->reason : "");
			print_changes("plan", p);
			print_changes("apply", a);
			explain(seed, world, wrong, i);
		}
		if (p->action == NEAP_ACTION_UNKNOWN && p->outcome != NEAP_OUTCOME_FAILED &&
		    a->outcome != NEAP_OUTCOME_FAILED)
			unknown_became[a->action]++;
		maybe_refreshed += p->refresh == NEAP_MAYBE;
	}
}

/* After an apply nothing is left to do, but for what failed and what stands on it. */
static void second(uint64_t seed, const struct world *world, const struct neap_graph *graph,
		   struct neap_machine *machine, const struct neap_run *apply)
{
	struct neap_run *again = go(graph, machine, NEAP_RUN_PLAN);
	/* With two names of one thing, what changes nothing may still stand against what changes it. */
	bool sure = apply->summary.failed == 0 && !world->aliased;
	for (unsigned i = 0; sure && i < world->resource_count; i++) {
		const struct neap_result *r = &again->results[i];
		if (r->action == NEAP_ACTION_NONE && r->outcome == NEAP_OUTCOME_UNCHANGED)
			continue;
		fprintf(stderr, "%s: %s %s\n", neap_action_name(r->action), r->reason ? r->reason : "",
			r->error ? r->error->message : "");
		explain(seed, world, "the second plan is not empty", i);
	}
	neap_run_free(again);
}

static void round_on(uint64_t seed, const struct world *world, struct neap_machine *machine)
{
	struct neap_problems problems;
	struct neap_graph *graph = world_graph(world, &problems);
	if (!graph) {
		refused++;
		neap_vec_done(&problems.errors);
		neap_vec_done(&problems.warnings);
		neap_arena_free(problems.arena);
		return;
	}
	planned++;
	struct neap_arena *arena = neap_arena_new();
	const char *before = world_dump(&machine->view, arena);
	struct truth *truth = truth_before(world, &machine->view, arena);
	unsigned ran = neap_test_opaque_runs;
	struct neap_run *plan = go(graph, machine, NEAP_RUN_PLAN);
	if (getenv("NEAP_ONLY"))
		fprintf(stderr, "before:\n%s", before);
	if (strcmp(before, world_dump(&machine->view, arena)) != 0 || ran != neap_test_opaque_runs)
		explain(seed, world, "the plan changed the machine", 0);
	note_cells(world, plan, machine);
	/* want structs are filled by a run: a graph of its own for the apply */
	struct neap_problems more;
	struct neap_graph *fresh = world_graph(world, &more);
	struct neap_run *apply = go(fresh, machine, NEAP_RUN_APPLY);
	if (getenv("NEAP_ONLY"))
		fprintf(stderr, "after:\n%s", world_dump(&machine->view, arena));
	if (!refused_to_be_sure(world, plan))
		compare(seed, world, plan, apply);
	unsigned number = 0;
	const char *wrong = truth_of_run(world, plan, &number);
	if (!wrong)
		wrong = truth_of_run(world, apply, &number);
	if (!wrong)
		wrong = truth_of_apply(truth, apply, &machine->view, &number);
	if (wrong) {
		print_changes("plan", &plan->results[number]);
		print_changes("apply", &apply->results[number]);
		explain(seed, world, wrong, number);
	}
	second(seed, world, fresh, machine, apply);
	const char *after = world_dump(&machine->view, arena);
	struct neap_run *third = go(fresh, machine, NEAP_RUN_APPLY);
	if (apply->summary.failed == 0 && !world->aliased &&
	    strcmp(after, world_dump(&machine->view, arena)) != 0)
		explain(seed, world, "a second apply changed the machine", 0);
	neap_run_free(third);
	neap_run_free(apply);
	neap_run_free(plan);
	neap_arena_free(arena);
	struct neap_graph *graphs[] = { graph, fresh };
	struct neap_problems *lists[] = { &problems, &more };
	for (int i = 0; i < 2; i++) {
		neap_graph_free(graphs[i]);
		neap_vec_done(&lists[i]->errors);
		neap_vec_done(&lists[i]->warnings);
		neap_arena_free(lists[i]->arena);
	}
}

static void fidelity__apply_refines_the_plan_on_memory_machines(void **state)
{
	(void)state;
	uint64_t first = number_from("NEAP_SEED", 1);
	unsigned rounds = number_from("NEAP_ROUNDS", 20000);
	const char *only = getenv("NEAP_ONLY");
	neap_test_root = "";
	for (uint64_t seed = first; seed < first + rounds; seed++) {
		struct world world;
		struct neap_machine *machine;
		if (only)
			seed = strtoull(only, NULL, 10);
		world_make(&world, seed, true);
		if (only)
			world_print(&world);
		assert_int_equal(neap_host_memory_new(&machine), 0);
		neap_host_memory_on_run(machine, neap_test_opaque_run, NULL);
		world_put_memory(&world, machine);
		round_on(seed, &world, machine);
		neap_machine_free(machine);
		if (only)
			return;
	}
}

/* Below a root directory neap runs no programs; the test's own do as they are told by $1. */
static int run_outside(struct neap_machine *machine, const struct neap_process *process,
		       struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	(void)machine;
	(void)arena;
	neap_test_opaque_runs++;
	pid_t pid = fork();
	if (pid == 0) {
		execv(process->argv[0], (char *const *)process->argv);
		_exit(127);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return neap_error_errno(err, errno, "run %s", process->argv[0]);
	*ret = (struct neap_process_result){ .status = WEXITSTATUS(status), .out = "", .errors = "" };
	return 0;
}

static char base[32]; /* of the round under way; "": none */

static int remove_base(void **state)
{
	(void)state;
	char command[64];
	if (!*base)
		return 0;
	snprintf(command, sizeof command, "rm -rf -- '%s'", base);
	*base = '\0';
	return system(command);
}

static void fidelity__apply_refines_the_plan_in_real_directories(void **state)
{
	(void)state;
	if (geteuid() != 0) /* a plan does not foresee that a mode shuts its own owner out */
		skip();
	uint64_t first = number_from("NEAP_SEED", 1) + 1000000;
	unsigned rounds = number_from("NEAP_ROUNDS", 20000) / 100;
	for (uint64_t seed = first; seed < first + rounds; seed++) {
		struct world world;
		struct neap_machine *machine;
		struct neap_state *lock;
		char root[64], where[64];
		snprintf(base, sizeof base, "/tmp/neap-fidelity-XXXXXX");
		assert_non_null(mkdtemp(base));
		snprintf(root, sizeof root, "%s/root", base);
		snprintf(where, sizeof where, "%s/state", base);
		world_make(&world, seed, geteuid() == 0);
		world.nodes[world.node_count++] =
			(struct world_node){ .path = "/", .kind = NEAP_FILE_DIRECTORY, .mode = 0755 };
		for (unsigned i = world.node_count - 1; i > 0; i--) { /* the root comes first */
			struct world_node node = world.nodes[i];
			world.nodes[i] = world.nodes[i - 1];
			world.nodes[i - 1] = node;
		}
		world_put_directory(&world, root);
		neap_test_root = root;
		assert_int_equal(neap_state_open(where, root, 0, &lock, NULL), 0);
		assert_int_equal(neap_host_local_new(root, lock, &machine, NULL), 0);
		struct neap_machine_ops ops = *machine->ops;
		ops.run = run_outside;
		machine->ops = &ops;
		round_on(seed, &world, machine);
		neap_machine_free(machine);
		neap_state_close(lock);
		assert_int_equal(remove_base(NULL), 0);
	}
}

/* The cells that must have been reached, or this test proves less than it says. */
static void fidelity__every_important_cell_was_reached(void **state)
{
	(void)state;
	static const struct {
		unsigned type, state, action;
	} wanted[] = {
		{ 0, NEAP_FILE_ABSENT, NEAP_ACTION_CREATE },
		{ 0, NEAP_FILE_ABSENT, NEAP_ACTION_NONE },
		{ 0, NEAP_FILE_REGULAR, NEAP_ACTION_UPDATE },
		{ 0, NEAP_FILE_REGULAR, NEAP_ACTION_NONE },
		{ 0, NEAP_FILE_REGULAR, NEAP_ACTION_DELETE },
		{ 0, NEAP_FILE_LINK, NEAP_ACTION_UPDATE },
		{ 0, NEAP_FILE_ABSENT, NEAP_ACTION_UNKNOWN },
		{ 0, NEAP_FILE_REGULAR, NEAP_ACTION_UNKNOWN },
		{ 1, NEAP_FILE_ABSENT, NEAP_ACTION_CREATE },
		{ 1, NEAP_FILE_DIRECTORY, NEAP_ACTION_NONE },
		{ 1, NEAP_FILE_DIRECTORY, NEAP_ACTION_UPDATE },
		{ 1, NEAP_FILE_DIRECTORY, NEAP_ACTION_DELETE },
		{ 2, NEAP_FILE_ABSENT, NEAP_ACTION_CREATE },
		{ 2, NEAP_FILE_LINK, NEAP_ACTION_UPDATE },
		{ 2, NEAP_FILE_LINK, NEAP_ACTION_NONE },
		{ 2, NEAP_FILE_LINK, NEAP_ACTION_DELETE },
		{ 2, NEAP_FILE_ABSENT, NEAP_ACTION_UNKNOWN },
		{ 3, NEAP_FILE_ABSENT, NEAP_ACTION_CREATE },
		{ 3, NEAP_FILE_REGULAR, NEAP_ACTION_UPDATE },
		{ 3, NEAP_FILE_REGULAR, NEAP_ACTION_NONE },
		{ 3, NEAP_FILE_REGULAR, NEAP_ACTION_UNKNOWN },
		{ 4, NEAP_FILE_ABSENT, NEAP_ACTION_RUN },
		{ 4, NEAP_FILE_REGULAR, NEAP_ACTION_REFRESH },
		{ 4, NEAP_FILE_REGULAR, NEAP_ACTION_NONE },
	};
	for (unsigned t = 0; t < TYPES; t++)
		for (unsigned s = 0; s < STATES; s++)
			for (unsigned a = 0; a < ACTIONS; a++)
				if (cells[t][s][a])
					print_message("%-10s %-16s %-8s %u\n", type_names[t],
						      neap_file_kind_name(s), neap_action_name(a),
						      cells[t][s][a]);
	for (unsigned t = 0; t < TYPES; t++)
		print_message("%-10s could not be planned: %u\n", type_names[t], failed_cells[t]);
	for (unsigned a = 0; a < ACTIONS; a++)
		print_message("unknown became %s: %u\n", neap_action_name(a), unknown_became[a]);
	print_message("%u graphs planned, %u refused, %u skipped, %u may refresh\n", planned, refused,
		      skipped, maybe_refreshed);
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!cells[wanted[i].type][wanted[i].state][wanted[i].action])
			fail_msg("never reached: %s, %s, %s", type_names[wanted[i].type],
				 neap_file_kind_name(wanted[i].state), neap_action_name(wanted[i].action));
	assert_true(lies_found > 0);
	assert_int_equal(unknown_became[NEAP_ACTION_UNKNOWN], 0);
	assert_true(unknown_became[NEAP_ACTION_NONE] > 0);
	assert_true(unknown_became[NEAP_ACTION_REFRESH] > 0);
	assert_true(unknown_became[NEAP_ACTION_UPDATE] + unknown_became[NEAP_ACTION_CREATE] > 0);
	assert_true(failed_cells[0] > 0 && failed_cells[1] > 0 && failed_cells[2] > 0);
	assert_true(planned > refused / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fidelity__apply_refines_the_plan_on_memory_machines),
		cmocka_unit_test_teardown(fidelity__apply_refines_the_plan_in_real_directories, remove_base),
		cmocka_unit_test(fidelity__every_important_cell_was_reached),
	};
	if (getenv("NEAP_ONLY"))
		return cmocka_run_group_tests_name("only", ((const struct CMUnitTest[]){ tests[0] }), NULL,
						   NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
