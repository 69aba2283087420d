/* Tokens for secrets and expressions, and their exchange once the document is written. */
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/tree.h"

struct survey {
	const struct neap_marks *marks;
	size_t needed;
	struct neap_str avoid;
	bool clash;
};

static bool holds(struct neap_str text, struct neap_str part)
{
	return part.len && text.len >= part.len && memmem(text.data, text.len, part.data, part.len);
}

static int survey_scalar(void *ctx, const struct neap_str *key, const struct neap_value *value,
			 struct neap_error **err)
{
	struct survey *survey = ctx;

	(void)err;
	if (key && holds(*key, survey->avoid))
		survey->clash = true;
	if (neap_marks_needs(survey->marks, value))
		survey->needed++;
	else if (value->kind == NEAP_STRING &&
		 holds((struct neap_str){ value->text.data, value->text.len }, survey->avoid))
		survey->clash = true;
	return 0;
}

static int survey_open(void *ctx, const struct neap_str *key, const struct neap_value *value,
		       struct neap_error **err)
{
	struct survey *survey = ctx;

	(void)value, (void)err;
	if (key && holds(*key, survey->avoid))
		survey->clash = true;
	return 0;
}

static int survey_close(void *ctx, const struct neap_value *value, struct neap_error **err)
{
	(void)ctx, (void)value, (void)err;
	return 0;
}

int neap_marks_begin(struct neap_marks *marks, const struct neap_value *tree, bool floats,
		     struct neap_error **err)
{
	static const struct neap_tree_visitor visitor = { survey_scalar, survey_open, survey_close };
	struct survey survey = { .marks = marks };

	*marks = (struct neap_marks){ .floats = floats };
	if (neap_tree_walk(tree, &visitor, &survey, err) < 0)
		return -1;
	if (!survey.needed)
		return 0;
	/* The hash is seeded: nobody can write a document that clashes twice. */
	for (uint64_t attempt = 0;; attempt++) {
		snprintf(marks->prefix, sizeof(marks->prefix), "neap-%016llx-",
			 (unsigned long long)neap_hash(&attempt, sizeof(attempt)));
		survey = (struct survey){ .marks = marks, .avoid = neap_str(marks->prefix) };
		if (neap_tree_walk(tree, &visitor, &survey, err) < 0)
			return -1;
		if (!survey.clash)
			return 0;
	}
}

bool neap_marks_needs(const struct neap_marks *marks, const struct neap_value *value)
{
	return value->kind == NEAP_EXPRESSION || (value->kind == NEAP_STRING && value->text.span_count) ||
	       (value->kind == NEAP_FLOAT && marks->floats);
}

void neap_marks_token(struct neap_marks *marks, const struct neap_value *value, char out[NEAP_TOKEN_SIZE])
{
	snprintf(out, NEAP_TOKEN_SIZE, "%.*s%08zx", NEAP_TOKEN_SIZE - 17, marks->prefix, marks->values.count);
	if (value->kind == NEAP_EXPRESSION)
		marks->exprs = true;
	neap_vec_push(&marks->values, value);
}

struct pieces {
	struct neap_text_builder text;
	NEAP_VEC(const struct neap_expr *) exprs;
};

static void flush(struct pieces *pieces, struct neap_arena *arena)
{
	struct neap_expr *expr;

	if (!pieces->text.bytes.len)
		return;
	expr = neap_arena_new_of(arena, struct neap_expr);
	*expr = (struct neap_expr){ .op = NEAP_EXPR_TEXT };
	expr->text = neap_text_builder_take(&pieces->text, arena);
	neap_vec_push(&pieces->exprs, expr);
}

static void put(struct pieces *pieces, struct neap_arena *arena, struct neap_arena *scratch,
		const struct neap_value *value)
{
	char number[NEAP_FLOAT_SIZE];

	if (value->kind == NEAP_FLOAT) {
		neap_float_print(value->number, number);
		neap_text_builder_add(&pieces->text, neap_text(number));
		return;
	}
	neap_text_builder_add(&pieces->text, neap_text("\""));
	if (value->kind == NEAP_STRING) {
		neap_text_builder_add(&pieces->text, neap_text_json_escape(scratch, value->text));
	} else {
		const struct neap_expr **args = neap_arena_array_of(arena, const struct neap_expr *, 1);
		struct neap_expr *expr = neap_arena_new_of(arena, struct neap_expr);

		args[0] = value->expr;
		*expr = (struct neap_expr){ .op = NEAP_EXPR_ESCAPE, .args = args, .count = 1 };
		flush(pieces, arena);
		neap_vec_push(&pieces->exprs, expr);
	}
	neap_text_builder_add(&pieces->text, neap_text("\""));
}

/* Whether a whole token, quoted, begins at `at`; its number. */
static bool token_at(const struct neap_marks *marks, struct neap_str prefix, const char *at, const char *end,
		     size_t *ret)
{
	char digits[9], *rest;

	if ((size_t)(end - at) < prefix.len + 9 || at[prefix.len + 8] != '"')
		return false;
	memcpy(digits, at + prefix.len, 8);
	digits[8] = '\0';
	*ret = strtoul(digits, &rest, 16);
	return rest == digits + 8 && *ret < marks->values.count;
}

int neap_marks_finish(struct neap_marks *marks, struct neap_arena *arena, struct neap_str written,
		      struct neap_value *ret, struct neap_error **err)
{
	NEAP_AUTO_ARENA struct neap_arena *scratch = neap_arena_new();
	char quoted[NEAP_TOKEN_SIZE + 1];
	const char *at = written.data, *end = written.data + written.len, *token;
	struct pieces pieces = { 0 };
	size_t exchanged = 0, number;
	struct neap_str prefix;

	if (!marks->values.count) {
		*ret = neap_value_text(neap_text_plain(neap_arena_copy(arena, at, written.len), written.len));
		return 0;
	}
	neap_arena_wipe(scratch);
	snprintf(quoted, sizeof(quoted), "\"%s", marks->prefix);
	prefix = neap_str(quoted);
	while ((token = memmem(at, (size_t)(end - at), prefix.data, prefix.len))) {
		neap_text_builder_add(&pieces.text, neap_text_plain(at, (size_t)(token - at)));
		if (!token_at(marks, prefix, token, end, &number) || number != exchanged)
			break;
		put(&pieces, arena, scratch, marks->values.items[number]);
		exchanged++;
		at = token + prefix.len + 9;
	}
	neap_text_builder_add(&pieces.text, neap_text_plain(at, (size_t)(end - at)));

	if (exchanged != marks->values.count) { /* never; but then nothing must get out */
		neap_text_builder_done(&pieces.text);
		neap_vec_done(&pieces.exprs);
		return neap_error_set(err, "secrets were lost while the document was written: a bug in neap");
	}
	if (marks->exprs) {
		struct neap_expr *expr = neap_arena_new_of(arena, struct neap_expr);
		const struct neap_expr **args;

		flush(&pieces, arena);
		args = neap_arena_array_of(arena, const struct neap_expr *, pieces.exprs.count);
		memcpy(args, pieces.exprs.items, pieces.exprs.count * sizeof(*args));
		*expr = (struct neap_expr){ .op = NEAP_EXPR_CONCAT,
					    .args = args,
					    .count = pieces.exprs.count };
		*ret = (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr };
	} else {
		*ret = neap_value_text(neap_text_builder_take(&pieces.text, arena));
	}
	neap_text_builder_done(&pieces.text);
	neap_vec_done(&pieces.exprs);
	return 0;
}

void neap_marks_done(struct neap_marks *marks)
{
	neap_vec_done(&marks->values);
}
