/* See facts.h. Which facts there are, and how a machine is asked, is engine/facts.h's. */
#include "lua/facts.h"

#include "lua/value.h"

#define METATABLE "neap.facts"

static struct neap_facts_node *node_of(lua_State *L, int index)
{
	if (neap_lua_tag(L, index) != NEAP_LUA_FACTS)
		neap_lua_fail(L, "facts are needed here, not %s", luaL_typename(L, index));
	return ((const struct neap_lua_facts *)lua_touserdata(L, index))->node;
}

static void push_branch(lua_State *L, struct neap_facts_node *node)
{
	struct neap_lua_facts *facts = lua_newuserdatauv(L, sizeof(*facts), 0);

	*facts = (struct neap_lua_facts){ NEAP_LUA_FACTS, node };
	luaL_setmetatable(L, METATABLE);
}

/* A list is a new table each time: what the recipe does with it is its own affair. */
static void push_node(lua_State *L, struct neap_facts_node *node)
{
	if (node->state == NEAP_FACTS_BRANCH) {
		push_branch(L, node);
		return;
	}
	node->used = true;
	neap_lua_value_push(L, &node->value);
	neap_lua_check_memory(L, neap_lua_of(L));
}

/* neap.facts.name */
static int facts_index(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_facts_node *branch = node_of(L, 1), *node;
	struct neap_str key;

	neap_lua_evaluating(L, "neap.facts");
	if (lua_type(L, 2) != LUA_TSTRING)
		neap_lua_fail(L, "facts have names, a %s is none", luaL_typename(L, 2));
	key.data = lua_tolstring(L, 2, &key.len);
	if (neap_facts_step(lua->options.facts, branch, key, &node, &lua->error) < 0)
		neap_lua_raise(L);
	if (node)
		push_node(L, node);
	else
		lua_pushnil(L);
	return 1;
}

static int facts_newindex(lua_State *L)
{
	neap_lua_fail(L, "a fact of the machine cannot be assigned");
}

/* upvalues: the branch, how many were given */
static int facts_next(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_facts_node *branch = node_of(L, lua_upvalueindex(1)), *node;
	size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(2));

	do { /* those that the machine has not are passed over */
		if (i == branch->count)
			return 0;
		node = &branch->children[i++];
		if (neap_facts_open(lua->options.facts, node, &lua->error) < 0)
			neap_lua_raise(L);
	} while (node->state == NEAP_FACTS_NONE);
	lua_pushinteger(L, (lua_Integer)i);
	lua_replace(L, lua_upvalueindex(2));
	lua_pushlstring(L, node->key.data, node->key.len);
	push_node(L, node);
	return 2;
}

/* pairs(neap.facts): sorted. That a name is there is something to have seen, so all of it counts as used. */
static int facts_pairs(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_facts_node *branch = node_of(L, 1);

	neap_lua_evaluating(L, "neap.facts");
	if (neap_facts_open(lua->options.facts, branch, &lua->error) < 0)
		neap_lua_raise(L);
	for (size_t i = 0; i < branch->count; i++)
		if (neap_facts_open(lua->options.facts, &branch->children[i], &lua->error) < 0)
			neap_lua_raise(L);
	branch->used = true;
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, facts_next, 2);
	return 1;
}

int neap_lua_facts_value(struct neap_lua *lua, const struct neap_lua_facts *facts, struct neap_value *ret)
{
	if (lua->call) /* what is a fact was asked for before the first change */
		return neap_error_set(&lua->error,
				      "neap.facts is for evaluation, not for a function of a type");
	facts->node->used = true;
	return neap_facts_value(lua->options.facts, facts->node, lua->scratch, ret, &lua->error);
}

void neap_lua_facts_open(lua_State *L, int library)
{
	static const luaL_Reg methods[] = {
		{ "__index", facts_index },
		{ "__newindex", facts_newindex },
		{ "__pairs", facts_pairs },
		{ NULL, NULL },
	};
	struct neap_lua *lua = neap_lua_of(L);

	luaL_newmetatable(L, METATABLE);
	luaL_setfuncs(L, methods, 0);
	lua_pushliteral(L, "facts");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	push_branch(L, neap_facts_root(lua->options.facts));
	lua_setfield(L, library, "facts");
}
