/* See emit.h. */
#include "engine/emit.h"

#include <inttypes.h>
#include <math.h>

#include "base/digest.h"

/* Length of the UTF-8 character at `text`, its code point in *ret; 0 when the bytes are none. */
static size_t decode(const char *text, size_t len, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (size == 1) {
		*ret = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4 || size > len)
		return 0;
	uint32_t code = p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return size;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void before_value(struct neap_emit *emit)
{
	if (emit->next)
		neap_buf_putc(emit->buf, ',');
	emit->next = true;
}

void neap_emit_open(struct neap_emit *emit, char bracket)
{
	before_value(emit);
	neap_buf_putc(emit->buf, bracket);
	emit->next = false;
}

void neap_emit_close(struct neap_emit *emit, char bracket)
{
	neap_buf_putc(emit->buf, bracket);
	emit->next = true;
}

void neap_emit_line(struct neap_emit *emit)
{
	if (emit->next)
		neap_buf_putc(emit->buf, ',');
	emit->next = false;
	neap_buf_putc(emit->buf, '\n');
}

void neap_emit_text(struct neap_emit *emit, struct neap_str text)
{
	struct neap_buf *buf = emit->buf;
	before_value(emit);
	neap_buf_putc(buf, '"');
	size_t done = 0;
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.data[i];
		uint32_t code = c;
		size_t size = c < 0x80 ? 1 : decode(text.data + i, text.len - i, &code);
		if (size > 1 || (size == 1 && c >= 0x20 && c != '"' && c != '\\')) {
			i += size;
			continue;
		}
		neap_buf_append(buf, text.data + done, i - done);
		if (c == '\n')
			neap_buf_puts(buf, "\\n");
		else if (c == '\t')
			neap_buf_puts(buf, "\\t");
		else if (c == '"' || c == '\\')
			neap_buf_printf(buf, "\\%c", c);
		else
			neap_buf_printf(buf, size == 1 ? "\\u%04x" : "\\\\x%02x", c);
		done = ++i;
	}
	neap_buf_append(buf, text.data + done, text.len - done);
	neap_buf_putc(buf, '"');
}

void neap_emit_key(struct neap_emit *emit, const char *key)
{
	neap_emit_text(emit, neap_str(key));
	neap_buf_putc(emit->buf, ':');
	emit->next = false;
}

void neap_emit_word(struct neap_emit *emit, const char *word)
{
	before_value(emit);
	neap_buf_puts(emit->buf, word);
}

void neap_emit_string(struct neap_emit *emit, const char *text)
{
	if (text)
		neap_emit_text(emit, neap_str(text));
	else
		neap_emit_word(emit, "null");
}

void neap_emit_integer(struct neap_emit *emit, int64_t number)
{
	before_value(emit);
	neap_buf_printf(emit->buf, "%" PRId64, number);
}

void neap_emit_content(struct neap_emit *emit, const struct neap_content *content, bool hidden)
{
	neap_emit_open(emit, '{');
	if (!hidden) {
		uint8_t digest[NEAP_DIGEST_SIZE];
		char hex[NEAP_DIGEST_HEX_SIZE];
		if (content->data)
			neap_digest(content->data, content->size, digest);
		neap_digest_hex(content->data ? digest : content->digest, hex);
		neap_emit_key(emit, "sha256");
		neap_emit_string(emit, hex);
	}
	neap_emit_key(emit, "size");
	neap_emit_integer(emit, (int64_t)content->size);
	neap_emit_close(emit, '}');
}

/* Everything but lists and maps, of which it writes the opening bracket. */
static void emit_scalar(struct neap_emit *emit, const struct neap_value *value)
{
	char number[40];
	switch (value->kind) {
	case NEAP_BOOLEAN:
		neap_emit_word(emit, value->boolean ? "true" : "false");
		break;
	case NEAP_INTEGER:
		neap_emit_integer(emit, value->integer);
		break;
	case NEAP_FLOAT:
		snprintf(number, sizeof number, "%.17g", value->number);
		neap_emit_word(emit, isfinite(value->number) ? number : "null");
		break;
	case NEAP_STRING: {
		struct neap_str text = { value->text.data, value->text.len };
		struct neap_content large = { .data = text.data, .size = text.len };
		if (text.len <= NEAP_EMIT_MAX && neap_str_is_utf8(text))
			neap_emit_text(emit, text);
		else
			neap_emit_content(emit, &large, false);
		break;
	}
	case NEAP_LIST:
		neap_emit_open(emit, '[');
		break;
	case NEAP_MAP:
		neap_emit_open(emit, '{');
		break;
	default:
		neap_emit_word(emit, "null");
	}
}

void neap_emit_value(struct neap_emit *emit, const struct neap_value *value)
{
	struct {
		const struct neap_value *value;
		size_t at;
	} stack[64]; /* documents are no deeper */
	size_t depth = 0;

	emit_scalar(emit, value);
	if (value->kind != NEAP_LIST && value->kind != NEAP_MAP)
		return;
	stack[depth].value = value;
	stack[depth++].at = 0;
	while (depth > 0) {
		const struct neap_value *top = stack[depth - 1].value, *child;
		size_t at = stack[depth - 1].at++;
		if (at == (top->kind == NEAP_LIST ? top->list.count : top->map.count)) {
			neap_emit_close(emit, top->kind == NEAP_LIST ? ']' : '}');
			depth--;
			continue;
		}
		if (top->kind == NEAP_MAP) {
			child = &top->map.pairs[at].value;
			neap_emit_text(emit, top->map.pairs[at].key);
			neap_buf_putc(emit->buf, ':');
			emit->next = false;
		} else {
			child = &top->list.items[at];
		}
		bool nested = child->kind == NEAP_LIST || child->kind == NEAP_MAP;
		if (nested && depth == 64) {
			neap_emit_word(emit, "null");
			continue;
		}
		emit_scalar(emit, child);
		if (nested) {
			stack[depth].value = child;
			stack[depth++].at = 0;
		}
	}
}

/* ---- text for people ---------------------------------------------------------------------------------- */

/* Characters that are not seen, or that turn the order of those that are. */
static bool is_hidden_character(uint32_t code)
{
	return code == 0xad || code == 0x61c || code == 0xfeff || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff);
}

void neap_emit_safe(struct neap_buf *buf, struct neap_str text, bool quoted)
{
	size_t done = 0;
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.data[i];
		uint32_t code = c;
		size_t size = c < 0x80 ? 1 : decode(text.data + i, text.len - i, &code);
		bool plain = size > 0 && code >= 0x20 && !(code >= 0x7f && code < 0xa0) &&
			     !(quoted && (c == '"' || c == '\\')) && !is_hidden_character(code);
		if (plain || (c == '\t' && !quoted)) {
			i += size;
			continue;
		}
		neap_buf_append(buf, text.data + done, i - done);
		if (c == '\n')
			neap_buf_puts(buf, "\\n");
		else if (c == '\t')
			neap_buf_puts(buf, "\\t");
		else if (c == '\r')
			neap_buf_puts(buf, "\\r");
		else if (c == '"' || c == '\\')
			neap_buf_printf(buf, "\\%c", c);
		else if (size > 1)
			neap_buf_printf(buf, "\\u{%" PRIx32 "}", code);
		else
			neap_buf_printf(buf, "\\x%02x", c);
		i += size ? size : 1;
		done = i;
	}
	neap_buf_append(buf, text.data + done, text.len - done);
}

void neap_emit_safes(struct neap_buf *buf, const char *text)
{
	neap_emit_safe(buf, neap_str(text), false);
}

size_t neap_emit_columns(const char *text, size_t len)
{
	size_t columns = 0;
	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

size_t neap_emit_fit(const char *text, size_t len, size_t columns)
{
	size_t i = 0;
	for (; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return i;
}
