/*
 * Expressions, for value.c and the writers of documents; everybody else goes through base/value.h.
 * Parts may be shared (`s .. s`), so an expression is a graph: nothing here visits a part twice, but eval.
 */
#pragma once

#include "base/map.h"
#include "base/value.h"

bool neap_expr_equal(const struct neap_expr *a, const struct neap_expr *b);
bool neap_expr_has_secret(const struct neap_expr *expr);
/* A deep copy that shares what was shared. `done` maps originals to copies; zero before the first call; its
 * keys point into the originals. */
const struct neap_expr *neap_expr_copy(struct neap_arena *arena, const struct neap_expr *expr,
				       struct neap_map *done);
