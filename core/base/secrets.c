/* See secrets.h. Sorted, the longest secret that a text begins with is found by one binary search. */
#include "base/secrets.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

#define NONE SIZE_MAX
#define CUT "…"

struct needle {
	struct neap_str bytes; /* first */
	size_t shorter;        /* the next shorter needle that this one begins with; NONE */
};

struct neap_secrets {
	struct neap_arena *arena;
	struct neap_map whole; /* as they were added */
	NEAP_VEC(struct needle) needles;
	size_t split; /* so many of `whole` are needles */
	struct neap_map folded;
	NEAP_VEC(struct neap_str) ends; /* of those, each from another byte on; sorted */
	bool sorted;
	bool begins[256]; /* a needle begins with this byte */
};

struct neap_secrets *neap_secrets_new(void)
{
	struct neap_secrets *secrets = neap_alloc(sizeof(*secrets));

	*secrets = (struct neap_secrets){ .arena = neap_arena_new() };
	neap_arena_wipe(secrets->arena);
	return secrets;
}

void neap_secrets_free(struct neap_secrets *secrets)
{
	if (!secrets)
		return;
	neap_map_done(&secrets->whole);
	neap_vec_done(&secrets->needles);
	neap_map_done(&secrets->folded);
	neap_vec_done(&secrets->ends);
	neap_arena_free(secrets->arena);
	free(secrets);
}

void neap_secrets_add(struct neap_secrets *secrets, struct neap_text text)
{
	for (size_t i = 0; i < text.span_count; i++) {
		struct neap_str bytes = { text.data + text.spans[i].start, text.spans[i].len };

		if (bytes.len < NEAP_SECRETS_MIN || neap_map_get(&secrets->whole, bytes))
			continue;
		bytes.data = neap_arena_copy(secrets->arena, bytes.data, bytes.len);
		neap_map_put(&secrets->whole, bytes, secrets);
	}
}

void neap_secrets_add_runs(struct neap_secrets *secrets, struct neap_str bytes)
{
	if (bytes.len < NEAP_SECRETS_RUN || neap_map_get(&secrets->folded, bytes))
		return;
	bytes.data = neap_arena_copy(secrets->arena, bytes.data, bytes.len);
	neap_map_put(&secrets->folded, bytes, secrets);
	for (size_t i = 0; i + NEAP_SECRETS_RUN <= bytes.len; i++)
		neap_vec_push(&secrets->ends, (struct neap_str){ bytes.data + i, bytes.len - i });
	secrets->sorted = false;
}

/* ---- needles ------------------------------------------------------------------------------------------- */

static void add_needle(struct neap_secrets *secrets, const char *from, const char *to)
{
	while (from < to && *from == ' ')
		from++;
	while (from < to && to[-1] == ' ')
		to--;
	if (to - from < NEAP_SECRETS_MIN)
		return;
	neap_vec_push(&secrets->needles,
		      (struct needle){ .bytes = { from, (size_t)(to - from) }, .shorter = NONE });
}

/* Control characters do not come through as they are, nor do others where not all is UTF-8. */
static void add_pieces(struct neap_secrets *secrets, struct neap_str whole)
{
	const char *end = whole.data + whole.len, *line = whole.data, *piece = whole.data;

	for (const char *at = whole.data; at <= end; at++) {
		bool ends = at == end || (unsigned char)*at < ' ' || *at == 0x7f;

		if (!ends && !((unsigned char)*at & 0x80))
			continue;
		if (piece > line || !ends)
			add_needle(secrets, piece, at);
		piece = at + 1;
		if (!ends)
			continue;
		add_needle(secrets, line, at);
		line = at + 1;
	}
}

/* Of texts, and of what begins with one. */
static int compare(const void *a, const void *b)
{
	const struct neap_str *one = a, *two = b;
	int order = memcmp(one->data, two->data, one->len < two->len ? one->len : two->len);

	return order ? order : (one->len > two->len) - (one->len < two->len);
}

static bool begins_with(struct neap_str text, struct neap_str start)
{
	return start.len <= text.len && memcmp(text.data, start.data, start.len) == 0;
}

static void prepare(struct neap_secrets *secrets)
{
	struct needle *needles;
	size_t shorter;

	if (secrets->split == secrets->whole.count)
		return;
	for (; secrets->split < secrets->whole.count; secrets->split++)
		add_pieces(secrets, secrets->whole.entries[secrets->split].key);
	needles = secrets->needles.items;
	if (!needles)
		return;
	qsort(needles, secrets->needles.count, sizeof(*needles), compare);
	for (size_t i = 0; i < secrets->needles.count; i++) {
		secrets->begins[(unsigned char)needles[i].bytes.data[0]] = true;
		shorter = i ? i - 1 : NONE;
		while (shorter != NONE && !begins_with(needles[i].bytes, needles[shorter].bytes))
			shorter = needles[shorter].shorter;
		needles[i].shorter = shorter;
	}
}

/* How many needles sort before `text`, or at its place. */
static size_t rank(const struct neap_secrets *secrets, struct neap_str text)
{
	const struct needle key = { .bytes = text };
	size_t low = 0, high = secrets->needles.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&secrets->needles.items[middle], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- finding ------------------------------------------------------------------------------------------- */

/* The length of the longest needle that `rest` begins with; 0. */
static size_t whole_one(const struct neap_secrets *secrets, struct neap_str rest)
{
	size_t found;

	if (!secrets->begins[(unsigned char)rest.data[0]])
		return 0;
	found = rank(secrets, rest);
	found = found ? found - 1 : NONE;
	while (found != NONE && !begins_with(rest, secrets->needles.items[found].bytes))
		found = secrets->needles.items[found].shorter;
	return found == NONE ? 0 : secrets->needles.items[found].bytes.len;
}

static size_t in_common(struct neap_str a, struct neap_str b)
{
	size_t len = 0;

	while (len < a.len && len < b.len && a.data[len] == b.data[len])
		len++;
	return len;
}

/* How much of `rest` is a run of one that may be folded; 0. It is in one of the two neighbours where it would
 * be sorted in. */
static size_t run_of_one(struct neap_secrets *secrets, struct neap_str rest)
{
	const struct neap_str *ends = secrets->ends.items;
	size_t low = 0, high = secrets->ends.count, len = 0, other = 0;

	if (!high || rest.len < NEAP_SECRETS_RUN)
		return 0;
	if (!secrets->sorted)
		qsort(secrets->ends.items, high, sizeof(*ends), compare);
	secrets->sorted = true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&ends[middle], &rest) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low)
		len = in_common(ends[low - 1], rest);
	if (low < secrets->ends.count)
		other = in_common(ends[low], rest);
	len = len > other ? len : other;
	return len < NEAP_SECRETS_RUN ? 0 : len;
}

/* Behind a cut: the longest end of a needle that `rest` begins with. */
static size_t end_of_one(const struct neap_secrets *secrets, struct neap_str rest)
{
	size_t longest = 0;

	for (size_t i = 0; i < secrets->needles.count; i++) {
		struct neap_str bytes = secrets->needles.items[i].bytes;

		for (size_t at = 1; at + NEAP_SECRETS_MIN <= bytes.len; at++) {
			struct neap_str end = { bytes.data + at, bytes.len - at };

			if (end.len <= longest || !begins_with(rest, end))
				continue;
			longest = end.len;
			break;
		}
	}
	return longest;
}

/* Before a cut, which is at `cut`: whether a needle begins with all that is left until there. */
static size_t start_of_one(const struct neap_secrets *secrets, struct neap_str rest, const char *cut)
{
	struct neap_str start = { rest.data, cut ? (size_t)(cut - rest.data) : 0 };
	size_t found;

	if (start.len < NEAP_SECRETS_MIN || !secrets->begins[(unsigned char)start.data[0]])
		return 0;
	found = rank(secrets, start);
	return found < secrets->needles.count && begins_with(secrets->needles.items[found].bytes, start)
		       ? start.len
		       : 0;
}

bool neap_secrets_mask(struct neap_secrets *secrets, const char *text, struct neap_buf *ret)
{
	struct neap_str rest = neap_str(text);
	const char *cut = NULL;
	bool found = false;

	if ((!secrets->whole.count && !secrets->folded.count) || !rest.len)
		return false;
	prepare(secrets);
	cut = strstr(text, CUT);
	while (rest.len) {
		size_t len = 0;

		if (rest.data == cut) {
			rest = (struct neap_str){ rest.data + strlen(CUT), rest.len - strlen(CUT) };
			neap_buf_puts(ret, CUT);
			cut = strstr(rest.data, CUT);
			len = rest.len ? end_of_one(secrets, rest) : 0;
		}
		if (!len && rest.len) {
			size_t run = run_of_one(secrets, rest);

			len = whole_one(secrets, rest);
			len = len > run ? len : run;
		}
		if (!len && rest.len)
			len = start_of_one(secrets, rest, cut);
		if (len) {
			neap_buf_puts(ret, "(secret)");
			found = true;
		} else if (rest.len && rest.data != cut) {
			neap_buf_putc(ret, *rest.data);
			len = 1;
		}
		rest = (struct neap_str){ rest.data + len, rest.len - len };
		if (cut && rest.data > cut) /* a secret has one in it */
			cut = strstr(rest.data, CUT);
	}
	return found;
}
