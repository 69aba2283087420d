/* See text.h. Knows values and expressions; does not know what a parameter or a document is. */
#include "lua/text.h"

#include <lualib.h>
#include <string.h>

#define METATABLE "neap.text"
#define REFERENCE_WEIGHT 64

/* ---- joining ------------------------------------------------------------------------------------------ */

void neap_lua_join_begin(struct neap_lua *lua)
{
	struct neap_lua_join *join = &lua->join;

	neap_text_builder_done(&join->text); /* a join that was left by an error */
	join->parts.count = join->pending.count = join->weight = 0;
}

void neap_lua_join_bytes(struct neap_lua *lua, const char *data, size_t len)
{
	lua->join.weight += len;
	if (len > 0 && lua->join.weight <= NEAP_LUA_TEXT_MAX)
		neap_text_builder_add(&lua->join.text, neap_text_plain(data, len));
}

static void flush(struct neap_lua *lua)
{
	struct neap_lua_join *join = &lua->join;
	struct neap_expr *expr;

	if (join->text.bytes.len == 0)
		return;
	expr = neap_arena_new_of(lua->texts, struct neap_expr);
	expr->op = NEAP_EXPR_TEXT;
	expr->text = neap_text_builder_take(&join->text, lua->texts);
	neap_text_builder_done(&join->text);
	neap_vec_push(&join->parts, expr);
}

static void join_expr(struct neap_lua *lua, const struct neap_expr *expr)
{
	struct neap_lua_join *join = &lua->join;

	if (expr->op == NEAP_EXPR_TEXT) {
		neap_text_builder_add(&join->text, expr->text);
		return;
	}
	flush(lua);
	neap_vec_push(&join->parts, expr);
}

static void join_leaf(struct neap_lua *lua, const struct neap_lua_text *text)
{
	struct neap_lua_join *join = &lua->join;

	join->weight += text->weight;
	if (join->weight > NEAP_LUA_TEXT_MAX)
		return;
	if (text->form == NEAP_LUA_TEXT_BYTES) {
		neap_text_builder_add(&join->text, text->bytes);
		return;
	}
	/* A join in a join is one join. */
	if (text->expr->op == NEAP_EXPR_CONCAT)
		for (size_t i = 0; i < text->expr->count; i++)
			join_expr(lua, text->expr->args[i]);
	else
		join_expr(lua, text->expr);
}

void neap_lua_join_text(struct neap_lua *lua, const struct neap_lua_text *text)
{
	struct neap_lua_join *join = &lua->join;
	size_t base = join->pending.count;

	neap_vec_push(&join->pending, text);
	while (join->pending.count > base) {
		text = join->pending.items[--join->pending.count];
		while (text && text->form == NEAP_LUA_TEXT_JOINED) {
			/* Down the left side; a right side that is bytes is kept as its parent, marked below.
			 */
			neap_vec_push(&join->pending, text);
			neap_vec_push(&join->pending, NULL);
			if (!text->pieces[0].text)
				neap_lua_join_bytes(lua, text->pieces[0].data, text->pieces[0].len);
			text = text->pieces[0].text;
		}
		if (text)
			join_leaf(lua, text);
		/* Up: each parent waiting has its left side done. */
		while (join->pending.count > base && !join->pending.items[join->pending.count - 1]) {
			const struct neap_lua_text *parent = join->pending.items[join->pending.count - 2];

			join->pending.count -= 2;
			if (parent->pieces[1].text) {
				neap_vec_push(&join->pending, parent->pieces[1].text);
				break;
			}
			neap_lua_join_bytes(lua, parent->pieces[1].data, parent->pieces[1].len);
		}
	}
}

int neap_lua_join_add(lua_State *L, int index)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *data;
	size_t len;

	if (neap_lua_tag(L, index) == NEAP_LUA_TEXT) {
		neap_lua_join_text(lua, lua_touserdata(L, index));
		return 0;
	}
	if (!lua_isstring(L, index))
		return -1;
	lua_pushvalue(L, index); /* a number becomes a string on the copy */
	data = lua_tolstring(L, -1, &len);
	neap_lua_join_bytes(lua, data, len);
	lua_pop(L, 1);
	return 0;
}

int neap_lua_join_end(struct neap_lua *lua, struct neap_arena *arena, struct neap_value *ret, size_t *weight)
{
	struct neap_lua_join *join = &lua->join;
	const struct neap_expr **args;
	struct neap_expr *expr;

	if (join->weight > NEAP_LUA_TEXT_MAX)
		return neap_error_set(&lua->error, "a text of more than 64 MB");
	*weight += join->weight;
	if (join->parts.count == 0) {
		*ret = neap_value_text(neap_text_builder_take(&join->text, arena));
		neap_text_builder_done(&join->text);
		return 0;
	}
	flush(lua);
	*ret = (struct neap_value){ .kind = NEAP_EXPRESSION };
	if (join->parts.count == 1) {
		ret->expr = join->parts.items[0];
		return 0;
	}
	args = neap_arena_array_of(lua->texts, const struct neap_expr *, join->parts.count);
	memcpy(args, join->parts.items, sizeof(*args) * join->parts.count);
	expr = neap_arena_new_of(lua->texts, struct neap_expr);
	expr->op = NEAP_EXPR_CONCAT;
	expr->args = args;
	expr->count = join->parts.count;
	ret->expr = expr;
	return 0;
}

void neap_lua_join_push(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_value value = { .kind = NEAP_NIL };
	size_t weight = 0;

	if (neap_lua_join_end(lua, lua->scratch, &value, &weight) < 0)
		neap_lua_raise(L);
	neap_lua_text_push(L, &value, weight);
}

void neap_lua_join_list(lua_State *L, int index)
{
	struct neap_lua *lua = neap_lua_of(L);
	lua_Integer count = (lua_Integer)lua_rawlen(L, index);

	neap_lua_scratch(lua);
	neap_lua_join_begin(lua);
	for (lua_Integer i = 1; i <= count && lua->join.weight <= NEAP_LUA_TEXT_MAX; i++) {
		lua_rawgeti(L, index, i);
		neap_lua_join_add(L, -1);
		lua_pop(L, 1);
	}
	neap_lua_join_push(L);
}

/* ---- in and out ---------------------------------------------------------------------------------------- */

static struct neap_lua_text *text_new(lua_State *L, int user_values)
{
	struct neap_lua_text *text = lua_newuserdatauv(L, sizeof(*text), user_values);

	memset(text, 0, sizeof(*text));
	text->tag = NEAP_LUA_TEXT;
	luaL_setmetatable(L, METATABLE);
	return text;
}

void neap_lua_text_push(lua_State *L, const struct neap_value *value, size_t weight)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_text *text;

	if (value->kind == NEAP_STRING && value->text.span_count == 0) {
		lua_pushlstring(L, value->text.data ? value->text.data : "", value->text.len);
		return;
	}
	neap_lua_check_memory(L, lua);
	text = text_new(L, 0);
	if (value->kind == NEAP_STRING) {
		neap_lua_wipe(lua);
		text->form = NEAP_LUA_TEXT_BYTES;
		text->bytes = neap_text_copy(lua->texts, value->text);
		text->weight = value->text.len + 1;
	} else {
		text->form = NEAP_LUA_TEXT_REFERENCE;
		text->expr = value->expr;
		text->weight = weight > REFERENCE_WEIGHT ? weight : REFERENCE_WEIGHT;
	}
}

void neap_lua_text_push_known(lua_State *L, struct neap_text text)
{
	struct neap_value value = neap_value_text(text);

	neap_lua_text_push(L, &value, 0);
}

void neap_lua_text_push_output(lua_State *L, uint32_t resource, const struct neap_output *output)
{
	struct neap_expr *expr = neap_arena_new_of(neap_lua_of(L)->texts, struct neap_expr);
	struct neap_value value = { .kind = NEAP_EXPRESSION, .expr = expr };

	expr->op = NEAP_EXPR_OUTPUT;
	expr->resource = resource;
	expr->output = output->name;
	expr->secret = output->secret;
	neap_lua_text_push(L, &value, 0);
}

struct neap_value neap_lua_text_value(struct neap_lua *lua, const struct neap_lua_text *text,
				      struct neap_arena *arena, size_t *weight)
{
	struct neap_value value;

	if (text->form == NEAP_LUA_TEXT_JOINED) {
		neap_lua_join_begin(lua);
		neap_lua_join_text(lua, text);
		/* It cannot be too large: concat() has refused. */
		if (neap_lua_join_end(lua, arena, &value, weight) < 0)
			value = neap_value_string("");
		return value;
	}
	*weight += text->weight;
	if (text->form == NEAP_LUA_TEXT_BYTES)
		return neap_value_text(text->bytes);
	return (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = text->expr };
}

const char *neap_lua_text_name(const struct neap_lua_text *text)
{
	return text->form == NEAP_LUA_TEXT_REFERENCE ? "a value that is known when applied" : "a secret";
}

static void mask_output(void *ctx, const struct neap_expr *output)
{
	struct neap_lua *lua = ctx;
	const char *address = lua->graph->resources.items[output->resource].address;

	neap_text_builder_add(&lua->join.text,
			      neap_text(neap_arena_printf(lua->texts, "(known when applied: %s.%s)", address,
							  output->output)));
}

static void mask_part(struct neap_lua *lua, const struct neap_expr *part, struct neap_arena *arena)
{
	struct neap_str masked;

	if (part->op != NEAP_EXPR_TEXT) {
		neap_expr_walk(part, mask_output, lua); /* inside an encoder only the outputs are shown */
		return;
	}
	masked = neap_text_masked(arena, part->text);
	neap_text_builder_add(&lua->join.text, neap_text_plain(masked.data, masked.len));
}

struct neap_str neap_lua_text_masked(struct neap_lua *lua, const struct neap_lua_text *text,
				     struct neap_arena *arena)
{
	size_t weight = 0;
	struct neap_value value = neap_lua_text_value(lua, text, arena, &weight);
	struct neap_text masked;

	if (value.kind == NEAP_STRING)
		return neap_text_masked(arena, value.text);
	neap_lua_join_begin(lua);
	if (value.expr->op == NEAP_EXPR_CONCAT)
		for (size_t i = 0; i < value.expr->count; i++)
			mask_part(lua, value.expr->args[i], arena);
	else
		mask_part(lua, value.expr, arena);
	masked = neap_text_builder_take(&lua->join.text, arena);
	return (struct neap_str){ masked.data, masked.len };
}

/* ---- metatable ---------------------------------------------------------------------------------------- */

static bool piece_set(lua_State *L, int index, struct neap_lua_piece *piece, size_t *weight)
{
	switch (neap_lua_tag(L, index)) {
	case NEAP_LUA_TEXT:
		piece->text = lua_touserdata(L, index);
		*weight += piece->text->weight;
		return true;
	case NEAP_LUA_OTHER:
		if (!lua_isstring(L, index))
			return false;
		piece->data =
			lua_tolstring(L, index, &piece->len); /* a number becomes a string in its place */
		*weight += piece->len;
		return true;
	default:
		return false;
	}
}

/* text .. text */
static int concat(lua_State *L)
{
	struct neap_lua_piece pieces[2] = { 0 };
	struct neap_lua_text *text;
	size_t weight = 1;

	for (int i = 0; i < 2; i++)
		if (!piece_set(L, i + 1, &pieces[i], &weight))
			neap_lua_fail(
				L, "a secret or a value that is known when applied cannot be joined with %s",
				luaL_typename(L, i + 1));
	if (weight > NEAP_LUA_TEXT_MAX)
		neap_lua_fail(L, "a text of more than 64 MB");
	text = text_new(L, 2);
	text->form = NEAP_LUA_TEXT_JOINED;
	text->weight = weight;
	text->pieces[0] = pieces[0];
	text->pieces[1] = pieces[1];
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 2);
	return 1;
}

/* Every other use as a string. */
static int no_string(lua_State *L)
{
	const struct neap_lua_text *text = NULL;

	for (int i = 1; i <= 2 && !text; i++)
		if (neap_lua_tag(L, i) == NEAP_LUA_TEXT)
			text = lua_touserdata(L, i);
	neap_lua_fail(L,
		      "%s cannot be used as a plain string; use .. or neap.format or give it to a parameter",
		      text ? neap_lua_text_name(text) : "a secret");
}

/* tonumber and math.tointeger answer nil to what is none: here that would pass for an answer. In the frame of
 * Lua's own, which is upvalue 1. */
static int to_number(lua_State *L)
{
	if (neap_lua_tag(L, 1) == NEAP_LUA_TEXT)
		return no_string(L);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void wrap_number(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, to_number, 1);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void neap_lua_text_open(lua_State *L)
{
	static const char *const refused[] = { "__len",     "__lt",   "__le",   "__add",   "__sub",
					       "__mul",     "__div",  "__mod",  "__pow",   "__unm",
					       "__idiv",    "__band", "__bor",  "__bxor",  "__shl",
					       "__shr",     "__bnot", "__call", "__index", "__newindex",
					       "__tostring" };

	luaL_newmetatable(L, METATABLE);
	lua_pushliteral(L, "secret or reference");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushcfunction(L, concat);
	lua_setfield(L, -2, "__concat");
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		lua_pushcfunction(L, no_string);
		lua_setfield(L, -2, refused[i]);
	}
	lua_pop(L, 1);
	lua_pushglobaltable(L);
	wrap_number(L, "tonumber");
	lua_getglobal(L, LUA_MATHLIBNAME);
	wrap_number(L, "tointeger");
}
