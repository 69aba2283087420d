/*
 * Lua values to values of the engine and back. Bounded: depth 64, 1,000,000 items, 64 MB of text.
 *
 * A table is a list when it has items 1 … n and nothing else, a map when all its keys are strings; an empty
 * one is a map unless it is marked as a list (neap.list). Anything else is an error that names the place.
 * `neap.null` stands for nil inside lists and maps. Metamethods are not asked.
 */
#pragma once

#include "lua/state.h"

#define NEAP_LUA_VALUE_DEPTH 64
#define NEAP_LUA_VALUE_NODES 1000000

/*
 * 0, or -1 with lua->error ("servers[3].name: a function cannot be a value"). Raises only when memory is
 * full; runs no Lua code.
 * Strings point into Lua's memory: the value is good while the Lua value is alive and scratch is. `name`: of
 * the whole in errors, or NULL. *weight grows by what is in it.
 */
int neap_lua_value(lua_State *L, int index, const char *name, struct neap_value *ret, size_t *weight);
/* Pushes. Lists are marked. `null` becomes neap.null. */
void neap_lua_value_push(lua_State *L, const struct neap_value *value);
/* Marks the table at the top of the stack as a list. */
void neap_lua_list_mark(lua_State *L);
bool neap_lua_list_marked(lua_State *L, int index);
void neap_lua_null_push(lua_State *L);
