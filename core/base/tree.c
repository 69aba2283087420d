/* Bounded walks over values, for the writers of documents; small things both readers need. */
#include "base/tree.h"

#include <stdio.h>
#include <stdlib.h>

int neap_document_error(struct neap_str text, size_t offset, const char *what, struct neap_error **err)
{
	size_t line = 1, column = 1;

	if (offset > text.len)
		offset = text.len;
	for (size_t i = 0; i < offset; i++) {
		if (text.data[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	return neap_error_set(err, "line %zu column %zu: %s", line, column, what);
}

int neap_document_check(struct neap_str text, struct neap_error **err)
{
	size_t valid;

	if (text.len > NEAP_DOCUMENT_SIZE)
		return neap_error_set(err, "%zu bytes, over %zu MB", text.len, NEAP_DOCUMENT_SIZE >> 20);
	valid = neap_str_utf8_prefix(text);
	if (valid != text.len)
		return neap_document_error(text, valid, "not valid UTF-8", err);
	return 0;
}

static int compare_keys(const void *left, const void *right)
{
	const struct neap_pair *a = left, *b = right;
	size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
	int order = len ? memcmp(a->key.data, b->key.data, len) : 0;

	if (order)
		return order;
	return a->key.len < b->key.len ? -1 : a->key.len > b->key.len;
}

const struct neap_pair *neap_pairs_sort(struct neap_pair *pairs, size_t count)
{
	bool sorted = true;

	for (size_t i = 1; i < count && sorted; i++)
		sorted = compare_keys(&pairs[i - 1], &pairs[i]) < 0;
	if (sorted)
		return NULL;
	qsort(pairs, count, sizeof(*pairs), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (neap_str_equal(pairs[i - 1].key, pairs[i].key))
			return &pairs[i];
	return NULL;
}

void neap_float_print(double number, char out[NEAP_FLOAT_SIZE])
{
	char digits[32];
	size_t len;

	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, number);
		if (strtod(digits, NULL) == number)
			break;
	}
	/* YAML 1.1 wants the point before an exponent as well. */
	len = strcspn(digits, ".e");
	snprintf(out, NEAP_FLOAT_SIZE, "%.*s%s%s", (int)len, digits, digits[len] == '.' ? "" : ".0",
		 digits + len);
}

struct frame {
	const struct neap_value *value;
	size_t next;
};

/* Puts "spec.ports[2]" in front of the error. */
static void add_way(const struct frame *frames, size_t depth, struct neap_error **err)
{
	struct neap_buf way NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < depth; i++) {
		const struct neap_value *value = frames[i].value;
		size_t at = frames[i].next - 1;

		if (value->kind == NEAP_LIST) {
			neap_buf_printf(&way, "[%zu]", at + 1); /* as Lua counts */
		} else {
			struct neap_str key = value->map.pairs[at].key;

			if (way.len)
				neap_buf_putc(&way, '.');
			neap_buf_append(&way, key.data, key.len < 100 ? key.len : 100);
		}
	}
	if (way.len)
		neap_error_prefix(err, "%s", way.data);
}

static int check(const struct neap_str *key, const struct neap_value *value, size_t depth,
		 struct neap_error **err)
{
	if (key && !neap_str_is_utf8(*key))
		return neap_error_set(err, "the key is not valid UTF-8");
	if (key && key->len && memchr(key->data, '\0', key->len))
		return neap_error_set(err, "the key holds a NUL byte");
	if (value->kind == NEAP_STRING &&
	    !neap_str_is_utf8((struct neap_str){ value->text.data, value->text.len }))
		return neap_error_set(err, "the string is not valid UTF-8");
	if ((value->kind == NEAP_LIST || value->kind == NEAP_MAP) && depth == NEAP_DOCUMENT_DEPTH)
		return neap_error_set(err, "nested deeper than %d", NEAP_DOCUMENT_DEPTH);
	return 0;
}

int neap_tree_walk(const struct neap_value *value, const struct neap_tree_visitor *visitor, void *ctx,
		   struct neap_error **err)
{
	struct frame frames[NEAP_DOCUMENT_DEPTH];
	const struct neap_str *key = NULL;
	size_t depth = 0;

	for (;;) {
		int r = check(key, value, depth, err);

		if (r == 0 && (value->kind == NEAP_LIST || value->kind == NEAP_MAP)) {
			r = visitor->open(ctx, key, value, err);
			if (r == 0) {
				frames[depth++] = (struct frame){ value, 0 };
				value = NULL;
			}
		} else if (r == 0) {
			r = visitor->scalar(ctx, key, value, err);
		}
		/* The next value, and the end of all that is through. */
		for (value = NULL; r == 0 && depth && !value;) {
			struct frame *top = &frames[depth - 1];

			if (top->value->kind == NEAP_LIST && top->next < top->value->list.count) {
				key = NULL;
				value = &top->value->list.items[top->next++];
			} else if (top->value->kind == NEAP_MAP && top->next < top->value->map.count) {
				key = &top->value->map.pairs[top->next].key;
				value = &top->value->map.pairs[top->next++].value;
			} else {
				depth--;
				r = visitor->close(ctx, top->value, err);
			}
		}
		if (r) {
			add_way(frames, depth, err);
			return r;
		}
		if (!value)
			return 0;
	}
}
