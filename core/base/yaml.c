/*
 * YAML read by libyaml's event parser, plain scalars resolved by the core schema of YAML 1.2. Aliases, tags
 * of one's own and a second document are refused: what is read is what stands there.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/document.h"
#include "base/libyaml.h"
#include "base/tree.h"

#define TAG "tag:yaml.org,2002:"

/* A value whose container is still open; in a map with its key and where the key stands. */
struct pending {
	struct neap_pair pair;
	size_t line, column;
};

struct frame {
	enum neap_value_kind kind;
	size_t first; /* pending */
	bool has_key; /* in a map: the next is a value */
	struct neap_str key;
	size_t line, column; /* of the key */
};

struct reader {
	yaml_parser_t parser;
	struct neap_arena *arena;
	struct frame frames[NEAP_DOCUMENT_DEPTH];
	size_t depth, nodes;
	NEAP_VEC(struct pending) pending;
	bool documents; /* one was seen */
};

static void reader_done(struct reader *reader)
{
	yaml_parser_delete(&reader->parser);
	neap_vec_done(&reader->pending);
}

static int refuse(const yaml_mark_t *mark, const char *what, struct neap_error **err)
{
	return neap_error_set(err, "line %zu column %zu: %s", mark->line + 1, mark->column + 1, what);
}

static int parse_error(const yaml_parser_t *parser, struct neap_str text, struct neap_error **err)
{
	const char *problem = parser->problem ? parser->problem : "not valid YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		neap_out_of_memory();
	if (parser->error == YAML_READER_ERROR)
		return neap_document_error(text, parser->problem_offset, problem, err);
	if (parser->context)
		return neap_error_set(err, "line %zu column %zu: %s %s", parser->problem_mark.line + 1,
				      parser->problem_mark.column + 1, problem, parser->context);
	return refuse(&parser->problem_mark, problem, err);
}

static size_t count_digits(const char *text, const char *digits)
{
	return strspn(text, digits);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *p)
{
	size_t whole, fraction = 0;

	p += *p == '-' || *p == '+';
	whole = count_digits(p, "0123456789");
	p += whole;
	if (*p == '.') {
		fraction = count_digits(++p, "0123456789");
		p += fraction;
	}
	if (!whole && !fraction)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		whole = count_digits(p, "0123456789");
		if (!whole)
			return false;
		p += whole;
	}
	return !*p;
}

/* The base of an integer, its digits at *ret; 0 when it is none. */
static int integer_base(const char *text, const char **ret)
{
	static const struct {
		const char *prefix, *digits;
		int base;
	} bases[] = { { "0o", "01234567", 8 }, { "0x", "0123456789abcdefABCDEF", 16 } };

	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		if (strncmp(text, bases[i].prefix, 2) == 0) {
			*ret = text + 2;
			return (*ret)[0] && !(*ret)[strspn(*ret, bases[i].digits)] ? bases[i].base : 0;
		}
	}
	*ret = text;
	text += *text == '-' || *text == '+';
	return *text && !text[strspn(text, "0123456789")] ? 10 : 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* The core schema. *ret stays untouched when `text` is a string. */
static int resolve(const char *text, const yaml_mark_t *mark, struct neap_value *ret, struct neap_error **err)
{
	static const char *const nils[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	static const char *const infs[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
	const char *digits;
	int base;

	if (is_one_of(text, nils)) {
		*ret = (struct neap_value){ .kind = NEAP_NIL };
	} else if (is_one_of(text, trues) || is_one_of(text, falses)) {
		*ret = (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = is_one_of(text, trues) };
	} else if ((base = integer_base(text, &digits))) {
		errno = 0;
		*ret = (struct neap_value){ .kind = NEAP_INTEGER, .integer = strtoll(digits, NULL, base) };
		if (errno)
			return refuse(mark,
				      "the integer does not fit in 64 bits; quote it to make it a string",
				      err);
	} else if (is_float(text)) {
		*ret = (struct neap_value){ .kind = NEAP_FLOAT, .number = strtod(text, NULL) };
		if (!isfinite(ret->number))
			return refuse(mark, "the number is too large; quote it to make it a string", err);
	} else if (is_one_of(text, nans)) {
		*ret = (struct neap_value){ .kind = NEAP_FLOAT, .number = (double)NAN };
	} else if (is_one_of(text + (*text == '-' || *text == '+'), infs)) {
		*ret = (struct neap_value){ .kind = NEAP_FLOAT,
					    .number = *text == '-' ? -(double)INFINITY : (double)INFINITY };
	}
	return 0;
}

/* A scalar with its tag obeyed; a key is always its text. */
static int scalar(struct reader *reader, const yaml_event_t *event, bool key, struct neap_value *ret,
		  struct neap_error **err)
{
	static const struct {
		const char *tag;
		enum neap_value_kind kind;
	} tags[] = { { TAG "str", NEAP_STRING },
		     { TAG "null", NEAP_NIL },
		     { TAG "bool", NEAP_BOOLEAN },
		     { TAG "int", NEAP_INTEGER },
		     { TAG "float", NEAP_FLOAT } };
	const char *text = (const char *)event->data.scalar.value,
		   *tag = (const char *)event->data.scalar.tag;
	size_t len = event->data.scalar.length, i = 0;

	*ret = neap_value_text(neap_text_plain(neap_arena_copy(reader->arena, text, len), len));
	if (tag && strcmp(tag, "!") == 0)
		return 0; /* not to be resolved */
	while (tag && i < sizeof(tags) / sizeof(*tags) && strcmp(tag, tags[i].tag) != 0)
		i++;
	if (i == sizeof(tags) / sizeof(*tags))
		return refuse(&event->start_mark, "tags other than the standard ones are refused", err);
	if (key)
		return 0;
	if (event->data.scalar.plain_implicit) /* such a one holds no NUL */
		return resolve(text, &event->start_mark, ret, err);
	if (!tag || tags[i].kind == NEAP_STRING)
		return 0;
	if (strlen(text) == len && resolve(text, &event->start_mark, ret, err) < 0)
		return -1;
	if (ret->kind == NEAP_INTEGER && tags[i].kind == NEAP_FLOAT)
		*ret = (struct neap_value){ .kind = NEAP_FLOAT, .number = (double)ret->integer };
	if (ret->kind != tags[i].kind)
		return refuse(&event->start_mark, "the value does not fit its tag", err);
	return 0;
}

static int compare_pending(const void *left, const void *right)
{
	const struct pending *a = left, *b = right;
	size_t len = a->pair.key.len < b->pair.key.len ? a->pair.key.len : b->pair.key.len;
	int order = len ? memcmp(a->pair.key.data, b->pair.key.data, len) : 0;

	if (!order)
		order = (a->pair.key.len > b->pair.key.len) - (a->pair.key.len < b->pair.key.len);
	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	return order ? order : (a->column > b->column) - (a->column < b->column);
}

static int close_map(struct reader *reader, const struct frame *frame, struct neap_value *ret,
		     struct neap_error **err)
{
	size_t count = reader->pending.count - frame->first;
	struct pending *all = count ? reader->pending.items + frame->first : NULL;
	struct neap_pair *pairs = neap_arena_array_of(reader->arena, struct neap_pair, count);

	if (count)
		qsort(all, count, sizeof(*all), compare_pending);
	for (size_t i = 0; i < count; i++) {
		struct neap_str key = all[i].pair.key;

		if (i && neap_str_equal(key, all[i - 1].pair.key))
			return neap_error_set(
				err, "line %zu column %zu: key \"%.*s\" was already given in line %zu",
				all[i].line + 1, all[i].column + 1, (int)(key.len < 100 ? key.len : 100),
				key.data, all[i - 1].line + 1);
		pairs[i] = all[i].pair;
	}
	*ret = (struct neap_value){ .kind = NEAP_MAP, .map = { pairs, count } };
	return 0;
}

static void close_list(struct reader *reader, const struct frame *frame, struct neap_value *ret)
{
	size_t count = reader->pending.count - frame->first;
	struct pending *all = count ? reader->pending.items + frame->first : NULL;
	struct neap_value *items = neap_arena_array_of(reader->arena, struct neap_value, count);

	for (size_t i = 0; i < count; i++)
		items[i] = all[i].pair.value;
	*ret = (struct neap_value){ .kind = NEAP_LIST, .list = { items, count } };
}

/* A key, or a value for whatever is open. */
static void add(struct reader *reader, struct neap_value value, struct neap_value *root)
{
	struct frame *top = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

	if (!top) {
		*root = value;
		return;
	}
	neap_vec_push(&reader->pending, (struct pending){ { top->key, value }, top->line, top->column });
	top->has_key = false;
}

static bool wants_key(const struct reader *reader)
{
	const struct frame *top = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

	return top && top->kind == NEAP_MAP && !top->has_key;
}

static void take_key(struct reader *reader, const yaml_event_t *event, struct neap_text text)
{
	struct frame *top = &reader->frames[reader->depth - 1];

	top->key = (struct neap_str){ text.data, text.len };
	top->line = event->start_mark.line;
	top->column = event->start_mark.column;
	top->has_key = true;
}

static int open_container(struct reader *reader, const yaml_event_t *event, struct neap_error **err)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const char *tag =
		(const char *)(map ? event->data.mapping_start.tag : event->data.sequence_start.tag);

	if (wants_key(reader))
		return refuse(&event->start_mark, "a list or a map cannot be a key", err);
	if (tag && strcmp(tag, "!") != 0 && strcmp(tag, map ? TAG "map" : TAG "seq") != 0)
		return refuse(&event->start_mark, "tags other than the standard ones are refused", err);
	if (reader->depth == NEAP_DOCUMENT_DEPTH)
		return refuse(&event->start_mark, "nested deeper than 64", err);
	reader->frames[reader->depth++] =
		(struct frame){ .kind = map ? NEAP_MAP : NEAP_LIST, .first = reader->pending.count };
	return 0;
}

static int close_container(struct reader *reader, struct neap_value *root, struct neap_error **err)
{
	const struct frame *frame = &reader->frames[reader->depth - 1];
	struct neap_value value;

	if (frame->kind == NEAP_LIST)
		close_list(reader, frame, &value);
	else if (close_map(reader, frame, &value, err) < 0)
		return -1;
	reader->pending.count = frame->first;
	reader->depth--;
	add(reader, value, root);
	return 0;
}

static int take(struct reader *reader, const yaml_event_t *event, struct neap_value *root,
		struct neap_error **err)
{
	struct neap_value value;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->documents)
			return refuse(&event->start_mark, "a second document begins; only one is read", err);
		reader->documents = true;
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(&event->start_mark, "aliases are refused; write the value out", err);
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (!wants_key(reader) && ++reader->nodes > NEAP_DOCUMENT_NODES)
			return refuse(&event->start_mark, "more than 1,000,000 values", err);
		if (event->type != YAML_SCALAR_EVENT)
			return open_container(reader, event, err);
		if (scalar(reader, event, wants_key(reader), &value, err) < 0)
			return -1;
		if (wants_key(reader))
			take_key(reader, event, value.text);
		else
			add(reader, value, root);
		return 0;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_container(reader, root, err);
	default:
		return 0;
	}
}

int neap_yaml_parse(struct neap_arena *arena, struct neap_str text, struct neap_value *ret,
		    struct neap_error **err)
{
	__attribute__((cleanup(reader_done))) struct reader reader = { .arena = arena };
	struct neap_value root = { 0 };
	bool end = false;

	if (neap_document_check(text, err) < 0)
		return -1;
	if (!yaml_parser_initialize(&reader.parser))
		neap_out_of_memory();
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(text.data ? text.data : ""),
				     text.len);
	while (!end) {
		yaml_event_t event;
		int r;

		if (!yaml_parser_parse(&reader.parser, &event))
			return parse_error(&reader.parser, text, err);
		r = take(&reader, &event, &root, err);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		if (r < 0)
			return r;
	}
	*ret = root;
	return 0;
}

/* Where the walk of neap_yaml_line() is. */
struct seeker {
	const struct neap_str *keys;
	size_t count, found;
	size_t depth; /* open containers; the map in question is found + 1 */
	size_t line;
	bool enter; /* the next is the value of the key found last */
	bool key;   /* the next in the map is a key */
};

/* Whether the search is over. */
static bool seek(struct seeker *seeker, const yaml_event_t *event)
{
	bool opens = event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
	bool closes = event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
	bool scalar = event->type == YAML_SCALAR_EVENT;

	if (!opens && !closes && !scalar)
		return false;
	if (seeker->enter) {
		seeker->enter = false;
		seeker->key = true;
		seeker->depth++;
		return event->type != YAML_MAPPING_START_EVENT;
	}
	if (seeker->depth == seeker->found + 1 && scalar && seeker->key) {
		struct neap_str name = { (const char *)event->data.scalar.value, event->data.scalar.length };

		seeker->key = false;
		if (!neap_str_equal(name, seeker->keys[seeker->found]))
			return false;
		seeker->line = event->start_mark.line + 1;
		seeker->enter = true;
		return ++seeker->found == seeker->count;
	}
	if (seeker->depth == seeker->found + 1 && !closes)
		seeker->key = true; /* after this value */
	seeker->depth += opens;
	seeker->depth -= closes;
	return closes && seeker->depth == seeker->found;
}

size_t neap_yaml_line(struct neap_str text, const struct neap_str *keys, size_t count)
{
	struct seeker seeker = { .keys = keys, .count = count, .enter = true };
	yaml_parser_t parser;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		neap_out_of_memory();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""), text.len);
	while (!end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event))
			break;
		end = event.type == YAML_STREAM_END_EVENT || seek(&seeker, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return seeker.line;
}
