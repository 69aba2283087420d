#include "base/lines.h"

struct neap_line neap_line_at(struct neap_str text, size_t start)
{
	const char *newline = memchr(text.data + start, '\n', text.len - start);
	struct neap_line line = { start, text.len, text.len };

	if (newline) {
		line.end = (size_t)(newline - text.data);
		line.next = line.end + 1;
		if (line.end > start && text.data[line.end - 1] == '\r')
			line.end--;
	}
	return line;
}

struct neap_line neap_line_before(struct neap_str text, size_t next)
{
	size_t body = text.data[next - 1] == '\n' ? next - 1 : next;
	const char *newline = memrchr(text.data, '\n', body);
	return neap_line_at(text, newline ? (size_t)(newline - text.data) + 1 : 0);
}

size_t neap_line_number(struct neap_str text, size_t start)
{
	size_t number = 1;
	const char *at = text.data, *end = text.data + start;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		number++;
		at++;
	}
	return number;
}

bool neap_line_find(struct neap_str text, struct neap_str line, size_t start, struct neap_line *ret)
{
	while (start < text.len) {
		const char *hit = memmem(text.data + start, text.len - start, line.data, line.len);
		if (!hit)
			return false;
		size_t at = (size_t)(hit - text.data);
		if (at == 0 || text.data[at - 1] == '\n') {
			struct neap_line found = neap_line_at(text, at);
			if (found.end - found.start == line.len) {
				*ret = found;
				return true;
			}
		}
		/* Only a line's start can be next. */
		hit = memchr(hit, '\n', text.len - at);
		if (!hit)
			return false;
		start = (size_t)(hit - text.data) + 1;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct neap_str neap_str_trim(struct neap_str text)
{
	while (text.len && is_blank(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

struct neap_str neap_str_word(struct neap_str *rest)
{
	struct neap_str word = neap_str_trim(*rest);
	size_t len = 0;

	while (len < word.len && !is_blank(word.data[len]))
		len++;
	*rest = (struct neap_str){ word.data + len, word.len - len };
	word.len = len;
	return word;
}

void neap_line_note(struct neap_line_numbers *numbers, size_t number)
{
	if (numbers->count < NEAP_LINE_NUMBERS)
		numbers->first[numbers->count] = number;
	numbers->count++;
}

void neap_line_print(const struct neap_line_numbers *numbers, struct neap_buf *ret)
{
	for (size_t i = 0; i < numbers->count && i < NEAP_LINE_NUMBERS; i++)
		neap_buf_printf(ret, "%s%zu", i ? ", " : "", numbers->first[i]);
	if (numbers->count > NEAP_LINE_NUMBERS)
		neap_buf_printf(ret, " and %zu more", numbers->count - NEAP_LINE_NUMBERS);
}

/* ---- rewriting --------------------------------------------------------------------------------------- */

static struct neap_str ending_of(struct neap_str text)
{
	const char *newline = text.len ? memchr(text.data, '\n', text.len) : NULL;
	return newline && newline > text.data && newline[-1] == '\r' ? NEAP_STR("\r\n") : NEAP_STR("\n");
}

void neap_rewrite_begin(struct neap_rewrite *rewrite, struct neap_arena *arena, struct neap_str text)
{
	*rewrite = (struct neap_rewrite){ .arena = arena, .text = text, .ending = ending_of(text) };
}

void neap_rewrite_put(struct neap_rewrite *rewrite, struct neap_str bytes)
{
	size_t needed = rewrite->len + bytes.len + 1;

	if (needed > rewrite->size) {
		size_t size = rewrite->size ? 2 * rewrite->size : rewrite->text.len + 256;
		char *more = neap_arena_bytes(rewrite->arena, size < needed ? needed : size);
		if (rewrite->len)
			memcpy(more, rewrite->bytes, rewrite->len);
		rewrite->bytes = more;
		rewrite->size = size < needed ? needed : size;
	}
	if (bytes.len)
		memcpy(rewrite->bytes + rewrite->len, bytes.data, bytes.len);
	rewrite->len += bytes.len;
}

void neap_rewrite_keep(struct neap_rewrite *rewrite, size_t to)
{
	neap_rewrite_put(rewrite,
			 (struct neap_str){ rewrite->text.data + rewrite->done, to - rewrite->done });
	rewrite->done = to;
}

void neap_rewrite_drop(struct neap_rewrite *rewrite, size_t to)
{
	rewrite->done = to;
}

void neap_rewrite_line(struct neap_rewrite *rewrite, struct neap_str line)
{
	if (rewrite->len && rewrite->bytes[rewrite->len - 1] != '\n')
		neap_rewrite_put(rewrite, rewrite->ending);
	neap_rewrite_put(rewrite, line);
	neap_rewrite_put(rewrite, rewrite->ending);
}

struct neap_str neap_rewrite_end(struct neap_rewrite *rewrite)
{
	struct neap_str text = rewrite->text;

	neap_rewrite_keep(rewrite, text.len);
	/* A missing final newline stays missing: the line that is last now loses its ending. */
	if (text.len && text.data[text.len - 1] != '\n' && rewrite->len &&
	    rewrite->bytes[rewrite->len - 1] == '\n') {
		rewrite->len--;
		if (rewrite->len && rewrite->bytes[rewrite->len - 1] == '\r')
			rewrite->len--;
	}
	rewrite->bytes[rewrite->len] = '\0';
	return (struct neap_str){ rewrite->bytes, rewrite->len };
}
