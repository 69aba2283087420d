/*
 * neap.iptables_chain: a chain of the packet filter, its policy where it is built in, and rules in it in
 * their order; rules of others in it stay or go, as is said. Now, and where it is kept at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/map.h"
#include "engine/firewall.h"
#include "engine/live.h"

enum {
	FAMILY,
	TABLE,
	NAME,
	RULES,
	POLICY,
	FOREIGN,
	ENSURE,
	PERSIST,
	CONFIRM_WITHIN,
	CONFIRM_PROBE,
	PARAM_COUNT
};
enum { KEEP, REMOVE };
enum { ACCEPT, DROP };

struct chain_want {
	struct neap_want base;
	unsigned family, table;
	const char *name;
	struct neap_strings rules;
	unsigned policy, foreign, ensure;
	struct neap_live_want live;
};

static const char *const policy_choices[] = { [ACCEPT] = "ACCEPT", [DROP] = "DROP", NULL };

struct list { /* in the memory of the step */
	const char **items;
	size_t count, size;
};

struct chain_have {
	struct neap_live_have live;
	const char *by; /* which iptables */
	bool there;
	const char *policy;
	struct list wanted;  /* in the form of iptables */
	struct list found;   /* those of them, or of all, that are there, in their order */
	struct list removed; /* what has to go, of others and of those out of place */
	size_t foreign;      /* so many of them are others' */
	size_t in_place;     /* of the wanted: the first so many are */
	size_t moved;        /* of the rest so many are there, and go to the end anew */
};

static struct neap_table table_of(const struct chain_want *want)
{
	return (struct neap_table){ (enum neap_family)want->family, neap_table_choices[want->table] };
}

static bool is_built_in(const struct chain_want *want)
{
	return neap_table_has(neap_table_choices[want->table], want->name);
}

/* Whether all rules of the chain are the resource's. */
static bool owns_all(const struct chain_want *want)
{
	if (!neap_given(want, RULES))
		return false;
	return neap_given(want, FOREIGN) ? want->foreign == REMOVE : !is_built_in(want);
}

static bool drops(const struct chain_want *want)
{
	return neap_given(want, POLICY) && want->policy == DROP;
}

/* The same text; what is the same to iptables only is seen when it is read. */
static int check_twins(const struct chain_want *want, struct neap_error **err)
{
	struct neap_map seen = { 0 };
	const char *twin = NULL;

	for (size_t i = 0; i < want->rules.count && !twin; i++)
		if (neap_map_put(&seen, neap_str(want->rules.items[i]), &seen))
			twin = want->rules.items[i];
	neap_map_done(&seen);
	return twin ? neap_error_set(err, "rules: \"%s\" is there twice", twin) : 0;
}

static void chain_kept(const struct neap_context *ctx, const void *wanted, struct neap_kept_rules *ret)
{
	const struct chain_want *want = wanted;

	(void)ctx;
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->table = table_of(want);
	ret->chain = want->name;
	ret->whole = true;
	ret->policy = neap_given(want, POLICY) ? policy_choices[want->policy] : NULL;
	ret->alone = owns_all(want);
	ret->last = drops(want) && !owns_all(want);
	ret->rules = want->rules;
}

static int chain_check(const void *wanted, struct neap_error **err)
{
	const struct chain_want *want = wanted;
	const struct neap_table table = table_of(want);
	bool built_in = is_built_in(want);
	const char *meant = neap_chain_meant(&table, want->name);

	if (neap_chain_check("name", table.family, want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_PRESENT && meant) {
		neap_error_set(err,
			       "name \"%s\" is no built-in chain of the table %s, and only looks like one",
			       want->name, table.name);
		return neap_error_hint(err, "did you mean \"%s\"?", meant);
	}
	if (want->ensure == NEAP_PRESENT && !built_in && neap_chain_elsewhere(want->name)) {
		neap_error_set(err, "name: the kernel leads nothing to a chain %s of the table %s",
			       want->name, table.name);
		return neap_error_hint(err, "it is a built-in chain of others: table = \"%s\"",
				       neap_chain_elsewhere(want->name));
	}
	for (size_t i = 0; i < want->rules.count; i++)
		if (neap_rule_check(want->rules.items[i], err) < 0)
			return -1;
	if (check_twins(want, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT && built_in)
		return neap_error_set(err, "%s is built in: it cannot be absent", want->name);
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, RULES, FOREIGN, err);
	if (neap_given(want, POLICY) && !built_in)
		return neap_error_set(err, "policy is for built-in chains, which %s is not", want->name);
	if (drops(want) && strcmp(table.name, "nat") == 0) {
		neap_error_set(err,
			       "policy: iptables refuses DROP in the table nat, which is not for filtering");
		return neap_error_hint(err, "drop packets in the table filter");
	}
	if (neap_given(want, FOREIGN) && !neap_given(want, RULES))
		return neap_error_set(err, "foreign has no meaning without rules");
	return 0;
}

static void chain_claim(const void *wanted, struct neap_claims *claims)
{
	const struct chain_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_table table = table_of(want);
	unsigned aspects = NEAP_ASPECT_EXISTENCE | (owns_all(want) ? NEAP_ASPECT_CONTENT : 0);

	/* What lets one in has to be in force before all else is dropped. A built-in chain need not be made,
	 * so nothing comes before its rules; and who opens a chain does it before rules go. */
	if (drops(want) && !owns_all(want)) {
		neap_claim_after(claims, neap_firewall_path(&table, NULL, arena));
		neap_claim_after(claims, neap_firewall_path(&table, want->name, arena));
	} else {
		neap_claim_path(claims, neap_firewall_path(&table, want->name, arena), aspects,
				want->ensure == NEAP_ABSENT);
	}
	for (size_t i = 0; i < want->rules.count; i++)
		neap_rule_claim(claims, &table, want->name, want->rules.items[i], false, arena);
}

/* ---- what is there --------------------------------------------------------------------------------- */

/* The rules of this resource, and of the others in the same table: iptables looks at all of them at once. */
struct others {
	const struct neap_context *ctx;
	const struct chain_want *want, *at_want;
	size_t at, rule;
};

static bool next_other(void *ctx, struct neap_rule_wish *ret)
{
	struct others *others = ctx;
	struct neap_declared declared;

	while (true) {
		const struct chain_want *at = others->at_want;

		if (at && others->rule < at->rules.count) {
			*ret = (struct neap_rule_wish){ at->name, at->rules.items[others->rule++] };
			return true;
		}
		if (!others->ctx->declared || !others->ctx->declared(others->ctx, &others->at, &declared))
			return false;
		at = declared.want;
		others->rule = 0;
		others->at_want = at != others->want && at->family == others->want->family &&
						  at->table == others->want->table && neap_given(at, NAME) &&
						  neap_given(at, RULES)
					  ? at
					  : NULL;
	}
}

static void add(struct list *list, const char *rule, struct neap_arena *arena)
{
	if (list->count == list->size) {
		const char **items;

		list->size = list->size ? 2 * list->size : 16;
		items = neap_arena_array_of(arena, const char *, list->size);
		if (list->count)
			memcpy(items, list->items, list->count * sizeof *items);
		list->items = items;
	}
	list->items[list->count++] = neap_arena_strdup(arena, rule);
}

static int find_forms(const struct neap_view *view, const struct neap_context *ctx,
		      const struct chain_want *want, struct list *wanted, struct neap_map *mine,
		      struct neap_error **err)
{
	struct neap_table table = table_of(want);
	int r = 0;

	for (size_t i = 0; r == 0 && i < want->rules.count; i++) {
		const struct neap_rule_wish wish = { want->name, want->rules.items[i] };
		struct others walk = { ctx, want, want, 0, i + 1 };
		const struct neap_rule_others others = { next_other, &walk };
		struct neap_rule_form form;

		r = neap_view_rule_form(view, &table, &wish, &others, ctx->scratch, &form, err);
		if (r < 0) /* which of them */
			return neap_error_prefix(err, "%s", wish.text);
		for (size_t j = 0; r == 0 && j < form.count; j++) {
			/* A copy: the form need not outlive the next one. */
			const char *rule = neap_arena_strdup(ctx->scratch, form.rules[j]);
			const char *twin = neap_map_put(mine, neap_str(rule), (void *)(uintptr_t)wish.text);

			if (twin)
				return neap_error_set(err, "two of its rules are one to iptables: %s and %s",
						      twin, wish.text);
			add(wanted, rule, ctx->scratch);
		}
	}
	return r;
}

/* What stands where: the wanted ones that are in place at its beginning stay, the others go and come anew
 * behind. So nothing hangs on numbers of rules, which others move. */
static void compare(const struct chain_want *want, const struct neap_chain *chain,
		    const struct neap_map *mine, struct neap_arena *arena, struct chain_have *have)
{
	size_t count = chain ? chain->rules.count : 0;
	bool in_place = true, all = owns_all(want);

	for (size_t i = 0; i < count; i++) {
		const char *rule = chain->rules.items[i];
		bool own = neap_map_get(mine, neap_str(rule)) != NULL;

		if (!own && !all)
			continue;
		add(&have->found, rule, arena);
		/* Of one that is there twice the first would go. */
		in_place = in_place && (!own || (have->in_place < have->wanted.count &&
						 strcmp(have->wanted.items[have->in_place], rule) == 0 &&
						 neap_chain_count(chain, rule) == 1));
		if (own && in_place)
			have->in_place++;
		else
			add(&have->removed, rule, arena);
		have->foreign += !own;
	}
	for (size_t i = have->in_place; chain && i < have->wanted.count; i++)
		have->moved += neap_chain_count(chain, have->wanted.items[i]) > 0;
}

static int read_rules(const struct neap_view *view, const struct neap_context *ctx,
		      const struct chain_want *want, struct chain_have *have, struct neap_error **err)
{
	struct neap_table table = table_of(want);
	const struct neap_chain *chain;
	struct neap_map mine = { 0 };
	int r = find_forms(view, ctx, want, &have->wanted, &mine, err);

	for (size_t i = 0; r == 0 && i < have->wanted.count; i++) {
		size_t count; /* one that is not there may not be known */

		r = neap_view_rule(view, &table, want->name, have->wanted.items[i], true, &count, err);
	}
	if (r == 0)
		r = neap_view_chain(view, &table, want->name, &chain, err);
	if (r == 0)
		compare(want, chain, &mine, ctx->scratch, have);
	neap_map_done(&mine);
	return r;
}

static int chain_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct chain_want *want = wanted;
	struct chain_have *have = had;
	struct neap_table table = table_of(want);
	const struct neap_chain *chain;
	int r = neap_view_chain(view, &table, want->name, &chain, err);

	if (r != 0)
		return r;
	have->by = neap_view_firewall_name(view, table.family, ctx->scratch);
	have->there = chain != NULL;
	have->policy = chain && chain->policy ? neap_arena_strdup(ctx->scratch, chain->policy) : NULL;
	if (want->ensure == NEAP_PRESENT)
		return neap_given(want, RULES) ? read_rules(view, ctx, want, have, err) : 0;
	for (size_t i = 0; chain && i < chain->rules.count; i++)
		add(&have->removed, chain->rules.items[i], ctx->scratch);
	have->found = have->removed;
	return 0;
}

/* ---- what differs ---------------------------------------------------------------------------------- */

static bool rules_differ(const struct chain_have *have)
{
	return have->removed.count || have->in_place < have->wanted.count;
}

static bool policy_differs(const struct chain_want *want, const struct chain_have *have)
{
	return neap_given(want, POLICY) &&
	       (!have->policy || strcmp(have->policy, policy_choices[want->policy]) != 0);
}

static void chain_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff)
{
	const struct chain_want *want = wanted;
	const struct chain_have *have = had;

	(void)ctx;
	if (want->ensure == NEAP_ABSENT && !have->there)
		return;
	if (want->ensure == NEAP_ABSENT || !have->there)
		neap_diff_action(diff, want->ensure == NEAP_ABSENT ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
	if (policy_differs(want, have))
		neap_diff_string(diff, "policy", have->policy, policy_choices[want->policy]);
	if (rules_differ(have))
		neap_diff_list(diff, "rules", have->found.items, have->found.count, have->wanted.items,
			       have->wanted.count);
	if (neap_diff_empty(diff))
		return;
	neap_diff_reason(diff, "by %s", have->by);
	/* Whether others have rules there now is nobody's change. */
	if (have->moved)
		neap_diff_reason(diff, "%zu of its rules %s to the end anew%s", have->moved,
				 have->moved == 1 ? "goes" : "go",
				 owns_all(want) ? "" : ", behind all of others");
	if (have->foreign)
		neap_diff_reason(diff, "removes %zu rule%s of others", have->foreign,
				 have->foreign == 1 ? "" : "s");
}

/* ---- changing -------------------------------------------------------------------------------------- */

static int each(struct neap_host *host, const struct chain_want *want, enum neap_firewall_change change,
		const char *const *rules, size_t count, struct neap_error **err)
{
	struct neap_table table = table_of(want);

	for (size_t i = 0; i < count; i++)
		if (neap_host_firewall(host, &table, change, want->name, rules[i], err) < 0)
			return -1;
	return 0;
}

static int put_policy(struct neap_host *host, const struct chain_want *want, const struct chain_have *have,
		      struct neap_error **err)
{
	struct neap_table table = table_of(want);

	return policy_differs(want, have) ? neap_host_firewall(host, &table, NEAP_FIREWALL_POLICY, want->name,
							       policy_choices[want->policy], err)
					  : 0;
}

static int chain_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct chain_want *want = wanted;
	/* What is there is not known: all that was wanted, as it was written. */
	static const struct chain_have nothing;
	const struct chain_have *have = had ? had : &nothing;
	struct neap_table table = table_of(want);
	const char *const *added = had ? have->wanted.items + have->in_place : want->rules.items;
	size_t count = had ? have->wanted.count - have->in_place : want->rules.count;

	(void)ctx;
	if (want->ensure == NEAP_ABSENT && had && !have->there)
		return 0;
	if (want->ensure == NEAP_PRESENT && !have->there && !is_built_in(want) &&
	    neap_host_firewall(host, &table, NEAP_FIREWALL_MAKE, want->name, NULL, err) < 0)
		return -1;
	/* One step of a table is one iptables-restore, so all at one moment; the order is the safe one even
	 * so: who opens does it before rules go, who drops when they are there. */
	if (want->policy == ACCEPT && put_policy(host, want, have, err) < 0)
		return -1;
	if (each(host, want, NEAP_FIREWALL_REMOVE, have->removed.items, have->removed.count, err) < 0 ||
	    each(host, want, NEAP_FIREWALL_APPEND, added, count, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_host_firewall(host, &table, NEAP_FIREWALL_DROP, want->name, NULL, err);
	return want->policy == DROP ? put_policy(host, want, have, err) : 0;
}

static const char *const foreign_choices[] = { "keep", "remove", NULL };

static const struct neap_live live = {
	.persist = PERSIST,
	.refuses_images = true,
	.check = chain_check,
	.claim = chain_claim,
	.read = chain_read,
	.diff = chain_diff,
	.apply = chain_apply,
	.rules = chain_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	NEAP_TABLE_PARAMS(struct chain_want),
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Its name. One that is not built in is made when it is not there.",
		.offset = offsetof(struct chain_want, name),
	},
	[RULES] = {
		.name = "rules",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "The rules that are to be in it, in this order; each as for iptables_rule. Not given, its rules "
		       "are not looked at.",
		.offset = offsetof(struct chain_want, rules),
	},
	[POLICY] = {
		.name = "policy",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "What happens to what no rule of a built-in chain decides. Not given, it stays as it is.",
		.choices = policy_choices,
		.fallback = "it stays as it is",
		.offset = offsetof(struct chain_want, policy),
	},
	[FOREIGN] = {
		.name = "foreign",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "What happens to rules in it that are not in `rules`: they are kept, or removed.",
		.choices = foreign_choices,
		.fallback = "`\"keep\"` in a built-in chain, `\"remove\"` in another",
		.offset = offsetof(struct chain_want, foreign),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether it is to be there. With `\"absent\"` it goes with all rules in it; that is an error "
		       "while a rule jumps to it, and of a built-in chain.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct chain_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct chain_want, neap_persist_rules, NEAP_PERSIST_RULES_DOC),
};

static const char description[] =
	"A chain of the packet filter, and rules in it in their order.\n"
	"\n"
	"- Rules are written and compared as those of iptables_rule, and land with them.\n"
	"- Of rules that are not in their order, or not there, all from the first such one on are put at "
	"the\n"
	"  end of the chain anew, at one moment: rules of others that are kept may come to stand before "
	"them.\n"
	"- A rule that is taken out of `rules` goes where `foreign` is `\"remove\"`. Where it is `\"keep\"` "
	"it\n"
	"  stays, as nothing tells it from one of somebody else's: iptables_rule with `ensure = \"absent\"`\n"
	"  removes it.\n"
	"- Other resources may have rules in the chain only where `foreign` is `\"keep\"`.\n"
	"- Rules that jump to the chain come after it, without an edge being written.\n"
	"- `policy = \"DROP\"` comes after all else that the recipe has in the table, so that what lets you "
	"in\n"
	"  is in force by then: when a rule fails, the policy stays as it is. `\"ACCEPT\"` comes before "
	"them.\n"
	"- With `persist` it is kept for the boot with `rules` and `policy`, as they are written here\n"
	"  (`persistent`); a chain that its rules jump to has to be kept too. Below `--root` there is only\n"
	"  what is kept.\n";

static const char example[] = "neap.iptables_chain {\n"
			      "  name = \"SITE\",\n"
			      "  rules = {\n"
			      "    \"-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\",\n"
			      "    \"-p tcp -m multiport --dports 22,6443 -j ACCEPT\",\n"
			      "    \"-j DROP\",\n"
			      "  },\n"
			      "}\n"
			      "neap.iptables_rule { chain = \"INPUT\", rule = \"-i eth0 -j SITE\" }\n";

extern const struct neap_resource_type neap_type_iptables_chain;
const struct neap_resource_type neap_type_iptables_chain = {
	.name = "iptables_chain",
	.summary = "a chain of the packet filter and the rules in it",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct chain_want),
	.have_size = sizeof(struct chain_have),
	NEAP_LIVE_TYPE(live),
};
