/*
 * Strings: a view (neap_str), a growable buffer (neap_buf), and text that knows which of its bytes are
 * secret (neap_text). Views and texts own nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

struct neap_str {
	const char *data;
	size_t len;
};

#define NEAP_STR(literal) ((struct neap_str){ "" literal, sizeof(literal) - 1 })
static inline struct neap_str neap_str(const char *text)
{
	return (struct neap_str){ text, strlen(text) };
}
static inline bool neap_str_equal(struct neap_str a, struct neap_str b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
bool neap_str_is_utf8(struct neap_str text);
/* Length of the longest start of `text` that is UTF-8. */
size_t neap_str_utf8_prefix(struct neap_str text);
/* Edit distance (Damerau-Levenshtein, ASCII), capped at `limit`. For "did you mean". */
unsigned neap_str_distance(const char *a, const char *b, unsigned limit);
/* The nearest of `names` (NULL-terminated) to `wrong`, or NULL when none is near. */
const char *neap_str_nearest(const char *wrong, const char *const *names);

/* Growable, malloc'd; data is always NUL-terminated after the first append. Zero-initialise, then done(). */
struct neap_buf {
	char *data;
	size_t len, size;
};
void neap_buf_append(struct neap_buf *buf, const void *data, size_t len);
void neap_buf_puts(struct neap_buf *buf, const char *text);
void neap_buf_putc(struct neap_buf *buf, char c);
void neap_buf_printf(struct neap_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *neap_buf_reserve(struct neap_buf *buf,
		       size_t more);      /* room for `more` bytes after len; caller adds to len */
void neap_buf_done(struct neap_buf *buf); /* frees, sets to zero */
#define NEAP_AUTO_BUF __attribute__((cleanup(neap_buf_done)))

/* Bytes [start, start + len) of a text. */
struct neap_span {
	size_t start, len;
};

/* Text with secret spans, sorted, not overlapping, not empty. A text without secrets has span_count 0. */
struct neap_text {
	const char *data;
	size_t len;
	const struct neap_span *spans;
	size_t span_count;
};

static inline struct neap_text neap_text(const char *text)
{
	return (struct neap_text){ text, strlen(text), NULL, 0 };
}
static inline struct neap_text neap_text_plain(const char *data, size_t len)
{
	return (struct neap_text){ data, len, NULL, 0 };
}
/* All of `data` is secret. The one span is allocated in `arena`. */
struct neap_text neap_text_secret(struct neap_arena *arena, const char *data, size_t len);
/* A deep copy, NUL-terminated. */
struct neap_text neap_text_copy(struct neap_arena *arena, struct neap_text text);
/* The part [start, start + len) with the spans that touch it. */
struct neap_text neap_text_slice(struct neap_arena *arena, struct neap_text text, size_t start, size_t len);
/* Equal bytes; marks do not count. */
static inline bool neap_text_equal(struct neap_text a, struct neap_text b)
{
	return a.len == b.len && (a.data == b.data || memcmp(a.data, b.data, a.len) == 0);
}
/* For people: each secret span becomes "(secret)". NUL-terminated, in `arena`. */
struct neap_str neap_text_masked(struct neap_arena *arena, struct neap_text text);

/* Grows a text with its marks: append plain or marked pieces, then take the whole. Zero-initialise. */
struct neap_text_builder {
	struct neap_buf bytes;
	struct neap_span *spans;
	size_t span_count, span_size;
};
void neap_text_builder_add(struct neap_text_builder *builder, struct neap_text piece);
void neap_text_builder_secret(struct neap_text_builder *builder, const char *data, size_t len);
struct neap_text neap_text_builder_take(struct neap_text_builder *builder, struct neap_arena *arena);
void neap_text_builder_done(struct neap_text_builder *builder); /* wipes */
#define NEAP_AUTO_TEXT_BUILDER __attribute__((cleanup(neap_text_builder_done)))
