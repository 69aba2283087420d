/*
 * Numbers and ranges that nobody has: see accounts.h. What was found once is remembered, so that a thousand
 * users in a row do not look at each other.
 */
#include "host/accounts_table.h"

#include <inttypes.h>
#include <stdlib.h>

void neap_account_recount(struct neap_account_table *table)
{
	table->free[0].made = table->free[1].made = false;
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

static void find_edge(struct neap_account_table *table, uint32_t min, uint32_t max, bool down)
{
	/* One beyond the range on the side where it begins: nobody there has a number. */
	uint64_t edge = down ? (uint64_t)max + 1 : (uint64_t)min - 1;

	for (size_t i = 0; i < table->lines.count; i++) {
		const struct neap_account_line *line = table->lines.items[i];

		if (line->valid && !line->gone && line->number >= min && line->number <= max &&
		    (down ? line->number < edge : line->number > edge))
			edge = line->number;
	}
	table->free[down].min = min;
	table->free[down].max = max;
	table->free[down].edge = (uint32_t)edge;
	table->free[down].gap = down ? max : min;
	table->free[down].made = true;
}

int neap_account_free_number(const struct neap_view *view, enum neap_account_file file, uint32_t min,
			     uint32_t max, bool down, uint32_t *ret, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[file];
	int r = neap_account_load(accounts, table, view, err);

	if (r != 0)
		return r;
	if (accounts->unsettled != UINT32_MAX)
		return NEAP_UNKNOWN;
	if (!min || min > max || max >= NEAP_KEEP)
		return neap_error_set(err, "the range %" PRIu32 " to %" PRIu32 " makes no sense", min, max);
	if (!table->free[down].made || table->free[down].min != min || table->free[down].max != max)
		find_edge(table, min, max, down);
	if (table->free[down].edge != (down ? min : max)) {
		*ret = down ? table->free[down].edge - 1 : table->free[down].edge + 1;
		return 0;
	}
	/* What is taken stays so until a recount, so a search goes on where the last one ended. */
	for (uint32_t *gap = &table->free[down].gap; *gap >= min && *gap <= max; *gap += down ? -1U : 1U) {
		if (neap_account_numbered(table, *gap))
			continue;
		*ret = *gap;
		return 0;
	}
	return neap_error_set(err, "all numbers from %" PRIu32 " to %" PRIu32 " are in use", min, max);
}

/* ---- ranges ------------------------------------------------------------------------------------------ */

static bool parse(struct neap_str text, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || i > 10)
			return false;
		*ret = *ret * 10 + (uint64_t)(text.data[i] - '0');
	}
	return text.len > 0;
}

static bool range_of(const struct neap_account_line *line, struct neap_account_range *ret)
{
	struct neap_account_entry entry;
	uint64_t count;

	neap_account_split(line, &entry);
	if (!line->valid || line->gone || entry.count < 3 || !parse(entry.fields[1], &ret->first) ||
	    !parse(entry.fields[2], &count) || !count)
		return false;
	ret->last = ret->first + count - 1;
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct neap_account_range *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static void make_taken(struct neap_account_table *table)
{
	struct neap_account_range range;

	if (table->taken_made)
		return;
	table->taken.count = 0;
	for (size_t i = 0; i < table->lines.count; i++)
		if (range_of(table->lines.items[i], &range))
			neap_vec_push(&table->taken, range);
	if (table->taken.count)
		qsort(table->taken.items, table->taken.count, sizeof(*table->taken.items), by_first);
	table->search.count = 0;
	table->taken_made = true;
}

void neap_account_take_range(struct neap_account_table *table, const struct neap_account_line *line)
{
	struct neap_account_range range;
	size_t at = table->search.at;

	if (!table->taken_made || !range_of(line, &range))
		return;
	if (!table->search.count || at > table->taken.count || range.first != table->search.low) {
		table->taken_made = false; /* not the one that was found */
		return;
	}
	neap_vec_push(&table->taken, range);
	memmove(table->taken.items + at + 1, table->taken.items + at,
		(table->taken.count - 1 - at) * sizeof(*table->taken.items));
	table->taken.items[at] = range;
}

int neap_account_free_range(const struct neap_view *view, enum neap_account_file file, uint64_t min,
			    uint64_t max, uint64_t count, uint64_t *ret, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[file];
	int r = neap_account_load(accounts, table, view, err);

	if (r != 0)
		return r;
	if (accounts->unsettled != UINT32_MAX)
		return NEAP_UNKNOWN;
	make_taken(table);
	if (table->search.count != count || table->search.min != min) {
		table->search.min = table->search.low = min;
		table->search.count = count;
		table->search.at = 0;
	}
	for (; table->search.at < table->taken.count; table->search.at++) {
		const struct neap_account_range *taken = &table->taken.items[table->search.at];

		if (taken->first > table->search.low && taken->first - table->search.low >= count)
			break;
		if (taken->last >= table->search.low)
			table->search.low = taken->last + 1;
	}
	if (table->search.low > max || max - table->search.low + 1 < count)
		return neap_error_set(err,
				      "no %" PRIu64 " numbers in a row are free from %" PRIu64 " to %" PRIu64,
				      count, min, max);
	*ret = table->search.low;
	return 0;
}
