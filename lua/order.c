/*
 * What in Lua's libraries differs from run to run, written anew so that it does not: the order in which
 * tables are walked (Lua's hangs on a random seed and on addresses), table.sort (its choice of a pivot asks
 * the clock, which shows where items are equal), and texts of values that have none (Lua writes their
 * address). Knows nothing of what a recipe declares, but that resources have an order.
 */
#include <limits.h>
#include <lualib.h>
#include <string.h>

#include "lua/handle.h"
#include "lua/text.h"

/* ---- texts of values --------------------------------------------------------------------------------- */

void neap_lua_tostring(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	if (luaL_callmeta(L, index, "__tostring")) {
		if (!lua_isstring(L, -1))
			luaL_error(L, "'__tostring' must return a string");
		return;
	}
	switch (lua_type(L, index)) {
	case LUA_TNIL:
	case LUA_TBOOLEAN:
	case LUA_TNUMBER:
	case LUA_TSTRING:
		luaL_tolstring(L, index, NULL);
		return;
	default:
		break;
	}
	if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
		return;
	lua_pushstring(L,
		       luaL_typename(L, index)); /* above what __name may have been: the top is what counts */
}

static int to_string(lua_State *L)
{
	luaL_checkany(L, 1);
	neap_lua_tostring(L, 1);
	return 1;
}

/* string.format(format, …): Lua's own, in this very frame so that its errors keep their names and places,
 * after the values for %s have become texts; upvalue 1: Lua's own */
static int format(lua_State *L)
{
	size_t len;
	const char *at = luaL_checklstring(L, 1, &len), *end = at + len;
	int count = lua_gettop(L), arg = 1;

	for (; at < end; at++) {
		if (*at != '%')
			continue;
		if (++at < end && *at == '%')
			continue;
		while (at < end && *at && strchr("-+ #0123456789.", *at))
			at++;
		if (at < end && *at == 'p')
			neap_lua_fail(L, "string.format: \"%%p\" is not for a recipe: addresses differ "
					 "from run to run");
		if (++arg > count || at == end || *at != 's' || lua_type(L, arg) == LUA_TSTRING)
			continue;
		neap_lua_tostring(L, arg);
		lua_replace(L, arg);
		lua_settop(L, count);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- sorting ----------------------------------------------------------------------------------------- */

/* Whether the value at the top comes before the one below it. */
typedef bool less_fn(lua_State *L);

/* Merges items from … middle - 1 and middle … end - 1 of one table into another. */
static void merge(lua_State *L, int source, int target, const lua_Integer bounds[3], less_fn *less)
{
	lua_Integer left = bounds[0], right = bounds[1], to = bounds[0];

	while (left < bounds[1] && right < bounds[2]) {
		bool take;

		lua_rawgeti(L, source, left);
		lua_rawgeti(L, source, right);
		take = less(L);
		if (take) {
			lua_rawseti(L, target, to++);
			lua_pop(L, 1);
			right++;
		} else {
			lua_pop(L, 1);
			lua_rawseti(L, target, to++);
			left++;
		}
	}
	for (; left < bounds[1]; left++) {
		lua_rawgeti(L, source, left);
		lua_rawseti(L, target, to++);
	}
	for (; right < bounds[2]; right++) {
		lua_rawgeti(L, source, right);
		lua_rawseti(L, target, to++);
	}
}

/* Sorts items 1 … count of the plain table at the top, which another may take the place of. Stable, and of
 * any answers of `less` comes the same result. */
static void merge_sort(lua_State *L, lua_Integer count, less_fn *less)
{
	int source = lua_gettop(L), target = source + 1;

	if (count < 2)
		return;
	lua_createtable(L, count < 1000000 ? (int)count : 1000000, 0);
	for (lua_Integer width = 1; width < count; width *= 2) {
		int other = source;

		for (lua_Integer from = 1; from <= count; from += 2 * width) {
			lua_Integer middle = from + width, end = from + 2 * width;
			lua_Integer bounds[3] = { from, middle > count + 1 ? count + 1 : middle,
						  end > count + 1 ? count + 1 : end };

			merge(L, source, target, bounds, less);
		}
		source = target;
		target = other;
	}
	if (target > source)
		lua_settop(L, source);
	else
		lua_remove(L, target);
}

/* By the function at 2, or by <. */
static bool less_given(lua_State *L)
{
	bool less;

	if (lua_isnil(L, 2))
		return lua_compare(L, -1, -2, LUA_OPLT);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -4);
	lua_call(L, 2, 1);
	less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return less;
}

/* table.sort(list [, less]) */
static int sort(lua_State *L)
{
	lua_Integer count;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	count = luaL_len(L, 1);
	luaL_argcheck(L, count < INT_MAX, 1, "array too big");
	lua_newtable(L);
	for (lua_Integer i = 1; i <= count; i++) {
		lua_geti(L, 1, i);
		lua_rawseti(L, 3, i);
	}
	merge_sort(L, count, less_given);
	for (lua_Integer i = 1; i <= count; i++) {
		lua_rawgeti(L, 3, i);
		lua_seti(L, 1, i);
	}
	return 0;
}

/* ---- walking tables ---------------------------------------------------------------------------------- */

/* Numbers come first, then strings, booleans and resources; 0: has no order. */
static int rank(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TNUMBER:
		return 1;
	case LUA_TSTRING:
		return 2;
	case LUA_TBOOLEAN:
		return 3;
	default:
		return neap_lua_tag(L, index) == NEAP_LUA_HANDLE ? 4 : 0;
	}
}

static bool less_string(lua_State *L)
{
	size_t a_len, b_len;
	const char *a = lua_tolstring(L, -1, &a_len), *b = lua_tolstring(L, -2, &b_len);
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order < 0 || (order == 0 && a_len < b_len);
}

/* By value; strings by bytes, resources as they were declared. */
static bool less_key(lua_State *L)
{
	int a = rank(L, -1), b = rank(L, -2);

	if (a != b)
		return a < b;
	switch (a) {
	case 1:
		return lua_compare(L, -1, -2, LUA_OPLT);
	case 2:
		return less_string(L);
	case 3:
		return !lua_toboolean(L, -1) && lua_toboolean(L, -2);
	default:
		return ((const struct neap_lua_handle *)lua_touserdata(L, -1))->resource <
		       ((const struct neap_lua_handle *)lua_touserdata(L, -2))->resource;
	}
}

static void check_key(lua_State *L, int index, const char *function)
{
	if (rank(L, index) == 0)
		neap_lua_fail(
			L,
			"%s: a %s as a key has no order that is the same in every run; keys are strings, "
			"numbers, booleans or resources",
			function,
			neap_lua_tag(L, index) == NEAP_LUA_TEXT ? "secret" : luaL_typename(L, index));
}

/* Pushes the keys of the table at 1, sorted. */
static void push_keys(lua_State *L, const char *function)
{
	lua_Integer count = 0;
	int list;

	lua_newtable(L);
	list = lua_gettop(L);
	lua_pushnil(L);
	while (lua_next(L, 1)) {
		lua_pop(L, 1);
		check_key(L, -1, function);
		lua_pushvalue(L, -1);
		lua_rawseti(L, list, ++count);
	}
	merge_sort(L, count, less_key);
}

/* upvalues: table, sorted keys, how many were given */
static int sorted_next(lua_State *L)
{
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));

	do { /* what the loop has removed meanwhile is passed over */
		lua_settop(L, 0);
		if (lua_rawgeti(L, lua_upvalueindex(2), ++i) == LUA_TNIL)
			return 1;
		lua_pushvalue(L, -1);
	} while (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL);
	lua_pushinteger(L, i);
	lua_replace(L, lua_upvalueindex(3));
	return 2;
}

static int iterate(lua_State *L, const char *function)
{
	lua_settop(L, 1);
	push_keys(L, function);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, sorted_next, 3);
	return 1;
}

/* for key, value in pairs(t) */
static int ordered_pairs(lua_State *L)
{
	luaL_checkany(L, 1);
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_call(L, 1, 3);
		return 3;
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	return iterate(L, "pairs");
}

/* for key, value in neap.sorted_pairs(t): asks no metamethod */
static int sorted_pairs(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TTABLE)
		neap_lua_fail(L, "neap.sorted_pairs takes a table, not %s", luaL_typename(L, 1));
	return iterate(L, "neap.sorted_pairs");
}

/* The first key of the table at 1, or nil: no more is asked most of the time, so nothing is sorted. */
static void push_first(lua_State *L)
{
	int best;

	lua_pushnil(L);
	best = lua_gettop(L);
	lua_pushnil(L);
	while (lua_next(L, 1)) {
		lua_pop(L, 1);
		if (lua_isnil(L, best)) {
			lua_copy(L, -1, best);
			continue;
		}
		check_key(L, best, "next");
		check_key(L, -1, "next");
		lua_pushvalue(L, best);
		lua_pushvalue(L, -2);
		if (less_key(L))
			lua_copy(L, -1, best);
		lua_pop(L, 2);
	}
}

/* Of the sorted list at the top, the place of the first key after the one at 2. */
static lua_Integer place_after(lua_State *L)
{
	lua_Integer low = 1, high = (lua_Integer)lua_rawlen(L, -1) + 1;
	int list = lua_gettop(L);

	while (low < high) {
		lua_Integer middle = low + (high - low) / 2;

		lua_rawgeti(L, list, middle);
		lua_pushvalue(L, 2);
		if (less_key(L))
			high = middle;
		else
			low = middle + 1;
		lua_pop(L, 2);
	}
	return low;
}

/* next(t [, key]); upvalue 1: the sorted keys of the tables that are walked with it, until their next walk */
static int ordered_next(lua_State *L)
{
	lua_Integer i;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	lua_pushvalue(L, 1);
	if (lua_isnil(L, 2)) {
		lua_pushnil(L);
		lua_rawset(L, lua_upvalueindex(1));
		push_first(L);
		if (lua_isnil(L, -1))
			return 1;
		lua_pushvalue(L, -1);
		lua_rawget(L, 1);
		return 2;
	}
	check_key(L, 2, "next");
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
		lua_settop(L, 2);
		push_keys(L, "next");
		lua_pushvalue(L, 1);
		lua_pushvalue(L, 3);
		lua_rawset(L, lua_upvalueindex(1));
	}
	for (i = place_after(L); lua_rawgeti(L, 3, i) != LUA_TNIL; i++, lua_settop(L, 3)) {
		lua_pushvalue(L, -1);
		if (lua_rawget(L, 1) != LUA_TNIL)
			return 2;
	}
	return 1;
}

/* ---- globals ----------------------------------------------------------------------------------------- */

void neap_lua_order_open(lua_State *L)
{
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, format, 1);
	lua_setfield(L, -2, "format");
	lua_getglobal(L, LUA_TABLIBNAME);
	lua_pushcfunction(L, sort);
	lua_setfield(L, -2, "sort");
	lua_pop(L, 2);

	lua_pushcfunction(L, to_string);
	lua_setglobal(L, "tostring");
	lua_pushcfunction(L, ordered_pairs);
	lua_setglobal(L, "pairs");
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pushcclosure(L, ordered_next, 1);
	lua_setglobal(L, "next");
}

void neap_lua_order_library(lua_State *L, int library)
{
	lua_pushcfunction(L, sorted_pairs);
	lua_setfield(L, library, "sorted_pairs");
}
