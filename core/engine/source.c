/*
 * Files that a recipe is made of: finding them, reading each once, bounded. Knows nothing of Lua, nor of the
 * managed machine: what is read here lies on the machine that evaluates.
 */
#include "engine/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"

#define TEXT_MAX ((uint64_t)16 << 20)
#define EXAMPLES "examples/" /* embedded ones are found without it too */

/* One file that was read; in a table that lives in the arena, as nobody frees the sources. */
struct file {
	const char *shown;
	uint64_t hash;
	const char *data; /* NULL: too large for bytes */
	uint64_t size;
	bool digested;
	uint8_t digest[NEAP_DIGEST_SIZE];
};

struct neap_sources {
	struct neap_arena *arena;
	const char *root; /* directory of the recipe, absolute; NULL: the recipe is embedded */
	const char *main;
	const struct neap_embedded_file *embedded;
	struct file **files; /* open addressing */
	size_t file_count, file_size;
};

/* ---- names -----------------------------------------------------------------------------------------------
 */

/*
 * "directory/name" without "", "." and what ".." takes back; as text, so that a file has one shown name. A
 * leading '@' or '/' of `directory` stays; "./" is put before a local name that would look embedded.
 */
static const char *join(struct neap_arena *arena, const char *directory, const char *name)
{
	const char *const parts[] = { directory, name };
	size_t size = strlen(directory) + strlen(name) + 4, kept = 0, floor;
	char *out = neap_arena_bytes(arena, size) + 2, first = name[0] == '/' ? '/' : directory[0];
	int i;

	if (first == '/' || first == '@')
		out[kept++] = first;
	floor = kept; /* components that ".." may not take: the mark itself and leading ".." */
	for (i = name[0] == '/'; i < 2; i++) {
		const char *at = parts[i] + (i == 0 && first == '@');
		while (*at) {
			size_t len = strcspn(at, "/");
			const char *component = at;

			at += len;
			at += *at == '/';
			if (!len || (len == 1 && component[0] == '.'))
				continue;
			if (len == 2 && component[0] == '.' && component[1] == '.') {
				if (kept > floor) {
					while (kept > floor && out[kept - 1] != '/')
						kept--;
					if (kept > floor)
						kept--; /* the slash */
					continue;
				}
				if (first == '/')
					continue;
			}
			if (kept > floor || (floor && out[floor - 1] == '.'))
				out[kept++] = '/';
			memcpy(out + kept, component, len);
			kept += len;
			if (len == 2 && component[0] == '.' && component[1] == '.')
				floor = kept;
		}
	}
	out[kept] = '\0';
	if (first != '@' && out[0] == '@') {
		out -= 2;
		out[0] = '.';
		out[1] = '/';
	}
	return out;
}

static bool embedded(const char *shown)
{
	return shown[0] == '@';
}

static const struct neap_embedded_file *embedded_file(const struct neap_sources *sources, const char *path)
{
	const struct neap_embedded_file *file;

	for (file = sources->embedded; file && file->path; file++)
		if (strcmp(file->path, path) == 0)
			return file;
	return NULL;
}

const char *neap_sources_real(struct neap_sources *sources, const char *shown)
{
	const char *root = sources->root;

	if (embedded(shown) || shown[0] == '/' || !root)
		return shown;
	if (shown[0] == '.' && shown[1] == '/')
		shown += 2;
	return neap_arena_printf(sources->arena, "%s%s%s", root, root[1] ? "/" : "", shown);
}

const char *neap_sources_directory(struct neap_sources *sources, const char *shown)
{
	const char *slash = strrchr(shown, '/');

	if (!slash)
		return embedded(shown) ? "@" : "";
	if (slash == shown)
		return "/";
	if (slash == shown + 1 && shown[0] == '.')
		return "";
	return neap_arena_copy(sources->arena, shown, (size_t)(slash - shown));
}

const char *neap_sources_relative(struct neap_sources *sources, const char *directory, const char *name)
{
	return join(sources->arena, directory ? directory : "", name);
}

const char *neap_sources_main(const struct neap_sources *sources)
{
	return sources->main;
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static struct file **slot(struct file **files, size_t size, const char *shown, uint64_t hash)
{
	size_t i = hash & (size - 1);

	while (files[i] && (files[i]->hash != hash || strcmp(files[i]->shown, shown) != 0))
		i = (i + 1) & (size - 1);
	return &files[i];
}

static struct file *known(const struct neap_sources *sources, const char *shown)
{
	return *slot(sources->files, sources->file_size, shown, neap_hash(shown, strlen(shown)));
}

static void remember(struct neap_sources *sources, const struct file *file)
{
	struct file *kept = neap_arena_new_of(sources->arena, struct file);
	size_t i;

	*kept = *file;
	kept->shown = neap_arena_strdup(sources->arena, file->shown);
	kept->hash = neap_hash(kept->shown, strlen(kept->shown));
	if (sources->file_count * 2 >= sources->file_size) {
		size_t size = sources->file_size * 2;
		struct file **files = neap_arena_array_of(sources->arena, struct file *, size);

		for (i = 0; i < sources->file_size; i++)
			if (sources->files[i])
				*slot(files, size, sources->files[i]->shown, sources->files[i]->hash) =
					sources->files[i];
		sources->files = files;
		sources->file_size = size;
	}
	*slot(sources->files, sources->file_size, kept->shown, kept->hash) = kept;
	sources->file_count++;
}

/* The reason why a file cannot be read: operation and object are put in front by who knows them. */
static int refuse(struct neap_error **err, int errnum, const char *reason)
{
	neap_error_set(err, "%s", reason ? reason : strerror(errnum));
	if (err && *err)
		(*err)->errnum = errnum;
	return -1;
}

static int refuse_size(struct neap_arena *arena, uint64_t most, struct neap_error **err)
{
	return refuse(err, EFBIG, neap_arena_printf(arena, "larger than %u MB", (unsigned)(most >> 20)));
}

static int open_regular(const char *real, uint64_t *ret_size, struct neap_error **err)
{
	struct stat st;
	int fd;

	/* Looked at before it is opened: opening some devices does things. */
	if (stat(real, &st) < 0)
		return refuse(err, errno, NULL);
	if (S_ISDIR(st.st_mode))
		return refuse(err, EISDIR, NULL);
	if (!S_ISREG(st.st_mode))
		return refuse(err, 0, "not a regular file");
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return refuse(err, errno, NULL);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return refuse(err, 0, "not a regular file");
	}
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

/* Reads until `size` bytes or the end. Returns how many, negative on error. */
static ssize_t read_full(int fd, char *data, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, data + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

/* Digest and size of the rest of `fd`, of which `data` was read already. */
static int stream(int fd, const char *data, size_t len, struct file *ret, struct neap_error **err)
{
	struct neap_digest_state *state = neap_digest_begin();
	const size_t size = 256 << 10;
	NEAP_AUTO_FREE char *chunk = neap_alloc(size);
	uint64_t total = len;
	ssize_t got;

	neap_digest_update(state, data, len);
	while ((got = read_full(fd, chunk, size)) > 0) {
		neap_digest_update(state, chunk, (size_t)got);
		total += (uint64_t)got;
	}
	if (got < 0)
		refuse(err, errno, NULL);
	neap_digest_end(state, ret->digest);
	ret->digested = true;
	ret->data = NULL;
	ret->size = total;
	return got < 0 ? -1 : 0;
}

/*
 * At most `keep` bytes as bytes. What is larger is an error, or with `large` digest and size.
 */
static int read_local(struct neap_arena *arena, const char *real, uint64_t keep, bool large, struct file *ret,
		      struct neap_error **err)
{
	uint64_t stated;
	size_t size, len = 0;
	char *data;
	ssize_t got;
	int fd, r = 0;

	fd = open_regular(real, &stated, err);
	if (fd < 0)
		return -1;
	if (stated > keep) {
		r = large ? stream(fd, NULL, 0, ret, err) : refuse_size(arena, keep, err);
		close(fd);
		return r;
	}
	/* One byte more shows the end, or that the file has grown; files of /proc state no size. */
	for (size = (size_t)stated + 1;; size *= 2) {
		char *more;

		if (size > keep + 1)
			size = (size_t)keep + 1;
		more = neap_arena_bytes(arena, size + 1);
		if (len)
			memcpy(more, data, len);
		data = more;
		got = read_full(fd, data + len, size - len);
		if (got < 0) {
			r = refuse(err, errno, NULL);
			break;
		}
		len += (size_t)got;
		if (len > keep) {
			r = large ? stream(fd, data, len, ret, err) : refuse_size(arena, keep, err);
			break;
		}
		if (len < size) {
			data[len] = '\0';
			ret->data = data;
			ret->size = len;
			break;
		}
	}
	close(fd);
	return r;
}

/* The error is the bare reason. */
static int load(struct neap_sources *sources, const char *shown, bool large, struct file *ret,
		struct neap_error **err)
{
	struct file *file = known(sources, shown);

	if (file && (file->data || large)) {
		*ret = *file;
		return 0;
	}
	*ret = (struct file){ .shown = shown };
	if (embedded(shown)) {
		const struct neap_embedded_file *found = embedded_file(sources, shown + 1);

		if (!found)
			return refuse(err, ENOENT, NULL);
		ret->data = found->data;
		ret->size = found->len;
	} else if (!sources->root && shown[0] != '/') {
		return refuse(err, ENOENT, NULL);
	} else if (read_local(sources->arena, neap_sources_real(sources, shown),
			      large ? NEAP_CONTENT_MAX : TEXT_MAX, large, ret, err) < 0) {
		return -1;
	}
	if (file) /* was too large for content, is wanted as text */
		file->data = ret->data;
	else
		remember(sources, ret);
	return 0;
}

int neap_sources_read(struct neap_arena *arena, const char *path, size_t max, struct neap_str *ret,
		      struct neap_error **err)
{
	struct file file = { 0 };

	if (read_local(arena, path, max, false, &file, err) < 0)
		return neap_error_prefix(err, "open %s", path);
	*ret = (struct neap_str){ file.data, (size_t)file.size };
	return 0;
}

int neap_sources_text(struct neap_sources *sources, const char *shown, struct neap_str *ret,
		      struct neap_error **err)
{
	struct file file;

	if (load(sources, shown, false, &file, err) < 0)
		return neap_error_prefix(err, "open %s", shown);
	*ret = (struct neap_str){ file.data, (size_t)file.size };
	return 0;
}

int neap_sources_content(struct neap_sources *sources, const char *shown, struct neap_content *ret,
			 struct neap_error **err)
{
	struct file file;

	if (load(sources, shown, true, &file, err) < 0)
		return neap_error_prefix(err, "%s", shown);
	*ret = (struct neap_content){ .data = file.data, .size = file.size };
	/* Read as text before, or embedded: the bytes are here, but what follows counts on none. */
	if (file.size > NEAP_CONTENT_MAX && !embedded(shown)) {
		ret->data = NULL;
		ret->source = neap_sources_real(sources, shown);
		if (!file.digested)
			neap_digest(file.data, file.size, file.digest);
		memcpy(ret->digest, file.digest, sizeof ret->digest);
	}
	return 0;
}

static int by_shown(const void *left, const void *right)
{
	const struct file *const *a = left, *const *b = right;

	return strcmp((*a)->shown, (*b)->shown);
}

void neap_sources_digest(const struct neap_sources *sources, char ret[NEAP_DIGEST_HEX_SIZE])
{
	NEAP_AUTO_FREE struct file **files = neap_alloc((sources->file_count + 1) * sizeof(struct file *));
	struct neap_digest_state *state = neap_digest_begin();
	uint8_t digest[NEAP_DIGEST_SIZE];
	size_t count = 0, i;

	for (i = 0; i < sources->file_size; i++)
		if (sources->files[i])
			files[count++] = sources->files[i];
	qsort(files, count, sizeof *files, by_shown);
	for (i = 0; i < count; i++) {
		if (files[i]->digested)
			memcpy(digest, files[i]->digest, sizeof digest);
		else
			neap_digest(files[i]->data, files[i]->size, digest);
		neap_digest_update(state, files[i]->shown, strlen(files[i]->shown) + 1);
		neap_digest_update(state, digest, sizeof digest);
	}
	neap_digest_end(state, digest);
	neap_digest_hex(digest, ret);
}

/* ---- the recipe, and modules ------------------------------------------------------------------------------
 */

/* NAME/init.lua, NAME.lua, a whole path; and the same below examples/. */
static const struct neap_embedded_file *embedded_recipe(const struct neap_sources *sources, const char *name)
{
	static const char *const forms[][2] = {
		{ "", "/init.lua" },       { "", ".lua" },       { "", "" },
		{ EXAMPLES, "/init.lua" }, { EXAMPLES, ".lua" }, { EXAMPLES, "" },
	};
	const struct neap_embedded_file *found = NULL;
	size_t i;

	for (i = 0; i < sizeof forms / sizeof *forms && !found; i++) {
		const char *path =
			neap_arena_printf(sources->arena, "%s%s%s", forms[i][0], name, forms[i][1]);
		size_t len = strlen(path);

		if (len > 4 && strcmp(path + len - 4, ".lua") == 0)
			found = embedded_file(sources, path);
	}
	return found;
}

/* What "@name" may be: of "a/init.lua" it is "a", of "examples/b.lua" "examples/b" and "b". */
static const char *nearest_embedded(const struct neap_sources *sources, const char *wrong)
{
	NEAP_AUTO_FREE const char **names = NULL;
	const struct neap_embedded_file *file;
	size_t count = 0;

	for (file = sources->embedded; file && file->path; file++)
		count += 2;
	names = neap_alloc((count + 1) * sizeof *names);
	count = 0;
	for (file = sources->embedded; file && file->path; file++) {
		size_t len = strlen(file->path);

		if (len > 9 && strcmp(file->path + len - 9, "/init.lua") == 0)
			len -= 9;
		else if (len > 4 && strcmp(file->path + len - 4, ".lua") == 0)
			len -= 4;
		else
			continue;
		names[count] = neap_arena_copy(sources->arena, file->path, len);
		if (strncmp(names[count], EXAMPLES, strlen(EXAMPLES)) == 0) {
			names[count + 1] = names[count] + strlen(EXAMPLES);
			count++;
		}
		count++;
	}
	names[count] = NULL;
	return neap_str_nearest(wrong, names);
}

static int open_embedded(struct neap_sources *sources, const char *name, struct neap_error **err)
{
	const struct neap_embedded_file *file = embedded_recipe(sources, name);
	const char *nearest;

	if (file) {
		sources->main = neap_arena_printf(sources->arena, "@%s", file->path);
		return 0;
	}
	neap_error_set(err, "@%s: no embedded recipe has this name", name);
	nearest = nearest_embedded(sources, name);
	if (nearest)
		neap_error_hint(err, "did you mean \"@%s\"?", nearest);
	return -1;
}

static int missing_recipe(struct neap_sources *sources, const char *recipe, int errnum,
			  struct neap_error **err)
{
	const char *other = neap_arena_printf(sources->arena, "%s.lua", recipe);

	neap_error_errno(err, errnum, "open %s", recipe);
	if (errnum != ENOENT)
		return -1;
	if (access(other, F_OK) == 0)
		neap_error_hint(err, "did you mean \"%s\"?", other);
	else if (embedded_recipe(sources, recipe))
		neap_error_hint(err, "did you mean the embedded recipe \"@%s\"?", recipe);
	return -1;
}

/* Absolute, so that content is found again whatever the working directory becomes. */
static const char *absolute(struct neap_arena *arena, const char *directory)
{
	NEAP_AUTO_FREE char *here = NULL;

	if (directory[0] == '/')
		return directory;
	here = getcwd(NULL, 0);
	if (!here || here[0] != '/')
		return directory[0] ? directory : ".";
	return directory[0] ? neap_arena_printf(arena, "%s%s%s", here, here[1] ? "/" : "", directory)
			    : neap_arena_strdup(arena, here);
}

static int open_local(struct neap_sources *sources, const char *recipe, struct neap_error **err)
{
	struct neap_arena *arena = sources->arena;
	const char *slash, *directory, *name, *end = recipe + strlen(recipe);
	struct stat st;

	if (!recipe[0])
		return neap_error_set(err, "the recipe has an empty name");
	if (stat(recipe, &st) < 0)
		return missing_recipe(sources, recipe, errno, err);
	if (S_ISDIR(st.st_mode)) {
		while (end > recipe + 1 && end[-1] == '/')
			end--;
		directory = neap_arena_copy(arena, recipe, (size_t)(end - recipe));
		sources->root = absolute(arena, directory);
		sources->main = "init.lua";
		if (stat(neap_sources_real(sources, "init.lua"), &st) < 0) {
			if (errno == ENOENT)
				return neap_error_set(err, "%s holds no init.lua", recipe);
			return neap_error_errno(err, errno, "open %s/init.lua", directory);
		}
		if (!S_ISREG(st.st_mode))
			return neap_error_set(err, "open %s/init.lua: not a regular file", directory);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return neap_error_set(err, "open %s: not a regular file", recipe);
	slash = strrchr(recipe, '/');
	name = slash ? slash + 1 : recipe;
	directory =
		slash ? neap_arena_copy(arena, recipe, (size_t)(slash == recipe ? 1 : slash - recipe)) : "";
	sources->root = absolute(arena, directory);
	sources->main = join(arena, "", name);
	return 0;
}

int neap_sources_open(struct neap_arena *arena, const char *recipe, const struct neap_embedded_file *files,
		      struct neap_sources **ret, struct neap_error **err)
{
	struct neap_sources *sources = neap_arena_new_of(arena, struct neap_sources);

	sources->arena = arena;
	sources->embedded = files;
	sources->file_size = 32;
	sources->files = neap_arena_array_of(arena, struct file *, sources->file_size);
	if ((embedded(recipe) ? open_embedded(sources, recipe + 1, err) : open_local(sources, recipe, err)) <
	    0)
		return -1;
	*ret = sources;
	return 0;
}

/* Letters, digits, "_", "-", parts between single dots. */
static bool module_name(const char *name)
{
	const char *at;

	for (at = name; *at; at++) {
		if (*at == '.' && (at == name || at[-1] == '.' || !at[1]))
			return false;
		if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
		      (*at >= '0' && *at <= '9') || *at == '_' || *at == '-' || *at == '.'))
			return false;
	}
	return at != name && at - name <= 255;
}

static int local_module(struct neap_sources *sources, const char *shown, const char **ret,
			struct neap_error **err)
{
	struct stat st;

	if (stat(neap_sources_real(sources, shown), &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return neap_error_errno(err, errno, "open %s", shown);
	}
	if (!S_ISDIR(st.st_mode))
		*ret = shown;
	return 0;
}

int neap_sources_module(struct neap_sources *sources, const char *module, const char **ret,
			struct neap_error **err)
{
	static const char *const ends[] = { ".lua", "/init.lua" };
	const char *found = NULL, *folder = NULL;
	char *path, *at;
	size_t i;

	if (!module_name(module))
		return neap_error_set(err, "require \"%.80s\": only names such as \"lib.users\"", module);
	path = neap_arena_strdup(sources->arena, module);
	for (at = path; *at; at++)
		if (*at == '.')
			*at = '/';
	if (!sources->root)
		folder = neap_sources_directory(sources, sources->main);
	for (i = 0; i < 2 && !found; i++) {
		const char *shown = neap_arena_printf(sources->arena, "%s%s%s%s", folder ? folder : "",
						      folder && folder[1] ? "/" : "", path, ends[i]);

		if (folder)
			found = embedded_file(sources, shown + 1) ? shown : NULL;
		else if (local_module(sources, shown, &found, err) < 0)
			return -1;
	}
	for (i = 0; i < 2 && !found; i++) {
		const char *shown = neap_arena_printf(sources->arena, "@%s%s", path, ends[i]);

		if (embedded_file(sources, shown + 1))
			found = shown;
	}
	*ret = found;
	return 0;
}
