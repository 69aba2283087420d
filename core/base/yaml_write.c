/*
 * YAML written by libyaml's emitter, in block style. What this room decides is the style of each string, so
 * that readers of YAML 1.1 (PyYAML, older Go and Ruby) see the same strings as readers of 1.2.
 */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/document.h"
#include "base/libyaml.h"
#include "base/tree.h"

struct writer {
	yaml_emitter_t emitter;
	struct neap_marks marks;
	struct neap_buf written;
	size_t depth;
};

static void writer_done(struct writer *writer)
{
	yaml_emitter_delete(&writer->emitter);
	neap_marks_done(&writer->marks);
	neap_buf_done(&writer->written);
}

static int append(void *ctx, unsigned char *data, size_t len)
{
	neap_buf_append(ctx, data, len);
	return 1;
}

static int emit(struct writer *writer, yaml_event_t *event, int made, struct neap_error **err)
{
	if (!made)
		neap_out_of_memory();
	if (yaml_emitter_emit(&writer->emitter, event)) /* takes the event, also on failure */
		return 0;
	if (writer->emitter.error == YAML_MEMORY_ERROR)
		neap_out_of_memory();
	return neap_error_set(err, "write YAML: %s", writer->emitter.problem);
}

static int emit_scalar(struct writer *writer, const char *text, size_t len, yaml_scalar_style_t style,
		       struct neap_error **err)
{
	yaml_event_t event;
	int made;

	if (len > INT_MAX)
		neap_out_of_memory();
	made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)(text ? text : ""),
					    (int)len, 1, 1, style);
	return emit(writer, &event, made, err);
}

/* Words that some reader takes for a boolean, a null, a number, a merge or a default. */
static bool is_word(struct neap_str text)
{
	static const char *const words[] = { "~",     "null",  "true", "false", "yes", "no", "on",
					     "off",   "y",     "n",    "=",     "<<",  "-",  ".inf",
					     "-.inf", "+.inf", ".nan", "---",   "..." };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (text.len == strlen(words[i]) && strncasecmp(text.data, words[i], text.len) == 0)
			return true;
	return false;
}

/* Integers of any base, floats, 1_000, 12:30:45, dates, timestamps; a few more, such as 1.2.3. */
static bool looks_like_number(struct neap_str text)
{
	static const char letters[] = "0123456789abcdefABCDEFxXoOtTzZ+-.:_ ";
	size_t first = text.data[0] == '-' || text.data[0] == '+';

	if (first < text.len && text.data[first] == '.')
		first++;
	if (first == text.len || text.data[first] < '0' || text.data[first] > '9')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!memchr(letters, text.data[i], sizeof(letters) - 1))
			return false;
	return true;
}

/* Whether lines can stand as they are: libyaml refuses more (and then quotes), as characters it cannot print.
 */
static bool fits_literal(struct neap_str text)
{
	if (text.data[0] == ' ' || text.data[0] == '\t' || text.data[0] == '\n')
		return false; /* would need an indentation indicator */
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i], before = i ? text.data[i - 1] : 'x';

		if (c == '\r' || (c == '\n' && (before == ' ' || before == '\t')))
			return false;
	}
	if (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')
		return false;
	return text.len < 2 || text.data[text.len - 1] != '\n' || text.data[text.len - 2] != '\n';
}

static yaml_scalar_style_t style_of(struct neap_str text, bool key, bool root)
{
	if (!text.len || root)
		return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	if (memchr(text.data, '\n', text.len))
		return !key && fits_literal(text) ? YAML_LITERAL_SCALAR_STYLE
						  : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20)
			return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	if (text.data[0] == ' ' || text.data[text.len - 1] == ' ' || is_word(text) || looks_like_number(text))
		return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return YAML_PLAIN_SCALAR_STYLE; /* libyaml quotes it where its syntax asks for it */
}

static int write_key(struct writer *writer, const struct neap_str *key, struct neap_error **err)
{
	if (!key)
		return 0;
	return emit_scalar(writer, key->data, key->len, style_of(*key, true, false), err);
}

static int write_plain(struct writer *writer, const char *text, struct neap_error **err)
{
	return emit_scalar(writer, text, strlen(text), YAML_PLAIN_SCALAR_STYLE, err);
}

static int write_scalar(void *ctx, const struct neap_str *key, const struct neap_value *value,
			struct neap_error **err)
{
	struct writer *writer = ctx;
	char text[64];

	if (write_key(writer, key, err) < 0)
		return -1;
	if (neap_marks_needs(&writer->marks, value)) {
		neap_marks_token(&writer->marks, value, text);
		return emit_scalar(writer, text, strlen(text), YAML_DOUBLE_QUOTED_SCALAR_STYLE, err);
	}
	switch (value->kind) {
	case NEAP_BOOLEAN:
		return write_plain(writer, value->boolean ? "true" : "false", err);
	case NEAP_INTEGER:
		snprintf(text, sizeof(text), "%" PRId64, value->integer);
		return write_plain(writer, text, err);
	case NEAP_FLOAT:
		if (isnan(value->number))
			return write_plain(writer, ".nan", err);
		if (isinf(value->number))
			return write_plain(writer, value->number < 0 ? "-.inf" : ".inf", err);
		neap_float_print(value->number, text);
		return write_plain(writer, text, err);
	case NEAP_STRING: {
		struct neap_str string = { value->text.data, value->text.len };

		return emit_scalar(writer, string.data, string.len, style_of(string, false, !writer->depth),
				   err);
	}
	default:
		return write_plain(writer, "null", err);
	}
}

static int write_open(void *ctx, const struct neap_str *key, const struct neap_value *value,
		      struct neap_error **err)
{
	struct writer *writer = ctx;
	yaml_event_t event;
	int made;

	if (write_key(writer, key, err) < 0)
		return -1;
	writer->depth++;
	if (value->kind == NEAP_MAP)
		made = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
	else
		made = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
	return emit(writer, &event, made, err);
}

static int write_close(void *ctx, const struct neap_value *value, struct neap_error **err)
{
	struct writer *writer = ctx;
	yaml_event_t event;
	int made;

	writer->depth--;
	if (value->kind == NEAP_MAP)
		made = yaml_mapping_end_event_initialize(&event);
	else
		made = yaml_sequence_end_event_initialize(&event);
	return emit(writer, &event, made, err);
}

static int write_document(struct writer *writer, const struct neap_value *value, struct neap_error **err)
{
	static const struct neap_tree_visitor visitor = { write_scalar, write_open, write_close };
	yaml_event_t event;

	if (emit(writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), err) < 0 ||
	    emit(writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), err) <
		    0 ||
	    neap_tree_walk(value, &visitor, writer, err) < 0 ||
	    emit(writer, &event, yaml_document_end_event_initialize(&event, 1), err) < 0 ||
	    emit(writer, &event, yaml_stream_end_event_initialize(&event), err) < 0)
		return -1;
	return 0;
}

int neap_yaml_write(struct neap_arena *arena, const struct neap_value *value, struct neap_value *ret,
		    struct neap_error **err)
{
	__attribute__((cleanup(writer_done))) struct writer writer = { 0 };

	if (!yaml_emitter_initialize(&writer.emitter))
		neap_out_of_memory();
	yaml_emitter_set_output(&writer.emitter, append, &writer.written);
	yaml_emitter_set_unicode(&writer.emitter, 1);
	yaml_emitter_set_width(&writer.emitter, -1); /* a token, and a long line, stay whole */
	if (neap_marks_begin(&writer.marks, value, false, err) < 0 || write_document(&writer, value, err) < 0)
		return -1;
	return neap_marks_finish(&writer.marks, arena,
				 (struct neap_str){ writer.written.data, writer.written.len }, ret, err);
}
