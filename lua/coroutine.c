/*
 * The parts of the coroutine library that let another thread run, written anew: the limits must know which
 * one that is, and when time is up a coroutine that died of it takes its caller with it.
 */
#include "lua/state.h"

static lua_State *coroutine_at(lua_State *L, int index)
{
	lua_State *co = lua_tothread(L, index);

	luaL_argexpected(L, co, index, "coroutine");
	return co;
}

/* Returns how many results are on L, or -1 with the error value on L. */
static int resume(lua_State *L, lua_State *co, int count)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_thread thread = { .L = co, .up = lua->thread };
	int status, results = 0;

	if (!lua_checkstack(co, count)) {
		lua_pushliteral(L, "too many arguments to resume");
		return -1;
	}
	lua_xmove(L, co, count);
	lua->thread = &thread;
	status = lua_resume(co, L, count, &results);
	lua->thread = thread.up;
	neap_lua_check_ended(L, lua);
	if (status == LUA_OK || status == LUA_YIELD) {
		if (!lua_checkstack(L, results + 1)) {
			lua_pop(co, results);
			lua_pushliteral(L, "too many results to resume");
			return -1;
		}
		lua_xmove(co, L, results);
		return results;
	}
	lua_xmove(co, L, 1);
	return -1;
}

static int coroutine_resume(lua_State *L)
{
	lua_State *co = coroutine_at(L, 1);
	int results = resume(L, co, lua_gettop(L) - 1);

	lua_pushboolean(L, results >= 0);
	lua_insert(L, results >= 0 ? -(results + 1) : -2);
	return results >= 0 ? results + 1 : 2;
}

/* Runs what the coroutine has to close. */
static int reset(lua_State *L, lua_State *co)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_thread thread = { .L = co, .up = lua->thread };
	int status;

	lua->thread = &thread;
	status = lua_resetthread(co);
	lua->thread = thread.up;
	neap_lua_check_ended(L, lua);
	return status;
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int results = resume(L, co, lua_gettop(L)), status;

	if (results >= 0)
		return results;
	status = lua_status(co);
	if (status != LUA_OK && status != LUA_YIELD && lua_checkstack(co, 1)) {
		/* Closing wants the error there; one of its own may take its place. */
		lua_xmove(L, co, 1);
		reset(L, co);
		lua_xmove(co, L, 1);
	}
	return lua_error(L);
}

static int coroutine_wrap(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

static int coroutine_close(lua_State *L)
{
	lua_State *co = coroutine_at(L, 1);
	lua_Debug ar;

	if (co == L)
		neap_lua_fail(L, "cannot close a running coroutine");
	if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
		neap_lua_fail(L, "cannot close a normal coroutine");
	if (reset(L, co) == LUA_OK) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushboolean(L, 0);
	lua_xmove(co, L, 1);
	return 2;
}

void neap_lua_coroutine_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "resume", coroutine_resume },
		{ "wrap", coroutine_wrap },
		{ "close", coroutine_close },
		{ NULL, NULL },
	};

	lua_getglobal(L, "coroutine");
	luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}
