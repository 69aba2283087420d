/*
 * Values: what recipes, plans and documents are made of. Pure data in an arena.
 *
 * A string may hold secret bytes (neap_text). A value may be an expression that is only known while the
 * graph runs: it names outputs of other resources.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum neap_value_kind {
	NEAP_NIL,
	NEAP_BOOLEAN,
	NEAP_INTEGER,
	NEAP_FLOAT,
	NEAP_STRING,
	NEAP_LIST,
	NEAP_MAP,
	NEAP_EXPRESSION, /* a string not known yet */
};

struct neap_value {
	enum neap_value_kind kind;
	union {
		bool boolean;
		int64_t integer;
		double number;
		struct neap_text text;
		struct {
			struct neap_value *items;
			size_t count;
		} list;
		struct {
			struct neap_pair *pairs; /* sorted by key */
			size_t count;
		} map;
		const struct neap_expr *expr;
	};
};

struct neap_pair {
	struct neap_str key;
	struct neap_value value;
};

static inline struct neap_value neap_value_text(struct neap_text text)
{
	return (struct neap_value){ .kind = NEAP_STRING, .text = text };
}
static inline struct neap_value neap_value_string(const char *text)
{
	return neap_value_text(neap_text(text));
}
/* "nil", "a boolean", "a string", "a list" …: for errors. */
const char *neap_value_kind_name(enum neap_value_kind kind);
bool neap_value_equal(const struct neap_value *a, const struct neap_value *b);
struct neap_value neap_value_copy(struct neap_arena *arena, const struct neap_value *value);
bool neap_value_has_secret(const struct neap_value *value);

enum neap_expr_op {
	NEAP_EXPR_TEXT,   /* text */
	NEAP_EXPR_OUTPUT, /* output `output` of resource number `resource`; all of it secret when `secret` */
	NEAP_EXPR_CONCAT, /* args one after the other */
	NEAP_EXPR_ESCAPE, /* args[0] as the inside of a JSON string (also a YAML double-quoted one) */
	NEAP_EXPR_BASE64, /* args[0] */
};

struct neap_expr {
	enum neap_expr_op op;
	struct neap_text text;
	uint32_t resource;
	const char *output;
	bool secret;
	const struct neap_expr *const *args;
	size_t count;
};

/* 0 and *ret; NEAP_UNKNOWN when an output is not known (the callback tells its caller which); negative on
 * error. */
typedef int neap_expr_output_fn(void *ctx, uint32_t resource, const char *output, struct neap_arena *arena,
				struct neap_text *ret, struct neap_error **err);
int neap_expr_eval(const struct neap_expr *expr, neap_expr_output_fn *output, void *ctx,
		   struct neap_arena *arena, struct neap_text *ret, struct neap_error **err);
/* Calls `each` for every NEAP_EXPR_OUTPUT in the tree. */
void neap_expr_walk(const struct neap_expr *expr, void (*each)(void *ctx, const struct neap_expr *output),
		    void *ctx);

/* Marks travel: secret bytes stay secret in the result. */
struct neap_text neap_text_base64(struct neap_arena *arena, struct neap_text text);
/* The other way, into `out` of len / 4 * 3 + 3 bytes. Whitespace is skipped, padding must be right, left-over
 * bits must be zero. The length, or -1. */
ptrdiff_t neap_base64_read(const char *data, size_t len, char *out);
struct neap_text neap_text_json_escape(struct neap_arena *arena, struct neap_text text);
