/*
 * A text as lines, and a text rewritten from its start to its end so that nothing changes but what is meant:
 * each line keeps its ending, a new one gets that of the first line (LF or CRLF), and a text that ends
 * without a newline stays one. Bytes are bytes; nothing here opens a file.
 */
#pragma once

#include "base/str.h"

struct neap_line { /* bytes [start, end) without the ending, the next line at `next` */
	size_t start, end, next;
};

static inline struct neap_str neap_line_bytes(struct neap_str text, struct neap_line line)
{
	return (struct neap_str){ text.data + line.start, line.end - line.start };
}
/* The line that starts at `start` < text.len. */
struct neap_line neap_line_at(struct neap_str text, size_t start);
/* The line that ends where the next one starts, `next` > 0. */
struct neap_line neap_line_before(struct neap_str text, size_t next);
/* Counted from 1. */
size_t neap_line_number(struct neap_str text, size_t start);
/* The first line at or after `start` that is exactly `line`: one search, no look at each line. */
bool neap_line_find(struct neap_str text, struct neap_str line, size_t start, struct neap_line *ret);

/* Blanks (space, tab) taken off both ends; the next word of *rest, which moves on; empty when there is none.
 */
struct neap_str neap_str_trim(struct neap_str text);
struct neap_str neap_str_word(struct neap_str *rest);

#define NEAP_LINE_NUMBERS 10 /* that are named, the others are counted */

struct neap_line_numbers {
	size_t count;
	size_t first[NEAP_LINE_NUMBERS];
};
void neap_line_note(struct neap_line_numbers *numbers, size_t number);
/* "3, 7, 9 and 4 more" */
void neap_line_print(const struct neap_line_numbers *numbers, struct neap_buf *ret);

/* begin, then any of keep, drop, put, line in the order of the text; end takes what is left as it is. */
struct neap_rewrite {
	struct neap_arena *arena;
	struct neap_str text, ending;
	size_t done; /* so much of the text is dealt with */
	char *bytes;
	size_t len, size;
};
void neap_rewrite_begin(struct neap_rewrite *rewrite, struct neap_arena *arena, struct neap_str text);
void neap_rewrite_keep(struct neap_rewrite *rewrite, size_t to);
void neap_rewrite_drop(struct neap_rewrite *rewrite, size_t to);
/* Bytes inside a line. */
void neap_rewrite_put(struct neap_rewrite *rewrite, struct neap_str bytes);
/* A whole new line. */
void neap_rewrite_line(struct neap_rewrite *rewrite, struct neap_str line);
struct neap_str neap_rewrite_end(struct neap_rewrite *rewrite);
