/* Base64 and JSON escapes of texts whose marks travel: what a secret byte went into is secret. */
#include <stdio.h>

#include "base/value.h"

/* Adds the span [start, end) to sorted spans; joins it with the last where they touch. */
static size_t join_span(struct neap_span *spans, size_t count, size_t start, size_t end)
{
	struct neap_span *last = count ? &spans[count - 1] : NULL;

	if (last && start <= last->start + last->len) {
		if (end > last->start + last->len)
			last->len = end - last->start;
		return count;
	}
	spans[count] = (struct neap_span){ start, end - start };
	return count + 1;
}

struct neap_text neap_text_base64(struct neap_arena *arena, struct neap_text text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text.data;
	size_t left = text.len, len = (text.len + 2) / 3 * 4;
	char *out = neap_arena_bytes(arena, len + 1), *to = out;
	struct neap_text result = neap_text_plain(out, len);

	for (; left >= 3; p += 3, left -= 3) {
		uint32_t group = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = digits[group >> 6 & 63];
		*to++ = digits[group & 63];
	}
	if (left) {
		uint32_t group = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = left == 2 ? digits[group >> 6 & 63] : '=';
		*to++ = '=';
	}
	*to = '\0';

	if (text.span_count) {
		struct neap_span *spans = neap_arena_array_of(arena, struct neap_span, text.span_count);

		/* Bit b of the input lies in character b / 6 of the output. */
		for (size_t i = 0; i < text.span_count; i++) {
			size_t first = text.spans[i].start, last = first + text.spans[i].len - 1;

			result.span_count =
				join_span(spans, result.span_count, first / 3 * 4 + first % 3 * 8 / 6,
					  last / 3 * 4 + (last % 3 * 8 + 7) / 6 + 1);
		}
		result.spans = spans;
	}
	return result;
}

enum { PLAIN, ASCII, LEAD };

/* LEAD: two or three bytes that may be a character YAML readers refuse or take for a line break. */
static const unsigned char classes[256] = {
	[0x00 ... 0x1f] = ASCII, ['"'] = ASCII, ['\\'] = ASCII, [0x7f] = ASCII,
	[0xc2] = LEAD,           [0xe2] = LEAD, [0xef] = LEAD,
};

/*
 * The escape for what begins at p, printed to `out` (7 bytes); *ret_len is how many bytes of input it stands
 * for. 0 when these bytes stay as they are.
 */
static size_t escape(const unsigned char *p, size_t left, char out[7], size_t *ret_len)
{
	static const char letters[128] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
					   ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\' };
	unsigned code = p[0];

	*ret_len = 1;
	switch (classes[p[0]]) {
	case ASCII:
		if (letters[code]) {
			out[0] = '\\';
			out[1] = letters[code];
			return 2;
		}
		break;
	case LEAD:
		if (p[0] == 0xc2 && left >= 2 && p[1] >= 0x80 && p[1] <= 0x9f) { /* C1 controls, NEL */
			code = p[1];
			*ret_len = 2;
		} else if (p[0] == 0xe2 && left >= 3 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
			code = 0x2000 + (p[2] & 0x3f); /* line and paragraph separator */
			*ret_len = 3;
		} else if (p[0] == 0xef && left >= 3 &&
			   ((p[1] == 0xbb && p[2] == 0xbf) ||
			    (p[1] == 0xbf && p[2] >= 0xbe && p[2] <= 0xbf))) {
			code = 0xf000 + ((unsigned)(p[1] & 0x3f) << 6) + (p[2] & 0x3f); /* BOM, FFFE, FFFF */
			*ret_len = 3;
		} else {
			return 0;
		}
		break;
	default:
		return 0;
	}
	return (size_t)snprintf(out, 7, "\\u%04x", code);
}

/* Bytes from p that need no escape. */
static size_t plain_run(const unsigned char *p, size_t left)
{
	size_t run = 0;

	while (run < left && classes[p[run]] == PLAIN)
		run++;
	return run;
}

static int digit(unsigned char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

ptrdiff_t neap_base64_read(const char *data, size_t len, char *out)
{
	unsigned bits = 0, count = 0, padding = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		int value = digit(c);

		if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		if (value < 0 || padding)
			return -1;
		bits = bits << 6 | (unsigned)value;
		if (++count % 4 == 0) {
			out[n++] = (char)(bits >> 16);
			out[n++] = (char)(bits >> 8);
			out[n++] = (char)bits;
			bits = 0;
		}
	}
	if (count % 4 == 1 || padding != (4 - count % 4) % 4)
		return -1;
	if (count % 4 == 2) {
		if (bits & 0xf)
			return -1;
		out[n++] = (char)(bits >> 4);
	} else if (count % 4 == 3) {
		if (bits & 0x3)
			return -1;
		out[n++] = (char)(bits >> 10);
		out[n++] = (char)(bits >> 2);
	}
	return (ptrdiff_t)n;
}

struct neap_text neap_text_json_escape(struct neap_arena *arena, struct neap_text text)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t len = text.len, next = 0, count = 0, taken;
	struct neap_span *spans = NULL;
	char piece[7], *out, *to;

	for (size_t i = 0; i < text.len; i += taken) {
		taken = plain_run(p + i, text.len - i);
		if (!taken) {
			size_t made = escape(p + i, text.len - i, piece, &taken);

			len += made ? made - taken : 0;
		}
	}
	if (len == text.len) /* no escape is as short as what it stands for */
		return neap_text_copy(arena, text);

	out = to = neap_arena_bytes(arena, len + 1);
	if (text.span_count)
		spans = neap_arena_array_of(arena, struct neap_span, text.span_count);
	for (size_t i = 0; i < text.len; i += taken) {
		const char *from = (const char *)p + i;
		size_t start = (size_t)(to - out), made = taken = plain_run(p + i, text.len - i);

		if (!taken) {
			made = escape(p + i, text.len - i, piece, &taken);
			if (made)
				from = piece;
			else
				made = taken;
		}
		to = mempcpy(to, from, made);
		/* Spans that touch this piece: all of an escape, or just their part of a plain run. */
		for (size_t s = next; s < text.span_count && text.spans[s].start < i + taken; s++) {
			size_t begin = text.spans[s].start, end = begin + text.spans[s].len;

			begin = from == piece || begin < i ? 0 : begin - i;
			if (from != piece && end < i + taken)
				count = join_span(spans, count, start + begin, start + end - i);
			else
				count = join_span(spans, count, start + begin, start + made);
			if (end <= i + taken)
				next = s + 1;
		}
	}
	*to = '\0';
	return (struct neap_text){ out, len, spans, count };
}
