/* The overlay's copy of the packet filter; private to overlay*.c. */
#pragma once

#include "host/host.h"

struct neap_overlay_firewall;

struct neap_overlay_firewall *neap_overlay_firewall_new(void);
void neap_overlay_firewall_free(struct neap_overlay_firewall *firewall);
/* A step begins; what it did is taken back; nothing is held any more. */
void neap_overlay_firewall_begin(struct neap_overlay_firewall *firewall);
void neap_overlay_firewall_undo(struct neap_overlay_firewall *firewall);
void neap_overlay_firewall_forget(struct neap_overlay_firewall *firewall);

int neap_overlay_ruleset(const struct neap_view *view, const struct neap_table *table,
			 const struct neap_ruleset **ret, struct neap_error **err);
int neap_overlay_rule_absent(const struct neap_view *view, const struct neap_table *table, const char *chain,
			     const char *rule);
void neap_overlay_rule_wanted(const struct neap_view *view, const struct neap_table *table, const char *chain,
			      const char *rule, bool wanted);
int neap_overlay_rule_form(const struct neap_view *view, const struct neap_table *table,
			   const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			   const struct neap_rule_others *others, struct neap_arena *arena,
			   struct neap_rule_form *ret, struct neap_error **err);
const char *neap_overlay_firewall_name(const struct neap_view *view, enum neap_family family,
				       struct neap_arena *arena);
int neap_overlay_firewall(struct neap_host *host, const struct neap_table *table,
			  enum neap_firewall_change change, const char *chain, const char *rule,
			  struct neap_error **err);
