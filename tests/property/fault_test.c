/*
 * Nothing is lost: every call to the machine fails once, and what is left is old or new, never half. The
 * next run, unharmed, ends where an unharmed first run ends.
 *
 * Walks every call index of an apply, for some hundred random worlds on memory machines.
 */
#include "tests/support/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/run.h"
#include "tests/support/opaque.h"
#include "tests/support/truth.h"

extern const struct neap_resource_type neap_type_directory, neap_type_file;

struct trial {
	struct neap_machine *machine;
	struct neap_graph *graph;
	struct neap_problems problems;
};

static bool begin(struct trial *trial, const struct world *world)
{
	trial->graph = world_graph(world, &trial->problems);
	assert_int_equal(neap_host_memory_new(&trial->machine), 0);
	neap_host_memory_on_run(trial->machine, neap_test_opaque_run, NULL);
	world_put_memory(world, trial->machine);
	return trial->graph != NULL;
}

static void end(struct trial *trial)
{
	neap_graph_free(trial->graph);
	neap_vec_done(&trial->problems.errors);
	neap_vec_done(&trial->problems.warnings);
	neap_arena_free(trial->problems.arena);
	neap_machine_free(trial->machine);
}

static struct neap_run *apply(struct trial *trial)
{
	struct neap_run_options options = { .mode = NEAP_RUN_APPLY };
	return neap_run(trial->graph, trial->machine, &options);
}

static bool is_verdict(const struct neap_result *result)
{
	return result->outcome == NEAP_OUTCOME_FAILED && strstr(result->error->message, "did not converge");
}

/* Missing directories above a path are made by whoever comes first: what fails there fails others, too. */
static bool misses_its_way(const struct world *world, const struct neap_run *run, unsigned number)
{
	if (run->results[number].error->errnum != ENOENT)
		return false;
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct neap_result *result = &run->results[i];
		if ((world->aliased ||
		     world_same_top(world->resources[i].path, world->resources[number].path)) &&
		    (result->outcome == NEAP_OUTCOME_SKIPPED ||
		     (result->outcome == NEAP_OUTCOME_FAILED && result->error->errnum != ENOENT)))
			return true;
	}
	return false;
}

/*
 * One call has failed: so has one resource, or none. What stands on it is skipped, unless all of it had
 * landed and only the look at it afterwards failed; what is skipped is as it was.
 */
static const char *contained(const struct world *world, const struct neap_run *run, const char *before,
			     const char *dump)
{
	uint32_t landed = 0, held = 0;
	unsigned failed = 0;
	bool blinded = false;
	for (unsigned i = 0; i < world->resource_count; i++) {
		if (run->results[i].outcome != NEAP_OUTCOME_FAILED)
			continue;
		/* Where paths lead is asked once, and what came back is kept for all that remove. */
		bool blind = strstr(run->results[i].error->message, "cannot be seen");
		failed += !misses_its_way(world, run, i) && !(blind && blinded);
		blinded |= blind;
		*(is_verdict(&run->results[i]) ? &landed : &held) |= truth_below(run->graph, i);
	}
	if (failed > 1)
		return "more than one resource failed";
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		bool skipped = run->results[i].outcome == NEAP_OUTCOME_SKIPPED;
		if (!(held >> i & 1) && !(landed >> i & 1)) {
			if (skipped)
				return "skipped for nothing";
			continue;
		}
		if ((held >> i & 1) && !skipped)
			return "not skipped";
		if (!skipped || strcmp(r->type->name, "directory") == 0 || !truth_alone(world, i))
			continue;
		size_t was_len, is_len;
		const char *was = world_line(world, before, r->path, &was_len),
			   *is = world_line(world, dump, r->path, &is_len);
		if (was_len != is_len || memcmp(was, is, was_len) != 0)
			return "skipped, but not as it was";
	}
	return NULL;
}

static void print_run(const struct world *world, const struct neap_run *run)
{
	world_print(world);
	for (unsigned i = 0; i < world->resource_count; i++)
		fprintf(stderr, "  %u %s %s %s\n", i, neap_action_name(run->results[i].action),
			neap_outcome_name(run->results[i].outcome),
			run->results[i].error ? run->results[i].error->message : "");
}

/* Every line of `dump` (one path's whole state) is in `before` or in `after`, but for paths that several
 * resources or an opaque change write, and directories that stand between. */
static void assert_old_or_new(uint64_t seed, uint64_t call, const struct world *world, const char *dump,
			      const char *before, const char *after)
{
	char line[8192];
	for (const char *at = dump; *at;) {
		const char *stop = strstr(at, "|\n");
		size_t len = (size_t)(stop - at) + 2;
		assert_true(len < sizeof line);
		memcpy(line, at, len);
		line[len] = '\0';
		at += len;
		unsigned owners = 0;
		for (unsigned i = 0; i < world->resource_count; i++) {
			const struct world_resource *r = &world->resources[i];
			size_t n = strlen(r->path);
			if (strncmp(line, r->path, n) == 0 && line[n] == ' ')
				owners += world_is_part(r) ? 2 : 1;
			for (unsigned k = 0; k < r->change_count; k++)
				owners += strncmp(line, r->changes[k], strlen(r->changes[k])) == 0 ? 2 : 0;
			for (unsigned k = 0; k < r->plant_count; k++)
				owners += strncmp(line, r->plants[k], strlen(r->plants[k])) == 0 ? 2 : 0;
		}
		if (owners == 1 && !strstr(before, line) && !strstr(after, line) &&
		    !strstr(line, " a directory ")) {
			world_print(world);
			fail_msg("seed %llu, call %llu failed: neither old nor new: %s",
				 (unsigned long long)seed, (unsigned long long)call, line);
		}
	}
}

static void fault__every_call_failing_once_leaves_old_or_new_and_the_next_run_converges(void **state)
{
	(void)state;
	unsigned worlds = 0, converging = 0;
	uint64_t walked = 0, recorded = 0;
	const char *rounds = getenv("NEAP_ROUNDS");
	unsigned wanted = rounds ? (unsigned)strtoul(rounds, NULL, 10) : 1000;
	neap_test_root = "";
	for (uint64_t seed = 500000; worlds < wanted; seed++) {
		struct world world;
		struct trial clean;
		NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
		world_make(&world, seed, true);
		for (unsigned i = 0; i < world.resource_count;
		     i++) /* what commands wreck is not neap's to restore */
			world.resources[i].change_count = world.resources[i].plant_count =
				world.resources[i].clear_count = world.resources[i].lies = 0;
		if (!begin(&clean, &world)) {
			end(&clean);
			continue;
		}
		worlds++;
		const char *before = world_dump(&clean.machine->view, arena);
		neap_host_memory_fail(clean.machine, 0, 0);
		struct neap_run *first = apply(&clean);
		bool converges = first->summary.failed == 0;
		neap_run_free(first);
		uint64_t calls = neap_host_memory_calls(clean.machine);
		recorded += calls;
		const char *after = world_dump(&clean.machine->view, arena);
		/* One thing by two names: a recipe that stands against itself does not settle. */
		struct neap_run *second = apply(&clean);
		converges = converges && second->summary.unchanged == world.resource_count;
		neap_run_free(second);
		end(&clean);
		converging += converges;
		for (uint64_t call = 1; call <= calls; call++) {
			struct trial trial;
			NEAP_AUTO_ARENA struct neap_arena *scratch = neap_arena_new();
			begin(&trial, &world);
			neap_host_memory_fail(trial.machine, call, call % 2 ? EIO : ENOSPC);
			struct neap_run *hurt = apply(&trial);
			neap_host_memory_fail(trial.machine, 0, 0);
			if (converges) {
				const char *dump = world_dump(&trial.machine->view, scratch);
				assert_old_or_new(seed, call, &world, dump, before, after);
				const char *wrong = contained(&world, hurt, before, dump);
				if (wrong) {
					print_run(&world, hurt);
					fail_msg("seed %llu, call %llu failed: %s", (unsigned long long)seed,
						 (unsigned long long)call, wrong);
				}
			}
			neap_run_free(hurt);
			struct neap_run *again = apply(&trial);
			unsigned failed = again->summary.failed;
			neap_run_free(again);
			const char *healed = world_dump(&trial.machine->view, scratch);
			if (converges && (failed || strcmp(healed, after) != 0)) {
				world_print(&world);
				fail_msg("seed %llu, call %llu failed: the next run does not "
					 "converge:\n%s\nwanted:\n%s",
					 (unsigned long long)seed, (unsigned long long)call, healed, after);
			}
			end(&trial);
			walked++;
		}
	}
	print_message("%u worlds (%u converge), %llu calls made to fail, %llu recorded\n", worlds, converging,
		      (unsigned long long)walked, (unsigned long long)recorded);
	assert_int_equal(walked, recorded);
	assert_true(converging > worlds / 3);
}

/* /d is also /a, and what is owned as /a/x lies in it. Whether /a leads there may be what cannot be read. */
static void fault__a_purge_that_cannot_see_by_what_names_things_are_owned_removes_nothing(void **state)
{
	static const struct world world = {
		.nodes = {
			{ "/d", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL },
			{ "/d/x", NEAP_FILE_REGULAR, 0644, 0, 0, "owned" },
			{ "/d/y", NEAP_FILE_REGULAR, 0644, 0, 0, "nobody's" },
			{ "/a", NEAP_FILE_LINK, 0777, 0, 0, "/d" },
		},
		.node_count = 4,
		.resources = {
			{ .type = &neap_type_directory, .path = "/d", .purge = true },
			{ .type = &neap_type_file, .path = "/a/x", .content = "owned" },
		},
		.resource_count = 2,
		.aliased = true,
	};
	uint64_t calls = 1;

	(void)state;
	for (uint64_t call = 1; call <= calls; call++) {
		struct neap_stat stat;
		struct trial trial;

		assert_true(begin(&trial, &world));
		neap_host_memory_fail(trial.machine, call, EIO);
		neap_run_free(apply(&trial));
		calls = neap_host_memory_calls(trial.machine);
		neap_host_memory_fail(trial.machine, 0, 0);
		assert_int_equal(neap_view_stat(&trial.machine->view, "/d/x", &stat, NULL), 0);
		assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
		neap_run_free(apply(&trial));
		assert_int_equal(neap_view_stat(&trial.machine->view, "/d/y", &stat, NULL), 0);
		assert_int_equal(stat.kind, NEAP_FILE_ABSENT);
		end(&trial);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault__every_call_failing_once_leaves_old_or_new_and_the_next_run_converges),
		cmocka_unit_test(
			fault__a_purge_that_cannot_see_by_what_names_things_are_owned_removes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
