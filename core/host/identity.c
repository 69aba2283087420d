/*
 * Who a program runs as: a user's numbers, groups and home by /etc/passwd and /etc/group of a machine. It
 * must not know what for.
 */
#include "host/process.h"

#include "host/accounts.h"

#define GROUPS_MAX ((size_t)65536) /* as the kernel */

struct fields {
	struct neap_str items[8];
	size_t count;
};

static struct fields split(struct neap_str line)
{
	struct fields fields = { 0 };
	size_t start = 0;

	for (size_t i = 0; i <= line.len && fields.count < 8; i++) {
		if (i < line.len && line.data[i] != ':')
			continue;
		fields.items[fields.count++] = (struct neap_str){ line.data + start, i - start };
		start = i + 1;
	}
	return fields;
}

/* The next line of `text`, which loses it. */
static bool next_line(struct neap_str *text, struct neap_str *ret)
{
	const char *newline;

	if (!text->len)
		return false;
	newline = memchr(text->data, '\n', text->len);
	ret->data = text->data;
	ret->len = newline ? (size_t)(newline - text->data) : text->len;
	text->data += ret->len + (newline != NULL);
	text->len -= ret->len + (newline != NULL);
	return true;
}

static int read_table(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      struct neap_str *ret, struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	int r = neap_view_small_file(view, path, arena, &stat, &content, err);

	if (r != 0)
		return r;
	*ret = NEAP_STR("");
	if (stat.kind == NEAP_FILE_REGULAR && content.data)
		*ret = (struct neap_str){ content.data, content.size };
	return 0;
}

static bool is_member(struct neap_str members, struct neap_str name)
{
	while (members.len) {
		const char *comma = memchr(members.data, ',', members.len);
		size_t len = comma ? (size_t)(comma - members.data) : members.len;

		if (neap_str_equal((struct neap_str){ members.data, len }, name))
			return true;
		members.data += len + (comma != NULL);
		members.len -= len + (comma != NULL);
	}
	return false;
}

int neap_identity_find(const struct neap_view *view, const char *user, struct neap_arena *arena,
		       struct neap_identity *ret, struct neap_error **err)
{
	struct neap_str name = neap_str(user), passwd, group, line;
	struct neap_identity found = { .home = "/" };
	size_t size = 16;
	uint32_t *groups = neap_arena_array_of(arena, uint32_t, size);
	int r = neap_view_user(view, user, &found.uid, err);

	if (r == 0)
		r = read_table(view, "/etc/passwd", arena, &passwd, err);
	if (r == 0)
		r = read_table(view, "/etc/group", arena, &group, err);
	if (r != 0)
		return r;
	found.gid = found.uid; /* a number that no account has */
	while (next_line(&passwd, &line)) {
		struct fields fields = split(line);

		if (fields.count < 7 ||
		    (!neap_str_equal(fields.items[0], name) && !neap_str_equal(fields.items[2], name)))
			continue;
		name = fields.items[0];
		r = neap_view_group(view, neap_arena_copy(arena, fields.items[3].data, fields.items[3].len),
				    &found.gid, err);
		if (r != 0)
			return r;
		found.home = neap_arena_copy(arena, fields.items[5].data, fields.items[5].len);
		break;
	}
	while (next_line(&group, &line)) {
		struct fields fields = split(line);
		uint32_t gid;

		if (fields.count < 4 || !is_member(fields.items[3], name))
			continue;
		if (neap_view_group(view, neap_arena_copy(arena, fields.items[2].data, fields.items[2].len),
				    &gid, NULL) != 0)
			continue;
		if (found.group_count == size) {
			uint32_t *more = neap_arena_array_of(arena, uint32_t, 2 * size);

			memcpy(more, groups, size * sizeof(*more));
			groups = more;
			size *= 2;
		}
		if (found.group_count < GROUPS_MAX)
			groups[found.group_count++] = gid;
	}
	found.groups = groups;
	*ret = found;
	return 0;
}
