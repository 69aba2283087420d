/*
 * One account file as lines: see accounts_table.h. Of several lines with one name or number the first counts,
 * as for getpwnam(). A change of a line keeps the tables true, so that a thousand users cost a thousand lines
 * and not a thousand files.
 */
#include "host/accounts_table.h"

#include <stdlib.h>

void neap_account_table_drop(struct neap_account_table *table)
{
	for (size_t i = 0; i < table->lines.count; i++) {
		struct neap_account_line *line = table->lines.items[i];

		if (line->owned && table->secret)
			explicit_bzero(line->owned, line->len);
		free(line->owned);
	}
	neap_vec_done(&table->lines);
	neap_vec_done(&table->taken);
	neap_map_done(&table->by_name);
	neap_map_done(&table->by_number);
	neap_map_done(&table->malformed);
	neap_map_done(&table->memberships);
	neap_arena_free(table->arena);
	table->arena = NULL;
	table->from = NULL;
	table->loaded = table->present = table->memberships_made = table->taken_made = false;
	neap_account_recount(table);
}

/* ---- a line ------------------------------------------------------------------------------------------ */

void neap_account_split(const struct neap_account_line *line, struct neap_account_entry *ret)
{
	const char *at = line->data, *end = line->data + line->len;

	ret->count = 0;
	ret->number = line->number;
	while (ret->count < NEAP_ACCOUNT_FIELDS) {
		const char *colon = at < end ? memchr(at, ':', (size_t)(end - at)) : NULL;

		ret->fields[ret->count++] = (struct neap_str){ at, (size_t)((colon ? colon : end) - at) };
		if (!colon)
			break;
		at = colon + 1;
	}
}

bool neap_account_number(struct neap_str text, uint32_t *ret)
{
	uint64_t number = 0;

	if (!text.len || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (number >= NEAP_KEEP)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static struct neap_str number_key(const uint32_t *number)
{
	return (struct neap_str){ (const char *)number, sizeof(*number) };
}

/* Fills what the line says of itself; `name` stays empty when it is no entry. */
static void look(const struct neap_account_table *table, struct neap_account_line *line)
{
	struct neap_account_entry entry;

	line->valid = false;
	if (!line->len || strchr("+-#", line->data[0]))
		return;
	neap_account_split(line, &entry);
	line->name = entry.fields[0];
	line->valid = entry.count >= table->fields && entry.fields[0].len &&
		      !memchr(line->data, '\0', line->len) &&
		      (!table->numbered || neap_account_number(entry.fields[2], &line->number));
}

/* ---- members ----------------------------------------------------------------------------------------- */

struct membership {
	const struct neap_account_line *group;
	struct membership *next;
};

static struct neap_str members_of(const struct neap_account_line *line)
{
	struct neap_account_entry entry;

	neap_account_split(line, &entry);
	return entry.count > 3 ? entry.fields[3] : NEAP_STR("");
}

static struct neap_str next_member(struct neap_str *rest)
{
	const char *comma = rest->len ? memchr(rest->data, ',', rest->len) : NULL;
	struct neap_str name = { rest->data, comma ? (size_t)(comma - rest->data) : rest->len };

	rest->data += name.len + (comma != NULL);
	rest->len -= name.len + (comma != NULL);
	return name;
}

static void join(struct neap_account_table *table, const struct neap_account_line *group,
		 struct neap_str members)
{
	while (members.len) {
		struct neap_str name = next_member(&members);
		struct membership *own, **at;
		void **slot;

		if (!name.len)
			continue;
		name.data = neap_arena_copy(table->arena, name.data, name.len);
		slot = neap_map_slot(&table->memberships, name);
		own = *slot;
		at = &own;
		while (*at && (*at)->group != group)
			at = &(*at)->next;
		if (*at)
			continue;
		*at = neap_arena_new_of(table->arena, struct membership);
		(*at)->group = group;
		*slot = own;
	}
}

static void leave(struct neap_account_table *table, const struct neap_account_line *group,
		  struct neap_str members)
{
	while (members.len) {
		struct neap_str name = next_member(&members);
		struct membership *own = neap_map_get(&table->memberships, name), **at = &own;

		while (*at && (*at)->group != group)
			at = &(*at)->next;
		if (!*at)
			continue;
		*at = (*at)->next;
		if (own)
			neap_map_put(&table->memberships, name, own);
		else
			neap_map_remove(&table->memberships, name);
	}
}

static void make_memberships(struct neap_account_table *table)
{
	if (table->memberships_made)
		return;
	table->memberships_made = true;
	for (size_t i = 0; i < table->lines.count; i++) {
		const struct neap_account_line *line = table->lines.items[i];

		/* Of several lines of one group only the first counts, here too. */
		if (line->valid && !line->gone && neap_account_line_of(table, line->name) == line)
			join(table, line, members_of(line));
	}
}

/* From `old` to `new`: when some only join, those who were there are not looked at. (A name may be there
 * twice, so that nothing follows from where one is missing.) */
static void move_members(struct neap_account_table *table, const struct neap_account_line *group,
			 struct neap_str old, struct neap_str new)
{
	if (!table->memberships_made || neap_str_equal(old, new))
		return;
	if (!old.len ||
	    (new.len > old.len &&new.data[old.len] == ',' && memcmp(old.data, new.data, old.len) == 0)) {
		join(table, group, (struct neap_str){ new.data + old.len, new.len - old.len });
		return;
	}
	leave(table, group, old);
	join(table, group, new);
}

int neap_account_groups_of(const struct neap_view *view, const char *user, struct neap_arena *arena,
			   const char *const **ret, size_t *ret_count, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[NEAP_ETC_GROUP];
	const struct membership *first, *at;
	const char **names;
	size_t count = 0;
	int r = neap_account_load(accounts, table, view, err);

	if (r != 0)
		return r;
	make_memberships(table);
	first = neap_map_get(&table->memberships, neap_str(user));
	for (at = first; at; at = at->next)
		count++;
	names = neap_arena_array_of(arena, const char *, count + 1);
	count = 0;
	for (at = first; at; at = at->next)
		names[count++] = neap_arena_copy(arena, at->group->name.data, at->group->name.len);
	*ret = names;
	*ret_count = count;
	return 0;
}

/* ---- index ------------------------------------------------------------------------------------------- */

static void append(struct neap_account_line **first, struct neap_account_line *line, bool twin)
{
	while (*first)
		first = twin ? &(*first)->twin : &(*first)->same;
	*first = line;
}

static void put_number(struct neap_account_table *table, struct neap_account_line *line)
{
	void **slot;

	if (!table->numbered)
		return;
	line->twin = NULL;
	slot = neap_map_slot(&table->by_number, number_key(&line->number));
	if (*slot)
		append(&((struct neap_account_line *)*slot)->twin, line, true);
	else
		*slot = line;
}

static void take_number(struct neap_account_table *table, struct neap_account_line *line)
{
	struct neap_account_line *first, **at = &first;

	if (!table->numbered)
		return;
	first = neap_map_remove(&table->by_number, number_key(&line->number));
	while (*at && *at != line)
		at = &(*at)->twin;
	if (*at)
		*at = line->twin;
	/* The key lies in the line that is first. */
	if (first)
		neap_map_put(&table->by_number, number_key(&first->number), first);
}

static void index_line(struct neap_account_table *table, struct neap_account_line *line)
{
	void **slot;

	if (!line->valid) {
		if (line->name.len)
			neap_map_put(&table->malformed, line->name, line);
		return;
	}
	slot = neap_map_slot(&table->by_name, line->name);
	if (*slot)
		append(&((struct neap_account_line *)*slot)->same, line, false);
	else
		*slot = line;
	put_number(table, line);
}

struct neap_account_line *neap_account_line_of(const struct neap_account_table *table, struct neap_str name)
{
	return neap_map_get(&table->by_name, name);
}

struct neap_account_line *neap_account_numbered(const struct neap_account_table *table, uint32_t number)
{
	return neap_map_get(&table->by_number, number_key(&number));
}

size_t neap_account_line_number(const struct neap_account_table *table, const struct neap_account_line *line)
{
	size_t number = 1;

	for (size_t i = 0; i < table->lines.count && table->lines.items[i] != line; i++)
		number += !table->lines.items[i]->gone;
	return number;
}

void neap_account_table_parse(struct neap_account_table *table, const char *data, size_t len)
{
	table->nis = SIZE_MAX;
	for (size_t start = 0; start < len;) {
		const char *end = memchr(data + start, '\n', len - start);
		struct neap_account_line *line = neap_arena_new_of(table->arena, struct neap_account_line);

		line->data = data + start;
		line->len = end ? (size_t)(end - line->data) : len - start;
		line->unended = !end;
		start += line->len + 1;
		if (table->nis == SIZE_MAX && line->len && (line->data[0] == '+' || line->data[0] == '-'))
			table->nis = table->lines.count;
		look(table, line);
		neap_vec_push(&table->lines, line);
		index_line(table, line);
	}
	if (table->nis == SIZE_MAX)
		table->nis = table->lines.count;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

/* Room in the middle, where NIS lines follow. */
static void insert_line(struct neap_account_table *table, struct neap_account_line *line)
{
	neap_vec_push(&table->lines, line);
	memmove(table->lines.items + table->nis + 1, table->lines.items + table->nis,
		(table->lines.count - 1 - table->nis) * sizeof(*table->lines.items));
	table->lines.items[table->nis++] = line;
}

static char *owned(const char *text, size_t len)
{
	return memcpy(neap_alloc(len + 1), text, len + 1);
}

static void change_line(struct neap_account_table *table, struct neap_account_line *line, const char *text)
{
	struct neap_account_line old = *line;
	struct neap_str name = line->name;

	line->len = strlen(text);
	line->data = line->owned = owned(text, line->len);
	take_number(table, line);
	look(table, line);
	line->name = name; /* the same bytes, where they stay */
	put_number(table, line);
	if (line->number != old.number)
		neap_account_recount(table);
	table->taken_made = false;
	if (table->members)
		move_members(table, line, members_of(&old), members_of(line));
	if (old.owned && table->secret)
		explicit_bzero(old.owned, old.len);
	free(old.owned);
}

void neap_account_put(struct neap_account_table *table, const char *name, const char *text)
{
	struct neap_account_line *line = neap_account_line_of(table, neap_str(name));

	if (line) {
		change_line(table, line, text);
		return;
	}
	line = neap_arena_new_of(table->arena, struct neap_account_line);
	line->len = strlen(text);
	line->data = line->owned = owned(text, line->len);
	look(table, line);
	line->name = (struct neap_str){ neap_arena_copy(table->arena, line->name.data, line->name.len),
					line->name.len };
	insert_line(table, line);
	index_line(table, line);
	for (unsigned down = 0; down < 2; down++) {
		uint32_t *edge = &table->free[down].edge;

		if (table->free[down].made && line->number >= table->free[down].min &&
		    line->number <= table->free[down].max &&
		    (down ? line->number < *edge : line->number > *edge))
			*edge = line->number;
	}
	if (table->members && table->memberships_made)
		join(table, line, members_of(line));
	if (table->ranges)
		neap_account_take_range(table, line);
}

void neap_account_remove(struct neap_account_table *table, const char *name)
{
	struct neap_account_line *line = neap_map_remove(&table->by_name, neap_str(name));

	for (; line; line = line->same) {
		line->gone = true;
		take_number(table, line);
		if (table->members && table->memberships_made)
			leave(table, line, members_of(line));
		neap_account_recount(table);
		table->taken_made = false;
	}
}

/* A file that ends without a newline goes on doing so, unless an entry is added to it. */
void neap_account_compose(struct neap_account_table *table, struct neap_buf *ret)
{
	bool unended = false;

	neap_buf_reserve(ret, table->size + 4096);
	for (size_t i = 0; i < table->lines.count; i++) {
		const struct neap_account_line *line = table->lines.items[i];

		if (line->gone)
			continue;
		if (unended)
			neap_buf_putc(ret, '\n');
		neap_buf_append(ret, line->data, line->len);
		unended = line->unended;
		if (!unended)
			neap_buf_putc(ret, '\n');
	}
	table->size = ret->len;
}
