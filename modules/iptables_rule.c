/*
 * neap.iptables_rule: one rule in a chain of the packet filter that others keep; now, and where it is kept at
 * boot. What iptables makes of the text is looked for, so that it may be written as its author likes.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include <errno.h>

#include "engine/firewall.h"
#include "engine/live.h"

enum { FAMILY, TABLE, CHAIN, RULE, POSITION, ENSURE, PERSIST, CONFIRM_WITHIN, CONFIRM_PROBE, PARAM_COUNT };
enum { LAST, FIRST };

struct rule_want {
	struct neap_want base;
	unsigned family, table;
	const char *chain, *rule;
	unsigned position, ensure;
	struct neap_live_want live;
};

struct rule_have {
	struct neap_live_have live;
	const char *by; /* which iptables */
	struct neap_rule_form form;
	size_t *counts; /* how often each of the form is there */
	size_t there;   /* so many of them are */
};

static struct neap_table table_of(const struct rule_want *want)
{
	return (struct neap_table){ (enum neap_family)want->family, neap_table_choices[want->table] };
}

static int rule_check(const void *wanted, struct neap_error **err)
{
	const struct rule_want *want = wanted;

	if (neap_chain_check("chain", (enum neap_family)want->family, want->chain, err) < 0 ||
	    neap_rule_check(want->rule, err) < 0)
		return -1;
	return want->ensure == NEAP_ABSENT ? neap_absent_check(want, POSITION, POSITION, err) : 0;
}

static void rule_claim(const void *wanted, struct neap_claims *claims)
{
	const struct rule_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_table table = table_of(want);

	if (want->ensure == NEAP_PRESENT)
		neap_claim_entries(claims, neap_firewall_path(&table, want->chain, arena));
	neap_rule_claim(claims, &table, want->chain, want->rule, want->ensure == NEAP_ABSENT, arena);
}

/* The other rules of the recipe in the same table: iptables looks at all of them at once. */
struct others {
	const struct neap_context *ctx;
	const struct rule_want *want;
	size_t at;
};

static bool next_other(void *ctx, struct neap_rule_wish *ret)
{
	struct others *others = ctx;
	struct neap_declared declared;

	while (others->ctx->declared && others->ctx->declared(others->ctx, &others->at, &declared)) {
		const struct rule_want *other = declared.want;

		if (other == others->want || other->family != others->want->family ||
		    other->table != others->want->table || !neap_given(other, CHAIN) ||
		    !neap_given(other, RULE))
			continue;
		*ret = (struct neap_rule_wish){ other->chain, other->rule };
		return true;
	}
	return false;
}

/* By which rules are numbered, of those that are kept. */
static const char *kept_in(const void *wanted, struct neap_arena *arena)
{
	const struct rule_want *want = wanted;

	if (want->live.persist != NEAP_PERSIST_UNIT || want->ensure != NEAP_PRESENT || !want->chain)
		return NULL;
	return neap_arena_printf(arena, "%u %u %s", want->family, want->table, want->chain);
}

static void rule_kept(const struct neap_context *ctx, const void *wanted, struct neap_kept_rules *ret)
{
	const struct rule_want *want = wanted;

	ret->absent = want->ensure == NEAP_ABSENT;
	ret->table = table_of(want);
	ret->chain = want->chain;
	ret->rules = (struct neap_strings){ .items = &want->rule, .count = 1 };
	ret->first = want->position == FIRST;
	ret->number = ctx ? neap_kept_rules_number(ctx, want, kept_in) : 0;
}

static int rule_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct rule_want *want = wanted;
	struct rule_have *have = had;
	struct neap_table table = table_of(want);
	struct others walk = { ctx, want, 0 };
	const struct neap_rule_others others = { next_other, &walk };
	const struct neap_rule_wish wish = { want->chain, want->rule };
	struct neap_error *local NEAP_AUTO_ERROR = NULL;
	const struct neap_chain *chain;
	int r = neap_view_chain(view, &table, want->chain, &chain, err);

	if (r != 0)
		return r;
	have->by = neap_view_firewall_name(view, table.family, ctx->scratch);
	if (!chain)
		return want->ensure == NEAP_ABSENT ? 0 : neap_chain_missing(&table, want->chain, err);
	r = neap_view_rule_form(view, &table, &wish, &others, ctx->scratch, &have->form, &local);
	/* A rule that jumps to nowhere is nowhere. */
	if (r < 0 && want->ensure == NEAP_ABSENT && local && local->errnum == ENOENT)
		return 0;
	if (r < 0)
		neap_error_pass(err, &local);
	if (r != 0)
		return r;
	have->counts = neap_arena_array_of(ctx->scratch, size_t, have->form.count);
	for (size_t i = 0; r == 0 && i < have->form.count; i++) {
		r = neap_view_rule(view, &table, want->chain, have->form.rules[i],
				   want->ensure == NEAP_PRESENT, &have->counts[i], err);
		if (r == 0 && have->counts[i])
			have->there++;
	}
	return r;
}

/* Those that are to be made, or to go. */
static const char *const *differing(const struct rule_want *want, const struct rule_have *have,
				    struct neap_arena *arena, size_t *ret_count)
{
	const char **rules = neap_arena_array_of(arena, const char *, have->form.count + 1);

	*ret_count = 0;
	for (size_t i = 0; i < have->form.count; i++)
		if ((have->counts[i] > 0) == (want->ensure == NEAP_ABSENT))
			rules[(*ret_count)++] = have->form.rules[i];
	return rules;
}

static void rule_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff)
{
	const struct rule_want *want = wanted;
	const struct rule_have *have = had;
	bool absent = want->ensure == NEAP_ABSENT;
	size_t count;
	const char *const *rules = differing(want, have, ctx->scratch, &count);

	if (!count)
		return;
	neap_diff_action(diff, absent        ? NEAP_ACTION_DELETE
			       : have->there ? NEAP_ACTION_UPDATE
					     : NEAP_ACTION_CREATE);
	if (have->form.count == 1)
		neap_diff_string(diff, "rule", absent ? rules[0] : NULL, absent ? NULL : rules[0]);
	else
		neap_diff_list(diff, "rule", absent ? rules : NULL, absent ? count : 0, absent ? NULL : rules,
			       absent ? 0 : count);
	if (absent)
		neap_diff_reason(diff, "by %s", have->by);
	else
		neap_diff_reason(diff, "by %s, %s in %s", have->by,
				 want->position == FIRST ? "first" : "last", want->chain);
}

static int put(struct neap_host *host, const struct rule_want *want, const char *rule,
	       struct neap_error **err)
{
	struct neap_table table = table_of(want);

	return neap_host_firewall(host, &table,
				  want->position == FIRST ? NEAP_FIREWALL_PREPEND : NEAP_FIREWALL_APPEND,
				  want->chain, rule, err);
}

static int take(struct neap_host *host, const struct rule_want *want, const char *rule, size_t times,
		struct neap_error **err)
{
	struct neap_table table = table_of(want);

	while (times-- > 0)
		if (neap_host_firewall(host, &table, NEAP_FIREWALL_REMOVE, want->chain, rule, err) < 0)
			return -1;
	return 0;
}

static int rule_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct rule_want *want = wanted;
	const struct rule_have *have = had;
	size_t count = have ? have->form.count : 0;

	(void)ctx;
	if (!have)
		return want->ensure == NEAP_ABSENT ? take(host, want, want->rule, 1, err)
						   : put(host, want, want->rule, err);
	for (size_t i = 0; i < count; i++) {
		/* The first of several is to be the first. */
		size_t at = want->position == FIRST ? count - 1 - i : i;
		int r = 0;

		if (want->ensure == NEAP_ABSENT)
			r = take(host, want, have->form.rules[at], have->counts[at], err);
		else if (!have->counts[at])
			r = put(host, want, have->form.rules[at], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *const position_choices[] = { "last", "first", NULL };

static const struct neap_live live = {
	.persist = PERSIST,
	.refuses_images = true,
	.check = rule_check,
	.claim = rule_claim,
	.read = rule_read,
	.diff = rule_diff,
	.apply = rule_apply,
	.rules = rule_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	NEAP_TABLE_PARAMS(struct rule_want),
	[CHAIN] = {
		.name = "chain",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The chain it is in, which must be there.",
		.offset = offsetof(struct rule_want, chain),
	},
	[RULE] = {
		.name = "rule",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "What follows `-A CHAIN` on the command line of iptables. Double quotes quote, as in a file of "
		       "iptables-restore; apostrophes do not.",
		.offset = offsetof(struct rule_want, rule),
	},
	[POSITION] = {
		.name = "position",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Where in the chain it is put when it is not there. One that is there stays where it is.",
		.choices = position_choices,
		.offset = offsetof(struct rule_want, position),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether it is to be there. With `\"absent\"` all rules like it in the chain go.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct rule_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct rule_want, neap_persist_rules, NEAP_PERSIST_RULES_DOC),
};

static const char description[] =
	"One rule of the packet filter, in a chain that may hold rules of others.\n"
	"\n"
	"- It may be written in any way that iptables takes: in what order the matches are, `10.0.0.1` or\n"
	"  `10.0.0.1/32`, a port or the name of a service. What iptables makes of it is found out by "
	"loading\n"
	"  it in a network namespace of its own, and kept in the state; then it is looked for among the "
	"rules\n"
	"  that are there. A rule that iptables refuses is an error that says why. A list of addresses\n"
	"  (`-s 10.0.0.1,10.0.0.2`) makes a rule for each.\n"
	"- However many rules there are, `iptables-save` is asked once for each table and family. Those "
	"that\n"
	"  land together are made by one `iptables-restore` for each table and family: all of them, or "
	"none.\n"
	"- Rules of others are left alone, wherever they are. Counters are not compared.\n"
	"- It is the variant that `iptables` stands for on the machine, nft or legacy; the plan says which.\n"
	"- With `persist` it is kept for the boot as it is written here (`persistent`), in a chain that is\n"
	"  built in or kept too; rules of one chain come in the order in which the recipe has its\n"
	"  resources done. Then hosts are named by address: no name can be looked up so early.\n"
	"- Below `--root` there is only what is kept: without `persist` it is an error there. Sets of ipset\n"
	"  cannot be named.\n";

static const char example[] = "neap.iptables_rule {\n"
			      "  table = \"nat\", chain = \"POSTROUTING\",\n"
			      "  rule = \"! -d 10.10.0.0/16 -m addrtype ! --dst-type LOCAL -j MASQUERADE\",\n"
			      "}\n"
			      "neap.iptables_rule { chain = \"INPUT\", rule = \"-p tcp --dport 6443 -j "
			      "ACCEPT\", position = \"first\" }\n";

extern const struct neap_resource_type neap_type_iptables_rule;
const struct neap_resource_type neap_type_iptables_rule = {
	.name = "iptables_rule",
	.summary = "a rule of the packet filter",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct rule_want),
	.have_size = sizeof(struct rule_have),
	NEAP_LIVE_TYPE(live),
	.keeps = true,
};
