/*
 * See placing.h. Knows no type and no parameter.
 */
#include "engine/placing.h"

#include <stdlib.h>

#include "base/path.h"

#define TO_WRITE (NEAP_PLACED_MISSING | NEAP_PLACED_KIND | NEAP_PLACED_CONTENT)

static enum neap_member_kind kind_of(const struct neap_placed *member)
{
	return member->wanted->entry ? member->wanted->entry->kind : NEAP_MEMBER_DIRECTORY;
}

bool neap_placed_is_directory(const struct neap_placed *member)
{
	return kind_of(member) == NEAP_MEMBER_DIRECTORY;
}

const char *neap_placed_text(const struct neap_placed *member, struct neap_arena *arena)
{
	const char *name = member->wanted->name.data, *comma = "";
	bool link = kind_of(member) == NEAP_MEMBER_LINK;
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	if (member->differs & (NEAP_PLACED_MISSING | NEAP_PLACED_GOES))
		return name;
	neap_buf_printf(&text, "%s (", name);
	if (member->differs & NEAP_PLACED_KIND)
		neap_buf_puts(&text, link ? "is a file" : "is a link");
	if (member->differs & NEAP_PLACED_CONTENT)
		neap_buf_puts(&text, link ? "target" : "content");
	if (member->differs & (NEAP_PLACED_KIND | NEAP_PLACED_CONTENT))
		comma = ", ";
	if (member->differs & NEAP_PLACED_MODE) {
		neap_buf_printf(&text, "%smode %04o", comma, member->old_mode);
		comma = ", ";
	}
	if (member->differs & NEAP_PLACED_OWNER)
		neap_buf_printf(&text, "%sowner", comma);
	neap_buf_putc(&text, ')');
	return neap_arena_copy(arena, text.data, text.len);
}

/* ---- looking ------------------------------------------------------------------------------------------- */

int neap_placing_refuse(const char *path, enum neap_file_kind is, const char *wanted, struct neap_error **err)
{
	neap_error_set(err, "%s is %s, where %s is wanted", path, neap_file_kind_name(is), wanted);
	if (is == NEAP_FILE_LINK)
		return neap_error_hint(err,
				       "nothing is unpacked through a link in the destination; remove it, "
				       "or leave what is behind it out with exclude");
	return neap_error_hint(err, "move it away: only files and links are replaced");
}

struct look {
	struct neap_placing *placing;
	const struct neap_view *view;
	struct neap_arena *arena;
};

static unsigned compare_owners(const struct look *look, const struct neap_stat *stat)
{
	uint32_t uid = look->placing->uid, gid = look->placing->gid;
	bool same = (uid == NEAP_KEEP || uid == stat->uid) && (gid == NEAP_KEEP || gid == stat->gid);

	return same ? 0 : NEAP_PLACED_OWNER;
}

static int look_at_directory(const struct look *look, struct neap_placed *member, struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_stat(look->view, member->path, &stat, err);

	if (r)
		return r;
	if (stat.kind == NEAP_FILE_ABSENT) {
		member->differs = NEAP_PLACED_MISSING;
		return 0;
	}
	if (stat.kind != NEAP_FILE_DIRECTORY)
		return neap_placing_refuse(member->path, stat.kind, "a directory", err);
	member->old_mode = stat.mode;
	if (!member->wanted->entry) /* the archive says nothing of it */
		return 0;
	/* Set-group-ID may have come from the directory above. */
	member->mode |= stat.mode & 07000;
	member->differs = compare_owners(look, &stat);
	if (stat.mode != member->mode)
		member->differs |= NEAP_PLACED_MODE;
	return 0;
}

static int look_at_file(const struct look *look, struct neap_placed *member, struct neap_error **err)
{
	const struct neap_manifest_entry *entry = member->wanted->entry;
	struct neap_checksum sum = { .kind = NEAP_SHA256 };
	struct neap_stat stat;
	int r = neap_view_checksum(look->view, member->path, NEAP_SHA256, &stat, &sum, err);

	if (r)
		return r;
	switch (stat.kind) {
	case NEAP_FILE_ABSENT:
		member->differs = NEAP_PLACED_MISSING;
		return 0;
	case NEAP_FILE_LINK:
		member->differs = NEAP_PLACED_KIND;
		return 0;
	case NEAP_FILE_REGULAR:
		member->old_mode = stat.mode;
		member->differs = compare_owners(look, &stat);
		if (memcmp(sum.bytes, entry->digest, sizeof entry->digest) != 0)
			member->differs |= NEAP_PLACED_CONTENT;
		if (stat.mode != member->mode)
			member->differs |= NEAP_PLACED_MODE;
		return 0;
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		break;
	}
	return neap_placing_refuse(member->path, stat.kind, "a file", err);
}

static int look_at_link(const struct look *look, struct neap_placed *member, struct neap_error **err)
{
	struct neap_arena_mark mark = neap_arena_mark(look->arena);
	const char *target = NULL;
	struct neap_stat stat;
	int r = neap_view_link(look->view, member->path, look->arena, &stat, &target, err);

	if (r)
		return r;
	switch (stat.kind) {
	case NEAP_FILE_ABSENT:
		member->differs = NEAP_PLACED_MISSING;
		break;
	case NEAP_FILE_LINK:
		if (strcmp(target, member->wanted->entry->target) != 0)
			member->differs = NEAP_PLACED_CONTENT;
		break;
	case NEAP_FILE_REGULAR:
		member->differs = NEAP_PLACED_KIND;
		break;
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		return neap_placing_refuse(member->path, stat.kind, "a link", err);
	}
	neap_arena_rewind(look->arena, mark);
	return 0;
}

static void count(struct neap_placing *placing, const struct neap_placed *member)
{
	if (member->differs)
		placing->differ++;
	if (member->wanted->entry && !(member->differs & NEAP_PLACED_MISSING))
		placing->found++;
	if (kind_of(member) == NEAP_MEMBER_FILE && (member->differs & TO_WRITE)) {
		placing->files++;
		placing->bytes += member->wanted->entry->size;
	}
}

static bool is_in(const struct neap_placed *member, struct neap_str directory)
{
	return directory.len && neap_path_below(neap_str(member->path), directory);
}

int neap_placing_look(struct neap_placing *placing, const struct neap_view *view, bool there,
		      struct neap_arena *arena, struct neap_error **err)
{
	const struct look look = { .placing = placing, .view = view, .arena = arena };
	struct neap_str missing = { 0 }; /* a directory that is not there, nor what is in it */

	for (size_t i = 0; i < placing->count; i++) {
		struct neap_placed *member = &placing->members[i];
		bool directory = neap_placed_is_directory(member);
		int r = 0;

		if (!there || is_in(member, missing))
			member->differs = NEAP_PLACED_MISSING;
		else if (directory)
			r = look_at_directory(&look, member, err);
		else if (kind_of(member) == NEAP_MEMBER_LINK)
			r = look_at_link(&look, member, err);
		else
			r = look_at_file(&look, member, err);
		if (r)
			return r;
		if (directory && (member->differs & NEAP_PLACED_MISSING) && !is_in(member, missing))
			missing = neap_str(member->path);
		count(placing, member);
	}
	return 0;
}

/* ---- what goes ----------------------------------------------------------------------------------------- */

/* What is there of the archive; nothing behind a link, or in what is no directory. Directories are taken to
 * go. */
static int find_going(struct neap_placing *placing, const struct neap_view *view, struct neap_error **err)
{
	struct neap_str closed = { 0 };
	size_t above = NEAP_PLACED_TOP;

	for (size_t i = 0; i < placing->count; i++) {
		struct neap_placed *member = &placing->members[i];
		bool directory = neap_placed_is_directory(member);
		struct neap_stat stat;
		int r;

		while (above != NEAP_PLACED_TOP && !is_in(member, neap_str(placing->members[above].path)))
			above = placing->members[above].above;
		member->above = above;
		if (is_in(member, closed))
			continue;
		r = neap_view_stat(view, member->path, &stat, err);
		if (r)
			return r;
		member->mount = stat.mount;
		if (directory && stat.kind == NEAP_FILE_DIRECTORY) {
			member->differs = NEAP_PLACED_GOES;
			above = i;
		} else if (directory) {
			closed = neap_str(member->path);
		} else if (stat.kind == NEAP_FILE_REGULAR || stat.kind == NEAP_FILE_LINK) {
			member->differs = NEAP_PLACED_GOES;
		}
	}
	return 0;
}

/* Whether a directory of whose entries `going` go is empty then. 0, negative, NEAP_UNKNOWN. */
static int gets_empty(const struct neap_view *view, struct neap_arena *arena, const char *path, size_t going,
		      bool *ret, struct neap_error **err)
{
	struct neap_arena_mark mark = neap_arena_mark(arena);
	struct neap_entry *entries;
	size_t entry_count = 0;
	int r = neap_view_list(view, path, arena, &entries, &entry_count, err);

	for (size_t i = 0; r == 0 && i < entry_count; i++) {
		struct neap_stat stat;

		if (entries[i].unsure)
			r = neap_view_stat(view, neap_arena_printf(arena, "%s/%s", path, entries[i].name),
					   &stat, err);
	}
	*ret = r == 0 && entry_count == going;
	neap_arena_rewind(arena, mark);
	return r;
}

int neap_placing_look_absent(struct neap_placing *placing, const struct neap_view *view,
			     struct neap_arena *arena, struct neap_error **err)
{
	struct neap_stat stat;
	size_t going = 0;
	int r = find_going(placing, view, err);

	/* Bottom up: what is in a directory before it. */
	for (size_t i = placing->count; r == 0 && i-- > 0;) {
		struct neap_placed *member = &placing->members[i];
		bool empty = true;

		if (!member->differs)
			continue;
		if (neap_placed_is_directory(member))
			r = gets_empty(view, arena, member->path, member->going, &empty, err);
		if (r || !empty || member->mount) {
			member->differs = 0;
			continue;
		}
		placing->differ++;
		if (member->above == NEAP_PLACED_TOP)
			going++;
		else
			placing->members[member->above].going++;
	}
	if (r == 0)
		r = neap_view_stat(view, placing->path, &stat, err);
	if (r == 0 && placing->path[1] && !stat.mount)
		r = gets_empty(view, arena, placing->path, going, &placing->empties, err);
	return r;
}

int neap_placing_guess(struct neap_placing *placing, const struct neap_view *view, bool absent,
		       struct neap_error **err)
{
	for (size_t i = 0; i < placing->count; i++) {
		struct neap_placed *member = &placing->members[i];
		bool directory = neap_placed_is_directory(member);
		struct neap_stat stat;
		int r = neap_view_stat(view, member->path, &stat, err);

		if (r < 0)
			return r;
		if (absent)
			member->differs =
				!directory && (r || stat.kind != NEAP_FILE_ABSENT) ? NEAP_PLACED_GOES : 0;
		else if (r == 0 && directory && stat.kind == NEAP_FILE_DIRECTORY)
			member->differs = member->wanted->entry ? NEAP_PLACED_MODE : 0;
		else
			member->differs = NEAP_PLACED_MISSING;
		count(placing, member);
	}
	return 0;
}

/* ---- making -------------------------------------------------------------------------------------------- */

/* All but the bytes of files. */
static int make_member(const struct neap_placing *placing, struct neap_host *host,
		       const struct neap_placed *member, struct neap_error **err)
{
	uint32_t mode = member->mode, uid = placing->uid, gid = placing->gid;

	switch (kind_of(member)) {
	case NEAP_MEMBER_LINK:
		return neap_host_symlink(host, member->path, member->wanted->entry->target, err);
	case NEAP_MEMBER_DIRECTORY:
		if (member->differs & NEAP_PLACED_MISSING)
			return neap_host_mkdir(host, member->path, mode, uid, gid, err);
		break;
	case NEAP_MEMBER_FILE:
	case NEAP_MEMBER_HARD:
	case NEAP_MEMBER_OTHER:
		if (member->differs & TO_WRITE)
			return 0;
		break;
	}
	return neap_host_attributes(host, member->path, mode, uid, gid, err);
}

static int write_file(const struct neap_placing *placing, struct neap_host *host, struct neap_unpack *unpack,
		      const struct neap_placed *member, struct neap_error **err)
{
	const struct neap_manifest_entry *entry = member->wanted->entry;
	struct neap_file_write write = {
		.content = { .size = entry->size, .stream = neap_unpack_stream(unpack, entry) },
		.mode = member->mode,
		.uid = placing->uid,
		.gid = placing->gid,
	};

	memcpy(write.content.digest, entry->digest, sizeof entry->digest);
	return neap_host_write(host, member->path, &write, err);
}

static int by_ordinal(const void *left, const void *right)
{
	const struct neap_placed *a = *(const struct neap_placed *const *)left;
	const struct neap_placed *b = *(const struct neap_placed *const *)right;
	uint32_t x = a->wanted->entry->ordinal, y = b->wanted->entry->ordinal;

	return x != y ? (x < y ? -1 : 1) : strcmp(a->path, b->path);
}

/* In the order in which the archive has them, so that it is read once. */
static int write_files(const struct neap_placing *placing, struct neap_host *host, struct neap_unpack *unpack,
		       struct neap_arena *arena, struct neap_error **err)
{
	const struct neap_placed **files =
		neap_arena_array_of(arena, const struct neap_placed *, placing->files + 1);
	size_t file_count = 0;

	for (size_t i = 0; i < placing->count; i++)
		if (kind_of(&placing->members[i]) == NEAP_MEMBER_FILE &&
		    (placing->members[i].differs & TO_WRITE))
			files[file_count++] = &placing->members[i];
	if (file_count)
		qsort(files, file_count, sizeof *files, by_ordinal);
	for (size_t i = 0; i < file_count; i++)
		if (write_file(placing, host, unpack, files[i], err) < 0)
			return -1;
	return 0;
}

int neap_placing_make(const struct neap_placing *placing, struct neap_host *host, struct neap_unpack *unpack,
		      struct neap_arena *arena, struct neap_error **err)
{
	/* Directories come before what is in them. Links come last: what they lead to is there then. */
	for (int links = 0; links < 2; links++) {
		for (size_t i = 0; i < placing->count; i++) {
			const struct neap_placed *member = &placing->members[i];

			if (member->differs && links == (kind_of(member) == NEAP_MEMBER_LINK) &&
			    make_member(placing, host, member, err) < 0)
				return -1;
		}
		if (!links && write_files(placing, host, unpack, arena, err) < 0)
			return -1;
	}
	return 0;
}

int neap_placing_remove(const struct neap_placing *placing, struct neap_host *host, struct neap_error **err)
{
	for (size_t i = placing->count; i-- > 0;) {
		const struct neap_placed *member = &placing->members[i];

		if (!(member->differs & NEAP_PLACED_GOES))
			continue;
		if ((neap_placed_is_directory(member) ? neap_host_rmdir(host, member->path, err)
						      : neap_host_unlink(host, member->path, err)) < 0)
			return -1;
	}
	return 0;
}
