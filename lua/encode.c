/*
 * neap's library, the part that writes and reads notations: JSON, YAML, base64, and neap.format. The work is
 * in base/document.h and base/value.h; marks of secrets and references go through.
 */
#include <string.h>

#include "base/document.h"
#include "lua/text.h"
#include "lua/value.h"

/* ---- JSON and YAML
 * --------------------------------------------------------------------------------------------- */

static bool pretty_option(lua_State *L)
{
	bool pretty;

	if (lua_isnoneornil(L, 2))
		return false;
	if (lua_type(L, 2) != LUA_TTABLE)
		neap_lua_fail(L, "neap.json.encode takes options as a table: { pretty = true }");
	lua_pushnil(L);
	while (lua_next(L, 2)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), "pretty") != 0)
			neap_lua_fail(L, "neap.json.encode has one option: pretty");
	}
	lua_pushliteral(L, "pretty");
	lua_rawget(L, 2);
	pretty = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return pretty;
}

static int encode(lua_State *L, const char *function, bool yaml, bool pretty)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_arena *arena = neap_lua_scratch(lua);
	struct neap_value value, result;
	size_t weight = 0;
	int r;

	luaL_checkany(L, 1);
	if (neap_lua_value(L, 1, NULL, &value, &weight) < 0) {
		neap_error_prefix(&lua->error, "%s", function);
		neap_lua_raise(L);
	}
	r = yaml ? neap_yaml_write(arena, &value, &result, &lua->error)
		 : neap_json_write(arena, &value, pretty, &result, &lua->error);
	if (r < 0) {
		neap_error_prefix(&lua->error, "%s", function);
		neap_lua_raise(L);
	}
	if (result.kind == NEAP_EXPRESSION)
		result = neap_value_copy(lua->texts, &result);
	neap_lua_text_push(L, &result, weight);
	return 1;
}

static int decode(lua_State *L, const char *function,
		  int (*parse)(struct neap_arena *, struct neap_str, struct neap_value *,
			       struct neap_error **))
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_value value;
	struct neap_str text;

	if (neap_lua_tag(L, 1) == NEAP_LUA_TEXT)
		neap_lua_fail(L, "%s: %s cannot be read as a document", function,
			      neap_lua_text_name(lua_touserdata(L, 1)));
	if (lua_type(L, 1) != LUA_TSTRING)
		neap_lua_fail(L, "%s takes a string, not %s", function, luaL_typename(L, 1));
	text.data = lua_tolstring(L, 1, &text.len);
	if (parse(neap_lua_scratch(lua), text, &value, &lua->error) < 0) {
		neap_error_prefix(&lua->error, "%s", function);
		neap_lua_raise(L);
	}
	neap_lua_value_push(L, &value);
	return 1;
}

/* neap.json.encode(value [, { pretty = true }]) → text */
static int json_encode(lua_State *L)
{
	return encode(L, "neap.json.encode", false, pretty_option(L));
}

static int json_decode(lua_State *L)
{
	return decode(L, "neap.json.decode", neap_json_parse);
}

static int yaml_encode(lua_State *L)
{
	return encode(L, "neap.yaml.encode", true, false);
}

static int yaml_decode(lua_State *L)
{
	return decode(L, "neap.yaml.decode", neap_yaml_parse);
}

/* ---- base64
 * ---------------------------------------------------------------------------------------------------- */

/* The value of a string or text at 1. */
static struct neap_value text_argument(lua_State *L, const char *function, size_t *weight)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_text text = { 0 };

	if (neap_lua_tag(L, 1) == NEAP_LUA_TEXT)
		return neap_lua_text_value(lua, lua_touserdata(L, 1), lua->scratch, weight);
	if (lua_type(L, 1) != LUA_TSTRING)
		neap_lua_fail(L, "%s takes a string, not %s", function, luaL_typename(L, 1));
	text.data = lua_tolstring(L, 1, &text.len);
	return neap_value_text(text);
}

/* neap.base64.encode(text) → text */
static int base64_encode(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const struct neap_expr **args;
	struct neap_expr *expr;
	struct neap_value value;
	size_t weight = 0;

	neap_lua_scratch(lua);
	value = text_argument(L, "neap.base64.encode", &weight);
	if (value.kind == NEAP_STRING) {
		if (value.text.len > NEAP_LUA_TEXT_MAX / 4 * 3)
			neap_lua_fail(L, "neap.base64.encode: a text of more than 64 MB");
		neap_lua_text_push_known(L, neap_text_base64(lua->scratch, value.text));
		return 1;
	}
	args = neap_arena_array_of(lua->texts, const struct neap_expr *, 1);
	args[0] = value.expr;
	expr = neap_arena_new_of(lua->texts, struct neap_expr);
	expr->op = NEAP_EXPR_BASE64;
	expr->args = args;
	expr->count = 1;
	neap_lua_text_push(L, &(struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr }, weight);
	return 1;
}

/* neap.base64.decode(text) → text; what comes from a secret is secret as a whole */
static int base64_decode(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_value value;
	size_t weight = 0;
	ptrdiff_t len;
	char *out;

	neap_lua_scratch(lua);
	value = text_argument(L, "neap.base64.decode", &weight);
	if (value.kind != NEAP_STRING)
		neap_lua_fail(L, "neap.base64.decode: the value is known only when applied");
	out = neap_arena_bytes(lua->scratch, value.text.len / 4 * 3 + 3);
	len = neap_base64_read(value.text.data, value.text.len, out);
	if (len < 0)
		neap_lua_fail(L, "neap.base64.decode: this is not base64");
	neap_lua_text_push_known(L, value.text.span_count ? neap_text_secret(lua->scratch, out, (size_t)len)
							  : neap_text_plain(out, (size_t)len));
	return 1;
}

/* ---- format
 * ---------------------------------------------------------------------------------------------------- */

static bool takes_integer(char conversion)
{
	return strchr("dixXoc", conversion) != NULL;
}

/* One directive of a plain value: string.format does it. */
static void format_plain(lua_State *L, const char *directive, size_t len, int arg)
{
	char conversion = directive[len - 1];
	int integral = 1;

	if (takes_integer(conversion))
		lua_tointegerx(L, arg, &integral);
	if (!integral || (!strchr("sq", conversion) && !lua_isnumber(L, arg)))
		neap_lua_fail(L, "neap.format: value %d for \"%.*s\" must be a %snumber, not %s", arg - 1,
			      (int)len, directive, takes_integer(conversion) ? "whole " : "",
			      lua_type(L, arg) == LUA_TNUMBER ? "a fraction" : luaL_typename(L, arg));
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushlstring(L, directive, len);
	lua_pushvalue(L, arg);
	lua_call(L, 2, 1);
}

/* Pushes what the directive makes of the argument. */
static void format_one(lua_State *L, const char *directive, size_t len, int arg)
{
	if (neap_lua_tag(L, arg) != NEAP_LUA_TEXT) {
		format_plain(L, directive, len, arg);
		return;
	}
	if (len != 2 || directive[1] != 's')
		neap_lua_fail(L, "neap.format: %s can only be given to \"%%s\", not to \"%.*s\"",
			      neap_lua_text_name(lua_touserdata(L, arg)), (int)len, directive);
	lua_pushvalue(L, arg);
}

/* Length of the directive at `at`, 0 when it is none. */
static size_t directive_length(const char *at, const char *end)
{
	const char *p = at + 1;

	while (p < end && *p && strchr("-+ #0123456789.", *p))
		p++;
	if (p == end || !*p || !strchr("sqdixXocgGfeEaA%", *p) || (*p == '%' && p != at + 1))
		return 0;
	return (size_t)(p + 1 - at);
}

/*
 * The pieces are made and noted in a table first, as formatting may run code (__tostring); then they are
 * joined. neap.format(format, …) → text; upvalue 1: string.format
 */
static int format(lua_State *L)
{
	int count = lua_gettop(L), arg = 1, table;
	const char *at, *end;
	lua_Integer pieces = 0;
	size_t len;

	if (lua_type(L, 1) != LUA_TSTRING)
		neap_lua_fail(L, "neap.format takes a format string, not %s", luaL_typename(L, 1));
	at = lua_tolstring(L, 1, &len);
	lua_newtable(L);
	table = lua_gettop(L);
	for (end = at + len; at < end; at += len) {
		const char *percent = memchr(at, '%', (size_t)(end - at));

		if (percent != at) {
			len = (size_t)((percent ? percent : end) - at);
			lua_pushlstring(L, at, len);
		} else if ((len = directive_length(at, end)) == 0) {
			neap_lua_fail(L, "neap.format: \"%.*s\" is no directive",
				      end - at > 3 ? 3 : (int)(end - at), at);
		} else if (at[1] == '%') {
			lua_pushliteral(L, "%");
		} else if (++arg > count) {
			neap_lua_fail(L, "neap.format: there is no value %d for \"%.*s\"", arg - 1, (int)len,
				      at);
		} else {
			format_one(L, at, len, arg);
		}
		lua_rawseti(L, table, ++pieces);
	}
	if (arg < count)
		neap_lua_fail(L, "neap.format: %d values, but directives for %d", count - 1, arg - 1);
	neap_lua_join_list(L, table);
	return 1;
}

static void push_pair(lua_State *L, int library, const char *name, lua_CFunction encoder,
		      lua_CFunction decoder)
{
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, encoder);
	lua_setfield(L, -2, "encode");
	lua_pushcfunction(L, decoder);
	lua_setfield(L, -2, "decode");
	lua_setfield(L, library, name);
}

void neap_lua_encode_open(lua_State *L, int library)
{
	push_pair(L, library, "json", json_encode, json_decode);
	push_pair(L, library, "yaml", yaml_encode, yaml_decode);
	push_pair(L, library, "base64", base64_encode, base64_decode);
	lua_getglobal(L, "string");
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, format, 1);
	lua_setfield(L, library, "format");
	lua_pop(L, 1);
}
