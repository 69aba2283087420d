/*
 * Expressions: evaluate, walk, compare, copy. An expression may be 100,000 concatenations deep, so every
 * walk keeps its own stack.
 */
#include "base/expr.h"

#include "base/error.h"
#include "base/vec.h"

#define RESULT_LIMIT ((size_t)64 << 20)
#define STEP_LIMIT 20000000 /* shared parts count each time: `s = s .. s` sixty times must end */

/* The key of a node in a map: the bytes of a pointer to it, wherever that pointer is kept. */
static struct neap_str key_of(const struct neap_expr *const *place)
{
	return (struct neap_str){ (const char *)place, sizeof(*place) };
}

static size_t arg_count(const struct neap_expr *expr)
{
	switch (expr->op) {
	case NEAP_EXPR_CONCAT:
		return expr->count;
	case NEAP_EXPR_ESCAPE:
	case NEAP_EXPR_BASE64:
		return 1;
	default:
		return 0;
	}
}

struct step {
	const struct neap_expr *expr;
	size_t next; /* argument */
};

struct eval {
	NEAP_VEC(struct step) steps;
	NEAP_VEC(struct neap_text_builder) results; /* one for the whole, one for each open encoder */
	neap_expr_output_fn *output;
	void *ctx;
};

static int append(struct eval *eval, struct neap_text text, struct neap_error **err)
{
	struct neap_text_builder *top = &eval->results.items[eval->results.count - 1];

	if (text.len > RESULT_LIMIT - top->bytes.len)
		return neap_error_set(err, "the value of an expression is over %zu MB", RESULT_LIMIT >> 20);
	neap_text_builder_add(top, text);
	return 0;
}

static int append_output(struct eval *eval, const struct neap_expr *expr, struct neap_arena *scratch,
			 struct neap_error **err)
{
	struct neap_text text = { 0 };
	int r = eval->output(eval->ctx, expr->resource, expr->output, scratch, &text, err);

	if (r)
		return r;
	if (expr->secret)
		text = neap_text_secret(scratch, text.data, text.len);
	return append(eval, text, err);
}

/* Closes the top result: what the encoder `op` makes of it goes to the one below. */
static int append_encoded(struct eval *eval, enum neap_expr_op op, struct neap_arena *scratch,
			  struct neap_error **err)
{
	struct neap_text_builder top NEAP_AUTO_TEXT_BUILDER = eval->results.items[--eval->results.count];
	struct neap_text text = { top.bytes.data ? top.bytes.data : "", top.bytes.len, top.spans,
				  top.span_count };

	if (op == NEAP_EXPR_BASE64)
		return append(eval, neap_text_base64(scratch, text), err);
	if (!neap_str_is_utf8((struct neap_str){ text.data, text.len }))
		return neap_error_set(err, "an output that goes into JSON or YAML is not valid UTF-8");
	return append(eval, neap_text_json_escape(scratch, text), err);
}

static int eval_steps(struct eval *eval, struct neap_arena *scratch, struct neap_error **err)
{
	int r = 0;

	for (size_t steps = 0; r == 0 && eval->steps.count; steps++) {
		struct step *step = &eval->steps.items[eval->steps.count - 1];
		const struct neap_expr *expr = step->expr;

		if (steps == STEP_LIMIT)
			return neap_error_set(err, "an expression takes over %d steps", STEP_LIMIT);
		switch (expr->op) {
		case NEAP_EXPR_TEXT:
			eval->steps.count--;
			r = append(eval, expr->text, err);
			break;
		case NEAP_EXPR_OUTPUT:
			eval->steps.count--;
			r = append_output(eval, expr, scratch, err);
			break;
		case NEAP_EXPR_CONCAT:
			if (step->next == expr->count) {
				eval->steps.count--;
				break;
			}
			expr = expr->args[step->next++]; /* the push may move `step` */
			neap_vec_push(&eval->steps, (struct step){ expr, 0 });
			break;
		case NEAP_EXPR_ESCAPE:
		case NEAP_EXPR_BASE64:
			if (step->next) {
				eval->steps.count--;
				r = append_encoded(eval, expr->op, scratch, err);
				break;
			}
			step->next = 1;
			neap_vec_push(&eval->results, (struct neap_text_builder){ 0 });
			neap_vec_push(&eval->steps, (struct step){ expr->args[0], 0 });
			break;
		}
	}
	return r;
}

int neap_expr_eval(const struct neap_expr *expr, neap_expr_output_fn *output, void *ctx,
		   struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	struct eval eval = { .output = output, .ctx = ctx };
	NEAP_AUTO_ARENA struct neap_arena *scratch = neap_arena_new();
	int r;

	neap_arena_wipe(scratch);
	neap_vec_push(&eval.steps, (struct step){ expr, 0 });
	neap_vec_push(&eval.results, (struct neap_text_builder){ 0 });
	r = eval_steps(&eval, scratch, err);
	if (r == 0)
		*ret = neap_text_builder_take(&eval.results.items[0], arena);
	while (eval.results.count)
		neap_text_builder_done(&eval.results.items[--eval.results.count]);
	neap_vec_done(&eval.results);
	neap_vec_done(&eval.steps);
	return r;
}

/* Calls `each` for the leaves, left to right, until it returns true. */
static bool walk(const struct neap_expr *expr, bool (*each)(void *ctx, const struct neap_expr *leaf),
		 void *ctx)
{
	NEAP_VEC(struct step) steps = { 0 };
	struct neap_map seen = { 0 };
	bool stop = false;

	neap_vec_push(&steps, (struct step){ expr, 0 });
	while (steps.count && !stop) {
		struct step *step = &steps.items[steps.count - 1];
		const struct neap_expr *const *arg;

		if (!arg_count(step->expr)) {
			stop = step->expr->op != NEAP_EXPR_CONCAT && each(ctx, step->expr);
			steps.count--;
			continue;
		}
		if (step->next == arg_count(step->expr)) {
			steps.count--;
			continue;
		}
		arg = &step->expr->args[step->next++];
		if (arg_count(*arg) && neap_map_put(&seen, key_of(arg), (void *)*arg))
			continue;
		neap_vec_push(&steps, (struct step){ *arg, 0 });
	}
	neap_vec_done(&steps);
	neap_map_done(&seen);
	return stop;
}

struct outputs {
	void (*each)(void *ctx, const struct neap_expr *output);
	void *ctx;
};

static bool each_output(void *ctx, const struct neap_expr *leaf)
{
	const struct outputs *outputs = ctx;

	if (leaf->op == NEAP_EXPR_OUTPUT)
		outputs->each(outputs->ctx, leaf);
	return false;
}

void neap_expr_walk(const struct neap_expr *expr, void (*each)(void *ctx, const struct neap_expr *output),
		    void *ctx)
{
	struct outputs outputs = { each, ctx };

	walk(expr, each_output, &outputs);
}

static bool is_secret(void *ctx, const struct neap_expr *leaf)
{
	(void)ctx;
	return leaf->op == NEAP_EXPR_OUTPUT ? leaf->secret : leaf->text.span_count > 0;
}

bool neap_expr_has_secret(const struct neap_expr *expr)
{
	return walk(expr, is_secret, NULL);
}

bool neap_expr_equal(const struct neap_expr *left, const struct neap_expr *right)
{
	struct two {
		const struct neap_expr *a, *b;
	} pair = { left, right };
	NEAP_VEC(struct two) todo = { 0 };
	NEAP_AUTO_ARENA struct neap_arena *scratch = neap_arena_new();
	struct neap_map seen = { 0 };
	bool equal = true;

	for (;;) {
		const struct neap_expr *a = pair.a, *b = pair.b;

		if (a != b) {
			equal = a->op == b->op && arg_count(a) == arg_count(b) &&
				(a->op != NEAP_EXPR_TEXT || neap_text_equal(a->text, b->text)) &&
				(a->op != NEAP_EXPR_OUTPUT ||
				 (a->resource == b->resource && strcmp(a->output, b->output) == 0));
			for (size_t i = 0; equal && i < arg_count(a); i++) {
				struct two both = { a->args[i], b->args[i] };
				void **slot;

				if (arg_count(both.a) && both.a != both.b) { /* shared parts: compare once */
					const char *key = neap_arena_copy(scratch, &both, sizeof(both));

					slot = neap_map_slot(&seen, (struct neap_str){ key, sizeof(both) });
					if (*slot)
						continue;
					*slot = (void *)both.a;
				}
				neap_vec_push(&todo, both);
			}
		}
		if (!equal || !todo.count)
			break;
		pair = todo.items[--todo.count];
	}
	neap_vec_done(&todo);
	neap_map_done(&seen);
	return equal;
}

const struct neap_expr *neap_expr_copy(struct neap_arena *arena, const struct neap_expr *expr,
				       struct neap_map *done)
{
	struct todo {
		const struct neap_expr *from;
		struct neap_expr *to;
	};
	NEAP_VEC(struct todo) todo = { 0 };
	struct neap_expr *copy = neap_arena_new_of(arena, struct neap_expr);

	neap_vec_push(&todo, (struct todo){ expr, copy });
	while (todo.count) {
		struct todo now = todo.items[--todo.count];
		const struct neap_expr **args = NULL;
		size_t count = arg_count(now.from);

		*now.to = *now.from;
		now.to->text = neap_text_copy(arena, now.from->text);
		if (now.from->output)
			now.to->output = neap_arena_strdup(arena, now.from->output);
		if (count)
			args = neap_arena_array_of(arena, const struct neap_expr *, count);
		for (size_t i = 0; i < count; i++) {
			void **slot = neap_map_slot(done, key_of(&now.from->args[i]));

			if (!*slot) {
				struct neap_expr *made = neap_arena_new_of(arena, struct neap_expr);

				*slot = made;
				neap_vec_push(&todo, (struct todo){ now.from->args[i], made });
			}
			args[i] = *slot;
		}
		now.to->args = args;
	}
	neap_vec_done(&todo);
	return copy;
}
