/*
 * The lines in which two texts differ, as a unified diff shows them. Pure.
 *
 * Time is bounded: when two texts differ in very many lines, all that lies between their equal start and
 * their equal end counts as replaced.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

enum neap_unified_kind {
	NEAP_UNIFIED_HUNK,    /* text is "@@ -1,3 +1,4 @@" */
	NEAP_UNIFIED_CONTEXT, /* in both */
	NEAP_UNIFIED_REMOVED,
	NEAP_UNIFIED_ADDED,
	NEAP_UNIFIED_NO_NEWLINE, /* the line before has no newline at its end; text is empty */
};

struct neap_unified_line {
	enum neap_unified_kind kind;
	struct neap_text text; /* without its newline; `after`'s marks stay on it */
};

struct neap_unified {
	struct neap_unified_line *lines;
	size_t count;
	size_t added, removed;
};

/* `before` is plain (its marks do not count). With `context` lines around each change. Lines point into the
 * two texts or lie in `arena`. */
void neap_unified(struct neap_arena *arena, struct neap_text before, struct neap_text after, unsigned context,
		  struct neap_unified *ret);
/* Only `added` and `removed`; no lines. */
void neap_unified_count(struct neap_arena *arena, struct neap_text before, struct neap_text after,
			struct neap_unified *ret);
