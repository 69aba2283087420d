/*
 * See account.h. What is written is what useradd, groupadd and usermod write for the same request.
 */
#include "engine/account.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/map.h"

/* ---- names ------------------------------------------------------------------------------------------- */

int neap_account_check_name(const char *param, const char *name, struct neap_error **err)
{
	size_t len = strlen(name);

	if (len > NEAP_ACCOUNT_NAME_MAX)
		return neap_error_set(err, "%s is longer than %d bytes", param, NEAP_ACCOUNT_NAME_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || strchr(":,/", name[i])) {
			neap_error_set(err, "%s holds a byte that a name must not have", param);
			return neap_error_hint(err,
					       "no colon, comma or slash, no white space, no control byte");
		}
	if (!len || strchr("-+~#", name[0]))
		return neap_error_set(err, "%s must not be empty nor begin with \"-\", \"+\", \"~\" or \"#\"",
				      param);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return neap_error_set(err, "%s must not be \"%s\"", param, name);
	if (!name[strspn(name, "0123456789")])
		return neap_error_set(err, "%s must not be all digits: everybody takes that for a number",
				      param);
	return 0;
}

int neap_account_check_names(const char *param, const struct neap_strings *names, struct neap_error **err)
{
	for (size_t i = 0; i < names->count; i++) {
		char item[64];

		snprintf(item, sizeof(item), "item %zu of %s", i + 1, param);
		if (neap_account_check_name(item, names->items[i], err) < 0)
			return -1;
	}
	return 0;
}

int neap_account_check_field(const char *param, const char *text, size_t len, struct neap_error **err)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ':')
			return neap_error_set(err, "%s must not hold a colon: it separates fields", param);
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return neap_error_set(err, "%s must not hold control bytes", param);
	}
	return 0;
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

/* As strtoull() with base 0, and nothing behind it. */
static bool parse_setting(const char *text, uint64_t *ret)
{
	unsigned base = text[0] != '0' ? 10 : text[1] == 'x' || text[1] == 'X' ? 16 : 8;
	uint64_t number = 0;

	text += base == 16 ? 2 : 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
				 : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
				 : *text >= 'A' && *text <= 'F' ? (unsigned)(*text - 'A') + 10
								: 99;

		if (digit >= base || number > UINT32_MAX)
			return false;
		number = number * base + digit;
	}
	*ret = number;
	return true;
}

int neap_account_setting_number(const struct neap_view *view, const char *name, uint64_t fallback,
				uint64_t *ret, struct neap_error **err)
{
	const char *text;
	int r = neap_account_setting(view, name, &text, err);

	if (r != 0)
		return r;
	if (!text)
		*ret = fallback;
	else if (!parse_setting(text, ret))
		return neap_error_set(err, "/etc/login.defs: %s is no number", name);
	return 0;
}

struct range {
	const char *min, *max;
};

static const struct range ranges[2][2] = {
	[NEAP_ACCOUNT_USER] = { { "UID_MIN", "UID_MAX" }, { "SYS_UID_MIN", "SYS_UID_MAX" } },
	[NEAP_ACCOUNT_GROUP] = { { "GID_MIN", "GID_MAX" }, { "SYS_GID_MIN", "SYS_GID_MAX" } },
};

static enum neap_account_file file_of(enum neap_account_kind kind)
{
	return kind == NEAP_ACCOUNT_USER ? NEAP_ETC_PASSWD : NEAP_ETC_GROUP;
}

int neap_account_new_number(const struct neap_view *view, enum neap_account_kind kind, bool system,
			    uint32_t preferred, uint32_t *ret, struct neap_error **err)
{
	const struct range *range = &ranges[kind][system], *plain = &ranges[kind][false];
	struct neap_account_entry taken;
	uint64_t first, min, max;
	int r;

	if (preferred != NEAP_KEEP) {
		r = neap_account_by_number(view, file_of(kind), preferred, &taken, err);
		if (r != 0)
			return r;
		if (!taken.count) {
			*ret = preferred;
			return 0;
		}
	}
	r = neap_account_setting_number(view, plain->min, 1000, &first, err);
	if (r == 0)
		r = neap_account_setting_number(view, range->min, system ? 101 : 1000, &min, err);
	if (r == 0)
		r = neap_account_setting_number(view, range->max, system && first ? first - 1 : 60000, &max,
						err);
	if (r != 0)
		return r;
	if (min == 0 || min > max || max >= NEAP_KEEP)
		return neap_error_set(err,
				      "/etc/login.defs: from %s %" PRIu64 " to %s %" PRIu64 " is no range",
				      range->min, min, range->max, max);
	r = neap_account_free_number(view, file_of(kind), (uint32_t)min, (uint32_t)max, system, ret, err);
	return r < 0 ? neap_error_prefix(err, "%s, %s of /etc/login.defs", range->min, range->max) : r;
}

int neap_account_check_number(const struct neap_view *view, enum neap_account_kind kind, const char *name,
			      uint32_t number, struct neap_error **err)
{
	struct neap_account_entry taken;
	int r = neap_account_by_number(view, file_of(kind), number, &taken, err);

	if (r != 0 || !taken.count || neap_str_equal(taken.fields[0], neap_str(name)))
		return r;
	return neap_error_set(err, "%s %" PRIu32 " is that of %.*s",
			      kind == NEAP_ACCOUNT_USER ? "uid" : "gid", number, (int)taken.fields[0].len,
			      taken.fields[0].data);
}

/* ---- lists ------------------------------------------------------------------------------------------- */

struct neap_strings neap_account_list(struct neap_arena *arena, struct neap_str field)
{
	struct neap_map seen = { 0 };
	size_t count = 0, commas = 1;
	const char **items;

	for (size_t i = 0; i < field.len; i++)
		commas += field.data[i] == ',';
	items = neap_arena_array_of(arena, const char *, commas + 1);
	for (size_t start = 0; start < field.len;) {
		const char *comma = memchr(field.data + start, ',', field.len - start);
		size_t len = comma ? (size_t)(comma - field.data) - start : field.len - start;
		struct neap_str name = { field.data + start, len };

		start += len + 1;
		if (len && !neap_map_put(&seen, name, &seen))
			items[count++] = neap_arena_copy(arena, name.data, len);
	}
	neap_map_done(&seen);
	return (struct neap_strings){ items, count };
}

struct neap_strings neap_account_without(struct neap_arena *arena, const struct neap_strings *a,
					 const struct neap_strings *b)
{
	const char **items = neap_arena_array_of(arena, const char *, a->count + 1);
	struct neap_map seen = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++)
		neap_map_put(&seen, neap_str(b->items[i]), &seen);
	for (size_t i = 0; i < a->count; i++)
		if (!neap_map_put(&seen, neap_str(a->items[i]), &seen))
			items[count++] = a->items[i];
	neap_map_done(&seen);
	return (struct neap_strings){ items, count };
}

int neap_account_users_of(const struct neap_view *view, struct neap_arena *arena, uint32_t gid,
			  struct neap_strings *ret, struct neap_error **err)
{
	const char *number = neap_arena_printf(arena, "%" PRIu32, gid);
	NEAP_VEC(const char *) names = { 0 };
	struct neap_account_entry entry;
	size_t at = 0;
	int r;

	while ((r = neap_account_next(view, NEAP_ETC_PASSWD, &at, &entry, err)) == 0 && entry.count)
		if (neap_str_equal(entry.fields[3], neap_str(number)))
			neap_vec_push(&names,
				      neap_arena_copy(arena, entry.fields[0].data, entry.fields[0].len));
	if (r == 0) {
		const char **items = neap_arena_array_of(arena, const char *, names.count + 1);

		if (names.count)
			memcpy(items, names.items, names.count * sizeof(*items));
		*ret = (struct neap_strings){ items, names.count };
	}
	neap_vec_done(&names);
	return r;
}

void neap_account_names_diff(struct neap_diff *diff, const char *param, const struct neap_strings *before,
			     const struct neap_strings *join, const struct neap_strings *leave)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	struct neap_strings stay = neap_account_without(arena, before, leave);
	const char **after = neap_arena_array_of(arena, const char *, stay.count + join->count + 1);

	if (!join->count && !leave->count)
		return;
	for (size_t i = 0; i < stay.count; i++)
		after[i] = stay.items[i];
	for (size_t i = 0; i < join->count; i++)
		after[stay.count + i] = join->items[i];
	neap_diff_list(diff, param, before->items, before->count, after, stay.count + join->count);
}

/* ---- edits ------------------------------------------------------------------------------------------- */

void neap_account_edits_done(struct neap_account_edits *edits)
{
	neap_vec_done(&edits->list);
}

void neap_account_add(struct neap_account_edits *edits, enum neap_account_file file, const char *name,
		      const char *text)
{
	neap_vec_push(&edits->list, (struct neap_account_edit){ file, name, text });
}

const char *neap_account_text(struct neap_arena *arena, const struct neap_account_entry *entry,
			      const char *const *fields, size_t count)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const char *copy;

	for (size_t i = 0; i < count || i < entry->count; i++) {
		if (i)
			neap_buf_putc(&text, ':');
		if (i < count && fields[i])
			neap_buf_puts(&text, fields[i]);
		else if (i < entry->count)
			neap_buf_append(&text, entry->fields[i].data, entry->fields[i].len);
	}
	copy = neap_arena_copy(arena, text.data, text.len);
	explicit_bzero(text.data, text.len);
	return copy;
}

/* Without those who leave, then those who join. */
static const char *members_text(struct neap_arena *arena, const struct neap_strings *stay,
				const struct neap_strings *join)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	for (size_t i = 0; i < stay->count + join->count; i++) {
		if (i)
			neap_buf_putc(&text, ',');
		neap_buf_puts(&text, i < stay->count ? stay->items[i] : join->items[i - stay->count]);
	}
	return neap_arena_copy(arena, text.len ? text.data : "", text.len);
}

int neap_account_add_group(struct neap_account_edits *edits, const struct neap_view *view, const char *name,
			   uint32_t gid, const struct neap_strings *members, struct neap_error **err)
{
	static const struct neap_strings nobody = { 0 };
	const char *list = members_text(edits->arena, &nobody, members);
	bool group = false, gshadow = false;
	int r = neap_account_file_present(view, NEAP_ETC_GROUP, &group, err);

	if (r == 0)
		r = neap_account_file_present(view, NEAP_ETC_GSHADOW, &gshadow, err);
	if (r < 0)
		return r;
	/* Who has groups without gshadow does so on purpose. */
	if (gshadow || !group)
		neap_account_add(edits, NEAP_ETC_GSHADOW, name,
				 neap_arena_printf(edits->arena, "%s:!::%s", name, list));
	neap_account_add(edits, NEAP_ETC_GROUP, name,
			 neap_arena_printf(edits->arena, "%s:x:%" PRIu32 ":%s", name, gid, list));
	return 0;
}

/* Of gshadow nothing is shown, so one that is not known in a plan is none. */
static int gshadow_entry(const struct neap_view *view, const char *name, struct neap_account_entry *ret,
			 struct neap_error **err)
{
	int r = neap_account_entry(view, NEAP_ETC_GSHADOW, name, ret, err);

	return r == NEAP_UNKNOWN ? 0 : r;
}

static bool is_listed(struct neap_str list, struct neap_str name)
{
	while (list.len) {
		const char *comma = memchr(list.data, ',', list.len);
		size_t len = comma ? (size_t)(comma - list.data) : list.len;

		if (neap_str_equal((struct neap_str){ list.data, len }, name))
			return true;
		len += comma != NULL;
		list.data += len;
		list.len -= len;
	}
	return false;
}

/* The field of names `field` with the change made, or NULL when it stays. */
static const char *changed_list(struct neap_arena *arena, const struct neap_account_entry *entry,
				size_t field, const struct neap_strings *join,
				const struct neap_strings *leave)
{
	struct neap_str old = entry->count > field ? entry->fields[field] : NEAP_STR("");
	struct neap_strings list, stay, new;

	if (join->count == 1 && !leave->count) { /* so that a group of thousands costs one look at each */
		size_t len = strlen(join->items[0]);
		char *text = neap_arena_alloc(arena, old.len + len + 2),
		     *at = mempcpy(text, old.data, old.len);

		if (old.len)
			*at++ = ',';
		memcpy(at, join->items[0], len);
		return is_listed(old, neap_str(join->items[0])) ? NULL : text;
	}
	list = neap_account_list(arena, old);
	stay = neap_account_without(arena, &list, leave);
	new = neap_account_without(arena, join, &list);

	return stay.count == list.count && !new.count ? NULL : members_text(arena, &stay, &new);
}

int neap_account_change_group(struct neap_account_edits *edits, const struct neap_view *view,
			      const char *name, uint32_t gid, const struct neap_strings *join,
			      const struct neap_strings *leave, struct neap_error **err)
{
	static const struct neap_strings nobody = { 0 };
	struct neap_account_entry entry, shadow;
	const char *fields[4] = { NULL }, *secret[4] = { NULL };
	int r = neap_account_entry(view, NEAP_ETC_GROUP, name, &entry, err);

	if (r == 0 && !entry.count)
		r = neap_error_set(err, "group %s does not exist", name);
	if (r == 0)
		r = gshadow_entry(view, name, &shadow, err);
	if (r != 0)
		return r;
	fields[3] = changed_list(edits->arena, &entry, 3, join, leave);
	if (gid != NEAP_KEEP)
		fields[2] = neap_arena_printf(edits->arena, "%" PRIu32, gid);
	if (fields[2] || fields[3])
		neap_account_add(edits, NEAP_ETC_GROUP, name,
				 neap_account_text(edits->arena, &entry, fields, 4));
	if (!shadow.count)
		return 0;
	secret[2] = changed_list(edits->arena, &shadow, 2, &nobody, leave);
	secret[3] = changed_list(edits->arena, &shadow, 3, join, leave);
	if (secret[2] || secret[3])
		neap_account_add(edits, NEAP_ETC_GSHADOW, name,
				 neap_account_text(edits->arena, &shadow, secret, 4));
	return 0;
}

int neap_account_add_removal(struct neap_account_edits *edits, const struct neap_view *view,
			     enum neap_account_file file, const char *name, struct neap_error **err)
{
	struct neap_account_entry entry;
	int r = neap_account_entry(view, file, name, &entry, err);

	if (r == 0 && entry.count)
		neap_account_add(edits, file, name, NULL);
	return r < 0 ? r : 0;
}

int neap_account_remove_group(struct neap_account_edits *edits, const struct neap_view *view,
			      const char *name, struct neap_error **err)
{
	if (neap_account_add_removal(edits, view, NEAP_ETC_GSHADOW, name, err) < 0)
		return -1;
	return neap_account_add_removal(edits, view, NEAP_ETC_GROUP, name, err);
}

int neap_account_is_own_group(const struct neap_view *view, struct neap_arena *arena, const char *user,
			      uint32_t gid, bool *ret, struct neap_error **err)
{
	struct neap_account_entry own;
	struct neap_strings users;
	int r = neap_account_entry(view, NEAP_ETC_GROUP, user, &own, err);

	*ret = false;
	if (r == NEAP_UNKNOWN) /* none now */
		return 0;
	if (r != 0 || !own.count || own.number != gid ||
	    (own.count > 3 && own.fields[3].len && !neap_str_equal(own.fields[3], neap_str(user))))
		return r;
	r = neap_account_users_of(view, arena, gid, &users, err);
	*ret = r == 0 && users.count == 1;
	return r;
}
