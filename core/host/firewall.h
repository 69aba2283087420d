/* What the hosts share of the packet filter; private to host/. */
#pragma once

#include "host/machine.h"

/* A number for each table of each family. */
#define NEAP_TABLES_MAX 16
size_t neap_table_number(const struct neap_table *table);
/* Makes the change in `set`; what iptables would refuse is an error. */
int neap_firewall_apply(struct neap_ruleset *set, const struct neap_table *table,
			enum neap_firewall_change change, const char *chain, const char *rule,
			struct neap_error **err);
/*
 * What is left to do of a change now that others have been at work too: a rule that has gone need not be
 * removed, a chain that is there not be made. `set` follows.
 */
bool neap_firewall_is_left(struct neap_ruleset *set, const struct neap_change *change);
/* An error unless the chain that a rule jumps to (NULL: none) is there. */
int neap_firewall_jump(const struct neap_table *table, const struct neap_ruleset *set, const char *jump,
		       struct neap_error **err);
