/*
 * Texts in Lua that are no Lua strings: they hold secret bytes, or outputs of resources that are known only
 * while the graph runs ("references"). A userdata, so that nothing takes them for a string by mistake: `..`
 * joins them, parameters and neap's own functions take them, all else is an error that says so.
 *
 * `a .. b` only notes its two sides; the bytes are joined where the text is used, without recursion.
 */
#pragma once

#include "lua/state.h"

#define NEAP_LUA_TEXT_MAX ((size_t)64 << 20) /* bytes in one text */

struct neap_lua_piece {                   /* kept alive by a user value */
	const struct neap_lua_text *text; /* or NULL: */
	const char *data;
	size_t len;
};

struct neap_lua_text {
	enum neap_lua_tag tag;
	enum { NEAP_LUA_TEXT_BYTES, NEAP_LUA_TEXT_REFERENCE, NEAP_LUA_TEXT_JOINED } form;
	size_t weight; /* against NEAP_LUA_TEXT_MAX: bytes, and a little for each reference */
	union {
		struct neap_text bytes;
		const struct neap_expr *expr;
		struct neap_lua_piece pieces[2];
	};
};

/* Pushes a string, a text or a reference: a Lua string when nothing is secret. Bytes and spans are copied,
 * expressions must be in lua->texts or the graph. `weight` of an expression. */
void neap_lua_text_push(lua_State *L, const struct neap_value *value, size_t weight);
/* The same, of a value without references. */
void neap_lua_text_push_known(lua_State *L, struct neap_text text);
/* Pushes output `output` of a resource. */
void neap_lua_text_push_output(lua_State *L, uint32_t resource, const struct neap_output *output);
/* The value of a text: NEAP_STRING with its bytes in `arena` or lua->texts, or NEAP_EXPRESSION in lua->texts.
 * *weight grows. */
struct neap_value neap_lua_text_value(struct neap_lua *lua, const struct neap_lua_text *text,
				      struct neap_arena *arena, size_t *weight);
/* For print: secrets as "(secret)", references as "(known when applied: …)". In `arena`. */
struct neap_str neap_lua_text_masked(struct neap_lua *lua, const struct neap_lua_text *text,
				     struct neap_arena *arena);
/* "a secret" or "a reference to …". */
const char *neap_lua_text_name(const struct neap_lua_text *text);

/* Joining pieces, in order: begin, add, end. Nothing of it may run Lua code in between. */
void neap_lua_join_begin(struct neap_lua *lua);
void neap_lua_join_bytes(struct neap_lua *lua, const char *data, size_t len);
void neap_lua_join_text(struct neap_lua *lua, const struct neap_lua_text *text);
/* A string, a number or a text on the stack; -1 when it is none. */
int neap_lua_join_add(lua_State *L, int index);
/* 0, or -1 with lua->error: too large. The value as of neap_lua_text_value(). */
int neap_lua_join_end(struct neap_lua *lua, struct neap_arena *arena, struct neap_value *ret, size_t *weight);
/* Joins all items of the list at `index` and pushes the result. The items are strings, numbers or texts. */
void neap_lua_join_list(lua_State *L, int index);
/* Ends and pushes. */
void neap_lua_join_push(lua_State *L);
