/*
 * The rules of one table of a packet filter, as iptables-save prints them: chains, and rules as text in the
 * form that iptables itself gives them. A value: read from text, changed here, compared. Opens nothing, and
 * knows of a rule no more than its words.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

struct neap_chain {
	const char *name;
	const char *policy; /* of a built-in chain; NULL: somebody has made it */
	NEAP_VEC(const char *) rules;
	struct neap_map counts; /* rule → how often it is there */
};

struct neap_ruleset {
	struct neap_arena *arena;
	NEAP_VEC(struct neap_chain *) chains; /* as printed; NULL: gone */
	struct neap_map names;                /* → chain */
};

/* The tables there are: name and built-in chains, ended by one without a name. */
struct neap_table_kind {
	const char *name;
	const char *const *chains; /* NULL-terminated */
};
extern const struct neap_table_kind neap_table_kinds[];
bool neap_table_has(const char *table, const char *chain); /* built in */

/* With the built-in chains of `table`, each empty and with the policy ACCEPT. */
struct neap_ruleset *neap_ruleset_new(const char *table);
void neap_ruleset_free(struct neap_ruleset *set);
struct neap_ruleset *neap_ruleset_copy(const struct neap_ruleset *set);
/* What iptables-save has printed of `table`. A text that says less than all of the table is an error: it must
 * never be taken for rules that are not there. */
int neap_ruleset_parse(struct neap_str text, const char *table, struct neap_ruleset **ret,
		       struct neap_error **err);

/* NULL: there is none. */
struct neap_chain *neap_ruleset_chain(const struct neap_ruleset *set, const char *name);
struct neap_chain *neap_ruleset_make(struct neap_ruleset *set, const char *name, const char *policy);
void neap_ruleset_drop(struct neap_ruleset *set, const char *name);
/* Whether a rule of the table jumps to the chain. */
bool neap_ruleset_refers(const struct neap_ruleset *set, const char *name);

size_t neap_chain_count(const struct neap_chain *chain, const char *rule);
/* The first place of the rule, or the number of rules. */
size_t neap_chain_find(const struct neap_chain *chain, const char *rule);
/* The rule is copied. */
void neap_chain_insert(struct neap_ruleset *set, struct neap_chain *chain, size_t at, const char *rule);
void neap_chain_remove(struct neap_chain *chain, size_t at);

/*
 * The next word of a rule as iptables-restore takes it apart: blanks separate, a double quote begins and ends
 * what they do not, and in it a backslash takes the next character as it is. 1: a word, in `ret`; 0: no more;
 * negative: a quote is not closed.
 */
int neap_rule_word(struct neap_str *rest, struct neap_buf *ret);
/* Where the rule goes when it fits, in `arena`: what follows -j or -g; NULL: nowhere. */
const char *neap_rule_target(const char *rule, struct neap_arena *arena);
