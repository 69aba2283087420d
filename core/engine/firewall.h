/* What the types of the packet filter share: names, and how their resources stand to each other. */
#pragma once

#include "engine/resource.h"

#define NEAP_RULE_MAX 8000 /* bytes; iptables-restore takes lines of 10 KB */

extern const char *const neap_family_choices[]; /* by enum neap_family */
extern const char *const neap_table_choices[];

/* The parameters FAMILY and TABLE of a type, whose want struct has `family` and `table` as unsigned. */
#define NEAP_TABLE_PARAMS(want)                                                                              \
	[FAMILY] = { .name = "family",                                                                       \
		     .kind = NEAP_PARAM_CHOICE,                                                              \
		     .flags = NEAP_PARAM_KEY,                                                                \
		     .doc = "IPv4 or IPv6: their rules are apart.",                                          \
		     .choices = neap_family_choices,                                                         \
		     .offset = offsetof(want, family) },                                                     \
	[TABLE] = { .name = "table",                                                                         \
		    .kind = NEAP_PARAM_CHOICE,                                                               \
		    .flags = NEAP_PARAM_KEY,                                                                 \
		    .doc = "The table it is in.",                                                            \
		    .choices = neap_table_choices,                                                           \
		    .offset = offsetof(want, table) }

/* Errors of the recipe. */
int neap_chain_check(const char *param, enum neap_family family, const char *name, struct neap_error **err);
int neap_rule_check(const char *rule, struct neap_error **err);

/* A rule lies in its chain: after who makes that, before who removes it. So does its jump to another. The
 * arena is for what does not last. */
void neap_rule_claim(struct neap_claims *claims, const struct neap_table *table, const char *chain,
		     const char *rule, bool absent, struct neap_arena *arena);

/* What a path of the packet filter stands for, for people: "the chain INPUT of the table filter (ipv6)". Any
 * other path: itself. */
const char *neap_firewall_named(const char *path, struct neap_arena *arena);
/* How what lies at `path` stands to what is at `above`: it "is in" a chain, or "jumps to" it; of any other
 * paths it "lies below". */
const char *neap_firewall_stands(const char *path, const char *above);
/* "chain KUBE of table nat (ipv6)" */
const char *neap_chain_named(const struct neap_table *table, const char *chain, struct neap_arena *arena);
/* "INPUT" for "input": the built-in chain that may be meant; NULL: none, or it is one. */
const char *neap_chain_meant(const struct neap_table *table, const char *name);
/* The table in which a chain of this name is built in; NULL: none. */
const char *neap_chain_elsewhere(const char *name);
int neap_chain_missing(const struct neap_table *table, const char *chain, struct neap_error **err);
