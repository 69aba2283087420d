/* A few resource types without a machine, and short ways to declare resources of them: for the tests of the
 * graph and of claims. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/graph.h"

enum { PATH, ENSURE, CONTENT, MODE, TARGET, MATCH, PATH_PARAMS };
struct path_want { /* file, directory, link, attributes */
	struct neap_want base;
	const char *path, *target;
	unsigned ensure;
	struct neap_text content;
	uint32_t mode;
	struct neap_pattern match;
};
static const char *const ensure_choices[] = { "present", "absent", NULL };
static const struct neap_param path_params[PATH_PARAMS] = {
	[PATH] = { "path", NEAP_PARAM_PATH, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		   .offset = offsetof(struct path_want, path) },
	[ENSURE] = { "ensure", NEAP_PARAM_CHOICE, 0, .choices = ensure_choices,
		     .offset = offsetof(struct path_want, ensure) },
	[CONTENT] = { "content", NEAP_PARAM_TEXT, NEAP_PARAM_SECRET,
		      .offset = offsetof(struct path_want, content) },
	[MODE] = { "mode", NEAP_PARAM_MODE, 0, .offset = offsetof(struct path_want, mode) },
	[TARGET] = { "target", NEAP_PARAM_STRING, 0, .offset = offsetof(struct path_want, target) },
	[MATCH] = { "match", NEAP_PARAM_REGEX, 0, .offset = offsetof(struct path_want, match) },
};

static inline int path_check(const void *wanted, struct neap_error **err)
{
	const struct path_want *want = wanted;

	if (neap_given(want, CONTENT) && neap_given(want, TARGET))
		return neap_error_set(err, "content and target contradict each other");
	return 0;
}

static inline void file_claim(const void *wanted, struct neap_claims *claims)
{
	const struct path_want *want = wanted;
	unsigned aspects = NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_ATTRIBUTES;
	char path[5000]; /* claims keep no pointer of a type's */

	if (neap_given(want, CONTENT))
		aspects |= NEAP_ASPECT_CONTENT;
	snprintf(path, sizeof path, "%s", want->path);
	neap_claim_path(claims, path, aspects, want->ensure == 1);
	memset(path, 'x', sizeof path);
}

static inline void attributes_claim(const void *wanted, struct neap_claims *claims)
{
	neap_claim_path(claims, ((const struct path_want *)wanted)->path, NEAP_ASPECT_ATTRIBUTES, false);
}

enum { LINE_PATH, LINE_LINE, LINE_MATCH, LINE_PARAMS };
struct line_want {
	struct neap_want base;
	const char *path;
	struct neap_text line;
	const char *match;
};
static const struct neap_param line_params[LINE_PARAMS] = {
	[LINE_PATH] = { "path", NEAP_PARAM_PATH, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
			.offset = offsetof(struct line_want, path) },
	[LINE_LINE] = { "line", NEAP_PARAM_TEXT, NEAP_PARAM_KEY | NEAP_PARAM_SECRET,
			.offset = offsetof(struct line_want, line) },
	[LINE_MATCH] = { "match", NEAP_PARAM_STRING, NEAP_PARAM_KEY | NEAP_PARAM_KEY_ELSE,
			 .offset = offsetof(struct line_want, match) },
};
static inline void line_claim(const void *wanted, struct neap_claims *claims)
{
	const struct line_want *want = wanted;

	neap_claim_part(claims, want->path, neap_given(want, LINE_LINE) ? want->line.data : "", NULL);
}

enum { NAME, NAME_PARAMS };
struct name_want {
	struct neap_want base;
	const char *name;
};
static const struct neap_param name_params[NAME_PARAMS] = {
	[NAME] = { "name", NEAP_PARAM_STRING, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		   .offset = offsetof(struct name_want, name) },
};
static inline int refresh(struct neap_host *host, const struct neap_context *ctx, const void *want,
			  struct neap_error **err)
{
	(void)host, (void)ctx, (void)want, (void)err;
	return 0;
}

#define PATH_TYPE(name_, claim_)                                                                             \
	{                                                                                                    \
		.name = name_, .params = path_params, .param_count = PATH_PARAMS,                            \
		.want_size = sizeof(struct path_want), .check = path_check, .claim = claim_                  \
	}
static const struct neap_resource_type type_attributes = PATH_TYPE("attributes", attributes_claim);
static const struct neap_resource_type type_directory = PATH_TYPE("directory", file_claim);
static const struct neap_resource_type type_file = PATH_TYPE("file", file_claim);
static const struct neap_resource_type type_link = PATH_TYPE("link", file_claim);
static const struct neap_resource_type type_line = { .name = "line",
						     .params = line_params,
						     .param_count = LINE_PARAMS,
						     .want_size = sizeof(struct line_want),
						     .claim = line_claim };
static const struct neap_resource_type type_service = { .name = "service",
							.params = name_params,
							.param_count = NAME_PARAMS,
							.want_size = sizeof(struct name_want),
							.refresh = refresh };
static const struct neap_resource_type *const all_types[] = {
	&type_attributes, &type_directory, &type_file, &type_line, &type_link, &type_service, NULL
};
static const struct neap_registry all = { all_types };

struct fixture {
	struct neap_problems problems;
	struct neap_graph *graph;
};

static inline int setup(void **state)
{
	struct fixture *f = neap_alloc(sizeof *f);

	*f = (struct fixture){ .problems.arena = neap_arena_new() };
	f->graph = neap_graph_new(&all, NULL, &f->problems);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	neap_graph_free(f->graph);
	neap_arena_free(f->problems.arena);
	neap_vec_done(&f->problems.errors);
	neap_vec_done(&f->problems.warnings);
	free(f);
	return 0;
}

static inline uint32_t begin(struct fixture *f, const struct neap_resource_type *type, int line)
{
	return neap_graph_begin(f->graph, type, (struct neap_position){ "site.lua", line }, "");
}

static inline void set(struct fixture *f, uint32_t resource, const char *param, struct neap_value value)
{
	int index = neap_schema_find(f->graph->resources.items[resource].type, param);

	if (index < 0)
		neap_graph_set_unknown(f->graph, resource, param);
	else
		neap_graph_set(f->graph, resource, (unsigned)index, &value);
}

/* Pairs of parameter and string, then NULL. Ended. */
static inline uint32_t declare(struct fixture *f, const struct neap_resource_type *type, int line, ...)
{
	uint32_t resource = begin(f, type, line);
	const char *param;
	va_list args;

	va_start(args, line);
	while ((param = va_arg(args, const char *)))
		set(f, resource, param, neap_value_string(va_arg(args, const char *)));
	va_end(args);
	neap_graph_end(f->graph, resource);
	return resource;
}

static inline uint32_t service(struct fixture *f, int line, const char *name)
{
	return declare(f, &type_service, line, "name", name, NULL);
}

static inline void relate(struct fixture *f, uint32_t resource, enum neap_relation relation, uint32_t to)
{
	struct neap_target target = { to, NULL };

	neap_graph_relate(f->graph, resource, relation, &target, 1);
}

static inline void relate_address(struct fixture *f, uint32_t resource, enum neap_relation relation,
				  const char *address)
{
	struct neap_target target = { 0, address };

	neap_graph_relate(f->graph, resource, relation, &target, 1);
}

static inline void relate_list(struct fixture *f, uint32_t resource, enum neap_relation relation,
			       const uint32_t *to, size_t count)
{
	struct neap_target *targets = neap_alloc((count + 1) * sizeof *targets);
	size_t i;

	for (i = 0; i < count; i++)
		targets[i] = (struct neap_target){ to[i], NULL };
	neap_graph_relate(f->graph, resource, relation, targets, count);
	free(targets);
}

static inline void finish_good(struct fixture *f)
{
	int r = neap_graph_finish(f->graph);

	if (r < 0)
		fail_msg("%s", f->problems.errors.items[0].message);
}

/* "line: address: message (hint)\n" of every error. */
static inline const char *finish_bad(struct fixture *f)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	size_t i;

	assert_int_equal(neap_graph_finish(f->graph), -1);
	for (i = 0; i < f->problems.errors.count; i++) {
		const struct neap_problem *problem = &f->problems.errors.items[i];

		neap_buf_printf(&text, "%d: %s: %s", problem->at.line,
				problem->address ? problem->address : "-", problem->message);
		if (problem->hint)
			neap_buf_printf(&text, " (%s)", problem->hint);
		neap_buf_putc(&text, '\n');
	}
	return neap_arena_copy(f->problems.arena, text.data, text.len);
}

/* "a<b require 3" for every edge that is left, by target. */
static inline const char *edges(struct fixture *f)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const struct neap_graph *graph = f->graph;
	size_t i;

	for (i = 0; i < graph->edges.count; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		const uint32_t nodes[] = { edge->from, edge->to };
		int j;

		for (j = 0; j < 2; j++) {
			if (nodes[j] < graph->resources.count)
				neap_buf_puts(&text, graph->resources.items[nodes[j]].address);
			else
				neap_buf_puts(&text,
					      graph->joins.items[nodes[j] - graph->resources.count].name);
			neap_buf_puts(&text, j ? " " : " < ");
		}
		neap_buf_printf(&text, "%s%s %d\n", neap_why_name(edge->why), edge->refresh ? "!" : "",
				edge->at.line);
	}
	return neap_arena_copy(f->problems.arena, text.data ? text.data : "", text.len);
}

/* Names of the nodes in the order they run in. */
static inline const char *order(struct fixture *f)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const struct neap_graph *graph = f->graph;
	size_t i;

	assert_non_null(graph->order);
	for (i = 0; i < graph->node_count; i++) {
		uint32_t node = graph->order[i];

		neap_buf_printf(&text, "%s%s", i ? " " : "",
				node < graph->resources.count
					? graph->resources.items[node].name
					: graph->joins.items[node - graph->resources.count].name);
	}
	return neap_arena_copy(f->problems.arena, text.data ? text.data : "", text.len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
