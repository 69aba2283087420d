/*
 * Declaring: one closure for each resource type, all of them the same C function. It knows a type by its
 * table of parameters only.
 *
 * Everything wrong with a declaration becomes a problem of the graph, at the line of the call, and evaluation
 * goes on: the handle is good for naming the resource all the same.
 */
#include <string.h>

#include "lua/handle.h"
#include "lua/type.h"
#include "lua/value.h"

#define PARAMS_MAX 64

/* Upvalues of a declaring function. */
enum {
	UP_TYPE = 1,
	UP_NAMES, /* name → number of the parameter; those of every type at PARAMS_MAX + relation, then meta
		   */
	UP_METATABLE,
};

struct declaration {
	lua_State *L;
	struct neap_lua *lua;
	const struct neap_resource_type *type;
	struct neap_position at;
	uint32_t resource;
};

/* ---- relations ------------------------------------------------------------------------------------------
 */

static int wrong_target(struct declaration *d, enum neap_relation relation, int index)
{
	const char *what;

	switch (neap_lua_tag(d->L, index)) {
	case NEAP_LUA_TEXT:
		what = "a secret or a value that is known when applied";
		break;
	case NEAP_LUA_NULL:
		what = "null";
		break;
	default:
		what = luaL_typename(d->L, index);
	}
	return neap_problem_add(d->lua->graph->problems, d->at, NULL,
				"%s takes a resource handle, an address or a list of them, not %s",
				neap_common_params[relation].name, what);
}

static int target(struct declaration *d, enum neap_relation relation, int index, struct neap_target *ret)
{
	if (neap_lua_tag(d->L, index) == NEAP_LUA_HANDLE) {
		const struct neap_lua_handle *handle = lua_touserdata(d->L, index);

		*ret = (struct neap_target){ .resource = handle->resource };
		return 0;
	}
	if (lua_type(d->L, index) == LUA_TSTRING) {
		*ret = (struct neap_target){ .address = lua_tostring(d->L, index) };
		return 0;
	}
	return wrong_target(d, relation, index);
}

static void relate_list(struct declaration *d, enum neap_relation relation, int index)
{
	size_t count = lua_rawlen(d->L, index), n = 0;
	struct neap_target *targets = neap_arena_array_of(d->lua->scratch, struct neap_target, count);

	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(d->L, index, (lua_Integer)i + 1);
		if (target(d, relation, lua_gettop(d->L), &targets[n]) == 0)
			n++;
		/* A string stays alive in its table, a handle is a number. */
		lua_pop(d->L, 1);
	}
	/* { name = handle } is no list: nothing of it may be lost without a word. */
	lua_pushnil(d->L);
	for (size_t keys = 0; lua_next(d->L, index); keys++) {
		lua_pop(d->L, 1);
		if (keys < count && lua_isinteger(d->L, -1))
			continue;
		neap_problem_add(d->lua->graph->problems, d->at, NULL,
				 "%s takes a list without names and without holes",
				 neap_common_params[relation].name);
		lua_pop(d->L, 1);
		break;
	}
	neap_graph_relate(d->lua->graph, d->resource, relation, targets, n);
}

static void relate(struct declaration *d, enum neap_relation relation, int index)
{
	struct neap_target one;

	if (lua_type(d->L, index) == LUA_TTABLE)
		relate_list(d, relation, index);
	else if (target(d, relation, index, &one) == 0)
		neap_graph_relate(d->lua->graph, d->resource, relation, &one, 1);
}

/* ---- parameters -----------------------------------------------------------------------------------------
 */

/* The value at `index`; negative with the error in d->lua. */
static int convert(struct declaration *d, const struct neap_param *table, int index, struct neap_value *ret)
{
	size_t weight = 0;

	if (lua_type(d->L, index) == LUA_TSTRING) { /* nearly all of them */
		size_t len;
		const char *data = lua_tolstring(d->L, index, &len);

		*ret = neap_value_text(neap_text_plain(data, len));
		return 0;
	}
	if (neap_lua_value(d->L, index, table->name, ret, &weight) < 0)
		return -1;
	/* {} is a map unless a list is asked for. */
	if (ret->kind == NEAP_MAP && ret->map.count == 0 &&
	    (table->kind == NEAP_PARAM_STRINGS || table->kind == NEAP_PARAM_ARGV ||
	     table->kind == NEAP_PARAM_INTEGERS)) {
		ret->kind = NEAP_LIST;
		ret->list.items = NULL;
		ret->list.count = 0;
	}
	if (ret->kind == NEAP_NIL)
		return neap_error_set(&d->lua->error, "%s: null is no value here", table->name);
	return 0;
}

static void set(struct declaration *d, unsigned param, int index)
{
	const struct neap_param *table = &d->type->params[param];
	struct neap_value value = { .kind = NEAP_NIL };

	if (table->kind == NEAP_PARAM_RESOURCE && neap_lua_tag(d->L, index) == NEAP_LUA_HANDLE) {
		const struct neap_lua_handle *handle = lua_touserdata(d->L, index);

		neap_graph_set_resource(d->lua->graph, d->resource, param, handle->resource);
	} else if (convert(d, table, index, &value) < 0) {
		neap_graph_set_wrong(d->lua->graph, d->resource, param, &d->lua->error);
	} else {
		neap_graph_set(d->lua->graph, d->resource, param, &value);
	}
}

static void set_meta(struct declaration *d, unsigned param, int index)
{
	struct neap_value value = { .kind = NEAP_NIL };

	if (convert(d, &neap_meta.params[param], index, &value) < 0)
		neap_problem_take(d->lua->graph->problems, d->at, NULL, &d->lua->error);
	else
		neap_graph_set_meta(d->lua->graph, d->resource, param, &value);
}

/* Names that the type does not have, sorted: Lua walks a table in any order. */
struct unknown {
	const char **names;
	size_t count, size;
};

static void unknown_add(struct declaration *d, struct unknown *unknown, const char *name)
{
	size_t i;

	if (unknown->count == unknown->size) {
		size_t size = unknown->size ? 2 * unknown->size : 8;
		const char **names = neap_arena_array_of(d->lua->scratch, const char *, size);

		if (unknown->count)
			memcpy(names, unknown->names, sizeof(*names) * unknown->count);
		unknown->names = names;
		unknown->size = size;
	}
	for (i = unknown->count++; i > 0 && strcmp(unknown->names[i - 1], name) > 0; i--)
		unknown->names[i] = unknown->names[i - 1];
	unknown->names[i] = name;
}

#define UNKNOWN_MAX 100 /* then it is no declaration but something else; more would take quadratic time */

static void unknown_key(struct declaration *d, struct unknown *unknown, bool *numbered)
{
	if (lua_type(d->L, -2) != LUA_TSTRING)
		*numbered = true;
	else if (unknown->count < UNKNOWN_MAX)
		unknown_add(d, unknown, lua_tostring(d->L, -2));
}

static void report_unknown(struct declaration *d, const struct unknown *unknown, bool numbered)
{
	struct neap_graph *graph = d->lua->graph;

	for (size_t i = 0; i < unknown->count; i++)
		neap_graph_set_unknown(graph, d->resource, unknown->names[i]);
	if (!numbered)
		return;
	neap_problem_add(graph->problems, d->at, NULL, "parameters are named: %s { name = value }",
			 neap_lua_type_called(d->lua, d->type));
	if (unknown->count == UNKNOWN_MAX)
		neap_problem_hint(graph->problems, "is this the right table?");
}

/* A type written in Lua may say what stands for a parameter that is not given. */
static void set_defaults(struct declaration *d, uint64_t missing)
{
	const struct neap_lua_type *type = neap_lua_type_in_lua(d->type);

	for (unsigned i = 0; type && i < d->type->param_count; i++)
		if ((missing >> i & 1) && type->params[i].fallback)
			neap_graph_set(d->lua->graph, d->resource, i, type->params[i].fallback);
}

/*
 * First all keys are looked up and the values noted on the Lua stack by number, then they are set in the
 * order of the type's table, so that what comes out does not hang on the order of the walk.
 */
static void set_all(struct declaration *d, int table)
{
	lua_State *L = d->L;
	int base = lua_gettop(L), slots = (int)d->type->param_count + NEAP_RELATIONS + NEAP_META_COUNT;
	uint64_t given = 0, missing;
	unsigned related = 0;
	struct unknown unknown = { 0 };
	bool numbered = false;

	lua_settop(L, base + slots);
	lua_pushnil(L);
	while (lua_next(L, table)) {
		unsigned number;

		lua_pushvalue(L, -2);
		if (lua_rawget(L, lua_upvalueindex(UP_NAMES)) != LUA_TNUMBER) {
			lua_pop(L, 1);
			unknown_key(d, &unknown, &numbered);
			lua_pop(L, 1);
			continue;
		}
		number = (unsigned)lua_tointeger(L, -1);
		lua_pop(L, 1);
		if (number < PARAMS_MAX) {
			given |= UINT64_C(1) << number;
			lua_replace(L, base + 1 + (int)number);
		} else {
			related |= 1u << (number - PARAMS_MAX);
			lua_replace(L, base + 1 + (int)(d->type->param_count + number - PARAMS_MAX));
		}
	}
	missing = ~given;
	for (unsigned i = 0; given; i++, given >>= 1)
		if (given & 1)
			set(d, i, base + 1 + (int)i);
	for (unsigned i = 0; related; i++, related >>= 1)
		if ((related & 1) && i < NEAP_RELATIONS)
			relate(d, (enum neap_relation)i, base + 1 + (int)(d->type->param_count + i));
		else if (related & 1)
			set_meta(d, i - NEAP_RELATIONS, base + 1 + (int)(d->type->param_count + i));
	set_defaults(d, missing);
	report_unknown(d, &unknown, numbered);
	lua_settop(L, base);
}

/* neap.TYPE { parameters } → handle */
static int declare(lua_State *L)
{
	struct declaration d = { .L = L, .lua = neap_lua_of(L) };
	struct neap_lua_handle *handle;
	struct neap_lua_place place;
	const char *called;

	d.type = lua_touserdata(L, lua_upvalueindex(UP_TYPE));
	called = neap_lua_type_called(d.lua, d.type);
	if (d.lua->call)
		neap_lua_fail(L, "%s: a function of a type cannot declare resources", called);
	if (lua_type(L, 1) != LUA_TTABLE || lua_gettop(L) != 1)
		neap_lua_fail(L, "%s takes one table: %s { name = value }", called, called);
	luaL_checkstack(L, PARAMS_MAX + NEAP_RELATIONS + NEAP_META_COUNT + 8, "declare");
	neap_lua_check_memory(L, d.lua);
	neap_lua_scratch(d.lua);
	place = neap_lua_caller(d.lua, L);
	d.at = neap_lua_position(place);

	handle = lua_newuserdatauv(L, sizeof(*handle), 0);
	handle->tag = NEAP_LUA_HANDLE;
	lua_pushvalue(L, lua_upvalueindex(UP_METATABLE));
	lua_setmetatable(L, -2);

	d.resource = handle->resource = neap_graph_begin(d.lua->graph, d.type, d.at, place.file->directory);
	set_all(&d, 1);
	neap_graph_end(d.lua->graph, d.resource);
	return 1;
}

static void push_names(lua_State *L, const struct neap_resource_type *type)
{
	lua_createtable(L, 0, (int)type->param_count + NEAP_RELATIONS + NEAP_META_COUNT);
	for (int i = 0; i < NEAP_RELATIONS + NEAP_META_COUNT; i++) {
		lua_pushinteger(L, PARAMS_MAX + i);
		lua_setfield(L, -2,
			     i < NEAP_RELATIONS ? neap_common_params[i].name
						: neap_meta.params[i - NEAP_RELATIONS].name);
	}
	/* A type may have a parameter of its own by the name of a common one. */
	for (size_t i = 0; i < type->param_count; i++) {
		lua_pushinteger(L, (lua_Integer)i);
		lua_setfield(L, -2, type->params[i].name);
	}
}

/* The names in the library, sorted: the walk's order must not choose between two near ones. */
static const char **library_names(lua_State *L, struct neap_lua *lua, int library)
{
	size_t count = 0, n = 0, i;
	const char **names;

	lua_pushnil(L);
	for (; lua_next(L, library); count++)
		lua_pop(L, 1);
	names = neap_arena_array_of(lua->scratch, const char *, count + 1);
	lua_pushnil(L);
	for (; lua_next(L, library); lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

		if (!name)
			continue;
		for (i = n++; i > 0 && strcmp(names[i - 1], name) > 0; i--)
			names[i] = names[i - 1];
		names[i] = name;
	}
	return names;
}

/* Any field of what a type that is none declares: text, so that the rest of the recipe is looked at too. */
static int nothing_index(lua_State *L)
{
	lua_pushliteral(L, "");
	return 1;
}

static int nothing_declare(lua_State *L)
{
	lua_createtable(L, 0, 0);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, nothing_index);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	return 1;
}

/* neap.NAME for a name that is none: a problem like others, and evaluation goes on to find the next. */
static int no_such_type(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
	struct neap_problems *problems = lua->graph->problems;
	const char *nearest;

	neap_lua_scratch(lua);
	nearest = neap_str_nearest(name, library_names(L, lua, 1));
	neap_problem_add(problems, neap_lua_position(neap_lua_caller(lua, L)), NULL,
			 "neap has no resource type \"%s\"", name);
	if (nearest)
		neap_problem_hint(problems, "did you mean neap.%s?", nearest);
	else
		neap_problem_hint(problems, "`neap doc` lists the types");
	lua_pushcfunction(L, nothing_declare);
	return 1;
}

static int library_newindex(lua_State *L)
{
	neap_lua_fail(L, "neap.%s is assigned: neap is not yours to change",
		      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

void neap_lua_declare_push(lua_State *L, const struct neap_resource_type *type)
{
	lua_pushlightuserdata(L, (void *)type);
	push_names(L, type);
	luaL_getmetatable(L, NEAP_LUA_HANDLE_METATABLE);
	lua_pushcclosure(L, declare, 3);
}

void neap_lua_declare_open(lua_State *L, int library)
{
	const struct neap_registry *registry = neap_lua_of(L)->graph->registry;

	for (size_t i = 0; registry->types[i]; i++) {
		neap_lua_declare_push(L, registry->types[i]);
		lua_setfield(L, library, registry->types[i]->name);
	}
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, no_such_type);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, library_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, library);
}
