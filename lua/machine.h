/*
 * What the methods of views and hosts share. Each begins with the call that it is made in, and ends every
 * call of the host by NEAP_LUA_DO, which raises what failed and ends what is not known.
 */
#pragma once

#include "lua/type.h"

/* The call that runs, of whose machine the first argument is. Scratch memory is empty then. */
struct neap_lua_call *neap_lua_call_at(lua_State *L, const char *method);
/* A string argument without secrets; the path at 2, normalised. */
const char *neap_lua_string_at(lua_State *L, int index, const char *method, const char *what);
const char *neap_lua_path_at(lua_State *L, struct neap_arena *arena, const char *method);
/* What a call of the host gave. While it works its time is not the type's. */
void neap_lua_did(lua_State *L, struct neap_lua_call *call, int r);

#define NEAP_LUA_DO(L, call, expression)                                                                     \
	do {                                                                                                 \
		(call)->outside = 1;                                                                         \
		neap_lua_did((L), (call), (expression));                                                     \
	} while (0)

/* Methods by name, up to one without: what everybody has, what only a host has. */
extern const luaL_Reg neap_lua_changes[];
int neap_lua_query(lua_State *L);
