/*
 * The overlay over the packet filter: a copy of each table that is changed here, what has been changed in it
 * by whom, and how a step is taken back. It must not know how rules land.
 */
#include "host/overlay_firewall.h"

#include <stdlib.h>

#include "host/firewall.h"
#include "host/overlay_parts.h"

/* Who wants a rule there in this run, or away, and whether he has seen to it. */
struct touch {
	uint32_t step; /* NEAP_NO_STEP: nobody */
	bool there, done;
};

struct undone {
	struct neap_ruleset *set;
	enum neap_firewall_change change; /* what was done */
	const char *chain, *rule;         /* POLICY: `rule` is the former one */
	size_t at;                        /* REMOVE: where it was */
	struct touch *touch, before;
	bool made; /* the chain too, blindly */
};

struct neap_overlay_firewall {
	struct neap_ruleset *tables[NEAP_TABLES_MAX]; /* those that are changed here */
	struct neap_map touched; /* table, chain and rule → touch, as long as the run */
	struct neap_buf key;
	struct neap_arena *arena;
	NEAP_VEC(struct undone) log; /* of the step */
};

struct neap_overlay_firewall *neap_overlay_firewall_new(void)
{
	struct neap_overlay_firewall *firewall = neap_alloc(sizeof *firewall);

	*firewall = (struct neap_overlay_firewall){ .arena = neap_arena_new() };
	return firewall;
}

void neap_overlay_firewall_begin(struct neap_overlay_firewall *firewall)
{
	firewall->log.count = 0;
}

void neap_overlay_firewall_forget(struct neap_overlay_firewall *firewall)
{
	firewall->log.count = 0;
	for (size_t i = 0; i < NEAP_TABLES_MAX; i++) {
		neap_ruleset_free(firewall->tables[i]);
		firewall->tables[i] = NULL;
	}
}

void neap_overlay_firewall_free(struct neap_overlay_firewall *firewall)
{
	neap_overlay_firewall_forget(firewall);
	neap_buf_done(&firewall->key);
	neap_map_done(&firewall->touched);
	neap_vec_done(&firewall->log);
	neap_arena_free(firewall->arena);
	free(firewall);
}

static void take_back(const struct undone *undone)
{
	struct neap_chain *chain = neap_ruleset_chain(undone->set, undone->chain);

	switch (undone->change) {
	case NEAP_FIREWALL_MAKE:
		neap_ruleset_drop(undone->set, undone->chain);
		break;
	case NEAP_FIREWALL_DROP:
		neap_ruleset_make(undone->set, undone->chain, NULL);
		break;
	case NEAP_FIREWALL_POLICY:
		chain->policy = undone->rule;
		break;
	case NEAP_FIREWALL_APPEND:
		neap_chain_remove(chain, chain->rules.count - 1);
		break;
	case NEAP_FIREWALL_PREPEND:
		neap_chain_remove(chain, 0);
		break;
	case NEAP_FIREWALL_REMOVE:
		neap_chain_insert(undone->set, chain, undone->at, undone->rule);
		break;
	}
	if (undone->touch)
		*undone->touch = undone->before;
	if (undone->made)
		neap_ruleset_drop(undone->set, undone->chain);
}

void neap_overlay_firewall_undo(struct neap_overlay_firewall *firewall)
{
	while (firewall->log.count)
		take_back(&firewall->log.items[--firewall->log.count]);
}

/* ---- reads ----------------------------------------------------------------------------------------- */

int neap_overlay_ruleset(const struct neap_view *view, const struct neap_table *table,
			 const struct neap_ruleset **ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);
	struct neap_error *local = NULL;
	int r = 0;

	*ret = overlay->firewall->tables[neap_table_number(table)];
	if (!*ret) {
		r = below->reads->ruleset(below, table, ret, &local);
		r = neap_overlay_settle(overlay, r, false, &local, err);
	}
	return r;
}

/* Good until the next one. `rule` NULL: the chain itself. */
static struct neap_str touch_key(struct neap_overlay_firewall *firewall, const struct neap_table *table,
				 const char *chain, const char *rule)
{
	struct neap_buf *key = &firewall->key;

	key->len = 0;
	neap_buf_putc(key, (char)('A' + neap_table_number(table)));
	neap_buf_puts(key, chain);
	if (rule) {
		neap_buf_putc(key, '\n');
		neap_buf_puts(key, rule);
	}
	return (struct neap_str){ key->data, key->len };
}

static struct touch *touch_of(struct neap_overlay *overlay, const struct neap_table *table, const char *chain,
			      const char *rule)
{
	struct neap_overlay_firewall *firewall = overlay->firewall;
	struct neap_str key = touch_key(firewall, table, chain, rule);
	struct touch *touched = neap_map_get(&firewall->touched, key);

	if (touched)
		return touched;
	touched = neap_arena_new_of(firewall->arena, struct touch);
	touched->step = NEAP_NO_STEP;
	key.data = neap_arena_copy(firewall->arena, key.data, key.len);
	neap_map_put(&firewall->touched, key, touched);
	return touched;
}

void neap_overlay_rule_wanted(const struct neap_view *view, const struct neap_table *table, const char *chain,
			      const char *rule, bool wanted)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct touch *touched = touch_of(overlay, table, chain, rule);

	if (touched->step == NEAP_NO_STEP)
		*touched = (struct touch){ overlay->step, wanted, false };
}

int neap_overlay_rule_absent(const struct neap_view *view, const struct neap_table *table, const char *chain,
			     const char *rule)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct touch *touch;

	if (!neap_overlay_pends(overlay))
		return 0;
	touch = neap_map_get(&overlay->firewall->touched, touch_key(overlay->firewall, table, chain, rule));
	if (touch && touch->done && !touch->there)
		return 0; /* taken away here */
	overlay->cause = overlay->pending;
	return NEAP_UNKNOWN;
}

/*
 * What iptables makes of a rule hangs on more than rules: on accounts, names of services, modules. Where
 * something that this step stands on is still to come, a refusal says nothing; in an apply it comes first.
 */
int neap_overlay_rule_form(const struct neap_view *view, const struct neap_table *table,
			   const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			   const struct neap_rule_others *others, struct neap_arena *arena,
			   struct neap_rule_form *ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);
	struct neap_error *local = NULL;
	int r = below->reads->rule_form(below, table, set, wish, others, arena, ret, &local);

	if (r < 0 && overlay->mode == NEAP_OVERLAY_APPLY && overlay->held.count) {
		neap_error_free(local);
		local = NULL;
		if (neap_overlay_land_first(overlay, "look at", "a rule", err) < 0)
			return -1;
		return neap_view_rule_form(view, table, wish, others, arena, ret, err);
	}
	if (r < 0 && overlay->mode == NEAP_OVERLAY_PLAN && overlay->moved != NEAP_NO_STEP) {
		neap_error_free(local);
		overlay->cause = overlay->moved;
		return NEAP_UNKNOWN;
	}
	return neap_overlay_settle(overlay, r, false, &local, err);
}

const char *neap_overlay_firewall_name(const struct neap_view *view, enum neap_family family,
				       struct neap_arena *arena)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));

	return below->reads->firewall_name(below, family, arena);
}

/* ---- changes --------------------------------------------------------------------------------------- */

/* The table as it is here, to be changed. 0, negative; positive: it is not known what is in it. */
static int own_table(struct neap_overlay *overlay, const struct neap_table *table, struct neap_ruleset **ret,
		     struct neap_error **err)
{
	struct neap_overlay_firewall *firewall = overlay->firewall;
	size_t number = neap_table_number(table);
	const struct neap_ruleset *found;
	int r;

	*ret = firewall->tables[number];
	if (*ret)
		return 0;
	r = neap_overlay_ruleset(&overlay->host.view, table, &found, err);
	if (r != 0)
		return r;
	*ret = firewall->tables[number] = neap_ruleset_copy(found);
	return 0;
}

/* Two resources that want the opposite of one rule would undo each other in every run. */
static int touch(struct neap_overlay *overlay, const struct neap_table *table, struct undone *undone,
		 bool there, struct neap_error **err)
{
	struct touch *touched = touch_of(overlay, table, undone->chain, undone->rule);

	if (touched->step != NEAP_NO_STEP && touched->step != overlay->step && touched->there != there) {
		neap_error_set(err, "%s chain %s of table %s: %s",
			       there ? "put a rule in" : "take a rule from", undone->chain, table->name,
			       undone->rule ? undone->rule : "all of it");
		return neap_error_hint(err, "another resource wants it %s: one of the two has to go",
				       there ? "away" : "there");
	}
	undone->touch = touched;
	undone->before = *touched;
	*touched = (struct touch){ overlay->step, there, true };
	return 0;
}

static int change_set(struct neap_overlay *overlay, struct neap_ruleset *set, const struct neap_table *table,
		      enum neap_firewall_change change, const char *name, const char *rule,
		      struct neap_error **err)
{
	struct undone undone = { .set = set, .change = change, .chain = name, .rule = rule };
	struct neap_chain *chain = neap_ruleset_chain(set, name);
	bool there = change != NEAP_FIREWALL_REMOVE && change != NEAP_FIREWALL_DROP;

	if (neap_overlay_pends(overlay) || overlay->moved != NEAP_NO_STEP) {
		/* What is not there may be there by then, and what is there may not. */
		if ((change == NEAP_FIREWALL_MAKE && chain) || (!chain && !there) ||
		    (change == NEAP_FIREWALL_REMOVE && !neap_chain_count(chain, rule)))
			return 0;
		if (!chain && change != NEAP_FIREWALL_MAKE) {
			undone.made = true;
			chain = neap_ruleset_make(set, name,
						  change == NEAP_FIREWALL_POLICY ? "ACCEPT" : NULL);
		}
	}
	if (change == NEAP_FIREWALL_REMOVE && chain)
		undone.at = neap_chain_find(chain, rule);
	if (change == NEAP_FIREWALL_POLICY && chain)
		undone.rule = chain->policy;
	if (neap_firewall_apply(set, table, change, name, rule, err) < 0)
		return -1;
	/* From here on it is taken back with the step. */
	if (change != NEAP_FIREWALL_POLICY && touch(overlay, table, &undone, there, err) < 0) {
		take_back(&undone);
		return -1;
	}
	neap_vec_push(&overlay->firewall->log, undone);
	return 0;
}

int neap_overlay_firewall(struct neap_host *host, const struct neap_table *table,
			  enum neap_firewall_change change, const char *chain, const char *rule,
			  struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_arena *arena = overlay->firewall->arena;
	struct neap_ruleset *set;
	int r = neap_overlay_may(overlay, NEAP_RIGHT_NETWORK, "change the table", table->name, err);

	if (r == 0)
		r = own_table(overlay, table, &set, err);
	if (r < 0)
		return r;
	chain = neap_arena_strdup(arena, chain);
	rule = rule ? neap_arena_strdup(arena, rule) : NULL;
	if (r == 0 && change_set(overlay, set, table, change, chain, rule, err) < 0)
		return -1;
	neap_overlay_hold_firewall(overlay, table, change, chain, rule);
	return 0;
}
