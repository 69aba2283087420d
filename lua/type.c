/*
 * neap.type { name, summary, params, check, claim, read, diff, apply, refresh, outputs }: a resource type
 * defined by a module. Everything about it is checked here, once; what comes out is a type like those in C.
 */
#include "lua/type.h"

#include <stdalign.h>
#include <string.h>

#include "lua/text.h"
#include "lua/value.h"

#define PARAMS_MAX 48
#define OUTPUTS_MAX 16
#define NAME_MAX_LEN 40

const char *const neap_lua_function_names[NEAP_LUA_FUNCTIONS] = {
	[NEAP_LUA_CHECK] = "check", [NEAP_LUA_CLAIM] = "claim", [NEAP_LUA_READ] = "read",
	[NEAP_LUA_DIFF] = "diff",   [NEAP_LUA_APPLY] = "apply", [NEAP_LUA_REFRESH] = "refresh",
};

static const struct kind {
	const char *name;
	enum neap_param_kind kind;
	size_t size, align;
} kinds[] = {
#define KIND(name, kind, type)                                                                               \
	{                                                                                                    \
		name, kind, sizeof(type), alignof(type)                                                      \
	}
	KIND("text", NEAP_PARAM_TEXT, struct neap_text),
	KIND("string", NEAP_PARAM_STRING, const char *),
	KIND("path", NEAP_PARAM_PATH, const char *),
	KIND("source", NEAP_PARAM_SOURCE, struct neap_source),
	KIND("choice", NEAP_PARAM_CHOICE, unsigned),
	KIND("boolean", NEAP_PARAM_BOOLEAN, bool),
	KIND("integer", NEAP_PARAM_INTEGER, int64_t),
	KIND("mode", NEAP_PARAM_MODE, uint32_t),
	KIND("owner", NEAP_PARAM_OWNER, const char *),
	KIND("group", NEAP_PARAM_OWNER, const char *),
	KIND("regex", NEAP_PARAM_REGEX, struct neap_pattern),
	KIND("strings", NEAP_PARAM_STRINGS, struct neap_strings),
	KIND("argv", NEAP_PARAM_ARGV, struct neap_strings),
	KIND("integers", NEAP_PARAM_INTEGERS, struct neap_integers),
	KIND("duration", NEAP_PARAM_DURATION, int64_t),
	KIND("texts", NEAP_PARAM_TEXTS, struct neap_texts),
	KIND("resource", NEAP_PARAM_RESOURCE, struct neap_related),
#undef KIND
};
static const char *const kind_names[] = { "text",    "string",   "path",     "source", "choice",   "boolean",
					  "integer", "mode",     "owner",    "group",  "regex",    "strings",
					  "argv",    "integers", "duration", "texts",  "resource", NULL };

/* ---- tables with names -------------------------------------------------------------------------------- */

/* Every name in the table at `index` is one of `names`. The least wrong one is told, whatever the order. */
static int check_names(lua_State *L, int index, const char *what, const char *const *names)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *wrong = NULL, *nearest;

	lua_pushnil(L);
	while (lua_next(L, index)) {
		size_t i = 0;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING) {
			lua_pop(L, 1);
			return neap_error_set(&lua->error, "%s takes names: { name = value }", what);
		}
		while (names[i] && strcmp(names[i], lua_tostring(L, -1)) != 0)
			i++;
		if (!names[i] && (!wrong || strcmp(lua_tostring(L, -1), wrong) < 0))
			wrong = lua_tostring(L, -1); /* the table keeps it */
	}
	if (!wrong)
		return 0;
	nearest = neap_str_nearest(wrong, names);
	neap_error_set(&lua->error, "%s has no \"%.60s\"", what, wrong);
	if (nearest)
		neap_error_hint(&lua->error, "did you mean \"%s\"?", nearest);
	return -1;
}

int neap_lua_options(lua_State *L, int index, const char *what, const struct neap_resource_type *shape,
		     struct neap_arena *arena, struct neap_want *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	const struct neap_schema_context ctx = { .arena = arena };
	const char **names = neap_arena_array_of(arena, const char *, shape->param_count + 1);

	for (size_t i = 0; i < shape->param_count; i++)
		names[i] = shape->params[i].name;
	if (lua_type(L, index) != LUA_TTABLE)
		return neap_error_set(&lua->error, "%s takes a table, not %s", what, luaL_typename(L, index));
	if (check_names(L, index, what, names) < 0)
		return -1;
	for (size_t i = 0; i < shape->param_count; i++) {
		struct neap_value value;
		size_t weight = 0;
		int r = 0;

		if (!shape->params[i].doc)
			continue; /* a name that is known, read elsewhere */
		lua_pushstring(L, names[i]);
		lua_rawget(L, index);
		if (neap_lua_value(L, -1, names[i], &value, &weight) < 0 ||
		    neap_schema_set(&ctx, shape, (unsigned)i, &value, ret, &lua->error) < 0)
			r = neap_error_prefix(&lua->error, "%s", what);
		lua_pop(L, 1);
		if (r < 0)
			return -1;
	}
	return 0;
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || name[0] < 'a' || name[0] > 'z')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* Pushes a field of the table at `table`, asking no metamethod. */
static int push_field(lua_State *L, int table, const char *name)
{
	lua_pushstring(L, name);
	return lua_rawget(L, table < 0 ? table - 1 : table);
}

/* The names in the table at the top, sorted, NULL-terminated, in the graph's memory. */
static const char **names_of(lua_State *L, const char *what, size_t max, size_t *ret_count)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char **names = neap_arena_array_of(lua->graph->arena, const char *, max + 1);
	int table = lua_gettop(L);
	size_t count = 0, i;

	if (lua_type(L, table) != LUA_TTABLE)
		neap_lua_fail(L, "neap.type: %s is a table: { name = { … } }, not %s", what,
			      luaL_typename(L, table));
	lua_pushnil(L);
	for (; lua_next(L, table); lua_pop(L, 1)) {
		const char *name =
			lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);

		if (lua_type(L, -2) != LUA_TSTRING || !is_name(name))
			neap_lua_fail(L, "neap.type: %s: \"%.60s\" is no name: a-z, 0-9 and _, at most %d",
				      what, name, NAME_MAX_LEN);
		if (lua_type(L, -1) != LUA_TTABLE)
			neap_lua_fail(L, "neap.type: %s.%s is a table, not %s", what, name,
				      luaL_typename(L, -1));
		if (count == max)
			neap_lua_fail(L, "neap.type: more than %zu %s", max, what);
		for (i = count++; i > 0 && strcmp(names[i - 1], name) > 0; i--)
			names[i] = names[i - 1];
		names[i] = neap_arena_strdup(lua->graph->arena, name);
	}
	*ret_count = count;
	return names;
}

/* ---- parameters --------------------------------------------------------------------------------------- */

enum { DOC, KIND, KEY, REQUIRED, SECRET, CHOICES, MIN, MAX, OWNS, COMPARE, DEFAULT };

struct spec {
	struct neap_want base;
	const char *doc;
	unsigned kind;
	bool required, secret, owns, compare;
	struct neap_strings choices;
	int64_t min, max;
	lua_Integer key; /* its place in the address, 0: none */
};

static const struct neap_param spec_params[] = {
#define FIELD(field, type)                                                                                   \
	.name = #field, .kind = NEAP_PARAM_##type, .doc = "", .offset = offsetof(struct spec, field)
	[DOC] = { FIELD(doc, STRING) },
	[KIND] = { FIELD(kind, CHOICE), .choices = kind_names },
	[KEY] = { .name = "key" },
	[REQUIRED] = { FIELD(required, BOOLEAN) },
	[SECRET] = { FIELD(secret, BOOLEAN) },
	[CHOICES] = { FIELD(choices, STRINGS) },
	[MIN] = { FIELD(min, INTEGER) },
	[MAX] = { FIELD(max, INTEGER) },
	[OWNS] = { FIELD(owns, BOOLEAN) },
	[COMPARE] = { FIELD(compare, BOOLEAN) },
	[DEFAULT] = { .name = "default" },
#undef FIELD
};
static const struct neap_resource_type spec_shape = {
	.name = "", .params = spec_params, .param_count = sizeof(spec_params) / sizeof(*spec_params)
};

/* key = true, or its place in the address where there are several. */
static int spec_key(lua_State *L, int table, const char *what, lua_Integer *ret)
{
	push_field(L, table, "key");
	if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0)
		*ret = lua_tointeger(L, -1);
	else if (lua_isnil(L, -1) || lua_isboolean(L, -1))
		*ret = lua_toboolean(L, -1);
	else
		return neap_error_set(&neap_lua_of(L)->error,
				      "%s: key is true, or 1, 2 … where several make the address", what);
	lua_pop(L, 1);
	return 0;
}

static int spec_check(const struct spec *spec, const char *what, struct neap_error **err)
{
	enum neap_param_kind kind = kinds[spec->kind].kind;

	if (!neap_given(spec, KIND))
		return neap_error_set(err, "%s: kind is required", what);
	if (neap_given(spec, CHOICES) != (kind == NEAP_PARAM_CHOICE) ||
	    (kind == NEAP_PARAM_CHOICE && spec->choices.count == 0))
		return neap_error_set(err, "%s: choices go with kind \"choice\", and the other way round",
				      what);
	if (kind != NEAP_PARAM_INTEGER && kind != NEAP_PARAM_INTEGERS && kind != NEAP_PARAM_DURATION &&
	    (neap_given(spec, MIN) || neap_given(spec, MAX)))
		return neap_error_set(
			err, "%s: min and max are for kinds \"integer\", \"integers\" and \"duration\"",
			what);
	if (spec->secret && kind != NEAP_PARAM_TEXT && kind != NEAP_PARAM_TEXTS)
		return neap_error_set(err, "%s: only kinds \"text\" and \"texts\" can hold secrets", what);
	if (spec->owns && kind != NEAP_PARAM_PATH)
		return neap_error_set(err, "%s: only a path can be owned", what);
	if (spec->key &&
	    (kind == NEAP_PARAM_STRINGS || kind == NEAP_PARAM_ARGV || kind == NEAP_PARAM_INTEGERS ||
	     kind == NEAP_PARAM_SOURCE || kind == NEAP_PARAM_REGEX || kind == NEAP_PARAM_TEXT ||
	     kind == NEAP_PARAM_TEXTS || kind == NEAP_PARAM_RESOURCE || kind == NEAP_PARAM_DURATION))
		return neap_error_set(err, "%s: kind \"%s\" cannot be a key", what, kind_names[spec->kind]);
	return 0;
}

static int spec_read(lua_State *L, const char *what, struct spec *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	int table = lua_gettop(L);

	*ret = (struct spec){ .compare = true };
	if (neap_lua_options(L, table, what, &spec_shape, lua->graph->arena, &ret->base) < 0 ||
	    spec_key(L, table, what, &ret->key) < 0)
		return -1;
	if (neap_given(ret, MIN) && !neap_given(ret, MAX))
		ret->max = INT64_MAX;
	if (neap_given(ret, MAX) && !neap_given(ret, MIN))
		ret->min = INT64_MIN;
	return spec_check(ret, what, &lua->error);
}

/* Keys in their order, then by name. */
static void sort_specs(const char **names, struct spec *specs, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const char *name = names[i];
		struct spec spec = specs[i];
		lua_Integer place = spec.key ? spec.key : LUA_MAXINTEGER;
		size_t j = i;

		for (; j > 0 && (specs[j - 1].key ? specs[j - 1].key : LUA_MAXINTEGER) > place; j--) {
			names[j] = names[j - 1];
			specs[j] = specs[j - 1];
		}
		names[j] = name;
		specs[j] = spec;
	}
}

static void check_param_name(lua_State *L, const char *name)
{
	bool taken = strcmp(name, "address") == 0;

	for (unsigned i = 0; i < NEAP_RELATIONS; i++)
		taken |= strcmp(name, neap_common_params[i].name) == 0;
	taken |= neap_schema_find(&neap_meta, name) >= 0;
	if (taken)
		neap_lua_fail(L, "neap.type: params.%s: every resource has this name already", name);
}

static void make_param(struct neap_lua_type *type, size_t i, const char *name, const struct spec *spec)
{
	struct neap_param *param = (struct neap_param *)&type->pub.params[i];
	struct neap_lua_param *own = (struct neap_lua_param *)&type->params[i];
	const struct kind *kind = &kinds[spec->kind];

	*param = (struct neap_param){
		.name = name,
		.kind = kind->kind,
		.flags = (spec->key ? NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED : 0) |
			 (spec->required ? NEAP_PARAM_REQUIRED : 0) | (spec->secret ? NEAP_PARAM_SECRET : 0),
		.doc = spec->doc ? spec->doc : "",
		.choices = neap_given(spec, CHOICES) ? spec->choices.items : NULL,
		.min = spec->min,
		.max = spec->max,
	};
	type->pub.want_size = (type->pub.want_size + kind->align - 1) / kind->align * kind->align;
	param->offset = type->pub.want_size;
	type->pub.want_size += kind->size;
	*own = (struct neap_lua_param){ .owns = spec->owns,
					.compare = spec->compare && !spec->key,
					.group = strcmp(kind->name, "group") == 0 };
	if (strcmp(name, "ensure") == 0)
		type->ensure = (int)i;
}

/* default = value: checked as if a recipe had given it. The table of parameters is at the top. */
static void read_default(lua_State *L, struct neap_lua_type *type, size_t i)
{
	struct neap_lua *lua = neap_lua_of(L);
	const struct neap_param *param = &type->pub.params[i];
	struct neap_want *trial = neap_arena_alloc(lua->scratch, type->pub.want_size);
	const struct neap_schema_context ctx = { .arena = lua->scratch,
						 .sources = lua->sources,
						 .directory = "" };
	struct neap_value value, *kept;
	size_t weight = 0;

	push_field(L, -1, param->name);
	push_field(L, -1, "default");
	if (!lua_isnil(L, -1)) {
		if (param->flags & NEAP_PARAM_REQUIRED)
			neap_lua_fail(L, "neap.type: params.%s: what is required needs no default",
				      param->name);
		if (param->kind == NEAP_PARAM_REGEX || param->kind == NEAP_PARAM_SOURCE ||
		    param->kind == NEAP_PARAM_RESOURCE)
			neap_lua_fail(L, "neap.type: params.%s: this kind has no default", param->name);
		if (neap_lua_value(L, -1, "default", &value, &weight) < 0 ||
		    neap_schema_set(&ctx, &type->pub, (unsigned)i, &value, trial, &lua->error) < 0) {
			neap_error_prefix(&lua->error, "neap.type: params.%s: the default", param->name);
			neap_lua_raise(L);
		}
		kept = neap_arena_new_of(lua->graph->arena, struct neap_value);
		*kept = neap_value_copy(lua->graph->arena, &value);
		((struct neap_lua_param *)type->params)[i].fallback = kept;
	}
	lua_pop(L, 2);
}

static void check_ensure(lua_State *L, const struct neap_lua_type *type)
{
	const struct neap_param *param = &type->pub.params[type->ensure];

	if (param->kind != NEAP_PARAM_CHOICE || !param->choices ||
	    strcmp(param->choices[0], "present") != 0 || !param->choices[1] ||
	    strcmp(param->choices[1], "absent") != 0 || param->choices[2])
		neap_lua_fail(
			L,
			"neap.type: params.ensure is a choice of \"present\" and \"absent\", in this order");
}

/* The field `params` of the table at 1. */
static void read_params(lua_State *L, struct neap_lua_type *type)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_arena *arena = lua->graph->arena;
	struct spec *specs;
	const char **names;
	size_t count;

	push_field(L, 1, "params");
	names = names_of(L, "params", PARAMS_MAX, &count);
	specs = neap_arena_array_of(arena, struct spec, count + 1);
	for (size_t i = 0; i < count; i++) {
		check_param_name(L, names[i]);
		push_field(L, -1, names[i]);
		if (spec_read(L, neap_arena_printf(arena, "neap.type: params.%s", names[i]), &specs[i]) < 0)
			neap_lua_raise(L);
		lua_pop(L, 1);
	}
	sort_specs(names, specs, count);
	if (count == 0 || !specs[0].key)
		neap_lua_fail(L, "neap.type: no parameter is a key: what is a resource of this type called?");
	type->pub.params = neap_arena_array_of(arena, struct neap_param, count);
	type->params = neap_arena_array_of(arena, struct neap_lua_param, count);
	type->pub.param_count = count;
	for (size_t i = 0; i < count; i++)
		make_param(type, i, names[i], &specs[i]);
	if (type->ensure >= 0)
		check_ensure(L, type);
	for (size_t i = 0; i < count; i++)
		read_default(L, type, i);
	lua_pop(L, 1);
}

/* ---- functions and outputs ---------------------------------------------------------------------------- */

/* The field of the table at `table` as a reference, LUA_NOREF when there is none. */
static int read_function(lua_State *L, int table, const char *name, const char *where)
{
	push_field(L, table, name);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		return LUA_NOREF;
	}
	if (!lua_isfunction(L, -1))
		neap_lua_fail(L, "neap.type: %s%s is a function, not %s", where, name, luaL_typename(L, -1));
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void read_outputs(lua_State *L, struct neap_lua_type *type)
{
	static const char *const fields[] = { "doc", "secret", "read", NULL };
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_arena *arena = lua->graph->arena;
	struct neap_output *outputs;
	const char **names;
	int *functions;
	size_t count;

	push_field(L, 1, "outputs");
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		return;
	}
	names = names_of(L, "outputs", OUTPUTS_MAX, &count);
	outputs = neap_arena_array_of(arena, struct neap_output, count + 1);
	functions = neap_arena_array_of(arena, int, count + 1);
	for (size_t i = 0; i < count; i++) {
		const char *what = neap_arena_printf(arena, "outputs.%s.", names[i]);

		if (neap_schema_find(&type->pub, names[i]) >= 0 || strcmp(names[i], "address") == 0)
			neap_lua_fail(L, "neap.type: outputs.%s: a handle has this name already", names[i]);
		push_field(L, -1, names[i]);
		if (check_names(L, lua_gettop(L), neap_arena_printf(arena, "neap.type: outputs.%s", names[i]),
				fields) < 0)
			neap_lua_raise(L);
		functions[i] = read_function(L, lua_gettop(L), "read", what);
		if (functions[i] == LUA_NOREF)
			neap_lua_fail(L, "neap.type: %sread is required", what);
		push_field(L, -1, "doc");
		push_field(L, -2, "secret");
		outputs[i] = (struct neap_output){
			.name = names[i],
			.doc = neap_arena_strdup(arena,
						 lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : ""),
			.secret = lua_toboolean(L, -1),
		};
		lua_pop(L, 3);
	}
	type->pub.outputs = outputs;
	type->pub.output_count = count;
	type->outputs = functions;
	lua_pop(L, 1);
}

static void read_functions(lua_State *L, struct neap_lua_type *type)
{
	for (unsigned i = 0; i < NEAP_LUA_FUNCTIONS; i++)
		type->functions[i] = read_function(L, 1, neap_lua_function_names[i], "");
	if (type->functions[NEAP_LUA_READ] == LUA_NOREF || type->functions[NEAP_LUA_APPLY] == LUA_NOREF)
		neap_lua_fail(L, "neap.type: read and apply are required");
	type->pub.check = neap_lua_type_check;
	type->pub.claim = neap_lua_type_claim;
	type->pub.read = neap_lua_type_read;
	type->pub.diff = neap_lua_type_diff;
	type->pub.apply = neap_lua_type_apply;
	type->pub.output = neap_lua_type_output;
	if (type->functions[NEAP_LUA_REFRESH] != LUA_NOREF)
		type->pub.refresh = neap_lua_type_refresh;
}

/* ---- the type ----------------------------------------------------------------------------------------- */

const struct neap_lua_type *neap_lua_type_in_lua(const struct neap_resource_type *type)
{
	return type->read == neap_lua_type_read ? (const struct neap_lua_type *)type : NULL;
}

const char *neap_lua_type_called(struct neap_lua *lua, const struct neap_resource_type *type)
{
	return neap_lua_type_in_lua(type) ? type->name
					  : neap_arena_printf(lua->scratch, "neap.%s", type->name);
}

/* Once, while a module is loaded: then a type is there before it is used, and a module is all there is to it.
 */
static void check_place(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_place place;
	lua_Debug ar;

	if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "S", &ar) && strcmp(ar.what, "main") == 0 &&
	    neap_lua_where(lua, L, 1, &place) && strcmp(ar.source, place.file->source) == 0 &&
	    strcmp(place.file->shown, neap_sources_main(lua->sources)) != 0)
		return;
	neap_error_set(&lua->error, "neap.type is called at the top of a module, not here");
	neap_error_hint(&lua->error,
			"put the type into a file of its own, and: local name = require \"file\"");
	neap_lua_raise(L);
}

/* A string of the table at 1. */
static const char *read_string(lua_State *L, const char *name)
{
	const char *text;

	push_field(L, 1, name);
	if (lua_type(L, -1) != LUA_TSTRING)
		neap_lua_fail(L, "neap.type: %s is a string, not %s", name, luaL_typename(L, -1));
	text = neap_arena_strdup(neap_lua_of(L)->graph->arena, lua_tostring(L, -1));
	lua_pop(L, 1);
	return text;
}

static const char *read_name(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name = read_string(L, "name");

	if (!is_name(name))
		neap_lua_fail(L,
			      "neap.type: \"%.60s\" is no name of a type: a-z, 0-9 and _, at most %d, a "
			      "letter first",
			      name, NAME_MAX_LEN);
	if (neap_registry_find(lua->graph->registry, name))
		neap_lua_fail(L, "neap.type: neap.%s exists already", name);
	if (neap_map_get(&lua->types, neap_str(name)))
		neap_lua_fail(L, "neap.type: a type \"%s\" is defined already", name);
	return name;
}

/* neap.type { … } → function that declares a resource of it */
static int define(lua_State *L)
{
	static const char *const fields[] = { "name", "summary", "params",  "check",   "claim", "read",
					      "diff", "apply",   "refresh", "outputs", NULL };
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_type *type;

	neap_lua_evaluating(L, "neap.type");
	check_place(L);
	if (lua_type(L, 1) != LUA_TTABLE || lua_gettop(L) != 1)
		neap_lua_fail(L, "neap.type takes one table: neap.type { name = … }");
	neap_lua_check_memory(L, lua);
	neap_lua_scratch(lua);
	if (check_names(L, 1, "neap.type", fields) < 0)
		neap_lua_raise(L);
	type = neap_arena_new_of(lua->graph->arena, struct neap_lua_type);
	*type = (struct neap_lua_type){
		.pub = { .name = read_name(L),
			 .summary = read_string(L, "summary"),
			 .want_size = sizeof(struct neap_lua_want),
			 .have_size = sizeof(struct neap_lua_have) },
		.lua = lua,
		.ensure = -1,
	};
	read_params(L, type);
	read_functions(L, type);
	read_outputs(L, type);
	neap_map_put(&lua->types, neap_str(type->pub.name), type);
	neap_lua_declare_push(L, &type->pub);
	return 1;
}

void neap_lua_type_open(lua_State *L, int library)
{
	neap_lua_want_open(L);
	lua_pushcfunction(L, define);
	lua_setfield(L, library, "type");
}
