/*
 * What an apply must have done, worked out from the world alone and told from what the machine holds before
 * and after: a plan and an apply that tell the same lie refine each other well, and only this finds them.
 */
#pragma once

#include "engine/run.h"
#include "tests/support/world.h"

struct truth; /* the machine before */

struct truth *truth_before(const struct world *world, const struct neap_view *view, struct neap_arena *arena);
/* NULL, or what is wrong, and with which resource: the parts of a run that need no machine. */
const char *truth_of_run(const struct world *world, const struct neap_run *run, unsigned *ret_number);
/* The same for what an apply of all that was wanted has done. */
const char *truth_of_apply(const struct truth *before, const struct neap_run *apply,
			   const struct neap_view *after, unsigned *ret_number);
/* Resources that stand on `number`, directly or not, as bits. */
uint32_t truth_below(const struct neap_graph *graph, uint32_t number);
/* Whether nobody but `number` works at its path, so that what is there is its doing. */
bool truth_alone(const struct world *world, unsigned number);
