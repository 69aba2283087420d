/*
 * Accounts: see accounts.h. A file is parsed once into two tables, by name and by number; of several lines
 * with one name or number the first counts, as for getpwnam(). A number has only a name that leads back to
 * it. Lines that are malformed, comments and NIS lines ("+", "-") are passed over.
 *
 * A view gives no bytes of a file above NEAP_CONTENT_MAX, so that is the bound here too.
 */
#include "host/accounts.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/path.h"
#include "host/follow.h"

struct account {
	struct neap_str name, home; /* home: of a user */
	uint32_t number, group;
};

struct table {
	const char *path, *word; /* "/etc/passwd", "user" */
	size_t fields;           /* a line has at least */
	bool loaded;
	struct neap_arena *arena;
	const char *from; /* path without links, or NULL: there was none */
	struct neap_map by_name, by_number;
};

struct neap_accounts {
	struct table users, groups;
	bool pending;
};

struct neap_accounts *neap_accounts_new(void)
{
	struct neap_accounts *accounts = neap_alloc(sizeof(*accounts));

	*accounts = (struct neap_accounts){
		.users = { .path = "/etc/passwd", .word = "user", .fields = 4 },
		.groups = { .path = "/etc/group", .word = "group", .fields = 3 },
	};
	return accounts;
}

static void table_drop(struct table *table)
{
	neap_map_done(&table->by_name);
	neap_map_done(&table->by_number);
	neap_arena_free(table->arena);
	table->arena = NULL;
	table->from = NULL;
	table->loaded = false;
}

void neap_accounts_drop(struct neap_accounts *accounts)
{
	table_drop(&accounts->users);
	table_drop(&accounts->groups);
}

void neap_accounts_free(struct neap_accounts *accounts)
{
	if (!accounts)
		return;
	neap_accounts_drop(accounts);
	free(accounts);
}

static void table_touch(struct table *table, const char *path)
{
	if (!table->loaded)
		return;
	/* Where there was no file, it is the name that tells; a link to it may get in the way anywhere. */
	if ((table->from && strcmp(path, table->from) == 0) ||
	    neap_str_equal(neap_path_name(neap_str(path)), neap_path_name(neap_str(table->path))))
		table_drop(table);
}

void neap_accounts_touch(struct neap_accounts *accounts, const char *path)
{
	table_touch(&accounts->users, path);
	table_touch(&accounts->groups, path);
}

void neap_accounts_pending(struct neap_accounts *accounts, bool pending)
{
	accounts->pending = pending;
}

/* ---- the files --------------------------------------------------------------------------------------- */

static bool is_digits(struct neap_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.len > 0;
}

static bool parse_number(struct neap_str text, uint32_t *ret)
{
	uint64_t number = 0;

	if (text.len > 10 || !is_digits(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	if (number >= NEAP_KEEP)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static struct neap_str number_key(const uint32_t *number)
{
	return (struct neap_str){ (const char *)number, sizeof(*number) };
}

/* name:password:number:… */
static void parse_line(struct table *table, struct neap_str line)
{
	struct neap_str fields[6] = { 0 };
	struct account *account;
	uint32_t number;
	size_t count = 0, start = 0;

	if (!line.len || line.data[0] == '+' || line.data[0] == '-' || line.data[0] == '#')
		return;
	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && line.data[i] != ':')
			continue;
		if (count < 6)
			fields[count] = (struct neap_str){ line.data + start, i - start };
		count++;
		start = i + 1;
	}
	if (count < table->fields || !fields[0].len || memchr(line.data, '\0', line.len) ||
	    !parse_number(fields[2], &number))
		return;
	account = neap_arena_new_of(table->arena, struct account);
	account->name = fields[0];
	account->number = number;
	account->home = fields[5];
	if (!parse_number(fields[3], &account->group))
		account->group = NEAP_KEEP;
	if (neap_map_get(&table->by_name, account->name))
		return;
	neap_map_put(&table->by_name, account->name, account);
	/* Digits are taken as the number itself: as the name of another number they would mislead. */
	if (!is_digits(account->name) && !neap_map_get(&table->by_number, number_key(&number)))
		neap_map_put(&table->by_number, number_key(&account->number), account);
}

static void parse(struct table *table, const char *data, size_t len)
{
	for (size_t start = 0; start < len;) {
		const char *end = memchr(data + start, '\n', len - start);
		size_t line = end ? (size_t)(end - data) - start : len - start;

		parse_line(table, (struct neap_str){ data + start, line });
		start += line + 1;
	}
}

/* The file may be a link (an image with its accounts elsewhere), so it is followed. */
static int load(struct table *table, const struct neap_view *view, struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	const char *from;
	int r;

	if (table->loaded)
		return 0;
	table_drop(table);
	table->arena = neap_arena_new();
	r = neap_view_follow(view, table->path, table->arena, &from, &stat, err);
	if (r == 0 && stat.kind == NEAP_FILE_REGULAR)
		r = view->reads->file(view, from, table->arena, &stat, &content, err);
	if (r != 0)
		return r;
	if (stat.kind == NEAP_FILE_REGULAR) {
		if (content.size && !content.data)
			return neap_error_set(err, "read %s: larger than 1 MB", table->path);
		parse(table, content.data, content.size);
		table->from = from;
	} else if (stat.kind != NEAP_FILE_ABSENT) {
		return neap_error_set(err, "read %s: it is %s", table->path, neap_file_kind_name(stat.kind));
	}
	table->loaded = true;
	return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static int number_of(struct neap_accounts *accounts, struct table *table, const struct neap_view *view,
		     const char *name, uint32_t *ret, struct neap_error **err)
{
	const struct account *account;
	int r = load(table, view, err);

	if (r != 0)
		return r;
	account = neap_map_get(&table->by_name, neap_str(name));
	if (!account && accounts->pending)
		return NEAP_UNKNOWN;
	if (!account)
		return neap_error_set(err, "%s %s does not exist", table->word, name);
	*ret = account->number;
	return 0;
}

static const char *name_of(struct table *table, const struct neap_view *view, uint32_t number,
			   struct neap_arena *arena)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const struct account *account;

	if (load(table, view, &err) != 0)
		return NULL;
	account = neap_map_get(&table->by_number, number_key(&number));
	return account ? neap_arena_copy(arena, account->name.data, account->name.len) : NULL;
}

int neap_accounts_user(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       uint32_t *ret_uid, struct neap_error **err)
{
	return number_of(accounts, &accounts->users, view, name, ret_uid, err);
}

int neap_accounts_group(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
			uint32_t *ret_gid, struct neap_error **err)
{
	return number_of(accounts, &accounts->groups, view, name, ret_gid, err);
}

const char *neap_accounts_user_name(struct neap_accounts *accounts, const struct neap_view *view,
				    uint32_t uid, struct neap_arena *arena)
{
	return name_of(&accounts->users, view, uid, arena);
}

const char *neap_accounts_group_name(struct neap_accounts *accounts, const struct neap_view *view,
				     uint32_t gid, struct neap_arena *arena)
{
	return name_of(&accounts->groups, view, gid, arena);
}

int neap_accounts_home(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       struct neap_arena *arena, struct neap_home *ret, struct neap_error **err)
{
	const struct account *account;
	uint32_t uid;
	int r = number_of(accounts, &accounts->users, view, name, &uid, err);

	if (r != 0)
		return r;
	account = neap_map_get(&accounts->users.by_name, neap_str(name));
	*ret = (struct neap_home){ .uid = uid,
				   .gid = account->group,
				   .path = neap_arena_copy(arena, account->home.data, account->home.len) };
	return 0;
}
