/*
 * For tests of lua/: a directory with a recipe in it, evaluated with types of its own, so that no resource
 * type of neap's is needed. `thing` has a parameter of each kind and outputs; `plain` cannot be notified.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/graph.h"
#include "lua/recipe.h"

struct thing {
	struct neap_want base;
	const char *path;
	struct neap_text content;
	const char *label;
	uint32_t mode;
	bool on;
	int64_t count;
	const char *owner;
	unsigned ensure;
	struct neap_strings names;
	struct neap_source source;
};

enum { PATH, CONTENT, LABEL, MODE, ON, COUNT, OWNER, ENSURE, NAMES, SOURCE };

static const char *const thing_ensure[] = { "present", "absent", NULL };
static const struct neap_param thing_params[] = {
	[PATH] = { .name = "path",
		   .kind = NEAP_PARAM_PATH,
		   .flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		   .doc = "Where.",
		   .offset = offsetof(struct thing, path) },
	[CONTENT] = { .name = "content",
		      .kind = NEAP_PARAM_TEXT,
		      .flags = NEAP_PARAM_SECRET,
		      .doc = "What.",
		      .offset = offsetof(struct thing, content) },
	[LABEL] = { .name = "label",
		    .kind = NEAP_PARAM_STRING,
		    .doc = "A word.",
		    .offset = offsetof(struct thing, label) },
	[MODE] = { .name = "mode",
		   .kind = NEAP_PARAM_MODE,
		   .doc = "Bits.",
		   .offset = offsetof(struct thing, mode) },
	[ON] = { .name = "on",
		 .kind = NEAP_PARAM_BOOLEAN,
		 .doc = "Yes.",
		 .offset = offsetof(struct thing, on) },
	[COUNT] = { .name = "count",
		    .kind = NEAP_PARAM_INTEGER,
		    .doc = "N.",
		    .max = 100,
		    .offset = offsetof(struct thing, count) },
	[OWNER] = { .name = "owner",
		    .kind = NEAP_PARAM_OWNER,
		    .doc = "Who.",
		    .offset = offsetof(struct thing, owner) },
	[ENSURE] = { .name = "ensure",
		     .kind = NEAP_PARAM_CHOICE,
		     .doc = "There?",
		     .choices = thing_ensure,
		     .offset = offsetof(struct thing, ensure) },
	[NAMES] = { .name = "names",
		    .kind = NEAP_PARAM_STRINGS,
		    .doc = "Many.",
		    .offset = offsetof(struct thing, names) },
	[SOURCE] = { .name = "source",
		     .kind = NEAP_PARAM_SOURCE,
		     .doc = "From.",
		     .offset = offsetof(struct thing, source) },
};

static const struct neap_output thing_outputs[] = {
	{ .name = "token", .doc = "A secret.", .secret = true },
	{ .name = "id", .doc = "No secret." },
};

static int thing_refresh(struct neap_host *host, const struct neap_context *ctx, const void *want,
			 struct neap_error **err)
{
	(void)host, (void)ctx, (void)want, (void)err;
	return 0;
}

#define THING(type_name)                                                                                     \
	.name = (type_name), .summary = "A thing.", .params = thing_params,                                  \
	.param_count = sizeof(thing_params) / sizeof(*thing_params), .outputs = thing_outputs,               \
	.output_count = 2, .want_size = sizeof(struct thing), .have_size = 8

static const struct neap_resource_type type_plain = { THING("plain") };
static const struct neap_resource_type type_thing = { THING("thing"), .refresh = thing_refresh };
static const struct neap_resource_type *const fixture_types[] = { &type_plain, &type_thing, NULL };
static const struct neap_registry fixture_registry = { fixture_types };

struct recipe {
	char directory[32];
	unsigned timeout;
	size_t memory;
	const struct neap_embedded_file *embedded;
	const char *name; /* of an embedded recipe to evaluate instead of site.lua, or NULL */
	struct neap_param_value params[4];
	size_t param_count;
	struct neap_facts *facts;             /* of the test, or NULL */
	const struct neap_registry *registry; /* NULL: the types above */
	/* of the last evaluation */
	struct neap_arena *arena;
	struct neap_problems problems;
	struct neap_sources *sources;
	struct neap_graph *graph;
	int result;
	char *printed; /* what went to stderr */
};

static inline void recipe_write(struct recipe *recipe, const char *name, const char *text)
{
	char path[256], *slash;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", recipe->directory, name);
	for (slash = path + strlen(recipe->directory) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void recipe_forget(struct recipe *recipe)
{
	neap_graph_free(recipe->graph);
	neap_vec_done(&recipe->problems.errors);
	neap_vec_done(&recipe->problems.warnings);
	neap_arena_free(recipe->arena);
	free(recipe->printed);
	recipe->graph = NULL;
	recipe->arena = NULL;
	recipe->printed = NULL;
}

static inline int recipe_setup(void **state)
{
	struct recipe *recipe = calloc(1, sizeof(*recipe));

	memcpy(recipe->directory, "/tmp/neap-recipe-XXXXXX", sizeof("/tmp/neap-recipe-XXXXXX"));
	if (!mkdtemp(recipe->directory))
		return -1;
	recipe->timeout = 60;
	*state = recipe;
	return 0;
}

static inline int recipe_teardown(void **state)
{
	struct recipe *recipe = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", recipe->directory, (char *)NULL);
		_exit(127);
	}
	recipe_forget(recipe);
	waitpid(pid, &status, 0);
	free(recipe);
	return status;
}

static inline char *read_fd(int fd)
{
	char *text = calloc(1, 1 << 16);

	lseek(fd, 0, SEEK_SET);
	if (read(fd, text, (1 << 16) - 1) < 0)
		text[0] = '\0';
	return text;
}

/* stderr goes to a file from here; returns what capture_end() wants. */
static inline int capture_begin(int *ret_file)
{
	char path[] = "/tmp/neap-stderr-XXXXXX";
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	*ret_file = mkstemp(path);
	assert_true(*ret_file >= 0);
	unlink(path);
	dup2(*ret_file, STDERR_FILENO);
	return saved;
}

static inline char *capture_end(int saved, int file)
{
	char *text;

	dup2(saved, STDERR_FILENO);
	close(saved);
	text = read_fd(file);
	close(file);
	return text;
}

/* Evaluates `text` as site.lua. */
static inline int recipe_evaluate(struct recipe *recipe, const char *text)
{
	struct neap_recipe_options options = { .params = recipe->params,
					       .param_count = recipe->param_count,
					       .facts = recipe->facts,
					       .timeout = recipe->timeout,
					       .memory = recipe->memory };
	char path[64];

	recipe_forget(recipe);
	recipe_write(recipe, "site.lua", text);
	snprintf(path, sizeof(path), "%s/site.lua", recipe->directory);
	recipe->arena = neap_arena_new();
	recipe->problems = (struct neap_problems){ .arena = recipe->arena };
	assert_int_equal(neap_sources_open(recipe->arena, recipe->name ? recipe->name : path,
					   recipe->embedded, &recipe->sources, NULL),
			 0);
	recipe->graph = neap_graph_new(recipe->registry ? recipe->registry : &fixture_registry,
				       recipe->sources, &recipe->problems);
	options.sources = recipe->sources;
	recipe->result = neap_recipe_evaluate(&options, recipe->graph);
	return recipe->result;
}

static inline int recipe_run_file(struct recipe *recipe, const char *text)
{
	int file, saved = capture_begin(&file);

	recipe_evaluate(recipe, text);
	recipe->printed = capture_end(saved, file);
	return recipe->result;
}

/* The same with the usual first line; `body` begins on line 2. */
static inline int recipe_run(struct recipe *recipe, const char *body)
{
	char *text;
	int r;

	if (asprintf(&text, "local neap = require \"neap\"\n%s\n", body) < 0)
		abort();
	r = recipe_run_file(recipe, text);
	free(text);
	return r;
}

static inline void recipe_ok(struct recipe *recipe, const char *body)
{
	recipe_run(recipe, body);
	if (recipe->problems.errors.count)
		fail_msg("%s:%d: %s\nbody: %s", recipe->problems.errors.items[0].at.file,
			 recipe->problems.errors.items[0].at.line, recipe->problems.errors.items[0].message,
			 body);
	assert_int_equal(recipe->result, 0);
}

/* Printed with its final newline cut off. */
static inline void recipe_prints(struct recipe *recipe, const char *body, const char *expected)
{
	size_t len;

	recipe_ok(recipe, body);
	len = strlen(recipe->printed);
	if (len && recipe->printed[len - 1] == '\n')
		recipe->printed[len - 1] = '\0';
	if (strcmp(recipe->printed, expected) != 0)
		fail_msg("%s\nprinted:  %s\nexpected: %s", body, recipe->printed, expected);
}

static inline void error_is(const struct recipe *recipe, size_t index, const char *file, int line,
			    const char *message, const char *hint)
{
	const struct neap_problem *problem = &recipe->problems.errors.items[index];

	if (index >= recipe->problems.errors.count)
		fail_msg("there are %zu errors; expected: %s", recipe->problems.errors.count, message);
	if (problem->at.line != line || strcmp(problem->at.file, file) != 0 ||
	    strcmp(problem->message, message) != 0)
		fail_msg("%s:%d: %s\nexpected %s:%d: %s", problem->at.file, problem->at.line,
			 problem->message, file, line, message);
	if (hint) {
		assert_non_null(problem->hint);
		assert_string_equal(problem->hint, hint);
	}
}

/* Exactly one error, at line 2 of site.lua where the body begins. */
static inline void recipe_fails(struct recipe *recipe, const char *body, const char *message,
				const char *hint)
{
	assert_int_equal(recipe_run(recipe, body), -1);
	if (recipe->problems.errors.count != 1)
		fail_msg("%zu errors for: %s\nthe first: %s", recipe->problems.errors.count, body,
			 recipe->problems.errors.count ? recipe->problems.errors.items[0].message : "-");
	error_is(recipe, 0, "site.lua", 2, message, hint);
}

static inline const struct thing *thing(const struct recipe *recipe, size_t index)
{
	assert_true(index < recipe->graph->resources.count);
	return (const struct thing *)(const void *)recipe->graph->resources.items[index].want;
}

#define recipe_test(function) cmocka_unit_test_setup_teardown(function, recipe_setup, recipe_teardown)
