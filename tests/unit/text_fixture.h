/* Texts with secrets in them, written as a pattern: "user:[hunter2]". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

/* "…[secret]…" in, text out: brackets mark. */
static struct neap_text marked(struct neap_arena *arena, const char *pattern)
{
	struct neap_text_builder builder NEAP_AUTO_TEXT_BUILDER = { 0 };
	bool secret = false;

	for (; *pattern; pattern++) {
		if (*pattern == '[' || *pattern == ']')
			secret = *pattern == '[';
		else if (secret)
			neap_text_builder_secret(&builder, pattern, 1);
		else
			neap_text_builder_add(&builder, neap_text_plain(pattern, 1));
	}
	return neap_text_builder_take(&builder, arena);
}

/* The way back, and whether the spans are sorted, apart and not empty. */
static const char *pattern(struct neap_arena *arena, struct neap_text text)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	size_t from = 0;

	for (size_t i = 0; i < text.span_count; i++) {
		size_t start = text.spans[i].start, len = text.spans[i].len;

		assert_true(len > 0);
		assert_true(i == 0 || start > from);
		assert_true(start + len <= text.len);
		neap_buf_append(&buf, text.data + from, start - from);
		neap_buf_putc(&buf, '[');
		neap_buf_append(&buf, text.data + start, len);
		neap_buf_putc(&buf, ']');
		from = start + len;
	}
	neap_buf_append(&buf, text.data + from, text.len - from);
	return neap_arena_copy(arena, buf.data, buf.len);
}
