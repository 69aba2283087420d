/* Strings, buffers, and texts that know their secret bytes. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Length of the UTF-8 character at p (at most `left` bytes), 0 when there is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2)
		return 0;
	if (p[0] < 0xe0)
		return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] < 0xf0) {
		if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if (p[0] == 0xe0 && p[1] < 0xa0) /* overlong */
			return 0;
		if (p[0] == 0xed && p[1] >= 0xa0) /* surrogate */
			return 0;
		return 3;
	}
	if (p[0] < 0xf5) {
		if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

size_t neap_str_utf8_prefix(struct neap_str text)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t left = text.len;

	while (left) {
		uint64_t word;
		size_t len;

		if (left >= sizeof(word)) { /* eight ASCII bytes at once */
			memcpy(&word, p, sizeof(word));
			if (!(word & UINT64_C(0x8080808080808080))) {
				p += sizeof(word);
				left -= sizeof(word);
				continue;
			}
		}
		len = utf8_length(p, left);
		if (!len)
			break;
		p += len;
		left -= len;
	}
	return text.len - left;
}

bool neap_str_is_utf8(struct neap_str text)
{
	return neap_str_utf8_prefix(text) == text.len;
}

unsigned neap_str_distance(const char *a, const char *b, unsigned limit)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned *NEAP_AUTO_FREE rows = NULL, *before, *above, *row;

	if ((la > lb ? la - lb : lb - la) >= limit)
		return limit;
	/* Three rows: swapped neighbours look two rows back. */
	rows = neap_alloc(3 * (lb + 1) * sizeof(*rows));
	before = rows;
	above = rows + lb + 1;
	row = above + lb + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *spare = before, least;

		before = above;
		above = row;
		row = spare;
		least = row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned d = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < d)
				d = above[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			row[j] = d;
			if (d < least)
				least = d;
		}
		/* A swap can only come back from the row above, so both rows must be past the limit. */
		if (least > limit)
			return limit;
	}
	return row[lb] < limit ? row[lb] : limit;
}

const char *neap_str_nearest(const char *wrong, const char *const *names)
{
	size_t third = strlen(wrong) / 3;
	unsigned limit = (third > 1 ? (unsigned)third : 1) + 1;
	const char *nearest = NULL;

	for (; *names; names++) {
		unsigned d = neap_str_distance(wrong, *names, limit);

		if (d < limit) {
			limit = d;
			nearest = *names;
		}
	}
	return nearest;
}

/* Room for `more` bytes and a NUL. With `wipe` the bytes left behind are overwritten. */
static void grow(struct neap_buf *buf, size_t more, bool wipe)
{
	size_t need, size;
	char *data;

	if (more > PTRDIFF_MAX - buf->len - 1)
		neap_out_of_memory();
	need = buf->len + more + 1;
	if (need <= buf->size)
		return;
	size = buf->size < 32 ? 64 : buf->size * 2;
	if (size < need)
		size = need;
	if (wipe) {
		data = neap_alloc(size);
		if (buf->data) {
			memcpy(data, buf->data, buf->len);
			explicit_bzero(buf->data, buf->len);
			free(buf->data);
		}
		buf->data = data;
	} else {
		buf->data = neap_realloc(buf->data, size);
	}
	buf->size = size;
}

static void append(struct neap_buf *buf, const void *data, size_t len)
{
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void neap_buf_append(struct neap_buf *buf, const void *data, size_t len)
{
	grow(buf, len, false);
	append(buf, data, len);
}

void neap_buf_puts(struct neap_buf *buf, const char *text)
{
	neap_buf_append(buf, text, strlen(text));
}

void neap_buf_putc(struct neap_buf *buf, char c)
{
	neap_buf_append(buf, &c, 1);
}

void neap_buf_printf(struct neap_buf *buf, const char *format, ...)
{
	va_list args;
	size_t room;
	int len;

	grow(buf, 64, false);
	room = buf->size - buf->len;
	va_start(args, format);
	len = vsnprintf(buf->data + buf->len, room, format, args);
	va_end(args);
	if (len < 0)
		neap_out_of_memory(); /* over INT_MAX bytes */
	if ((size_t)len >= room) {
		grow(buf, (size_t)len, false);
		va_start(args, format);
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

char *neap_buf_reserve(struct neap_buf *buf, size_t more)
{
	grow(buf, more, false);
	return buf->data + buf->len;
}

void neap_buf_done(struct neap_buf *buf)
{
	free(buf->data);
	*buf = (struct neap_buf){ 0 };
}

struct neap_text neap_text_secret(struct neap_arena *arena, const char *data, size_t len)
{
	struct neap_span *span;

	if (!len) /* a span is never empty */
		return neap_text_plain(data, 0);
	span = neap_arena_new_of(arena, struct neap_span);
	*span = (struct neap_span){ 0, len };
	return (struct neap_text){ data, len, span, 1 };
}

struct neap_text neap_text_copy(struct neap_arena *arena, struct neap_text text)
{
	struct neap_span *spans = NULL;

	if (text.span_count) {
		spans = neap_arena_array_of(arena, struct neap_span, text.span_count);
		memcpy(spans, text.spans, text.span_count * sizeof(*spans));
	}
	return (struct neap_text){ neap_arena_copy(arena, text.data, text.len), text.len, spans,
				   text.span_count };
}

struct neap_text neap_text_slice(struct neap_arena *arena, struct neap_text text, size_t start, size_t len)
{
	struct neap_text slice;
	size_t low = 0, high = text.span_count, last;

	if (start > text.len)
		start = text.len;
	if (len > text.len - start)
		len = text.len - start;
	slice = neap_text_plain(text.data ? text.data + start : NULL, len);
	if (!len)
		return slice;
	while (low < high) { /* the first span that ends behind `start` */
		size_t middle = low + (high - low) / 2;

		if (text.spans[middle].start + text.spans[middle].len > start)
			high = middle;
		else
			low = middle + 1;
	}
	for (last = low; last < text.span_count && text.spans[last].start < start + len; last++)
		;
	if (last > low) {
		struct neap_span *spans = neap_arena_array_of(arena, struct neap_span, last - low);

		for (size_t i = low; i < last; i++) {
			size_t from = text.spans[i].start, to = from + text.spans[i].len;

			from = from > start ? from - start : 0;
			to = to - start < len ? to - start : len;
			spans[i - low] = (struct neap_span){ from, to - from };
		}
		slice.spans = spans;
		slice.span_count = last - low;
	}
	return slice;
}

struct neap_str neap_text_masked(struct neap_arena *arena, struct neap_text text)
{
	static const char mask[] = "(secret)";
	size_t len = text.len, from = 0;
	char *out, *to;

	for (size_t i = 0; i < text.span_count; i++)
		len = len - text.spans[i].len + sizeof(mask) - 1;
	out = to = neap_arena_bytes(arena, len + 1);
	for (size_t i = 0; i < text.span_count; i++) {
		const struct neap_span *span = &text.spans[i];

		to = mempcpy(to, text.data + from, span->start - from);
		to = mempcpy(to, mask, sizeof(mask) - 1);
		from = span->start + span->len;
	}
	if (text.len > from)
		to = mempcpy(to, text.data + from, text.len - from);
	*to = '\0';
	return (struct neap_str){ out, len };
}

/* Spans that touch become one. */
static void add_span(struct neap_text_builder *builder, size_t start, size_t len)
{
	struct neap_span *last = builder->span_count ? &builder->spans[builder->span_count - 1] : NULL;

	if (!len)
		return;
	if (last && last->start + last->len == start) {
		last->len += len;
		return;
	}
	if (builder->span_count == builder->span_size) {
		builder->span_size = builder->span_size ? builder->span_size * 2 : 8;
		builder->spans = neap_realloc(builder->spans, builder->span_size * sizeof(*builder->spans));
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are span_size of them */
	builder->spans[builder->span_count++] = (struct neap_span){ start, len };
}

void neap_text_builder_add(struct neap_text_builder *builder, struct neap_text piece)
{
	for (size_t i = 0; i < piece.span_count; i++)
		add_span(builder, builder->bytes.len + piece.spans[i].start, piece.spans[i].len);
	grow(&builder->bytes, piece.len, true);
	append(&builder->bytes, piece.data, piece.len);
}

void neap_text_builder_secret(struct neap_text_builder *builder, const char *data, size_t len)
{
	add_span(builder, builder->bytes.len, len);
	grow(&builder->bytes, len, true);
	append(&builder->bytes, data, len);
}

struct neap_text neap_text_builder_take(struct neap_text_builder *builder, struct neap_arena *arena)
{
	struct neap_text text =
		neap_text_copy(arena, (struct neap_text){ builder->bytes.data, builder->bytes.len,
							  builder->spans, builder->span_count });

	neap_text_builder_done(builder);
	return text;
}

void neap_text_builder_done(struct neap_text_builder *builder)
{
	if (builder->bytes.data)
		explicit_bzero(builder->bytes.data, builder->bytes.len);
	neap_buf_done(&builder->bytes);
	free(builder->spans);
	*builder = (struct neap_text_builder){ 0 };
}
