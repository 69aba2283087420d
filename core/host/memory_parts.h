/* What the files of the machine of tables share; private to memory*.c. */
#pragma once

#include "host/machine.h"

/* ---- memory_bytes.c ---- */

/* An errno. */
int neap_memory_bytes(const struct neap_content *content, struct neap_arena *arena, const char **ret,
		      size_t *ret_size);

/* ---- memory_firewall.c ---- */

/* The table, made when nobody has asked for it before; keys of `tables` lie in `arena`. */
struct neap_ruleset *neap_memory_ruleset(struct neap_map *tables, const struct neap_table *table,
					 struct neap_arena *arena);
void neap_memory_tables_free(struct neap_map *tables);
int neap_memory_rule_form(const struct neap_table *table, const struct neap_ruleset *set,
			  const struct neap_rule_wish *wish, struct neap_arena *arena,
			  struct neap_rule_form *ret, struct neap_error **err);
const char *neap_memory_firewall_name(const struct neap_view *view, enum neap_family family,
				      struct neap_arena *arena);
int neap_memory_land_firewall(struct neap_map *tables, const struct neap_change *change,
			      struct neap_arena *arena); /* an errno */
void neap_memory_put_rule(struct neap_ruleset *set, const char *chain, const char *rule, bool there);
