/*
 * The packet filter of a machine of tables. Its iptables knows few words: blanks are one, an address without
 * a length gets one, a list of addresses makes a rule each, and a target that is neither a chain nor well
 * known is refused, as is the word REFUSED.
 */
#include "host/memory_parts.h"

#include <errno.h>

#include "host/firewall.h"

struct neap_ruleset *neap_memory_table(struct memory *memory, const struct neap_table *table)
{
	struct neap_str path = neap_str(neap_firewall_path(table, NULL, memory->arena));
	struct neap_ruleset *set = neap_map_get(&memory->tables, path);

	if (!set) {
		set = neap_ruleset_new(table->name);
		neap_map_put(&memory->tables, path, set);
	}
	return set;
}

void neap_memory_tables_done(struct memory *memory)
{
	for (size_t i = 0; i < memory->tables.count; i++)
		neap_ruleset_free(memory->tables.entries[i].value);
	neap_map_done(&memory->tables);
}

int neap_memory_ruleset(const struct neap_view *view, const struct neap_table *table,
			const struct neap_ruleset **ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "look at table %s", table->name);
	*ret = neap_memory_table(memory, table);
	return 0;
}

const char *neap_memory_firewall_name(const struct neap_view *view, enum neap_family family,
				      struct neap_arena *arena)
{
	(void)view;
	return neap_arena_strdup(arena, family == NEAP_FAMILY_IPV6 ? "ip6tables-memory" : "iptables-memory");
}

static bool is_target(const char *name)
{
	static const char *const targets[] = { "ACCEPT", "DROP", "RETURN", "MASQUERADE", NULL };

	return neap_str_nearest(name, targets) &&
	       !neap_str_distance(name, neap_str_nearest(name, targets), 1);
}

/* The words of a rule, with `one` in place of the list of addresses. */
static const char *print_rule(const char *text, const char *one, const char *length, struct neap_arena *arena)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 }, out NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(text);
	bool address = false;

	while (neap_rule_word(&rest, &word) > 0) {
		const char *bytes = word.len ? word.data : "";
		const char *form = "%s%s";

		if (address)
			neap_buf_printf(&out, " %s%s", one, strchr(one, '/') ? "" : length);
		else if (!word.len || strpbrk(bytes, " \"\t"))
			neap_buf_printf(&out, "%s\"%s\"", out.len ? " " : "", bytes);
		else
			neap_buf_printf(&out, form, out.len ? " " : "", bytes);
		address = strcmp(bytes, "-s") == 0;
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

static const char *addresses(const char *text, struct neap_arena *arena)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(text);
	bool address = false;

	while (neap_rule_word(&rest, &word) > 0) {
		if (address)
			return neap_arena_copy(arena, word.len ? word.data : "", word.len);
		address = word.len && strcmp(word.data, "-s") == 0;
	}
	return "";
}

int neap_memory_rule_form(const struct neap_view *view, const struct neap_table *table,
			  const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			  const struct neap_rule_others *others, struct neap_arena *arena,
			  struct neap_rule_form *ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);
	const char *target = neap_rule_target(wish->text, arena), *at = addresses(wish->text, arena);
	const char **rules = neap_arena_array_of(arena, const char *, strlen(at) + 1);
	size_t count = 0;

	(void)others;
	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "try a rule");
	if (strstr(wish->text, "REFUSED"))
		return neap_error_set(err, "iptables-restore refuses the rule");
	if (target && !is_target(target) && neap_firewall_jump(table, set, target, err) < 0)
		return -1;
	do {
		size_t len = strcspn(at, ",");

		rules[count++] = print_rule(wish->text, neap_arena_copy(arena, at, len),
					    table->family == NEAP_FAMILY_IPV6 ? "/128" : "/32", arena);
		at += len;
	} while (*at++);
	*ret = (struct neap_rule_form){ rules, count };
	return 0;
}

int neap_memory_land_firewall(struct memory *memory, const struct neap_change *change)
{
	struct neap_ruleset *set = neap_memory_table(memory, &change->table);
	const struct neap_chain *chain = neap_ruleset_chain(set, change->chain);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	bool adds = change->firewall == NEAP_FIREWALL_APPEND || change->firewall == NEAP_FIREWALL_PREPEND;

	/* Somebody was faster: it is as was wanted. */
	if ((adds && chain && neap_chain_count(chain, change->rule)) ||
	    (change->firewall == NEAP_FIREWALL_REMOVE && !(chain && neap_chain_count(chain, change->rule))) ||
	    (change->firewall == NEAP_FIREWALL_MAKE && chain) ||
	    (change->firewall == NEAP_FIREWALL_DROP && !chain))
		return 0;
	if (neap_firewall_apply(set, &change->table, change->firewall, change->chain, change->rule, &err) < 0)
		return err->errnum ? err->errnum : EINVAL;
	return 0;
}

void neap_host_memory_rule(struct neap_machine *machine, const struct neap_table *table, const char *name,
			   const char *rule, bool there)
{
	struct neap_ruleset *set = neap_memory_table(neap_memory_of(&machine->view), table);
	struct neap_chain *chain = neap_ruleset_chain(set, name);

	if (!chain && !there)
		return;
	if (!chain)
		chain = neap_ruleset_make(set, name, NULL);
	if (rule && there) {
		neap_chain_insert(set, chain, chain->rules.count, rule);
	} else if (rule) {
		if (neap_chain_count(chain, rule))
			neap_chain_remove(chain, neap_chain_find(chain, rule));
	} else if (!there) {
		while (chain->rules.count)
			neap_chain_remove(chain, chain->rules.count - 1);
		if (!chain->policy)
			neap_ruleset_drop(set, name);
	}
}
