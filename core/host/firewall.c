/*
 * The functions of host.h about the packet filter, and what all hosts mean by its changes. Knows no
 * particular host.
 */
#include "host/firewall.h"

#include <errno.h>

const char *neap_firewall_path(const struct neap_table *table, const char *chain, struct neap_arena *arena)
{
	static const char *const roots[] = { [NEAP_FAMILY_IPV4] = NEAP_FIREWALL_ROOT "/ipv4/",
					     [NEAP_FAMILY_IPV6] = NEAP_FIREWALL_ROOT "/ipv6/" };
	struct neap_buf path NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&path, roots[table->family]);
	neap_buf_puts(&path, table->name);
	if (chain) {
		neap_buf_putc(&path, '/');
		neap_buf_puts(&path, chain);
	}
	return neap_arena_copy(arena, path.data, path.len);
}

const char *neap_view_firewall_name(const struct neap_view *view, enum neap_family family,
				    struct neap_arena *arena)
{
	return view->reads->firewall_name(view, family, arena);
}

static int absent(const struct neap_view *view, const struct neap_table *table, const char *chain,
		  const char *rule)
{
	return view->reads->rule_absent ? view->reads->rule_absent(view, table, chain, rule) : 0;
}

int neap_view_chain(const struct neap_view *view, const struct neap_table *table, const char *name,
		    const struct neap_chain **ret, struct neap_error **err)
{
	const struct neap_ruleset *set;
	const struct neap_chain *chain;
	int r = view->reads->ruleset(view, table, &set, err);

	if (r != 0)
		return r;
	chain = neap_ruleset_chain(set, name);
	r = chain ? 0 : absent(view, table, name, NULL);
	if (r == 0)
		*ret = chain;
	return r;
}

int neap_view_rule(const struct neap_view *view, const struct neap_table *table, const char *name,
		   const char *rule, bool wanted, size_t *ret, struct neap_error **err)
{
	const struct neap_ruleset *set;
	const struct neap_chain *chain;
	size_t count;
	int r = view->reads->ruleset(view, table, &set, err);

	if (r != 0)
		return r;
	if (view->reads->rule_wanted)
		view->reads->rule_wanted(view, table, name, rule, wanted);
	chain = neap_ruleset_chain(set, name);
	count = chain ? neap_chain_count(chain, rule) : 0;
	r = count ? 0 : absent(view, table, name, rule);
	if (r == 0)
		*ret = count;
	return r;
}

int neap_view_rule_form(const struct neap_view *view, const struct neap_table *table,
			const struct neap_rule_wish *wish, const struct neap_rule_others *others,
			struct neap_arena *arena, struct neap_rule_form *ret, struct neap_error **err)
{
	const struct neap_ruleset *set;
	int r = view->reads->ruleset(view, table, &set, err);

	return r == 0 ? view->reads->rule_form(view, table, set, wish, others, arena, ret, err) : r;
}

int neap_host_firewall(struct neap_host *host, const struct neap_table *table,
		       enum neap_firewall_change change, const char *chain, const char *rule,
		       struct neap_error **err)
{
	return host->changes->firewall(host, table, change, chain, rule, err);
}

/* ---- for hosts ------------------------------------------------------------------------------------- */

size_t neap_table_number(const struct neap_table *table)
{
	size_t number = 0;

	while (neap_table_kinds[number].name && strcmp(neap_table_kinds[number].name, table->name) != 0)
		number++;
	return number + (table->family == NEAP_FAMILY_IPV6 ? NEAP_TABLES_MAX / 2 : 0);
}

int neap_firewall_jump(const struct neap_table *table, const struct neap_ruleset *set, const char *jump,
		       struct neap_error **err)
{
	if (!jump || !*jump || neap_ruleset_chain(set, jump))
		return 0;
	neap_error_errno(err, ENOENT, "it jumps to chain %s of table %s", jump, table->name);
	return neap_error_hint(err, "neap.iptables_chain makes one, before this is done");
}

int neap_firewall_apply(struct neap_ruleset *set, const struct neap_table *table,
			enum neap_firewall_change change, const char *name, const char *rule,
			struct neap_error **err)
{
	struct neap_chain *chain = neap_ruleset_chain(set, name);

	if (change == NEAP_FIREWALL_MAKE) {
		if (chain)
			return neap_error_errno(err, EEXIST, "make chain %s of table %s", name, table->name);
		neap_ruleset_make(set, name, NULL);
		return 0;
	}
	if (!chain)
		return neap_error_errno(err, ENOENT, "change chain %s of table %s", name, table->name);
	switch (change) {
	case NEAP_FIREWALL_MAKE:
		break;
	case NEAP_FIREWALL_DROP:
		if (chain->policy)
			return neap_error_set(err, "remove chain %s of table %s: it is built in", name,
					      table->name);
		if (chain->rules.count)
			return neap_error_errno(err, ENOTEMPTY, "remove chain %s of table %s", name,
						table->name);
		if (neap_ruleset_refers(set, name)) {
			neap_error_errno(err, EBUSY, "remove chain %s of table %s: rules jump to it", name,
					 table->name);
			return neap_error_hint(err, "these rules have to go first");
		}
		neap_ruleset_drop(set, name);
		break;
	case NEAP_FIREWALL_POLICY:
		if (!chain->policy)
			return neap_error_set(err,
					      "policy of chain %s of table %s: only a built-in chain has one",
					      name, table->name);
		chain->policy = neap_arena_strdup(set->arena, rule);
		break;
	case NEAP_FIREWALL_APPEND:
		neap_chain_insert(set, chain, chain->rules.count, rule);
		break;
	case NEAP_FIREWALL_PREPEND:
		neap_chain_insert(set, chain, 0, rule);
		break;
	case NEAP_FIREWALL_REMOVE:
		if (!neap_chain_count(chain, rule))
			return neap_error_errno(err, ENOENT, "remove a rule from chain %s of table %s: %s",
						name, table->name, rule);
		neap_chain_remove(chain, neap_chain_find(chain, rule));
		break;
	}
	return 0;
}

bool neap_firewall_is_left(struct neap_ruleset *set, const struct neap_change *change)
{
	const struct neap_chain *chain = neap_ruleset_chain(set, change->chain);

	switch (change->firewall) {
	case NEAP_FIREWALL_MAKE:
		if (chain)
			return false;
		break;
	case NEAP_FIREWALL_DROP:
		if (!chain)
			return false;
		break;
	case NEAP_FIREWALL_APPEND:
	case NEAP_FIREWALL_PREPEND:
	case NEAP_FIREWALL_REMOVE:
		if ((chain && neap_chain_count(chain, change->rule) > 0) !=
		    (change->firewall == NEAP_FIREWALL_REMOVE))
			return false;
		break;
	case NEAP_FIREWALL_POLICY:
		break;
	}
	/* What does not fit is for iptables to refuse, in its words. */
	neap_firewall_apply(set, &change->table, change->firewall, change->chain, change->rule, NULL);
	return true;
}
