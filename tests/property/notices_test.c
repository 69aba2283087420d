/*
 * No notification is lost: random files and services that subscribe to them, on memory machines whose power
 * goes at every call of an apply, or on which every call fails once. What was not refreshed after its cause
 * had landed is in the next plan, and the next run refreshes it: that, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/run.h"
#include "tests/support/world.h"

#define FILES 5
#define SERVICES 4
#define SEEDS 150

extern const struct neap_resource_type neap_type_file;

/* ---- a service: a file of its own, and a process that is made to read it --------------------------------
 */

enum { NAME, OWN, SERVICE_PARAMS };
struct service_want {
	struct neap_want base;
	const char *name;
	const char *own; /* content; NULL: none */
};
struct service_have {
	bool current;
};
static const struct neap_param service_params[SERVICE_PARAMS] = {
	[NAME] = { "name", NEAP_PARAM_STRING, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		   .offset = offsetof(struct service_want, name) },
	[OWN] = { "own", NEAP_PARAM_STRING, 0, .offset = offsetof(struct service_want, own) },
};

static const char *own_path(const struct service_want *want, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "/units/%s", want->name);
}

static int service_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			void *had, struct neap_error **err)
{
	const struct service_want *want = wanted;
	struct service_have *have = had;
	struct neap_stat stat;
	struct neap_content content;
	int r;

	have->current = true;
	if (!neap_given(want, OWN))
		return 0;
	r = neap_view_file(view, own_path(want, ctx->scratch), ctx->scratch, &stat, &content, err);
	if (r == 0)
		have->current = stat.kind == NEAP_FILE_REGULAR && content.size == strlen(want->own) &&
				memcmp(content.data, want->own, content.size) == 0;
	return r;
}

static int service_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			struct neap_diff *diff, struct neap_error **err)
{
	const struct service_want *want = wanted;
	(void)ctx, (void)err;

	if (((const struct service_have *)had)->current)
		return 0;
	neap_diff_string(diff, "own", NULL, want->own);
	neap_diff_refresh(diff);
	return 0;
}

static int service_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			 const void *had, struct neap_error **err)
{
	const struct service_want *want = wanted;
	struct neap_file_write write = { .content = { .data = want->own, .size = strlen(want->own) },
					 .mode = 0644,
					 .uid = NEAP_KEEP,
					 .gid = NEAP_KEEP };
	(void)had;

	return neap_host_write(host, own_path(want, ctx->scratch), &write, err);
}

static int service_refresh(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			   struct neap_error **err)
{
	const char *argv[] = { "refresh", ((const struct service_want *)wanted)->name,
			       ctx->itself ? "itself" : "others", NULL };
	struct neap_process process = { .argv = argv };
	struct neap_process_result result;
	int r = neap_host_run(host, &process, ctx->scratch, &result, err);

	return r == 0 && !result.ok ? neap_error_set(err, "did not start") : r;
}

static const struct neap_resource_type service = {
	.name = "service",
	.summary = "A service, for tests.",
	.params = service_params,
	.param_count = SERVICE_PARAMS,
	.want_size = sizeof(struct service_want),
	.have_size = sizeof(struct service_have),
	.read = service_read,
	.diff = service_diff,
	.apply = service_apply,
	.refresh = service_refresh,
	.refreshes_itself = true,
};

/* ---- the world ----------------------------------------------------------------------------------------- */

struct scene {
	bool there[FILES], differs[FILES];
	unsigned subscribes[SERVICES][FILES], subscribe_count[SERVICES];
	bool one_by_one[SERVICES]; /* else as one list */
	int after[SERVICES];       /* subscribes to an earlier service, too; -1 */
	bool own[SERVICES], own_differs[SERVICES];
};

static void make_scene(struct scene *scene, uint64_t seed)
{
	struct world_random random = { seed * 7919 + 1 };

	*scene = (struct scene){ 0 };
	for (unsigned i = 0; i < FILES; i++) {
		scene->there[i] = world_random(&random, 3);
		scene->differs[i] = world_random(&random, 2);
	}
	for (unsigned s = 0; s < SERVICES; s++) {
		scene->after[s] = s && !world_random(&random, 3) ? (int)world_random(&random, s) : -1;
		scene->one_by_one[s] = world_random(&random, 2);
		scene->own[s] = world_random(&random, 2);
		scene->own_differs[s] = world_random(&random, 2);
		for (unsigned f = 0; f < FILES; f++)
			if (world_random(&random, 3) == 0)
				scene->subscribes[s][scene->subscribe_count[s]++] = f;
	}
}

static void set(struct neap_graph *graph, uint32_t number, unsigned param, const char *text)
{
	struct neap_value value = neap_value_string(text);

	neap_graph_set(graph, number, param, &value);
}

static unsigned param_of(const struct neap_resource_type *type, const char *name)
{
	unsigned i = 0;

	while (strcmp(type->params[i].name, name) != 0)
		i++;
	return i;
}

/* Files are resources 0 … FILES-1, services follow. */
static struct neap_graph *make_graph(const struct scene *scene, struct neap_problems *problems)
{
	static const struct neap_resource_type *const types[] = { &neap_type_file, &service, NULL };
	static const struct neap_registry registry = { types };
	char text[64];
	struct neap_graph *graph;

	*problems = (struct neap_problems){ .arena = neap_arena_new() };
	graph = neap_graph_new(&registry, NULL, problems);
	for (unsigned f = 0; f < FILES; f++) {
		uint32_t number = neap_graph_begin(graph, &neap_type_file,
						   (struct neap_position){ "scene.lua", (int)f + 1 }, "");
		snprintf(text, sizeof text, "/files/%u", f);
		set(graph, number, param_of(&neap_type_file, "path"), text);
		set(graph, number, param_of(&neap_type_file, "content"), "wanted");
		neap_graph_end(graph, number);
	}
	for (unsigned s = 0; s < SERVICES; s++) {
		uint32_t number = neap_graph_begin(graph, &service,
						   (struct neap_position){ "scene.lua", (int)s + 100 }, "");
		struct neap_target targets[FILES + 1];
		size_t count = 0;

		snprintf(text, sizeof text, "s%u", s);
		set(graph, number, NAME, text);
		if (scene->own[s])
			set(graph, number, OWN, "wanted");
		if (scene->after[s] >= 0)
			targets[count++] =
				(struct neap_target){ .resource = FILES + (unsigned)scene->after[s] };
		for (unsigned i = 0; i < scene->subscribe_count[s]; i++)
			targets[count++] = (struct neap_target){ .resource = scene->subscribes[s][i] };
		if (scene->one_by_one[s])
			for (size_t i = 0; i < count; i++)
				neap_graph_relate(graph, number, NEAP_SUBSCRIBE, &targets[i], 1);
		else if (count)
			neap_graph_relate(graph, number, NEAP_SUBSCRIBE, targets, count);
		neap_graph_end(graph, number);
	}
	assert_int_equal(neap_graph_finish(graph), 0);
	return graph;
}

/* ---- one machine, and what is kept beside it -------------------------------------------------------------
 */

struct machine {
	struct neap_machine *machine;
	struct neap_arena *arena;
	struct neap_notice kept[SERVICES + 1];
	size_t kept_count;
	uint64_t dies; /* as told to the machine */
	bool refuses;  /* the journal cannot be written */
	bool refreshed[SERVICES];
	bool itself[SERVICES]; /* it was told that its own file had changed */
	bool broken;           /* services do not start */
};

static bool is_dead(const struct machine *machine)
{
	return machine->dies && neap_host_memory_calls(machine->machine) >= machine->dies;
}

static int keep(void *ctx, const struct neap_notice *notices, size_t count, struct neap_error **err)
{
	struct machine *machine = ctx;

	if (is_dead(machine) || machine->refuses)
		return neap_error_set(err, "write the journal: no space");
	for (size_t i = 0; i < count; i++) {
		bool own = strcmp(notices[i].cause, notices[i].address) == 0, kept = false;
		for (size_t k = 0; k < machine->kept_count; k++) {
			struct neap_notice *is = &machine->kept[k];
			if (strcmp(is->address, notices[i].address) != 0)
				continue;
			/* Only that it is for its own change has to be said again. */
			assert_true(own);
			assert_string_not_equal(is->cause, is->address);
			is->cause = is->address;
			kept = true;
		}
		if (kept)
			continue;
		assert_true(machine->kept_count < SERVICES);
		machine->kept[machine->kept_count++] = (struct neap_notice){
			.address = neap_arena_strdup(machine->arena, notices[i].address),
			.cause = neap_arena_strdup(machine->arena, notices[i].cause),
			.recipe = "scene.lua",
		};
	}
	return 0;
}

static void settle(void *ctx, const char *address)
{
	struct machine *machine = ctx;

	if (is_dead(machine))
		return;
	for (size_t k = 0; k < machine->kept_count; k++) {
		if (strcmp(machine->kept[k].address, address) != 0)
			continue;
		machine->kept[k] = machine->kept[--machine->kept_count];
		return;
	}
	fail_msg("%s is settled, and was not owed", address);
}

static int on_run(struct neap_machine *memory, const struct neap_process *process, void *ctx)
{
	struct machine *machine = ctx;
	(void)memory;

	if (machine->broken)
		return 1;
	machine->refreshed[process->argv[1][1] - '0'] = true;
	machine->itself[process->argv[1][1] - '0'] = strcmp(process->argv[2], "itself") == 0;
	return 0;
}

static void put(struct machine *machine, const char *directory, const char *name, bool there, bool differs)
{
	char path[64];

	snprintf(path, sizeof path, "/%s/%s", directory, name);
	if (there)
		neap_host_memory_put(machine->machine, path, NEAP_FILE_REGULAR, 0644, 0, 0,
				     differs ? "other." : "wanted", 6);
}

static void begin(struct machine *machine, const struct scene *scene)
{
	char name[16];

	*machine = (struct machine){ .arena = neap_arena_new() };
	assert_int_equal(neap_host_memory_new(&machine->machine), 0);
	neap_host_memory_on_run(machine->machine, on_run, machine);
	neap_host_memory_put(machine->machine, "/files/x", NEAP_FILE_REGULAR, 0644, 0, 0, "", 0);
	neap_host_memory_put(machine->machine, "/units/x", NEAP_FILE_REGULAR, 0644, 0, 0, "", 0);
	for (unsigned f = 0; f < FILES; f++) {
		snprintf(name, sizeof name, "%u", f);
		put(machine, "files", name, scene->there[f], scene->differs[f]);
	}
	for (unsigned s = 0; s < SERVICES; s++) {
		snprintf(name, sizeof name, "s%u", s);
		put(machine, "units", name, scene->own[s], scene->own_differs[s]);
	}
}

static void end(struct machine *machine)
{
	neap_machine_free(machine->machine);
	neap_arena_free(machine->arena);
}

static bool is_wanted(const struct machine *machine, const char *path)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_content content = { 0 };
	struct neap_stat stat;

	assert_int_equal(neap_view_file(&machine->machine->view, path, arena, &stat, &content, NULL), 0);
	return stat.kind == NEAP_FILE_REGULAR && content.size == 6 && memcmp(content.data, "wanted", 6) == 0;
}

/* By number of the resource: whether its file is as wanted. */
static void look(const struct machine *machine, const struct scene *scene, bool ret[FILES + SERVICES])
{
	char path[64];

	for (unsigned f = 0; f < FILES; f++) {
		snprintf(path, sizeof path, "/files/%u", f);
		ret[f] = is_wanted(machine, path);
	}
	for (unsigned s = 0; s < SERVICES; s++) {
		snprintf(path, sizeof path, "/units/s%u", s);
		ret[FILES + s] = !scene->own[s] || is_wanted(machine, path);
	}
}

struct done {
	enum neap_maybe refresh[FILES + SERVICES];
	enum neap_action action[FILES + SERVICES];
	bool well;
};

static struct done run(struct machine *machine, const struct scene *scene, enum neap_run_mode mode)
{
	struct neap_notices notices = { .ctx = machine };
	struct neap_run_options options = { .mode = mode, .notices = &notices, .recipe = "scene.lua" };
	struct neap_notice left[SERVICES + 1];
	struct neap_problems problems;
	struct neap_graph *graph = make_graph(scene, &problems);
	struct done done = { .well = true };
	struct neap_run *result;

	memcpy(left, machine->kept, sizeof left);
	notices.items = left;
	notices.count = machine->kept_count;
	if (mode == NEAP_RUN_APPLY) {
		notices.owe = keep;
		notices.settle = settle;
	}
	result = neap_run(graph, machine->machine, &options);
	for (unsigned i = 0; i < FILES + SERVICES; i++) {
		done.refresh[i] = result->results[i].refresh;
		done.action[i] = result->results[i].action;
		done.well &= result->results[i].outcome == NEAP_OUTCOME_CHANGED ||
			     result->results[i].outcome == NEAP_OUTCOME_UNCHANGED;
	}
	neap_run_free(result);
	neap_graph_free(graph);
	neap_vec_done(&problems.errors);
	neap_vec_done(&problems.warnings);
	neap_arena_free(problems.arena);
	return done;
}

/* What a run has to refresh, when `changes` says which files it changes and `owed` whom others left. */
static void expect(const struct scene *scene, const bool changes[FILES + SERVICES], const bool owed[SERVICES],
		   bool ret[SERVICES])
{
	for (unsigned s = 0; s < SERVICES; s++) {
		ret[s] = owed[s] || changes[FILES + s];
		for (unsigned i = 0; i < scene->subscribe_count[s]; i++)
			ret[s] |= changes[scene->subscribes[s][i]];
		if (scene->after[s] >= 0)
			ret[s] |= ret[scene->after[s]];
	}
}

static void changed_between(const bool before[FILES + SERVICES], const bool after[FILES + SERVICES],
			    bool ret[FILES + SERVICES])
{
	for (unsigned i = 0; i < FILES + SERVICES; i++)
		ret[i] = after[i] && !before[i];
}

static unsigned made_up;

/*
 * After a first run that ended badly: the plan foresees what the next run does; that refreshes all that was
 * owed; and then nothing is. `exact`: and no more than that.
 */
static void check_next(struct machine *machine, const struct scene *scene,
		       const bool before[FILES + SERVICES], bool exact)
{
	static const bool nobody[SERVICES];
	bool now[FILES + SERVICES], landed[FILES + SERVICES], due[SERVICES], owed[SERVICES];
	bool after[FILES + SERVICES], changes[FILES + SERVICES], again[SERVICES];

	look(machine, scene, now);
	changed_between(before, now, landed);
	expect(scene, landed, nobody, due);
	for (unsigned s = 0; s < SERVICES; s++) {
		owed[s] = due[s] && !machine->refreshed[s];
		made_up += owed[s];
		/* It was refreshed and then could not be looked at: twice does no harm. */
		again[s] = machine->refreshed[s] || (scene->after[s] >= 0 && again[scene->after[s]]);
		machine->refreshed[s] = false;
	}
	struct done plan = run(machine, scene, NEAP_RUN_PLAN);
	for (unsigned s = 0; s < SERVICES; s++)
		assert_false(machine->refreshed[s]);
	struct done apply = run(machine, scene, NEAP_RUN_APPLY);
	assert_true(apply.well);
	assert_memory_equal(plan.refresh, apply.refresh, sizeof plan.refresh);
	assert_memory_equal(plan.action, apply.action, sizeof plan.action);
	look(machine, scene, after);
	changed_between(now, after, changes);
	expect(scene, changes, owed, due);
	for (unsigned s = 0; s < SERVICES; s++) {
		assert_true(machine->refreshed[s] || !due[s]);
		if (exact && !again[s])
			assert_int_equal(machine->refreshed[s], due[s]);
		assert_int_equal(apply.refresh[FILES + s] == NEAP_YES, machine->refreshed[s]);
		/* Whether it is for its own change is kept as well. */
		if (machine->refreshed[s] && before[FILES + s])
			assert_false(machine->itself[s]);
		if (machine->refreshed[s] && (changes[FILES + s] || (landed[FILES + s] && owed[s])))
			assert_true(machine->itself[s]);
	}
	assert_int_equal(machine->kept_count, 0);
	struct done last = run(machine, scene, NEAP_RUN_PLAN);
	for (unsigned i = 0; i < FILES + SERVICES; i++)
		assert_int_equal(last.action[i], NEAP_ACTION_NONE);
}

static void for_every_call(bool power)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene scene;
		uint64_t calls = 1;

		make_scene(&scene, seed);
		for (uint64_t call = 1; call <= calls; call++) {
			struct machine machine;
			bool before[FILES + SERVICES];

			begin(&machine, &scene);
			look(&machine, &scene, before);
			if (power) {
				neap_host_memory_die(machine.machine, call);
				machine.dies = call;
			} else {
				neap_host_memory_fail(machine.machine, call, EIO);
			}
			run(&machine, &scene, NEAP_RUN_APPLY);
			if (call == 1) /* how many there are is seen when none fails */
				calls = 400;
			if (neap_host_memory_calls(machine.machine) < call)
				calls = call;
			machine.dies = 0;
			neap_host_memory_die(machine.machine, 0);
			check_next(&machine, &scene, before, !power);
			end(&machine);
		}
	}
}

static void notices__a_power_cut_at_any_call_loses_none(void **state)
{
	(void)state;
	made_up = 0;
	for_every_call(true);
	assert_true(made_up > 100);
}

static void notices__a_call_that_fails_loses_none_and_makes_up_none(void **state)
{
	(void)state;
	made_up = 0;
	for_every_call(false);
	assert_true(made_up > 100);
}

static void notices__a_service_that_does_not_start_is_tried_again(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine;
		struct scene scene;
		bool before[FILES + SERVICES];

		make_scene(&scene, seed);
		begin(&machine, &scene);
		look(&machine, &scene, before);
		machine.broken = true;
		run(&machine, &scene, NEAP_RUN_APPLY);
		run(&machine, &scene, NEAP_RUN_APPLY); /* kept however often it fails */
		machine.broken = false;
		check_next(&machine, &scene, before, true);
		end(&machine);
	}
}

static void notices__what_cannot_be_written_down_is_not_begun(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		bool before[FILES + SERVICES], after[FILES + SERVICES], changes[FILES + SERVICES];
		static const bool nobody[SERVICES];
		bool due[SERVICES];
		struct machine machine;
		struct scene scene;

		make_scene(&scene, seed);
		begin(&machine, &scene);
		look(&machine, &scene, before);
		machine.refuses = true;
		run(&machine, &scene, NEAP_RUN_APPLY);
		look(&machine, &scene, after);
		changed_between(before, after, changes);
		expect(&scene, changes, nobody, due);
		for (unsigned s = 0; s < SERVICES; s++)
			assert_false(due[s]);
		end(&machine);
	}
}

static void notices__of_a_resource_that_the_recipe_has_no_more_is_dropped_by_a_whole_run(void **state)
{
	struct machine machine;
	struct scene scene = { 0 };
	(void)state;

	for (unsigned s = 0; s < SERVICES; s++)
		scene.after[s] = -1;
	begin(&machine, &scene);
	machine.kept[machine.kept_count++] =
		(struct neap_notice){ "service[gone]", "file[/x]", "scene.lua", 1 };
	machine.kept[machine.kept_count++] =
		(struct neap_notice){ "service[alien]", "file[/x]", "other.lua", 1 };
	run(&machine, &scene, NEAP_RUN_PLAN);
	assert_int_equal(machine.kept_count, 2);
	neap_host_memory_fail(machine.machine, 1, EIO);
	run(&machine, &scene, NEAP_RUN_APPLY);
	assert_int_equal(machine.kept_count, 2);
	run(&machine, &scene, NEAP_RUN_APPLY);
	assert_int_equal(machine.kept_count, 1);
	assert_string_equal(machine.kept[0].address, "service[alien]");
	end(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notices__a_power_cut_at_any_call_loses_none),
		cmocka_unit_test(notices__a_call_that_fails_loses_none_and_makes_up_none),
		cmocka_unit_test(notices__a_service_that_does_not_start_is_tried_again),
		cmocka_unit_test(notices__what_cannot_be_written_down_is_not_begun),
		cmocka_unit_test(
			notices__of_a_resource_that_the_recipe_has_no_more_is_dropped_by_a_whole_run),
	};
	return cmocka_run_group_tests_name("notices", tests, NULL, NULL);
}
