/*
 * What takes changes back, as lines of text that outlive neap: written before the changes are made, from what
 * is there then; read when they are to be taken back, against what is there by then. What others have changed
 * meanwhile is left as it is. Private to host/.
 *
 * Each line is a word, blanks, and what the word says; each part knows its own words.
 */
#pragma once

#include "host/firewall.h"
#include "host/local.h"

/* ---- inverse_firewall.c: rules of one table. It knows no machine -------------------------------------- */

/* The lines for `changes`, all of the table of the first, in the order in which they will be made. */
void neap_inverse_firewall(const struct neap_ruleset *before, const struct neap_change *const *changes,
			   size_t count, struct neap_buf *lines);

enum neap_inverse_op {
	NEAP_INVERSE_MAKE,
	NEAP_INVERSE_DROP,
	NEAP_INVERSE_POLICY,
	NEAP_INVERSE_INSERT,
	NEAP_INVERSE_REMOVE,
};
struct neap_inverse_step {
	enum neap_inverse_op op;
	const char *chain, *rule; /* POLICY: `rule` is the policy */
	size_t at;                /* INSERT: before this one, from 0 on */
};
struct neap_inverse_rules {
	struct neap_table table;
	NEAP_VEC(struct neap_inverse_step) steps;
	struct neap_buf left; /* what cannot be taken back, a line each */
	struct neap_arena *arena;
};
/* Of the lines of one table ("firewall …" first) the steps to take now; `now` becomes what they lead to. */
int neap_inverse_rules(struct neap_str lines, struct neap_ruleset *now, struct neap_arena *arena,
		       struct neap_inverse_rules *ret, struct neap_error **err);
/* The table of such lines. */
int neap_inverse_table(struct neap_str lines, struct neap_arena *arena, struct neap_table *ret,
		       struct neap_error **err);
/* Takes the step in a set. */
void neap_inverse_step(struct neap_ruleset *set, const struct neap_inverse_step *step);

/* ---- inverse_net*.c, inverse_neighbours.c: the network of the real machine ---------------------------- */

int neap_inverse_net(struct neap_local *local, const struct neap_change *const *changes, size_t count,
		     struct neap_buf *lines, struct neap_error **err);
/* Takes back what the lines say; `left`: what could not be, a line each. */
void neap_inverse_net_undo(struct neap_local *local, struct neap_str lines, struct neap_buf *left);

/* The next word of a line; empty at its end. */
struct neap_str neap_inverse_word(struct neap_str *rest);
