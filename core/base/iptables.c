#include "base/iptables.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/lines.h"

static const char *const filter_chains[] = { "INPUT", "FORWARD", "OUTPUT", NULL };
static const char *const nat_chains[] = { "PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", NULL };
static const char *const mangle_chains[] = {
	"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", NULL
};
static const char *const raw_chains[] = { "PREROUTING", "OUTPUT", NULL };

const struct neap_table_kind neap_table_kinds[] = {
	{ "filter", filter_chains }, { "nat", nat_chains },         { "mangle", mangle_chains },
	{ "raw", raw_chains },       { "security", filter_chains }, { NULL, NULL },
};

bool neap_table_has(const char *table, const char *chain)
{
	for (const struct neap_table_kind *kind = neap_table_kinds; kind->name; kind++)
		for (const char *const *name = kind->chains; strcmp(kind->name, table) == 0 && *name; name++)
			if (strcmp(*name, chain) == 0)
				return true;
	return false;
}

/* ---- sets ------------------------------------------------------------------------------------------ */

static struct neap_ruleset *make_set(void)
{
	struct neap_ruleset *set = neap_alloc(sizeof *set);

	*set = (struct neap_ruleset){ .arena = neap_arena_new() };
	return set;
}

struct neap_ruleset *neap_ruleset_new(const char *table)
{
	struct neap_ruleset *set = make_set();

	for (const struct neap_table_kind *kind = neap_table_kinds; kind->name; kind++)
		for (const char *const *name = kind->chains; strcmp(kind->name, table) == 0 && *name; name++)
			neap_ruleset_make(set, *name, "ACCEPT");
	return set;
}

static void empty(struct neap_chain *chain)
{
	neap_vec_done(&chain->rules);
	neap_map_done(&chain->counts);
}

void neap_ruleset_free(struct neap_ruleset *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->chains.count; i++)
		if (set->chains.items[i])
			empty(set->chains.items[i]);
	neap_vec_done(&set->chains);
	neap_map_done(&set->names);
	neap_arena_free(set->arena);
	free(set);
}

struct neap_ruleset *neap_ruleset_copy(const struct neap_ruleset *set)
{
	struct neap_ruleset *copy = make_set();

	for (size_t i = 0; i < set->chains.count; i++) {
		const struct neap_chain *chain = set->chains.items[i];
		struct neap_chain *made;

		if (!chain)
			continue;
		made = neap_ruleset_make(copy, chain->name, chain->policy);
		for (size_t j = 0; j < chain->rules.count; j++)
			neap_chain_insert(copy, made, j, chain->rules.items[j]);
	}
	return copy;
}

struct neap_chain *neap_ruleset_chain(const struct neap_ruleset *set, const char *name)
{
	return neap_map_get(&set->names, neap_str(name));
}

struct neap_chain *neap_ruleset_make(struct neap_ruleset *set, const char *name, const char *policy)
{
	struct neap_chain *chain = neap_ruleset_chain(set, name);

	if (!chain) {
		chain = neap_arena_new_of(set->arena, struct neap_chain);
		chain->name = neap_arena_strdup(set->arena, name);
		neap_vec_push(&set->chains, chain);
		neap_map_put(&set->names, neap_str(chain->name), chain);
	}
	chain->policy = policy ? neap_arena_strdup(set->arena, policy) : NULL;
	return chain;
}

void neap_ruleset_drop(struct neap_ruleset *set, const char *name)
{
	for (size_t i = 0; i < set->chains.count; i++) {
		struct neap_chain *chain = set->chains.items[i];

		if (!chain || strcmp(chain->name, name) != 0)
			continue;
		neap_map_remove(&set->names, neap_str(name));
		empty(chain);
		set->chains.items[i] = NULL;
	}
}

bool neap_ruleset_refers(const struct neap_ruleset *set, const char *name)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	for (size_t i = 0; i < set->chains.count; i++) {
		const struct neap_chain *chain = set->chains.items[i];

		for (size_t j = 0; chain && j < chain->rules.count; j++) {
			const char *target = strstr(chain->rules.items[j], name)
						     ? neap_rule_target(chain->rules.items[j], arena)
						     : NULL;
			if (target && strcmp(target, name) == 0)
				return true;
		}
	}
	return false;
}

/* ---- chains ---------------------------------------------------------------------------------------- */

size_t neap_chain_count(const struct neap_chain *chain, const char *rule)
{
	return (size_t)(uintptr_t)neap_map_get(&chain->counts, neap_str(rule));
}

size_t neap_chain_find(const struct neap_chain *chain, const char *rule)
{
	size_t at = 0;

	if (!neap_chain_count(chain, rule))
		return chain->rules.count;
	while (strcmp(chain->rules.items[at], rule) != 0)
		at++;
	return at;
}

/* `copy` lives as long as the set. */
static void insert(struct neap_chain *chain, size_t at, const char *copy)
{
	size_t behind = chain->rules.count - at;
	void **count;

	neap_vec_push(&chain->rules, copy);
	if (behind)
		memmove(&chain->rules.items[at + 1], &chain->rules.items[at],
			behind * sizeof *chain->rules.items);
	chain->rules.items[at] = copy;
	count = neap_map_slot(&chain->counts, neap_str(copy));
	*count = (void *)((uintptr_t)*count + 1);
}

void neap_chain_insert(struct neap_ruleset *set, struct neap_chain *chain, size_t at, const char *rule)
{
	insert(chain, at, neap_arena_strdup(set->arena, rule));
}

void neap_chain_remove(struct neap_chain *chain, size_t at)
{
	const char *rule = chain->rules.items[at];
	uintptr_t count = (uintptr_t)neap_map_remove(&chain->counts, neap_str(rule));

	if (count > 1)
		neap_map_put(&chain->counts, neap_str(rule), (void *)(count - 1));
	chain->rules.count--;
	memmove(&chain->rules.items[at], &chain->rules.items[at + 1],
		(chain->rules.count - at) * sizeof *chain->rules.items);
}

/* ---- text ------------------------------------------------------------------------------------------ */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

int neap_rule_word(struct neap_str *rest, struct neap_buf *ret)
{
	bool quoted = false, any = false;
	size_t at = 0;

	while (at < rest->len && is_space(rest->data[at]))
		at++;
	ret->len = 0;
	while (at < rest->len && (quoted || !is_space(rest->data[at]))) {
		size_t from = at;

		if (rest->data[at] == '"') {
			quoted = !quoted;
			at++;
		} else if (quoted && rest->data[at] == '\\' && at + 1 < rest->len) {
			neap_buf_putc(ret, rest->data[at + 1]);
			at += 2;
		} else { /* up to where one of these may begin */
			do
				at++;
			while (at < rest->len && rest->data[at] != '"' && rest->data[at] != '\\' &&
			       !is_space(rest->data[at]));
			neap_buf_append(ret, rest->data + from, at - from);
		}
		any = true;
	}
	rest->data += at;
	rest->len -= at;
	if (quoted)
		return -1;
	if (any && !ret->data)
		neap_buf_puts(ret, "");
	return any;
}

const char *neap_rule_target(const char *rule, struct neap_arena *arena)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);
	const char *target = NULL;
	bool next = false;

	while (neap_rule_word(&rest, &word) > 0) {
		const char *text = word.len ? word.data : "";

		if (next)
			target = neap_arena_copy(arena, text, word.len);
		next = word.len && (strcmp(text, "-j") == 0 || strcmp(text, "-g") == 0 ||
				    strcmp(text, "--jump") == 0 || strcmp(text, "--goto") == 0);
	}
	return target;
}

/* ":INPUT ACCEPT [0:0]", ":MINE - [0:0]" */
static int parse_chain(struct neap_ruleset *set, struct neap_str line, struct neap_error **err)
{
	struct neap_str rest = { line.data + 1, line.len - 1 };
	struct neap_str name = neap_str_word(&rest), policy = neap_str_word(&rest);
	const char *copy;

	if (!name.len || !policy.len)
		return neap_error_set(err, "no chain: \"%.*s\"", (int)line.len, line.data);
	copy = neap_arena_copy(set->arena, name.data, name.len);
	if (neap_ruleset_chain(set, copy))
		return neap_error_set(err, "two chains %s", copy);
	neap_ruleset_make(set, copy,
			  neap_str_equal(policy, NEAP_STR("-"))
				  ? NULL
				  : neap_arena_copy(set->arena, policy.data, policy.len));
	return 0;
}

/* "-A CHAIN RULE" */
static int parse_rule(struct neap_ruleset *set, struct neap_str line, struct neap_error **err)
{
	struct neap_str rest = { line.data + 3, line.len - 3 }, name = neap_str_word(&rest);
	struct neap_chain *chain = name.len ? neap_map_get(&set->names, name) : NULL;

	if (!chain)
		return neap_error_set(err, "a rule of no chain: \"%.*s\"", (int)line.len, line.data);
	rest = neap_str_trim(rest);
	insert(chain, chain->rules.count, neap_arena_copy(set->arena, rest.data ? rest.data : "", rest.len));
	return 0;
}

static bool begins(struct neap_str line, struct neap_str with)
{
	return line.len >= with.len && memcmp(line.data, with.data, with.len) == 0;
}

/* What nft says of tables that it has not made itself. */
static bool is_incompatible(struct neap_str line)
{
	return begins(line, NEAP_STR("# Table")) &&
	       memmem(line.data, line.len, "incompatible", strlen("incompatible"));
}

static int parse(struct neap_str text, const char *table, struct neap_ruleset *set, struct neap_error **err)
{
	bool inside = false, whole = false, any = false;
	int r = 0;

	if (text.len && memchr(text.data, '\0', text.len))
		return neap_error_set(err, "a zero byte");
	for (size_t at = 0; r == 0 && at < text.len;) {
		const char *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
		struct neap_str line = neap_str_trim((struct neap_str){ text.data + at, len });

		at += len + 1;
		if (is_incompatible(line)) {
			neap_error_set(err, "%.*s", (int)line.len - 2, line.data + 2);
			return neap_error_hint(err, "rules made by nft itself are not for iptables to see");
		}
		if (!line.len || line.data[0] == '#')
			continue;
		any = true;
		if (line.data[0] == '*') {
			inside = neap_str_equal((struct neap_str){ line.data + 1, line.len - 1 },
						neap_str(table));
			if (inside && whole)
				return neap_error_set(err, "two tables %s", table);
		} else if (neap_str_equal(line, NEAP_STR("COMMIT"))) {
			whole = whole || inside;
			inside = false;
		} else if (inside && line.data[0] == ':') {
			r = parse_chain(set, line, err);
		} else if (inside && begins(line, NEAP_STR("-A "))) {
			r = parse_rule(set, line, err);
		} else if (inside) {
			return neap_error_set(err, "not understood: \"%.*s\"", (int)line.len, line.data);
		}
	}
	if (r == 0 && (inside || (any && !whole)))
		return neap_error_set(err, "it ends before the table %s does", table);
	return r;
}

int neap_ruleset_parse(struct neap_str text, const char *table, struct neap_ruleset **ret,
		       struct neap_error **err)
{
	struct neap_ruleset *set = make_set();

	if (parse(text, table, set, err) < 0) {
		neap_ruleset_free(set);
		return -1;
	}
	/* Of a table that nobody has used yet nothing is printed, or not all. */
	for (const struct neap_table_kind *kind = neap_table_kinds; kind->name; kind++)
		for (const char *const *name = kind->chains; strcmp(kind->name, table) == 0 && *name; name++)
			if (!neap_ruleset_chain(set, *name))
				neap_ruleset_make(set, *name, "ACCEPT");
	*ret = set;
	return 0;
}
