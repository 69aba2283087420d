/* What the types of the packet filter share: names, and how their resources stand to each other. */
#pragma once

#include "engine/resource.h"

#define NEAP_RULE_MAX 8000 /* bytes; iptables-restore takes lines of 10 KB */

extern const char *const neap_family_choices[]; /* by enum neap_family */
extern const char *const neap_table_choices[];

/* Errors of the recipe. */
int neap_chain_check(const char *param, const char *name, struct neap_error **err);
int neap_rule_check(const char *rule, struct neap_error **err);

/* A rule lies in its chain: after who makes that, before who removes it. So does its jump to another. */
void neap_rule_claim(struct neap_claims *claims, const struct neap_table *table, const char *chain,
		     const char *rule, bool absent);

/* What a path of the packet filter stands for, for people: "the chain INPUT of the table filter (ipv6)". Any
 * other path: itself. */
const char *neap_firewall_named(const char *path, struct neap_arena *arena);
/* "chain KUBE of table nat (ipv6)" */
const char *neap_chain_named(const struct neap_table *table, const char *chain, struct neap_arena *arena);
int neap_chain_missing(const struct neap_table *table, const char *chain, struct neap_error **err);
