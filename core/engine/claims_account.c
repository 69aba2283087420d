/*
 * Who makes which account, and who needs one: the edges between them. Knows names only; whether there is such
 * an account is the machine's to say.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/graph_private.h"

#define NONE NEAP_GRAPH_NONE

struct account {               /* all that is claimed of one name */
	uint32_t maker, other; /* resources, or NONE; who makes or removes it when nobody else does */
	bool absent, other_absent;
};

static const char *const words[] = { [NEAP_ACCOUNT_USER] = "user", [NEAP_ACCOUNT_GROUP] = "group" };

static const struct neap_resource *resource_of(const struct neap_claims *claims, uint32_t number)
{
	return &claims->graph->resources.items[number];
}

static void edge(struct neap_claims *claims, uint32_t from, uint32_t to)
{
	if (from != to)
		neap_graph_edge(claims->graph, from, to, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, to)->at);
}

static struct account *account_of(struct neap_claims *claims, enum neap_account_kind kind, const char *name)
{
	struct neap_graph *graph = claims->graph;
	void **slot = neap_map_slot(&graph->accounts[kind], neap_str(name));
	struct account *account = *slot;

	if (account)
		return account;
	account = *slot = neap_arena_new_of(graph->arena, struct account);
	*account = (struct account){ .maker = NONE, .other = NONE };
	return account;
}

static void make(struct neap_claims *claims, enum neap_account_kind kind, const char *name, bool absent)
{
	struct account *account = account_of(claims, kind, name);
	uint32_t self = claims->resource;

	if (account->maker != NONE && account->maker != self) {
		neap_problem_add(claims->graph->problems, resource_of(claims, self)->at,
				 resource_of(claims, self)->address, "%s and %s both make the %s %s",
				 neap_claims_named(claims, account->maker), neap_claims_named(claims, self),
				 words[kind], name);
		return;
	}
	account->maker = self;
	account->absent = absent;
}

void neap_claim_account(struct neap_claims *claims, enum neap_account_kind kind, const char *name,
			enum neap_account_claim claim)
{
	struct account *account;

	if (claims->probe)
		return;
	/* The type may have the name from somewhere that does not last. */
	name = neap_arena_strdup(claims->graph->arena, name);
	switch (claim) {
	case NEAP_ACCOUNT_MAKES:
	case NEAP_ACCOUNT_REMOVES:
		make(claims, kind, name, claim == NEAP_ACCOUNT_REMOVES);
		return;
	case NEAP_ACCOUNT_MAKES_ELSE:
	case NEAP_ACCOUNT_REMOVES_ELSE:
		account = account_of(claims, kind, name);
		account->other = claims->resource;
		account->other_absent = claim == NEAP_ACCOUNT_REMOVES_ELSE;
		return;
	case NEAP_ACCOUNT_NEEDS:
		neap_vec_push(&claims->needs, (struct neap_need){ claims->resource, kind, name });
		return;
	}
}

/* The name that a parameter gives; NULL when it is none or a number. */
static const char *owner_in(const struct neap_resource *resource, size_t param,
			    enum neap_account_kind *ret_kind)
{
	const struct neap_param *table = &resource->type->params[param];
	const char *name;

	if (table->kind != NEAP_PARAM_OWNER || !(resource->want->given >> param & 1))
		return NULL;
	name = *(const char *const *)(const void *)((const char *)resource->want + table->offset);
	*ret_kind = table->flags & NEAP_PARAM_GROUP ? NEAP_ACCOUNT_GROUP : NEAP_ACCOUNT_USER;
	return name[strspn(name, "0123456789")] ? name : NULL;
}

void neap_claims_owners(struct neap_claims *claims, const struct neap_resource *resource)
{
	enum neap_account_kind kind;

	for (size_t i = 0; i < resource->type->param_count; i++) {
		const char *name = owner_in(resource, i, &kind);

		if (name)
			neap_vec_push(&claims->needs, (struct neap_need){ resource->index, kind, name });
	}
}

bool neap_claims_needs(const struct neap_claims *claims, uint32_t number, uint32_t maker)
{
	const struct neap_resource *resource = resource_of(claims, number);
	enum neap_account_kind kind;

	for (size_t i = 0; i < resource->type->param_count; i++) {
		const char *name = owner_in(resource, i, &kind);
		const struct account *account =
			name ? neap_map_get(&claims->graph->accounts[kind], neap_str(name)) : NULL;

		if (account &&
		    (account->maker == maker || (account->maker == NONE && account->other == maker)))
			return true;
	}
	return false;
}

static void order_need(struct neap_claims *claims, const struct neap_need *need)
{
	const struct account *account =
		neap_map_get(&claims->graph->accounts[need->kind], neap_str(need->name));
	uint32_t maker, later;

	if (!account)
		return;
	maker = account->maker != NONE ? account->maker : account->other;
	if (maker == need->resource)
		return;
	if (account->maker == NONE ? !account->other_absent : !account->absent) {
		edge(claims, maker, need->resource);
		return;
	}
	if (account->maker == NONE) /* it goes only when nobody uses it */
		return;
	later = maker > need->resource ? maker : need->resource;
	neap_problem_add(claims->graph->problems, resource_of(claims, later)->at,
			 resource_of(claims, later)->address, "%s needs the %s %s, which %s makes absent",
			 neap_claims_named(claims, need->resource), words[need->kind], need->name,
			 neap_claims_named(claims, maker));
}

void neap_claims_order_accounts(struct neap_claims *claims)
{
	for (size_t kind = 0; kind < 2; kind++) {
		const struct neap_map *accounts = &claims->graph->accounts[kind];

		for (size_t i = 0; i < accounts->count; i++) {
			const struct account *account = accounts->entries[i].value;

			if (account->maker == NONE || account->other == NONE)
				continue;
			if (!account->other_absent && !account->absent)
				edge(claims, account->maker, account->other);
			else if (account->other_absent)
				edge(claims, account->other, account->maker);
		}
	}
	for (size_t i = 0; i < claims->needs.count; i++)
		order_need(claims, &claims->needs.items[i]);
}

bool neap_graph_accounts(const struct neap_graph *graph, enum neap_account_kind kind, const char *name)
{
	const struct account *account = neap_map_get(&graph->accounts[kind], neap_str(name));

	return account && account->maker != NONE;
}
