/*
 * From the parameter table of a type: validation of a value and its place in the want struct; texts for
 * people. The parameters that every type has are two tables more: require, before, notify and subscribe in
 * neap_common_params become edges; the rest in neap_meta, a type that nothing is declared of, fill a struct
 * neap_meta as others fill a want struct.
 */
#pragma once

#include "engine/resource.h"

enum neap_relation {
	NEAP_REQUIRE,   /* the other first */
	NEAP_BEFORE,    /* this first */
	NEAP_NOTIFY,    /* this first; a change here refreshes the other */
	NEAP_SUBSCRIBE, /* the other first; a change there refreshes this */
	NEAP_RELATIONS,
};
/* Indexed by neap_relation; kind is meaningless. */
extern const struct neap_param neap_common_params[NEAP_RELATIONS];

enum neap_meta_param {
	NEAP_META_ONLY_IF,
	NEAP_META_NOT_IF,
	NEAP_META_TAGS,
	NEAP_META_RETRIES,
	NEAP_META_DELAY,
	NEAP_META_NOOP,
	NEAP_META_PROTECT,
	NEAP_META_COUNT,
};
struct neap_meta {
	struct neap_want base;
	struct neap_strings only_if, not_if, tags; /* items NULL: not given */
	int64_t retries, delay;
	bool noop, protect;
};
extern const struct neap_resource_type neap_meta;

/* Index of a parameter of the type, or -1. */
int neap_schema_find(const struct neap_resource_type *type, const char *name);
/* What helps who gives a parameter that there is not: the type's own hint, or the nearest name; NULL:
 * nothing. */
const char *neap_schema_hint(const struct neap_resource_type *type, const char *name,
			     struct neap_arena *arena);
/* The nearest parameter name (common ones too) to a wrong one, or NULL. */
const char *neap_schema_nearest(const struct neap_resource_type *type, const char *name);
/* "a string", "one of \"present\", \"absent\"", "a mode such as \"0644\"" …: what the parameter takes. */
const char *neap_schema_takes(const struct neap_param *param, struct neap_arena *arena);

/* Where relative sources are looked up while a recipe is evaluated. */
struct neap_sources;
struct neap_schema_context {
	struct neap_arena *arena;
	struct neap_sources *sources;
	const char *directory; /* of the recipe file that declares: as neap_sources wants it */
};
/*
 * Checks `value` and stores it at its place in `want`, copied into the arena, and sets its bit. Strings are
 * copied. The error says what is wrong with the value, not where ("mode must be a string such as \"0644\",
 * not a number").
 */
int neap_schema_set(const struct neap_schema_context *ctx, const struct neap_resource_type *type,
		    unsigned param, const struct neap_value *value, struct neap_want *want,
		    struct neap_error **err);
