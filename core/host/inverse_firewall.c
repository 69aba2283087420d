/*
 * Changes of one table of the packet filter, and how they are taken back: rules that were put in go, those
 *that were removed come back to their places. Works on values only.
 *
 *	firewall 4 filter          the table
 *	chain INPUT                what was in a chain before: its rules follow
 *	has RULE
 *	made NAME                  what is done, in this order
 *	dropped NAME
 *	policy NAME OLD
 *	added NAME RULE
 *	removed NAME PLACE RULE    PLACE: among what was in it before, or "-"
 */
#include "host/inverse.h"

#include <stdlib.h>

#include "base/lines.h"

#define NONE SIZE_MAX

/* ---- before they are made ------------------------------------------------------------------------------ */

/* A chain, and of each of its rules the place that it had before. */
struct traced {
	const char *name;
	NEAP_VEC(size_t) places;
};

struct trace {
	struct neap_ruleset *set;
	struct neap_buf *lines;
	NEAP_VEC(struct traced) chains;
};

static struct traced *trace_of(struct trace *trace, const char *name)
{
	const struct neap_chain *chain = neap_ruleset_chain(trace->set, name);
	struct traced *traced;

	for (size_t i = 0; i < trace->chains.count; i++)
		if (strcmp(trace->chains.items[i].name, name) == 0)
			return &trace->chains.items[i];
	neap_vec_push(&trace->chains, (struct traced){ .name = name });
	traced = &trace->chains.items[trace->chains.count - 1];
	neap_buf_printf(trace->lines, "chain %s\n", name);
	for (size_t i = 0; chain && i < chain->rules.count; i++) {
		neap_buf_printf(trace->lines, "has %s\n", chain->rules.items[i]);
		neap_vec_push(&traced->places, i);
	}
	return traced;
}

static void place(struct traced *traced, size_t at)
{
	size_t behind = traced->places.count - at;

	neap_vec_push(&traced->places, NONE);
	if (behind)
		memmove(&traced->places.items[at + 1], &traced->places.items[at],
			behind * sizeof *traced->places.items);
	traced->places.items[at] = NONE;
}

static void take(struct traced *traced, size_t at)
{
	traced->places.count--;
	memmove(&traced->places.items[at], &traced->places.items[at + 1],
		(traced->places.count - at) * sizeof *traced->places.items);
}

static void put_removed(struct trace *trace, struct traced *traced, const struct neap_change *change)
{
	const struct neap_chain *chain = neap_ruleset_chain(trace->set, change->chain);
	size_t at = chain ? neap_chain_find(chain, change->rule) : 0;
	size_t from = at < traced->places.count ? traced->places.items[at] : NONE;

	if (from == NONE)
		neap_buf_printf(trace->lines, "removed %s - %s\n", change->chain, change->rule);
	else
		neap_buf_printf(trace->lines, "removed %s %zu %s\n", change->chain, from, change->rule);
	if (at < traced->places.count)
		take(traced, at);
}

static void put_line(struct trace *trace, const struct neap_change *change)
{
	const struct neap_chain *chain = neap_ruleset_chain(trace->set, change->chain);
	struct traced *traced = trace_of(trace, change->chain);

	switch (change->firewall) {
	case NEAP_FIREWALL_MAKE:
		neap_buf_printf(trace->lines, "made %s\n", change->chain);
		break;
	case NEAP_FIREWALL_DROP:
		neap_buf_printf(trace->lines, "dropped %s\n", change->chain);
		break;
	case NEAP_FIREWALL_POLICY:
		if (chain && chain->policy)
			neap_buf_printf(trace->lines, "policy %s %s\n", change->chain, chain->policy);
		break;
	case NEAP_FIREWALL_APPEND:
		neap_buf_printf(trace->lines, "added %s %s\n", change->chain, change->rule);
		place(traced, traced->places.count);
		break;
	case NEAP_FIREWALL_PREPEND:
		neap_buf_printf(trace->lines, "added %s %s\n", change->chain, change->rule);
		place(traced, 0);
		break;
	case NEAP_FIREWALL_REMOVE:
		put_removed(trace, traced, change);
		break;
	}
}

/* What was there of each chain comes before what is done in it. */
void neap_inverse_firewall(const struct neap_ruleset *before, const struct neap_change *const *changes,
			   size_t count, struct neap_buf *lines)
{
	struct neap_ruleset *left = neap_ruleset_copy(before);
	struct trace trace = { .set = neap_ruleset_copy(before), .lines = lines };

	neap_buf_printf(lines, "firewall %d %s\n", changes[0]->table.family == NEAP_FAMILY_IPV6 ? 6 : 4,
			changes[0]->table.name);
	for (size_t i = 0; i < count; i++)
		(void)trace_of(&trace, changes[i]->chain);
	for (size_t i = 0; i < count; i++) {
		if (!neap_firewall_is_left(left, changes[i]))
			continue;
		put_line(&trace, changes[i]);
		neap_firewall_apply(trace.set, &changes[i]->table, changes[i]->firewall, changes[i]->chain,
				    changes[i]->rule, NULL);
	}
	for (size_t i = 0; i < trace.chains.count; i++)
		neap_vec_done(&trace.chains.items[i].places);
	neap_vec_done(&trace.chains);
	neap_ruleset_free(trace.set);
	neap_ruleset_free(left);
}

/* ---- when they are taken back ---------------------------------------------------------------------------
 */

struct neap_str neap_inverse_word(struct neap_str *rest)
{
	struct neap_str word;
	size_t len = 0;

	while (rest->len && rest->data[0] == ' ') {
		rest->data++;
		rest->len--;
	}
	while (len < rest->len && rest->data[len] != ' ')
		len++;
	word = (struct neap_str){ rest->data, len };
	rest->data += len;
	rest->len -= len;
	if (rest->len) { /* one blank separates: a rule keeps its own */
		rest->data++;
		rest->len--;
	}
	return word;
}

static const char *keep(struct neap_arena *arena, struct neap_str text)
{
	return neap_arena_copy(arena, text.data, text.len);
}

int neap_inverse_table(struct neap_str lines, struct neap_arena *arena, struct neap_table *ret,
		       struct neap_error **err)
{
	struct neap_str line = neap_line_bytes(lines, neap_line_at(lines, 0));
	struct neap_str word = neap_inverse_word(&line), family = neap_inverse_word(&line);
	const char *name = keep(arena, line);

	for (const struct neap_table_kind *kind = neap_table_kinds; kind->name; kind++)
		if (strcmp(kind->name, name) == 0 && neap_str_equal(word, NEAP_STR("firewall"))) {
			*ret = (struct neap_table){ neap_str_equal(family, NEAP_STR("6")) ? NEAP_FAMILY_IPV6
											  : NEAP_FAMILY_IPV4,
						    kind->name };
			return 0;
		}
	return neap_error_set(err, "the record of a change names no table");
}

struct former { /* what was in a chain */
	const char *name;
	NEAP_VEC(const char *) rules;
	struct neap_map counts; /* rule → how often */
};

struct done {
	struct neap_str word, rest;
};

struct undo {
	struct neap_inverse_rules *out;
	struct neap_ruleset *now;
	NEAP_VEC(struct former) chains;
	NEAP_VEC(struct done) done;
};

static void add_former(struct former *former, const char *rule)
{
	void **count = neap_map_slot(&former->counts, neap_str(rule));

	*count = (void *)((uintptr_t)*count + 1);
	neap_vec_push(&former->rules, rule);
}

static void read_lines(struct undo *undo, struct neap_str lines)
{
	struct neap_arena *arena = undo->out->arena;

	for (size_t at = neap_line_at(lines, 0).next; at < lines.len;) {
		struct neap_line place_of = neap_line_at(lines, at);
		struct neap_str rest = neap_line_bytes(lines, place_of), word = neap_inverse_word(&rest);

		at = place_of.next;
		if (neap_str_equal(word, NEAP_STR("chain")))
			neap_vec_push(&undo->chains, (struct former){ .name = keep(arena, rest) });
		else if (neap_str_equal(word, NEAP_STR("has")) && undo->chains.count)
			add_former(&undo->chains.items[undo->chains.count - 1], keep(arena, rest));
		else
			neap_vec_push(&undo->done, (struct done){ word, rest });
	}
}

static const struct former *former_of(const struct undo *undo, const char *name)
{
	for (size_t i = 0; i < undo->chains.count; i++)
		if (strcmp(undo->chains.items[i].name, name) == 0)
			return &undo->chains.items[i];
	return NULL;
}

void neap_inverse_step(struct neap_ruleset *set, const struct neap_inverse_step *step)
{
	struct neap_chain *chain = neap_ruleset_chain(set, step->chain);

	switch (step->op) {
	case NEAP_INVERSE_MAKE:
		neap_ruleset_make(set, step->chain, NULL);
		break;
	case NEAP_INVERSE_DROP:
		neap_ruleset_drop(set, step->chain);
		break;
	case NEAP_INVERSE_POLICY:
		if (chain)
			chain->policy = neap_arena_strdup(set->arena, step->rule);
		break;
	case NEAP_INVERSE_INSERT:
		if (chain && step->at <= chain->rules.count)
			neap_chain_insert(set, chain, step->at, step->rule);
		break;
	case NEAP_INVERSE_REMOVE:
		if (chain && neap_chain_count(chain, step->rule))
			neap_chain_remove(chain, neap_chain_find(chain, step->rule));
		break;
	}
}

static void add_step(struct undo *undo, struct neap_inverse_step step)
{
	neap_inverse_step(undo->now, &step);
	neap_vec_push(&undo->out->steps, step);
}

static void leave(struct undo *undo, const char *what, const char *name, const char *why)
{
	neap_buf_printf(&undo->out->left, "%s %s of table %s: %s\n", what, name, undo->out->table.name, why);
}

static size_t behind(const struct neap_chain *chain, const char *rule)
{
	size_t at = chain->rules.count;

	while (at && strcmp(chain->rules.items[at - 1], rule) != 0)
		at--;
	return at;
}

/* Where a rule that stood at `from` before belongs now: beside the nearest of its former neighbours that is
 * there. */
static size_t place_for(const struct former *former, const struct neap_chain *chain, size_t from)
{
	const char *const *rules = former->rules.items;

	for (size_t far = 1; far <= from || from + far < former->rules.count; far++) {
		if (far <= from && neap_chain_count(chain, rules[from - far]))
			return behind(chain, rules[from - far]);
		if (from + far < former->rules.count && neap_chain_count(chain, rules[from + far]))
			return neap_chain_find(chain, rules[from + far]);
	}
	return chain->rules.count;
}

static void put_back(struct undo *undo, const char *name, struct neap_str rest)
{
	struct neap_str from = neap_inverse_word(&rest);
	const char *rule = keep(undo->out->arena, rest), *number = keep(undo->out->arena, from);
	const struct neap_chain *chain = neap_ruleset_chain(undo->now, name);
	const struct former *former = former_of(undo, name);

	if (!former || strcmp(number, "-") == 0) /* it was not there before */
		return;
	if (strtoul(number, NULL, 10) >= former->rules.count)
		return;
	if (!chain) {
		leave(undo, "a rule in chain", name, "others have removed the chain");
		return;
	}
	/* Somebody else has put it back. */
	if (neap_chain_count(chain, rule) >= (uintptr_t)neap_map_get(&former->counts, neap_str(rule)))
		return;
	add_step(undo, (struct neap_inverse_step){ NEAP_INVERSE_INSERT, name, rule,
						   place_for(former, chain, strtoul(number, NULL, 10)) });
}

/* There are two, so it is the former one or ours. */
static void set_policy(struct undo *undo, const char *name, struct neap_str former)
{
	const char *policy = keep(undo->out->arena, former);
	const struct neap_chain *chain = neap_ruleset_chain(undo->now, name);

	if (chain && chain->policy && strcmp(chain->policy, policy) != 0)
		add_step(undo, (struct neap_inverse_step){ NEAP_INVERSE_POLICY, name, policy, 0 });
}

static void drop_chain(struct undo *undo, const char *name)
{
	const struct neap_chain *chain = neap_ruleset_chain(undo->now, name);

	if (!chain)
		return;
	if (chain->rules.count)
		leave(undo, "chain", name, "others have put rules in it");
	else if (neap_ruleset_refers(undo->now, name))
		leave(undo, "chain", name, "rules of others jump to it");
	else
		add_step(undo, (struct neap_inverse_step){ NEAP_INVERSE_DROP, name, NULL, 0 });
}

static void undo_one(struct undo *undo, const struct done *done)
{
	struct neap_str rest = done->rest;
	const char *name = keep(undo->out->arena, neap_inverse_word(&rest));
	const struct neap_chain *chain = neap_ruleset_chain(undo->now, name);

	if (neap_str_equal(done->word, NEAP_STR("made"))) {
		drop_chain(undo, name);
	} else if (neap_str_equal(done->word, NEAP_STR("dropped"))) {
		if (!chain)
			add_step(undo, (struct neap_inverse_step){ NEAP_INVERSE_MAKE, name, NULL, 0 });
	} else if (neap_str_equal(done->word, NEAP_STR("policy"))) {
		set_policy(undo, name, rest);
	} else if (neap_str_equal(done->word, NEAP_STR("added"))) {
		const char *rule = keep(undo->out->arena, rest);

		if (chain && neap_chain_count(chain, rule))
			add_step(undo, (struct neap_inverse_step){ NEAP_INVERSE_REMOVE, name, rule, 0 });
	} else if (neap_str_equal(done->word, NEAP_STR("removed"))) {
		put_back(undo, name, rest);
	}
}

int neap_inverse_rules(struct neap_str lines, struct neap_ruleset *now, struct neap_arena *arena,
		       struct neap_inverse_rules *ret, struct neap_error **err)
{
	struct undo undo = { .out = ret, .now = now };

	*ret = (struct neap_inverse_rules){ .arena = arena };
	if (neap_inverse_table(lines, arena, &ret->table, err) < 0)
		return -1;
	read_lines(&undo, lines);
	while (undo.done.count)
		undo_one(&undo, &undo.done.items[--undo.done.count]);
	for (size_t i = 0; i < undo.chains.count; i++) {
		neap_vec_done(&undo.chains.items[i].rules);
		neap_map_done(&undo.chains.items[i].counts);
	}
	neap_vec_done(&undo.chains);
	neap_vec_done(&undo.done);
	return 0;
}
