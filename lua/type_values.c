/*
 * What a type written in Lua is given (its wants), and how its haves are compared with them. Knows no machine
 * and calls no function of a type.
 */
#include <string.h>

#include "base/regex.h"
#include "lua/text.h"
#include "lua/type.h"
#include "lua/value.h"

#define WANT_METATABLE "neap.want"
#define REGEX_METATABLE "neap.regex"
#define ENTRIES_MAX 100

/* ---- wants as Lua sees them ---------------------------------------------------------------------------- */

struct regex {
	enum neap_lua_tag tag;
	const struct neap_pattern *pattern; /* as old as the graph, and so is Lua */
};

static void regex_push(lua_State *L, const struct neap_pattern *pattern)
{
	struct regex *regex = lua_newuserdatauv(L, sizeof(*regex), 0);

	*regex = (struct regex){ NEAP_LUA_REGEX, pattern };
	luaL_setmetatable(L, REGEX_METATABLE);
}

static const struct neap_pattern *regex_at(lua_State *L, const char *function)
{
	if (neap_lua_tag(L, 1) != NEAP_LUA_REGEX)
		neap_lua_fail(L, "%s is a method: regex:%s(text)", function, function);
	return ((const struct regex *)lua_touserdata(L, 1))->pattern;
}

/* regex:fits(text) → boolean */
static int regex_fits(lua_State *L)
{
	const struct neap_pattern *pattern = regex_at(L, "fits");
	struct neap_str text;
	bool found;

	if (lua_type(L, 2) != LUA_TSTRING)
		neap_lua_fail(L, "fits takes a string, not %s", luaL_typename(L, 2));
	text.data = lua_tolstring(L, 2, &text.len);
	if (neap_regex_search(pattern->regex, text, &found, &neap_lua_of(L)->error) < 0)
		neap_lua_raise(L);
	lua_pushboolean(L, found);
	return 1;
}

static int regex_tostring(lua_State *L)
{
	lua_pushstring(L, regex_at(L, "tostring")->text);
	return 1;
}

/* want.name for a parameter that is not given: nil, or an error when the type has none of this name.
 * Upvalue 1: the type. */
static int want_index(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const struct neap_resource_type *type = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2), *nearest;
	const char **names;

	if (neap_schema_find(type, name) >= 0)
		return 0;
	names = neap_arena_array_of(neap_lua_scratch(lua), const char *, type->param_count + 1);
	for (size_t i = 0; i < type->param_count; i++)
		names[i] = type->params[i].name;
	nearest = neap_str_nearest(name, names);
	neap_error_set(&lua->error, "%s has no parameter \"%.60s\"", type->name, name);
	if (nearest)
		neap_error_hint(&lua->error, "did you mean want.%s?", nearest);
	neap_lua_raise(L);
}

/* The metatable of a type's wants, made once and kept in the registry. */
static void push_want_metatable(lua_State *L, const struct neap_resource_type *type)
{
	luaL_getmetatable(L, WANT_METATABLE);
	if (lua_rawgetp(L, -1, type) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_createtable(L, 0, 2);
		lua_pushlightuserdata(L, (void *)type);
		lua_pushcclosure(L, want_index, 1);
		lua_setfield(L, -2, "__index");
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
		lua_pushvalue(L, -1);
		lua_rawsetp(L, -3, type);
	}
	lua_remove(L, -2);
}

void neap_lua_want_push(lua_State *L, const struct neap_want *want)
{
	const struct neap_resource_type *type = want->type;

	lua_createtable(L, 0, (int)type->param_count);
	for (size_t i = 0; i < type->param_count; i++) {
		const struct neap_param *param = &type->params[i];
		const void *member = (const char *)want + param->offset;

		if (!(want->given >> i & 1))
			continue;
		if (param->kind == NEAP_PARAM_REGEX) {
			regex_push(L, member);
		} else if (param->kind == NEAP_PARAM_SOURCE) {
			const struct neap_content *content = &((const struct neap_source *)member)->content;

			lua_pushlstring(L, content->data ? content->data : "",
					content->data ? content->size : 0);
		} else if (param->kind == NEAP_PARAM_DURATION) { /* seconds */
			lua_pushinteger(L, *(const int64_t *)member);
		} else {
			neap_lua_member_push(L, param, want);
		}
		lua_setfield(L, -2, param->name);
	}
	push_want_metatable(L, type);
	lua_setmetatable(L, -2);
}

void neap_lua_want_open(lua_State *L)
{
	luaL_newmetatable(L, WANT_METATABLE);
	luaL_newmetatable(L, REGEX_METATABLE);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, regex_fits);
	lua_setfield(L, -2, "fits");
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, regex_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "regex");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

bool neap_lua_wants_absent(const struct neap_want *want)
{
	int ensure = neap_lua_type_of(want)->ensure;

	return ensure >= 0 && (want->given >> ensure & 1) &&
	       *(const unsigned *)(const void *)((const char *)want + want->type->params[ensure].offset) == 1;
}

/* ---- the diff ------------------------------------------------------------------------------------------ */

static struct neap_value list_of(const struct neap_strings *strings, struct neap_arena *arena)
{
	struct neap_value list = { .kind = NEAP_LIST };

	list.list.items = neap_arena_array_of(arena, struct neap_value, strings->count + 1);
	list.list.count = strings->count;
	for (size_t i = 0; i < strings->count; i++)
		list.list.items[i] = neap_value_string(strings->items[i]);
	return list;
}

static struct neap_value numbers_of(const struct neap_integers *integers, struct neap_arena *arena)
{
	struct neap_value list = { .kind = NEAP_LIST };

	list.list.items = neap_arena_array_of(arena, struct neap_value, integers->count + 1);
	list.list.count = integers->count;
	for (size_t i = 0; i < integers->count; i++)
		list.list.items[i] =
			(struct neap_value){ .kind = NEAP_INTEGER, .integer = integers->items[i] };
	return list;
}

/* A member as a value. The account of a wanted number is called by its name, as the machine's is. */
static struct neap_value member(const struct neap_want *want, size_t i, const struct neap_lua_have *have,
				struct neap_arena *arena)
{
	const struct neap_param *param = &want->type->params[i];
	const void *at = (const char *)want + param->offset;
	const struct neap_content *content;
	uint32_t mode;

	switch (param->kind) {
	case NEAP_PARAM_TEXT:
		return neap_value_text(*(const struct neap_text *)at);
	case NEAP_PARAM_OWNER:
		if (have->owners && have->owners[i])
			return neap_value_string(have->owners[i]);
		/* fall through */
	case NEAP_PARAM_STRING:
	case NEAP_PARAM_PATH:
		return neap_value_string(*(const char *const *)at);
	case NEAP_PARAM_SOURCE:
		content = &((const struct neap_source *)at)->content;
		return neap_value_text(neap_text_plain(content->data ? content->data : "",
						       content->data ? content->size : 0));
	case NEAP_PARAM_CHOICE:
		return neap_value_string(param->choices[*(const unsigned *)at]);
	case NEAP_PARAM_BOOLEAN:
		return (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = *(const bool *)at };
	case NEAP_PARAM_RESOURCE:
		return neap_value_string(((const struct neap_related *)at)->path);
	case NEAP_PARAM_TEXTS: /* compared by name */
		break;
	case NEAP_PARAM_INTEGER:
	case NEAP_PARAM_DURATION:
		return (struct neap_value){ .kind = NEAP_INTEGER, .integer = *(const int64_t *)at };
	case NEAP_PARAM_MODE:
		mode = *(const uint32_t *)at;
		return neap_value_string(neap_arena_printf(arena, "%04o", mode));
	case NEAP_PARAM_REGEX:
		return neap_value_string(((const struct neap_pattern *)at)->text);
	case NEAP_PARAM_STRINGS:
	case NEAP_PARAM_ARGV:
		return list_of(at, arena);
	case NEAP_PARAM_INTEGERS:
		return numbers_of(at, arena);
	}
	return (struct neap_value){ 0 };
}

static const struct neap_value *field(const struct neap_value *map, const char *name)
{
	for (size_t i = 0; map->kind == NEAP_MAP && i < map->map.count; i++)
		if (neap_str_equal(map->map.pairs[i].key, neap_str(name)))
			return &map->map.pairs[i].value;
	return NULL;
}

/* What was read from a closed file is not shown; a mode, a name of a choice or of an account is no such
 * thing. */
static bool hides(const struct neap_resource_type *type, int param)
{
	if (param < 0)
		return true;
	switch (type->params[param].kind) {
	case NEAP_PARAM_CHOICE:
	case NEAP_PARAM_BOOLEAN:
	case NEAP_PARAM_MODE:
	case NEAP_PARAM_OWNER:
		return false;
	default:
		return true;
	}
}

/* Entries "variables.NAME" for the names that differ, on both sides sorted. */
static int compare_texts(const struct neap_param *param, const struct neap_texts *texts,
			 const struct neap_lua_have *have, struct neap_diff *diff, struct neap_error **err)
{
	static const struct neap_value nothing = { .kind = NEAP_NIL };
	const struct neap_value *found = field(&have->value, param->name);
	size_t count = found && found->kind == NEAP_MAP ? found->map.count : 0, i = 0, j = 0;

	if (found && found->kind != NEAP_MAP && found->kind != NEAP_NIL)
		return neap_error_set(err, "read gives %s as %s, but the parameter is a table of texts",
				      param->name, neap_value_kind_name(found->kind));
	while (i < texts->count || j < count) {
		struct neap_str left = i < texts->count ? neap_str(texts->names[i]) : (struct neap_str){ 0 };
		struct neap_str right = j < count ? found->map.pairs[j].key : (struct neap_str){ 0 };
		size_t len = left.len < right.len ? left.len : right.len;
		int order = len ? memcmp(left.data, right.data, len) : 0;
		struct neap_value after = nothing, before = nothing;

		if (order == 0)
			order = (left.len > right.len) - (left.len < right.len);
		if (j == count || (i < texts->count && order <= 0))
			after = neap_value_text(texts->texts[i]);
		if (i == texts->count || (j < count && order >= 0))
			before = found->map.pairs[j].value;
		if (!neap_value_equal(&before, &after))
			neap_diff_value(diff,
					neap_arena_printf(neap_diff_arena(diff), "%s.%.*s", param->name,
							  (int)(after.kind ? left.len : right.len),
							  after.kind ? left.data : right.data),
					&before, &after, have->closed);
		i += after.kind != NEAP_NIL;
		j += before.kind != NEAP_NIL;
	}
	return 0;
}

static int compare_one(const struct neap_want *want, size_t i, const struct neap_lua_have *have,
		       struct neap_diff *diff, struct neap_error **err)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	const char *name = want->type->params[i].name;
	struct neap_value after = member(want, i, have, arena), before = { .kind = NEAP_NIL };
	const struct neap_value *found = field(&have->value, name);

	if (found)
		before = *found;
	if (before.kind == NEAP_MAP && before.map.count == 0 && after.kind == NEAP_LIST) /* {} */
		before = (struct neap_value){ .kind = NEAP_LIST };
	if (before.kind != NEAP_NIL && before.kind != after.kind) {
		neap_error_set(err, "read gives %s as %s, but the parameter is %s", name,
			       neap_value_kind_name(before.kind), neap_value_kind_name(after.kind));
		return neap_error_hint(err,
				       "they would differ for ever: convert it in read, or write a diff");
	}
	if (!neap_value_equal(&before, &after))
		neap_diff_value(diff, name, &before, &after, have->closed && hides(want->type, (int)i));
	return 0;
}

static void put_ensure(struct neap_diff *diff, bool absent)
{
	neap_diff_action(diff, absent ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
	neap_diff_string(diff, "ensure", absent ? "present" : "absent", absent ? "absent" : "present");
}

int neap_lua_type_compare(const struct neap_want *want, const struct neap_lua_have *have,
			  struct neap_diff *diff, struct neap_error **err)
{
	const struct neap_lua_type *type = neap_lua_type_of(want);
	bool there = have->value.kind != NEAP_NIL;

	if (neap_lua_wants_absent(want)) {
		if (there)
			put_ensure(diff, true);
		return 0;
	}
	if (!there && type->ensure >= 0)
		put_ensure(diff, false);
	else if (!there)
		neap_diff_action(diff, NEAP_ACTION_CREATE);
	for (size_t i = 0; i < type->pub.param_count; i++)
		if ((want->given >> i & 1) && type->params[i].compare && (int)i != type->ensure &&
		    (type->pub.params[i].kind == NEAP_PARAM_TEXTS
			     ? compare_texts(&type->pub.params[i],
					     (const void *)((const char *)want + type->pub.params[i].offset),
					     have, diff, err)
			     : compare_one(want, i, have, diff, err)) < 0)
			return -1;
	return 0;
}

/* ---- what a diff in Lua returns ------------------------------------------------------------------------ */

struct differences {
	const struct neap_want *want;
	const struct neap_lua_have *have;
	struct neap_diff *diff;
	struct neap_error **err;
};

/* What was made from a closed file is secret in `after` too, unless it is what the recipe says anyway. */
static struct neap_value shown_after(const struct differences *d, int param, const struct neap_value *after)
{
	struct neap_arena *arena = neap_diff_arena(d->diff);

	if (!d->have->closed || after->kind != NEAP_STRING || after->text.span_count ||
	    !hides(d->want->type, param))
		return *after;
	if (param >= 0 && (d->want->given >> param & 1)) {
		struct neap_value wanted = member(d->want, (size_t)param, d->have, arena);

		if (neap_value_equal(&wanted, after))
			return *after;
	}
	return neap_value_text(neap_text_secret(arena, after->text.data, after->text.len));
}

/* { param = name, before = value, after = value } */
static int add_entry(const struct differences *d, const struct neap_value *entry)
{
	static const struct neap_value nothing = { .kind = NEAP_NIL };
	const struct neap_value *name = field(entry, "param"), *before = field(entry, "before"),
				*after = field(entry, "after");
	struct neap_value shown;
	const char *text;
	int param;

	if (!name || name->kind != NEAP_STRING || name->text.span_count || name->text.len == 0 ||
	    name->text.len > 60 || memchr(name->text.data, '\0', name->text.len))
		return neap_error_set(d->err,
				      "diff: an entry is { param = \"name\", before = …, after = … }");
	text = neap_arena_copy(neap_diff_arena(d->diff), name->text.data, name->text.len);
	param = neap_schema_find(d->want->type, text);
	shown = shown_after(d, param, after ? after : &nothing);
	neap_diff_value(d->diff, text, before ? before : &nothing, &shown,
			d->have->closed && hides(d->want->type, param));
	return 0;
}

static int set_action(const struct differences *d, const struct neap_value *action)
{
	static const enum neap_action actions[] = { NEAP_ACTION_CREATE, NEAP_ACTION_UPDATE,
						    NEAP_ACTION_DELETE, NEAP_ACTION_RUN };

	for (size_t i = 0; action->kind == NEAP_STRING && i < sizeof(actions) / sizeof(*actions); i++) {
		if (!neap_str_equal(neap_str(neap_action_name(actions[i])),
				    (struct neap_str){ action->text.data, action->text.len }))
			continue;
		neap_diff_action(d->diff, actions[i]);
		return 0;
	}
	return neap_error_set(d->err, "diff: action is \"create\", \"update\", \"delete\" or \"run\"");
}

static int set_reason(const struct differences *d, const struct neap_value *reason)
{
	if (reason->kind != NEAP_STRING || reason->text.len > 1000)
		return neap_error_set(d->err, "diff: reason is a string of at most 1000 bytes");
	neap_diff_reason(d->diff, "%s", neap_text_masked(neap_diff_arena(d->diff), reason->text).data);
	return 0;
}

/* The value at the top in the memory of the diff; pops it. */
static int take(lua_State *L, const struct differences *d, struct neap_value *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_value value;
	size_t weight = 0;

	if (neap_lua_value(L, -1, "diff", &value, &weight) < 0) {
		*d->err = lua->error;
		lua->error = NULL;
		return -1;
	}
	*ret = neap_value_copy(neap_diff_arena(d->diff), &value);
	lua_pop(L, 1);
	return 0;
}

/* The list part of the table at the top. */
static int take_entries(lua_State *L, const struct differences *d)
{
	lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

	if (count > ENTRIES_MAX)
		return neap_error_set(d->err, "diff: more than %d entries", ENTRIES_MAX);
	for (lua_Integer i = 1; i <= count; i++) {
		struct neap_value entry;

		lua_rawgeti(L, -1, i);
		if (take(L, d, &entry) < 0 || add_entry(d, &entry) < 0)
			return -1;
	}
	return 0;
}

/* Its names: nothing of it may be lost without a word. */
static int take_names(lua_State *L, const struct differences *d)
{
	struct neap_value value;

	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

		if (!name ? lua_isinteger(L, -2) : strcmp(name, "action") == 0 || strcmp(name, "reason") == 0)
			continue;
		return neap_error_set(d->err,
				      "diff: \"%.60s\" is neither action, reason nor an entry 1, 2, 3 …",
				      name ? name : luaL_typename(L, -2));
	}
	lua_pushliteral(L, "action");
	lua_rawget(L, -2);
	if (take(L, d, &value) < 0 || (value.kind != NEAP_NIL && set_action(d, &value) < 0))
		return -1;
	lua_pushliteral(L, "reason");
	lua_rawget(L, -2);
	if (take(L, d, &value) < 0 || (value.kind != NEAP_NIL && set_reason(d, &value) < 0))
		return -1;
	return 0;
}

int neap_lua_type_differences(lua_State *L, const struct neap_want *want, const struct neap_lua_have *have,
			      struct neap_diff *diff, struct neap_error **err)
{
	const struct differences d = { want, have, diff, err };
	int top = lua_gettop(L), r = 0;

	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) != LUA_TTABLE)
		return neap_error_set(err, "diff returns nil or a table, not %s", luaL_typename(L, -1));
	r = take_entries(L, &d);
	lua_settop(L, top);
	return r < 0 ? r : take_names(L, &d);
}
