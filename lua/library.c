/*
 * neap's library, the part that reads: files, secrets, the parameters of -D; and neap.list. All
 * files go through engine/source.h and engine/secret.h.
 */
#include <string.h>

#include "engine/secret.h"
#include "lua/text.h"
#include "lua/value.h"

/* ---- files ----------------------------------------------------------------------------------------------
 */

const char *neap_lua_shown(lua_State *L, int index, const char *function)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name;

	if (lua_type(L, index) != LUA_TSTRING)
		neap_lua_fail(L, "%s takes the name of a file, not %s", function, luaL_typename(L, index));
	name = lua_tostring(L, index);
	if (!name[0] || strlen(name) != lua_rawlen(L, index))
		neap_lua_fail(L, "%s: this is no name of a file", function);
	return neap_sources_relative(lua->sources, neap_lua_caller(lua, L).file->directory, name);
}

/* neap.read(name) → string */
static int read_text(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_str text;

	neap_lua_evaluating(L, "neap.read");
	if (neap_sources_text(lua->sources, neap_lua_shown(L, 1, "neap.read"), &text, &lua->error) < 0)
		neap_lua_raise(L);
	lua_pushlstring(L, text.data, text.len);
	return 1;
}

/* ---- secrets ---------------------------------------------------------------------------------------------
 */

static int secret_from_file(lua_State *L, const char *shown, struct neap_text *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	bool exposed = false;

	if (shown[0] == '@')
		return neap_error_set(&lua->error, "secret %s: an embedded recipe holds no secrets", shown);
	if (neap_secret_file(lua->scratch, neap_sources_real(lua->sources, shown), shown, ret, &exposed,
			     &lua->error) < 0)
		return -1;
	if (exposed)
		neap_problem_warn(lua->graph->problems, neap_lua_position(neap_lua_caller(lua, L)),
				  "everybody on this machine may read the secret %s: chmod o-r it", shown);
	return 0;
}

/* The one field of the table at 1: *ret_name, its value on the stack. */
static void secret_kind(lua_State *L, const char **ret_name)
{
	static const char usage[] =
		"neap.secret takes { file = … }, { env = … }, { command = … } or { value = … }";
	size_t count = 0;

	if (lua_type(L, 1) != LUA_TTABLE)
		neap_lua_fail(L, "%s", usage);
	lua_settop(L, 1);
	lua_pushnil(L);
	for (; lua_next(L, 1); count++)
		lua_pop(L, 1);
	if (count != 1)
		neap_lua_fail(L, "%s", usage);
	lua_pushnil(L);
	lua_next(L, 1);
	if (lua_type(L, 2) != LUA_TSTRING)
		neap_lua_fail(L, "%s", usage);
	*ret_name = lua_tostring(L, 2);
	if (strcmp(*ret_name, "file") != 0 && strcmp(*ret_name, "env") != 0 &&
	    strcmp(*ret_name, "command") != 0 && strcmp(*ret_name, "value") != 0)
		neap_lua_fail(L, "%s, not { %s = … }", usage, *ret_name);
}

/* The list at 3 as words of a command, and all of them as one string that no other command has. */
static const char *const *command_words(lua_State *L, struct neap_str *ret_key)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_value value;
	const char **words;
	size_t weight = 0, len = 0;
	char *key;

	if (neap_lua_value(L, 3, "command", &value, &weight) < 0) {
		neap_error_prefix(&lua->error, "neap.secret");
		neap_lua_raise(L);
	}
	if (value.kind != NEAP_LIST || value.list.count == 0)
		neap_lua_fail(L, "neap.secret { command = … } takes a list: the program and its arguments");
	words = neap_arena_array_of(lua->scratch, const char *, value.list.count + 1);
	key = neap_arena_bytes(lua->scratch, weight + value.list.count);
	for (size_t i = 0; i < value.list.count; i++) {
		const struct neap_value *word = &value.list.items[i];

		if (word->kind == NEAP_EXPRESSION || neap_value_has_secret(word))
			neap_lua_fail(L,
				      "neap.secret: command[%d] is secret or not known yet, and everybody "
				      "on the machine may see the words of a command",
				      (int)i + 1);
		if (word->kind != NEAP_STRING || memchr(word->text.data, '\0', word->text.len))
			neap_lua_fail(L, "neap.secret: command[%d] is no word of a command", (int)i + 1);
		words[i] = neap_arena_copy(lua->scratch, word->text.data, word->text.len);
		memcpy(key + len, words[i], word->text.len + 1);
		len += word->text.len + 1;
	}
	if (!words[0][0])
		neap_lua_fail(L, "neap.secret { command = … } names no program");
	*ret_key = (struct neap_str){ key, len };
	return words;
}

/* A command is run once in an evaluation, in the directory of the file that asks first. */
static int secret_from_command(lua_State *L, struct neap_text *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *directory = neap_lua_caller(lua, L).file->directory;
	struct neap_str key;
	const char *const *words = command_words(L, &key);
	struct neap_text *known = neap_map_get(&lua->commands, key);

	if (!known) {
		directory = directory[0] == '@' ? NULL : neap_sources_real(lua->sources, directory);
		known = neap_arena_new_of(lua->texts, struct neap_text);
		if (neap_secret_command(lua->texts, words, directory, lua->options.stop, known, &lua->error) <
		    0)
			return -1;
		key.data = neap_arena_copy(lua->texts, key.data, key.len);
		neap_map_put(&lua->commands, key, known);
	}
	*ret = *known;
	return 0;
}

/* neap.secret { file | env | command | value = … } → text */
static int secret(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_text text = { 0 };
	const char *kind, *data;
	size_t len;
	int r = 0;

	neap_lua_scratch(lua);
	neap_lua_wipe(lua);
	secret_kind(L, &kind);
	if (strcmp(kind, "value") != 0)
		neap_lua_evaluating(L, "neap.secret");
	if (neap_lua_tag(L, 3) == NEAP_LUA_TEXT && strcmp(kind, "value") == 0)
		return 1; /* it is one */
	if (strcmp(kind, "command") == 0) {
		if (secret_from_command(L, &text) < 0) {
			neap_lua_check_ended(L, lua); /* it was, here: no pcall shall hide where */
			neap_lua_raise(L);
		}
		neap_secrets_add(lua->graph->secrets, text);
		neap_lua_text_push_known(L, text);
		return 1;
	}
	if (lua_type(L, 3) != LUA_TSTRING)
		neap_lua_fail(L, "neap.secret { %s = … } takes a string, not %s", kind, luaL_typename(L, 3));
	data = lua_tolstring(L, 3, &len);
	if (len == 0)
		neap_lua_fail(L, "neap.secret { %s = … } is empty", kind);
	if (strcmp(kind, "file") == 0)
		r = secret_from_file(L, neap_lua_shown(L, 3, "neap.secret"), &text);
	else if (strcmp(kind, "env") == 0)
		r = neap_secret_environment(lua->scratch, data, &text, &lua->error);
	else
		text = neap_text_secret(lua->scratch, data, len);
	if (r < 0)
		neap_lua_raise(L);
	neap_secrets_add(lua->graph->secrets, text);
	neap_lua_text_push_known(L, text);
	return 1;
}

/* ---- parameters of -D
 * ---------------------------------------------------------------------------------------- */

static const char *param_value(const struct neap_lua *lua, const char *name)
{
	const struct neap_param_value *params = lua->options.params;
	size_t low = 0, high = lua->options.param_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, params[middle].name);

		if (order == 0)
			return params[middle].value;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void note_read(struct neap_lua *lua, const char *name)
{
	if (!neap_map_get(&lua->params_read, neap_str(name))) {
		char *copy = neap_arena_strdup(lua->texts, name);

		neap_map_put(&lua->params_read, neap_str(copy), copy);
	}
}

/* neap.params.name */
static int params_index(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *value = NULL;

	if (lua_type(L, 2) == LUA_TSTRING) {
		note_read(lua, lua_tostring(L, 2));
		value = param_value(lua, lua_tostring(L, 2));
	}
	lua_pushstring(L, value); /* nil for NULL */
	return 1;
}

static int params_newindex(lua_State *L)
{
	neap_lua_fail(L, "neap.params is given with -D: it cannot be assigned");
}

static int params_next(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));

	if ((size_t)i >= lua->options.param_count)
		return 0;
	lua_pushinteger(L, i + 1);
	lua_replace(L, lua_upvalueindex(1));
	note_read(lua, lua->options.params[i].name);
	lua_pushstring(L, lua->options.params[i].name);
	lua_pushstring(L, lua->options.params[i].value);
	return 2;
}

/* pairs(neap.params): sorted */
static int params_pairs(lua_State *L)
{
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, params_next, 1);
	return 1;
}

static void push_params(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "__index", params_index },
		{ "__newindex", params_newindex },
		{ "__pairs", params_pairs },
		{ NULL, NULL },
	};

	lua_newtable(L);
	luaL_newlib(L, methods);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

/* ---- tables
 * -------------------------------------------------------------------------------------------------- */

/* neap.list { … } → the same table, marked */
static int list(lua_State *L)
{
	if (lua_gettop(L) == 0)
		lua_newtable(L);
	if (lua_type(L, 1) != LUA_TTABLE)
		neap_lua_fail(L, "neap.list takes a table, not %s", luaL_typename(L, 1));
	lua_settop(L, 1);
	neap_lua_list_mark(L);
	return 1;
}

void neap_lua_library_open(lua_State *L, int library)
{
	static const luaL_Reg functions[] = {
		{ "read", read_text },
		{ "secret", secret },
		{ "list", list },
		{ NULL, NULL },
	};

	lua_pushvalue(L, library);
	luaL_setfuncs(L, functions, 0);
	push_params(L);
	lua_setfield(L, -2, "params");
	neap_lua_null_push(L);
	lua_setfield(L, -2, "null");
	neap_lua_order_library(L, library);
	lua_pop(L, 1);
}
