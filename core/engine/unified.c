/*
 * Myers' greedy O(ND) line diff, without recursion: the furthest-reaching ends for each number of edits are
 * kept and walked back. Both the edits and the total work have a cap; beyond it the differing middle is one
 * replacement, which is always right, if not short.
 */
#include "engine/unified.h"

#include "base/map.h"
#include "base/vec.h"

#define EDITS_MAX 1000          /* the trace takes EDITS_MAX² × 4 bytes at most */
#define WORK_MAX (20 * 1000000) /* comparisons of lines */

struct side {
	struct neap_str *lines; /* with their newlines */
	uint32_t *ids;          /* equal lines have equal numbers */
	bool *changed;          /* removed, or added */
	size_t count;
};

static void split(struct neap_arena *arena, struct neap_text text, struct side *ret)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; count++) {
		const char *end = memchr(text.data + i, '\n', text.len - i);
		i = end ? (size_t)(end - text.data) + 1 : text.len;
	}
	ret->lines = neap_arena_array_of(arena, struct neap_str, count + 1);
	ret->ids = neap_arena_array_of(arena, uint32_t, count + 1);
	ret->changed = neap_arena_array_of(arena, bool, count + 1);
	ret->count = count;
	for (size_t i = 0, n = 0; i < text.len; n++) {
		const char *end = memchr(text.data + i, '\n', text.len - i);
		size_t next = end ? (size_t)(end - text.data) + 1 : text.len;
		ret->lines[n] = (struct neap_str){ text.data + i, next - i };
		i = next;
	}
}

static void number(struct neap_map *seen, struct side *side)
{
	for (size_t i = 0; i < side->count; i++) {
		void **slot = neap_map_slot(seen, side->lines[i]);
		if (!*slot)
			*slot = (void *)(uintptr_t)seen->count;
		side->ids[i] = (uint32_t)(uintptr_t)*slot;
	}
}

/*
 * Marks what changed between a[0, n) and b[0, m), which start and end differently. False: over a cap.
 *
 * ends[k + offset] is how far along `a` the diagonal k (= x - y) was reached with d edits; the state before
 * each d is kept in `trace`, whose row d holds diagonals -d … d.
 */
static bool mark(const uint32_t *a, bool *removed, int n, const uint32_t *b, bool *added, int m)
{
	int limit = n + m < EDITS_MAX ? n + m : EDITS_MAX;
	int32_t *ends = neap_alloc(sizeof *ends * (2 * (size_t)limit + 3));
	int32_t *v = ends + limit + 1;
	NEAP_VEC(int32_t *) trace = { 0 };
	size_t work = 0;
	int d, k = 0;
	bool found = false;

	v[1] = 0;
	for (d = 0; d <= limit && work < WORK_MAX && !found; d++) {
		int32_t *row = neap_alloc(sizeof *row * (2 * (size_t)d + 3));
		if (d > 0)
			memcpy(row, v - d, sizeof *row * (2 * (size_t)d + 1));
		neap_vec_push(&trace, row);
		for (k = -d; k <= d && work < WORK_MAX; k += 2) {
			int x = k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1] : v[k - 1] + 1;
			int start = x;
			/* Off the grid nothing matches, but such ends must not be taken for the goal. */
			while (x < n && x - k < m && x - k >= 0 && a[x] == b[x - k])
				x++;
			v[k] = x;
			work += (size_t)(x - start) + 1;
			if (x >= n && x - k >= m) {
				found = true;
				break;
			}
		}
	}
	d--; /* the last one tried */
	for (int x = n, y = m; found && d > 0; d--) {
		const int32_t *row = trace.items[d] + d; /* ends with d - 1 edits */
		k = x - y;
		bool down = k == -d || (k != d && row[k - 1] < row[k + 1]);
		int from = down ? k + 1 : k - 1;
		x = row[from];
		y = x - from;
		if (down)
			added[y] = true;
		else
			removed[x] = true;
	}
	for (size_t i = 0; i < trace.count; i++)
		free(trace.items[i]);
	neap_vec_done(&trace);
	free(ends);
	return found;
}

static void compare(struct neap_arena *arena, struct neap_text before, struct neap_text after, struct side *a,
		    struct side *b, struct neap_unified *ret)
{
	struct neap_map seen = { 0 };
	split(arena, before, a);
	split(arena, after, b);
	number(&seen, a);
	number(&seen, b);
	neap_map_done(&seen);

	size_t start = 0, n = a->count, m = b->count;
	while (start < n && start < m && a->ids[start] == b->ids[start])
		start++;
	while (n > start && m > start && a->ids[n - 1] == b->ids[m - 1])
		n--, m--;
	size_t old = n - start, new = m - start;
	if (old == 0 || new == 0 ||
	    !mark(a->ids + start, a->changed + start, (int)old, b->ids + start, b->changed + start,
		  (int)new)) {
		memset(a->changed + start, true, old);
		memset(b->changed + start, true, new);
	}
	*ret = (struct neap_unified){ 0 };
	for (size_t i = 0; i < a->count; i++)
		ret->removed += a->changed[i];
	for (size_t i = 0; i < b->count; i++)
		ret->added += b->changed[i];
}

void neap_unified_count(struct neap_arena *arena, struct neap_text before, struct neap_text after,
			struct neap_unified *ret)
{
	struct side a, b;
	compare(arena, before, after, &a, &b, ret);
}

/* ---- hunks -------------------------------------------------------------------------------------------- */

struct writer {
	struct neap_arena *arena;
	struct neap_text after;
	NEAP_VEC(struct neap_unified_line) lines;
};

static void put(struct writer *writer, enum neap_unified_kind kind, struct neap_str line)
{
	size_t len = line.len;
	bool newline = len > 0 && line.data[len - 1] == '\n';
	struct neap_text text = neap_text_plain(line.data, len - newline);
	if (kind != NEAP_UNIFIED_REMOVED && writer->after.span_count > 0)
		text = neap_text_slice(writer->arena, writer->after, (size_t)(line.data - writer->after.data),
				       len - newline);
	neap_vec_push(&writer->lines, (struct neap_unified_line){ kind, text });
	if (!newline)
		neap_vec_push(&writer->lines,
			      (struct neap_unified_line){ NEAP_UNIFIED_NO_NEWLINE, neap_text("") });
}

/* As diff(1) writes it: a range of one line has no length, an empty one names the line before it. */
static const char *range(struct neap_arena *arena, char sign, size_t first, size_t count)
{
	if (count == 1)
		return neap_arena_printf(arena, "%c%zu", sign, first + 1);
	return neap_arena_printf(arena, "%c%zu,%zu", sign, count ? first + 1 : first, count);
}

void neap_unified(struct neap_arena *arena, struct neap_text before, struct neap_text after, unsigned context,
		  struct neap_unified *ret)
{
	struct side a, b;
	struct writer writer = { .arena = arena, .after = after };
	compare(arena, before, after, &a, &b, ret);

	size_t i = 0, j = 0;
	while (i < a.count || j < b.count) {
		if (i < a.count && j < b.count && !a.changed[i] && !b.changed[j]) {
			i++, j++;
			continue;
		}
		/* A change starts here; the hunk ends where more than two contexts of equal lines follow. */
		size_t lead = i < context ? i : context; /* i lines or more lie before in both */
		size_t first_old = i - (lead < j ? lead : j), first_new = j - (i - first_old);
		size_t end_old = i, end_new = j, equal = 0;
		size_t p = i, q = j;
		while (p < a.count || q < b.count) {
			if (p < a.count && a.changed[p]) {
				p++;
				equal = 0;
			} else if (q < b.count && b.changed[q]) {
				q++;
				equal = 0;
			} else if (equal == 2 * (size_t)context) {
				break;
			} else {
				p++, q++, equal++;
				continue;
			}
			end_old = p, end_new = q;
		}
		size_t tail = a.count - end_old < context ? a.count - end_old : context;
		end_old += tail, end_new += tail;
		struct neap_unified_line hunk = {
			NEAP_UNIFIED_HUNK,
			neap_text(neap_arena_printf(arena, "@@ %s %s @@",
						    range(arena, '-', first_old, end_old - first_old),
						    range(arena, '+', first_new, end_new - first_new)))
		};
		neap_vec_push(&writer.lines, hunk);
		for (p = first_old, q = first_new; p < end_old || q < end_new;) {
			if (p < end_old && a.changed[p])
				put(&writer, NEAP_UNIFIED_REMOVED, a.lines[p++]);
			else if (q < end_new && b.changed[q])
				put(&writer, NEAP_UNIFIED_ADDED, b.lines[q++]);
			else
				put(&writer, NEAP_UNIFIED_CONTEXT, b.lines[q++]), p++;
		}
		i = end_old, j = end_new;
	}
	ret->lines = neap_arena_array_of(arena, struct neap_unified_line, writer.lines.count + 1);
	if (writer.lines.count)
		memcpy(ret->lines, writer.lines.items, writer.lines.count * sizeof *ret->lines);
	ret->count = writer.lines.count;
	neap_vec_done(&writer.lines);
}
