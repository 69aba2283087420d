/*
 * Accounts: see accounts.h. A file is parsed once into tables by name and by number. What is written through
 * neap_account_edit() changes the parsed tables too, so they are not read again for it.
 */
#include "host/accounts.h"

#include <stdlib.h>

#include "base/path.h"
#include "host/accounts_table.h"
#include "host/follow.h"

#define SETTINGS "/etc/login.defs"

static const struct neap_account_table tables[NEAP_ETC_FILES] = {
	[NEAP_ETC_GSHADOW] = { .path = "/etc/gshadow", .word = "group", .fields = 2, .secret = true },
	[NEAP_ETC_GROUP] = { .path = "/etc/group",
			     .word = "group",
			     .fields = 3,
			     .numbered = true,
			     .members = true },
	[NEAP_ETC_SHADOW] = { .path = "/etc/shadow", .word = "user", .fields = 2, .secret = true },
	[NEAP_ETC_SUBGID] = { .path = "/etc/subgid", .word = "user", .fields = 3, .ranges = true },
	[NEAP_ETC_SUBUID] = { .path = "/etc/subuid", .word = "user", .fields = 3, .ranges = true },
	[NEAP_ETC_PASSWD] = { .path = "/etc/passwd", .word = "user", .fields = 4, .numbered = true },
};

const char *neap_account_path(enum neap_account_file file)
{
	return tables[file].path;
}

enum neap_accounts_write neap_account_landing(const char *path)
{
	for (size_t i = 0; i < NEAP_ETC_FILES; i++)
		if (strcmp(path, tables[i].path) == 0)
			return i == NEAP_ETC_PASSWD ? NEAP_ACCOUNTS_LAST : NEAP_ACCOUNTS_FIRST;
	return NEAP_NO_ACCOUNTS;
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct neap_accounts *neap_accounts_new(void)
{
	struct neap_accounts *accounts = neap_alloc(sizeof(*accounts));

	*accounts = (struct neap_accounts){ .unsettled = UINT32_MAX };
	memcpy(accounts->tables, tables, sizeof(tables));
	return accounts;
}

static void drop_settings(struct neap_accounts *accounts)
{
	neap_map_done(&accounts->settings);
	neap_arena_free(accounts->settings_arena);
	accounts->settings_arena = NULL;
}

void neap_accounts_drop(struct neap_accounts *accounts)
{
	for (size_t i = 0; i < NEAP_ETC_FILES; i++)
		neap_account_table_drop(&accounts->tables[i]);
	drop_settings(accounts);
}

void neap_accounts_free(struct neap_accounts *accounts)
{
	if (!accounts)
		return;
	neap_accounts_drop(accounts);
	free(accounts);
}

void neap_accounts_touch(struct neap_accounts *accounts, const char *path)
{
	struct neap_str name = neap_path_name(neap_str(path));

	for (size_t i = 0; i < NEAP_ETC_FILES; i++) {
		struct neap_account_table *table = &accounts->tables[i];

		if (!table->loaded || table->busy)
			continue;
		/* Where there was no file, it is the name that tells; a link to it may get in the way
		 * anywhere. */
		if ((table->present && strcmp(path, table->from) == 0) ||
		    neap_str_equal(name, neap_path_name(neap_str(table->path))))
			neap_account_table_drop(table);
	}
	if (neap_str_equal(name, neap_path_name(NEAP_STR(SETTINGS))))
		drop_settings(accounts);
}

void neap_accounts_pending(struct neap_accounts *accounts, bool pending)
{
	accounts->pending = pending;
}

void neap_account_unsettle(struct neap_host *host)
{
	uint32_t cause =
		neap_view_cause(&host->view); /* before the accounts are asked for: they have one too */

	host->view.reads->accounts(&host->view)->unsettled = cause;
}

uint32_t neap_accounts_unsettled(const struct neap_accounts *accounts)
{
	return accounts->unsettled;
}

/* ---- the files --------------------------------------------------------------------------------------- */

/* The file may be a link (an image with its accounts elsewhere), so it is followed. */
static int read_followed(const struct neap_view *view, const char *path, struct neap_arena *arena,
			 const char **ret_from, struct neap_stat *ret_stat, struct neap_content *ret,
			 struct neap_error **err)
{
	int r = neap_view_follow(view, path, arena, ret_from, ret_stat, err);

	*ret = (struct neap_content){ .data = "" };
	if (r == 0 && ret_stat->kind == NEAP_FILE_REGULAR)
		r = view->reads->small_file(view, *ret_from, arena, ret_stat, ret, err);
	if (r != 0)
		return r;
	if (ret_stat->kind == NEAP_FILE_ABSENT)
		*ret_from = path; /* not how far the way to it went */
	if (ret_stat->kind != NEAP_FILE_REGULAR && ret_stat->kind != NEAP_FILE_ABSENT)
		return neap_error_set(err, "read %s: it is %s", path, neap_file_kind_name(ret_stat->kind));
	if (ret->size && !ret->data)
		return neap_error_set(err, "read %s: larger than 1 MB", path);
	return 0;
}

int neap_account_load(struct neap_accounts *accounts, struct neap_account_table *table,
		      const struct neap_view *view, struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	int r;

	(void)accounts;
	if (table->loaded)
		return 0;
	neap_account_table_drop(table);
	table->arena = neap_arena_new();
	if (table->secret)
		neap_arena_wipe(table->arena);
	r = read_followed(view, table->path, table->arena, &table->from, &stat, &content, err);
	if (r != 0)
		return r;
	table->present = stat.kind == NEAP_FILE_REGULAR;
	table->stamp = stat.stamp;
	neap_account_table_parse(table, content.data, content.size);
	table->loaded = true;
	return 0;
}

static struct neap_str word(const char **text, const char *end)
{
	struct neap_str word = { *text, 0 };

	while (word.data < end && (*word.data == ' ' || *word.data == '\t'))
		word.data++;
	while (word.data + word.len < end && !strchr(" \t\r", word.data[word.len]))
		word.len++;
	*text = word.data + word.len;
	return word;
}

static void parse_settings(struct neap_accounts *accounts, const char *at, size_t len)
{
	const char *end = at + len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		struct neap_str name = word(&at, stop), value = word(&at, stop);

		/* A line that comes later wins. */
		if (name.len && name.data[0] != '#' && value.len)
			neap_map_put(&accounts->settings, name,
				     neap_arena_copy(accounts->settings_arena, value.data, value.len));
		at = newline ? newline + 1 : end;
	}
}

int neap_account_setting(const struct neap_view *view, const char *name, const char **ret,
			 struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_content content;
	struct neap_stat stat;
	const char *from;

	if (!accounts->settings_arena) {
		struct neap_arena *arena = neap_arena_new();
		int r = read_followed(view, SETTINGS, arena, &from, &stat, &content, err);

		if (r != 0) {
			neap_arena_free(arena);
			return r;
		}
		accounts->settings_arena = arena;
		parse_settings(accounts, content.data, content.size);
	}
	*ret = neap_map_get(&accounts->settings, neap_str(name));
	return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static int number_of(struct neap_accounts *accounts, struct neap_account_table *table,
		     const struct neap_view *view, const char *name, uint32_t *ret, struct neap_error **err)
{
	const struct neap_account_line *line;
	int r = neap_account_load(accounts, table, view, err);

	if (r != 0)
		return r;
	line = neap_account_line_of(table, neap_str(name));
	/* Somebody who will be made cannot be told from nobody while his number is not known. */
	if (!line && (accounts->pending || accounts->unsettled != UINT32_MAX))
		return NEAP_UNKNOWN;
	if (!line)
		return neap_error_set(err, "%s %s does not exist", table->word, name);
	*ret = line->number;
	return 0;
}

static bool is_digits(struct neap_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.len > 0;
}

static const char *name_of(struct neap_accounts *accounts, struct neap_account_table *table,
			   const struct neap_view *view, uint32_t number, struct neap_arena *arena)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const struct neap_account_line *line;

	if (neap_account_load(accounts, table, view, &err) != 0)
		return NULL;
	/* A name that leads back to it: not digits, which are a number themselves, nor that of an earlier
	 * line. */
	line = neap_account_numbered(table, number);
	while (line && (is_digits(line->name) || neap_account_line_of(table, line->name) != line))
		line = line->twin;
	return line ? neap_arena_copy(arena, line->name.data, line->name.len) : NULL;
}

int neap_accounts_user(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       uint32_t *ret_uid, struct neap_error **err)
{
	return number_of(accounts, &accounts->tables[NEAP_ETC_PASSWD], view, name, ret_uid, err);
}

int neap_accounts_group(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
			uint32_t *ret_gid, struct neap_error **err)
{
	return number_of(accounts, &accounts->tables[NEAP_ETC_GROUP], view, name, ret_gid, err);
}

const char *neap_accounts_user_name(struct neap_accounts *accounts, const struct neap_view *view,
				    uint32_t uid, struct neap_arena *arena)
{
	return name_of(accounts, &accounts->tables[NEAP_ETC_PASSWD], view, uid, arena);
}

const char *neap_accounts_group_name(struct neap_accounts *accounts, const struct neap_view *view,
				     uint32_t gid, struct neap_arena *arena)
{
	return name_of(accounts, &accounts->tables[NEAP_ETC_GROUP], view, gid, arena);
}

int neap_accounts_home(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       struct neap_arena *arena, struct neap_home *ret, struct neap_error **err)
{
	struct neap_account_table *table = &accounts->tables[NEAP_ETC_PASSWD];
	struct neap_account_entry entry;
	struct neap_str home;
	uint32_t uid = 0, gid;
	int r = number_of(accounts, table, view, name, &uid, err);

	if (r != 0)
		return r;
	neap_account_split(neap_account_line_of(table, neap_str(name)), &entry);
	home = entry.count > 5 ? entry.fields[5] : NEAP_STR("");
	if (!neap_account_number(entry.fields[3], &gid))
		gid = NEAP_KEEP;
	*ret = (struct neap_home){ .path = neap_arena_copy(arena, home.data, home.len),
				   .uid = uid,
				   .gid = gid };
	return 0;
}

/* ---- entries ----------------------------------------------------------------------------------------- */

int neap_account_entry(const struct neap_view *view, enum neap_account_file file, const char *name,
		       struct neap_account_entry *ret, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[file];
	const struct neap_account_line *line, *malformed;
	int r = neap_account_load(accounts, table, view, err);

	ret->count = 0;
	if (r != 0)
		return r;
	line = neap_account_line_of(table, neap_str(name));
	malformed = line ? NULL : neap_map_get(&table->malformed, neap_str(name));
	if (malformed) {
		neap_error_set(err, "%s:%zu: the entry of %s is malformed", table->path,
			       neap_account_line_number(table, malformed), name);
		return neap_error_hint(err, "mend or remove the line by hand (pwck and grpck help to)");
	}
	if (line)
		neap_account_split(line, ret);
	return line || !accounts->pending ? 0 : NEAP_UNKNOWN;
}

int neap_account_by_number(const struct neap_view *view, enum neap_account_file file, uint32_t number,
			   struct neap_account_entry *ret, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[file];
	const struct neap_account_line *line;
	int r = neap_account_load(accounts, table, view, err);

	ret->count = 0;
	if (r != 0)
		return r;
	line = neap_account_numbered(table, number);
	if (line)
		neap_account_split(line, ret);
	return 0;
}

int neap_account_file_present(const struct neap_view *view, enum neap_account_file file, bool *ret,
			      struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	int r = neap_account_load(accounts, &accounts->tables[file], view, err);

	if (r == 0)
		*ret = accounts->tables[file].present;
	return r;
}

int neap_account_next(const struct neap_view *view, enum neap_account_file file, size_t *at,
		      struct neap_account_entry *ret, struct neap_error **err)
{
	struct neap_accounts *accounts = view->reads->accounts(view);
	struct neap_account_table *table = &accounts->tables[file];
	int r = neap_account_load(accounts, table, view, err);

	ret->count = 0;
	for (; r == 0 && ret->count == 0 && *at < table->lines.count; ++*at) {
		const struct neap_account_line *line = table->lines.items[*at];

		if (line->valid && !line->gone)
			neap_account_split(line, ret);
	}
	return r;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

/* Who a new file of secrets belongs to: root:shadow, as everywhere. Only root can give it away. */
static uint32_t shadow_group(struct neap_host *host, const char *path)
{
	uint32_t uid, gid, shadow;

	if (neap_view_creator(&host->view, path, &uid, &gid, NULL) != 0 || uid != 0 ||
	    neap_view_group(&host->view, "shadow", &shadow, NULL) != 0)
		return NEAP_KEEP;
	return shadow;
}

static int write_table(struct neap_host *host, struct neap_account_table *table, bool pinned,
		       struct neap_error **err)
{
	struct neap_file_write write = {
		.mode = table->present || !table->secret ? NEAP_KEEP : 0640,
		.uid = NEAP_KEEP,
		.gid = table->present || !table->secret ? NEAP_KEEP : shadow_group(host, table->from),
		.secret = table->secret,
		.stamp = table->stamp,
		.accounts = pinned ? NEAP_ACCOUNTS_PINNED : neap_account_landing(table->path),
	};
	NEAP_AUTO_BUF struct neap_buf bytes = { 0 };
	struct neap_stat stat;
	int r;

	neap_account_compose(table, &bytes);
	write.content = (struct neap_content){ .data = bytes.data ? bytes.data : "", .size = bytes.len };
	if (bytes.len > NEAP_CONTENT_MAX)
		r = neap_error_set(err, "%s would become larger than 1 MB", table->path);
	else
		r = neap_view_stat(&host->view, table->from, &stat, err);
	if (r == 0 && !table->present && stat.kind == NEAP_FILE_LINK)
		r = neap_error_set(err, "write %s: it is a link that leads nowhere", table->path);
	if (r == 0 && !table->present && stat.kind != NEAP_FILE_ABSENT) {
		neap_error_set(err, "write %s: it has appeared while neap was at work", table->path);
		r = neap_error_hint(err, "run neap again: it starts from what is there now");
	}
	if (r == 0 && !table->present)
		r = neap_host_mkdir_parents(host, table->from, err);
	if (r == 0)
		r = neap_host_write(host, table->from, &write, err);
	if (bytes.data && table->secret)
		explicit_bzero(bytes.data, bytes.len);
	if (r != 0)
		return r;
	table->present = true;
	table->stamp = 0;
	return 0;
}

int neap_account_edit(struct neap_host *host, const struct neap_account_edit *edits, size_t count,
		      struct neap_error **err)
{
	struct neap_accounts *accounts = host->view.reads->accounts(&host->view);

	for (size_t file = 0; file < NEAP_ETC_FILES; file++) {
		struct neap_account_table *table = &accounts->tables[file];
		bool edited = false, pinned = false;
		int r = 0;

		for (size_t i = 0; r == 0 && i < count; i++) {
			if (edits[i].file != file)
				continue;
			r = edited ? 0 : neap_account_load(accounts, table, &host->view, err);
			edited = r == 0;
			pinned = pinned || edits[i].pinned;
			if (r == 0 && edits[i].text)
				neap_account_put(table, edits[i].name, edits[i].text);
			else if (r == 0)
				neap_account_remove(table, edits[i].name);
		}
		if (r == 0 && edited) {
			table->busy = true;
			r = write_table(host, table, pinned, err);
			table->busy = false;
		}
		if (r != 0)
			neap_accounts_drop(accounts); /* what was parsed is not what is there */
		if (r < 0)
			return r;
		/* What is not known in a plan stays so. */
	}
	return 0;
}
