/*
 * neap.facts: the facts of the machine, read only. A branch ("os") is a userdata; what is read of it is asked
 * for, and noted, at that moment.
 */
#pragma once

#include "engine/facts.h"
#include "lua/state.h"

struct neap_lua_facts {
	enum neap_lua_tag tag;
	struct neap_facts_node *node;
};

/* All of the branch as a value, in lua->scratch. 0, or -1 with lua->error. */
int neap_lua_facts_value(struct neap_lua *lua, const struct neap_lua_facts *facts, struct neap_value *ret);
