/* See value.h. Knows nothing of parameters, documents or who asks. */
#include "lua/value.h"

#include <string.h>

#include "lua/facts.h"
#include "lua/text.h"

#define LIST_METATABLE "neap.list"
#define NULL_KEY "neap.null"
#define PATH_SHOWN 10 /* steps in an error */

struct step { /* on the way to the value in hand: a name, or an item's number */
	const char *name;
	size_t len;
	lua_Integer item;
};

struct conversion {
	lua_State *L;
	struct neap_lua *lua;
	const char *name;
	unsigned depth;
	struct step path[NEAP_LUA_VALUE_DEPTH];
	const void *tables[NEAP_LUA_VALUE_DEPTH];
	size_t nodes;
	size_t weight;
};

static int convert(struct conversion *c, int index, struct neap_value *ret);

/* "servers[3].name: message" */
static int wrong(struct conversion *c, const char *message)
{
	struct neap_arena *arena = c->lua->scratch;
	const char *place = c->name ? c->name : "";

	for (unsigned i = 0; i < c->depth; i++) {
		const struct step *step = &c->path[i];

		if (i == PATH_SHOWN) {
			place = neap_arena_printf(arena, "%s…", place);
			break;
		}
		if (step->name)
			place = neap_arena_printf(arena, "%s%s%.*s", place, *place ? "." : "", (int)step->len,
						  step->name);
		else
			place = neap_arena_printf(arena, "%s[%lld]", place, (long long)step->item);
	}
	return neap_error_set(&c->lua->error, "%s%s%s", place, *place ? ": " : "", message);
}

static int wrong_kind(struct conversion *c, int index)
{
	switch (neap_lua_tag(c->L, index)) {
	case NEAP_LUA_HANDLE:
		wrong(c, "a resource handle is no value");
		return neap_error_hint(&c->lua->error,
				       "name one of its fields, such as handle.path or handle.address");
	default:
		return wrong(c, neap_arena_printf(c->lua->scratch, "a %s cannot be a value",
						  luaL_typename(c->L, index)));
	}
}

/* ---- lists and maps -------------------------------------------------------------------------------------
 */

static int compare_pairs(const struct neap_pair *a, const struct neap_pair *b)
{
	size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
	int r = memcmp(a->key.data, b->key.data, len);

	return r ? r : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

static void sift(struct neap_pair *pairs, size_t root, size_t count)
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		struct neap_pair swap;

		if (child + 1 < count && compare_pairs(&pairs[child], &pairs[child + 1]) < 0)
			child++;
		if (compare_pairs(&pairs[root], &pairs[child]) >= 0)
			return;
		swap = pairs[root];
		pairs[root] = pairs[child];
		pairs[child] = swap;
	}
}

/* A heap sort: no worse on any input, no memory, no libc. */
static void sort_pairs(struct neap_pair *pairs, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(pairs, i, count);
	for (size_t end = count; end > 1; end--) {
		struct neap_pair first = pairs[0];

		pairs[0] = pairs[end - 1];
		pairs[end - 1] = first;
		sift(pairs, 0, end - 1);
	}
}

struct shape {
	size_t items, names; /* keys that are integers, strings */
	lua_Integer last;    /* the largest integer */
};

static int shape_of(struct conversion *c, int index, struct shape *ret)
{
	*ret = (struct shape){ 0 };
	lua_pushnil(c->L);
	while (lua_next(c->L, index)) {
		lua_pop(c->L, 1);
		if (lua_type(c->L, -1) == LUA_TSTRING) {
			ret->names++;
		} else if (lua_isinteger(c->L, -1) && lua_tointeger(c->L, -1) >= 1) {
			ret->items++;
			if (lua_tointeger(c->L, -1) > ret->last)
				ret->last = lua_tointeger(c->L, -1);
		} else {
			const char *what =
				neap_lua_tag(c->L, -1) == NEAP_LUA_TEXT ? "secret" : luaL_typename(c->L, -1);
			const char *text = neap_arena_printf(c->lua->scratch, "a %s cannot be a key", what);

			if (lua_type(c->L, -1) == LUA_TNUMBER)
				text = "keys are strings, or 1, 2, 3 … for a list";
			lua_pop(c->L, 1);
			return wrong(c, text);
		}
		/* Not a million twice over: a table that large is refused below. */
		if (ret->items + ret->names > NEAP_LUA_VALUE_NODES)
			break;
	}
	if (ret->items + ret->names > NEAP_LUA_VALUE_NODES)
		lua_pop(c->L, 1);
	return 0;
}

static int convert_list(struct conversion *c, int index, size_t count, struct neap_value *ret)
{
	struct neap_value *items = neap_arena_array_of(c->lua->scratch, struct neap_value, count);

	for (size_t i = 0; i < count; i++) {
		int r;

		c->path[c->depth - 1] = (struct step){ .item = (lua_Integer)i + 1 };
		lua_rawgeti(c->L, index, (lua_Integer)i + 1);
		r = convert(c, lua_gettop(c->L), &items[i]);
		lua_pop(c->L, 1);
		if (r < 0)
			return -1;
	}
	*ret = (struct neap_value){ .kind = NEAP_LIST };
	ret->list.items = items;
	ret->list.count = count;
	return 0;
}

/* The order of lua_next() is chance: keys first, sorted, so that the first error is always the same one. */
static int convert_map(struct conversion *c, int index, size_t count, struct neap_value *ret)
{
	struct neap_pair *pairs = neap_arena_array_of(c->lua->scratch, struct neap_pair, count);
	size_t n = 0;

	lua_pushnil(c->L);
	while (lua_next(c->L, index)) {
		lua_pop(c->L, 1);
		pairs[n].key.data = lua_tolstring(c->L, -1, &pairs[n].key.len);
		c->weight += pairs[n++].key.len;
	}
	sort_pairs(pairs, n);
	for (size_t i = 0; i < n; i++) {
		int r;

		c->path[c->depth - 1] = (struct step){ .name = pairs[i].key.data, .len = pairs[i].key.len };
		/* The string is in the table: pushing it again finds or copies it; raw access by the copy is
		 * the same key. */
		lua_pushlstring(c->L, pairs[i].key.data, pairs[i].key.len);
		lua_rawget(c->L, index);
		r = convert(c, lua_gettop(c->L), &pairs[i].value);
		lua_pop(c->L, 1);
		if (r < 0)
			return -1;
	}
	*ret = (struct neap_value){ .kind = NEAP_MAP };
	ret->map.pairs = pairs;
	ret->map.count = n;
	return 0;
}

static int convert_table(struct conversion *c, int index, struct neap_value *ret)
{
	const void *table = lua_topointer(c->L, index);
	bool marked = neap_lua_list_marked(c->L, index);
	struct shape shape;
	int r;

	for (unsigned i = 0; i < c->depth; i++)
		if (c->tables[i] == table)
			return wrong(c, "the table contains itself");
	if (c->depth == NEAP_LUA_VALUE_DEPTH)
		return wrong(c, "nested more than 64 deep");
	if (shape_of(c, index, &shape) < 0)
		return -1;
	if (shape.names > 0 && (shape.items > 0 || marked))
		return wrong(c,
			     marked ? "a list has items 1, 2, 3 … and no names"
				    : "a table with both names and list items is neither a map nor a list");
	c->nodes += shape.items + shape.names;
	if (c->nodes > NEAP_LUA_VALUE_NODES)
		return wrong(c, "more than 1000000 items");
	if ((size_t)shape.last != shape.items)
		return wrong(
			c, neap_arena_printf(c->lua->scratch,
					     "a list with holes: %zu items, but the last one is number %lld",
					     shape.items, (long long)shape.last));
	c->tables[c->depth++] = table;
	if (shape.items > 0 || marked)
		r = convert_list(c, index, shape.items, ret);
	else
		r = convert_map(c, index, shape.names, ret);
	c->depth--;
	return r;
}

/* ---- one value ------------------------------------------------------------------------------------------
 */

static int convert_userdata(struct conversion *c, int index, struct neap_value *ret)
{
	const struct neap_lua_text *text = lua_touserdata(c->L, index);

	switch (neap_lua_tag(c->L, index)) {
	case NEAP_LUA_TEXT:
		*ret = neap_lua_text_value(c->lua, text, c->lua->scratch, &c->weight);
		return 0;
	case NEAP_LUA_NULL:
		*ret = (struct neap_value){ .kind = NEAP_NIL };
		return 0;
	case NEAP_LUA_FACTS:
		c->weight += NEAP_FACTS_FILE_MAX / 16; /* they were counted nowhere */
		return neap_lua_facts_value(c->lua, lua_touserdata(c->L, index), ret);
	default:
		return wrong_kind(c, index);
	}
}

static int convert(struct conversion *c, int index, struct neap_value *ret)
{
	lua_State *L = c->L;
	int r = 0;

	if (!lua_checkstack(L, 4))
		return wrong(c, "the stack is full");
	*ret = (struct neap_value){ .kind = NEAP_NIL };
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		break;
	case LUA_TBOOLEAN:
		ret->kind = NEAP_BOOLEAN;
		ret->boolean = lua_toboolean(L, index);
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index)) {
			ret->kind = NEAP_INTEGER;
			ret->integer = lua_tointeger(L, index);
		} else {
			ret->kind = NEAP_FLOAT;
			ret->number = lua_tonumber(L, index);
		}
		break;
	case LUA_TSTRING:
		ret->kind = NEAP_STRING;
		ret->text.data = lua_tolstring(L, index, &ret->text.len);
		c->weight += ret->text.len;
		break;
	case LUA_TTABLE:
		r = convert_table(c, index, ret);
		break;
	case LUA_TUSERDATA:
		r = convert_userdata(c, index, ret);
		break;
	default:
		r = wrong_kind(c, index);
	}
	if (r == 0 && c->weight > NEAP_LUA_TEXT_MAX)
		return wrong(c, "more than 64 MB of text");
	return r;
}

int neap_lua_value(lua_State *L, int index, const char *name, struct neap_value *ret, size_t *weight)
{
	struct conversion c = { .L = L, .lua = neap_lua_of(L), .name = name };

	if (convert(&c, lua_absindex(L, index), ret) < 0)
		return -1;
	*weight += c.weight;
	return 0;
}

/* ---- back -----------------------------------------------------------------------------------------------
 */

/* As deep as a document may be: bounded by its reader. */
void neap_lua_value_push(lua_State *L, const struct neap_value *value)
{
	luaL_checkstack(L, 6, "a value nested too deeply");
	switch (value->kind) {
	case NEAP_NIL:
		neap_lua_null_push(L);
		break;
	case NEAP_BOOLEAN:
		lua_pushboolean(L, value->boolean);
		break;
	case NEAP_INTEGER:
		lua_pushinteger(L, value->integer);
		break;
	case NEAP_FLOAT:
		lua_pushnumber(L, value->number);
		break;
	case NEAP_STRING:
		neap_lua_text_push_known(L, value->text);
		break;
	case NEAP_EXPRESSION: /* no document holds one */
		neap_lua_text_push(L, value, 0);
		break;
	case NEAP_LIST:
		lua_createtable(L, value->list.count < INT32_MAX ? (int)value->list.count : 0, 0);
		for (size_t i = 0; i < value->list.count; i++) {
			neap_lua_value_push(L, &value->list.items[i]);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		neap_lua_list_mark(L);
		break;
	case NEAP_MAP:
		lua_createtable(L, 0, value->map.count < INT32_MAX ? (int)value->map.count : 0);
		for (size_t i = 0; i < value->map.count; i++) {
			lua_pushlstring(L, value->map.pairs[i].key.data, value->map.pairs[i].key.len);
			neap_lua_value_push(L, &value->map.pairs[i].value);
			lua_rawset(L, -3);
		}
		break;
	}
}

void neap_lua_list_mark(lua_State *L)
{
	luaL_setmetatable(L, LIST_METATABLE);
}

bool neap_lua_list_marked(lua_State *L, int index)
{
	bool marked;

	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, LIST_METATABLE);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

void neap_lua_null_push(lua_State *L)
{
	lua_getfield(L, LUA_REGISTRYINDEX, NULL_KEY);
}

static int null_tostring(lua_State *L)
{
	lua_pushliteral(L, "null");
	return 1;
}

void neap_lua_value_open(lua_State *L)
{
	luaL_newmetatable(L, LIST_METATABLE);
	lua_pop(L, 1);

	*(enum neap_lua_tag *)lua_newuserdatauv(L, sizeof(enum neap_lua_tag), 0) = NEAP_LUA_NULL;
	lua_createtable(L, 0, 3);
	lua_pushliteral(L, "null");
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, null_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_setfield(L, LUA_REGISTRYINDEX, NULL_KEY);
}
