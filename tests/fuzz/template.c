/*
 * Templates: any text becomes a Lua function or an error, which is at a line of the text. The function is not
 * called: what a template does is the recipe's affair.
 */
#include <stdio.h>

#include "lua/template.c" /* its compiler is private */
#include "tests/fuzz/fuzz.h"

static const struct neap_lua_file file = { .source = "=t", .shown = "t", .directory = "" };

static int try_compile(lua_State *L)
{
	const struct neap_str *text = lua_touserdata(L, 1);

	compile(L, &file, *text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A recipe's files end with a NUL that does not count. */
	struct neap_lua lua = { .scratch = neap_arena_new() };
	struct neap_str text = { neap_arena_copy(lua.scratch, data, size), size };
	struct neap_arena *kept = lua.scratch;
	lua_State *L = luaL_newstate();
	int line = 0, lines = 1;

	lua.scratch = neap_arena_new();
	*(struct neap_lua **)lua_getextraspace(L) = &lua;
	for (size_t i = 0; i < size; i++)
		lines += text.data[i] == '\n' || text.data[i] == '\r';
	lua_pushcfunction(L, try_compile);
	lua_pushlightuserdata(L, &text);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		const char *message = lua_tostring(L, -1);

		HOLDS(message && sscanf(message, "t:%d:", &line) == 1);
		HOLDS(line >= 1 && line <= lines);
	}
	lua_close(L);
	neap_arena_free(lua.scratch);
	neap_arena_free(kept);
	return 0;
}
