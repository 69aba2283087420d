/*
 * Recipes of resources drawn at random from snippets, as a site would write them. In a snippet {a|b|c} is one
 * of these at random, "@ " a `require` of what was declared before, or nothing, and "~ " a `subscribe`.
 */
#pragma once

#include "engine/graph.h"
#include "engine/problem.h"
#include "tests/support/world.h"

/* Adds `count` resources to the recipe: r[1] = neap.…, r[2] = … */
void neap_test_draw(struct world_random *random, const char *const *snippets, size_t snippet_count,
		    unsigned count, struct neap_buf *ret);
/* directory/site.lua */
void neap_test_write(const char *directory, const struct neap_buf *text);

struct neap_test_recipe {
	struct neap_arena *arena;
	struct neap_problems problems;
	struct neap_sources *sources;
	struct neap_graph *graph; /* NULL: refused */
};
void neap_test_evaluate(const char *directory, struct neap_test_recipe *ret);
void neap_test_recipe_done(struct neap_test_recipe *recipe);
