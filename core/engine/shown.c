/* Making text fit to be shown. Knows nothing of what the text is about. */
#include "engine/shown.h"

#include <string.h>

bool neap_shown_plain(const char *data, size_t len)
{
	size_t i;
	unsigned odd = 0;

	for (i = 0; i < len; i++)
		odd |= (unsigned char)(data[i] - 0x20) > 0x7e - 0x20;
	return !odd;
}

/* Length of the valid UTF-8 sequence at `data`, 0 when there is none; its character in *ret. */
static size_t decode(const unsigned char *data, size_t len, uint32_t *ret)
{
	uint32_t character, least;
	size_t size, i;

	if (data[0] >= 0xc2 && data[0] < 0xe0) {
		size = 2, character = data[0] & 0x1f, least = 0x80;
	} else if (data[0] >= 0xe0 && data[0] < 0xf0) {
		size = 3, character = data[0] & 0x0f, least = 0x800;
	} else if (data[0] >= 0xf0 && data[0] < 0xf5) {
		size = 4, character = data[0] & 0x07, least = 0x10000;
	} else {
		return 0;
	}
	if (size > len)
		return 0;
	for (i = 1; i < size; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (data[i] & 0x3f);
	}
	if (character < least || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return 0;
	*ret = character;
	return size;
}

/* Characters that would end the line, move the cursor or turn the direction of writing. */
static bool harmful(uint32_t character)
{
	return (character >= 0x80 && character < 0xa0) || character == 0x061c || character == 0x200e ||
	       character == 0x200f || (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

/* One piece of shown text: at most four bytes from `data` become at most sixteen in `out`. Returns how many
 * were taken. */
static size_t piece(const char *data, size_t len, char out[16], size_t *out_len)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)data[0];
	size_t taken = 1, i;
	uint32_t character = 0;

	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		*out_len = 1;
		return 1;
	}
	if (c == '\n' || c == '\t' || c == '\r') {
		out[0] = '\\';
		out[1] = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
		*out_len = 2;
		return 1;
	}
	if (c >= 0x80) {
		size_t size = decode((const unsigned char *)data, len, &character);
		if (size && !harmful(character)) {
			memcpy(out, data, size);
			*out_len = size;
			return size;
		}
		if (size)
			taken = size;
	}
	*out_len = 0;
	for (i = 0; i < taken; i++) {
		c = (unsigned char)data[i];
		out[(*out_len)++] = '\\';
		out[(*out_len)++] = 'x';
		out[(*out_len)++] = hex[c >> 4];
		out[(*out_len)++] = hex[c & 15];
	}
	return taken;
}

struct neap_str neap_shown(struct neap_arena *arena, struct neap_text text, size_t limit)
{
	static const char dots[] = "…";
	const size_t dots_len = sizeof dots - 1;
	struct neap_str from = { text.data, text.len };
	char *out, one[16];
	size_t pos, len, one_len, taken, room, start, rest;

	if (text.span_count)
		from = neap_text_masked(arena, text);
	if (from.len <= limit && neap_shown_plain(from.data, from.len))
		return (struct neap_str){ neap_arena_copy(arena, from.data, from.len), from.len };

	out = neap_arena_bytes(arena, limit + 1);
	for (pos = len = 0; pos < from.len; pos += taken, len += one_len) {
		taken = piece(from.data + pos, from.len - pos, one, &one_len);
		if (len + one_len > limit)
			break;
		memcpy(out + len, one, one_len);
	}
	if (pos >= from.len) {
		out[len] = '\0';
		return (struct neap_str){ out, len };
	}

	/* Too long: the first half again, dots, then as many whole pieces from the end as fit. */
	room = (limit - dots_len) / 2;
	for (pos = len = 0;; pos += taken, len += one_len) {
		taken = piece(from.data + pos, from.len - pos, one, &one_len);
		if (len + one_len > room)
			break;
		memcpy(out + len, one, one_len);
	}
	memcpy(out + len, dots, dots_len);
	len += dots_len;
	room = limit - len;
	start = from.len > room ? from.len - room : 0;
	if (start < pos)
		start = pos;
	while (start < from.len && ((unsigned char)from.data[start] & 0xc0) == 0x80)
		start++;
	for (pos = start, rest = 0; pos < from.len; pos += taken, rest += one_len)
		taken = piece(from.data + pos, from.len - pos, one, &one_len);
	for (pos = start; pos < from.len; pos += taken) {
		taken = piece(from.data + pos, from.len - pos, one, &one_len);
		if (rest > room) {
			rest -= one_len;
			continue;
		}
		memcpy(out + len, one, one_len);
		len += one_len;
	}
	out[len] = '\0';
	return (struct neap_str){ out, len };
}
