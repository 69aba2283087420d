/* See networkd.h. Follows systemd 252: files of all directories in the order of their names, of one name the
 * first directory's. Must not change a machine. */
#include "engine/networkd.h"

#include <stdlib.h>

#include "base/glob.h"
#include "base/lines.h"
#include "base/path.h"
#include "base/vec.h"

static const char *const directories[] = { NEAP_NETWORKD_DIRECTORY, "/run/systemd/network",
					   "/usr/local/lib/systemd/network", "/usr/lib/systemd/network",
					   "/lib/systemd/network" };

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), tail = strlen(end);

	return len > tail && strcmp(name + len - tail, end) == 0;
}

/* ---- [Match] ------------------------------------------------------------------------------------------- */

struct match {
	bool fits, inverted, wide, other; /* wide: by a pattern, or one of several names */
	size_t names;
};

static bool fits_word(struct neap_str word, const char *link, bool *ret_wide)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *pattern = neap_arena_copy(arena, word.data, word.len);
	const struct neap_glob *glob;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	*ret_wide = strpbrk(pattern, "*?[") != NULL;
	if (!*ret_wide)
		return strcmp(pattern, link) == 0;
	return neap_glob_new(pattern, arena, &glob, &err) < 0 || neap_glob_covers(glob, neap_str(link));
}

static void add_names(struct match *match, struct neap_str value, const char *link)
{
	struct neap_str word;

	if (!value.len) /* what was said before does not count */
		match->fits = match->inverted = match->wide = false, match->names = 0;
	while ((word = neap_str_word(&value)).len) {
		bool wide;

		if (!match->names && word.data[0] == '!') {
			match->inverted = true;
			word = (struct neap_str){ word.data + 1, word.len - 1 };
		}
		match->fits |= fits_word(word, link, &wide);
		match->names++;
		match->wide |= wide;
	}
}

enum neap_networkd_match neap_networkd_judge(struct neap_str text, const char *link)
{
	struct match match = { 0 };
	bool inside = false;

	for (size_t at = 0; at < text.len;) {
		struct neap_line line = neap_line_at(text, at);
		struct neap_str bytes = neap_str_trim(neap_line_bytes(text, line)), name, value;
		const char *equals;

		at = line.next;
		if (!bytes.len || bytes.data[0] == '#' || bytes.data[0] == ';')
			continue;
		if (bytes.data[0] == '[') {
			inside = neap_str_equal(bytes, NEAP_STR("[Match]"));
			continue;
		}
		equals = memchr(bytes.data, '=', bytes.len);
		if (!inside || !equals)
			continue;
		name = neap_str_trim((struct neap_str){ bytes.data, (size_t)(equals - bytes.data) });
		value = neap_str_trim(
			(struct neap_str){ equals + 1, (size_t)(bytes.data + bytes.len - equals) - 1 });
		/* A line that goes on, and what quotes mean, is more than names. */
		if (!neap_str_equal(name, NEAP_STR("Name")) ||
		    (value.len &&
		     (memchr(value.data, '\\', value.len) || memchr(value.data, '"', value.len))))
			match.other = true;
		else
			add_names(&match, value, link);
	}
	if (match.names && match.fits == match.inverted)
		return NEAP_NETWORKD_FITS_NOT;
	if (match.other)
		return NEAP_NETWORKD_PERHAPS;
	if (!match.names) /* networkd passes it over */
		return NEAP_NETWORKD_FITS_NOT;
	return match.inverted || match.wide || match.names > 1 ? NEAP_NETWORKD_OTHERS : NEAP_NETWORKD_FITS;
}

/* ---- files --------------------------------------------------------------------------------------------- */

struct file {
	const char *name, *path;
	size_t number; /* of one name the first counts */
};

struct files {
	const struct neap_view *view;
	struct neap_arena *arena;
	NEAP_VEC(struct file) found;
};

static int list(struct files *files, const char *directory, const char *end, struct neap_error **err)
{
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count;
	int r = neap_view_stat(files->view, directory, &stat, err);

	if (r != 0 || stat.kind != NEAP_FILE_DIRECTORY)
		return r;
	r = neap_view_list(files->view, directory, files->arena, &entries, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (ends_in(entries[i].name, end))
			neap_vec_push(&files->found,
				      (struct file){ entries[i].name,
						     neap_arena_printf(files->arena, "%s/%s", directory,
								       entries[i].name),
						     files->found.count });
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct file *one = a, *two = b;
	int order = strcmp(one->name, two->name);

	return order ? order : one->number < two->number ? -1 : 1;
}

/* An empty file, or a link to /dev/null, is there so that none of its name is. */
static int judge(const struct files *files, const char *path, const char *link, enum neap_networkd_match *ret,
		 struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	const char *target;
	int r = neap_view_link(files->view, path, files->arena, &stat, &target, err);

	if (r != 0)
		return r;
	*ret = NEAP_NETWORKD_PERHAPS;
	if (target && strcmp(target, "/dev/null") == 0)
		*ret = NEAP_NETWORKD_FITS_NOT;
	if (stat.kind != NEAP_FILE_REGULAR)
		return 0;
	r = neap_view_small_file(files->view, path, files->arena, &stat, &content, err);
	if (r == 0 && (content.data || !content.size))
		*ret = neap_networkd_judge((struct neap_str){ content.data, content.size }, link);
	return r;
}

static int refuse(const struct file *file, const char *link, const char *own, enum neap_networkd_match match,
		  struct neap_error **err)
{
	if (match == NEAP_NETWORKD_PERHAPS)
		neap_error_set(err, "whether networkd uses %s for %s cannot be told from its [Match] section",
			       file->path, link);
	else if (own)
		neap_error_set(err, "networkd would use %s for %s, as it comes before %s", file->path, link,
			       own);
	else
		neap_error_set(err, "%s, which networkd uses for %s, fits other links too", file->path, link);
	if (own)
		return neap_error_hint(err, "let its [Match] fit other links by their names only");
	return neap_error_hint(
		err, "give %s a file of its own, with a name that comes before: [Match] and Name=%s", link,
		link);
}

static int find(struct files *files, const char *link, const char *own, const char **ret,
		struct neap_error **err)
{
	const struct file *perhaps = NULL; /* the first of which it cannot be told */
	const char *last = "";
	bool fits = false;

	for (size_t i = 0; i < files->found.count; i++) {
		const struct file *file = &files->found.items[i];
		enum neap_networkd_match match;
		int r;

		if (strcmp(file->name, last) == 0)
			continue;
		last = file->name;
		if (own && strcmp(file->name, own) >= 0)
			break;
		r = judge(files, file->path, link, &match, err);
		if (r != 0)
			return r;
		if (match == NEAP_NETWORKD_PERHAPS && !perhaps)
			perhaps = file;
		if (match == NEAP_NETWORKD_FITS_NOT || match == NEAP_NETWORKD_PERHAPS)
			continue;
		fits = true;
		if (perhaps)
			break;
		if (match != NEAP_NETWORKD_FITS || own)
			return refuse(file, link, own, match, err);
		*ret = file->name;
		return 0;
	}
	/* Some come with systemd, for kinds of devices that few have: where there is no other, that is said.
	 */
	if (perhaps &&
	    (own || fits || neap_path_below(neap_str(perhaps->path), neap_str(NEAP_NETWORKD_DIRECTORY))))
		return refuse(perhaps, link, own, NEAP_NETWORKD_PERHAPS, err);
	if (own) {
		*ret = own;
		return 0;
	}
	neap_error_set(err, "networkd has no .network file for the link %s", link);
	return neap_error_hint(err,
			       "persist = \"networkd\" for the resource that makes the link, or a "
			       "file " NEAP_NETWORKD_DIRECTORY "/50-%s.network with [Match] and Name=%s",
			       link, link);
}

int neap_networkd_file(const struct neap_view *view, struct neap_arena *arena, const char *link,
		       const char *own, const char **ret, struct neap_error **err)
{
	struct files files = { .view = view, .arena = arena };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof directories / sizeof *directories; i++)
		r = list(&files, directories[i], ".network", err);
	if (r == 0 && files.found.count)
		qsort(files.found.items, files.found.count, sizeof *files.found.items, by_name);
	if (r == 0)
		r = find(&files, link, own, ret, err);
	neap_vec_done(&files.found);
	return r;
}

int neap_networkd_dropped_in(const struct neap_view *view, struct neap_arena *arena, const char *const *names,
			     const char *const **ret, size_t *ret_count, struct neap_error **err)
{
	struct files files = { .view = view, .arena = arena };
	int r = list(&files, NEAP_NETWORKD_DIRECTORY, ".network.d", err);
	const char **paths;
	size_t count = 0;

	while (names[count])
		count++;
	paths = neap_arena_array_of(arena, const char *, count *files.found.count + 1);
	*ret = paths;
	*ret_count = 0;
	for (size_t i = 0; i < files.found.count; i++)
		for (size_t k = 0; r == 0 && k < count; k++) {
			const char *path =
				neap_arena_printf(arena, "%s/%s", files.found.items[i].path, names[k]);
			struct neap_stat stat;

			r = neap_view_stat(view, path, &stat, err);
			if (r == 0 && stat.kind != NEAP_FILE_ABSENT)
				paths[(*ret_count)++] = path;
		}
	neap_vec_done(&files.found);
	return r;
}
