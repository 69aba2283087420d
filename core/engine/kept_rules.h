/*
 * What resources of the packet filter keep for the boot: lines of iptables-restore, each behind the number by
 * which neap's unit sorts those of a table.
 */
#pragma once

#include "engine/firewall.h"
#include "engine/kept.h"

struct neap_kept_rules {
	unsigned persist; /* enum neap_persist */
	bool absent;      /* the resource shall be */
	struct neap_table table;
	const char *chain;
	/* Of a chain: */
	bool whole;                /* it is one, with all these rules; else one rule */
	const char *policy;        /* or NULL */
	bool alone;                /* it has no others' rules */
	bool last;                 /* they have their turn before it */
	struct neap_strings rules; /* of one rule: that */
	/* Of a rule: */
	bool first;    /* at the beginning of the chain */
	size_t number; /* so many that are kept come before it in its chain */
};

/* How many resources of the type have their turn before this one and the same key; those that `key_of` gives
 * none (NULL) are not counted. All are counted once for the memo of the context. O(N log N) for all of them.
 */
typedef const char *neap_kept_rules_key(const void *want, struct neap_arena *arena);
size_t neap_kept_rules_number(const struct neap_context *ctx, const void *want, neap_kept_rules_key *key_of);

/* What the boot could not make of a rule is an error of the recipe. */
int neap_kept_rules_check(const struct neap_kept_rules *rules, struct neap_error **err);
void neap_kept_rules_claim(const struct neap_kept_rules *rules, struct neap_claims *claims,
			   struct neap_arena *arena);
/* A chain that is not kept, in which a rule is or to which one jumps, is an error: the table would not load.
 */
int neap_kept_rules_read(const struct neap_view *view, const struct neap_context *ctx,
			 const struct neap_kept_rules *rules, struct neap_kept_state *ret,
			 struct neap_error **err);
/* What is there is not known: all of it. */
int neap_kept_rules_make(struct neap_host *host, struct neap_arena *arena,
			 const struct neap_kept_rules *rules, struct neap_error **err);
