/* Values: compare, copy, look for secrets. No recursion: a value may be nested as deep as memory goes. */
#include "base/value.h"

#include <math.h>

#include "base/expr.h"
#include "base/vec.h"

const char *neap_value_kind_name(enum neap_value_kind kind)
{
	static const char *const names[] = {
		[NEAP_NIL] = "nil",       [NEAP_BOOLEAN] = "a boolean",        [NEAP_INTEGER] = "an integer",
		[NEAP_FLOAT] = "a float", [NEAP_STRING] = "a string",          [NEAP_LIST] = "a list",
		[NEAP_MAP] = "a map",     [NEAP_EXPRESSION] = "an expression",
	};

	return names[kind];
}

bool neap_value_equal(const struct neap_value *left, const struct neap_value *right)
{
	struct two {
		const struct neap_value *a, *b;
	} pair = { left, right };
	NEAP_VEC(struct two) todo = { 0 };
	bool equal = true;

	for (;;) {
		const struct neap_value *a = pair.a, *b = pair.b;

		equal = a->kind == b->kind;
		if (equal) {
			switch (a->kind) {
			case NEAP_NIL:
				break;
			case NEAP_BOOLEAN:
				equal = a->boolean == b->boolean;
				break;
			case NEAP_INTEGER:
				equal = a->integer == b->integer;
				break;
			case NEAP_FLOAT:
				equal = a->number == b->number || (isnan(a->number) && isnan(b->number));
				break;
			case NEAP_STRING:
				equal = neap_text_equal(a->text, b->text);
				break;
			case NEAP_LIST:
				equal = a->list.count == b->list.count;
				for (size_t i = 0; equal && i < a->list.count; i++)
					neap_vec_push(&todo,
						      (struct two){ &a->list.items[i], &b->list.items[i] });
				break;
			case NEAP_MAP:
				equal = a->map.count == b->map.count;
				for (size_t i = 0; equal && i < a->map.count; i++) {
					equal = neap_str_equal(a->map.pairs[i].key, b->map.pairs[i].key);
					neap_vec_push(&todo, (struct two){ &a->map.pairs[i].value,
									   &b->map.pairs[i].value });
				}
				break;
			case NEAP_EXPRESSION:
				equal = neap_expr_equal(a->expr, b->expr);
				break;
			}
		}
		if (!equal || !todo.count)
			break;
		pair = todo.items[--todo.count];
	}
	neap_vec_done(&todo);
	return equal;
}

struct neap_value neap_value_copy(struct neap_arena *arena, const struct neap_value *value)
{
	NEAP_VEC(struct neap_value *) todo = { 0 };
	struct neap_map exprs = { 0 };
	struct neap_value copy = *value, *at = &copy;

	for (;;) {
		/* *at is a shallow copy: make it deep by one level. */
		switch (at->kind) {
		case NEAP_STRING:
			at->text = neap_text_copy(arena, at->text);
			break;
		case NEAP_LIST: {
			struct neap_value *items =
				neap_arena_array_of(arena, struct neap_value, at->list.count);

			for (size_t i = 0; i < at->list.count; i++) {
				items[i] = at->list.items[i];
				if (items[i].kind >= NEAP_STRING)
					neap_vec_push(&todo, &items[i]);
			}
			at->list.items = items;
			break;
		}
		case NEAP_MAP: {
			struct neap_pair *pairs = neap_arena_array_of(arena, struct neap_pair, at->map.count);

			for (size_t i = 0; i < at->map.count; i++) {
				struct neap_str key = at->map.pairs[i].key;

				pairs[i].key.data = neap_arena_copy(arena, key.data, key.len);
				pairs[i].key.len = key.len;
				pairs[i].value = at->map.pairs[i].value;
				if (pairs[i].value.kind >= NEAP_STRING)
					neap_vec_push(&todo, &pairs[i].value);
			}
			at->map.pairs = pairs;
			break;
		}
		case NEAP_EXPRESSION:
			at->expr = neap_expr_copy(arena, at->expr, &exprs);
			break;
		default:
			break;
		}
		if (!todo.count)
			break;
		at = todo.items[--todo.count];
	}
	neap_vec_done(&todo);
	neap_map_done(&exprs);
	return copy;
}

bool neap_value_has_secret(const struct neap_value *value)
{
	NEAP_VEC(const struct neap_value *) todo = { 0 };
	bool found = false;

	for (;;) {
		switch (value->kind) {
		case NEAP_STRING:
			found = value->text.span_count > 0;
			break;
		case NEAP_LIST:
			for (size_t i = 0; i < value->list.count; i++)
				if (value->list.items[i].kind >= NEAP_STRING)
					neap_vec_push(&todo, &value->list.items[i]);
			break;
		case NEAP_MAP:
			for (size_t i = 0; i < value->map.count; i++)
				if (value->map.pairs[i].value.kind >= NEAP_STRING)
					neap_vec_push(&todo, &value->map.pairs[i].value);
			break;
		case NEAP_EXPRESSION:
			found = neap_expr_has_secret(value->expr);
			break;
		default:
			break;
		}
		if (found || !todo.count)
			break;
		value = todo.items[--todo.count];
	}
	neap_vec_done(&todo);
	return found;
}
