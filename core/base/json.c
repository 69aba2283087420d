/* JSON by jansson. A quick look at the text bounds depth and nodes before jansson builds anything. */
#include "base/document.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>

#include "base/map.h"
#include "base/tree.h"

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_jansson(void)
{
	/* Else jansson opens /dev/urandom by itself. */
	json_object_seed((size_t)neap_hash("jansson", 7) | 1);
}

static void json_done(json_t **json)
{
	json_decref(*json);
}

static int check_bounds(struct neap_str text, struct neap_error **err)
{
	size_t depth = 0, nodes = 1;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		switch (text.data[i]) {
		case '"':
			quoted = !quoted;
			continue;
		case '\\':
			i += quoted;
			continue;
		case '[':
		case '{':
			if (quoted)
				continue;
			if (++depth > NEAP_DOCUMENT_DEPTH)
				return neap_document_error(text, i, "nested deeper than 64", err);
			nodes++;
			break;
		case ']':
		case '}':
			if (!quoted && depth)
				depth--;
			continue;
		case ',':
			nodes += !quoted;
			break;
		default:
			continue;
		}
		if (nodes > NEAP_DOCUMENT_NODES)
			return neap_document_error(text, i, "more than 1,000,000 values", err);
	}
	return 0;
}

/* jansson quotes the text near an error, which may be a secret: the place is enough. Keys are no secrets. */
static int parse_error(struct neap_str text, json_error_t *error, struct neap_error **err)
{
	char *near = strstr(error->text, " near '");
	size_t offset = error->position > 0 ? (size_t)error->position : 0; /* behind the token */
	size_t len = near ? strlen(near + 7) - 1 : !strstr(error->text, " near end of file");

	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		neap_out_of_memory();
	case json_error_duplicate_key:
		break;
	default:
		if (near)
			*near = '\0';
		break;
	}
	return neap_document_error(text, offset > len ? offset - len : 0, error->text, err);
}

struct frame {
	json_t *json;
	struct neap_value *value;
	size_t next;
	void *iter;
};

/* *ret of a node without what is inside; whether there is something inside. */
static bool shallow(struct neap_arena *arena, json_t *json, struct neap_value *ret)
{
	size_t len;

	*ret = (struct neap_value){ 0 };
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		ret->kind = NEAP_MAP;
		ret->map.count = json_object_size(json);
		ret->map.pairs = neap_arena_array_of(arena, struct neap_pair, ret->map.count);
		return true;
	case JSON_ARRAY:
		ret->kind = NEAP_LIST;
		ret->list.count = json_array_size(json);
		ret->list.items = neap_arena_array_of(arena, struct neap_value, ret->list.count);
		return true;
	case JSON_STRING:
		len = json_string_length(json);
		*ret = neap_value_text(
			neap_text_plain(neap_arena_copy(arena, json_string_value(json), len), len));
		break;
	case JSON_INTEGER:
		ret->kind = NEAP_INTEGER;
		ret->integer = json_integer_value(json);
		break;
	case JSON_REAL:
		ret->kind = NEAP_FLOAT;
		ret->number = json_real_value(json);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		ret->kind = NEAP_BOOLEAN;
		ret->boolean = json_is_true(json);
		break;
	case JSON_NULL:
		break;
	}
	return false;
}

static void convert(struct neap_arena *arena, json_t *json, struct neap_value *value)
{
	struct frame frames[NEAP_DOCUMENT_DEPTH + 1];
	size_t depth = 0;

	for (;;) {
		if (shallow(arena, json, value))
			frames[depth++] = (struct frame){ json, value, 0, json_object_iter(json) };
		for (;;) {
			struct frame *top;

			if (!depth)
				return;
			top = &frames[depth - 1];
			if (top->value->kind == NEAP_LIST && top->next < top->value->list.count) {
				json = json_array_get(top->json, top->next);
				value = &top->value->list.items[top->next++];
				break;
			}
			if (top->value->kind == NEAP_MAP && top->iter) {
				const char *key = json_object_iter_key(top->iter);
				size_t len = json_object_iter_key_len(top->iter);
				struct neap_pair *pair = &top->value->map.pairs[top->next++];

				pair->key = (struct neap_str){ neap_arena_copy(arena, key, len), len };
				json = json_object_iter_value(top->iter);
				value = &pair->value;
				top->iter = json_object_iter_next(top->json, top->iter);
				break;
			}
			/* Sorted when all are there: pointers into the pairs live until then. */
			if (top->value->kind == NEAP_MAP)
				neap_pairs_sort(top->value->map.pairs, top->value->map.count);
			depth--;
		}
	}
}

int neap_json_parse(struct neap_arena *arena, struct neap_str text, struct neap_value *ret,
		    struct neap_error **err)
{
	__attribute__((cleanup(json_done))) json_t *json = NULL;
	json_error_t error;

	pthread_once(&seed_once, seed_jansson);
	if (neap_document_check(text, err) < 0 || check_bounds(text, err) < 0)
		return -1;
	json = json_loadb(text.len ? text.data : "", text.len,
			  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!json)
		return parse_error(text, &error, err);
	convert(arena, json, ret);
	return 0;
}

struct writer {
	struct neap_marks marks;
	json_t *root;
	json_t *open[NEAP_DOCUMENT_DEPTH];
	size_t depth;
};

static void add(struct writer *writer, const struct neap_str *key, json_t *json)
{
	json_t *top = writer->depth ? writer->open[writer->depth - 1] : NULL;
	int r = 0;

	if (!json)
		neap_out_of_memory();
	if (!top)
		writer->root = json;
	else if (key)
		r = json_object_setn_new_nocheck(top, key->data, key->len, json);
	else
		r = json_array_append_new(top, json);
	if (r < 0)
		neap_out_of_memory();
}

static int write_scalar(void *ctx, const struct neap_str *key, const struct neap_value *value,
			struct neap_error **err)
{
	struct writer *writer = ctx;
	char token[NEAP_TOKEN_SIZE];

	if (value->kind == NEAP_FLOAT && !isfinite(value->number))
		return neap_error_set(err, "JSON has no %s", isnan(value->number) ? "nan" : "inf");
	if (neap_marks_needs(&writer->marks, value)) {
		neap_marks_token(&writer->marks, value, token);
		add(writer, key, json_string_nocheck(token));
		return 0;
	}
	switch (value->kind) {
	case NEAP_BOOLEAN:
		add(writer, key, json_boolean(value->boolean));
		break;
	case NEAP_INTEGER:
		add(writer, key, json_integer(value->integer));
		break;
	case NEAP_STRING:
		add(writer, key,
		    json_stringn_nocheck(value->text.data ? value->text.data : "", value->text.len));
		break;
	default:
		add(writer, key, json_null());
		break;
	}
	return 0;
}

static int write_open(void *ctx, const struct neap_str *key, const struct neap_value *value,
		      struct neap_error **err)
{
	struct writer *writer = ctx;
	json_t *json = value->kind == NEAP_MAP ? json_object() : json_array();

	(void)err;
	add(writer, key, json);
	writer->open[writer->depth++] = json;
	return 0;
}

static int write_close(void *ctx, const struct neap_value *value, struct neap_error **err)
{
	struct writer *writer = ctx;

	(void)value, (void)err;
	writer->depth--;
	return 0;
}

static void writer_done(struct writer *writer)
{
	neap_marks_done(&writer->marks);
	json_decref(writer->root);
}

static int append(const char *data, size_t len, void *ctx)
{
	neap_buf_append(ctx, data, len);
	return 0;
}

int neap_json_write(struct neap_arena *arena, const struct neap_value *value, bool pretty,
		    struct neap_value *ret, struct neap_error **err)
{
	static const struct neap_tree_visitor visitor = { write_scalar, write_open, write_close };
	__attribute__((cleanup(writer_done))) struct writer writer = { 0 };
	struct neap_buf written NEAP_AUTO_BUF = { 0 };

	pthread_once(&seed_once, seed_jansson);
	if (neap_marks_begin(&writer.marks, value, true, err) < 0 ||
	    neap_tree_walk(value, &visitor, &writer, err) < 0)
		return -1;
	/* Keys keep the order they were put in, which is sorted. */
	if (json_dump_callback(writer.root, append, &written,
			       JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT)) < 0)
		neap_out_of_memory();
	neap_buf_putc(&written, '\n');
	return neap_marks_finish(&writer.marks, arena, (struct neap_str){ written.data, written.len }, ret,
				 err);
}
