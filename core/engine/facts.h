/*
 * neap.facts: what recipes know of the machine. One table says which facts there are; `neap doc`, the
 * reference, the annotations for editors and the check of --facts FILE come from it.
 *
 * Facts are read once, before what depends on them, and only those that somebody asks for: then they are in
 * the plan. A file given with --facts replaces all of them, and may hold others, those of a site.
 *
 * To who walks them they are a tree: branches ("os") and leaves ("os.id"). Opens nothing: whoever makes the
 * tree says how a machine is asked.
 */
#pragma once

#include "engine/problem.h"
#include "host/facts.h"

enum neap_fact_kind {
	NEAP_FACT_STRING,
	NEAP_FACT_INTEGER,
	NEAP_FACT_STRINGS,
	NEAP_FACT_INTERFACE_MAP, /* name → { addresses = strings, mac = string or not there } */
};

struct neap_fact_info {
	const char *name; /* "os.id" */
	enum neap_fact_kind kind;
	bool optional; /* nil for a machine that has none; of the others that is an error */
	const char *doc;
};
extern const struct neap_fact_info neap_facts_known[NEAP_FACT_COUNT];

/* neap_facts_ask() of some machine. */
typedef int neap_facts_ask_fn(void *ctx, enum neap_fact fact, struct neap_arena *arena,
			      struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err);

struct neap_facts;
struct neap_facts *neap_facts_new(neap_facts_ask_fn *ask, void *ctx); /* NULL: a machine without facts */
void neap_facts_free(struct neap_facts *facts);                       /* NULL is allowed */

/* The text of --facts FILE, JSON or YAML: no machine is asked any more. What is wrong with it goes to
 * `problems`; then -1. */
#define NEAP_FACTS_FILE_MAX ((size_t)1 << 20)
int neap_facts_replace(struct neap_facts *facts, const char *shown, struct neap_str text,
		       struct neap_problems *problems);

/* ---- the tree ---------------------------------------------------------------------------------------- */

struct neap_facts_node {
	struct neap_str key;
	struct neap_facts_node *parent; /* NULL: the root */
	enum {
		NEAP_FACTS_UNASKED,
		NEAP_FACTS_NONE, /* the machine has none, see why */
		NEAP_FACTS_LEAF,
		NEAP_FACTS_BRANCH,
	} state;
	bool used;                        /* a leaf, or all of a branch */
	struct neap_value value;          /* LEAF */
	const char *why;                  /* NONE */
	struct neap_facts_node *children; /* BRANCH: sorted by key */
	size_t count;
	/* private */
	enum neap_fact fact;               /* UNASKED */
	const struct neap_value *unopened; /* what the children will be made of */
};

struct neap_facts_node *neap_facts_root(struct neap_facts *facts);
/* Asks for it, unless that was done before; a branch has its children afterwards, which are not asked for. */
int neap_facts_open(struct neap_facts *facts, struct neap_facts_node *node, struct neap_error **err);
/* One of what is below a branch, opened. *ret NULL: optional, and the machine has none. The error says what
 * was probably meant. */
int neap_facts_step(struct neap_facts *facts, struct neap_facts_node *branch, struct neap_str key,
		    struct neap_facts_node **ret, struct neap_error **err);
/* All of a node as one value; what is missing is asked for. The value is good as long as `arena` and the
 * facts are. */
int neap_facts_value(struct neap_facts *facts, struct neap_facts_node *node, struct neap_arena *arena,
		     struct neap_value *ret, struct neap_error **err);
/* What was used, as a map: given to --facts, it does for the same recipe. */
struct neap_value neap_facts_used(struct neap_facts *facts, struct neap_arena *arena);
/* "os.id", in `arena`. */
const char *neap_facts_name(const struct neap_facts_node *node, struct neap_arena *arena);
