/*
 * neap.template: text with Lua in it.
 *
 *	<% statement %>   <%= expression %>   <%# comment %>   <%% stands for <%
 *
 * A statement or a comment alone on its line takes the line with it; nothing else ever eats a newline. The
 * template becomes one Lua function whose lines are the template's lines, so that Lua's own errors are right.
 */
#include <string.h>

#include "lua/text.h"

#define CACHE_KEY "neap.templates"
#define HEAD "local _ENV, __text, __put = ... "
#define OVERHEAD 64 /* code for one piece, at most */

struct template
{
	lua_State *L;
	const struct neap_lua_file *file;
	const char *data;
	size_t len;
	char *code; /* in scratch, large enough */
	size_t code_len;
	int pieces; /* stack index: texts and expressions by number */
	lua_Integer count;
};

/* ---- compiling ----------------------------------------------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static void code(struct template *t, const char *data, size_t len)
{
	memcpy(t->code + t->code_len, data, len);
	t->code_len += len;
}

static void code_newlines(struct template *t, const char *data, size_t len)
{
	const char *end = data + len;

	while ((data = memchr(data, '\n', (size_t)(end - data)))) {
		code(t, "\n", 1);
		data++;
	}
}

/* "__text(12);" or "__put(12,(" */
static void code_call(struct template *t, const char *format)
{
	const char *text = neap_arena_printf(neap_lua_of(t->L)->scratch, format, (int)t->count);

	code(t, text, strlen(text));
}

static void piece(struct template *t, const char *data, size_t len)
{
	lua_pushlstring(t->L, data, len);
	lua_rawseti(t->L, t->pieces, ++t->count);
}

static void literal(struct template *t, size_t start, size_t end)
{
	if (start == end)
		return;
	piece(t, t->data + start, end - start);
	code_call(t, " __text(%d); ");
	code_newlines(t, t->data + start, end - start);
}

static int fail_at(struct template *t, size_t offset, const char *message)
{
	struct neap_lua *lua = neap_lua_of(t->L);
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += t->data[i] == '\n';
	lua_pushfstring(t->L, "%s:%d: %s", t->file->shown, line, message);
	lua->hint = lua->hint_for = NULL;
	return lua_error(t->L);
}

/* End of the long bracket that begins at `i`, or `i` when none does. */
static size_t long_bracket(const char *data, size_t len, size_t i)
{
	size_t level = 0, j = i + 1;

	while (j < len && data[j] == '=')
		level++, j++;
	if (i >= len || data[i] != '[' || j >= len || data[j] != '[')
		return i;
	for (j++; j < len; j++) {
		size_t equals = 0;

		if (data[j] != ']')
			continue;
		while (j + 1 + equals < len && data[j + 1 + equals] == '=')
			equals++;
		if (equals == level && j + 1 + equals < len && data[j + 1 + equals] == ']')
			return j + 2 + equals;
	}
	return len;
}

/* Length of the code without a "-- comment" that would swallow what comes after it on the line. */
static size_t without_comment(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t end = long_bracket(data, len, i);

		if (end > i) {
			i = end - 1;
		} else if (data[i] == '"' || data[i] == '\'') {
			char quote = data[i];

			for (i++; i < len && data[i] != quote; i++)
				i += data[i] == '\\';
		} else if (data[i] == '-' && i + 1 < len && data[i + 1] == '-') {
			const char *newline;

			end = long_bracket(data, len, i + 2);
			newline = memchr(data + i, '\n', len - i);
			if (end == i + 2 && !newline)
				return i;
			i = end > i + 2 ? end - 1 : (size_t)(newline - data);
		}
	}
	return len;
}

static void expression(struct template *t, size_t start, size_t end)
{
	size_t first = start, last = end, before;

	while (first < end && (blank(t->data[first]) || t->data[first] == '\n'))
		first++;
	do {
		before = last;
		while (last > first && (blank(t->data[last - 1]) || t->data[last - 1] == '\n'))
			last--;
		last = first + without_comment(t->data + first, last - first);
	} while (last < before);
	if (first == last)
		fail_at(t, start, "<%= %> holds no expression");
	piece(t, t->data + first, last - first);
	code_newlines(t, t->data + start, first - start);
	code_call(t, " __put(%d, (");
	code(t, t->data + first, last - first);
	code(t, ")); ", 4);
	code_newlines(t, t->data + last, end - last);
}

static void statement(struct template *t, size_t start, size_t end)
{
	size_t kept = without_comment(t->data + start, end - start);

	code(t, " ", 1);
	code(t, t->data + start, kept);
	code(t, " ; ", 3);
}

/* Handles the directive at `open` (its "<%"); `start`: text not yet written. Returns where to go on. */
static size_t directive(struct template *t, size_t start, size_t open)
{
	const char *close = memmem(t->data + open + 2, t->len - open - 2, "%>", 2);
	size_t before = open, inner = open + 2, end, after;

	if (!close)
		fail_at(t, open, "<% without %>");
	end = (size_t)(close - t->data);
	if (t->data[inner] == '=') {
		literal(t, start, open);
		expression(t, inner + 1, end);
		return end + 2;
	}
	while (before > start && blank(t->data[before - 1]))
		before--;
	for (after = end + 2; after < t->len && blank(t->data[after]);)
		after++;
	if (after + 1 < t->len && t->data[after] == '\r' && t->data[after + 1] == '\n')
		after++;
	if ((before == 0 || t->data[before - 1] == '\n') && (after == t->len || t->data[after] == '\n')) {
		after += after < t->len;
	} else { /* something else is on its line */
		before = open;
		after = end + 2;
	}
	literal(t, start, before);
	if (t->data[inner] == '#')
		code_newlines(t, t->data + inner, end - inner);
	else
		statement(t, inner, end);
	code_newlines(t, t->data + end, after - end);
	return after;
}

/* Pushes the function and leaves the table of pieces below it. */
static void compile(lua_State *L, const struct neap_lua_file *file, struct neap_str text)
{
	struct template t = { .L = L, .file = file, .data = text.data, .len = text.len };
	struct neap_arena *scratch = neap_lua_scratch(neap_lua_of(L));
	const char *end = text.data + text.len;
	size_t directives = 1, start = 0;

	for (const char *at = text.data; (at = memmem(at, (size_t)(end - at), "<%", 2)); at += 2)
		directives++;
	t.code = neap_arena_bytes(scratch, sizeof(HEAD) + text.len + directives * 2 * OVERHEAD);
	lua_newtable(L);
	t.pieces = lua_gettop(L);
	code(&t, HEAD, sizeof(HEAD) - 1);
	while (start < t.len) {
		const char *at = memmem(text.data + start, text.len - start, "<%", 2);
		size_t open = at ? (size_t)(at - text.data) : text.len;

		if (at && open + 2 < text.len && text.data[open + 2] == '%' &&
		    !(open + 3 < text.len && text.data[open + 3] == '>')) {
			literal(&t, start, open + 2);
			start = open + 3;
		} else if (at) {
			start = directive(&t, start, open);
		} else {
			literal(&t, start, open);
			start = open;
		}
	}
	if (luaL_loadbufferx(L, t.code, t.code_len, file->source, "t") != LUA_OK)
		lua_error(L);
}

/* ---- running ---------------------------------------------------------------------------------------------
 */

enum { UP_PIECES = 1, UP_OUT };

static void append(lua_State *L)
{
	lua_rawseti(L, lua_upvalueindex(UP_OUT), (lua_Integer)lua_rawlen(L, lua_upvalueindex(UP_OUT)) + 1);
}

static int emit_text(lua_State *L)
{
	lua_rawgeti(L, lua_upvalueindex(UP_PIECES), lua_tointeger(L, 1));
	append(L);
	return 0;
}

/* 5.0 is written 5: what was divided is still a count. */
static void push_number(lua_State *L, int index)
{
	lua_Number number = lua_tonumber(L, index);

	if (!lua_isinteger(L, index) && number > -9007199254740992.0 && number < 9007199254740992.0 &&
	    number == (lua_Number)(lua_Integer)number)
		lua_pushinteger(L, (lua_Integer)number);
	else
		lua_pushvalue(L, index);
	lua_tolstring(L, -1, NULL);
}

static int emit_value(lua_State *L)
{
	const char *what = luaL_typename(L, 2);

	switch (lua_type(L, 2)) {
	case LUA_TSTRING:
		lua_pushvalue(L, 2);
		break;
	case LUA_TNUMBER:
		push_number(L, 2);
		break;
	case LUA_TBOOLEAN:
		lua_pushstring(L, lua_toboolean(L, 2) ? "true" : "false");
		break;
	case LUA_TUSERDATA:
		if (neap_lua_tag(L, 2) == NEAP_LUA_TEXT) {
			lua_pushvalue(L, 2);
			break;
		}
		what = neap_lua_tag(L, 2) == NEAP_LUA_HANDLE  ? "a resource handle"
		       : neap_lua_tag(L, 2) == NEAP_LUA_FACTS ? "a table of facts"
							      : "null";
		/* fall through */
	default:
		if (lua_type(L, 2) == LUA_TTABLE)
			what = "a table";
		lua_rawgeti(L, lua_upvalueindex(UP_PIECES), lua_tointeger(L, 1));
		neap_lua_fail(L, "<%%= %.60s %%> is %s", lua_tostring(L, -1), what);
	}
	append(L);
	return 0;
}

/* A name in a template: a variable that was given, else a global, else nil. Upvalue 1: the variables or nil
 */
static int lookup(lua_State *L)
{
	lua_settop(L, 2);
	if (lua_type(L, lua_upvalueindex(1)) == LUA_TTABLE) {
		lua_pushvalue(L, 2);
		if (lua_gettable(L, lua_upvalueindex(1)) != LUA_TNIL)
			return 1;
	}
	lua_pushglobaltable(L);
	lua_pushvalue(L, 2);
	lua_rawget(L, -2);
	return 1;
}

static int assigned(lua_State *L)
{
	neap_lua_fail(L, "'%s' is assigned: use local",
		      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static void push_environment(lua_State *L, int variables)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, variables);
	lua_pushcclosure(L, lookup, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, assigned);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

/* Pushes pieces and function of the file that the string at 1 names, compiled once. */
static void push_file(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);

	if (lua->call) {
		neap_error_set(&lua->error,
			       "neap.template: a function of a type reads no files of the recipe");
		neap_error_hint(&lua->error, "local text = neap.read(name) at the top of the module, then "
					     "neap.template({ text = text }, …) here");
		neap_lua_raise(L);
	}
	const char *shown = neap_lua_shown(L, 1, "neap.template");
	struct neap_str text;
	int cache;

	lua_getfield(L, LUA_REGISTRYINDEX, CACHE_KEY);
	cache = lua_gettop(L);
	if (lua_getfield(L, cache, shown) == LUA_TNIL) {
		lua_pop(L, 1);
		if (neap_sources_text(lua->sources, shown, &text, &lua->error) < 0)
			neap_lua_raise(L);
		compile(L, neap_lua_file(lua, shown), text);
		lua_createtable(L, 2, 0);
		lua_insert(L, -3);
		lua_rawseti(L, -3, 2);
		lua_rawseti(L, -2, 1);
		lua_pushvalue(L, -1);
		lua_setfield(L, cache, shown);
	}
	lua_rawgeti(L, -1, 1);
	lua_rawgeti(L, -2, 2);
}

/* The same for { text = … } at 1. */
static void push_text(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_str text;

	lua_pushliteral(L, "text");
	lua_rawget(L, 1);
	if (neap_lua_tag(L, -1) == NEAP_LUA_TEXT)
		neap_lua_fail(L, "neap.template: a template cannot be secret: give the secret as a variable");
	if (lua_type(L, -1) != LUA_TSTRING)
		neap_lua_fail(L, "neap.template takes the name of a file or { text = … }");
	text.data = lua_tolstring(L, -1, &text.len);
	compile(L, neap_lua_file_inline(lua, neap_lua_position(neap_lua_caller(lua, L))), text);
}

/* neap.template(name | { text = … } [, variables]) → text */
static int template(lua_State *L)
{
	int pieces, out;

	lua_settop(L, 2);
	if (lua_type(L, 2) != LUA_TNIL && lua_type(L, 2) != LUA_TTABLE)
		neap_lua_fail(L, "neap.template takes its variables as a table, not %s", luaL_typename(L, 2));
	if (lua_type(L, 1) == LUA_TTABLE)
		push_text(L);
	else
		push_file(L);
	pieces = lua_gettop(L) - 1;
	lua_newtable(L);
	out = lua_gettop(L);
	lua_pushvalue(L, pieces + 1);
	push_environment(L, 2);
	for (int i = 0; i < 2; i++) {
		lua_pushvalue(L, pieces);
		lua_pushvalue(L, out);
		lua_pushcclosure(L, i == 0 ? emit_text : emit_value, 2);
	}
	lua_call(L, 3, 0);
	neap_lua_join_list(L, out);
	return 1;
}

void neap_lua_template_open(lua_State *L, int library)
{
	lua_newtable(L);
	lua_setfield(L, LUA_REGISTRYINDEX, CACHE_KEY);
	lua_pushcfunction(L, template);
	lua_setfield(L, library, "template");
}
