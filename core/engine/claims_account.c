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

/* ---- members ----------------------------------------------------------------------------------------- */

static struct neap_str member_key(struct neap_arena *arena, uint32_t resource, const char *group,
				  const char *user)
{
	size_t group_len = strlen(group) + 1, user_len = strlen(user),
	       len = sizeof(resource) + group_len + user_len;
	char *key = neap_arena_bytes(arena, len);

	memcpy(key, &resource, sizeof(resource));
	memcpy(key + sizeof(resource), group, group_len);
	memcpy(key + sizeof(resource) + group_len, user, user_len);
	return (struct neap_str){ key, len };
}

void neap_claim_member(struct neap_claims *claims, const char *group, const char *user)
{
	struct neap_member member = { .resource = claims->resource };
	struct neap_arena *arena;

	if (claims->probe)
		return;
	arena = claims->graph->arena;
	member.group = neap_arena_strdup(arena, group);
	member.user = neap_arena_strdup(arena, user);
	neap_vec_push(&claims->members, member);
	neap_map_put(&claims->joined, member_key(arena, member.resource, group, user), claims);
}

void neap_claim_only_members(struct neap_claims *claims, enum neap_account_kind kind, const char *name)
{
	void **slot;

	if (claims->probe)
		return;
	slot = neap_map_slot(&claims->only[kind], neap_str(neap_arena_strdup(claims->graph->arena, name)));
	if (!*slot)
		*slot = (void *)((uintptr_t)claims->resource + 1);
}

static void check_member(struct neap_claims *claims, const struct neap_member *member,
			 enum neap_account_kind kind)
{
	struct neap_arena *arena = claims->graph->arena;
	struct neap_arena_mark mark = neap_arena_mark(arena);
	const char *name = kind == NEAP_ACCOUNT_USER ? member->user : member->group;
	uintptr_t found = (uintptr_t)neap_map_get(&claims->only[kind], neap_str(name));
	uint32_t owner = found ? (uint32_t)(found - 1) : NONE, later;
	bool agreed = owner == NONE || owner == member->resource ||
		      neap_map_get(&claims->joined, member_key(arena, owner, member->group, member->user));

	neap_arena_rewind(arena, mark);
	if (agreed)
		return;
	later = owner > member->resource ? owner : member->resource;
	neap_problem_add(claims->graph->problems, resource_of(claims, later)->at,
			 resource_of(claims, later)->address,
			 "%s wants the user %s in the group %s, which %s does not allow",
			 neap_claims_named(claims, member->resource), member->user, member->group,
			 neap_claims_named(claims, owner));
}

void neap_claims_accounts_done(struct neap_claims *claims)
{
	neap_vec_done(&claims->needs);
	neap_vec_done(&claims->members);
	neap_map_done(&claims->joined);
	neap_map_done(&claims->only[NEAP_ACCOUNT_USER]);
	neap_map_done(&claims->only[NEAP_ACCOUNT_GROUP]);
}

/* ---- order ------------------------------------------------------------------------------------------- */

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

/* One who makes it beside what it is about, where another says that it shall not be there. */
static void refuse_makers(struct neap_claims *claims, const struct account *account,
			  enum neap_account_kind kind, const char *name)
{
	uint32_t later = account->maker > account->other ? account->maker : account->other;

	neap_problem_add(
		claims->graph->problems, resource_of(claims, later)->at, resource_of(claims, later)->address,
		"%s comes with the %s %s, which %s makes absent", neap_claims_named(claims, account->other),
		words[kind], name, neap_claims_named(claims, account->maker));
	neap_problem_hint(claims->graph->problems, "group = … there says which other group it has");
}

void neap_claims_order_accounts(struct neap_claims *claims)
{
	for (size_t kind = 0; kind < 2; kind++) {
		const struct neap_map *accounts = &claims->graph->accounts[kind];

		for (size_t i = 0; i < accounts->count; i++) {
			const struct account *account = accounts->entries[i].value;

			if (account->maker == NONE || account->other == NONE)
				continue;
			if (account->other_absent)
				edge(claims, account->other, account->maker);
			else if (!account->absent)
				edge(claims, account->maker, account->other);
			else
				refuse_makers(claims, account, kind, accounts->entries[i].key.data);
		}
	}
	for (size_t i = 0; i < claims->needs.count; i++)
		order_need(claims, &claims->needs.items[i]);
	for (size_t i = 0; i < claims->members.count; i++) {
		check_member(claims, &claims->members.items[i], NEAP_ACCOUNT_USER);
		check_member(claims, &claims->members.items[i], NEAP_ACCOUNT_GROUP);
	}
}

bool neap_graph_accounts(const struct neap_graph *graph, enum neap_account_kind kind, const char *name)
{
	const struct account *account = neap_map_get(&graph->accounts[kind], neap_str(name));

	return account && account->maker != NONE;
}
