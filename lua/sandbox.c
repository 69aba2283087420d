/*
 * The globals of a recipe: Lua's own libraries less what reaches outside or cannot be bounded, and the few
 * functions that are written anew for that. Knows nothing of resources.
 *
 * Left out: io, os, debug, package, dofile, loadfile, warn, string.dump, math.random. Changed: load (text
 * only), collectgarbage (count only), setmetatable (no __gc: no hook reaches into a finalizer), xpcall (its
 * handler is not asked once time is up), string.rep and table.concat (bounded; concat takes secrets), print
 * (to stderr, secrets masked), require (from the recipe). Globals are declared by nobody: reading or
 * assigning one that is not there is an error. What would differ from run to run is in order.c.
 */
#include <lualib.h>
#include <string.h>

#include "engine/console.h"
#include "lua/text.h"

#define LIBRARY_KEY "neap.library"
#define MODULES_KEY "neap.modules"

/* ---- base ---------------------------------------------------------------------------------------------- */

/* load(chunk [, name [, mode [, env]]]); upvalue 1: Lua's own */
static int load_text(lua_State *L)
{
	int count = lua_gettop(L);

	lua_settop(L, count < 4 ? 3 : 4);
	lua_pushliteral(L, "t");
	lua_replace(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, count < 4 ? 3 : 4, LUA_MULTRET);
	return lua_gettop(L);
}

static int collect_garbage(lua_State *L)
{
	const char *option = luaL_optstring(L, 1, "collect");

	if (strcmp(option, "count") != 0)
		neap_lua_fail(L, "collectgarbage(\"%s\") is not for a recipe: only \"count\" is", option);
	lua_pushnumber(L, (lua_Number)neap_lua_of(L)->heap.used / 1024);
	return 1;
}

static int set_metatable(lua_State *L)
{
	int type = lua_type(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		neap_lua_fail(L, "cannot change a protected metatable");
	if (type == LUA_TTABLE) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			neap_lua_fail(L, "__gc is not for a recipe: nothing here needs a finalizer");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int handler(lua_State *L)
{
	if (neap_lua_of(L)->ended)
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static int xpcall_end(lua_State *L, int status, lua_KContext extra)
{
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - (int)extra;
	lua_pushboolean(L, 0);
	lua_pushvalue(L, -2);
	return 2;
}

/* xpcall(f, handler, …) */
static int xpcall(lua_State *L)
{
	int count = lua_gettop(L);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handler, 1);
	lua_replace(L, 2);
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2);
	return xpcall_end(L, lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, xpcall_end), 2);
}

static int print(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	int count = lua_gettop(L);
	luaL_Buffer buffer;
	size_t len;
	const char *text;

	/* All arguments become strings first: a buffer on the stack and calls do not mix. */
	for (int i = 1; i <= count; i++) {
		if (neap_lua_tag(L, i) == NEAP_LUA_TEXT) {
			struct neap_str masked =
				neap_lua_text_masked(lua, lua_touserdata(L, i), neap_lua_scratch(lua));

			lua_pushlstring(L, masked.data, masked.len);
		} else {
			neap_lua_tostring(L, i);
		}
		lua_replace(L, i);
	}
	luaL_buffinit(L, &buffer);
	for (int i = 1; i <= count; i++) {
		if (i > 1)
			luaL_addchar(&buffer, '\t');
		lua_pushvalue(L, i);
		luaL_addvalue(&buffer);
	}
	luaL_addchar(&buffer, '\n');
	luaL_pushresult(&buffer);
	text = lua_tolstring(L, -1, &len);
	neap_console_print(text, len);
	return 0;
}

/* ---- string and table ------------------------------------------------------------------------------------
 */

/* string.rep(s, n [, sep]); upvalue 1: Lua's own */
static int repeat(lua_State *L)
{
	size_t len, separator_len;
	lua_Integer count;

	luaL_checklstring(L, 1, &len);
	count = luaL_checkinteger(L, 2);
	luaL_optlstring(L, 3, "", &separator_len);
	if (count <= 0 || len + separator_len == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((size_t)count > NEAP_LUA_TEXT_MAX / (len + separator_len))
		neap_lua_fail(L, "string.rep: a string of more than 64 MB");
	lua_settop(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 3, 1);
	return 1;
}

/* table.concat(list [, separator [, i [, j]]]) with texts among the items; upvalue 1: Lua's own */
static int concat(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	lua_Integer first, last;
	bool texts = neap_lua_tag(L, 2) == NEAP_LUA_TEXT;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 4);
	first = luaL_optinteger(L, 3, 1);
	last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
	for (lua_Integer i = first; !texts && i <= last; i++) {
		if (lua_rawgeti(L, 1, i) == LUA_TNIL)
			break; /* an error for Lua's own to make */
		texts = neap_lua_tag(L, -1) == NEAP_LUA_TEXT;
		lua_pop(L, 1);
	}
	if (!texts) {
		lua_settop(L, 4);
		lua_pushvalue(L, lua_upvalueindex(1));
		lua_insert(L, 1);
		lua_call(L, 4, 1);
		return 1;
	}
	neap_lua_scratch(lua);
	neap_lua_join_begin(lua);
	for (lua_Integer i = first; i <= last; i++) {
		if (i > first && !lua_isnoneornil(L, 2) && neap_lua_join_add(L, 2) < 0)
			neap_lua_fail(L, "the separator of table.concat is a %s", luaL_typename(L, 2));
		lua_rawgeti(L, 1, i);
		if (neap_lua_join_add(L, -1) < 0)
			neap_lua_fail(L, "item %lld for table.concat is a %s", (long long)i,
				      luaL_typename(L, -1));
		lua_pop(L, 1);
		if (lua->join.weight > NEAP_LUA_TEXT_MAX)
			break;
	}
	neap_lua_join_push(L);
	return 1;
}

/* ---- modules --------------------------------------------------------------------------------------------
 */

void neap_lua_load(lua_State *L, const struct neap_lua_file *file)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_str text;

	if (neap_sources_text(lua->sources, file->shown, &text, &lua->error) < 0)
		neap_lua_raise(L);
	if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) {
		text.data += 3;
		text.len -= 3;
	}
	/* "#!/usr/bin/env …": the newline stays, lines keep their numbers. */
	while (text.len > 0 && text.data[0] == '#') {
		const char *end = memchr(text.data, '\n', text.len);

		text.len = end ? text.len - (size_t)(end - text.data) : 0;
		text.data = end ? end : "";
	}
	if (luaL_loadbufferx(L, text.data, text.len, file->source, "t") != LUA_OK)
		lua_error(L);
}

/* The chain of modules that are being loaded is in the array part of MODULES: names in order. */
static void check_cycle(lua_State *L, int modules, const char *shown)
{
	struct neap_lua *lua = neap_lua_of(L);
	lua_Integer count = (lua_Integer)lua_rawlen(L, modules);
	const char *chain = NULL;

	neap_lua_scratch(lua);
	for (lua_Integer i = 1; i <= count; i++) {
		const char *name;

		lua_rawgeti(L, modules, i);
		name = lua_tostring(L, -1);
		if (chain)
			chain = neap_arena_printf(lua->scratch, "%s requires %s", chain, name);
		else if (strcmp(name, shown) == 0)
			chain = neap_arena_strdup(lua->scratch, name);
		lua_pop(L, 1);
	}
	if (chain)
		neap_lua_fail(L, "modules require each other: %s requires %s", chain, shown);
}

/* require "lib.users": runs the module once. A module that failed may be tried again. */
static int require(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name = luaL_checkstring(L, 1), *shown = NULL;
	lua_Integer loading;
	int modules, status;

	if (strcmp(name, "neap") == 0) {
		lua_getfield(L, LUA_REGISTRYINDEX, LIBRARY_KEY);
		return 1;
	}
	if (neap_sources_module(lua->sources, name, &shown, &lua->error) < 0)
		neap_lua_raise(L);
	if (!shown)
		neap_lua_fail(L, "module \"%s\" is not found beside the recipe, nor embedded", name);
	lua_getfield(L, LUA_REGISTRYINDEX, MODULES_KEY);
	modules = lua_gettop(L);
	if (lua_getfield(L, modules, shown) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	neap_lua_evaluating(L, "require");
	check_cycle(L, modules, shown);
	neap_lua_load(L, neap_lua_file(lua, shown));
	loading = (lua_Integer)lua_rawlen(L, modules) + 1;
	lua_pushstring(L, shown);
	lua_rawseti(L, modules, loading);
	lua_pushstring(L, name);
	lua_pushstring(L, shown);
	status = lua_pcall(L, 2, 1, 0);
	lua_pushnil(L);
	lua_rawseti(L, modules, loading);
	if (status != LUA_OK)
		return lua_error(L);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, modules, shown);
	return 1;
}

/* ---- globals --------------------------------------------------------------------------------------------
 */

static int undefined(lua_State *L)
{
	static const char *const closed[] = { "os", "io", "debug", "package", "dofile", "loadfile", "warn" };
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
	struct neap_lua *lua = neap_lua_of(L);

	neap_error_set(&lua->error, "undefined variable '%s'", name);
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		if (strcmp(name, closed[i]) == 0)
			neap_error_hint(&lua->error,
					"a recipe declares what should be: it cannot reach the machine, "
					"so %s is not there",
					name);
	if (strcmp(name, "neap") == 0)
		neap_error_hint(&lua->error, "begin with: local neap = require \"neap\"");
	neap_lua_raise(L);
}

static int assigned(lua_State *L)
{
	neap_lua_fail(L, "global '%s' is assigned: use local",
		      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static void remove_all(lua_State *L, const char *const *names)
{
	for (; *names; names++) {
		lua_pushnil(L);
		lua_setfield(L, -2, *names);
	}
}

/* Puts `function` in the place of a field of the table at the top, with the old one as its upvalue. */
static void wrap(lua_State *L, const char *name, lua_CFunction function)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
}

void neap_lua_sandbox_open(lua_State *L)
{
	static const char *const base[] = { "dofile", "loadfile", "warn", NULL };
	static const char *const string[] = { "dump", NULL };
	static const char *const math[] = { "random", "randomseed", NULL };
	static const luaL_Reg libraries[] = {
		{ LUA_STRLIBNAME, luaopen_string },   { LUA_TABLIBNAME, luaopen_table },
		{ LUA_MATHLIBNAME, luaopen_math },    { LUA_UTF8LIBNAME, luaopen_utf8 },
		{ LUA_COLIBNAME, luaopen_coroutine },
	};
	static const luaL_Reg functions[] = {
		{ "collectgarbage", collect_garbage },
		{ "setmetatable", set_metatable },
		{ "xpcall", xpcall },
		{ "print", print },
		{ "require", require },
		{ NULL, NULL },
	};

	luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
	lua_pop(L, 1);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
	lua_newtable(L);
	lua_setfield(L, LUA_REGISTRYINDEX, MODULES_KEY);

	lua_getglobal(L, LUA_STRLIBNAME);
	remove_all(L, string);
	wrap(L, "rep", repeat);
	lua_pop(L, 1);
	lua_getglobal(L, LUA_TABLIBNAME);
	wrap(L, "concat", concat);
	lua_pop(L, 1);
	lua_getglobal(L, LUA_MATHLIBNAME);
	remove_all(L, math);
	lua_pop(L, 1);
	neap_lua_coroutine_open(L);
	neap_lua_order_open(L);

	/* The metatable of strings. */
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);

	lua_pushglobaltable(L);
	remove_all(L, base);
	wrap(L, "load", load_text);
	luaL_setfuncs(L, functions, 0);
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, undefined);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, assigned);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}
