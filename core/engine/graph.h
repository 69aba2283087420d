/*
 * The graph: resources as declared, edges with their reasons, and the order they run in.
 *
 * Filled by a loader (lua/): begin, set parameters, relate, end, for each resource; then finish once, which
 * resolves addresses, finds two owners of one thing, makes the edges between parents and children, and sorts.
 * Everything wrong is collected in problems; a graph with errors is never run.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/secrets.h"
#include "base/value.h"
#include "base/vec.h"
#include "engine/problem.h"
#include "engine/registry.h"
#include "engine/resource.h"
#include "engine/schema.h"

enum neap_why { /* of an edge */
		NEAP_WHY_REQUIRE,
		NEAP_WHY_BEFORE,
		NEAP_WHY_NOTIFY,
		NEAP_WHY_SUBSCRIBE,
		NEAP_WHY_REFERENCE,
		NEAP_WHY_AUTOREQUIRE,
};
const char *neap_why_name(enum neap_why why);

/* Node numbers: resources 0 … resource_count-1 in order of declaration, then join nodes. */
struct neap_edge {
	uint32_t from, to; /* from runs first */
	enum neap_why why;
	bool refresh;            /* a change of `from` refreshes `to` */
	struct neap_position at; /* where it was said */
};

struct neap_deferred { /* a parameter that names outputs */
	unsigned param;
	const struct neap_expr *expr;
};

struct neap_resource {
	const struct neap_resource_type *type;
	uint32_t index;
	const char *address; /* "file[/etc/motd]", secrets masked */
	const char *name;    /* the part in brackets */
	struct neap_position at;
	struct neap_want *want;
	struct neap_meta *meta; /* NULL: nothing of it is given */
	struct neap_deferred *deferred;
	size_t deferred_count;
};

/* A list given to require & co. is one node, so that N resources requiring M make N+M edges. */
struct neap_join {
	const char *name; /* "j1" */
};

struct neap_graph {
	struct neap_arena *arena;
	struct neap_problems *problems;
	const struct neap_registry *registry;
	NEAP_VEC(struct neap_resource) resources;
	NEAP_VEC(struct neap_join) joins;
	NEAP_VEC(struct neap_edge) edges; /* after finish: sorted by `to`, then `from`; equal ones once */
	struct neap_map by_address;       /* struct neap_resource index + 1 */
	struct neap_map owned;            /* normalised paths claimed, see neap_graph_owns() */
	struct neap_map accounts[2];      /* names of users and groups that somebody makes or removes */
	struct neap_schema_context schema;
	struct neap_secrets *secrets; /* that the recipe has made, whatever became of them */
	/* after finish */
	uint32_t *order; /* all nodes, topological, ties by declaration */
	/* By place in the order: so many from here on are of one type that is changed together, and stand on
	 * the same; 1 for every other place. */
	uint32_t *together;
	size_t node_count;
	uint32_t *in_first,
		*out_first;  /* node n: edges [in_first[n], in_first[n+1]) by `to`; out: via out_edges */
	uint32_t *out_edges; /* edge numbers sorted by `from` */
	struct neap_graph_build *build; /* private until finish */
	/* What the types live in that the loader has made itself, or NULL; freed before the graph. */
	void *loader;
	void (*loader_free)(void *loader);
};

struct neap_graph *neap_graph_new(const struct neap_registry *registry, struct neap_sources *sources,
				  struct neap_problems *problems);
void neap_graph_free(struct neap_graph *graph);

/* ---- building ---------------------------------------------------------------------------------------- */

/* A new resource of `type`; *number is its node. `directory`: for relative sources. */
uint32_t neap_graph_begin(struct neap_graph *graph, const struct neap_resource_type *type,
			  struct neap_position at, const char *directory);
/* Problems go to graph->problems with the resource's place; an NEAP_EXPRESSION is kept as deferred (only
 * TEXT, STRING, PATH … that are not KEY). */
void neap_graph_set(struct neap_graph *graph, uint32_t resource, unsigned param,
		    const struct neap_value *value);
/* As set(), for a NEAP_PARAM_RESOURCE that is a handle: the other resource comes first. */
void neap_graph_set_resource(struct neap_graph *graph, uint32_t resource, unsigned param, uint32_t other);
/* As set(), for one of neap_meta's parameters. */
void neap_graph_set_meta(struct neap_graph *graph, uint32_t resource, unsigned param,
			 const struct neap_value *value);
/* As set(), for a value that could not be converted: takes the error. The parameter counts as given. */
void neap_graph_set_wrong(struct neap_graph *graph, uint32_t resource, unsigned param,
			  struct neap_error **err);
void neap_graph_set_unknown(struct neap_graph *graph, uint32_t resource, const char *wrong_name);
struct neap_target {
	uint32_t resource;   /* or … */
	const char *address; /* … not NULL: found at finish */
};
void neap_graph_relate(struct neap_graph *graph, uint32_t resource, enum neap_relation relation,
		       const struct neap_target *targets, size_t count);
/* Required parameters, address, duplicates. */
void neap_graph_end(struct neap_graph *graph, uint32_t resource);

/* 0, or -1 when problems has errors (also earlier ones). */
int neap_graph_finish(struct neap_graph *graph);

/* ---- reading ----------------------------------------------------------------------------------------- */

/* Whether a resource owns `path` or something below it. */
bool neap_graph_owns(const struct neap_graph *graph, const char *path);
/* The names by which something in `directory`, when it is there, may be somebody's: *at starts at 0, NULL at
 * the end. */
const char *neap_graph_anywhere(const struct neap_graph *graph, const char *directory, size_t *at);
/* Whether a resource claims `path` with all that is below it; whether any claims any path so. */
bool neap_graph_owns_tree(const struct neap_graph *graph, const char *path);
bool neap_graph_has_trees(const struct neap_graph *graph);
/* Whether a resource makes or removes the account: MAKES or REMOVES, not the ELSE of these. */
bool neap_graph_accounts(const struct neap_graph *graph, enum neap_account_kind kind, const char *name);
/* Whether several resources, which do not stand on each other, change entries of the file. */
bool neap_graph_is_shared(const struct neap_graph *graph, const char *path);
/* Whether what lies there is made by the first of those who want it. */
bool neap_graph_is_common(const struct neap_graph *graph, const char *path);
/* Somebody who claims `path` while `resource` does not, or NULL: a change there would be another's. */
const struct neap_resource *neap_graph_other_owner(const struct neap_graph *graph, uint32_t resource,
						   const char *path);
/* Hex digest over every resource's type, parameters (secrets not at all), and the edges. */
void neap_graph_digest(const struct neap_graph *graph, char ret[NEAP_DIGEST_HEX_SIZE]);
