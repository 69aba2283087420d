/* What iptables-save prints, and rules: what is read, printed and read again is the same; no word is lost. */
#include "base/iptables.h"
#include "tests/fuzz/fuzz.h"

static void print(const struct neap_ruleset *set, struct neap_buf *out)
{
	neap_buf_puts(out, "*filter\n");
	for (size_t i = 0; i < set->chains.count; i++)
		neap_buf_printf(out, ":%s %s [0:0]\n", set->chains.items[i]->name,
				set->chains.items[i]->policy ? set->chains.items[i]->policy : "-");
	for (size_t i = 0; i < set->chains.count; i++)
		for (size_t j = 0; j < set->chains.items[i]->rules.count; j++)
			neap_buf_printf(out, "-A %s %s\n", set->chains.items[i]->name,
					set->chains.items[i]->rules.items[j]);
	neap_buf_puts(out, "COMMIT\n");
}

static void look_at(const char *rule, struct neap_arena *arena)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);
	size_t before = rest.len + 1;

	neap_rule_target(rule, arena);
	while (neap_rule_word(&rest, &word) > 0) {
		HOLDS(rest.len < before);
		before = rest.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf first NEAP_AUTO_BUF = { 0 }, second NEAP_AUTO_BUF = { 0 };
	struct neap_ruleset *set, *again;

	look_at(neap_arena_copy(arena, data, size), arena);
	if (neap_ruleset_parse((struct neap_str){ (const char *)data, size }, "filter", &set, NULL) < 0)
		return 0;
	for (size_t i = 0; i < set->chains.count; i++) {
		struct neap_chain *chain = set->chains.items[i];

		for (size_t j = 0; j < chain->rules.count; j++) {
			HOLDS(neap_chain_count(chain, chain->rules.items[j]) > 0);
			HOLDS(neap_chain_find(chain, chain->rules.items[j]) <= j);
		}
	}
	print(set, &first);
	HOLDS(neap_ruleset_parse((struct neap_str){ first.data, first.len }, "filter", &again, NULL) == 0);
	print(again, &second);
	HOLDS(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	neap_ruleset_free(again);
	for (size_t i = 0; i < set->chains.count; i++)
		while (set->chains.items[i]->rules.count)
			neap_chain_remove(set->chains.items[i], 0);
	neap_ruleset_free(set);
	return 0;
}
