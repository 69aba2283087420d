/*
 * What the JSON and the YAML room share: limits, places in a text, a bounded walk over a value to be
 * written, and the marks that carry secrets and expressions through a foreign writer.
 */
#pragma once

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"

#define NEAP_DOCUMENT_SIZE ((size_t)16 << 20)
#define NEAP_DOCUMENT_DEPTH 64
#define NEAP_DOCUMENT_NODES 1000000

/* Size and UTF-8 of a text that is to be parsed. */
int neap_document_check(struct neap_str text, struct neap_error **err);
/* "line 3 column 7: …", both from 1, of the byte at `offset`. Returns -1. */
int neap_document_error(struct neap_str text, size_t offset, const char *what, struct neap_error **err);

/* Sorts by key, byte by byte. Returns a pair whose key comes twice, or NULL. */
const struct neap_pair *neap_pairs_sort(struct neap_pair *pairs, size_t count);

/* The shortest decimal that reads back as `number`, with a point in it. Not for inf and nan. */
#define NEAP_FLOAT_SIZE 40
void neap_float_print(double number, char out[NEAP_FLOAT_SIZE]);

/*
 * Visits `value` in order. `key` is NULL but in a map. Refuses what no document can hold (depth, keys and
 * strings that are not UTF-8), and puts the way to the culprit in front of every error: "spec.ports[2]: …".
 */
struct neap_tree_visitor {
	int (*scalar)(void *ctx, const struct neap_str *key, const struct neap_value *value,
		      struct neap_error **err);
	int (*open)(void *ctx, const struct neap_str *key, const struct neap_value *value,
		    struct neap_error **err);
	int (*close)(void *ctx, const struct neap_value *value, struct neap_error **err);
};
int neap_tree_walk(const struct neap_value *value, const struct neap_tree_visitor *visitor, void *ctx,
		   struct neap_error **err);

/*
 * A foreign writer knows nothing of secrets and expressions. So it is given a token, a string that occurs
 * nowhere else in the document, and the token (with the double quotes round it) is exchanged afterwards.
 */
#define NEAP_TOKEN_SIZE 40
struct neap_marks {
	char prefix[NEAP_TOKEN_SIZE];
	bool floats; /* these too: for a writer that does not print the shortest form */
	bool exprs;
	NEAP_VEC(const struct neap_value *) values;
};
/* Validates the tree, as neap_tree_walk() does, and chooses the prefix. */
int neap_marks_begin(struct neap_marks *marks, const struct neap_value *tree, bool floats,
		     struct neap_error **err);
/* Whether `value` must be written as a token. */
bool neap_marks_needs(const struct neap_marks *marks, const struct neap_value *value);
/* The token for `value`, to be written once, in double quotes. */
void neap_marks_token(struct neap_marks *marks, const struct neap_value *value, char out[NEAP_TOKEN_SIZE]);
/* What the writer wrote, with the real strings in it. */
int neap_marks_finish(struct neap_marks *marks, struct neap_arena *arena, struct neap_str written,
		      struct neap_value *ret, struct neap_error **err);
void neap_marks_done(struct neap_marks *marks);
#define NEAP_AUTO_MARKS __attribute__((cleanup(neap_marks_done)))
