/*
 * Handles: `.address`, the parameters that were given (as the engine understood them), and the outputs of the
 * type, which become references.
 */
#include "lua/handle.h"

#include <string.h>

#include "lua/text.h"
#include "lua/type.h"

#define DEFERRED_WEIGHT 4096

static const struct neap_resource *resource_of(lua_State *L, int index)
{
	const struct neap_lua_handle *handle;

	if (neap_lua_tag(L, index) != NEAP_LUA_HANDLE)
		neap_lua_fail(L, "a resource handle is needed here, not %s", luaL_typename(L, index));
	handle = lua_touserdata(L, index);
	return &neap_lua_of(L)->graph->resources.items[handle->resource];
}

static void push_strings(lua_State *L, const struct neap_strings *strings)
{
	lua_createtable(L, (int)strings->count, 0);
	for (size_t i = 0; i < strings->count; i++) {
		lua_pushstring(L, strings->items[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

void neap_lua_member_push(lua_State *L, const struct neap_param *param, const struct neap_want *want)
{
	const void *member = (const char *)want + param->offset;
	char mode[16];

	switch (param->kind) {
	case NEAP_PARAM_TEXT:
		neap_lua_text_push_known(L, *(const struct neap_text *)member);
		break;
	case NEAP_PARAM_STRING:
	case NEAP_PARAM_PATH:
	case NEAP_PARAM_OWNER:
		lua_pushstring(L, *(const char *const *)member);
		break;
	case NEAP_PARAM_SOURCE:
		lua_pushstring(L, ((const struct neap_source *)member)->path);
		break;
	case NEAP_PARAM_CHOICE:
		if ((param->flags & NEAP_PARAM_OR_FALSE) && *(const unsigned *)member == 0)
			lua_pushboolean(L, false);
		else
			lua_pushstring(L, param->choices[*(const unsigned *)member]);
		break;
	case NEAP_PARAM_BOOLEAN:
		lua_pushboolean(L, *(const bool *)member);
		break;
	case NEAP_PARAM_RESOURCE:
		lua_pushstring(L, ((const struct neap_related *)member)->path);
		break;
	case NEAP_PARAM_DURATION:
		lua_pushfstring(L, "%Is", (lua_Integer) * (const int64_t *)member);
		break;
	case NEAP_PARAM_INTEGERS: {
		const struct neap_integers *integers = member;

		lua_createtable(L, (int)integers->count, 0);
		for (size_t i = 0; i < integers->count; i++) {
			lua_pushinteger(L, integers->items[i]);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		break;
	}
	case NEAP_PARAM_TEXTS: {
		const struct neap_texts *texts = member;

		lua_createtable(L, 0, (int)texts->count);
		for (size_t i = 0; i < texts->count; i++) {
			if (texts->texts[i].data)
				neap_lua_text_push_known(L, texts->texts[i]);
			else
				lua_pushboolean(L, false);
			lua_setfield(L, -2, texts->names[i]);
		}
		break;
	}
	case NEAP_PARAM_INTEGER:
		lua_pushinteger(L, *(const int64_t *)member);
		break;
	case NEAP_PARAM_MODE: {
		uint32_t bits = *(const uint32_t *)member;

		for (int i = 3; i >= 0; i--, bits >>= 3)
			mode[i] = (char)('0' + (bits & 7));
		lua_pushlstring(L, mode, 4);
		break;
	}
	case NEAP_PARAM_REGEX:
		lua_pushstring(L, ((const struct neap_pattern *)member)->text);
		break;
	case NEAP_PARAM_STRINGS:
	case NEAP_PARAM_ARGV:
		push_strings(L, member);
		break;
	}
}

static int push_param(lua_State *L, const struct neap_resource *resource, unsigned param)
{
	for (size_t i = 0; i < resource->deferred_count; i++) {
		struct neap_value value = { .kind = NEAP_EXPRESSION, .expr = resource->deferred[i].expr };

		if (resource->deferred[i].param != param)
			continue;
		/* What it cost is forgotten: it counts as large. */
		neap_lua_text_push(L, &value, DEFERRED_WEIGHT);
		return 1;
	}
	if ((resource->want->given >> param) & 1)
		neap_lua_member_push(L, &resource->type->params[param], resource->want);
	else
		lua_pushnil(L);
	return 1;
}

static void fail_unknown(lua_State *L, const struct neap_resource_type *type, const char *name)
{
	struct neap_lua *lua = neap_lua_of(L);
	size_t count = type->param_count + type->output_count + 1, n = 0;
	const char **names = neap_arena_array_of(neap_lua_scratch(lua), const char *, count + 1);
	const char *nearest;

	names[n++] = "address";
	for (size_t i = 0; i < type->param_count; i++)
		names[n++] = type->params[i].name;
	for (size_t i = 0; i < type->output_count; i++)
		names[n++] = type->outputs[i].name;
	nearest = neap_str_nearest(name, names);
	neap_error_set(&lua->error, "a handle of %s has no field \"%s\"", neap_lua_type_called(lua, type),
		       name);
	if (nearest)
		neap_error_hint(&lua->error, "did you mean \"%s\"?", nearest);
	else
		neap_error_hint(
			&lua->error,
			"it has address, the parameters that were given, and the outputs of the type");
	neap_lua_raise(L);
}

/* handle.name */
static int handle_index(lua_State *L)
{
	const struct neap_resource *resource = resource_of(L, 1);
	const struct neap_resource_type *type = resource->type;
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
	int param;

	if (strcmp(name, "address") == 0) {
		lua_pushstring(L, resource->address);
		return 1;
	}
	param = neap_schema_find(type, name);
	if (param >= 0)
		return push_param(L, resource, (unsigned)param);
	for (size_t i = 0; i < type->output_count; i++)
		if (strcmp(type->outputs[i].name, name) == 0) {
			neap_lua_text_push_output(L, resource->index, &type->outputs[i]);
			return 1;
		}
	fail_unknown(L, type, name);
	return 0;
}

static int handle_tostring(lua_State *L)
{
	lua_pushstring(L, resource_of(L, 1)->address);
	return 1;
}

static int handle_newindex(lua_State *L)
{
	neap_lua_fail(L, "a declared resource cannot be changed");
}

void neap_lua_handle_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "__index", handle_index },
		{ "__newindex", handle_newindex },
		{ "__tostring", handle_tostring },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, NEAP_LUA_HANDLE_METATABLE);
	luaL_setfuncs(L, methods, 0);
	lua_pushliteral(L, "resource handle");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
