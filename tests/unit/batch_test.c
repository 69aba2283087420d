/* core/engine/batch.c: resources that are looked at and changed together, each with a result of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/run.h"

/* ---- a machine on which things are or are not ---------------------------------------------------------- */

enum { NAME, ENSURE, THING_PARAMS };
struct thing_want {
	struct neap_want base;
	const char *name;
	unsigned ensure;
};
struct thing_have {
	bool there;
	size_t beside; /* how many others are to be made or removed with it */
};
static const char *const ensure_choices[] = { "present", "absent", NULL };
static const struct neap_param thing_params[THING_PARAMS] = {
	[NAME] = { "name", NEAP_PARAM_STRING, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		   .offset = offsetof(struct thing_want, name) },
	[ENSURE] = { "ensure", NEAP_PARAM_CHOICE, 0, .choices = ensure_choices,
		     .offset = offsetof(struct thing_want, ensure) },
};

static struct {
	bool there[26];       /* things have one letter */
	const char *refuses;  /* letters that are never made … */
	unsigned refuse_left; /* … so many times; 0: always */
	bool deaf;            /* makes nothing and says that all is well */
	const char *stops;    /* at this word a signal comes */
	volatile sig_atomic_t stop;
	char *log; /* calls on the machine, a line each */
	size_t log_len;
	FILE *log_file;
	char prefetched[200]; /* what types were told beforehand */
	bool late;            /* … after something was read */
} world;

static bool is_refused(char name)
{
	return world.refuses && strchr(world.refuses, name);
}

/* "look a b" says a letter for each that is there; "make a -b" makes and removes; "true", "false". */
static int machine_run(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	char out[27] = { 0 }, *at = out;
	bool make = strcmp(process->argv[0], "make") == 0, failed = false;
	(void)ctx;

	for (const char *const *word = process->argv; *word; word++)
		fprintf(world.log_file, "%s%s", word == process->argv ? "" : " ", *word);
	fputc('\n', world.log_file);
	if (strcmp(process->argv[0], "false") == 0)
		return 1;
	if (world.stops && strcmp(process->argv[0], world.stops) == 0)
		world.stop = SIGTERM;
	/* What only looks is ended where the machine is told to. */
	if (!make && machine->watch.stop && *machine->watch.stop)
		return 130;
	for (const char *const *word = process->argv + 1; *word; word++) {
		bool gone = (*word)[0] == '-';
		char name = (*word)[gone];
		if (make && is_refused(name))
			failed = true;
		else if (make && !world.deaf)
			world.there[name - 'a'] = !gone;
		else if (!make && world.there[name - 'a'] && !strchr(out, name))
			*at++ = name;
	}
	*at = '\0';
	if (failed && world.refuse_left && --world.refuse_left == 0)
		world.refuses = NULL;
	neap_host_memory_say(machine, make ? "" : out, failed ? "refused" : "");
	return failed;
}

static bool wants(const struct thing_want *want)
{
	return want->ensure == 0;
}

static void thing_prefetch(const struct neap_view *view, const void *const *wants, size_t count)
{
	size_t len = strlen(world.prefetched);
	(void)view;

	for (size_t i = 0; i < count && len < sizeof world.prefetched - 9; i++)
		len += (size_t)snprintf(world.prefetched + len, sizeof world.prefetched - len, "%s ",
					((const struct thing_want *)wants[i])->name);
	snprintf(world.prefetched + len, sizeof world.prefetched - len, "; ");
	world.late |= ftell(world.log_file) > 0;
}

static int thing_read_all(const struct neap_view *view, const struct neap_context *ctx,
			  struct neap_batched *members, size_t count, struct neap_error **err)
{
	const char **argv = neap_arena_array_of(ctx->scratch, const char *, count + 2);
	struct neap_process process = { .argv = argv };
	struct neap_process_result result;
	size_t differ = 0;

	argv[0] = "look";
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = ((const struct thing_want *)members[i].want)->name;
	int r = neap_view_query(view, &process, ctx->scratch, &result, err);
	if (r)
		return r;
	if (result.status == 130)
		return neap_error_errno(err, EINTR, "look");
	for (size_t i = 0; i < count; i++) {
		const struct thing_want *want = members[i].want;
		struct thing_have *have = members[i].have;
		have->there = strchr(result.out, want->name[0]) != NULL;
		differ += have->there != wants(want);
		if (want->name[0] == 'z')
			neap_error_set(&members[i].err, "z cannot be looked at");
	}
	for (size_t i = 0; i < count; i++)
		((struct thing_have *)members[i].have)->beside = differ;
	return 0;
}

static int thing_read(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		      void *have, struct neap_error **err)
{
	struct neap_batched member = { .want = want, .have = have };
	int r = thing_read_all(view, ctx, &member, 1, err);

	if (r == 0 && member.err) {
		*err = member.err;
		return -1;
	}
	return r;
}

static int thing_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct thing_want *want = wanted;
	const struct thing_have *have = had;
	(void)ctx, (void)err;

	if (have->there == wants(want))
		return 0;
	neap_diff_action(diff, wants(want) ? NEAP_ACTION_CREATE : NEAP_ACTION_DELETE);
	neap_diff_string(diff, "ensure", "x", "y");
	neap_diff_reason(diff, "%zu together", have->beside);
	return 0;
}

static int thing_apply_all(struct neap_host *host, const struct neap_context *ctx,
			   const struct neap_batched *members, size_t count, struct neap_error **err)
{
	const char **argv = neap_arena_array_of(ctx->scratch, const char *, count + 2);
	struct neap_process process = { .argv = argv };
	struct neap_process_result result;

	argv[0] = "make";
	for (size_t i = 0; i < count; i++) {
		const struct thing_want *want = members[i].want;
		argv[i + 1] = wants(want) ? want->name : neap_arena_printf(ctx->scratch, "-%s", want->name);
	}
	int r = neap_host_run(host, &process, ctx->scratch, &result, err);
	if (r == 0 && result.status) {
		neap_error_set(err, "make: %s", result.errors);
		return neap_error_hint(err, "ask it");
	}
	return r;
}

static int thing_apply(struct neap_host *host, const struct neap_context *ctx, const void *want,
		       const void *have, struct neap_error **err)
{
	const struct neap_batched member = { .want = want, .have = (void *)(uintptr_t)have };
	return thing_apply_all(host, ctx, &member, 1, err);
}

static const struct neap_resource_type type_thing = {
	.name = "thing",
	.params = thing_params,
	.param_count = THING_PARAMS,
	.want_size = sizeof(struct thing_want),
	.have_size = sizeof(struct thing_have),
	.prefetch = thing_prefetch,
	.read = thing_read,
	.read_all = thing_read_all,
	.diff = thing_diff,
	.apply = thing_apply,
	.apply_all = thing_apply_all,
};

/* A file that is made where it is absent: something that is no thing. */
static int mark_read(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		     void *have, struct neap_error **err)
{
	struct neap_stat stat;
	(void)ctx;
	int r = neap_view_stat(view, ((const struct thing_want *)want)->name, &stat, err);
	if (r == 0)
		((struct thing_have *)have)->there = stat.kind != NEAP_FILE_ABSENT;
	return r;
}
static int mark_apply(struct neap_host *host, const struct neap_context *ctx, const void *want,
		      const void *have, struct neap_error **err)
{
	const struct neap_file_write write = { .content.data = "", .mode = 0644, .uid = 0, .gid = 0 };
	(void)ctx, (void)have;
	return neap_host_write(host, ((const struct thing_want *)want)->name, &write, err);
}
static const struct neap_resource_type type_mark = {
	.name = "mark",
	.params = thing_params,
	.param_count = THING_PARAMS,
	.want_size = sizeof(struct thing_want),
	.have_size = sizeof(struct thing_have),
	.prefetch = thing_prefetch,
	.read = mark_read,
	.diff = thing_diff,
	.apply = mark_apply,
};

static const struct neap_resource_type *const types[] = { &type_mark, &type_thing, NULL };
static const struct neap_registry registry = { types };

/* ---- the fixture -----------------------------------------------------------------------------------------
 */

struct fixture {
	struct neap_problems problems;
	struct neap_graph *graph;
	struct neap_machine *machine;
	struct neap_run *run;
	char text[4000];
	struct {
		enum neap_meta_param param;
		struct neap_value value;
	} meta[2]; /* of the next resource */
	size_t meta_count;
	const bool *selected;
};

static int setup(void **state)
{
	struct fixture *f = neap_alloc(sizeof *f);

	*f = (struct fixture){ .problems.arena = neap_arena_new() };
	memset(&world, 0, sizeof world);
	world.log_file = open_memstream(&world.log, &world.log_len);
	f->graph = neap_graph_new(&registry, NULL, &f->problems);
	assert_int_equal(neap_host_memory_new(&f->machine), 0);
	neap_host_memory_on_run(f->machine, machine_run, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_run_free(f->run);
	neap_graph_free(f->graph);
	neap_machine_free(f->machine);
	neap_vec_done(&f->problems.errors);
	neap_vec_done(&f->problems.warnings);
	neap_arena_free(f->problems.arena);
	fclose(world.log_file);
	free(world.log);
	free(f);
	return 0;
}

static uint32_t declare(struct fixture *f, const struct neap_resource_type *type, const char *name,
			bool absent)
{
	struct neap_value value = neap_value_string(name), gone = neap_value_string("absent");
	uint32_t number = neap_graph_begin(f->graph, type, (struct neap_position){ "site.lua", 1 }, "");

	neap_graph_set(f->graph, number, NAME, &value);
	if (absent)
		neap_graph_set(f->graph, number, ENSURE, &gone);
	for (; f->meta_count; f->meta_count--)
		neap_graph_set_meta(f->graph, number, f->meta[f->meta_count - 1].param,
				    &f->meta[f->meta_count - 1].value);
	neap_graph_end(f->graph, number);
	return number;
}

static uint32_t thing(struct fixture *f, const char *name)
{
	return declare(f, &type_thing, name, false);
}

static void require(struct fixture *f, uint32_t resource, uint32_t other)
{
	struct neap_target target = { .resource = other };

	neap_graph_relate(f->graph, resource, NEAP_REQUIRE, &target, 1);
}

/* The next resource that is declared has it. */
static void with(struct fixture *f, enum neap_meta_param param, struct neap_value value)
{
	f->meta[f->meta_count].param = param;
	f->meta[f->meta_count++].value = value;
}

static struct neap_value command(struct fixture *f, const char *word)
{
	struct neap_value list = { .kind = NEAP_LIST };

	list.list.items = neap_arena_array_of(f->problems.arena, struct neap_value, 1);
	list.list.items[0] = neap_value_string(word);
	list.list.count = 1;
	return list;
}

static struct neap_value yes(void)
{
	return (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true };
}

/* "a create (2 together) changed; …" in order of declaration. */
static const char *go(struct fixture *f, enum neap_run_mode mode)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	const struct neap_run_options options = { .mode = mode,
						  .selected = f->selected,
						  .stop = &world.stop };

	if (!f->graph->order && neap_graph_finish(f->graph) < 0)
		fail_msg("%s", f->problems.errors.items[0].message);
	neap_run_free(f->run);
	rewind(world.log_file);
	f->run = neap_run(f->graph, f->machine, &options);
	fputc('\0', world.log_file);
	fflush(world.log_file);
	for (size_t i = 0; i < f->graph->resources.count; i++) {
		const struct neap_result *result = &f->run->results[i];
		neap_buf_printf(&out, "%s%s %s", i ? "; " : "", f->graph->resources.items[i].name,
				neap_action_name(result->action));
		if (result->reason)
			neap_buf_printf(&out, " (%s)", result->reason);
		neap_buf_printf(&out, " %s", neap_outcome_name(result->outcome));
		if (result->error)
			neap_buf_printf(&out, " [%s%s%s]", result->error->message,
					result->error->hint ? " | " : "",
					result->error->hint ? result->error->hint : "");
	}
	snprintf(f->text, sizeof f->text, "%s", out.data);
	return f->text;
}

/* ---- facts -----------------------------------------------------------------------------------------------
 */

static void batch__ready_ones_are_looked_at_and_changed_by_one_call(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	declare(f, &type_mark, "/m", false);
	thing(f, "b");
	declare(f, &type_thing, "c", true);
	thing(f, "d");
	world.there[2] = world.there[3] = true;
	assert_string_equal(go(f, NEAP_RUN_PLAN),
			    "a create (3 together) unchanged; /m create (0 together) unchanged; "
			    "b create (3 together) unchanged; c delete (3 together) unchanged; "
			    "d none unchanged");
	assert_string_equal(world.log, "look a b c d\n");
	assert_string_equal(go(f, NEAP_RUN_APPLY),
			    "a create (3 together) changed; /m create (0 together) changed; "
			    "b create (3 together) changed; c delete (3 together) changed; "
			    "d none unchanged");
	assert_string_equal(world.log, "look a b c d\nmake a b -c\nlook a b c\n");
	assert_string_equal(
		go(f, NEAP_RUN_APPLY),
		"a none unchanged; /m none unchanged; b none unchanged; c none unchanged; d none unchanged");
	assert_string_equal(world.log, "look a b c d\n");
}

static void batch__an_edge_splits_it(void **state)
{
	struct fixture *f = *state;
	uint32_t b = thing(f, "b"), m = declare(f, &type_mark, "/m", false), a = thing(f, "a");

	thing(f, "c");
	require(f, b, m);
	require(f, m, a);
	/* what is behind the file cannot be asked in a plan, and says what it waits for */
	assert_string_equal(go(f, NEAP_RUN_PLAN),
			    "b unknown unchanged; /m unknown unchanged; "
			    "a create (2 together) unchanged; c create (2 together) unchanged");
	assert_int_equal(f->run->results[b].cause, m);
	assert_string_equal(world.log, "look a c\n");
	go(f, NEAP_RUN_APPLY);
	assert_string_equal(world.log, "look a c\nmake a c\nlook a c\nlook b\nmake b\nlook b\n");
}

static void batch__of_those_that_failed_only_they_fail(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	uint32_t b = thing(f, "b"), m = declare(f, &type_mark, "/m", false),
		 n = declare(f, &type_mark, "/n", false);
	require(f, m, b);
	require(f, n, 0);
	world.refuses = "b";
	assert_string_equal(
		go(f, NEAP_RUN_APPLY),
		"a create (2 together) changed; b create (2 together) failed [make: refused | ask it]; "
		"/m none skipped; /n create (0 together) changed");
	assert_int_equal(neap_run_exit_code(f->run, false), 4);
	world.refuses = NULL;
	assert_string_equal(go(f, NEAP_RUN_APPLY),
			    "a none unchanged; b create (1 together) changed; /m create (0 "
			    "together) changed; /n none unchanged");
}

static void batch__what_was_not_done_although_it_was_said_has_not_converged(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	thing(f, "b");
	world.deaf = true;
	assert_string_equal(go(f, NEAP_RUN_APPLY), "a create (2 together) failed [did not converge: after "
						   "the change it still differs in ensure]; "
						   "b create (2 together) failed [did not converge: after "
						   "the change it still differs in ensure]");
}

static void batch__one_that_cannot_be_read_fails_alone(void **state)
{
	struct fixture *f = *state;

	thing(f, "z");
	thing(f, "b");
	assert_string_equal(go(f, NEAP_RUN_APPLY),
			    "z none failed [z cannot be looked at]; b create (2 together) changed");
	assert_string_equal(world.log, "look z b\nmake b\nlook b\n");
}

static void batch__nobody_is_changed_when_the_question_fails(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	thing(f, "b");
	neap_host_memory_fail(f->machine, 1, 5);
	go(f, NEAP_RUN_APPLY);
	assert_int_equal(f->run->summary.failed, 2);
	assert_string_equal(world.log, "");
}

static void batch__who_is_kept_out_is_no_part_of_what_is_planned(void **state)
{
	struct fixture *f = *state;

	with(f, NEAP_META_ONLY_IF, command(f, "false"));
	thing(f, "a");
	with(f, NEAP_META_ONLY_IF, command(f, "true"));
	thing(f, "b");
	with(f, NEAP_META_PROTECT, yes());
	declare(f, &type_thing, "c", true);
	with(f, NEAP_META_NOOP, yes());
	thing(f, "d");
	thing(f, "e");
	world.there[2] = true;
	assert_string_equal(
		go(f, NEAP_RUN_PLAN),
		"a none (only_if does not hold) unchanged; b create (2 together) unchanged; "
		"c delete failed [it is protected, and would be removed | take away protect = true when it "
		"may go]; d none (noop: would create it) unchanged; e create (2 together) unchanged");
	go(f, NEAP_RUN_APPLY);
	assert_non_null(strstr(world.log, "make b e\n"));
	assert_false(world.there[0] || world.there[3]);
	assert_true(world.there[1] && world.there[2] && world.there[4]);
}

static void batch__who_stands_on_something_else_goes_alone(void **state)
{
	struct fixture *f = *state;
	uint32_t m = declare(f, &type_mark, "/m", false), a, c;

	with(f, NEAP_META_NOT_IF, command(f, "false"));
	a = thing(f, "a");
	require(f, a, m);
	thing(f, "b");
	c = thing(f, "c");
	require(f, c, m);
	/* and may bring what another of them would: in a plan the later ones are behind the earlier */
	assert_string_equal(go(f, NEAP_RUN_PLAN), "/m create (0 together) unchanged; a unknown unchanged; b "
						  "unknown unchanged; c unknown unchanged");
	assert_int_equal(f->run->results[2].cause, c);
	go(f, NEAP_RUN_APPLY);
	assert_string_equal(world.log, "look a c\nfalse\nmake a c\nlook a c\nlook b\nmake b\nlook b\n");
	/* while nothing is to be done for those, the later ones are as known as ever */
	world.there[1] = false;
	assert_string_equal(go(f, NEAP_RUN_PLAN),
			    "/m none unchanged; a none unchanged; b create (1 together) unchanged; "
			    "c none unchanged");
}

static void batch__retries_go_on_alone(void **state)
{
	struct fixture *f = *state;

	with(f, NEAP_META_RETRIES, (struct neap_value){ .kind = NEAP_INTEGER, .integer = 2 });
	with(f, NEAP_META_DELAY, neap_value_string("0s"));
	thing(f, "a");
	thing(f, "b");
	world.refuses = "a";
	world.refuse_left = 2;
	assert_string_equal(go(f, NEAP_RUN_APPLY),
			    "a create (2 together) changed; b create (2 together) changed");
	assert_string_equal(world.log,
			    "look a b\nmake a b\nlook a b\nlook a\nmake a\nlook a\nmake a\nlook a\n");
}

static void batch__what_stands_on_it_is_unknown_in_a_plan(void **state)
{
	struct fixture *f = *state;
	uint32_t a = thing(f, "a"), m = declare(f, &type_mark, "/m", false);

	thing(f, "b");
	require(f, m, a);
	go(f, NEAP_RUN_PLAN);
	assert_int_equal(f->run->results[m].action, NEAP_ACTION_UNKNOWN);
	assert_int_equal(f->run->results[m].cause, a);
}

static void batch__a_landing_that_fails_takes_along_only_what_stands_on_it(void **state)
{
	struct fixture *f = *state;
	uint32_t m = declare(f, &type_mark, "/m", false), a = thing(f, "a"),
		 n = declare(f, &type_mark, "/n", false);

	thing(f, "b");
	require(f, a, m);
	require(f, n, m);
	require(f, 3, m); /* b: ready together with a, but … */
	go(f, NEAP_RUN_PLAN);
	/* reads: /m and its parent's owner come first; its write is what fails */
	for (uint64_t call = 1; call < 12; call++) {
		neap_host_memory_fail(f->machine, call, 28);
		go(f, NEAP_RUN_APPLY);
		if (f->run->results[m].outcome == NEAP_OUTCOME_FAILED)
			break;
	}
	assert_int_equal(f->run->results[a].outcome, NEAP_OUTCOME_SKIPPED);
	assert_int_equal(f->run->results[a].cause, m);
	assert_null(strstr(world.log, "make"));
}

/* ---- and before all that: what is told to a type ------------------------------------------------------- */

static void prefetch__is_told_once_of_all_that_will_be_looked_at_in_that_order(void **state)
{
	struct fixture *f = *state;
	bool selected[] = { true, true, true, false, true };

	thing(f, "a");
	declare(f, &type_mark, "/m", false);
	thing(f, "b");
	thing(f, "c");
	declare(f, &type_mark, "/n", false);
	require(f, 0, 4); /* b is its own batch now, and comes first */
	f->selected = selected;
	go(f, NEAP_RUN_PLAN);
	assert_string_equal(world.prefetched, "/m /n ; b a ; ");
	assert_false(world.late);
	world.prefetched[0] = '\0';
	go(f, NEAP_RUN_APPLY);
	assert_string_equal(world.prefetched, "/m /n ; b a ; ");
}

static void prefetch__one_that_is_not_selected_is_not_told(void **state)
{
	struct fixture *f = *state;
	bool selected[] = { false, true };

	thing(f, "a");
	declare(f, &type_mark, "/m", false);
	f->selected = selected;
	go(f, NEAP_RUN_PLAN);
	assert_string_equal(world.prefetched, "/m ; ");
}

static void batch__a_question_that_a_signal_ends_has_not_failed(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	thing(f, "b");
	world.stops = "look";
	const char *said = go(f, NEAP_RUN_APPLY);
	assert_string_equal(said, "a none not_done; b none not_done");
	assert_int_equal(f->run->signal, SIGTERM);
	assert_int_equal(f->run->summary.failed, 0);
	world.stop = 0;
	said = go(f, NEAP_RUN_PLAN);
	assert_string_equal(said, "a none not_done; b none not_done");
	assert_int_equal(f->run->signal, SIGTERM);
}

static void batch__what_was_changed_is_looked_at_although_a_signal_has_come(void **state)
{
	struct fixture *f = *state;

	thing(f, "a");
	thing(f, "b");
	world.stops = "make";
	const char *said = go(f, NEAP_RUN_APPLY);
	assert_string_equal(said, "a create (2 together) changed; b create (2 together) changed");
	assert_int_equal(f->run->signal, 0); /* nothing was left to do */
	assert_true(world.there[0] && world.there[1]);
}

static void batch__ten_thousand_are_one_call(void **state)
{
	struct fixture *f = *state;
	char name[16];

	for (unsigned i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "%c%u", 'a' + (int)(i % 25), i);
		thing(f, name);
	}
	go(f, NEAP_RUN_APPLY);
	assert_int_equal(f->run->summary.create, 10000);
	unsigned lines = 0;
	for (const char *at = world.log; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(batch__ready_ones_are_looked_at_and_changed_by_one_call),
		TEST(batch__an_edge_splits_it),
		TEST(batch__of_those_that_failed_only_they_fail),
		TEST(batch__what_was_not_done_although_it_was_said_has_not_converged),
		TEST(batch__one_that_cannot_be_read_fails_alone),
		TEST(batch__nobody_is_changed_when_the_question_fails),
		TEST(batch__who_is_kept_out_is_no_part_of_what_is_planned),
		TEST(batch__who_stands_on_something_else_goes_alone),
		TEST(batch__retries_go_on_alone),
		TEST(batch__what_stands_on_it_is_unknown_in_a_plan),
		TEST(batch__a_landing_that_fails_takes_along_only_what_stands_on_it),
		TEST(prefetch__is_told_once_of_all_that_will_be_looked_at_in_that_order),
		TEST(prefetch__one_that_is_not_selected_is_not_told),
		TEST(batch__a_question_that_a_signal_ends_has_not_failed),
		TEST(batch__what_was_changed_is_looked_at_although_a_signal_has_come),
		TEST(batch__ten_thousand_are_one_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
